import type { Account } from './account.ts';
import { auditEvent } from './audit.ts';
import type { IdentifierKind } from './identifier.ts';
import type { Tables } from './store.ts';
import type { Caller, ContractName, World } from './world.ts';

/**
 * Gives an account whose address nobody had proven to the one who has proven it now: whatever somebody else may have
 * planted goes, in the caller's transaction and before anything is asked of the owner (rule 7).
 *
 * @param by.proven the kind of identifier that stays
 */
export async function takeOver(
  world: Pick<World, 'clock'> & { store: Tables },
  account: Account,
  by: { proven: IdentifierKind; contract: ContractName | 'page'; caller: Caller },
): Promise<void> {
  const { store } = world;
  const now = world.clock.now();
  await store.passwords.remove(account.id);
  await store.sessions.endAll(account.id);
  await store.knownClients.forgetAll(account.id);
  await store.pendingLogins.removeAll(account.id);
  await store.oneTimeTokens.removeAll(account.id);
  await store.secondFactors.removeAll(account.id);
  await store.passkeys.removeAll(account.id);
  await store.linkedIdentities.removeAll(account.id);
  await store.deliveredCodes.removeAll(account.id);
  await store.devices.removeAll(account.id);
  const value = account[by.proven];
  if (value !== null) await store.identifiers.removeOthers(account.id, { kind: by.proven, value });
  await store.accounts.clearProfile(account.id, now);
  await store.accounts.moveEpoch(account.id, now);
  await store.audit.record(auditEvent('account.taken_over', { account, ...by, now }));
}
