import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { accountIn, assertDone, assertRefused, assertSignedIn, SECRET_VALUE } from './answers.ts';
import { type Client, OTHER_PASSWORD, PASSWORD, sharedWorld, WRONG } from './client.ts';

const FORGOT = 'Si ce compte existe, un code de 8 chiffres a été envoyé.';
const RESET = 'Mot de passe réinitialisé. Vous pouvez vous connecter avec le nouveau.';
const required = ['Ce champ est obligatoire.'];

describe('password/forgot', () => {
  const world = sharedWorld();

  it('answers everybody the same, each with a challenge of their own, and writes to who has an account', async () => {
    const { account, address, another, mails, number } = world();
    const { email } = await account();
    const challenges = new Set<string>();
    for (const identifier of [email.toUpperCase(), address(), number(), 'nobody']) {
      const { challenge = '', ...rest } = (await another().post('/password/forgot', { identifier })).body;
      assert.deepEqual(rest, { status: 201, message: FORGOT });
      assert.match(challenge, SECRET_VALUE);
      challenges.add(challenge);
    }
    assert.equal(challenges.size, 4);
    const [mail, ...others] = await mails();
    assert.deepEqual([others, mail?.to, mail?.subject], [[], email, 'Votre code pour changer de mot de passe']);
    assert.match(mail?.code ?? '', /^\d{8}$/);
  });

  it('sends the code of an account with a proven address there, whichever identifier was named', async () => {
    const { account, another, mails, number } = world();
    const phone = number();
    const { email } = await account({ phone });
    await another().post('/password/forgot', { identifier: phone });
    assert.equal((await mails(email)).length, 1);
    assert.deepEqual(await mails(phone), []);
  });

  it('sends it by SMS to an account without one', async () => {
    const { another, clock, codeFor, mails, number } = world();
    const phone = number();
    const client = another();
    await client.post('/register', { phone, password: PASSWORD });
    await client.post('/confirm', { identifier: phone, otp: await codeFor(phone) });
    clock.advance({ minutes: 1 });
    const { challenge } = (await client.post('/password/forgot', { identifier: phone })).body;
    const [sms] = await mails(phone);
    assert.match(sms?.text ?? '', /^\d{8} : le code pour changer de mot de passe Guichet/);
    const reset = { identifier: phone, challenge, otp: sms?.code, password: OTHER_PASSWORD };
    assertDone(await client.post('/password/reset', reset), RESET);
    assertSignedIn(await client.signIn(phone, OTHER_PASSWORD));
  });
});

