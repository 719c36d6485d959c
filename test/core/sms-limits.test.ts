import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { accountIn, assertRefused, assertSignedIn } from '../contracts/device/answers.ts';
import { hasPostgres } from '../support/databases.ts';
import { OTHER_PASSWORD, openStage, PASSWORD, WRONG } from '../support/stage.ts';
import { anotherThan, appOf, assertLater, type DeviceStage, withDevices } from './with-devices.ts';

const open = async (t: TestContext, env: Record<string, string>): Promise<DeviceStage> =>
  withDevices(await openStage(t, { env }));

const UNAVAILABLE = { errors: { phone: ['Aucun code ne peut y être envoyé.'] } };

describe('SMS', () => {
  const countries = { GUICHET_SMS_COUNTRIES: 'FR,BE' };

  it('go to mobiles of the listed countries, at sign-up and at a change', async (t) => {
    const stage = await open(t, countries);
    for (const phone of ['+33612345678', '+32470123456']) {
      const made = await stage.app().post('/register', { phone, password: PASSWORD });
      assert.equal(accountIn(made).phone, phone);
      assert.equal((await stage.codesTo(phone)).length, 1);
    }
    const app = await appOf(stage, await stage.member());
    // Germany, the United States, a satellite; a landline, a premium and a free number.
    for (const phone of [
      '+4915112345678',
      '+14155552671',
      '+881612345678',
      '+33142345678',
      '+33899123456',
      '+33800123456',
    ]) {
      assertRefused(
        await stage.app().post('/register', { phone, password: PASSWORD }),
        422,
        'validation_failed',
        UNAVAILABLE,
      );
      const both = { email: stage.address(), phone, password: PASSWORD };
      assertRefused(await stage.app().post('/register', both), 422, 'validation_failed', UNAVAILABLE);
      assertRefused(
        await app.post('/phone/change', { phone, password: PASSWORD }),
        422,
        'validation_failed',
        UNAVAILABLE,
      );
      assert.deepEqual(await stage.sentTo(phone), []);
    }
  });

  it('go to no number that was taken in from elsewhere, and no answer tells', async (t) => {
    const stage = await open(t, countries);
    const phone = '+4915112345678';
    await stage.member({ email: false, phone, factor: 'sms' });
    const [here, there] = [stage.number(), phone];
    await stage.member({ email: false, phone: here, factor: 'sms' });
    const asked = async (identifier: string) => {
      const app = stage.app();
      const answers = [
        await app.signIn(identifier),
        await app.post('/2fa/request-otp', { identifier }),
        await app.post('/password/forgot', { identifier }),
      ];
      return answers.map(({ body }) => ({ ...body, ...(body.challenge && { challenge: '' }) }));
    };
    assert.deepEqual(await asked(there), await asked(here));
    assert.deepEqual(await stage.sentTo(there), []);
    assert.equal((await stage.codesTo(here)).length, 2);
  });

  it('are as many an hour as the budget says, over everybody, half of it for strangers; mail goes on', async (t) => {
    const stage = await open(t, { GUICHET_SMS_BUDGET: '5' });
    const codes = async (phone: string): Promise<number> => (await stage.codesTo(phone)).length;
    const asked = await stage.member({ email: false, phone: true });
    const members = [];
    for (let count = 0; count < 3; count += 1) {
      members.push(await stage.member({ email: false, phone: true, factor: 'sms' }));
    }
    const [newcomer, next, late] = [stage.number(), stage.number(), stage.number()];
    const start = stage.clock.now();
    await stage.app().post('/password/forgot', { identifier: asked.phone });
    await stage.app().post('/register', { phone: newcomer, password: PASSWORD });
    const app = await appOf(stage, await stage.member());
    assert.equal((await app.post('/phone/change', { phone: next, password: PASSWORD })).status, 201);
    for (const phone of [asked.phone, newcomer, next]) assert.equal(await codes(phone), 1, phone);
    assert.equal((await stage.app().post('/register', { phone: late, password: PASSWORD })).status, 201);
    const [second, third, fourth] = members.map(({ phone }) => phone) as [string, string, string];
    assert.equal((await stage.app().post('/password/forgot', { identifier: fourth })).status, 201);
    for (const phone of [late, fourth]) assert.equal(await codes(phone), 0, phone);

    for (const phone of [second, third, fourth]) assert.equal((await stage.app().signIn(phone)).status, 202);
    assert.deepEqual([await codes(second), await codes(third), await codes(fourth)], [1, 1, 0]);
    const byMail = await stage.member({ factor: 'email' });
    await stage.app().signIn(byMail.email);
    assert.equal(await codes(byMail.email), 1);

    stage.clock.advance({ milliseconds: start + 3_600_000 - 1 - stage.clock.now() });
    await stage.app().signIn(fourth);
    assert.equal(await codes(fourth), 0);
    stage.clock.advance({ milliseconds: 1 });
    await stage.app().signIn(fourth);
    assert.equal(await codes(fourth), 1);
  });

  for (const database of ['sqlite', 'postgres'] as const) {
    const skip = database === 'postgres' && !hasPostgres ? 'no PostgreSQL server' : false;
    it(`are no more than the budget when all ask at once, on ${database}`, { skip }, async (t) => {
      const stage = await withDevices(await openStage(t, { database, env: { GUICHET_SMS_BUDGET: '7' } }));
      const members = [];
      for (let count = 0; count < 20; count += 1)
        members.push(await stage.member({ email: false, phone: true, factor: 'sms' }));
      await Promise.all(members.map(({ phone }) => stage.app().signIn(phone)));
      const sent = await stage.mails();
      assert.equal(sent.filter(({ code }) => code !== null).length, 7);
    });
  }

  it('are none with a budget of nothing', async (t) => {
    const stage = await open(t, { GUICHET_SMS_BUDGET: '0' });
    const { phone } = await stage.member({ email: false, phone: true, factor: 'sms' });
    assert.equal((await stage.app().signIn(phone)).status, 202);
    assert.equal((await stage.app().post('/password/forgot', { identifier: phone })).status, 201);
    assert.deepEqual(await stage.mails(), []);
  });

  it('are offered nowhere when there is no way to send them', async (t) => {
    const stage = await open(t, { GUICHET_MAIL_URL: 'smtp://127.0.0.1:9' });
    const phone = stage.number();
    assertRefused(
      await stage.app().post('/register', { phone, password: PASSWORD }),
      422,
      'validation_failed',
      UNAVAILABLE,
    );
    const app = await appOf(stage, await stage.member({ phone: true }));
    assertRefused(
      await app.post('/phone/change', { phone, password: PASSWORD }),
      422,
      'validation_failed',
      UNAVAILABLE,
    );
    const enable = await app.post('/2fa/enable', { channel: 'sms', password: PASSWORD });
    assertRefused(enable, 422, 'validation_failed', { errors: { channel: ['Aucun code ne peut y être envoyé.'] } });
  });
});

