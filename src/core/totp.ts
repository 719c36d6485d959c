import { createHmac, timingSafeEqual } from 'node:crypto';
import { decodeBase32, encodeBase32 } from './base32.ts';
import { type Instant, seconds } from './time.ts';
import type { World } from './world.ts';

/** What every authenticator app assumes, whatever a URI says otherwise. */
const ALGORITHM = 'SHA1';
const DIGITS = 6;
const PERIOD_SECONDS = 30;

/** 160 bits, the length of the hash (RFC 4226 §4, R6). */
const SECRET_BYTES = 20;
const CODE = /^[0-9]{6}$/;
/** A code that took a moment to type, and a phone whose clock is off by as much; the newest last. */
const WINDOW = [-1, 0, 1];

/** @returns 32 characters of base32 without padding, as an app takes it and as it is kept */
export function makeTotpSecret(world: Pick<World, 'random'>): string {
  return encodeBase32(world.random.bytes(SECRET_BYTES));
}

/** The time step that an instant lies in, counted from the Unix epoch (RFC 6238 §4.2). */
export function stepAt(now: Instant): number {
  return Math.floor(now / seconds(PERIOD_SECONDS));
}

/**
 * The code that an authenticator app shows during a time step.
 *
 * @param digits other than six in the vectors of RFC 6238 alone
 * @see RFC 6238 §4, RFC 4226 §5.3
 */
export function totpAt(secret: string, step: number, digits = DIGITS): string {
  const key = decodeBase32(secret);
  if (!key) throw new Error('a TOTP secret is not base32');
  const counter = Buffer.alloc(8);
  counter.writeBigInt64BE(BigInt(step));
  const hash = createHmac(ALGORITHM, key).update(counter).digest();
  const offset = (hash.at(-1) ?? 0) & 0xf;
  const number = hash.readUInt32BE(offset) & 0x7fffffff;
  return String(number % 10 ** digits).padStart(digits, '0');
}

/**
 * Finds the time step that a code belongs to: the one before, the present or the next. Whether that step was used
 * already is for the caller to ask (rule 17).
 *
 * @returns the newest of them, in the rare case that two have one code; `undefined` if none has, or it is no code
 * @see RFC 6238 §5.2
 */
export function stepOfCode(secret: string, code: string, now: Instant): number | undefined {
  // A regular expression would take the number 123456 and the list of one text for their text (R047).
  if (typeof code !== 'string' || !CODE.test(code)) return undefined;
  const given = Buffer.from(code);
  let found: number | undefined;
  // No early way out: the time taken would tell which step the code was of.
  for (const distance of WINDOW) {
    const step = stepAt(now) + distance;
    if (timingSafeEqual(Buffer.from(totpAt(secret, step)), given)) found = step;
  }
  return found;
}

/**
 * What the QR code of an enrolment says. The form knows no colon in a name, so an issuer's is left out.
 *
 * @param of.label the identifier by which the person will tell this account from others
 * @see https://github.com/google/google-authenticator/wiki/Key-Uri-Format
 */
export function otpauthUri(of: { secret: string; issuer: string; label: string }): string {
  const [issuer, label] = [of.issuer, of.label].map((name) => encodeURIComponent(name.replaceAll(':', '')));
  return `otpauth://totp/${issuer}:${label}?secret=${of.secret}&issuer=${issuer}&algorithm=${ALGORITHM}&digits=${DIGITS}&period=${PERIOD_SECONDS}`;
}
