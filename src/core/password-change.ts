import { auditEvent } from './audit.ts';
import { Failure } from './failure.ts';
import { beginAttempt, bucketFor, releaseAttempt, succeedAttempt } from './lockout.ts';
import { checkPassword, normalizedPassword } from './password.ts';
import { tellPasswordChanged } from './password-reset.ts';
import { type LiveSession, stillLive } from './session.ts';
import { checkStoredPassword } from './sign-in.ts';
import { recordWrongPassword } from './sign-in-failure.ts';
import type { Caller, Tables, World } from './world.ts';

type ProofWorld = Pick<World, 'clock' | 'hasher' | 'keyring' | 'policy' | 'random' | 'store'>;

/**
 * Has a signed-in person prove their password; a wrong one counts like one at sign-in (R011).
 *
 * @throws {Failure} `invalid_credentials`, `account_locked`, `rate_limited`, `overloaded`
 */
function provePassword(world: ProofWorld, live: LiveSession, password: string, caller: Caller): Promise<void> {
  return world.hasher.admit(() => tryPassword(world, live, password, caller));
}

async function tryPassword(
  world: ProofWorld,
  { account, session }: LiveSession,
  password: string,
  caller: Caller,
): Promise<void> {
  const bucket = await bucketFor(world, account.email ?? account.uuid, account, caller);
  const attempt = await beginAttempt(world, bucket, caller);
  let decided = false;
  try {
    const right = (await checkStoredPassword(world, account, password)) !== undefined && attempt.passwordUsable;
    if (right) await world.store.transaction((store) => succeedAttempt({ ...world, store }, attempt));
    else await recordWrongPassword(world, attempt, { account, contract: session.contract });
    decided = true;
    if (!right) throw new Failure('invalid_credentials');
  } finally {
    if (!decided) await releaseAttempt(world, attempt).catch(() => {});
  }
}

/** The session and account again, if what was proven is still so: a reset or takeover meanwhile has voided it. */
async function stillProven(world: Pick<World, 'clock'> & { store: Tables }, proven: LiveSession): Promise<LiveSession> {
  const live = await stillLive(world, proven);
  if (live.account.epoch !== proven.account.epoch) throw new Failure('session_ended', { credential: 'over' });
  return live;
}

/**
 * Makes the session's sign-in fresh again with the password.
 *
 * @throws {Failure} as {@link provePassword}; `session_ended` if the session ended meanwhile
 * @see rule 19; ASVS 5.0: 7.5.3
 */
export async function reauthenticate(
  world: ProofWorld,
  input: { live: LiveSession; password: string; caller: Caller },
): Promise<void> {
  await provePassword(world, input.live, input.password, input.caller);
  const now = world.clock.now();
  await world.store.transaction(async (store) => {
    const { account, session } = await stillProven({ ...world, store }, input.live);
    await store.sessions.markAuthenticated(session.id, { authenticatedAt: now, factorProvenAt: null });
    await store.audit.record(
      auditEvent('session.reauthenticated', { account, contract: session.contract, caller: input.caller, now }),
    );
  });
}

/**
 * Replaces the password; ends every other session of the account and all that is pending (rule 8). The session that
 * asked goes on.
 *
 * @throws {Failure} `invalid_credentials` if the current password is wrong, and as {@link provePassword}
 * @throws {Failure} `password_rejected`, see {@link checkPassword}
 * @throws {Failure} `session_ended` if the session, or the password, was changed meanwhile
 * @see ASVS 5.0: 6.2.2, 6.2.3, 7.4.3
 */
export async function changePassword(
  world: ProofWorld & Pick<World, 'passwordAdvice'>,
  input: { live: LiveSession; currentPassword: string; newPassword: string; caller: Caller },
): Promise<void> {
  const { caller, live } = input;
  await provePassword(world, live, input.currentPassword, caller);
  await checkPassword(world, input.newPassword, live.account);
  const hash = await world.hasher.hash(normalizedPassword(input.newPassword));
  const now = world.clock.now();
  await world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const { account, session } = await stillProven(inStore, live);
    await store.passwords.replace(account.id, hash, now);
    await store.sessions.endAll(account.id, session.id);
    await store.pendingLogins.removeAll(account.id);
    // Others that are known may be whoever had the old password.
    const own = caller.clientToken ? world.keyring.digests('known-client', caller.clientToken) : [];
    await store.knownClients.forgetAll(account.id, own);
    await store.accounts.moveEpoch(account.id, now);
    await store.audit.record(auditEvent('password.changed', { account, contract: session.contract, caller, now }));
    await tellPasswordChanged(inStore, account, caller);
  });
}
