import type { Account } from './account.ts';
import { auditEvent } from './audit.ts';
import { sendCode } from './delivered-code.ts';
import { Failure } from './failure.ts';
import { beginAttempt, bucketFor, releaseAttempt, succeedAttempt } from './lockout.ts';
import { destinationOf } from './pending-login.ts';
import { type SecondFactorProof, trySecondFactor } from './second-factor.ts';
import { type LiveSession, type Session, stillLive } from './session.ts';
import { checkStoredPassword } from './sign-in.ts';
import { recordWrongPassword } from './sign-in-failure.ts';
import type { Tables } from './store.ts';
import { type Instant, minutes } from './time.ts';
import type { Caller, ContractName, World } from './world.ts';

/** How long a proof stays fresh (rule 19; ASVS 5.0: 7.5.1). */
const FRESH_FOR = minutes(10);

export type ProofWorld = Pick<World, 'clock' | 'hasher' | 'keyring' | 'phones' | 'policy' | 'random' | 'store'>;

/** What a signed-in person proves themselves with, in the body of a request. */
export interface Proofs {
  password?: string | undefined;
  secondFactor?: SecondFactorProof | undefined;
}

/**
 * Has a signed-in person prove their password; a wrong one counts like one at sign-in (R011).
 *
 * @throws {Failure} `invalid_credentials`, `account_locked`, `rate_limited`, `overloaded`
 */
export function provePassword(world: ProofWorld, live: LiveSession, password: string, caller: Caller): Promise<void> {
  const { account, session } = live;
  return proveOwnPassword(world, { account, contract: session.contract }, password, caller);
}

/** The same for somebody who has proven by other means whose account it is. @throws {Failure} as {@link provePassword} */
export function proveOwnPassword(
  world: ProofWorld,
  of: { account: Account; contract: ContractName },
  password: string,
  caller: Caller,
): Promise<void> {
  return world.hasher.admit(() => tryPassword(world, of, password, caller));
}

async function tryPassword(
  world: ProofWorld,
  { account, contract }: { account: Account; contract: ContractName },
  password: string,
  caller: Caller,
): Promise<void> {
  const bucket = await bucketFor(world, account.email ?? account.phone ?? account.uuid, account, caller);
  const attempt = await beginAttempt(world, bucket, caller);
  let decided = false;
  try {
    const right = (await checkStoredPassword(world, account, password)) !== undefined && attempt.passwordUsable;
    if (right) await world.store.transaction((store) => succeedAttempt({ ...world, store }, attempt));
    else await recordWrongPassword(world, attempt, { account, contract });
    decided = true;
    if (!right) throw new Failure('invalid_credentials');
  } finally {
    if (!decided) await releaseAttempt(world, attempt).catch(() => {});
  }
}

/** The session and account again, if what was proven is still so: a reset or takeover meanwhile has voided it. */
export async function stillProven(
  world: Pick<World, 'clock'> & { store: Tables },
  proven: LiveSession,
): Promise<LiveSession> {
  const live = await stillLive(world, proven);
  if (live.account.epoch !== proven.account.epoch) throw new Failure('session_ended', { credential: 'over' });
  return live;
}

/**
 * The same, also where the account changed meanwhile, as long as the session itself is fresh under what it is now: of two
 * ways in that are removed side by side the second hears why it stays.
 */
export async function stillFresh(
  world: Pick<World, 'clock'> & { store: Tables },
  proven: LiveSession,
): Promise<LiveSession> {
  const live = await stillLive(world, proven);
  return isFresh(world, live) ? live : stillProven(world, proven);
}

/**
 * Proves a second factor in a session, and notes in it that and when that was.
 *
 * @throws {Failure} `code_wrong`; `rate_limited` after ten wrong ones in an hour; `session_ended`
 */
export async function proveSecondFactor(
  world: ProofWorld,
  live: LiveSession,
  proof: SecondFactorProof,
  caller: Caller,
): Promise<void> {
  const trial = await world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const { account, session } = await stillProven(inStore, live);
    const { contract, id } = session;
    const delivered = { purpose: 'reauthentication', binding: id } as const;
    const trial = await trySecondFactor(inStore, { account, proof, delivered, caller, contract });
    if (trial === 'right') await noteProof(inStore, { account, session }, caller, { secondFactor: true });
    return trial;
  });
  if (trial !== 'right') throw new Failure('code_wrong');
}

