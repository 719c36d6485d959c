import { boundForAccount } from './account-limit.ts';
import { auditEvent } from './audit.ts';
import { Failure } from './failure.ts';
import { type ProofWorld, provePassword, requireFreshSignIn, stillProven } from './fresh-sign-in.ts';
import { checkPassword, normalizedPassword } from './password.ts';
import { tellPasswordChanged } from './password-reset.ts';
import { forgetRemembered } from './remembered-session.ts';
import type { LiveSession } from './session.ts';
import { forgetOtherClients } from './session-start.ts';
import type { Caller, World } from './world.ts';

/**
 * Replaces the password; ends every other session of the account and all that is pending (rule 8). The session that
 * asked goes on.
 *
 * @param input.currentPassword may be missing on an account that has no password yet; then the sign-in must be fresh
 * @throws {Failure} `reauthentication_required`, and as {@link requireFreshSignIn}
 * @throws {Failure} `invalid_credentials` if the current password is wrong, and as {@link provePassword}
 * @throws {Failure} `password_rejected`, see {@link checkPassword}
 * @throws {Failure} `session_ended` if the session, or the password, was changed meanwhile; `rate_limited` past sixty an hour
 * @see ASVS 5.0: 6.2.2, 6.2.3, 7.4.3
 */
export async function changePassword(
  world: ProofWorld & Pick<World, 'passwordAdvice'>,
  input: { live: LiveSession; currentPassword: string | undefined; newPassword: string; caller: Caller },
): Promise<void> {
  const { caller, live } = input;
  await proveCurrent(world, live, input.currentPassword, caller);
  await checkPassword(world, input.newPassword, live.account);
  const hash = await world.hasher.hash(normalizedPassword(input.newPassword));
  const now = world.clock.now();
  await world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const { account, session } = await stillProven(inStore, live);
    await boundForAccount(inStore, account, 'credential');
    await store.passwords.replace(account.id, hash, now);
    await store.sessions.endAll(account.id, session.id);
    await forgetRemembered(store, account);
    await store.pendingLogins.removeAll(account.id);
    // Others that are known may be whoever had the old password.
    await forgetOtherClients(inStore, session, caller);
    await store.accounts.moveEpoch(account.id, now);
    await store.audit.record(auditEvent('password.changed', { account, contract: session.contract, caller, now }));
    await tellPasswordChanged(inStore, account, caller);
  });
}

async function proveCurrent(
  world: ProofWorld,
  live: LiveSession,
  currentPassword: string | undefined,
  caller: Caller,
): Promise<void> {
  if (currentPassword !== undefined) return provePassword(world, live, currentPassword, caller);
  if (await world.store.passwords.find(live.account.id)) {
    throw new Failure('input_rejected', { fields: { currentPassword: 'required' } });
  }
  await requireFreshSignIn(world, live, {}, caller);
}
