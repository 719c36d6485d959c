import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { accountIn, assertDone, assertRefused, assertSignedIn, REFRESH_TOKEN, UUID } from './answers.ts';
import { type Client, PASSWORD, sharedWorld, WRONG } from './client.ts';

async function assertOver(client: Client): Promise<void> {
  assertRefused(await client.get('/me'), 401, 'token_expired');
  assertRefused(await client.refresh(), 401, 'token_expired');
}
const assertIn = async (client: Client): Promise<void> => assert.equal((await client.get('/me')).status, 200);

describe('me', () => {
  const world = sharedWorld();

  it('shows the account as the sign-in showed it', async () => {
    const { account, another } = world();
    const { email } = await account();
    const client = another();
    const signedIn = accountIn(await client.signIn(email));
    assert.deepEqual((await client.get('/me')).body, { status: 200, account: signedIn });
  });

  it('tracks each sign-in: the present one and the one before', async () => {
    const { account, another, clock } = world();
    const { email } = await account();
    const [home, away] = [another({ address: '192.0.2.10' }), another({ address: '2001:db8::7' })];
    const first = new Date(clock.now()).toISOString();
    const one = assertSignedIn(await home.signIn(email));
    assert.deepEqual(
      [one.sign_in_count, one.current_sign_in_at, one.current_sign_in_ip, one.last_sign_in_at, one.last_sign_in_ip],
      [1, first, '192.0.2.10', null, null],
    );
    clock.advance({ hours: 1 });
    const second = new Date(clock.now()).toISOString();
    await away.signIn(email);
    const two = accountIn(await away.get('/me'));
    assert.deepEqual(
      [two.sign_in_count, two.current_sign_in_at, two.current_sign_in_ip, two.last_sign_in_at, two.last_sign_in_ip],
      [2, second, '2001:db8::7', first, '192.0.2.10'],
    );
  });

  it('counts failed attempts until the next sign-in', async () => {
    const { another, signedIn } = world();
    const { client, email } = await signedIn();
    for (let count = 0; count < 3; count += 1) await another().signIn(email, WRONG);
    assert.equal(accountIn(await client.get('/me')).failed_attempts, 3);
    assert.equal(assertSignedIn(await another().signIn(email)).failed_attempts, 0);
    assert.equal(accountIn(await client.get('/me')).failed_attempts, 0);
  });

  it('shows since when wrong passwords have locked the account, until the next sign-in', async () => {
    const { another, clock, signedIn } = world();
    const { client, email } = await signedIn();
    for (let count = 0; count < 10; count += 1) await another().signIn(email, WRONG);
    const lockedAt = new Date(clock.now()).toISOString();
    const { failed_attempts, locked_at } = accountIn(await client.get('/me'));
    assert.deepEqual([failed_attempts, locked_at], [10, lockedAt]);
    clock.advance({ minutes: 15 });
    assert.equal(assertSignedIn(await another().signIn(email)).locked_at, null);
  });

  it('needs a token', async () => {
    const answer = await world().another().get('/me');
    assertRefused(answer, 401, 'invalid_token');
    assert.equal(answer.headers['www-authenticate'], 'Bearer');
  });
});

