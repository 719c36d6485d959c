import type { SiteId } from './site.ts';
import type { Instant } from './time.ts';

declare const brand: unique symbol;
/** Counts up, is never given twice, and addresses nothing from outside. */
export type AccountId = number & { readonly [brand]: 'account' };

/** No account's: what is looked up where there is none, for the same work. */
export const NOBODY = 0 as AccountId;

export type Locale = 'en' | 'fr';

/** A second factor that takes a code (rule 13: an account has at most one). */
export type CodeFactor = 'totp' | 'email' | 'sms';

/** One person, the same in every contract. */
export interface Account {
  id: AccountId;
  /** How the outside names the account. */
  uuid: string;
  name: string | null;
  /** Address of a picture. */
  image: string | null;
  firstName: string;
  lastName: string;
  username: string;
  locale: Locale;
  /** A label of the host application; Guichet never reads it (rule 9). */
  role: string;
  roleId: number;
  accountableType: string;
  accountableId: number;
  /** Moves when a credential, a factor or an identifier changes; what was issued under an older one is dead (rule 8). */
  epoch: number;
  codeFactor: CodeFactor | null;
  /** The site that new sessions begin at, once one was chosen. */
  defaultSiteId: SiteId | null;
  /** Locked by an operator since. */
  disabledAt: Instant | null;
  /** Canonical form; `null` when the account has only a phone number. */
  email: string | null;
  emailVerifiedAt: Instant | null;
  /** E.164; `null` when the account has only an e-mail address. */
  phone: string | null;
  phoneVerifiedAt: Instant | null;
  signInCount: number;
  currentSignIn: SignInPlace | null;
  /** The one before. */
  lastSignIn: SignInPlace | null;
  /** Wrong passwords since the last sign-in: shown, never decided by. */
  failedAttempts: number;
  /** When wrong passwords last locked it; shown until the next sign-in. */
  lockedOutAt: Instant | null;
  /** Wrong second factors in a row (rule 17). */
  wrongCodes: number;
  createdAt: Instant;
  updatedAt: Instant;
  /** Where the sign-up came from, shown to the owner of the address (rule 3). */
  createdFrom: { address: string | null; userAgent: string | null };
}

/** When and from where somebody signed in. */
export interface SignInPlace {
  at: Instant;
  address: string | null;
}

/** Whether it has proven any way to reach its owner. */
export const isProven = (account: Account): boolean =>
  account.emailVerifiedAt !== null || account.phoneVerifiedAt !== null;

/**
 * Splits a display name as rule 9 says: the first word, and the rest.
 * Missing parts are empty strings.
 */
export function splitName(name: string | null): { firstName: string; lastName: string } {
  const [firstName = '', ...rest] = (name ?? '').trim().split(/\s+/);
  return { firstName, lastName: rest.join(' ') };
}

/** What a user name is made of when nobody chose one: the local part of the address, then `base2`, `base3` … while taken. */
export function usernameBase(email: string | null): string {
  const local = (email ?? '').split('@')[0] ?? '';
  return local.slice(0, 60) || 'user';
}
