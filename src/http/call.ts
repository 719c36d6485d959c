import type { FastifyReply, FastifyRequest } from 'fastify';
import type { TSchema } from 'typebox';
import type { Identity } from '../core/identity.ts';
import { bearerTokenIn } from './bearer-token.ts';
import { callerOf } from './caller.ts';
import { clientTokenIn } from './client-cookie.ts';
import { type AnyContract, type Call, OrGiven, RedirectTo, type Route } from './contract.ts';
import { cookiesOf, noCookies } from './cookies.ts';
import { speakIn, spokenIn } from './language.ts';

/** What a call needs to know of the server. */
export interface CallParts {
  identity: Identity;
  secure: boolean;
  publicOrigin: string;
  isSharedNetwork(address: string): boolean;
}

/** What a handler is given of a request. */
export function callOf(
  request: FastifyRequest,
  reply: FastifyReply,
  contract: AnyContract,
  route: Pick<Route<unknown>, 'keepsState' | 'takes'>,
  parts: CallParts,
): Call<unknown, unknown, unknown> {
  const { usesCookies } = contract;
  const cookies = usesCookies || route.keepsState ? cookiesOf(request, reply, parts.secure) : noCookies;
  return {
    identity: parts.identity,
    body: knownFields(route.takes, request.body),
    params: request.params,
    // Worked out for those who ask: a look at a session does not.
    get caller() {
      const clientToken = usesCookies ? clientTokenIn(cookies, parts.secure) : clientTokenOf(request.body);
      return callerOf(request, { clientToken, locale: spokenIn(request, contract), isShared: parts.isSharedNetwork });
    },
    get say() {
      return contract.words[spokenIn(request, contract)];
    },
    cookies,
    get query() {
      return new URLSearchParams(request.url.split('?').slice(1).join('?'));
    },
    othersKey: undefined,
    origin: request.headers.origin,
    header(name) {
      const value = request.headers[name];
      return Array.isArray(value) ? value[0] : value;
    },
    setHeader: (name, value) => void reply.header(name, value),
    speak: (locale) => speakIn(request, locale),
    get bearerToken() {
      return usesCookies ? undefined : bearerTokenIn(request.raw);
    },
    prefix: contract.prefix,
    secure: parts.secure,
    publicOrigin: parts.publicOrigin,
  };
}

/**
 * The fields of a body that its schema names. Nothing else of what was sent reaches a handler, where it could pass for
 * something that the handler itself has put beside them (R122).
 */
function knownFields(schema: TSchema | undefined, body: unknown): unknown {
  const properties = (schema as { properties?: object } | undefined)?.properties;
  if (!properties || typeof body !== 'object' || body === null) return undefined;
  return Object.fromEntries(Object.entries(body).filter(([name]) => Object.hasOwn(properties, name)));
}

/** What makes a client known that keeps no cookies: the token that a sign-in's answer gave it (rule 20). */
function clientTokenOf(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null || !Object.hasOwn(body, 'client_token')) return undefined;
  const { client_token: token } = body as { client_token: unknown };
  return typeof token === 'string' ? token : undefined;
}

/** What a handler gives, and the line of the table that says how; or where it sends on. */
export type Answer = { status: number; schema: TSchema; body: unknown } | RedirectTo;

/** Lets the handler do its work. */
export async function answer(route: Route<unknown>, call: Call<unknown, unknown, unknown>): Promise<Answer> {
  const given = await route.handler(call);
  if (given instanceof RedirectTo) {
    if (!route.redirects) throw new Error(`${route.method} ${route.path} sends nobody on`);
    return given;
  }
  if (!(given instanceof OrGiven)) return { status: route.status, schema: route.gives, body: given };
  if (!route.orGives) throw new Error(`${route.method} ${route.path} has no second answer`);
  const [status, schema] = route.orGives;
  return { status, schema, body: given.body };
}
