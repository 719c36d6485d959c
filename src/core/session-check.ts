import { subjectOf, type TokenContract } from './access-token.ts';
import { Failure } from './failure.ts';
import { isLive, isNewest, type LiveSession } from './session.ts';
import type { World } from './world.ts';

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
  const live = await (changes ? sessions.find(token.sessionId) : sessions.peek(token.sessionId));
  if (!live || !isLive(live, contract, now) || !isNewest(live.session, token.tokenId)) {
    throw new Failure('session_ended', { credential: 'over' });
  }
  if (token.account !== subjectOf(contract, live.account))
    throw new Failure('session_ended', { credential: 'refused' });
  return live;
}
