/** Why a password was refused by the policy. */
export type PasswordFlaw = 'too_short' | 'too_long' | 'common' | 'personal' | 'guessable' | 'malformed';

/** Why a field was refused; each contract words it. */
export type FieldFlaw =
  | 'required'
  | 'type'
  | 'email'
  | 'phone'
  /** Right by itself, but nothing can be sent there, or nothing is known to send it to. */
  | 'unavailable'
  | 'too_short'
  | 'too_long'
  | 'malformed';

/**
 * Why a credential opens no session: none was given; it is no token of ours (a bad signature, another contract's, another
 * shape); or it was one, and is expired or replaced, or its session has ended.
 */
export type CredentialFlaw = 'missing' | 'refused' | 'over';

/** Every "no" the core can say: its code, and the facts it carries. */
export interface Failures {
  /** Too many wrong passwords for this identifier from this kind of client; alike for identifiers that do not exist. */
  account_locked: { retryAfterSeconds: number };
  /** A second factor, or digits that were sent: wrong, expired, used up, or never asked for. */
  code_wrong: undefined;
  identifier_taken: { identifier: 'email' | 'phone' };
  /** The password was right, the address or number is not proven yet. */
  identifier_unproven: undefined;
  input_rejected: { fields: Record<string, FieldFlaw> };
  /** Unknown account, wrong password, account locked by an operator, password disabled: one answer for all. */
  invalid_credentials: undefined;
  /** Nothing else would let the account's owner in. */
  last_sign_in_method: undefined;
  /** A provider names an address whose account is not joined by that alone: its owner signs in and links it (rule 24). */
  link_required: undefined;
  /** The thing asked for is not the caller's, or is not there. */
  not_found: undefined;
  /** More work is waiting than can be done in time. */
  overloaded: { retryAfterSeconds: number };
  password_rejected: { flaw: PasswordFlaw; minimum: number };
  /** An answer to a WebAuthn ceremony that does not hold, whatever is wrong with it. */
  passkey_refused: undefined;
  /** The provider knows no address that it has seen proven, and an account needs one. */
  provider_email_unproven: undefined;
  /** Whoever came back from the provider is linked to an account already, or the account to another of that provider. */
  provider_taken: undefined;
  /** The person, or the provider, said no; or what the provider said does not hold. */
  provider_refused: undefined;
  /** The provider does not answer. */
  provider_unavailable: { retryAfterSeconds: number };
  /** No provider of this name is configured. */
  provider_unknown: undefined;
  rate_limited: { retryAfterSeconds: number };
  /** What is asked for needs a fresher proof of who asks (rule 19). */
  reauthentication_required: undefined;
  /** No live session belongs to the credential. */
  session_ended: { credential: CredentialFlaw };
  /** The contract lets nobody in for now; the password was right. */
  sign_in_closed: undefined;
  sign_up_closed: undefined;
  /** A one-time token that is unknown, spent, or overtaken by a change of the account. */
  token_invalid: undefined;
  token_expired: undefined;
}

export type FailureCode = keyof Failures;

/** The only thing an operation throws on purpose. It knows no status and no wording; a contract's dialect gives it both. */
export class Failure<Code extends FailureCode = FailureCode> extends Error {
  override readonly name = 'Failure';
  readonly code: Code;
  readonly facts: Failures[Code];

  constructor(code: Code, ...[facts]: Failures[Code] extends undefined ? [] : [facts: Failures[Code]]) {
    super(code);
    this.code = code;
    this.facts = facts as Failures[Code];
  }
}
