import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Client as Browser } from '../contracts/cookie/client.ts';
import { type Answer, assertRefused, assertSignedIn, REFRESH_TOKEN } from '../contracts/device/answers.ts';
import type { Client } from '../contracts/device/client.ts';
import { type OpenStage, onEachDatabase, PASSWORD } from '../support/stage.ts';
import { appOf, type DeviceStage, deviceIdIn, GALAXY, type Member, nextAddress, withDevices } from './with-devices.ts';

const ENDED = 'Un appareil a été déconnecté de votre compte';
const noticesTo = async (stage: DeviceStage, { email }: Member) =>
  (await stage.sentTo(email)).filter(({ subject }) => subject === ENDED);

async function enter(open: OpenStage, of: Parameters<DeviceStage['app']>[0] = { device: GALAXY }) {
  const stage = await withDevices(await open());
  const member = await stage.member();
  return { ...stage, stage, member, app: await appOf(stage, member, of) };
}

/** Presents a refresh token and forgets the answer, as a client does that never saw it. */
async function lose(app: Client, token: string): Promise<Answer> {
  const { accessToken, refreshToken } = app;
  const answer = await app.refresh(token);
  Object.assign(app, { accessToken, refreshToken });
  return answer;
}

function refreshed(answer: Answer): string {
  const { access_token, refresh_token = '' } = answer.body;
  assert.deepEqual(answer.body, { status: 200, access_token, refresh_token });
  assert.match(refresh_token, REFRESH_TOKEN);
  return refresh_token;
}

const claimsIn = ({ body }: Answer): { jti: string; session_uuid: string; device_id: number; exp: number } =>
  JSON.parse(Buffer.from(body.access_token?.split('.')[1] ?? '', 'base64url').toString());

/** Refresh tokens of a session that were not spent. */
const liveTokens = ({ handle }: DeviceStage, { id }: Member) =>
  handle.read
    .selectFrom('refresh_token')
    .innerJoin('session', 'session.id', 'refresh_token.session_id')
    .select('refresh_token.digest')
    .where('session.account_id', '=', id)
    .where('rotated_at', 'is', null)
    .execute();

onEachDatabase('a client that never saw the answer', (open) => {
  it('asks again within sixty seconds, as often as it likes, and goes on with what it gets', async () => {
    const { app, clock, stage, member } = await enter(open);
    const first = app.refreshToken;
    const lost = await lose(app, first);
    const answers = [];
    for (const milliseconds of [0, 5000, 5001, 20_000, 29_999]) {
      clock.advance({ milliseconds });
      answers.push(await lose(app, first));
    }
    assert.deepEqual(answers.map(refreshed), Array(5).fill(refreshed(lost)));
    // However often it asks, it gets the access token that is the session's newest.
    assert.deepEqual(new Set(answers.map((answer) => claimsIn(answer).jti)), new Set([claimsIn(lost).jti]));

    const next = await app.refresh(refreshed(lost));
    assert.notEqual(refreshed(next), refreshed(lost));
    assert.equal(claimsIn(next).session_uuid, claimsIn(lost).session_uuid);
    assert.equal(claimsIn(next).device_id, deviceIdIn(app));
    assert.equal((await app.get('/me')).status, 200);
    assert.deepEqual(await noticesTo(stage, member), []);
  });

  it('loses a hundred in a row without a second branch of its family', async () => {
    const { app, clock, stage, member } = await enter(open);
    for (let count = 0; count < 100; count += 1) {
      await lose(app, app.refreshToken);
      clock.advance({ seconds: 1 + (count % 60) });
      refreshed(await app.refresh());
    }
    assert.equal((await liveTokens(stage, member)).length, 1);
    assert.equal((await app.get('/me')).status, 200);
  });

  it('loses also the second answer in a row', async () => {
    const { app, clock } = await enter(open);
    const first = app.refreshToken;
    const second = refreshed(await lose(app, first));
    clock.advance({ seconds: 40 });
    const third = refreshed(await lose(app, second));
    clock.advance({ seconds: 60 });
    assert.equal(refreshed(await app.refresh(second)), third);
  });

  it('is another one on another device, or with another user agent where there is no fingerprint', async () => {
    const changes = [
      { from: { device: GALAXY }, to: { device: { ...GALAXY, device_fingerprint: 'another' } } },
      { from: { device: GALAXY }, to: { device: {} } },
      { from: { userAgent: 'One/1.0' }, to: { userAgent: 'Another/2.0' } },
    ];
    for (const { from, to } of changes) {
      const { app, stage, member } = await enter(open, from);
      const first = app.refreshToken;
      const second = refreshed(await app.refresh());
      assertRefused(await stage.app(to).refresh(first), 401, 'token_expired');
      assertRefused(await app.refresh(second), 401, 'token_expired');
      assert.equal((await noticesTo(stage, member)).length, 1);
    }
  });

  it('is the same one by its fingerprint alone where there is one, else by its user agent alone', async () => {
    const changes = [
      { from: { device: GALAXY }, to: { device: GALAXY, userAgent: 'Updated/2.0', address: nextAddress() } },
      { from: { userAgent: 'One/1.0' }, to: { userAgent: 'One/1.0', device: GALAXY, address: nextAddress() } },
    ];
    for (const { from, to } of changes) {
      const { app, stage } = await enter(open, from);
      const first = app.refreshToken;
      const second = refreshed(await app.refresh());
      assert.equal(refreshed(await stage.app(to).refresh(first)), second);
    }
  });
});

