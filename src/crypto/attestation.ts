import { type AttestedCredential, readAuthenticatorData } from './authenticator-data.ts';
import { asMap, type CborMap, readWholeMap } from './cbor.ts';
import { checkCoseKey } from './cose-key.ts';

/**
 * Reads an attestation object to its last byte (WebAuthn §6.5.4), for a credential whose key can be used.
 *
 * None is asked for, and then a browser sends none, or the signature of the new key itself (§5.1.3, "none"). Anything
 * else would have hostile certificates parsed, and the revocation lists that they name fetched, for nothing.
 *
 * @throws {Error} for anything else
 */
export function readAttestation(attestationObject: Uint8Array): AttestedCredential {
  const object = readWholeMap(attestationObject);
  const data = object.get('authData');
  if (!(data instanceof Uint8Array)) throw new TypeError('an attestation of nothing');
  if (!isNone(object) && !isByItself(object)) throw new TypeError('an attestation that was not asked for');
  const attested = readAuthenticatorData(data);
  if (!attested) throw new TypeError('an attestation without a credential');
  checkCoseKey(attested.key);
  return attested;
}

const isNone = (object: CborMap): boolean => object.get('fmt') === 'none' && asMap(object.get('attStmt')).size === 0;

function isByItself(object: CborMap): boolean {
  const statement = asMap(object.get('attStmt'));
  return object.get('fmt') === 'packed' && statement.size === 2 && statement.has('alg') && statement.has('sig');
}
