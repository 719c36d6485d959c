import type { Account, AccountId, CodeFactor, Locale, SignInPlace } from './account.ts';
import type { AuditEvent, RecordedEvent } from './audit.ts';
import type { CodeKey, CodePurpose, DeliveredCode } from './delivered-code.ts';
import type { Device, DeviceId } from './device.ts';
import type { IdentifierKind } from './identifier.ts';
import type { LinkedIdentity } from './linked-identity.ts';
import type { Message } from './message.ts';
import type { OneTimePurpose, OneTimeToken } from './one-time-token.ts';
import type { Passkey } from './passkey.ts';
import type { PendingFactor } from './pending-factor.ts';
import type { PendingLogin } from './pending-login.ts';
import type { RefreshToken } from './refresh-token-family.ts';
import type { Session, SessionId } from './session.ts';
import type { SigningKey } from './signing-key.ts';
import type { SiteId } from './site.ts';
import type { Permissions, Roles, Sites } from './site-store.ts';
import type { Instant } from './time.ts';
import type { ContractName, PasswordHash } from './world.ts';

/** The record of everything. Each transaction's effects are durable and seen by every process once it resolves. */
export interface Store extends Tables {
  /**
   * Runs `work` as one transaction; whatever it throws undoes it. `work` touches nothing but the tables it is given:
   * it may run twice (PostgreSQL, deadlock), and on SQLite everybody waits for it.
   */
  transaction<T>(work: (tables: Tables) => Promise<T>): Promise<T>;
}

export interface Tables {
  accounts: Accounts;
  identifiers: Identifiers;
  passwords: Passwords;
  sessions: Sessions;
  refreshTokens: RefreshTokens;
  oneTimeTokens: OneTimeTokens;
  pendingLogins: PendingLogins;
  devices: Devices;
  deliveredCodes: DeliveredCodes;
  secondFactors: SecondFactors;
  passkeys: Passkeys;
  linkedIdentities: LinkedIdentities;
  spentChallenges: SpentChallenges;
  knownClients: KnownClients;
  attempts: Attempts;
  limits: Limits;
  outbox: Outbox;
  audit: Audit;
  signingKeys: SigningKeys;
  sites: Sites;
  roles: Roles;
  permissions: Permissions;
}

export interface NewAccount {
  uuid: string;
  name: string | null;
  image: string | null;
  firstName: string;
  lastName: string;
  /** Numbered if taken (rule 9). */
  username: string;
  locale: Locale;
  createdAt: Instant;
  createdFrom: { address: string | null; userAgent: string | null };
}

export interface Accounts {
  create(account: NewAccount): Promise<AccountId>;
  find(id: AccountId): Promise<Account | undefined>;
  findByUuid(uuid: string): Promise<Account | undefined>;
  findByIdentifier(kind: IdentifierKind, value: string): Promise<Account | undefined>;
  /** Reads the account and keeps its row locked until the transaction ends. */
  hold(id: AccountId): Promise<Account | undefined>;
  list(page: { after: AccountId | null; limit: number }): Promise<Account[]>;
  /** Kills what was issued under the epoch so far. */
  moveEpoch(id: AccountId, now: Instant): Promise<void>;
  setDisabled(id: AccountId, disabledAt: Instant | null, now: Instant): Promise<void>;
  setLabels(
    id: AccountId,
    labels: { role?: string; roleId?: number; accountableType?: string; accountableId?: number },
    now: Instant,
  ): Promise<void>;
  /** What a takeover takes from the account's row itself (rule 7). */
  clearProfile(id: AccountId, now: Instant): Promise<void>;
  setProfile(
    id: AccountId,
    profile: Pick<Account, 'firstName' | 'image' | 'lastName' | 'name'>,
    now: Instant,
  ): Promise<void>;
  setLocale(id: AccountId, locale: Locale, now: Instant): Promise<void>;
  /** Where its new sessions begin. */
  setDefaultSite(id: AccountId, siteId: SiteId): Promise<void>;
  setCodeFactor(id: AccountId, factor: CodeFactor | null, now: Instant): Promise<void>;
  /** Counts a sign-in and ends what was counted against it. @returns what the row says now */
  recordSignIn(
    id: AccountId,
    place: SignInPlace,
  ): Promise<Pick<Account, 'signInCount' | 'currentSignIn' | 'lastSignIn' | 'failedAttempts' | 'lockedOutAt'>>;
  recordFailedAttempt(id: AccountId, lockedOutAt: Instant | null): Promise<void>;
  clearFailedAttempts(id: AccountId): Promise<void>;
  /** @returns how many in a row there are now */
  countWrongCode(id: AccountId): Promise<number>;
  clearWrongCodes(id: AccountId): Promise<void>;
  delete(id: AccountId): Promise<boolean>;
}

