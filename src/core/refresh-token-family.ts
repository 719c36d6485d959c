import { accessTokenOf, type TokenContract } from './access-token.ts';
import type { Account } from './account.ts';
import { auditEvent } from './audit.ts';
import { fingerprintLabels, hasFingerprint } from './device.ts';
import { Failure } from './failure.ts';
import { mailTo } from './mail.ts';
import { isLive, type LiveSession, type Session, type SessionId } from './session.ts';
import { sessionEnd } from './session-lifetime.ts';
import type { Tables } from './store.ts';
import { type Instant, seconds } from './time.ts';
import type { Caller, World } from './world.ts';

/** One member of a family; the session is the family. */
export interface RefreshToken {
  digest: string;
  sessionId: SessionId;
  createdAt: Instant;
  expiresAt: Instant;
  /** Set, with what its successor is derived from, when it was spent. */
  rotatedAt: Instant | null;
  nonce: string | null;
  keyId: string | null;
  successorDigest: string | null;
}

/** Contracts with sessions that a token keeps alive which is spent for its successor. */
export type FamilyContract = TokenContract | 'sanctum';

/** How each of them writes the 256 bits of a token. */
const ENCODING = {
  device: 'hex',
  cookie: 'base64url',
  sanctum: 'base64url',
} as const satisfies Record<FamilyContract, BufferEncoding>;
const TOKEN_BYTES = 32;

/** A spent token still gets the newest one: always this soon, for two tabs … */
const GRACE = seconds(10);
/** … and this long while its successor was never presented, for a lost answer (rule 26). */
const LOST_ANSWER_GRACE = seconds(60);
/** Rotations in that time that are followed. */
const MOST_STEPS = 50;

/** The first token of a family, in the form of its contract. */
export function newRefreshToken(world: Pick<World, 'random'>, contract: FamilyContract): string {
  return inForm(contract, world.random.bytes(TOKEN_BYTES));
}

const inForm = (contract: FamilyContract, bytes: Uint8Array): string => Buffer.from(bytes).toString(ENCODING[contract]);

function hasForm(contract: FamilyContract, token: string): boolean {
  const bytes = Buffer.from(token, ENCODING[contract]);
  return bytes.length === TOKEN_BYTES && inForm(contract, bytes) === token;
}

/** The row of a new token that belongs to the session. */
export function makeRefreshToken(world: Pick<World, 'keyring'>, session: Session, token: string): RefreshToken {
  return {
    digest: world.keyring.digest('refresh-token', token),
    sessionId: session.id,
    createdAt: session.lastUsedAt,
    expiresAt: session.expiresAt,
    rotatedAt: null,
    nonce: null,
    keyId: null,
    successorDigest: null,
  };
}

export interface Refreshed {
  account: Account;
  session: Session;
  accessToken: string;
  refreshToken: string;
}

type Rotation = ({ outcome: 'refreshed' } & Rotated) | { outcome: 'ended' } | { outcome: 'replayed' };

export interface Rotated {
  live: LiveSession;
  /** The family's newest. */
  refreshToken: string;
}

/** What is presented, and by whom. */
export interface Presented<Contract extends FamilyContract = FamilyContract> {
  contract: Contract;
  refreshToken: string;
  fingerprint?: string | undefined;
  caller: Caller;
}

/** What a rotation does to its session, in its transaction. @returns the session as it is then */
type Renewal = (
  world: Pick<World, 'clock' | 'keyring' | 'random'> & { store: Tables },
  session: Session,
  by: { caller: Caller; successor: string },
) => Promise<Session>;

/**
 * Spends a refresh token for its successor and a new access token. Callers that present one token side by side,
 * or again because the answer was lost, get the same successor; a spent token that comes back later ends the session
 * and its owner is told.
 *
 * @throws {Failure} `session_ended` in every other case: unknown, expired, replayed, of another contract, or the account was locked
 * @see RFC 9700 §4.14.2; ASVS 5.0: 10.4.5, 10.4.8
 */
export async function rotateRefreshToken(
  world: Pick<World, 'accessTokens' | 'clock' | 'keyring' | 'random' | 'store'>,
  input: Presented<TokenContract>,
): Promise<Refreshed> {
  const { live, refreshToken } = await rotateFamily(world, input, renewAccess);
  return { ...live, refreshToken, accessToken: await accessTokenOf(world, live) };
}

/** Names a new access token, and has the session live on. */
const renewAccess: Renewal = async (world, before, { caller }) => {
  const now = world.clock.now();
  const session: Session = {
    ...before,
    previousTokenId: before.tokenId,
    tokenId: world.random.uuid(),
    lastUsedAt: now,
    // As it is now: a browser that was updated stays the same client to its other tab.
    address: caller.address,
    userAgent: caller.userAgent,
    expiresAt: sessionEnd(before.contract as TokenContract, before.createdAt, now),
  };
  await world.store.sessions.renew(session.id, { ...session, tokenId: session.tokenId ?? '' });
  return session;
};

/**
 * The same for every kind of family.
 *
 * @param renew what the rotation does to the session
 * @throws {Failure} as {@link rotateRefreshToken}
 */
