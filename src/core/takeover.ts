import { type Account, isProven } from './account.ts';
import { auditEvent } from './audit.ts';
import { Failure } from './failure.ts';
import type { IdentifierKind } from './identifier.ts';
import type { Tables } from './store.ts';
import type { Caller, ContractName, World } from './world.ts';

/**
 * Lets in whoever has proven an account's identifier without a session of it: where nobody had proven any, this is the
 * owner's arrival, and the account is theirs from here on.
 *
 * @param account held by the caller's transaction
 * @returns the account as it is now
 * @throws {Failure} `invalid_credentials` if an operator has locked it
 * @see rule 7
 */
export async function meetOwner(
  world: Pick<World, 'clock'> & { store: Tables },
  account: Account,
  by: { proven: IdentifierKind; contract: ContractName | 'page'; caller: Caller },
): Promise<Account> {
  const { store } = world;
  if (account.disabledAt !== null) throw new Failure('invalid_credentials');
  if (isProven(account)) return account;
  await takeOver(world, account, by);
  await store.identifiers.markVerified(account.id, by.proven, world.clock.now());
  const now = await store.accounts.find(account.id);
  if (!now) throw new Error('an account that is held is gone');
  return now;
}

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
