import type { Account } from './account.ts';
import { refuseUntil } from './send-limit.ts';
import type { Tables } from './store.ts';
import { hours } from './time.ts';
import type { World } from './world.ts';

/** How often an hour one account may do what leaves rows or sends mails, whoever has its session. */
const LIMITS = {
  /** Requests for another address or number (R040). */
  change: 5,
  /** Second factors that are begun: each draws a secret and a QR code. */
  enrolment: 20,
  /** Passwords, passkeys, providers and recovery codes that are changed: each writes to the owner. */
  credential: 60,
  /** Passwords that are confirmed: each leaves a record. */
  confirmation: 60,
  profile: 60,
} as const;

/**
 * Counts one in the caller's transaction.
 *
 * @throws {Failure} `rate_limited`
 */
export async function boundForAccount(
  world: Pick<World, 'clock' | 'policy'> & { store: Tables },
  account: Pick<Account, 'id'>,
  what: keyof typeof LIMITS,
): Promise<void> {
  if (!world.policy.rateLimits) return;
  const rule = { limit: LIMITS[what], windowMilliseconds: hours(1), now: world.clock.now() };
  const counted = await world.store.limits.take(`${what}:${account.id}`, rule);
  if (!counted.allowed) refuseUntil(world, counted.until);
}
