import { boundForAccount } from './account-limit.ts';
import { auditEvent } from './audit.ts';
import { dropPending } from './drop-pending.ts';
import { Failure } from './failure.ts';
import { type Proofs, type ProofWorld, requireFreshSignIn, stillProven } from './fresh-sign-in.ts';
import { circumstancesOf, mailTo } from './mail.ts';
import { makeRecoveryCodes, recoveryCodeDigest } from './recovery-code.ts';
import type { LiveSession } from './session.ts';
import { sealCodes, showRecoveryCodes } from './shown-recovery-codes.ts';
import type { Tables } from './store.ts';
import type { Caller, World } from './world.ts';

/**
 * Makes a new set in the form of the session's contract, in the caller's transaction; the one before is dead.
 *
 * @param made the codes that its person was shown before, where there are any
 */
export async function replaceRecoveryCodes(
  world: Pick<World, 'clock' | 'keyring' | 'random'> & { store: Tables },
  { account, session }: LiveSession,
  made?: string[],
): Promise<string[]> {
  const codes = made ?? makeRecoveryCodes(world, session.contract);
  await world.store.secondFactors.replaceRecoveryCodes(
    account.id,
    codes.map((code) => recoveryCodeDigest(account, code)),
  );
  if (session.contract === 'sanctum') await showRecoveryCodes(world, { account, session }, codes);
  return codes;
}

/**
 * Makes new recovery codes in the place of the old ones, and tells the owner.
 *
 * @returns shown now and never again, but as the sanctum contract has it, see {@link showRecoveryCodes}
 * @throws {Failure} `not_found` on an account without a second factor, and none that this session has begun and is shown codes of
 * @throws {Failure} `reauthentication_required`, and as {@link requireFreshSignIn}; `session_ended`
 * @see rule 18; NIST SP 800-63B-4 §4.2.1.1; R051
 */
export async function renewRecoveryCodes(
  world: ProofWorld,
  input: { live: LiveSession; caller: Caller } & Proofs,
): Promise<string[]> {
  const { caller, live } = input;
  await requireFreshSignIn(world, live, input, caller);
  return world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const { account, session } = await stillProven(inStore, live);
    await boundForAccount(inStore, account, 'credential');
    const now = world.clock.now();
    if (account.codeFactor === null) return renewPendingCodes(inStore, { account, session });
    const codes = await replaceRecoveryCodes(inStore, { account, session });
    await dropPending(store, account, now);
    const { contract } = session;
    await store.audit.record(auditEvent('second_factor.recovery_codes_renewed', { account, contract, caller, now }));
    const facts = circumstancesOf(world, account, caller);
    await mailTo(inStore, account, { template: 'recovery_codes_renewed', facts });
    return codes;
  });
}

/** Those of a factor that waits for its first right code: nothing has changed yet, so there is nothing to tell. */
async function renewPendingCodes(
  world: Pick<World, 'clock' | 'keyring' | 'random'> & { store: Tables },
  { account, session }: LiveSession,
): Promise<string[]> {
  const codes = makeRecoveryCodes(world, session.contract);
  const renewed = await world.store.secondFactors.renewPendingCodes(account.id, {
    epoch: account.epoch,
    sealedRecoveryCodes: sealCodes(world, session, codes),
    sessionId: session.id,
    now: world.clock.now(),
  });
  if (!renewed) throw new Failure('not_found');
  await showRecoveryCodes(world, { account, session }, codes);
  return codes;
}
