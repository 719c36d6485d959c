import { LIFETIMES, type TokenContract } from './access-token.ts';
import type { Account } from './account.ts';
import { Failure } from './failure.ts';
import { KNOWN_FOR } from './lockout.ts';
import { makeRefreshToken, newRefreshToken } from './refresh-token-family.ts';
import type { Session, SessionId } from './session.ts';
import { hours } from './time.ts';
import type { Caller, Tables, World } from './world.ts';

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
 * Holds an account that must still be as it was when its credential was read (rule 8).
 *
 * @throws {Failure} `invalid_credentials` if it was changed, locked or deleted meanwhile
 */
export async function holdUnchanged({ store }: { store: Tables }, read: Account): Promise<Account> {
  const account = await store.accounts.hold(read.id);
  if (!account || account.epoch !== read.epoch || account.disabledAt !== null) throw new Failure('invalid_credentials');
  return account;
}

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
  const account = await holdUnchanged(world, of.account);
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
    deviceId: null,
  };
  await world.store.sessions.insert(session);
  await world.store.sessions.endBeyond(account.id, {
    keep: SESSION_CAP - 1,
    hardLimit: HARD_CAP - 1,
    usedSince: now - hours(24),
    spare: session.id,
  });
  const refreshToken = newRefreshToken(world, of.contract);
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
  const token =
    known && caller.clientToken ? caller.clientToken : Buffer.from(world.random.bytes(32)).toString('base64url');
  await world.store.knownClients.remember(world.keyring.digest('known-client', token), account.id, now);
  return token;
}
