import type { Account } from './account.ts';
import { Failure } from './failure.ts';
import { KNOWN_FOR } from './lockout.ts';
import { makeRefreshToken } from './refresh-token-family.ts';
import type { Session, SessionId } from './session.ts';
import { days, hours, minutes } from './time.ts';
import type { AccessClaims, Caller, ContractName, Tables, World } from './world.ts';

/** How long what a contract hands out lives, in milliseconds. */
export interface Lifetimes {
  access: number;
  /** Since the last use. */
  idle: number;
  /** Since the last sign-in, however much it is used. */
  absolute: number;
}

/** Contracts whose sessions travel as an access JWT and a rotating refresh token. */
export const LIFETIMES = {
  cookie: { access: minutes(15), idle: days(7), absolute: days(30) },
} as const satisfies Partial<Record<ContractName, Lifetimes>>;

export type TokenContract = keyof typeof LIFETIMES;

/** Most live sessions of an account (rule 30). */
const SESSION_CAP = 50;
const HARD_CAP = 200;

/** What a signed-in client is given. */
export interface SignedIn {
  outcome: 'signed_in';
  account: Account;
  session: Session;
  accessToken: string;
  refreshToken: string;
  /** For the client to send back at its next sign-in; a client known already keeps its own (rule 20). */
  clientToken: string;
}

/** A session and its secrets before the transaction that made them is durable. */
export type StartedSession = Omit<SignedIn, 'accessToken' | 'outcome'>;

/**
 * Opens a session in the caller's transaction, if the account still is as it was when the credential was read (rule 8).
 *
 * @param account as it was read together with the credential
 * @throws {Failure} `invalid_credentials` if the account was changed, locked or deleted meanwhile
 */
export async function startSession(
  world: Pick<World, 'clock' | 'keyring' | 'random'> & { store: Tables },
  of: { account: Account; contract: TokenContract; caller: Caller; secondFactor: boolean },
): Promise<StartedSession> {
  const now = world.clock.now();
  const account = await world.store.accounts.hold(of.account.id);
  if (!account || account.epoch !== of.account.epoch || account.disabledAt !== null) {
    throw new Failure('invalid_credentials');
  }
  const lifetimes = LIFETIMES[of.contract];
  const session: Session = {
    id: world.random.uuid() as SessionId,
    accountId: account.id,
    contract: of.contract,
    tokenId: world.random.uuid(),
    previousTokenId: null,
    createdAt: now,
    authenticatedAt: now,
    factorProvenAt: of.secondFactor ? now : null,
    lastUsedAt: now,
    expiresAt: now + lifetimes.idle,
    address: of.caller.address,
    userAgent: of.caller.userAgent,
  };
  await world.store.sessions.insert(session);
  await world.store.sessions.endBeyond(account.id, { keep: SESSION_CAP, hardLimit: HARD_CAP, usedSince: now - hours(24) });
  const refreshToken = Buffer.from(world.random.bytes(32)).toString('base64url');
  await world.store.refreshTokens.insert(makeRefreshToken(world, session, refreshToken));
  const clientToken = await rememberClient(world, account, of.caller);
  return { account, session, refreshToken, clientToken };
}

async function rememberClient(
  world: Pick<World, 'clock' | 'keyring' | 'random'> & { store: Tables },
  account: Account,
  caller: Caller,
): Promise<string> {
  const now = world.clock.now();
  const known =
    caller.clientToken !== null &&
    (await world.store.knownClients.knows(
      world.keyring.digests('known-client', caller.clientToken),
      account.id,
      now - KNOWN_FOR,
    ));
  // A value that this server never handed out is not taken up: it could be known to others.
  const token = known && caller.clientToken ? caller.clientToken : Buffer.from(world.random.bytes(32)).toString('base64url');
  await world.store.knownClients.remember(world.keyring.digest('known-client', token), account.id, now);
  return token;
}

/** Signs the session's newest access token; done once its transaction is durable. */
export async function accessTokenOf(
  world: Pick<World, 'accessTokens' | 'clock'>,
  { account, session }: { account: Account; session: Session },
): Promise<string> {
  const contract = session.contract as TokenContract;
  return world.accessTokens.issue(contract, accessClaims(account, session, world.clock.now(), LIFETIMES[contract].access));
}

function accessClaims(account: Account, session: Session, issuedAt: number, lifetime: number): AccessClaims {
  return {
    subject: account.uuid,
    sessionId: session.id,
    tokenId: session.tokenId ?? '',
    role: account.role,
    issuedAt,
    expiresAt: Math.min(issuedAt + lifetime, session.authenticatedAt + LIFETIMES[session.contract as TokenContract].absolute),
  };
}
