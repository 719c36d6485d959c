import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from 'fastify';
import { bodyReader, inspectBody, takeBodies } from './body.ts';
import { type Answer, answer, type CallParts, callOf } from './call.ts';
import { type AnyContract, RedirectTo, type Route } from './contract.ts';
import { allowOrigin, answerPreflight, isPreflight } from './cors.ts';
import { checkOrigin } from './origin.ts';
import { contractsFor, methodsAt, pathOf } from './paths.ts';
import { Refusal } from './refusal.ts';
import { type RefuseParts, refuse } from './refuse.ts';

/** What a contract's scope needs to know of the server. */
export interface ScopeParts extends CallParts, RefuseParts {
  /** All that are served: one may lie below another's prefix. */
  contracts: readonly AnyContract[];
  isAllowedOrigin(origin: string): boolean;
}

/** What no route answers: a method that is not answered at its path, or no path at all. */
const unanswered = (request: FastifyRequest, { contracts }: ScopeParts): Refusal => {
  const allowed = methodsAt(contracts, pathOf(request));
  // A path that is answered in another spelling is not this one.
  const isMethod = allowed.length > 0 && !allowed.includes(request.method);
  return isMethod ? new Refusal('method_not_allowed', { allowed }) : new Refusal('path_unknown');
};

/**
 * What comes before the body of a request is judged: which pages may read its answer, and whether a page may ask for it.
 *
 * @param owners whose the request is
 * @returns whether it is answered already
 * @throws {Refusal} `foreign_origin`; what no route answers
 */
function receive(
  request: FastifyRequest,
  reply: FastifyReply,
  owners: readonly AnyContract[],
  parts: ScopeParts,
): boolean {
  const { isAllowedOrigin } = parts;
  const credentials = owners.some(({ usesCookies }) => usesCookies);
  const isListed = allowOrigin(request, reply, { isAllowed: isAllowedOrigin, credentials });
  if (request.method === 'OPTIONS' && (isListed || isPreflight(request))) {
    answerPreflight(request, reply, { isListed });
    return true;
  }
  checkOrigin(request, isAllowedOrigin);
  // Before the framework judges the body of a request that no handler waits for.
  if (request.is404) throw unanswered(request, parts);
  return false;
}

/** Answers, in its owner's shape, a request that no route and no scope takes. @returns `false` if it is nobody's */
export function answerUnrouted(request: FastifyRequest, reply: FastifyReply, parts: ScopeParts): boolean {
  // What is below a contract's prefix has a scope of its own, whose router knows one spelling of it.
  const owners = contractsFor(parts.contracts, request).filter(({ routes }) => routes.some(({ atRoot }) => atRoot));
  const [owner] = owners;
  if (!owner) return false;
  try {
    receive(request, reply, owners, parts);
  } catch (error) {
    refuse(owner, error, request, reply, parts);
  }
  return true;
}

/**
 * Registers routes of one contract, below its prefix or at the root: their bodies, languages, origins and ways to say "no".
 *
 * @param contract with the routes to be registered there
 */
export async function contractScope(
  scope: FastifyInstance,
  contract: AnyContract,
  parts: ScopeParts,
  place: 'prefix' | 'root' = 'prefix',
): Promise<void> {
  const own = [contract];
  /** Whose a request is: one that no route takes is not always that of the scope it ended in. */
  const ownersOf = (request: FastifyRequest): AnyContract[] =>
    request.is404 ? contractsFor(parts.contracts, request) : own;

  takeBodies(scope);
  scope.addHook('onRequest', (request, reply, done) => {
    if (!receive(request, reply, ownersOf(request), parts)) done();
  });
  scope.setErrorHandler((error, request, reply) => {
    const [owner = contract] = ownersOf(request);
    return refuse(owner, error, request, reply, parts);
  });
  // At the root one handler is there for everybody.
  if (place === 'prefix') {
    scope.setNotFoundHandler((request, reply) => refuse(contract, unanswered(request, parts), request, reply, parts));
  }

  const prepareBody = bodyPreparer(scope);
  for (const route of contract.routes) {
    scope.route({
      method: route.method,
      url: route.path,
      exposeHeadRoute: !route.keepsState,
      schema: schemaOf(contract, route),
      preValidation: (request, _reply, done) => {
        prepareBody(request, contract, route);
        done();
      },
      handler: async (request, reply) => {
        const given = await answer(route, callOf(request, reply, contract, route, parts));
        return sendAnswer(reply, given);
      },
    });
  }
}

/** Sends what a handler gave: JSON, also where it is nothing but a text; with status 204 nothing. */
export function sendAnswer(reply: FastifyReply, given: Answer): FastifyReply {
  if (given instanceof RedirectTo) return reply.redirect(given.url, 302);
  const { body, schema, status } = given;
  reply.code(status);
  if (status === 204) return reply.send();
  // The route's own serializer, where it has one for the status.
  if (typeof body !== 'string' && reply.getSerializationFunction(String(status))) return reply.send(body);
  const serialize = reply.compileSerializationSchema(schema as Record<string, unknown>, String(status));
  return reply.type('application/json; charset=utf-8').send(serialize(body as Record<string, unknown>));
}

/** @returns what makes of the body that was sent the one that a route's schema judges */
export function bodyPreparer(scope: FastifyInstance) {
  const readBody = bodyReader(scope);
  const readableBody = (sent: unknown, { bodies = ['json'], judgesBodies }: AnyContract): unknown => {
    try {
      return readBody(sent, bodies);
    } catch (error) {
      if (judgesBodies && error instanceof Refusal && error.code === 'body_unreadable') return undefined;
      throw error;
    }
  };
  return (request: FastifyRequest, contract: AnyContract, { takes }: Route<unknown>): void => {
    const body = readableBody(request.body, contract);
    // Who judges bodies by themselves does so in their own order.
    if (!contract.judgesBodies) inspectBody(body);
    // A body that must be there and is not lacks each of its fields.
    request.body = takes && (body === undefined || body === null) ? {} : body;
  };
}

function schemaOf({ judgesBodies }: AnyContract, route: Route<unknown>): FastifySchema {
  return {
    ...(route.takes && !judgesBodies && { body: route.takes }),
    ...(route.params && { params: route.params }),
    ...(route.query && !judgesBodies && { querystring: route.query }),
    response: { [route.status]: route.gives, ...(route.orGives && { [route.orGives[0]]: route.orGives[1] }) },
  };
}
