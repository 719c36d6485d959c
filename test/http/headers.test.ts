import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cookie as contract } from '../../src/contracts/cookie/contract.ts';
import { stepAt, totpAt } from '../../src/core/totp.ts';
import {
  type Answer,
  assertRefused,
  type Client,
  openClient,
  PASSWORD,
  sharedWorld,
  UUID,
} from '../contracts/cookie/client.ts';
import { hasPostgres } from '../support/databases.ts';

const NO_RATES = { GUICHET_RATE_LIMITS: 'off' };
const HTTPS = {
  NODE_ENV: 'production',
  GUICHET_PUBLIC_URL: 'https://auth.example.org',
  GUICHET_TRUST_PROXY: 'none',
  GUICHET_MAIL_URL: 'smtp://127.0.0.1:1',
};
const API_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-site',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};
const TOKEN = 'A'.repeat(43);
const SAMPLES: Record<string, unknown> = {
  'POST /register': { email: 'new@example.com', name: 'Ada Lovelace', password: PASSWORD },
  'POST /login': { email: 'john@example.com', password: PASSWORD },
  'POST /verify-email': { token: TOKEN },
  'POST /send-email-verification': { email: 'john@example.com' },
  'POST /forgot-password': { email: 'john@example.com' },
  'POST /reset-password': { token: TOKEN, password: PASSWORD },
  'POST /two-factor': { code: '123456' },
  'POST /two-factor/verify': { code: '123456' },
  'POST /reauthenticate': { password: PASSWORD },
  'PUT /password': { currentPassword: PASSWORD, newPassword: 'NewSecurePassword123!' },
};
const at = (path: string): string => path.replace(':id', '550e8400-e29b-41d4-a716-446655440000');

function assertApiHeaders(answer: Answer, what: string, more: Record<string, string> = {}): void {
  for (const [name, value] of Object.entries({ ...API_HEADERS, ...more })) {
    assert.equal(answer.headers[name], value, `${what}: ${name}`);
  }
  assertNamesNobody(answer, what);
  if (!('strict-transport-security' in more))
    assert.equal(answer.headers['strict-transport-security'], undefined, what);
}

/** No answer tells what it was made with, or how far inside something failed. */
function assertNamesNobody(answer: Answer, what: string): void {
  for (const name of ['server', 'x-powered-by', 'via', 'x-aspnet-version', 'x-runtime']) {
    assert.equal(answer.headers[name], undefined, `${what}: ${name}`);
  }
  assert.match(String(answer.headers['x-request-id']), UUID, what);
  if (answer.status >= 400) {
    assert.doesNotMatch(
      answer.text,
      /fastify|FST_|node_modules|\bat .*:\d+:\d+|SQLITE|sqlite|postgres|kysely|select |ECONN/,
      what,
    );
  }
}

/** One good request for every route of the contract, in an order in which each of them works. */
async function askAll(
  client: Client,
  check: (answer: Answer, line: string) => void,
  with_: Record<string, unknown> = SAMPLES,
): Promise<void> {
  const last = ['DELETE /sessions/:id', 'POST /logout'];
  const lines = contract.routes.map(({ method, path }) => `${method} ${path}`);
  for (const line of [...lines.filter((one) => !last.includes(one)), ...last]) {
    const [method = '', path = ''] = line.split(' ');
    const body = with_[line];
    check(await client.ask(method as 'GET', at(path), body === undefined ? {} : { body }), line);
  }
}

