import type { IncomingMessage } from 'node:http';

const CREDENTIALS = /^Bearer +([\w.~+/-]+=*)$/i;

/**
 * The token of `Authorization: Bearer …`. A header of another form, or two of them, carries none: nobody could tell
 * which was meant.
 *
 * @see RFC 6750 §2.1
 */
export function bearerTokenIn({ headers, rawHeaders }: IncomingMessage): string | undefined {
  const token = CREDENTIALS.exec(headers.authorization ?? '')?.[1];
  return token !== undefined && comesOnce(rawHeaders) ? token : undefined;
}

/** Of two headers the parser keeps the first and says nothing of the other. */
function comesOnce(rawHeaders: readonly string[]): boolean {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.toLowerCase() === 'authorization') count += 1;
  }
  return count === 1;
}
