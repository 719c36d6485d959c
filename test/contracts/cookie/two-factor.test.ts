import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertRefused, type Client, openClient, PASSWORD, sharedWorld, UUID } from './client.ts';
import {
  askDevice,
  bodyOf,
  CHANNELS,
  codeOf,
  deviceToken,
  newestCode,
  type Protected,
  protect,
  switchOnByDevice,
  switchTotpOn,
  wrongCode,
} from './protected.ts';

const MESSAGES = {
  totp: 'Enter the code from your authenticator app.',
  email: 'Enter the code that was sent to your email address.',
  sms: 'Enter the code that was sent to your phone.',
};
const CHALLENGE = /^challenge=[\w-]{43}; Max-Age=600; Path=\/v1\/auth; HttpOnly; SameSite=Strict$/;
const COOKIES = [
  /^accessToken=[\w.-]+; Max-Age=900; Path=\/; HttpOnly; SameSite=Strict$/,
  /^refreshToken=[\w-]{43}; Max-Age=604800; Path=\/v1\/auth; HttpOnly; SameSite=Strict$/,
  /^guichet_client=[\w-]{43}; Max-Age=2592000; Path=\/; HttpOnly; SameSite=Lax$/,
  /^challenge=; Max-Age=0; Path=\/v1\/auth; HttpOnly; SameSite=Strict$/,
];

function assertCookies(lines: string[], forms: RegExp[]): void {
  assert.equal(lines.length, forms.length, lines.join('\n'));
  for (const [index, form] of forms.entries()) assert.match(lines[index] ?? '', form);
}

