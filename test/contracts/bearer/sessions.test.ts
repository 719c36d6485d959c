import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AccountId } from '../../../src/core/account.ts';
import type { SessionId } from '../../../src/core/session.ts';
import { hasPostgres, makePostgresDatabase } from '../../support/databases.ts';
import { type Client, type OpenedClient, OTHER_PASSWORD, openClient, PASSWORD, sharedWorld, WRONG } from './client.ts';
import {
  assertDue,
  assertLater,
  assertRefused,
  assertSignedIn,
  OPAQUE,
  signInFully,
  stolen,
  UUID,
  withFactor,
} from './factor-people.ts';

const iso = (instant: number): string => new Date(instant).toISOString();
const DAY = 86_400_000;

async function assertOver(client: Client): Promise<void> {
  const answer = await client.get('/session');
  assertRefused(answer, 401, 'INVALID_TOKEN');
  assert.equal(answer.headers['www-authenticate'], 'Bearer error="invalid_token"');
  assertRefused(await client.patch('/user', { name: 'Ada' }), 401, 'INVALID_TOKEN');
}
async function assertIn(client: Client): Promise<void> {
  const answer = await client.get('/session');
  assert.equal(answer.status, 200, answer.text);
}
const expiryOf = async (client: Client): Promise<string | undefined> =>
  (await client.get('/session')).body.session?.expiresAt;
const listed = async (client: Client): Promise<Record<string, unknown>[]> => {
  const answer = await client.get('/sessions');
  assert.equal(answer.status, 200, answer.text);
  return answer.body.sessions ?? [];
};

describe('a session token', () => {
  const world = sharedWorld();

  it('is 43 characters that mean nothing, each another, and is kept as a digest alone (R065, R068)', async () => {
    const { email } = await world().account();
    const tokens: string[] = [];
    for (let time = 0; time < 20; time += 1) {
      const client = world().another();
      assertSignedIn(await client.signIn(email), email);
      tokens.push(client.token ?? '');
    }
    assert.equal(new Set(tokens).size, 20);
    // No common beginning: neither a time nor a counter.
    assert.equal(new Set(tokens.map((token) => token.slice(0, 8))).size, 20);
    for (const token of tokens) {
      assert.match(token, OPAQUE);
      assert.equal(Buffer.from(token, 'base64url').length, 32);
    }
    const file = await stolen(world());
    for (const token of tokens) {
      assert.ok(!file.includes(token));
      assert.ok(!file.includes(Buffer.from(token, 'base64url').toString('hex')));
    }
    const { count } = await world()
      .handle.read.selectFrom('session')
      .select(({ fn }) => fn.count<number>('token_digest').as('count'))
      .executeTakeFirstOrThrow();
    assert.ok(Number(count) >= 20);
  });

  it('opens nothing once the row of its session is gone (R065)', async () => {
    const { account, client } = await world().signedIn();
    await assertIn(client);
    await world().handle.transaction((db) => db.deleteFrom('session').where('account_id', '=', account.id).execute());
    assertRefused(await client.patch('/user', { name: 'Ada' }), 401, 'INVALID_TOKEN');
    // A look may be answered from a copy that is a second old (rule 28).
    await sleep(1001);
    await assertOver(client);
  });

  it('opens a session whole, changed in nothing (R054)', async () => {
    const { client } = await world().signedIn();
    const { token } = client;
    assert.ok(token);
    const last = token.at(-1) === 'A' ? 'E' : 'A';
    const swapped = token.replace(/[a-z]/i, (letter) =>
      letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase(),
    );
    const others = [
      `${token.slice(0, -1)}${last}`,
      token.slice(0, -1),
      `${token}=`,
      `${token}A`,
      `A${token}`,
      `${token}.${token}.${token}`,
      swapped,
      'A'.repeat(43),
      Buffer.from(token, 'base64url').toString('hex'),
      'x'.repeat(8000),
      'eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.',
    ];
    for (const other of others) {
      const answer = await client.get('/session', { token: other });
      assertRefused(answer, 401, 'INVALID_TOKEN', other.slice(0, 60));
      assert.equal(answer.headers['www-authenticate'], 'Bearer error="invalid_token"');
    }
    await assertIn(client);
  });

  it('is taken from its header alone: no query, no body, no cookie, no other scheme (R078)', async () => {
    const { client } = await world().signedIn();
    const token = client.token ?? '';
    const stranger = world().another();
    const answers = [
      await stranger.get(`/session?token=${token}`),
      await stranger.get(`/session?access_token=${token}`),
      await stranger.post('/two-factor/disable', { token, access_token: token, password: PASSWORD }),
      await stranger.get('/session', { headers: { cookie: `token=${token}; session=${token}; accessToken=${token}` } }),
      await stranger.get('/session', { headers: { authorization: token } }),
      await stranger.get('/session', { headers: { authorization: `Basic ${token}` } }),
      await stranger.get('/session', { headers: { authorization: `Token ${token}` } }),
      await stranger.get('/session', { headers: { authorization: `Bearer ${token}, Bearer ${token}` } }),
      await stranger.get('/session', { headers: { 'x-authorization': `Bearer ${token}` } }),
    ];
    for (const [index, answer] of answers.entries()) {
      assertRefused(answer, 401, 'INVALID_TOKEN', String(index));
      assert.equal(answer.headers['www-authenticate'], 'Bearer');
    }
    // The scheme has no case (RFC 9110 §11.1).
    assert.equal((await stranger.get('/session', { headers: { authorization: `bearer ${token}` } })).status, 200);
  });

  it('never changes under its holder: not by use, a second factor, a fresh proof or a change (rule 30)', async () => {
    const { client } = await world().signedIn();
    const { token } = client;
    await client.post('/reauthenticate', { password: PASSWORD });
    await world().enrol(client);
    world().clock.advance({ hours: 2 });
    const changed = await client.post('/change-password', { currentPassword: PASSWORD, newPassword: OTHER_PASSWORD });
    assert.equal(changed.status, 200, changed.text);
    const { session } = (await client.get('/session')).body;
    assert.equal(session?.token, token);
    assert.equal(client.token, token);
  });
});

