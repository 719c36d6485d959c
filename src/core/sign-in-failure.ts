import { type Account, NOBODY } from './account.ts';
import { auditEvent } from './audit.ts';
import { type Attempt, failAttempt } from './lockout.ts';
import { circumstancesOf, mailTo } from './mail.ts';
import { makeOneTimeToken } from './one-time-token.ts';
import { mayMail } from './send-limit.ts';
import type { ContractName, World } from './world.ts';

/**
 * Counts a wrong password, in a transaction of its own: it outlives the "no". The tenth in a row locks its bucket, and
 * the owner is mailed a link that lifts the lock, once a lock and three times a day (rule 20).
 */
export async function recordWrongPassword(
  world: Pick<World, 'clock' | 'keyring' | 'policy' | 'random' | 'store'>,
  attempt: Attempt,
  of: { account: Account | undefined; contract: ContractName },
): Promise<void> {
  const { caller } = attempt;
  const { contract } = of;
  const now = world.clock.now();
  await world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    // It may be gone by now.
    const account = await store.accounts.hold(of.account?.id ?? NOBODY);
    const { lockedUntil } = await failAttempt(inStore, attempt, { hasAccount: account !== undefined });
    if (account) await store.accounts.recordFailedAttempt(account.id, lockedUntil === null ? null : now);
    await store.audit.record(auditEvent('sign_in.failed', { account, contract, caller, now }));
    if (lockedUntil === null) return;
    await store.audit.record(auditEvent('sign_in.locked_out', { account, contract, caller, now }));
    if (!account?.email || account.disabledAt !== null || !(await mayMail(inStore, 'unlock', account.email))) return;
    const { token, expiresAt } = await makeOneTimeToken(inStore, {
      purpose: 'unlock',
      account,
      identifier: account.email,
    });
    await mailTo(inStore, account, {
      template: 'account_locked',
      facts: { token, ...circumstancesOf(world, account, caller) },
      expiresAt,
    });
  });
}
