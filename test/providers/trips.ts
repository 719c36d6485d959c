import { randomBytes } from 'node:crypto';
import type { IdentityProviders, ProviderIdentity, ProviderTrip } from '../../src/core/identity-provider.ts';
import type { GitHubConfiguration, OidcConfiguration } from '../../src/providers/configuration.ts';
import { identityProviders, type ProviderTrouble } from '../../src/providers/identity-providers.ts';
import type { Limits } from '../../src/providers/limits.ts';

type Service = IdentityProviders;

export interface StandIn {
  clientId: string;
  clientSecret: string;
  signInAt(authorizationUrl: string): Promise<string>;
}

export const callbackUrl = (name: string): string => `http://localhost:3000/api/auth/callback/${name}`;

export const UNAVAILABLE = { code: 'provider_unavailable', facts: { retryAfterSeconds: 5 } };
export const REFUSED = { code: 'provider_refused' };

export function newTrip(): ProviderTrip {
  const secret = () => randomBytes(32).toString('base64url');
  return { state: secret(), nonce: secret(), codeVerifier: secret() };
}

/** Leaves for a provider and comes back. */
export async function travel(
  service: Service,
  name: string,
  standIn: StandIn,
): Promise<{ answer: URLSearchParams; trip: ProviderTrip }> {
  const trip = newTrip();
  const back = await standIn.signInAt(await service.authorizationUrl(name, trip));
  return { answer: new URL(back).searchParams, trip };
}

/** The whole way. */
export async function signIn(service: Service, name: string, standIn: StandIn): Promise<ProviderIdentity> {
  const { answer, trip } = await travel(service, name, standIn);
  return service.identify(name, answer, trip);
}

/** The service under test, and why it said no, as the log would hear it. */
export function serviceOf(
  providers: (GitHubConfiguration | OidcConfiguration)[],
  limits: Partial<Limits> = {},
): Service & { troubles: ProviderTrouble[] } {
  const troubles: ProviderTrouble[] = [];
  const report = (trouble: ProviderTrouble) => void troubles.push(trouble);
  return { ...identityProviders({ providers, callbackUrl, limits, report }), troubles };
}

export function oidc(
  { issuer, clientId, clientSecret }: { issuer: string; clientId: string; clientSecret: string },
  change: Partial<OidcConfiguration> = {},
): OidcConfiguration {
  return {
    kind: 'oidc',
    name: 'acme',
    clientId,
    clientSecret,
    issuer,
    emailDomains: [],
    hostedDomain: false,
    ...change,
  };
}

/** As the settings have it, but for the issuer. */
export const google = (stand: Parameters<typeof oidc>[0]): OidcConfiguration =>
  oidc(stand, { name: 'google', emailDomains: ['gmail.com'], hostedDomain: true });

export function github(
  { url, apiUrl, clientId, clientSecret }: { url: string; apiUrl: string; clientId: string; clientSecret: string },
  change: Partial<GitHubConfiguration> = {},
): GitHubConfiguration {
  return { kind: 'github', name: 'github', clientId, clientSecret, baseUrl: url, apiUrl, ...change };
}
