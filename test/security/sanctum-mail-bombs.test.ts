import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stepAt, totpAt } from '../../src/core/totp.ts';
import type { Caller } from '../../src/core/world.ts';
import {
  assertInvalid,
  assertRefused,
  type Client,
  PASSWORD,
  REMEMBER,
  SESSION,
  sharedWorld,
} from '../contracts/sanctum/client.ts';
import { confirm, enrol, thiefOf, waiting } from './sanctum-people.ts';

const WRONG = 'not the password';
let networks = 0;
/** Somebody from a network that nobody else comes from. */
const network = (): string => {
  networks += 1;
  return `10.${200 + (networks >> 8)}.${networks & 255}.9`;
};
const caller = (): Caller => ({
  address: '192.0.2.7',
  network: { key: network(), factor: 1 },
  userAgent: null,
  clientToken: null,
  locale: 'en',
});

describe('attacks on the sanctum contract: mails to somebody whose address is known', () => {
  const world = sharedWorld();

  const begin = async (of?: { address?: string }): Promise<Client> => {
    const client = world().another(of);
    await client.csrfCookie();
    return client;
  };
  const received = async (email: string, about = /./) =>
    (await world().mails(email)).filter(({ subject }) => about.test(subject)).length;
  /** Everything that mails an address because somebody named it, each time from a network of its own. */
  const askEverywhere = async (email: string): Promise<void> => {
    const headers = { 'content-type': 'application/json' };
    const payload = JSON.stringify({ email });
    await (await begin()).post('/auth/forgot-password', { email });
    await (await begin()).post('/auth/setup-password-resend', { email });
    for (const path of ['forgot-password', 'send-magic-link', 'send-verification-email']) {
      const of = { headers, payload, remoteAddress: network() };
      await world().app.inject({ method: 'POST', url: `/api/auth/${path}`, ...of });
    }
  };

  it('rule 22: five an hour and ten a day, from however many networks, over all purposes and contracts', async () => {
    const resets = (email: string) => begin().then((client) => client.post('/auth/forgot-password', { email }));
    const told: number[][] = [];
    for (const ask of [resets, askEverywhere]) {
      const { email } = await world().account(undefined, { verified: ask === resets });
      const hours: number[] = [];
      for (let hour = 0; hour < 4; hour += 1) {
        const before = await received(email);
        for (let time = 0; time < 8; time += 1) {
          await ask(email);
          world().clock.advance({ minutes: 2 });
        }
        hours.push((await received(email)) - before);
        world().clock.advance({ minutes: 50 });
      }
      told.push(hours);
    }
    assert.deepEqual(told[0], [5, 5, 0, 0]);
    const [first = 0, second = 0, ...later] = told[1] ?? [];
    assert.ok(first > 0 && first <= 5 && second <= 5, String(told[1]));
    assert.deepEqual(later, [0, 0]);
  });

  it('R024: invitations that are asked for in vain leave an owner all the reset links of the day', async () => {
    const { email } = await world().account();
    for (let time = 0; time < 10; time += 1) {
      await (await begin()).post('/auth/setup-password-resend', { email });
      world().clock.advance({ minutes: time === 4 ? 61 : 2 });
    }
    assert.equal(await received(email), 0);
    await (await begin()).post('/auth/forgot-password', { email });
    assert.equal(await received(email), 1);
  });

  it('rules 3 and 22: an invitation is sent again once a minute and five times an hour', async () => {
    const email = 'invited.again@example.com';
    await world().identity.createAccount({ email });
    world().clock.advance({ hours: 1 });
    const resend = async () => {
      const before = await received(email);
      assert.equal((await (await begin()).post('/auth/setup-password-resend', { email })).status, 200);
      return (await received(email)) - before;
    };
    const sent: number[] = [];
    for (let time = 0; time < 8; time += 1) {
      sent.push(await resend(), await resend());
      world().clock.advance({ seconds: 60 });
    }
    assert.deepEqual(sent, [1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('an invitation is never sent to whoever has a password, is locked, or is nobody', async () => {
    const known = await world().account();
    const locked = 'invited.locked@example.com';
    const { uuid } = await world().identity.createAccount({ email: locked });
    await world().identity.lockAccount({ uuid });
    world().clock.advance({ hours: 2 });
    const invitations = await received(locked);
    for (const email of [known.email, locked, 'nobody.at.all@example.com']) {
      assert.equal((await (await begin()).post('/auth/setup-password-resend', { email })).status, 200);
    }
    assert.deepEqual([await received(known.email), await received('nobody.at.all@example.com')], [0, 0]);
    assert.equal(await received(locked), invitations);
  });

  it('rule 22: one network asks for twenty mails an hour, whether or not there is anybody', async () => {
    const client = await begin();
    const statuses: number[] = [];
    for (let time = 0; time < 22; time += 1) {
      const path = time % 2 ? '/auth/forgot-password' : '/auth/setup-password-resend';
      statuses.push((await client.post(path, { email: `nobody${time}@example.com` })).status);
    }
    assert.deepEqual(statuses, [...Array(20).fill(200), 429, 429]);
    const refused = await client.post('/auth/forgot-password', { email: 'nobody@example.com' });
    assertRefused(refused, 429, 'Too Many Attempts.');
  });

  it('rule 20: wrong passwords from everywhere send three ways to unlock a day, and nothing else', async () => {
    const { email } = await world().account();
    for (let lock = 0; lock < 5; lock += 1) {
      for (let time = 0; time < 10; time += 1) await (await begin()).post('/auth/login', { email, password: WRONG });
      world().clock.advance({ hours: 4 });
    }
    assert.equal(await received(email), 3);
  });

  it('an address that somebody else signed up with hears of nothing that is done with it here', async () => {
    const email = 'planted.here@example.com';
    const signUp = await world().app.inject({
      method: 'POST',
      url: '/api/auth/sign-up',
      headers: { 'content-type': 'application/json' },
      payload: JSON.stringify({ email, password: PASSWORD, name: 'Mallory' }),
      remoteAddress: '10.99.1.1',
    });
    assert.equal(signUp.statusCode, 201, signUp.body);
    for (let time = 0; time < 12; time += 1) {
      const client = await begin();
      const answer = await client.post('/auth/login', { email, password: time % 2 ? WRONG : PASSWORD });
      assert.equal(answer.status, 422);
    }
    assert.equal(await received(email), 1);
  });
});

describe('attacks on the sanctum contract: mails that whoever has the password, or a session, can have sent', () => {
  const world = sharedWorld();
  const received = async (email: string, about = /./) =>
    (await world().mails(email)).filter(({ subject }) => about.test(subject)).length;
  const person = async (more: { remember?: boolean } = {}) => {
    const client = await world().signedIn(undefined, more);
    return { client, email: (await client.user()).body.data?.email ?? '' };
  };

  it('an owner hears of ten new devices an hour', async () => {
    const { email } = await person();
    for (let time = 0; time < 14; time += 1) {
      const other = world().another({ headers: { 'user-agent': `Heron/${time}.0` } });
      assert.equal((await other.login(email)).status, 200);
    }
    assert.equal(await received(email), 10);
    world().clock.advance({ hours: 1 });
    await world()
      .another({ headers: { 'user-agent': 'Stork/1.0' } })
      .login(email);
    assert.equal(await received(email), 11);
  });

  it('a remember cookie that is played again and again is told of once', async () => {
    const { client, email } = await person({ remember: true });
    const stolen = thiefOf(world(), client, REMEMBER).cookie(REMEMBER);
    client.forgetSession();
    await client.user();
    world().clock.advance({ minutes: 2 });
    for (let time = 0; time < 10; time += 1) {
      assert.equal(
        (
          await world()
            .another()
            .user({ cookie: `${REMEMBER}=${stolen}` })
        ).status,
        401,
      );
    }
    assert.equal(await received(email), 1);
  });

  it('rules 14 and 22: codes by mail come a minute apart and ten an hour, for a login or a confirmed password', async () => {
    const { client, email } = await person();
    await confirm(client);
    const { identity } = world();
    const { live } = await identity.openBrowserSession({
      sessionToken: client.cookie(SESSION),
      rememberToken: undefined,
      caller: caller(),
    });
    await identity.startSecondFactor({ live, channel: 'email', caller: caller() });
    const code = (await world().mails(email))[0]?.code ?? '';
    await identity.confirmSecondFactor({ live, code, revokeOtherSessions: false, caller: caller() });
    world().clock.advance({ days: 1 });

    const codes = async () => (await world().mails(email)).filter((mail) => mail.code !== null).length;
    let before = await codes();
    for (let time = 0; time < 6; time += 1) {
      const due = await world().another().login(email);
      assert.deepEqual(due.json, { two_factor: true, channel: 'email' });
    }
    assert.equal((await codes()) - before, 1);
    before = await codes();
    for (let time = 0; time < 25; time += 1) {
      world().clock.advance({ seconds: 61 });
      assert.equal((await world().another().login(email)).status, 200);
      // Nobody waits for one that is no longer good.
      await world().deliver();
    }
    // One of the ten was sent just before.
    assert.equal((await codes()) - before, 9);

    world().clock.advance({ hours: 1 });
    const waits = await waitingWithCode(email);
    world().clock.advance({ minutes: 5 });
    const unproven = await rememberedOf(waits);
    before = await codes();
    for (let time = 0; time < 20; time += 1) {
      const asked = await unproven.post('/user/confirm-password', { password: PASSWORD });
      assertInvalid(asked, { code: ['The code field is required.'] });
      await world().deliver();
      world().clock.advance({ seconds: 20 });
    }
    assert.ok((await codes()) - before <= 7, String((await codes()) - before));
    before = await codes();
    for (let time = 0; time < 20; time += 1) {
      world().clock.advance({ seconds: 61 });
      await unproven.post('/user/confirm-password', { password: PASSWORD });
      await world().deliver();
    }
    assert.ok((await codes()) - before <= 10, String((await codes()) - before));
  });

  const waitingWithCode = async (email: string): Promise<Client> => {
    const client = world().another();
    await client.login(email, PASSWORD, { remember: true });
    const code = (await world().mails(email)).find((mail) => mail.code !== null)?.code ?? '';
    const done = await client.post('/auth/two-factor-challenge', { code });
    assert.equal(done.status, 204, done.text);
    return client;
  };
  const rememberedOf = async (client: Client): Promise<Client> => {
    client.forgetSession();
    assert.equal((await client.user()).status, 200);
    return client;
  };

  it('recovery codes are made anew sixty times an hour', async () => {
    const { client, email } = await person();
    await enrol(world(), client);
    await confirm(client);
    const before = await received(email);
    const statuses: number[] = [];
    for (let time = 0; time < 62; time += 1) {
      statuses.push((await client.post('/user/two-factor-recovery-codes')).status);
    }
    assert.deepEqual(statuses, [...Array(60).fill(200), 429, 429]);
    assert.equal((await received(email)) - before, 60);
  });

  it('a factor is switched on twenty times an hour, and off no oftener; where there is none, nothing is told', async () => {
    const { client, email } = await person();
    await confirm(client);
    for (let time = 0; time < 10; time += 1) {
      assert.equal((await client.delete('/user/two-factor-authentication')).status, 200);
      await client.post('/user/two-factor-authentication');
    }
    assert.equal(await received(email), 0);
    world().clock.advance({ hours: 1 });
    let on = 0;
    for (let time = 0; time < 25; time += 1) {
      await confirm(client);
      if ((await client.post('/user/two-factor-authentication', { force: true })).status !== 200) break;
      await enrolAgain(client);
      on += 1;
      assert.equal((await client.delete('/user/two-factor-authentication')).status, 200);
    }
    assert.ok(on <= 20, String(on));
    assert.equal(await received(email), 2 * on);
  });

  const enrolAgain = async (client: Client): Promise<void> => {
    const { secretKey = '' } = (await client.get('/user/two-factor-secret-key')).body;
    const code = totpAt(secretKey, stepAt(world().clock.now()));
    assert.equal((await client.post('/user/confirmed-two-factor-authentication', { code })).status, 200);
  };

  it('three wrong codes in a row are told of once', async () => {
    const { client, email } = await person();
    await enrol(world(), client);
    const before = await received(email);
    const other = await waiting(world(), email);
    for (let time = 0; time < 5; time += 1) await other.post('/auth/two-factor-challenge', { code: '00000x' });
    world().clock.advance({ minutes: 1 });
    const third = await waiting(world(), email);
    for (let time = 0; time < 5; time += 1) await third.post('/auth/two-factor-challenge', { code: '00000x' });
    assert.equal((await received(email)) - before, 1);
  });

  it('a password is changed sixty times an hour at most: each change writes to the owner', async () => {
    const { client, email } = await person();
    let current = PASSWORD;
    for (let time = 0; time < 65; time += 1) {
      const password = `granite otter parade ${time} zeb`;
      const change = { current_password: current, password, password_confirmation: password };
      if ((await client.put('/user/password', change)).status === 200) current = password;
    }
    const mails = await received(email);
    assert.ok(mails <= 60, `${mails} mails`);
  });
});
