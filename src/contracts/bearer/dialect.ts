import type { FieldFlaw } from '../../core/failure.ts';
import type { Dialect, No } from '../../http/contract.ts';
import type { Words } from './words.ts';

const no = (status: number, error: string, message: string, more: object = {}): No => ({
  status,
  body: { error, message, ...more },
});

const later = (answer: No, seconds: number): No => ({ ...answer, headers: { 'Retry-After': String(seconds) } });

const fieldTexts = (say: Words, fields: Record<string, FieldFlaw>): Record<string, string> =>
  Object.fromEntries(Object.entries(fields).map(([field, flaw]) => [field, say.field[flaw]]));

// What no route of this contract asks for: should it come up, something is wrong here.
const fault = ({ say }: { say: Words }): No => no(500, 'SERVER_ERROR', say.serverError);

/** How this contract says "no". The law: docs/contracts/bearer.md */
export const dialect: Dialect<Words> = {
  account_locked: ({ say, facts }) =>
    later(no(423, 'ACCOUNT_LOCKED', say.accountLocked(facts.retryAfterSeconds)), facts.retryAfterSeconds),
  code_wrong: ({ say }) => no(401, 'INVALID_TOTP', say.codeWrong),
  identifier_taken: ({ say }) => no(409, 'USER_ALREADY_EXISTS', say.emailTaken),
  identifier_unproven: ({ say }) => no(403, 'EMAIL_NOT_VERIFIED', say.emailNotVerified),
  input_rejected: ({ say, facts }) =>
    no(400, 'VALIDATION_ERROR', say.invalidInput, { fields: fieldTexts(say, facts.fields) }),
  invalid_credentials: ({ say }) => no(401, 'INVALID_CREDENTIALS', say.invalidCredentials),
  last_sign_in_method: ({ say }) => no(409, 'LAST_SIGN_IN_METHOD', say.lastSignInMethod),
  link_required: ({ say }) => no(409, 'ACCOUNT_LINK_REQUIRED', say.linkRequired),
  not_found: ({ say }) => no(404, 'NOT_FOUND', say.notFound),
  overloaded: ({ say, facts }) => later(no(503, 'UNAVAILABLE', say.unavailable), facts.retryAfterSeconds),
  passkey_refused: ({ say }) => no(401, 'INVALID_PASSKEY', say.passkeyRefused),
  password_rejected: ({ say, facts }) => no(400, 'WEAK_PASSWORD', say.weakPassword[facts.flaw](facts.minimum)),
  provider_email_unproven: ({ say }) => no(403, 'PROVIDER_EMAIL_NOT_VERIFIED', say.providerEmailUnproven),
  provider_refused: ({ say }) => no(401, 'PROVIDER_REFUSED', say.providerRefused),
  provider_taken: ({ say }) => no(409, 'PROVIDER_ALREADY_LINKED', say.providerTaken),
  provider_unavailable: ({ say, facts }) =>
    later(no(503, 'PROVIDER_UNAVAILABLE', say.providerUnavailable), facts.retryAfterSeconds),
  provider_unknown: ({ say }) => no(404, 'PROVIDER_NOT_CONFIGURED', say.providerUnknown),
  rate_limited: ({ say, facts }) =>
    later(no(429, 'RATE_LIMIT_EXCEEDED', say.rateLimited(facts.retryAfterSeconds)), facts.retryAfterSeconds),
  reauthentication_required: ({ say }) => no(403, 'REAUTH_REQUIRED', say.reauthenticationRequired),
  // RFC 6750 §3.
  session_ended: ({ say, facts }) => ({
    ...no(401, 'INVALID_TOKEN', say.invalidToken),
    headers: { 'WWW-Authenticate': facts.credential === 'missing' ? 'Bearer' : 'Bearer error="invalid_token"' },
  }),
  sign_up_closed: ({ say }) => no(403, 'SIGN_UP_CLOSED', say.signUpClosed),
  // A dead link tells nothing of whether it ever lived (K26).
  token_invalid: ({ say }) => no(400, 'INVALID_TOKEN', say.invalidToken),
  token_expired: ({ say }) => no(400, 'INVALID_TOKEN', say.invalidToken),

  csrf_mismatch: fault,
  form_rejected: fault,
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
