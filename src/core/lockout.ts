import { Failure } from './failure.ts';
import { countedIdentifier } from './identifier.ts';
import { days, hours, type Instant, minutes, seconds, secondsUntil } from './time.ts';
import type { AttemptBucket, Caller, World } from './world.ts';

/** Wrong passwords in a row that lock one bucket (rule 20). */
const PLACES = 10;
const FIRST_LOCK = minutes(15);
const LONGEST_LOCK = hours(24);
/** Wrong passwords in a row after which unknown clients get no further without a reset (NIST SP 800-63B-4 §3.2.2). */
const HARD_STOP = 100;
/** How long a full sign-in makes a client known. */
export const KNOWN_FOR = days(30);

const EVERYBODY_ELSE = '*';
const PAUSE = 25;

/** A place in a bucket, held while one password is being tried. */
export interface Attempt {
  bucket: AttemptBucket;
  /** Whether the right password may still open the account from this kind of client. */
  passwordUsable: boolean;
}

/** Every digest that failures of this identifier may be kept under; alike for all its spellings (R021). */
export function identifierDigests(world: Pick<World, 'keyring'>, identifier: string): string[] {
  return world.keyring.digests('identifier', countedIdentifier(identifier));
}

/**
 * Finds the bucket that counts for this caller: their own when they are known to the account, else everybody's.
 *
 * @param account the account that the identifier leads to, if any; the same reads are made without one
 */
export async function bucketFor(
  world: Pick<World, 'clock' | 'keyring' | 'store'>,
  identifier: string,
  account: { id: number } | undefined,
  caller: Caller,
): Promise<AttemptBucket> {
  const [identifierDigest = ''] = identifierDigests(world, identifier);
  if (!caller.clientToken) return { identifierDigest, client: EVERYBODY_ELSE };
  const digests = world.keyring.digests('known-client', caller.clientToken);
  const id = (account?.id ?? 0) as Parameters<typeof world.store.knownClients.knows>[1];
  const known = await world.store.knownClients.knows(digests, id, world.clock.now() - KNOWN_FOR);
  return { identifierDigest, client: known ? (digests[0] ?? '') : EVERYBODY_ELSE };
}

/**
 * Takes a place before the password is hashed, so that of a thousand parallel guesses ten are evaluated (rule 21).
 * With all places taken but undecided it waits, within the hasher's deadline.
 *
 * @throws {Failure} `account_locked` once ten were decided wrong
 * @throws {Failure} `overloaded` if no place came free in time
 */
export async function beginAttempt(
  world: Pick<World, 'clock' | 'hasher' | 'store'>,
  bucket: AttemptBucket,
): Promise<Attempt> {
  const deadline = world.hasher.deadlineMilliseconds;
  for (let waited = 0; ; waited += PAUSE) {
    const now = world.clock.now();
    const rule = { places: PLACES, staleBefore: now - 3 * deadline, now };
    const reservation = await world.store.transaction((store) => store.attempts.reserve(bucket, rule));
    if (reservation.outcome === 'taken') {
      return { bucket, passwordUsable: bucket.client !== EVERYBODY_ELSE || reservation.total < HARD_STOP };
    }
    if (reservation.outcome === 'locked') {
      throw new Failure('account_locked', { retryAfterSeconds: secondsUntil(reservation.until, now) });
    }
    if (waited >= deadline) throw new Failure('overloaded', { retryAfterSeconds: deadline / seconds(1) });
    await world.clock.wait(PAUSE);
  }
}

/** The rule by which a failure locks its bucket: 15 minutes, then twice as long each time, a day at most. */
export function failureRule(now: Instant, hasAccount: boolean) {
  return {
    places: PLACES,
    lockFor: (locksBefore: number): number => Math.min(FIRST_LOCK * 2 ** locksBefore, LONGEST_LOCK),
    hasAccount,
    now,
  };
}
