import { createHash } from 'node:crypto';
import type { Account } from './account.ts';
import type { ContractName, World } from './world.ts';

/** Crockford's base32: no I, L, O and U, so that what is written down by hand reads one way alone. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const COUNT = 10;
/** 125 bits: more than the 112 from which a quick digest is enough to keep them (ASVS 6.5.2). */
const LENGTH = 25;
const CODE = new RegExp(`^[${ALPHABET}]{${LENGTH}}$`);

/** The form that front ends of the sanctum contract know: 119 bits, and each letter as it was made. */
const PAIR_COUNT = 8;
const HALF_LENGTH = 10;
const PAIR_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const PAIR = new RegExp(`^[A-Za-z0-9]{${HALF_LENGTH}}-[A-Za-z0-9]{${HALF_LENGTH}}$`);
/** Bytes from here on would make the first symbols likelier than the last. */
const EVEN_BYTES = 256 - (256 % PAIR_ALPHABET.length);

/**
 * Makes the set of second factors that is kept on paper: ten codes of 25 characters, or, for the sanctum contract, eight of
 * two halves. Each works in every contract.
 *
 * @see NIST SP 800-63B-4 §4.2.1.1 (at least 64 bits), ASVS 5.0: 6.5.1 to 6.5.3; K31
 */
export function makeRecoveryCodes(world: Pick<World, 'random'>, contract?: ContractName): string[] {
  if (contract === 'sanctum') return Array.from({ length: PAIR_COUNT }, () => makePairedCode(world));
  return Array.from({ length: COUNT }, () => makeRecoveryCode(world));
}

function makeRecoveryCode(world: Pick<World, 'random'>): string {
  // 32 symbols divide the 256 values of a byte evenly, so all are equally likely (ASVS 5.0: 11.5.1).
  return Array.from(world.random.bytes(LENGTH), (byte) => ALPHABET[byte & 31]).join('');
}

function makePairedCode(world: Pick<World, 'random'>): string {
  let symbols = '';
  while (symbols.length < 2 * HALF_LENGTH) {
    for (const byte of world.random.bytes(2 * HALF_LENGTH)) {
      if (byte < EVEN_BYTES) symbols += PAIR_ALPHABET[byte % PAIR_ALPHABET.length];
    }
  }
  return `${symbols.slice(0, HALF_LENGTH)}-${symbols.slice(HALF_LENGTH, 2 * HALF_LENGTH)}`;
}

/**
 * The one form in which a recovery code is digested and compared: one of two halves exactly, any other as people write it down or read it out, in either
 * case, with hyphens and spaces anywhere, O for 0, I or L for 1.
 *
 * @returns `undefined` if it is not a whole code; the beginning of one never stands for it (R052)
 * @see https://www.crockford.com/base32.html
 */
export function canonicalRecoveryCode(text: string): string | undefined {
  const paired = text.trim();
  if (PAIR.test(paired)) return paired;
  // Only ASCII letters: toUpperCase() alone would read the Turkish ı as I and the ligature ﬀ as two letters.
  const code = text
    .replace(/[\s-]+/g, '')
    .replace(/[a-z]/g, (letter) => letter.toUpperCase())
    .replaceAll('O', '0')
    .replace(/[IL]/g, '1');
  return CODE.test(code) ? code : undefined;
}

/**
 * What is kept of a code: SHA-256, which 125 random bits need no key for (ASVS 5.0: 6.5.2). A keyed digest would die with
 * the second rotation of the server's secret, and people keep these on paper for years.
 */
export function recoveryCodeDigest(account: Pick<Account, 'uuid'>, code: string): string {
  return createHash('sha256').update(`guichet recovery code ${account.uuid} ${code}`).digest('base64url');
}
