import type { FastifyInstance, FastifyReply } from 'fastify';

/** How long readers may keep the set of keys (rule 27), and the rest with it. */
const KEPT_SECONDS = 300;

/** What other programs look for at fixed places. */
export function wellKnown(
  app: FastifyInstance,
  parts: {
    publicKeys(): Promise<{ keys: object[] }>;
    /** Where people add passkeys and manage them; where it is not said, nothing is. */
    passkeyPages: { enroll: string | undefined; manage: string | undefined };
    /** Origins outside the relying party's domain that may use its passkeys. */
    relatedOrigins: readonly string[];
  },
): void {
  // RFC 7517 §5; public parts alone.
  app.get('/.well-known/jwks.json', async (_request, reply) =>
    published(reply, 'application/jwk-set+json', await parts.publicKeys()),
  );
  // W3C, A Well-Known URL for Relying Party Passkey Endpoints: an empty object says that passkeys are supported.
  app.get('/.well-known/passkey-endpoints', async (_request, reply) =>
    published(reply, 'application/json', parts.passkeyPages),
  );
  // WebAuthn Level 3 §5.11; an empty list would allow what its absence allows.
  if (parts.relatedOrigins.length > 0) {
    app.get('/.well-known/webauthn', async (_request, reply) =>
      published(reply, 'application/json', { origins: parts.relatedOrigins }),
    );
  }
}

const published = (reply: FastifyReply, type: string, body: object): FastifyReply =>
  reply
    .header('Cache-Control', `public, max-age=${KEPT_SECONDS}`)
    .header('Cross-Origin-Resource-Policy', 'cross-origin')
    .header('Access-Control-Allow-Origin', '*')
    .type(type)
    .send(JSON.stringify(body));
