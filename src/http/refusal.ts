/** What the transport refuses before a handler is asked: its code, and the facts it carries. */
export interface Refusals {
  /** The body is not JSON, or not UTF-8. */
  body_unreadable: undefined;
  body_too_large: undefined;
  /** A change was asked for without what shows that a page of our own front end asks. */
  csrf_mismatch: undefined;
  /** Something of this server failed; the request may be repeated, the cause is in the log. */
  fault: undefined;
  /** A browser page of an origin that is not listed asked for a change (rule 31). */
  foreign_origin: undefined;
  /** The fields of a form that a contract judges itself, and what is wrong with each, in its own words. */
  form_rejected: { errors: Readonly<Record<string, readonly string[]>> };
  media_type_unsupported: undefined;
  method_not_allowed: { allowed: readonly string[] };
  path_unknown: undefined;
  /** What the answer depends on cannot be reached. */
  unavailable: { retryAfterSeconds: number };
}

export type RefusalCode = keyof Refusals;

/** Thrown by the transport; a contract's dialect gives it status and words, like a failure of the core. */
export class Refusal<Code extends RefusalCode = RefusalCode> extends Error {
  override readonly name = 'Refusal';
  readonly code: Code;
  readonly facts: Refusals[Code];

  constructor(code: Code, ...[facts]: Refusals[Code] extends undefined ? [] : [facts: Refusals[Code]]) {
    super(code);
    this.code = code;
    this.facts = facts as Refusals[Code];
  }
}
