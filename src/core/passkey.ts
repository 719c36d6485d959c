import type { AccountId } from './account.ts';
import type { Instant } from './time.ts';

/** A public key credential that signs somebody in (WebAuthn Level 3); the private half never leaves its authenticator. */
export interface Passkey extends Credential {
  /** Names it to its owner's own sessions. */
  uuid: string;
  accountId: AccountId;
  /** As its owner calls it. */
  name: string | null;
  /** Whether the authenticator keeps it in several places now. */
  backedUp: boolean;
  /** The authenticator's make, as it says itself (WebAuthn §6.5.1). */
  aaguid: string;
  createdAt: Instant;
  lastUsedAt: Instant | null;
}

/** What an answer is verified with. */
export interface Credential {
  /** base64url, at most 1,023 bytes; unique over all accounts. */
  credentialId: string;
  /** COSE key, base64url. */
  publicKey: string;
  /** The highest signature counter seen; 0 for authenticators that count nothing. */
  counter: number;
  /** Whether the authenticator may keep it in several places; settled when it is made (WebAuthn §6.1.3). */
  backupEligible: boolean;
  /** How the browser reaches the authenticator, as it said. */
  transports: readonly string[];
}

/** How a passkey names itself in options that a browser is given. */
export type CredentialName = Pick<Credential, 'credentialId' | 'transports'>;

export type UserVerification = 'required' | 'preferred';

/** What an answer says of itself before anything of it is verified. */
export interface ClaimedAnswer {
  credentialId: string;
  /** The challenge that the browser signed, as it stands in `clientDataJSON`. */
  challenge: Uint8Array;
  /** base64url; only an assertion has one, and not always. */
  userHandle: string | null;
}

/** The WebAuthn ceremonies, as the relying party sees them; origins and the relying party's id are settings. */
export interface PasskeyCeremonies {
  /** The relying party's id; part of what a challenge is bound to. */
  readonly relyingPartyId: string;
  /** PublicKeyCredentialCreationOptionsJSON: a resident key, the user verified, no attestation. */
  registrationOptions(of: {
    challenge: Uint8Array;
    /** `handle`: 64 random bytes in base64url (WebAuthn §14.6.1). */
    user: { handle: string; name: string; displayName: string };
    exclude: readonly CredentialName[];
  }): Promise<object>;
  /** PublicKeyCredentialRequestOptionsJSON. */
  assertionOptions(of: {
    challenge: Uint8Array;
    allow: readonly CredentialName[];
    userVerification: UserVerification;
  }): Promise<object>;
  /** @returns `undefined` for what is no answer of a ceremony at all */
  read(response: unknown): ClaimedAnswer | undefined;
  /** @returns `undefined` for an answer that fails any step of WebAuthn §7.1, whatever is wrong with it */
  verifyRegistration(
    response: unknown,
    challenge: Uint8Array,
  ): Promise<(Credential & Pick<Passkey, 'aaguid' | 'backedUp'>) | undefined>;
  /**
   * - `wrong`: fails a step of WebAuthn §7.2
   * - `counter_regressed`: right but for its counter, which must have grown: the authenticator may have been cloned
   */
  verifyAssertion(
    response: unknown,
    of: { challenge: Uint8Array; credential: Credential; userVerification: UserVerification },
  ): Promise<
    | { outcome: 'right'; counter: number; userVerified: boolean; backedUp: boolean }
    | { outcome: 'wrong' | 'counter_regressed' }
  >;
}
