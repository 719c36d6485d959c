import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AccountId } from '../../../src/core/account.ts';
import {
  type Answer,
  assertGuest,
  assertInvalid,
  assertRefused,
  Client,
  type OpenedClient,
  openClient,
  PASSWORD,
  SESSION,
  sharedWorld,
  XSRF,
} from './client.ts';
import {
  askOther,
  assertLater,
  assertPassed,
  CODE_WRONG,
  CONFIRM_FIRST,
  CREDENTIALS_WRONG,
  challenge,
  codesTo,
  confirmPassword,
  cookiesOf,
  copyOf,
  counted,
  DELIVERED,
  newestCode,
  PASSWORD_WRONG,
  type Somebody,
  sessionOf,
  signedInFully,
  somebody,
  switchOn,
  totpNow,
  waiting,
  withDelivered,
  withTotp,
  wrongCode,
  wrongCodes,
} from './two-factor-people.ts';

const WRONG = 'not this one';
const STATUS = '/user/confirmed-password-status';
const CONFIRM = '/user/confirm-password';
/** A line that asks for a confirmed password and changes nothing. */
const SENSITIVE = '/user/two-factor-recovery-codes';

const assertPasswordWrong = (answer: Answer): void => assertInvalid(answer, { password: [PASSWORD_WRONG] });
const assertConfirmed = async (client: Client): Promise<void> =>
  assert.deepEqual((await client.get(STATUS)).json, { confirmed: true });
const assertUnconfirmed = async (client: Client): Promise<void> => {
  assert.deepEqual((await client.get(STATUS)).json, { confirmed: false });
  assertRefused(await client.get(SENSITIVE), 423, CONFIRM_FIRST);
};

describe('confirming a password', () => {
  const world = sharedWorld();

  it('4.3: is a 201 with an empty text, below the prefix and at the root', async () => {
    for (const prefix of ['/api/v1', '']) {
      const client = await world().signedIn();
      await assertUnconfirmed(client);
      const answer = await client.ask('POST', `${prefix}${CONFIRM}`, { body: { password: PASSWORD } });
      assert.deepEqual([answer.status, answer.text], [201, '""']);
      await assertConfirmed(client);
      assert.equal((await client.get(SENSITIVE)).status, 200);
    }
  });

  it('4.3: says of a wrong password, of none and of a blank one that it was incorrect', async () => {
    const client = await world().signedIn();
    for (const body of [{ password: WRONG }, {}, undefined, { password: '' }, { password: null }]) {
      assertPasswordWrong(await client.post(CONFIRM, body));
    }
    await assertUnconfirmed(client);
  });

  it('4.3, R047: takes nothing but a text for a password', async () => {
    const client = await world().signedIn();
    for (const password of [123, true, [PASSWORD], { password: PASSWORD }]) {
      assertInvalid(await client.post(CONFIRM, { password }), { password: ['The password field must be a string.'] });
    }
    await assertUnconfirmed(client);
  });

  it('1: does not trim the password', async () => {
    const client = await world().signedIn();
    assertPasswordWrong(await client.post(CONFIRM, { password: ` ${PASSWORD}` }));
  });

  it('4.3: is for nobody who is not signed in', async () => {
    const client = world().another();
    await client.csrfCookie();
    assertGuest(await client.post(CONFIRM, { password: PASSWORD }));
    assertGuest(await client.get(STATUS));
  });

  it('decisions: signing in does not count as it, with a second factor neither', async () => {
    await assertUnconfirmed(await world().signedIn());
    const who = await withTotp(world());
    await assertUnconfirmed(await signedInFully(world(), who));
  });

  it('decisions: lasts 600 seconds, however often it is used', async () => {
    const client = await world().signedIn();
    await confirmPassword(client);
    world().clock.advance({ seconds: 300 });
    assert.equal((await client.get(SENSITIVE)).status, 200);
    world().clock.advance({ seconds: 299 });
    assert.equal((await client.get(SENSITIVE)).status, 200);
    await assertConfirmed(client);
    world().clock.advance({ seconds: 2 });
    await assertUnconfirmed(client);
  });

  it('4.3: begins anew each time', async () => {
    const client = await world().signedIn();
    await confirmPassword(client);
    world().clock.advance({ seconds: 599 });
    await confirmPassword(client);
    world().clock.advance({ seconds: 599 });
    await assertConfirmed(client);
  });

  it('4.3: is of one session alone', async () => {
    const { email } = await world().account();
    const [one, other] = [world().another(), world().another()];
    await one.login(email);
    await other.login(email);
    await confirmPassword(one);
    await assertUnconfirmed(other);
  });

  it('rule 19: nothing that other contracts ask for stands for it', async () => {
    const who = await withTotp(world());
    const client = await signedInFully(world(), who);
    // The factor was proven a moment ago, and the password with it.
    await assertUnconfirmed(client);
    assertRefused(await client.delete('/user/two-factor-authentication'), 423, CONFIRM_FIRST);
  });
});

