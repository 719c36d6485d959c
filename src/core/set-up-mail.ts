import type { Account } from './account.ts';
import { auditEvent } from './audit.ts';
import { inEvenTime } from './even-time.ts';
import { mailTo } from './mail.ts';
import { mailableAccount } from './mailable-account.ts';
import { makeOneTimeToken } from './one-time-token.ts';
import { boundSendRequests, mayMail } from './send-limit.ts';
import { makeSetUpSecret, setUpForm } from './set-up-link.ts';
import type { Tables } from './store.ts';
import type { Caller, ContractName, World } from './world.ts';

type Invited = Account & { email: string };

/**
 * Mails an operator's invitation, a link to choose the account's first password, in the caller's transaction: once a minute and
 * five times an hour, whatever strangers have asked for at the same address.
 *
 * @returns whether it was mailed
 */
export async function mailSetUpLink(
  world: Pick<World, 'clock' | 'keyring' | 'policy' | 'random'> & { store: Tables },
  account: Invited,
): Promise<boolean> {
  if (!(await mayMail(world, 'invitation', account.email))) return false;
  // It counts among what is sent on request, which does not decide about it.
  await mayMail(world, 'password_set_up', account.email);
  await addSetUpMail(world, account);
  return true;
}

async function addSetUpMail(
  world: Pick<World, 'clock' | 'keyring' | 'random'> & { store: Tables },
  account: Invited,
): Promise<void> {
  const { token, expiresAt } = await makeOneTimeToken(world, {
    purpose: 'password_set_up',
    account,
    identifier: account.email,
    text: (expiresAt) => makeSetUpSecret(world, account, expiresAt),
  });
  const facts = { token, name: account.name, form: setUpForm(world, account, expiresAt) };
  await mailTo(world, account, { template: 'set_up_password', facts, expiresAt });
}

/**
 * Mails a new set-up link if the address belongs to an account that has no password yet and may sign in; to every other
 * address nothing. At most one a minute and five an hour, silently.
 *
 * @throws {Failure} `rate_limited` past the network's share
 * @see rules 3 and 22
 */
export async function resendSetUp(
  world: Pick<World, 'clock' | 'keyring' | 'policy' | 'random' | 'store'>,
  input: { email: string; contract: ContractName | 'page'; caller: Caller },
): Promise<void> {
  const { caller, contract, email } = input;
  await boundSendRequests(world, 'mail', caller);
  await inEvenTime(world, () =>
    world.store.transaction(async (store) => {
      const inStore = { ...world, store };
      const hasNone = async ({ id }: Account): Promise<boolean> => (await store.passwords.find(id)) === undefined;
      const account = await mailableAccount(inStore, 'password_set_up', email, hasNone);
      if (!account) return;
      await addSetUpMail(inStore, account);
      const now = world.clock.now();
      await store.audit.record(auditEvent('password.set_up_requested', { account, contract, caller, now }));
    }),
  );
}
