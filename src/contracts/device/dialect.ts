import type { FieldFlaw } from '../../core/failure.ts';
import type { Dialect, No } from '../../http/contract.ts';
import type { Words } from './words.ts';

const no = (status: number, error: string, message: string, more: object = {}): No => ({
  status,
  body: { status, error, message, ...more },
});

const later = (answer: No, seconds: number): No => ({ ...answer, headers: { 'Retry-After': String(seconds) } });

/** What a bearer is told that is not let in (RFC 6750 §3). */
const unauthorized = (error: string, message: string, challenge: string): No => ({
  ...no(401, error, message),
  headers: { 'WWW-Authenticate': challenge },
});

const fieldTexts = (say: Words, fields: Record<string, FieldFlaw>): Record<string, string[]> =>
  Object.fromEntries(Object.entries(fields).map(([field, flaw]) => [field, [say.field[flaw]]]));

// What no route of this contract asks for: should it come up, something is wrong here.
const fault = ({ say }: { say: Words }): No => no(500, 'server_error', say.serverError);

/** How this contract says "no". The law: docs/contracts/device.md */
export const dialect: Dialect<Words> = {
  account_locked: ({ say, facts }) =>
    later(no(423, 'account_locked', say.accountLocked(facts.retryAfterSeconds)), facts.retryAfterSeconds),
  code_wrong: ({ say }) => no(401, 'invalid_otp', say.codeWrong),
  identifier_taken: ({ say, facts }) => no(409, 'identifier_taken', say.identifierTaken[facts.identifier]),
  identifier_unproven: ({ say }) => no(403, 'account_not_confirmed', say.accountNotConfirmed),
  input_rejected: ({ say, facts }) =>
    no(422, 'validation_failed', say.invalidInput, { errors: fieldTexts(say, facts.fields) }),
  invalid_credentials: ({ say }) => no(401, 'invalid_credentials', say.invalidCredentials),
  not_found: ({ say }) => no(404, 'not_found', say.notFound),
  overloaded: ({ say, facts }) => later(no(503, 'unavailable', say.unavailable), facts.retryAfterSeconds),
  password_rejected: ({ say, facts }) =>
    no(422, 'validation_failed', say.invalidInput, {
      errors: { password: [say.weakPassword[facts.flaw](facts.minimum)] },
    }),
  rate_limited: ({ say, facts }) =>
    later(no(429, 'rate_limited', say.rateLimited(facts.retryAfterSeconds)), facts.retryAfterSeconds),
  reauthentication_required: ({ say }) => no(403, 'reauth_required', say.reauthenticationRequired),
  session_ended: ({ say, facts }) => {
    if (facts.credential === 'over') {
      return unauthorized('token_expired', say.tokenExpired, 'Bearer error="invalid_token"');
    }
    const challenge = facts.credential === 'missing' ? 'Bearer' : 'Bearer error="invalid_token"';
    return unauthorized('invalid_token', say.invalidToken, challenge);
  },
  sign_up_closed: ({ say }) => no(403, 'sign_up_closed', say.signUpClosed),
  // A dead link tells nothing of whether it ever lived (K26).
  token_invalid: ({ say }) => no(401, 'invalid_otp', say.linkDead),
  token_expired: ({ say }) => no(401, 'invalid_otp', say.linkDead),

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

  body_too_large: ({ say }) => no(413, 'payload_too_large', say.bodyTooLarge),
  body_unreadable: ({ say }) => no(400, 'invalid_json', say.bodyUnreadable),
  fault,
  foreign_origin: ({ say }) => no(403, 'forbidden_origin', say.foreignOrigin),
  media_type_unsupported: ({ say }) => no(415, 'unsupported_media_type', say.mediaTypeUnsupported),
  method_not_allowed: ({ say, facts }) => ({
    ...no(405, 'method_not_allowed', say.methodNotAllowed),
    headers: { Allow: facts.allowed.join(', ') },
  }),
  path_unknown: ({ say }) => no(404, 'not_found', say.notFound),
  unavailable: ({ say, facts }) => later(no(503, 'unavailable', say.unavailable), facts.retryAfterSeconds),
};