describe('a session', () => {
  const world = sharedWorld();

  it('is over seven days after its sign-in when nothing is done with it, to the second (R070)', async () => {
    const [one, other] = [await world().signedIn(), await world().signedIn()];
    const start = world().clock.now();
    world().clock.advance({ days: 7, seconds: -1 });
    assert.equal(await expiryOf(one.client), iso(start + 14 * DAY - 1000));
    world().clock.advance({ seconds: 1 });
    await assertOver(other.client);
    await assertIn(one.client);
  });

  it('lives seven days from each use, and shows until when (R070)', async () => {
    const { client } = await world().signedIn();
    for (let time = 0; time < 3; time += 1) {
      world().clock.advance({ days: 6, hours: 23 });
      assert.equal(await expiryOf(client), iso(world().clock.now() + 7 * DAY));
    }
    world().clock.advance({ days: 7 });
    await assertOver(client);
  });

  it('is over thirty days after its sign-in however much it is used, to the second (R070)', async () => {
    const { client } = await world().signedIn();
    const end = world().clock.now() + 30 * DAY;
    for (let hours = 0; hours < 30 * 24 - 6; hours += 6) {
      world().clock.advance({ hours: 6 });
      const expiry = Date.parse((await expiryOf(client)) ?? '');
      assert.equal(expiry, Math.min(world().clock.now() + 7 * DAY, end));
    }
    world().clock.advance({ hours: 6, seconds: -1 });
    await assertIn(client);
    // Not by a fresh proof either.
    assert.equal((await client.post('/reauthenticate', { password: PASSWORD })).status, 200);
    assert.equal(await expiryOf(client), iso(end));
    world().clock.advance({ seconds: 1 });
    await assertOver(client);
  });

  it('has its use noted once an hour, and keeps the end that it shows (R070)', async () => {
    const { client } = await world().signedIn();
    const start = world().clock.now();
    world().clock.advance({ minutes: 59, seconds: 59 });
    assert.equal(await expiryOf(client), iso(start + 7 * DAY));
    world().clock.advance({ seconds: 1 });
    const shown = await expiryOf(client);
    assert.equal(shown, iso(start + 7 * DAY + 3_600_000));
    world().clock.advance({ minutes: 30 });
    assert.equal(await expiryOf(client), shown);
    world().clock.advance({ milliseconds: Date.parse(shown ?? '') - world().clock.now() - 1000 });
    await assertIn(client);
    assert.equal(await expiryOf(client), iso(world().clock.now() + 7 * DAY));
  });

  it('is made to live on by every line that it opens, and by none that it does not', async () => {
    const { client } = await world().signedIn();
    world().clock.advance({ hours: 2 });
    assert.equal((await client.patch('/user', { name: 'Ada' })).status, 200);
    const noted = world().clock.now();
    world().clock.advance({ minutes: 59 });
    assert.equal(await expiryOf(client), iso(noted + 7 * DAY));
    const idle = await world().signedIn();
    const end = iso(world().clock.now() + 7 * DAY);
    for (let time = 0; time < 3; time += 1) {
      world().clock.advance({ hours: 2 });
      await world()
        .another()
        .get('/session', { token: `${idle.client.token}A` });
      await world().another().askAt('GET', '/api/v1/auth/me', { token: idle.client.token });
    }
    const other = world().another();
    await other.signIn(idle.email);
    const own = (await listed(other)).find(({ current }) => !current);
    assert.equal(own?.['expiresAt'], end);
  });

  it('ends with sign-out at once, which answers as the document has it, once (R071)', async () => {
    const { client, email } = await world().signedIn();
    const other = world().another();
    await other.signIn(email);
    const inFlight = Array.from({ length: 20 }, () => client.get('/session'));
    const answer = await client.post('/sign-out');
    assert.deepEqual([answer.status, answer.body], [200, { success: true }]);
    await Promise.all(inFlight);
    await assertOver(client);
    assertRefused(await client.post('/sign-out'), 401, 'INVALID_TOKEN');
    assertRefused(await client.post('/sign-out', undefined, { token: null }), 401, 'INVALID_TOKEN');
    await assertIn(other);
  });

  it('is opened by no credential of another contract, nor opens one of theirs (rule 27)', async () => {
    const { client, email } = await world().signedIn();
    const app = await onDevice(world(), email);
    const browser = await inBrowser(world(), email);
    const theirs = [app.access_token, app.refresh_token, browser.get('accessToken'), browser.get('refreshToken')];
    for (const token of theirs) {
      assert.ok(token);
      assertRefused(await world().another().get('/session', { token }), 401, 'INVALID_TOKEN');
      assertRefused(await world().another().post('/sign-out', undefined, { token }), 401, 'INVALID_TOKEN');
      assertRefused(await world().another().delete('/sessions', undefined, { token }), 401, 'INVALID_TOKEN');
    }
    const token = client.token ?? '';
    for (const path of ['/me', '/sessions', '/devices']) {
      assert.equal((await world().another().askAt('GET', `/api/v1/auth${path}`, { token })).status, 401);
    }
    const refreshed = { refresh_token: token };
    assert.equal((await world().another().askAt('POST', '/api/v1/auth/refresh', { body: refreshed })).status, 401);
    const stranger = world().another();
    for (const name of ['accessToken', 'refreshToken']) stranger.cookies.set(name, token);
    assert.equal((await stranger.askAt('GET', '/v1/auth/me')).status, 401);
    assert.equal((await stranger.askAt('POST', '/v1/auth/refresh')).status, 401);
    await assertIn(client);
  });
});

