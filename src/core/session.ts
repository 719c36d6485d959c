import type { Account, AccountId } from './account.ts';
import type { DeviceId } from './device.ts';
import { Failure } from './failure.ts';
import type { SiteId } from './site.ts';
import type { Tables } from './store.ts';
import type { Instant } from './time.ts';
import type { ContractName, World } from './world.ts';

declare const brand: unique symbol;
/** Names a session; it is no secret, and opens nothing by itself. */
export type SessionId = string & { readonly [brand]: 'session' };

/** One signed-in client. It ends by being removed. */
export interface Session {
  id: SessionId;
  accountId: AccountId;
  /** The contract that opened it, and the only one its credentials open (rule 27). */
  contract: ContractName;
  /** The newest access token's `jti` and the one before it; no other is accepted. */
  tokenId: string | null;
  previousTokenId: string | null;
  createdAt: Instant;
  /** When a first factor was last proven. */
  authenticatedAt: Instant;
  /** When a second factor was last proven in it. */
  factorProvenAt: Instant | null;
  /** Coalesced: moved by a sign-in or a refresh, and by looks where these make it live on, now and then. */
  lastUsedAt: Instant;
  /** Idle and absolute end, whichever comes first. */
  expiresAt: Instant;
  address: string | null;
  userAgent: string | null;
  /** The named device it was opened on, in the contracts that have them. */
  deviceId: DeviceId | null;
  /** Of the opaque token that opens it, in contracts that have one. */
  tokenDigest: string | null;
  /** Of the token before, and when it was renewed: it answers for some seconds more (rule 30). */
  previousTokenDigest: string | null;
  tokenRenewedAt: Instant | null;
  /** The site that it is at: the account's default when it began, until it is moved. */
  siteId: SiteId | null;
  /** When the password was last confirmed in it; signing in is no confirmation (rule 19). */
  passwordConfirmedAt: Instant | null;
}

export interface LiveSession {
  session: Session;
  account: Account;
}

/** Whether a session that was found opens what belongs to the contract. */
export function isLive({ account, session }: LiveSession, contract: ContractName, now: Instant): boolean {
  return session.contract === contract && session.expiresAt > now && account.disabledAt === null;
}

/** Whether an access token is one of the two that a session still accepts (rule 27). */
export function isNewest(session: Session, tokenId: string | undefined): boolean {
  return tokenId !== undefined && (tokenId === session.tokenId || tokenId === session.previousTokenId);
}

/**
 * Reads a session again inside the transaction of the change it asks for (rule 28).
 *
 * @throws {Failure} `session_ended` if it ended meanwhile
 */
export async function stillLive(
  world: Pick<World, 'clock'> & { store: Tables },
  { account, session }: LiveSession,
): Promise<LiveSession> {
  await world.store.accounts.hold(account.id);
  const live = await world.store.sessions.find(session.id);
  if (!live || !isLive(live, session.contract, world.clock.now()))
    throw new Failure('session_ended', { credential: 'over' });
  return live;
}
