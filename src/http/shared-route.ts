import { parseCookie } from 'cookie';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { TSchema } from 'typebox';

import { Failure } from '../core/failure.ts';
import { type BodyReader, type BodyType, bodyReader, MEDIA_TYPES, type SentBody, takeBodies } from './body.ts';
import { answer, callOf } from './call.ts';
import type { Claim, ClaimedRequest, ClaimStrength } from './claim.ts';
import type { AnyContract, Line, Method, Route } from './contract.ts';
import { allowOrigin } from './cors.ts';
import { checkOrigin, isForeign } from './origin.ts';
import { urlOf } from './paths.ts';
import { Refusal } from './refusal.ts';
import { refuse } from './refuse.ts';
import { bodyPreparer, type ScopeParts, sendAnswer } from './scope.ts';

interface Claimant {
  contract: AnyContract;
  route: Route<unknown>;
  claim: Claim;
}

/** A method and path that two or more contracts answer. */
export interface SharedLine {
  method: Method;
  url: string;
  claimants: readonly Claimant[];
}

/** Two contracts answer one path, and do not say which requests there are whose: one of them has to be moved. */
export class LineCollision extends Error {
  override readonly name = 'LineCollision';
  /** Method and path. */
  readonly place: string;
  /** The contracts, as they are listed. */
  readonly contracts: readonly string[];

  constructor(place: string, contracts: readonly string[], silent: string) {
    super(`${contracts.join(' and ')} both answer ${place}, and ${silent} does not say which requests are its own`);
    this.place = place;
    this.contracts = contracts;
  }
}

/**
 * The lines that more than one of the contracts has.
 *
 * @throws {LineCollision} if one of them does not say which requests there are its own: the others' would then reach it, or its own them
 */
export function sharedLines(contracts: readonly AnyContract[]): SharedLine[] {
  const lines = new Map<string, { contract: AnyContract; route: Route<unknown> }[]>();
  for (const contract of contracts) {
    for (const route of contract.routes) {
      const place = `${route.method} ${urlOf(contract, route)}`;
      lines.set(place, [...(lines.get(place) ?? []), { contract, route }]);
    }
  }
  return [...lines].filter(([, owners]) => owners.length > 1).map(([place, owners]) => sharedLine(place, owners));
}

function sharedLine(place: string, owners: { contract: AnyContract; route: Route<unknown> }[]): SharedLine {
  const claimants = owners.map(({ contract, route }): Claimant => {
    const claim = contract.claims?.[`${route.method} ${route.path}` as Line];
    if (claim) return { contract, route, claim };
    throw new LineCollision(
      place,
      owners.map((owner) => owner.contract.name),
      contract.name,
    );
  });
  const [method, url] = place.split(' ') as [Method, string];
  return { method, url, claimants };
}

/** Registers a shared line: each request is answered entirely as the contract whose own it is would answer it alone. */
export function sharedRoute(scope: FastifyInstance, { method, url, claimants }: SharedLine, parts: ScopeParts): void {
  const { isAllowedOrigin } = parts;
  const readBody = bodyReader(scope);
  const prepareBody = bodyPreparer(scope);
  const settled = new WeakMap<FastifyRequest, Claimant>();

  const settle = (request: FastifyRequest, reply: FastifyReply, of: Pick<ClaimedRequest, 'bodyType' | 'keys'>) => {
    const claimant = strongest(claimants, {
      ...of,
      headers: request.headers,
      cookies: new Set(Object.keys(parseCookie(request.headers.cookie ?? ''))),
    });
    settled.set(request, claimant);
    allowOrigin(request, reply, { isAllowed: isAllowedOrigin, credentials: claimant.contract.usesCookies });
    return claimant;
  };

  takeBodies(scope);
  scope.setErrorHandler((error, request, reply) => {
    const claimant = settled.get(request);
    if (claimant) return refuse(claimant.contract, error, request, reply, parts);
    // It was refused before its body was taken in: what comes with the body has to tell.
    const { contract } = settle(request, reply, { bodyType: typeTold(request), keys: undefined });
    const first = isForeign(request, isAllowedOrigin) ? new Refusal('foreign_origin') : error;
    return refuse(contract, first, request, reply, parts);
  });
  scope.route({
    method,
    url,
    preValidation: (request, reply, done) => {
      const sent = request.body as SentBody | undefined;
      const { contract, route } = settle(request, reply, { bodyType: sent?.type, keys: keysOf(sent, readBody) });
      checkOrigin(request, isAllowedOrigin);
      prepareBody(request, contract, route);
      validate(request, 'params', route.params);
      if (!contract.judgesBodies) {
        const foreign = othersKeyIn(contract, route, request.body);
        if (foreign !== undefined) throw new Failure('input_rejected', { fields: { [foreign]: 'malformed' } });
        validate(request, 'body', route.takes);
      }
      done();
    },
    handler: async (request, reply) => {
      const { contract, route } = settled.get(request) as Claimant;
      const call = callOf(request, reply, contract, route, parts);
      call.othersKey = othersKeyIn(contract, route, request.body);
      return sendAnswer(reply, await answer(route, call));
    },
  });
}

/** By which of its keys a body is in the words of two contracts, and so in those of neither (rule 33). */
const othersKeyIn = (
  { othersKeys }: AnyContract,
  { method, path }: Route<unknown>,
  body: unknown,
): string | undefined => othersKeys?.[`${method} ${path}` as Line]?.find((key) => Object.hasOwn(Object(body), key));

const STRENGTHS: Record<ClaimStrength, number> = { content: 3, marks: 2, default: 1, never: 0 };

function strongest([first, ...others]: readonly Claimant[], request: ClaimedRequest): Claimant {
  let best = first as Claimant;
  let strength = STRENGTHS[best.claim(request)];
  for (const other of others) {
    const its = STRENGTHS[other.claim(request)];
    if (its > strength) [best, strength] = [other, its];
  }
  return best;
}

const BODY_TYPES = Object.keys(MEDIA_TYPES) as BodyType[];

function keysOf(sent: SentBody | undefined, read: BodyReader): ReadonlySet<string> | undefined {
  try {
    const body = read(sent, BODY_TYPES);
    return new Set(typeof body === 'object' && body !== null && !Array.isArray(body) ? Object.keys(body) : []);
  } catch {
    return undefined;
  }
}

/** The type of a body that nobody has looked at yet. */
function typeTold({ headers }: FastifyRequest): BodyType | undefined {
  const [mediaType = ''] = (headers['content-type'] ?? '').split(';');
  return BODY_TYPES.find((type) => MEDIA_TYPES[type] === mediaType.trim().toLowerCase());
}

/** As the framework does before a route's own handler. */
function validate(request: FastifyRequest, part: 'params' | 'body', schema: TSchema | undefined): void {
  if (!schema) return;
  const check = request.compileValidationSchema(schema as object, part);
  if (check(request[part]) === false) {
    throw Object.assign(new Error(`${part} refused`), { validation: check.errors, validationContext: part });
  }
}
