import { Type } from 'typebox';

const Instant = Type.String({ format: 'date-time', description: 'ISO 8601, UTC, with milliseconds' });
const maybe = <T extends ReturnType<typeof Type.String>>(schema: T) => Type.Union([schema, Type.Null()]);
const status = <Code extends number>(code: Code) => Type.Literal(code);

const Identifier = Type.String({
  minLength: 1,
  maxLength: 320,
  description: 'E-mail address or phone number, in any usual spelling',
});
const Email = Type.String({ minLength: 1, maxLength: 320, description: 'E-mail address' });
const Phone = Type.String({ minLength: 1, maxLength: 40, description: 'Phone number, national or with `+`' });
const Password = Type.String({ maxLength: 4096 });
const NewPassword = Type.String({
  maxLength: 4096,
  description: '8 characters or more; judged by the password policy',
});
const Otp = Type.String({
  maxLength: 64,
  description: 'The code that was sent, the authenticator’s, or a recovery code',
});
const Digits = Type.String({ maxLength: 64, description: 'The code that was sent' });
const Challenge = Type.String({ maxLength: 128, description: 'From the answer that asked for a code' });

const Fingerprint = Type.Optional(Type.String({ maxLength: 255, description: 'The client’s own name for the device' }));
const Device = {
  device_type: Type.Optional(Type.String({ maxLength: 255, description: 'Mobile, Tablette or Navigateur' })),
  device_name: Type.Optional(Type.String({ maxLength: 255 })),
  device_os: Type.Optional(Type.String({ maxLength: 255 })),
  device_fingerprint: Fingerprint,
};
const ClientToken = Type.Optional(
  Type.String({ maxLength: 128, description: 'From the last sign-in: it tells a known client from a stranger' }),
);

export const Login = Type.Object({ identifier: Identifier, password: Password, ...Device, client_token: ClientToken });
export const OtpRequest = Type.Object({ identifier: Identifier, challenge: Type.Optional(Challenge), ...Device });
export const Verification = Type.Object({
  identifier: Identifier,
  otp: Otp,
  password: Type.Optional(Password),
  challenge: Type.Optional(Challenge),
  ...Device,
  client_token: ClientToken,
});
export const Registration = Type.Object({
  email: Type.Optional(Email),
  phone: Type.Optional(Phone),
  password: NewPassword,
  ...Device,
});
export const Confirmation = Type.Object({ identifier: Identifier, otp: Digits });
export const Named = Type.Object({ identifier: Identifier });
export const Refresh = Type.Object({
  refresh_token: Type.String({ minLength: 1, maxLength: 512 }),
  device_fingerprint: Fingerprint,
});
export const Reset = Type.Object({ identifier: Identifier, challenge: Challenge, otp: Digits, password: NewPassword });
/** What proves who asks for a sensitive change, where the session has not lately. */
export const Proofs = Type.Object({ password: Type.Optional(Password), otp: Type.Optional(Otp) });
export const PasswordChange = Type.Object({
  current_password: Password,
  password: NewPassword,
  client_token: ClientToken,
});
export const PhoneChange = Type.Object({ phone: Phone, password: Password, otp: Type.Optional(Otp) });
export const EmailChange = Type.Object({ email: Email, password: Password, otp: Type.Optional(Otp) });
export const Code = Type.Object({ otp: Digits });
export const FactorChoice = Type.Object({
  password: Password,
  channel: Type.Union([Type.Literal('email'), Type.Literal('sms'), Type.Literal('totp')]),
  otp: Type.Optional(Otp),
});
export const FactorConfirmation = Type.Object({
  otp: Digits,
  revoke_other_sessions: Type.Optional(Type.Boolean({ description: 'Whether to end the other sessions' })),
});
export const Unlock = Type.Object({
  token: Type.String({ minLength: 1, maxLength: 512, description: 'From the link in the e-mail' }),
});
export const SessionParams = Type.Object({ uuid: Type.String({ format: 'uuid' }) });
export const DeviceParams = Type.Object({ id: Type.String({ pattern: '^[0-9]{1,15}$' }) });

