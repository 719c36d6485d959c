import type { Account } from '../../core/account.ts';
import type { LinkedIdentity } from '../../core/linked-identity.ts';
import type { Passkey } from '../../core/passkey.ts';
import type { Session } from '../../core/session.ts';
import type { SignedIn } from '../../core/session-start.ts';

const iso = (instant: number): string => new Date(instant).toISOString();

export const userView = (account: Account) => ({
  id: `user_${account.uuid}`,
  email: account.email,
  name: account.name,
  image: account.image,
  emailVerified: account.emailVerifiedAt !== null,
  createdAt: iso(account.createdAt),
});

/** `token` is the one that the request brought, or that was just made: it is kept nowhere. */
export const sessionView = (session: Session, token: string) => ({
  id: `session_${session.id}`,
  token,
  expiresAt: iso(session.expiresAt),
});

export const signedInView = ({ account, clientToken, session, sessionToken }: SignedIn<'bearer'>) => ({
  user: userView(account),
  session: sessionView(session, sessionToken),
  client_token: clientToken,
});

export const listedSession = (session: Session, current: Session) => ({
  id: `session_${session.id}`,
  contract: session.contract,
  current: session.id === current.id,
  ip: session.address,
  userAgent: session.userAgent,
  createdAt: iso(session.createdAt),
  lastUsedAt: iso(session.lastUsedAt),
  expiresAt: iso(session.expiresAt),
});

export const passkeyView = ({ backedUp, createdAt, lastUsedAt, name, uuid }: Passkey) => ({
  id: `passkey_${uuid}`,
  name,
  backedUp,
  createdAt: iso(createdAt),
  lastUsedAt: lastUsedAt === null ? null : iso(lastUsedAt),
});

export const linkedView = ({ createdAt, email, lastUsedAt, provider }: LinkedIdentity) => ({
  provider,
  email,
  createdAt: iso(createdAt),
  lastUsedAt: lastUsedAt === null ? null : iso(lastUsedAt),
});
