import { asMap, type CborMap, readCbor } from './cbor.ts';

/** What an authenticator says of a new credential. */
export interface AttestedCredential {
  credentialId: Uint8Array;
  /** The COSE key, byte for byte. */
  publicKey: Uint8Array;
  key: CborMap;
}

/** Bytes of a credential's id (WebAuthn §4, Credential ID). */
export const LONGEST_CREDENTIAL_ID = 1023;

/** Where relying party id hash, flags and counter end. */
const HEAD = 37;
const AAGUID = 16;
const ATTESTED_CREDENTIAL_DATA = 1 << 6;
const EXTENSION_DATA = 1 << 7;

/**
 * Reads authenticator data to its last byte. SimpleWebAuthn measures what it has decoded by encoding it again, and so
 * lets some data pass that is cut off or goes on behind its end.
 *
 * @returns the credential in it, or `undefined` for the data of an assertion, which has none
 * @throws {TypeError} for what is not of the form of WebAuthn §6.1
 */
export function readAuthenticatorData(data: Uint8Array): AttestedCredential | undefined {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (data.length < HEAD) throw new TypeError('authenticator data that is cut off');
  const flags = view.getUint8(32);
  let at = HEAD;
  let attested: AttestedCredential | undefined;

  if (flags & ATTESTED_CREDENTIAL_DATA) {
    const idAt = at + AAGUID + 2;
    if (data.length < idAt) throw new TypeError('authenticator data that is cut off');
    const length = view.getUint16(idAt - 2);
    if (length === 0 || length > LONGEST_CREDENTIAL_ID) throw new TypeError('a credential id of no possible length');
    const keyAt = idAt + length;
    const { value, end } = readCbor(data, keyAt);
    attested = { credentialId: data.subarray(idAt, keyAt), publicKey: data.subarray(keyAt, end), key: asMap(value) };
    at = end;
  }
  if (flags & EXTENSION_DATA) {
    const { value, end } = readCbor(data, at);
    asMap(value);
    at = end;
  }
  if (at !== data.length) throw new TypeError('bytes behind the authenticator data');
  return attested;
}
