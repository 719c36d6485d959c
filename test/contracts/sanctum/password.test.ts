import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stepAt, totpAt } from '../../../src/core/totp.ts';
import { hasPostgres } from '../../support/databases.ts';
import {
  type Answer,
  assertGuest,
  assertInvalid,
  type Client,
  type OpenedClient,
  PASSWORD,
  REMEMBER,
  SESSION,
  sharedWorld,
} from './client.ts';

const NEW_PASSWORD = 'copper lantern quarry';
const UPDATED = 'Password updated successfully.';
const WRONG = { current_password: ['The current password is incorrect.'] };
const FAILED = { email: ['The provided credentials are incorrect.'] };
const SHORT = 'The password must be at least 8 characters.';
const UNCONFIRMED = 'The new password confirmation does not match.';
const COMMON = 'The given password is too common. Please choose another.';

let people = 0;

/** Somebody signed in in one browser. */
async function member(world: OpenedClient, of: { remember?: boolean; firstName?: string } = {}) {
  const email = `owner${++people}@example.com`;
  const account = await world.account(email);
  const client = world.another();
  const login = await client.login(email, PASSWORD, of.remember ? { remember: true } : {});
  assert.equal(login.status, 200, login.text);
  return { client, email, uuid: account.uuid };
}

const change = (
  client: Client,
  password = NEW_PASSWORD,
  current = PASSWORD,
  confirmation = password,
): Promise<Answer> =>
  client.put('/user/password', {
    current_password: current,
    password,
    password_confirmation: confirmation,
  });

const assertUpdated = (answer: Answer): void =>
  assert.deepEqual([answer.status, answer.json], [200, { message: UPDATED }]);

/** Whether somebody gets in with a password, from a browser that nobody knows. */
const opens = async (world: OpenedClient, email: string, password: string): Promise<boolean> =>
  (await world.another().login(email, password)).status === 200;

/** A session of each of the other contracts, by the header or the cookies that it is asked with. */
async function elsewhere({ app }: OpenedClient, email: string) {
  const inject = async (method: 'GET' | 'POST', url: string, headers: Record<string, string>, payload?: object) =>
    app.inject({ method, url, headers, remoteAddress: `10.200.${++people % 250}.1`, ...(payload && { payload }) });
  const device = await inject('POST', '/api/v1/auth/login', {}, { identifier: email, password: PASSWORD });
  const bearer = await inject('POST', '/api/auth/sign-in', {}, { email, password: PASSWORD });
  const cookie = await inject('POST', '/v1/auth/login', {}, { email, password: PASSWORD });
  const authorization = { device: device.json().access_token, bearer: bearer.json().session?.token };
  const jar = cookie.cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
  const status = async (url: string, headers: Record<string, string>): Promise<number> =>
    (await inject('GET', url, headers)).statusCode;
  return {
    statuses: async () => ({
      device: await status('/api/v1/auth/me', { authorization: `Bearer ${authorization.device}` }),
      bearer: await status('/api/auth/session', { authorization: `Bearer ${authorization.bearer}` }),
      cookie: await status('/v1/auth/me', { cookie: jar }),
    }),
  };
}

for (const database of ['sqlite', 'postgres'] as const) {
  describe(`a changed password on ${database}`, { skip: database === 'postgres' && !hasPostgres }, () => {
    const world = sharedWorld({ database });

    it('3: lets in in the place of the old one, and the session that changed it goes on', async () => {
      const { client, email } = await member(world());
      assertUpdated(await change(client));
      assert.equal((await client.user()).body.data?.email, email);
      assert.equal((await client.patch('/user/locale', { locale: 'en' })).status, 200);
      assertInvalid(await world().another().login(email, PASSWORD), FAILED);
      assert.equal(await opens(world(), email, NEW_PASSWORD), true);
    });

    it('ends every other session of the account, in all four contracts, and nobody else’s', async () => {
      const [{ client, email }, stranger] = [await member(world()), await member(world())];
      const other = world().another();
      await other.login(email);
      const others = await elsewhere(world(), email);
      assert.deepEqual(await others.statuses(), { device: 200, bearer: 200, cookie: 200 });
      assert.equal((await other.user()).status, 200);

      assertUpdated(await change(client));

      assertGuest(await other.user());
      assert.deepEqual(await others.statuses(), { device: 401, bearer: 401, cookie: 401 });
      assert.equal((await client.user()).status, 200);
      assert.equal((await stranger.client.user()).status, 200);
    });

    it('ends what browsers are remembered by, and takes the cookie from whoever still shows one', async () => {
      const { client, email } = await member(world(), { remember: true });
      const other = world().another();
      await other.login(email, PASSWORD, { remember: true });
      const own = client.cookie(REMEMBER);

      const answer = await change(client);

      assertUpdated(answer);
      other.forgetSession();
      const refused = await other.user();
      assertGuest(refused);
      assert.ok(refused.setCookies.some((line) => line.startsWith(`${REMEMBER}=;`) && line.includes('Max-Age=0')));
      assert.equal((await client.user()).status, 200);
      // What its own browser had is of no more use to whoever copied it.
      const copied = world().another();
      copied.jar.set(REMEMBER, own);
      assertGuest(await copied.user());
    });

    it('is one of two that are changed side by side', async () => {
      const { client, email } = await member(world());
      const other = world().another();
      await other.login(email);
      const passwords = [NEW_PASSWORD, 'granite otter parade'];
      const answers = await Promise.all([change(client, passwords[0]), change(other, passwords[1])]);
      const won = answers.findIndex(({ status }) => status === 200);
      const lost = answers[1 - won];
      assert.ok(
        won >= 0 && (lost?.status === 401 || lost?.status === 422),
        JSON.stringify(answers.map(({ text }) => text)),
      );
      assert.equal(await opens(world(), email, passwords[won] ?? ''), true);
      assert.equal(await opens(world(), email, passwords[1 - won] ?? ''), false);
    });
  });
}

