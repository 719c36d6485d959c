import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Answer, accountIn, assertRefused, assertSignedIn } from '../contracts/device/answers.ts';
import type { Client } from '../contracts/device/client.ts';
import { OTHER_PASSWORD, onEachDatabase, openStage, PASSWORD, tally, WRONG } from '../support/stage.ts';
import { anotherThan, appOf, assertLater, type DeviceStage, withDevices } from './with-devices.ts';

const TAKEN = {
  email: { message: 'Cette adresse e-mail est déjà utilisée.' },
  phone: { message: 'Ce numéro de téléphone est déjà utilisé.' },
};

const register = (app: Client, identifiers: object, password = PASSWORD): Promise<Answer> =>
  app.post('/register', { ...identifiers, password });

function registered(answer: Answer) {
  const account = accountIn(answer);
  const message = 'Compte créé. Un code de confirmation de 6 chiffres a été envoyé.';
  assert.deepEqual(answer.body, { status: 201, message, account });
  return account;
}

async function confirm(stage: DeviceStage, identifier: string) {
  const answer = await stage.app().post('/confirm', { identifier, otp: await stage.codeFor(identifier) });
  const account = accountIn(answer);
  const message = 'Compte confirmé. Vous pouvez maintenant vous connecter.';
  assert.deepEqual(answer.body, { status: 200, message, account });
  return account;
}

/** Somebody whose address is proven and whose number waits to be, signed in. */
async function waiting(stage: DeviceStage, phone = stage.number()) {
  const email = stage.address();
  const app = stage.app();
  const { id } = registered(await register(app, { email, phone }));
  await confirm(stage, email);
  assertSignedIn(await app.signIn(email));
  return { app, email, phone, id };
}

