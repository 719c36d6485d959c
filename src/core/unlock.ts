import { auditEvent } from './audit.ts';
import { digestsOf } from './lockout.ts';
import { peekOneTimeToken, takeOneTimeToken } from './one-time-token.ts';
import type { Caller, ContractName, World } from './world.ts';

/**
 * Lifts a lock by failures with the mailed token: every kind of client may try again.
 *
 * @throws {Failure} `token_invalid` or `token_expired`
 */
export async function unlockSignIn(
  world: Pick<World, 'clock' | 'keyring' | 'store'>,
  input: { token: string; contract: ContractName | 'page'; caller: Caller },
): Promise<void> {
  const { caller, contract } = input;
  await world.store.transaction(async (store) => {
    const { account } = await takeOneTimeToken({ ...world, store }, 'unlock', input.token);
    await store.attempts.lift(digestsOf(world, account));
    await store.accounts.clearFailedAttempts(account.id);
    await store.audit.record(auditEvent('sign_in.unlocked', { account, contract, caller, now: world.clock.now() }));
  });
}

/**
 * Whether an unlock link still works, for the page it opens. Nothing is consumed.
 *
 * @throws {Failure} `token_invalid` or `token_expired`
 */
export async function lookAtUnlock(
  world: Pick<World, 'clock' | 'keyring' | 'store'>,
  input: { token: string },
): Promise<{ email: string }> {
  const { token } = await peekOneTimeToken(world, 'unlock', input.token);
  return { email: token.identifier };
}
