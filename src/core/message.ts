import type { AccountId, Locale } from './account.ts';
import type { Instant } from './time.ts';

/** Every message Guichet can send, and what its template is given. Notices carry neither a token nor a code (rule 2). */
export interface Messages {
  /** Proves the address of a new account. */
  verify_email: { token: string; name: string | null };
  /** Somebody signed up with an address whose account was never proven: a way to make it one's own (rule 7). */
  claim_account: { token: string; name: string | null };
  reset_password: { token: string; name: string | null };
  password_changed: { name: string | null } & Circumstances;
  /** Ten wrong passwords in a row; the link lifts the lock (rule 20). */
  account_locked: { token: string; name: string | null } & Circumstances;
  /** A spent refresh token came back: the session was ended (rule 26). */
  session_replayed: { name: string | null } & Circumstances;
  /** The right password after five or more wrong ones (ASVS 6.3.5). */
  sign_in_after_failures: { name: string | null } & Circumstances;
}

/** When and from where, as shown to the owner. */
export interface Circumstances {
  at: Instant;
  address: string | null;
  userAgent: string | null;
}

export type Template = keyof Messages;

/** A message as the core hands it over; it leaves with the transaction that wrote it. */
export type Message = {
  [T in Template]: {
    template: T;
    facts: Messages[T];
    accountId: AccountId;
    channel: 'email' | 'sms';
    /** Canonical, and read from the account's row, never from a request (rule 4). */
    to: string;
    locale: Locale;
    createdAt: Instant;
    /** After this it is dropped unsent: its link would be dead. */
    expiresAt: Instant;
  };
}[Template];
