import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { cookie as contract } from '../../src/contracts/cookie/contract.ts';
import {
  type Answer,
  assertRefused,
  type Client,
  type OpenedClient,
  openClient,
  PASSWORD,
  PREFIX,
  sharedWorld,
} from '../contracts/cookie/client.ts';
import { hasPostgres } from '../support/databases.ts';

const NO_RATES = { GUICHET_RATE_LIMITS: 'off' };
const JSON_TYPE = { 'content-type': 'application/json' };
const TOKEN = 'A'.repeat(43);

/** Each route with a body, by line, with a body that its schema accepts. */
const BODIES: Record<string, Record<string, string>> = {
  'POST /register': { email: 'new@example.com', name: 'Ada Lovelace', password: PASSWORD },
  'POST /login': { email: 'nobody@example.com', password: PASSWORD },
  'POST /verify-email': { token: TOKEN },
  'POST /send-email-verification': { email: 'nobody@example.com' },
  'POST /forgot-password': { email: 'nobody@example.com' },
  'POST /reset-password': { token: TOKEN, password: PASSWORD },
  'POST /two-factor': { code: '123456' },
  'POST /two-factor/enable': { password: PASSWORD },
  'POST /two-factor/verify': { code: '123456' },
  'POST /two-factor/disable': { password: PASSWORD },
  'POST /reauthenticate': { password: PASSWORD },
  'PUT /password': { currentPassword: PASSWORD, newPassword: 'NewSecurePassword123!' },
};

/** Where a recent sign-in stands for the field. */
const DO_WITHOUT = new Set(['POST /two-factor/enable', 'POST /two-factor/disable']);

type Line = [method: 'POST' | 'PUT', path: string];
const split = (line: string): Line => line.split(' ') as Line;

/** Anything but a fault or an answer in another shape: what these values lead to is told by other tests. */
function assertAnswered(answer: Answer, what: string): void {
  assert.ok(answer.status < 500, `${what}: ${answer.status} ${answer.text}`);
  if (answer.status < 300) assert.equal(answer.body.success, true, what);
  else assertRefused(answer, answer.status, answer.body.error ?? '');
}

describe('a body’s fields', () => {
  const world = sharedWorld({ env: NO_RATES });

  it('are looked at in every route that takes a body', () => {
    const taking = contract.routes.filter(({ takes }) => takes).map(({ method, path }) => `${method} ${path}`);
    assert.deepEqual(Object.keys(BODIES).sort(), taking.sort());
  });

  for (const [line, good] of Object.entries(BODIES)) {
    const [method, path] = split(line);
    for (const field of Object.keys(good)) {
      it(`${line} refuses a ${field} of any type but text`, async () => {
        const client = await signedInFor(world(), line, `types-${field}`);
        for (const value of [null, 0, 1.5, -1e308, true, false, [], ['a'], {}, { $gt: '' }]) {
          const answer = await client.ask(method, path, { body: { ...good, [field]: value } });
          assert.equal(answer.status, 400, `${JSON.stringify(value)}: ${answer.text}`);
          assert.deepEqual(answer.body, validationError({ [field]: 'This field has the wrong type.' }));
        }
      });

      if (!DO_WITHOUT.has(line))
        it(`${line} refuses to do without ${field}`, async () => {
          const client = await signedInFor(world(), line, `lacks-${field}`);
          const { [field]: _, ...lacking } = good;
          const answer = await client.ask(method, path, { body: lacking });
          assert.equal(answer.status, 400);
          assert.deepEqual(answer.body, validationError({ [field]: 'This field is required.' }));
        });

      it(`${line} refuses a ${field} that no text field can hold`, async () => {
        const client = await signedInFor(world(), line, `text-${field}`);
        const long = await client.ask(method, path, { body: { ...good, [field]: 'x'.repeat(5 * 1024) } });
        assert.equal(long.status, 400);
        assert.deepEqual(long.body, validationError({ [field]: 'This value is too long.' }));
        for (const value of ['\0', `${good[field]}\0`, '\ud800', `\udc00${good[field]}`, 'a\udfffb']) {
          const answer = await client.ask(method, path, { body: { ...good, [field]: value } });
          assert.equal(answer.status, 400, JSON.stringify(value));
          assert.deepEqual(answer.body, validationError({ [field]: 'This value is not accepted.' }));
        }
      });
    }
  }
});

/** A browser that may call the route: signed in, where that is asked for. */
async function signedInFor(world: OpenedClient, line: string, name: string): Promise<Client> {
  const needsSession = /password$|reauthenticate|two-factor\//.test(line) && !/(forgot|reset)-password/.test(line);
  return needsSession
    ? world.signedIn(`${name}-${line.replace(/\W+/g, '-')}@example.com`.toLowerCase())
    : world.another();
}

const validationError = (fields: Record<string, string>) => ({
  success: false,
  error: 'VALIDATION_ERROR',
  message: 'Some fields are missing or wrong.',
  fields,
});

