import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { canonicalEmail } from '../core/identifier.ts';
import { twilioAccount } from '../delivery/twilio-url.ts';
import { phoneCountries } from '../phone/countries.ts';
import { isLoopback } from './mode.ts';

/** Whether there is any text, and none of it a control character. */
export function isFilled(text: string): boolean {
  return text.trim() !== '' && !/\p{Cc}/u.test(text);
}

/** An IP address, or a host name of letters, digits, dots and hyphens (RFC 1123 §2.1). */
export function isHost(text: string): boolean {
  return isIP(text) !== 0 || (text.length <= 253 && /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(text));
}

/** An http or https URL that is nothing but scheme, host and port; a lone final slash is let pass. */
export function isOrigin(text: string): boolean {
  // What the URL parser would clean away by itself (tabs, a user name, a lone `?`) is refused rather than guessed at.
  if (!/^https?:\/\/[^\s/@?#\\*]+\/?$/i.test(text)) return false;
  const url = URL.parse(text);
  return url !== null && url.href === `${url.origin}/`;
}

/** The origin in the form browsers send: lower case, no default port, no slash (RFC 6454 §6.2). */
export function toOrigin(text: string): string {
  return new URL(text).origin;
}

/** An IP address, or a network in CIDR notation. */
export function isNetwork(text: string): boolean {
  if (isIP(text)) return true;
  return isIP(text.split('/')[0] ?? '') !== 0 && ipaddr.isValidCIDR(text);
}

/** `none`, or networks. */
export function isProxyList(items: string[]): boolean {
  if (items.includes('none')) return items.length === 1;
  return items.length > 0 && items.every(isNetwork);
}

/** `sqlite:<path>`, or a PostgreSQL URL with a host. */
export function isDatabaseUrl(text: string): boolean {
  if (text.startsWith('sqlite:')) return isFilled(text.slice('sqlite:'.length));
  const url = URL.parse(text);
  return url !== null && ['postgres:', 'postgresql:'].includes(url.protocol) && url.hostname !== '' && decodes(url);
}

/** An SMTP URL with a host. */
export function isMailUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && ['smtp:', 'smtps:'].includes(url.protocol) && url.hostname !== '' && decodes(url);
}

/**
 * A webhook by https, or by http on this machine; or `twilio://SID:TOKEN@FROM`. A webhook's URL has no user and no
 * password: what it takes is signed.
 */
export function isSmsUrl(text: string): boolean {
  if (!isFilled(text) || twilioAccount(text)) return isFilled(text);
  const url = URL.parse(text);
  return url !== null && isSafeHttp(url) && url.username === '' && url.password === '' && !text.includes('#');
}

/** Scheme and host of an API, by https, or by http on this machine. */
export function isApiOrigin(text: string): boolean {
  return isOrigin(text) && isSafeHttp(new URL(text));
}

/** A page that people are sent to, by https, or by http on this machine. */
export function isPageUrl(text: string): boolean {
  if (!isFilled(text) || text !== text.trim()) return false;
  const url = URL.parse(text);
  return url !== null && isSafeHttp(url) && url.username === '' && url.password === '';
}

/** Where an API is, by https, or by http on this machine; a path is let pass, a query is not. */
export function isApiUrl(text: string): boolean {
  if (/[\s?#\\]/.test(text)) return false;
  const url = URL.parse(text);
  return url !== null && isSafeHttp(url) && url.username === '' && url.password === '';
}

/** Whether passkeys of a host may belong to a domain: its own, or one above it that is no top-level domain (WebAuthn §5.1.2). */
export function isRelyingPartyFor(domain: string, host: string): boolean {
  if (domain === host || domain === 'localhost') return true;
  return isIP(host) === 0 && domain.includes('.') && host.endsWith(`.${domain}`);
}

export function withoutFinalSlash(text: string): string {
  return text.replace(/\/+$/, '');
}

/** An issuer identifier (OpenID Connect Discovery §2), and not the address of what it publishes. */
export function isIssuer(text: string): boolean {
  return isApiUrl(text) && !text.includes('/.well-known/');
}

/** What may stand behind the @ of an address (rule 6). */
export function isEmailDomain(text: string): boolean {
  return canonicalEmail(`x@${text}`) !== undefined;
}

/** The domain in the form in which addresses are compared. */
export function toEmailDomain(text: string): string {
  return canonicalEmail(`x@${text}`)?.slice('x@'.length) ?? text;
}

function isSafeHttp(url: URL): boolean {
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url));
}

/** `whsec_` and 24 to 64 bytes in base64, as Standard Webhooks has it. */
export function isWebhookSecret(text: string): boolean {
  const [, base64] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text) ?? [];
  if (base64 === undefined) return false;
  const { length } = Buffer.from(base64, 'base64');
  return length >= 24 && length <= 64;
}

/** A country with telephone numbers, by its two letters. */
export function isPhoneCountry(text: string): boolean {
  return phoneCountries.has(toCountry(text));
}

export function toCountry(text: string): string {
  return text.trim().toUpperCase();
}

/** Whether the user name and the password of a URL can be read: a `%` in them must be written `%25`. */
function decodes({ password, username }: URL): boolean {
  try {
    return decodeURIComponent(username + password) !== undefined;
  } catch {
    return false;
  }
}

/** An e-mail address, alone or as `Name <address>`. */
export function isSender(text: string): boolean {
  if (!isFilled(text)) return false;
  const address = /^[^<>]*<([^<>]*)>$/.exec(text)?.[1] ?? text;
  return /^[^\s@<>,;"]+@[^\s@<>,;"]+$/.test(address);
}

/** `/v1/auth`: segments of characters that need no escaping in a URL, and no dot segments. */
export function isPathPrefix(text: string): boolean {
  return /^(\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$/.test(text);
}

const COOKIES = [
  'accessToken',
  'challenge',
  'guichet_client',
  'guichet_form',
  'refreshToken',
  'remember_web',
  'XSRF-TOKEN',
];

/** A cookie's name that needs no escaping (RFC 6265 §4.1.1), carries no prefix that browsers give a meaning, and is not taken. */
export function isCookieName(text: string): boolean {
  return /^[A-Za-z][\w-]{0,63}$/.test(text) && !COOKIES.some((name) => name.toLowerCase() === text.toLowerCase());
}

/** Whether cookies of a host may be set for a domain above it (RFC 6265 §5.1.3); a top-level domain is nobody's. */
export function isParentDomain(domain: string, host: string): boolean {
  return isIP(host) === 0 && domain.includes('.') && (domain === host || host.endsWith(`.${domain}`));
}
