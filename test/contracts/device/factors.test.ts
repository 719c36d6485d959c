import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { otpauthUri } from '../../../src/core/totp.ts';
import { accountIn, assertDone, assertRefused, assertSignedIn } from './answers.ts';
import { PASSWORD, sharedWorld, WRONG } from './client.ts';

const required = ['Ce champ est obligatoire.'];
const PENDING = {
  email: 'Un code OTP de 6 chiffres a été envoyé par e-mail.',
  sms: 'Un code OTP de 6 chiffres a été envoyé par SMS.',
};

describe('2fa/enable', () => {
  const world = sharedWorld();

  for (const channel of ['email', 'sms'] as const) {
    it(`sends a code by ${channel}, and asks for none at a sign-in before it came back`, async () => {
      const { another, mails, number, signedIn } = world();
      const phone = number();
      const { client, email } = await signedIn({ phone });
      assertDone(await client.post('/2fa/enable', { password: PASSWORD, channel }), PENDING[channel]);
      const [code, ...others] = await mails(channel === 'sms' ? phone : email);
      assert.match(code?.code ?? '', /^\d{6}$/);
      assert.deepEqual(others, []);
      assert.equal(assertSignedIn(await another().signIn(email)).two_factor_enabled, false);
    });
  }

  it('shows an authenticator’s secret with its URI and QR code, and sends nothing', async () => {
    const { mails, signedIn } = world();
    const { client, email } = await signedIn();
    const answer = await client.post('/2fa/enable', { password: PASSWORD, channel: 'totp' });
    const { otpauth_uri, qr_code = '', secret = '', ...rest } = answer.body;
    assert.deepEqual(rest, {
      status: 200,
      message: 'Scannez le code QR avec votre application d’authentification, puis confirmez avec le code affiché.',
    });
    assert.match(secret, /^[A-Z2-7]{32}$/);
    assert.equal(otpauth_uri, otpauthUri({ secret, issuer: 'Guichet', label: email }));
    const [, png = ''] = /^data:image\/png;base64,([\w+/]+=*)$/.exec(qr_code) ?? [];
    assert.equal(Buffer.from(png, 'base64').subarray(1, 4).toString(), 'PNG');
    assert.deepEqual(await mails(email), []);
  });

  it('sends SMS to no account without a proven number', async () => {
    const { client } = await world().signedIn();
    assertRefused(await client.post('/2fa/enable', { password: PASSWORD, channel: 'sms' }), 422, 'validation_failed', {
      errors: { channel: ['Aucun code ne peut y être envoyé.'] },
    });
  });

  it('needs the right password, and counts a wrong one', async () => {
    const { client } = await world().signedIn();
    const answer = await client.post('/2fa/enable', { password: WRONG, channel: 'totp' });
    assertRefused(answer, 401, 'invalid_credentials');
    assert.equal(accountIn(await client.get('/me')).failed_attempts, 1);
  });

  it('needs a channel that there is', async () => {
    const { client } = await world().signedIn();
    assertRefused(await client.post('/2fa/enable', {}), 422, 'validation_failed', {
      errors: { password: required, channel: required },
    });
    for (const [channel, text] of [
      ['pigeon', 'Cette valeur n’est pas acceptée.'],
      ['', 'Cette valeur n’est pas acceptée.'],
      [1, 'Ce champ n’est pas du bon type.'],
    ] as const) {
      assertRefused(await client.post('/2fa/enable', { password: PASSWORD, channel }), 422, 'validation_failed', {
        errors: { channel: [text] },
      });
    }
  });

  it('sends no code to an account that has no proven address', async () => {
    const { another, codeFor, number } = world();
    const phone = number();
    const client = another();
    await client.post('/register', { phone, password: PASSWORD });
    await client.post('/confirm', { identifier: phone, otp: await codeFor(phone) });
    await client.signIn(phone);
    const answer = await client.post('/2fa/enable', { password: PASSWORD, channel: 'email' });
    assertRefused(answer, 422, 'validation_failed', { errors: { channel: ['Aucun code ne peut y être envoyé.'] } });
  });

  it('sends no second code within a minute', async () => {
    const { clock, mails, signedIn } = world();
    const { client, email } = await signedIn();
    const enable = () => client.post('/2fa/enable', { password: PASSWORD, channel: 'email' });
    await enable();
    clock.advance({ seconds: 30 });
    assertRefused(await enable(), 429, 'rate_limited', {
      message: 'Trop de requêtes. Réessayez dans 30 secondes.',
      retryAfter: 30,
    });
    clock.advance({ seconds: 30 });
    assertDone(await enable(), PENDING.email);
    assert.equal((await mails(email)).length, 2);
  });

  it('shows another secret each time, and takes the codes of the newest alone', async () => {
    const { signedIn, totp } = world();
    const { client } = await signedIn();
    const enable = async () =>
      (await client.post('/2fa/enable', { password: PASSWORD, channel: 'totp' })).body.secret ?? '';
    const [first, second] = [await enable(), await enable()];
    assert.notEqual(first, second);
    assertRefused(await client.post('/2fa/confirm', { otp: totp(first) }), 401, 'invalid_otp');
    assert.equal((await client.post('/2fa/confirm', { otp: totp(second) })).status, 200);
  });

  it('needs the factor that is on before it replaces it, and that one works until then', async () => {
    const { another, clock, codeFor, enrol, mails, signedIn, totp } = world();
    const { client, email } = await signedIn();
    const { secret, recoveryCodes } = await enrol(client, 'totp');
    clock.advance({ minutes: 11 });
    const enable = (more: object = {}) => client.post('/2fa/enable', { password: PASSWORD, channel: 'email', ...more });
    assertRefused(await enable(), 403, 'reauth_required');
    assertRefused(await enable({ otp: '000000' }), 401, 'invalid_otp');
    const before = (await mails(email)).length;
    assertDone(await enable({ otp: totp(secret) }), PENDING.email);
    assert.equal((await mails(email)).length, before + 1);
    clock.advance({ seconds: 61 });
    const other = another();
    assert.equal((await other.signIn(email)).body.channel, 'totp');
    assertSignedIn(await other.verify(email, totp(secret)));
    const { recovery_codes = [] } = (await client.post('/2fa/confirm', { otp: await codeFor(email) })).body;
    assert.equal((await other.signIn(email)).body.channel, 'email');
    assertRefused(await other.verify(email, totp(secret, 1)), 401, 'invalid_otp');
    assertRefused(await other.verify(email, recoveryCodes[0] ?? ''), 401, 'invalid_otp');
    assertSignedIn(await other.verify(email, recovery_codes[0] ?? ''));
  });
});

