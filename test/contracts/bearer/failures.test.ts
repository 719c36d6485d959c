import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import pg from 'pg';
import { bearer as contract } from '../../../src/contracts/bearer/contract.ts';
import { Failure } from '../../../src/core/failure.ts';
import { hasPostgres } from '../../support/databases.ts';
import { openGitHub } from '../../support/github-look-alike.ts';
import { assertRefused, assertShape, assertSignedIn, NOT_JSON, WORDS } from './answers.ts';
import {
  type Answer,
  type Asking,
  type Body,
  type Client,
  type OpenedClient,
  OTHER_PASSWORD,
  openClient,
  PASSWORD,
  PREFIX,
  sharedWorld,
  WRONG,
} from './client.ts';
import { ALL, BODIES, OF_BROWSERS, SIGNED_IN, split } from './lines.ts';

const GITHUB = {
  GUICHET_GITHUB_CLIENT_ID: 'Iv1.8a61f9b3a7aba766',
  GUICHET_GITHUB_CLIENT_SECRET: 'f'.repeat(40),
};
const UNSAFE = ALL.filter((line) => !line.startsWith('GET '));

/** What two answers must have in common that tell nothing: all but the request's own id and time. */
const told = ({ body, headers, status }: Answer) => ({
  status,
  body,
  headers: Object.keys(headers).filter((name) => name !== 'date'),
});

const asking = (line: string): Asking => {
  const body = BODIES[line];
  return body ? { body } : {};
};

describe('a wrong e-mail or password', () => {
  const world = sharedWorld();
  const tries = async (email: string, times: number): Promise<void> => {
    for (let count = 0; count < times; count += 1) {
      assertRefused(await world().another().signIn(email, WRONG), 401, 'INVALID_CREDENTIALS');
    }
  };

  it('R013: is one answer, whatever of it is wrong', async () => {
    const { account, address, another, identity } = world();
    const { email } = await account({ phone: '+33612345678' });
    const disabled = await account();
    await identity.lockAccount({ uuid: disabled.uuid });
    const unverified = await account({ verified: false });
    const none = await account({ password: null });
    const answers: Answer[] = [];
    for (const [given, password] of [
      [email, WRONG],
      [email, ''],
      [email, 'x'.repeat(4096)],
      [address(), PASSWORD],
      ['nobody', PASSWORD],
      ['+33612345678', PASSWORD],
      [disabled.email, PASSWORD],
      [unverified.email, WRONG],
      [none.email, ''],
      [none.email, PASSWORD],
    ] as const) {
      answers.push(await another().signIn(given, password));
      answers.push(await another().signIn(given, password, { totpCode: '123456' }));
      answers.push(await another().signIn(given, password, { recoveryCode: 'ABCDE' }));
    }
    for (const answer of answers) {
      assertRefused(answer, 401, 'INVALID_CREDENTIALS');
      assert.deepEqual(told(answer), told(answers[0] as Answer));
    }
  });

  it('R013: locks with the tenth, for an address that nobody has as well', async () => {
    const locked = { message: 'Too many failed attempts. Please try again in 15 minutes', retryAfter: 900 };
    for (const email of [(await world().account()).email, world().address(), 'nobody at all']) {
      await tries(email, 10);
      for (const more of [{}, { totpCode: '123456' }]) {
        assertRefused(await world().another().signIn(email, PASSWORD, more), 423, 'ACCOUNT_LOCKED', locked);
      }
    }
  });

  it('says how long is left of a lock, and locks twice as long the next time', async () => {
    const { account, another, clock } = world();
    const { email } = await account();
    const assertLocked = async (left: string, retryAfter: number): Promise<void> => {
      const message = `Too many failed attempts. Please try again in ${left}`;
      assertRefused(await another().signIn(email), 423, 'ACCOUNT_LOCKED', { message, retryAfter });
    };
    await tries(email, 10);
    clock.advance({ minutes: 5 });
    await assertLocked('10 minutes', 600);
    clock.advance({ minutes: 9, seconds: 1 });
    await assertLocked('59 seconds', 59);
    clock.advance({ seconds: 59 });
    await tries(email, 10);
    await assertLocked('30 minutes', 1800);
  });

  it('leaves a client in that the account knows, by the token it was given, and its sessions', async () => {
    const { another, signedIn } = world();
    const { client, email } = await signedIn();
    const { clientToken: client_token, token } = client;
    await tries(email, 10);
    assert.equal((await another().signIn(email)).status, 423);
    assert.equal((await another().signIn(email, PASSWORD, { client_token: 'A'.repeat(43) })).status, 423);
    assertSignedIn(await client.signIn(email, PASSWORD, { client_token }), { email });
    assert.equal((await client.get('/session', { token })).status, 200);
  });

  it('of a signed-in person is counted like one at the door', async () => {
    const { client, email } = await world().signedIn();
    const asked = [
      () => client.post('/change-password', { currentPassword: WRONG, newPassword: OTHER_PASSWORD }),
      () => client.post('/reauthenticate', { password: WRONG }),
      () => client.post('/two-factor/enable', { password: WRONG }),
      () => client.delete('/user', { password: WRONG }),
      () => client.post('/change-email', { newEmail: world().address(), password: WRONG }),
    ];
    for (const ask of [...asked, ...asked]) assertRefused(await ask(), 401, 'INVALID_CREDENTIALS');
    const locked = { message: 'Too many failed attempts. Please try again in 15 minutes', retryAfter: 900 };
    assertRefused(await world().another().signIn(email), 423, 'ACCOUNT_LOCKED', locked);
    for (const ask of asked) assertRefused(await ask(), 423, 'ACCOUNT_LOCKED', locked);
    assert.equal((await client.get('/session')).status, 200);
  });

  it('is too many from one network after thirty in five minutes', async () => {
    const { account, address, another, clock } = world();
    const { email } = await account();
    const client = another({ address: '198.51.100.7' });
    for (let count = 0; count < 30; count += 1) await client.signIn(address(), WRONG);
    clock.advance({ minutes: 4 });
    const message = 'Too many requests. Please try again in 60 seconds';
    const refused = await another({ address: '198.51.100.200' }).signIn(email);
    assertRefused(refused, 429, 'RATE_LIMIT_EXCEEDED', { message, retryAfter: 60 });
    assert.equal((await another().signIn(email)).status, 200);
  });
});

