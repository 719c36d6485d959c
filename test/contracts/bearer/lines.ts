import { PASSWORD } from './client.ts';

export type Line = readonly [method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string];

/** What nobody has, in the form of each. */
const NOBODY = '550e8400-e29b-41d4-a716-446655440000';
export const SECRET = 'A'.repeat(43);
const email = 'nobody@example.com';
const password = PASSWORD;
const factor = { totpCode: '123456', recoveryCode: 'ABCDE-ABCDE-ABCDE-ABCDE-ABCDE' };
const proofs = { password, ...factor };
const client_token = SECRET;
const challenge = SECRET;
const codeVerifier = SECRET;
const codeChallenge = SECRET;
const redirectUrl = 'http://localhost:3000/dashboard';
const handedOver = { challenge, codeVerifier, ...proofs, client_token };

/** Each line of the contract that takes a body, with every field that it knows. */
export const BODIES: Record<string, Record<string, unknown>> = {
  'POST /sign-up': { email: 'new@example.com', password, name: 'Ada Lovelace', client_token },
  'POST /sign-in': { email, password, ...factor, challenge, client_token },
  'POST /send-magic-link': { email, redirectUrl, codeChallenge },
  'POST /magic-link/verify': { token: SECRET, ...handedOver },
  'POST /exchange': { code: SECRET, ...handedOver },
  'POST /verify-email': { token: SECRET },
  'POST /send-verification-email': { email },
  'POST /forgot-password': { email, redirectUrl },
  'POST /reset-password': { token: SECRET, password },
  'POST /change-password': {
    currentPassword: password,
    newPassword: 'granite otter parade',
    revokeOtherSessions: true,
  },
  'POST /change-email': { newEmail: 'new@example.com', ...proofs },
  'PATCH /user': { name: 'Ada Lovelace', image: 'https://images.example.com/ada.png' },
  'DELETE /user': { ...proofs },
  'POST /reauthenticate': { ...proofs, response: {} },
  'POST /two-factor/enable': { ...proofs },
  'POST /two-factor/verify': { code: '123456', revokeOtherSessions: true },
  'POST /two-factor/disable': { ...proofs },
  'POST /two-factor/recovery-codes': { ...proofs },
  'POST /passkey/register': { response: {}, name: 'Blue key', ...proofs },
  'POST /passkey/sign-in': { email, challenge, response: {}, client_token },
  [`PATCH /passkeys/passkey_${NOBODY}`]: { name: 'Blue key', ...proofs },
  [`DELETE /passkeys/passkey_${NOBODY}`]: { ...proofs },
  'POST /oauth/github/link': { code: SECRET, redirectUrl, ...proofs },
  'DELETE /accounts/github': { ...proofs },
};

/** Fields that a line needs, all others being optional. */
export const REQUIRED: Record<string, readonly string[]> = {
  'POST /sign-up': ['email', 'password'],
  'POST /sign-in': ['email', 'password'],
  'POST /send-magic-link': ['email'],
  'POST /verify-email': ['token'],
  'POST /send-verification-email': ['email'],
  'POST /forgot-password': ['email'],
  'POST /reset-password': ['token', 'password'],
  'POST /change-password': ['newPassword'],
  'POST /change-email': ['newEmail'],
  'POST /two-factor/verify': ['code'],
  [`PATCH /passkeys/passkey_${NOBODY}`]: ['name'],
};

/** Fields that may be null as well as what they are. */
export const NULLABLE: Record<string, readonly string[]> = {
  'POST /sign-up': ['name'],
  'PATCH /user': ['name', 'image'],
  'POST /passkey/register': ['name'],
  [`PATCH /passkeys/passkey_${NOBODY}`]: ['name'],
};

/** What a session opens before its address is proven (safe reading of `sign-up`). */
export const NEWCOMERS: readonly string[] = ['GET /session', 'POST /sign-out', 'PATCH /user', 'DELETE /user'];

/** Lines that a session token opens, their parameters filled in with what nobody has. */
export const SIGNED_IN: readonly string[] = [
  ...NEWCOMERS,
  'POST /change-password',
  'POST /change-email',
  'GET /sessions',
  `DELETE /sessions/session_${NOBODY}`,
  'DELETE /sessions',
  'POST /reauthenticate',
  'POST /two-factor/enable',
  'POST /two-factor/verify',
  'POST /two-factor/disable',
  'POST /two-factor/recovery-codes',
  'POST /passkey/register',
  'GET /passkeys',
  `PATCH /passkeys/passkey_${NOBODY}`,
  `DELETE /passkeys/passkey_${NOBODY}`,
  'POST /oauth/github/link',
  'GET /accounts',
  'DELETE /accounts/github',
];

/** Lines that a browser is sent along, and that keep a cookie meanwhile. */
export const OF_BROWSERS: readonly string[] = ['GET /oauth/github', 'GET /callback/github'];

/** Every line there is, parameters as in {@link SIGNED_IN}. */
export const ALL: readonly string[] = [...new Set([...Object.keys(BODIES), ...SIGNED_IN, ...OF_BROWSERS])];

/** A line as the contract's table writes it. */
export const named = (line: string): string =>
  line.replace(/(session|passkey)_550e.*$/, ':id').replace(/\/github/, '/:provider');

export const split = (line: string): Line => line.split(' ') as unknown as Line;