describe('2fa/confirm', () => {
  const world = sharedWorld();

  for (const channel of ['totp', 'email', 'sms'] as const) {
    it(`switches ${channel} on, shows ten recovery codes, and tells the owner`, async () => {
      const { codeFor, mails, number, signedIn, totp } = world();
      const phone = number();
      const { client, email } = await signedIn({ phone });
      const { secret = '' } = (await client.post('/2fa/enable', { password: PASSWORD, channel })).body;
      const otp = channel === 'totp' ? totp(secret) : await codeFor(channel === 'sms' ? phone : email);
      const answer = await client.post('/2fa/confirm', { otp });
      const { recovery_codes = [], ...rest } = answer.body;
      assert.deepEqual(rest, { status: 200 });
      assert.equal(new Set(recovery_codes).size, 10);
      for (const code of recovery_codes) assert.match(code, /^[0-9A-HJKMNP-TV-Z]{25}$/);
      assert.equal(accountIn(await client.get('/me')).two_factor_enabled, true);
      const notice = (await mails(email)).find(({ code }) => code === null);
      assert.equal(notice?.subject, 'Connexion en deux étapes activée');
      for (const code of recovery_codes) assert.ok(!notice?.text.includes(code));
    });
  }

  it('keeps the other sessions, unless it is asked to end them', async () => {
    const { another, clock, codeFor, signedIn } = world();
    for (const [more, status] of [
      [{}, 200],
      [{ revoke_other_sessions: false }, 200],
      [{ revoke_other_sessions: true }, 401],
    ] as const) {
      const { client, email } = await signedIn();
      const other = another();
      await other.signIn(email);
      await client.post('/2fa/enable', { password: PASSWORD, channel: 'email' });
      assert.equal((await client.post('/2fa/confirm', { otp: await codeFor(email), ...more })).status, 200);
      assert.equal((await other.get('/me')).status, status);
      assert.equal((await client.get('/me')).status, 200);
      clock.advance({ seconds: 61 });
    }
  });

  it('refuses a wrong code, the right one after five of them, and one that nothing waits for', async () => {
    const { signedIn, totp } = world();
    const { client } = await signedIn();
    assertRefused(await client.post('/2fa/confirm', { otp: '123456' }), 401, 'invalid_otp');
    const { secret = '' } = (await client.post('/2fa/enable', { password: PASSWORD, channel: 'totp' })).body;
    for (let count = 0; count < 5; count += 1) {
      assertRefused(await client.post('/2fa/confirm', { otp: 'wrong' }), 401, 'invalid_otp');
    }
    assertRefused(await client.post('/2fa/confirm', { otp: totp(secret) }), 401, 'invalid_otp');
    assert.equal(accountIn(await client.get('/me')).two_factor_enabled, false);
    assertRefused(await client.post('/2fa/confirm', {}), 422, 'validation_failed', { errors: { otp: required } });
  });

  it('takes a code of the time step before, now and next, and of no other', async () => {
    const { signedIn, totp } = world();
    for (const [steps, status] of [
      [-2, 401],
      [-1, 200],
      [0, 200],
      [1, 200],
      [2, 401],
    ] as const) {
      const { client } = await signedIn();
      const { secret = '' } = (await client.post('/2fa/enable', { password: PASSWORD, channel: 'totp' })).body;
      const otp = totp(secret, steps);
      if (status === 401 && [-1, 0, 1].some((near) => totp(secret, near) === otp)) continue;
      assert.equal((await client.post('/2fa/confirm', { otp })).status, status, `${steps} steps`);
    }
  });
});

