import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sql } from 'kysely';
import {
  assertGuest,
  assertInvalid,
  assertRefused,
  type Client,
  openClient,
  PASSWORD,
  REMEMBER,
  SESSION,
  SPA,
  sharedWorld,
  XSRF,
} from '../contracts/sanctum/client.ts';
import { listenOnLoopback } from '../support/loopback.ts';
import { openWorld } from '../support/world.ts';
import { atOnce, confirm, enrol, sessionsOf, thiefOf, waiting } from './sanctum-people.ts';

const WRONG = 'not the password';
const MISMATCH = 'CSRF token mismatch.';
const CONFIRM = 'Password confirmation required.';
const BAD_CODE = { code: ['The provided two factor authentication code was invalid.'] };
/** Everything that asks for a confirmed password. */
const SENSITIVE = [
  ['POST', '/user/two-factor-authentication'],
  ['DELETE', '/user/two-factor-authentication'],
  ['GET', '/user/two-factor-qr-code'],
  ['GET', '/user/two-factor-secret-key'],
  ['POST', '/user/confirmed-two-factor-authentication'],
  ['GET', '/user/two-factor-recovery-codes'],
  ['POST', '/user/two-factor-recovery-codes'],
] as const;

async function assertNothingIsFresh(client: Client): Promise<void> {
  const statuses: Record<string, number> = {};
  for (const [method, path] of SENSITIVE) {
    for (const prefix of ['', '/api/v1']) {
      const answer = await client.ask(
        method,
        `${prefix}${path}`,
        method === 'POST' ? { body: { code: '000000' } } : {},
      );
      if (answer.status !== 423) statuses[`${method} ${prefix}${path}`] = answer.status;
    }
  }
  assert.deepEqual(statuses, {});
}

