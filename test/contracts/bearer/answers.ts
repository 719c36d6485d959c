import assert from 'node:assert/strict';
import type { Answer, Body, UserBody } from './client.ts';

export const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}';
export const USER_ID = new RegExp(`^user_${UUID}$`);
export const SESSION_ID = new RegExp(`^session_${UUID}$`);
export const PASSKEY_ID = new RegExp(`^passkey_${UUID}$`);
export const REQUEST_ID = new RegExp(`^${UUID}$`);
export const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
/** 256 bits in base64url. */
export const SECRET_VALUE = /^[\w-]{43}$/;

/** The user and the session as the document prints them. */
export const PRINTED = {
  user: {
    id: 'user_123',
    email: 'user@example.com',
    name: null,
    image: null,
    emailVerified: false,
    createdAt: '2024-01-15T10:30:00Z',
  },
  session: { id: 'session_123', token: 'eyJhbGc...', expiresAt: '2024-01-22T10:30:00Z' },
};

/** What holds of every answer of the contract but redirects, whatever it says. */
export function assertShape({ headers, text }: Answer): void {
  assert.equal(headers['content-type'], 'application/json; charset=utf-8', text);
  assert.equal(headers['cache-control'], 'no-store');
  assert.equal(headers['set-cookie'], undefined);
  assert.match(String(headers['x-request-id']), REQUEST_ID);
  assert.doesNotMatch(text, /\$argon2|\$2[aby]\$/);
}

/** Checks a user whole, but for id and date, which are as they are everywhere. */
export function assertUser(user: UserBody | undefined, of: Partial<UserBody>): UserBody {
  assert.ok(user);
  assert.match(user.id, USER_ID);
  assert.match(user.createdAt, INSTANT);
  const { createdAt, id } = user;
  assert.deepEqual(user, { name: null, image: null, emailVerified: true, ...of, createdAt, id });
  return user;
}

/** Checks that somebody was let in, the answer whole. @returns the session's token */
export function assertSignedIn(answer: Answer, of: Partial<UserBody>, status = 200): string {
  assert.equal(answer.status, status, answer.text);
  assertShape(answer);
  const { client_token: clientToken, session, user, ...more } = answer.body;
  assert.deepEqual(more, {});
  assertUser(user, of);
  assert.match(clientToken ?? '', SECRET_VALUE);
  assert.ok(session);
  assert.deepEqual(Object.keys(session).sort(), ['expiresAt', 'id', 'token']);
  assert.match(session.id, SESSION_ID);
  assert.match(session.token, SECRET_VALUE);
  assert.match(session.expiresAt, INSTANT);
  return session.token;
}

/** The answer as the document prints it: what differs from one to the next is looked at, and becomes the document's. */
export function asPrinted(answer: Answer, of: Partial<UserBody>): Body {
  assertShape(answer);
  const body = structuredClone(answer.body);
  if (body.user) {
    const { createdAt, email, id } = PRINTED.user;
    body.user = { ...assertUser(body.user, of), createdAt, email, id };
  }
  if (body.session) {
    assert.match(body.session.id, SESSION_ID);
    assert.match(body.session.token, SECRET_VALUE);
    assert.match(body.session.expiresAt, INSTANT);
    body.session = PRINTED.session;
  }
  if (body.client_token !== undefined) {
    assert.match(body.client_token, SECRET_VALUE);
    body.client_token = 'a client token';
  }
  return body;
}

/** Checks an answer whole that says no more than that it is done. */
export function assertDone(answer: Answer, message: string): void {
  assert.deepEqual({ status: answer.status, body: answer.body }, { status: 200, body: { success: true, message } });
  assertShape(answer);
}

/** Each refusal's words, where it has the same ones everywhere; the first five are the document's. */
export const WORDS: Record<string, string> = {
  INVALID_CREDENTIALS: 'Email or password is incorrect',
  USER_ALREADY_EXISTS: 'User with this email already exists',
  EMAIL_NOT_VERIFIED: 'Please verify your email first',
  INVALID_TOKEN: 'Token is invalid or expired',
  INVALID_TOTP: 'The TOTP code is invalid or expired',
  TOTP_REQUIRED: 'A two-factor code is required',
  VALIDATION_ERROR: 'Some fields are missing or wrong',
  REAUTH_REQUIRED: 'Please confirm your identity again before this change',
  SIGN_UP_CLOSED: 'Registration is closed',
  FORBIDDEN_ORIGIN: 'Requests from this origin are not accepted',
  NOT_FOUND: 'There is nothing here',
  METHOD_NOT_ALLOWED: 'This method is not supported here',
  UNSUPPORTED_MEDIA_TYPE: 'The request body must be application/json',
  PAYLOAD_TOO_LARGE: 'The request body is too large: at most 64 KiB are accepted',
  SERVER_ERROR: 'Something went wrong on our side. Please try again',
  UNAVAILABLE: 'The service is busy or being restored. Please try again in a moment',
  INVALID_PASSKEY: 'This passkey could not be verified',
  PROVIDER_NOT_CONFIGURED: 'Signing in with this provider is not set up',
  LAST_SIGN_IN_METHOD: 'Nothing else would let you sign in: set a password or add another way first',
};

export const NOT_JSON = { message: 'The request body is not valid JSON', fields: {} };

/** Checks a refusal whole: status, code and words, and nothing beside them but what is said here. */
export function assertRefused(
  answer: Answer,
  status: number,
  error: string,
  of: { message?: string; fields?: Record<string, string>; retryAfter?: number; what?: string } = {},
): void {
  const { fields, message = WORDS[error], retryAfter, what } = of;
  const said = { status: answer.status, body: answer.body };
  assert.deepEqual(said, { status, body: { error, message, ...(fields && { fields }) } }, what);
  assertShape(answer);
  const expected = retryAfter === undefined ? undefined : String(retryAfter);
  assert.equal(answer.headers['retry-after'], expected, what);
}

/** Checks whole that a second factor is due, and of which kind. @returns the challenge of the sign-in that waits */
export function assertFactorDue(answer: Answer, channel = 'totp'): string {
  const { challenge = '', ...body } = answer.body;
  const said = { status: answer.status, body };
  const message = WORDS['TOTP_REQUIRED'];
  assert.deepEqual(said, { status: 401, body: { error: 'TOTP_REQUIRED', message, channel } });
  assert.match(challenge, SECRET_VALUE);
  assertShape(answer);
  return challenge;
}
