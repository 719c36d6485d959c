import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sql } from 'kysely';
import pg from 'pg';
import { hasPostgres } from '../../support/databases.ts';
import {
  type Answer,
  assertGuest,
  assertInvalid,
  assertRefused,
  type Client,
  type OpenedClient,
  openClient,
  PASSWORD,
  REMEMBER,
  SESSION,
  SPA,
  sharedWorld,
  XSRF,
} from './client.ts';
import { askLine, CHANGES, LINES, linesNamed, type SentLine } from './shape-lines.ts';

const MISMATCH = 'CSRF token mismatch.';
const nameOf = (line: string): string => line.split('=')[0] ?? '';
const setNames = ({ setCookies }: Answer): string[] => setCookies.map(nameOf).sort();

/** What every answer of the contract has, whatever it says. */
function assertPlain(answer: Answer, what: string): void {
  const { headers } = answer;
  assert.equal(headers['content-type'], 'application/json; charset=utf-8', what);
  assert.match(String(headers['cache-control']), /no-store|no-cache, private/, what);
  assert.match(String(headers['x-request-id']), /^[0-9a-f-]{36}$/, what);
  assert.equal(headers['x-content-type-options'], 'nosniff', what);
  for (const name of ['server', 'x-powered-by']) assert.equal(headers[name], undefined, what);
}

/** Nothing but a message, in a sentence. */
function assertMessage(answer: Answer, status: number, what: string): void {
  assert.equal(answer.status, status, `${what} ${answer.text}`);
  assert.deepEqual(Object.keys(answer.body), ['message'], what);
  assert.ok((answer.body.message ?? '').length > 0, what);
  assertPlain(answer, what);
}

async function signedIn(world: OpenedClient, more: { remember?: boolean } = {}): Promise<Client> {
  const client = await world.signedIn(undefined, more);
  return client;
}

/** A line’s url with the methods it is answered under, as `Allow` lists them. */
const ALLOWED = Map.groupBy(LINES, ({ url }) => url);
const allowedAt = (url: string): string[] =>
  (ALLOWED.get(url) ?? []).flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));

describe('the lines of the table', () => {
  it('are there in numbers, so that what follows looks at something', () => {
    assert.ok(LINES.length >= 36, String(LINES.length));
    assert.ok(LINES.filter(({ isMember }) => isMember).length >= 20);
    assert.ok(CHANGES.length >= 20);
    for (const url of [
      '/sanctum/csrf-cookie',
      '/api/v1/auth/login',
      '/login',
      '/api/v1/user',
      '/user/confirm-password',
    ]) {
      assert.ok(ALLOWED.has(url), url);
    }
  });
});

describe('401', () => {
  const world = sharedWorld();

  it('6.1: is what every line that needs somebody answers nobody, with both cookies', async () => {
    for (const line of LINES.filter(({ isMember }) => isMember)) {
      const client = world().another();
      await client.csrfCookie();
      const answer = await askLine(client, line);
      assertGuest(answer);
      assertPlain(answer, line.name);
      assert.deepEqual(setNames(answer), [XSRF, SESSION].sort(), line.name);
    }
  });

  it('2.2: has no cookie, and asks for no token, where the request comes from no front end', async () => {
    const client = await signedIn(world());
    for (const line of LINES.filter(({ isApi }) => isApi)) {
      for (const headers of [
        { referer: '', origin: '' },
        { referer: 'https://elsewhere.example/', origin: '' },
      ]) {
        const answer = await askLine(client, line, { headers, xsrf: null });
        assertGuest(answer);
        assert.deepEqual(answer.setCookies, [], line.name);
      }
    }
    assert.equal((await client.user()).status, 200);
  });

  it('1: is JSON for whoever wants a page, too', async () => {
    const client = world().another();
    for (const line of LINES.filter(({ isMember, method }) => isMember && method === 'GET')) {
      const headers = { accept: 'text/html,application/xhtml+xml', 'x-requested-with': '' };
      const answer = await askLine(client, line, { headers });
      assertGuest(answer);
      assertPlain(answer, line.name);
    }
  });

  it('1.1: is what a bearer token opens', async () => {
    const { client } = world();
    for (const line of LINES.filter(({ isMember, method }) => isMember && method === 'GET')) {
      const headers = { authorization: `Bearer 1|${'a'.repeat(40)}` };
      assertGuest(await askLine(client, line, { headers }));
    }
  });
});