describe('attacks on the sanctum contract: with a stolen cookie', () => {
  const world = sharedWorld();

  it('rule 30: whoever has the name of the session from before has not confirmed the password', async () => {
    const client = await world().signedIn();
    const thief = thiefOf(world(), client);
    await confirm(client);
    assert.deepEqual((await thief.get('/user/confirmed-password-status')).json, { confirmed: false });
    await assertNothingIsFresh(thief);
  });

  it('rule 30: the name from before answers for ten seconds, and not for eleven', async () => {
    const client = await world().signedIn();
    const thief = thiefOf(world(), client);
    await confirm(client);
    world().clock.advance({ milliseconds: 9_999 });
    assert.equal((await thief.user()).status, 200);
    assert.equal((await client.user()).status, 200);
    world().clock.advance({ milliseconds: 1 });
    assertGuest(await thief.user());
    assert.equal((await client.user()).status, 200);
  });

  it('R071: a browser that signs out by the name from before ends the session all the same', async () => {
    const client = await world().signedIn();
    const tab = thiefOf(world(), client);
    await confirm(client);
    assert.equal((await tab.post('/auth/logout')).status, 204);
    assertGuest(await client.user());
  });

  it('the name from before is never exchanged for the one of now', async () => {
    const client = await world().signedIn();
    const thief = thiefOf(world(), client);
    await confirm(client);
    const name = client.cookie(SESSION);
    for (const answer of [
      await thief.user(),
      await thief.get('/user/confirmed-password-status'),
      await thief.post('/user/confirm-password', { password: WRONG }),
      await thief.patch('/user/locale', { locale: 'en' }),
    ]) {
      assert.ok(!JSON.stringify([answer.text, answer.headers]).includes(name));
    }
  });

  it('R066: the cookie of before the login, and that of before the second factor, open nothing', async () => {
    const client = await world().signedIn();
    const { totp } = await enrol(world(), client);
    const { email = '' } = (await client.user()).body.data ?? {};
    const browser = world().another();
    await browser.csrfCookie();
    const before = browser.cookie(SESSION);
    await browser.post('/auth/login', { email, password: PASSWORD });
    const due = browser.cookie(SESSION);
    assert.equal((await browser.post('/auth/two-factor-challenge', { code: totp() })).status, 204);
    assert.equal(new Set([before, due, browser.cookie(SESSION)]).size, 3);
    for (const old of [before, due])
      assertGuest(
        await world()
          .another()
          .user({ cookie: `${SESSION}=${old}` }),
      );
  });

  it('K36: a remember cookie that was used just now opens no session as if its password were confirmed', async () => {
    const client = await world().signedIn(undefined, { remember: true });
    const thief = thiefOf(world(), client, REMEMBER);
    world().clock.advance({ hours: 3 });
    client.forgetSession();
    assert.equal((await client.user()).status, 200);
    world().clock.advance({ seconds: 5 });
    await confirm(client);
    const stolen = thief.cookie(REMEMBER);
    for (const [method, path] of SENSITIVE) {
      const again = world().another();
      await again.csrfCookie();
      again.jar.set(REMEMBER, stolen);
      assertRefused(await again.ask(method, path), 423, CONFIRM);
    }
  });

  it('K36: nor one that was used within the minute and whose successor nobody has shown', async () => {
    const client = await world().signedIn(undefined, { remember: true });
    const thief = thiefOf(world(), client, REMEMBER);
    world().clock.advance({ hours: 3 });
    client.forgetSession();
    assert.equal((await client.user()).status, 200);
    world().clock.advance({ seconds: 20 });
    await confirm(client);
    world().clock.advance({ seconds: 20 });
    await thief.csrfCookie();
    assertRefused(await thief.post('/user/two-factor-authentication'), 423, CONFIRM);
  });

  it('K36, R077: a stolen remember cookie opens neither a fresh session nor one past the second factor', async () => {
    const client = await world().signedIn(undefined, { remember: true });
    const { email = '' } = (await client.user()).body.data ?? {};
    await enrol(world(), client);
    const thief = thiefOf(world(), client, REMEMBER);
    await thief.csrfCookie();
    assert.equal((await thief.user()).status, 200);
    await assertNothingIsFresh(thief);
    assertInvalid(await thief.post('/user/confirm-password', { password: PASSWORD }), {
      code: ['The code field is required.'],
    });
    // The owner comes back with what was spent: the series ends, and they are told.
    world().clock.advance({ minutes: 2 });
    client.forgetSession();
    assertGuest(await client.user());
    assertGuest(await thief.user());
    assert.match((await world().mails(email))[0]?.subject ?? '', /session|signed/i);
  });

  it('a stolen XSRF cookie opens nothing by itself, and is good for no other session', async () => {
    const victim = await world().signedIn();
    const attacker = await world().signedIn();
    const xsrf = victim.cookie(XSRF);
    assertRefused(await world().another().patch('/user/locale', { locale: 'fr' }, { xsrf }), 419, MISMATCH);
    assertRefused(await attacker.patch('/user/locale', { locale: 'fr' }, { xsrf }), 419, MISMATCH);
    assertRefused(
      await attacker.patch('/user/locale', { locale: 'fr' }, { cookie: `${XSRF}=${xsrf}`, xsrf }),
      419,
      MISMATCH,
    );
  });

  it('rule 27: no contract’s session opens this one, and this one’s opens no other', async () => {
    const client = await world().signedIn();
    const { email = '' } = (await client.user()).body.data ?? {};
    const inject = (url: string, headers: object, payload?: object) =>
      world().app.inject({
        method: payload ? 'POST' : 'GET',
        url,
        headers: { ...headers, ...(payload && { 'content-type': 'application/json' }) },
        ...(payload && { payload: JSON.stringify(payload) }),
      });
    const session = client.cookie(SESSION);
    const authorization = `Bearer ${session}`;
    assert.equal((await inject('/api/auth/session', { authorization })).statusCode, 401);
    assert.equal((await inject('/v1/auth/me', { cookie: `accessToken=${session}` })).statusCode, 401);
    const { token } = (await inject('/api/auth/sign-in', {}, { email, password: PASSWORD })).json().session;
    assert.match(token, /^[\w-]{43}$/);
    assertGuest(
      await world()
        .another()
        .user({ cookie: `${SESSION}=${token}` }),
    );
    // Nor is it ended by a logout here.
    const other = world().another();
    other.jar.set(SESSION, token);
    await other.csrfCookie();
    assert.equal((await other.post('/auth/logout')).status, 204);
    assert.equal((await inject('/api/auth/session', { authorization: `Bearer ${token}` })).statusCode, 200);
    assertGuest(
      await world()
        .another()
        .user({ cookie: null, headers: { authorization: `Bearer ${token}` } }),
    );
  });

  it('rule 19: a confirmed password makes no session of another contract fresh, and none of theirs this one', async () => {
    const client = await world().signedIn();
    const { email = '' } = (await client.user()).body.data ?? {};
    const json = { 'content-type': 'application/json' };
    const ask = (url: string, payload: object, headers: object = {}) =>
      world().app.inject({ method: 'POST', url, headers: { ...json, ...headers }, payload: JSON.stringify(payload) });
    const { token } = (await ask('/api/auth/sign-in', { email, password: PASSWORD })).json().session;
    const authorization = `Bearer ${token}`;
    world().clock.advance({ minutes: 11 });
    await confirm(client);
    const enable = await ask('/api/auth/two-factor/enable', {}, { authorization });
    assert.deepEqual([enable.statusCode, enable.json().error], [403, 'REAUTH_REQUIRED']);
    world().clock.advance({ minutes: 11 });
    const fresh = await ask('/api/auth/reauthenticate', { password: PASSWORD }, { authorization });
    assert.equal(fresh.statusCode, 200);
    await assertNothingIsFresh(client);
    // A factor that the other session sets up is not shown or confirmed here.
    assert.equal((await ask('/api/auth/two-factor/enable', {}, { authorization })).statusCode, 200);
    await confirm(client);
    assert.deepEqual((await client.get('/user/two-factor-qr-code')).json, []);
    assert.equal((await client.get('/user/two-factor-secret-key')).status, 404);
  });

  it('rule 14: a login that waits in one contract is completed in no other', async () => {
    const client = await world().signedIn();
    const { email = '' } = (await client.user()).body.data ?? {};
    const { totp } = await enrol(world(), client);
    const json = { 'content-type': 'application/json' };
    const ask = (url: string, payload: object) =>
      world().app.inject({ method: 'POST', url, headers: json, payload: JSON.stringify(payload) });
    const before = (await sessionsOf(world(), (await client.user()).body.data?.id ?? 0)).length;
    const here = await waiting(world(), email);
    const challenge = here.cookie(SESSION);
    const code = totp();
    for (const [url, body] of [
      ['/api/v1/auth/2fa/verify', { challenge, otp: code }],
      ['/api/v1/auth/2fa/verify', { challenge, identifier: email, otp: code }],
      ['/api/auth/magic-link/verify', { challenge, totpCode: code }],
      ['/api/auth/exchange', { challenge, totpCode: code }],
    ] as const) {
      const answer = await ask(url, body);
      assert.ok(answer.statusCode >= 400 && answer.statusCode < 500, `${url}: ${answer.body}`);
    }
    const due = await ask('/api/v1/auth/login', { identifier: email, password: PASSWORD });
    assert.equal(due.statusCode, 202, due.body);
    const browser = world().another();
    browser.jar.set(SESSION, due.json().challenge);
    await browser.csrfCookie();
    assertInvalid(await browser.post('/auth/two-factor-challenge', { code }), BAD_CODE);
    assertGuest(await browser.user());
    assert.equal((await sessionsOf(world(), (await client.user()).body.data?.id ?? 0)).length, before);
    // The code that nobody could use is good where it belongs.
    assert.equal((await here.post('/auth/two-factor-challenge', { code })).status, 204);
  });

  it('rule 17: a code that was accepted here is accepted nowhere again', async () => {
    const client = await world().signedIn();
    const { email = '' } = (await client.user()).body.data ?? {};
    const { totp } = await enrol(world(), client);
    const [first, second] = [await waiting(world(), email), await waiting(world(), email)];
    const code = totp();
    assert.equal((await first.post('/auth/two-factor-challenge', { code })).status, 204);
    assertInvalid(await second.post('/auth/two-factor-challenge', { code }), BAD_CODE);
    const remembered = await waiting(world(), email, { remember: true });
    const bearer = await world().app.inject({
      method: 'POST',
      url: '/api/auth/sign-in',
      headers: { 'content-type': 'application/json' },
      payload: JSON.stringify({ email, password: PASSWORD, totpCode: code }),
    });
    assert.equal(bearer.statusCode, 401);
    assert.equal((await remembered.post('/auth/two-factor-challenge', { code: totp() })).status, 204);
    remembered.forgetSession();
    await remembered.user();
    const spent = totp();
    await confirm(remembered, { code: spent });
    assertInvalid(await (await waiting(world(), email)).post('/auth/two-factor-challenge', { code: spent }), BAD_CODE);
  });
});

