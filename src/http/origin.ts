import type { FastifyRequest } from 'fastify';
import { Refusal } from './refusal.ts';

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Whether a foreign page asks for a change (rule 31): an `Origin`, when there is one, must be listed; without one,
 * the browser's own word on where the request comes from must be the same origin, or nobody's page.
 * Programs that send neither are no browsers, and carry nobody's cookies by accident.
 *
 * @see OWASP CSRF Prevention; ASVS 5.0: 3.5.1
 */
export function isForeign(request: FastifyRequest, isAllowed: (origin: string) => boolean): boolean {
  if (SAFE.has(request.method)) return false;
  const { origin } = request.headers;
  const site = request.headers['sec-fetch-site'];
  return origin !== undefined ? !isAllowed(origin) : site !== undefined && site !== 'same-origin' && site !== 'none';
}

/**
 * Refuses what {@link isForeign}.
 *
 * @throws {Refusal} `foreign_origin`
 */
export function checkOrigin(request: FastifyRequest, isAllowed: (origin: string) => boolean): void {
  if (isForeign(request, isAllowed)) throw new Refusal('foreign_origin');
}
