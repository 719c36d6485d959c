import { isTokenContract, subjectOf, type TokenContract } from './access-token.ts';
import { auditEvent } from './audit.ts';
import { Failure } from './failure.ts';
import { forgetRemembered } from './remembered-session.ts';
import { isNewest, type LiveSession, type SessionId, stillLive } from './session.ts';
import type { SessionContract } from './session-lifetime.ts';
import { RENEWED_GRACE, sessionTokenDigests } from './session-token.ts';
import type { Tables } from './store.ts';
import type { Caller, World } from './world.ts';

/** What a client holds of a session: which of them depends on its contract, and each may be missing. */
export interface SessionCredentials {
  accessToken?: string | undefined;
  refreshToken?: string | undefined;
  sessionToken?: string | undefined;
}

/** The session that what a client holds names, in the way of its contract. */
export async function sessionNamedBy(
  world: Pick<World, 'accessTokens' | 'clock' | 'keyring' | 'store'>,
  contract: SessionContract,
  credentials: SessionCredentials,
): Promise<LiveSession | undefined> {
  if (isTokenContract(contract)) return sessionNamedByTokens(world, contract, credentials);
  const digests = sessionTokenDigests(world, credentials.sessionToken ?? '');
  const { sessions } = world.store;
  const byToken =
    (await sessions.findByToken(digests)) ??
    (await sessions.findByFormerToken(digests, world.clock.now() - RENEWED_GRACE));
  if (byToken?.session.contract === contract) return byToken;
  return sessionOfFamily(world, contract, credentials.refreshToken);
}

/**
 * The session that an access token (also an expired one) or a refresh token of the contract names.
 * Checking a signature takes time, so this is done before a transaction opens.
 */
async function sessionNamedByTokens(
  world: Pick<World, 'accessTokens' | 'keyring' | 'store'>,
  contract: TokenContract,
  { accessToken, refreshToken }: SessionCredentials,
): Promise<LiveSession | undefined> {
  const access = accessToken ? await world.accessTokens.check(contract, accessToken) : undefined;
  const byAccess = access && (await world.store.sessions.find(access.sessionId));
  if (
    byAccess?.session.contract === contract &&
    isNewest(byAccess.session, access?.tokenId) &&
    access?.account === subjectOf(contract, byAccess.account)
  ) {
    return byAccess;
  }
  return sessionOfFamily(world, contract, refreshToken);
}

/** The session that a refresh token, also a spent one, belongs to. */
async function sessionOfFamily(
  { keyring, store }: Pick<World, 'keyring' | 'store'>,
  contract: SessionContract,
  refreshToken: string | undefined,
): Promise<LiveSession | undefined> {
  const token = refreshToken
    ? await store.refreshTokens.find(keyring.digests('refresh-token', refreshToken))
    : undefined;
  const live = token && (await store.sessions.find(token.sessionId));
  return live?.session.contract === contract ? live : undefined;
}

/**
 * Signs out: ends the session that the credentials name, with its refresh tokens. Without one it does nothing.
 * In the sanctum contract no other client of the account stays signed in beyond what its own token opens.
 *
 * @returns whether there was one to end
 * @see ASVS 5.0: 7.4.1
 */
export async function signOut(
  world: Pick<World, 'accessTokens' | 'clock' | 'keyring' | 'store'>,
  input: { contract: SessionContract; credentials: SessionCredentials; caller: Caller },
): Promise<boolean> {
  const live = await sessionNamedBy(world, input.contract, input.credentials);
  if (!live) return false;
  return world.store.transaction(async (store) => {
    // First, so that of two browsers that sign out side by side the second waits before it has touched anything.
    await store.accounts.hold(live.account.id);
    const ended = await end({ ...world, store }, live, live.session.id, input.caller);
    if (ended && input.contract === 'sanctum') await forgetRemembered(store, live.account);
    return ended;
  });
}

/**
 * Ends one of the account's own sessions.
 *
 * @throws {Failure} `not_found` if it is somebody else's, or over
 * @throws {Failure} `session_ended` if the asking session ended meanwhile
 */
export async function endSession(
  world: Pick<World, 'clock' | 'store'>,
  input: { live: LiveSession; id: string; caller: Caller },
): Promise<void> {
  await world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const live = await stillLive(inStore, input.live);
    if (!(await end(inStore, live, input.id as SessionId, input.caller))) throw new Failure('not_found');
  });
}

async function end(
  world: Pick<World, 'clock'> & { store: Tables },
  { account, session }: LiveSession,
  id: SessionId,
  caller: Caller,
): Promise<boolean> {
  const ended = await world.store.sessions.end(account.id, id);
  if (ended) {
    const now = world.clock.now();
    await world.store.audit.record(auditEvent('session.ended', { account, contract: session.contract, caller, now }));
  }
  return ended;
}

/**
 * Signs out everywhere else: ends the account's other sessions, of every contract, and what is pending (rule 8).
 *
 * @returns how many ended
 * @throws {Failure} `session_ended` if the asking session ended meanwhile
 */
export async function endOtherSessions(
  world: Pick<World, 'clock' | 'store'>,
  input: { live: LiveSession; caller: Caller },
): Promise<number> {
  const now = world.clock.now();
  return world.store.transaction(async (store) => {
    const { account, session } = await stillLive({ ...world, store }, input.live);
    const ended = await store.sessions.endAll(account.id, session.id);
    await store.accounts.moveEpoch(account.id, now);
    await store.pendingLogins.removeAll(account.id);
    await store.audit.record(
      auditEvent('session.ended_others', {
        account,
        contract: session.contract,
        caller: input.caller,
        now,
        facts: { ended },
      }),
    );
    return ended;
  });
}