describe('confirming a password on an account with a second factor', () => {
  const world = sharedWorld();

  /** Signed in since before the factor was switched on: its session has not passed it. */
  const unproven = async (): Promise<Somebody & { before: Client }> => {
    const { email, id, uuid } = await world().account();
    const [client, before] = [world().another(), world().another()];
    await client.login(email);
    await before.login(email);
    await confirmPassword(client);
    const on = await switchOn(world(), client);
    world().clock.advance({ minutes: 2 });
    return { id: id as AccountId, uuid, email, channel: 'totp', to: '', client, before, ...on };
  };

  /** Another session that has not passed the factor, as if it was there before. */
  const signedInBeside = async (who: Somebody): Promise<Client> => {
    const client = await signedInFully(world(), who);
    await world().world.store.transaction(({ sessions }) => sessions.unprove(who.id));
    world().clock.advance({ seconds: 60 });
    return client;
  };

  it('decisions: takes the password alone in a session that has passed the factor', async () => {
    const who = await withTotp(world());
    const client = await signedInFully(world(), who);
    await confirmPassword(client);
    await assertConfirmed(client);
  });

  it('decisions: takes it in the session that switched the factor on (rule 18)', async () => {
    const who = await withTotp(world());
    world().clock.advance({ minutes: 30 });
    await confirmPassword(who.client);
    await assertConfirmed(who.client);
  });

  it('decisions: asks for the code in a session that has not', async () => {
    const { before, secret } = await unproven();
    const asked = await before.post(CONFIRM, { password: PASSWORD });
    assertInvalid(asked, { code: ['The code field is required.'] });
    await assertUnconfirmed(before);
    await confirmPassword(before, { code: totpNow(world(), secret) });
    await assertConfirmed(before);
    world().clock.advance({ minutes: 11 });
    // It has passed the factor now.
    await confirmPassword(before);
  });

  it('decisions: a wrong code is said to be, and counts in the account’s hour (rule 17)', async () => {
    const who = await unproven();
    for (const code of await wrongCodes(world(), who, 3)) {
      assertInvalid(await who.before.post(CONFIRM, { password: PASSWORD, code }), { code: [CODE_WRONG] });
    }
    assert.deepEqual(await counted(world(), who), { codes: 3, recoveryCodes: 0 });
    await assertUnconfirmed(who.before);
  });

  it('rule 17: ten wrong codes an hour are ten here and at the challenge', async () => {
    const who = await unproven();
    const codes = await wrongCodes(world(), who, 10);
    const client = await waiting(world(), who);
    for (const [index, code] of codes.entries()) {
      if (index < 5) await challenge(client, { code });
      else await who.before.post(CONFIRM, { password: PASSWORD, code });
    }
    assert.deepEqual(await counted(world(), who), { codes: 10, recoveryCodes: 0 });
    const limited = await who.before.post(CONFIRM, { password: PASSWORD, code: totpNow(world(), who.secret) });
    assertRefused(limited, 429, 'Too Many Attempts.');
    assert.equal(limited.headers['retry-after'], '3600');
    await assertUnconfirmed(who.before);
  });

  it('decisions: a right code does not help a wrong password, and is not used up by it', async () => {
    const { before, secret } = await unproven();
    const code = totpNow(world(), secret);
    assertPasswordWrong(await before.post(CONFIRM, { password: WRONG, code }));
    await confirmPassword(before, { code });
  });

  it('rule 17: a code is good for one confirmation', async () => {
    const who = await unproven();
    const other = await signedInBeside(who);
    const code = totpNow(world(), who.secret);
    await confirmPassword(who.before, { code });
    const again = await other.post(CONFIRM, { password: PASSWORD, code });
    assertInvalid(again, { code: [CODE_WRONG] });
  });

  it('rule 13: takes a recovery code in its field, once', async () => {
    const { before, recoveryCodes, email } = await unproven();
    await confirmPassword(before, { recovery_code: recoveryCodes[0] });
    await assertConfirmed(before);
    const client = world().another();
    await client.login(email);
    assert.equal((await challenge(client, { recovery_code: recoveryCodes[0] })).status, 422);
  });

  it('decisions, rule 19: what was confirmed before the factor was switched on elsewhere is so no more', async () => {
    const { email } = await world().account();
    const [one, other] = [world().another(), world().another()];
    for (const client of [one, other]) {
      await client.login(email);
      await confirmPassword(client);
    }
    const { secret } = await switchOn(world(), one);
    await assertUnconfirmed(other);
    assert.equal((await other.user()).status, 200);
    world().clock.advance({ seconds: 60 });
    await confirmPassword(other, { code: totpNow(world(), secret) });
    await assertConfirmed(other);
    await assertConfirmed(one);
  });

  for (const channel of DELIVERED) {
    it(`decisions: sends the code by ${channel} after the right password, and takes it once`, async () => {
      const who = await withDelivered(world(), channel);
      const before = await codesTo(world(), who.to);
      assertPasswordWrong(await who.client.post(CONFIRM, { password: WRONG }));
      assert.deepEqual(await codesTo(world(), who.to), before);
      const asked = await who.client.post(CONFIRM, { password: PASSWORD });
      assertInvalid(asked, { code: ['The code field is required.'] });
      assert.equal((await codesTo(world(), who.to)).length, before.length + 1);
      // Within a minute no other follows.
      await who.client.post(CONFIRM, { password: PASSWORD });
      assert.equal((await codesTo(world(), who.to)).length, before.length + 1);
      const wrong = await who.client.post(CONFIRM, { password: PASSWORD, code: await wrongCode(world(), who) });
      assertInvalid(wrong, { code: [CODE_WRONG] });
      const code = await newestCode(world(), who.to);
      await confirmPassword(who.client, { code });
      await assertConfirmed(who.client);
      const late = await waiting(world(), who);
      assert.equal((await challenge(late, { code })).status, 422);
    });
  }

  it('R047: takes nothing but a text for a code', async () => {
    const { before } = await unproven();
    assertInvalid(await before.post(CONFIRM, { password: PASSWORD, code: 123456 }), {
      code: ['The code field must be a string.'],
    });
  });
});

