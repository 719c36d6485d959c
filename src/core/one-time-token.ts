import type { Account, AccountId } from './account.ts';
import { Failure } from './failure.ts';
import type { ProviderIdentity } from './identity-provider.ts';
import type { FirstFactor } from './pending-login.ts';
import type { SessionId } from './session.ts';
import type { Tables } from './store.ts';
import { hours, type Instant, minutes, seconds } from './time.ts';
import type { World } from './world.ts';

/** What a mailed link may be used for. */
export type OneTimePurpose = keyof OneTimeFacts;

/** What a token leads on to, beside what every one holds. */
export interface OneTimeFacts {
  email_verification: null;
  password_reset: { redirectUrl: string | null } | null;
  /** An invitation: the first password of an account that has none. */
  password_set_up: null;
  unlock: null;
  /** Proves a new address, which is the token's identifier; it dies with the session that asked. */
  email_change: { sessionId: SessionId };
  magic_link: Handover;
  /** Handed to a web app in a redirect, for it to fetch a session with. */
  exchange: Handover & { firstFactor: FirstFactor; joins?: ProviderIdentity | null };
  /** Begins one trip to a provider, for the session that asked to have it linked. */
  provider_link: { provider: string; sessionId: SessionId; redirectUrl: string | null };
  /** Who came back from there. */
  provider_identity: { identity: ProviderIdentity; sessionId: SessionId };
}

/** Where a sign-in goes on, and what its client must show that asked for it (rule 25). */
export interface Handover {
  redirectUrl: string | null;
  /** PKCE, S256 (RFC 7636 §4.2). */
  codeChallenge: string | null;
}

/** Life of a mailed link by purpose. */
const LIFETIMES: Record<OneTimePurpose, number> = {
  email_verification: hours(24),
  password_reset: hours(1),
  password_set_up: hours(24),
  unlock: hours(24),
  email_change: hours(1),
  magic_link: minutes(10),
  exchange: seconds(60),
  provider_link: minutes(10),
  provider_identity: seconds(60),
};

/** What several clients of one person may hold side by side: using one leaves the others. */
const EACH_ITS_OWN: ReadonlySet<OneTimePurpose> = new Set(['exchange', 'provider_link', 'provider_identity']);

/** How many links of a purpose stay valid side by side (rule 3). */
const NEWEST = 3;

/** A single-use secret sent out of band; only its digest is kept. */
export interface OneTimeToken<Purpose extends OneTimePurpose = OneTimePurpose> {
  digest: string;
  purpose: Purpose;
  accountId: AccountId;
  /** The account's epoch when it was made; it dies when that moves (rule 8). */
  epoch: number;
  /** The address that it was sent to. */
  identifier: string;
  createdAt: Instant;
  expiresAt: Instant;
  facts: OneTimeFacts[Purpose];
}

/**
 * Makes a token of 256 bits and keeps its digest; older ones of the purpose beyond the newest three die.
 *
 * @param of.text for a token that says more than that it was made: gives its text, which nobody else can guess
 * @returns the token in base64url, 43 characters, and when it expires
 */
export async function makeOneTimeToken<Purpose extends OneTimePurpose>(
  world: Pick<World, 'clock' | 'keyring' | 'random'> & { store: Tables },
  of: {
    purpose: Purpose;
    account: Account;
    identifier: string;
    text?: (expiresAt: Instant) => string;
  } & (null extends OneTimeFacts[Purpose] ? { facts?: OneTimeFacts[Purpose] } : { facts: OneTimeFacts[Purpose] }),
): Promise<{ token: string; expiresAt: Instant }> {
  const createdAt = world.clock.now();
  const expiresAt = createdAt + LIFETIMES[of.purpose];
  const token = of.text?.(expiresAt) ?? Buffer.from(world.random.bytes(32)).toString('base64url');
  await world.store.oneTimeTokens.insert({
    digest: world.keyring.digest('one-time-token', token),
    purpose: of.purpose,
    accountId: of.account.id,
    epoch: of.account.epoch,
    identifier: of.identifier,
    createdAt,
    expiresAt,
    facts: of.facts ?? null,
  } as OneTimeToken);
  await world.store.oneTimeTokens.keepNewest(of.account.id, of.purpose, NEWEST);
  return { token, expiresAt };
}

/**
 * Consumes a token inside the caller's transaction, with every other link of its purpose, and holds its account.
 *
 * @throws {Failure} `token_invalid` if it is unknown, spent, of another purpose, or its account's epoch has moved
 * @throws {Failure} `token_expired` if its time is over
 * @see ASVS 5.0: 6.5.1, 6.5.5
 */
export async function takeOneTimeToken<Purpose extends OneTimePurpose>(
  world: Pick<World, 'clock' | 'keyring'> & { store: Tables },
  purpose: Purpose,
  text: string,
): Promise<{ token: OneTimeToken<Purpose>; account: Account }> {
  const digests = world.keyring.digests('one-time-token', text);
  const seen = await world.store.oneTimeTokens.find(purpose, digests);
  // The account's row first, in every operation: two that hold links of one account would wait for each other.
  const account = seen && (await world.store.accounts.hold(seen.accountId));
  const token = await world.store.oneTimeTokens.take(purpose, digests);
  if (!token) throw new Failure('token_invalid');
  if (token.expiresAt <= world.clock.now()) throw new Failure('token_expired');
  if (!account || account.epoch !== token.epoch) throw new Failure('token_invalid');
  if (!EACH_ITS_OWN.has(purpose)) await world.store.oneTimeTokens.removeAll(token.accountId, purpose);
  return { token, account };
}

/**
 * Looks at a token without consuming it, for the page that a mailed link opens.
 *
 * @throws {Failure} as {@link takeOneTimeToken}
 */
export async function peekOneTimeToken<Purpose extends OneTimePurpose>(
  world: Pick<World, 'clock' | 'keyring'> & { store: Pick<Tables, 'accounts' | 'oneTimeTokens'> },
  purpose: Purpose,
  text: string,
): Promise<{ token: OneTimeToken<Purpose>; account: Account }> {
  const token = await world.store.oneTimeTokens.find(purpose, world.keyring.digests('one-time-token', text));
  if (!token) throw new Failure('token_invalid');
  if (token.expiresAt <= world.clock.now()) throw new Failure('token_expired');
  const account = await world.store.accounts.find(token.accountId);
  if (!account || account.epoch !== token.epoch) throw new Failure('token_invalid');
  return { token, account };
}
