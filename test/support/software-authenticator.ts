import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import type {
  AuthenticationResponseJSON,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from '@simplewebauthn/server';
import { type Cbor, cbor } from './cbor.ts';

/** ES256, EdDSA, RS256. */
export type Algorithm = -7 | -8 | -257;

/** The bits of authenticator data that say something (WebAuthn §6.1). */
export interface Flags {
  userPresent: boolean;
  userVerified: boolean;
  backupEligible: boolean;
  backedUp: boolean;
  attestedData: boolean;
  extensionData: boolean;
}

/** What an answer is made of; `tamper` changes it before anything is written or signed. */
interface Parts {
  /** Written as JSON. */
  clientData: Record<string, unknown>;
  rpId: string;
  flags: Flags;
  counter: number;
  credentialId: Buffer;
  /** CBOR of the extensions; nothing unless `flags.extensionData` is set. */
  extensions: Buffer;
  /** What follows the authenticator data, where nothing may. */
  behind: Buffer;
}

export interface RegistrationParts extends Parts {
  aaguid: Buffer;
  /** The COSE key. */
  publicKey: Cbor;
  /** Keys and values of the attestation object beside `authData`. */
  attestation: Map<string, Cbor>;
  /** What follows the attestation object. */
  behindAttestation: Buffer;
  transports: unknown;
  /** Signs with the new key, for an attestation of its own. */
  sign(bytes: Uint8Array): Buffer;
}

export interface AssertionParts extends Parts {
  userHandle: string | undefined;
  sign(bytes: Uint8Array): Buffer;
}

/** The page that asks, and what is wrong with the answer. */
export interface Ceremony<Tampered> {
  origin: string;
  tamper?: ((parts: Tampered) => unknown) | undefined;
}

export interface SoftwareCredential {
  id: string;
  rpId: string;
  userHandle: string;
  algorithm: Algorithm;
  /** Signatures so far. */
  counter: number;
  privateKey: KeyObject;
  publicKey: KeyObject;
}

export interface Make {
  algorithm?: Algorithm;
  /** Whether it makes sure who it is, by fingerprint or PIN. */
  userVerified?: boolean;
  /** Whether its passkeys are kept in several places. */
  synced?: boolean;
  /** Without it the counter is always 0. */
  counts?: boolean;
  aaguid?: Buffer;
  transports?: string[];
}

/**
 * An authenticator and its browser, which do as they are told: what the server sends is signed, for whatever page, and
 * every bit of the answer can be changed. It takes options, and gives answers, as JSON has them.
 */
export class SoftwareAuthenticator {
  readonly #make: Required<Make>;
  readonly credentials: SoftwareCredential[] = [];

  constructor(make: Make = {}) {
    this.#make = {
      algorithm: -7,
      userVerified: true,
      synced: false,
      counts: true,
      aaguid: Buffer.alloc(16),
      transports: ['internal'],
      ...make,
    };
  }

  /** @throws where the options exclude a credential that it holds, or ask for no algorithm it knows */
  register(options: object, { origin, tamper }: Ceremony<RegistrationParts>): RegistrationResponseJSON {
    const { challenge, excludeCredentials, pubKeyCredParams, rp, user } =
      options as PublicKeyCredentialCreationOptionsJSON;
    const { aaguid, algorithm, transports } = this.#make;
    if (excludeCredentials?.some(({ id }) => this.#find(id))) throw new Error('InvalidStateError: it is registered');
    if (!pubKeyCredParams.some(({ alg }) => alg === algorithm))
      throw new Error('NotSupportedError: no known algorithm');
    const keys = generateKeys(algorithm);
    const parts: RegistrationParts = {
      ...this.#parts(),
      clientData: { type: 'webauthn.create', challenge, origin, crossOrigin: false },
      rpId: rp.id ?? new URL(origin).hostname,
      counter: 0,
      credentialId: randomBytes(16),
      aaguid,
      publicKey: coseKey(algorithm, keys.publicKey),
      attestation: new Map<string, Cbor>([
        ['fmt', 'none'],
        ['attStmt', new Map()],
      ]),
      behindAttestation: Buffer.alloc(0),
      transports,
      sign: (bytes) => signed(algorithm, bytes, keys.privateKey),
    };
    parts.flags.attestedData = true;
    tamper?.(parts);

    const id = parts.credentialId.toString('base64url');
    const kept = { id, rpId: parts.rpId, userHandle: user.id, algorithm, counter: parts.counter, ...keys };
    this.credentials.push(kept);
    const authData = authenticatorData(parts);
    const attestation = cbor(new Map(parts.attestation).set('authData', authData));
    const response = {
      clientDataJSON: inBase64url(JSON.stringify(parts.clientData)),
      attestationObject: inBase64url(Buffer.concat([attestation, parts.behindAttestation])),
      transports: parts.transports as never,
    };
    return { id, rawId: id, type: 'public-key', response, clientExtensionResults: { credProps: { rk: true } } };
  }

  /**
   * @param ceremony `credentialId`: which of several to use; otherwise the newest that the options allow
   * @throws where it holds none that they allow
   */
  assert(
    options: object,
    { origin, tamper, credentialId }: Ceremony<AssertionParts> & { credentialId?: string },
  ): AuthenticationResponseJSON {
    const { allowCredentials = [], challenge, rpId } = options as PublicKeyCredentialRequestOptionsJSON;
    const allowed = (id: string): boolean =>
      allowCredentials.length === 0 || allowCredentials.some((credential) => credential.id === id);
    const credential = credentialId
      ? this.#find(credentialId)
      : this.credentials.findLast((held) => held.rpId === rpId && allowed(held.id));
    if (!credential) throw new Error('NotAllowedError: no credential');
    if (this.#make.counts) credential.counter += 1;
    const parts: AssertionParts = {
      ...this.#parts(),
      clientData: { type: 'webauthn.get', challenge, origin, crossOrigin: false },
      rpId: rpId ?? credential.rpId,
      counter: credential.counter,
      credentialId: Buffer.from(credential.id, 'base64url'),
      userHandle: credential.userHandle,
      sign: (bytes) => signed(credential.algorithm, bytes, credential.privateKey),
    };
    tamper?.(parts);

    const id = parts.credentialId.toString('base64url');
    const data = authenticatorData(parts);
    const clientData = Buffer.from(JSON.stringify(parts.clientData));
    const response = {
      clientDataJSON: inBase64url(clientData),
      authenticatorData: inBase64url(data),
      signature: inBase64url(parts.sign(Buffer.concat([data, sha256(clientData)]))),
      ...(parts.userHandle !== undefined && { userHandle: parts.userHandle }),
    };
    return { id, rawId: id, type: 'public-key', response, clientExtensionResults: {} };
  }

  #find(id: string): SoftwareCredential | undefined {
    return this.credentials.find((credential) => credential.id === id);
  }

  #parts(): Pick<Parts, 'flags' | 'extensions' | 'behind'> {
    const { synced, userVerified } = this.#make;
    return {
      flags: {
        userPresent: true,
        userVerified,
        backupEligible: synced,
        backedUp: synced,
        attestedData: false,
        extensionData: false,
      },
      extensions: cbor(new Map([['credProtect', 3]])),
      behind: Buffer.alloc(0),
    };
  }
}

/** Authenticator data (WebAuthn §6.1), with attested credential data when its flag says so (§6.5.1). */
export function authenticatorData(parts: Parts & Partial<RegistrationParts>): Buffer {
  const { flags, counter, credentialId } = parts;
  const rest = Buffer.alloc(5);
  rest.writeUInt8(bitsOf(flags));
  rest.writeUInt32BE(counter, 1);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(credentialId.length);
  const { aaguid = Buffer.alloc(16), publicKey = new Map() } = parts;
  return Buffer.concat([
    sha256(parts.rpId),
    rest,
    ...(flags.attestedData ? [aaguid, length, credentialId, cbor(publicKey)] : []),
    ...(flags.extensionData ? [parts.extensions] : []),
    parts.behind,
  ]);
}

/** The COSE key of one of the three kinds (RFC 9053 §7, RFC 8230 §4), in the order that CTAP2 gives it. */
export function coseKey(algorithm: Algorithm, publicKey: KeyObject): Map<number, Cbor> {
  const { e = '', n = '', x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const bytes = (text: string): Buffer => Buffer.from(text, 'base64url');
  const entries: Record<Algorithm, [number, Cbor][]> = {
    [-7]: [
      [1, 2],
      [3, -7],
      [-1, 1],
      [-2, bytes(x)],
      [-3, bytes(y)],
    ],
    [-8]: [
      [1, 1],
      [3, -8],
      [-1, 6],
      [-2, bytes(x)],
    ],
    [-257]: [
      [1, 3],
      [3, -257],
      [-1, bytes(n)],
      [-2, bytes(e)],
    ],
  };
  return new Map(entries[algorithm]);
}

function generateKeys(algorithm: Algorithm): { privateKey: KeyObject; publicKey: KeyObject } {
  if (algorithm === -7) return generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return algorithm === -8 ? generateKeyPairSync('ed25519') : generateKeyPairSync('rsa', { modulusLength: 2048 });
}

/** Signs as the algorithm does; ECDSA gives DER, as WebAuthn §6.5.5 has it. */
export const signed = (algorithm: Algorithm, bytes: Uint8Array, key: KeyObject): Buffer =>
  sign(algorithm === -8 ? null : 'sha256', bytes, key);

const bitsOf = (flags: Flags): number =>
  (flags.userPresent ? 0x01 : 0) |
  (flags.userVerified ? 0x04 : 0) |
  (flags.backupEligible ? 0x08 : 0) |
  (flags.backedUp ? 0x10 : 0) |
  (flags.attestedData ? 0x40 : 0) |
  (flags.extensionData ? 0x80 : 0);

export const sha256 = (bytes: string | Uint8Array): Buffer => createHash('sha256').update(bytes).digest();
const inBase64url = (bytes: string | Uint8Array): string => Buffer.from(bytes).toString('base64url');