describe('what there is too much of', () => {
  const world = sharedWorld();
  const message = 'Too many requests. Please try again in 60 minutes';

  it('R016: the sixth verification that is asked for in an hour, for an address that nobody has as well', async () => {
    const { account, address, another, clock } = world();
    for (const email of [(await account({ verified: false })).email, (await account()).email, address()]) {
      for (let count = 0; count < 5; count += 1) {
        assert.equal((await another().post('/send-verification-email', { email })).status, 200);
      }
      const sixth = await another().post('/send-verification-email', { email });
      assertRefused(sixth, 429, 'RATE_LIMIT_EXCEEDED', { message, retryAfter: 3600 });
    }
    clock.advance({ hours: 1 });
  });

  it('wrong codes: ten in an hour', async () => {
    const { client } = await world().signedIn();
    const { secret = '' } = (await client.post('/two-factor/enable')).body;
    const wrong = (): string => world().totp(secret, 20);
    for (let count = 0; count < 10; count += 1) {
      if (count % 5 === 0) await client.post('/two-factor/enable');
      assertRefused(await client.post('/two-factor/verify', { code: wrong() }), 401, 'INVALID_TOTP');
    }
    const answer = await client.post('/two-factor/verify', { code: wrong() });
    assertRefused(answer, 429, 'RATE_LIMIT_EXCEEDED', { message, retryAfter: 3600 });
  });

  it('mails that one network asks for: twenty in an hour, whatever is asked for', async () => {
    const client = world().another({ address: '203.0.113.9' });
    const paths = ['/send-magic-link', '/forgot-password', '/send-verification-email', '/send-magic-link'];
    for (let count = 0; count < 20; count += 1) {
      const path = paths[count % paths.length] ?? '';
      assert.equal((await client.post(path, { email: world().address() })).status, 200);
    }
    for (const path of paths) {
      const answer = await client.post(path, { email: world().address() });
      assertRefused(answer, 429, 'RATE_LIMIT_EXCEEDED', { message, retryAfter: 3600 });
    }
  });
});

