import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertRefused, assertSignedIn, type Channel } from './answers.ts';
import { PASSWORD, sharedWorld, WRONG } from './client.ts';

describe('a sign-in with a second factor', () => {
  const world = sharedWorld();

  async function withFactor(channel: Channel) {
    const { enrol, number, signedIn } = world();
    const phone = number();
    const { client, email } = await signedIn({ phone });
    return { client, email, phone, to: channel === 'sms' ? phone : email, ...(await enrol(client, channel)) };
  }

  it('takes a recovery code in any usual spelling, once, and tells the owner how many are left', async () => {
    const { mails } = world();
    const { client, email, recoveryCodes } = await withFactor('totp');
    const [first = '', second = ''] = recoveryCodes;
    await client.signIn(email);
    assertRefused(await client.verify(email, first.slice(1)), 401, 'invalid_otp');
    assertSignedIn(await client.verify(email, first.toLowerCase().replace(/(.{5})(?!$)/g, '$1-')));
    await client.signIn(email);
    assertRefused(await client.verify(email, first), 401, 'invalid_otp');
    assertSignedIn(await client.verify(email, second));
    const notices = (await mails(email)).filter(({ text }) => /\b8\b/.test(text) && /secours/.test(text));
    assert.equal(notices.length, 1);
  });

  it('takes an authenticator’s code once', async () => {
    const { clock, totp } = world();
    const { client, email, secret } = await withFactor('totp');
    const otp = totp(secret);
    await client.signIn(email);
    assertSignedIn(await client.verify(email, otp));
    await client.signIn(email);
    assertRefused(await client.verify(email, otp), 401, 'invalid_otp');
    clock.advance({ seconds: 30 });
    assertSignedIn(await client.verify(email, totp(secret)));
  });

  it('takes a delivered code once, and not after ten minutes', async () => {
    const { clock, codeFor } = world();
    const { client, email } = await withFactor('email');
    await client.signIn(email);
    const otp = await codeFor(email);
    assertSignedIn(await client.verify(email, otp));
    assertRefused(await client.verify(email, otp), 401, 'invalid_otp');
    clock.advance({ seconds: 61 });
    await client.signIn(email);
    const late = await codeFor(email);
    clock.advance({ minutes: 10 });
    assertRefused(await client.verify(email, late), 401, 'invalid_otp');
  });

  it('is named by its challenge from anywhere', async () => {
    const { another, codeFor } = world();
    const { client, email, to } = await withFactor('sms');
    await client.signIn(email);
    const elsewhere = another();
    const { challenge } = client;
    assertRefused(await elsewhere.verify(email, await codeFor(to)), 401, 'invalid_otp');
    assertRefused(await elsewhere.verify(email, await codeFor(to), { challenge: 'other' }), 401, 'invalid_otp');
    assertSignedIn(await elsewhere.verify(email, await codeFor(to), { challenge }));
  });

  it('is completed by the identifier of its own account alone', async () => {
    const { codeFor, account } = world();
    const { client, email, to } = await withFactor('email');
    const other = await account();
    await client.signIn(email);
    const { challenge } = client;
    assertRefused(await client.verify(other.email, await codeFor(to), { challenge }), 401, 'invalid_otp');
    assertSignedIn(await client.verify(email, await codeFor(to), { challenge }));
  });

  it('takes five tries; then the right code fails, and a new sign-in helps', async () => {
    const { clock, totp } = world();
    const { client, email, secret } = await withFactor('totp');
    await client.signIn(email);
    for (let count = 0; count < 5; count += 1) {
      assertRefused(await client.verify(email, 'wrong'), 401, 'invalid_otp');
    }
    assertRefused(await client.verify(email, totp(secret)), 401, 'invalid_otp');
    clock.advance({ seconds: 1 });
    await client.signIn(email);
    assertSignedIn(await client.verify(email, totp(secret)));
  });

  it('tells the owner of three wrong codes in a row, and of the tenth in an hour nobody gets further', async () => {
    const { clock, mails, totp } = world();
    const { client, email, secret } = await withFactor('totp');
    for (let count = 0; count < 10; count += 1) {
      clock.advance({ seconds: 1 });
      if (count % 5 === 0) await client.signIn(email);
      assertRefused(await client.verify(email, 'wrong'), 401, 'invalid_otp');
    }
    const subjects = (await mails(email)).map(({ subject }) => subject);
    assert.equal(subjects.filter((subject) => subject !== 'Connexion en deux étapes activée').length, 1);
    clock.advance({ seconds: 51 });
    await client.signIn(email);
    assertRefused(await client.verify(email, totp(secret)), 429, 'rate_limited', {
      message: 'Trop de requêtes. Réessayez dans 59 minutes.',
      retryAfter: 59 * 60,
    });
  });

  it('with a wrong password evaluates no code and uses none up', async () => {
    const { totp } = world();
    const { client, email, secret } = await withFactor('totp');
    const otp = totp(secret);
    await client.signIn(email);
    assertRefused(await client.verify(email, otp, { password: WRONG }), 401, 'invalid_credentials');
    assertSignedIn(await client.verify(email, otp));
  });

  it('with both in one body needs no first step, an authenticator’s code given', async () => {
    const { another, totp } = world();
    const { email, secret } = await withFactor('totp');
    assertSignedIn(await another().verify(email, totp(secret), { password: PASSWORD }));
  });

  it('sends no second code within a minute, and both sign-ins take the one', async () => {
    const { another, codeFor, mails } = world();
    const { client, email } = await withFactor('email');
    const sent = (await mails(email)).length;
    const other = another();
    await client.signIn(email);
    await other.signIn(email);
    assert.equal((await mails(email)).length, sent + 1);
    assertSignedIn(await other.verify(email, await codeFor(email)));
  });

  it('finds the factor of another contract’s making, too', async () => {
    const { app, codeFor } = world();
    const { email } = await withFactor('email');
    const payload = { email, password: PASSWORD };
    const answer = await app.inject({ method: 'POST', url: '/v1/auth/login', payload });
    assert.notEqual(answer.statusCode, 500);
    assert.ok(!answer.cookies.some(({ name }) => name === 'accessToken'));
    assert.match(await codeFor(email), /^\d{6}$/);
  });
});