export const Account = Type.Object({
  failed_attempts: Type.Integer(),
  id: Type.Integer(),
  uuid: Type.String({ format: 'uuid' }),
  email: maybe(Type.String()),
  phone: maybe(Type.String({ description: 'E.164' })),
  password_digest: Type.Literal('[redacted]', {
    description: 'Kept for typed clients; a hash never leaves the server',
  }),
  accountable_type: Type.String(),
  accountable_id: Type.Integer(),
  role_id: Type.Integer(),
  remember_created_at: maybe(Instant),
  sign_in_count: Type.Integer(),
  current_sign_in_at: maybe(Instant),
  last_sign_in_at: maybe(Instant),
  current_sign_in_ip: maybe(Type.String()),
  last_sign_in_ip: maybe(Type.String()),
  account_confirmed_at: maybe(Instant),
  account_confirmed: Type.Boolean(),
  unlock_token: Type.Null({ description: 'Kept for typed clients; a token never leaves the server' }),
  locked_at: maybe(Instant),
  two_factor_enabled: Type.Boolean(),
  provider: Type.String(),
  provider_uid: maybe(Type.String()),
  created_at: Instant,
  updated_at: Instant,
});

export const SignedIn = Type.Object({
  status: status(200),
  access_token: Type.String({ description: 'JWT, 1 hour' }),
  refresh_token: Type.String({ description: '64 hexadecimal characters, 7 days, renewed at each use' }),
  account: Account,
  client_token: Type.String({ description: 'To send back at the next sign-in' }),
});
const channel = Type.Union([Type.Literal('email'), Type.Literal('sms'), Type.Literal('totp')]);
const due = { status: status(202), two_factor_required: Type.Literal(true), channel };
export const SecondFactorDue = Type.Object({ ...due, challenge: Type.String(), message: Type.String() });
export const FactorDue = Type.Object({ ...due, message: Type.String() });
export const Refreshed = Type.Object({
  status: status(200),
  access_token: Type.String(),
  refresh_token: Type.String(),
});

export const Done = Type.Object({ status: status(200), message: Type.String() });
export const Sent = Type.Object({ status: status(201), message: Type.String() });
export const Challenged = Type.Object({ status: status(201), message: Type.String(), challenge: Type.String() });
export const Registered = Type.Object({ status: status(201), message: Type.String(), account: Account });
export const Confirmed = Type.Object({ status: status(200), message: Type.String(), account: Account });
export const Me = Type.Object({ status: status(200), account: Account });

export const Enrolment = Type.Object({
  status: status(200),
  message: Type.String(),
  secret: Type.Optional(Type.String({ description: 'Base32, 160 bits; for `totp` alone, like the next two' })),
  otpauth_uri: Type.Optional(Type.String()),
  qr_code: Type.Optional(Type.String({ description: 'data:image/png;base64,…' })),
});
export const Enrolled = Type.Object({
  status: status(200),
  recovery_codes: Type.Array(Type.String(), { description: 'Shown once; each works once' }),
});

const deviceLabels = { type: maybe(Type.String()), name: maybe(Type.String()), os: maybe(Type.String()) };
const deviceId = Type.Integer();
export const Sessions = Type.Object({
  status: status(200),
  sessions: Type.Array(
    Type.Object({
      uuid: Type.String({ format: 'uuid' }),
      contract: Type.String({ description: 'The API that the session was opened with' }),
      device: Type.Union([Type.Object({ id: deviceId, ...deviceLabels }), Type.Null()]),
      ip: maybe(Type.String()),
      user_agent: maybe(Type.String()),
      current: Type.Boolean(),
      created_at: Instant,
      last_used_at: Instant,
      expires_at: Instant,
    }),
  ),
});
export const Devices = Type.Object({
  status: status(200),
  devices: Type.Array(
    Type.Object({
      id: deviceId,
      ...deviceLabels,
      ip: maybe(Type.String({ description: 'Where it was last signed in from' })),
      current: Type.Boolean(),
      created_at: Instant,
      last_used_at: Instant,
    }),
  ),
});