for (const database of ['sqlite', 'postgres'] as const) {
  const skip = database === 'postgres' && !hasPostgres ? 'no PostgreSQL server' : false;
  describe(`texts of all kinds, on ${database}`, { skip }, () => {
    const world = skip ? () => assert.fail() : sharedWorld({ database, env: NO_RATES });
    const TEXTS = {
      'nothing at all': '',
      blanks: '   ',
      'right to left': 'مرحبا بالعالم',
      'a right-to-left override': '\u202egnp.exe',
      emoji: '👩‍👩‍👧‍👦🏳️‍🌈🦊',
      'combining marks': `e${'\u0301'.repeat(60)}`,
      'zero-width characters': 'a\u200b\u200d\ufeffb',
      'control characters': 'a\u0001\u0007\u001b[31m\r\nBcc: x@example.com',
      'line separators': 'a\u2028b\u2029c',
      SQL: "'; drop table account; --",
      'a template': '{{7*7}}<%= 7*7 %>#{7*7}',
      markup: '"><img src=x onerror=alert(1)>',
      'a path': '../../../../etc/passwd',
      'not a number': 'NaN',
    };
    // What the databases take differently is tried on both; the rest never gets that far.
    const differing = ['right to left', 'emoji', 'control characters', 'SQL'];
    const texts = Object.entries(TEXTS).filter(([what]) => database === 'sqlite' || differing.includes(what));
    for (const [line, good] of Object.entries(BODIES)) {
      it(`${line} never fails over them`, async () => {
        const [method, path] = split(line);
        let client = world().another();
        for (const [index, [what, value]] of texts.entries()) {
          // Another account now and then, so that wrong passwords lock nobody out.
          if (index % 7 === 0) client = await signedInFor(world(), line, `texts${index}`);
          for (const field of Object.keys(good)) {
            const email = `texts-${index}-${field}@example.com`.toLowerCase();
            const body = { ...good, ...(good['email'] !== undefined && { email }), [field]: value };
            assertAnswered(await client.ask(method, path, { body }), `${field}: ${what}`);
          }
        }
      });
    }
  });
}