export interface Identifiers {
  /** @returns `false` if the identifier is held by an account */
  add(identifier: {
    accountId: AccountId;
    kind: IdentifierKind;
    value: string;
    verifiedAt: Instant | null;
    now: Instant;
  }): Promise<boolean>;
  /** Notes an identifier that is not proven yet, and so is held by nobody (rule 6). */
  addPending(identifier: { accountId: AccountId; kind: IdentifierKind; value: string; now: Instant }): Promise<void>;
  findPending(accountId: AccountId, kind: IdentifierKind): Promise<string | undefined>;
  /**
   * Makes a proven identifier the account's only one of its kind.
   *
   * @returns `false` if another account holds it
   */
  replace(identifier: {
    accountId: AccountId;
    kind: IdentifierKind;
    value: string;
    verifiedAt: Instant;
  }): Promise<boolean>;
  markVerified(accountId: AccountId, kind: IdentifierKind, now: Instant): Promise<boolean>;
  /** Whether the account has proven any identifier. */
  anyVerified(accountId: AccountId): Promise<boolean>;
  /** Removes all but one. */
  removeOthers(accountId: AccountId, keep: { kind: IdentifierKind; value: string }): Promise<void>;
  /** Remembers that the digest's identifier was freed by a deletion (rule 12). */
  bury(digest: string, until: Instant): Promise<void>;
  isBuried(digests: string[], now: Instant): Promise<boolean>;
}

export interface Passwords {
  find(accountId: AccountId): Promise<(PasswordHash & { changedAt: Instant; disabledAt: Instant | null }) | undefined>;
  replace(accountId: AccountId, hash: PasswordHash, now: Instant): Promise<void>;
  /** Stores an account's first one. @returns `false` if it has one. One statement. */
  add(accountId: AccountId, hash: PasswordHash, now: Instant): Promise<boolean>;
  /** Stores the same password's newer hash, unless the password was changed meanwhile. */
  upgrade(accountId: AccountId, from: PasswordHash, to: PasswordHash): Promise<boolean>;
  remove(accountId: AccountId): Promise<void>;
  /** It opens nothing until it is replaced (rule 17). */
  disable(accountId: AccountId, now: Instant): Promise<void>;
}

export interface Sessions {
  insert(session: Session): Promise<void>;
  /** For an answer that changes nothing: may be up to one second old, never older than the last change made here (rule 28). */
  peek(id: SessionId): Promise<{ session: Session; account: Account } | undefined>;
  find(id: SessionId): Promise<{ session: Session; account: Account } | undefined>;
  /** As {@link peek}, by the digests of an opaque token. */
  peekByToken(digests: readonly string[]): Promise<{ session: Session; account: Account } | undefined>;
  findByToken(digests: readonly string[]): Promise<{ session: Session; account: Account } | undefined>;
  list(accountId: AccountId, now: Instant): Promise<Session[]>;
  /** Makes `tokenId` the newest access token, and keeps the one before (rule 27). */
  renew(
    id: SessionId,
    change: Pick<Session, 'lastUsedAt' | 'expiresAt' | 'address' | 'userAgent'> & { tokenId: string },
  ): Promise<boolean>;
  /** As {@link findByToken}, by those of the token before, if it was renewed no longer ago than `since`. */
  findByFormerToken(
    digests: readonly string[],
    since: Instant,
  ): Promise<{ session: Session; account: Account } | undefined>;
  /** Puts another token in the place of the one that opens it, after the password was confirmed in it. */
  renewToken(id: SessionId, change: { tokenDigest: string; renewedAt: Instant }): Promise<boolean>;
  /** Opens it anew with another token; what was proven in it before is not any more. */
  reopen(
    id: SessionId,
    change: Pick<Session, 'address' | 'lastUsedAt' | 'userAgent'> & { tokenDigest: string },
  ): Promise<boolean>;
  /** Has the account's sessions of the contract last no longer than their tokens open them: no other secret does. */
  forgetRemembered(accountId: AccountId, of: { contract: ContractName; idle: number }): Promise<void>;
  markPasswordConfirmed(id: SessionId, now: Instant): Promise<boolean>;
  /** Notes a use; it never makes the session end sooner. */
  touch(id: SessionId, change: Pick<Session, 'lastUsedAt' | 'expiresAt'>): Promise<boolean>;
  markAuthenticated(
    id: SessionId,
    change: { authenticatedAt: Instant; factorProvenAt: Instant | null },
  ): Promise<boolean>;
  moveToSite(id: SessionId, siteId: SiteId): Promise<boolean>;
  /** Forgets, in every session but one, that a second factor was proven: it is another one now. */
  unprove(accountId: AccountId, except?: SessionId): Promise<void>;
  end(accountId: AccountId, id: SessionId): Promise<boolean>;
  /** @returns how many ended */
  endAll(accountId: AccountId, except?: SessionId): Promise<number>;
  /** Ends those that were opened on one device. @returns how many ended */
  endOnDevice(accountId: AccountId, id: DeviceId): Promise<number>;
  /** Ends the least recently used beyond `keep`, none used since `usedSince` while at most `hardLimit` live (rule 30). */
  endBeyond(
    accountId: AccountId,
    limits: {
      keep: number;
      hardLimit: number;
      usedSince: Instant;
      /** The same for those whose use is noted only now and then. */
      notedSince: Instant;
      spare: SessionId;
    },
  ): Promise<number>;
}

