import type { Dialect, No } from '../../http/contract.ts';
import { labelOf } from './judge.ts';
import type { Words } from './words.ts';

const no = (status: number, message: string, more: object = {}): No => ({ status, body: { message, ...more } });

const later = (answer: No, seconds: number): No => ({ ...answer, headers: { 'Retry-After': String(seconds) } });

/** What is wrong, field by field; the first of it is the message, which says how much more there is. */
function invalid(say: Words, errors: Readonly<Record<string, readonly string[]>>, status = 422): No {
  const [first = '', ...more] = Object.values(errors).flat();
  return no(status, more.length === 0 ? first : first + say.andMore(more.length), { errors });
}

// What no route of this contract asks for: should it come up, something is wrong here.
const fault = ({ say }: { say: Words }): No => no(500, say.serverError);

/** Where too many failures are told in the shape of a wrong field: a form shows them beside it. */
const RATED: readonly [line: RegExp, field: string][] = [
  [/\/login$/, 'email'],
  [/\/two-factor-challenge$/, 'code'],
];

function tooMany({ path, say }: { path: string; say: Words }, seconds: number): No {
  const [, field] = RATED.find(([line]) => line.test(path)) ?? [];
  const answer = field ? invalid(say, { [field]: [say.loginAttempts(seconds)] }, 429) : no(429, say.tooManyAttempts);
  return later(answer, seconds);
}

const withoutSlash = (target: string): string => target.replace(/^\//, '');

/** How this contract says "no". The law: docs/contracts/sanctum.md */
export const dialect: Dialect<Words> = {
  account_locked: (call) => tooMany(call, call.facts.retryAfterSeconds),
  code_wrong: ({ say }) => invalid(say, { code: [say.code] }),
  form_rejected: ({ say, facts }) => invalid(say, facts.errors),
  identifier_taken: ({ say }) => invalid(say, { email: [say.emailTaken] }),
  identifier_unproven: ({ say }) => invalid(say, { email: [say.emailNotVerified] }),
  input_rejected: ({ say, facts }) =>
    invalid(
      say,
      Object.fromEntries(
        Object.entries(facts.fields).map(([field, flaw]) => [field, [say.field[flaw](labelOf(field))]]),
      ),
    ),
  invalid_credentials: ({ say }) => invalid(say, { email: [say.credentials] }),
  not_found: ({ say, path, method }) => {
    if (path.includes('two-factor')) return no(404, say.noTwoFactor);
    if (!path.includes('/setup-password/')) return no(404, say.notFound);
    return { status: 404, body: { ...(method !== 'POST' && { valid: false }), message: say.setUp.noAccount } };
  },
  overloaded: ({ say, facts }) => later(no(503, say.unavailable), facts.retryAfterSeconds),
  password_rejected: ({ say, facts }) => invalid(say, { password: [say.password[facts.flaw](facts.minimum)] }),
  rate_limited: (call) => tooMany(call, call.facts.retryAfterSeconds),
  reauthentication_required: ({ say }) => no(423, say.passwordConfirmation),
  session_ended: ({ say }) => no(401, say.unauthenticated),
  sign_in_closed: ({ say }) => invalid(say, { email: [say.loginClosed] }),
  // A dead link tells nothing of whether it ever lived, nor of whether there is an account (K26).
  token_invalid: ({ say }) => invalid(say, { email: [say.resetToken] }),
  token_expired: ({ say }) => invalid(say, { email: [say.resetToken] }),

  last_sign_in_method: fault,
  link_required: fault,
  passkey_refused: fault,
  provider_email_unproven: fault,
  provider_refused: fault,
  provider_taken: fault,
  provider_unavailable: fault,
  provider_unknown: fault,
  sign_up_closed: ({ say }) => no(403, say.unauthorized),

  body_too_large: ({ say }) => no(413, say.bodyTooLarge),
  body_unreadable: ({ say }) => no(422, say.field.malformed('body'), { errors: {} }),
  csrf_mismatch: ({ say }) => no(419, say.csrfMismatch),
  fault,
  foreign_origin: ({ say }) => no(419, say.csrfMismatch),
  media_type_unsupported: ({ say }) => no(415, say.mediaTypeUnsupported),
  method_not_allowed: ({ say, facts, method, target }) => {
    const allowed = facts.allowed.join(', ');
    return { ...no(405, say.method(method, withoutSlash(target), allowed)), headers: { Allow: allowed } };
  },
  path_unknown: ({ say, target }) => no(404, say.route(withoutSlash(target))),
  unavailable: ({ say, facts }) => later(no(503, say.unavailable), facts.retryAfterSeconds),
};
