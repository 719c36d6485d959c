import type { Generated } from 'kysely';

/** Every table as both databases hold it: instants are milliseconds, booleans 0 or 1, structured values JSON text. */
export interface Database {
  account: AccountTable;
  identifier: IdentifierTable;
  buried_identifier: { digest: string; until: number };
  password: PasswordTable;
  session: SessionTable;
  refresh_token: RefreshTokenTable;
  one_time_token: OneTimeTokenTable;
  pending_login: PendingLoginTable;
  device: DeviceTable;
  delivered_code: DeliveredCodeTable;
  totp: { account_id: number; sealed_secret: string; last_step: number; confirmed_at: number };
  pending_factor: PendingFactorTable;
  recovery_code: { account_id: number; digest: string };
  shown_recovery_codes: { session_id: string; account_id: number; sealed: string; expires_at: number };
  passkey: PasskeyTable;
  linked_identity: LinkedIdentityTable;
  spent_challenge: { digest: string; expires_at: number };
  known_client: { digest: string; account_id: number; signed_in_at: number };
  attempt: AttemptTable;
  rate_limit: RateLimitTable;
  outbox: OutboxTable;
  mailbox_message: { id: string; sealed: string; created_at: number };
  audit_event: AuditEventTable;
  /** One row: where the chain ends. */
  audit_head: { id: number; sequence: number; seal: string };
  audit_detail: { event_id: number; account_id: number | null; address: string | null; user_agent: string | null };
  signing_key: SigningKeyTable;
  site: { id: Generated<number>; name: string; is_headquarters: number; created_at: number };
  site_member: { account_id: number; site_id: number; created_at: number };
  role: RoleTable;
  permission: { name: string; created_at: number };
  role_permission: { role_id: number; permission: string };
  role_grant: AtSite & { account_id: number; role_id: number; created_at: number };
  permission_grant: AtSite & { account_id: number; permission: string; created_at: number };
}

/** Where something holds: at one site, or, with null and 0, at each. */
export interface AtSite {
  site_id: number | null;
  /** The same, with 0 for null: what a key can hold. */
  site_key: number;
}

export interface RoleTable extends AtSite {
  id: Generated<number>;
  name: string;
  level: number;
  created_at: number;
}

export interface AccountTable {
  id: Generated<number>;
  uuid: string;
  name: string | null;
  image: string | null;
  first_name: string;
  last_name: string;
  username: string;
  locale: string;
  role: string;
  role_id: number;
  accountable_type: string;
  /** Null stands for the account's own id. */
  accountable_id: number | null;
  epoch: number;
  code_factor: string | null;
  disabled_at: number | null;
  created_at: number;
  updated_at: number;
  created_from_address: string | null;
  created_from_user_agent: string | null;
  sign_in_count: Generated<number>;
  current_sign_in_at: number | null;
  last_sign_in_at: number | null;
  current_sign_in_address: string | null;
  last_sign_in_address: string | null;
  /** Wrong passwords since the last sign-in: shown, never decided by. */
  failed_attempts: Generated<number>;
  locked_out_at: number | null;
  /** Wrong second factors in a row. */
  wrong_codes: Generated<number>;
  /** What authenticators know the account by. */
  passkey_handle: string | null;
  /** The site that new sessions begin at. */
  default_site_id: number | null;
}

export interface PasswordTable {
  account_id: number;
  hash: string;
  pepper_id: string;
  changed_at: number;
  /** It opens nothing since then, until a reset (rule 17). */
  disabled_at: number | null;
}

export interface IdentifierTable {
  id: Generated<number>;
  account_id: number;
  kind: string;
  value: string;
  /** 1 until a second identifier is proven; a pending one is not unique and opens nothing (rule 6). */
  pending: number;
  verified_at: number | null;
  created_at: number;
}

export interface SessionTable {
  id: string;
  account_id: number;
  contract: string;
  token_id: string | null;
  previous_token_id: string | null;
  created_at: number;
  authenticated_at: number;
  factor_proven_at: number | null;
  last_used_at: number;
  expires_at: number;
  address: string | null;
  user_agent: string | null;
  device_id: number | null;
  /** Of the opaque token that opens it, in contracts that have one. */
  token_digest: string | null;
  /** Of the one before, which answers for some seconds after it was renewed. */
  previous_token_digest: string | null;
  token_renewed_at: number | null;
  /** The site it is at. */
  site_id: number | null;
  password_confirmed_at: number | null;
}

