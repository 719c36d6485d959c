import type { Keyring } from '../core/keyring.ts';
import { isSameText } from '../core/same-text.ts';
import type { Random } from '../core/world.ts';
import { type CookieAttributes, type Cookies, hostCookie } from '../http/cookies.ts';

const NAME = 'guichet_form';
const VALUE = /^[\w-]{43}$/;
/** As long as the longest link lives: a page may wait in a tab until then. */
const LIFETIME_SECONDS = 24 * 60 * 60;

// Not `strict`: a mail program's link is another site's request, which would come without the cookie, get a new one,
// and with it kill the form that waits in another tab. No other site's POST carries a `lax` cookie either.
const ATTRIBUTES: CookieAttributes = { path: '/', maxAge: LIFETIME_SECONDS, sameSite: 'lax', httpOnly: true };

/** What shows that a form was sent from a page of ours, in the browser that was given it. */
export interface FormTokens {
  /** Sets the browser's cookie, or prolongs it. @returns the value of the form's hidden field */
  give(cookies: Cookies): string;
  /** Whether the hidden field was made for the cookie that came with it. */
  check(cookies: Cookies, field: string): boolean;
}

/**
 * A signed double submit: a random value in a cookie, its HMAC in the form. Nothing is stored.
 *
 * @see OWASP CSRF Prevention Cheat Sheet; ASVS 5.0: 3.5.1
 */
export function formTokens(parts: {
  keyring: Pick<Keyring, 'digest' | 'digests'>;
  random: Pick<Random, 'bytes'>;
  secure: boolean;
}): FormTokens {
  const name = hostCookie(NAME, parts.secure);
  const valueIn = (cookies: Cookies): string | undefined => {
    const value = cookies.get(name);
    return value !== undefined && VALUE.test(value) ? value : undefined;
  };
  return {
    give(cookies) {
      const value = valueIn(cookies) ?? Buffer.from(parts.random.bytes(32)).toString('base64url');
      cookies.set(name, value, ATTRIBUTES);
      return parts.keyring.digest('form', value);
    },
    check(cookies, field) {
      const value = valueIn(cookies);
      return value !== undefined && parts.keyring.digests('form', value).some((digest) => isSameText(digest, field));
    },
  };
}
