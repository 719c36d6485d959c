import { createHash } from 'node:crypto';
import type { Account } from './account.ts';
import type { World } from './world.ts';

/** Crockford's base32: no I, L, O and U, so that what is written down by hand reads one way alone. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const COUNT = 10;
/** 125 bits: more than the 112 from which a quick digest is enough to keep them (ASVS 6.5.2). */
const LENGTH = 25;
const CODE = new RegExp(`^[${ALPHABET}]{${LENGTH}}$`);

/**
 * Makes the set of second factors that is kept on paper, ten codes of 25 characters.
 *
 * @see NIST SP 800-63B-4 §4.2.1.1 (at least 64 bits), ASVS 5.0: 6.5.1 to 6.5.3
 */
export function makeRecoveryCodes(world: Pick<World, 'random'>): string[] {
  return Array.from({ length: COUNT }, () => makeRecoveryCode(world));
}

function makeRecoveryCode(world: Pick<World, 'random'>): string {
  // 32 symbols divide the 256 values of a byte evenly, so all are equally likely (ASVS 5.0: 11.5.1).
  return Array.from(world.random.bytes(LENGTH), (byte) => ALPHABET[byte & 31]).join('');
}

/**
 * The one form in which a recovery code is digested and compared: as people write it down or read it out, in either
 * case, with hyphens and spaces anywhere, O for 0, I or L for 1.
 *
 * @returns `undefined` if it is not a whole code; the beginning of one never stands for it (R052)
 * @see https://www.crockford.com/base32.html
 */
export function canonicalRecoveryCode(text: string): string | undefined {
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
