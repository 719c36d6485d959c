import { type TSchema, Type } from 'typebox';

/** A text that a person types; what is one address, name or password the core says. */
const Text = (minLength = 0, maxLength = 4096) => Type.String({ minLength, maxLength });
const OrNull = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);

const Email = Type.String({ minLength: 1, maxLength: 320, description: 'E-mail address' });
const NewPassword = Type.String({
  maxLength: 4096,
  description: '8 characters or more; judged by the password policy',
});
const Password = Text();
const Token = Type.String({ minLength: 1, maxLength: 512, description: 'From the link in the e-mail' });
const Challenge = Type.String({
  minLength: 1,
  maxLength: 128,
  description: 'Of a sign-in that waits for its second factor',
});
const Name = Type.String({ maxLength: 100, description: 'Full name' });
const Label = Type.String({ maxLength: 100, description: 'What its owner calls it' });
const Instant = Type.String({ format: 'date-time', description: 'ISO 8601, UTC, with milliseconds' });
const RedirectUrl = Type.String({
  minLength: 1,
  maxLength: 2048,
  description: 'Where to send the browser afterwards; of an allowed origin, letter for letter',
});
const CodeChallenge = Type.String({
  maxLength: 128,
  description: 'PKCE challenge (S256); the sign-in is completed with its `codeVerifier` alone',
});
const CodeVerifier = Type.String({ maxLength: 128, description: 'Of the `codeChallenge` that was given' });
const ClientToken = Type.String({
  maxLength: 128,
  description: 'The `client_token` of an earlier sign-in, by which this client is known to the account',
});
const TotpCode = Type.String({
  maxLength: 64,
  description: 'From the authenticator app, or the one that was sent by e-mail or SMS',
});
const RecoveryCode = Type.String({ maxLength: 64, description: 'Instead of a code; each works once' });
const PasskeyResponse = Type.Object({}, { description: 'What the browser answered to the options, as JSON' });

const secondStep = { totpCode: Type.Optional(TotpCode), recoveryCode: Type.Optional(RecoveryCode) };
/** What proves who asks for a sensitive change, where the session has not lately. */
const proofs = { password: Type.Optional(Password), ...secondStep };
const client = { client_token: Type.Optional(ClientToken) };

export const SignUp = Type.Object({
  email: Email,
  password: NewPassword,
  name: Type.Optional(OrNull(Name)),
  ...client,
});
export const SignIn = Type.Object({
  email: Email,
  password: Password,
  ...secondStep,
  challenge: Type.Optional(Challenge),
  ...client,
});
export const MagicLink = Type.Object({
  email: Email,
  redirectUrl: Type.Optional(RedirectUrl),
  codeChallenge: Type.Optional(CodeChallenge),
});
const handedOver = {
  challenge: Type.Optional(Challenge),
  codeVerifier: Type.Optional(CodeVerifier),
  ...proofs,
  ...client,
};
export const MagicLinkToken = Type.Object({ token: Type.Optional(Token), ...handedOver });
export const ExchangeCode = Type.Object({
  code: Type.Optional(Type.String({ minLength: 1, maxLength: 512, description: 'From the redirect' })),
  ...handedOver,
});
export const LinkToken = Type.Object({ token: Token });
export const Address = Type.Object({ email: Email });
export const Forgotten = Type.Object({ email: Email, redirectUrl: Type.Optional(RedirectUrl) });
export const Reset = Type.Object({ token: Token, password: NewPassword });
export const PasswordChange = Type.Object({
  currentPassword: Type.Optional(Type.String({ maxLength: 4096, description: 'Needed unless there is none yet' })),
  newPassword: NewPassword,
  revokeOtherSessions: Type.Optional(Type.Boolean({ description: 'They always end' })),
});
export const EmailChange = Type.Object({ newEmail: Email, ...proofs });
export const Profile = Type.Object({
  name: Type.Optional(OrNull(Name)),
  image: Type.Optional(OrNull(Type.String({ maxLength: 2048, description: 'Address of a picture, http or https' }))),
});
export const Proofs = Type.Object(proofs);
export const Reauthentication = Type.Object({ ...proofs, response: Type.Optional(PasskeyResponse) });
export const Confirmation = Type.Object({
  code: Type.String({ maxLength: 64, description: 'From the authenticator app' }),
  revokeOtherSessions: Type.Optional(Type.Boolean({ description: 'Whether to end the other sessions' })),
});
export const PasskeyRegistration = Type.Object({
  response: Type.Optional(PasskeyResponse),
  name: Type.Optional(OrNull(Label)),
  ...proofs,
});
export const PasskeySignIn = Type.Object({
  email: Type.Optional(
    Type.String({ maxLength: 320, description: 'Changes nothing: the options are the same for everybody' }),
  ),
  challenge: Type.Optional(Challenge),
  response: Type.Optional(PasskeyResponse),
  ...client,
});
export const PasskeyName = Type.Object({ name: OrNull(Label), ...proofs });
export const ProviderLink = Type.Object({
  code: Type.Optional(Type.String({ minLength: 1, maxLength: 512, description: 'From the redirect' })),
  redirectUrl: Type.Optional(RedirectUrl),
  ...proofs,
});

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
export const SessionParams = Type.Object({ id: Type.String({ pattern: `^session_${UUID}$` }) });
export const PasskeyParams = Type.Object({ id: Type.String({ pattern: `^passkey_${UUID}$` }) });
/** As it was asked for: what no provider is called is not configured. */
export const NamedProvider = Type.Object({
  provider: Type.String({ description: '`github`, `google`, or the name of an issuer' }),
});
export const ProviderParams = Type.Object({
  provider: Type.String({ pattern: '^[a-z0-9]{1,64}$', description: '`github`, `google`, or the name of an issuer' }),
});
export const ProviderQuery = Type.Object({
  redirectUrl: Type.Optional(RedirectUrl),
  codeChallenge: Type.Optional(CodeChallenge),
  ticket: Type.Optional(Type.String({ maxLength: 128, description: 'Of a link that a session asked for' })),
});
export const ReturnQuery = Type.Object({
  code: Type.Optional(Type.String({ description: 'From the provider' })),
  state: Type.Optional(Type.String({ description: 'That the browser left with' })),
});

