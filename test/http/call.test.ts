import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import type { InjectOptions } from 'fastify';
import { Type } from 'typebox';
import type { Call, Handler } from '../../src/http/contract.ts';
import { orGive, route } from '../../src/http/contract.ts';
import { referenceOf } from '../../src/http/reference.ts';
import { openClient } from '../contracts/cookie/client.ts';
import { deviceLike, LISTED, serveContracts } from './two-contracts.ts';

type Opening = { after(undo: () => unknown): void };

async function openDevice(t: Opening) {
  const lines: string[] = [];
  const app = await serveContracts(t, [deviceLike], { write: (line) => void lines.push(line) });
  const ask = (method: 'GET' | 'POST' | 'OPTIONS', path: string, more: InjectOptions = {}) =>
    app.inject({ method, url: `/api/v1/auth${path}`, ...more });
  const login = (body: object, headers: Record<string, string> = {}) =>
    ask('POST', '/login', { payload: body, headers });
  return { app, ask, lines, login };
}

describe('a bearer token', () => {
  const tokenOf = async (t: Opening, ...authorizations: string[]): Promise<string | null> => {
    const { ask } = await openDevice(t);
    const headers = authorizations.length > 0 ? { authorization: authorizations } : {};
    const answer = await ask('GET', '/token', { headers: headers as Record<string, string> });
    return answer.json().token;
  };

  for (const [header, token] of [
    ['Bearer abc', 'abc'],
    ['bearer abc', 'abc'],
    ['BEARER   abc', 'abc'],
    ['Bearer eyJhbGciOiJFUzI1NiJ9.e30.a-b_c', 'eyJhbGciOiJFUzI1NiJ9.e30.a-b_c'],
    ['Bearer AZaz09-._~+/==', 'AZaz09-._~+/=='],
  ] as const) {
    it(`is read from ${header}`, async (t) => {
      assert.equal(await tokenOf(t, header), token);
    });
  }

  for (const header of [
    '',
    'Bearer',
    'Bearer ',
    'Bearer =',
    'Bearer a=b',
    'Bearer a b',
    'Bearer a, Bearer b',
    'Bearer a,b',
    'Bearer\ta',
    'Bearer "a"',
    'Bearer é',
    'Bearera',
    'Basic YTpi',
    'Token abc',
    'DPoP abc',
    'abc',
    'x Bearer abc',
  ]) {
    it(`is not in ${JSON.stringify(header)}`, async (t) => {
      assert.equal(await tokenOf(t, header), null);
    });
  }

  it('is not read of two headers, nor without one', async (t) => {
    assert.equal(await tokenOf(t), null);
    assert.equal(await tokenOf(t, 'Bearer a', 'Bearer b'), null);
    assert.equal(await tokenOf(t, 'Bearer a', 'Bearer a'), null);
  });

  it('is not read of two headers on the wire, of which the parser keeps the first', async (t) => {
    const { app } = await openDevice(t);
    await app.listen({ host: '127.0.0.1', port: 0 });
    const { port } = app.server.address() as { port: number };
    const socket = connect(port, '127.0.0.1');
    socket.write(
      'GET /api/v1/auth/token HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer a\r\nauthorization: Bearer b\r\nConnection: close\r\n\r\n',
    );
    const text = (await socket.setEncoding('utf8').toArray()).join('');
    assert.match(text, /^HTTP\/1\.1 200 /);
    assert.ok(text.endsWith('{"status":200,"token":null}'), text);
  });

  it('is never read from the query or the body', async (t) => {
    const { ask } = await openDevice(t);
    assert.equal((await ask('GET', '/token?access_token=abc&authorization=Bearer%20abc')).json().token, null);
    const payload = { access_token: 'abc', authorization: 'Bearer abc' };
    assert.equal((await ask('POST', '/logout', { payload })).json().token, null);
  });

  it('opens nothing in a contract with cookies', async (t) => {
    const { another, signedIn } = await openClient(t);
    const client = await signedIn();
    const authorization = `Bearer ${client.cookie('accessToken')}`;
    assert.equal((await another().get('/me', { headers: { authorization } })).status, 401);
  });
});

