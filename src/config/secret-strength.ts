/** Bytes of the root secret (RFC 7518 §3.2 asks as many of an HMAC-SHA-256 key). */
export const secretBytes = 32;

const sampleWords =
  /secret|change.?me|password|passphrase|example|sample|default|replace|placeholder|insecure|guichet/i;

/**
 * Whether a text may be the root secret: long enough, and not what somebody typed or copied from a page.
 * It finds carelessness, not lack of randomness, which no check can.
 */
export function isStrongSecret(text: string): boolean {
  return Buffer.byteLength(text) >= secretBytes && !sampleWords.test(text) && !isMonotonous(text);
}

/** Few different characters, one piece over and over, or mostly runs such as `abcdef` and `98765`. */
function isMonotonous(text: string): boolean {
  if (new Set(text).size < 8) return true;
  for (let period = 1; period <= text.length / 2; period++) {
    if (text.startsWith(text.slice(period))) return true;
  }
  let steps = 0;
  for (let at = 1; at < text.length; at++) {
    if (Math.abs(text.charCodeAt(at) - text.charCodeAt(at - 1)) <= 1) steps++;
  }
  return steps > text.length / 2;
}