describe('a session that is missing or bad', () => {
  const world = sharedWorld({ env: GITHUB });

  it('is refused on every line that needs one', async () => {
    const client = world().another();
    for (const line of SIGNED_IN) {
      const [method, path] = split(line);
      const none = await client.ask(method, path, asking(line));
      assertRefused(none, 401, 'INVALID_TOKEN', { what: line });
      assert.equal(none.headers['www-authenticate'], 'Bearer', line);
      for (const token of ['a.b.c', 'x', 'A'.repeat(43), 'A'.repeat(5000)]) {
        const bad = await client.ask(method, path, { ...asking(line), token });
        assertRefused(bad, 401, 'INVALID_TOKEN', { what: line });
        assert.equal(bad.headers['www-authenticate'], 'Bearer error="invalid_token"', line);
      }
    }
  });

  it('R071: is what signing out makes of it, on every line', async () => {
    const { client } = await world().signedIn();
    const token = client.token ?? '';
    assert.equal((await client.post('/sign-out')).status, 200);
    for (const line of SIGNED_IN) {
      const [method, path] = split(line);
      const answer = await client.ask(method, path, { ...asking(line), token });
      assertRefused(answer, 401, 'INVALID_TOKEN', { what: line });
    }
  });

  it('is what an operator’s lock makes of it', async () => {
    const { account, client } = await world().signedIn();
    await world().identity.lockAccount({ uuid: account.uuid });
    assertRefused(await client.get('/session'), 401, 'INVALID_TOKEN');
  });

  it('R070: is over seven days after its last use, and thirty after the sign-in', async (t) => {
    const { clock, signedIn } = await openClient(t);
    const [{ client: idle }, { client: busy }] = [await signedIn(), await signedIn()];
    const begun = clock.now();
    const turnTo = (days: number, milliseconds = 0): void =>
      clock.advance({ milliseconds: begun + days * 86_400_000 + milliseconds - clock.now() });
    turnTo(7, -1);
    assert.equal((await busy.get('/session')).status, 200);
    turnTo(7);
    assertRefused(await idle.get('/session'), 401, 'INVALID_TOKEN');
    for (const days of [13, 19, 25]) {
      turnTo(days);
      assert.equal((await busy.get('/session')).status, 200);
    }
    turnTo(30, -1);
    assert.equal((await busy.get('/session')).status, 200);
    turnTo(30);
    assertRefused(await busy.get('/session'), 401, 'INVALID_TOKEN');
  });

  it('is what the credentials of the other contracts are here', async () => {
    const { another, app, signedIn } = world();
    const { email } = await signedIn();
    const device = await another().askAt('POST', '/api/v1/auth/login', {
      body: { identifier: email, password: PASSWORD },
    });
    const tokens = device.body as { access_token?: string; refresh_token?: string };
    const browser = await app.inject({
      method: 'POST',
      url: '/v1/auth/login',
      payload: { email, password: PASSWORD },
    });
    const cookies = Object.fromEntries(browser.cookies.map(({ name, value }) => [name, value]));
    const foreign = [
      tokens.access_token,
      tokens.refresh_token,
      cookies['accessToken'],
      cookies['refreshToken'],
      (device.body as Body).client_token,
      cookies['guichet_client'],
    ];
    for (const token of foreign) {
      assert.ok(token);
      for (const line of SIGNED_IN) {
        const [method, path] = split(line);
        const answer = await another().ask(method, path, { ...asking(line), token });
        assertRefused(answer, 401, 'INVALID_TOKEN', { what: line });
      }
    }
  });

  it('is what its token is to the other contracts', async () => {
    const { another, app, signedIn } = world();
    const { client } = await signedIn();
    const token = client.token ?? '';
    for (const path of ['/me', '/sessions', '/devices']) {
      const answer = await another().askAt('GET', `/api/v1/auth${path}`, { token });
      assert.deepEqual([answer.status, answer.body.error], [401, 'invalid_token'], path);
    }
    for (const [path, body] of [
      ['/logout', undefined],
      ['/refresh', { refresh_token: token }],
      ['/reauthenticate', { password: PASSWORD }],
    ] as const) {
      const answer = await another().askAt('POST', `/api/v1/auth${path}`, { token, ...(body && { body }) });
      assert.equal(answer.status, 401, path);
    }
    for (const headers of [
      { authorization: `Bearer ${token}` },
      { cookie: `accessToken=${token}; refreshToken=${token}` },
    ]) {
      for (const [method, path] of [
        ['GET', '/me'],
        ['POST', '/refresh'],
        ['GET', '/sessions'],
      ] as const) {
        const { statusCode } = await app.inject({ method, url: `/v1/auth${path}`, headers });
        assert.equal(statusCode, 401, path);
      }
    }
    assert.equal((await client.get('/session')).status, 200);
  });

  it('R078: is a token outside of the header', async () => {
    const { app, signedIn } = world();
    const { client } = await signedIn();
    const token = client.token ?? '';
    for (const name of ['token', 'access_token', 'accessToken', 'sessionToken', 'authorization', 'bearer']) {
      for (const query of [`?${name}=${token}`, `?${name}=Bearer%20${token}`]) {
        assertRefused(await client.get(`/session${query}`, { token: null }), 401, 'INVALID_TOKEN');
        assertRefused(await client.get(`/sessions${query}`, { token: null }), 401, 'INVALID_TOKEN');
        assertRefused(await client.post(`/sign-out${query}`, undefined, { token: null }), 401, 'INVALID_TOKEN');
      }
      const body = { [name]: token };
      for (const path of ['/sign-out', '/reauthenticate', '/two-factor/enable', '/passkey/register']) {
        assertRefused(await client.post(path, body, { token: null }), 401, 'INVALID_TOKEN');
      }
      assertRefused(await client.delete('/user', body, { token: null }), 401, 'INVALID_TOKEN');
      const headers = { [`x-${name.replace('_', '-')}`]: token, cookie: `${name}=${token}` };
      assertRefused(await client.get('/session', { token: null, headers }), 401, 'INVALID_TOKEN');
    }
    const form = await app.inject({
      method: 'POST',
      url: `${PREFIX}/sign-out`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: `access_token=${token}`,
    });
    assert.equal(form.statusCode, 415);
    assert.equal((await client.get('/session')).status, 200);
  });

  it('is a token under another scheme than Bearer, however that is written', async () => {
    const { client } = await world().signedIn();
    const token = client.token ?? '';
    const ask = (authorization: string): Promise<Answer> =>
      client.get('/session', { token: null, headers: { authorization } });
    for (const good of [`Bearer ${token}`, `bearer ${token}`, `BEARER   ${token}`]) {
      assert.equal((await ask(good)).status, 200, good);
    }
    for (const bad of [
      token,
      `Bearer${token}`,
      `Token ${token}`,
      `Basic ${Buffer.from(`user:${token}`).toString('base64')}`,
      `Bearer ${token}, Bearer ${token}`,
      `Bearer "${token}"`,
      `Bearer ${token} x`,
      `Bearer ${token}=`,
      `Bearer ${token.slice(0, -1)}`,
      `Bearer ${token}A`,
      'Bearer',
      'Bearer ',
    ]) {
      assertRefused(await ask(bad), 401, 'INVALID_TOKEN', { what: bad });
    }
  });
});

