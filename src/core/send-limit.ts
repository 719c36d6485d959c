import { auditEvent } from './audit.ts';
import { Failure } from './failure.ts';
import { countForNetwork } from './network-limit.ts';
import type { Tables } from './store.ts';
import { days, hours, type Instant, minutes, secondsUntil } from './time.ts';
import type { Caller, World } from './world.ts';

type MailPurpose =
  | 'email_verification'
  | 'password_reset'
  | 'password_set_up'
  | 'invitation'
  | 'magic_link'
  | 'email_change'
  | 'claim'
  | 'unlock';

interface Limit {
  key: string;
  limit: number;
  windowMilliseconds: number;
}

/** Mails per address and purpose; past these the answer stays the same and nothing is sent (rules 3, 7 and 20). */
const PURPOSE_LIMITS: Record<MailPurpose, readonly Omit<Limit, 'key'>[]> = {
  email_verification: [{ limit: 5, windowMilliseconds: hours(1) }],
  password_reset: [
    { limit: 1, windowMilliseconds: minutes(1) },
    { limit: 5, windowMilliseconds: hours(1) },
  ],
  password_set_up: [
    { limit: 1, windowMilliseconds: minutes(1) },
    { limit: 5, windowMilliseconds: hours(1) },
  ],
  invitation: [
    { limit: 1, windowMilliseconds: minutes(1) },
    { limit: 5, windowMilliseconds: hours(1) },
  ],
  magic_link: [{ limit: 5, windowMilliseconds: hours(1) }],
  email_change: [{ limit: 5, windowMilliseconds: hours(1) }],
  claim: [{ limit: 1, windowMilliseconds: hours(1) }],
  unlock: [{ limit: 3, windowMilliseconds: days(1) }],
};

/** What strangers' requests cannot use up: what an operator sends, and what a lock does. */
const APART: ReadonlySet<MailPurpose> = new Set(['invitation', 'unlock']);

/** What one destination is sent on request, over all purposes and contracts; more once a password was right (rule 22). */
const DESTINATION_LIMITS = {
  asked: { hour: 5, day: 10 },
  trusted: { hour: 10, day: 30 },
} as const;

type SendWorld = Pick<World, 'clock' | 'keyring' | 'policy'> & { store: Tables };

/**
 * Whether one more mail with a link may go to the address; counts it if so.
 * Counted under a digest, known address or not, so that no answer and no row tells which addresses exist.
 */
export async function mayMail(world: SendWorld, purpose: MailPurpose, address: string): Promise<boolean> {
  if (!world.policy.rateLimits) return true;
  const digest = world.keyring.digest('identifier', address);
  const own = PURPOSE_LIMITS[purpose].map((rule) => ({
    ...rule,
    key: `mail:${purpose}:${rule.windowMilliseconds}:${digest}`,
  }));
  return takeAll(world, APART.has(purpose) ? own : [...own, ...destinationLimits(digest, 'asked')]);
}

/**
 * Whether one more code may go to the address or number; counts it if so. An SMS goes to the countries that the
 * settings list, within the hour's budget over everybody (toll fraud; ASVS 5.0: 2.4.1).
 */
export async function maySendCode(
  world: SendWorld & Pick<World, 'phones'>,
  of: { channel: 'email' | 'sms'; to: string; trusted: boolean },
): Promise<boolean> {
  const sms = of.channel === 'sms';
  if (sms && !maySms(world, of.to)) return false;
  if (!world.policy.rateLimits) return true;
  const digest = world.keyring.digest('identifier', of.to);
  const limits = destinationLimits(digest, of.trusted ? 'trusted' : 'asked');
  if (!sms) return takeAll(world, limits);
  // Half of it is kept for those who know a password: strangers can't use up what second factors need.
  const share = of.trusted ? world.policy.smsBudget : Math.ceil(world.policy.smsBudget / 2);
  const budget = { key: 'sms:budget', limit: share, windowMilliseconds: hours(1) };
  // The one row that everybody shares is taken first: taken last, two that send twice would wait for each other.
  if (await takeAll(world, [budget, ...limits])) return true;
  await reportUsedUpBudget(world, budget);
  return false;
}

/** Tells the operator, once an hour, that somebody got no SMS for it. */
async function reportUsedUpBudget(world: SendWorld, budget: Limit): Promise<void> {
  const now = world.clock.now();
  if (budget.limit > 0 && (await world.store.limits.look(budget.key, { limit: budget.limit, now })).allowed) return;
  const alarm = await world.store.limits.take('sms:alarm', { limit: 1, windowMilliseconds: hours(1), now });
  if (alarm.allowed) {
    await world.store.audit.record(auditEvent('sms.budget_used_up', { account: undefined, contract: 'system', now }));
  }
}

/** Whether SMS go to the number at all: there is a way to send them, and its country is listed. */
export function maySms(world: Pick<World, 'phones' | 'policy'>, phone: string): boolean {
  return world.policy.smsAvailable && world.phones.maySend(phone);
}

function destinationLimits(digest: string, trust: keyof typeof DESTINATION_LIMITS): Limit[] {
  const { hour, day } = DESTINATION_LIMITS[trust];
  return [
    { key: `mail:hour:${digest}`, limit: hour, windowMilliseconds: hours(1) },
    { key: `mail:day:${digest}`, limit: day, windowMilliseconds: days(1) },
  ];
}

/** All of them or none. */
async function takeAll(world: SendWorld, limits: readonly Limit[]): Promise<boolean> {
  const now = world.clock.now();
  for (const { key, limit } of limits) {
    if (limit < 1 || !(await world.store.limits.look(key, { limit, now })).allowed) return false;
  }
  for (const { key, limit, windowMilliseconds } of limits) {
    if (!(await world.store.limits.take(key, { limit, windowMilliseconds, now })).allowed) return false;
  }
  return true;
}

/**
 * Bounds how often messages are asked for from one network, whether or not any is sent.
 *
 * @throws {Failure} `rate_limited`
 */
export async function boundSendRequests(
  world: Pick<World, 'clock' | 'policy' | 'store'>,
  what: 'mail' | 'sms',
  caller: Caller,
): Promise<void> {
  await world.store.transaction((store) => countForNetwork({ ...world, store }, what, caller));
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

/** @throws {Failure} `rate_limited` with the time until `instant` */
export function refuseUntil(world: Pick<World, 'clock'>, instant: Instant): never {
  throw new Failure('rate_limited', { retryAfterSeconds: secondsUntil(instant, world.clock.now()) });
}