describe('403', () => {
  it('3: is what a dead invitation is answered with: `valid` in a look, the message alone otherwise', async (t) => {
    const { client } = await openClient(t);
    await client.csrfCookie();
    const message = 'This password setup link is invalid.';
    const lines = linesNamed(/\/setup-password\/4711\//);
    assert.deepEqual(lines.map(({ method }) => method).sort(), ['GET', 'POST']);
    for (const line of lines) {
      const answer = await askLine(client, line);
      assert.equal(answer.status, 403, answer.text);
      assert.deepEqual(answer.json, line.method === 'GET' ? { valid: false, message } : { message });
      assertPlain(answer, line.name);
    }
  });
});

describe('404', () => {
  const world = sharedWorld();

  it('6.1: names the path without its leading slash, and sets no cookie', async () => {
    const client = await signedIn(world());
    const paths = ['nothing', 'user/nothing', 'user/site/1', 'auth/user/1', 'auth/nothing', 'USER', 'user%20'];
    for (const path of paths) {
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const) {
        const answer = await client.ask(method, `/api/v1/${path}?a=b`, method === 'GET' ? {} : { body: {} });
        assertRefused(answer, 404, `The route api/v1/${decodeURIComponent(path)} could not be found.`);
        assert.deepEqual(answer.setCookies, [], path);
        assertPlain(answer, path);
      }
    }
    assertRefused(await client.get(''), 404, 'The route api/v1 could not be found.');
    assertRefused(await client.ask('GET', '/sanctum/nothing'), 404, 'The route sanctum/nothing could not be found.');
  });

  it('is no page’s script, and no fault, whatever stands in the path', async () => {
    const client = await signedIn(world());
    for (const path of ['%00', '<script>', '%zz', '%ff', '..%2f..%2fetc', 'é', 'a'.repeat(2000), '%22%7D', '//', ';']) {
      assertMessage(await client.get(`/${path}`), 404, path);
      assertMessage(await client.get(`/user/${path}`), 404, path);
    }
  });
});

describe('405', () => {
  const world = sharedWorld();

  it('6.1: names method, path and the methods there are, which `Allow` lists, for every path of the table', async () => {
    const client = await signedIn(world());
    for (const url of ALLOWED.keys()) {
      const allowed = allowedAt(url);
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const) {
        if (allowed.includes(method)) continue;
        const answer = await client.ask(method, `${url}?a=b`);
        const what = `${method} ${url}`;
        assert.equal(answer.status, 405, `${what} ${answer.text}`);
        const listed = String(answer.headers['allow']);
        assert.deepEqual(listed.split(', ').sort(), allowed.toSorted(), what);
        const message = `The ${method} method is not supported for route ${url.slice(1)}. Supported methods: ${listed}.`;
        assert.deepEqual(answer.json, { message });
        assertPlain(answer, what);
      }
    }
  });

  it('6.1: has the documented texts', async () => {
    const client = world().another();
    // The path is another contract’s, too: the token says whose front end asks (rule 33).
    await client.csrfCookie();
    const login = await client.get('/auth/login');
    assertRefused(login, 405, 'The GET method is not supported for route api/v1/auth/login. Supported methods: POST.');
    assert.equal(login.headers['allow'], 'POST');
    const cookie = await client.ask('POST', '/sanctum/csrf-cookie');
    assertRefused(
      cookie,
      405,
      'The POST method is not supported for route sanctum/csrf-cookie. Supported methods: GET, HEAD.',
    );
    assert.equal(cookie.headers['allow'], 'GET, HEAD');
  });
});