describe('password/reset', () => {
  const world = sharedWorld();

  async function asked(of: { client?: Client } = {}) {
    const { account, another, codeFor } = world();
    const { email } = await account();
    const client = of.client ?? another();
    const { challenge } = (await client.post('/password/forgot', { identifier: email })).body;
    return {
      client,
      email,
      reset: { identifier: email, challenge, otp: await codeFor(email), password: OTHER_PASSWORD },
    };
  }

  it('sets the new password, ends all sessions, signs nobody in, and tells the owner', async () => {
    const { another, clock, mails, signedIn } = world();
    const { client, email } = await signedIn();
    const { challenge } = (await client.post('/password/forgot', { identifier: email })).body;
    const otp = (await mails(email))[0]?.code;
    clock.advance({ minutes: 9, seconds: 59 });
    const body = { identifier: email, challenge, otp, password: OTHER_PASSWORD };
    assertDone(await another().post('/password/reset', body), RESET);
    const [notice, ...others] = await mails(email);
    assert.deepEqual([notice?.subject, notice?.code, notice?.links], ['Votre mot de passe a été changé', null, []]);
    assert.equal(others.length, 1);
    assertRefused(await client.get('/me'), 401, 'token_expired');
    assertRefused(await client.refresh(), 401, 'token_expired');
    assertRefused(await another().signIn(email), 401, 'invalid_credentials');
    assertSignedIn(await another().signIn(email, OTHER_PASSWORD));
  });

  it('takes the code once', async () => {
    const { client, reset } = await asked();
    assertDone(await client.post('/password/reset', reset), RESET);
    assertRefused(await client.post('/password/reset', reset), 401, 'invalid_otp');
  });

  it('refuses a code without its own challenge, and with another identifier', async () => {
    const { client, reset } = await asked();
    const other = await asked();
    const { challenge } = other.reset;
    for (const wrong of [{ challenge }, { challenge: '' }, { identifier: other.email }, { identifier: 'nobody' }]) {
      assertRefused(await client.post('/password/reset', { ...reset, ...wrong }), 401, 'invalid_otp');
    }
    assertDone(await client.post('/password/reset', reset), RESET);
  });

  it('refuses the right code after three wrong ones, and after ten minutes', async () => {
    const tried = await asked();
    for (const otp of ['1234567', '123456789', 'wrong']) {
      assertRefused(await tried.client.post('/password/reset', { ...tried.reset, otp }), 401, 'invalid_otp');
    }
    assertRefused(await tried.client.post('/password/reset', tried.reset), 401, 'invalid_otp');
    const late = await asked();
    world().clock.advance({ minutes: 10 });
    assertRefused(await late.client.post('/password/reset', late.reset), 401, 'invalid_otp');
  });

  it('leaves the code usable when the password is refused', async () => {
    const { client, reset } = await asked();
    for (const [password, message] of [
      ['short', 'Le mot de passe doit contenir au moins 8 caractères.'],
      ['password123', 'Ce mot de passe est parmi les plus courants. Veuillez en choisir un autre.'],
    ]) {
      const answer = await client.post('/password/reset', { ...reset, password });
      assertRefused(answer, 422, 'validation_failed', { errors: { password: [message ?? ''] } });
    }
    assertDone(await client.post('/password/reset', reset), RESET);
  });

  it('lets twenty wrong codes a day be tried on an account', async () => {
    const { account, another, clock, codeFor } = world();
    const { email } = await account();
    const tries = [3, 3, 3, 3, 3, 3, 2];
    for (const count of [...tries, 0]) {
      // An hour sees five codes.
      clock.advance({ minutes: 13 });
      const client = another();
      const { challenge } = (await client.post('/password/forgot', { identifier: email })).body;
      const reset = { identifier: email, challenge, password: OTHER_PASSWORD };
      for (let time = 0; time < count; time += 1) {
        assertRefused(await client.post('/password/reset', { ...reset, otp: 'wrong' }), 401, 'invalid_otp');
      }
      if (count > 0) continue;
      const answer = await client.post('/password/reset', { ...reset, otp: await codeFor(email) });
      // Not told apart from a wrong one: that would tell that the account is there.
      assertRefused(answer, 401, 'invalid_otp');
    }
    clock.advance({ days: 1 });
    const { challenge } = (await another().post('/password/forgot', { identifier: email })).body;
    const reset = { identifier: email, challenge, otp: await codeFor(email), password: OTHER_PASSWORD };
    assertDone(await another().post('/password/reset', reset), RESET);
  });

  it('ends a lock, and keeps the second factor', async () => {
    const { another, codeFor, enrol, signedIn } = world();
    const { client, email } = await signedIn();
    await enrol(client, 'totp');
    for (let count = 0; count < 10; count += 1) await another().signIn(email, WRONG);
    const { challenge } = (await client.post('/password/forgot', { identifier: email })).body;
    const body = { identifier: email, challenge, otp: await codeFor(email), password: OTHER_PASSWORD };
    assertDone(await client.post('/password/reset', body), RESET);
    const due = await another().signIn(email, OTHER_PASSWORD);
    assert.deepEqual([due.status, due.body.channel], [202, 'totp']);
  });

  it('confirms an account that never was, and nothing of before is left on it', async () => {
    const { address, another, clock, codeFor } = world();
    const email = address();
    await another().post('/register', { email, password: PASSWORD });
    clock.advance({ minutes: 1 });
    const owner = another();
    const { challenge } = (await owner.post('/password/forgot', { identifier: email })).body;
    const body = { identifier: email, challenge, otp: await codeFor(email), password: OTHER_PASSWORD };
    assertDone(await owner.post('/password/reset', body), RESET);
    assertRefused(await another().signIn(email, PASSWORD), 401, 'invalid_credentials');
    assert.equal(assertSignedIn(await owner.signIn(email, OTHER_PASSWORD)).account_confirmed, true);
  });

  it('needs each field', async () => {
    assertRefused(await world().another().post('/password/forgot', {}), 422, 'validation_failed', {
      errors: { identifier: required },
    });
    assertRefused(await world().another().post('/password/reset', {}), 422, 'validation_failed', {
      errors: { identifier: required, challenge: required, otp: required, password: required },
    });
  });
});