async function onDevice(world: OpenedClient, email: string): Promise<{ access_token: string; refresh_token: string }> {
  const body = { identifier: email, password: PASSWORD };
  const answer = await world.another().askAt('POST', '/api/v1/auth/login', { body });
  assert.equal(answer.status, 200, answer.text);
  return answer.body as unknown as { access_token: string; refresh_token: string };
}

async function inBrowser(world: OpenedClient, email: string): Promise<Map<string, string>> {
  const browser = world.another();
  const answer = await browser.askAt('POST', '/v1/auth/login', { body: { email, password: PASSWORD } });
  assert.equal(answer.status, 200, answer.text);
  return browser.cookies;
}

describe('the list of sessions', () => {
  const world = sharedWorld();

  it('shows those of every contract with contract, place and times, which is this one, and no token (R073)', async () => {
    const { email } = await world().account();
    const start = world().clock.now();
    const client = world().another({ address: '192.0.2.30' });
    await client.signIn(email);
    world().clock.advance({ minutes: 1 });
    const body = { identifier: email, password: PASSWORD, device_fingerprint: 'f-1', device_name: 'GALAXY' };
    const app = world().another({ address: '192.0.2.31', headers: { 'user-agent': 'GuichetApp/1.0' } });
    await app.askAt('POST', '/api/v1/auth/login', { body });
    world().clock.advance({ minutes: 1 });
    const browser = world().another({ address: '2001:db8::1', headers: { 'user-agent': 'Browser/1.0' } });
    await browser.askAt('POST', '/v1/auth/login', { body: { email, password: PASSWORD } });
    const sessions = await listed(client);
    const [third, second, first] = sessions;
    for (const { id } of sessions) assert.match(String(id), new RegExp(`^session_${UUID}$`));
    const at = (minutes: number) => {
      const instant = start + minutes * 60_000;
      return { createdAt: iso(instant), lastUsedAt: iso(instant), expiresAt: iso(instant + 7 * DAY) };
    };
    const theirs = { current: false } as const;
    assert.deepEqual(sessions, [
      { id: third?.['id'], contract: 'cookie', ...theirs, ip: '2001:db8::1', userAgent: 'Browser/1.0', ...at(2) },
      { id: second?.['id'], contract: 'device', ...theirs, ip: '192.0.2.31', userAgent: 'GuichetApp/1.0', ...at(1) },
      { id: first?.['id'], contract: 'bearer', current: true, ip: '192.0.2.30', userAgent: 'Otter/1.0', ...at(0) },
    ]);
    assert.equal(first?.['id'], (await client.get('/session')).body.session?.id);
    assert.ok(!JSON.stringify(sessions).includes(client.token ?? ''));
  });

  it('shows nobody else’s, and none that is over', async () => {
    const { client, email } = await world().signedIn();
    await world().signedIn();
    world().clock.advance({ days: 6 });
    const second = world().another();
    await second.signIn(email);
    assert.equal((await listed(second)).length, 2);
    world().clock.advance({ days: 1 });
    assert.equal((await listed(second)).length, 1);
    await assertOver(client);
  });

  it('ends one of any contract, at once (R073)', async () => {
    const { client, email } = await world().signedIn();
    const other = world().another();
    await other.signIn(email);
    const { access_token } = await onDevice(world(), email);
    const cookies = await inBrowser(world(), email);
    for (const session of (await listed(client)).filter(({ current }) => !current)) {
      const answer = await client.delete(`/sessions/${session['id']}`);
      assert.deepEqual([answer.status, answer.body], [200, { success: true, message: 'Session ended' }]);
      assertRefused(await client.delete(`/sessions/${session['id']}`), 404, 'NOT_FOUND');
    }
    await assertOver(other);
    assert.equal((await other.askAt('GET', '/api/v1/auth/me', { token: access_token })).status, 401);
    const browser = world().another();
    for (const [name, value] of cookies) browser.cookies.set(name, value);
    assert.equal((await browser.askAt('GET', '/v1/auth/me')).status, 401);
    assert.equal((await browser.askAt('POST', '/v1/auth/refresh')).status, 401);
    await assertIn(client);
  });

  it('ends the one that asks', async () => {
    const { client } = await world().signedIn();
    const id = (await client.get('/session')).body.session?.id;
    assert.equal((await client.delete(`/sessions/${id}`)).status, 200);
    await assertOver(client);
  });

  it('ends none of somebody else, and none that is none (R073)', async () => {
    const [mine, theirs] = [await world().signedIn(), await world().signedIn()];
    const id = (await theirs.client.get('/session')).body.session?.id ?? '';
    const names = [
      id,
      `session_${randomUUID()}`,
      id.slice('session_'.length),
      id.toUpperCase(),
      '1',
      '%00',
      'x'.repeat(50),
    ];
    for (const name of names) assertRefused(await mine.client.delete(`/sessions/${name}`), 404, 'NOT_FOUND', name);
    await assertIn(theirs.client);
    await assertIn(mine.client);
  });

  it('ends all others of every contract, and the sign-ins that wait (R073, rule 8)', async () => {
    const who = await withFactor(world());
    const others = [await signInFully(world(), who), await signInFully(world(), who)];
    const waiting = world().another();
    const challenge = assertDue(await waiting.signIn(who.email), 'totp');
    const link = await world().magicLink(who.email);
    const answer = await who.client.delete('/sessions');
    const message = 'All your other sessions have been signed out';
    assert.deepEqual([answer.status, answer.body], [200, { success: true, message }]);
    for (const other of others) await assertOver(other);
    const totpCode = world().totp(who.secret);
    for (const body of [
      { challenge, totpCode },
      { token: link, totpCode },
    ]) {
      assertRefused(await waiting.post('/magic-link/verify', body), 400, 'INVALID_TOKEN');
    }
    await assertIn(who.client);
    assert.equal((await listed(who.client)).length, 1);
  });

  it('opens to a session alone', async () => {
    const client = world().another();
    const id = `session_${randomUUID()}`;
    for (const answer of [
      await client.get('/sessions'),
      await client.delete('/sessions'),
      await client.delete(`/sessions/${id}`),
    ]) {
      assertRefused(answer, 401, 'INVALID_TOKEN');
      assert.equal(answer.headers['www-authenticate'], 'Bearer');
    }
  });
});

