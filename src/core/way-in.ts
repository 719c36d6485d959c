import type { Account } from './account.ts';
import { Failure } from './failure.ts';
import type { Tables } from './store.ts';
import type { World } from './world.ts';

/**
 * Asks, in the transaction that removed one and with the account held, whether a way to sign in is left: a password, a
 * passkey or a provider that is configured. The mailbox does not count: it is what the others are kept apart from.
 *
 * @throws {Failure} `last_sign_in_method`, which undoes the removal
 * @see R103
 */
export async function keepAWayIn(
  { providers, store }: Pick<World, 'providers'> & { store: Tables },
  account: Account,
): Promise<void> {
  const password = await store.passwords.find(account.id);
  if (password && password.disabledAt === null) return;
  if ((await store.passkeys.list(account.id)).length > 0) return;
  const linked = await store.linkedIdentities.list(account.id);
  if (linked.some(({ provider }) => providers.has(provider))) return;
  throw new Failure('last_sign_in_method');
}
