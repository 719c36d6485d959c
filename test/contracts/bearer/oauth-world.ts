import assert from 'node:assert/strict';
import { createHash, randomInt } from 'node:crypto';
import { after, before } from 'node:test';
import type { JWTPayload } from 'jose';
import { identityProviders } from '../../../src/providers/identity-providers.ts';
import type { Limits } from '../../../src/providers/limits.ts';
import { dump } from '../../security/leaks.ts';
import { type GitHubLookAlike, openGitHub } from '../../support/github-look-alike.ts';
import type { Lifetime } from '../../support/loopback.ts';
import { type OidcIssuer, openOidcIssuer } from '../../support/oidc-issuer.ts';
import { type OidcLiar, openOidcLiar } from '../../support/oidc-liar.ts';
import type { TestWorld, WorldOptions } from '../../support/world.ts';
import { type Answer, type Client, type OpenedClient, openClient, PREFIX } from './client.ts';

/** An application's page, with a query of its own. */
export const RETURN = 'http://localhost:5173/app?tab=1';
export const STATE_COOKIE = 'guichet_oauth';

interface StandIn {
  signInAt(authorizationUrl: string): Promise<string>;
}

interface Stands {
  github: GitHubLookAlike;
  /** Says who somebody is in the ID token, as Google does; its own word counts for gmail.com and for `hd`. */
  google: OidcIssuer;
  /** May speak for the addresses of acme.example. */
  acme: OidcLiar;
}

export interface OAuthWorld extends OpenedClient, Stands {
  /** The person who signs in at GitHub next, whom nobody knows yet; the address is primary and verified. */
  octocat(of?: { email?: string; id?: unknown; verified?: unknown }): { email: string; id: unknown };
  /** The person who signs in at Google next. */
  googler(claims: { email?: string; sub?: string } & Record<string, unknown>): { email: string; sub: string };
  /** The person whom the issuer tells of next; `undefined` leaves a claim out. */
  acmePerson(claims: Record<string, unknown>): { email: string; sub: string };
  stand(provider: string): StandIn;
}

const envOf = ({ github, google, acme }: Stands): Record<string, string> => ({
  GUICHET_GITHUB_CLIENT_ID: github.clientId,
  GUICHET_GITHUB_CLIENT_SECRET: github.clientSecret,
  GUICHET_GITHUB_BASE_URL: github.url,
  GUICHET_GITHUB_API_URL: github.apiUrl,
  GUICHET_GOOGLE_CLIENT_ID: google.clientId,
  GUICHET_GOOGLE_CLIENT_SECRET: google.clientSecret,
  GUICHET_GOOGLE_ISSUER: google.issuer,
  GUICHET_OIDC_ACME_ISSUER: acme.issuer,
  GUICHET_OIDC_ACME_CLIENT_ID: acme.clientId,
  GUICHET_OIDC_ACME_CLIENT_SECRET: acme.clientSecret,
  GUICHET_OIDC_ACME_EMAIL_DOMAINS: 'acme.example',
});

/** A server that knows people through GitHub, Google and an issuer of its operator's. */
export async function openOAuth(t: Lifetime, options: WorldOptions = {}): Promise<OAuthWorld> {
  const origin = options.env?.['GUICHET_PUBLIC_URL'] ?? 'http://localhost:3000';
  const stands: Stands = {
    github: await openGitHub(t),
    google: await openOidcIssuer(t, { redirectUris: [`${origin}${PREFIX}/callback/google`], inIdToken: true }),
    acme: await openOidcLiar(t),
  };
  const world = await openClient(t, { ...options, env: { ...envOf(stands), ...options.env } });
  const { acme, github, google } = stands;
  let count = 0;
  return {
    ...world,
    ...stands,
    octocat({ email = world.address('octocat'), id = randomInt(1, 2 ** 40), verified = true } = {}) {
      github.user = { id, login: 'octocat', name: 'The Octocat', avatar_url: 'https://avatars.example.com/u/1?v=4' };
      github.emails = [
        { email: 'octocat@users.noreply.example.com', verified: true, primary: false, visibility: null },
        { email, verified, primary: true, visibility: 'private' },
      ];
      return { email, id };
    },
    googler(claims) {
      count += 1;
      const person = { sub: `google-${count}`, email: world.address('grace'), email_verified: true, ...claims };
      google.person = person;
      return person;
    },
    acmePerson(claims) {
      count += 1;
      const person = { sub: `acme-${count}`, email: `ada.${count}@acme.example`, email_verified: true, ...claims };
      acme.userinfo = { sub: person.sub };
      acme.idToken = () =>
        acme.sign(JSON.parse(JSON.stringify({ ...acme.truth(), name: 'Ada', ...person })) as JWTPayload);
      return person;
    },
    stand: (provider) => (provider === 'acme' ? acme : provider === 'google' ? google : github),
  };
}