describe('2fa/disable', () => {
  const world = sharedWorld();
  const DISABLED = 'La connexion en deux étapes est désactivée.';

  it('switches the factor off and tells the owner', async () => {
    const { another, enrol, mails, signedIn } = world();
    const { client, email } = await signedIn();
    await enrol(client, 'totp');
    assertDone(await client.post('/2fa/disable', { password: PASSWORD }), DISABLED);
    assert.equal(accountIn(await client.get('/me')).two_factor_enabled, false);
    assertSignedIn(await another().signIn(email));
    assert.ok((await mails(email)).some(({ subject }) => subject === 'Connexion en deux étapes désactivée'));
  });

  it('needs the factor, proven lately or with the password in the same body', async () => {
    const { clock, enrol, signedIn, totp } = world();
    const { client } = await signedIn();
    const { secret, recoveryCodes } = await enrol(client, 'totp');
    clock.advance({ minutes: 11 });
    for (const body of [undefined, {}, { password: PASSWORD }, { otp: totp(secret) }]) {
      assertRefused(await client.post('/2fa/disable', body), 403, 'reauth_required');
    }
    const wrong = { password: WRONG, otp: totp(secret) };
    assertRefused(await client.post('/2fa/disable', wrong), 401, 'invalid_credentials');
    assertRefused(await client.post('/2fa/disable', { password: PASSWORD, otp: '12' }), 401, 'invalid_otp');
    assertDone(await client.post('/2fa/disable', { password: PASSWORD, otp: recoveryCodes[0] }), DISABLED);
  });

  it('does nothing to an account without one, and says the same', async () => {
    const { mails, signedIn } = world();
    const { client, email } = await signedIn();
    assertDone(await client.post('/2fa/disable', { password: PASSWORD }), DISABLED);
    assert.deepEqual(await mails(email), []);
  });

  it('kills the recovery codes', async () => {
    const { clock, enrol, signedIn } = world();
    const { client, email } = await signedIn();
    const { recoveryCodes } = await enrol(client, 'totp');
    await client.post('/2fa/disable', { password: PASSWORD });
    clock.advance({ seconds: 61 });
    await enrol(client, 'email');
    await client.signIn(email);
    assertRefused(await client.verify(email, recoveryCodes[0] ?? ''), 401, 'invalid_otp');
  });

  it('needs a token, like the others', async () => {
    const client = world().another();
    for (const [path, body] of [
      ['/2fa/enable', { password: PASSWORD, channel: 'totp' }],
      ['/2fa/confirm', { otp: '123456' }],
      ['/2fa/disable', { password: PASSWORD }],
    ] as const) {
      assertRefused(await client.post(path, body), 401, 'invalid_token');
    }
  });
});
