import { accessTokenOf, isTokenContract, type TokenContract } from './access-token.ts';
import type { Account } from './account.ts';
import { auditEvent } from './audit.ts';
import { type DeviceId, MOST_DEVICES, type NamedDevice } from './device.ts';
import { Failure } from './failure.ts';
import { KNOWN_FOR } from './lockout.ts';
import { circumstancesOf, mailTo } from './mail.ts';
import { type FamilyContract, makeRefreshToken, newRefreshToken } from './refresh-token-family.ts';
import type { Session, SessionId } from './session.ts';
import { absoluteEnd, type SessionContract, sessionEnd } from './session-lifetime.ts';
import { newSessionToken, USE_NOTED_EVERY } from './session-token.ts';
import type { Tables } from './store.ts';
import { hours } from './time.ts';
import type { Caller, World } from './world.ts';

/** Most live sessions of an account (rule 30). */
const SESSION_CAP = 50;
const HARD_CAP = 200;
/** Most clients and places known to an account. */
const MOST_KNOWN = 200;

/** A session and its secrets before the transaction that made them is durable. */
export interface StartedSession {
  account: Account;
  session: Session;
  /** What the client keeps the session by: its first refresh token, or the token that opens it by itself. */
  secret: string;
  /** What opens it anew when its own secret no longer does, where the client is to stay signed in. */
  rememberToken: string | null;
  /** For the client to send back at its next sign-in; a client known already keeps its own (rule 20). */
  clientToken: string;
}

/** How a contract's sessions travel. */
type Secrets<Contract extends SessionContract> = Contract extends TokenContract
  ? { accessToken: string; refreshToken: string }
  : Contract extends 'sanctum'
    ? { sessionToken: string; rememberToken: string | null }
    : { sessionToken: string };

/** What a signed-in client is given. */
export type SignedIn<Contract extends SessionContract = TokenContract> = {
  outcome: 'signed_in';
} & Omit<StartedSession, 'rememberToken' | 'secret'> &
  Secrets<Contract>;

/** Puts the secrets of a session that is durable into the form of its contract. */
export async function signedInWith<Contract extends SessionContract>(
  world: Pick<World, 'accessTokens' | 'clock'>,
  contract: Contract,
  { rememberToken, secret, ...started }: StartedSession,
): Promise<SignedIn<Contract>> {
  const secrets = isTokenContract(contract)
    ? { accessToken: await accessTokenOf(world, started), refreshToken: secret }
    : { sessionToken: secret, ...(contract === 'sanctum' && { rememberToken }) };
  return { outcome: 'signed_in', ...started, ...secrets } as unknown as SignedIn<Contract>;
}

type StartWorld = Pick<World, 'clock' | 'keyring' | 'random'> & { store: Tables };

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
 * The owner is told of a sign-in from a client and a place that the account does not know.
 *
 * @param of.account as it was read together with the credential
 * @throws {Failure} `invalid_credentials` if the account was changed, locked or deleted meanwhile
 */
export async function startSession(
  world: StartWorld,
  of: {
    account: Account;
    contract: SessionContract;
    caller: Caller;
    secondFactor: boolean;
    device?: NamedDevice;
    /** Whether the client is to stay signed in beyond what its token opens, up to the session's absolute end. */
    remember?: boolean;
  },
): Promise<StartedSession> {
  const { caller, contract, device } = of;
  const now = world.clock.now();
  const held = await holdUnchanged(world, of.account);
  const token = isTokenContract(contract) ? undefined : newSessionToken(world);
  const session: Session = {
    id: world.random.uuid() as SessionId,
    accountId: held.id,
    contract,
    tokenId: token ? null : world.random.uuid(),
    previousTokenId: null,
    createdAt: now,
    authenticatedAt: now,
    factorProvenAt: of.secondFactor ? now : null,
    lastUsedAt: now,
    expiresAt: of.remember ? absoluteEnd(contract, now) : sessionEnd(contract, now, now),
    address: caller.address,
    userAgent: caller.userAgent,
    deviceId: device ? await useDevice(world, held, device, caller) : null,
    tokenDigest: token?.digest ?? null,
    previousTokenDigest: null,
    tokenRenewedAt: null,
    siteId: held.defaultSiteId,
    passwordConfirmedAt: null,
  };
  await world.store.sessions.insert(session);
  const ended = await world.store.sessions.endBeyond(held.id, {
    keep: SESSION_CAP - 1,
    hardLimit: HARD_CAP - 1,
    usedSince: now - hours(24),
    notedSince: now - hours(24) - USE_NOTED_EVERY,
    spare: session.id,
  });
  if (ended > 0) {
    const facts = { ended };
    await world.store.audit.record(auditEvent('session.ended_by_cap', { account: held, contract, caller, now, facts }));
  }
  const secret = token?.token ?? (await startFamily(world, session));
  const rememberToken = of.remember ? await startFamily(world, session) : null;
  const clientToken = await recogniseClient(world, held, caller, device ?? null);
  const account = {
    ...held,
    ...(await world.store.accounts.recordSignIn(held.id, { at: now, address: caller.address })),
  };
  return { account, session, secret, rememberToken, clientToken };
}