export async function rotateFamily(
  world: Pick<World, 'clock' | 'keyring' | 'random' | 'store'>,
  input: Presented,
  renew: Renewal,
): Promise<Rotated> {
  if (!hasForm(input.contract, input.refreshToken)) throw new Failure('session_ended', { credential: 'refused' });
  // What ends a family must outlive the "no", so the transaction returns it and the throw comes after.
  const rotation = await world.store.transaction((store) => rotate({ ...world, store }, input, renew));
  // One that is not found cannot be told from one that went with its session.
  if (rotation.outcome !== 'refreshed') throw new Failure('session_ended', { credential: 'over' });
  return rotation;
}

async function rotate(
  world: Pick<World, 'clock' | 'keyring' | 'random'> & { store: Tables },
  input: Presented,
  renew: Renewal,
): Promise<Rotation> {
  const { store } = world;
  const now = world.clock.now();
  const token = await store.refreshTokens.hold(world.keyring.digests('refresh-token', input.refreshToken));
  if (!token) return { outcome: 'ended' };
  const live = await store.sessions.find(token.sessionId);
  if (!live || !isLive(live, input.contract, now) || token.expiresAt <= now) return { outcome: 'ended' };

  const sameClient = await isSameClient(world, live, input);
  if (token.rotatedAt === null) {
    if (!sameClient.byFingerprint) return { outcome: 'ended' };
    const nonce = Buffer.from(world.random.bytes(16)).toString('base64url');
    return spend(world, live, { text: input.refreshToken, token, nonce, caller: input.caller }, renew);
  }
  if (sameClient.forGrace && (await mayHaveNewest(world, token))) {
    const refreshToken = await newestOf(world, input, token);
    if (refreshToken) return { outcome: 'refreshed', live, refreshToken };
  }
  await endReplayedFamily(world, live, input.caller);
  return { outcome: 'replayed' };
}

async function spend(
  world: Pick<World, 'clock' | 'keyring' | 'random'> & { store: Tables },
  live: LiveSession,
  { text, token, nonce, caller }: { text: string; token: RefreshToken; nonce: string; caller: Caller },
  renew: Renewal,
): Promise<Rotation> {
  const { bytes, keyId } = world.keyring.successor(text, nonce);
  const refreshToken = inForm(live.session.contract as FamilyContract, bytes);
  const session = await renew(world, live.session, { caller, successor: refreshToken });
  const successor = makeRefreshToken(world, session, refreshToken);
  const spent = await world.store.refreshTokens.spend(token.digest, {
    rotatedAt: world.clock.now(),
    nonce,
    keyId,
    successorDigest: successor.digest,
  });
  // The session's row is held, so nobody else can have spent it since it was read.
  if (!spent) throw new Error('a held refresh token was spent by somebody else');
  await world.store.refreshTokens.insert(successor);
  return { outcome: 'refreshed', live: { account: live.account, session }, refreshToken };
}

/**
 * Whether the same client asks: by its device's fingerprint where the session has one, and asks for it with every token;
 * else by its user agent, and only for the grace of a spent one (rule 26).
 */
async function isSameClient(
  world: Pick<World, 'keyring'> & { store: Tables },
  { session }: LiveSession,
  { caller, fingerprint }: { caller: Caller; fingerprint?: string | undefined },
): Promise<{ byFingerprint: boolean; forGrace: boolean }> {
  const device = session.deviceId === null ? undefined : await world.store.devices.find(session.deviceId);
  if (!device || !hasFingerprint(device.label)) {
    return { byFingerprint: true, forGrace: session.userAgent === caller.userAgent };
  }
  const same = fingerprint !== undefined && fingerprintLabels(world, fingerprint).includes(device.label);
  return { byFingerprint: same, forGrace: same };
}

async function mayHaveNewest(world: Pick<World, 'clock'> & { store: Tables }, token: RefreshToken): Promise<boolean> {
  const age = world.clock.now() - (token.rotatedAt ?? 0);
  if (age <= GRACE) return true;
  if (age > LOST_ANSWER_GRACE || !token.successorDigest) return false;
  const successor = await world.store.refreshTokens.find([token.successorDigest]);
  return successor?.rotatedAt === null;
}

/**
 * Walks from a spent token to the one of its family that is not, deriving each from the one before; a client that has
 * rotated more often in the grace than any does is not followed.
 */
async function newestOf(
  world: Pick<World, 'keyring'> & { store: Tables },
  presented: Pick<Presented, 'contract' | 'refreshToken'>,
  token: RefreshToken,
): Promise<string | undefined> {
  let current: RefreshToken | undefined = token;
  let derived = presented.refreshToken;
  for (let steps = 0; current?.rotatedAt != null; steps += 1) {
    if (steps === MOST_STEPS || !current.nonce || !current.keyId || !current.successorDigest) return undefined;
    const { bytes } = world.keyring.successor(derived, current.nonce, current.keyId);
    derived = inForm(presented.contract, bytes);
    current = await world.store.refreshTokens.find([current.successorDigest]);
  }
  return current && derived;
}

async function endReplayedFamily(
  world: Pick<World, 'clock'> & { store: Tables },
  { account, session }: LiveSession,
  caller: Caller,
): Promise<void> {
  const now = world.clock.now();
  await world.store.sessions.end(account.id, session.id);
  await world.store.audit.record(auditEvent('session.replayed', { account, contract: session.contract, caller, now }));
  await mailTo(world, account, {
    template: 'session_replayed',
    facts: { name: account.name, at: now, address: caller.address, userAgent: caller.userAgent },
  });
}