describe('413 and 415', () => {
  const world = sharedWorld({ env: { GUICHET_RATE_LIMITS: 'off' } });
  const sized = (bytes: number): string => {
    const empty = JSON.stringify({ padding: '' });
    return JSON.stringify({ padding: 'x'.repeat(bytes - empty.length) });
  };

  it('R141: a body is too large past 64 KiB, on every line that takes one, and not before', async () => {
    const client = await signedIn(world());
    for (const line of CHANGES) {
      assertMessage(await askLine(client, line, { raw: sized(64 * 1024 + 1) }), 413, line.name);
    }
    for (const line of CHANGES.filter(({ required }) => required.length > 0)) {
      const answer = await askLine(client, line, { raw: sized(64 * 1024) });
      assert.equal(answer.status, 422, `${line.name} ${answer.text}`);
    }
    const form = { raw: `padding=${'x'.repeat(64 * 1024)}` };
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    assertMessage(await client.ask('POST', '/api/v1/auth/login', { ...form, headers }), 413, 'form');
  });

  it('rule 32: a body of another type is of none, on every line that takes one', async () => {
    const client = await signedIn(world());
    const types = ['text/plain', 'application/xml', 'multipart/form-data; boundary=x', 'application/octet-stream', 'x'];
    for (const line of CHANGES) {
      for (const type of types) {
        const answer = await askLine(client, line, {
          raw: '{"email":"a@b.example"}',
          headers: { 'content-type': type },
        });
        assertMessage(answer, 415, `${line.name} ${type}`);
      }
    }
    assert.equal((await client.user()).status, 200);
  });

  it('rule 32: an empty body is none, whatever its type', async () => {
    const client = world().another();
    await client.csrfCookie();
    for (const type of ['text/plain', 'application/json', 'application/x-www-form-urlencoded', 'nonsense']) {
      const answer = await client.ask('POST', '/api/v1/auth/forgot-password', {
        raw: '',
        headers: { 'content-type': type },
      });
      assertInvalid(answer, { email: ['The email field is required.'] });
    }
  });
});

describe('419', () => {
  const world = sharedWorld();

  it('6.1: is what every change answers that shows no token, or one of another session, or of none', async () => {
    const stranger = world().another();
    await stranger.csrfCookie();
    for (const line of CHANGES) {
      const client = await signedIn(world());
      const before = client.cookie(SESSION);
      for (const xsrf of [null, stranger.cookie(XSRF), 'x', `${client.cookie(XSRF)}x`]) {
        const answer = await askLine(client, line, { xsrf });
        assertRefused(answer, 419, MISMATCH);
        assertPlain(answer, line.name);
        // A retry works (decision).
        assert.deepEqual(setNames(answer), [XSRF, SESSION].sort(), line.name);
        assert.equal(client.cookie(SESSION), before);
      }
      assert.equal((await client.patch('/user/locale', { locale: 'en' })).status, 200, line.name);
    }
  });

  it('rule 31: is what every change answers that a page of another origin asks for, and sets no cookie', async () => {
    const client = await signedIn(world());
    for (const line of CHANGES) {
      for (const headers of [
        { origin: 'https://evil.example' },
        { origin: 'null' },
        { origin: `${SPA}.evil.example` },
      ]) {
        const answer = await askLine(client, line, { headers });
        assertRefused(answer, 419, MISMATCH);
        assert.deepEqual(answer.setCookies, [], line.name);
      }
    }
    assert.equal((await client.user()).status, 200);
  });
});

