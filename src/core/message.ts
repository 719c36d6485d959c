import type { AccountId, CodeFactor, Locale } from './account.ts';
import type { IdentifierKind } from './identifier.ts';
import type { SetUpForm } from './set-up-link.ts';
import type { Instant } from './time.ts';

/** Every message Guichet can send, and what its template is given. Notices carry neither a token nor a code (rule 2). */
export interface Messages {
  /** Proves the address of a new account. */
  verify_email: { token: string; name: string | null };
  /** Somebody signed up with an address whose account was never proven: a way to make it one's own (rule 7). */
  claim_account: { token: string; name: string | null };
  /** `inApp`: its link opens the page of the operator's own application, as the sanctum contract has it. */
  reset_password: { token: string; name: string | null; inApp?: true };
  /** An invitation: the account's first password. */
  set_up_password: { token: string; name: string | null; form: SetUpForm };
  /** Signs in whoever holds it (rule 25). */
  magic_link: { token: string; name: string | null };
  /** To the new address, which becomes the account's own by the link. */
  change_email: { token: string; name: string | null };
  password_changed: { name: string | null } & Circumstances;
  /** Ten wrong passwords in a row; the link lifts the lock (rule 20). */
  account_locked: { token: string; name: string | null } & Circumstances;
  /** A spent refresh token came back: the session was ended (rule 26). */
  session_replayed: { name: string | null } & Circumstances;
  /** The right password after five or more wrong ones (ASVS 6.3.5). */
  sign_in_after_failures: { name: string | null } & Circumstances;
  /** The second factor of a sign-in (rule 13). */
  sign_in_code: DeliveredCode;
  /** Proves the identifier of a new account. */
  confirmation_code: DeliveredCode;
  /** Proves a new e-mail address or phone number of an account that has one already. */
  change_code: DeliveredCode;
  /** Eight digits that let a new password be set. */
  reset_code: DeliveredCode;
  /** Proves the channel of a factor that is being switched on. */
  factor_code: DeliveredCode;
  new_device: { name: string | null; deviceName: string | null } & Circumstances;
  /** To the former address or number; the new one is not named, since a stranger may read along at either. */
  identifier_changed: { kind: IdentifierKind; name: string | null } & Circumstances;
  /** To the address or number in use, while its change waits for the code or link sent to the new one, which is not named. */
  identifier_change_requested: { kind: IdentifierKind; by: 'code' | 'link'; name: string | null } & Circumstances;
  factor_changed: { change: 'enabled' | 'disabled'; factor: CodeFactor; name: string | null } & Circumstances;
  recovery_codes_renewed: { name: string | null } & Circumstances;
  /** `passkey` is what its owner calls it. */
  passkey_changed: {
    change: 'added' | 'removed' | 'renamed';
    passkey: string | null;
    name: string | null;
  } & Circumstances;
  /** A passkey's counter went back: somebody may have a copy of it. */
  passkey_cloned: { passkey: string | null; name: string | null } & Circumstances;
  /** `joined`: by its address, at a sign-in, without being asked for in a session (rule 24). */
  provider_changed: { change: 'linked' | 'joined' | 'unlinked'; provider: string; name: string | null } & Circumstances;
  /** `left` is how many remain. */
  recovery_code_used: { left: number; name: string | null } & Circumstances;
  /** Wrong codes after a right password: somebody may know it. */
  second_factor_failures: { name: string | null } & Circumstances;
  /** The password works no more until a new one is chosen (rules 17 and 20). */
  password_disabled: { name: string | null } & Circumstances;
  account_deleted: { name: string | null } & Circumstances;
}

/** Digits that prove, within some minutes, that a message was received. */
export interface DeliveredCode {
  code: string;
  name: string | null;
  minutes: number;
}

/** When and from where, as shown to the owner. */
export interface Circumstances {
  at: Instant;
  address: string | null;
  userAgent: string | null;
}

export type Template = keyof Messages;

/** What carries a token or a code; all else is a notice. */
type SecretTemplate = {
  [T in Template]: Messages[T] extends { token: string } | { code: string } ? T : never;
}[Template];

const SECRETS: Record<SecretTemplate, true> = {
  verify_email: true,
  claim_account: true,
  reset_password: true,
  set_up_password: true,
  magic_link: true,
  change_email: true,
  account_locked: true,
  sign_in_code: true,
  confirmation_code: true,
  change_code: true,
  reset_code: true,
  factor_code: true,
};
export const SECRET_TEMPLATES = Object.keys(SECRETS) as SecretTemplate[];

/** What may also go by SMS; all else goes by e-mail alone. */
export type SmsTemplate =
  | 'sign_in_code'
  | 'confirmation_code'
  | 'change_code'
  | 'reset_code'
  | 'factor_code'
  | 'identifier_changed'
  | 'identifier_change_requested'
  | 'account_deleted';

/** A message as the core hands it over; it leaves with the transaction that wrote it. */
export type Message = {
  [T in Template]: {
    template: T;
    facts: Messages[T];
    accountId: AccountId;
    channel: T extends SmsTemplate ? 'email' | 'sms' : 'email';
    /** Canonical, and read from the account's row, never from a request (rule 4). */
    to: string;
    locale: Locale;
    createdAt: Instant;
    /** After this it is dropped unsent: its link would be dead. */
    expiresAt: Instant;
  };
}[Template];
