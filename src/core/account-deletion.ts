import type { Account } from './account.ts';
import { auditEvent } from './audit.ts';
import { type Proofs, type ProofWorld, requireFreshSignIn, stillProven } from './fresh-sign-in.ts';
import { digestsOf } from './lockout.ts';
import { circumstancesOf, tellEverywhere } from './mail.ts';
import type { LiveSession } from './session.ts';
import type { Tables } from './store.ts';
import { hours } from './time.ts';
import type { Caller, ContractName, World } from './world.ts';

/** How long a deleted account's identifiers stay closed to a new one (rule 12). */
const BURIED_FOR = hours(24);

/**
 * Deletes the account of a signed-in person, with all that is personal.
 *
 * @throws {Failure} `reauthentication_required`, and as {@link requireFreshSignIn}; `session_ended`
 * @see rules 12, 19, 37
 */
export async function deleteOwnAccount(
  world: ProofWorld,
  input: { live: LiveSession; caller: Caller } & Proofs,
): Promise<void> {
  const { caller, live } = input;
  await requireFreshSignIn(world, live, input, caller);
  await world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const { account, session } = await stillProven(inStore, live);
    await eraseAccount(inStore, account, { contract: session.contract, caller });
  });
}

/**
 * Removes an account and everything of it in the caller's transaction; the nameless record of what happened stays, and
 * every way to reach the owner is told.
 */
export async function eraseAccount(
  world: Pick<World, 'clock' | 'keyring' | 'phones' | 'policy'> & { store: Tables },
  account: Account,
  by: { contract: ContractName | 'operator'; caller: Caller | undefined },
): Promise<void> {
  const { store } = world;
  const now = world.clock.now();
  await tellEverywhere(world, account, {
    template: 'account_deleted',
    facts: circumstancesOf(world, account, by.caller ?? { address: null, userAgent: null }),
  });
  await store.outbox.dropSecrets(account.id, now);
  await store.sessions.endAll(account.id);
  // One that was never proven is nobody's: whoever made an account of it cannot keep its owner out by deleting it.
  const proven = [account.emailVerifiedAt && account.email, account.phoneVerifiedAt && account.phone];
  for (const value of proven) {
    if (value) await store.identifiers.bury(world.keyring.digest('identifier', value), now + BURIED_FOR);
  }
  await store.attempts.clear(digestsOf(world, account));
  await store.audit.record(auditEvent('account.deleted', { account, contract: by.contract, now }));
  await store.accounts.delete(account.id);
}
