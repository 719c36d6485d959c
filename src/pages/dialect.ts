import type { Failures } from '../core/failure.ts';
import type { Refusals } from '../http/refusal.ts';
import type { LinkPath } from './contract.ts';
import type { PageRefusals } from './refusal.ts';
import type { Advice, Words } from './words.ts';

type Nos = Failures & Refusals & PageRefusals;
export type NoCode = keyof Nos;

/** How the pages say "no": a status, and a page with what happened and what to do next. */
export interface PageNo {
  status: number;
  advice: Advice;
  headers?: Record<string, string>;
  /** Whether opening the link once more is the thing to do. */
  again?: true;
  /** What the request's number is called, where telling it helps. */
  reference?: string;
}

/** Total, as every contract's: a failure added to the core does not compile until the pages have a word for it. */
type PageDialect = {
  readonly [Code in NoCode]: (call: { say: Words; facts: Nos[Code]; link: LinkPath | undefined }) => PageNo;
};

const later = (status: number, advice: Advice, seconds: number): PageNo => ({
  status,
  advice,
  headers: { 'Retry-After': String(seconds) },
  again: true,
});

// Alike for a link that ran out and one that never was: it tells nothing of whether it ever lived.
const deadLink = ({ say, link }: { say: Words; link: LinkPath | undefined }): PageNo => {
  const { title, text, next } = say.deadLink;
  return { status: 410, advice: { title, text: link ? `${text} ${next[link]}` : text } };
};

const fault = ({ say }: { say: Words }): PageNo => ({
  status: 500,
  advice: say.fault,
  again: true,
  reference: say.fault.reference,
});

const notFound = ({ say }: { say: Words }): PageNo => ({ status: 404, advice: say.notFound });

export const dialect: PageDialect = {
  token_expired: deadLink,
  token_invalid: deadLink,
  link_incomplete: ({ say }) => ({ status: 400, advice: say.linkIncomplete }),
  input_rejected: ({ say }) => ({ status: 400, advice: say.unreadable }),
  identifier_taken: ({ say }) => ({ status: 409, advice: say.addressTaken }),
  password_rejected: ({ say, facts }) => ({
    status: 422,
    advice: { title: say.passwordRejected, text: say.flaw[facts.flaw](facts.minimum) },
    again: true,
  }),
  not_found: notFound,
  overloaded: ({ say, facts }) => later(503, say.overloaded, facts.retryAfterSeconds),
  rate_limited: ({ say, facts: { retryAfterSeconds: seconds } }) =>
    later(429, { title: say.rateLimited.title, text: say.rateLimited.text(seconds) }, seconds),

  // What no page asks for: should it come up, something is wrong here.
  account_locked: fault,
  code_wrong: fault,
  identifier_unproven: fault,
  invalid_credentials: fault,
  csrf_mismatch: fault,
  form_rejected: fault,
  last_sign_in_method: fault,
  link_required: fault,
  passkey_refused: fault,
  provider_email_unproven: fault,
  provider_refused: fault,
  provider_taken: fault,
  provider_unavailable: fault,
  provider_unknown: fault,
  reauthentication_required: fault,
  session_ended: fault,
  sign_in_closed: fault,
  sign_up_closed: fault,

  body_too_large: ({ say }) => ({ status: 413, advice: say.tooLarge }),
  body_unreadable: ({ say }) => ({ status: 400, advice: say.unreadable }),
  fault,
  foreign_origin: ({ say }) => ({ status: 403, advice: say.foreignOrigin }),
  form_stale: ({ say }) => ({ status: 403, advice: say.formStale, again: true }),
  media_type_unsupported: ({ say }) => ({ status: 415, advice: say.notAForm }),
  method_not_allowed: ({ say, facts }) => ({
    status: 405,
    advice: say.methodNotAllowed,
    headers: { Allow: facts.allowed.join(', ') },
  }),
  path_unknown: notFound,
  unavailable: ({ say, facts }) => later(503, say.unavailable, facts.retryAfterSeconds),
};
