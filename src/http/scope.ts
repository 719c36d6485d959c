import cors from '@fastify/cors';
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from 'fastify';
import type { Identity } from '../core/identity.ts';
import { asNo } from './as-no.ts';
import { inspectBody, readJsonBodies } from './body.ts';
import { answer, callOf } from './call.ts';
import type { AnyContract, No, Route } from './contract.ts';
import { cookiesOf, noCookies } from './cookies.ts';
import { languageOf } from './language.ts';
import { checkOrigin } from './origin.ts';
import { Refusal } from './refusal.ts';

/** What a contract's scope needs to know of the server. */
export interface ScopeParts {
  identity: Identity;
  secure: boolean;
  isAllowedOrigin(origin: string): boolean;
  isSharedNetwork(address: string): boolean;
  /** Whether an error means that the database cannot answer now. */
  isUnavailable(error: unknown): boolean;
}

/** Registers one contract under its prefix: its bodies, languages, origins, routes and ways to say "no". */
export async function contractScope(scope: FastifyInstance, contract: AnyContract, parts: ScopeParts): Promise<void> {
  readJsonBodies(scope);
  await scope.register(cors, {
    origin: (origin, decide) => decide(null, origin !== undefined && parts.isAllowedOrigin(origin) ? origin : false),
    credentials: contract.usesCookies,
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    strictPreflight: false,
  });
  const unanswered = (request: FastifyRequest): Refusal => {
    const allowed = methodsAt(contract.routes, pathBelow(contract.prefix, request));
    return allowed.length > 0 ? new Refusal('method_not_allowed', { allowed }) : new Refusal('path_unknown');
  };
  scope.addHook('onRequest', (request, _reply, done) => {
    checkOrigin(request, parts.isAllowedOrigin);
    // Before the framework judges the body of a request that no handler waits for.
    if (request.is404) throw unanswered(request);
    done();
  });

  const refuse = refuser(contract, parts);
  scope.setErrorHandler((error, request, reply) => refuse(error, request, reply));
  scope.setNotFoundHandler((request, reply) => refuse(unanswered(request), request, reply));

  for (const route of contract.routes) {
    scope.route({
      method: route.method,
      url: route.path,
      schema: schemaOf(route),
      preValidation: (request, _reply, done) => {
        inspectBody(request.body);
        // A body that must be there and is not lacks each of its fields.
        if (route.takes && (request.body === undefined || request.body === null)) request.body = {};
        done();
      },
      handler: (request, reply) => answer(route, callOf(request, reply, contract, parts), reply),
    });
  }
}

/** Answers errors in the contract's own shape and words. */
export function refuser(contract: AnyContract, parts: Pick<ScopeParts, 'isUnavailable' | 'secure'>) {
  return (error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const { code, facts } = asNo(error, parts.isUnavailable);
    if (code === 'fault' || code === 'unavailable')
      request.log.error({ err: error, reqId: request.id }, 'the request failed');
    // A refused request sets nothing, whatever its handler had begun (rule 31).
    reply.removeHeader('Set-Cookie');
    const cookies = contract.usesCookies ? cookiesOf(request, reply, parts.secure) : noCookies;
    const say = contract.words[languageOf(request.headers['accept-language'], contract.defaultLocale)];
    const no = contract.dialect[code] as (call: object) => No;
    const { prefix } = contract;
    const { status, headers = {}, body } = no({ say, facts, cookies, prefix, path: pathBelow(prefix, request) });
    return reply.code(status).headers(headers).type('application/json; charset=utf-8').send(JSON.stringify(body));
  };
}

function schemaOf(route: Route<unknown>): FastifySchema {
  return {
    ...(route.takes && { body: route.takes }),
    ...(route.params && { params: route.params }),
    response: { [route.status]: route.gives, ...(route.orGives && { [route.orGives[0]]: route.orGives[1] }) },
  };
}

/** The path below the prefix: the route's pattern where one matched, else the target in one spelling. */
function pathBelow(prefix: string, request: FastifyRequest): string {
  const route = request.routeOptions.url;
  if (route !== undefined) return route.slice(prefix.length);
  const [target = ''] = request.url.split('?');
  try {
    return decodeURIComponent(target.replace(/^https?:\/\/[^/]*/, '')).slice(prefix.length);
  } catch {
    return target;
  }
}

/** The methods that a path is answered under, for `Allow` (RFC 9110 §15.5.6). */
function methodsAt(routes: readonly Route<unknown>[], path: string): string[] {
  const parts = path.split('/');
  const matching = routes.filter((route) => {
    const own = route.path.split('/');
    return own.length === parts.length && own.every((part, index) => part.startsWith(':') || part === parts[index]);
  });
  const methods = new Set<string>(matching.map(({ method }) => method));
  if (methods.has('GET')) methods.add('HEAD');
  return [...methods];
}