describe('what was confirmed', () => {
  const world = sharedWorld();

  it('4.3: is told with the seconds since, from the first on', async () => {
    const client = await world().signedIn();
    const before = await client.get(STATUS);
    assert.deepEqual(
      [before.status, before.json, before.headers['x-retry-after']],
      [200, { confirmed: false }, undefined],
    );
    await confirmPassword(client);
    for (const [seconds, since] of [
      [0, undefined],
      [1, '1'],
      [58, '59'],
      [540, '599'],
    ] as const) {
      world().clock.advance({ seconds });
      const answer = await client.get(STATUS);
      assert.deepEqual([answer.json, answer.headers['x-retry-after']], [{ confirmed: true }, since]);
    }
    world().clock.advance({ seconds: 2 });
    const after = await client.get(STATUS);
    assert.deepEqual([after.json, after.headers['x-retry-after']], [{ confirmed: false }, undefined]);
  });

  it('4.3: is asked for within so many seconds, 600 at most', async () => {
    const client = await world().signedIn();
    await confirmPassword(client);
    world().clock.advance({ seconds: 60 });
    const told = async (seconds: string) => (await client.get(`${STATUS}?seconds=${seconds}`)).json;
    assert.deepEqual(await told('59'), { confirmed: false });
    assert.deepEqual(await told('61'), { confirmed: true });
    assert.deepEqual(await told('10800'), { confirmed: true });
    world().clock.advance({ seconds: 541 });
    assert.deepEqual(await told('10800'), { confirmed: false });
  });

  it('4.3: is told at the root as below the prefix', async () => {
    const client = await world().signedIn();
    await confirmPassword(client);
    assert.deepEqual((await client.ask('GET', STATUS)).json, { confirmed: true });
  });

  it('4.3: is told whatever stands for the seconds', async () => {
    const client = await world().signedIn();
    await confirmPassword(client);
    for (const seconds of ['', 'x', '-1', '1e3', '99999999999999999999', '%00', '1&seconds=2']) {
      const answer = await client.get(`${STATUS}?seconds=${seconds}`);
      assert.equal(answer.status, 200, seconds);
      assert.equal(typeof answer.body.confirmed, 'boolean');
    }
  });
});

