const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const BITS = 5;

/** Base32 without padding: some authenticator apps refuse the `=` signs. */
export function encodeBase32(bytes: Uint8Array): string {
  let text = '';
  let waiting = 0;
  let value = 0;
  for (const byte of bytes) {
    value = (value << 8) | byte;
    for (waiting += 8; waiting >= BITS; waiting -= BITS) text += ALPHABET[(value >>> (waiting - BITS)) & 31];
    value &= (1 << waiting) - 1;
  }
  return waiting > 0 ? text + ALPHABET[(value << (BITS - waiting)) & 31] : text;
}

/**
 * Reads what {@link encodeBase32} writes and nothing else: upper case, no padding, no bits left over. So each text
 * stands for its bytes alone.
 *
 * @returns `undefined` if it is not base32
 * @see RFC 4648 §3.5, §6
 */
export function decodeBase32(text: string): Uint8Array | undefined {
  const bytes: number[] = [];
  let waiting = 0;
  let value = 0;
  for (const symbol of text) {
    const digit = ALPHABET.indexOf(symbol);
    if (digit < 0) return undefined;
    value = (value << BITS) | digit;
    waiting += BITS;
    if (waiting < 8) continue;
    waiting -= 8;
    bytes.push(value >>> waiting);
    value &= (1 << waiting) - 1;
  }
  return waiting < BITS && value === 0 ? Uint8Array.from(bytes) : undefined;
}