onEachDatabase('a spent refresh token that comes back', (open) => {
  const replays = [
    [
      'after sixty seconds',
      async (_app: Client, clock: DeviceStage['clock']) => clock.advance({ seconds: 60, milliseconds: 1 }),
    ],
    [
      'after ten seconds, when its successor was used',
      async (app: Client, clock: DeviceStage['clock']) => {
        refreshed(await app.refresh());
        clock.advance({ seconds: 10, milliseconds: 1 });
      },
    ],
  ] as const;
  for (const [when, meanwhile] of replays) {
    it(`ends the family ${when}, and tells the owner once`, async () => {
      const { app, clock, stage, member } = await enter(open);
      const elsewhere = await appOf(stage, member);
      const first = app.refreshToken;
      refreshed(await app.refresh());
      await meanwhile(app, clock);

      const thief = stage.app({ device: GALAXY, address: '198.51.100.24' });
      assertRefused(await thief.refresh(first), 401, 'token_expired');
      assertRefused(await app.get('/me'), 401, 'token_expired');
      for (const token of [app.refreshToken, first]) assertRefused(await app.refresh(token), 401, 'token_expired');
      const [notice, ...more] = await noticesTo(stage, member);
      assert.ok(notice);
      assert.deepEqual([notice.code, notice.links, more], [null, [], []]);
      assert.ok(notice.text.includes('198.51.100.24'), notice.text);
      assert.equal((await elsewhere.get('/me')).status, 200);
      assert.deepEqual(
        (await stage.recorded(member.uuid)).filter((kind) => kind === 'session.replayed'),
        ['session.replayed'],
      );
    });
  }

  it('ends the family of an owner without an address, too', async () => {
    const stage = await withDevices(await open());
    const member = await stage.member({ email: false, phone: true });
    const app = await appOf(stage, member);
    const first = app.refreshToken;
    refreshed(await app.refresh());
    stage.clock.advance({ minutes: 2 });
    assertRefused(await app.refresh(first), 401, 'token_expired');
    assertRefused(await app.refresh(), 401, 'token_expired');
    assert.deepEqual(await stage.sentTo(member.phone), []);
  });

  it('still gives two requests that went out together one successor, ten seconds long', async () => {
    const { app, clock } = await enter(open);
    const first = app.refreshToken;
    const second = refreshed(await app.refresh());
    const third = refreshed(await app.refresh());
    clock.advance({ seconds: 10 });
    for (const token of [first, second]) assert.equal(refreshed(await app.refresh(token)), third);
  });
});