describe('the change of a password', () => {
  const world = sharedWorld();
  const change = { current_password: PASSWORD, password: OTHER_PASSWORD };

  it('keeps the session that asks, ends every other, and tells the owner', async () => {
    const { another, mails, signedIn } = world();
    const { client, email } = await signedIn();
    const other = another({ device: client.device });
    await other.signIn(email);
    const before = (await mails(email)).length;
    const answer = await client.put('/password', change);
    assertDone(answer, 'Mot de passe modifié. Vos autres sessions ont été déconnectées.');
    const sent = await mails(email);
    assert.deepEqual(
      sent.slice(0, sent.length - before).map(({ subject }) => subject),
      ['Votre mot de passe a été changé'],
    );
    assert.equal((await client.get('/me')).status, 200);
    assert.equal((await client.refresh()).status, 200);
    assertRefused(await other.get('/me'), 401, 'token_expired');
    assertRefused(await another().signIn(email), 401, 'invalid_credentials');
    assertSignedIn(await client.signIn(email, OTHER_PASSWORD));
  });

  it('needs the current password, also right after the sign-in, and counts a wrong one', async () => {
    const { signedIn } = world();
    const { client } = await signedIn();
    for (let count = 1; count <= 10; count += 1) {
      const answer = await client.put('/password', { ...change, current_password: WRONG });
      assertRefused(answer, 401, 'invalid_credentials');
      assert.equal(accountIn(await client.get('/me')).failed_attempts, count);
    }
    assertRefused(await client.put('/password', change), 423, 'account_locked', {
      message: 'Trop de tentatives échouées. Réessayez dans 15 minutes.',
      retryAfter: 900,
    });
  });

  it('holds the new one to the same policy', async () => {
    const { client, email } = await world().signedIn();
    const personal = 'Le mot de passe ne doit pas être fait de votre nom, de votre e-mail ou de votre numéro.';
    for (const [password, message] of [
      ['short', 'Le mot de passe doit contenir au moins 8 caractères.'],
      [email, personal],
    ]) {
      const answer = await client.put('/password', { ...change, password });
      assertRefused(answer, 422, 'validation_failed', { errors: { password: [message ?? ''] } });
    }
    assert.equal(accountIn(await client.get('/me')).failed_attempts, 0);
  });

  it('asks for no second factor, and leaves it on', async () => {
    const { clock, enrol, signedIn } = world();
    const { client, email } = await signedIn();
    await enrol(client, 'totp');
    clock.advance({ minutes: 11 });
    assert.equal((await client.put('/password', change)).status, 200);
    assert.equal((await client.signIn(email, OTHER_PASSWORD)).body.channel, 'totp');
  });

  it('needs both passwords, and a token', async () => {
    const { client } = await world().signedIn();
    assertRefused(await client.put('/password', {}), 422, 'validation_failed', {
      errors: { current_password: required, password: required },
    });
    assertRefused(await client.put('/password', change, { token: null }), 401, 'invalid_token');
  });
});

describe('unlock', () => {
  const world = sharedWorld();

  async function locked() {
    const { account, another, tokenFor } = world();
    const { email } = await account();
    const client = another();
    for (let count = 0; count < 10; count += 1) await client.signIn(email, WRONG);
    return { client, email, token: await tokenFor(email) };
  }

  it('lifts the lock with the mailed token, once', async () => {
    const { client, email, token } = await locked();
    assertRefused(await client.signIn(email), 423, 'account_locked', {
      message: 'Trop de tentatives échouées. Réessayez dans 15 minutes.',
      retryAfter: 900,
    });
    assertDone(await client.post('/unlock', { token }), 'Compte déverrouillé. Vous pouvez vous connecter.');
    assertSignedIn(await client.signIn(email));
    assertRefused(await client.post('/unlock', { token }), 401, 'invalid_otp', {
      message: 'Ce lien est invalide ou a expiré.',
    });
  });

  it('refuses a token that is over, changed, or none at all, alike', async () => {
    const { client, email, token } = await locked();
    const message = 'Ce lien est invalide ou a expiré.';
    const changed = `${token[0] === 'A' ? 'B' : 'A'}${token.slice(1)}`;
    for (const wrong of [changed, token.slice(1), `${token}=`, 'x']) {
      assertRefused(await client.post('/unlock', { token: wrong }), 401, 'invalid_otp', { message });
    }
    world().clock.advance({ hours: 24 });
    assertRefused(await client.post('/unlock', { token }), 401, 'invalid_otp', { message });
    assertSignedIn(await client.signIn(email));
    assertRefused(await client.post('/unlock', {}), 422, 'validation_failed', { errors: { token: required } });
  });
});
