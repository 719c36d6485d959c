import type { Configuration, ServerMetadata } from 'openid-client';
import type { ProviderIdentity, ProviderTrip } from '../core/identity-provider.ts';
import { boundedFetch } from '../outbound/bounded-fetch.ts';
import { reachOf } from '../outbound/reach.ts';
import { Unsound } from '../outbound/trouble.ts';
import type { GitHubConfiguration } from './configuration.ts';
import type { Limits } from './limits.ts';
import { emailFrom, nameFrom, pictureFrom } from './profile.ts';
import { callbackWith, type Provider } from './provider.ts';

type Client = typeof import('openid-client');

/** GitHub: OAuth 2.0 without OpenID Connect, so who came is asked of its API. */
export function githubProvider(settings: GitHubConfiguration, callbackUrl: string, limits: Limits): Provider {
  const { baseUrl, apiUrl, clientId, clientSecret } = settings;
  const reach = reachOf(baseUrl, apiUrl);
  const metadata: ServerMetadata = {
    // What it sends as `iss` since April 2026 (RFC 9207).
    issuer: `${baseUrl}/login/oauth`,
    authorization_endpoint: `${baseUrl}/login/oauth/authorize`,
    token_endpoint: `${baseUrl}/login/oauth/access_token`,
  };

  const configurationFor = (client: Client, whole: AbortSignal): Configuration => {
    const authentication = client.ClientSecretPost(clientSecret);
    const configuration = new client.Configuration(metadata, clientId, undefined, authentication);
    configuration[client.customFetch] = boundedFetch(reach, limits, whole);
    if ([baseUrl, apiUrl].some((url) => url.startsWith('http:'))) client.allowInsecureRequests(configuration);
    return configuration;
  };

  return {
    async authorizationUrl(trip, whole) {
      const client = await import('openid-client');
      return client.buildAuthorizationUrl(configurationFor(client, whole), {
        redirect_uri: callbackUrl,
        scope: 'read:user user:email',
        state: trip.state,
        code_challenge: await client.calculatePKCECodeChallenge(trip.codeVerifier),
        code_challenge_method: 'S256',
      });
    },

    async identify(answer: URLSearchParams, trip: ProviderTrip, whole: AbortSignal): Promise<ProviderIdentity> {
      const client = await import('openid-client');
      const configuration = configurationFor(client, whole);
      const tokens = await client.authorizationCodeGrant(configuration, callbackWith(callbackUrl, answer), {
        pkceCodeVerifier: trip.codeVerifier,
        expectedState: trip.state,
      });
      const ask = (path: string) =>
        client.fetchProtectedResource(
          configuration,
          tokens.access_token,
          new URL(`${apiUrl}${path}`),
          'GET',
          undefined,
          new Headers({ accept: 'application/vnd.github+json', 'x-github-api-version': '2022-11-28' }),
        );
      const [user, emails] = await Promise.all([ask('/user').then(userFrom), ask('/user/emails').then(primaryFrom)]);
      return { provider: settings.name, ...user, ...emails, speaksForEmail: emails.emailVerified };
    },
  };
}

async function userFrom(response: Response): Promise<Pick<ProviderIdentity, 'subject' | 'name' | 'picture'>> {
  const user: unknown = response.status === 200 ? await response.json() : undefined;
  if (typeof user !== 'object' || user === null || !('id' in user)) throw new Unsound('user');
  const { id, name, avatar_url } = user as { id: unknown; name?: unknown; avatar_url?: unknown };
  // A login can be given up and taken by somebody else; the number cannot.
  if (!Number.isSafeInteger(id) || Number(id) <= 0) throw new Unsound('user id');
  return { subject: String(id), name: nameFrom(name), picture: pictureFrom(avatar_url) };
}

/** Whoever may not see the addresses is told 403 or 404; the person is known all the same. */
async function primaryFrom(response: Response): Promise<Pick<ProviderIdentity, 'email' | 'emailVerified'>> {
  if (response.status === 403 || response.status === 404) return { email: null, emailVerified: false };
  const entries: unknown = response.status === 200 ? await response.json() : undefined;
  if (!Array.isArray(entries)) throw new Unsound('emails');
  const primary: unknown = entries.find((entry) => entry?.primary === true);
  const { email: address, verified } = (primary ?? {}) as { email?: unknown; verified?: unknown };
  const email = emailFrom(address);
  return { email, emailVerified: email !== null && verified === true };
}