onEachDatabase('a refresh token that is live', (open) => {
  it('is refused with a wrong fingerprint or none, and nothing ends', async () => {
    const { app, stage, member } = await enter(open);
    const { device_fingerprint = '' } = GALAXY;
    const token = app.refreshToken;
    for (const given of [undefined, '', 'another', device_fingerprint.toLowerCase(), `${device_fingerprint} `]) {
      const body = { refresh_token: token, ...(given !== undefined && { device_fingerprint: given }) };
      assertRefused(await stage.app().post('/refresh', body), 401, 'token_expired');
    }
    assert.equal((await app.get('/me')).status, 200);
    assert.notEqual(refreshed(await app.refresh()), token);
    assert.deepEqual(await noticesTo(stage, member), []);
  });

  it('asks for no user agent: an app that was updated goes on', async () => {
    const { app, stage } = await enter(open, { userAgent: 'One/1.0' });
    refreshed(await stage.app({ userAgent: 'One/2.0' }).refresh(app.refreshToken));
  });

  it('makes one successor for fifty who come with it at once', async () => {
    const { app, stage, member } = await enter(open);
    const token = app.refreshToken;
    const answers = await Promise.all(Array.from({ length: 50 }, () => stage.app({ device: GALAXY }).refresh(token)));
    assert.equal(new Set(answers.map(refreshed)).size, 1);
    assert.equal(new Set(answers.map((answer) => claimsIn(answer).jti)).size, 1);
    assert.equal((await liveTokens(stage, member)).length, 1);
    refreshed(await app.refresh(refreshed(answers[0] as Answer)));
    assert.deepEqual(await noticesTo(stage, member), []);
  });

  it('dies with a locked account at once, and an unlocked one starts anew', async () => {
    const { app, identity, member } = await enter(open);
    await identity.lockAccount({ uuid: member.uuid });
    assertRefused(await app.refresh(), 401, 'token_expired');
    assertRefused(await app.get('/me'), 401, 'token_expired');
    await identity.unlockAccount({ uuid: member.uuid });
    assertRefused(await app.refresh(), 401, 'token_expired');
    assertSignedIn(await app.signIn(member.email));
  });

  it('lives seven days unused', async () => {
    for (const [late, status] of [
      [-1, 200],
      [0, 401],
    ] as const) {
      const { app, clock } = await enter(open);
      clock.advance({ days: 7, milliseconds: late });
      assert.equal((await app.refresh()).status, status);
    }
  });

  it('ends after thirty days however much it is used, and so do its access tokens', async () => {
    const { app, clock, stage, member } = await enter(open);
    const end = clock.now() / 1000 + 30 * 24 * 3600;
    for (let day = 1; day < 30; day += 1) {
      clock.advance({ days: 1 });
      refreshed(await app.refresh());
    }
    clock.advance({ days: 1, milliseconds: -1 });
    const last = await app.refresh();
    refreshed(last);
    assert.equal(claimsIn(last).exp, Math.floor(end));
    clock.advance({ milliseconds: 1 });
    assertRefused(await app.refresh(), 401, 'token_expired');
    assertRefused(await app.get('/me'), 401, 'token_expired');
    assert.deepEqual(await noticesTo(stage, member), []);
  });
});

onEachDatabase('a refresh token of one contract', (open) => {
  it('means nothing in another, in its own writing or the other’s', async () => {
    const { app, stage, member } = await enter(open, {});
    const browser = new Browser(await stage.server(), { address: nextAddress() });
    assert.equal((await browser.signIn(member.email, PASSWORD)).status, 200);
    const theirs = browser.cookie('refreshToken');
    const own = app.refreshToken;

    assertRefused(await app.refresh(theirs), 401, 'invalid_token');
    assertRefused(await app.refresh(Buffer.from(theirs, 'base64url').toString('hex')), 401, 'token_expired');
    for (const token of [own, Buffer.from(own, 'hex').toString('base64url')]) {
      const answer = await browser.post('/refresh', undefined, { cookie: `refreshToken=${token}` });
      assert.deepEqual([answer.status, answer.body.error], [401, 'TOKEN_EXPIRED']);
    }
    browser.jar.set('refreshToken', theirs);
    assert.equal((await browser.post('/refresh')).status, 200);
    refreshed(await app.refresh(own));
  });

  it('is 64 lower-case hexadecimal characters, and nothing like it', async () => {
    const { app } = await enter(open);
    const own = app.refreshToken;
    const wrong = [
      own.toUpperCase(),
      ` ${own}`,
      `${own}\n`,
      own.slice(1),
      `${own}0`,
      'x'.repeat(64),
      app.accessToken ?? '',
    ];
    for (const token of wrong) assertRefused(await app.refresh(token), 401, 'invalid_token');
    assertRefused(await app.refresh('0'.repeat(64)), 401, 'token_expired');
    const required = { errors: { refresh_token: ['Ce champ est obligatoire.'] } };
    assertRefused(await app.post('/refresh', {}), 422, 'validation_failed', required);
    refreshed(await app.refresh(own));
  });
});