describe('with rates switched off', () => {
  const off = { GUICHET_RATE_LIMITS: 'off', GUICHET_SMS_BUDGET: '1' };

  it('codes go out as often as they are asked for, from one network, to one destination, past the budget', async (t) => {
    const stage = await open(t, off);
    const { email, phone } = await stage.member({ phone: true, factor: 'sms' });
    const app = stage.app();
    for (let count = 0; count < 23; count += 1) {
      assert.equal((await app.post('/password/forgot', { identifier: email })).status, 201);
      assert.equal((await app.post('/confirm/resend', { identifier: stage.number() })).status, 201);
    }
    for (let count = 0; count < 12; count += 1) {
      assert.equal((await app.signIn(phone)).status, 202);
      assert.equal((await app.post('/2fa/request-otp', { identifier: phone })).status, 201);
    }
    assert.deepEqual([(await stage.codesTo(email)).length, (await stage.codesTo(phone)).length], [23, 24]);
  });

  it('sign-ups are as many as come', async (t) => {
    const stage = await open(t, off);
    const app = stage.app();
    const phone = stage.number();
    for (let count = 0; count < 12; count += 1) {
      const number = stage.number();
      assert.equal((await app.post('/register', { phone: number, password: PASSWORD })).status, 201);
      assert.equal((await stage.codesTo(number)).length, 1);
    }
    assert.equal((await app.post('/register', { phone, password: PASSWORD })).status, 201);
    const message = 'Ce numéro de téléphone est déjà utilisé.';
    for (let count = 0; count < 12; count += 1) {
      assertRefused(await app.post('/register', { phone, password: PASSWORD }), 409, 'identifier_taken', { message });
    }
  });

  it('the lock stays', async (t) => {
    const stage = await open(t, off);
    const { phone } = await stage.member({ email: false, phone: true });
    const app = stage.app();
    for (let count = 0; count < 10; count += 1)
      assertRefused(await app.signIn(phone, WRONG), 401, 'invalid_credentials');
    assertLater(await app.signIn(phone), 'account_locked', 900);
  });

  it('the tries of a code stay, and the ten wrong ones an hour', async (t) => {
    const stage = await open(t, off);
    const { phone } = await stage.member({ email: false, phone: true, factor: 'sms' });
    const app = stage.app();
    for (let login = 0; login < 2; login += 1) {
      await app.signIn(phone);
      const code = await stage.codeFor(phone);
      const { challenge } = app;
      for (let count = 0; count < 5; count += 1) {
        assertRefused(await app.verify(phone, anotherThan(code), { challenge }), 401, 'invalid_otp');
      }
      if (login === 0) assertRefused(await app.verify(phone, code, { challenge }), 401, 'invalid_otp');
    }
    await app.signIn(phone);
    const { challenge } = app;
    assertLater(await app.verify(phone, await stage.codeFor(phone), { challenge }), 'rate_limited', 3600);
  });

  it('single use stays', async (t) => {
    const stage = await open(t, off);
    const { email } = await stage.member({ factor: 'email' });
    const app = stage.app();
    await app.signIn(email);
    const code = await stage.codeFor(email);
    assertSignedIn(await app.verify(email, code));
    assertRefused(await app.verify(email, code), 401, 'invalid_otp');
    assertRefused(await app.verify(email, code, { password: PASSWORD }), 401, 'invalid_otp');

    const { challenge } = (await app.post('/password/forgot', { identifier: email })).body;
    const reset = { identifier: email, challenge, otp: await stage.codeFor(email), password: OTHER_PASSWORD };
    assert.equal((await app.post('/password/reset', reset)).status, 200);
    assertRefused(await app.post('/password/reset', reset), 401, 'invalid_otp');
  });

  it('the countries stay', async (t) => {
    const stage = await open(t, off);
    const phone = '+4915112345678';
    await stage.member({ email: false, phone, factor: 'sms' });
    assert.equal((await stage.app().signIn(phone)).status, 202);
    assert.deepEqual(await stage.mails(), []);
  });
});