describe('a sign-in in two steps', () => {
  const world = sharedWorld();

  /** A browser after the first step. */
  async function begun(who: Protected): Promise<Client> {
    const client = world().another();
    const answer = await client.signIn(who.email);
    assert.equal(bodyOf(answer).twoFactorRequired, true, answer.text);
    return client;
  }

  for (const channel of CHANNELS) {
    it(`asks for the ${channel} factor with a challenge, and answers its code as login does`, async () => {
      const who = await protect(world(), `steps-${channel}@example.com`, channel);
      const client = world().another();
      const first = await client.signIn(who.email);
      assert.equal(first.status, 200);
      assert.deepEqual(first.body, { success: true, twoFactorRequired: true, channel, message: MESSAGES[channel] });
      assertCookies(first.setCookies, [CHALLENGE]);
      assertRefused(await client.get('/me'), 401, 'TOKEN_EXPIRED');

      const second = await client.post('/two-factor', { code: await codeOf(world(), who) });
      assert.equal(second.status, 200, second.text);
      const { user } = second.body;
      assert.match(user?.id ?? '', UUID);
      assert.deepEqual(second.body, {
        success: true,
        message: 'Login successful',
        user: { id: user?.id, email: who.email, name: 'John Doe', role: 'USER', emailVerified: true },
      });
      assertCookies(second.setCookies, COOKIES);
      assert.equal((await client.get('/me')).status, 200);
      assert.equal((await client.post('/refresh')).status, 200);
    });

    it(`takes a recovery code for the ${channel} factor, in any spelling, once`, async () => {
      const who = await protect(world(), `recovery-${channel}@example.com`, channel);
      const [code = ''] = who.recoveryCodes;
      const client = await begun(who);
      const answer = await client.post('/two-factor', { recoveryCode: code.toLowerCase().replace(/.{5}/g, '$&-') });
      assert.equal(answer.status, 200, answer.text);
      assertCookies(answer.setCookies, COOKIES);
      const again = await begun(who);
      assertRefused(await again.post('/two-factor', { recoveryCode: code }), 401, 'INVALID_TWO_FACTOR_CODE');
    });

    it(`takes no code of the ${channel} factor twice, and none in the other’s field`, async () => {
      const who = await protect(world(), `once-${channel}@example.com`, channel);
      const [client, other] = [await begun(who), await begun(who)];
      const code = await codeOf(world(), who);
      const misplaced = [{ recoveryCode: code }, { code: who.recoveryCodes[0] }];
      for (const body of misplaced) {
        assertRefused(await client.post('/two-factor', body), 401, 'INVALID_TWO_FACTOR_CODE');
      }
      assert.equal((await client.post('/two-factor', { code })).status, 200);
      for (const late of [client, other]) {
        assertRefused(await late.post('/two-factor', { code }), 401, 'INVALID_TWO_FACTOR_CODE');
      }
    });
  }

  it('refuses a wrong code, changes no cookie for it, and takes the right one after', async () => {
    const who = await protect(world(), 'wrong@example.com', 'totp');
    const client = await begun(who);
    const answer = await client.post('/two-factor', { code: await wrongCode(world(), who) });
    const message = 'The code is incorrect or has expired.';
    assert.deepEqual(answer.body, { success: false, error: 'INVALID_TWO_FACTOR_CODE', message });
    assert.deepEqual([answer.status, answer.setCookies], [401, []]);
    assert.equal((await client.post('/two-factor', { code: await codeOf(world(), who) })).status, 200);
  });

  it('takes five tries, and ten wrong ones in an hour over all sign-ins', async () => {
    const who = await protect(world(), 'guessing@example.com', 'totp');
    for (let login = 0; login < 2; login += 1) {
      const client = await begun(who);
      for (let time = 1; time <= 5; time += 1) {
        const code = await wrongCode(world(), who, 5 * login + time);
        assertRefused(await client.post('/two-factor', { code }), 401, 'INVALID_TWO_FACTOR_CODE');
      }
      const right = await client.post('/two-factor', { code: await codeOf(world(), who) });
      assertRefused(right, 401, 'INVALID_TWO_FACTOR_CODE');
      world().clock.advance({ seconds: 1 });
    }
    const client = await begun(who);
    const limited = await client.post('/two-factor', { code: await codeOf(world(), who) });
    assertRefused(limited, 429, 'RATE_LIMIT_EXCEEDED');
    assert.ok(Number(limited.headers['retry-after']) > 3500);
    world().clock.advance({ seconds: Number(limited.headers['retry-after']) });
    const later = await begun(who);
    assert.equal((await later.post('/two-factor', { code: await codeOf(world(), who) })).status, 200);
  });

  it('is over after the ten minutes that its challenge lasts', async () => {
    const who = await protect(world(), 'late@example.com', 'totp');
    const client = await begun(who);
    world().clock.advance({ seconds: 600 });
    const answer = await client.post('/two-factor', { code: await codeOf(world(), who) });
    assertRefused(answer, 401, 'INVALID_TWO_FACTOR_CODE');
  });

  it('needs a code that is text (R047)', async () => {
    const who = await protect(world(), 'types@example.com', 'totp');
    const client = await begun(who);
    const right = await codeOf(world(), who);
    const values = [Number(right), 12345, 0, -1, 1e300, null, true, [], [right], {}, { $ne: '' }, 'x'.repeat(65)];
    for (const field of ['code', 'recoveryCode']) {
      for (const value of values) {
        const answer = await client.post('/two-factor', { [field]: value });
        assertRefused(answer, 400, 'VALIDATION_ERROR', JSON.stringify(value));
        assert.deepEqual(Object.keys(answer.body.fields ?? {}), [field]);
      }
    }
    for (const body of [{}, { password: PASSWORD }, [], 'text', 7, null]) {
      assertRefused(await client.post('/two-factor', body), 400, 'VALIDATION_ERROR', JSON.stringify(body));
    }
    const fullWidth = right.replace(/\d/g, (digit) => String.fromCharCode(0xff10 + Number(digit)));
    for (const code of [fullWidth, ` ${right}`, `${right.slice(0, 3)} ${right.slice(3)}`, '']) {
      assertRefused(await client.post('/two-factor', { code }), 401, 'INVALID_TWO_FACTOR_CODE', code);
    }
    // None of those with a wrong type was a try.
    assert.equal((await client.post('/two-factor', { code: right })).status, 200);
  });

  it('needs its own challenge, once, and evaluates nothing without it', async () => {
    const who = await protect(world(), 'challenge@example.com', 'totp');
    const other = await begun(await protect(world(), 'another@example.com', 'totp'));
    const client = await begun(who);
    const challenge = client.cookie('challenge');
    const code = await codeOf(world(), who);
    const cookies = [
      null,
      'challenge=',
      `challenge=${'A'.repeat(43)}`,
      `challenge=${challenge.slice(0, -2)}`,
      `Challenge=${challenge}`,
      // Whose would it be? A neighbouring host may have set one of them.
      `challenge=${challenge}; challenge=${other.cookie('challenge')}`,
      `challenge=${other.cookie('challenge')}; challenge=${challenge}`,
    ];
    for (const cookie of cookies) {
      const answer = await world().another().post('/two-factor', { code }, { cookie });
      assertRefused(answer, 401, 'INVALID_TWO_FACTOR_CODE', String(cookie));
      assert.deepEqual(answer.setCookies, []);
    }
    assertRefused(await other.post('/two-factor', { code }), 401, 'INVALID_TWO_FACTOR_CODE');
    assert.equal((await client.post('/two-factor', { code })).status, 200);
  });

  it('is not completed from a foreign page, and uses up no try for it', async () => {
    const who = await protect(world(), 'foreign@example.com', 'totp');
    const client = await begun(who);
    const code = await codeOf(world(), who);
    for (const headers of [{ origin: 'https://evil.example' }, { 'sec-fetch-site': 'cross-site' }]) {
      for (let time = 0; time < 5; time += 1) {
        const answer = await client.post('/two-factor', { code }, { headers });
        assertRefused(answer, 403, 'FORBIDDEN_ORIGIN');
        assert.deepEqual(answer.setCookies, []);
      }
    }
    assert.equal((await client.post('/two-factor', { code })).status, 200);
  });

  it('ends the session that the browser had meanwhile', async () => {
    const who = await protect(world(), 'meanwhile@example.com', 'totp');
    const plain = await world().signedIn('plain-meanwhile@example.com');
    const before = `refreshToken=${plain.cookie('refreshToken')}`;
    const client = await begun(who);
    const cookie = `challenge=${client.cookie('challenge')}; accessToken=${plain.cookie('accessToken')}`;
    const answer = await client.post('/two-factor', { code: await codeOf(world(), who) }, { cookie });
    assert.equal(answer.status, 200, answer.text);
    assertRefused(await world().another().post('/refresh', undefined, { cookie: before }), 401, 'TOKEN_EXPIRED');
  });

  it('leaves a session alone when its code is wrong', async () => {
    const who = await protect(world(), 'alone@example.com', 'totp');
    const plain = await world().signedIn('plain-alone@example.com');
    const client = await begun(who);
    const cookie = `challenge=${client.cookie('challenge')}; accessToken=${plain.cookie('accessToken')}`;
    await client.post('/two-factor', { code: await wrongCode(world(), who) }, { cookie });
    assert.equal((await plain.get('/me')).status, 200);
  });

  it('speaks French on request', async () => {
    const who = await protect(world(), 'french-steps@example.com', 'totp');
    const client = await begun(who);
    const headers = { 'accept-language': 'fr' };
    const wrong = await client.post('/two-factor', { code: await wrongCode(world(), who) }, { headers });
    assert.equal(wrong.body.message, 'Le code est incorrect ou a expiré.');
    const right = await client.post('/two-factor', { code: await codeOf(world(), who) }, { headers });
    assert.equal(right.body.message, 'Connexion réussie');
  });

  it('has its challenge below the prefix where the contract answers', async (t) => {
    const own = await openClient(t, { env: { GUICHET_COOKIE_PREFIX: '/konto' } });
    await own.account('moved@example.com');
    const client = own.another();
    const post = (path: string, body: object = {}) => client.askAt('POST', `/konto${path}`, { body });
    await post('/login', { email: 'moved@example.com', password: PASSWORD });
    await switchOnByDevice(own, own.another(), 'moved@example.com', 'email');
    own.clock.advance({ minutes: 2 });
    const answer = await post('/login', { email: 'moved@example.com', password: PASSWORD });
    assert.match(
      answer.setCookies.join('\n'),
      /^challenge=[\w-]{43}; Max-Age=600; Path=\/konto; HttpOnly; SameSite=Strict$/,
    );
    const done = await post('/two-factor', { code: await newestCode(own, 'moved@example.com') });
    assert.ok(done.setCookies.includes('challenge=; Max-Age=0; Path=/konto; HttpOnly; SameSite=Strict'));
  });
});

