import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { accountIn, assertDone, assertRefused, assertSignedIn } from './answers.ts';
import { OTHER_PASSWORD, PASSWORD, sharedWorld, WRONG } from './client.ts';

describe('reauthenticate', () => {
  const world = sharedWorld();
  const FRESH = 'Identité confirmée.';

  it('makes the sign-in fresh again with the password', async () => {
    const { clock, signedIn } = world();
    const { client } = await signedIn();
    clock.advance({ minutes: 11 });
    assertRefused(await client.delete('/account'), 403, 'reauth_required');
    assertDone(await client.post('/reauthenticate', { password: PASSWORD }), FRESH);
    clock.advance({ minutes: 10 });
    assertDone(await client.delete('/account'), 'Votre compte a été supprimé.');
  });

  it('asks for the second factor where there is one, and sends its code after the right password', async () => {
    const { clock, codeFor, enrol, mails, number, signedIn } = world();
    const phone = number();
    const { client } = await signedIn({ phone });
    await enrol(client, 'sms');
    clock.advance({ minutes: 11 });
    const sent = (await mails(phone)).length;
    const due = await client.post('/reauthenticate', { password: PASSWORD });
    assert.deepEqual(due.body, {
      status: 202,
      two_factor_required: true,
      channel: 'sms',
      message: 'Un code OTP de 6 chiffres a été envoyé.',
    });
    assert.equal((await mails(phone)).length, sent + 1);
    assertRefused(await client.post('/2fa/disable', { password: PASSWORD }), 403, 'reauth_required');
    const otp = await codeFor(phone);
    assertDone(await client.post('/reauthenticate', { otp }), FRESH);
    assertRefused(await client.post('/reauthenticate', { otp }), 401, 'invalid_otp');
    const done = await client.post('/2fa/disable', { password: PASSWORD });
    assertDone(done, 'La connexion en deux étapes est désactivée.');
  });

  it('takes an authenticator’s code alone', async () => {
    const { clock, enrol, signedIn, totp } = world();
    const { client } = await signedIn();
    const { secret } = await enrol(client, 'totp');
    clock.advance({ minutes: 11 });
    const due = await client.post('/reauthenticate', { password: PASSWORD });
    assert.deepEqual(due.body, {
      status: 202,
      two_factor_required: true,
      channel: 'totp',
      message: 'Saisissez le code de votre application d’authentification.',
    });
    assertDone(await client.post('/reauthenticate', { otp: totp(secret) }), FRESH);
  });

  it('takes no code of a sign-in', async () => {
    const { clock, codeFor, enrol, signedIn } = world();
    const { client, email } = await signedIn();
    await enrol(client, 'email');
    clock.advance({ minutes: 11 });
    await client.signIn(email);
    const otp = await codeFor(email);
    assertRefused(await client.post('/reauthenticate', { otp }), 401, 'invalid_otp');
  });

  it('refuses a wrong password and a wrong code, and counts both', async () => {
    const { enrol, signedIn } = world();
    const { client } = await signedIn();
    assertRefused(await client.post('/reauthenticate', { password: WRONG }), 401, 'invalid_credentials');
    assert.equal(accountIn(await client.get('/me')).failed_attempts, 1);
    await enrol(client, 'totp');
    for (let count = 0; count < 10; count += 1) {
      assertRefused(await client.post('/reauthenticate', { otp: '12' }), 401, 'invalid_otp');
    }
    const answer = await client.post('/reauthenticate', { otp: '12' });
    assertRefused(answer, 429, 'rate_limited', {
      message: 'Trop de requêtes. Réessayez dans 60 minutes.',
      retryAfter: 3600,
    });
  });

  it('needs a proof, and a token', async () => {
    const { client } = await world().signedIn();
    const errors = { password: ['Ce champ est obligatoire.'] };
    for (const body of [undefined, {}, { otp: '123456' }]) {
      assertRefused(await client.post('/reauthenticate', body), 422, 'validation_failed', { errors });
    }
    const nobody = await client.post('/reauthenticate', { password: PASSWORD }, { token: null });
    assertRefused(nobody, 401, 'invalid_token');
  });
});

describe('the deletion of an account', () => {
  const world = sharedWorld();
  const DELETED = 'Votre compte a été supprimé.';

  it('ends all of it, and tells every address', async () => {
    const { another, mails, number, signedIn } = world();
    const phone = number();
    const { client, email } = await signedIn({ phone });
    const other = another();
    await other.signIn(email);
    await mails();
    assertDone(await client.delete('/account'), DELETED);
    for (const to of [email, phone]) {
      const [notice] = await mails(to);
      assert.match(notice?.text ?? '', /compte Guichet.*supprimé/);
      assert.deepEqual([notice?.code, notice?.links], [null, []]);
    }
    for (const session of [client, other]) {
      assertRefused(await session.get('/me'), 401, 'token_expired');
      assertRefused(await session.refresh(), 401, 'token_expired');
    }
    for (const identifier of [email, phone]) {
      assertRefused(await another().signIn(identifier), 401, 'invalid_credentials');
    }
  });

  it('takes the password in its body, however old the sign-in', async () => {
    const { clock, signedIn } = world();
    const { client } = await signedIn();
    clock.advance({ minutes: 11 });
    assertRefused(await client.delete('/account'), 403, 'reauth_required');
    assertRefused(await client.delete('/account', {}), 403, 'reauth_required');
    assertRefused(await client.delete('/account', { password: WRONG }), 401, 'invalid_credentials');
    assert.equal((await client.get('/me')).status, 200);
    assertDone(await client.delete('/account', { password: PASSWORD }), DELETED);
  });

  it('needs the second factor where there is one', async () => {
    const { clock, enrol, signedIn, totp } = world();
    const { client } = await signedIn();
    const { secret } = await enrol(client, 'totp');
    clock.advance({ minutes: 11 });
    for (const body of [undefined, { password: PASSWORD }, { otp: totp(secret) }]) {
      assertRefused(await client.delete('/account', body), 403, 'reauth_required');
    }
    assertRefused(await client.delete('/account', { password: PASSWORD, otp: 'wrong' }), 401, 'invalid_otp');
    assertDone(await client.delete('/account', { password: PASSWORD, otp: totp(secret) }), DELETED);
  });

  it('leaves its identifiers closed for a day, and its id for good', async () => {
    const { account, another, clock, codeFor, number } = world();
    const phone = number();
    const { email, id } = await account({ phone });
    const client = another();
    await client.signIn(email);
    await client.delete('/account');
    clock.advance({ hours: 23, minutes: 59 });
    for (const given of [{ email }, { phone }]) {
      const answer = await another().post('/register', { ...given, password: OTHER_PASSWORD });
      assert.deepEqual([answer.status, answer.body.error], [409, 'identifier_taken']);
    }
    clock.advance({ minutes: 1 });
    const made = accountIn(await client.post('/register', { email, password: OTHER_PASSWORD }));
    assert.ok(made.id > id);
    assert.deepEqual([made.sign_in_count, made.role_id], [0, 1]);
    await client.post('/confirm', { identifier: email, otp: await codeFor(email) });
    assertRefused(await client.signIn(email, PASSWORD), 401, 'invalid_credentials');
    assertSignedIn(await client.signIn(email, OTHER_PASSWORD));
  });

  it('needs a token', async () => {
    assertRefused(await world().another().delete('/account', { password: PASSWORD }), 401, 'invalid_token');
  });
});
