import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Answer,
  assertGuest,
  assertInvalid,
  assertRefused,
  type OpenedClient,
  openClient,
  PASSWORD,
  PREFIX,
  SESSION,
  SPA,
  XSRF,
} from './client.ts';
import { assertAnswer, KNOWN, WEB } from './endpoint-answers.ts';
import { linkTo, setUpPath } from './endpoint-people.ts';

/** Every line of the contract, and those at the root. */
const LINES = [
  'GET /app/config',
  'POST /login',
  'POST /logout',
  'POST /two-factor-challenge',
  'POST /auth/two-factor-challenge',
  'GET /auth/user',
  'GET /user',
  'PATCH /user/site',
  'PATCH /user/locale',
  'PUT /user/password',
  'POST /auth/forgot-password',
  'POST /auth/reset-password',
  'GET /auth/setup-password/1/x',
  'POST /auth/setup-password/1/x',
  'POST /auth/setup-password-resend',
  'POST /user/confirm-password',
  'GET /user/confirmed-password-status',
  'POST /user/two-factor-authentication',
  'DELETE /user/two-factor-authentication',
  'GET /user/two-factor-qr-code',
  'GET /user/two-factor-secret-key',
  'POST /user/confirmed-two-factor-authentication',
  'GET /user/two-factor-recovery-codes',
  'POST /user/two-factor-recovery-codes',
];
const ROOT_LINES = [
  'GET /sanctum/csrf-cookie',
  'GET /up',
  'POST /login',
  'POST /logout',
  'POST /two-factor-challenge',
  ...LINES.filter((line) => /\/user\/(confirm|two-factor)/.test(line)),
];

/** The status of each line, asked with nothing. */
async function statusesOf(world: OpenedClient, lines: readonly string[], prefix = ''): Promise<Record<string, number>> {
  const statuses: Record<string, number> = {};
  const client = world.another();
  for (const line of lines) {
    const [method, path] = line.split(' ') as ['GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', string];
    const answer = await client.ask(method, `${prefix}${path}`, { cookie: null, xsrf: null });
    statuses[line] = answer.status;
  }
  return statuses;
}

const all = (lines: readonly string[], status: number): Record<string, number> =>
  Object.fromEntries(lines.map((line) => [line, status]));

/** Checks that the device contract refused the form of a login, in its own shape. */
function assertDevices(answer: Answer): void {
  const { error } = answer.body as { error?: string };
  assert.deepEqual([answer.status, error, answer.setCookies], [422, 'validation_failed', []]);
}

const credentials = (email: string) => ({ email, password: PASSWORD });

describe('where mailed links lead', () => {
  for (const [what, env, origin] of [
    ['without GUICHET_SANCTUM_SPA_URL to the public URL', {}, 'http://localhost:3000'],
    ['with GUICHET_SANCTUM_SPA_URL to the front end', { GUICHET_SANCTUM_SPA_URL: SPA }, SPA],
  ] as const) {
    it(`${what}, and nowhere that a request says (rule 4)`, async (t) => {
      const world = await openClient(t, { env });
      const { client, identity } = world;
      const { email } = await world.account();
      const { id } = await identity.createAccount({ email: 'invited@example.com' });
      await client.csrfCookie();
      world.clock.advance({ minutes: 1 });
      const headers = { origin: 'http://localhost:4000', referer: 'http://localhost:4000/' };
      await client.post('/auth/forgot-password', { email }, { headers });
      await client.post('/auth/setup-password-resend', { email: 'invited@example.com' }, { headers });
      const reset = await linkTo(email, world);
      assert.equal(`${reset.origin}${reset.pathname}`, `${origin}/reset-password`);
      const setUp = await linkTo('invited@example.com', world);
      assert.equal(setUp.origin, origin);
      assert.match(setUp.pathname, new RegExp(`^/setup-password/${id}/[0-9a-f]+$`));
      assert.equal((await client.get(setUpPath(setUp))).status, 200);
    });
  }
});

describe('GUICHET_SANCTUM_PREFIX', () => {
  const env = { GUICHET_SANCTUM_PREFIX: '/spa' };

  it('moves every line below it, and none of those at the root', async (t) => {
    const world = await openClient(t, { env });
    assert.deepEqual(await statusesOf(world, LINES, PREFIX), all(LINES, 404));
    const moved = Object.values(await statusesOf(world, LINES, '/spa'));
    const atRoot = Object.values(await statusesOf(world, ROOT_LINES));
    assert.equal(
      [...moved, ...atRoot].some((status) => status === 404),
      false,
    );
  });

  it('leaves a session working, and /api/v1/auth/login to the device contract alone', async (t) => {
    const { account, client } = await openClient(t, { env });
    const { email } = await account();
    await client.csrfCookie();
    const login = await client.ask('POST', '/spa/auth/login', { body: credentials(email) });
    assertAnswer(login, { status: 200, body: { two_factor: false }, sets: [...WEB, KNOWN] });
    assert.equal((await client.ask('GET', '/spa/user')).body.data?.email, email);
    const elsewhere = await client.ask('POST', '/api/v1/auth/login', { body: credentials(email) });
    assertDevices(elsewhere);
    const out = await client.ask('POST', '/spa/auth/logout');
    assertAnswer(out, { status: 204, sets: WEB });
    assertGuest(await client.ask('GET', '/spa/auth/user'));
  });
});

