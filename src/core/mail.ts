import type { Account } from './account.ts';
import { type Message, type Messages, SECRET_TEMPLATES, type SmsTemplate, type Template } from './message.ts';
import { maySendCode } from './send-limit.ts';
import type { Tables } from './store.ts';
import { hours, type Instant } from './time.ts';
import type { Caller, World } from './world.ts';

/** After this a notice tells nothing new. */
const NOTICE_LIFETIME = hours(24);

/**
 * Adds a mail to the outbox, in the caller's transaction, to the address that the account holds (rule 4);
 * does nothing for an account without one. A notice goes to a proven address alone: whose address it is that somebody
 * signed up with is not known, and a stranger is not to be written to by whoever did.
 *
 * @param mail.expiresAt when its link dies; a notice is given a day
 */
export async function mailTo<T extends Template>(
  world: Pick<World, 'clock'> & { store: Tables },
  account: Account,
  mail: { template: T; facts: Messages[T]; expiresAt?: Instant },
): Promise<void> {
  const isNotice = !SECRET_TEMPLATES.some((template) => template === mail.template);
  if (!account.email || (isNotice && account.emailVerifiedAt === null)) return;
  await messageTo(world, account, { ...mail, channel: 'email', to: account.email });
}

/** Adds a notice for every way there is to reach the owner: the address and, within its limits, the number. */
export async function tellEverywhere<T extends SmsTemplate>(
  world: Pick<World, 'clock' | 'keyring' | 'phones' | 'policy'> & { store: Tables },
  account: Account,
  notice: { template: T; facts: Messages[T] },
): Promise<void> {
  await mailTo(world, account, notice);
  if (account.phone && (await maySendCode(world, { channel: 'sms', to: account.phone, trusted: true }))) {
    await messageTo(world, account, { ...notice, channel: 'sms', to: account.phone });
  }
}

/** Adds one message to the outbox; what is sent, and where, its caller has read from the account or sent there before. */
export async function messageTo<T extends Template>(
  world: Pick<World, 'clock'> & { store: Tables },
  account: Account,
  message: { template: T; facts: Messages[T]; channel: 'email' | 'sms'; to: string; expiresAt?: Instant },
): Promise<void> {
  const createdAt = world.clock.now();
  await world.store.outbox.add({
    ...message,
    accountId: account.id,
    locale: account.locale,
    createdAt,
    expiresAt: message.expiresAt ?? createdAt + NOTICE_LIFETIME,
  } as Message);
}

/** When and from where, for a notice to the owner. */
export const circumstancesOf = (
  world: Pick<World, 'clock'>,
  account: Account,
  caller: Pick<Caller, 'address' | 'userAgent'>,
) => ({
  name: account.name,
  at: world.clock.now(),
  address: caller.address,
  userAgent: caller.userAgent,
});