export interface RefreshTokens {
  insert(token: RefreshToken): Promise<void>;
  /** Reads the token and holds its session's row, so that one family is rotated by one caller at a time. */
  hold(digests: string[]): Promise<RefreshToken | undefined>;
  find(digests: string[]): Promise<RefreshToken | undefined>;
  /** @returns `false` if it was spent already */
  spend(
    digest: string,
    successor: { rotatedAt: Instant; nonce: string; keyId: string; successorDigest: string },
  ): Promise<boolean>;
}

export interface OneTimeTokens {
  insert(token: OneTimeToken): Promise<void>;
  find<Purpose extends OneTimePurpose>(purpose: Purpose, digests: string[]): Promise<OneTimeToken<Purpose> | undefined>;
  /** Removes and returns it: of many callers exactly one gets it (ASVS 6.5.1). */
  take<Purpose extends OneTimePurpose>(purpose: Purpose, digests: string[]): Promise<OneTimeToken<Purpose> | undefined>;
  removeAll(accountId: AccountId, purpose?: OneTimePurpose): Promise<void>;
  /** Removes all but the newest of a purpose (rule 3). */
  keepNewest(accountId: AccountId, purpose: OneTimePurpose, count: number): Promise<void>;
}

export interface PendingLogins {
  insert(pending: PendingLogin): Promise<void>;
  /** Removes all but one and the newest others. */
  keepNewest(accountId: AccountId, rule: { count: number; beside: string }): Promise<void>;
  /** Those of the account and contract that may still be completed, newest first. */
  list(accountId: AccountId, contract: ContractName, now: Instant): Promise<PendingLogin[]>;
  find(digests: string[], contract: ContractName, now: Instant): Promise<PendingLogin | undefined>;
  /** Takes one of its tries before a code is looked at. @returns `false` if none was left. One statement. */
  takeTry(digest: string, rule: { most: number; now: Instant }): Promise<boolean>;
  giveTryBack(digest: string): Promise<void>;
  /** @returns `false` if somebody else removed it */
  remove(digest: string): Promise<boolean>;
  removeAll(accountId: AccountId): Promise<void>;
}

export interface Devices {
  /** Makes the device, or brings it up to what its client says now, by account and label. */
  use(device: Omit<Device, 'createdAt' | 'id' | 'lastUsedAt'> & { now: Instant }): Promise<DeviceId>;
  find(id: DeviceId): Promise<Device | undefined>;
  list(accountId: AccountId): Promise<Device[]>;
  remove(accountId: AccountId, id: DeviceId): Promise<boolean>;
  /** Removes the least recently used beyond `count` that have no session. */
  keepNewest(accountId: AccountId, count: number): Promise<void>;
  removeAll(accountId: AccountId): Promise<void>;
}

