import assert from 'node:assert/strict';

export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
export const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
/** 256 bits in base64url. */
export const SECRET_VALUE = /^[\w-]{43}$/;
export const REFRESH_TOKEN = /^[0-9a-f]{64}$/;

export type Channel = 'email' | 'sms' | 'totp';

/** The 24 keys that the documents show of an account. */
export interface AccountBody {
  failed_attempts: number;
  id: number;
  uuid: string;
  email: string | null;
  phone: string | null;
  password_digest: string;
  accountable_type: string;
  accountable_id: number;
  role_id: number;
  remember_created_at: string | null;
  sign_in_count: number;
  current_sign_in_at: string | null;
  last_sign_in_at: string | null;
  current_sign_in_ip: string | null;
  last_sign_in_ip: string | null;
  account_confirmed_at: string | null;
  account_confirmed: boolean;
  unlock_token: null;
  locked_at: string | null;
  two_factor_enabled: boolean;
  provider: string;
  provider_uid: string | null;
  created_at: string;
  updated_at: string;
}

const isInteger = (value: unknown): boolean => Number.isInteger(value);
const isText = (value: unknown): boolean => typeof value === 'string' && value !== '';
const isInstant = (value: unknown): boolean => typeof value === 'string' && INSTANT.test(value);
const isBoolean = (value: unknown): boolean => typeof value === 'boolean';
const orNull = (is: (value: unknown) => boolean) => (value: unknown) => value === null || is(value);
const isOnly = (only: unknown) => (value: unknown) => value === only;

/** Each key of an account in the order of the documents, and what it may hold. */
const ACCOUNT: Record<keyof AccountBody, (value: unknown) => boolean> = {
  failed_attempts: isInteger,
  id: isInteger,
  uuid: (value) => typeof value === 'string' && UUID.test(value),
  email: orNull(isText),
  phone: orNull((value) => typeof value === 'string' && /^\+\d{7,15}$/.test(value)),
  password_digest: isOnly('[redacted]'),
  accountable_type: isText,
  accountable_id: isInteger,
  role_id: isInteger,
  remember_created_at: isOnly(null),
  sign_in_count: isInteger,
  current_sign_in_at: orNull(isInstant),
  last_sign_in_at: orNull(isInstant),
  current_sign_in_ip: orNull(isText),
  last_sign_in_ip: orNull(isText),
  account_confirmed_at: orNull(isInstant),
  account_confirmed: isBoolean,
  unlock_token: isOnly(null),
  locked_at: orNull(isInstant),
  two_factor_enabled: isBoolean,
  provider: isText,
  provider_uid: orNull(isText),
  created_at: isInstant,
  updated_at: isInstant,
};

export interface DeviceBody {
  id: number;
  type: string | null;
  name: string | null;
  os: string | null;
}

/** Every key that a body of this contract may hold. */
export interface Body {
  status?: number;
  error?: string;
  message?: string;
  errors?: Record<string, string[]>;
  access_token?: string;
  refresh_token?: string;
  client_token?: string;
  account?: AccountBody;
  two_factor_required?: boolean;
  channel?: Channel;
  challenge?: string;
  secret?: string;
  otpauth_uri?: string;
  qr_code?: string;
  recovery_codes?: string[];
  sessions?: {
    uuid: string;
    contract: string;
    device: DeviceBody | null;
    ip: string | null;
    user_agent: string | null;
    current: boolean;
    created_at: string;
    last_used_at: string;
    expires_at: string;
  }[];
  devices?: (DeviceBody & { ip: string | null; current: boolean; created_at: string; last_used_at: string })[];
}

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | number | undefined>;
  /** Parsed; empty when there is none. */
  body: Body;
  text: string;
}

/** What holds of every answer of the contract, whatever it says. */
export function assertShape(answer: Answer): void {
  const { body, headers, status, text } = answer;
  assert.equal(headers['content-type'], 'application/json; charset=utf-8', text);
  assert.equal(body.status, status, text);
  assert.equal(headers['set-cookie'], undefined);
  assert.match(String(headers['x-request-id']), UUID);
  assert.doesNotMatch(text, /\$argon2|\$2[aby]\$/);
  if (body.account !== undefined) assertAccount(body.account);
}

