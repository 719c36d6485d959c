import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { Type } from 'typebox';
import type { Identity } from '../../src/core/identity.ts';
import type { Claim, ClaimedRequest } from '../../src/http/claim.ts';
import {
  type AnyContract,
  type Contract,
  type Dialect,
  type Handler,
  type No,
  orGive,
  route,
} from '../../src/http/contract.ts';
import { serve } from '../../src/http/serve.ts';

export const LISTED = 'https://app.example.org';

/** Serves contracts alone: their handlers ask no core. */
export async function serveContracts(
  t: { after(undo: () => unknown): void },
  contracts: readonly AnyContract[],
  log: { write(line: string): void } = { write() {} },
): Promise<FastifyInstance> {
  const app = await serve({
    identity: {} as Identity,
    log: pino({ level: 'error' }, log),
    random: { uuid: () => crypto.randomUUID() },
    contracts,
    secure: false,
    publicOrigin: 'http://localhost',
    isAllowedOrigin: (origin) => origin === LISTED,
    isSharedNetwork: () => false,
    isUnavailable: () => false,
    trustedProxies: [],
    hostNames: undefined,
    beside: async () => {},
  });
  t.after(() => app.close());
  return app;
}

/** A dialect that words every "no" alike. */
const dialectOf = <Words>(
  no: (code: string, call: { say: Words; facts: { allowed?: string[]; fields?: object } }) => No,
): Dialect<Words> =>
  new Proxy({} as Dialect<Words>, {
    get: (_, code) => (call: { say: Words; facts: object | undefined }) => {
      const facts: { allowed?: string[] } = call.facts ?? {};
      const headers = facts.allowed ? { Allow: facts.allowed.join(', ') } : {};
      return { headers, ...no(String(code), { say: call.say, facts }) };
    },
  });

interface Words {
  hello: string;
  refused: string;
}

const Text = Type.String({ maxLength: 100 });
const DeviceLogin = Type.Object({ identifier: Text, password: Text, client_token: Type.Optional(Text) });
const DeviceTokens = Type.Object({
  status: Type.Literal(200),
  access_token: Type.String(),
  known: Type.Union([Type.String(), Type.Null()]),
});
const DeviceDue = Type.Object(
  { status: Type.Literal(202), channel: Type.String(), message: Type.String() },
  { description: 'A second factor is due' },
);
const DeviceDone = Type.Object({ status: Type.Literal(200), token: Type.Union([Type.String(), Type.Null()]) });

const deviceLogin: Handler<typeof DeviceLogin, typeof DeviceTokens, Words, undefined, typeof DeviceDue> = async (
  call,
) => {
  const { identifier } = call.body;
  if (identifier === 'due') {
    const due = { status: 202 as const, channel: 'totp', message: call.say.hello, password_digest: 'never sent' };
    return orGive(due);
  }
  if (identifier === 'cookie') call.cookies.set('a', 'b', { path: '/', maxAge: 1, sameSite: 'lax', httpOnly: true });
  const more = { password_digest: 'never sent', cookie: call.cookies.get('sanctum_session') };
  return { status: 200, access_token: identifier, known: call.caller.clientToken, ...more };
};

const deviceToken: Handler<undefined, typeof DeviceDone, Words> = async (call) => ({
  status: 200,
  token: call.bearerToken ?? null,
});

const DEVICE_STATUS: Record<string, number> = {
  body_too_large: 413,
  body_unreadable: 400,
  fault: 500,
  foreign_origin: 403,
  media_type_unsupported: 415,
  method_not_allowed: 405,
  path_unknown: 404,
};

/** Either of two keys tells whose a login is, whatever its value; both tell as little as neither (rule 33). */
const holdsOnly = ({ keys }: ClaimedRequest, own: string, others: string): boolean =>
  keys?.has(own) === true && !keys.has(others);

/** A form is never device's; what nobody else has marks on is. */
const deviceLogins: Claim = (request) => {
  if (request.bodyType === 'form') return 'never';
  return holdsOnly(request, 'identifier', 'email') ? 'content' : 'default';
};
const deviceLogouts: Claim = ({ headers }) => (/^Bearer /i.test(headers.authorization ?? '') ? 'marks' : 'never');

