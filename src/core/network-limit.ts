import { Failure } from './failure.ts';
import { hours, minutes, secondsUntil } from './time.ts';
import type { Caller, Tables, World } from './world.ts';

/** What a network is limited in (rule 22): so many in so many milliseconds. */
const NETWORK_LIMITS = {
  /** Wrong passwords. */
  failure: { limit: 30, windowMilliseconds: minutes(5) },
  /** Sign-ups that met a taken identifier. */
  taken: { limit: 10, windowMilliseconds: hours(1) },
  /** Sign-ups that made an account. */
  'sign-up': { limit: 60, windowMilliseconds: hours(1) },
  /** Mails asked for without a session or a right password. */
  mail: { limit: 20, windowMilliseconds: hours(1) },
} as const;

type Limited = keyof typeof NETWORK_LIMITS;

const keyOf = (what: Limited, caller: Caller): string => `network:${what}:${caller.network.key}`;

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
  const limit = NETWORK_LIMITS[what].limit * caller.network.factor;
  const look = await world.store.limits.look(keyOf(what, caller), { limit, now });
  if (!look.allowed) throw new Failure('rate_limited', { retryAfterSeconds: secondsUntil(look.until, now) });
}

/** Counts one against the caller's network. @returns whether it was within the limit */
export async function countForNetwork(
  world: Pick<World, 'clock' | 'policy'> & { store: Tables },
  what: Limited,
  caller: Caller,
): Promise<boolean> {
  if (!world.policy.rateLimits) return true;
  const { limit, windowMilliseconds } = NETWORK_LIMITS[what];
  const rule = { limit: limit * caller.network.factor, windowMilliseconds, now: world.clock.now() };
  return (await world.store.limits.take(keyOf(what, caller), rule)).allowed;
}
