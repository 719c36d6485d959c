import { isLoopback } from '../config/mode.ts';
import { canonicalEmail } from '../core/identifier.ts';

/** RFC 5321 §4.5.3.1. */
const EMAIL_LENGTH = 254;
const NAME_LENGTH = 255;
const PICTURE_LENGTH = 2048;

/** An address in its canonical form, or `null` for anything that cannot be one. */
export function emailFrom(value: unknown): string | null {
  return typeof value === 'string' && value.length <= EMAIL_LENGTH ? (canonicalEmail(value) ?? null) : null;
}

/** A name on one line, shortened to what an account can hold. */
export function nameFrom(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  const line = value
    .slice(0, 4 * NAME_LENGTH)
    .toWellFormed()
    .replace(/[\p{Cc}\p{Z}]+/gu, ' ')
    .trim();
  return [...line].slice(0, NAME_LENGTH).join('').trim() || null;
}

/** An https URL, or an http one of this machine, as test servers have it. */
export function pictureFrom(value: unknown): string | null {
  if (typeof value !== 'string' || value.length > PICTURE_LENGTH) return null;
  const url = URL.parse(value);
  if (url === null || url.username !== '' || url.password !== '' || url.href.length > PICTURE_LENGTH) return null;
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url)) ? url.href : null;
}

/** Whether an address lies in one of some domains, as addresses are compared here (rule 6). */
export function isInDomains(email: string | null, domains: readonly string[]): boolean {
  const address = email === null ? undefined : canonicalEmail(email);
  return address !== undefined && domains.includes(address.slice(address.indexOf('@') + 1));
}
