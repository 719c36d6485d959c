import { type Account, NOBODY } from './account.ts';
import { Failure } from './failure.ts';
import { countedIdentifier } from './identifier.ts';
import { holdForNetwork, settleForNetwork } from './network-limit.ts';
import type { AttemptBucket, Holding, Reservation, Tables } from './store.ts';
import { days, hours, type Instant, minutes, secondsUntil } from './time.ts';
import { waitForPlace } from './wait-for-place.ts';
import type { Caller, World } from './world.ts';

/** Wrong passwords in a row that lock one bucket (rule 20). */
const PLACES = 10;
const FIRST_LOCK = minutes(15);
const LONGEST_LOCK = hours(24);
/** Wrong passwords in a row after which unknown clients get no further without a reset (NIST SP 800-63B-4 §3.2.2). */
const HARD_STOP = 100;
/** How long a full sign-in makes a client known. */
export const KNOWN_FOR = days(30);

const EVERYBODY_ELSE = '*';
/** A place in a bucket and one of the caller's network, held while one password is being tried. */
export interface Attempt {
  bucket: AttemptBucket;
  caller: Caller;
  /** Whether the right password may still open the account from this kind of client. */
  passwordUsable: boolean;
}

/** Every digest that failures against the account are kept under, whichever of its identifiers was typed (R021). */
export function digestsOf(world: Pick<World, 'keyring'>, { email, phone }: Pick<Account, 'email' | 'phone'>): string[] {
  return [email, phone].flatMap((value) => (value === null ? [] : world.keyring.digests('identifier', value)));
}

/**
 * Finds the bucket that counts for this caller: their own when they are known to the account, else everybody's.
 *
 * @param account the account that the identifier leads to, if any; the same reads are made without one
 */
export async function bucketFor(
  world: Pick<World, 'clock' | 'keyring' | 'phones' | 'store'>,
  identifier: string,
  account: Pick<Account, 'id'> | undefined,
  caller: Caller,
): Promise<AttemptBucket> {
  const identifierDigest = world.keyring.digest('identifier', countedIdentifier(world, identifier));
  if (!caller.clientToken) return { identifierDigest, client: EVERYBODY_ELSE };
  const digests = world.keyring.digests('known-client', caller.clientToken);
  const id = account?.id ?? NOBODY;
  const known = await world.store.knownClients.knows(digests, id, world.clock.now() - KNOWN_FOR);
  return { identifierDigest, client: known ? (digests[0] ?? '') : EVERYBODY_ELSE };
}

/**
 * Takes a place before the password is hashed, so that of a thousand parallel guesses ten are evaluated (rule 21).
 * With all places taken but undecided it waits, within the hasher's deadline.
 *
 * @throws {Failure} `account_locked` once ten were decided wrong
 * @throws {Failure} `rate_limited` once thirty were from this network
 * @throws {Failure} `overloaded` if no place came free in time
 */
export async function beginAttempt(
  world: Pick<World, 'clock' | 'hasher' | 'policy' | 'store'>,
  bucket: AttemptBucket,
  caller: Caller,
): Promise<Attempt> {
  const taken = await waitForPlace(world, () =>
    world.store.transaction((store) => reserve({ ...world, store }, bucket, caller)),
  );
  const now = world.clock.now();
  switch (taken.outcome) {
    case 'taken':
      return { bucket, caller, passwordUsable: bucket.client !== EVERYBODY_ELSE || taken.total < HARD_STOP };
    case 'locked':
      throw new Failure('account_locked', { retryAfterSeconds: secondsUntil(taken.until, now) });
    case 'used_up':
      throw new Failure('rate_limited', { retryAfterSeconds: secondsUntil(taken.until, now) });
  }
}

async function reserve(
  world: Pick<World, 'clock' | 'hasher' | 'policy'> & { store: Tables },
  bucket: AttemptBucket,
  caller: Caller,
): Promise<Reservation | Exclude<Holding, { outcome: 'held' }>> {
  const now = world.clock.now();
  const holding = await holdForNetwork(world, 'failure', caller);
  if (holding.outcome !== 'held') return holding;
  const rule = { places: PLACES, staleBefore: now - 3 * world.hasher.deadlineMilliseconds, now };
  const reservation = await world.store.attempts.reserve(bucket, rule);
  if (reservation.outcome !== 'taken') await settleForNetwork(world, 'failure', caller, false);
  return reservation;
}

/** Ends the run of failures, in the transaction of what the right password opens. */
export async function succeedAttempt(
  world: Pick<World, 'clock' | 'policy'> & { store: Tables },
  { bucket, caller }: Attempt,
): Promise<{ failuresBefore: number }> {
  await settleForNetwork(world, 'failure', caller, false);
  return world.store.attempts.succeed(bucket);
}

/** Counts a wrong password; the tenth in a row locks its bucket: 15 minutes, then twice as long each time, a day at most. */
export async function failAttempt(
  world: Pick<World, 'clock' | 'policy'> & { store: Tables },
  { bucket, caller }: Attempt,
  { hasAccount }: { hasAccount: boolean },
): Promise<{ lockedUntil: Instant | null }> {
  await settleForNetwork(world, 'failure', caller, true);
  return world.store.attempts.fail(bucket, {
    places: PLACES,
    lockFor: (locksBefore) => Math.min(FIRST_LOCK * 2 ** locksBefore, LONGEST_LOCK),
    hasAccount,
    now: world.clock.now(),
  });
}

/** Gives the places of an attempt back that nothing decided. */
export async function releaseAttempt(
  world: Pick<World, 'clock' | 'policy' | 'store'>,
  attempt: Attempt,
): Promise<void> {
  await world.store.transaction(async (store) => {
    await settleForNetwork({ ...world, store }, 'failure', attempt.caller, false);
    await store.attempts.release(attempt.bucket);
  });
}