describe('the session of a confirmed password', () => {
  const world = sharedWorld();

  it('rule 30: goes on under another id and with another token', async () => {
    const client = await world().signedIn();
    const before = new Map(client.jar);
    const answer = await client.post(CONFIRM, { password: PASSWORD });
    assert.deepEqual(Object.keys(cookiesOf(answer)).sort(), [XSRF, SESSION]);
    assert.notEqual(sessionOf(client), before.get(SESSION));
    const stale = await client.post('/auth/logout', undefined, { xsrf: before.get(XSRF) ?? '' });
    assertRefused(stale, 419, 'CSRF token mismatch.');
    assert.equal((await client.user()).status, 200);
  });

  it('rule 30: answers to the old id for 10 seconds, sets no cookie then, and is over for it afterwards', async () => {
    const client = await world().signedIn();
    const old = copyOf(world(), client);
    await confirmPassword(client);
    world().clock.advance({ seconds: 9 });
    const late = await old.user();
    assert.deepEqual([late.status, late.setCookies], [200, []]);
    const change = await old.patch('/user/locale', { locale: 'en' });
    assert.deepEqual([change.status, change.setCookies], [200, []]);
    world().clock.advance({ seconds: 2 });
    assertGuest(await copyOf(world(), old).user());
    assertGuest(await copyOf(world(), old).patch('/user/locale', { locale: 'fr' }));
    assert.equal((await client.user()).status, 200);
  });

  for (const [method, url] of [
    ['GET', '/sanctum/csrf-cookie'],
    ['GET', '/api/v1/app/config'],
    ['POST', '/api/v1/auth/two-factor-challenge'],
  ] as const) {
    it(`rule 30: is not given its old id again by ${url}, asked for just before`, async () => {
      const client = await world().signedIn();
      const old = copyOf(world(), client);
      await confirmPassword(client);
      const answer = await old.ask(method, url);
      assert.deepEqual(answer.setCookies, []);
    });
  }

  it('rule 30: has not confirmed anything to whoever has the old id alone', async () => {
    const client = await world().signedIn();
    const thief = copyOf(world(), client);
    await confirmPassword(client);
    world().clock.advance({ seconds: 11 });
    assertGuest(await thief.get(SENSITIVE));
    await assertConfirmed(client);
  });

  it('rule 30: is one and the same after ten confirmations at once, and its browser stays signed in', async () => {
    const client = await world().signedIn();
    const copies = Array.from({ length: 10 }, () => copyOf(world(), client));
    const answers = await Promise.all(copies.map((copy) => copy.post(CONFIRM, { password: PASSWORD })));
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [201]);
    // One of them names the new id; the others leave the browser with it, whichever comes last.
    const named = answers.flatMap((answer) => cookiesOf(answer)[SESSION] ?? []);
    assert.equal(named.length, 1);
    client.jar.set(SESSION, named[0] ?? '');
    world().clock.advance({ seconds: 11 });
    assert.equal((await client.user()).status, 200);
    await assertConfirmed(client);
  });

  it('rule 30: answers to the newest id and the one before, after one confirmation soon after another', async () => {
    const client = await world().signedIn();
    await confirmPassword(client);
    const between = copyOf(world(), client);
    world().clock.advance({ seconds: 5 });
    await confirmPassword(client);
    assert.equal((await between.user()).status, 200);
    world().clock.advance({ seconds: 20 });
    assert.equal((await client.user()).status, 200);
    await assertConfirmed(client);
  });

  it('rules 28 and 30: is not given its old id again by another server that has looked at it a moment ago', async (t) => {
    const first = await openClient(t);
    const second = await openClient(t, {
      env: { GUICHET_DATABASE_URL: first.settings.GUICHET_DATABASE_URL },
      overrides: { clock: first.clock },
    });
    const client = await first.signedIn();
    const elsewhere = new Client(second.app, { address: '10.98.1.1' });
    for (const [name, value] of client.jar) elsewhere.jar.set(name, value);
    const old = sessionOf(client);
    assert.equal((await elsewhere.user()).status, 200);
    await confirmPassword(client);
    const answer = await elsewhere.user();
    assert.equal(answer.status, 200);
    assert.notEqual(cookiesOf(answer)[SESSION], old);
  });
});

