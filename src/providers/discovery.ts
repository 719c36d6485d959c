import type { ServerMetadata } from 'openid-client';
import { boundedFetch } from '../outbound/bounded-fetch.ts';
import type { Reach } from '../outbound/reach.ts';
import { Unreachable } from '../outbound/trouble.ts';
import type { OidcConfiguration } from './configuration.ts';
import type { Limits } from './limits.ts';
import { reasonOf, unreachableIn } from './trouble.ts';

const ENDPOINTS = ['authorization_endpoint', 'token_endpoint', 'jwks_uri', 'userinfo_endpoint'] as const;

/** All that is kept of what an issuer publishes about itself. */
const KEPT = [
  ...ENDPOINTS,
  'issuer',
  'authorization_response_iss_parameter_supported',
  'id_token_signing_alg_values_supported',
  'token_endpoint_auth_methods_supported',
  'userinfo_signing_alg_values_supported',
] as const;

/**
 * What an issuer publishes about itself: asked for at first use, kept for a while, and shared by those who need it at once.
 * A failure is not kept.
 *
 * What is returned throws {@link Unreachable}, also when the issuer publishes something that does not hold: nobody can be
 * refused yet, and only the operator can put it right.
 *
 * @see OpenID Connect Discovery §4.3
 */
export function discovery(
  { issuer, clientId }: OidcConfiguration,
  reach: Reach,
  limits: Limits,
): () => Promise<ServerMetadata> {
  let known: { metadata: Promise<ServerMetadata>; until: number } | undefined;
  return () => {
    if (known && known.until > Date.now()) return known.metadata;
    const asked = {
      metadata: discover(issuer, clientId, reach, limits),
      until: Date.now() + limits.metadataMilliseconds,
    };
    known = asked;
    asked.metadata.catch(() => {
      if (known === asked) known = undefined;
    });
    return asked.metadata;
  };
}

async function discover(issuer: string, clientId: string, reach: Reach, limits: Limits): Promise<ServerMetadata> {
  const client = await import('openid-client');
  const configuration = await client
    .discovery(new URL(issuer), clientId, undefined, undefined, {
      [client.customFetch]: boundedFetch(reach, limits),
      execute: issuer.startsWith('http:') ? [client.allowInsecureRequests] : [],
    })
    .catch((error) => {
      throw unreachableIn(error) ?? new Unreachable(`discovery: ${reasonOf(error)}`);
    });
  const metadata: Record<string, unknown> = { ...configuration.serverMetadata() };
  // The library lets two vendors' issuers go by other names than their own; the settings know no such vendor.
  if (new URL(String(metadata['issuer'])).href !== new URL(issuer).href) throw new Unreachable('discovery: issuer');
  for (const name of ENDPOINTS) {
    if (name === 'userinfo_endpoint' && metadata[name] === undefined) continue;
    const url = typeof metadata[name] === 'string' ? URL.parse(metadata[name]) : null;
    if (!url || !reach.allows(url)) throw new Unreachable(`discovery: ${name}`);
  }
  const kept = KEPT.filter((name) => metadata[name] !== undefined).map((name) => [name, metadata[name]]);
  return Object.fromEntries(kept) as ServerMetadata;
}