describe('attacks on the sanctum contract: from another page, another host, another spelling', () => {
  const world = sharedWorld({ env: { GUICHET_ALLOWED_ORIGINS: SPA } });
  const evil = 'https://evil.example';

  it('R091: no foreign page changes anything, token or not, and gets no cookie', async () => {
    const client = await world().signedIn();
    const headers: Record<string, string>[] = [
      ...[
        evil,
        'null',
        'http://localhost:5173.evil.example',
        'http://sub.localhost:5173',
        'https://localhost:5173',
      ].map((origin) => ({ origin })),
      { origin: '', 'sec-fetch-site': 'same-site' },
      { origin: '', 'sec-fetch-site': 'cross-site' },
      { origin: '', referer: '', 'sec-fetch-site': 'cross-site' },
    ];
    for (const [method, url] of [
      ['POST', '/api/v1/auth/logout'],
      ['POST', '/logout'],
      ['POST', '/login'],
      ['POST', '/api/v1/auth/login'],
      ['PATCH', '/api/v1/user/locale'],
      ['DELETE', '/user/two-factor-authentication'],
      ['POST', '/user/confirm-password'],
    ] as const) {
      for (const of of headers) {
        const answer = await client.ask(method, url, {
          headers: of,
          body: { email: 'a@example.com', password: PASSWORD },
        });
        assertRefused(answer, 419, MISMATCH);
        assert.deepEqual(answer.setCookies, [], JSON.stringify([url, of]));
      }
    }
    assert.equal((await client.user()).status, 200);
  });

  it('K02: a page that may not speak here signs nobody in by writing like another contract’s front end', async () => {
    const client = await world().signedIn();
    const { email = '' } = (await client.user()).body.data ?? {};
    const victim = world().another();
    const forms = [
      {
        raw: `email=${encodeURIComponent(email)}&password=x`,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      },
      {
        raw: `identifier=${encodeURIComponent(email)}&password=x`,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      },
      { raw: JSON.stringify({ identifier: email, password: PASSWORD }), headers: { 'content-type': 'text/plain' } },
      { raw: JSON.stringify({ email, password: PASSWORD }), headers: { 'content-type': 'text/plain' } },
    ];
    for (const form of forms) {
      const headers = { ...form.headers, origin: evil, referer: `${evil}/`, 'x-requested-with': '' };
      const answer = await victim.post('/auth/login', undefined, { ...form, headers });
      assert.ok([401, 403, 415, 419].includes(answer.status), `${answer.status} ${answer.text}`);
      assert.deepEqual(answer.setCookies, []);
    }
  });

  it('R095: a device’s sign-in among this contract’s cookies neither reads nor sets one', async () => {
    const client = await world().signedIn();
    const { email = '' } = (await client.user()).body.data ?? {};
    const answer = await client.post('/auth/login', { identifier: email, password: PASSWORD });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(answer.setCookies, []);
    assert.equal((await client.user()).status, 200);
  });

  it('R069: a cookie that comes twice counts as none, however it is spelled', async () => {
    const mine = (await world().signedIn()).cookie(SESSION);
    const planted = (await world().signedIn()).cookie(SESSION);
    for (const cookie of [
      `${SESSION}=${planted}; ${SESSION}=${mine}`,
      `${SESSION}=${mine}; other=1; ${SESSION}=${planted}`,
      `${SESSION}=; ${SESSION}=${mine}`,
      `${SESSION}=${mine}; ${SESSION}=${mine}`,
    ]) {
      assertGuest(await world().another().user({ cookie }));
    }
  });

  it('R069: nor does a space or a tab before the equals sign make one of two out of it', async () => {
    const mine = (await world().signedIn()).cookie(SESSION);
    const planted = (await world().signedIn()).cookie(SESSION);
    for (const space of [' ', '\t']) {
      assertGuest(
        await world()
          .another()
          .user({ cookie: `${SESSION}${space}=${planted}; ${SESSION}=${mine}` }),
      );
      assertGuest(
        await world()
          .another()
          .user({ cookie: `${SESSION}=${mine}; ${SESSION}${space}=${planted}` }),
      );
    }
  });

  it('a session that is quoted, cut, padded, joined by a comma or in other letters opens nothing', async () => {
    const mine = (await world().signedIn()).cookie(SESSION);
    for (const cookie of [
      `${SESSION}="${mine}"`,
      `${SESSION}=${mine.slice(0, -1)}`,
      `${SESSION}=${mine}=`,
      `${SESSION}=${mine}%00`,
      `${SESSION}=${mine}%20`,
      `${SESSION}=${mine},${SESSION}=${mine}`,
      `a=b,${SESSION}=${mine}`,
      `${SESSION.toUpperCase()}=${mine}`,
      `${SESSION}=${'A'.repeat(12_000)}`,
      `${SESSION}=../../${mine.slice(6)}`,
    ]) {
      assertGuest(await world().another().user({ cookie }));
    }
  });

  it('R078: no session or token comes from a query or a body', async () => {
    const session = (await world().signedIn()).cookie(SESSION);
    const other = world().another();
    for (const name of [SESSION, 'token', 'access_token', 'session', REMEMBER]) {
      assertGuest(await other.get(`/auth/user?${name}=${session}`));
    }
  });

  it('2.1: a token in an odd type, twice, or beside a wrong one in a stronger place, shows nothing', async () => {
    const client = await world().signedIn();
    const own = client.cookie(XSRF);
    const ask = (of: { body?: object; query?: string; headers?: Record<string, string>; xsrf?: string | null }) =>
      client.patch(
        `/user/locale${of.query ?? ''}`,
        { locale: 'en', ...of.body },
        { ...of, body: { locale: 'en', ...of.body } },
      );
    const refused = async (of: Parameters<typeof ask>[0]) => assertRefused(await ask(of), 419, MISMATCH);
    for (const odd of [[own], { 0: own, length: 1 }, 7, true, { toString: own }])
      await refused({ xsrf: null, body: { _token: odd } });
    await refused({ xsrf: `${own}, ${own}` });
    await refused({ xsrf: `${own}.${own}` });
    await refused({ xsrf: `${own}.` });
    await refused({ xsrf: `.${own.split('.')[1]}` });
    await refused({ xsrf: own.split('.')[0] ?? '' });
    await refused({ xsrf: own.toLowerCase() });
    await refused({ body: { _token: 'x' } });
    await refused({ query: '?_token=x' });
    await refused({ headers: { 'x-csrf-token': 'x' } });
    await refused({ xsrf: null, headers: { authorization: 'Bearer junk' } });
    await refused({ xsrf: null, headers: { 'sec-fetch-site': 'same-origin' } });
    for (const right of [
      { body: { _token: own } },
      { query: `?_token=${own}` },
      { headers: { 'x-csrf-token': own } },
    ]) {
      assert.equal((await ask({ xsrf: null, ...right })).status, 200);
    }
  });

  it('R093: nothing overrides the method, and what only looks changes nothing', async () => {
    const client = await world().signedIn();
    const { codes } = await enrol(world(), client);
    for (const path of ['/user/two-factor-authentication', '/api/v1/user/two-factor-authentication']) {
      await client.ask('POST', path, { body: { _method: 'DELETE' }, headers: { 'x-http-method-override': 'DELETE' } });
      await client.ask('POST', `${path}?_method=DELETE`);
      await client.ask('GET', path, { headers: { 'x-http-method-override': 'DELETE' } });
    }
    const dump = async () =>
      JSON.stringify(await sql`select * from account, totp, recovery_code`.execute(world().handle.read));
    const before = await dump();
    for (const method of ['GET', 'HEAD', 'OPTIONS'] as const) {
      for (const path of [
        '/user/two-factor-recovery-codes',
        '/auth/logout',
        '/auth/login',
        '/user/site',
        '/user/confirm-password',
      ]) {
        await client.ask(method, `/api/v1${path}`);
      }
    }
    assert.equal(await dump(), before);
    assert.deepEqual((await client.get('/user/two-factor-recovery-codes')).json, codes);
  });

  it('R148: another spelling of a path is answered as it is, or is nowhere', async () => {
    const client = await world().signedIn();
    for (const url of [
      '//login',
      '/login/',
      '/Login',
      '/login;x',
      '/login%2f',
      '/login%00',
      '/user%2fconfirm-password',
      '/user//confirm-password',
      '/user/confirm-password/',
      '/user/confirm-password;a=b',
      '/user/Confirm-Password',
      '/api/v1//auth/login',
      '/api/v1/auth/login/',
      '/api/v1/auth%2flogin',
      '/API/v1/user/password',
      '/api/v1/user/password.json',
      '/api/v1/user/%ff',
      '/sanctum',
      '/sanctum/csrf-cookie/x',
    ]) {
      const answer = await client.ask('POST', url, { body: { email: 'a@example.com', password: PASSWORD } });
      assert.equal(answer.status, 404, `${url}: ${answer.status} ${answer.text}`);
      assert.deepEqual(answer.setCookies, [], url);
    }
    // The same place in other letters has the same limits.
    const email = 'spelled@example.com';
    const remaining: unknown[] = [];
    for (const url of ['/login', '/%6cogin', '/api/v1/auth/login', '/api/v1/login', '/api/v1/auth/%6Cogin', '/login']) {
      const answer = await client.ask('POST', url, { body: { email, password: WRONG } });
      remaining.push(answer.status === 429 ? 429 : answer.headers['x-ratelimit-remaining']);
    }
    assert.deepEqual(remaining, ['4', '3', '2', '1', '0', 429]);
  });

  it('R135: what a session sees is never cached, and never in a path that looks like a file', async () => {
    const client = await world().signedIn();
    for (const path of ['/auth/user', '/user', '/user/confirmed-password-status', '/user/two-factor-secret-key']) {
      const answer = await client.get(path);
      assert.match(String(answer.headers['cache-control']), /no-cache|no-store/);
      assert.equal(answer.headers['x-content-type-options'], 'nosniff');
    }
    for (const path of ['/auth/user/x.css', '/auth/user;.js', '/user.png', '/auth/user%2fx.css']) {
      assert.equal((await client.get(path)).status, 404, path);
    }
  });
});