describe('a body’s structure', () => {
  const world = sharedWorld({ env: NO_RATES });
  const UNREADABLE = {
    success: false,
    error: 'VALIDATION_ERROR',
    message: 'The request body is not valid JSON.',
    fields: {},
  };
  const login = (raw: string | Buffer, headers: Record<string, string> = JSON_TYPE): Promise<Answer> =>
    world().another().ask('POST', '/login', { raw, headers });
  const credentials = `"email":"nobody@example.com","password":"x"`;

  it('that is not JSON is refused', async () => {
    for (const raw of [
      '{',
      '}',
      '{]',
      'email=a&password=b',
      `{${credentials},}`,
      `{'email':'a'}`,
      `{${credentials}} x`,
      `{${credentials}}{}`,
      `/**/{${credentials}}`,
      '{"email":NaN}',
      '{"email":undefined}',
      '{"email":01}',
      '{"email":"\n"}',
      '{"email":"\\x41"}',
      'nul',
      ' ',
      '\n',
      '\u00a0',
    ]) {
      const answer = await login(raw);
      assert.equal(answer.status, 400, raw);
      assert.deepEqual(answer.body, UNREADABLE, raw);
    }
  });

  it('that is JSON but no object lacks an object', async () => {
    for (const raw of ['[]', '"text"', '1', 'true', 'false', '[{}]']) {
      const answer = await login(raw);
      assertRefused(answer, 400, 'VALIDATION_ERROR');
    }
  });

  it('that is absent, empty or null lacks each of its fields', async () => {
    const missing = validationError({ email: 'This field is required.', password: 'This field is required.' });
    const { another } = world();
    const answers = [
      await another().post('/login'),
      await login('', {}),
      await login('', JSON_TYPE),
      await login('', { 'content-type': 'text/plain' }),
      await login('null'),
      await login('{}'),
    ];
    for (const answer of answers) {
      assert.equal(answer.status, 400);
      assert.deepEqual(answer.body, missing);
    }
  });

  it('that reaches for a prototype is refused and changes nothing', async () => {
    for (const raw of [
      `{"__proto__":{"isAdmin":true},${credentials}}`,
      `{"__proto__":null,${credentials}}`,
      `{${credentials},"__proto__":[]}`,
      `{"a":{"__proto__":{"isAdmin":true}},${credentials}}`,
      `{"a":[{"__proto__":{"isAdmin":true}}],${credentials}}`,
      `{"\\u005f\\u005fproto\\u005f\\u005f":{"isAdmin":true},${credentials}}`,
      `{"__pro\\u0074o__":{"isAdmin":true},${credentials}}`,
      `{"__proto__" : {"isAdmin":true},${credentials}}`,
      `{"constructor":{"prototype":{"isAdmin":true}},${credentials}}`,
      `{"constructor":{"\\u0070rototype":{"isAdmin":true}},${credentials}}`,
      `{"\\u0063onstructor":{"prototype":{"isAdmin":true}},${credentials}}`,
      `{"a":{"constructor":{"prototype":{"isAdmin":true}}},${credentials}}`,
    ]) {
      const answer = await login(raw);
      assert.equal(answer.status, 400, raw);
      assert.deepEqual(answer.body, UNREADABLE, raw);
    }
    assert.equal(({} as { isAdmin?: true }).isAdmin, undefined);
    assertRefused(await login(`{${credentials}}`), 401, 'INVALID_CREDENTIALS');
  });

  it('that says a key twice is refused', async () => {
    for (const raw of [
      `{"email":"john@example.com",${credentials}}`,
      `{${credentials},"password":"y"}`,
      `{${credentials},"\\u0065mail":"john@example.com"}`,
    ]) {
      assertRefused(await login(raw), 400, 'VALIDATION_ERROR');
    }
  });

  it('that says a key in two cases is refused', async () => {
    assertRefused(await login(`{"Email":"john@example.com",${credentials}}`), 400, 'VALIDATION_ERROR');
    assertRefused(await login(`{${credentials},"PASSWORD":"y"}`), 400, 'VALIDATION_ERROR');
  });

  it('that is nested 16 deep is read, and deeper is refused', async () => {
    const nested = (depth: number): string => `{${credentials},"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;
    assertRefused(await login(nested(16)), 401, 'INVALID_CREDENTIALS');
    for (const depth of [17, 100, 32_000]) {
      const answer = await login(nested(depth));
      assert.equal(answer.status, 400, String(depth));
      assert.deepEqual(answer.body, validationError({ a: 'This value is not accepted.' }));
    }
    assertRefused(await login(`${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`), 400, 'VALIDATION_ERROR');
    assertRefused(await login('['.repeat(60_000)), 400, 'VALIDATION_ERROR');
  });

  it('that has 200 keys is read, and with more is refused', async () => {
    const withKeys = (count: number): string =>
      `{${credentials}${Array.from({ length: count - 2 }, (_, index) => `,"k${index}":1`).join('')}}`;
    assertRefused(await login(withKeys(200)), 401, 'INVALID_CREDENTIALS');
    assertRefused(await login(withKeys(201)), 400, 'VALIDATION_ERROR');
    assertRefused(await login(withKeys(5000)), 400, 'VALIDATION_ERROR');
    assertRefused(await login(`{${credentials},"a":[${'1,'.repeat(300)}1]}`), 400, 'VALIDATION_ERROR');
  });

  it('that is refused names no field of a prototype', async () => {
    for (const key of ['toString', 'hasOwnProperty', 'valueOf', 'prototype', 'constructor']) {
      const answer = await login(JSON.stringify({ [key]: '\0' }));
      assert.equal(answer.status, 400, key);
      assert.deepEqual(answer.body, validationError({ [key]: 'This value is not accepted.' }));
    }
  });

  it('of 64 KiB is read, and one byte more is refused', async () => {
    const sized = (bytes: number): string => {
      const body = `{${credentials}}`;
      return body + ' '.repeat(bytes - body.length);
    };
    assertRefused(await login(sized(65_536)), 401, 'INVALID_CREDENTIALS');
    assertRefused(await login(sized(65_537)), 413, 'PAYLOAD_TOO_LARGE');
  });

  it('that is not UTF-8 is refused', async () => {
    const around = (...bytes: number[]): Buffer =>
      Buffer.concat([Buffer.from('{"email":"nobody@example.com","password":"'), Buffer.from(bytes), Buffer.from('"}')]);
    for (const raw of [
      around(0xff),
      around(0xc0, 0x80),
      around(0xc1, 0xbf),
      around(0xe0, 0x80, 0xaf),
      around(0xed, 0xa0, 0x80),
      around(0xf4, 0x90, 0x80, 0x80),
      around(0x80),
      around(0xe2, 0x82),
      Buffer.from(`{${credentials}}`, 'utf16le'),
    ]) {
      const answer = await login(raw);
      assert.equal(answer.status, 400, raw.toString('hex'));
      assert.deepEqual(answer.body, UNREADABLE);
    }
  });

  it('that begins with a byte order mark is refused', async () => {
    const answer = await login(`\ufeff{${credentials}}`);
    assert.equal(answer.status, 400);
    assert.deepEqual(answer.body, UNREADABLE);
  });

  it('may hold keys that no document shows, and none of them is taken up', async () => {
    const { another, handle, identity } = world();
    const more = {
      role: 'ADMIN',
      role_id: 9,
      isAdmin: true,
      emailVerified: true,
      email_verified_at: 1,
      account_confirmed: true,
      two_factor_enabled: false,
      permissions: ['*'],
      id: '550e8400-e29b-41d4-a716-446655440000',
      uuid: '550e8400-e29b-41d4-a716-446655440000',
      accountable_type: 'Admin',
      accountable_id: 1,
      epoch: 99,
      disabled_at: null,
    };
    const body = { email: 'more@example.com', name: 'Ada Lovelace', password: PASSWORD };
    const answer = await another().post('/register', { ...more, ...body });
    assert.equal(answer.status, 201);
    assert.notEqual(answer.body.user?.id, more.id);
    const account = await identity.findAccount({ name: 'more@example.com' });
    assert.deepEqual(
      [
        account.role,
        account.roleId,
        account.accountableType,
        account.accountableId,
        account.epoch,
        account.emailVerifiedAt,
      ],
      ['USER', 1, 'Account', account.id, 0, null],
    );
    assertRefused(await another().post('/login', { ...more, ...body }), 403, 'EMAIL_NOT_VERIFIED');
    const { count } = await handle.read
      .selectFrom('account')
      .select((is) => is.fn.countAll<number>().as('count'))
      .where('uuid', '=', more.uuid)
      .executeTakeFirstOrThrow();
    assert.equal(Number(count), 0);
  });
});

describe('a body’s type', () => {
  const world = sharedWorld({ env: NO_RATES });
  const raw = JSON.stringify({ email: 'nobody@example.com', password: 'x' });
  const login = (type: string): Promise<Answer> =>
    world()
      .another()
      .ask('POST', '/login', { raw, headers: { 'content-type': type } });

  for (const type of [
    'application/json',
    'Application/JSON',
    'application/json; charset=utf-8',
    'application/json;charset=UTF-8',
    'application/json ; charset="utf-8"',
    'application/json; profile=x; charset=utf-8',
  ]) {
    it(`${type} is read`, async () => {
      const answer = await world()
        .another()
        .ask('POST', '/forgot-password', { raw: '{"email":"nobody@example.com"}', headers: { 'content-type': type } });
      assert.equal(answer.status, 200);
    });
  }

  for (const type of [
    'text/plain',
    'text/plain;charset=UTF-8',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'multipart/form-data; boundary=application/json',
    'text/json',
    'text/html',
    'text/plain; application/json',
    'text/plain, application/json',
    'application/json, text/plain',
    'application/json-patch+json',
    'application/merge-patch+json',
    'application/vnd.api+json',
    'application/ld+json',
    'application/problem+json',
    'application/json+x',
    'application/jsonp',
    'application/json5',
    'application/x-json',
    'application/xml',
    'application/octet-stream',
    'application/csp-report',
    'application/graphql',
    'application/*',
    '*/*',
    'json',
    'application',
    'application/',
    '/json',
    'application /json',
    'application/json/x',
    'application/json x',
    ';application/json',
    '',
  ]) {
    it(`${type || 'none'} is refused with a body`, async () => {
      assertRefused(await login(type), 415, 'UNSUPPORTED_MEDIA_TYPE');
    });
  }

  it('not told at all is refused with a body', async () => {
    assertRefused(await world().another().ask('POST', '/login', { raw }), 415, 'UNSUPPORTED_MEDIA_TYPE');
  });

  for (const type of [
    'application/json',
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/octet-stream',
    'json',
    'application/json, text/plain',
    '',
  ]) {
    it(`${type || 'none'} of an empty body counts as absent`, async () => {
      const headers = { 'content-type': type, 'content-length': '0' };
      const answer = await world().another().ask('POST', '/logout', { raw: '', headers });
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(answer.body, { success: true, message: 'Logged out successfully' });
    });
  }

  it('counts on routes that take no body, too', async () => {
    const client = await world().signedIn('no-body@example.com');
    const ask = (content: string, type: string) =>
      client.ask('POST', '/refresh', { raw: content, headers: { 'content-type': type } });
    assertRefused(await ask('x', 'text/plain'), 415, 'UNSUPPORTED_MEDIA_TYPE');
    assertRefused(await ask('not json', 'application/json'), 400, 'VALIDATION_ERROR');
    assert.equal((await ask('{}', 'application/json')).status, 200);
  });
});

describe('a request’s path and method', () => {
  const world = sharedWorld({ env: NO_RATES });

  it('that nothing answers gets 404 in the contract’s shape', async () => {
    const client = await world().signedIn('paths@example.com');
    for (const path of [
      '',
      '/',
      '/me/',
      '/login/',
      '/me/x.css',
      '/me;.js',
      '/me;x',
      '/me;x=1',
      '/me.json',
      '/ME',
      '/Me',
      '//me',
      '/me%20',
      '/me%2f',
      '/me%00',
      '/me%3Fx',
      '/%252fme',
      '/me\\',
      '/.env',
      '/__proto__',
      '/constructor',
    ]) {
      assertRefused(await client.get(path), 404, 'NOT_FOUND', path);
      if (path !== '/me\\') assertRefused(await client.post(path), 404, 'NOT_FOUND', path);
    }
  });

  it('outside of the contract gets 404 and no session', async () => {
    const client = await world().signedIn('outside@example.com');
    for (const url of ['/v1//auth/me', '/V1/auth/me', '/v1/auth%2fme', '/v1/authx/me', '/v1/me', '/me']) {
      const answer = await client.askAt('GET', url);
      assert.equal(answer.status, 404, url);
      assert.deepEqual(answer.body, { type: 'about:blank', status: 404, title: 'There is nothing at this path.' });
    }
  });

  it('spelled in another way is answered by the same handler under the same limits', async () => {
    const client = await world().signedIn('spelled@example.com');
    const plain = await client.get('/me');
    for (const url of [
      '/v1/auth/%6de',
      '/v1/auth/m%65',
      '/%76%31/auth/me',
      '/v1/auth/me?x=1',
      '/v1/auth/me?',
      '/v1/auth/me?/../x',
    ]) {
      const answer = await client.askAt('GET', url);
      assert.deepEqual([answer.status, answer.text], [200, plain.text], url);
    }
    const body = { email: 'limits@example.com', password: 'x' };
    const spellings = [
      '/v1/auth/login',
      '/v1/auth/%6cogin',
      '/v1/%61uth/login',
      '/v1/auth/logi%6E',
      '/v1/auth/login?a',
    ];
    for (const url of [...spellings, ...spellings]) {
      assertRefused(await client.askAt('POST', url, { body }), 401, 'INVALID_CREDENTIALS');
    }
    for (const url of spellings) {
      assertRefused(await client.askAt('POST', url, { body }), 423, 'ACCOUNT_LOCKED');
    }
  });

  it('spelled in another way knows its other methods', async () => {
    const answer = await world().another().askAt('GET', '/v1/%61uth/login');
    assertRefused(answer, 405, 'METHOD_NOT_ALLOWED');
    assert.equal(answer.headers['allow'], 'POST');
  });

  for (const url of ['/v1/auth/%zz', '/v1/auth/me%', '/v1/auth/%ff', '/v1/auth/login%c0%80', '/v1/auth/%']) {
    it(`that is no percent-encoding gets 404 in the contract’s shape: ${url}`, async () => {
      const answer = await world().another().askAt('GET', url);
      assertRefused(answer, 404, 'NOT_FOUND');
      assert.equal(answer.headers['cache-control'], 'no-store');
    });
  }

  it('that is answered under other methods gets 405 and names them', async () => {
    const byPath = new Map<string, Set<string>>();
    for (const { method, path } of contract.routes) {
      const methods = byPath.get(path) ?? new Set();
      byPath.set(path, methods.add(method));
      if (method === 'GET') methods.add('HEAD');
    }
    const client = world().another();
    for (const [path, methods] of byPath) {
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'TRACE'] as const) {
        if (methods.has(method)) continue;
        const answer = await client.ask(method, path.replace(':id', '550e8400-e29b-41d4-a716-446655440000'));
        assertRefused(answer, 405, 'METHOD_NOT_ALLOWED');
        assert.deepEqual(new Set(String(answer.headers['allow']).split(', ')), methods, `${method} ${path}`);
      }
    }
  });

  it('is not overruled by a header or a field', async () => {
    const client = await world().signedIn('override@example.com');
    const headers = { 'x-http-method-override': 'DELETE', 'x-method-override': 'DELETE', 'x-http-method': 'DELETE' };
    assert.equal((await client.get('/sessions?_method=DELETE', { headers })).body.sessions?.length, 1);
    assertRefused(
      await client.post('/sessions?_method=DELETE', { _method: 'DELETE' }, { headers }),
      405,
      'METHOD_NOT_ALLOWED',
    );
    assert.equal((await client.get('/me')).status, 200);
  });

  it('of HEAD is answered like GET, without a body', async () => {
    const client = await world().signedIn('head@example.com');
    const [head, get] = [await client.ask('HEAD', '/me'), await client.get('/me')];
    assert.equal(head.status, 200);
    assert.equal(head.text, '');
    assert.equal(head.headers['content-length'], get.headers['content-length']);
  });

  it('longer than 8 KiB gets 414', async () => {
    const client = world().another();
    assertRefused(await client.get(`/me?${'x'.repeat(8000)}`), 401, 'TOKEN_EXPIRED');
    const answer = await client.get(`/me?${'x'.repeat(9 * 1024)}`);
    assert.equal(answer.status, 414);
    assert.deepEqual(answer.body, { type: 'about:blank', status: 414, title: 'The URL is too long.' });
    const path = await client.get(`/${'x'.repeat(9 * 1024)}`);
    assert.equal(path.status, 414);
  });
});

describe('a request’s host', () => {
  const world = sharedWorld();

  it('other than this machine’s names gets 421 on every route in development mode', async () => {
    const client = world().another();
    const routes = [
      ...contract.routes.map(({ method, path }) => [method, `${PREFIX}${path}`] as const),
      ...['/health/live', '/health/ready', '/metrics', '/docs', '/docs/cookie.json', '/.well-known/jwks.json'].map(
        (path) => ['GET', path] as const,
      ),
      ['GET', '/.well-known/passkey-endpoints'] as const,
      ['GET', '/dev/mailbox'] as const,
      ['GET', '/dev/mailbox.json'] as const,
      ['GET', '/nothing'] as const,
    ];
    for (const [method, url] of routes) {
      const answer = await client.askAt(method, url, { headers: { host: 'evil.example' } });
      assert.equal(answer.status, 421, `${method} ${url}`);
      assert.deepEqual(answer.body, {
        type: 'about:blank',
        status: 421,
        title: 'In development mode this server answers for localhost, 127.0.0.1, [::1] only.',
      });
      assert.deepEqual(answer.setCookies, []);
    }
  });

  it('is compared whole', async () => {
    const client = world().another();
    const statusFor = async (host: string) => (await client.askAt('GET', '/health/live', { headers: { host } })).status;
    for (const host of [
      'localhost',
      'localhost:3000',
      'LOCALHOST:1',
      '127.0.0.1',
      '127.0.0.1:8080',
      '[::1]',
      '[::1]:3000',
    ]) {
      assert.equal(await statusFor(host), 200, host);
    }
    for (const host of [
      'localhost.evil.example',
      'evil-localhost',
      'localhost.',
      'localhost:3000:3000',
      'localhost@evil.example',
      'evil.example#localhost',
      'localhost:evil',
      '127.0.0.2',
      '127.1',
      '0.0.0.0',
      '::1',
      '[::2]',
      '[::ffff:127.0.0.1]',
      ':3000',
      'xn--localhost',
    ]) {
      assert.equal(await statusFor(host), 421, host);
    }
  });

  it('of a proxy’s telling never gets into a link', async () => {
    for (const env of [{}, { GUICHET_TRUST_PROXY: '10.0.0.0/8' }] as Record<string, string>[]) {
      const undo: (() => unknown)[] = [];
      const { another, mails } = await openClient({ after: (work) => void undo.push(work) }, { env });
      const headers = {
        'x-forwarded-host': 'evil.example',
        'x-forwarded-proto': 'https',
        'x-forwarded-port': '444',
        'x-forwarded-prefix': '/evil',
        'x-original-url': 'https://evil.example/',
        'x-host': 'evil.example',
        forwarded: 'host=evil.example;proto=https',
        referer: 'https://evil.example/',
      };
      const body = { email: 'linked@example.com', name: 'Ada Lovelace', password: PASSWORD };
      assert.equal((await another().post('/register', body, { headers })).status, 201);
      const [mail] = await mails('linked@example.com');
      assert.deepEqual(
        mail?.links.map((link) => new URL(link).origin),
        ['http://localhost:3000'],
      );
      assert.doesNotMatch(JSON.stringify(mail), /evil/);
      for (const work of undo) await work();
    }
  });
});

describe('requests on the wire', () => {
  let world: OpenedClient;
  let port: number;
  const undo: (() => unknown)[] = [];

  before(async () => {
    world = await openClient(
      { after: (work) => void undo.push(work) },
      {
        env: { ...NO_RATES, GUICHET_PORT: '0', GUICHET_PUBLIC_URL: 'http://localhost:3000' },
        // The test's clock turns by itself when waited for, and what listens waits all the time.
        overrides: {
          clock: { now: () => Date.now(), wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)) },
        },
      },
    );
    ({ port } = await world.listen());
  });
  after(async () => {
    for (const work of undo) await work();
  });

  /** Sends bytes and gathers what comes until the server closes, or until the answer that was waited for is there. */
  function exchange(
    bytes: string | Buffer,
    of: { host?: string; until?: (text: string) => boolean; feed?: (socket: Socket) => void } = {},
  ): Promise<{ text: string; closed: boolean }> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: of.host ?? '127.0.0.1' });
      let text = '';
      const done = (closed: boolean): void => {
        clearTimeout(patience);
        socket.destroy();
        resolve({ text, closed });
      };
      const patience = setTimeout(() => reject(new Error(`no end after 5 s: ${JSON.stringify(text)}`)), 5000);
      socket.on('error', () => done(true));
      socket.on('close', () => done(true));
      socket.on('data', (data) => {
        text += data.toString('latin1');
        if (of.until?.(text)) done(false);
      });
      socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
      of.feed?.(socket);
    });
  }

  const statusesIn = (text: string): number[] =>
    [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));

  const registration = (email: string): string => JSON.stringify({ email, name: 'Ada Lovelace', password: PASSWORD });
  const registering = (email: string, more = ''): string => {
    const body = registration(email);
    return `POST /v1/auth/register HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n${more}\r\n${body}`;
  };
  const isRegistered = (email: string): Promise<boolean> =>
    world.identity.findAccount({ name: email }).then(
      () => true,
      () => false,
    );

  it('two that follow each other on a connection are answered each once', async () => {
    const { text } = await exchange(
      registering('pipeline1@example.com') + registering('pipeline2@example.com', 'Connection: close\r\n'),
    );
    assert.deepEqual(statusesIn(text), [201, 201]);
    assert.ok(await isRegistered('pipeline1@example.com'));
    assert.ok(await isRegistered('pipeline2@example.com'));
  });

  for (const host of ['127.0.0.1', '::1']) {
    describe(`that are ambiguous are refused whole on ${host}`, () => {
      const head = 'POST /v1/auth/register HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n';
      const chunked = (body: string): string => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
      const SHAPES: Record<string, (outer: string, inner: string) => string> = {
        'both Content-Length and Transfer-Encoding': (outer, inner) =>
          `${head}Content-Length: ${chunked(outer).length}\r\nTransfer-Encoding: chunked\r\n\r\n${chunked(outer)}${inner}`,
        'both Transfer-Encoding and Content-Length': (outer, inner) =>
          `${head}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n${chunked(outer)}${inner}`,
        'two Content-Length that differ': (outer, inner) =>
          `${head}Content-Length: ${outer.length}\r\nContent-Length: ${outer.length + inner.length}\r\n\r\n${outer}${inner}`,
        'two Content-Length alike': (outer, inner) =>
          `${head}Content-Length: ${outer.length}\r\nContent-Length: ${outer.length}\r\n\r\n${outer}${inner}`,
        'a list as Content-Length': (outer, inner) =>
          `${head}Content-Length: ${outer.length}, ${outer.length}\r\n\r\n${outer}${inner}`,
        'a plus before Content-Length': (outer, inner) =>
          `${head}Content-Length: +${outer.length}\r\n\r\n${outer}${inner}`,
        'a negative Content-Length': (outer, inner) => `${head}Content-Length: -1\r\n\r\n${outer}${inner}`,
        'a hexadecimal Content-Length': (outer, inner) =>
          `${head}Content-Length: 0x${outer.length.toString(16)}\r\n\r\n${outer}${inner}`,
        'a Content-Length beyond all numbers': (outer, inner) =>
          `${head}Content-Length: 18446744073709551617\r\n\r\n${outer}${inner}`,
        'a Content-Length with a space inside': (outer, inner) => `${head}Content-Length: 1 0\r\n\r\n${outer}${inner}`,
        'a space before the colon': (outer, inner) => `${head}Content-Length : ${outer.length}\r\n\r\n${outer}${inner}`,
        'a space before the colon of Transfer-Encoding': (outer, inner) =>
          `${head}Transfer-Encoding : chunked\r\n\r\n${chunked(outer)}${inner}`,
        'an unknown Transfer-Encoding': (outer, inner) =>
          `${head}Transfer-Encoding: xchunked\r\n\r\n${chunked(outer)}${inner}`,
        'chunked that is not last': (outer, inner) =>
          `${head}Transfer-Encoding: chunked, identity\r\n\r\n${chunked(outer)}${inner}`,
        'two Transfer-Encodings': (outer, inner) =>
          `${head}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n${chunked(outer)}${inner}`,
        'a control character in Transfer-Encoding': (outer, inner) =>
          `${head}Transfer-Encoding: \x0bchunked\r\n\r\n${chunked(outer)}${inner}`,
        'a folded header': (outer, inner) =>
          `${head}Transfer-Encoding:\r\n chunked\r\nContent-Length: ${outer.length}\r\n\r\n${outer}${inner}`,
        'a folded header of any name': (outer, inner) =>
          `${head}X-Folded: a\r\n b\r\nContent-Length: ${outer.length}\r\n\r\n${outer}${inner}`,
        'a blank before the first header': (outer, inner) =>
          `POST /v1/auth/register HTTP/1.1\r\n Host: localhost\r\nContent-Length: ${outer.length}\r\n\r\n${outer}${inner}`,
        'a header without a colon': (outer, inner) =>
          `${head}Nonsense\r\nContent-Length: ${outer.length}\r\n\r\n${outer}${inner}`,
        'a header without a name': (outer, inner) =>
          `${head}: x\r\nContent-Length: ${outer.length}\r\n\r\n${outer}${inner}`,
        'a bare CR in a header': (outer, inner) =>
          `${head}X-Bare: a\rb\r\nContent-Length: ${outer.length}\r\n\r\n${outer}${inner}`,
        'NUL in a header': (outer, inner) =>
          `${head}X-Nul: a\0b\r\nContent-Length: ${outer.length}\r\n\r\n${outer}${inner}`,
        'bare LF at the ends of lines': (outer, inner) =>
          `${head}Content-Length: ${outer.length}\r\n\r\n`.replaceAll('\r\n', '\n') + outer + inner,
        'bare LF at the end of one header': (outer, inner) =>
          `${head}X-Bare: a\nContent-Length: ${outer.length}\r\n\r\n${outer}${inner}`,
        'a chunk size in another notation': (outer, inner) =>
          `${head}Transfer-Encoding: chunked\r\n\r\n0x${outer.length.toString(16)}\r\n${outer}\r\n0\r\n\r\n${inner}`,
        'a chunk size below zero': (outer, inner) =>
          `${head}Transfer-Encoding: chunked\r\n\r\n-1\r\n${outer}\r\n0\r\n\r\n${inner}`,
        'a chunk longer than it says': (outer, inner) =>
          `${head}Transfer-Encoding: chunked\r\n\r\n5\r\n${outer}\r\n0\r\n\r\n${inner}`,
        'a chunk that ends in LF': (outer, inner) =>
          `${head}Transfer-Encoding: chunked\r\n\r\n${outer.length.toString(16)}\n${outer}\n0\n\n${inner}`,
        'no Host': (outer, inner) =>
          `POST /v1/auth/register HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: ${outer.length}\r\n\r\n${outer}${inner}`,
        'another protocol': (outer, inner) =>
          `POST /v1/auth/register HTTP/3.0\r\nHost: localhost\r\nContent-Length: ${outer.length}\r\n\r\n${outer}${inner}`,
        'a space in the target': (outer, inner) =>
          `POST /v1/auth /register HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${outer.length}\r\n\r\n${outer}${inner}`,
      };
      for (const [index, [shape, bytes]] of Object.entries(SHAPES).entries()) {
        it(shape, async () => {
          const [outer, inner] = ['outer', 'inner'].map(
            (name) => `${name}${index}${host === '::1' ? 6 : 4}@example.com`,
          ) as [string, string];
          const { text, closed } = await exchange(bytes(registration(outer), registering(inner)), { host });
          assert.equal(closed, true);
          assert.deepEqual(statusesIn(text), [400], text);
          assert.equal(await isRegistered(outer), false, 'the ambiguous request was handled');
          assert.equal(await isRegistered(inner), false, 'the smuggled request was handled');
        });
      }
    });
  }

  it('with headers of 20 KiB get 431, and the connection is closed', async () => {
    for (const host of ['127.0.0.1', '::1']) {
      const { text, closed } = await exchange(
        `GET /v1/auth/me HTTP/1.1\r\nHost: localhost\r\nX-Long: ${'x'.repeat(20 * 1024)}\r\n\r\n`,
        { host },
      );
      assert.deepEqual([statusesIn(text), closed], [[431], true]);
      const { text: many } = await exchange(
        `GET /v1/auth/me HTTP/1.1\r\nHost: localhost\r\n${'X-Many: 12345678\r\n'.repeat(1200)}\r\n`,
        { host },
      );
      assert.deepEqual(statusesIn(many), [431]);
    }
  });

  it('that the server cannot parse are answered without naming it', async () => {
    for (const bytes of [
      '\x16\x03\x01\x00\xa5\x01\x00\x00',
      'GET / HTTP/1.1\r\nbroken header\r\n\r\n',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    ]) {
      const { text, closed } = await exchange(bytes);
      assert.deepEqual([statusesIn(text), closed], [[400], true]);
      assert.doesNotMatch(text, /fastify|node|llhttp|HPE_|Server:|X-Powered-By:|parse/i);
    }
  });

  it('with a body of 10 MiB get 413 without it being read, and the next request works', async () => {
    const size = 10 * 1024 * 1024;
    const head = 'POST /v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n';
    const piece = 'x'.repeat(64 * 1024);
    let sent = 0;
    const pour = (frame: (piece: string) => string) => (socket: Socket) => {
      const more = (): void => {
        while (!socket.destroyed && sent < size) {
          sent += piece.length;
          if (!socket.write(frame(piece), 'latin1')) {
            socket.once('drain', more);
            return;
          }
        }
      };
      more();
    };
    for (const [length, frame] of [
      [`Content-Length: ${size}\r\n\r\n`, (text: string) => text],
      ['Transfer-Encoding: chunked\r\n\r\n', (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`],
    ] as const) {
      sent = 0;
      const until = (text: string): boolean => text.includes('PAYLOAD_TOO_LARGE');
      const { text } = await exchange(`${head}${length}`, { until, feed: pour(frame) });
      assert.deepEqual(statusesIn(text), [413]);
      assert.ok(
        text.endsWith(
          '{"success":false,"error":"PAYLOAD_TOO_LARGE","message":"The request body is too large: at most 64 KiB are accepted."}',
        ),
      );
      const next = await fetch(`http://127.0.0.1:${port}/v1/auth/me`);
      assert.equal(next.status, 401);
    }
  });

  it('for a target in another spelling are answered by the same handler, or by none', async () => {
    const client = await world.signedIn('targets@example.com');
    const ask = async (target: string): Promise<{ status: number | undefined; body: string }> => {
      const { text } = await exchange(
        `GET ${target} HTTP/1.1\r\nHost: localhost\r\nCookie: accessToken=${client.cookie('accessToken')}\r\nConnection: close\r\n\r\n`,
      );
      return { status: statusesIn(text)[0], body: text.split('\r\n\r\n')[1] ?? '' };
    };
    const plain = await ask('/v1/auth/me');
    assert.equal(plain.status, 200);
    for (const target of [
      '/v1/auth/%6de',
      '/v1/auth/me?',
      'http://localhost/v1/auth/me',
      'HTTP://localhost/v1/auth/me',
    ]) {
      assert.deepEqual(await ask(target), plain, target);
    }
    for (const target of [
      '//v1/auth/me',
      '///v1/auth/me',
      '//localhost/v1/auth/me',
      '/v1//auth/me',
      '/v1/auth//me',
      '/v1/./auth/me',
      '/v1/auth/%2e/me',
      '/x/../v1/auth/me',
      '/v1/auth/me/.',
      '/v1/auth/me/',
      '/v1/auth/me;x',
      '/v1/auth;x/me',
      '/v1/auth/me%00',
      '/v1/auth%2fme',
      '/v1\\auth\\me',
      '\\v1\\auth\\me',
      'v1/auth/me',
      'ftp://localhost/v1/auth/me',
    ]) {
      const { status } = await ask(target);
      assert.ok(status === 404 || status === 400, `${target}: ${status}`);
    }
  });

  it('in the absolute form are answered like others, whatever host they name', async () => {
    const body = '{"email":"absolute@example.com"}';
    const ask = (target: string): Promise<{ text: string }> =>
      exchange(
        `POST ${target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
      );
    await world.account('absolute@example.com');
    const { text } = await ask('http://evil.example/v1/auth/forgot-password');
    assert.ok([200, 400, 421].includes(statusesIn(text)[0] ?? 0), text);
    assert.doesNotMatch(JSON.stringify(await world.mails('absolute@example.com')), /evil/);
    const refresh = await ask('http://localhost/v1/auth/refresh');
    assert.deepEqual(statusesIn(refresh.text), [401]);
    assert.equal([...refresh.text.matchAll(/Set-Cookie: \w+=; Max-Age=0;/gi)].length, 2, refresh.text);
  });

  it('with two Host headers put neither into a link', async () => {
    await world.account('hosts@example.com');
    const body = '{"email":"hosts@example.com"}';
    const { text } = await exchange(
      `POST /v1/auth/forgot-password HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
    );
    assert.ok([200, 400, 421].includes(statusesIn(text)[0] ?? 0), text);
    assert.doesNotMatch(JSON.stringify(await world.mails('hosts@example.com')), /evil/);
  });

  it('of TRACE and of methods nobody knows get 405 and echo nothing', async () => {
    for (const method of ['TRACE', 'PROPFIND', 'PURGE', 'LOCK', 'REPORT', 'M-SEARCH', 'QUERY']) {
      const { text } = await exchange(
        `${method} /v1/auth/me HTTP/1.1\r\nHost: localhost\r\nCookie: canary=1\r\nConnection: close\r\n\r\n`,
      );
      assert.deepEqual(statusesIn(text), [405], `${method}: ${text}`);
      assert.match(text, /\r\nAllow: GET, HEAD\r\n/i);
      assert.doesNotMatch(text, /canary/);
    }
  });

  it('of CONNECT open no tunnel', async () => {
    const { text, closed } = await exchange('CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n');
    assert.equal(closed, true);
    assert.ok(!statusesIn(text).includes(200));
  });

  it('that ask to be upgraded are not', async () => {
    const { text } = await exchange(
      'GET /v1/auth/me HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n',
    );
    assert.deepEqual(statusesIn(text), [401]);
  });
});
