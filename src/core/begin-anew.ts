import type { Account } from './account.ts';
import { dropPending } from './drop-pending.ts';
import { digestsOf } from './lockout.ts';
import type { Tables } from './store.ts';
import type { World } from './world.ts';

/**
 * What a password that its owner chose by a mailed proof ends, in the caller's transaction, the account held: every session,
 * every known client, whatever was begun before, and the lock (rules 8, 17 and 20).
 */
export async function beginAnew(
  world: Pick<World, 'clock' | 'keyring'> & { store: Tables },
  account: Account,
): Promise<void> {
  const { store } = world;
  await store.sessions.endAll(account.id);
  await store.knownClients.forgetAll(account.id);
  await dropPending(store, account, world.clock.now());
  await store.accounts.clearFailedAttempts(account.id);
  await store.accounts.clearWrongCodes(account.id);
  await store.attempts.clear(digestsOf(world, account));
}