describe('GUICHET_SANCTUM_SESSION_COOKIE', () => {
  it('renames the session cookie; the old name opens nothing', async (t) => {
    const { account, client } = await openClient(t, { env: { GUICHET_SANCTUM_SESSION_COOKIE: 'laravel-session' } });
    const { email } = await account();
    const login = await client.login(email);
    assertAnswer(login, { status: 200, body: { two_factor: false }, sets: ['laravel-session', XSRF, KNOWN] });
    assert.equal((await client.user()).status, 200);
    const session = client.cookie('laravel-session');
    assertGuest(await client.user({ cookie: `${SESSION}=${session}` }));
    assert.equal((await client.post('/auth/logout')).status, 204);
  });

  it('is a mark by which a login without a body is known for this contract’s (rule 33)', async (t) => {
    const { another, client } = await openClient(t, { env: { GUICHET_SANCTUM_SESSION_COOKIE: 'laravel-session' } });
    await client.csrfCookie();
    const cookie = `laravel-session=${client.cookie('laravel-session')}`;
    assertRefused(await client.post('/auth/login', {}, { cookie, xsrf: null }), 419, 'CSRF token mismatch.');
    const other = await another().post('/auth/login', {}, { cookie: `${SESSION}=x`, xsrf: null });
    assertDevices(other);
  });
});

describe('GUICHET_CONTRACTS', () => {
  it('without sanctum answers 404 at each of its paths, and / is the landing page for everybody', async (t) => {
    const world = await openClient(t, { env: { GUICHET_CONTRACTS: 'device,bearer,cookie' } });
    assert.deepEqual(await statusesOf(world, LINES, PREFIX), all(LINES, 404));
    assert.deepEqual(await statusesOf(world, ROOT_LINES), all(ROOT_LINES, 404));
    const root = await world.client.ask('GET', '/');
    assert.equal(root.status, 200);
    assert.match(String(root.headers['content-type']), /^text\/html/);
  });

  it('without sanctum leaves login and logout to device, whatever the body and the marks', async (t) => {
    const { account, client } = await openClient(t, { env: { GUICHET_CONTRACTS: 'device' } });
    const { email } = await account();
    const marks = { headers: { 'x-xsrf-token': 'x' }, cookie: `${SESSION}=x` };
    assertDevices(await client.post('/auth/login', credentials(email), marks));
    const login = await client.post('/auth/login', { identifier: email, password: PASSWORD }, marks);
    const { access_token: token } = login.body as { access_token?: string };
    assert.equal(login.status, 200, login.text);
    const authorization = `Bearer ${token}`;
    const out = await client.post('/auth/logout', undefined, { headers: { ...marks.headers, authorization } });
    assert.equal(out.status, 200, out.text);
    assert.deepEqual([...login.setCookies, ...out.setCookies], []);
  });

  it('without sanctum another contract can have its prefix', async (t) => {
    const env = { GUICHET_CONTRACTS: 'device,cookie', GUICHET_COOKIE_PREFIX: PREFIX };
    const { account, client } = await openClient(t, { env });
    const { email } = await account();
    const login = await client.ask('POST', `${PREFIX}/login`, { body: credentials(email) });
    assert.equal(login.status, 200, login.text);
    assert.ok(client.jar.has('accessToken'));
  });

  it('with sanctum alone has its login and logout work, whatever the body and the marks', async (t) => {
    const { account, another, client } = await openClient(t, { env: { GUICHET_CONTRACTS: 'sanctum' } });
    const { email } = await account();
    const login = await client.login(email);
    assertAnswer(login, { status: 200, body: { two_factor: false }, sets: [...WEB, KNOWN] });
    assert.equal((await client.user()).status, 200);
    const both = await client.post('/auth/login', { identifier: email, password: PASSWORD });
    assertInvalid(both, { email: ['The email field is required.'] });
    const unmarked = { cookie: null, xsrf: null };
    for (const body of [credentials(email), { identifier: email, password: PASSWORD }, undefined]) {
      assertRefused(await another().post('/auth/login', body, unmarked), 419, 'CSRF token mismatch.');
    }
    const authorization = 'Bearer x';
    const bare = await client.post('/auth/logout', undefined, { xsrf: null, headers: { authorization } });
    assertRefused(bare, 419, 'CSRF token mismatch.');
    assertAnswer(await client.post('/auth/logout'), { status: 204, sets: WEB });
    assertGuest(await client.user());
  });

  it('with sanctum alone sends invitations and resets that work', async (t) => {
    const world = await openClient(t, { env: { GUICHET_CONTRACTS: 'sanctum' } });
    const { client, identity } = world;
    const email = 'invited@example.com';
    await identity.createAccount({ email });
    await client.csrfCookie();
    const twice = { password: PASSWORD, password_confirmation: PASSWORD };
    const setUp = await client.post(setUpPath(await linkTo(email, world)), twice);
    assert.equal(setUp.status, 200, setUp.text);
    world.clock.advance({ minutes: 1 });
    await client.post('/auth/forgot-password', { email });
    const token = (await linkTo(email, world)).searchParams.get('token');
    const password = 'another quiet horse';
    const reset = await client.post('/auth/reset-password', {
      email,
      token,
      password,
      password_confirmation: password,
    });
    assert.equal(reset.status, 200, reset.text);
    assert.equal((await client.login(email, password)).status, 200);
  });
});
