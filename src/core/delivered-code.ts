import type { Account, AccountId } from './account.ts';
import { messageTo } from './mail.ts';
import type { SmsTemplate } from './message.ts';
import { isSameText } from './same-text.ts';
import { maySendCode } from './send-limit.ts';
import type { Tables } from './store.ts';
import { type Instant, minutes, seconds } from './time.ts';
import type { Caller, Random, World } from './world.ts';

/** What the digits that a message carries may be used for. */
export type CodePurpose =
  | 'sign_in'
  | 'reauthentication'
  | 'factor'
  | 'confirmation'
  | 'email_change'
  | 'phone_change'
  | 'password_reset';

/** Names one live code: of an account and a purpose, and where there are several, of what it belongs to. */
export interface CodeKey {
  accountId: AccountId;
  purpose: CodePurpose;
  /** A pending login's code, a session, a challenge's digest, or nothing. */
  binding: string;
}

/** Digits sent out of band; only their digest is kept. */
export interface DeliveredCode extends CodeKey {
  digest: string;
  channel: 'email' | 'sms';
  /** Where it went: what it proves is this and nothing else. */
  destination: string;
  /** The network that asked for it. */
  network: string;
  /** The account's epoch when it was made; it dies when that moves (rule 8). */
  epoch: number;
  /** Wrong ones so far; a new code under the same key goes on counting. */
  tries: number;
  sentAt: Instant;
  expiresAt: Instant;
}

const LIFETIME_MINUTES = 10;
/** Between two codes for the same thing. */
const RESEND_AFTER = seconds(60);

/** Digits, tries and message of each purpose (NIST SP 800-63B-4 §3.1.3.2; ASVS 5.0: 6.5.4, 6.6.3). */
const RULES: Record<CodePurpose, { digits: number; tries: number; template: SmsTemplate }> = {
  sign_in: { digits: 6, tries: 5, template: 'sign_in_code' },
  reauthentication: { digits: 6, tries: 5, template: 'sign_in_code' },
  factor: { digits: 6, tries: 5, template: 'factor_code' },
  confirmation: { digits: 6, tries: 5, template: 'confirmation_code' },
  email_change: { digits: 6, tries: 5, template: 'change_code' },
  phone_change: { digits: 6, tries: 5, template: 'change_code' },
  password_reset: { digits: 8, tries: 3, template: 'reset_code' },
};

export type Sending =
  | { outcome: 'sent' }
  /** A code that was sent just now still works. */
  | { outcome: 'waiting'; retryAt: Instant }
  /** Nothing may go there now. */
  | { outcome: 'refused'; retryAt: Instant };

/**
 * Sends a new code in the caller's transaction, the account held. It takes the place of the one before without
 * resetting the count of wrong ones; none goes out within a minute of the last, or past what the destination may get.
 *
 * @param of.replaces a code under another binding that it takes the place of; what was wrong there does not count here
 * @param of.trusted whether a right password or a session asks, which allows more
 * @see rules 14 and 22; R036, R040
 */
export async function sendCode(
  world: Pick<World, 'clock' | 'keyring' | 'phones' | 'policy' | 'random'> & { store: Tables },
  of: {
    account: Account;
    purpose: CodePurpose;
    binding?: string;
    replaces?: DeliveredCode | undefined;
    channel: 'email' | 'sms';
    to: string;
    caller: Caller;
    trusted: boolean;
  },
): Promise<Sending> {
  const { account, caller, channel, purpose, to } = of;
  const now = world.clock.now();
  const rule = RULES[purpose];
  const key: CodeKey = { accountId: account.id, purpose, binding: of.binding ?? '' };
  const before = of.replaces ?? (await world.store.deliveredCodes.find(key));
  const live = before && isLive(before, account, now) ? before : undefined;
  const tries = live?.binding === key.binding ? live.tries : 0;
  if (live && tries >= rule.tries) return { outcome: 'refused', retryAt: live.expiresAt };
  if (live && justSent(world, live)) return { outcome: 'waiting', retryAt: live.sentAt + RESEND_AFTER };
  if (!(await maySendCode(world, of))) return { outcome: 'refused', retryAt: now + RESEND_AFTER };

  if (before) await world.store.deliveredCodes.remove(before);
  const code = digits(world.random, rule.digits);
  const expiresAt = now + minutes(LIFETIME_MINUTES);
  await world.store.deliveredCodes.put({
    ...key,
    digest: world.keyring.digest('delivered-code', codeText(key, code)),
    channel,
    destination: to,
    network: caller.network.key,
    epoch: account.epoch,
    tries,
    sentAt: now,
    expiresAt,
  });
  await messageTo(world, account, {
    template: rule.template,
    facts: { code, name: account.name, minutes: LIFETIME_MINUTES },
    channel,
    to,
    expiresAt,
  });
  return { outcome: 'sent' };
}

/** Whether a code went out so lately that no other follows yet. */
export function justSent(world: Pick<World, 'clock' | 'policy'>, code: DeliveredCode): boolean {
  return world.policy.rateLimits && world.clock.now() - code.sentAt < RESEND_AFTER;
}

/** Whether a code may still be tried, as far as time and the account go. */
export const isLive = (code: DeliveredCode, account: Account, now: Instant): boolean =>
  code.expiresAt > now && code.epoch === account.epoch;

export type CodeTrial =
  | { outcome: 'right'; code: DeliveredCode }
  | { outcome: 'wrong' }
  /** There is none to compare with: never sent, used, expired, or tried too often. */
  | { outcome: 'none' };

/**
 * Tries a code in the caller's transaction, the account held: the try is taken before anything is compared, and a
 * right code is consumed by the same transaction.
 *
 * @param text as it was typed; the try counts whatever it is
 * @param keep whether a right one stays, for a caller that consumes it once it has judged the rest
 * @see ASVS 5.0: 6.5.1, 6.6.3
 */
export async function tryCode(
  world: Pick<World, 'clock' | 'keyring'> & { store: Tables },
  of: { account: Account; purpose: CodePurpose; binding?: string; text: string },
  { keep }: { keep: boolean } = { keep: false },
): Promise<CodeTrial> {
  const { account, purpose } = of;
  const key: CodeKey = { accountId: account.id, purpose, binding: of.binding ?? '' };
  const code = await world.store.deliveredCodes.takeTry(key, {
    most: RULES[purpose].tries,
    epoch: account.epoch,
    now: world.clock.now(),
  });
  if (!code) return { outcome: 'none' };
  const typed = world.keyring.digests('delivered-code', codeText(key, of.text));
  if (!typed.some((digest) => isSameText(digest, code.digest))) return { outcome: 'wrong' };
  if (keep) await world.store.deliveredCodes.giveTryBack(key);
  else if (!(await world.store.deliveredCodes.remove(key))) return { outcome: 'none' };
  return { outcome: 'right', code };
}

const codeText = ({ accountId, purpose }: CodeKey, code: string): string => `${purpose} ${accountId} ${code}`;

/** Decimal digits, each as likely as the others, leading zeros kept (R032). */
function digits(random: Pick<Random, 'bytes'>, count: number): string {
  const range = 10 ** count;
  // The last, incomplete stretch of the 32 bits would favour small numbers.
  const fair = Math.floor(2 ** 32 / range) * range;
  for (;;) {
    const drawn = Buffer.from(random.bytes(4)).readUInt32BE();
    if (drawn < fair) return String(drawn % range).padStart(count, '0');
  }
}