describe('refresh', () => {
  const world = sharedWorld();

  it('renews both tokens', async () => {
    const { client } = await world().signedIn();
    const before = [client.accessToken, client.refreshToken];
    const answer = await client.refresh();
    const { access_token, refresh_token, ...rest } = answer.body;
    assert.deepEqual(rest, { status: 200 });
    assert.match(access_token ?? '', /^[\w-]+\.[\w-]+\.[\w-]+$/);
    assert.match(refresh_token ?? '', REFRESH_TOKEN);
    assert.ok(!before.includes(access_token ?? '') && !before.includes(refresh_token ?? ''));
    await assertIn(client);
  });

  it('gives the same successor to a client that asks again within a minute', async () => {
    const { client } = await world().signedIn();
    const first = client.refreshToken;
    const successor = (await client.refresh()).body.refresh_token;
    world().clock.advance({ seconds: 60 });
    assert.equal((await client.refresh(first)).body.refresh_token, successor);
  });

  it('ends the session when a spent token comes back later, and tells the owner', async () => {
    const { clock, mails, signedIn } = world();
    const { client, email } = await signedIn();
    const first = client.refreshToken;
    await client.refresh();
    clock.advance({ seconds: 61 });
    const newest = client.refreshToken;
    assertRefused(await client.refresh(first), 401, 'token_expired');
    assertRefused(await client.refresh(newest), 401, 'token_expired');
    assertRefused(await client.get('/me'), 401, 'token_expired');
    assert.deepEqual([(await mails(email)).length, (await mails(email))[0]?.code], [1, null]);
  });

  it('needs the fingerprint that the sign-in gave, and ends nothing without it', async () => {
    const { client } = await world().signedIn();
    const refresh_token = client.refreshToken;
    for (const fingerprint of [{}, { device_fingerprint: 'other' }, { device_fingerprint: '' }]) {
      const answer = await client.post('/refresh', { refresh_token, ...fingerprint }, { token: null });
      assertRefused(answer, 401, 'token_expired');
    }
    assert.equal((await client.refresh()).status, 200);
  });

  it('needs none where the sign-in gave none', async () => {
    const { account, another } = world();
    const client = another({ device: {} });
    await client.signIn((await account()).email);
    assert.equal((await client.refresh()).status, 200);
  });

  it('lasts seven days from the last use, and thirty from the sign-in', async () => {
    const { clock, signedIn } = world();
    const { client } = await signedIn();
    const idle = (await signedIn()).client;
    clock.advance({ days: 6, hours: 23 });
    await client.refresh();
    clock.advance({ hours: 1 });
    assertRefused(await idle.refresh(), 401, 'token_expired');
    for (let week = 0; week < 3; week += 1) {
      clock.advance({ days: 6 });
      assert.equal((await client.refresh()).status, 200);
    }
    clock.advance({ days: 5 });
    assertRefused(await client.refresh(), 401, 'token_expired');
  });

  it('refuses what is no token of this contract', async () => {
    const client = world().another();
    for (const token of ['x', 'F'.repeat(64), 'g'.repeat(64), 'a'.repeat(63), 'a'.repeat(65), 'A'.repeat(43)]) {
      assertRefused(await client.refresh(token), 401, 'invalid_token');
    }
    assertRefused(await client.refresh('f'.repeat(64)), 401, 'token_expired');
    assertRefused(await client.post('/refresh', {}), 422, 'validation_failed', {
      errors: { refresh_token: ['Ce champ est obligatoire.'] },
    });
  });

  it('leaves of the access tokens the newest two', async () => {
    const { client } = await world().signedIn();
    const tokens = [client.accessToken];
    for (let count = 0; count < 2; count += 1) {
      await client.refresh();
      tokens.push(client.accessToken);
    }
    const [oldest, ...newest] = tokens;
    assertRefused(await client.get('/me', { token: oldest ?? '' }), 401, 'token_expired');
    for (const token of newest) assert.equal((await client.get('/me', { token })).status, 200);
  });
});

describe('logout', () => {
  const world = sharedWorld();

  it('ends the session, and no other', async () => {
    const { another, signedIn } = world();
    const { client, email } = await signedIn();
    const other = another();
    await other.signIn(email);
    assertDone(await client.post('/logout'), 'Déconnexion réussie.');
    await assertOver(client);
    await assertIn(other);
  });

  it('ends the session with an access token that is over, too', async () => {
    const { client } = await world().signedIn();
    world().clock.advance({ hours: 2 });
    assertDone(await client.post('/logout'), 'Déconnexion réussie.');
    await assertOver(client);
  });

  it('refuses a token that is none, and one whose session is over', async () => {
    const { client } = await world().signedIn();
    assertRefused(await client.post('/logout', undefined, { token: 'x.y.z' }), 401, 'invalid_token');
    await client.post('/logout');
    assertRefused(await client.post('/logout'), 401, 'token_expired');
  });

  it('takes a body that says nothing', async () => {
    const { client } = await world().signedIn();
    const empty = { raw: '', headers: { 'content-type': 'application/json' } };
    assertDone(await client.post('/logout', undefined, empty), 'Déconnexion réussie.');
  });
});

