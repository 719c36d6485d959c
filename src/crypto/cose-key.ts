import { createPublicKey, type JsonWebKey } from 'node:crypto';
import type { CborMap, CborValue } from './cbor.ts';

/** ES256, EdDSA (which is Ed25519 here) and RS256, the one that is liked best first (IANA COSE Algorithms). */
export const SIGNATURE_ALGORITHMS = [-7, -8, -257];

/** Bits of an RSA modulus: less is weak (ASVS 11.6.1, NIST SP 800-131A), more makes every check of a signature dear. */
const SMALLEST_MODULUS = 2048;
const LARGEST_MODULUS = 4096;

/**
 * Checks that a credential's public key is one of the three kinds, of the one shape each has, and a key in fact: an
 * EC point lies on its curve.
 *
 * @throws {Error} if not
 * @see RFC 9053 §7; WebAuthn §5.8.5, §6.5.1 (no optional parameters); ASVS 5.0: 11.6.1
 */
export function checkCoseKey(key: CborMap): void {
  const { asymmetricKeyDetails } = createPublicKey({ key: jwkOf(key), format: 'jwk' });
  const { modulusLength = SMALLEST_MODULUS } = asymmetricKeyDetails ?? {};
  if (modulusLength < SMALLEST_MODULUS) throw new TypeError('an RSA key that is too short');
}

function jwkOf(key: CborMap): JsonWebKey {
  switch (key.get(3)) {
    case -7:
      expect(key, { size: 5, type: 2, curve: 1 });
      return { kty: 'EC', crv: 'P-256', x: bytes(key.get(-2), 32, 32), y: bytes(key.get(-3), 32, 32) };
    case -8:
      expect(key, { size: 4, type: 1, curve: 6 });
      return { kty: 'OKP', crv: 'Ed25519', x: bytes(key.get(-2), 32, 32) };
    case -257: {
      expect(key, { size: 4, type: 3 });
      const n = bytes(key.get(-1), SMALLEST_MODULUS / 8, LARGEST_MODULUS / 8);
      const e = bytes(key.get(-2), 3, 3);
      // 65,537: FIPS 186-5 §5.1 allows no smaller one, and no authenticator has another.
      if (e !== 'AQAB') throw new TypeError('an RSA key with an exponent of its own');
      return { kty: 'RSA', n, e };
    }
    default:
      throw new TypeError('an algorithm that was not asked for');
  }
}

function expect(key: CborMap, { size, type, curve }: { size: number; type: number; curve?: number }): void {
  if (key.size !== size || key.get(1) !== type) throw new TypeError('a key of another type than its algorithm');
  if (curve !== undefined && key.get(-1) !== curve) throw new TypeError('a key on another curve than its algorithm');
}

function bytes(value: CborValue | undefined, least: number, most: number): string {
  if (!(value instanceof Uint8Array) || value.length < least || value.length > most) {
    throw new TypeError('a part of a key that is not of its length');
  }
  return Buffer.from(value).toString('base64url');
}

/**
 * Checks that a signature is written as its algorithm has it: ES256's in DER (WebAuthn §6.5.5), of which SimpleWebAuthn's
 * parser also reads what only resembles it. The others have one length, which whoever verifies them sees to.
 *
 * @throws {TypeError} if not
 */
export function checkSignatureForm(key: CborMap, signature: Uint8Array): void {
  if (key.get(3) !== -7) return;
  const [sequence, length] = signature;
  const second = derIntegerEnd(signature, 2);
  if (sequence !== 0x30 || length !== signature.length - 2 || derIntegerEnd(signature, second) !== signature.length) {
    throw new TypeError('a signature that is no DER');
  }
}

/** Where a positive integer ends that is written as short as can be (X.690 §8.3); -1 for anything else. */
function derIntegerEnd(bytes: Uint8Array, at: number): number {
  const [tag, length = 0, first = 0, next = 0] = bytes.subarray(at);
  const isPositive = first < 0x80 && !(first === 0 && next < 0x80);
  return at >= 0 && tag === 0x02 && length > 0 && isPositive ? at + 2 + length : -1;
}