onEachDatabase('registering by phone', (open) => {
  it('sends a code to the number, which proves it and opens the account', async () => {
    const stage = await withDevices(await open());
    const phone = stage.number();
    const app = stage.app();
    const made = registered(await register(app, { phone }));
    assert.deepEqual(
      [made.email, made.phone, made.account_confirmed, made.account_confirmed_at, made.sign_in_count],
      [null, phone, false, null, 0],
    );
    assertRefused(await app.signIn(phone), 403, 'account_not_confirmed');
    assertRefused(await app.signIn(phone, WRONG), 401, 'invalid_credentials');

    const [sms, ...more] = await stage.sentTo(phone);
    assert.deepEqual([sms?.channel, more], ['sms', []]);
    assert.match(sms?.text ?? '', /^\d{6} : le code pour confirmer votre compte Guichet, valable 10 minutes\./);
    const confirmed = await confirm(stage, phone);
    assert.equal(confirmed.account_confirmed_at, new Date(stage.clock.now()).toISOString());
    assert.deepEqual(assertSignedIn(await app.signIn(phone)).id, made.id);
  });

  it('writes the SMS in the language that was asked for', async () => {
    const stage = await withDevices(await open());
    const phone = stage.number();
    const body = { phone, password: PASSWORD };
    const made = await stage.app().post('/register', body, { headers: { 'accept-language': 'en' } });
    assert.equal(made.body.message, 'Account created. A 6-digit confirmation code has been sent.');
    const [sms] = await stage.sentTo(phone);
    assert.match(sms?.text ?? '', /^\d{6} is the code that confirms your Guichet account/);
  });

  it('takes the code once, for the number that it went to alone', async () => {
    const stage = await withDevices(await open());
    const [one, other] = [stage.number(), stage.number()];
    for (const phone of [one, other]) registered(await register(stage.app(), { phone }));
    const otp = await stage.codeFor(one);
    const wrong = [
      { identifier: other, otp },
      { identifier: one, otp: anotherThan(otp) },
      { identifier: one, otp: '' },
      { identifier: stage.number(), otp },
      { identifier: stage.address(), otp },
    ];
    for (const body of wrong) assertRefused(await stage.app().post('/confirm', body), 401, 'invalid_otp');
    await confirm(stage, one);
    assertRefused(await stage.app().post('/confirm', { identifier: one, otp }), 401, 'invalid_otp');
    assertRefused(await stage.app().signIn(other), 403, 'account_not_confirmed');
  });

  it('takes five tries and ten minutes', async () => {
    const stage = await withDevices(await open());
    const [tried, late] = [stage.number(), stage.number()];
    for (const phone of [tried, late]) registered(await register(stage.app(), { phone }));
    const otp = await stage.codeFor(tried);
    for (let count = 0; count < 5; count += 1) {
      const body = { identifier: tried, otp: anotherThan(otp) };
      assertRefused(await stage.app().post('/confirm', body), 401, 'invalid_otp');
    }
    assertRefused(await stage.app().post('/confirm', { identifier: tried, otp }), 401, 'invalid_otp');
    const dead = await stage.codeFor(late);
    stage.clock.advance({ minutes: 10 });
    assertRefused(await stage.app().post('/confirm', { identifier: late, otp: dead }), 401, 'invalid_otp');
    for (const phone of [tried, late]) {
      await stage.app().post('/confirm/resend', { identifier: phone });
      await confirm(stage, phone);
    }
  });

  it('wants an identifier, and a password that is not made of it', async () => {
    const stage = await withDevices(await open());
    const required = ['Ce champ est obligatoire.'];
    const none = await register(stage.app(), {});
    assertRefused(none, 422, 'validation_failed', { errors: { email: required, phone: required } });
    const phone = stage.number();
    const personal = ['Le mot de passe ne doit pas être fait de votre nom, de votre e-mail ou de votre numéro.'];
    for (const password of [phone, `0${phone.slice(3)}`, `x 06 ${phone.slice(4).match(/../g)?.join(' ')} y`]) {
      const answer = await register(stage.app(), { phone }, password);
      assertRefused(answer, 422, 'validation_failed', { errors: { password: personal } });
    }
    assert.deepEqual(await stage.sentTo(phone), []);
    registered(await register(stage.app(), { phone }));
  });

  it('makes one account for twenty who come at once', async () => {
    const stage = await withDevices(await open());
    const phone = stage.number();
    const answers = await Promise.all(Array.from({ length: 20 }, () => register(stage.app(), { phone })));
    assert.deepEqual(tally(answers.map(({ status }) => String(status))), { 201: 1, 409: 19 });
    assert.equal((await stage.codesTo(phone)).length, 1);
  });

  it('meets a taken number, proven or not, without a word to it, ten times an hour from a network', async () => {
    const stage = await withDevices(await open());
    const proven = await stage.member({ email: false, phone: true });
    const unproven = await stage.member({ email: false, phone: true, proven: [] });
    for (const { phone } of [proven, unproven]) {
      assertRefused(await register(stage.app(), { phone }), 409, 'identifier_taken', TAKEN.phone);
      assert.deepEqual(await stage.sentTo(phone), []);
    }
    const here = stage.app();
    const { email } = await stage.member();
    for (let count = 0; count < 10; count += 1) {
      const taken = count % 2 === 0 && count < 10 ? { email } : { email, phone: stage.number() };
      assertRefused(await register(here, taken), 409, 'identifier_taken', TAKEN.email);
    }
    assertLater(await register(here, { phone: proven.phone }), 'rate_limited', 3600);
    assertLater(await register(here, { phone: stage.number() }), 'rate_limited', 3600);
  });

  it('is left to the number’s owner where a stranger was first: a reset by SMS makes it theirs', async () => {
    const stage = await withDevices(await open());
    const phone = stage.number();
    registered(await register(stage.app(), { phone }));
    assertRefused(await register(stage.app(), { phone }, OTHER_PASSWORD), 409, 'identifier_taken', TAKEN.phone);
    const { challenge } = (await stage.app().post('/password/forgot', { identifier: phone })).body;
    const otp = (await stage.codesTo(phone)).find(({ length }) => length === 8);
    const reset = { identifier: phone, challenge, otp, password: OTHER_PASSWORD };
    assert.equal((await stage.app().post('/password/reset', reset)).status, 200);
    assertRefused(await stage.app().signIn(phone), 401, 'invalid_credentials');
    assertSignedIn(await stage.app().signIn(phone, OTHER_PASSWORD));
  });
});

