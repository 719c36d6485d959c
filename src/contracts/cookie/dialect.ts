import type { FieldFlaw } from '../../core/failure.ts';
import type { Dialect, No } from '../../http/contract.ts';
import { carriesTwoSessions, clearSessionCookies } from './credentials.ts';
import type { Words } from './words.ts';

const no = (status: number, error: string, message: string, more: object = {}): No => ({
  status,
  body: { success: false, error, message, ...more },
});

const later = (answer: No, seconds: number): No => ({ ...answer, headers: { 'Retry-After': String(seconds) } });

const fieldTexts = (say: Words, fields: Record<string, FieldFlaw>): Record<string, string> =>
  Object.fromEntries(Object.entries(fields).map(([field, flaw]) => [field, say.field[flaw]]));

// What no route of this contract asks for: should it come up, something is wrong here.
const fault = ({ say }: { say: Words }): No => no(500, 'SERVER_ERROR', say.serverError);

/** How this contract says "no". The law: docs/contracts/cookie.md */
export const dialect: Dialect<Words> = {
  account_locked: ({ say, facts }) =>
    later(no(423, 'ACCOUNT_LOCKED', say.accountLocked(facts.retryAfterSeconds)), facts.retryAfterSeconds),
  identifier_unproven: ({ say }) => no(403, 'EMAIL_NOT_VERIFIED', say.emailNotVerified),
  code_wrong: ({ say }) => no(401, 'INVALID_TWO_FACTOR_CODE', say.codeWrong),
  identifier_taken: ({ say }) => no(409, 'EMAIL_ALREADY_EXISTS', say.emailTaken),
  input_rejected: ({ say, facts }) =>
    no(400, 'VALIDATION_ERROR', say.invalidInput, { fields: fieldTexts(say, facts.fields) }),
  invalid_credentials: ({ say }) => no(401, 'INVALID_CREDENTIALS', say.invalidCredentials),
  not_found: ({ say }) => no(404, 'NOT_FOUND', say.notFound),
  overloaded: ({ say, facts }) => later(no(503, 'UNAVAILABLE', say.unavailable), facts.retryAfterSeconds),
  password_rejected: ({ say, facts }) => no(400, 'WEAK_PASSWORD', say.weakPassword[facts.flaw](facts.minimum)),
  rate_limited: ({ say, facts }) =>
    later(no(429, 'RATE_LIMIT_EXCEEDED', say.rateLimited(facts.retryAfterSeconds)), facts.retryAfterSeconds),
  reauthentication_required: ({ say }) => no(403, 'REAUTH_REQUIRED', say.reauthenticationRequired),
  session_ended: ({ say, cookies, prefix, path }) => {
    // Elsewhere the refresh token may still be good, and the client's next step.
    if (path === '/refresh' || carriesTwoSessions(cookies)) clearSessionCookies(cookies, prefix);
    return no(401, 'TOKEN_EXPIRED', say.sessionExpired);
  },
  sign_up_closed: ({ say }) => no(403, 'SIGN_UP_CLOSED', say.signUpClosed),
  // A dead link tells nothing of whether it ever lived (K26).
  token_invalid: ({ say }) => no(400, 'INVALID_TOKEN', say.invalidToken),
  token_expired: ({ say }) => no(400, 'INVALID_TOKEN', say.invalidToken),

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
  sign_in_closed: fault,

  body_too_large: ({ say }) => no(413, 'PAYLOAD_TOO_LARGE', say.bodyTooLarge),
  body_unreadable: ({ say }) => no(400, 'VALIDATION_ERROR', say.bodyUnreadable, { fields: {} }),
  fault,
  foreign_origin: ({ say }) => no(403, 'FORBIDDEN_ORIGIN', say.foreignOrigin),
  media_type_unsupported: ({ say }) => no(415, 'UNSUPPORTED_MEDIA_TYPE', say.mediaTypeUnsupported),
  method_not_allowed: ({ say, facts }) => ({
    ...no(405, 'METHOD_NOT_ALLOWED', say.methodNotAllowed),
    headers: { Allow: facts.allowed.join(', ') },
  }),
  path_unknown: ({ say }) => no(404, 'NOT_FOUND', say.notFound),
  unavailable: ({ say, facts }) => later(no(503, 'UNAVAILABLE', say.unavailable), facts.retryAfterSeconds),
};