describe('422', () => {
  const world = sharedWorld({ env: { GUICHET_RATE_LIMITS: 'off' } });

  it('6.1: is what every line answers that lacks what it needs, each field with one text, in their order', async () => {
    const client = await signedIn(world());
    const lines = CHANGES.filter(({ required }) => required.length > 0);
    assert.ok(lines.length >= 12);
    for (const line of lines) {
      const answer = await askLine(client, line, { body: {} });
      const labelOf = (field: string) => line.fields[field]?.title ?? field.replaceAll('_', ' ');
      const errors = Object.fromEntries(
        line.required.map((field) => [field, [`The ${labelOf(field)} field is required.`]]),
      );
      assertInvalid(answer, errors);
      assertPlain(answer, line.name);
    }
  });

  it('6.1: counts the texts after the first', async () => {
    const client = await signedIn(world());
    const messageOf = async (answer: Promise<Answer>) => (await answer).body.message;
    assert.equal(await messageOf(client.post('/auth/forgot-password', {})), 'The email field is required.');
    assert.equal(await messageOf(client.post('/auth/login', {})), 'The email field is required. (and 1 more error)');
    const reset = client.post('/auth/reset-password', {});
    assert.equal(await messageOf(reset), 'The token field is required. (and 2 more errors)');
  });
});

describe('423', () => {
  const world = sharedWorld();

  it('6.1: is what every line answers that needs the password confirmed', async () => {
    const client = await signedIn(world());
    const lines = LINES.filter(({ mayFail }) => mayFail.includes('reauthentication_required'));
    assert.ok(lines.length >= 14);
    for (const line of lines) {
      const answer = await askLine(client, line);
      assertRefused(answer, 423, 'Password confirmation required.');
      assertPlain(answer, line.name);
    }
  });
});

describe('429', () => {
  const world = sharedWorld();
  const assertLater = (answer: Answer, seconds: number): void =>
    assert.equal(answer.headers['retry-after'], String(seconds), answer.text);

  it('6.1: has a message alone where no form shows it, and says when to come again', async () => {
    const { identity } = world();
    const client = await signedIn(world());
    const { id: accountId = 0 } = (await client.user()).body.data ?? {};
    const { uuid } = (await identity.listAccounts({ limit: 1000 })).find(({ id }) => id === accountId) ?? assert.fail();
    const sites = [];
    for (const name of ['One', 'Two']) sites.push(await identity.createSite({ name, isHeadquarters: false }));
    for (const { id } of sites) await identity.joinSite({ uuid, siteId: id });
    for (let time = 0; time < 60; time += 1) {
      const answer = await client.patch('/user/site', { site_id: sites[time % 2]?.id });
      assert.equal(answer.status, 200, answer.text);
    }
    const answer = await client.patch('/user/site', { site_id: sites[0]?.id });
    assertRefused(answer, 429, 'Too Many Attempts.');
    assertPlain(answer, 'site');
    assertLater(answer, 3600);
  });

  it('rule 22: is what the mail lines answer past twenty an hour from one network', async () => {
    const client = world().another();
    await client.csrfCookie();
    const lines = linesNamed(/forgot-password$|setup-password-resend$/);
    assert.equal(lines.length, 3);
    for (let time = 0; time < 20; time += 1) {
      const line = lines[time % 3] as SentLine;
      assert.equal((await askLine(client, line, { body: { email: `n${time}@example.com` } })).status, 200);
    }
    for (const line of lines) {
      const answer = await askLine(client, line);
      assertRefused(answer, 429, 'Too Many Attempts.');
      assertLater(answer, 3600);
    }
  });

  it('6.3: stands beside `email` at a login, with its headers', async () => {
    const { email } = await world().account();
    for (const line of linesNamed(/\/login$/)) {
      const client = world().another();
      await client.csrfCookie();
      const asked = () => askLine(client, line, { body: { email, password: 'wrong' } });
      for (let left = 4; left >= 0; left -= 1) {
        assert.equal((await asked()).headers['x-ratelimit-remaining'], String(left), line.name);
      }
      const answer = await asked();
      assertInvalid(answer, { email: ['Too many login attempts. Please try again in 60 seconds.'] }, 429);
      assertLater(answer, 60);
      assert.equal(answer.headers['x-ratelimit-limit'], '5');
      assert.equal(answer.headers['x-ratelimit-reset'], String(Math.ceil(world().clock.now() / 1000) + 60));
      world().clock.advance({ minutes: 20 });
      await client.post('/auth/login', { email, password: PASSWORD });
    }
  });
});

