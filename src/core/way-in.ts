import type { Account } from './account.ts';
import { Failure } from './failure.ts';
import type { Tables } from './store.ts';

/**
 * Asks, in the transaction that removed one and with the account held, whether a way to sign in is left: a password, a
 * passkey or a provider. The mailbox does not count: it is what the others are kept apart from.
 *
 * @throws {Failure} `last_sign_in_method`, which undoes the removal
 * @see R103
 */
export async function keepAWayIn({ store }: { store: Tables }, account: Account): Promise<void> {
  const password = await store.passwords.find(account.id);
  if (password && password.disabledAt === null) return;
  if ((await store.passkeys.list(account.id)).length > 0) return;
  if ((await store.linkedIdentities.list(account.id)).length > 0) return;
  throw new Failure('last_sign_in_method');
}
