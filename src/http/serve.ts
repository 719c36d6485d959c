import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { BODY_LIMIT } from './body.ts';
import { compileLate } from './compilers.ts';
import { secureHeaders, secureHeaderValues } from './headers.ts';
import { contractsAt, pathOf } from './paths.ts';
import { Refusal } from './refusal.ts';
import { refuse } from './refuse.ts';
import { answerUnrouted, contractScope, type ScopeParts } from './scope.ts';
import { sharedLines, sharedRoute } from './shared-route.ts';

/** Bytes of a request target (R141). */
const URL_LIMIT = 8 * 1024;
export const HEADER_LIMIT = 16 * 1024;
const HEADERS_MILLISECONDS = 10_000;
const REQUEST_MILLISECONDS = 20_000;

export interface ServerParts extends ScopeParts {
  log: FastifyBaseLogger;
  random: { uuid(): string };
  /** Networks and addresses of proxies whose `X-Forwarded-*` headers are believed. */
  trustedProxies: readonly string[];
  /** In development mode: the only names that a request may come for (rule 1: DNS rebinding). */
  hostNames: readonly string[] | undefined;
  /** What is served beside the contracts. */
  beside(app: FastifyInstance): Promise<void>;
}

/** The HTTP server of one process, ready to listen or to be asked with `inject`. */
export async function serve(parts: ServerParts): Promise<FastifyInstance> {
  const headers = secureHeaderValues(parts);
  const app = fastify({
    bodyLimit: BODY_LIMIT,
    logController: new LogController({ disableRequestLogging: true }),
    exposeHeadRoutes: true,
    genReqId: () => parts.random.uuid(),
    http: { maxHeaderSize: HEADER_LIMIT, headersTimeout: HEADERS_MILLISECONDS },
    requestTimeout: REQUEST_MILLISECONDS,
    keepAliveTimeout: 65_000,
    forceCloseConnections: 'idle',
    loggerInstance: parts.log,
    // No logger of its own for each request, which most never use; what is logged of one names its id.
    childLoggerFactory: (logger) => logger,
    trustProxy: parts.trustedProxies.length > 0 ? [...parts.trustedProxies] : false,
    // A target that is no URL reaches no route, and so no scope: the contract it was meant for answers all the same.
    frameworkErrors: (error, request, reply) => {
      reply.headers(headers).header('X-Request-Id', request.id);
      const [contract] = contractsAt(parts.contracts, pathOf(request));
      if (contract)
        refuse(contract, new Refusal('path_unknown'), request as FastifyRequest, reply as FastifyReply, parts);
      else (reply as FastifyReply).code(400).type(PROBLEM).send(problem(400, error.message));
    },
    routerOptions: { ignoreTrailingSlash: false, caseSensitive: true, maxParamLength: 128 },
  });
  compileLate(app);
  secureHeaders(app, headers);
  checkHost(app, parts.hostNames);
  limitUrl(app);
  if (parts.secure) refusePlainHttp(app);
  logRequests(app);
  problems(app, parts);

  const shared = sharedLines(parts.contracts);
  for (const line of shared) {
    await app.register(async (scope) => sharedRoute(scope, line, parts));
  }
  const registered = new Set(shared.flatMap(({ claimants }) => claimants.map(({ route }) => route)));
  for (const contract of parts.contracts) {
    const own = contract.routes.filter((route) => !registered.has(route));
    const below = { ...contract, routes: own.filter(({ atRoot }) => !atRoot) };
    const atRoot = { ...contract, routes: own.filter(({ atRoot }) => atRoot) };
    await app.register((scope) => contractScope(scope, below, parts), { prefix: contract.prefix });
    if (atRoot.routes.length > 0) await app.register((scope) => contractScope(scope, atRoot, parts, 'root'));
  }
  await parts.beside(app);
  await app.ready();
  return app;
}

const PROBLEM = 'application/problem+json';
const problem = (status: number, title: string): string => JSON.stringify({ type: 'about:blank', status, title });

/** Problem documents (RFC 9457) for what belongs to no contract. */
function problems(app: FastifyInstance, parts: ServerParts): void {
  app.setNotFoundHandler((request, reply) => {
    if (answerUnrouted(request, reply, parts)) return reply;
    return reply.code(404).type(PROBLEM).send(problem(404, 'There is nothing at this path.'));
  });
  app.setErrorHandler((error, request, reply) => {
    const given = (error as { statusCode?: number }).statusCode ?? 500;
    const away = parts.isUnavailable(error);
    const status = away ? 503 : given;
    if (status >= 500) request.log.error({ err: error, reqId: request.id }, 'the request failed');
    if (away) reply.header('Retry-After', '2');
    const title = away
      ? 'The database cannot be reached; try again soon.'
      : status >= 500
        ? 'Something failed here.'
        : (error as Error).message;
    return reply.code(status).type(PROBLEM).send(problem(status, title));
  });
}

function checkHost(app: FastifyInstance, names: readonly string[] | undefined): void {
  if (!names) return;
  const known = new Set(names);
  app.addHook('onRequest', (request, reply, done) => {
    const host = (request.headers.host ?? '').replace(/:\d*$/, '').toLowerCase();
    if (known.has(host)) done();
    else {
      reply
        .code(421)
        .type(PROBLEM)
        .send(problem(421, `In development mode this server answers for ${names.join(', ')} only.`));
    }
  });
}

/** What a trusted proxy received in clear is refused, not redirected: by then its secrets have been seen (R133). */
function refusePlainHttp(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    if (request.headers['x-forwarded-proto'] === undefined || request.protocol === 'https') done();
    else if (!request.ips) done();
    else reply.code(403).type(PROBLEM).send(problem(403, 'This server answers over https only.'));
  });
}

function limitUrl(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    if (request.url.length <= URL_LIMIT) done();
    else reply.code(414).type(PROBLEM).send(problem(414, 'The URL is too long.'));
  });
}

/** One line a request, at debug level: method, route and status, never a query, a body or a header that holds secrets (R151). */
function logRequests(app: FastifyInstance): void {
  if (app.log.level !== 'debug' && app.log.level !== 'trace') return;
  app.addHook('onResponse', (request, reply, done) => {
    const { method, routeOptions, ip } = request;
    request.log.debug(
      { method, route: routeOptions.url, status: reply.statusCode, ms: Math.round(reply.elapsedTime), ip },
      'request',
    );
    done();
  });
}