describe('two contracts and one second factor', () => {
  const world = sharedWorld();

  for (const channel of CHANNELS) {
    it(`of which the one asks for the ${channel} factor that the other switched on`, async () => {
      const email = `shared-${channel}@example.com`;
      await world().account(email);
      const on = await switchOnByDevice(world(), world().another(), email, channel);
      world().clock.advance({ minutes: 2 });
      const client = world().another();
      const answer = await client.signIn(email);
      assert.deepEqual(answer.body, { success: true, twoFactorRequired: true, channel, message: MESSAGES[channel] });
      const code = await codeOf(world(), { email, channel, client, ...on });
      assert.equal((await client.post('/two-factor', { code })).status, 200);
      world().clock.advance({ minutes: 2 });
      const again = world().another();
      await again.signIn(email);
      assert.equal((await again.post('/two-factor', { recoveryCode: on.recoveryCodes[0] })).status, 200);
    });
  }

  it('of which the device contract asks for the authenticator that this one switched on', async () => {
    const who = await protect(world(), 'here-first@example.com', 'totp');
    const client = world().another();
    const due = await askDevice(client, '/login', { identifier: who.email, password: PASSWORD });
    assert.deepEqual([due.status, bodyOf(due).channel], [202, 'totp']);
    const otp = await codeOf(world(), who);
    const done = await askDevice(client, '/2fa/verify', { identifier: who.email, otp });
    assert.equal(done.status, 200, done.text);
    // One code, one sign-in, here or there.
    const here = world().another();
    await here.signIn(who.email);
    assertRefused(await here.post('/two-factor', { code: otp }), 401, 'INVALID_TWO_FACTOR_CODE');
  });

  it('of which the challenge of one means nothing to the other', async () => {
    const who = await protect(world(), 'apart@example.com', 'totp');
    const client = world().another();
    await client.signIn(who.email);
    const ours = client.cookie('challenge');
    const otp = await codeOf(world(), who);
    const name = { identifier: who.email, otp };
    for (const body of [{ ...name, challenge: ours }, name]) {
      const answer = await askDevice(client, '/2fa/verify', body);
      assert.deepEqual([answer.status, answer.body.error], [401, 'invalid_otp']);
    }
    const due = await askDevice(client, '/login', { identifier: who.email, password: PASSWORD });
    const theirs = bodyOf(due).challenge ?? '';
    const cookie = `challenge=${theirs}`;
    assertRefused(await client.post('/two-factor', { code: otp }, { cookie }), 401, 'INVALID_TWO_FACTOR_CODE');
    assert.equal((await client.post('/two-factor', { code: otp })).status, 200);
  });

  it('of which the one switches off what the other switched on', async () => {
    const email = 'off-there@example.com';
    const client = await world().signedIn(email);
    await switchTotpOn(world(), client);
    assert.equal((await client.post('/two-factor/disable')).status, 200);
    assert.ok(await deviceToken(world().another(), email));
  });
});
