import type { Account, AccountId } from './account.ts';
import { Failure } from './failure.ts';
import type { Tables } from './store.ts';
import { hours, type Instant } from './time.ts';
import type { World } from './world.ts';

/** What a mailed link may be used for. */
export type OneTimePurpose = 'email_verification' | 'password_reset' | 'unlock';

/** Life of a mailed link by purpose. */
const LIFETIMES: Record<OneTimePurpose, number> = {
  email_verification: hours(24),
  password_reset: hours(1),
  unlock: hours(24),
};

/** How many links of a purpose stay valid side by side (rule 3). */
const NEWEST = 3;

/** A single-use secret sent out of band; only its digest is kept. */
export interface OneTimeToken {
  digest: string;
  purpose: OneTimePurpose;
  accountId: AccountId;
  /** The account's epoch when it was made; it dies when that moves (rule 8). */
  epoch: number;
  /** The address that it was sent to. */
  identifier: string;
  createdAt: Instant;
  expiresAt: Instant;
}

/**
 * Makes a token of 256 bits and keeps its digest; older ones of the purpose beyond the newest three die.
 *
 * @returns the token in base64url, 43 characters, and when it expires
 */
export async function makeOneTimeToken(
  world: Pick<World, 'clock' | 'keyring' | 'random'> & { store: Tables },
  of: { purpose: OneTimePurpose; account: Account; identifier: string },
): Promise<{ token: string; expiresAt: Instant }> {
  const token = Buffer.from(world.random.bytes(32)).toString('base64url');
  const createdAt = world.clock.now();
  const expiresAt = createdAt + LIFETIMES[of.purpose];
  await world.store.oneTimeTokens.insert({
    digest: world.keyring.digest('one-time-token', token),
    purpose: of.purpose,
    accountId: of.account.id,
    epoch: of.account.epoch,
    identifier: of.identifier,
    createdAt,
    expiresAt,
  });
  await world.store.oneTimeTokens.keepNewest(of.account.id, of.purpose, NEWEST);
  return { token, expiresAt };
}

/**
 * Consumes a token inside the caller's transaction, with every other of its purpose, and holds its account.
 *
 * @throws {Failure} `token_invalid` if it is unknown, spent, of another purpose, or its account's epoch has moved
 * @throws {Failure} `token_expired` if its time is over
 * @see ASVS 5.0: 6.5.1, 6.5.5
 */
export async function takeOneTimeToken(
  world: Pick<World, 'clock' | 'keyring'> & { store: Tables },
  purpose: OneTimePurpose,
  text: string,
): Promise<{ token: OneTimeToken; account: Account }> {
  const digests = world.keyring.digests('one-time-token', text);
  const seen = await world.store.oneTimeTokens.find(purpose, digests);
  // The account's row first, in every operation: two that hold links of one account would wait for each other.
  const account = seen && (await world.store.accounts.hold(seen.accountId));
  const token = await world.store.oneTimeTokens.take(purpose, digests);
  if (!token) throw new Failure('token_invalid');
  if (token.expiresAt <= world.clock.now()) throw new Failure('token_expired');
  if (!account || account.epoch !== token.epoch) throw new Failure('token_invalid');
  await world.store.oneTimeTokens.removeAll(token.accountId, purpose);
  return { token, account };
}

/**
 * Looks at a token without consuming it, for the page that a mailed link opens.
 *
 * @throws {Failure} as {@link takeOneTimeToken}
 */
export async function peekOneTimeToken(
  world: Pick<World, 'clock' | 'keyring' | 'store'>,
  purpose: OneTimePurpose,
  text: string,
): Promise<{ token: OneTimeToken; account: Account }> {
  const token = await world.store.oneTimeTokens.find(purpose, world.keyring.digests('one-time-token', text));
  if (!token) throw new Failure('token_invalid');
  if (token.expiresAt <= world.clock.now()) throw new Failure('token_expired');
  const account = await world.store.accounts.find(token.accountId);
  if (!account || account.epoch !== token.epoch) throw new Failure('token_invalid');
  return { token, account };
}
