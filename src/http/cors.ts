import type { FastifyReply, FastifyRequest } from 'fastify';

const READABLE = 'X-Request-Id, Retry-After';
const PREFLIGHT = {
  'Access-Control-Allow-Methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
  'Access-Control-Allow-Headers':
    'content-type, authorization, x-xsrf-token, x-requested-with, accept, accept-language',
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

/** Answers what a browser asks before it sends a page's request: the same for every path. */
export const answerPreflight = (reply: FastifyReply): FastifyReply => reply.code(204).headers(PREFLIGHT).send();
