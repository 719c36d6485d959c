import type { Account } from './account.ts';
import type { PendingLogin } from './pending-login.ts';
import { linkIdentity } from './provider-admission.ts';
import type { Tables } from './store.ts';
import type { Caller, ContractName, World } from './world.ts';

/**
 * Ends a login that waited, in the caller's transaction, the account held, once its second factor was right; whom the
 * account is joined by is linked now.
 *
 * @returns the account as it is then; `undefined` if somebody else has completed the login
 * @throws {Failure} `provider_taken` if that identity was linked elsewhere meanwhile
 */
export async function endPendingLogin(
  world: Pick<World, 'clock'> & { store: Tables },
  account: Account,
  pending: PendingLogin,
  by: { contract: ContractName; caller: Caller },
): Promise<Account | undefined> {
  if (!(await world.store.pendingLogins.remove(pending.digest))) return undefined;
  return pending.joins ? linkIdentity(world, account, pending.joins, { change: 'joined', ...by }) : account;
}
