import { createHash, timingSafeEqual } from 'node:crypto';
import { Failure } from './failure.ts';

const CHALLENGE = /^[\w-]{43}$/;

/**
 * Reads the S256 challenge of a client that will show its verifier later.
 *
 * @throws {Failure} `input_rejected`
 * @see RFC 7636 §4.2
 */
export function readCodeChallenge(text: string | undefined): string | null {
  if (text === undefined) return null;
  if (!CHALLENGE.test(text)) throw new Failure('input_rejected', { fields: { codeChallenge: 'malformed' } });
  return text;
}

/**
 * Whether the client that asked is the one that comes back. One that shows a verifier has asked with a challenge: a sign-in
 * that somebody else began without one is not its own.
 *
 * @see RFC 7636 §4.6; RFC 9700 §4.8
 */
export function verifies(challenge: string | null, verifier: string | undefined): boolean {
  if (challenge === null || !verifier) return challenge === null && !verifier;
  const given = createHash('sha256').update(verifier).digest();
  const wanted = Buffer.from(challenge, 'base64url');
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
