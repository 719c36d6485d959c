import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { Type } from 'typebox';
import { type AnyContract, type Handler, route } from '../../src/http/contract.ts';
import { deviceLike, LISTED, sanctumLike, serveContracts } from './two-contracts.ts';

type Opening = { after(undo: () => unknown): void };
const PREFLIGHT_VARY = 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers';
type Whose = 'device' | 'sanctum';
type Claims = NonNullable<AnyContract['claims']>;

const LOGIN = '/api/v1/auth/login';
const LOGOUT = '/api/v1/auth/logout';
const JSON_TYPE = { 'content-type': 'application/json' };
const FORM_TYPE = { 'content-type': 'application/x-www-form-urlencoded' };
const XSRF = { 'x-xsrf-token': 'abc' };
const SESSION = { cookie: 'a=b; sanctum_session=xyz' };
const BEARER = { authorization: 'Bearer abc' };

interface Asked {
  url?: string;
  headers?: Record<string, string>;
  payload?: string | Buffer;
}
const asked = ({ url = LOGIN, headers = {}, payload }: Asked): InjectOptions => ({
  method: 'POST',
  url,
  headers,
  ...(payload !== undefined && { payload }),
});

/** All that an answer says, but for what differs from request to request. */
async function answerOf(app: FastifyInstance, options: InjectOptions) {
  const { statusCode, headers, body } = await app.inject(options);
  const { date, 'x-request-id': id, connection, ...rest } = headers;
  return { statusCode, headers: rest, body };
}

async function openBoth(t: Opening) {
  const both = await serveContracts(t, [deviceLike, sanctumLike]);
  const alone = {
    device: await serveContracts(t, [deviceLike]),
    sanctum: await serveContracts(t, [sanctumLike]),
  };
  /** Checks that a request is answered as one contract alone would, and as the other would not. */
  const assertIs = async (whose: Whose, options: InjectOptions, what?: string) => {
    const answer = await answerOf(both, options);
    assert.deepEqual(answer, await answerOf(alone[whose], options), what);
    const other = await answerOf(alone[whose === 'device' ? 'sanctum' : 'device'], options);
    assert.notDeepEqual(answer, other, `${what}: nothing tells them apart`);
    return answer;
  };
  return { alone, assertIs, both };
}

const identifier = '{"identifier":"ada","password":"x"}';
const email = '{"email":"ada","password":"x"}';

