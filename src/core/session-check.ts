import { ACCESS_LIFETIMES, subjectOf, type TokenContract } from './access-token.ts';
import { Failure } from './failure.ts';
import { isLive, isNewest, type LiveSession } from './session.ts';
import { minutes } from './time.ts';
import type { World } from './world.ts';

/** Longest between a session's last use and the signing of a token for it: a retry within its grace, and clocks that differ. */
const SIGNED_WITHIN = minutes(2);

/**
 * The session and account behind an access token. The session is looked up each time, so that one which ended
 * is refused at once, however long its token would live.
 *
 * @param input.changes whether the request changes something; only one that does not may be answered from a copy up to a second old
 * @throws {Failure} `session_ended` for a token that is missing, forged, expired, of another contract, or no longer one of the session's newest two
 * @see rules 27 and 28
 */
export async function checkSession(
  world: Pick<World, 'accessTokens' | 'clock' | 'store'>,
  input: { contract: TokenContract; accessToken: string | undefined; changes: boolean },
): Promise<LiveSession> {
  const { accessToken, changes, contract } = input;
  if (!accessToken) throw new Failure('session_ended', { credential: 'missing' });
  const token = await world.accessTokens.check(contract, accessToken);
  if (!token) throw new Failure('session_ended', { credential: 'refused' });
  const now = world.clock.now();
  if (token.expiresAt <= now) throw new Failure('session_ended', { credential: 'over' });

  const { sessions } = world.store;
  const opens = (live: LiveSession | undefined): live is LiveSession =>
    live !== undefined && isLive(live, contract, now) && isNewest(live.session, token.tokenId);
  const copy = changes ? undefined : await sessions.peek(token.sessionId);
  // A copy from before a refresh elsewhere does not know the newest token: "no" is never said from a copy.
  const live = opens(copy) ? copy : await sessions.find(token.sessionId);
  if (!opens(live)) throw new Failure('session_ended', { credential: 'over' });

  // Whoever shares the HS256 secret can sign what they like around the name of a token that they were shown.
  const longest = live.session.lastUsedAt + ACCESS_LIFETIMES[contract] + SIGNED_WITHIN;
  if (token.account !== subjectOf(contract, live.account) || token.expiresAt > longest) {
    throw new Failure('session_ended', { credential: 'refused' });
  }
  return live;
}