const success = Type.Literal(true);
const message = Type.String();
const clientToken = Type.String({ description: 'For the client to send back at its next sign-in' });

const User = Type.Object({
  id: Type.String({ description: '`user_` and a uuid' }),
  email: OrNull(Type.String()),
  name: OrNull(Type.String()),
  image: OrNull(Type.String()),
  emailVerified: Type.Boolean(),
  createdAt: Instant,
});
const Session = Type.Object({
  id: Type.String({ description: '`session_` and a uuid' }),
  token: Type.String({ description: 'Sent as `Authorization: Bearer`' }),
  expiresAt: Instant,
});

export const Success = Type.Object({ success });
export const Done = Type.Object({ success, message });
export const SignedIn = Type.Object({ user: User, session: Session, client_token: clientToken });
export const SignedUp = Type.Object({
  user: User,
  session: OrNull(Session),
  client_token: Type.Optional(clientToken),
});
export const SecondFactorDue = Type.Object({
  error: Type.Literal('TOTP_REQUIRED'),
  message,
  channel: Type.Enum(['totp', 'email', 'sms', 'password'], {
    description: 'What completes the sign-in; after a mailed link the password takes the place of an e-mailed code',
  }),
  challenge: Type.Optional(Type.String({ description: 'Names the sign-in that waits' })),
});
export const CurrentSession = Type.Object({ user: User, session: Session });
export const SuccessWithUser = Type.Object({ success, user: User });
export const UserOnly = Type.Object({ user: User });
export const Enrolment = Type.Object({
  secret: Type.String({ description: 'Base32, 160 bits' }),
  qrCode: Type.String({ description: 'data:image/png;base64,…' }),
});
const recoveryCodes = Type.Array(Type.String(), { description: 'Shown once; each works once' });
export const Verified = Type.Object({ success, user: User, recoveryCodes: Type.Optional(recoveryCodes) });
export const RecoveryCodes = Type.Object({ success, recoveryCodes });
const Passkey = Type.Object({
  id: Type.String({ description: '`passkey_` and a uuid' }),
  name: OrNull(Type.String()),
  backedUp: Type.Boolean({ description: 'Whether it is kept in several places' }),
  createdAt: Instant,
  lastUsedAt: OrNull(Instant),
});
const Options = Type.Object({
  options: Type.Unsafe<object>({
    type: 'object',
    additionalProperties: true,
    description: 'For the browser’s `navigator.credentials`, as JSON (WebAuthn)',
  }),
});
export const PasskeyAnswer = Type.Object({ success, passkey: Passkey });
export const PasskeyStep = Type.Union([Options, PasskeyAnswer]);
export const PasskeySignInStep = Type.Union([Options, SignedIn]);
export const ReauthenticationStep = Type.Union([Options, Done]);
export const Passkeys = Type.Object({ passkeys: Type.Array(Passkey) });
export const LinkStep = Type.Union([
  Type.Object({ url: Type.String({ description: 'To send the browser to, once, within ten minutes' }) }),
  Done,
]);
export const ProviderReturn = Type.Union([
  SignedIn,
  Type.Object({ code: Type.String({ description: 'For `link`, within a minute, by the session that asked' }) }),
]);
export const Accounts = Type.Object({
  accounts: Type.Array(
    Type.Object({
      provider: Type.String(),
      email: OrNull(Type.String()),
      createdAt: Instant,
      lastUsedAt: OrNull(Instant),
    }),
  ),
});
/** A redirect has no body. */
export const Nothing = Type.Object({});

export const Sessions = Type.Object({
  sessions: Type.Array(
    Type.Object({
      id: Type.String({ description: '`session_` and a uuid' }),
      contract: Type.String({ description: 'The API that the session was opened with' }),
      current: Type.Boolean(),
      ip: OrNull(Type.String()),
      userAgent: OrNull(Type.String()),
      createdAt: Instant,
      lastUsedAt: Instant,
      expiresAt: Instant,
    }),
  ),
});