describe('the fifty-first session', () => {
  const world = sharedWorld();

  /** Sessions of one account as sign-ins a second apart would have made them, from now on. */
  async function addSessions(accountId: AccountId, count: number): Promise<void> {
    await world().world.store.transaction(async ({ sessions }) => {
      for (let index = 1; index <= count; index += 1) {
        const at = world().clock.now() + index * 1000;
        await sessions.insert({
          id: randomUUID() as SessionId,
          accountId,
          contract: 'bearer',
          tokenId: null,
          previousTokenId: null,
          createdAt: at,
          authenticatedAt: at,
          factorProvenAt: null,
          lastUsedAt: at,
          expiresAt: at + 7 * DAY,
          address: null,
          userAgent: null,
          deviceId: null,
          tokenDigest: randomUUID(),
          previousTokenDigest: null,
          tokenRenewedAt: null,
          siteId: null,
          passwordConfirmedAt: null,
        });
      }
    });
  }

  it('ends the least recently used (R074)', async () => {
    const { account, client, email } = await world().signedIn();
    await addSessions(account.id, 49);
    world().clock.advance({ days: 1, hours: 1, minutes: 1 });
    const last = world().another();
    assertSignedIn(await last.signIn(email), email);
    await assertOver(client);
    assert.equal((await listed(last)).length, 50);
  });

  it('has the end of the one that it took the place of recorded (R074)', async () => {
    const { account, email } = await world().signedIn();
    await addSessions(account.id, 49);
    world().clock.advance({ days: 1, hours: 1, minutes: 1 });
    await world().another().signIn(email);
    const events = await world().world.store.audit.list({ accountUuid: account.uuid, limit: 100 });
    assert.ok(
      events.some(({ kind }) => kind.startsWith('session.')),
      events.map(({ kind }) => kind).join(),
    );
  });

  it('ends none that was used in the last day (rule 30)', async () => {
    const { account, client, email } = await world().signedIn();
    await addSessions(account.id, 49);
    world().clock.advance({ hours: 2 });
    await assertIn(client);
    world().clock.advance({ hours: 23, minutes: 59 });
    await world().another().signIn(email);
    await assertIn(client);
  });

  it('ends none whose last use was too soon after the one before to be noted (rule 30)', async () => {
    const { account, client, email } = await world().signedIn();
    await addSessions(account.id, 49);
    world().clock.advance({ minutes: 59 });
    await assertIn(client);
    world().clock.advance({ hours: 23, minutes: 30 });
    await world().another().signIn(email);
    await assertIn(client);
  });
});