async function startFamily(world: StartWorld, session: Session): Promise<string> {
  const refreshToken = newRefreshToken(world, session.contract as FamilyContract);
  await world.store.refreshTokens.insert(makeRefreshToken(world, session, refreshToken));
  return refreshToken;
}

async function useDevice(world: StartWorld, account: Account, device: NamedDevice, caller: Caller): Promise<DeviceId> {
  const { devices } = world.store;
  const place = { address: caller.address, now: world.clock.now() };
  const id = await devices.use({ accountId: account.id, ...device, ...place });
  await devices.keepNewest(account.id, MOST_DEVICES);
  return id;
}

/**
 * Where a client signs in from, as far as it can be told without its token. A fingerprint is anybody's to send: it makes a
 * client familiar only together with where it comes from (R075).
 */
const placeOf = (caller: Caller, device: NamedDevice | null): string =>
  JSON.stringify([device?.label ?? null, caller.userAgent, caller.network.key]);

/** Forgets every client and place that the account knows but those of this session. */
export async function forgetOtherClients(
  world: Pick<World, 'keyring'> & { store: Tables },
  session: Session,
  caller: Caller,
): Promise<void> {
  const device = session.deviceId === null ? undefined : await world.store.devices.find(session.deviceId);
  const token = caller.clientToken ? world.keyring.digests('known-client', caller.clientToken) : [];
  const place = world.keyring.digests('familiar-place', placeOf(caller, device ?? null));
  await world.store.knownClients.forgetAll(session.accountId, [...token, ...place]);
}

/** Ten an hour tell their owner enough, and whoever signs in over and over sends no more. */
async function mayTellOfDevice(world: StartWorld, account: Account): Promise<boolean> {
  const rule = { limit: 10, windowMilliseconds: hours(1), now: world.clock.now() };
  return (await world.store.limits.take(`new-device:${account.id}`, rule)).allowed;
}

/** Finds out whether the account knows the client, tells the owner if not, and knows it from now on. */
async function recogniseClient(
  world: StartWorld,
  account: Account,
  caller: Caller,
  device: NamedDevice | null,
): Promise<string> {
  const { knownClients } = world.store;
  const now = world.clock.now();
  const knows = (purpose: 'known-client' | 'familiar-place', text: string): Promise<boolean> =>
    knownClients.knows(world.keyring.digests(purpose, text), account.id, now - KNOWN_FOR);
  const known = caller.clientToken !== null && (await knows('known-client', caller.clientToken));
  const place = placeOf(caller, device);
  const isNew = !known && account.signInCount > 0 && !(await knows('familiar-place', place));
  if (isNew && (await mayTellOfDevice(world, account))) {
    await mailTo(world, account, {
      template: 'new_device',
      facts: { ...circumstancesOf(world, account, caller), deviceName: device?.name ?? null },
    });
  }
  // A value that this server never handed out is not taken up: it could be known to others.
  const token =
    known && caller.clientToken ? caller.clientToken : Buffer.from(world.random.bytes(32)).toString('base64url');
  await knownClients.remember(world.keyring.digest('known-client', token), account.id, now);
  await knownClients.remember(world.keyring.digest('familiar-place', place), account.id, now);
  await knownClients.keepNewest(account.id, MOST_KNOWN);
  return token;
}