describe('cookies', () => {
  const world = sharedWorld({ env: GITHUB });

  it('R095: are neither read nor set, whatever a browser sends along', async () => {
    const { account, app, another } = world();
    const { email } = await account();
    const browser = await app.inject({ method: 'POST', url: '/v1/auth/login', payload: { email, password: PASSWORD } });
    const jar = browser.cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
    const headers = { cookie: jar };
    for (const line of ALL) {
      if (OF_BROWSERS.includes(line)) continue;
      const [method, path] = split(line);
      const answer = await another().ask(method, path, { ...asking(line), headers });
      assert.equal(answer.headers['set-cookie'], undefined, line);
      if (SIGNED_IN.includes(line)) assertRefused(answer, 401, 'INVALID_TOKEN', { what: line });
    }
    const client = another({ headers });
    assertSignedIn(await client.signIn(email), { email });
    assert.equal((await client.post('/sign-out')).status, 200);
    assert.equal((await app.inject({ url: '/v1/auth/me', headers })).statusCode, 200);
  });

  it('R095: make no client known', async () => {
    const { account, another, app } = world();
    const { email } = await account();
    const browser = await app.inject({ method: 'POST', url: '/v1/auth/login', payload: { email, password: PASSWORD } });
    const known = browser.cookies.find(({ name }) => name === 'guichet_client')?.value;
    assert.ok(known);
    for (let count = 0; count < 10; count += 1) await another().signIn(email, WRONG);
    const client = another({ headers: { cookie: `guichet_client=${known}` } });
    assert.equal((await client.signIn(email)).status, 423);
    assertSignedIn(await client.signIn(email, PASSWORD, { client_token: known }), { email });
  });

  it('R095: are set where a browser is sent to a provider, and there alone', async () => {
    const browser = world().another();
    const start = await browser.get('/oauth/github');
    assert.equal(start.status, 302, start.text);
    const set = String(start.headers['set-cookie']);
    assert.match(set, /^guichet_oauth=[\w.-]+; Max-Age=600; Path=\/; HttpOnly; SameSite=Lax$/);
    // A refused request sets nothing, and takes nothing away.
    assertRefused(await browser.get('/callback/github?code=x&state=y'), 400, 'INVALID_TOKEN');
    assertRefused(await world().another().get('/callback/github?code=x&state=y'), 400, 'INVALID_TOKEN');
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

describe('what the server cannot do', () => {
  it('is a fault in this contract’s shape, and tells nothing of it', async (t) => {
    const passwordAdvice = { flawOf: () => Promise.reject(new Error('secret inner words')) };
    const { another } = await openClient(t, { overrides: { passwordAdvice } });
    const answer = await another().signUp('ada@example.com');
    assertRefused(answer, 500, 'SERVER_ERROR');
    assert.doesNotMatch(JSON.stringify(answer), /inner words/);
  });

  it('is told when too much is going on, with when to come again', async (t) => {
    const busy = new Failure('overloaded', { retryAfterSeconds: 5 });
    const passwordAdvice = { flawOf: () => Promise.reject(busy) };
    const { another } = await openClient(t, { overrides: { passwordAdvice } });
    assertRefused(await another().signUp('ada@example.com'), 503, 'UNAVAILABLE', { retryAfter: 5 });
  });

  for (const database of ['sqlite', 'postgres'] as const) {
    const skip = database === 'postgres' && !hasPostgres ? 'no PostgreSQL server' : false;
    it(`R158: is told on every line while the database is away, on ${database}`, { skip }, async (t) => {
      // A database that is gone cannot be closed in good order, either.
      const undo: (() => unknown)[] = [];
      t.after(async () => {
        for (const work of undo.reverse()) await Promise.resolve(work()).catch(() => {});
      });
      const github = await openGitHub(t);
      const env = {
        GUICHET_RATE_LIMITS: 'off',
        GUICHET_GITHUB_CLIENT_ID: github.clientId,
        GUICHET_GITHUB_CLIENT_SECRET: github.clientSecret,
        GUICHET_GITHUB_BASE_URL: github.url,
        GUICHET_GITHUB_API_URL: github.apiUrl,
      };
      const opened = await openClient({ after: (work) => void undo.push(async () => work()) }, { database, env });
      const { client } = await opened.signedIn();
      const start = await client.get('/oauth/github');
      const back = new URL(await github.signInAt(start.location ?? ''));
      await takeAway(opened, database);
      opened.clock.advance({ seconds: 2 });
      for (const line of ALL) {
        if (OF_BROWSERS.includes(line)) continue;
        const [method, path] = split(line);
        const answer = await client.ask(method, path, asking(line));
        assertRefused(answer, 503, 'UNAVAILABLE', { retryAfter: 2, what: line });
      }
      const returned = await client.askAt('GET', `${back.pathname}${back.search}`);
      assertRefused(returned, 503, 'UNAVAILABLE', { retryAfter: 2 });
    });
  }
});

describe('what a request is refused for before anybody looks at it', () => {
  const world = sharedWorld({ env: GITHUB });

  it('a path that there is none of', async () => {
    const { client } = await world().signedIn();
    for (const path of [
      '',
      '/',
      '/nothing',
      '/session/',
      '/SESSION',
      '/session/x.css',
      '/session;.js',
      '/two-factor',
      '/passkey',
      '//session',
      '/%zz',
      '/sessions/%ff',
      '/oauth',
      '/callback',
      '/oauth/github/link/x',
      '/sign-up/..%2fsession',
    ]) {
      assertRefused(await client.get(path), 404, 'NOT_FOUND', { what: path });
      assertRefused(await client.post(path, { email: 'x' }), 404, 'NOT_FOUND', { what: path });
    }
  });

  it('a method that a path does not take, with those that it takes', async () => {
    const client = world().another();
    const paths = new Map<string, string[]>();
    for (const { keepsState, method, path } of contract.routes) {
      const allowed = paths.get(path) ?? [];
      // To look at where a browser is sent along would keep something for nobody.
      paths.set(path, [...allowed, method, ...(method === 'GET' && !keepsState ? ['HEAD'] : [])]);
    }
    const at = (path: string): string =>
      ALL.map(split)
        .map(([, given]) => given)
        .find((given) => new RegExp(`^${path.replace(/:\w+/g, '[^/]+')}$`).test(given)) ?? assert.fail(path);
    for (const [path, allowed] of paths) {
      for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const) {
        if (allowed.includes(method)) continue;
        const answer = await client.ask(method, at(path));
        const what = `${method} ${path}`;
        if (method === 'HEAD') assert.deepEqual([answer.status, answer.text], [405, ''], what);
        else assertRefused(answer, 405, 'METHOD_NOT_ALLOWED', { what });
        assert.deepEqual(String(answer.headers['allow']).split(', ').sort(), [...allowed].sort(), what);
        assert.equal(answer.headers['set-cookie'], undefined, what);
      }
    }
  });

  it('R093: a method that is said to be another one', async () => {
    const { client } = await world().signedIn();
    for (const name of ['x-http-method-override', 'x-http-method', 'x-method-override']) {
      const headers = { [name]: 'DELETE' };
      assert.equal((await client.get('/session', { headers })).status, 200);
      const answer = await client.post('/user', { _method: 'DELETE' }, { headers });
      assertRefused(answer, 405, 'METHOD_NOT_ALLOWED');
      assert.equal((await client.get('/sessions?_method=DELETE', { headers })).status, 200);
    }
    assert.equal((await client.get('/session')).status, 200);
  });

  it('nothing where HEAD asks for what GET gives', async () => {
    const { client } = await world().signedIn();
    for (const path of ['/session', '/sessions', '/passkeys', '/accounts']) {
      const [head, get] = [await client.ask('HEAD', path), await client.get(path)];
      assert.deepEqual([head.status, head.text, get.status], [200, '', 200], path);
      assert.equal(head.headers['content-length'], get.headers['content-length']);
    }
  });

  it('R092: a body of another type', async () => {
    const { client } = await world().signedIn();
    const types = ['text/plain', 'application/x-www-form-urlencoded', 'application/xml', 'multipart/form-data', 'x'];
    for (const line of UNSAFE) {
      const [method, path] = split(line);
      for (const type of types) {
        const answer = await client.ask(method, path, { raw: 'email=x', headers: { 'content-type': type } });
        assertRefused(answer, 415, 'UNSUPPORTED_MEDIA_TYPE', { what: `${line} ${type}` });
      }
    }
    assert.equal((await client.get('/session')).status, 200);
  });

  it('a body that is not JSON', async () => {
    const { client } = await world().signedIn();
    const raws = [
      '{',
      '{"email": "a",}',
      "{'email': 'a'}",
      'email=a',
      '\ufeff{}',
      '{"email":"a"} {}',
      'NaN',
      Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
      Buffer.from([0x22, 0xc0, 0x80, 0x22]),
    ];
    for (const line of UNSAFE) {
      const [method, path] = split(line);
      for (const raw of raws) {
        const answer = await client.ask(method, path, { raw });
        assertRefused(answer, 400, 'VALIDATION_ERROR', { ...NOT_JSON, what: line });
      }
    }
    assert.equal((await client.get('/session')).status, 200);
  });

  it('R141: a body that is too large', async () => {
    const { client } = await world().signedIn();
    const body = { email: 'a', padding: 'x'.repeat(64 * 1024) };
    for (const line of UNSAFE) {
      const [method, path] = split(line);
      assertRefused(await client.ask(method, path, { body }), 413, 'PAYLOAD_TOO_LARGE', { what: line });
    }
    assert.equal((await client.get('/session')).status, 200);
  });

  it('a page of an origin that is not listed', async () => {
    const { client } = await world().signedIn();
    for (const line of UNSAFE) {
      const [method, path] = split(line);
      for (const headers of [
        { origin: 'https://evil.example' },
        { origin: 'null' },
        { 'sec-fetch-site': 'cross-site' },
        { 'sec-fetch-site': 'same-site' },
      ]) {
        const answer = await client.ask(method, path, { ...asking(line), headers } as Asking);
        assertRefused(answer, 403, 'FORBIDDEN_ORIGIN', { what: line });
        assert.equal(answer.headers['access-control-allow-origin'], undefined, line);
      }
    }
    assert.equal((await client.get('/session')).status, 200);
  });

  it('R094: a page of a listed origin reads what it asked for, and no other does', async () => {
    const { client } = await world().signedIn();
    const cors = ({ headers }: Answer) =>
      Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('access-control-')));
    for (const origin of ['http://localhost:3000', 'http://localhost:5173']) {
      for (const answer of [
        await client.get('/session', { headers: { origin } }),
        await client.get('/session', { headers: { origin }, token: null }),
        await client.post('/sign-in', {}, { headers: { origin } }),
        await client.get('/nothing', { headers: { origin } }),
      ]) {
        assert.deepEqual(cors(answer), {
          'access-control-allow-origin': origin,
          'access-control-expose-headers':
            'X-Request-Id, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset',
        });
        assert.match(String(answer.headers['vary']), /\bOrigin\b/);
      }
    }
    for (const origin of ['https://evil.example', 'null', 'http://localhost.evil.example']) {
      const answer = await client.get('/session', { headers: { origin } });
      assert.deepEqual([answer.status, cors(answer)], [200, {}]);
      assert.match(String(answer.headers['vary']), /\bOrigin\b/);
    }
  });

  it('R094: a browser that asks first is told what a listed page may send, on every path', async () => {
    const client = world().another();
    const preflight = (path: string, origin: string): Promise<Answer> =>
      client.ask('OPTIONS', path, {
        headers: {
          origin,
          'access-control-request-method': 'PATCH',
          'access-control-request-headers': 'authorization,content-type',
        },
      });
    for (const line of ALL) {
      const [, path] = split(line);
      const { headers, status, text } = await preflight(path, 'http://localhost:5173');
      assert.deepEqual([status, text], [204, ''], line);
      assert.equal(headers['access-control-allow-origin'], 'http://localhost:5173');
      assert.equal(headers['access-control-allow-credentials'], undefined);
      const allowed = String(headers['access-control-allow-methods']).split(', ');
      for (const method of ['GET', 'POST', 'PATCH', 'DELETE']) assert.ok(allowed.includes(method), method);
      assert.match(String(headers['access-control-allow-headers']), /\bauthorization\b/);
      assert.match(String(headers['access-control-allow-headers']), /\bcontent-type\b/);
      const foreign = await preflight(path, 'https://evil.example');
      assert.equal(foreign.status, 204, line);
      assert.equal(foreign.headers['access-control-allow-origin'], undefined);
    }
  });
});

describe('the other failures', () => {
  const world = sharedWorld({ env: GITHUB });

  const WEAK: [password: string, message: string][] = [
    ['short', 'The password must have at least 8 characters'],
    ['x'.repeat(1025), 'The password is too long: at most 1,024 bytes are accepted'],
    ['password123', 'This password is among the most common ones. Please choose another'],
    ['abcabcabcabcabc', 'This password is too easy to guess. A few unrelated words make a good one'],
  ];

  it('a weak password is told why, wherever one is chosen', async () => {
    for (const [password, message] of WEAK) {
      assertRefused(await world().another().signUp(world().address(), password), 400, 'WEAK_PASSWORD', { message });
    }
    const { client, email } = await world().signedIn();
    for (const [newPassword, message] of WEAK) {
      const answer = await client.post('/change-password', { currentPassword: PASSWORD, newPassword });
      assertRefused(answer, 400, 'WEAK_PASSWORD', { message });
    }
    await world().another().post('/forgot-password', { email });
    const token = await world().linkToken(email, '/reset-password');
    for (const [password, message] of WEAK) {
      const answer = await world().another().post('/reset-password', { token, password });
      assertRefused(answer, 400, 'WEAK_PASSWORD', { message });
    }
    const own = await world().another().signUp('jean.dupont@example.com', 'jean.dupont1');
    const message = 'The password must not be made of your name or email';
    assertRefused(own, 400, 'WEAK_PASSWORD', { message });
    assert.equal((await world().another().signIn(email)).status, 200);
    // It was refused, not used up.
    const reset = await world().another().post('/reset-password', { token, password: OTHER_PASSWORD });
    assert.equal(reset.status, 200, reset.text);
  });

  it('a token of a link that is dead, whatever killed it', async () => {
    const { email } = await world().account({ verified: false });
    const { another, clock, linkToken } = world();
    await another().post('/send-verification-email', { email });
    const verification = await linkToken(email, '/verify-email');
    await another().post('/forgot-password', { email });
    const reset = await linkToken(email, '/reset-password');
    const link = await world().magicLink(email);
    const uses = (token: string): [path: string, body: object][] => [
      ['/verify-email', { token }],
      ['/reset-password', { token, password: OTHER_PASSWORD }],
      ['/magic-link/verify', { token }],
      ['/exchange', { code: token }],
    ];
    const owner = new Map([
      ['/verify-email', verification],
      ['/reset-password', reset],
      ['/magic-link/verify', link],
    ]);
    for (const token of [verification, reset, link]) {
      const spoiled = [token.slice(0, -1), `${token}=`, `${token}A`, ` ${token}`, `${token}%00`, token.toLowerCase()];
      for (const bad of spoiled) {
        for (const [path, body] of uses(bad)) {
          assertRefused(await another().post(path, body), 400, 'INVALID_TOKEN', { what: path });
        }
      }
      for (const [path, body] of uses(token)) {
        if (owner.get(path) === token) continue;
        assertRefused(await another().post(path, body), 400, 'INVALID_TOKEN', { what: path });
      }
    }
    clock.advance({ minutes: 10 });
    assertRefused(await another().post('/magic-link/verify', { token: link }), 400, 'INVALID_TOKEN');
    clock.advance({ minutes: 50 });
    const late = await another().post('/reset-password', { token: reset, password: OTHER_PASSWORD });
    assertRefused(late, 400, 'INVALID_TOKEN');
    clock.advance({ hours: 22, minutes: 59, seconds: 59 });
    assert.equal((await another().post('/verify-email', { token: verification })).status, 200);
  });

  it('what asks for a fresh sign-in, eleven minutes later', async () => {
    const { client } = await world().signedIn();
    const { id } = await client.addPasskey();
    world().clock.advance({ minutes: 11 });
    const lines: [method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: object][] = [
      ['POST', '/two-factor/enable'],
      ['POST', '/two-factor/disable'],
      ['POST', '/two-factor/recovery-codes'],
      ['POST', '/change-email', { newEmail: world().address() }],
      ['POST', '/passkey/register'],
      ['PATCH', `/passkeys/${id}`, { name: 'x' }],
      ['DELETE', `/passkeys/${id}`],
      ['POST', '/oauth/github/link'],
      ['DELETE', '/accounts/github'],
      ['DELETE', '/user'],
    ];
    for (const [method, path, body] of lines) {
      const answer = await client.ask(method, path, { ...(body && { body }) });
      assertRefused(answer, 403, 'REAUTH_REQUIRED', { what: path });
    }
    assert.equal((await client.post('/reauthenticate', { password: PASSWORD })).status, 200);
    assert.equal((await client.post('/two-factor/enable')).status, 200);
  });

  it('a sign-up where it is closed', async (t) => {
    const { address, another } = await openClient(t, { env: { GUICHET_SIGN_UP: 'closed' } });
    assertRefused(await another().signUp(address()), 403, 'SIGN_UP_CLOSED');
  });

  it('an answer of a passkey that proves nothing', async () => {
    const { client } = await world().signedIn();
    const empty = { id: 'x', rawId: 'x', type: 'public-key', clientExtensionResults: {}, response: {} };
    for (const response of [{}, empty, { ...empty, response: { clientDataJSON: '%%%' } }, { response: null }]) {
      for (const answer of [
        await world().another().post('/passkey/sign-in', { response }),
        await client.post('/passkey/register', { response }),
        await client.post('/reauthenticate', { response }),
      ]) {
        assertRefused(answer, 401, 'INVALID_PASSKEY');
      }
    }
  });

  it('a provider that is not set up, on every line that names one', async () => {
    const { client } = await world().signedIn();
    for (const provider of ['google', 'nobody', 'constructor']) {
      for (const answer of [
        await client.get(`/oauth/${provider}`),
        await client.get(`/callback/${provider}?code=x&state=y`),
        await client.post(`/oauth/${provider}/link`),
      ]) {
        assertRefused(answer, 404, 'PROVIDER_NOT_CONFIGURED', { what: provider });
      }
    }
  });

  it('what is somebody else’s or nobody’s', async () => {
    const [mine, theirs] = [await world().signedIn(), await world().signedIn()];
    const passkey = await theirs.client.addPasskey();
    const { sessions = [] } = (await theirs.client.get('/sessions')).body;
    const session = String(sessions[0]?.['id']);
    const { client }: { client: Client } = mine;
    assertRefused(await client.delete(`/sessions/${session}`), 404, 'NOT_FOUND');
    assertRefused(await client.delete(`/passkeys/${passkey.id}`), 404, 'NOT_FOUND');
    assertRefused(await client.patch(`/passkeys/${passkey.id}`, { name: 'x' }), 404, 'NOT_FOUND');
    assertRefused(await client.delete('/accounts/github'), 404, 'NOT_FOUND');
    assertRefused(await client.post('/two-factor/recovery-codes'), 404, 'NOT_FOUND');
    assert.equal((await theirs.client.get('/session')).status, 200);
    assert.deepEqual((await theirs.client.get('/passkeys')).body.passkeys, [passkey]);
  });

  it('each in words of its own', async () => {
    assert.equal(new Set(Object.values(WORDS)).size, Object.keys(WORDS).length);
    assertShape(await world().another().get('/session'));
  });
});
