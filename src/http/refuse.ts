import type { FastifyReply, FastifyRequest } from 'fastify';
import { asNo } from './as-no.ts';
import type { AnyContract, No } from './contract.ts';
import { cookiesOf, noCookies } from './cookies.ts';
import { spokenIn } from './language.ts';
import { pathOf } from './paths.ts';

/** What a "no" needs to know of the server. */
export interface RefuseParts {
  secure: boolean;
  /** Whether an error means that the database cannot answer now. */
  isUnavailable(error: unknown): boolean;
}

/** Answers an error in a contract's own shape and words. */
export function refuse(
  contract: AnyContract,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  parts: RefuseParts,
): FastifyReply {
  const { code, facts } = asNo(error, parts.isUnavailable);
  if (code === 'fault' || code === 'unavailable')
    request.log.error({ err: error, reqId: request.id }, 'the request failed');
  // A refused request sets nothing, whatever its handler had begun (rule 31).
  if (!contract.noKeepsCookies) reply.removeHeader('Set-Cookie');
  const cookies = contract.usesCookies ? cookiesOf(request, reply, parts.secure) : noCookies;
  const say = contract.words[spokenIn(request, contract)];
  const { prefix } = contract;
  // The route's pattern, where one matched.
  const target = request.routeOptions.url ?? pathOf(request);
  const path = target.startsWith(`${prefix}/`) ? target.slice(prefix.length) : target;
  const no = contract.dialect[code] as (call: object) => No;
  const { status, headers = {}, body } = no({ say, facts, cookies, prefix, path, target, method: request.method });
  return reply.code(status).headers(headers).type('application/json; charset=utf-8').send(JSON.stringify(body));
}