/** Codes sent out of band; only their digests are kept. */
export interface DeliveredCodes {
  find(key: CodeKey): Promise<DeliveredCode | undefined>;
  /** The live or dead ones of a purpose, newest first. */
  list(accountId: AccountId, purpose: CodePurpose): Promise<DeliveredCode[]>;
  /** Takes the place of the one under its key. */
  put(code: DeliveredCode): Promise<void>;
  /** Takes a try if one is left and the code is live. One statement. */
  takeTry(key: CodeKey, rule: { most: number; epoch: number; now: Instant }): Promise<DeliveredCode | undefined>;
  giveTryBack(key: CodeKey): Promise<void>;
  /** Binds the code to something else. @returns `false` if it is gone */
  rebind(key: CodeKey, binding: string): Promise<boolean>;
  /** @returns `false` if somebody else removed it */
  remove(key: CodeKey): Promise<boolean>;
  removeAll(accountId: AccountId, purpose?: CodePurpose): Promise<void>;
}

/** What the second step of a sign-in is checked against. */
export interface SecondFactors {
  findTotp(accountId: AccountId): Promise<{ sealedSecret: string; lastStep: number } | undefined>;
  /** `lastStep` counts as used. */
  putTotp(accountId: AccountId, totp: { sealedSecret: string; lastStep: number; confirmedAt: Instant }): Promise<void>;
  /** Moves the last accepted step up. @returns `false` if it was reached already (RFC 6238 §5.2). One statement. */
  acceptStep(accountId: AccountId, step: number): Promise<boolean>;
  removeTotp(accountId: AccountId): Promise<void>;
  findPending(accountId: AccountId): Promise<PendingFactor | undefined>;
  putPending(accountId: AccountId, pending: PendingFactor): Promise<void>;
  /** Takes a try if one is left, it is live, and this session began it. One statement. */
  takePendingTry(
    accountId: AccountId,
    rule: { most: number; epoch: number; sessionId: SessionId; now: Instant },
  ): Promise<PendingFactor | undefined>;
  /** Replaces the codes that come into force with it, while it is live and this session's. @returns whether it is */
  renewPendingCodes(
    accountId: AccountId,
    of: { epoch: number; sealedRecoveryCodes: string; sessionId: SessionId; now: Instant },
  ): Promise<boolean>;
  removePending(accountId: AccountId): Promise<boolean>;
  replaceRecoveryCodes(accountId: AccountId, digests: readonly string[]): Promise<void>;
  /** Removes it: of many callers exactly one gets `true` (ASVS 5.0: 6.5.1). */
  takeRecoveryCode(accountId: AccountId, digest: string): Promise<boolean>;
  countRecoveryCodes(accountId: AccountId): Promise<number>;
  /** The digests of those that are not used up. */
  listRecoveryCodes(accountId: AccountId): Promise<string[]>;
  /** Keeps codes for one session to look at; they take the place of what any session of the account had. */
  putShownCodes(
    accountId: AccountId,
    shown: { sessionId: SessionId; sealed: string; expiresAt: Instant },
  ): Promise<void>;
  findShownCodes(sessionId: SessionId, now: Instant): Promise<string | undefined>;
  removeAll(accountId: AccountId): Promise<void>;
}

export interface Passkeys {
  /** What authenticators know the account by: `fresh`, unless it has one already. */
  handle(accountId: AccountId, fresh: string): Promise<string>;
  findHandle(accountId: AccountId): Promise<string | null>;
  /** @returns `false` if an account has the credential already */
  add(passkey: Passkey): Promise<boolean>;
  find(credentialId: string): Promise<Passkey | undefined>;
  list(accountId: AccountId): Promise<Passkey[]>;
  /** Notes a use. @returns `false` if it is gone, or its counter was moved on by another use. One statement. */
  use(passkey: Passkey, now: { counter: number; backedUp: boolean; lastUsedAt: Instant }): Promise<boolean>;
  rename(accountId: AccountId, uuid: string, name: string | null): Promise<Passkey | undefined>;
  remove(accountId: AccountId, uuid: string): Promise<Passkey | undefined>;
  removeAll(accountId: AccountId): Promise<void>;
}

export interface LinkedIdentities {
  /** @returns `false` if it is linked already, or the account has another one of the provider */
  add(identity: LinkedIdentity): Promise<boolean>;
  find(provider: string, subject: string): Promise<LinkedIdentity | undefined>;
  list(accountId: AccountId): Promise<LinkedIdentity[]>;
  use(identity: LinkedIdentity, now: Pick<LinkedIdentity, 'email' | 'lastUsedAt'>): Promise<void>;
  remove(accountId: AccountId, provider: string): Promise<boolean>;
  removeAll(accountId: AccountId): Promise<void>;
}