describe('a session that ended on another server', { skip: hasPostgres ? false : 'no PostgreSQL server' }, () => {
  it('is refused a change at once, and a look within a second (rule 28, R072)', async (t) => {
    const env = { GUICHET_DATABASE_URL: await makePostgresDatabase(t, { migrated: true }) };
    const here = await openClient(t, { env });
    const there = await openClient(t, { env, overrides: { clock: here.clock } });
    const { client, email } = await here.signedIn();
    const tokens: string[] = [];
    for (let time = 0; time < 3; time += 1) {
      const other = here.another();
      await other.signIn(email);
      tokens.push(other.token ?? '');
    }
    const [signedOut = '', ended = '', all = ''] = tokens;
    const look = (token: string) => there.another().get('/session', { token });
    for (const token of tokens) assert.equal((await look(token)).status, 200);
    const change = (token: string) => there.another().patch('/user', { name: 'Ada' }, { token });

    await here.another().post('/sign-out', undefined, { token: signedOut });
    const { id } = (await here.another().get('/session', { token: ended })).body.session ?? { id: '' };
    assert.equal((await client.delete(`/sessions/${id}`)).status, 200);
    assert.equal((await client.delete('/sessions')).status, 200);
    for (const token of [signedOut, ended, all]) assertRefused(await change(token), 401, 'INVALID_TOKEN');
    await sleep(1001);
    for (const token of tokens) assertRefused(await look(token), 401, 'INVALID_TOKEN');
    assert.equal((await look(client.token ?? '')).status, 200);
  });
});

