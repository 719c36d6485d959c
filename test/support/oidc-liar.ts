import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';
import { json } from './github-look-alike.ts';
import { type Lifetime, listenOnLoopback } from './loopback.ts';

export interface OidcLiar {
  url: string;
  issuer: string;
  clientId: string;
  clientSecret: string;
  /** The claims of a token that holds, for the newest sign-in. */
  truth(): JWTPayload;
  /** Signs as the issuer would. */
  sign(claims: JWTPayload, header?: { kid?: string }): Promise<string>;
  publicKey: JWK;
  /** Makes the ID token of the next answers. */
  idToken: () => Promise<string> | string;
  /** Beside what it publishes about itself, or in its place. */
  metadata: Record<string, unknown>;
  /** What it answers instead, by path. */
  lies: Record<string, (response: ServerResponse) => void>;
  userinfo: unknown;
  /** Beside `code` and `state` in the answer that the browser brings back. */
  answer: Record<string, string>;
  asked: string[];
  signInAt(authorizationUrl: string): Promise<string>;
}

/** An issuer that asks nobody anything, and says whatever a test has it say. */
export async function openOidcLiar(t: Lifetime): Promise<OidcLiar> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  let nonce = '';
  const { server, url } = await listenOnLoopback(t);
  const liar: OidcLiar = {
    url,
    issuer: url,
    clientId: 'guichet',
    clientSecret: 'a secret that only the liar knows',
    truth() {
      const now = Math.floor(Date.now() / 1000);
      return {
        iss: url,
        aud: liar.clientId,
        sub: 'mallory-1',
        iat: now,
        exp: now + 60,
        nonce,
        email: 'mallory@example.com',
        email_verified: true,
      };
    },
    sign: (claims, header = {}) =>
      new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'first', ...header }).sign(privateKey),
    publicKey: { ...(await exportJWK(publicKey)), kid: 'first', alg: 'ES256', use: 'sig' },
    idToken: () => liar.sign(liar.truth()),
    metadata: {},
    lies: {},
    userinfo: undefined,
    answer: {},
    asked: [],
    async signInAt(authorizationUrl) {
      const { searchParams } = new URL(authorizationUrl);
      nonce = searchParams.get('nonce') ?? '';
      const back = new URL(searchParams.get('redirect_uri') ?? '');
      back.search = new URLSearchParams({
        code: randomBytes(8).toString('hex'),
        state: searchParams.get('state') ?? '',
        ...liar.answer,
      }).toString();
      return back.href;
    },
  };
  const truths: Record<string, (response: ServerResponse) => unknown> = {
    '/.well-known/openid-configuration': (response) =>
      json(response, {
        issuer: url,
        authorization_endpoint: `${url}/authorize`,
        token_endpoint: `${url}/token`,
        jwks_uri: `${url}/jwks`,
        userinfo_endpoint: `${url}/userinfo`,
        id_token_signing_alg_values_supported: ['ES256', 'RS256', 'HS256', 'none'],
        ...liar.metadata,
      }),
    '/jwks': (response) => json(response, { keys: [liar.publicKey] }),
    '/token': async (response) =>
      json(response, { access_token: 'canary-access-token', token_type: 'Bearer', id_token: await liar.idToken() }),
    '/userinfo': (response) => json(response, liar.userinfo),
  };
  server.on('request', (request, response) => {
    const path = request.url?.split('?')[0] ?? '';
    liar.asked.push(path);
    const answer = liar.lies[path] ?? truths[path];
    if (answer) answer(response);
    else json(response, {}, 404);
  });
  return liar;
}