describe('the form of a new password', () => {
  const world = sharedWorld({ env: { GUICHET_RATE_LIMITS: 'off' } });

  it('6.2: is told what is wrong with it, row by row, and nothing is changed', async () => {
    const { client, email } = await member(world());
    const both = { password: NEW_PASSWORD, password_confirmation: NEW_PASSWORD };
    const current = { current_password: PASSWORD };
    const noCurrent = ['The current password field is required.'];
    const noNew = ['The new password field is required.'];
    const rows: [body: object, errors: Record<string, string[]>][] = [
      [{}, { current_password: noCurrent, password: noNew }],
      [both, { current_password: noCurrent }],
      [{ ...both, current_password: '' }, { current_password: noCurrent }],
      [current, { password: noNew }],
      [{ ...current, password: '', password_confirmation: '' }, { password: noNew }],
      [{ ...current, ...both, current_password: 'wrong' }, WRONG],
      [{ ...current, ...both, current_password: NEW_PASSWORD }, WRONG],
      [{ ...current, ...both, current_password: PASSWORD.toUpperCase() }, WRONG],
      [{ ...current, ...both, current_password: 'x'.repeat(2000) }, WRONG],
      [{ ...current, password: NEW_PASSWORD }, { password: [UNCONFIRMED] }],
      [{ ...current, ...both, password_confirmation: '' }, { password: [UNCONFIRMED] }],
      [{ ...current, ...both, password_confirmation: `${NEW_PASSWORD} ` }, { password: [UNCONFIRMED] }],
      [{ ...current, ...both, password_confirmation: NEW_PASSWORD.toUpperCase() }, { password: [UNCONFIRMED] }],
      [{ ...current, password: 'seven77', password_confirmation: 'seven77' }, { password: [SHORT] }],
      [{ ...current, password: 'seven77' }, { password: [SHORT, UNCONFIRMED] }],
      [{ ...current, ...both, password: 12345678 }, { password: ['The new password field must be a string.'] }],
      [{ ...both, current_password: 12345678 }, { current_password: ['The current password field must be a string.'] }],
    ];
    for (const [body, errors] of rows) assertInvalid(await client.put('/user/password', body), errors);
    assert.equal((await client.user()).status, 200);
    assert.equal(await opens(world(), email, PASSWORD), true);
  });

  it('is refused what is common, guessable or their own, in one text', async () => {
    const { client, email } = await member(world());
    const local = email.split('@')[0] ?? '';
    for (const password of [
      'password',
      'password123',
      'qwertyuiop',
      'aaaaaaaaaaaa',
      email,
      `${local}42`,
      'jeandupont',
    ]) {
      assertInvalid(await change(client, password), { password: [COMMON] });
    }
    assert.equal(await opens(world(), email, PASSWORD), true);
  });

  it('asks for no letter, case, symbol or digit', async () => {
    const { client } = await member(world());
    let current = PASSWORD;
    for (const password of [
      'copper lantern quarry',
      'ZEBRAKLAMMERHOLZ',
      '8402 5519 7736 2',
      'ключ от старого дома',
      '🦊🐙🧊🪁🧭🪴🫖🧵',
    ]) {
      assertUpdated(await change(client, password, current));
      current = password;
    }
  });

  it('counts what people see of it: code points, composed', async () => {
    const { client, email } = await member(world());
    const seven = '🦊🐙🧊🪁🧭🪴🫖';
    assertInvalid(await change(client, seven), { password: [SHORT] });
    const decomposed = 'e\u0301'.repeat(7);
    assertInvalid(await change(client, decomposed), { password: [SHORT] });
    assertUpdated(await change(client, 'cafe\u0301 du coin calme'));
    assert.equal(await opens(world(), email, 'caf\u00e9 du coin calme'), true);
  });

  it('takes 1,024 bytes and no more, and cuts nothing off', async () => {
    const { client, email } = await member(world());
    const long = 'quiet copper lantern '.repeat(49).slice(0, 1024);
    for (const password of [`${long}x`, 'é'.repeat(513), 'x'.repeat(4000)]) {
      const answer = await change(client, password);
      assert.equal(answer.status, 422, answer.text);
      assert.deepEqual(Object.keys(answer.body.errors ?? {}), ['password']);
    }
    assertUpdated(await change(client, long));
    assert.equal(await opens(world(), email, long.slice(0, 1023)), false);
    assert.equal(await opens(world(), email, long), true);
  });

  it('needs somebody signed in, and no more: neither a confirmed password nor a code (rule 19)', async () => {
    const stranger = world().another();
    await stranger.csrfCookie();
    assertGuest(await change(stranger));
    const { client, email } = await member(world());
    await client.post('/user/confirm-password', { password: PASSWORD });
    await client.post('/user/two-factor-authentication');
    const { secretKey = '' } = (await client.get('/user/two-factor-secret-key')).body;
    const code = totpAt(secretKey, stepAt(world().clock.now()));
    assert.equal((await client.post('/user/confirmed-two-factor-authentication', { code })).status, 200);
    world().clock.advance({ minutes: 11 });
    assertUpdated(await change(client));
    assert.deepEqual((await world().another().login(email, NEW_PASSWORD)).json, { two_factor: true });
  });

  it('takes with it a reset link that was asked for before (rule 8)', async () => {
    const { client, email } = await member(world());
    const other = world().another();
    await other.csrfCookie();
    await other.post('/auth/forgot-password', { email });
    const token = await world().tokenFor(email);
    assertUpdated(await change(client));
    const both = { password: 'granite otter parade', password_confirmation: 'granite otter parade' };
    assertInvalid(await other.post('/auth/reset-password', { token, email, ...both }), {
      email: ['This password reset token is invalid.'],
    });
    assert.equal(await opens(world(), email, NEW_PASSWORD), true);
  });

  it('is told to its owner by mail, without a link or a code', async () => {
    const { client, email } = await member(world());
    const before = (await world().mails(email)).length;
    world().clock.advance({ seconds: 1 });
    assertUpdated(await change(client));
    const mails = await world().mails(email);
    assert.equal(mails.length, before + 1);
    assert.match(mails[0]?.subject ?? '', /password/i);
    assert.deepEqual([mails[0]?.links.filter((link) => /token=/.test(link)), mails[0]?.code], [[], null]);
  });
});