onEachDatabase('registering with an address and a number', (open) => {
  it('founds the account on the address; the number is sent a code once that is proven', async () => {
    const stage = await withDevices(await open());
    const [email, phone] = [stage.address(), stage.number()];
    const made = registered(await register(stage.app(), { email, phone }));
    assert.deepEqual([made.email, made.phone], [email, null]);
    assert.deepEqual([(await stage.codesTo(email)).length, await stage.sentTo(phone)], [1, []]);
    const confirmed = await confirm(stage, email);
    assert.deepEqual([confirmed.email, confirmed.phone, confirmed.account_confirmed], [email, null, true]);
    assert.equal((await stage.codesTo(phone)).length, 1);

    const app = stage.app();
    assertSignedIn(await app.signIn(email));
    const proven = await app.post('/phone/verify', { otp: await stage.codeFor(phone) });
    const account = accountIn(proven);
    assert.deepEqual([proven.body, account.phone], [{ status: 200, account }, phone]);
    assert.equal((await app.get('/me')).status, 200);
    assert.equal(assertSignedIn(await stage.app().signIn(phone)).id, made.id);
  });

  it('gives the number nothing to open before it is proven', async () => {
    const stage = await withDevices(await open());
    const { app, phone } = await waiting(stage);
    const otp = await stage.codeFor(phone);
    const stranger = stage.app();
    assertRefused(await stranger.signIn(phone), 401, 'invalid_credentials');
    assertRefused(await stranger.verify(phone, otp, { password: PASSWORD }), 401, 'invalid_credentials');
    assertRefused(await stranger.post('/confirm', { identifier: phone, otp }), 401, 'invalid_otp');
    const asked = [
      await stranger.post('/password/forgot', { identifier: phone }),
      await stranger.post('/confirm/resend', { identifier: phone }),
      await stranger.post('/2fa/request-otp', { identifier: phone }),
    ];
    assert.deepEqual(
      asked.map(({ status }) => status),
      [201, 201, 201],
    );
    assert.equal((await stage.codesTo(phone)).length, 1);
    assert.equal(accountIn(await app.get('/me')).phone, null);
    await assert.rejects(stage.identity.findAccount({ name: phone }), { code: 'not_found' });
  });

  it('takes no number from anybody: it may wait in several accounts, and the first to prove it holds it', async () => {
    const stage = await withDevices(await open());
    const phone = stage.number();
    const [first, second] = [await waiting(stage, phone), await waiting(stage, phone)];
    // The second's own code, since each account is sent one.
    const [secondOtp, firstOtp] = await stage.codesTo(phone);
    const proven = await second.app.post('/phone/verify', { otp: secondOtp });
    assert.equal(accountIn(proven).phone, phone);
    assertRefused(await first.app.post('/phone/verify', { otp: firstOtp }), 409, 'identifier_taken', TAKEN.phone);
    assert.equal(accountIn(await first.app.get('/me')).phone, null);
    assert.equal(assertSignedIn(await stage.app().signIn(phone)).id, second.id);
    assertRefused(await register(stage.app(), { phone }), 409, 'identifier_taken', TAKEN.phone);
  });

  it('gives the number to one of five who prove it, or found an account on it, at once', async () => {
    for (const withFounder of [false, true]) {
      const stage = await withDevices(await open());
      const phone = stage.number();
      const people = [];
      for (let count = 0; count < 5; count += 1) people.push(await waiting(stage, phone));
      const codes = (await stage.codesTo(phone)).toReversed();
      const answers = await Promise.all([
        ...people.map(({ app }, index) => app.post('/phone/verify', { otp: codes[index] })),
        ...(withFounder ? [register(stage.app(), { phone })] : []),
      ]);
      const holders = answers.filter(({ status }) => status < 300).map((answer) => accountIn(answer));
      assert.deepEqual(
        holders.map((account) => account.phone),
        [phone],
      );
      for (const answer of answers) {
        if (answer.status >= 300) assertRefused(answer, 409, 'identifier_taken', TAKEN.phone);
      }
      const { id } = await stage.identity.findAccount({ name: phone });
      assert.equal(id, holders[0]?.id);
    }
  });

  it('tells nobody that the number is taken, and leaves it to who holds it', async () => {
    const stage = await withDevices(await open());
    const holder = await stage.member({ email: false, phone: true });
    const app = stage.app();
    const email = stage.address();
    const free = registered(await register(stage.app(), { email: stage.address(), phone: stage.number() }));
    const made = registered(await register(app, { email, phone: holder.phone }));
    const same = { ...made, id: free.id, uuid: free.uuid, email: free.email, accountable_id: free.accountable_id };
    assert.deepEqual(same, free);
    await confirm(stage, email);
    assertSignedIn(await app.signIn(email));
    const otp = await stage.codeFor(holder.phone);
    assertRefused(await app.post('/phone/verify', { otp }), 409, 'identifier_taken', TAKEN.phone);
    assert.equal(assertSignedIn(await stage.app().signIn(holder.phone)).id, holder.id);
  });

  it('leaves the number to whoever founds an account on it', async () => {
    const stage = await withDevices(await open());
    const { app, phone } = await waiting(stage);
    const otp = await stage.codeFor(phone);
    const founder = registered(await register(stage.app(), { phone }));
    assert.equal(founder.phone, phone);
    assertRefused(await app.post('/phone/verify', { otp }), 409, 'identifier_taken', TAKEN.phone);
    assert.equal((await confirm(stage, phone)).id, founder.id);
  });

  it('meets a taken address by that alone, and mails an unproven one a way to make it its own, once an hour', async () => {
    const stage = await withDevices(await open());
    const [proven, unproven] = [await stage.member(), await stage.member({ proven: [] })];
    for (const { email } of [proven, unproven]) {
      const phone = stage.number();
      for (let count = 0; count < 2; count += 1) {
        assertRefused(await register(stage.app(), { email, phone }), 409, 'identifier_taken', TAKEN.email);
      }
      assert.deepEqual(await stage.sentTo(phone), []);
    }
    assert.deepEqual(await stage.sentTo(proven.email), []);
    const [claim, ...more] = await stage.sentTo(unproven.email);
    assert.deepEqual([claim?.code, claim?.links.length, more], [null, 1, []]);
    const token = await stage.tokenFor(unproven.email);
    const caller = stage.caller();
    await stage.identity.finishPasswordReset({ contract: 'device', token, password: OTHER_PASSWORD, caller });
    assertRefused(await stage.app().signIn(unproven.email), 401, 'invalid_credentials');
    assertSignedIn(await stage.app().signIn(unproven.email, OTHER_PASSWORD));
    stage.clock.advance({ hours: 1 });
    assertRefused(await register(stage.app(), { email: unproven.email }), 409, 'identifier_taken', TAKEN.email);
    assert.equal((await stage.sentTo(unproven.email)).filter(({ links }) => links.length > 0).length, 1);
  });

  it('counts the number’s SMS for the network that confirms, and sends none past its share', async () => {
    const stage = await withDevices(await open());
    const here = stage.app();
    for (let count = 0; count < 5; count += 1) registered(await register(here, { phone: stage.number() }));
    assertLater(await register(here, { phone: stage.number() }), 'rate_limited', 3600);
    const [email, phone] = [stage.address(), stage.number()];
    registered(await register(here, { email, phone }));
    const confirmed = await here.post('/confirm', { identifier: email, otp: await stage.codeFor(email) });
    assert.equal(confirmed.status, 200);
    assert.deepEqual(await stage.sentTo(phone), []);
    assertSignedIn(await here.signIn(email));
    assert.equal((await here.post('/phone/change', { phone, password: PASSWORD })).status, 201);
    assert.equal(accountIn(await here.post('/phone/verify', { otp: await stage.codeFor(phone) })).phone, phone);
  });
});

describe('with sign-up closed', () => {
  it('nobody registers, whatever is sent, and those who have an account go on', async (t) => {
    const stage = await withDevices(await openStage(t, { env: { GUICHET_SIGN_UP: 'closed' } }));
    const { email, phone } = await stage.member({ phone: true });
    const bodies = [
      { phone: stage.number() },
      { email: stage.address(), phone: stage.number() },
      { phone },
      { email },
      { phone: 'no number' },
      {},
    ];
    for (const body of bodies) {
      assertRefused(await register(stage.app(), body), 403, 'sign_up_closed');
      assertRefused(await register(stage.app(), body, 'weak'), 403, 'sign_up_closed');
    }
    assert.deepEqual(await stage.mails(), []);
    const app = await appOf(stage, { ...(await stage.member()) });
    const next = stage.number();
    assert.equal((await app.post('/phone/change', { phone: next, password: PASSWORD })).status, 201);
    assertSignedIn(await stage.app().signIn(phone));
  });
});
