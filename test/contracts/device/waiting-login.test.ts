import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertDone, assertRefused, assertSignedIn, type Channel } from './answers.ts';
import { Client, OTHER_PASSWORD, PASSWORD, sharedWorld, WRONG } from './client.ts';

const SENT = 'Un code OTP de 6 chiffres a été renvoyé.';

describe('a sign-in that waits for its second factor', () => {
  const world = sharedWorld();

  async function withFactor(channel: Channel = 'email') {
    const { enrol, number, signedIn } = world();
    const phone = number();
    const { client, email } = await signedIn({ phone });
    const enrolled = await enrol(client, channel);
    return { client, email, phone, to: channel === 'sms' ? phone : email, ...enrolled };
  }
  const count = async (to: string): Promise<number> => (await world().mails(to)).length;

  it('is asked for by nobody without the password: nothing is sent, and the answer is the same', async () => {
    const { another, clock } = world();
    const { client, email, phone } = await withFactor();
    const before = [await count(email), await count(phone)];
    await client.signIn(email, WRONG);
    for (const identifier of [email, phone]) {
      for (const more of [{}, client.device, { challenge: 'A'.repeat(43) }]) {
        assertDone(await client.post('/2fa/request-otp', { identifier, ...more }), SENT, 201);
        assertDone(await another().post('/2fa/request-otp', { identifier, ...more }), SENT, 201);
        clock.advance({ seconds: 61 });
      }
    }
    assert.deepEqual([await count(email), await count(phone)], before);
  });

  it('is none after a sign-in that was answered at once', async () => {
    const { account, another } = world();
    const { email } = await account();
    const client = another();
    assertSignedIn(await client.signIn(email));
    assertDone(await client.post('/2fa/request-otp', { identifier: email, ...client.device }), SENT, 201);
    assert.equal(await count(email), 0);
    assertRefused(await client.verify(email, '123456'), 401, 'invalid_otp');
  });

  it('is sent its code again by its challenge, its fingerprint, or from its network, and to nobody else', async () => {
    const { another, app, clock } = world();
    const { client, email } = await withFactor();
    const bare = another({ device: {}, address: '198.18.7.1' });
    const neighbour = new Client(app, { address: '198.18.7.200' });
    const far = another({ device: {} });
    await client.signIn(email);
    const { challenge } = client;
    let sent = await count(email);
    const asks = async (who: Client, more: object, expected: 0 | 1): Promise<void> => {
      clock.advance({ seconds: 61 });
      assertDone(await who.post('/2fa/request-otp', { identifier: email, ...more }), SENT, 201);
      sent += expected;
      assert.equal(await count(email), sent, JSON.stringify(more));
    };
    await asks(far, {}, 0);
    await asks(far, { device_fingerprint: 'other' }, 0);
    await asks(far, { challenge }, 1);
    await asks(far, { device_fingerprint: client.device.device_fingerprint }, 1);
    // Its network is no way to a sign-in that gave a fingerprint.
    await asks(client, {}, 0);
    clock.advance({ minutes: 10 });
    await bare.signIn(email);
    sent += 1;
    await asks(far, {}, 0);
    await asks(neighbour, {}, 1);
    const code = await world().codeFor(email);
    assertRefused(await far.verify(email, code), 401, 'invalid_otp');
    assertSignedIn(await neighbour.verify(email, code));
  });

  it('is sent no second code within a minute, and says the same', async () => {
    const { clock } = world();
    const { client, email } = await withFactor();
    await client.signIn(email);
    const sent = await count(email);
    clock.advance({ seconds: 59 });
    assertDone(await client.post('/2fa/request-otp', { identifier: email, ...client.device }), SENT, 201);
    assert.equal(await count(email), sent);
    clock.advance({ seconds: 1 });
    assertDone(await client.post('/2fa/request-otp', { identifier: email, ...client.device }), SENT, 201);
    assert.equal(await count(email), sent + 1);
  });

  it('is sent nothing where an authenticator shows the code', async () => {
    const { clock } = world();
    const { client, email, phone } = await withFactor('totp');
    await client.signIn(email);
    const before = [await count(email), await count(phone)];
    clock.advance({ seconds: 61 });
    assertDone(await client.post('/2fa/request-otp', { identifier: email, ...client.device }), SENT, 201);
    assert.deepEqual([await count(email), await count(phone)], before);
  });

  it('goes on counting wrong codes when a new one is sent', async () => {
    const { clock, codeFor } = world();
    const { client, email } = await withFactor();
    await client.signIn(email);
    for (let time = 0; time < 4; time += 1) await client.verify(email, 'wrong');
    clock.advance({ seconds: 61 });
    await client.post('/2fa/request-otp', { identifier: email, ...client.device });
    assertRefused(await client.verify(email, 'wrong'), 401, 'invalid_otp');
    assertRefused(await client.verify(email, await codeFor(email)), 401, 'invalid_otp');
  });

  it('is over after ten minutes', async () => {
    const { clock, totp } = world();
    const { client, email, secret } = await withFactor('totp');
    await client.signIn(email);
    clock.advance({ minutes: 9, seconds: 59 });
    const { challenge } = client;
    await client.signIn(email);
    clock.advance({ seconds: 1 });
    assertRefused(await client.verify(email, totp(secret), { challenge }), 401, 'invalid_otp');
    assertSignedIn(await client.verify(email, totp(secret)));
  });

  it('is one of three at most: a fourth takes the place of the oldest', async () => {
    const { clock, totp } = world();
    const { client, email, secret } = await withFactor('totp');
    const challenges: (string | undefined)[] = [];
    for (let time = 0; time < 4; time += 1) {
      clock.advance({ seconds: 1 });
      await client.signIn(email);
      challenges.push(client.challenge);
    }
    const [oldest, second] = challenges;
    assertRefused(await client.verify(email, totp(secret), { challenge: oldest }), 401, 'invalid_otp');
    assertSignedIn(await client.verify(email, totp(secret), { challenge: second }));
  });

  it('is none the less for a fingerprint that the account knows', async () => {
    const { another, enrol, signedIn, totp } = world();
    const { client, email } = await signedIn();
    const { secret } = await enrol(client, 'totp');
    await client.signIn(email);
    assertSignedIn(await client.verify(email, totp(secret)));
    const copy = another({ device: client.device });
    const { clientToken: client_token } = client;
    assert.equal((await copy.signIn(email)).status, 202);
    assert.equal((await copy.signIn(email, PASSWORD, { client_token })).status, 202);
  });

  it('ends with a change of the password', async () => {
    const { another, totp } = world();
    const { client, email, secret } = await withFactor('totp');
    const other = another();
    await other.signIn(email);
    const passwords = { current_password: PASSWORD, password: OTHER_PASSWORD };
    assert.equal((await client.put('/password', passwords)).status, 200);
    assertRefused(await other.verify(email, totp(secret)), 401, 'invalid_otp');
  });

  it('of another contract is not reached, by its challenge either', async () => {
    const { another, app, totp } = world();
    const { email, secret } = await withFactor('totp');
    const payload = { email, password: PASSWORD };
    const remoteAddress = '198.18.9.1';
    const browser = await app.inject({ method: 'POST', url: '/v1/auth/login', payload, remoteAddress });
    const challenge = browser.cookies.find(({ name }) => name === 'challenge')?.value;
    assert.match(challenge ?? '', /^[\w-]{43}$/);
    const client = another({ device: {}, address: remoteAddress });
    assertRefused(await client.verify(email, totp(secret), { challenge }), 401, 'invalid_otp');
    assertRefused(await client.verify(email, totp(secret)), 401, 'invalid_otp');
  });

  it('opens no door to the password: a known code with a wrong one is refused as a wrong password is', async () => {
    const { another, codeFor } = world();
    const { client, email } = await withFactor();
    await client.signIn(email);
    const stranger = another();
    const answer = await stranger.verify(email, await codeFor(email), { password: WRONG });
    assertRefused(answer, 401, 'invalid_credentials');
  });

  it('is guessed at by no network for long', async () => {
    const { account, another } = world();
    const { email } = await account();
    const client = another({ device: {}, address: '198.18.11.1' });
    for (let time = 0; time < 30; time += 1) {
      assertRefused(await client.verify(email, '123456'), 401, 'invalid_otp');
    }
    assertRefused(await client.verify(email, '123456'), 429, 'rate_limited', {
      message: 'Trop de requêtes. Réessayez dans 5 minutes.',
      retryAfter: 300,
    });
  });

  it('closes the password to everybody after thirty wrong codes in a row, until a reset', async () => {
    const { another, clock, codeFor, mails, totp } = world();
    const { client, email, secret } = await withFactor('totp');
    for (let time = 0; time < 30; time += 1) {
      if (time % 10 === 0) clock.advance({ hours: 1 });
      clock.advance({ seconds: 1 });
      if (time % 5 === 0) assert.equal((await client.signIn(email)).status, 202);
      assertRefused(await client.verify(email, 'wrong'), 401, 'invalid_otp');
    }
    assertRefused(await client.signIn(email), 401, 'invalid_credentials');
    assert.match((await mails(email))[0]?.subject ?? '', /mot de passe/);
    clock.advance({ hours: 1 });
    const { challenge } = (await another().post('/password/forgot', { identifier: email })).body;
    const reset = { identifier: email, challenge, otp: await codeFor(email), password: OTHER_PASSWORD };
    assert.equal((await another().post('/password/reset', reset)).status, 200);
    assert.equal((await client.signIn(email, OTHER_PASSWORD)).status, 202);
    assertSignedIn(await client.verify(email, totp(secret)));
  });
});

describe('where the contract lives', () => {
  const moved = sharedWorld({ env: { GUICHET_DEVICE_PREFIX: '/mobile/auth' } });
  const without = sharedWorld({ env: { GUICHET_CONTRACTS: 'cookie' } });
  const payload = { identifier: 'nobody@example.com' };
  const method = 'POST';

  it('is where the settings say, and nowhere else', async () => {
    const { app } = moved();
    const there = await app.inject({ method, url: '/mobile/auth/2fa/request-otp', payload });
    assert.deepEqual([there.statusCode, there.json()], [201, { status: 201, message: SENT }]);
    assert.equal((await app.inject({ method, url: '/api/v1/auth/2fa/request-otp', payload })).statusCode, 404);
  });

  it('is nowhere when it is switched off, and the others stay', async () => {
    const { app } = without();
    assert.equal((await app.inject({ method, url: '/api/v1/auth/2fa/request-otp', payload })).statusCode, 404);
    assert.equal((await app.inject({ method, url: '/v1/auth/logout' })).statusCode, 200);
  });
});
