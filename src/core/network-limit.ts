import { Failure } from './failure.ts';
import type { Holding, Tables } from './store.ts';
import { hours, minutes, secondsUntil } from './time.ts';
import type { Caller, World } from './world.ts';

/** What a network is limited in (rule 22): so many in so many milliseconds. */
const NETWORK_LIMITS = {
  /** Wrong passwords and codes. */
  failure: { limit: 30, windowMilliseconds: minutes(5) },
  /** Returns from a provider that nothing came of: each has the provider asked. */
  provider: { limit: 30, windowMilliseconds: minutes(5) },
  /** Those that the provider did not answer for. */
  'provider-away': { limit: 60, windowMilliseconds: minutes(5) },
  /** Sign-ups that met a taken identifier. */
  taken: { limit: 10, windowMilliseconds: hours(1) },
  /** Sign-ups that made an account. */
  'sign-up': { limit: 60, windowMilliseconds: hours(1) },
  /** Tokens that the captcha service is asked about. */
  captcha: { limit: 30, windowMilliseconds: minutes(5) },
  /** Mails asked for without a session or a right password. */
  mail: { limit: 20, windowMilliseconds: hours(1) },
  /** The same for SMS. */
  sms: { limit: 5, windowMilliseconds: hours(1) },
} as const;

type Limited = keyof typeof NETWORK_LIMITS;
/** Limits on what is known only once the work is done. */
type Judged = 'failure' | 'provider' | 'taken';

/** A place whose attempt is not decided by then belongs to a process that died. */
const STALE = minutes(1);
/** For whoever finds all places taken by what is under way. */
const RETRY_AFTER_SECONDS = 5;

const keyOf = (what: Limited, caller: Caller): string => `network:${what}:${caller.network.key}`;
const limitOf = (what: Limited, caller: Caller): number => NETWORK_LIMITS[what].limit * caller.network.factor;

/**
 * Refuses a caller whose network has used up its share; counts nothing.
 *
 * @throws {Failure} `rate_limited`
 */
export async function checkNetwork(
  world: Pick<World, 'clock' | 'policy' | 'store'>,
  what: Limited,
  caller: Caller,
): Promise<void> {
  if (!world.policy.rateLimits) return;
  const now = world.clock.now();
  const look = await world.store.limits.look(keyOf(what, caller), { limit: limitOf(what, caller), now });
  if (!look.allowed) throw new Failure('rate_limited', { retryAfterSeconds: secondsUntil(look.until, now) });
}

/**
 * Counts one against the caller's network.
 *
 * @throws {Failure} `rate_limited` if its share is used up; then nothing is counted
 */
export async function countForNetwork(
  world: Pick<World, 'clock' | 'policy'> & { store: Tables },
  what: Limited,
  caller: Caller,
): Promise<void> {
  if (!world.policy.rateLimits) return;
  const now = world.clock.now();
  const { windowMilliseconds } = NETWORK_LIMITS[what];
  const rule = { limit: limitOf(what, caller), windowMilliseconds, now };
  const counted = await world.store.limits.take(keyOf(what, caller), rule);
  if (!counted.allowed) throw new Failure('rate_limited', { retryAfterSeconds: secondsUntil(counted.until, now) });
}

/**
 * Counts one if there is room, and never refuses: for what was tried in vain already, and must be counted in the
 * transaction that says so. What is used up refuses the next one.
 *
 * @returns whether there was room
 */
export async function noteForNetwork(
  world: Pick<World, 'clock' | 'policy'> & { store: Tables },
  what: Limited,
  caller: Caller,
): Promise<boolean> {
  if (!world.policy.rateLimits) return true;
  const { windowMilliseconds } = NETWORK_LIMITS[what];
  const rule = { limit: limitOf(what, caller), windowMilliseconds, now: world.clock.now() };
  return (await world.store.limits.take(keyOf(what, caller), rule)).allowed;
}

/**
 * Holds one of the network's places before the work that will tell whether it counts, so that of any number side by
 * side no more are let through than the limit says. To be settled in every case.
 */
export async function holdForNetwork(
  world: Pick<World, 'clock' | 'policy'> & { store: Tables },
  what: Judged,
  caller: Caller,
): Promise<Holding> {
  if (!world.policy.rateLimits) return { outcome: 'held' };
  const now = world.clock.now();
  return world.store.limits.hold(keyOf(what, caller), { limit: limitOf(what, caller), staleBefore: now - STALE, now });
}

/** Gives the place back; `counts` if it was what the limit is on. */
export async function settleForNetwork(
  world: Pick<World, 'clock' | 'policy'> & { store: Tables },
  what: Judged,
  caller: Caller,
  counts: boolean,
): Promise<void> {
  if (!world.policy.rateLimits) return;
  const { windowMilliseconds } = NETWORK_LIMITS[what];
  await world.store.limits.settle(keyOf(what, caller), { counts, windowMilliseconds, now: world.clock.now() });
}

/**
 * Does work that a network may ask for in vain only so often, and side by side no more often than that.
 *
 * @param counts whether what came of it is what the limit is on
 * @throws {Failure} `rate_limited` if the network's share is used up, `overloaded` if all of it is under way; else as `work`
 */
export async function withinNetworkLimit<T>(
  world: Pick<World, 'clock' | 'policy' | 'store'>,
  { caller, counts, what }: { caller: Caller; counts: (error: unknown) => boolean; what: Judged },
  work: () => Promise<T>,
): Promise<T> {
  const { clock, store } = world;
  const holding = await store.transaction((store) => holdForNetwork({ ...world, store }, what, caller));
  if (holding.outcome === 'used_up') {
    throw new Failure('rate_limited', { retryAfterSeconds: secondsUntil(holding.until, clock.now()) });
  }
  if (holding.outcome === 'all_undecided') throw new Failure('overloaded', { retryAfterSeconds: RETRY_AFTER_SECONDS });
  let counted = false;
  try {
    return await work();
  } catch (error) {
    counted = counts(error);
    throw error;
  } finally {
    const settled = counted;
    // What came of the work is the answer, whatever comes of this.
    await store.transaction((store) => settleForNetwork({ ...world, store }, what, caller, settled)).catch(() => {});
  }
}