/** Notes in a session, in the caller's transaction, that and when it proved who uses it. */
export async function noteProof(
  world: Pick<World, 'clock'> & { store: Tables },
  { account, session }: LiveSession,
  caller: Caller,
  { secondFactor }: { secondFactor: boolean },
): Promise<void> {
  const now = world.clock.now();
  await world.store.sessions.markAuthenticated(session.id, {
    authenticatedAt: now,
    factorProvenAt: secondFactor ? now : null,
  });
  await world.store.audit.record(
    auditEvent('session.reauthenticated', { account, contract: session.contract, caller, now }),
  );
}

/**
 * Whether the session has proven, lately, all that the account can ask for. In the sanctum contract that is a confirmed
 * password and nothing else, in a session that has passed the second factor at any time.
 */
export function isFresh(world: Pick<World, 'clock'>, { account, session }: LiveSession): boolean {
  const provenAt = provenLastAt(account, session);
  return provenAt !== null && world.clock.now() - provenAt <= FRESH_FOR;
}

function provenLastAt(account: Account, session: Session): Instant | null {
  if (account.codeFactor === null) {
    return session.contract === 'sanctum' ? session.passwordConfirmedAt : session.authenticatedAt;
  }
  if (session.contract !== 'sanctum' || session.factorProvenAt === null) return session.factorProvenAt;
  return session.passwordConfirmedAt;
}

/**
 * Asks for what rule 19 asks before a sensitive change: on an account with a second factor, that factor proven in this
 * session lately, or password and code with the request; on another, the password or a recent sign-in. A password that
 * is given must be right whatever else is proven.
 *
 * @throws {Failure} `reauthentication_required` if too little is proven
 * @throws {Failure} as {@link provePassword}; `code_wrong`
 * @see rule 19; ASVS 5.0: 7.5.1, 7.5.3
 */
export async function requireFreshSignIn(
  world: ProofWorld,
  live: LiveSession,
  { password, secondFactor }: Proofs,
  caller: Caller,
): Promise<void> {
  if (password !== undefined) await provePassword(world, live, password, caller);
  if (isFresh(world, live)) return;
  if (live.account.codeFactor === null && password !== undefined) return;
  if (live.account.codeFactor === null || password === undefined || !secondFactor) {
    throw new Failure('reauthentication_required');
  }
  await proveSecondFactor(world, live, secondFactor, caller);
}

export type Reauthentication =
  | { outcome: 'fresh' }
  /** The password was right; the account's second factor is asked for too, and was sent where it is a delivered one. */
  | { outcome: 'second_factor_due'; channel: NonNullable<Account['codeFactor']> };

/**
 * Makes the session's sign-in fresh again: with the second factor where there is one, else with the password.
 *
 * @throws {Failure} `input_rejected` if neither was given; as {@link provePassword}; `code_wrong`
 * @throws {Failure} `session_ended` if the session ended meanwhile
 * @see rule 19; ASVS 5.0: 7.5.3
 */
export async function reauthenticate(
  world: ProofWorld,
  input: { live: LiveSession; caller: Caller } & Proofs,
): Promise<Reauthentication> {
  const { caller, live, password, secondFactor } = input;
  const { codeFactor: channel } = live.account;
  if (password === undefined && (channel === null || !secondFactor)) {
    throw new Failure('input_rejected', { fields: { password: 'required' } });
  }
  if (password !== undefined) {
    await provePassword(world, live, password, caller);
    await world.store.transaction(async (store) => {
      const inStore = { ...world, store };
      const still = await stillProven(inStore, live);
      // On an account with a second factor the password alone makes nothing fresh.
      if (channel === null) await noteProof(inStore, still, caller, { secondFactor: false });
      if (!secondFactor && (channel === 'email' || channel === 'sms'))
        await sendCodeInSession(inStore, still, channel, caller);
    });
  }
  if (channel === null) return { outcome: 'fresh' };
  if (!secondFactor) return { outcome: 'second_factor_due', channel };
  await proveSecondFactor(world, live, secondFactor, caller);
  return { outcome: 'fresh' };
}

/** Sends a delivered factor's code to somebody whose password was right. */
export async function sendReauthenticationCode(
  world: ProofWorld,
  live: LiveSession,
  channel: 'email' | 'sms',
  caller: Caller,
): Promise<void> {
  await world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    await sendCodeInSession(inStore, await stillProven(inStore, live), channel, caller);
  });
}

async function sendCodeInSession(
  world: Omit<ProofWorld, 'store'> & { store: Tables },
  { account, session }: LiveSession,
  channel: 'email' | 'sms',
  caller: Caller,
): Promise<void> {
  const to = destinationOf(account, channel);
  if (!to) return;
  const binding = session.id;
  await sendCode(world, { account, purpose: 'reauthentication', binding, channel, to, caller, trusted: true });
}
