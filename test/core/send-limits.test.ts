import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Client as Browser } from '../contracts/cookie/client.ts';
import { assertSignedIn } from '../contracts/device/answers.ts';
import type { Client } from '../contracts/device/client.ts';
import { onEachDatabase, openStage, PASSWORD, WRONG } from '../support/stage.ts';
import { assertLater, type DeviceStage, type Member, nextAddress, withDevices } from './with-devices.ts';

type Channel = 'email' | 'sms';
const CHANNELS: readonly Channel[] = ['email', 'sms'];

/** Somebody who is reached over one channel alone, and where that is. */
async function reachedBy(stage: DeviceStage, channel: Channel, { factor = false } = {}) {
  const sms = channel === 'sms';
  const member = await stage.member({ email: !sms, phone: sms, ...(factor && { factor: channel }) });
  return { member, to: sms ? member.phone : member.email };
}

/** Asks for a reset, from a network of its own each time. */
async function forgot(stage: DeviceStage, identifier: string): Promise<void> {
  const { body, status, text } = await stage.app().post('/password/forgot', { identifier });
  const { challenge = '' } = body;
  const message = 'Si ce compte existe, un code de 8 chiffres a été envoyé.';
  assert.deepEqual([status, body], [201, { status: 201, message, challenge }], text);
}

/** The right password, on an account that is sent a second factor. */
async function passwordStep(stage: DeviceStage, identifier: string): Promise<void> {
  const { body, status, text } = await stage.app().signIn(identifier);
  const { challenge = '', channel = 'email' } = body;
  const message = 'Un code OTP de 6 chiffres a été envoyé.';
  assert.deepEqual(
    [status, body],
    [202, { status: 202, two_factor_required: true, channel, challenge, message }],
    text,
  );
}

/** Does it so many times, a minute and a second apart, and sends what comes of it before it is too old. */
async function everyMinute(stage: DeviceStage, times: number, ask: () => Promise<void>): Promise<void> {
  for (let count = 0; count < times; count += 1) {
    await ask();
    await stage.deliver();
    stage.clock.advance({ seconds: 61 });
  }
}

/** Turns the clock so that this much has passed since an instant. */
const turnTo = ({ clock }: DeviceStage, since: number, by: { hours: number; milliseconds?: number }): void =>
  clock.advance({ milliseconds: since - clock.now() + by.hours * 3_600_000 + (by.milliseconds ?? 0) });

onEachDatabase('one destination', (open) => {
  for (const channel of CHANNELS) {
    for (const { who, ask, hour, day, factor } of [
      { who: 'whoever asks', ask: forgot, hour: 5, day: 10, factor: false },
      { who: 'a right password', ask: passwordStep, hour: 10, day: 30, factor: true },
    ]) {
      it(`is sent ${hour} codes an hour and ${day} a day for ${who}, by ${channel}`, async () => {
        const stage = await withDevices(await open());
        const { to } = await reachedBy(stage, channel, { factor });
        const codes = async (): Promise<number> => (await stage.codesTo(to)).length;
        const start = stage.clock.now();
        const full = day / hour;
        for (let count = 0; count < full; count += 1) {
          turnTo(stage, start, { hours: count });
          await everyMinute(stage, hour + 1, () => ask(stage, to));
          assert.equal(await codes(), (count + 1) * hour);
          turnTo(stage, start, { hours: count + 1, milliseconds: -1 });
          await ask(stage, to);
          assert.equal(await codes(), (count + 1) * hour);
        }
        turnTo(stage, start, { hours: full });
        await ask(stage, to);
        assert.equal(await codes(), day);
        turnTo(stage, start, { hours: 24, milliseconds: -1 });
        await ask(stage, to);
        assert.equal(await codes(), day);
        turnTo(stage, start, { hours: 24 });
        // Past the minute after the last, which was refused.
        stage.clock.advance({ seconds: 61 });
        await ask(stage, to);
        assert.equal(await codes(), day + 1);
      });
    }

    it(`still gets its sign-in code by ${channel} after a flood of what anybody may ask for, all day long`, async () => {
      const stage = await withDevices(await open());
      const { member, to } = await reachedBy(stage, channel, { factor: true });
      const server = await stage.server();
      const flood = async (): Promise<void> => {
        await forgot(stage, to);
        await stage.app().post('/confirm/resend', { identifier: to });
        await stage.app().post('/2fa/request-otp', { identifier: to });
        await stage.app().post('/register', { [channel === 'sms' ? 'phone' : 'email']: to, password: PASSWORD });
        if (channel === 'sms') return;
        const browser = new Browser(server, { address: nextAddress() });
        await browser.post('/forgot-password', { email: to });
        await browser.post('/send-email-verification', { email: to });
      };
      for (const hours of [0, 1, 2, 3]) {
        const start = stage.clock.now();
        await everyMinute(stage, 7, flood);
        const before = (await stage.sentTo(to)).length;
        const app = stage.app();
        assert.equal((await app.signIn(to)).status, 202);
        assert.equal((await stage.sentTo(to)).length, before + 1, `hour ${hours}`);
        const account = assertSignedIn(await app.verify(to, await stage.codeFor(to)));
        assert.equal(account.id, member.id);
        turnTo(stage, start, { hours: 1 });
      }
    });
  }

  it('is sent nothing more on anybody’s request once what a right password may cause has gone there', async () => {
    const stage = await withDevices(await open());
    const { to } = await reachedBy(stage, 'email', { factor: true });
    await everyMinute(stage, 5, () => passwordStep(stage, to));
    await forgot(stage, to);
    assert.equal((await stage.codesTo(to)).length, 5);
    await everyMinute(stage, 5, () => passwordStep(stage, to));
    assert.equal((await stage.codesTo(to)).length, 10);
  });

  it('is told of a lock all the same', async () => {
    const stage = await withDevices(await open());
    const { to } = await reachedBy(stage, 'email');
    await everyMinute(stage, 6, () => forgot(stage, to));
    for (let count = 0; count < 10; count += 1) await stage.app().signIn(to, WRONG);
    const [newest] = await stage.sentTo(to);
    assert.deepEqual([newest?.code, newest?.links.length], [null, 1]);
  });
});