/** One world for a suite whose tests leave each other alone. */
export function sharedOAuth(options: WorldOptions = {}): () => OAuthWorld {
  let opened: OAuthWorld | undefined;
  const undo: (() => unknown)[] = [];
  before(async () => {
    opened = await openOAuth({ after: (work) => void undo.push(work as () => unknown) }, options);
  });
  after(async () => {
    for (const work of undo.reverse()) await work();
  });
  return () => {
    if (!opened) throw new Error('the suite’s world is open while its tests run');
    return opened;
  };
}

/** Has the server wait less for its providers, and hear less of them. */
export function impatient({ derived, world }: TestWorld, limits: Partial<Limits>): void {
  const callbackUrl = (name: string): string => `${derived.publicOrigin}${PREFIX}/callback/${name}`;
  world.providers = identityProviders({ providers: derived.providers, callbackUrl, limits });
}

/** Sends a browser off. @returns the answer, which leads to the provider */
export function leave(browser: Client, provider: string, query: Record<string, string> = {}): Promise<Answer> {
  const search = new URLSearchParams(query).toString();
  return browser.get(`/oauth/${provider}${search === '' ? '' : `?${search}`}`);
}

/** Leaves and signs in at the provider. @returns where the provider sends the browser back to */
export async function travel(
  world: OAuthWorld,
  browser: Client,
  provider: string,
  query: Record<string, string> = {},
): Promise<URL> {
  const left = await leave(browser, provider, query);
  assert.equal(left.status, 302, left.text);
  return new URL(await world.stand(provider).signInAt(left.location ?? ''));
}

/** The browser comes back. */
export const comeBack = (browser: Client, { pathname, search }: URL): Promise<Answer> =>
  browser.askAt('GET', `${pathname}${search}`, { token: null });

/** The whole way. */
export async function signInBy(
  world: OAuthWorld,
  browser: Client,
  provider: string,
  query: Record<string, string> = {},
): Promise<Answer> {
  return comeBack(browser, await travel(world, browser, provider, query));
}

/** The whole way, and somebody is let in at its end. */
export async function letInBy(world: OAuthWorld, browser: Client, provider: string): Promise<Answer> {
  const answer = await signInBy(world, browser, provider);
  assert.equal(answer.status, 200, answer.text);
  return answer;
}

/** What an application is told in the redirect, its own query left out. */
export function toldBy({ location = '', status, text }: Answer): Record<string, string> {
  assert.equal(status, 302, text);
  const url = new URL(location);
  assert.equal(url.searchParams.get('tab'), '1', location);
  assert.equal(url.origin + url.pathname, 'http://localhost:5173/app');
  url.searchParams.delete('tab');
  return Object.fromEntries(url.searchParams);
}

/** The one-time code of a redirect. */
export function codeIn(answer: Answer): string {
  const { code = '', ...more } = toldBy(answer);
  assert.deepEqual(more, {});
  assert.match(code, /^[\w-]{43}$/);
  return code;
}

/** Status, `error`, and what else the body holds beside the message. */
export const refusal = ({ body: { error, message, ...more }, status, text }: Answer): unknown[] => {
  assert.ok(error !== undefined && message, text);
  return Object.keys(more).length === 0 ? [status, error] : [status, error, more];
};

export const INVALID = {
  status: 400,
  body: { error: 'INVALID_TOKEN', message: 'Token is invalid or expired' },
};

/** What is stored, but for trips that are used up and what networks have asked for. */
export async function kept(world: TestWorld): Promise<Record<string, string>> {
  const tables = await dump(world);
  for (const name of ['spent_challenge', 'rate_limit', 'limit_holding']) tables.delete(name);
  return Object.fromEntries(tables);
}

export const s256 = (verifier: string): string => createHash('sha256').update(verifier).digest('base64url');

/** The state that a provider is given. */
export const stateIn = ({ location }: Answer): string => new URL(location ?? '').searchParams.get('state') ?? '';

/** How many are signed in to an account. */
export async function sessionsOf({ handle }: TestWorld, userId: string): Promise<number> {
  const rows = await handle.read
    .selectFrom('session')
    .innerJoin('account', 'account.id', 'session.account_id')
    .select('session.id')
    .where('account.uuid', '=', userId.slice('user_'.length))
    .execute();
  return rows.length;
}

/** How many accounts there are in all. */
export const accountsIn = async ({ handle }: TestWorld): Promise<number> =>
  (await handle.read.selectFrom('account').select('id').execute()).length;

/** Which accounts can be found by an address, proven or not. */
export const holdersOf = async ({ handle }: TestWorld, email: string): Promise<number> =>
  (await handle.read.selectFrom('identifier').select('account_id').where('value', '=', email).execute()).length;
