import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { importAccount } from '../../support/imported.ts';
import {
  assertGuest,
  assertInvalid,
  assertRefused,
  Client,
  PASSWORD,
  PREFIX,
  REMEMBER,
  SESSION,
  SPA,
  sharedWorld,
  XSRF,
} from './client.ts';
import { assertAnswer, assertSentHome, assertSets, KNOWN, userOf, WEB } from './endpoint-answers.ts';
import { address, linkTo, peopleOf, setUpPath, written } from './endpoint-people.ts';

const NEW_PASSWORD = 'another quiet horse';
const TWICE = { password: NEW_PASSWORD, password_confirmation: NEW_PASSWORD };
const RESET_SENT = { message: 'We have emailed your password reset link.' };
const RESET_DONE = { message: 'Your password has been reset.' };
const SET_UP_SENT = {
  message:
    'If an account exists with that email address and has not yet set up a password, you will receive an email with the setup link.',
};
const SET_UP_DONE = { message: 'Your password has been set up successfully. You can now log in.' };
const CREDENTIALS = { email: ['The provided credentials are incorrect.'] };

const world = sharedWorld({ env: { GUICHET_SANCTUM_SPA_URL: SPA } });
const { atTwoSites, challenged, codeOf, invited } = peopleOf(world);

describe('3: the table', () => {
  it('GET /sanctum/csrf-cookie answers 204 and begins a session', async () => {
    assertAnswer(await world().another().csrfCookie(), { status: 204, sets: WEB });
  });

  it('POST /sanctum/csrf-cookie is 405', async () => {
    const answer = await world().another().ask('POST', '/sanctum/csrf-cookie');
    const methods = 'GET, HEAD';
    assertRefused(
      answer,
      405,
      `The POST method is not supported for route sanctum/csrf-cookie. Supported methods: ${methods}.`,
    );
    assert.equal(answer.headers['allow'], methods);
  });

  it('GET /api/v1/app/config tells the name, and sets the cookies, with which a login goes on', async () => {
    const client = world().another();
    const { email } = await world().account();
    const answer = await client.ask('GET', '/api/v1/app/config');
    assertAnswer(answer, { status: 200, body: { demo_mode: false, app_name: 'Guichet' }, sets: WEB });
    assert.equal((await client.post('/auth/login', { email, password: PASSWORD })).status, 200);
  });

  it('POST /api/v1/auth/login answers 200 with two_factor false, and sets a new session', async () => {
    const { account, another } = world();
    const { email } = await account();
    const client = another();
    await client.csrfCookie();
    const before = client.cookie(SESSION);
    const answer = await client.ask('POST', '/api/v1/auth/login', { body: { email, password: PASSWORD } });
    assertAnswer(answer, { status: 200, body: { two_factor: false }, sets: [...WEB, KNOWN] });
    assert.notEqual(client.cookie(SESSION), before);
    assert.equal((await client.user()).status, 200);
  });

  it('POST /api/v1/auth/login answers 200 with two_factor true where a factor is on, and signs nobody in', async () => {
    const { client } = await challenged();
    assertGuest(await client.user());
  });

  it('POST /api/v1/auth/two-factor-challenge answers 204 to a code', async () => {
    const { client, secret } = await challenged();
    const answer = await client.ask('POST', '/api/v1/auth/two-factor-challenge', { body: { code: codeOf(secret) } });
    assertAnswer(answer, { status: 204, sets: [...WEB, KNOWN] });
    assert.equal((await client.user()).status, 200);
  });

  it('POST /api/v1/auth/two-factor-challenge answers 204 to a recovery code, and remembers as the login said', async () => {
    const { client, codes } = await challenged({ remember: true });
    const body = { recovery_code: codes[3] };
    const answer = await client.ask('POST', '/api/v1/auth/two-factor-challenge', { body });
    assertAnswer(answer, { status: 204, sets: [...WEB, KNOWN, REMEMBER] });
    assert.equal((await client.user()).status, 200);
  });

  it('POST /api/v1/auth/logout answers 204, with a fresh session of nobody’s', async () => {
    const client = await world().signedIn();
    const session = client.cookie(SESSION);
    const answer = await client.ask('POST', '/api/v1/auth/logout');
    assertAnswer(answer, { status: 204, sets: WEB });
    assertGuest(await client.user());
    assertGuest(await client.user({ cookie: `${SESSION}=${session}` }));
  });

  it('POST /api/v1/auth/logout answers 204 to a guest', async () => {
    const client = world().another();
    await client.csrfCookie();
    assertAnswer(await client.post('/auth/logout'), { status: 204, sets: WEB });
  });

  it('GET /api/v1/auth/user and GET /api/v1/user answer the same user (C1)', async () => {
    const client = await world().signedIn('same@example.com');
    const one = await client.ask('GET', '/api/v1/auth/user');
    const other = await client.ask('GET', '/api/v1/user');
    assert.deepEqual([one.status, other.status], [200, 200]);
    assert.deepEqual([Object.keys(one.body), one.body.data?.email], [['data'], 'same@example.com']);
    assert.deepEqual(one.json, other.json);
    for (const answer of [one, other]) assertSets(answer, WEB);
  });

  it('PATCH /api/v1/user/site answers the user at the new site, as user and as data (C5)', async () => {
    const { client, first, second } = await atTwoSites();
    const before = await userOf(client);
    assert.deepEqual([before.current_site_id, before.roles], [first.id, ['admin']]);
    const answer = await client.ask('PATCH', '/api/v1/user/site', { body: { site_id: second.id } });
    const user = {
      ...before,
      current_site_id: second.id,
      roles: ['operator'],
      permissions: ['item.scanQrCode', 'item.view'],
    };
    const message = 'Active site updated successfully.';
    assertAnswer(answer, { status: 200, body: { message, user, data: user }, sets: WEB });
    assert.deepEqual((await client.user()).json, { data: user });
  });

  it('PATCH /api/v1/user/site takes the number as a text', async () => {
    const { client, second } = await atTwoSites();
    const answer = await client.patch('/user/site', { site_id: String(second.id) });
    assert.deepEqual([answer.status, answer.body.user?.current_site_id], [200, second.id]);
  });

  it('PATCH /api/v1/user/locale answers in the new language', async () => {
    const client = await world().signedIn();
    const message = 'Préférence de langue mise à jour avec succès.';
    const french = await client.ask('PATCH', '/api/v1/user/locale', { body: { locale: 'fr' } });
    assertAnswer(french, { status: 200, body: { message, locale: 'fr' }, sets: WEB });
    assert.equal((await client.user()).body.data?.locale, 'fr');
  });

  it('PUT /api/v1/user/password answers 200, and the new one signs in', async () => {
    const email = address();
    const client = await world().signedIn(email);
    const answer = await client.ask('PUT', '/api/v1/user/password', { body: { current_password: PASSWORD, ...TWICE } });
    assertAnswer(answer, { status: 200, body: { message: 'Password updated successfully.' }, sets: WEB });
    assertInvalid(await world().another().login(email), CREDENTIALS);
    assert.equal((await world().another().login(email, NEW_PASSWORD)).status, 200);
  });

  it('POST /api/v1/auth/forgot-password answers 200 to any address, and mails the one that is somebody’s', async () => {
    const { email } = await world().account();
    for (const to of [email, address()]) {
      const client = world().another();
      await client.csrfCookie();
      const answer = await client.ask('POST', '/api/v1/auth/forgot-password', { body: { email: to } });
      assertAnswer(answer, { status: 200, body: RESET_SENT, sets: WEB });
      assert.equal((await world().mails(to)).length, to === email ? 1 : 0);
    }
  });

  it('POST /api/v1/auth/reset-password answers 200 to the mailed token (C9)', async () => {
    const { email } = await world().account();
    const client = world().another();
    await client.csrfCookie();
    await client.post('/auth/forgot-password', { email });
    const token = (await linkTo(email, world())).searchParams.get('token');
    const answer = await client.ask('POST', '/api/v1/auth/reset-password', { body: { email, token, ...TWICE } });
    assertAnswer(answer, { status: 200, body: RESET_DONE, sets: WEB });
    assert.equal((await client.login(email, NEW_PASSWORD)).status, 200);
  });

  it('GET /api/v1/auth/setup-password/{id}/{hash} answers whose link it is, and consumes nothing', async () => {
    const { id, email, link } = await invited();
    for (const client of [world().another(), world().another()]) {
      const answer = await client.get(setUpPath(link));
      const body = { valid: true, user: { id, email, full_name: 'Jean Dupont' } };
      assertAnswer(answer, { status: 200, body, sets: WEB });
    }
  });

  it('POST /api/v1/auth/setup-password/{id}/{hash} sets the first password, which signs in at once', async () => {
    const { email, link } = await invited();
    const client = world().another();
    await client.csrfCookie();
    const answer = await client.post(setUpPath(link), TWICE);
    assertAnswer(answer, { status: 200, body: SET_UP_DONE, sets: WEB });
    assertGuest(await client.user());
    assert.equal((await client.login(email, NEW_PASSWORD)).status, 200);
  });

  it('POST /api/v1/auth/setup-password-resend answers 200 to any address, and mails the invited one again', async () => {
    const { email, link } = await invited();
    const { email: known } = await world().account();
    world().clock.advance({ minutes: 1 });
    for (const [to, count] of [
      [email, 2],
      [known, 0],
      [address(), 0],
    ] as const) {
      const client = world().another();
      await client.csrfCookie();
      const answer = await client.ask('POST', '/api/v1/auth/setup-password-resend', { body: { email: to } });
      assertAnswer(answer, { status: 200, body: SET_UP_SENT, sets: WEB });
      assert.equal((await world().mails(to)).length, count);
    }
    const again = await linkTo(email, world());
    assert.notEqual(again.href, link.href);
    assert.equal((await world().another().get(setUpPath(again))).body.valid, true);
  });

  it('GET / answers the name to whom JSON comes first', async () => {
    for (const accept of ['application/json', 'application/vnd.api+json', 'application/json, text/html']) {
      const answer = await world().another().ask('GET', '/', { headers: { accept } });
      assert.deepEqual([answer.status, answer.json], [200, { name: 'Guichet', version: '1.0.0' }], accept);
    }
  });

  it('GET / shows everybody else the landing page (rule 33)', async () => {
    for (const accept of ['text/html', '*/*', 'text/html, application/json', '']) {
      const answer = await world().another().ask('GET', '/', { headers: { accept } });
      assert.equal(answer.status, 200);
      assert.match(String(answer.headers['content-type']), /^text\/html/, accept);
      assert.match(answer.text, /^<!doctype html>/i);
    }
  });

  it('GET /up answers 200 with a page', async () => {
    const answer = await world().another().ask('GET', '/up');
    assert.equal(answer.status, 200);
    assert.match(String(answer.headers['content-type']), /^text\/html/);
    assert.match(answer.text, /^<!doctype html>/i);
  });
});