describe('a client that the account knows (rule 20)', () => {
  const world = sharedWorld();

  it('is not shut out by the lock that a stranger brings about (R024)', async () => {
    const { client, email } = await world().signedIn();
    const { clientToken: client_token } = client;
    assert.match(client_token ?? '', OPAQUE);
    for (let time = 0; time < 10; time += 1) {
      assertRefused(await world().another().signIn(email, WRONG), 401, 'INVALID_CREDENTIALS');
    }
    assert.equal(assertLater(await world().another().signIn(email), 423), 900);
    // The lock is neither of the session, nor of links.
    await assertIn(client);
    const known = await world().another().signIn(email, PASSWORD, { client_token });
    assertSignedIn(known, email);
    assert.equal(known.body.client_token, client_token);
    assertLater(await world().another().signIn(email), 423);
    const token = await world().magicLink(email);
    assert.equal((await world().another().post('/magic-link/verify', { token })).status, 200);
  });

  it('has ten tries of its own', async () => {
    const { client, email } = await world().signedIn();
    const { clientToken: client_token } = client;
    for (let time = 0; time < 10; time += 1) {
      assertRefused(await client.signIn(email, WRONG, { client_token }), 401, 'INVALID_CREDENTIALS');
    }
    assertLater(await client.signIn(email, PASSWORD, { client_token }), 423);
    assertSignedIn(await world().another().signIn(email), email);
  });

  it('is known by its own token for this account alone, for thirty days', async () => {
    const [ada, eve] = [await world().signedIn(), await world().signedIn()];
    const { clientToken: client_token } = ada.client;
    const lock = async () => {
      for (let time = 0; time < 10; time += 1) await world().another().signIn(ada.email, WRONG);
    };
    await lock();
    for (const other of [eve.client.clientToken, 'A'.repeat(43), '', 'x']) {
      assertLater(await world().another().signIn(ada.email, PASSWORD, { client_token: other }), 423, other);
    }
    world().clock.advance({ days: 30, seconds: -1 });
    await lock();
    assertSignedIn(await world().another().signIn(ada.email, PASSWORD, { client_token }), ada.email);
    world().clock.advance({ days: 30, seconds: 1 });
    await lock();
    assertLater(await world().another().signIn(ada.email, PASSWORD, { client_token }), 423);
  });

  it('is made known by a sign-in that passed both steps alone', async () => {
    const who = await withFactor(world());
    const due = await world().another().signIn(who.email);
    assertDue(due, 'totp');
    const client = await signInFully(world(), who);
    for (let time = 0; time < 10; time += 1) await world().another().signIn(who.email, WRONG);
    const { clientToken: client_token } = client;
    assertDue(await world().another().signIn(who.email, PASSWORD, { client_token }), 'totp');
  });

  it('and one that nobody knows are told of a lock alike, for accounts that there are and are not (R013)', async () => {
    const { email } = await world().account();
    const [there, nowhere] = [email, world().address('nobody')];
    const answers: string[] = [];
    for (const address of [there, nowhere]) {
      for (let time = 0; time < 10; time += 1) await world().another().signIn(address, WRONG);
      const answer = await world().another().signIn(address);
      assertLater(answer, 423);
      answers.push(answer.text);
    }
    assert.equal(answers[0], answers[1]);
  });
});
