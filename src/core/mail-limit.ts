import { Failure } from './failure.ts';
import { countForNetwork } from './network-limit.ts';
import { days, hours, minutes, secondsUntil } from './time.ts';
import type { Caller, Tables, World } from './world.ts';

type MailPurpose = 'email_verification' | 'password_reset' | 'claim' | 'unlock';

/** Mails per address and purpose; past these the answer stays the same and nothing is sent (rules 3, 7 and 20). */
const PURPOSE_LIMITS: Record<MailPurpose, readonly { limit: number; windowMilliseconds: number }[]> = {
  email_verification: [{ limit: 5, windowMilliseconds: hours(1) }],
  password_reset: [
    { limit: 1, windowMilliseconds: minutes(1) },
    { limit: 5, windowMilliseconds: hours(1) },
  ],
  claim: [{ limit: 1, windowMilliseconds: hours(1) }],
  unlock: [{ limit: 3, windowMilliseconds: days(1) }],
};

/** Everything that one address is sent on request, over all purposes and contracts (rule 22). */
const DESTINATION_LIMITS = [
  { limit: 5, windowMilliseconds: hours(1), name: 'hour' },
  { limit: 10, windowMilliseconds: days(1), name: 'day' },
] as const;

/**
 * Whether one more mail may go to the address; counts it if so.
 * Counted under a digest, known address or not, so that no answer and no row tells which addresses exist.
 */
export async function mayMail(
  world: Pick<World, 'clock' | 'keyring' | 'policy'> & { store: Tables },
  purpose: MailPurpose,
  address: string,
): Promise<boolean> {
  if (!world.policy.rateLimits) return true;
  const now = world.clock.now();
  const digest = world.keyring.digest('identifier', address);
  const rules = [
    ...PURPOSE_LIMITS[purpose].map((rule) => ({
      ...rule,
      key: `mail:${purpose}:${rule.windowMilliseconds}:${digest}`,
    })),
    ...(purpose === 'unlock'
      ? []
      : DESTINATION_LIMITS.map((rule) => ({ ...rule, key: `mail:${rule.name}:${digest}` }))),
  ];
  for (const { key, limit } of rules) {
    if (!(await world.store.limits.look(key, { limit, now })).allowed) return false;
  }
  for (const { key, limit, windowMilliseconds } of rules) {
    if (!(await world.store.limits.take(key, { limit, windowMilliseconds, now })).allowed) return false;
  }
  return true;
}

/**
 * Bounds how often mails are asked for from one network.
 *
 * @throws {Failure} `rate_limited`
 */
export async function boundMailRequests(
  world: Pick<World, 'clock' | 'policy' | 'store'>,
  caller: Caller,
): Promise<void> {
  await world.store.transaction((store) => countForNetwork({ ...world, store }, 'mail', caller));
}

/**
 * Bounds how often one address may be named, alike for known and unknown ones.
 *
 * @throws {Failure} `rate_limited` with the rest of the hour
 */
export async function boundRequestsFor(
  world: Pick<World, 'clock' | 'keyring' | 'policy' | 'store'>,
  request: { name: string; identifier: string; limit: number },
): Promise<void> {
  if (!world.policy.rateLimits) return;
  const now = world.clock.now();
  const key = `request:${request.name}:${world.keyring.digest('identifier', request.identifier)}`;
  const counted = await world.store.transaction((store) =>
    store.limits.take(key, { limit: request.limit, windowMilliseconds: hours(1), now }),
  );
  if (!counted.allowed) throw new Failure('rate_limited', { retryAfterSeconds: secondsUntil(counted.until, now) });
}
