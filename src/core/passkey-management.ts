import type { Account } from './account.ts';
import { boundForAccount } from './account-limit.ts';
import { auditEvent } from './audit.ts';
import { dropPending } from './drop-pending.ts';
import { Failure } from './failure.ts';
import { type Proofs, type ProofWorld, requireFreshSignIn, stillFresh, stillProven } from './fresh-sign-in.ts';
import { circumstancesOf, mailTo } from './mail.ts';
import type { Passkey } from './passkey.ts';
import type { LiveSession } from './session.ts';
import type { Tables } from './store.ts';
import { keepAWayIn } from './way-in.ts';
import type { Caller, ContractName, World } from './world.ts';

/**
 * Gives a passkey another name.
 *
 * @throws {Failure} `not_found` if it is not the account's own
 * @throws {Failure} `reauthentication_required`, and as {@link requireFreshSignIn}; `session_ended`
 * @see R113
 */
export async function renamePasskey(
  world: ProofWorld,
  input: { live: LiveSession; uuid: string; name: string | null; caller: Caller } & Proofs,
): Promise<Passkey> {
  const { caller, live, uuid } = input;
  await requireFreshSignIn(world, live, input, caller);
  return world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const { account, session } = await stillProven(inStore, live);
    const passkey = await store.passkeys.rename(account.id, uuid, input.name?.trim() || null);
    if (!passkey) throw new Failure('not_found');
    await tellPasskeyChanged(inStore, account, { change: 'renamed', passkey, contract: session.contract, caller });
    return passkey;
  });
}

/**
 * Removes a passkey, unless nothing else would let its owner in.
 *
 * @throws {Failure} `not_found` if it is not the account's own; `last_sign_in_method`
 * @throws {Failure} `reauthentication_required`, and as {@link requireFreshSignIn}; `session_ended`
 * @see rule 19; R103, R113
 */
export async function removePasskey(
  world: ProofWorld & Pick<World, 'providers'>,
  input: { live: LiveSession; uuid: string; caller: Caller } & Proofs,
): Promise<void> {
  const { caller, live, uuid } = input;
  await requireFreshSignIn(world, live, input, caller);
  await world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const { account, session } = await stillFresh(inStore, live);
    const passkey = await store.passkeys.remove(account.id, uuid);
    if (!passkey) throw new Failure('not_found');
    await keepAWayIn(inStore, account);
    await tellPasskeyChanged(inStore, account, { change: 'removed', passkey, contract: session.contract, caller });
  });
}

const EVENTS = { added: 'passkey.added', renamed: 'passkey.renamed', removed: 'passkey.removed' } as const;

/**
 * What follows every change of a passkey, in its transaction: the record, the notice, and, where it is another way in now
 * than before, an end to what was pending (rule 8).
 *
 * @throws {Failure} `rate_limited` past sixty an hour
 */
export async function tellPasskeyChanged(
  world: Pick<World, 'clock' | 'policy'> & { store: Tables },
  account: Account,
  of: { change: keyof typeof EVENTS; passkey: Passkey; contract: ContractName; caller: Caller },
): Promise<void> {
  const { caller, change, contract, passkey } = of;
  const { store } = world;
  const now = world.clock.now();
  await boundForAccount(world, account, 'credential');
  if (change !== 'renamed') await dropPending(store, account, now);
  await store.audit.record(auditEvent(EVENTS[change], { account, contract, caller, now }));
  const facts = { change, passkey: passkey.name, ...circumstancesOf(world, account, caller) };
  await mailTo(world, account, { template: 'passkey_changed', facts });
}