describe('a login on a path that two contracts claim', () => {
  // biome-ignore format: a table
  const ROWS: [what: string, whose: Whose, asked: Asked][] = [
    ['identifier', 'device', { payload: identifier, headers: JSON_TYPE }],
    ['email', 'sanctum', { payload: email, headers: JSON_TYPE }],
    ['identifier, whatever marks it bears', 'device', { payload: identifier, headers: { ...JSON_TYPE, ...XSRF, ...SESSION } }],
    ['email, whatever else it bears', 'sanctum', { payload: email, headers: { ...JSON_TYPE, ...BEARER } }],
    ['identifier that is null', 'device', { payload: '{"identifier":null}', headers: { ...JSON_TYPE, ...XSRF } }],
    ['email that is an array', 'sanctum', { payload: '{"email":[]}', headers: JSON_TYPE }],
    ['email that is empty', 'sanctum', { payload: '{"email":""}', headers: JSON_TYPE }],
    ['email that holds an identifier', 'sanctum', { payload: '{"email":{"identifier":1}}', headers: JSON_TYPE }],
    ['identifier nested in another key', 'device', { payload: '{"a":{"email":1}}', headers: JSON_TYPE }],
    ['email in another case', 'device', { payload: '{"Email":"ada"}', headers: JSON_TYPE }],
    ['too many keys, email among them', 'sanctum', { payload: `{"email":1,${keys(300)}}`, headers: JSON_TYPE }],
    ['both', 'device', { payload: '{"identifier":"ada","email":"ada"}', headers: JSON_TYPE }],
    ['both, with the token', 'sanctum', { payload: '{"email":"ada","identifier":"ada","password":"x"}', headers: { ...JSON_TYPE, ...XSRF } }],
    ['both, with the session', 'sanctum', { payload: '{"identifier":1,"email":1}', headers: { ...JSON_TYPE, ...SESSION } }],
    ['neither', 'device', { payload: '{"password":"x"}', headers: JSON_TYPE }],
    ['neither, with the token', 'sanctum', { payload: '{"password":"x"}', headers: { ...JSON_TYPE, ...XSRF } }],
    ['neither, with an empty token', 'sanctum', { payload: '{}', headers: { ...JSON_TYPE, 'x-xsrf-token': '' } }],
    ['neither, with the session', 'sanctum', { payload: '{}', headers: { ...JSON_TYPE, ...SESSION } }],
    ['neither, with a cookie like the session', 'device', { payload: '{}', headers: { ...JSON_TYPE, cookie: 'xsanctum_session=1; a=sanctum_session' } }],
    ['an array', 'device', { payload: '["email"]', headers: JSON_TYPE }],
    ['an array, with the token', 'sanctum', { payload: '["identifier"]', headers: { ...JSON_TYPE, ...XSRF } }],
    ['a text', 'device', { payload: '"email"', headers: JSON_TYPE }],
    ['null', 'device', { payload: 'null', headers: JSON_TYPE }],
    ['null, with the token', 'sanctum', { payload: 'null', headers: { ...JSON_TYPE, ...XSRF } }],
    ['nothing', 'device', {}],
    ['nothing, with the token', 'sanctum', { headers: XSRF }],
    ['nothing, called JSON', 'device', { payload: '', headers: JSON_TYPE }],
    ['nothing, called a form', 'device', { headers: { ...FORM_TYPE, 'content-length': '0' } }],
    ['what is not JSON', 'device', { payload: '{"email":', headers: JSON_TYPE }],
    ['what is not JSON, with the token', 'sanctum', { payload: '{"identifier":', headers: { ...JSON_TYPE, ...XSRF } }],
    ['what is not JSON, with the session', 'sanctum', { payload: '{', headers: { ...JSON_TYPE, ...SESSION } }],
    ['what is not UTF-8', 'device', { payload: Buffer.from('{"email":"\xff"}', 'latin1'), headers: JSON_TYPE }],
    ['a key twice', 'device', { payload: '{"email":"a","email":"b"}', headers: JSON_TYPE }],
    ['a key in two cases', 'sanctum', { payload: '{"identifier":1,"Identifier":2}', headers: { ...JSON_TYPE, ...XSRF } }],
    ['a prototype', 'device', { payload: '{"email":"a","__proto__":{"identifier":1}}', headers: JSON_TYPE }],
    ['an identifier in a prototype', 'sanctum', { payload: '{"__proto__":{"identifier":1}}', headers: { ...JSON_TYPE, ...XSRF } }],
    ['a constructor’s prototype', 'device', { payload: '{"email":1,"constructor":{"prototype":{}}}', headers: JSON_TYPE }],
    ['keys of every object', 'device', { payload: '{"toString":1,"hasOwnProperty":2}', headers: JSON_TYPE }],
    ['a form with email', 'sanctum', { payload: 'email=ada&password=x', headers: FORM_TYPE }],
    ['a form with identifier', 'sanctum', { payload: 'identifier=ada&password=x', headers: FORM_TYPE }],
    ['a form with both', 'sanctum', { payload: 'identifier=ada&email=ada&password=x', headers: FORM_TYPE }],
    ['a form with neither', 'sanctum', { payload: 'password=x', headers: FORM_TYPE }],
    ['a form with a key twice', 'sanctum', { payload: 'email=a&email=b', headers: FORM_TYPE }],
    ['a form in another spelling', 'sanctum', { payload: '%65mail=ada&password=a+b%20%C3%A9%3D', headers: { 'content-type': 'Application/X-WWW-Form-URLEncoded; charset=UTF-8' } }],
    ['a form that is too large', 'sanctum', { payload: `email=${'x'.repeat(65_536)}`, headers: FORM_TYPE }],
    ['JSON that is called a form', 'sanctum', { payload: identifier, headers: FORM_TYPE }],
    ['a body of another type', 'device', { payload: email, headers: { 'content-type': 'text/plain' } }],
    ['a body of another type, with the token', 'sanctum', { payload: identifier, headers: { 'content-type': 'text/plain', ...XSRF } }],
    ['a body of what is no type', 'device', { payload: email, headers: { 'content-type': 'json' } }],
    ['a body of what is no type, with the session', 'sanctum', { payload: email, headers: { 'content-type': 'json', ...SESSION } }],
    ['a body of no type', 'device', { payload: email }],
    ['64 KiB', 'sanctum', { payload: email.padEnd(65_536), headers: JSON_TYPE }],
    ['more than 64 KiB', 'device', { payload: email.padEnd(65_537), headers: JSON_TYPE }],
    ['more than 64 KiB, with the token', 'sanctum', { payload: identifier.padEnd(65_537), headers: { ...JSON_TYPE, ...XSRF } }],
    ['a second factor due', 'device', { payload: '{"identifier":"due","password":"x"}', headers: JSON_TYPE }],
    ['a handler that fails', 'sanctum', { payload: '{"email":"broken","password":"x"}', headers: JSON_TYPE }],
    ['a handler that gives something else', 'sanctum', { payload: '{"email":"shapeless","password":"x"}', headers: JSON_TYPE }],
    ['another language', 'device', { payload: '{"identifier":"due","password":"x"}', headers: { ...JSON_TYPE, 'accept-language': 'en' } }],
    ['another language and a wrong field', 'sanctum', { payload: '{"email":1}', headers: { ...JSON_TYPE, 'accept-language': 'fr' } }],
    ['a field too long', 'device', { payload: `{"identifier":"${'x'.repeat(101)}"}`, headers: JSON_TYPE }],
    ['a field with NUL', 'sanctum', { payload: '{"email":"\\u0000","password":"x"}', headers: JSON_TYPE }],
    ['a listed page’s identifier', 'device', { payload: identifier, headers: { ...JSON_TYPE, origin: LISTED } }],
    ['a listed page’s email', 'sanctum', { payload: email, headers: { ...JSON_TYPE, origin: LISTED } }],
    ['a listed page’s huge body', 'sanctum', { payload: email.padEnd(65_537), headers: { ...JSON_TYPE, ...XSRF, origin: LISTED } }],
    ['a foreign page’s identifier', 'device', { payload: identifier, headers: { ...JSON_TYPE, ...XSRF, origin: 'https://evil.example' } }],
    ['a foreign page’s email', 'sanctum', { payload: email, headers: { ...JSON_TYPE, 'sec-fetch-site': 'cross-site' } }],
    ['a foreign page’s unreadable body', 'device', { payload: '{', headers: { ...JSON_TYPE, origin: 'null' } }],
    ['a foreign page’s huge body', 'sanctum', { payload: email.padEnd(65_537), headers: { ...JSON_TYPE, ...XSRF, origin: 'null' } }],
    ['another spelling of the path', 'sanctum', { url: '/api/v1/%61uth/logi%6e?x=1', payload: email, headers: JSON_TYPE }],
  ];

  it('is answered as the contract whose own it is answers alone', async (t) => {
    const { assertIs } = await openBoth(t);
    for (const [what, whose, row] of ROWS) await assertIs(whose, asked(row), what);
  });

  it('is answered with the words, status, fields and cookies of its own contract', async (t) => {
    const { both } = await openBoth(t);
    const login = async (payload: string, headers: Record<string, string> = JSON_TYPE) => {
      const { statusCode, headers: given, body } = await both.inject(asked({ payload, headers }));
      return { status: statusCode, body: JSON.parse(body), cookies: given['set-cookie'] };
    };
    assert.deepEqual(await login(identifier), {
      status: 200,
      body: { status: 200, access_token: 'ada', known: null },
      cookies: undefined,
    });
    assert.deepEqual(await login('{"identifier":"due","password":"x"}'), {
      status: 202,
      body: { status: 202, channel: 'totp', message: 'Bonjour' },
      cookies: undefined,
    });
    assert.deepEqual(await login(email, { ...JSON_TYPE, ...SESSION }), {
      status: 200,
      body: { user: { email: 'ada' }, was: 'xyz' },
      cookies: 'sanctum_session=new; Max-Age=60; Path=/; HttpOnly; SameSite=Lax',
    });
    assert.deepEqual(await login('{"identifier":1}'), {
      status: 422,
      body: { status: 422, error: 'input_rejected', message: 'Non', errors: ['password', 'identifier'] },
      cookies: undefined,
    });
    assert.deepEqual(await login('email=broken&password=', FORM_TYPE), {
      status: 500,
      body: { message: 'Sorry', errors: { fault: [] } },
      cookies: undefined,
    });
    const unreadable = { status: 422, body: { message: 'Sorry', errors: { body_unreadable: [] } }, cookies: undefined };
    assert.deepEqual(await login('{', { ...JSON_TYPE, ...XSRF }), unreadable);
    const refused = { status: 415, error: 'media_type_unsupported', message: 'Non' };
    assert.deepEqual((await login(email, { 'content-type': 'text/plain' })).body, refused);
  });

  it('sent in pieces is answered alike', async (t) => {
    const { both } = await openBoth(t);
    await both.listen({ host: '127.0.0.1', port: 0 });
    const { port } = both.server.address() as { port: number };
    const send = async (type: string, ...pieces: string[]): Promise<string> => {
      const socket = connect(port, '127.0.0.1').setEncoding('utf8');
      const chunks = [...pieces, ''].map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`);
      socket.write(
        `POST ${LOGIN} HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n`,
      );
      for (const chunk of chunks) {
        socket.write(chunk);
        await new Promise((resolve) => setImmediate(resolve));
      }
      return (await socket.toArray()).join('').replace(/^HTTP\/1.1 (\d+).*\r\n\r\n/s, '$1 ');
    };
    const { json, form } = { json: JSON_TYPE['content-type'], form: FORM_TYPE['content-type'] };
    assert.equal(
      await send(json, '{"ident', 'ifier":"ad', 'a","password":"x"}'),
      '200 {"status":200,"access_token":"ada","known":null}',
    );
    assert.equal(await send(json, '{"email":"ada",', '"password":"x"}'), '200 {"user":{"email":"ada"},"was":null}');
    assert.equal(await send(form, 'em', 'ail=ada&pass', 'word=x'), '200 {"user":{"email":"ada"},"was":null}');
    assert.match(await send(json), /^422 .*"input_rejected"/s);
    assert.match(await send(form), /^422 .*"input_rejected","message":"Non"/s);
    assert.match(await send(json, email, ' '.repeat(65_536)), /^413 .*"body_too_large"/s);
  });

  it('among fifty at once is answered alone', async (t) => {
    const { both } = await openBoth(t);
    const names = Array.from({ length: 50 }, (_, index) => `name${index}`);
    const answers = await Promise.all(
      names.map((name, index) => {
        const kinds: Asked[] = [
          { payload: `{"identifier":"${name}","password":"x"}`, headers: { ...JSON_TYPE, ...XSRF } },
          {
            payload: `{"email":"${name}","password":"x"}`,
            headers: { ...JSON_TYPE, cookie: `sanctum_session=${name}` },
          },
          { payload: `email=${name}&password=x`, headers: { ...FORM_TYPE, cookie: `sanctum_session=${name}` } },
          { payload: `{"identifier":"${name}"`, headers: { ...JSON_TYPE, 'accept-language': 'en' } },
          { payload: '{}', headers: { ...JSON_TYPE, ...XSRF, 'accept-language': 'fr' } },
        ];
        return both.inject(asked(kinds[index % kinds.length] ?? {}));
      }),
    );
    for (const [index, answer] of answers.entries()) {
      const sanctums = { user: { email: names[index] }, was: names[index] };
      const expected = [
        { status: 200, access_token: names[index], known: null },
        sanctums,
        sanctums,
        { status: 400, error: 'body_unreadable', message: 'No' },
        { message: 'Désolé', errors: { input_rejected: ['email', 'password'] } },
      ][index % 5];
      assert.deepEqual(answer.json(), expected);
    }
  });

  it('is the plain route of the one contract that is switched on, whatever it holds', async (t) => {
    const { alone } = await openBoth(t);
    const codeOf = async (whose: Whose, of: Asked) => (await alone[whose].inject(asked(of))).json();
    const device = await codeOf('device', { payload: email, headers: { ...JSON_TYPE, ...XSRF, ...SESSION } });
    assert.deepEqual(device.errors, ['identifier']);
    assert.equal((await codeOf('device', { payload: 'email=a', headers: FORM_TYPE })).error, 'media_type_unsupported');
    assert.equal((await codeOf('device', { url: LOGOUT, headers: XSRF })).status, 200);
    const sanctum = await codeOf('sanctum', { payload: identifier, headers: JSON_TYPE });
    assert.deepEqual(sanctum.errors, { input_rejected: ['email'] });
    assert.equal((await codeOf('sanctum', { url: LOGOUT, headers: BEARER })).message, 'Hi undefined');
  });
});

describe('a logout on a path that two contracts claim', () => {
  const ROWS: [whose: Whose, headers: Record<string, string>][] = [
    ['sanctum', XSRF],
    ['sanctum', { ...XSRF, ...BEARER }],
    ['sanctum', { 'x-xsrf-token': '', ...BEARER }],
    ['device', BEARER],
    ['device', { authorization: 'bearer abc' }],
    ['device', { authorization: 'Bearer a b' }],
    ['device', { ...BEARER, ...SESSION }],
    ['sanctum', {}],
    ['sanctum', SESSION],
    ['sanctum', { authorization: 'Basic YTpi' }],
  ];

  it('is answered as the contract whose marks it bears answers alone', async (t) => {
    const { assertIs } = await openBoth(t);
    for (const [whose, headers] of ROWS) {
      await assertIs(whose, asked({ url: LOGOUT, headers }), JSON.stringify(headers));
      const sent = { payload: '{"identifier":1,"email":1}', headers: { ...headers, ...JSON_TYPE } };
      await assertIs(whose, asked({ url: LOGOUT, ...sent }), `${JSON.stringify(headers)} with a body`);
      const unreadable = { payload: '{', headers: { ...headers, ...JSON_TYPE } };
      await assertIs(whose, asked({ url: LOGOUT, ...unreadable }), `${JSON.stringify(headers)} with half a body`);
    }
  });
});

describe('a contract’s forms', () => {
  const login = async (t: Opening, payload: string | Buffer) => {
    const app = await serveContracts(t, [sanctumLike]);
    return app.inject(asked({ payload, headers: FORM_TYPE }));
  };

  it('are read as browsers write them', async (t) => {
    const form = new URLSearchParams({ email: 'a+b c=é&%\u{1F98A}', password: '' });
    assert.equal((await login(t, form.toString())).json().user.email, 'a+b c=é&%\u{1F98A}');
    assert.equal((await login(t, '&email=a=b&&password&')).json().user.email, 'a=b');
    assert.equal((await login(t, 'email=é&password=x')).json().user.email, 'é');
  });

  it('that are no forms, or hold what JSON may not hold, are refused', async (t) => {
    for (const payload of [
      'email=a&password=x&email=b',
      'email=a&password=x&%65mail=b',
      'email=a&password=x&EMAIL=b',
      'email=%&password=x',
      'email=%zz&password=x',
      'email=%ff&password=x',
      'email=%c0%80&password=x',
      'email=%ed%a0%80&password=x',
      Buffer.from('email=\xff&password=x', 'latin1'),
      'email=a&password=x&__proto__=1',
      'email=a&password=x&__proto__[email]=1',
      'email=a&password=x&a[__proto__][email]=1',
      'email=a&password=x&%5F_proto__=1',
      'email=a&password=x&constructor[prototype][email]=1',
    ]) {
      const answer = await login(t, payload);
      assert.deepEqual([answer.statusCode, answer.json().errors], [422, { body_unreadable: [] }], String(payload));
    }
    assert.equal(({} as { email?: string }).email, undefined);
  });

  it('lack the fields that only every object has', async (t) => {
    const answer = await login(t, 'constructor=1&toString=2&valueOf=3');
    assert.deepEqual(answer.json().errors, { input_rejected: ['email', 'password'] });
  });

  it('have the limits of every body', async (t) => {
    const many = Array.from({ length: 300 }, (_, index) => `k${index}=1`).join('&');
    assert.equal((await login(t, `email=a&password=x&${many}`)).json().errors.input_rejected.length, 1);
    assert.deepEqual((await login(t, 'email=%00&password=x')).json().errors, { input_rejected: ['email'] });
    assert.equal((await login(t, `email=${'x'.repeat(65_536)}`)).statusCode, 413);
  });
});

describe('a request that no route takes, where one contract lies below another’s prefix', () => {
  it('is refused by the contract that knows its path, or else by the nearest', async (t) => {
    const { both } = await openBoth(t);
    for (const [method, url, status, whose, allow] of [
      ['GET', '/api/v1/auth/nothing', 404, 'device'],
      ['POST', '/api/v1/auth/login/', 404, 'device'],
      ['GET', '/api/v1/auth', 404, 'device'],
      ['GET', '/api/v1/auth/%zz', 404, 'device'],
      ['GET', '/api/v1/authx', 404, 'sanctum'],
      ['GET', '/api/v1/nothing', 404, 'sanctum'],
      ['GET', '/api/v1/%zz', 404, 'sanctum'],
      ['PUT', LOGIN, 405, 'device', 'POST, GET, HEAD'],
      ['DELETE', '/api/v1/auth/%6cogin', 405, 'device', 'POST, GET, HEAD'],
      ['GET', LOGOUT, 405, 'device', 'POST'],
      ['HEAD', LOGOUT, 405, 'device', 'POST'],
      ['POST', '/api/v1/auth/token', 405, 'device', 'GET, HEAD'],
      ['POST', '/api/v1/auth/user', 405, 'sanctum', 'PUT'],
    ] as const) {
      const answer = await both.inject({ method, url });
      assert.equal(answer.statusCode, status, `${method} ${url}`);
      assert.equal(answer.headers.allow?.toString().split(', ').sort().join(), allow?.split(', ').sort().join());
      if (method === 'HEAD') continue;
      const code = status === 404 ? 'path_unknown' : 'method_not_allowed';
      const bodies = {
        device: { status, error: code, message: 'Non' },
        sanctum: { message: 'Sorry', errors: { [code]: [] } },
      };
      assert.deepEqual(answer.json(), bodies[whose], `${method} ${url}`);
    }
  });

  it('by a foreign page is refused by the same', async (t) => {
    const { both } = await openBoth(t);
    const headers = { origin: 'https://evil.example' };
    const answer = await both.inject({ method: 'POST', url: '/api/v1/auth/user', headers });
    assert.deepEqual([answer.statusCode, answer.json()], [403, { message: 'Sorry', errors: { foreign_origin: [] } }]);
  });

  it('is, of HEAD, answered like GET', async (t) => {
    const { both } = await openBoth(t);
    const [head, get] = [await both.inject({ method: 'HEAD', url: LOGIN }), await both.inject(LOGIN)];
    assert.deepEqual([head.statusCode, head.body], [200, '']);
    assert.equal(head.headers['content-length'], get.headers['content-length']);
  });
});

describe('a preflight', () => {
  const preflight = (app: FastifyInstance, url: string, origin = LISTED) =>
    app.inject({ method: 'OPTIONS', url, headers: { origin, 'access-control-request-method': 'POST' } });

  it('on a shared path allows credentials, since one of the claimants takes them', async (t) => {
    const { both, alone } = await openBoth(t);
    for (const [app, url, credentials] of [
      [both, LOGIN, 'true'],
      [both, LOGOUT, 'true'],
      [both, '/api/v1/auth/token', undefined],
      [both, '/api/v1/auth/user', 'true'],
      [both, '/api/v1/auth/nothing', undefined],
      [both, '/api/v1/nothing', 'true'],
      [alone.device, LOGIN, undefined],
      [alone.sanctum, LOGIN, 'true'],
    ] as const) {
      const answer = await preflight(app, url);
      assert.deepEqual([answer.statusCode, answer.body], [204, ''], url);
      assert.equal(answer.headers['access-control-allow-origin'], LISTED);
      assert.equal(answer.headers['access-control-allow-credentials'], credentials, url);
      assert.equal(answer.headers['access-control-allow-methods'], 'GET, HEAD, POST, PUT, PATCH, DELETE');
      assert.equal(answer.headers.vary, PREFLIGHT_VARY);
    }
  });

  it('from any other page is told nothing', async (t) => {
    const { both } = await openBoth(t);
    const answer = await preflight(both, LOGIN, 'https://evil.example');
    assert.equal(answer.statusCode, 204);
    assert.deepEqual(
      Object.keys(answer.headers).filter((name) => name.startsWith('access-control')),
      [],
    );
    assert.equal(answer.headers.vary, PREFLIGHT_VARY);
  });
});

describe('lines that more than one contract has', () => {
  const Named = Type.Object({ by: Type.String() });
  const Params = Type.Object({ id: Type.String({ format: 'uuid' }) });
  /** A contract that answers with its name; what it claims is up to the test. */
  const named = (name: 'device' | 'sanctum', claims: Claims | undefined): AnyContract => {
    const by: Handler<undefined, typeof Named, unknown> = async () => ({ by: name });
    const ofOne: Handler<undefined, typeof Named, unknown, typeof Params> = async ({ params }) => ({
      by: `${name} ${params.id}`,
    });
    const { claims: _, ...rest } = name === 'device' ? deviceLike : sanctumLike;
    const at = name === 'device' ? '' : '/auth';
    return {
      ...rest,
      ...(claims && { claims }),
      routes: [
        route(`GET ${at}/who`, { gives: [200, Named], by, summary: '' }),
        route(`DELETE ${at}/who/:id`, { params: Params, gives: [200, Named], by: ofOne, summary: '' }),
      ],
    };
  };
  const always: Claims = { 'GET /who': () => 'default', 'DELETE /who/:id': () => 'default' };
  const alike: Claims = { 'GET /auth/who': () => 'default', 'DELETE /auth/who/:id': () => 'default' };
  const stronger: Claims = { 'GET /auth/who': () => 'marks', 'DELETE /auth/who/:id': () => 'content' };
  const who = async (app: FastifyInstance) => (await app.inject('/api/v1/auth/who')).json().by;

  it('go to the contract listed first where claims are equal, and else to the stronger', async (t) => {
    assert.equal(await who(await serveContracts(t, [named('device', always), named('sanctum', alike)])), 'device');
    assert.equal(await who(await serveContracts(t, [named('sanctum', alike), named('device', always)])), 'sanctum');
    assert.equal(await who(await serveContracts(t, [named('device', always), named('sanctum', stronger)])), 'sanctum');
  });

  it('may hold parameters, be read, and be asked for with HEAD', async (t) => {
    const app = await serveContracts(t, [named('device', always), named('sanctum', stronger)]);
    const id = '550e8400-e29b-41d4-a716-446655440000';
    const remove = (one: string) => app.inject({ method: 'DELETE', url: `/api/v1/auth/who/${one}` });
    assert.deepEqual((await remove(id)).json(), { by: `sanctum ${id}` });
    const unknown = await remove('1');
    assert.deepEqual([unknown.statusCode, unknown.json().errors], [422, { not_found: [] }]);
    const head = await app.inject({ method: 'HEAD', url: '/api/v1/auth/who' });
    assert.deepEqual([head.statusCode, head.body, head.headers['content-length']], [200, '', '16']);
  });

  it('stop the server from starting where one of them claims nothing', async (t) => {
    await assert.rejects(serveContracts(t, [named('device', always), named('sanctum', undefined)]), {
      message:
        'device and sanctum both answer GET /api/v1/auth/who, and sanctum does not say which requests are its own',
    });
  });
});

function keys(count: number): string {
  return Array.from({ length: count }, (_, index) => `"k${index}":1`).join();
}
