import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { exportJWK, generateKeyPair } from 'jose';
import { type Adapter, type AdapterPayload, type Configuration, Provider } from 'oidc-provider';
import { type Lifetime, listenOnLoopback } from './loopback.ts';

/** Who signs in at a stand-in: `sub`, and whatever else the provider says about them. */
export type Person = { sub: string } & Record<string, unknown>;

export interface OidcIssuer {
  url: string;
  issuer: string;
  clientId: string;
  clientSecret: string;
  /** Who signs in next. */
  person: Person;
  /** Whether they say no when asked whether the client may know them. */
  refuses: boolean;
  /** Paths that were asked for, in order. */
  asked: string[];
  /**
   * Signs the person in, as their browser would.
   *
   * @returns where the browser is sent back to, with `code` and `state`
   */
  signInAt(authorizationUrl: string): Promise<string>;
}

/**
 * A certified OpenID Connect issuer. By default it says who somebody is at its userinfo endpoint alone, as the standard
 * has it; `inIdToken` makes it say so in the ID token, as Google does.
 */
export async function openOidcIssuer(
  t: Lifetime,
  {
    redirectUris,
    inIdToken = false,
    configuration = {},
  }: {
    redirectUris: readonly string[];
    inIdToken?: boolean;
    configuration?: Configuration;
  },
): Promise<OidcIssuer> {
  const { server, url } = await listenOnLoopback(t);
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  const stand: OidcIssuer = {
    url,
    issuer: url,
    clientId: 'guichet',
    clientSecret: randomBytes(24).toString('base64url'),
    person: { sub: '110169484474386276334', email: 'ada@example.com', email_verified: true },
    refuses: false,
    asked: [],
    signInAt: (authorizationUrl) => followTo(authorizationUrl, redirectUris),
  };
  const provider = new Provider(url, {
    adapter: memoryAdapter(),
    clients: [{ client_id: stand.clientId, client_secret: stand.clientSecret, redirect_uris: redirectUris }],
    jwks: { keys: [{ ...(await exportJWK(privateKey)), use: 'sig', alg: 'RS256', kid: 'first' }] },
    cookies: { keys: [randomBytes(16).toString('hex')] },
    claims: { openid: ['sub'], email: ['email', 'email_verified', 'hd'], profile: ['name', 'picture'] },
    conformIdTokenClaims: !inIdToken,
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    ttl: { AccessToken: 60, AuthorizationCode: 60, IdToken: 60, Interaction: 60, Session: 60, Grant: 60 },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ ...stand.person, sub }) }),
    ...configuration,
  });
  const answer = provider.callback();
  server.on('request', (request, response) => {
    const path = request.url?.split('?')[0] ?? '';
    stand.asked.push(path);
    if (path.startsWith('/interaction/')) void interact(provider, stand, request, response);
    else void answer(request, response);
  });
  return stand;
}

/** Answers what the issuer asks the person: who they are, then whether the client may know it. */
async function interact(
  provider: Provider,
  { person, refuses }: OidcIssuer,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  if (refuses) return provider.interactionFinished(request, response, { error: 'access_denied' });
  if (prompt.name === 'login') {
    return provider.interactionFinished(request, response, { login: { accountId: person.sub } });
  }
  const grant = new provider.Grant({ accountId: session?.accountId, clientId: String(params['client_id']) });
  grant.addOIDCScope(String(params['scope']));
  await provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } });
}

async function followTo(start: string, destinations: readonly string[]): Promise<string> {
  const cookies = new Map<string, string>();
  let url = start;
  for (let step = 0; step < 10; step++) {
    const cookie = [...cookies].map((pair) => pair.join('=')).join('; ');
    const response = await fetch(url, { redirect: 'manual', headers: { cookie } });
    await response.body?.cancel();
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '') cookies.delete(name);
      else cookies.set(name, value);
    }
    const location = response.headers.get('location');
    if (location === null) throw new Error(`the sign-in ended with ${response.status} at ${url}`);
    url = new URL(location, url).href;
    if (destinations.some((destination) => url.startsWith(`${destination}?`))) return url;
  }
  throw new Error('the sign-in goes round in circles');
}

function memoryAdapter(): (model: string) => Adapter {
  const kept = new Map<string, AdapterPayload>();
  return (model) => {
    const key = (id: string) => `${model}:${id}`;
    const findBy = async (field: 'uid' | 'userCode', value: string) =>
      [...kept].find(([name, payload]) => name.startsWith(key('')) && payload[field] === value)?.[1];
    return {
      upsert: async (id, payload) => void kept.set(key(id), payload),
      find: async (id) => kept.get(key(id)),
      findByUid: (uid) => findBy('uid', uid),
      findByUserCode: (code) => findBy('userCode', code),
      consume: async (id) => void Object.assign(kept.get(key(id)) ?? {}, { consumed: true }),
      destroy: async (id) => void kept.delete(key(id)),
      revokeByGrantId: async (grantId) => {
        for (const [name, payload] of kept) if (payload.grantId === grantId) kept.delete(name);
      },
    };
  };
}
