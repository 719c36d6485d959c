import type { FastifyInstance } from 'fastify';

/** How long readers may keep the set of keys (rule 27). */
const JWKS_SECONDS = 300;

/** What other programs look for at fixed places. */
export function wellKnown(app: FastifyInstance, parts: { publicKeys(): Promise<{ keys: object[] }> }): void {
  // RFC 7517 §5; public parts alone.
  app.get('/.well-known/jwks.json', async (_request, reply) =>
    reply
      .header('Cache-Control', `public, max-age=${JWKS_SECONDS}`)
      .header('Cross-Origin-Resource-Policy', 'cross-origin')
      .header('Access-Control-Allow-Origin', '*')
      .type('application/jwk-set+json')
      .send(JSON.stringify(await parts.publicKeys())),
  );
}
