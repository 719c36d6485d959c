import type { FastifyRequest } from 'fastify';
import { Refusal } from './refusal.ts';

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Refuses a change that a foreign page asked for (rule 31): an `Origin`, when there is one, must be listed; without one,
 * the browser's own word on where the request comes from must be the same origin, or nobody's page.
 * Programs that send neither are no browsers, and carry nobody's cookies by accident.
 *
 * @throws {Refusal} `foreign_origin`
 * @see OWASP CSRF Prevention; ASVS 5.0: 3.5.1
 */
export function checkOrigin(request: FastifyRequest, isAllowed: (origin: string) => boolean): void {
  if (SAFE.has(request.method)) return;
  const { origin } = request.headers;
  const site = request.headers['sec-fetch-site'];
  const foreign =
    origin !== undefined ? !isAllowed(origin) : site !== undefined && site !== 'same-origin' && site !== 'none';
  if (foreign) throw new Refusal('foreign_origin');
}