describe('headers of every answer', () => {
  const world = sharedWorld({ env: NO_RATES });

  it('are right on every route when it does its work', async () => {
    const { another, tokenFor } = world();
    const client = another();
    const email = 'works@example.com';
    const good = async (method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<Answer> => {
      const answer = await client.ask(method, path, body === undefined ? {} : { body });
      assert.ok(answer.status === 200 || answer.status === 201, `${path}: ${answer.text}`);
      assertApiHeaders(answer, path);
      assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8');
      seen.add(`${method} ${path.replace(UUID_IN_PATH, '/:id')}`);
      return answer;
    };
    const UUID_IN_PATH = /\/[0-9a-f-]{36}$/;
    const seen = new Set<string>();
    await good('POST', '/register', { email, name: 'Ada Lovelace', password: PASSWORD });
    await good('POST', '/send-email-verification', { email });
    await good('POST', '/verify-email', { token: await tokenFor(email) });
    await good('POST', '/login', { email, password: PASSWORD });
    await good('GET', '/me');
    await good('POST', '/refresh');
    await good('POST', '/reauthenticate', { password: PASSWORD });
    const { body: pending } = await good('POST', '/two-factor/enable');
    const code = (): string => totpAt(pending.secret ?? '', stepAt(world().clock.now()));
    await good('POST', '/two-factor/verify', { code: code() });
    world().clock.advance({ seconds: 30 });
    await good('POST', '/login', { email, password: PASSWORD });
    await good('POST', '/two-factor', { code: code() });
    await good('POST', '/two-factor/disable');
    await good('PUT', '/password', { currentPassword: PASSWORD, newPassword: 'NewSecurePassword123!' });
    const { body } = await good('GET', '/sessions');
    await good('DELETE', '/sessions');
    await good('DELETE', `/sessions/${body.sessions?.[0]?.id}`);
    world().clock.advance({ seconds: 1 });
    await good('POST', '/forgot-password', { email });
    await good('POST', '/reset-password', { token: await tokenFor(email), password: PASSWORD });
    await good('POST', '/logout');
    assert.deepEqual([...seen].sort(), contract.routes.map(({ method, path }) => `${method} ${path}`).sort());
  });

  it('are right on every route when it refuses', async () => {
    const { another } = world();
    for (const { method, path } of contract.routes) {
      const client = another();
      const line = `${method} ${path}`;
      const unsafe = method !== 'GET';
      const answers = [
        await client.ask(method, at(path)),
        ...(unsafe ? [await client.ask(method, at(path), { headers: { origin: 'https://evil.example' } })] : []),
        ...(unsafe
          ? [await client.ask(method, at(path), { raw: 'x', headers: { 'content-type': 'text/plain' } })]
          : []),
        ...(unsafe
          ? [await client.ask(method, at(path), { raw: '{', headers: { 'content-type': 'application/json' } })]
          : []),
        ...(unsafe ? [await client.ask(method, at(path), { body: 'x'.repeat(65_537) })] : []),
        await client.ask('PATCH', at(path)),
        await client.get(`${at(path)}/nothing`),
      ];
      for (const answer of answers) {
        if (answer.status === 200) assert.equal(line, 'POST /logout');
        else assertRefused(answer, answer.status, answer.body.error ?? '', line);
        assertApiHeaders(answer, line);
      }
    }
  });

  it('are right beside the contracts', async () => {
    const { another } = world();
    for (const [path, status] of [
      ['/health/live', 200],
      ['/health/ready', 200],
      ['/docs/cookie.json', 200],
      ['/metrics', 200],
      ['/nothing', 404],
      ['/me/x.css', 404],
      ['/.env', 404],
    ] as const) {
      const answer = await another().askAt('GET', path);
      assert.equal(answer.status, status, path);
      assertApiHeaders(answer, path);
    }
  });

  it('are right where the address is not even a path', async () => {
    const { another } = world();
    const long = `/sessions/${'a'.repeat(200)}`;
    for (const path of ['/%zz', '/me%', '/sessions/%ff', long]) {
      assertApiHeaders(await another().ask('DELETE', path), path.slice(0, 30));
    }
    for (const url of ['/%zz', '/health/%ff', `/me?${'x'.repeat(9000)}`]) {
      assertApiHeaders(await another().askAt('GET', url), url.slice(0, 30));
    }
  });

  it('are right on answers for another host', async () => {
    const answer = await world()
      .another()
      .get('/me', { headers: { host: 'evil.example' } });
    assert.equal(answer.status, 421);
    assertApiHeaders(answer, '421');
  });

  it('are right on preflights', async () => {
    const headers = { origin: 'http://localhost:5173', 'access-control-request-method': 'POST' };
    assertApiHeaders(await world().another().ask('OPTIONS', '/login', { headers }), 'preflight');
  });

  it('are right when something inside fails', async (t) => {
    const passwordAdvice = { flawOf: () => Promise.reject(new Error('select * from secrets at sqlite.ts:1:1')) };
    const { another } = await openClient(t, { overrides: { passwordAdvice } });
    const answer = await another().post('/register', SAMPLES['POST /register']);
    assertRefused(answer, 500, 'SERVER_ERROR');
    assertApiHeaders(answer, '500');
  });

  it('hold an id that no two answers share and no client chooses', async () => {
    const client = world().another();
    const headers = { 'x-request-id': 'chosen', 'request-id': 'chosen', 'x-correlation-id': 'chosen' };
    const ids = new Set<unknown>();
    for (let count = 0; count < 50; count += 1) {
      const answer = await client.get(count % 2 ? '/me' : '/nothing', { headers });
      ids.add(answer.headers['x-request-id']);
    }
    assert.equal(ids.size, 50);
    assert.ok(!ids.has('chosen'));
  });

  it('let the published keys be kept for five minutes, and nothing else of the API at all', async () => {
    const { another } = world();
    const keys = await another().askAt('GET', '/.well-known/jwks.json');
    assert.equal(keys.status, 200);
    assert.equal(keys.headers['cache-control'], 'public, max-age=300');
    assert.match(String(keys.headers['content-type']), /^application\/jwk-set\+json\b/);
    assert.equal(keys.headers['x-content-type-options'], 'nosniff');
    assert.deepEqual(keys.setCookies, []);
    assertNamesNobody(keys, 'jwks');
    const { keys: published } = keys.body as unknown as { keys: Record<string, string>[] };
    assert.equal(published.length, 2);
    for (const key of published) {
      assert.deepEqual(Object.keys(key).sort(), ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
    }
    const missing = await another().askAt('GET', '/.well-known/nothing');
    assert.equal(missing.headers['cache-control'], 'no-store');
  });
});

describe('with an https public URL', () => {
  const world = sharedWorld({ env: HTTPS });
  const HSTS = { 'strict-transport-security': 'max-age=31536000; includeSubDomains' };

  it('every answer tells browsers to stay on https', async () => {
    const { another } = world();
    assertApiHeaders(await another().get('/me'), '401', HSTS);
    assertApiHeaders(await another().post('/logout'), '200', HSTS);
    assertApiHeaders(await another().post('/login', {}), '400', HSTS);
    assertApiHeaders(await another().get('/nothing'), '404', HSTS);
    assertApiHeaders(await another().askAt('GET', '/nothing'), '404', HSTS);
    assertApiHeaders(await another().askAt('GET', '/health/live'), '200', HSTS);
    const keys = await another().askAt('GET', '/.well-known/jwks.json');
    assert.equal(keys.headers['strict-transport-security'], HSTS['strict-transport-security']);
  });

  it('every cookie is Secure, and the one no document names is tied to its host', async () => {
    const { account, another, handle } = world();
    const { uuid } = await account('secure@example.com');
    const client = another();
    const forms = (answer: Answer): string[] => answer.setCookies.map((line) => line.replace(/=[^;]+;/, '=…;'));
    assert.deepEqual(forms(await client.signIn('secure@example.com')), [
      'accessToken=…; Max-Age=900; Path=/; HttpOnly; Secure; SameSite=Strict',
      'refreshToken=…; Max-Age=604800; Path=/v1/auth; HttpOnly; Secure; SameSite=Strict',
      '__Host-guichet_client=…; Max-Age=2592000; Path=/; HttpOnly; Secure; SameSite=Lax',
    ]);
    assert.deepEqual(forms(await client.post('/refresh')), [
      'accessToken=…; Max-Age=900; Path=/; HttpOnly; Secure; SameSite=Strict',
      'refreshToken=…; Max-Age=604800; Path=/v1/auth; HttpOnly; Secure; SameSite=Strict',
    ]);
    const cleared = [
      'accessToken=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Strict',
      'refreshToken=; Max-Age=0; Path=/v1/auth; HttpOnly; Secure; SameSite=Strict',
    ];
    assert.deepEqual((await client.post('/logout')).setCookies, cleared);
    assert.deepEqual((await another().post('/refresh')).setCookies, cleared);
    await handle.transaction((db) =>
      db.updateTable('account').set({ code_factor: 'totp' }).where('uuid', '=', uuid).execute(),
    );
    assert.deepEqual(forms(await another().signIn('secure@example.com')), [
      'challenge=…; Max-Age=600; Path=/v1/auth; HttpOnly; Secure; SameSite=Strict',
    ]);
  });

  it('a client is known by the tied cookie alone', async () => {
    const { account, another } = world();
    await account('tied@example.com');
    const client = another();
    await client.signIn('tied@example.com');
    const mark = client.cookie('__Host-guichet_client');
    const again = async (cookie: string): Promise<string> => {
      const other = another();
      await other.post('/login', { email: 'tied@example.com', password: PASSWORD }, { cookie });
      return other.cookie('__Host-guichet_client');
    };
    assert.equal(await again(`__Host-guichet_client=${mark}`), mark);
    assert.notEqual(await again(`guichet_client=${mark}`), mark);
  });

  it('tokens name the public URL as issuer and audience, and links begin with it', async () => {
    const { account, another } = world();
    await account('issuer@example.com');
    const client = another();
    await client.signIn('issuer@example.com');
    const payload = JSON.parse(Buffer.from(client.cookie('accessToken').split('.')[1] ?? '', 'base64url').toString());
    assert.deepEqual([payload.iss, payload.aud], ['https://auth.example.org', 'https://auth.example.org']);
  });

  it('only the public URL’s own origin may ask for changes', async () => {
    const { another } = world();
    const from = (origin: string): Promise<Answer> => another().post('/logout', undefined, { headers: { origin } });
    assert.equal((await from('https://auth.example.org')).status, 200);
    for (const origin of [
      'http://auth.example.org',
      'http://localhost:3000',
      'https://app.example.org',
      'https://auth.example.org:443',
    ]) {
      assertRefused(await from(origin), 403, 'FORBIDDEN_ORIGIN', origin);
    }
  });

  it('the development mailbox, the reference and the metrics are not there', async () => {
    const { another } = world();
    const local = another({ address: '127.0.0.1' });
    for (const path of ['/dev/mailbox', '/dev/mailbox.json', '/docs', '/docs/cookie.json', '/metrics']) {
      assert.equal((await local.askAt('GET', path)).status, 404, path);
    }
  });

  it('a host name is looked at no more, and gets into nothing', async () => {
    const answer = await world()
      .another()
      .get('/me', { headers: { host: 'evil.example' } });
    assertRefused(answer, 401, 'TOKEN_EXPIRED');
    assert.doesNotMatch(JSON.stringify(answer), /evil/);
  });

  it('a request that a trusted proxy received over plain http is refused, not redirected', async (t) => {
    const { account, another } = await openClient(t, { env: { ...HTTPS, GUICHET_TRUST_PROXY: '10.0.0.0/8' } });
    await account();
    const plain = another({ headers: { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'http' } });
    const answer = await plain.signIn();
    assert.ok(answer.status >= 400 && answer.status < 500, `${answer.status} ${answer.text}`);
    assert.deepEqual(answer.setCookies, []);
    const tls = another({ headers: { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https' } });
    assert.equal((await tls.signIn()).status, 200);
  });
});

describe('with the database gone', () => {
  const assertAway = (answer: Answer, line: string): void => {
    assertRefused(answer, 503, 'UNAVAILABLE', line);
    assert.match(String(answer.headers['retry-after']), /^[1-9]\d*$/, line);
    assert.deepEqual(answer.setCookies, [], line);
    assertApiHeaders(answer, line);
  };

  for (const database of ['sqlite', 'postgres'] as const) {
    const skip = database === 'postgres' && !hasPostgres ? 'no PostgreSQL server' : false;
    it(`every route answers 503 in the contract’s shape, on ${database}`, { skip }, async (t) => {
      // A database that is gone cannot be closed in good order, either.
      const undo: (() => unknown)[] = [];
      t.after(async () => {
        for (const work of undo.reverse()) await Promise.resolve(work()).catch(() => {});
      });
      const opened = await openClient(
        { after: (work) => void undo.push(async () => work()) },
        { database, env: NO_RATES },
      );
      const { clock, handle, settings, signedIn } = opened;
      const client = await signedIn();
      if (database === 'sqlite') await handle.close();
      else await dropDatabase(settings.GUICHET_DATABASE_URL);
      clock.advance({ seconds: 2 });
      const held = new Map(client.jar);
      await askAll(client, (answer, line) => {
        assertAway(answer, line);
        assert.deepEqual(client.jar, held);
      });
      const ready = await client.askAt('GET', '/health/ready');
      assert.deepEqual([ready.status, ready.text], [503, '{"status":"unavailable"}']);
      assert.equal((await client.askAt('GET', '/health/live')).status, 200);
    });
  }

  async function dropDatabase(url: string): Promise<void> {
    const { default: pg } = await import('pg');
    const { pathname } = new URL(url);
    const admin = new pg.Client({ connectionString: Object.assign(new URL(url), { pathname: '/postgres' }).href });
    await admin.connect();
    await admin.query(`drop database ${pathname.slice(1)} with (force)`);
    await admin.end();
  }
});