export interface RefreshTokenTable {
  digest: string;
  session_id: string;
  created_at: number;
  expires_at: number;
  rotated_at: number | null;
  nonce: string | null;
  key_id: string | null;
  successor_digest: string | null;
}

export interface OneTimeTokenTable {
  digest: string;
  purpose: string;
  account_id: number;
  epoch: number;
  identifier: string;
  created_at: number;
  expires_at: number;
  /** What it leads on to, as JSON. */
  facts: string | null;
}

export interface PendingLoginTable {
  digest: string;
  account_id: number;
  contract: string;
  epoch: number;
  tries: number;
  created_at: number;
  expires_at: number;
  /** Where the first factor came from. */
  network: string | null;
  /** Names the delivered code that completes it. */
  code_binding: string | null;
  /** What the client calls its device, and what tells it apart, as JSON. */
  device: string | null;
  first_factor: string;
  /** Whom its completion joins the account by, as JSON. */
  joins: string | null;
  /** The only page that may complete it. */
  origin: string | null;
  /** 1 if the client is to stay signed in. */
  remember: number;
}

export interface PasskeyTable {
  uuid: string;
  account_id: number;
  credential_id: string;
  public_key: string;
  counter: number;
  transports: string;
  backup_eligible: number;
  backed_up: number;
  aaguid: string;
  name: string | null;
  created_at: number;
  last_used_at: number | null;
}

export interface LinkedIdentityTable {
  provider: string;
  subject: string;
  account_id: number;
  /** As the provider last said it, for its owner to tell accounts apart. */
  email: string | null;
  created_at: number;
  last_used_at: number | null;
}

export interface DeviceTable {
  id: Generated<number>;
  account_id: number;
  label: string;
  type: string | null;
  name: string | null;
  os: string | null;
  address: string | null;
  created_at: number;
  last_used_at: number;
}

export interface DeliveredCodeTable {
  account_id: number;
  purpose: string;
  binding: string;
  digest: string;
  channel: string;
  destination: string;
  network: string;
  epoch: number;
  tries: number;
  sent_at: number;
  expires_at: number;
}

export interface PendingFactorTable {
  account_id: number;
  channel: string;
  sealed_secret: string | null;
  epoch: number;
  tries: number;
  expires_at: number;
  /** The session that began it, and the codes it was shown, where the contract shows them before the factor is on. */
  session_id: string | null;
  sealed_recovery_codes: string | null;
}

export interface AttemptTable {
  identifier_digest: string;
  client: string;
  /** Attempts under way or failed since the last lock. */
  taken: number;
  /** Failed since the last lock. */
  decided: number;
  /** Failed in a row, over all locks. */
  total: number;
  locks: number;
  locked_until: number | null;
  last_taken_at: number;
  /** 1 if an account had the identifier at the last failure: its run of failures is kept. */
  has_account: number;
}

export interface RateLimitTable {
  key: string;
  count: number;
  resets_at: number;
  /** Under way: what will count once it is decided. */
  pending: Generated<number>;
  pending_at: Generated<number>;
}

export interface OutboxTable {
  id: string;
  account_id: number | null;
  channel: string;
  template: string;
  locale: string;
  /** Address and facts, sealed; null once sent or dropped. */
  sealed: string | null;
  created_at: number;
  expires_at: number;
  next_attempt_at: number;
  attempts: number;
  claimed_by: string | null;
  claimed_until: number | null;
  sent_at: number | null;
  dropped_at: number | null;
  last_error: string | null;
}

export interface AuditEventTable {
  id: Generated<number>;
  kind: string;
  at: number;
  account_uuid: string | null;
  contract: string;
  facts: string;
  detail_digest: string | null;
  sequence: number | null;
  seal: string | null;
}

export interface SigningKeyTable {
  kid: string;
  contract: string;
  algorithm: string;
  public_jwk: string;
  sealed_private_jwk: string;
  created_at: number;
  signs_from: number;
  verifies_until: number | null;
}
