/** What authenticators put into CBOR; tags, floats and indefinite lengths are not among it (CTAP 2.2 §8). */
export type CborValue = number | string | boolean | null | Uint8Array | readonly CborValue[] | CborMap;
export type CborMap = ReadonlyMap<number | string, CborValue>;

/** Levels of arrays and maps that CTAP2 lets an authenticator nest. */
const DEEPEST = 4;

/**
 * Reads one item of CBOR (RFC 8949), and nothing that is cut off, names a key twice or nests deeper than authenticators do.
 *
 * @returns also where the next item would begin
 * @throws {TypeError} for anything else
 */
export function readCbor(bytes: Uint8Array, start = 0): { value: CborValue; end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = start;

  const take = (length: number): number => {
    if (length > bytes.byteLength - at) throw new TypeError('CBOR that is cut off');
    at += length;
    return at - length;
  };
  const takeArgument = (low: number): number => {
    if (low < 24) return low;
    if (low === 24) return view.getUint8(take(1));
    if (low === 25) return view.getUint16(take(2));
    if (low === 26) return view.getUint32(take(4));
    throw new TypeError('a CBOR length that no authenticator uses');
  };
  const next = (depth: number): CborValue => {
    const initial = view.getUint8(take(1));
    const major = initial >> 5;
    if (major === 7) return simple(initial & 31);
    const argument = takeArgument(initial & 31);
    switch (major) {
      case 0:
        return argument;
      case 1:
        return -1 - argument;
      case 2:
      case 3: {
        const from = take(argument);
        const content = bytes.subarray(from, from + argument);
        return major === 2 ? content : new TextDecoder('utf-8', { fatal: true }).decode(content);
      }
      case 4:
      case 5:
        if (depth === DEEPEST) throw new TypeError('CBOR that nests too deeply');
        return major === 4
          ? Array.from({ length: checked(argument) }, () => next(depth + 1))
          : map(argument, depth + 1);
      default:
        throw new TypeError('a CBOR tag');
    }
  };
  // An item is a byte at least, so no array is made for a length that somebody only claims.
  const checked = (count: number): number => {
    if (count > bytes.byteLength - at) throw new TypeError('CBOR that is cut off');
    return count;
  };
  const map = (count: number, depth: number): CborMap => {
    const entries = new Map<number | string, CborValue>();
    for (let index = 0; index < count; index += 1) {
      const key = next(depth);
      if (typeof key !== 'number' && typeof key !== 'string') throw new TypeError('a CBOR key of another type');
      if (entries.has(key)) throw new TypeError('a CBOR key that is there twice');
      entries.set(key, next(depth));
    }
    return entries;
  };

  return { value: next(0), end: at };
}

function simple(low: number): boolean | null {
  if (low === 20 || low === 21) return low === 21;
  if (low === 22) return null;
  throw new TypeError('a CBOR value that no authenticator uses');
}

/**
 * Reads a map that ends with the last byte.
 *
 * @throws {TypeError} for anything else
 */
export function readWholeMap(bytes: Uint8Array, start = 0): CborMap {
  const { value, end } = readCbor(bytes, start);
  if (end !== bytes.byteLength) throw new TypeError('bytes behind the CBOR');
  return asMap(value);
}

/** @throws {TypeError} if it is something else */
export function asMap(value: CborValue | undefined): CborMap {
  if (!(value instanceof Map)) throw new TypeError('CBOR that is no map');
  return value;
}
