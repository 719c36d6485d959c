import type { TokenContract } from './access-token.ts';
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
  const claims = input.accessToken && (await world.accessTokens.check(input.contract, input.accessToken));
  if (!claims) throw new Failure('session_ended');
  const { sessions } = world.store;
  const live = await (input.changes ? sessions.find(claims.sessionId) : sessions.peek(claims.sessionId));
  if (!live || !isLive(live, input.contract, world.clock.now())) throw new Failure('session_ended');
  const { account, session } = live;
  if (!isNewest(session, claims.tokenId) || claims.subject !== account.uuid) throw new Failure('session_ended');
  return live;
}
