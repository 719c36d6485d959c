import { PASSWORD } from './client.ts';

export type Line = readonly [method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string];

const identifier = 'nobody@example.com';
const otp = '123456';
const device = { device_type: 'Mobile', device_name: 'A13', device_os: 'Android', device_fingerprint: 'HJJKJ6' };
const client_token = 'A'.repeat(43);
const challenge = 'A'.repeat(43);
const password = PASSWORD;

/** Each line of the contract that takes a body, with every field that it knows. */
export const BODIES: Record<string, Record<string, unknown>> = {
  'POST /login': { identifier, password, ...device, client_token },
  'POST /2fa/request-otp': { identifier, challenge, ...device },
  'POST /2fa/verify': { identifier, otp, password, challenge, ...device, client_token },
  'POST /register': { email: 'new@example.com', phone: '06 12 34 56 78', password, ...device },
  'POST /confirm': { identifier, otp },
  'POST /confirm/resend': { identifier },
  'POST /refresh': { refresh_token: 'f'.repeat(64), device_fingerprint: 'HJJKJ6' },
  'POST /password/forgot': { identifier },
  'POST /password/reset': { identifier, challenge, otp: '12345678', password },
  'POST /reauthenticate': { password, otp },
  'DELETE /account': { password, otp },
  'PUT /password': { current_password: password, password: 'granite otter parade' },
  'POST /phone/change': { phone: '06 12 34 56 78', password, otp },
  'POST /phone/verify': { otp },
  'POST /email/change': { email: 'new@example.com', password, otp },
  'POST /email/verify': { otp },
  'POST /2fa/enable': { password, channel: 'totp', otp },
  'POST /2fa/confirm': { otp, revoke_other_sessions: true },
  'POST /2fa/disable': { password, otp },
  'POST /unlock': { token: 'A'.repeat(43) },
};

/** Fields that a line needs, all others being optional. */
export const REQUIRED: Record<string, readonly string[]> = {
  'POST /login': ['identifier', 'password'],
  'POST /2fa/request-otp': ['identifier'],
  'POST /2fa/verify': ['identifier', 'otp'],
  'POST /register': ['password'],
  'POST /confirm': ['identifier', 'otp'],
  'POST /confirm/resend': ['identifier'],
  'POST /refresh': ['refresh_token'],
  'POST /password/forgot': ['identifier'],
  'POST /password/reset': ['identifier', 'challenge', 'otp', 'password'],
  'POST /reauthenticate': [],
  'DELETE /account': [],
  'PUT /password': ['current_password', 'password'],
  'POST /phone/change': ['phone', 'password'],
  'POST /phone/verify': ['otp'],
  'POST /email/change': ['email', 'password'],
  'POST /email/verify': ['otp'],
  'POST /2fa/enable': ['password', 'channel'],
  'POST /2fa/confirm': ['otp'],
  'POST /2fa/disable': [],
  'POST /unlock': ['token'],
};

/** Lines that a bearer token opens, their parameters filled in with what nobody has. */
export const SIGNED_IN: readonly string[] = [
  'POST /logout',
  'GET /me',
  'GET /sessions',
  'DELETE /sessions/550e8400-e29b-41d4-a716-446655440000',
  'DELETE /sessions',
  'GET /devices',
  'DELETE /devices/2147483647',
  'POST /reauthenticate',
  'DELETE /account',
  'PUT /password',
  'POST /phone/change',
  'POST /phone/verify',
  'POST /email/change',
  'POST /email/verify',
  'POST /2fa/enable',
  'POST /2fa/confirm',
  'POST /2fa/disable',
];

/** Every line there is, parameters as in {@link SIGNED_IN}. */
export const ALL: readonly string[] = [...new Set([...Object.keys(BODIES), ...SIGNED_IN])];

export const split = (line: string): Line => line.split(' ') as unknown as Line;
