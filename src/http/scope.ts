import type { FastifyInstance, FastifyRequest, FastifySchema } from 'fastify';
import { bodyReader, inspectBody, takeBodies } from './body.ts';
import { answer, type CallParts, callOf } from './call.ts';
import { type AnyContract, RedirectTo, type Route } from './contract.ts';
import { allowOrigin, answerPreflight } from './cors.ts';
import { checkOrigin } from './origin.ts';
import { contractsAt, methodsAt, pathOf } from './paths.ts';
import { Refusal } from './refusal.ts';
import { type RefuseParts, refuse } from './refuse.ts';

/** What a contract's scope needs to know of the server. */
export interface ScopeParts extends CallParts, RefuseParts {
  /** All that are served: one may lie below another's prefix. */
  contracts: readonly AnyContract[];
  isAllowedOrigin(origin: string): boolean;
}

/** Registers one contract under its prefix: its bodies, languages, origins, routes and ways to say "no". */
export async function contractScope(scope: FastifyInstance, contract: AnyContract, parts: ScopeParts): Promise<void> {
  const { contracts, isAllowedOrigin } = parts;
  const own = [contract];
  /** Whose a request is: one that no route takes is not always that of the scope it ended in. */
  const ownersOf = (request: FastifyRequest): AnyContract[] =>
    request.is404 ? contractsAt(contracts, pathOf(request)) : own;
  const unanswered = (request: FastifyRequest): Refusal => {
    const allowed = methodsAt(contracts, pathOf(request));
    return allowed.length > 0 ? new Refusal('method_not_allowed', { allowed }) : new Refusal('path_unknown');
  };

  takeBodies(scope);
  scope.addHook('onRequest', (request, reply, done) => {
    const credentials = ownersOf(request).some(({ usesCookies }) => usesCookies);
    const isListed = allowOrigin(request, reply, { isAllowed: isAllowedOrigin, credentials });
    if (isListed && request.method === 'OPTIONS') {
      answerPreflight(reply);
      return;
    }
    checkOrigin(request, isAllowedOrigin);
    // Before the framework judges the body of a request that no handler waits for.
    if (request.is404) throw unanswered(request);
    done();
  });
  scope.setErrorHandler((error, request, reply) => {
    const [owner = contract] = ownersOf(request);
    return refuse(owner, error, request, reply, parts);
  });
  scope.setNotFoundHandler((request, reply) => refuse(contract, unanswered(request), request, reply, parts));

  const prepareBody = bodyPreparer(scope);
  for (const route of contract.routes) {
    scope.route({
      method: route.method,
      url: route.path,
      exposeHeadRoute: !route.keepsState,
      schema: schemaOf(route),
      preValidation: (request, _reply, done) => {
        prepareBody(request, contract, route);
        done();
      },
      handler: async (request, reply) => {
        const given = await answer(route, callOf(request, reply, contract, route, parts));
        if (given instanceof RedirectTo) return reply.redirect(given.url, 302);
        reply.code(given.status);
        return given.body;
      },
    });
  }
}

/** @returns what makes of the body that was sent the one that a route's schema judges */
export function bodyPreparer(scope: FastifyInstance) {
  const readBody = bodyReader(scope);
  return (request: FastifyRequest, { bodies = ['json'] }: AnyContract, { takes }: Route<unknown>): void => {
    const body = readBody(request.body, bodies);
    inspectBody(body);
    // A body that must be there and is not lacks each of its fields.
    request.body = takes && (body === undefined || body === null) ? {} : body;
  };
}

function schemaOf(route: Route<unknown>): FastifySchema {
  return {
    ...(route.takes && { body: route.takes }),
    ...(route.params && { params: route.params }),
    ...(route.query && { querystring: route.query }),
    response: { [route.status]: route.gives, ...(route.orGives && { [route.orGives[0]]: route.orGives[1] }) },
  };
}
