import { Failure } from './failure.ts';
import { isLive, type LiveSession } from './session.ts';
import { type SessionContract, sessionEnd } from './session-lifetime.ts';
import { hours, type Instant, minutes, seconds } from './time.ts';
import type { World } from './world.ts';

/** 256 bits in base64url: no data in it, and nothing to tell it from another (ASVS 5.0: 7.2.3). */
const FORM = /^[\w-]{43}$/;

/**
 * Longest between two notes of a session's use: a session that is looked at all the time is not written all the time.
 * One that lives for two idle hours is written more often than one that lives for seven idle days.
 */
export const USE_NOTED_EVERY = hours(1);
const useNotedEvery = (contract: SessionContract): number => (contract === 'sanctum' ? minutes(1) : USE_NOTED_EVERY);

/** How long a token answers after another has taken its place: for requests that were on their way (rule 30). */
export const RENEWED_GRACE = seconds(10);

/** Makes the secret that opens a session by itself; only its digest is kept. */
export function newSessionToken(world: Pick<World, 'keyring' | 'random'>): { token: string; digest: string } {
  const token = Buffer.from(world.random.bytes(32)).toString('base64url');
  return { token, digest: world.keyring.digest('session-token', token) };
}

/** What a token's session is looked up by; nothing for a text that no token is. */
export const sessionTokenDigests = (world: Pick<World, 'keyring'>, token: string): string[] =>
  FORM.test(token) ? world.keyring.digests('session-token', token) : [];

/**
 * The session and account behind an opaque session token, and its use noted, which makes the session live on.
 *
 * @param input.changes whether the request changes something; only one that does not may be answered from a copy up to a second old
 * @param input.unprovenToo whether an account whose address is not proven may ask for this
 * @throws {Failure} `session_ended` for a token that is missing, unknown, expired or of another contract
 * @throws {Failure} `identifier_unproven`
 * @see rules 27 and 28; ASVS 5.0: 7.2.1, 7.3.1
 */
export async function checkSessionToken(
  world: Pick<World, 'clock' | 'keyring' | 'store'>,
  input: { contract: SessionContract; sessionToken: string | undefined; changes: boolean; unprovenToo?: boolean },
): Promise<LiveSession> {
  const { changes, contract, sessionToken } = input;
  if (!sessionToken) throw new Failure('session_ended', { credential: 'missing' });
  const digests = sessionTokenDigests(world, sessionToken);
  if (digests.length === 0) throw new Failure('session_ended', { credential: 'refused' });
  const now = world.clock.now();
  const { sessions } = world.store;
  const opens = (live: LiveSession | undefined): live is LiveSession =>
    live !== undefined && isLive(live, contract, now) && isAwake(live, contract, now);
  const copy = changes ? undefined : await sessions.peekByToken(digests);
  let live = opens(copy) ? copy : await sessions.findByToken(digests);
  if (contract === 'sanctum') live ??= await sessions.findByFormerToken(digests, now - RENEWED_GRACE);
  if (!opens(live)) throw new Failure('session_ended', { credential: 'over' });
  const { email, emailVerifiedAt } = live.account;
  if (!input.unprovenToo && email !== null && emailVerifiedAt === null) throw new Failure('identifier_unproven');
  return now - live.session.lastUsedAt < useNotedEvery(contract) ? live : noteUse(world, live, contract);
}

/** Whether its token still opens it: one that is remembered lives on, and waits for what it is remembered by. */
const isAwake = ({ session }: LiveSession, contract: SessionContract, now: Instant): boolean =>
  now < sessionEnd(contract, session.createdAt, session.lastUsedAt);

async function noteUse(
  world: Pick<World, 'clock' | 'store'>,
  { account, session }: LiveSession,
  contract: SessionContract,
): Promise<LiveSession> {
  const lastUsedAt = world.clock.now();
  const use = { lastUsedAt, expiresAt: sessionEnd(contract, session.createdAt, lastUsedAt) };
  const noted = await world.store.transaction((store) => store.sessions.touch(session.id, use));
  if (!noted) throw new Failure('session_ended', { credential: 'over' });
  return { account, session: { ...session, ...use, expiresAt: Math.max(use.expiresAt, session.expiresAt) } };
}
