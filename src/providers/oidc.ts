import type { Configuration, IDToken, ServerMetadata } from 'openid-client';
import type { ProviderIdentity, ProviderTrip } from '../core/identity-provider.ts';
import { boundedFetch } from '../outbound/bounded-fetch.ts';
import { reachOf } from '../outbound/reach.ts';
import { Unsound } from '../outbound/trouble.ts';
import type { OidcConfiguration } from './configuration.ts';
import { discovery } from './discovery.ts';
import type { Limits } from './limits.ts';
import { emailFrom, isInDomains, nameFrom, pictureFrom } from './profile.ts';
import { callbackWith, type Provider } from './provider.ts';

type Client = typeof import('openid-client');

/** How far an ID token's `iat` may lie ahead, and back: some issuers date it five minutes before, for slow clocks. */
const AHEAD_SECONDS = 30;
const BACK_SECONDS = 600;

/** An OpenID Connect issuer (Core 1.0, authorization code flow with PKCE). */
export function oidcProvider(settings: OidcConfiguration, callbackUrl: string, limits: Limits): Provider {
  const reach = reachOf(settings.issuer);
  const metadataOf = discovery(settings, reach, limits);
  let keys: ReturnType<Client['getJwksCache']>;

  const configurationFor = (client: Client, metadata: ServerMetadata, whole: AbortSignal): Configuration => {
    const methods: unknown = metadata.token_endpoint_auth_methods_supported;
    // Discovery §3: an issuer that lists none takes client_secret_basic.
    const byBody = Array.isArray(methods) && methods.includes('client_secret_post');
    const authentication = byBody ? client.ClientSecretPost : client.ClientSecretBasic;
    const { clientId, clientSecret, issuer } = settings;
    const configuration = new client.Configuration(metadata, clientId, undefined, authentication(clientSecret));
    configuration[client.customFetch] = boundedFetch(reach, limits, whole);
    if (issuer.startsWith('http:')) client.allowInsecureRequests(configuration);
    // Without it the library trusts the connection that an ID token comes by, and does not look at the signature.
    client.enableNonRepudiationChecks(configuration);
    if (keys) client.setJwksCache(configuration, keys);
    return configuration;
  };

  return {
    async authorizationUrl(trip, whole) {
      const client = await import('openid-client');
      const configuration = configurationFor(client, await metadataOf(), whole);
      return client.buildAuthorizationUrl(configuration, {
        redirect_uri: callbackUrl,
        scope: 'openid email profile',
        state: trip.state,
        nonce: trip.nonce,
        code_challenge: await client.calculatePKCECodeChallenge(trip.codeVerifier),
        code_challenge_method: 'S256',
      });
    },

    async identify(answer: URLSearchParams, trip: ProviderTrip, whole: AbortSignal): Promise<ProviderIdentity> {
      const client = await import('openid-client');
      const metadata = await metadataOf();
      const configuration = configurationFor(client, metadata, whole);
      try {
        const tokens = await client.authorizationCodeGrant(configuration, callbackWith(callbackUrl, answer), {
          pkceCodeVerifier: trip.codeVerifier,
          expectedState: trip.state,
          expectedNonce: trip.nonce,
        });
        const claims = checkedClaims(tokens.claims(), settings.clientId);
        const asksMore = typeof claims['email'] !== 'string' && metadata.userinfo_endpoint !== undefined;
        const more = asksMore ? await client.fetchUserInfo(configuration, tokens.access_token, claims.sub) : undefined;
        return identityFrom(settings, claims, more);
      } finally {
        keys = client.getJwksCache(configuration) ?? keys;
      }
    },
  };
}

/** What the library leaves open of Core §3.1.3.7 and §2: `azp` beside one audience, how old `iat` is, what `sub` is made of. */
function checkedClaims(claims: IDToken | undefined, clientId: string): IDToken {
  if (!claims) throw new Unsound('no ID token');
  if (claims.azp !== undefined && claims.azp !== clientId) throw new Unsound('azp');
  const now = Date.now() / 1000;
  if (claims.iat > now + AHEAD_SECONDS || claims.iat < now - BACK_SECONDS) throw new Unsound('iat');
  if (!/^[\x20-\x7e]{1,255}$/.test(claims.sub)) throw new Unsound('sub');
  return claims;
}

/** An address and what is said about it always come from one place. */
function identityFrom(
  { name, emailDomains, hostedDomain }: OidcConfiguration,
  claims: Record<string, unknown> & { sub: string },
  more: Record<string, unknown> | undefined,
): ProviderIdentity {
  const about = more ?? claims;
  const email = emailFrom(about['email']);
  const emailVerified = email !== null && about['email_verified'] === true;
  const hosted = hostedDomain && typeof about['hd'] === 'string' ? [about['hd'].toLowerCase()] : [];
  return {
    provider: name,
    subject: claims.sub,
    email,
    emailVerified,
    speaksForEmail: emailVerified && isInDomains(email, [...emailDomains, ...hosted]),
    name: nameFrom(claims['name'] ?? more?.['name']),
    picture: pictureFrom(claims['picture'] ?? more?.['picture']),
  };
}
