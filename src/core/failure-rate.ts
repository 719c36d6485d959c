import { Failure } from './failure.ts';
import type { Tables } from './store.ts';
import { type Instant, minutes, seconds, secondsUntil } from './time.ts';
import { waitForPlace } from './wait-for-place.ts';
import type { World } from './world.ts';

/** Failures that a client sees counted down, beside the lock and the networks' limits: five a minute, gone with a success. */
export const FAILURES_A_MINUTE = 5;
const WINDOW = minutes(1);
/** A place whose attempt is not decided by then belongs to a process that died. */
const STALE = minutes(1);

/** What is left of a minute's failures. */
export interface Allowance {
  limit: number;
  remaining: number;
  /** When all are there again; `null` while none is used. */
  resetsAt: Instant | null;
}

/**
 * Does work that may fail only so often a minute, and side by side no more often than that: who finds all places taken by
 * what is not decided yet waits for one.
 *
 * @param counts whether an error is a failure of the kind that is counted
 * @throws {Failure} `rate_limited` if all are used up, `overloaded` if none came free in time; else as `work`
 */
export async function withinFailureRate<T>(
  world: Pick<World, 'clock' | 'hasher' | 'policy' | 'store'>,
  { counts, key }: { key: string; counts: (error: unknown) => boolean },
  work: () => Promise<T>,
): Promise<T> {
  if (!world.policy.rateLimits) return work();
  const { clock, store } = world;
  const holding = await waitForPlace(world, () => {
    const rule = { limit: FAILURES_A_MINUTE, staleBefore: clock.now() - STALE, now: clock.now() };
    return store.transaction(({ limits }) => limits.hold(key, rule));
  });
  if (holding.outcome === 'used_up') {
    throw new Failure('rate_limited', { retryAfterSeconds: secondsUntil(holding.until, clock.now()) });
  }
  let succeeded = false;
  let counted = false;
  try {
    const result = await work();
    succeeded = true;
    return result;
  } catch (error) {
    counted = counts(error);
    throw error;
  } finally {
    const settle = async ({ limits }: Tables): Promise<void> => {
      await limits.settle(key, { counts: counted, windowMilliseconds: WINDOW, now: clock.now() });
      if (succeeded) await limits.clear(key);
    };
    // What came of the work is the answer, whatever comes of this.
    await store.transaction(settle).catch(() => {});
  }
}

/** @throws {Failure} `rate_limited` if a minute's failures are used up; counts nothing */
export async function checkFailureRate(
  world: Pick<World, 'clock' | 'policy'> & { store: Tables },
  key: string,
): Promise<void> {
  if (!world.policy.rateLimits) return;
  const now = world.clock.now();
  const look = await world.store.limits.look(key, { limit: FAILURES_A_MINUTE, now });
  if (!look.allowed) throw new Failure('rate_limited', { retryAfterSeconds: secondsUntil(look.until, now) });
}

/** Counts what was tried, in the transaction that decides it. */
export async function noteForFailureRate(
  world: Pick<World, 'clock' | 'policy'> & { store: Tables },
  key: string,
  { failed }: { failed: boolean },
): Promise<void> {
  if (!world.policy.rateLimits) return;
  if (!failed) return world.store.limits.clear(key);
  const rule = { limit: FAILURES_A_MINUTE, windowMilliseconds: WINDOW, now: world.clock.now() };
  await world.store.limits.take(key, rule);
}

/** What a client is told that was refused for that long, by this limit or a longer one. */
export const usedUpAllowance = (
  world: Pick<World, 'clock'>,
  { retryAfterSeconds }: { retryAfterSeconds: number },
): Allowance => ({
  limit: FAILURES_A_MINUTE,
  remaining: 0,
  resetsAt: world.clock.now() + seconds(retryAfterSeconds),
});

/** What is left under a key. */
export async function allowanceOf(world: Pick<World, 'clock' | 'store'>, key: string | undefined): Promise<Allowance> {
  const used = key === undefined ? undefined : await world.store.limits.read(key, world.clock.now());
  return {
    limit: FAILURES_A_MINUTE,
    remaining: Math.max(0, FAILURES_A_MINUTE - (used?.count ?? 0)),
    resetsAt: used?.until ?? null,
  };
}