describe('3.1: the details', () => {
  it('login: an address counts trimmed and in lower case, a password as it was typed', async () => {
    const { email } = await world().account();
    const [spoken, typed] = [`  ${email.toUpperCase()} `, ` ${PASSWORD}`];
    assert.equal((await world().another().login(spoken)).status, 200);
    assertInvalid(await world().another().login(spoken, typed), CREDENTIALS);
  });

  it('login: remember is true, 1, "1", "true", "on" and "yes", and nothing else', async () => {
    const { email } = await world().account();
    const remembers = async (remember: unknown): Promise<boolean> => {
      const client = world().another();
      assert.equal((await client.login(email, PASSWORD, { remember })).status, 200);
      return client.jar.has(REMEMBER);
    };
    for (const yes of [true, 1, '1', 'true', 'on', 'yes', ' yes ']) assert.equal(await remembers(yes), true, `${yes}`);
    for (const no of [false, 0, '0', 'false', 'off', 'no', '', null, undefined]) {
      assert.equal(await remembers(no), false, `${no}`);
    }
  });

  it('login: one 422 for an unknown address, one that is none, a wrong password, and somebody without one', async () => {
    const { email } = await world().account();
    const without = address();
    await importAccount(world().world, { email: without, verified: true, password: null });
    const { uuid, email: gone } = await world().account();
    await world().identity.deleteAccount({ uuid });
    for (const [who, password] of [
      [address(), PASSWORD],
      ['not an address', PASSWORD],
      [email, 'not this one'],
      [without, PASSWORD],
      [gone, PASSWORD],
    ] as const) {
      const answer = await world().another().login(who, password);
      assertInvalid(answer, CREDENTIALS);
      assertSets(answer, WEB);
    }
  });

  it('login: somebody who is signed in may sign in again, and the session before is dead', async () => {
    const email = address();
    const client = await world().signedIn(email);
    const before = client.cookie(SESSION);
    assertAnswer(await client.login(email), { status: 200, body: { two_factor: false }, sets: [...WEB, KNOWN] });
    assert.equal((await client.user()).status, 200);
    assertGuest(await client.user({ cookie: `${SESSION}=${before}` }));
  });

  it('login: fills last_login_date and last_login_ip', async () => {
    const { email } = await world().account();
    const client = world().another({ address: '192.0.2.44' });
    await client.login(email);
    const at = written(world().clock.now());
    const { last_login_date, last_login_ip } = await userOf(client);
    assert.deepEqual([last_login_date, last_login_ip], [at, '192.0.2.44']);
  });

  it('login: of an address that is not proven it says so after the right password alone', async () => {
    const { email } = await world().account(address(), { verified: false });
    assertInvalid(await world().another().login(email), { email: ['Your email address is not verified.'] });
    assertInvalid(await world().another().login(email, 'not this one'), CREDENTIALS);
  });

  it('logout: the user’s remember cookies die on every device', async () => {
    const email = address();
    const [one, other] = [await world().signedIn(email, { remember: true }), world().another()];
    await other.login(email, PASSWORD, { remember: true });
    const answer = await one.post('/auth/logout');
    assert.equal(answer.status, 204);
    const expired = answer.setCookies.filter((line) => line.startsWith(`${REMEMBER}=;`));
    assert.equal(expired.length, 1);
    assert.match(expired[0] ?? '', /; Max-Age=0;/);
    other.forgetSession();
    assertGuest(await other.user());
  });

  it('user/password: keeps this session and its answer’s, and ends every other one with its remember cookie', async () => {
    const email = address();
    const client = await world().signedIn(email);
    const other = world().another();
    await other.login(email, PASSWORD, { remember: true });
    await other.user();
    assert.equal((await client.put('/user/password', { current_password: PASSWORD, ...TWICE })).status, 200);
    assert.equal((await client.user()).status, 200);
    assertGuest(await other.user());
    assert.equal(other.jar.has(REMEMBER), false);
  });

  it('forgot-password: the link leads to the front end with token and address; one mail a minute, silently', async () => {
    const { email } = await world().account();
    const client = world().another();
    await client.csrfCookie();
    const ask = async (): Promise<number> => {
      assertAnswer(await client.post('/auth/forgot-password', { email }), {
        status: 200,
        body: RESET_SENT,
        sets: WEB,
      });
      return (await world().mails(email)).length;
    };
    assert.deepEqual([await ask(), await ask()], [1, 1]);
    world().clock.advance({ seconds: 60 });
    assert.equal(await ask(), 2);
    const link = await linkTo(email, world());
    assert.equal(`${link.origin}${link.pathname}`, `${SPA}/reset-password`);
    assert.deepEqual([...link.searchParams.keys()], ['token', 'email']);
    assert.equal(link.searchParams.get('email'), email);
  });

  it('reset-password: a token works once, for 60 minutes', async () => {
    const { email } = await world().account();
    const client = world().another();
    await client.csrfCookie();
    const dead = { email: ['This password reset token is invalid.'] };
    const send = async () => {
      await client.post('/auth/forgot-password', { email });
      const token = (await linkTo(email, world())).searchParams.get('token');
      return { email, token, ...TWICE };
    };
    const late = await send();
    world().clock.advance({ minutes: 60 });
    assertInvalid(await client.post('/auth/reset-password', late), dead);
    const body = await send();
    world().clock.advance({ minutes: 59 });
    assert.equal((await client.post('/auth/reset-password', body)).status, 200);
    assertInvalid(await client.post('/auth/reset-password', body), dead);
  });

  it('reset-password: signs nobody in, and ends every session and remember cookie', async () => {
    const email = address();
    const before = await world().signedIn(email, { remember: true });
    const client = world().another();
    await client.csrfCookie();
    await client.post('/auth/forgot-password', { email });
    const token = (await linkTo(email, world())).searchParams.get('token');
    assert.equal((await client.post('/auth/reset-password', { email, token, ...TWICE })).status, 200);
    assertGuest(await client.user());
    assertGuest(await before.user());
    assert.equal(before.jar.has(REMEMBER), false);
  });

  it('reset-password: what is missing is told in the order token, email, password', async () => {
    const client = world().another();
    await client.csrfCookie();
    assertInvalid(await client.post('/auth/reset-password', {}), {
      token: ['The token field is required.'],
      email: ['The email field is required.'],
      password: ['The password field is required.'],
    });
  });

  it('setup-password: the link has the documented form, holds no digest of the address, and lives for 24 hours', async () => {
    const { id, email, link } = await invited();
    const [, first, number, hash = '', ...more] = link.pathname.split('/');
    assert.deepEqual([link.origin, first, number, more], [SPA, 'setup-password', String(id), []]);
    assert.match(hash, /^[0-9a-f]+$/);
    assert.notEqual(hash, createHash('sha1').update(email).digest('hex'));
    assert.deepEqual([...link.searchParams.keys()], ['expires', 'signature']);
    assert.equal(link.searchParams.get('expires'), String(world().clock.now() / 1000 + 24 * 60 * 60));
    assert.match(link.searchParams.get('signature') ?? '', /^[0-9a-f]{64}$/);
    const client = world().another();
    world().clock.advance({ hours: 24, seconds: -1 });
    assert.equal((await client.get(setUpPath(link))).status, 200);
    world().clock.advance({ seconds: 1 });
    const message = 'This password setup link has expired. Please contact your administrator to request a new one.';
    assertAnswer(await client.get(setUpPath(link)), { status: 403, body: { valid: false, message }, sets: WEB });
    assertAnswer(await client.post(setUpPath(link), TWICE), { status: 403, body: { message }, sets: WEB });
  });

  it('setup-password: a link that was used says that it is done', async () => {
    const { link } = await invited();
    const client = world().another();
    await client.csrfCookie();
    await client.post(setUpPath(link), TWICE);
    const message = 'You have already set up your password. Please log in.';
    assertAnswer(await client.get(setUpPath(link)), { status: 403, body: { valid: false, message }, sets: WEB });
    assertAnswer(await client.post(setUpPath(link), TWICE), { status: 403, body: { message }, sets: WEB });
  });

  it('setup-password: a user that is not there and a wrong hash are one answer', async () => {
    const { id, link } = await invited();
    const [, , , hash = ''] = link.pathname.split('/');
    const client = world().another();
    const message = 'This password setup link is invalid.';
    for (const path of [`${id}/${'0'.repeat(hash.length)}`, `${id}/x`, `999999/${hash}`]) {
      const answer = await client.get(`/auth/setup-password/${path}${link.search}`);
      assertAnswer(answer, { status: 403, body: { valid: false, message }, sets: WEB });
    }
    const named = await client.get(`/auth/setup-password/jean/${hash}${link.search}`);
    assertAnswer(named, { status: 404, body: { valid: false, message: 'User not found.' }, sets: WEB });
  });

  it('setup-password: a body is judged before the link', async () => {
    const client = world().another();
    await client.csrfCookie();
    const answer = await client.post('/auth/setup-password/999999/x?expires=1&signature=x', {});
    assertInvalid(answer, { password: ['The password field is required.'] });
  });

  it('password rule: eight characters, confirmed, and no rule of composition', async () => {
    const { link } = await invited();
    const client = world().another();
    await client.csrfCookie();
    const choose = (password: string, password_confirmation = password) =>
      client.post(setUpPath(link), { password, password_confirmation });
    assertInvalid(await choose('hzqvkdw'), { password: ['The password must be at least 8 characters.'] });
    assertInvalid(await choose('hzqvkdwt', 'hzqvkdwT'), { password: ['The password confirmation does not match.'] });
    assertInvalid(await choose('hzqvkdw', ''), {
      password: ['The password must be at least 8 characters.', 'The password confirmation does not match.'],
    });
    assert.equal((await choose('hzqvkdwt')).status, 200);
  });
});

