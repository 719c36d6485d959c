import type { Account } from './account.ts';
import { type Rotated, rotateFamily } from './refresh-token-family.ts';
import type { LiveSession, Session } from './session.ts';
import { idleTime } from './session-lifetime.ts';
import type { Tables } from './store.ts';
import type { Caller, World } from './world.ts';

/** A session that was opened anew, with its two secrets for its client to keep. */
export interface RevivedSession extends Pick<Rotated, 'live'> {
  /** `null` if the session has got another one since, which this client is told by another answer. */
  sessionToken: string | null;
  rememberToken: string;
}

/**
 * Opens a session anew for a client that is to stay signed in, once its token no longer does. What it is remembered by is
 * spent for its successor, like a refresh token: tabs that present it side by side get the same two secrets, unless the session was renamed meanwhile; one that
 * comes back later ends the session, and its owner is told. What the session had proven before is not proven any more.
 *
 * @throws {Failure} `session_ended`, see `rotateRefreshToken`
 * @see rules 19 and 26; K36; R077
 */
export async function reviveSession(
  world: Pick<World, 'clock' | 'keyring' | 'random' | 'store'>,
  input: { rememberToken: string; caller: Caller },
): Promise<RevivedSession> {
  const { caller, rememberToken: refreshToken } = input;
  const rotated = await rotateFamily(
    world,
    { contract: 'sanctum', refreshToken, caller },
    async (inStore, session, { successor }) => {
      const change = {
        tokenDigest: inStore.keyring.digest('session-token', sessionTokenFor(inStore, successor)),
        lastUsedAt: inStore.clock.now(),
        address: caller.address,
        userAgent: caller.userAgent,
      };
      if (!(await inStore.store.sessions.reopen(session.id, change))) throw new Error('a held session is gone');
      return reopened(session, change);
    },
  );
  const sessionToken = sessionTokenFor(world, rotated.refreshToken);
  return {
    // Also for who comes a moment after whoever has proven something in it since.
    live: unproven(rotated.live),
    sessionToken: opensIt(world, rotated.live.session, sessionToken) ? sessionToken : null,
    rememberToken: rotated.refreshToken,
  };
}

const opensIt = (world: Pick<World, 'keyring'>, { tokenDigest }: Session, sessionToken: string): boolean =>
  tokenDigest !== null && world.keyring.digests('session-token', sessionToken).includes(tokenDigest);

/** Derived, so that who comes a moment later is given the same. */
const sessionTokenFor = ({ keyring }: Pick<World, 'keyring'>, rememberToken: string): string =>
  keyring.digest('remembered-session', rememberToken);

const reopened = (
  session: Session,
  change: Pick<Session, 'address' | 'lastUsedAt' | 'tokenDigest' | 'userAgent'>,
): Session => ({
  ...session,
  ...change,
  previousTokenDigest: null,
  tokenRenewedAt: null,
  factorProvenAt: null,
  passwordConfirmedAt: null,
});

/** Has no client of the account stay signed in beyond what its own token opens, in the caller's transaction. */
export const forgetRemembered = ({ sessions }: Tables, account: Account): Promise<void> =>
  sessions.forgetRemembered(account.id, { contract: 'sanctum', idle: idleTime('sanctum') });

/** A session as somebody finds it who shows no more than that they had it before: nothing is proven in it. */
export const unproven = ({ account, session }: LiveSession): LiveSession => ({
  account,
  session: { ...session, factorProvenAt: null, passwordConfirmedAt: null },
});
