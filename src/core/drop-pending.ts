import type { Account } from './account.ts';
import type { Tables } from './store.ts';
import type { Instant } from './time.ts';

/**
 * Moves the epoch after a change of what signs an account in, in the caller's transaction: it kills whatever was begun before,
 * and this frees the rows of it (rule 8).
 */
export async function dropPending(store: Tables, account: Account, now: Instant): Promise<void> {
  await store.pendingLogins.removeAll(account.id);
  await store.deliveredCodes.removeAll(account.id);
  await store.accounts.moveEpoch(account.id, now);
}