describe('attacks on the sanctum contract: another tenant’s site', () => {
  const world = sharedWorld();

  it('R124: a site of others is as good as none, in whatever type it is named', async () => {
    const { identity } = world();
    const own = await identity.createSite({ name: 'Own', isHeadquarters: false });
    const foreign = await identity.createSite({ name: 'Foreign', isHeadquarters: true });
    const { email, uuid } = await world().account();
    await identity.joinSite({ uuid, siteId: own.id });
    const client = world().another();
    await client.login(email);
    const integer = ['The site id field must be an integer.', 'The selected site id is invalid.'];
    for (const site_id of [
      foreign.id,
      String(foreign.id),
      ` ${foreign.id} `,
      `+${foreign.id}`,
      4711,
      -1,
      0,
      '-0',
      999_999_999_999_999,
    ]) {
      assertInvalid(await client.patch('/user/site', { site_id }), { site_id: integer.slice(1) });
    }
    for (const site_id of [
      1.5,
      '1e0',
      '0x2',
      1e300,
      '9'.repeat(30),
      true,
      [foreign.id],
      { id: foreign.id },
      `${foreign.id}; drop table site`,
    ]) {
      assertInvalid(await client.patch('/user/site', { site_id }), { site_id: integer });
    }
    const { data } = (await client.user()).body;
    assert.deepEqual([data?.current_site_id, data?.sites.map(({ id }) => id)], [own.id, [own.id]]);
  });

  it('R122: what a body claims besides changes nothing', async () => {
    const { identity } = world();
    const site = await identity.createSite({ name: 'Claims', isHeadquarters: false });
    const { email, uuid } = await world().account();
    await identity.joinSite({ uuid, siteId: site.id });
    const client = world().another();
    const claims = {
      role: 'ADMIN',
      role_id: 9,
      roles: ['admin'],
      permissions: ['bypass.login'],
      is_admin: true,
      id: 1,
      sites: [1],
      email: 'x@example.com',
      emailVerified: true,
      two_factor_enabled: false,
      passwordConfirmedAt: 1,
      siteId: 1,
      contract: 'bearer',
      live: { account: { id: 1 } },
      caller: { address: '127.0.0.1' },
      ratedByMinute: false,
      closedBut: null,
    };
    await client.csrfCookie();
    await client.post('/auth/login', { ...claims, email, password: PASSWORD });
    const before = (await client.user()).body.data;
    await client.patch('/user/locale', { ...claims, locale: 'en' });
    await client.patch('/user/site', { ...claims, site_id: site.id });
    await client.post('/user/confirm-password', { ...claims, password: WRONG });
    const after = (await client.user()).body.data;
    assert.deepEqual({ ...after, last_login_date: 0 }, { ...before, last_login_date: 0 });
    assert.deepEqual([after?.roles, after?.permissions, after?.email], [[], [], email]);
  });

  it('a role or permission of one site is nothing at another, and goes with the membership', async () => {
    const { identity } = world();
    const [here, there] = [
      await identity.createSite({ name: 'Here', isHeadquarters: false }),
      await identity.createSite({ name: 'There', isHeadquarters: false }),
    ];
    const { email, uuid } = await world().account();
    await identity.createRole({ name: 'warden', siteId: there.id, level: 1, permissions: ['door.open'] });
    await identity.grantRole({ uuid, role: 'clerk', siteId: here.id, permissions: ['item.view'] });
    await identity.grantRole({ uuid, role: 'warden', siteId: there.id, permissions: [] });
    await identity.grantPermission({ uuid, permission: 'safe.open', siteId: there.id });
    const client = world().another();
    await client.login(email);
    const at = async (site_id: number) => {
      const { data } = (await client.patch('/user/site', { site_id })).body;
      return [data?.roles, data?.permissions];
    };
    assert.deepEqual(await at(here.id), [['clerk'], ['item.view']]);
    assert.deepEqual(await at(there.id), [['warden'], ['door.open', 'safe.open']]);
    await identity.leaveSite({ uuid, siteId: there.id });
    const { data } = (await client.user()).body;
    assert.deepEqual([data?.current_site_id, data?.roles, data?.permissions], [here.id, ['clerk'], ['item.view']]);
    assert.ok(!JSON.stringify(data).includes('There'));
    await identity.joinSite({ uuid, siteId: there.id });
    assert.deepEqual(await at(there.id), [[], []]);
  });

  it('rule 10: no role begins like Guichet’s own, whatever letters it is written in', async () => {
    const { identity } = world();
    for (const name of [
      'guichet',
      'guichet.admin',
      'Guichet:owner',
      ' GUICHET',
      'ｇｕｉｃｈｅｔ',
      'guıchet',
      'GUİCHET',
      'g\u0301uichet',
      '𝓰𝓾𝓲𝓬𝓱𝓮𝓽',
      'ⓖuichet',
      'gu\u200bichet',
      '\u2060guichet',
      'g\u034fuichet',
      '\u00a0guichet',
      'guichet\u0000',
      '\u3000guichet',
    ]) {
      await assert.rejects(
        identity.createRole({ name, siteId: null, level: 0, permissions: [] }),
        { code: 'input_rejected' },
        JSON.stringify(name),
      );
    }
  });

  it('no name of a site, role or permission steers a screen', async () => {
    const { identity } = world();
    for (const bad of [
      '\u001b[2J',
      'a\rb',
      'a\nb',
      'a\u202eb',
      'a\u2066b',
      'a\u0085b',
      'a\u009bb',
      'a\u2028b',
      '\ud800',
      '\u115f',
      '\u3164',
      ' ',
      '',
    ]) {
      const code = { code: 'input_rejected' };
      await assert.rejects(identity.createSite({ name: bad, isHeadquarters: false }), code, JSON.stringify(bad));
      await assert.rejects(identity.createRole({ name: bad, siteId: null, level: 0, permissions: [] }), code);
      await assert.rejects(
        identity
          .createPermission({ name: `item.${bad}view` })
          .then(() => (bad.trim() === '' ? Promise.reject({ code: 'input_rejected' }) : undefined)),
        code,
      );
    }
  });

  it('rule 10: nothing is given to an account whose address nobody has proven', async () => {
    const { identity } = world();
    const site = await identity.createSite({ name: 'Proven', isHeadquarters: false });
    const { uuid } = await world().account(undefined, { verified: false });
    const code = { code: 'identifier_unproven' };
    await assert.rejects(identity.joinSite({ uuid, siteId: site.id }), code);
    await assert.rejects(identity.grantRole({ uuid, role: 'clerk', siteId: site.id, permissions: [] }), code);
    await assert.rejects(identity.grantPermission({ uuid, permission: 'item.view', siteId: null }), code);
  });

  it('K12: no route names an account by its number but with its own link', async () => {
    const client = await world().signedIn();
    const { id = 0 } = (await client.user()).body.data ?? {};
    for (const path of [`/users/${id}`, `/users`, `/user/${id}`, `/user/${id - 1}`, '/accounts', `/auth/user/${id}`]) {
      assert.equal((await client.get(path)).status, 404, path);
    }
    const unknown = await client.get(
      `/auth/setup-password/999999/${'0'.repeat(64)}?expires=9999999999&signature=${'0'.repeat(64)}`,
    );
    const known = await client.get(
      `/auth/setup-password/${id}/${'0'.repeat(64)}?expires=9999999999&signature=${'0'.repeat(64)}`,
    );
    assert.deepEqual([known.status, known.json], [unknown.status, unknown.json]);
  });
});

