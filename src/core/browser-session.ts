import { Failure } from './failure.ts';
import { reviveSession, unproven } from './remembered-session.ts';
import type { LiveSession } from './session.ts';
import { checkSessionToken, sessionTokenDigests } from './session-token.ts';
import type { Caller, World } from './world.ts';

/** A session that a browser keeps in cookies, and what they are to hold from now on. */
export interface BrowserSession {
  live: LiveSession;
  /** `null` for a request that was on its way when the session got another token: its answer must not undo that. */
  sessionToken: string | null;
  /** Only where it was spent for another. */
  rememberToken: string | null;
}

/**
 * The session behind a browser's cookies: the one that its token opens, or else the one that it is remembered by, which
 * then goes on under new secrets.
 *
 * @throws {Failure} `session_ended`
 * @see rules 26, 28, 30
 */
export async function openBrowserSession(
  world: Pick<World, 'clock' | 'keyring' | 'random' | 'store'>,
  input: { sessionToken: string | undefined; rememberToken: string | undefined; caller: Caller },
): Promise<BrowserSession> {
  const { caller, rememberToken, sessionToken } = input;
  try {
    // Never from a copy: one from before the token was renewed elsewhere would have the cookie go back to the old one.
    const live = await checkSessionToken(world, { contract: 'sanctum', sessionToken, changes: true });
    if (isNewest(world, live, sessionToken)) return { live, sessionToken: sessionToken ?? null, rememberToken: null };
    // Whoever still has the former token has confirmed nothing.
    return { live: unproven(live), sessionToken: null, rememberToken: null };
  } catch (error) {
    const isOver = error instanceof Failure && error.code === 'session_ended';
    if (!isOver || rememberToken === undefined) throw error;
    return reviveSession(world, { rememberToken, caller });
  }
}

function isNewest(world: Pick<World, 'keyring'>, { session }: LiveSession, sessionToken = ''): boolean {
  return session.tokenDigest !== null && sessionTokenDigests(world, sessionToken).includes(session.tokenDigest);
}