/** Asks for every line of the table, with the session of somebody who may do what it does. */
async function askAll(client: Client): Promise<[SentLine, Answer][]> {
  const answers: [SentLine, Answer][] = [];
  const jar = new Map(client.jar);
  for (const line of LINES) {
    client.jar.clear();
    for (const [name, value] of jar) client.jar.set(name, value);
    answers.push([line, await askLine(client, line)]);
  }
  return answers;
}

/** What is answered without a look at any account. */
const NEEDS_NOTHING = /\/sanctum\/csrf-cookie$|\/app\/config$/;

/** A world that may be broken beyond what can be closed in good order. */
async function breakable(
  t: { after(undo: () => unknown): void },
  options: Parameters<typeof openClient>[1],
): Promise<OpenedClient> {
  const undo: (() => unknown)[] = [];
  t.after(async () => {
    for (const work of undo.reverse()) await Promise.resolve(work()).catch(() => {});
  });
  return openClient({ after: (work) => void undo.push(async () => work()) }, options);
}

describe('500', () => {
  it('6.1, R136: is told on every line when the tables are gone, with nothing of why', async (t) => {
    const opened = await breakable(t, { env: { GUICHET_RATE_LIMITS: 'off' } });
    const client = await signedIn(opened, { remember: true });
    await opened.handle.transaction(async (db) => {
      const { rows } = await sql<{ name: string }>`
        select name from sqlite_master where type = 'table' and name not like 'sqlite_%'`.execute(db);
      await sql`pragma defer_foreign_keys = on`.execute(db);
      for (const { name } of rows)
        await sql`alter table ${sql.table(name)} rename to ${sql.table(`gone_${name}`)}`.execute(db);
    });
    // A copy of the session answers a look for a second; what changes something reads it.
    const lines = (await askAll(client)).filter(([{ method, url }]) => method !== 'GET' && !NEEDS_NOTHING.test(url));
    assert.ok(lines.length >= 20);
    for (const [line, answer] of lines) {
      assertRefused(answer, 500, 'Server Error');
      assertPlain(answer, line.name);
      assert.equal(answer.headers['retry-after'], undefined);
    }
  });

  it('6.1, R136: is told where a part of the server fails, and the log alone says which', async (t) => {
    const lines: string[] = [];
    const flawOf = () => Promise.reject(new Error('canary inner words'));
    const opened = await openClient(t, {
      overrides: { passwordAdvice: { flawOf } },
      log: { write: (line) => void lines.push(line) },
    });
    const { identity } = opened;
    await identity.createAccount({ email: 'invited@example.com' });
    const link = new URL((await opened.mails('invited@example.com'))[0]?.links[0] ?? '');
    const client = opened.another();
    await client.csrfCookie();
    const body = { password: PASSWORD, password_confirmation: PASSWORD };
    const answer = await client.post(`/auth${link.pathname}${link.search}`, body);
    assertRefused(answer, 500, 'Server Error');
    const logged = lines.filter((line) => line.includes('canary inner words'));
    assert.equal(logged.length, 1);
    assert.ok(logged[0]?.includes(String(answer.headers['x-request-id'])));
  });
});

