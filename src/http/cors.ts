import type { FastifyReply, FastifyRequest } from 'fastify';

const READABLE = 'X-Request-Id, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset';
const PREFLIGHT = {
  'Access-Control-Allow-Methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
  'Access-Control-Allow-Headers':
    'content-type, authorization, x-xsrf-token, x-csrf-token, x-requested-with, accept, accept-language',
  'Access-Control-Max-Age': '600',
};

/**
 * Lets a page of a listed origin read the answer; of any other it learns nothing, and no cache mixes the two up.
 *
 * @returns whether the request comes from a listed origin
 * @see Fetch standard: CORS protocol
 */
export function allowOrigin(
  { headers: { origin } }: FastifyRequest,
  reply: FastifyReply,
  of: { isAllowed(origin: string): boolean; credentials: boolean },
): boolean {
  reply.header('Vary', 'Origin');
  if (origin === undefined || !of.isAllowed(origin)) return false;
  reply.header('Access-Control-Allow-Origin', origin).header('Access-Control-Expose-Headers', READABLE);
  if (of.credentials) reply.header('Access-Control-Allow-Credentials', 'true');
  return true;
}

/** Whether a browser asks before it sends a page's request. */
export const isPreflight = ({ headers }: FastifyRequest): boolean =>
  headers.origin !== undefined && headers['access-control-request-method'] !== undefined;

/** A list of header names (RFC 9110 §5.6.2), as browsers write it. */
const NAMES = /^[\w!#$%&'*+.^`|~-]+( *, *[\w!#$%&'*+.^`|~-]+)*$/;

/**
 * Answers that: the same for every path, with the headers that were asked for, since a front end may well send some that
 * this server never looks at; nothing to the page of an origin that is not listed.
 */
export function answerPreflight(
  { headers }: FastifyRequest,
  reply: FastifyReply,
  { isListed }: { isListed: boolean },
): FastifyReply {
  const asked = headers['access-control-request-headers'] ?? '';
  return reply
    .code(204)
    .header('Vary', 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers')
    .headers(isListed ? PREFLIGHT : {})
    .headers(isListed && NAMES.test(asked) ? { 'Access-Control-Allow-Headers': asked } : {})
    .send();
}