describe('a wrong current password', () => {
  const world = sharedWorld();

  it('rule 20: counts in the lock: after ten in a row the right one is refused, too, with when to come again', async () => {
    const { client, email } = await member(world());
    for (let time = 0; time < 10; time += 1) assertInvalid(await change(client, NEW_PASSWORD, 'wrong'), WRONG);
    const locked = await change(client);
    assert.equal(locked.status, 429, locked.text);
    assert.equal(locked.headers['retry-after'], '900');
    // A lock never touches a session.
    assert.equal((await client.user()).status, 200);
    assert.equal(client.jar.has(SESSION), true);
    world().clock.advance({ minutes: 15 });
    assertUpdated(await change(client));
    assert.equal(await opens(world(), email, NEW_PASSWORD), true);
  });

  it('rule 20: counts together with those at a login from the same browser', async () => {
    const { client, email } = await member(world());
    for (let time = 0; time < 6; time += 1) assertInvalid(await change(client, NEW_PASSWORD, 'wrong'), WRONG);
    const again = world().another();
    for (const [name, value] of client.jar) if (name.includes('guichet_client')) again.jar.set(name, value);
    for (let time = 0; time < 4; time += 1) assertInvalid(await again.login(email, 'wrong'), FAILED);
    assert.equal((await change(client)).status, 429);
  });

  it('rule 20: locks the browser that typed it, and no stranger out nor in', async () => {
    const { client, email } = await member(world());
    for (let time = 0; time < 10; time += 1) await change(client, NEW_PASSWORD, 'wrong');
    assert.equal((await change(client)).status, 429);
    assert.equal(await opens(world(), email, PASSWORD), true);
  });

  it('is forgotten with the right one', async () => {
    const { client, email } = await member(world());
    for (let time = 0; time < 9; time += 1) assertInvalid(await change(client, NEW_PASSWORD, 'wrong'), WRONG);
    assertUpdated(await change(client));
    world().clock.advance({ minutes: 6 });
    for (let time = 0; time < 9; time += 1) assertInvalid(await change(client, PASSWORD, 'wrong'), WRONG);
    assertUpdated(await change(client, PASSWORD, NEW_PASSWORD));
    assert.equal(await opens(world(), email, PASSWORD), true);
  });
});