/** What was made without a row, and may be used once. */
export interface SpentChallenges {
  /** @returns `false` if it was spent before: of many callers exactly one gets `true` (ASVS 5.0: 6.5.1) */
  spend(digest: string, expiresAt: Instant): Promise<boolean>;
  /** Lets it be used again. */
  forget(digests: string[]): Promise<void>;
}

export interface KnownClients {
  /** Whether the client signed in fully to the account since `since`. */
  knows(digests: string[], accountId: AccountId, since: Instant): Promise<boolean>;
  remember(digest: string, accountId: AccountId, now: Instant): Promise<void>;
  forgetAll(accountId: AccountId, except?: string[]): Promise<void>;
  /** Forgets all but those seen last. */
  keepNewest(accountId: AccountId, count: number): Promise<void>;
}

/** Wrong passwords by identifier digest and kind of client: the lock's own counters (rules 20 and 21). */
export interface Attempts {
  /** Takes one of the remaining places, or tells why there is none. */
  reserve(bucket: AttemptBucket, limits: { places: number; staleBefore: Instant; now: Instant }): Promise<Reservation>;
  /** Gives the place back and ends the run of failures. */
  succeed(bucket: AttemptBucket): Promise<{ failuresBefore: number }>;
  /** Gives the place back and counts nothing: the attempt was never decided. */
  release(bucket: AttemptBucket): Promise<void>;
  fail(
    bucket: AttemptBucket,
    rule: { places: number; lockFor: (locksBefore: number) => number; hasAccount: boolean; now: Instant },
  ): Promise<{ total: number; lockedUntil: Instant | null }>;
  /** Lifts the locks of every bucket of the identifier; the runs of failures go on. */
  lift(identifierDigests: string[]): Promise<void>;
  /** Lifts the locks and ends the runs. */
  clear(identifierDigests: string[]): Promise<void>;
}

export interface AttemptBucket {
  identifierDigest: string;
  /** The known client's digest, or `*` for everybody else. */
  client: string;
}

export type Reservation =
  | { outcome: 'taken'; total: number }
  | { outcome: 'locked'; until: Instant }
  | { outcome: 'all_undecided' };

export type Holding = { outcome: 'held' } | { outcome: 'used_up'; until: Instant } | { outcome: 'all_undecided' };

/** Counters with a window. */
export interface Limits {
  /** Counts one and tells whether it was within the limit; a refused one is not counted. One statement. */
  take(
    key: string,
    rule: { limit: number; windowMilliseconds: number; now: Instant },
  ): Promise<{ allowed: true } | { allowed: false; until: Instant }>;
  /** Whether one more would be allowed. */
  look(
    key: string,
    rule: { limit: number; now: Instant },
  ): Promise<{ allowed: true } | { allowed: false; until: Instant }>;
  /** Holds one of the places that are left for what may turn out to count. One statement. */
  hold(key: string, rule: { limit: number; staleBefore: Instant; now: Instant }): Promise<Holding>;
  /** What was counted in a window that is not over. */
  read(key: string, now: Instant): Promise<{ count: number; until: Instant } | undefined>;
  /** Forgets what was counted; held places stay held. */
  clear(key: string): Promise<void>;
  /** Gives a held place back, counted or not. */
  settle(key: string, outcome: { counts: boolean; windowMilliseconds: number; now: Instant }): Promise<void>;
}

export interface Outbox {
  add(message: Message): Promise<void>;
  /** Gives up the account's unsent links and codes, which prove nothing any more; its notices still go. */
  dropSecrets(accountId: AccountId, now: Instant): Promise<void>;
}

export interface Audit {
  record(event: AuditEvent): Promise<void>;
  list(filter: { accountUuid?: string; limit: number }): Promise<RecordedEvent[]>;
}

export interface SigningKeys {
  list(): Promise<SigningKey[]>;
  insert(key: SigningKey): Promise<void>;
  /** Sets when the older keys of a contract stop verifying, unless they already have an end. */
  retireBefore(contract: ContractName, signsFrom: Instant, verifiesUntil: Instant): Promise<void>;
  /** Removes the keys of a contract that wait for their time to sign. */
  withdrawWaiting(contract: ContractName, now: Instant): Promise<void>;
}