/** JSON in, JSON out, no cookies. */
export const deviceLike: Contract<Words> = {
  name: 'device',
  title: 'Like device',
  description: 'For tests',
  prefix: '/api/v1/auth',
  usesCookies: false,
  defaultLocale: 'fr',
  words: { en: { hello: 'Hello', refused: 'No' }, fr: { hello: 'Bonjour', refused: 'Non' } },
  dialect: dialectOf((error, { say, facts }) => {
    const status = DEVICE_STATUS[error] ?? 422;
    const errors = facts.fields && { errors: Object.keys(facts.fields) };
    return { status, body: { status, error, message: say.refused, ...errors } };
  }),
  routes: [
    route('POST /login', {
      takes: DeviceLogin,
      gives: [200, DeviceTokens],
      orGives: [202, DeviceDue],
      by: deviceLogin,
      summary: 'Sign in',
    }),
    route('POST /logout', { gives: [200, DeviceDone], by: deviceToken, summary: 'Sign out' }),
    route('GET /token', { gives: [200, DeviceDone], by: deviceToken, summary: 'The token that was sent' }),
  ],
  claims: { 'POST /login': deviceLogins, 'POST /logout': deviceLogouts },
};

const SESSION = 'sanctum_session';
const SanctumLogin = Type.Object({ email: Text, password: Text });
const SanctumUser = Type.Object({ user: Type.Object({ email: Text }), was: Type.Union([Type.String(), Type.Null()]) });
const SanctumDone = Type.Object({ message: Type.String() });
const ITS_COOKIE = { path: '/', maxAge: 60, sameSite: 'lax', httpOnly: true } as const;

const sanctumLogin: Handler<typeof SanctumLogin, typeof SanctumUser, Words> = async (call) => {
  const was = call.cookies.get(SESSION) ?? null;
  call.cookies.set(SESSION, 'new', ITS_COOKIE);
  if (call.body.email === 'broken') throw new Error('broken');
  if (call.body.email === 'shapeless') return {} as never;
  return { user: { email: call.body.email, password_digest: 'never sent' }, was };
};

const sanctumDone: Handler<undefined, typeof SanctumDone, Words> = async (call) => {
  call.cookies.clear(SESSION, ITS_COOKIE);
  return { message: `${call.say.hello} ${call.bearerToken}` };
};

const bearsMarks = ({ cookies, headers }: ClaimedRequest): boolean =>
  headers['x-xsrf-token'] !== undefined || cookies.has(SESSION);

/** By content, else by marks; a form without either is its own for want of another. */
const sanctumLogins: Claim = (request) => {
  if (holdsOnly(request, 'email', 'identifier')) return 'content';
  if (bearsMarks(request)) return 'marks';
  return request.bodyType === 'form' ? 'default' : 'never';
};
const sanctumLogouts: Claim = ({ headers }) => (headers['x-xsrf-token'] === undefined ? 'default' : 'content');

/** Forms or JSON in, a session cookie, 422 for most of what is wrong; it lies around the other's prefix. */
export const sanctumLike: Contract<Words> = {
  name: 'sanctum',
  title: 'Like sanctum',
  description: 'For tests',
  prefix: '/api/v1',
  usesCookies: true,
  bodies: ['json', 'form'],
  defaultLocale: 'en',
  words: { en: { hello: 'Hi', refused: 'Sorry' }, fr: { hello: 'Salut', refused: 'Désolé' } },
  dialect: dialectOf((error, { say, facts }) => ({
    status: error === 'body_unreadable' ? 422 : (DEVICE_STATUS[error] ?? 422),
    body: { message: say.refused, errors: { [error]: Object.keys(facts.fields ?? {}) } },
  })),
  routes: [
    route('POST /auth/login', {
      takes: SanctumLogin,
      gives: [200, SanctumUser],
      by: sanctumLogin,
      summary: 'Sign in',
    }),
    route('GET /auth/login', { gives: [200, SanctumDone], by: sanctumDone, summary: 'A line beside the shared one' }),
    route('POST /auth/logout', { gives: [201, SanctumDone], by: sanctumDone, summary: 'Sign out' }),
    route('PUT /auth/user', { gives: [200, SanctumDone], by: sanctumDone, summary: 'Below the other’s prefix' }),
  ],
  claims: { 'POST /auth/login': sanctumLogins, 'POST /auth/logout': sanctumLogouts },
};
