import type { Keyring } from '../core/keyring.ts';
import { isSameText } from '../core/same-text.ts';
import type { Random } from '../core/world.ts';

/** 256 bits in base64url. */
const SESSION = /^[\w-]{43}$/;
/** Of its two, the one that is random; of a token, all that is. */
const HALF = 16;

/** What a page of our own front end shows with each change it asks for, and no other page can know. */
export interface XsrfTokens {
  /** Names a session of nobody's: it is kept nowhere, and nothing but its own tokens belongs to it. */
  newSession(): string;
  isSession(text: string): boolean;
  /** Whether {@link newSession} made it: then nobody's session has to be looked for. */
  isNobodys(session: string): boolean;
  /** A new token for a session; older ones of it stay good. Nothing in it needs to be escaped in a cookie or a header. */
  make(session: string): string;
  /** Whether a token was made for the session. */
  check(session: string, token: string): boolean;
}

/**
 * A signed double submit: a random value and its HMAC over the session that the browser's own cookie names. Nothing is stored.
 *
 * @see OWASP CSRF Prevention Cheat Sheet, signed double-submit cookie; ASVS 5.0: 3.5.1; R090
 */
export function xsrfTokens({
  keyring,
  random,
}: {
  keyring: Pick<Keyring, 'digest' | 'digests'>;
  random: Pick<Random, 'bytes'>;
}): XsrfTokens {
  const half = (digest: string): Buffer => Buffer.from(digest, 'base64url').subarray(0, HALF);
  const named = (nonce: Buffer): string => nonce.toString('base64url');
  const seal = (nonce: Buffer): Buffer => half(keyring.digest('visitor', named(nonce)));
  const sealsOf = (nonce: Buffer): Buffer[] => keyring.digests('visitor', named(nonce)).map(half);
  const subject = (session: string, nonce: string): string => JSON.stringify([session, nonce]);
  return {
    newSession() {
      const nonce = Buffer.from(random.bytes(HALF));
      return Buffer.concat([nonce, seal(nonce)]).toString('base64url');
    },
    isSession: (text) => SESSION.test(text),
    isNobodys(session) {
      const bytes = Buffer.from(session, 'base64url');
      const [nonce, seal] = [bytes.subarray(0, HALF), bytes.subarray(HALF)];
      return sealsOf(nonce).some((own) => own.equals(seal));
    },
    make(session) {
      const nonce = Buffer.from(random.bytes(HALF)).toString('base64url');
      return `${nonce}.${keyring.digest('xsrf', subject(session, nonce))}`;
    },
    check(session, token) {
      const [nonce = '', seal = '', ...more] = token.split('.');
      if (more.length > 0) return false;
      return keyring.digests('xsrf', subject(session, nonce)).some((digest) => isSameText(digest, seal));
    },
  };
}
