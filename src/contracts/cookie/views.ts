import type { Account } from '../../core/account.ts';
import type { Session } from '../../core/session.ts';

const iso = (instant: number): string => new Date(instant).toISOString();

/** An account of this contract was found by its e-mail, or holds it as its name on the wire. */
const emailOf = ({ email }: Account): string => email ?? '';

export const registeredUser = (account: Account) => ({
  id: account.uuid,
  email: emailOf(account),
  name: account.name,
  emailVerified: account.emailVerifiedAt !== null,
  createdAt: iso(account.createdAt),
});

export const signedInUser = (account: Account) => ({
  id: account.uuid,
  email: emailOf(account),
  name: account.name,
  role: account.role,
  emailVerified: account.emailVerifiedAt !== null,
});

export const currentUser = (account: Account) => ({ ...signedInUser(account), createdAt: iso(account.createdAt) });

export const refreshedUser = (account: Account) => ({
  id: account.uuid,
  email: emailOf(account),
  name: account.name,
  role: account.role,
});

export const listedSession = (session: Session, current: Session) => ({
  id: session.id,
  contract: session.contract,
  current: session.id === current.id,
  ip: session.address,
  userAgent: session.userAgent,
  createdAt: iso(session.createdAt),
  lastUsedAt: iso(session.lastUsedAt),
  expiresAt: iso(session.expiresAt),
});