describe('attacks on the sanctum contract: to wear the server out', () => {
  const rows = async (world: { handle: { read: Parameters<ReturnType<typeof sql>['execute']>[0] } }) => {
    const counts: Record<string, number> = {};
    for (const table of [
      'rate_limit',
      'attempt',
      'audit_event',
      'session',
      'pending_login',
      'one_time_token',
      'outbox',
      'known_client',
    ]) {
      const { rows } = await sql<{ count: number }>`select count(*) as count from ${sql.table(table)}`.execute(
        world.handle.read,
      );
      counts[table] = Number(rows[0]?.count);
    }
    return counts;
  };

  it('R165: a network that has used up its share leaves no row for each address it goes on naming', async (t) => {
    const world = await openClient(t);
    const client = world.another({ address: '203.0.113.7' });
    await client.csrfCookie();
    const guess = (name: string) => client.post('/auth/login', { email: `${name}@example.com`, password: WRONG });
    for (let time = 0; time < 31; time += 1) await guess(`first${time}`);
    const before = await rows(world);
    for (let time = 0; time < 20; time += 1) assert.equal((await guess(`more${time}`)).status, 429);
    assert.deepEqual(await rows(world), before);
  });

  it('R165: nor does one that asks for links, codes, sessions and invitations', async (t) => {
    const world = await openClient(t);
    const { email } = await world.account();
    const client = world.another({ address: '203.0.113.7' });
    await client.csrfCookie();
    const everything = async (name: string) => {
      await client.post('/auth/forgot-password', { email: `${name}@example.com` });
      await client.post('/auth/setup-password-resend', { email: `${name}@example.com` });
      await client.post('/auth/two-factor-challenge', { code: '123456' }, { cookie: null });
      await client.post('/auth/two-factor-challenge', { recovery_code: name });
      await client.post('/auth/reset-password', {
        token: name,
        email,
        password: PASSWORD,
        password_confirmation: PASSWORD,
      });
      await client.get(`/auth/setup-password/1/${name}?expires=1&signature=${name}`);
      await client.post(`/auth/setup-password/1/${name}`, { password: PASSWORD, password_confirmation: PASSWORD });
      await client.csrfCookie({ cookie: null });
      await client.get('/auth/user', { cookie: `${REMEMBER}=${'A'.repeat(43)}` });
      await client.post('/auth/logout', {}, { cookie: `${SESSION}=${'B'.repeat(43)}` });
    };
    for (let time = 0; time < 31; time += 1) await everything(`first${time}`);
    const before = await rows(world);
    for (let time = 0; time < 10; time += 1) await everything(`more${time}`);
    assert.deepEqual(await rows(world), before);
  });

  it('R165: a signed-in session is one row however often it is used, and its choices are sixty an hour', async (t) => {
    const world = await openClient(t);
    const client = await world.signedIn();
    const before = await rows(world);
    for (let time = 0; time < 70; time += 1) await client.patch('/user/locale', { locale: time % 2 ? 'en' : 'fr' });
    for (let time = 0; time < 20; time += 1) await client.user();
    const after = await rows(world);
    assert.deepEqual({ ...after, audit_event: 0, rate_limit: 0 }, { ...before, audit_event: 0, rate_limit: 0 });
    assert.equal((after['audit_event'] ?? 0) - (before['audit_event'] ?? 0), 60);
  });

  it('R147: no field and no header takes longer the more of it there is', async (t) => {
    const world = await openClient(t);
    const client = world.another();
    await client.csrfCookie();
    const slow: string[] = [];
    const timed = async (name: string, path: string, of: Parameters<Client['post']>[2]) => {
      const begun = performance.now();
      const answer = await client.post(path, undefined, of);
      const took = performance.now() - begun;
      assert.ok(answer.status < 500, `${name}: ${answer.status}`);
      if (took > 2000) slow.push(`${name}: ${took.toFixed(0)} ms`);
    };
    const emails = [
      '+'.repeat(4000),
      `+33${'1 '.repeat(2000)}`,
      `${'a.'.repeat(2000)}@${'a.'.repeat(100)}`,
      '+1('.repeat(1300),
      `+33612345678${' ext. '.repeat(600)}`,
      ';ext='.repeat(800),
      `${' '.repeat(4000)}x`,
      'a\u0301'.repeat(2000),
      '1/'.repeat(2000),
      '@'.repeat(4000),
    ];
    for (const email of emails) {
      await timed(email.slice(0, 8), '/auth/login', { body: { email, password: 'x'.repeat(4000) } });
      await timed(email.slice(0, 8), '/auth/forgot-password', { body: { email: email.repeat(14) } });
      await timed(email.slice(0, 8), '/auth/two-factor-challenge', { body: { code: email, recovery_code: email } });
    }
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    await timed('pairs', '/auth/login', { raw: '&a'.repeat(30_000), headers: form });
    await timed('prototype', '/auth/login', { raw: `constructor${'!'.repeat(60_000)}`, headers: form });
    await timed('keys', '/auth/login', {
      raw: `{${Array.from({ length: 5000 }, (_, index) => `"k${index}":1`).join()}}`,
    });
    await timed('depth', '/auth/login', { raw: `${'['.repeat(30_000)}${']'.repeat(30_000)}` });
    await timed('accept', '/auth/login', { body: {}, headers: { accept: '/jso'.repeat(3000) } });
    await timed('accept', '/auth/login', { body: {}, headers: { accept: ','.repeat(12_000) } });
    await timed('language', '/auth/login', { body: {}, headers: { 'accept-language': 'a;'.repeat(6000) } });
    await timed('referer', '/auth/login', { body: {}, headers: { referer: `http://${'a.'.repeat(6000)}` } });
    await timed('cookies', '/auth/login', { body: {}, cookie: `${SESSION}=;`.repeat(800) });
    await timed('token', '/auth/login', { body: {}, xsrf: '.'.repeat(12_000) });
    assert.deepEqual(slow, []);
  });

  it('a captcha’s service is asked no oftener than a network may ask for mails in vain', async (t) => {
    let asked = 0;
    const { url } = await listenOnLoopback(t, (incoming, response) => {
      asked += 1;
      incoming.resume();
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"success":false}');
    });
    const env = { GUICHET_RECAPTCHA_SECRET: 'a secret of the captcha', GUICHET_RECAPTCHA_URL: `${url}/verify` };
    const world = await openClient(t, { env });
    const client = world.another();
    await client.csrfCookie();
    for (let time = 0; time < 80; time += 1) {
      await client.post('/auth/forgot-password', { email: 'a@example.com', recaptcha_token: `junk ${time}` });
    }
    // Thirty in five minutes is what a network may have a provider asked in vain.
    assert.ok(asked <= 60, `it was asked ${asked} times`);
  });

  it('one network does not keep everybody else from a captcha’s service that is slow', async (t) => {
    const waiting: (() => void)[] = [];
    const { url } = await listenOnLoopback(t, (incoming, response) => {
      incoming.resume();
      waiting.push(() => response.writeHead(200, { 'content-type': 'application/json' }).end('{"success":true}'));
    });
    const env = { GUICHET_RECAPTCHA_SECRET: 'a secret of the captcha', GUICHET_RECAPTCHA_URL: `${url}/verify` };
    const world = await openClient(t, { env });
    const [attacker, person] = [world.another(), world.another()];
    for (const client of [attacker, person]) await client.csrfCookie();
    const ask = (client: Client) =>
      client.post('/auth/forgot-password', { email: 'a@example.com', recaptcha_token: 'token' });
    const flood = atOnce(80, () => ask(attacker));
    // Until as many have reached the service as will.
    for (let still = 0, reached = 0; still < 5; ) {
      for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      still = waiting.length > 0 && waiting.length === reached ? still + 1 : 0;
      reached = waiting.length;
    }
    const asked = ask(person);
    const release = setInterval(() => waiting.splice(0).forEach((answer) => void answer()), 5);
    t.after(() => clearInterval(release));
    const answer = await asked;
    await flood;
    assert.equal(answer.status, 200, answer.text);
  });

  it('a login that is done is answered as one, whatever becomes of counting what is left of the minute', async (t) => {
    const world = await openClient(t);
    const { email, id } = await world.account();
    const client = world.another();
    await client.csrfCookie();
    const { limits } = world.world.store;
    const { read } = limits;
    limits.read = () => Promise.reject(new Error('the store fails at this call'));
    const answer = await client.post('/auth/login', { email, password: PASSWORD });
    limits.read = read;
    // Either nothing was done, or it is said that it was.
    const user = await client.user();
    assert.deepEqual(
      [answer.status, user.status, (await sessionsOf(world, id)).length],
      answer.status === 200 ? [200, 200, 1] : [answer.status, 401, 0],
    );
  });

  it('a prefix that has two contracts answer one path stops the start as a wrong setting does', async (t) => {
    for (const GUICHET_SANCTUM_PREFIX of ['/api', '/v1']) {
      const start = openWorld(t, { env: { GUICHET_SANCTUM_PREFIX } }).then((world) => world.server());
      await assert.rejects(start, { name: 'SettingsError', message: /GUICHET_SANCTUM_PREFIX/ });
    }
  });
});
