import { Failure } from './failure.ts';
import { recordSignIn } from './first-factor.ts';
import { proveOwnPassword } from './fresh-sign-in.ts';
import { endPendingLogin } from './pending-completion.ts';
import { PENDING_TRIES, secondStepOf } from './pending-login.ts';
import type { SessionContract } from './session-lifetime.ts';
import { holdUnchanged, type SignedIn, signedInWith, startSession } from './session-start.ts';
import type { SignInWorld } from './sign-in.ts';
import type { Caller } from './world.ts';

/**
 * Completes with the password a sign-in that a mailed link began, on an account whose second factor is a code by e-mail:
 * two steps never use one channel (rule 16).
 *
 * @throws {Failure} `code_wrong` if no such login waits, or its tries are used up
 * @throws {Failure} `invalid_credentials`, `account_locked`, `rate_limited`, `overloaded`: a wrong one counts like one at sign-in
 */
export async function completeWithPassword<Contract extends SessionContract>(
  world: SignInWorld,
  input: { contract: Contract; challenge: string; password: string; caller: Caller },
): Promise<SignedIn<Contract>> {
  const { caller, contract } = input;
  const now = world.clock.now();
  const digests = world.keyring.digests('challenge', input.challenge);
  const pending = await world.store.transaction(async ({ pendingLogins }) => {
    const found = await pendingLogins.find(digests, contract, now);
    return found && (await pendingLogins.takeTry(found.digest, { most: PENDING_TRIES, now })) ? found : undefined;
  });
  const account = pending && (await world.store.accounts.find(pending.accountId));
  if (!pending || !account || account.epoch !== pending.epoch || account.codeFactor === null) {
    throw new Failure('code_wrong');
  }
  if (secondStepOf(account.codeFactor, pending.firstFactor) !== 'password') throw new Failure('code_wrong');
  try {
    await proveOwnPassword(world, { account, contract }, input.password, caller);
  } catch (error) {
    // What was not compared takes no try.
    if (error instanceof Failure && error.code !== 'invalid_credentials') {
      await world.store.transaction(({ pendingLogins }) => pendingLogins.giveTryBack(pending.digest));
    }
    throw error;
  }
  const started = await world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const held = await holdUnchanged(inStore, account);
    const signingIn = await endPendingLogin(inStore, held, pending, { contract, caller });
    if (!signingIn) throw new Failure('code_wrong');
    await recordSignIn(inStore, { account: signingIn, contract, caller, method: 'second_factor' });
    return startSession(inStore, { account: signingIn, contract, caller, secondFactor: true });
  });
  return signedInWith(world, contract, started);
}