describe('a wrong password where it is to be confirmed', () => {
  const world = sharedWorld();

  /** A browser that the account does not know any more: its failures count with everybody else's. */
  const forgotten = (client: Client): Client => {
    client.jar.delete('guichet_client');
    return client;
  };
  const failHere = async (client: Client, times: number): Promise<void> => {
    for (let time = 0; time < times; time += 1) assertPasswordWrong(await client.post(CONFIRM, { password: WRONG }));
  };
  const device = (of: OpenedClient, email: string, password: string): Promise<Answer> =>
    askOther(of.another(), '/api/v1/auth/login', { identifier: email, password });

  it('rule 20: counts with those at the logins of every contract, and ten lock all of them', async () => {
    const { email } = await world().account();
    const client = world().another();
    await client.login(email);
    for (let time = 0; time < 4; time += 1) assert.equal((await device(world(), email, WRONG)).status, 401);
    await failHere(forgotten(client), 6);
    assert.equal((await device(world(), email, PASSWORD)).status, 423);
    const locked = await client.post(CONFIRM, { password: PASSWORD });
    assertRefused(locked, 429, 'Too Many Attempts.');
    assert.equal(locked.headers['retry-after'], '900');
    assertLater(await world().another().login(email), 'email');
    // Nobody is signed out by it.
    assert.equal((await client.user()).status, 200);
    await assertUnconfirmed(client);
    world().clock.advance({ minutes: 15 });
    await confirmPassword(client);
  });

  it('rule 20: of a browser that is known counts against this browser alone', async () => {
    const { email } = await world().account();
    const client = world().another();
    await client.login(email);
    await failHere(client, 10);
    assert.equal((await client.post(CONFIRM, { password: PASSWORD })).status, 429);
    assertLater(await client.login(email), 'email');
    assert.equal((await device(world(), email, PASSWORD)).status, 200);
    assert.equal((await world().another().login(email)).status, 200);
  });

  it('rule 20: is forgotten after a right one', async () => {
    const client = await world().signedIn();
    for (let round = 0; round < 2; round += 1) {
      await failHere(client, 9);
      await confirmPassword(client);
      world().clock.advance({ seconds: 11 });
    }
  });

  it('rule 21: is compared ten times, of fifty at once', async () => {
    const { email } = await world().account();
    const client = world().another();
    await client.login(email);
    const copies = Array.from({ length: 50 }, () => copyOf(world(), client));
    const answers = await Promise.all(copies.map((copy) => copy.post(CONFIRM, { password: WRONG })));
    const statuses = Object.groupBy(answers, ({ status }) => String(status));
    assert.deepEqual([statuses['422']?.length, statuses['429']?.length], [10, 40]);
  });

  it('is told apart from a wrong one at the login by its text alone', async () => {
    const { email } = await world().account();
    const client = world().another();
    assertInvalid(await client.login(email, WRONG), { email: [CREDENTIALS_WRONG] });
    await client.login(email);
    assertPasswordWrong(await client.post(CONFIRM, { password: WRONG }));
  });
});

describe('a session that began before a takeover of what it would confirm', () => {
  const world = sharedWorld();

  it('rule 8: confirms nothing after the password was changed elsewhere', async () => {
    const who = await somebody(world(), 'totp');
    const other = await signedInFully(world(), who);
    const password = 'another quiet horse';
    const body = { current_password: PASSWORD, password, password_confirmation: password };
    assert.equal((await other.put('/user/password', body)).status, 200);
    assertGuest(await who.client.post(CONFIRM, { password }));
    assertPassed(await other.post('/auth/logout'));
  });
});
