import { type Static, Type } from 'typebox';

/** A text that a person types; what is one address, name or password the core says. */
const Text = (minLength = 0, maxLength = 4096) => Type.String({ minLength, maxLength });

const Email = Type.String({ minLength: 1, maxLength: 320, description: 'E-mail address' });
const NewPassword = Type.String({
  maxLength: 4096,
  description: '8 characters or more; judged by the password policy',
});
const Password = Text();
const Token = Type.String({ minLength: 1, maxLength: 512, description: 'From the link in the e-mail' });
const Instant = Type.String({ format: 'date-time', description: 'ISO 8601, UTC, with milliseconds' });

export const Registration = Type.Object({
  email: Email,
  name: Type.String({ minLength: 2, maxLength: 100, description: 'Full name' }),
  password: NewPassword,
});
export const Login = Type.Object({ email: Email, password: Password });
export const Address = Type.Object({ email: Email });
export const LinkToken = Type.Object({ token: Token });
export const Reset = Type.Object({ token: Token, password: NewPassword });
const Code = Type.String({ maxLength: 64, description: 'From the authenticator app, or the one that was sent' });
const RecoveryCode = Type.String({ maxLength: 64, description: 'Instead of a code; each works once' });

export const SecondFactor = Type.Object({ code: Type.Optional(Code), recoveryCode: Type.Optional(RecoveryCode) });
/** What proves who asks for a sensitive change, where the session has not lately. */
export const Proofs = Type.Object({
  password: Type.Optional(Password),
  code: Type.Optional(Code),
  recoveryCode: Type.Optional(RecoveryCode),
});
export const Confirmation = Type.Object({
  code: Code,
  revokeOtherSessions: Type.Optional(Type.Boolean({ description: 'Whether to end the other sessions' })),
});
export const PasswordChange = Type.Object({ currentPassword: Password, newPassword: NewPassword });
export const SessionParams = Type.Object({ id: Type.String({ format: 'uuid' }) });

export const Done = Type.Object({ success: Type.Literal(true), message: Type.String() });

const id = Type.String({ format: 'uuid' });
const email = Type.String();
const name = Type.Union([Type.String(), Type.Null()]);
const role = Type.String();
const emailVerified = Type.Boolean();

export const Registered = Type.Object({
  success: Type.Literal(true),
  message: Type.String(),
  user: Type.Object({ id, email, name, emailVerified, createdAt: Instant }),
});

export const SignedIn = Type.Object({
  success: Type.Literal(true),
  message: Type.String(),
  user: Type.Object({ id, email, name, role, emailVerified }),
});
const SecondFactorDue = Type.Object({
  success: Type.Literal(true),
  twoFactorRequired: Type.Literal(true),
  channel: Type.Union([Type.Literal('totp'), Type.Literal('email'), Type.Literal('sms')]),
  message: Type.String(),
});
export const LoginAnswer = Type.Union([SignedIn, SecondFactorDue]);
export const Reauthenticated = Type.Union([SecondFactorDue, Done]);

export const Enrolment = Type.Object({
  success: Type.Literal(true),
  message: Type.String(),
  secret: Type.String({ description: 'Base32, 160 bits' }),
  qrCode: Type.String({ description: 'data:image/png;base64,…' }),
});
export const Enrolled = Type.Object({
  success: Type.Literal(true),
  message: Type.String(),
  user: Type.Object({ id, email, name, role, emailVerified }),
  recoveryCodes: Type.Array(Type.String(), { description: 'Shown once; each works once' }),
});

export const Me = Type.Object({
  user: Type.Object({ id, email, name, role, emailVerified, createdAt: Instant }),
});
export const Refreshed = Type.Object({ ok: Type.Literal(true), user: Type.Object({ id, email, name, role }) });

export const Sessions = Type.Object({
  sessions: Type.Array(
    Type.Object({
      id: Type.String({ format: 'uuid' }),
      contract: Type.String({ description: 'The API that the session was opened with' }),
      current: Type.Boolean(),
      ip: Type.Union([Type.String(), Type.Null()]),
      userAgent: Type.Union([Type.String(), Type.Null()]),
      createdAt: Instant,
      lastUsedAt: Instant,
      expiresAt: Instant,
    }),
  ),
});

export type LoginAnswer = Static<typeof LoginAnswer>;