describe('3.3: Fortify’s own routes', () => {
  for (const base of ['', PREFIX]) {
    it(`POST ${base}/login signs in, and POST ${base}/logout out`, async () => {
      const { email } = await world().account();
      const client = world().another();
      await client.csrfCookie();
      const answer = await client.ask('POST', `${base}/login`, { body: { email, password: PASSWORD } });
      assertAnswer(answer, { status: 200, body: { two_factor: false }, sets: [...WEB, KNOWN] });
      assertAnswer(await client.ask('POST', `${base}/logout`), { status: 204, sets: WEB });
      assertGuest(await client.user());
    });

    it(`POST ${base}/logout is 401 for a guest`, async () => {
      const client = world().another();
      await client.csrfCookie();
      assertGuest(await client.ask('POST', `${base}/logout`));
    });

    it(`POST ${base}/two-factor-challenge completes a login`, async () => {
      const { client, secret } = await challenged();
      const answer = await client.ask('POST', `${base}/two-factor-challenge`, { body: { code: codeOf(secret) } });
      assertAnswer(answer, { status: 204, sets: [...WEB, KNOWN] });
      assert.equal((await client.user()).status, 200);
    });
  }

  it('POST /two-factor-challenge answers 204 to whom has signed in already', async () => {
    const client = await world().signedIn();
    for (const path of ['/two-factor-challenge', `${PREFIX}/auth/two-factor-challenge`]) {
      const answer = await client.ask('POST', path, { body: { code: '000000' } });
      assertAnswer(answer, { status: 204, sets: WEB });
    }
    assert.equal((await client.user()).status, 200);
  });

  it('POST /forgot-password and /reset-password at the root are not Fortify’s, and mail nobody (rule 33)', async () => {
    const { email } = await world().account();
    const client = world().another();
    await client.csrfCookie();
    for (const path of ['/forgot-password', '/reset-password']) {
      const answer = await client.ask('POST', path, { body: { email, token: 'x', ...TWICE } });
      assert.ok(answer.status >= 400, `${path}: ${answer.status}`);
      assert.equal(answer.body.errors, undefined);
    }
    assert.deepEqual(await world().mails(email), []);
  });

  it('POST /register, PUT /user/profile-information and PUT /user/password are not served', async () => {
    const client = await world().signedIn();
    const body = { current_password: PASSWORD, ...TWICE };
    for (const [method, path] of [
      ['POST', '/register'],
      ['PUT', '/user/profile-information'],
      ['PUT', '/user/password'],
    ] as const) {
      assert.equal((await client.ask(method, path, { body })).status, 404, path);
    }
  });

  it('at the root they ask for no front end that is known, below the prefix they do', async () => {
    const client = await world().signedIn();
    const headers = { referer: '', origin: '' };
    const atRoot = await client.ask('GET', '/user/confirmed-password-status', { headers });
    assertAnswer(atRoot, { status: 200, body: { confirmed: false }, sets: WEB });
    const below = await client.get('/user/confirmed-password-status', { headers });
    assertGuest(below);
    assertSets(below, []);
  });
});