/** What a network may ask for in an hour without a session or a right password. */
const SHARE = { email: 20, sms: 5 };

/** Everything in which a network asks for a message, each for somebody whom nobody knows. */
function asksFor(stage: DeviceStage, channel: Channel, client: Client, browser: Browser) {
  const identifier = () => (channel === 'sms' ? stage.number() : stage.address());
  return [
    () => client.post('/password/forgot', { identifier: identifier() }),
    () => client.post('/confirm/resend', { identifier: identifier() }),
    channel === 'sms'
      ? () => client.post('/register', { phone: identifier(), password: PASSWORD })
      : () => browser.post('/forgot-password', { email: identifier() }),
  ];
}

async function ofOneNetwork(stage: DeviceStage, channel: Channel, address = nextAddress()) {
  const browser = new Browser(await stage.server(), { address });
  const asks = asksFor(stage, channel, stage.app({ address }), browser);
  return {
    address,
    asks,
    askOften: async (times: number) => {
      for (let count = 0; count < times; count += 1) {
        const answer = await asks[count % asks.length]?.();
        assert.ok(answer && answer.status < 300, `${count}: ${answer?.text}`);
      }
    },
  };
}

onEachDatabase('one network', (open) => {
  for (const channel of CHANNELS) {
    it(`asks for ${SHARE[channel]} messages by ${channel} an hour, known and unknown ones together`, async () => {
      const stage = await withDevices(await open());
      const { address, askOften, asks } = await ofOneNetwork(stage, channel);
      const { to } = await reachedBy(stage, channel);
      const here = stage.app({ address });
      assert.equal((await here.post('/password/forgot', { identifier: to })).status, 201);
      await askOften(SHARE[channel] - 1);

      const refused = await here.post('/password/forgot', { identifier: to });
      assertLater(refused, 'rate_limited', 3600);
      for (const ask of asks) {
        const answer = await ask();
        assert.deepEqual([answer.status, answer.headers['retry-after']], [429, '3600'], answer.text);
      }
      assert.deepEqual((await here.post('/password/forgot', { identifier: to })).body, refused.body);
      const other = channel === 'sms' ? stage.address() : stage.number();
      assert.equal((await here.post('/password/forgot', { identifier: other })).status, 201);
      await forgot(stage, to);

      stage.clock.advance({ hours: 1, milliseconds: -1 });
      assertLater(await here.post('/password/forgot', { identifier: to }), 'rate_limited', 1);
      stage.clock.advance({ milliseconds: 1 });
      assert.equal((await here.post('/password/forgot', { identifier: to })).status, 201);
    });

    it(`is sent what a right password or a session asks for by ${channel}, however much was asked for in vain`, async () => {
      const stage = await withDevices(await open());
      const { address, askOften } = await ofOneNetwork(stage, channel);
      await askOften(SHARE[channel]);
      const { to } = await reachedBy(stage, channel, { factor: true });
      const here = stage.app({ address });
      await here.signIn(to);
      stage.clock.advance({ seconds: 60 });
      assert.equal((await here.post('/2fa/request-otp', { identifier: to })).status, 201);
      assert.equal((await stage.codesTo(to)).length, 2);
      assertSignedIn(await here.verify(to, await stage.codeFor(to)));
      const next = channel === 'sms' ? { phone: stage.number() } : { email: stage.address() };
      const path = channel === 'sms' ? '/phone/change' : '/email/change';
      assert.equal((await here.post(path, { ...next, password: PASSWORD })).status, 201);
      assert.equal((await stage.codesTo(Object.values(next)[0] ?? '')).length, 1);
    });
  }

  it('has an SMS counted that an address leads to, and is not told so', async () => {
    const stage = await withDevices(await open());
    const member = async (): Promise<Member> => stage.member({ phone: true, proven: ['phone'] });
    const address = nextAddress();
    const here = stage.app({ address });
    const members = [];
    for (let count = 0; count < 7; count += 1) {
      const one = await member();
      members.push(one);
      assert.equal((await here.post('/password/forgot', { identifier: one.email })).status, 201);
    }
    const sent = [];
    for (const { phone } of members) sent.push((await stage.codesTo(phone)).length);
    assert.deepEqual(sent, [1, 1, 1, 1, 1, 0, 0]);
  });
});