describe('a contract without cookies', () => {
  it('reads none', async (t) => {
    const { login } = await openDevice(t);
    const answer = await login(
      { identifier: 'ada', password: 'x' },
      { cookie: `guichet_client=${'A'.repeat(43)}; a=b` },
    );
    assert.deepEqual(answer.json(), { status: 200, access_token: 'ada', known: null });
  });

  it('sets none: that it tries is a fault', async (t) => {
    const { lines, login } = await openDevice(t);
    const answer = await login({ identifier: 'cookie', password: 'x' });
    assert.equal(answer.statusCode, 500);
    assert.equal(answer.headers['set-cookie'], undefined);
    assert.match(lines.join(''), /uses no cookies cannot set a/);
  });

  it('knows a client by the token in the body', async (t) => {
    const { login } = await openDevice(t);
    const known = async (token: unknown) =>
      (await login({ identifier: 'ada', password: 'x', client_token: token })).json().known;
    assert.equal(await known('A'.repeat(43)), 'A'.repeat(43));
    assert.equal(await known('A'.repeat(42)), null);
    assert.equal(await known('é'.repeat(43)), null);
    assert.equal(await known([]), undefined);
  });

  it('lets a listed page read its answers, without credentials', async (t) => {
    const { ask } = await openDevice(t);
    const headers = { origin: LISTED, 'access-control-request-method': 'POST' };
    for (const answer of [await ask('GET', '/token', { headers }), await ask('OPTIONS', '/login', { headers })]) {
      assert.equal(answer.headers['access-control-allow-origin'], LISTED);
      assert.equal(answer.headers['access-control-allow-credentials'], undefined);
    }
  });

  it('refuses a change that a foreign page asks for', async (t) => {
    const { login } = await openDevice(t);
    const answer = await login({ identifier: 'ada', password: 'x' }, { origin: 'https://evil.example' });
    assert.deepEqual(answer.json(), { status: 403, error: 'foreign_origin', message: 'Non' });
  });
});

describe('a route with a second answer', () => {
  it('gives either with its own status, and of each the fields it names', async (t) => {
    const { login } = await openDevice(t);
    const signedIn = await login({ identifier: 'ada', password: 'x' });
    assert.deepEqual([signedIn.statusCode, signedIn.json()], [200, { status: 200, access_token: 'ada', known: null }]);
    const due = await login({ identifier: 'due', password: 'x' });
    assert.deepEqual([due.statusCode, due.json()], [202, { status: 202, channel: 'totp', message: 'Bonjour' }]);
    assert.equal(due.headers['content-type'], 'application/json; charset=utf-8');
  });

  it('shows both in the reference', () => {
    const { paths } = referenceOf(deviceLike, 'http://localhost:3000') as {
      paths: Record<string, Record<string, { responses: Record<string, { description: string; content: object }> }>>;
    };
    const responses = paths['/api/v1/auth/login']?.['post']?.responses;
    const [login] = deviceLike.routes;
    assert.deepEqual(responses?.['200'], {
      description: 'Done',
      content: { 'application/json': { schema: login?.gives } },
    });
    assert.deepEqual(responses?.['202'], {
      description: 'A second factor is due',
      content: { 'application/json': { schema: login?.orGives?.[1] } },
    });
  });

  it('and its handler agree, or do not compile', () => {
    const One = Type.Object({ one: Type.String() });
    const Two = Type.Object({ two: Type.String() });
    const either: Handler<undefined, typeof One, unknown, undefined, typeof Two> = async () => orGive({ two: 'x' });
    // @ts-expect-error the route says nothing of a second answer
    route('GET /either', { gives: [200, One], by: either, summary: '' });
    // @ts-expect-error the second answer is of another kind
    route('GET /either', { gives: [200, One], orGives: [202, One], by: either, summary: '' });
    // @ts-expect-error the second answer has to be called one
    const unsaid: typeof either = async () => ({ two: 'x' });
    assert.ok(unsaid);
  });
});

describe('a handler that gives a second answer its route has not', () => {
  it('is a fault', async (t) => {
    const One = Type.Object({ one: Type.String() });
    const by = (async (_call: Call<undefined, undefined, unknown>) => orGive({ one: 'x' })) as never;
    const routes = [route('GET /one', { gives: [200, One], by, summary: '' })];
    const app = await serveContracts(t, [{ ...deviceLike, routes }]);
    assert.equal((await app.inject('/api/v1/auth/one')).statusCode, 500);
  });
});
