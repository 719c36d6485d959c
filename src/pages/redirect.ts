import type { FastifyReply } from 'fastify';
import { pagePolicy } from './policy.ts';

/** What a handler gives instead of a page: the form was taken, and the browser goes on elsewhere. */
export interface Redirect {
  /** An http or https URL that was checked when it was stored (rule 4); it is followed as it is. */
  seeOther: string;
}

/** Printable ASCII: anything else is no part of a header, and is written as URLs have it. */
const PLAIN = /^[!-~]+$/;

/**
 * 303 alone: a 307 or 308 would send the form on, and the mailed token or the password with it.
 *
 * @throws {TypeError} for a URL that leads nowhere on the web
 * @see RFC 9700 §4.12 (R138)
 */
export function sendRedirect(reply: FastifyReply, { seeOther }: Redirect): FastifyReply {
  const url = URL.parse(seeOther);
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') throw new TypeError('a redirect leads nowhere');
  return reply
    .code(303)
    .header('Content-Security-Policy', pagePolicy())
    .header('Location', PLAIN.test(seeOther) ? seeOther : url.href)
    .send();
}
