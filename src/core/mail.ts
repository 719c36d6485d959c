import type { Account } from './account.ts';
import type { Messages, Template } from './message.ts';
import { hours, type Instant } from './time.ts';
import type { Tables, World } from './world.ts';

/** After this a notice tells nothing new. */
const NOTICE_LIFETIME = hours(24);

/**
 * Adds a mail to the outbox, in the caller's transaction, to the address that the account holds (rule 4);
 * does nothing for an account without one.
 *
 * @param mail.expiresAt when its link dies; a notice is given a day
 */
export async function mailTo<T extends Template>(
  world: Pick<World, 'clock'> & { store: Tables },
  account: Account,
  mail: { template: T; facts: Messages[T]; expiresAt?: Instant },
): Promise<void> {
  if (!account.email) return;
  const createdAt = world.clock.now();
  await world.store.outbox.add({
    template: mail.template,
    facts: mail.facts,
    accountId: account.id,
    channel: 'email',
    to: account.email,
    locale: account.locale,
    createdAt,
    expiresAt: mail.expiresAt ?? createdAt + NOTICE_LIFETIME,
  } as Parameters<typeof world.store.outbox.add>[0]);
}
