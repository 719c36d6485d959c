import { type TProperties, type TSchema, Type } from 'typebox';

/** A form, with the field that the browser's own forms carry the token in. */
const Form = <Fields extends TProperties>(fields: Fields) =>
  Type.Object({
    ...fields,
    _token: Type.Optional(Type.String({ description: 'In the place of the X-XSRF-TOKEN header' })),
  });
const OrNull = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);
const Text = (title?: string) => Type.String({ maxLength: 4096, ...(title && { title }) });

const NewPassword = (title?: string) =>
  Type.String({ format: 'new-password', maxLength: 4096, ...(title && { title }) });
const Email = Type.String({ format: 'email', maxLength: 320 });
const Code = Type.String({ maxLength: 64, description: 'From the authenticator app, or the one that was sent' });
const RecoveryCode = Type.String({ maxLength: 64, description: 'Instead of a code; each works once' });
const Captcha = Type.Optional(Type.String({ maxLength: 4096, description: 'Where the server asks for one' }));
const Instant = Type.String({ description: 'ISO 8601, UTC, six digits of a second' });
const Message = Type.String();

export const Nothing = Form({});
export const NoContent = Type.Null({ description: 'Nothing' });
/** The text `""` as JSON. */
export const Blank = Type.String({ description: 'An empty text' });

export const Login = Form({
  email: Type.String({ maxLength: 4096, description: 'E-mail address' }),
  password: Text(),
  remember: Type.Optional(Type.Boolean({ description: 'Stay signed in for up to 30 days' })),
});
export const LoginAnswer = Type.Object({
  two_factor: Type.Boolean(),
  channel: Type.Optional(Type.String({ description: 'Where a code was sent: `email` or `sms`' })),
});
export const Challenge = Form({ code: Type.Optional(Code), recovery_code: Type.Optional(RecoveryCode) });

const Site = Type.Object({ id: Type.Integer(), name: Type.String(), is_headquarters: Type.Boolean() });
const Names = Type.Array(Type.String());
const Count = Type.Integer({ minimum: 0, description: 'The host application’s; 0 here' });
export const User = Type.Object({
  id: Type.Integer(),
  username: Type.String(),
  first_name: Type.String(),
  last_name: Type.String(),
  full_name: Type.String(),
  email: Type.String(),
  avatar: Type.String({ description: 'A PNG picture as a data URI' }),
  current_site_id: OrNull(Type.Integer()),
  locale: Type.String(),
  office_phone: OrNull(Type.String()),
  cell_phone: OrNull(Type.String()),
  incident_count: Count,
  maintenance_count: Count,
  cleaning_count: Count,
  item_count: Count,
  item_exit_count: Count,
  item_entry_count: Count,
  last_login_date: OrNull(Instant),
  last_login_ip: OrNull(Type.String()),
  roles: Names,
  permissions: Names,
  sites: Type.Array(Site),
  sites_with_roles: Type.Array(Type.Object({ site: Site, roles: Names })),
  sites_with_permissions: Type.Array(
    Type.Object({ site: Type.Object({ id: Type.Integer(), name: Type.String() }), permissions: Names }),
  ),
  deleted_at: Type.Null(),
  deleted_by_id: Type.Null(),
  created_at: Instant,
  updated_at: Instant,
});
export const CurrentUser = Type.Object({ data: User });

export const SiteChoice = Form({ site_id: Type.Integer() });
export const SiteChosen = Type.Object({ message: Message, user: User, data: User });
export const LocaleChoice = Form({ locale: Type.Enum(['fr', 'en'], { type: 'string' }) });
export const LocaleChosen = Type.Object({ message: Message, locale: Type.String() });

export const PasswordChange = Form({
  current_password: Text(),
  password: NewPassword('new password'),
  password_confirmation: Type.Optional(Text()),
});
export const Forgotten = Form({ email: Email, recaptcha_token: Captcha });
export const Reset = Form({
  token: Text(),
  email: Email,
  password: Text(),
  password_confirmation: Type.Optional(Text()),
});
export const Done = Type.Object({ message: Message });

export const SetUpParams = Type.Object({ id: Type.String(), hash: Type.String() });
export const SetUpQuery = Type.Object({ expires: Type.String(), signature: Type.String() });
export const SetUpForm = Form({ password: NewPassword(), password_confirmation: Type.Optional(Text()) });
export const SetUpLink = Type.Object({
  valid: Type.Boolean(),
  user: Type.Object({ id: Type.Integer(), email: Type.String(), full_name: Type.String() }),
});
export const SetUpRefused = Type.Object({ valid: Type.Boolean(), message: Message });

export const Application = Type.Object({ demo_mode: Type.Boolean(), app_name: Type.String() });

export const Confirmation = Form({
  password: Type.Optional(Text()),
  code: Type.Optional(Code),
  recovery_code: Type.Optional(RecoveryCode),
});
export const ConfirmationQuery = Type.Object({ seconds: Type.Optional(Type.String()) });
export const ConfirmationStatus = Type.Object({ confirmed: Type.Boolean() });
export const Enabling = Form({ force: Type.Optional(Type.Boolean({ description: 'Begin anew' })) });
export const CodeForm = Form({ code: Type.Optional(Code) });
export const QrCode = Type.Union([
  Type.Object({ svg: Type.String(), url: Type.String() }),
  Type.Array(Type.String(), { maxItems: 0, description: 'Nothing to be scanned' }),
]);
export const SecretKey = Type.Object({ secretKey: Type.String() });
export const RecoveryCodes = Names;