describe('1: what Accept makes of a success', () => {
  const anything = { headers: { accept: '*/*' } };

  it('with Accept: */* a good login is a 302 to /, which signs in', async () => {
    const { email } = await world().account();
    for (const path of [`${PREFIX}/auth/login`, '/login']) {
      const client = world().another();
      await client.csrfCookie();
      const answer = await client.ask('POST', path, { body: { email, password: PASSWORD }, ...anything });
      assertSentHome(answer);
      assertSets(answer, [...WEB, KNOWN]);
      assert.equal((await client.user()).status, 200);
    }
  });

  it('with Accept: */* a bad login is 422 JSON all the same', async () => {
    const { email } = await world().account();
    const client = world().another();
    await client.csrfCookie();
    const answer = await client.post('/auth/login', { email, password: 'not this one' }, anything);
    assertInvalid(answer, CREDENTIALS);
  });

  it('with Accept: */* a right code is a 302 to /, and so is signing out by Fortify’s own line', async () => {
    const { client, secret } = await challenged();
    assertSentHome(await client.post('/auth/two-factor-challenge', { code: codeOf(secret) }, anything));
    assert.equal((await client.user()).status, 200);
    assertSentHome(await client.post('/logout', undefined, anything));
    assertGuest(await client.user());
  });

  it('POST /auth/logout is 204 whatever is wanted, which is no line of Fortify’s', async () => {
    for (const accept of ['*/*', '', 'text/html', 'application/json']) {
      const client = await world().signedIn();
      const answer = await client.post('/auth/logout', undefined, { headers: { accept } });
      assert.deepEqual([answer.status, answer.text], [204, ''], accept);
      assertGuest(await client.user());
    }
  });

  it('with Accept: text/html a guest is answered 401 as JSON', async () => {
    const headers = { accept: 'text/html', 'x-requested-with': '' };
    assertGuest(await world().another().user({ headers }));
  });
});

describe('the session is known by its cookies alone', () => {
  it('a new browser that is given both cookies is signed in', async () => {
    const client = await world().signedIn();
    const other = new Client(world().app);
    for (const name of [SESSION, XSRF]) other.jar.set(name, client.cookie(name));
    assert.deepEqual((await other.user()).json, (await client.user()).json);
    assert.equal((await other.patch('/user/locale', { locale: 'en' })).status, 200);
  });
});