describe('sessions', () => {
  const world = sharedWorld();

  it('lists those of every contract with device, place and times, and no token', async () => {
    const { account, another, app, clock } = world();
    const { email } = await account();
    const start = clock.now();
    const at = (minutes: number): string => new Date(start + minutes * 60_000).toISOString();
    const inDays = (days: number, minutes: number): string =>
      new Date(Date.parse(at(minutes)) + days * 864e5).toISOString();
    const client = another({ address: '192.0.2.20' });
    await client.signIn(email);
    clock.advance({ minutes: 1 });
    const headers = { 'user-agent': 'Browser/1.0' };
    const payload = { email, password: PASSWORD };
    await app.inject({ method: 'POST', url: '/v1/auth/login', payload, headers, remoteAddress: '192.0.2.21' });
    clock.advance({ minutes: 1 });
    await client.refresh();
    const { sessions = [] } = (await client.get('/sessions')).body;
    const [own, browser] = sessions;
    const { device_name: name, device_os: os, device_type: type } = client.device;
    assert.match(own?.uuid ?? '', UUID);
    assert.match(browser?.uuid ?? '', UUID);
    assert.deepEqual(sessions, [
      {
        uuid: own?.uuid,
        contract: 'device',
        device: { id: own?.device?.id, type, name, os },
        ip: '192.0.2.20',
        user_agent: 'GuichetApp/1.0 (Android 14)',
        current: true,
        created_at: at(0),
        last_used_at: at(2),
        expires_at: inDays(7, 2),
      },
      {
        uuid: browser?.uuid,
        contract: 'cookie',
        device: null,
        ip: '192.0.2.21',
        user_agent: 'Browser/1.0',
        current: false,
        created_at: at(1),
        last_used_at: at(1),
        expires_at: inDays(7, 1),
      },
    ]);
  });

  it('ends one', async () => {
    const { another, signedIn } = world();
    const { client, email } = await signedIn();
    const other = another();
    await other.signIn(email);
    const { sessions = [] } = (await client.get('/sessions')).body;
    const uuid = sessions.find(({ current }) => !current)?.uuid;
    assertDone(await client.delete(`/sessions/${uuid}`), 'Session terminée.');
    await assertOver(other);
    await assertIn(client);
    assertRefused(await client.delete(`/sessions/${uuid}`), 404, 'not_found');
  });

  it('ends the one that asks', async () => {
    const { client } = await world().signedIn();
    const { sessions = [] } = (await client.get('/sessions')).body;
    assertDone(await client.delete(`/sessions/${sessions[0]?.uuid}`), 'Session terminée.');
    await assertOver(client);
  });

  it('ends none of somebody else, and none that is none', async () => {
    const [mine, theirs] = [await world().signedIn(), await world().signedIn()];
    const { sessions = [] } = (await theirs.client.get('/sessions')).body;
    const names = [sessions[0]?.uuid, '550e8400-e29b-41d4-a716-446655440000', '1', 'x'.repeat(36), '%00'];
    for (const uuid of names) {
      assertRefused(await mine.client.delete(`/sessions/${uuid}`), 404, 'not_found');
    }
    await assertIn(theirs.client);
  });

  it('ends all others, of every contract', async () => {
    const { another, app, signedIn } = world();
    const { client, email } = await signedIn();
    const others = [another(), another()];
    for (const other of others) await other.signIn(email);
    const payload = { email, password: PASSWORD };
    const browser = await app.inject({ method: 'POST', url: '/v1/auth/login', payload });
    assertDone(await client.delete('/sessions'), 'Toutes vos autres sessions ont été déconnectées.');
    for (const other of others) await assertOver(other);
    const cookies = Object.fromEntries(browser.cookies.map(({ name, value }) => [name, value]));
    assert.equal((await app.inject({ url: '/v1/auth/me', cookies })).statusCode, 401);
    await assertIn(client);
    assert.equal((await client.get('/sessions')).body.sessions?.length, 1);
  });

  it('needs a token for each', async () => {
    const client = world().another();
    assertRefused(await client.get('/sessions'), 401, 'invalid_token');
    assertRefused(await client.delete('/sessions'), 401, 'invalid_token');
    const one = await client.delete('/sessions/550e8400-e29b-41d4-a716-446655440000');
    assertRefused(one, 401, 'invalid_token');
  });
});