onEachDatabase('what was sent and asked for', (open) => {
  it('is counted by all servers on one database, and after a restart', async (t) => {
    const stage = await withDevices(await open());
    const env = { GUICHET_DATABASE_URL: stage.settings.GUICHET_DATABASE_URL };
    const second = await withDevices(await openStage(t, { env, overrides: { clock: stage.clock } }));
    const { address, askOften } = await ofOneNetwork(stage, 'sms');
    await askOften(SHARE.sms);
    const there = await second.app({ address }).post('/password/forgot', { identifier: stage.number() });
    assertLater(there, 'rate_limited', 3600);

    const { to } = await reachedBy(stage, 'email', { factor: true });
    await everyMinute(stage, 3, () => forgot(stage, to));
    await everyMinute(stage, 3, () => forgot(second, to));
    assert.equal((await stage.codesTo(to)).length, 5);
    await everyMinute(stage, 3, () => passwordStep(second, to));
    await everyMinute(stage, 3, () => passwordStep(stage, to));
    assert.equal((await stage.codesTo(to)).length, 10);
  });
});

describe('a network', () => {
  const takes = async (addresses: readonly string[], headers: readonly Record<string, string>[], t: TestContext) => {
    const stage = await withDevices(await openStage(t));
    const statuses = [];
    for (let count = 0; count <= SHARE.sms; count += 1) {
      const address = addresses[count % addresses.length] ?? '';
      const body = { identifier: stage.number() };
      const more = headers[count % headers.length] ?? {};
      statuses.push((await stage.app({ address }).post('/password/forgot', body, { headers: more })).status);
    }
    return statuses;
  };
  const ONE_NETWORK = [201, 201, 201, 201, 201, 429];

  it('is a /24, also when it is written as IPv6', async (t) => {
    assert.deepEqual(await takes(['198.51.100.1', '198.51.100.254', '::ffff:198.51.100.7'], [], t), ONE_NETWORK);
  });

  it('is a /64, however it is written', async (t) => {
    const addresses = ['2001:db8:0:1::1', '2001:DB8:0:1:ffff::', '2001:0db8:0000:0001:0000:0000:0000:0003'];
    assert.deepEqual(await takes(addresses, [], t), ONE_NETWORK);
    const apart = ['2001:db8:0:1::1', '2001:db8:0:2::1'];
    assert.deepEqual(await takes(apart, [], t), Array(6).fill(201));
  });

  it('is the socket’s, whatever headers say', async (t) => {
    const headers = [
      { 'x-forwarded-for': '203.0.113.1' },
      { 'x-real-ip': '203.0.113.2' },
      { forwarded: 'for=203.0.113.3' },
      { 'x-forwarded-for': 'a, ,,' },
    ];
    assert.deepEqual(await takes(['198.51.100.1'], headers, t), ONE_NETWORK);
  });
});

describe('a network that many people share', () => {
  it('has twenty times the share, and its neighbours have their own', async (t) => {
    const env = { GUICHET_SHARED_NETWORKS: '198.51.100.0/24' };
    const stage = await withDevices(await openStage(t, { env }));
    const setCount = (key: string, count: number) =>
      stage.handle.transaction((db) => db.updateTable('rate_limit').set({ count }).where('key', '=', key).execute());
    for (const channel of CHANNELS) {
      const { asks, askOften } = await ofOneNetwork(stage, channel, '198.51.100.7');
      await askOften(SHARE[channel] + 1);
      const what = channel === 'sms' ? 'sms' : 'mail';
      await setCount(`network:${what}:198.51.100.0/24`, 20 * SHARE[channel] - 1);
      await askOften(1);
      const refused = await asks[0]?.();
      assert.equal(refused?.status, 429, refused?.text);
      const { askOften: neighbours, asks: theirs } = await ofOneNetwork(stage, channel, '198.51.101.7');
      await neighbours(SHARE[channel]);
      assert.equal((await theirs[0]?.())?.status, 429);
    }
  });
});