function assertAccount(account: AccountBody): void {
  assert.deepEqual(Object.keys(account), Object.keys(ACCOUNT));
  for (const [key, holds] of Object.entries(ACCOUNT)) {
    const value = account[key as keyof AccountBody];
    assert.ok(holds(value), `${key}: ${JSON.stringify(value)}`);
  }
  assert.equal(account.account_confirmed, account.account_confirmed_at !== null);
}

/** The account of an answer that must hold one. */
export function accountIn({ body, text }: Answer): AccountBody {
  assert.ok(body.account, text);
  return body.account;
}

/** Checks an answer with an account whole that nobody has signed in to yet, but for who and when, which are given. */
export function assertNewAccount(answer: Answer, of: { status: number; message: string }, account: object): void {
  const { id, uuid, created_at, updated_at, ...rest } = accountIn(answer);
  assert.deepEqual({ ...answer.body, account: undefined }, { ...of, account: undefined });
  assert.deepEqual(rest, {
    failed_attempts: 0,
    password_digest: '[redacted]',
    accountable_type: 'Account',
    accountable_id: id,
    role_id: 1,
    remember_created_at: null,
    sign_in_count: 0,
    current_sign_in_at: null,
    last_sign_in_at: null,
    current_sign_in_ip: null,
    last_sign_in_ip: null,
    unlock_token: null,
    locked_at: null,
    two_factor_enabled: false,
    provider: 'local',
    provider_uid: null,
    ...account,
  });
}
/** Checks an answer whole that says no more than that it is done. */
export function assertDone(answer: Answer, message: string, status = 200): void {
  assert.deepEqual(answer.body, { status, message });
}

/** Checks that somebody was let in, with all keys that such an answer has. */
export function assertSignedIn(answer: Answer): AccountBody {
  assert.equal(answer.status, 200, answer.text);
  const keys = ['status', 'access_token', 'refresh_token', 'account', 'client_token'];
  assert.deepEqual(Object.keys(answer.body), keys);
  assert.match(answer.body.access_token ?? '', /^[\w-]+\.[\w-]+\.[\w-]+$/);
  assert.match(answer.body.refresh_token ?? '', REFRESH_TOKEN);
  assert.match(answer.body.client_token ?? '', SECRET_VALUE);
  return accountIn(answer);
}

/** Each refusal's French words, where it has the same ones everywhere. */
export const WORDS: Record<string, string> = {
  invalid_credentials: 'Identifiant ou mot de passe incorrect.',
  invalid_token: 'Le jeton d’accès est absent ou invalide.',
  token_expired: 'Votre session a expiré. Veuillez vous reconnecter.',
  account_not_confirmed: 'Confirmez votre compte avant de vous connecter.',
  invalid_otp: 'Le code OTP est incorrect ou a expiré.',
  validation_failed: 'Des champs sont manquants ou incorrects.',
  invalid_json: 'Le corps de la requête n’est pas du JSON valide.',
  reauth_required: 'Confirmez à nouveau votre identité avant ce changement.',
  sign_up_closed: 'Les inscriptions sont fermées.',
  not_found: 'Il n’y a rien ici.',
  method_not_allowed: 'Cette méthode n’est pas prise en charge ici.',
  unsupported_media_type: 'Le corps de la requête doit être du type application/json.',
  payload_too_large: 'Le corps de la requête est trop grand : 64 Kio au plus sont acceptés.',
  server_error: 'Une erreur est survenue de notre côté. Veuillez réessayer.',
  unavailable: 'Le service est occupé ou en cours de rétablissement. Réessayez dans un instant.',
};

/** Checks a refusal whole: status, code and words, and nothing beside them but what is said here. */
export function assertRefused(
  answer: Answer,
  status: number,
  error: string,
  of: { message?: string; errors?: Record<string, string[]>; retryAfter?: number } = {},
): void {
  const { errors, message = WORDS[error], retryAfter } = of;
  // Which spaces of a duration break no line is for the platform's tables to say.
  const said = { ...answer.body, message: answer.body.message?.replace(/[\u00a0\u202f]/g, ' ') };
  assert.deepEqual(said, { status, error, message, ...(errors && { errors }) });
  assert.equal(answer.headers['retry-after'], retryAfter === undefined ? undefined : String(retryAfter));
}
