import type { Account } from './account.ts';
import { Failure, type PasswordFlaw } from './failure.ts';
import type { World } from './world.ts';

/** Longest password in UTF-8 bytes; a longer one is refused, never cut (ASVS 6.2.8). */
const CAP_BYTES = 1024;
/** Shorter words of an identifier or a name say nothing about a password that happens to contain them. */
const TELLING = 4;
/** Digits at the end of a telephone number that every spelling of it has. */
const NATIONAL_DIGITS = 8;

/** What the person is called: no password may be made of it alone. */
export type Personal = Pick<Account, 'email' | 'name' | 'username'> & Partial<Pick<Account, 'phone'>>;

/** Both at set and at verify: the same text from another keyboard is the same password (NIST SP 800-63B-4 §3.1.1.2). */
export const normalizedPassword = (text: string): string => text.normalize('NFC');

/**
 * Judges a new password: length, the list of common ones, the owner's own words, an offline estimate of its strength.
 * No rule of composition, no expiry (ASVS 6.2.5, 6.2.10).
 *
 * @throws {Failure} `password_rejected` with the first flaw found
 * @see ASVS 5.0: 6.2.1, 6.2.4, 6.2.8, 6.2.9, 6.2.11; NIST SP 800-63B-4 §3.1.1.2
 */
export async function checkPassword(
  world: Pick<World, 'passwordAdvice' | 'policy'>,
  text: string,
  owner: Personal,
): Promise<void> {
  const minimum = world.policy.passwordMinimum;
  const reject = (flaw: PasswordFlaw): never => {
    throw new Failure('password_rejected', { flaw, minimum });
  };
  // A lone surrogate or NUL is no text that a keyboard gives; hashing would fold different ones into one.
  if (!text.isWellFormed() || text.includes('\0')) reject('malformed');
  const password = normalizedPassword(text);
  if (Buffer.byteLength(password) > CAP_BYTES) reject('too_long');
  if ([...password].length < minimum) reject('too_short');
  const words = personalWords(owner, world.policy.serviceName);
  if (isPersonal(password, words, owner)) reject('personal');
  const flaw = await world.passwordAdvice.flawOf(password, words);
  if (flaw) reject(flaw);
}

/** Refuses what could never be a password before any work is done on it, at sign-in too (R004). */
export function isPlausiblePassword(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0') && Buffer.byteLength(normalizedPassword(text)) <= CAP_BYTES;
}

function personalWords({ email, name, username }: Personal, service: string): string[] {
  const local = email?.split('@')[0] ?? '';
  const words = [email ?? '', local, name ?? '', username, ...(name ?? '').split(/\s+/), service];
  return [
    ...new Set(words.map((word) => word.normalize('NFC').toLowerCase()).filter((word) => word.length >= TELLING)),
  ];
}

/** Whether it is one of the words, alone or with up to four digits, or contains the identifier. */
function isPersonal(password: string, words: readonly string[], { email, phone }: Personal): boolean {
  const folded = password.toLowerCase();
  const bare = folded.replace(/\d{1,4}$/, '');
  if (
    words.some(
      (word) =>
        folded === word || bare === word || folded === word.replace(/\s+/g, '') || bare === word.replace(/\s+/g, ''),
    )
  )
    return true;
  if (email !== null && folded.includes(email.toLowerCase())) return true;
  // However it is grouped, and with or without the country's prefix.
  return phone ? folded.replace(/[\s.()/-]/g, '').includes(phone.slice(-NATIONAL_DIGITS)) : false;
}