/** Dropped, as PostgreSQL has nothing else that a test could take away from a server that others use. */
async function takeAway({ handle, settings }: OpenedClient, database: 'sqlite' | 'postgres'): Promise<void> {
  if (database === 'sqlite') return handle.close();
  const url = new URL(settings.GUICHET_DATABASE_URL);
  const admin = new pg.Client({ connectionString: Object.assign(new URL(url), { pathname: '/postgres' }).href });
  await admin.connect();
  await admin.query(`drop database ${url.pathname.slice(1)} with (force)`);
  await admin.end();
}

describe('503', () => {
  for (const database of ['sqlite', 'postgres'] as const) {
    const skip = database === 'postgres' && !hasPostgres ? 'no PostgreSQL server' : false;
    it(`rule 28: is told on every line while the database is away, and signs nobody out, on ${database}`, {
      skip,
    }, async (t) => {
      const opened = await breakable(t, { database, env: { GUICHET_RATE_LIMITS: 'off' } });
      const client = await signedIn(opened, { remember: true });
      assert.ok(client.jar.has(REMEMBER));
      await takeAway(opened, database);
      for (const [line, answer] of await askAll(client)) {
        if (NEEDS_NOTHING.test(line.url)) {
          assert.ok(answer.status === 200 || answer.status === 204, line.name);
          continue;
        }
        assertMessage(answer, 503, line.name);
        assert.match(String(answer.headers['retry-after']), /^[1-9]\d*$/, line.name);
        for (const cookie of answer.setCookies) assert.doesNotMatch(cookie, /Max-Age=0|remember_web=/, line.name);
      }
    });
  }
});

describe('what a success and a failure look like, by what is asked for (1)', () => {
  const world = sharedWorld({ env: { GUICHET_RATE_LIMITS: 'off' } });

  it('a good login is a redirect to `/` unless JSON is the first type wanted; a bad one is JSON', async () => {
    const { email } = await world().account();
    const asked = async (accept: string, password: string) => {
      const client = world().another({ headers: { accept } });
      await client.csrfCookie();
      return client.post('/auth/login', { email, password });
    };
    for (const accept of [
      'application/json',
      'application/json, text/plain, */*',
      'application/vnd.api+json',
      'text/json',
    ]) {
      const answer = await asked(accept, PASSWORD);
      assert.deepEqual([answer.status, answer.json], [200, { two_factor: false }], accept);
    }
    for (const accept of ['*/*', '', 'text/html', 'text/html, application/json', '*/*, application/json']) {
      const answer = await asked(accept, PASSWORD);
      assert.deepEqual([answer.status, answer.headers['location'], answer.text], [302, '/', ''], accept);
      assert.ok(setNames(answer).includes(SESSION));
      assertInvalid(await asked(accept, 'wrong'), { email: ['The provided credentials are incorrect.'] });
    }
  });

  it('what is no success of Fortify’s is JSON whatever is wanted', async () => {
    const client = await signedIn(world());
    const headers = { accept: '*/*' };
    assert.equal((await client.user({ headers })).body.data?.locale, 'en');
    assert.deepEqual((await client.patch('/user/locale', { locale: 'en' }, { headers })).body.locale, 'en');
    assert.equal((await client.get('/app/config', { headers })).body.demo_mode, false);
  });

  it('a 204 has neither body nor type', async () => {
    const client = await signedIn(world());
    for (const answer of [await client.csrfCookie(), await client.post('/auth/logout')]) {
      assert.deepEqual([answer.status, answer.text, answer.headers['content-type']], [204, '', undefined]);
      assert.match(String(answer.headers['cache-control']), /no-store|no-cache, private/);
    }
  });

  it('a HEAD is answered as a GET, without its body', async () => {
    const client = await signedIn(world());
    for (const line of LINES.filter(({ method }) => method === 'GET')) {
      const [get, head] = [await askLine(client, line), await client.ask('HEAD', line.url)];
      assert.deepEqual([head.status, head.text], [get.status, ''], line.name);
      assert.equal(head.headers['content-type'], get.headers['content-type'], line.name);
    }
  });
});
