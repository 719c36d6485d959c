import type { Account, Locale } from './account.ts';
import type { DeviceId } from './device.ts';
import type { PasswordFlaw } from './failure.ts';
import type { IdentityProviders } from './identity-provider.ts';
import type { Keyring } from './keyring.ts';
import type { PasskeyCeremonies } from './passkey.ts';
import type { SessionId } from './session.ts';
import type { Store } from './store.ts';
import type { Instant } from './time.ts';

/** All that an operation may touch. An operation names the parts it needs with `Pick`. */
export interface World {
  clock: Clock;
  random: Random;
  hasher: PasswordHasher;
  passwordAdvice: PasswordAdvice;
  keyring: Keyring;
  accessTokens: AccessTokens;
  phones: Phones;
  passkeys: PasskeyCeremonies;
  providers: IdentityProviders;
  store: Store;
  policy: Policy;
}

export interface Clock {
  now(): Instant;
  /** Resolves after this many milliseconds; a test's clock turns at once. */
  wait(milliseconds: number): Promise<void>;
}

export interface Random {
  bytes(length: number): Uint8Array;
  uuid(): string;
}

/** Telephone numbers by the rules of their countries. */
export interface Phones {
  /** E.164, whatever the usual spelling; `undefined` if it is no number. */
  canonical(text: string): string | undefined;
  /** Whether an SMS may go there: a number of mobiles, in a listed country (rule 22). */
  maySend(e164: string): boolean;
}

/** Which contract a session or a pending login belongs to (rule 27). */
export type ContractName = 'device' | 'bearer' | 'cookie' | 'sanctum';

/** A stored password hash and the pepper it was made with. */
export interface PasswordHash {
  /** PHC string, `$argon2id$…`. */
  hash: string;
  pepperId: string;
}

/** Argon2id in a bounded pool (RFC 9106). Every method may throw {@link Failure} `overloaded`. */
export interface PasswordHasher {
  hash(password: string): Promise<PasswordHash>;
  verify(stored: PasswordHash, password: string): Promise<boolean>;
  /** The work of a `verify` against no hash at all, so that an unknown account takes the same time (ASVS 6.3.8). */
  verifyNothing(password: string): Promise<false>;
  /** Whether a hash was made with weaker parameters or an older pepper than today's. */
  isOutdated(stored: PasswordHash): boolean;
  /**
   * Lets in as many at once as can be served in time, with all that they wait for.
   *
   * @throws {Failure} `overloaded` for the others, at once
   */
  admit<T>(work: () => Promise<T>): Promise<T>;
  /** Longest that an attempt waits for its turn. */
  readonly deadlineMilliseconds: number;
}

/** The offline judgement on a password: the list of common ones, and an estimate of its strength. */
export interface PasswordAdvice {
  /** @returns the flaw, or `undefined` for a password that is neither common nor easily guessed */
  flawOf(
    password: string,
    personal: readonly string[],
  ): Promise<Extract<PasswordFlaw, 'common' | 'guessable'> | undefined>;
}

/** Signed access tokens (RFC 7519), each contract's in its own form. */
export interface AccessTokens {
  issue(contract: ContractName, claims: AccessClaims): Promise<string>;
  /** @returns what a token names that this contract issued and whose signature holds, an expired one too */
  check(contract: ContractName, token: string): Promise<CheckedAccessToken | undefined>;
  /** Public keys, as JWKS (RFC 7517 §5). */
  publicKeys(): Promise<{ keys: object[] }>;
}

/** What an access token tells, whatever its contract calls it. */
export interface AccessClaims {
  account: Pick<Account, 'id' | 'role' | 'uuid'>;
  sessionId: SessionId;
  deviceId: DeviceId | null;
  tokenId: string;
  issuedAt: Instant;
  expiresAt: Instant;
}

export interface CheckedAccessToken {
  sessionId: SessionId;
  tokenId: string;
  /** As the contract's tokens name it. */
  account: string;
  expiresAt: Instant;
}

/** Who asks, as far as the transport can tell. */
export interface Caller {
  /** The client's address, from the socket or a trusted proxy. */
  address: string | null;
  /** The /24 or /64 that it counts under, and how many times the usual limits that network gets (rule 22). */
  network: { key: string; factor: number };
  userAgent: string | null;
  /** The value that a known client sends back (rule 20). */
  clientToken: string | null;
  locale: Locale;
}

/** What the settings decide; numbers that a page of the specification fixes are constants beside their operation. */
export interface Policy {
  signUp: 'open' | 'closed';
  passwordMinimum: number;
  /** What people know this server by: in authenticator apps, and as a word that no password may be made of (ASVS 6.1.2). */
  serviceName: string;
  /** Whether a browser application of the origin, in the form browsers write it, may call and be sent back to. */
  isAllowedOrigin(origin: string): boolean;
  /** Whether the bearer contract lets nobody in whose address is not proven. */
  requireVerifiedEmail: boolean;
  /** Request, send and sign-up rates; the lock is never off (rule 23). */
  rateLimits: boolean;
  /** Whether there is a way to send SMS. */
  smsAvailable: boolean;
  /** SMS an hour, over everybody (rule 22). */
  smsBudget: number;
}
