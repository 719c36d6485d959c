import assert from 'node:assert/strict';
import { createHmac, createPrivateKey, type KeyObject, sign as signBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { type SigningKey, signingKeyContext } from '../../../src/core/signing-key.ts';
import {
  type Answer,
  assertRefused,
  type Client,
  type OpenedClient,
  openClient,
  PASSWORD,
  SECRET_VALUE,
  sharedWorld,
  UUID,
} from './client.ts';

const NEW_PASSWORD = 'NewSecurePassword123!';
const CLEARED = [
  'accessToken=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict',
  'refreshToken=; Max-Age=0; Path=/v1/auth; HttpOnly; SameSite=Strict',
];
const CHALLENGE_CLEARED = 'challenge=; Max-Age=0; Path=/v1/auth; HttpOnly; SameSite=Strict';

/** The browser's session is over: neither of its tokens opens anything. */
async function assertSignedOut(client: Client): Promise<void> {
  assertRefused(await client.get('/me'), 401, 'TOKEN_EXPIRED');
  assertRefused(await client.post('/refresh'), 401, 'TOKEN_EXPIRED');
}

async function assertSignedIn(client: Client): Promise<void> {
  const answer = await client.get('/me');
  assert.equal(answer.status, 200, answer.text);
}

function assertDone(answer: Answer, message: string): void {
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual(answer.body, { success: true, message });
}

const claimsIn = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());

/** Changes a row that no route changes yet. */
const setCodeFactor = ({ handle }: OpenedClient, uuid: string, factor: string): Promise<unknown> =>
  handle.transaction((db) => db.updateTable('account').set({ code_factor: factor }).where('uuid', '=', uuid).execute());

describe('reauthenticate', () => {
  const world = sharedWorld();

  it('confirms the person behind a session', async () => {
    const client = await world().signedIn('reauth@example.com');
    const answer = await client.post('/reauthenticate', { password: PASSWORD });
    assertDone(answer, 'Identity confirmed.');
    assert.deepEqual(answer.setCookies, []);
  });

  it('makes the session’s sign-in fresh again', async () => {
    const { clock, handle, signedIn } = world();
    const client = await signedIn('fresh@example.com');
    clock.advance({ minutes: 11 });
    await client.post('/reauthenticate', { password: PASSWORD });
    const { sid } = claimsIn(client.cookie('accessToken'));
    const row = await handle.read
      .selectFrom('session')
      .select('authenticated_at')
      .where('id', '=', String(sid))
      .executeTakeFirstOrThrow();
    assert.equal(row.authenticated_at, clock.now());
  });

  it('counts a wrong password like one at sign-in, and leaves the session alone', async () => {
    const client = await world().signedIn('wrong@example.com');
    for (let count = 0; count < 10; count += 1) {
      assertRefused(await client.post('/reauthenticate', { password: 'not it' }), 401, 'INVALID_CREDENTIALS');
    }
    const locked = await client.post('/reauthenticate', { password: PASSWORD });
    assertRefused(locked, 423, 'ACCOUNT_LOCKED');
    assert.equal(locked.headers['retry-after'], '900');
    assertRefused(await client.signIn('wrong@example.com'), 423, 'ACCOUNT_LOCKED');
    await assertSignedIn(client);
  });

  it('needs a session', async () => {
    assertRefused(await world().another().post('/reauthenticate', { password: PASSWORD }), 401, 'TOKEN_EXPIRED');
  });
});

describe('changing the password', () => {
  const world = sharedWorld();
  const change = { currentPassword: PASSWORD, newPassword: NEW_PASSWORD };

  it('keeps the session that asked and ends every other', async () => {
    const { another, mails, signedIn } = world();
    const client = await signedIn('keeps@example.com');
    const other = another();
    await other.signIn('keeps@example.com');
    const answer = await client.put('/password', change);
    assertDone(answer, 'Password changed successfully. Your other sessions have been signed out.');
    assert.deepEqual(answer.setCookies, []);
    await assertSignedIn(client);
    assert.equal((await client.post('/refresh')).status, 200);
    await assertSignedOut(other);
    assertRefused(await another().signIn('keeps@example.com', PASSWORD), 401, 'INVALID_CREDENTIALS');
    assert.equal((await another().signIn('keeps@example.com', NEW_PASSWORD)).status, 200);
    const [notice] = await mails('keeps@example.com');
    assert.ok(notice);
    assert.deepEqual([notice.code, notice.links.filter((link) => link.includes('token'))], [null, []]);
  });

  it('needs the current password, and counts a wrong one', async () => {
    const { signedIn } = world();
    const client = await signedIn('needs@example.com');
    for (let count = 0; count < 10; count += 1) {
      const answer = await client.put('/password', { ...change, currentPassword: 'not it' });
      assertRefused(answer, 401, 'INVALID_CREDENTIALS');
    }
    assertRefused(await client.put('/password', change), 423, 'ACCOUNT_LOCKED');
  });

  it('holds the new one to the same policy', async () => {
    const { another, signedIn } = world();
    const client = await signedIn('policy@example.com');
    for (const newPassword of ['short', 'Password1', 'policy1987', 'policy@example.com', 'x'.repeat(1025)]) {
      assertRefused(await client.put('/password', { ...change, newPassword }), 400, 'WEAK_PASSWORD');
    }
    assert.equal((await another().signIn('policy@example.com')).status, 200);
  });

  it('kills reset links asked for before', async () => {
    const { signedIn, tokenFor } = world();
    const client = await signedIn('kills@example.com');
    await client.post('/forgot-password', { email: 'kills@example.com' });
    const token = await tokenFor('kills@example.com');
    await client.put('/password', change);
    assertRefused(await client.post('/reset-password', { token, password: PASSWORD }), 400, 'INVALID_TOKEN');
  });
});

describe('the list of sessions', () => {
  it('shows every live session of the account, newest use first, and no token', async (t) => {
    const { account, another, clock, signedIn } = await openClient(t);
    const client = await signedIn();
    clock.advance({ minutes: 1 });
    const phone = another({ address: '203.0.113.9', headers: { 'user-agent': 'Phone/1.0' } });
    await phone.signIn();
    await account('eve@example.com');
    await another().signIn('eve@example.com');
    const answer = await client.get('/sessions');
    assert.equal(answer.status, 200);
    assert.deepEqual(Object.keys(answer.body), ['sessions']);
    const [first, second] = answer.body.sessions ?? [];
    const row = { contract: 'cookie', createdAt: '', lastUsedAt: '', expiresAt: '' };
    assert.deepEqual(answer.body.sessions, [
      {
        ...row,
        id: claimsIn(phone.cookie('accessToken'))['sid'],
        current: false,
        ip: '203.0.113.9',
        userAgent: 'Phone/1.0',
        createdAt: '2026-01-15T09:31:00.000Z',
        lastUsedAt: '2026-01-15T09:31:00.000Z',
        expiresAt: '2026-01-22T09:31:00.000Z',
      },
      {
        ...row,
        id: claimsIn(client.cookie('accessToken'))['sid'],
        current: true,
        ip: '10.0.2.1',
        userAgent: 'lightMyRequest',
        createdAt: '2026-01-15T09:30:00.000Z',
        lastUsedAt: '2026-01-15T09:30:00.000Z',
        expiresAt: '2026-01-22T09:30:00.000Z',
      },
    ]);
    assert.match(first?.id ?? '', UUID);
    assert.match(second?.id ?? '', UUID);
    for (const secret of client.jar.values()) assert.ok(!answer.text.includes(secret));
  });

  it('moves a session’s last use with its refresh', async (t) => {
    const { clock, signedIn } = await openClient(t);
    const client = await signedIn();
    clock.advance({ hours: 5 });
    await client.post('/refresh');
    const { body } = await client.get('/sessions');
    assert.deepEqual(
      body.sessions?.map(({ lastUsedAt }) => lastUsedAt),
      ['2026-01-15T14:30:00.000Z'],
    );
  });

  it('leaves out sessions whose time is over', async (t) => {
    const { another, clock, signedIn } = await openClient(t);
    const client = await signedIn();
    clock.advance({ days: 7 });
    const later = another();
    await later.signIn();
    const { body } = await later.get('/sessions');
    assert.deepEqual(
      body.sessions?.map(({ id }) => id),
      [claimsIn(later.cookie('accessToken'))['sid']],
    );
    await assertSignedOut(client);
  });
});

describe('ending sessions', () => {
  const world = sharedWorld();
  const idOf = (client: Client): string => String(claimsIn(client.cookie('accessToken'))['sid']);

  it('ends one of the account’s own at once', async () => {
    const client = await world().signedIn('one@example.com');
    const other = world().another();
    await other.signIn('one@example.com');
    await assertSignedIn(other);
    assertDone(await client.delete(`/sessions/${idOf(other)}`), 'Session ended.');
    await assertSignedOut(other);
    await assertSignedIn(client);
  });

  it('ends the session that asks, too', async () => {
    const client = await world().signedIn('self@example.com');
    assertDone(await client.delete(`/sessions/${idOf(client)}`), 'Session ended.');
    await assertSignedOut(client);
  });

  it('finds nothing where the session is over', async () => {
    const client = await world().signedIn('over@example.com');
    const other = world().another();
    await other.signIn('over@example.com');
    const id = idOf(other);
    await other.post('/logout');
    assertRefused(await client.delete(`/sessions/${id}`), 404, 'NOT_FOUND');
  });

  it('does not find somebody else’s, and leaves it alone', async () => {
    const client = await world().signedIn('mine@example.com');
    const foreign = await world().signedIn('theirs@example.com');
    const answer = await client.delete(`/sessions/${idOf(foreign)}`);
    assertRefused(answer, 404, 'NOT_FOUND');
    const unknown = await client.delete('/sessions/550e8400-e29b-41d4-a716-446655440000');
    assert.equal(answer.text, unknown.text);
    await assertSignedIn(foreign);
  });

  for (const id of ['x', '1', 'null', '%20', '%00', "'%20or%201=1--", '..%2f..%2fme', 'é', '{id}', 'a'.repeat(128)]) {
    it(`finds nothing at the malformed id ${id.slice(0, 20)}`, async () => {
      const client = world().another();
      await world().account(`malformed-${Buffer.from(id).toString('hex').slice(0, 30)}@example.com`);
      await client.signIn(`malformed-${Buffer.from(id).toString('hex').slice(0, 30)}@example.com`);
      assertRefused(await client.delete(`/sessions/${id}`), 404, 'NOT_FOUND');
    });
  }

  it('finds nothing at an id of 200 characters', async () => {
    const client = await world().signedIn('long-id@example.com');
    assertRefused(await client.delete(`/sessions/${'a'.repeat(200)}`), 404, 'NOT_FOUND');
  });

  it('finds nothing at an id that is no percent-encoding', async () => {
    const client = await world().signedIn('percent-id@example.com');
    assertRefused(await client.delete('/sessions/%ff'), 404, 'NOT_FOUND');
    assertRefused(await client.delete('/sessions/%zz'), 404, 'NOT_FOUND');
  });

  it('ends all others on request', async () => {
    const client = await world().signedIn('all@example.com');
    const others = [world().another(), world().another()];
    for (const other of others) await other.signIn('all@example.com');
    const foreign = await world().signedIn('not-all@example.com');
    const answer = await client.delete('/sessions');
    assertDone(answer, 'All your other sessions have been signed out.');
    assert.deepEqual(answer.setCookies, []);
    for (const other of others) await assertSignedOut(other);
    await assertSignedIn(client);
    assert.equal((await client.post('/refresh')).status, 200);
    await assertSignedIn(foreign);
  });
});

describe('a sign-in with a second factor due', () => {
  const world = sharedWorld();
  const MESSAGES = {
    totp: 'Enter the code from your authenticator app.',
    email: 'Enter the code that was sent to your email address.',
    sms: 'Enter the code that was sent to your phone.',
  };

  for (const [channel, message] of Object.entries(MESSAGES)) {
    it(`names the channel ${channel}, sets a challenge and gives no token`, async () => {
      const email = `${channel}@example.com`;
      const { uuid } = await world().account(email);
      await setCodeFactor(world(), uuid, channel);
      const client = world().another();
      const answer = await client.signIn(email);
      assert.equal(answer.status, 200);
      assert.deepEqual(answer.body, { success: true, twoFactorRequired: true, channel, message });
      assert.equal(answer.setCookies.length, 1);
      assert.match(
        answer.setCookies[0] ?? '',
        /^challenge=[\w-]{43}; Max-Age=600; Path=\/v1\/auth; HttpOnly; SameSite=Strict$/,
      );
      assertRefused(await client.get('/me'), 401, 'TOKEN_EXPIRED');
    });
  }

  it('says so in French on request', async () => {
    const { uuid } = await world().account('french@example.com');
    await setCodeFactor(world(), uuid, 'totp');
    const body = { email: 'french@example.com', password: PASSWORD };
    const answer = await world()
      .another()
      .post('/login', body, { headers: { 'accept-language': 'fr' } });
    assert.equal(answer.body.message, 'Saisissez le code de votre application d’authentification.');
  });

  it('shows nothing of the factor before the right password', async () => {
    const { uuid } = await world().account('silent@example.com');
    await setCodeFactor(world(), uuid, 'totp');
    const client = world().another();
    const wrong = await client.signIn('silent@example.com', 'a wrong password');
    const unknown = await client.signIn('nobody@example.com', 'a wrong password');
    assertRefused(wrong, 401, 'INVALID_CREDENTIALS');
    assert.equal(wrong.text, unknown.text);
    assert.deepEqual(wrong.setCookies, []);
  });

  it('keeps three pending sign-ins an account at most', async () => {
    const { account, another, handle } = world();
    const { uuid } = await account('many@example.com');
    await setCodeFactor(world(), uuid, 'totp');
    for (let count = 0; count < 5; count += 1) await another().signIn('many@example.com');
    const rows = await handle.read
      .selectFrom('pending_login')
      .innerJoin('account', 'account.id', 'pending_login.account_id')
      .where('account.uuid', '=', uuid)
      .select('digest')
      .execute();
    assert.equal(rows.length, 3);
  });

  it('has its challenge taken away by logout', async () => {
    const { uuid } = await world().account('leaving@example.com');
    await setCodeFactor(world(), uuid, 'totp');
    const client = world().another();
    await client.signIn('leaving@example.com');
    const answer = await client.post('/logout');
    assert.deepEqual(answer.setCookies, [...CLEARED, CHALLENGE_CLEARED]);
  });

  it('has its challenge taken away by a sign-in that needs none', async () => {
    const { uuid } = await world().account('factor@example.com');
    await setCodeFactor(world(), uuid, 'totp');
    await world().account('plain@example.com');
    const client = world().another();
    await client.signIn('factor@example.com');
    const answer = await client.signIn('plain@example.com');
    assert.equal(answer.status, 200);
    assert.ok(answer.setCookies.includes(CHALLENGE_CLEARED), answer.setCookies.join('\n'));
  });

  it('ends the session that the browser had', async () => {
    const { account, another } = world();
    const { uuid } = await account('again@example.com');
    const client = another();
    await client.signIn('again@example.com');
    await setCodeFactor(world(), uuid, 'totp');
    const cookie = `accessToken=${client.cookie('accessToken')}; refreshToken=${client.cookie('refreshToken')}`;
    await client.signIn('again@example.com');
    assertRefused(await client.get('/me', { cookie }), 401, 'TOKEN_EXPIRED');
    assertRefused(await client.post('/refresh', undefined, { cookie }), 401, 'TOKEN_EXPIRED');
  });
});

describe('signing in with a session at hand', () => {
  const world = sharedWorld();

  /** Signs in again with some of the cookies of before, and tells whether the session of before goes on. */
  async function livesAfter(email: string, names: ('accessToken' | 'refreshToken')[], password = PASSWORD) {
    const client = world().another();
    await client.signIn(email);
    const refreshToken = client.cookie('refreshToken');
    const cookie = names.map((name) => `${name}=${client.cookie(name)}`).join('; ');
    await client.post('/login', { email, password }, { cookie });
    const answer = await world()
      .another()
      .post('/refresh', undefined, { cookie: `refreshToken=${refreshToken}` });
    return answer.status === 200;
  }

  it('ends the session named by both cookies, or by either', async () => {
    await world().account('replace@example.com');
    assert.equal(await livesAfter('replace@example.com', ['accessToken', 'refreshToken']), false);
    assert.equal(await livesAfter('replace@example.com', ['accessToken']), false);
    assert.equal(await livesAfter('replace@example.com', ['refreshToken']), false);
    assert.equal(await livesAfter('replace@example.com', []), true);
  });

  it('ends it too when its access token has expired', async () => {
    const { clock, signedIn, another } = world();
    const client = await signedIn('stale@example.com');
    const refreshToken = client.cookie('refreshToken');
    clock.advance({ minutes: 16 });
    await client.post(
      '/login',
      { email: 'stale@example.com', password: PASSWORD },
      {
        cookie: `accessToken=${client.cookie('accessToken')}`,
      },
    );
    const answer = await another().post('/refresh', undefined, { cookie: `refreshToken=${refreshToken}` });
    assertRefused(answer, 401, 'TOKEN_EXPIRED');
  });

  it('ends another account’s session of the same browser', async () => {
    const client = await world().signedIn('first@example.com');
    const cookie = `accessToken=${client.cookie('accessToken')}; refreshToken=${client.cookie('refreshToken')}`;
    await world().account('second@example.com');
    assert.equal((await client.signIn('second@example.com')).status, 200);
    assertRefused(await client.get('/me', { cookie }), 401, 'TOKEN_EXPIRED');
    assert.equal((await client.get('/me')).body.user?.email, 'second@example.com');
  });

  it('leaves it alone when the sign-in fails', async () => {
    const client = await world().signedIn('keep@example.com');
    assertRefused(await client.signIn('keep@example.com', 'a wrong password'), 401, 'INVALID_CREDENTIALS');
    await assertSignedIn(client);
    await world().account('unproven@example.com', { verified: false });
    assertRefused(await client.signIn('unproven@example.com'), 403, 'EMAIL_NOT_VERIFIED');
    await assertSignedIn(client);
  });
});

describe('signing out', () => {
  const world = sharedWorld();

  async function assertEnds(email: string, of: { names: ('accessToken' | 'refreshToken')[]; afterMinutes?: number }) {
    const { another, clock, signedIn } = world();
    const client = await signedIn(email);
    const held = new Map(client.jar);
    clock.advance({ minutes: of.afterMinutes ?? 0 });
    const cookie = of.names.map((name) => `${name}=${held.get(name)}`).join('; ');
    const answer = await client.post('/logout', undefined, { cookie });
    assertDone(answer, 'Logged out successfully');
    assert.deepEqual(answer.setCookies, CLEARED);
    const replay = another();
    const both = `accessToken=${held.get('accessToken')}; refreshToken=${held.get('refreshToken')}`;
    assertRefused(await replay.get('/me', { cookie: both }), 401, 'TOKEN_EXPIRED');
    assertRefused(await replay.post('/refresh', undefined, { cookie: both }), 401, 'TOKEN_EXPIRED');
  }

  it('ends the session of both cookies', async () => {
    await assertEnds('both@example.com', { names: ['accessToken', 'refreshToken'] });
  });
  it('ends the session of an expired access token', async () => {
    await assertEnds('expired@example.com', { names: ['accessToken'], afterMinutes: 60 });
  });
  it('ends the session of the refresh cookie alone', async () => {
    await assertEnds('refresh@example.com', { names: ['refreshToken'] });
  });

  it('succeeds with tokens that are nobody’s', async () => {
    const cookie = 'accessToken=eyJhbGciOiJub25lIn0.e30.; refreshToken=nobody’s';
    const answer = await world()
      .another()
      .post('/logout', undefined, { cookie: encodeURI(cookie) });
    assertDone(answer, 'Logged out successfully');
    assert.deepEqual(answer.setCookies, CLEARED);
  });

  it('leaves the account’s other sessions alone', async () => {
    const client = await world().signedIn('others@example.com');
    const other = world().another();
    await other.signIn('others@example.com');
    await client.post('/logout');
    await assertSignedIn(other);
  });
});

describe('a refresh', () => {
  const world = sharedWorld();

  it('that fails clears both cookies', async () => {
    const { clock, signedIn, another, identity, account } = world();
    const fails = async (cookie: string | null, client = another()) => {
      const answer = await client.post('/refresh', undefined, { cookie });
      assertRefused(answer, 401, 'TOKEN_EXPIRED');
      assert.deepEqual(answer.setCookies, CLEARED);
    };
    await fails(null);
    await fails('refreshToken=');
    await fails('refreshToken=nobody');
    await fails(`refreshToken=${'x'.repeat(10_000)}`);
    await fails('refreshToken=%00%ff%zz');
    const locked = another();
    const { uuid } = await account('locked@example.com');
    await locked.signIn('locked@example.com');
    await identity.lockAccount({ uuid });
    await fails(`refreshToken=${locked.cookie('refreshToken')}`);
    const client = await signedIn('expiring@example.com');
    clock.advance({ days: 7 });
    await fails(`refreshToken=${client.cookie('refreshToken')}`);
  });

  it('that fails at another spelling of its path clears both cookies', async () => {
    const answer = await world().another().askAt('POST', '/v1/auth/%72efresh', { cookie: 'refreshToken=nobody' });
    assertRefused(answer, 401, 'TOKEN_EXPIRED');
    assert.deepEqual(answer.setCookies, CLEARED);
  });

  it('asked for twice with one token gives one successor', async () => {
    const client = await world().signedIn('tabs@example.com');
    const cookie = `refreshToken=${client.cookie('refreshToken')}`;
    const answers = await Promise.all([1, 2, 3, 4].map(() => client.post('/refresh', undefined, { cookie })));
    const successors = new Set(answers.map(({ setCookies }) => setCookies[1]));
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200, 200],
    );
    assert.equal(successors.size, 1);
    await assertSignedIn(client);
  });

  it('of a spent token that comes back later ends the session and tells the owner', async () => {
    const { clock, mails, signedIn, another } = world();
    const client = await signedIn('replayed@example.com');
    const spent = client.cookie('refreshToken');
    await client.post('/refresh');
    await client.post('/refresh');
    clock.advance({ seconds: 11 });
    const thief = another();
    const answer = await thief.post('/refresh', undefined, { cookie: `refreshToken=${spent}` });
    assertRefused(answer, 401, 'TOKEN_EXPIRED');
    assert.deepEqual(answer.setCookies, CLEARED);
    await assertSignedOut(client);
    assert.equal((await mails('replayed@example.com')).length, 1);
  });

  it('of a spent token from another browser ends the session', async () => {
    const client = await world().signedIn('stolen@example.com');
    const spent = client.cookie('refreshToken');
    await client.post('/refresh');
    const thief = world().another({ headers: { 'user-agent': 'Thief/1.0' } });
    const answer = await thief.post('/refresh', undefined, { cookie: `refreshToken=${spent}` });
    assertRefused(answer, 401, 'TOKEN_EXPIRED');
    await assertSignedOut(client);
  });

  it('keeps the access token before the newest alive, and no older one', async () => {
    const client = await world().signedIn('newest@example.com');
    const first = client.cookie('accessToken');
    await client.post('/refresh');
    const second = client.cookie('accessToken');
    assert.equal((await client.get('/me', { cookie: `accessToken=${first}` })).status, 200);
    await client.post('/refresh');
    assert.equal((await client.get('/me', { cookie: `accessToken=${second}` })).status, 200);
    assertRefused(await client.get('/me', { cookie: `accessToken=${first}` }), 401, 'TOKEN_EXPIRED');
  });
});

describe('cookies that are wrong', () => {
  const world = sharedWorld();

  it('a refused /me leaves the refresh cookie to the client', async () => {
    const { clock, signedIn } = world();
    const client = await signedIn('late@example.com');
    clock.advance({ minutes: 15 });
    const answer = await client.get('/me');
    assertRefused(answer, 401, 'TOKEN_EXPIRED');
    assert.deepEqual(answer.setCookies, []);
    assert.equal((await client.post('/refresh')).status, 200);
    await assertSignedIn(client);
  });

  it('two access tokens in one request are nobody’s session, and both cookies are cleared', async () => {
    const client = await world().signedIn('tossed@example.com');
    const good = client.cookie('accessToken');
    for (const cookie of [
      `accessToken=x; accessToken=${good}`,
      `accessToken=${good}; accessToken=x`,
      `accessToken=${good};accessToken=${good}`,
      `accessToken=${good}; other=1; accessToken=`,
    ]) {
      const answer = await client.get('/me', { cookie });
      assertRefused(answer, 401, 'TOKEN_EXPIRED');
      assert.deepEqual(answer.setCookies, CLEARED, cookie);
    }
  });

  it('two refresh tokens in one request are nobody’s, and both cookies are cleared', async () => {
    const client = await world().signedIn('tossed-refresh@example.com');
    const good = client.cookie('refreshToken');
    for (const cookie of [`refreshToken=x; refreshToken=${good}`, `refreshToken=${good}; refreshToken=x`]) {
      const answer = await world().another().post('/refresh', undefined, { cookie });
      assertRefused(answer, 401, 'TOKEN_EXPIRED');
      assert.deepEqual(answer.setCookies, CLEARED);
    }
    assert.equal((await client.post('/refresh')).status, 200);
  });

  it('two refresh tokens beside one access token are nobody’s session either', async () => {
    const client = await world().signedIn('tossed-beside@example.com');
    const cookie = `accessToken=${client.cookie('accessToken')}; refreshToken=x; refreshToken=${client.cookie('refreshToken')}`;
    const answer = await client.get('/me', { cookie });
    assertRefused(answer, 401, 'TOKEN_EXPIRED');
    assert.deepEqual(answer.setCookies, CLEARED);
  });

  it('a cookie whose name only ends alike is another cookie', async () => {
    const client = await world().signedIn('alike@example.com');
    const cookie = `xaccessToken=x; accessToken=${client.cookie('accessToken')}; accessTokens=y`;
    assert.equal((await client.get('/me', { cookie })).status, 200);
  });

  it('a credential of another kind opens nothing', async () => {
    const { another, signedIn, tokenFor } = world();
    const client = await signedIn('kinds@example.com');
    const [access, refresh, known] = ['accessToken', 'refreshToken', 'guichet_client'].map((name) =>
      client.cookie(name),
    );
    await client.post('/forgot-password', { email: 'kinds@example.com' });
    const reset = await tokenFor('kinds@example.com');
    const stranger = another();
    for (const value of [refresh, known, reset]) {
      assertRefused(await stranger.get('/me', { cookie: `accessToken=${value}` }), 401, 'TOKEN_EXPIRED');
    }
    for (const value of [access, known, reset]) {
      const answer = await stranger.post('/refresh', undefined, { cookie: `refreshToken=${value}` });
      assertRefused(answer, 401, 'TOKEN_EXPIRED');
    }
    for (const token of [access, refresh, known]) {
      assertRefused(await stranger.post('/verify-email', { token }), 400, 'INVALID_TOKEN');
      assertRefused(await stranger.post('/reset-password', { token, password: NEW_PASSWORD }), 400, 'INVALID_TOKEN');
    }
    await assertSignedIn(client);
    assert.equal((await client.post('/refresh')).status, 200);
  });

  it('a token is taken from its cookie alone', async () => {
    const { another, signedIn } = world();
    const client = await signedIn('elsewhere@example.com');
    const [access, refresh] = [client.cookie('accessToken'), client.cookie('refreshToken')];
    const stranger = another();
    const headers = { authorization: `Bearer ${access}` };
    assertRefused(await stranger.get('/me', { headers }), 401, 'TOKEN_EXPIRED');
    assertRefused(
      await stranger.get(`/me?accessToken=${access}&access_token=${access}&token=${access}`),
      401,
      'TOKEN_EXPIRED',
    );
    assertRefused(await stranger.post('/refresh', { refreshToken: refresh, token: refresh }), 401, 'TOKEN_EXPIRED');
    assertRefused(await stranger.post(`/refresh?refreshToken=${refresh}`), 401, 'TOKEN_EXPIRED');
    await assertSignedIn(client);
  });

  it('a browser that has signed in keeps its own mark, and a mark that nobody gave is not taken up', async () => {
    const { another, account } = world();
    await account('mark@example.com');
    const client = another();
    await client.signIn('mark@example.com');
    const mark = client.cookie('guichet_client');
    await client.signIn('mark@example.com');
    assert.equal(client.cookie('guichet_client'), mark);
    const planted = 'A'.repeat(43);
    const stranger = another();
    await stranger.post(
      '/login',
      { email: 'mark@example.com', password: PASSWORD },
      { cookie: `guichet_client=${planted}` },
    );
    assert.match(stranger.cookie('guichet_client'), SECRET_VALUE);
    assert.notEqual(stranger.cookie('guichet_client'), planted);
  });
});

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Signs whatever header and payload as only the server could. */
function signed(header: unknown, payload: unknown, key: KeyObject): string {
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${signBytes('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

describe('the access token', () => {
  const world = sharedWorld();

  async function keyOf(): Promise<{ row: SigningKey; key: KeyObject }> {
    const { keyring, store } = world().world;
    const row = (await store.signingKeys.list()).find(({ contract }) => contract === 'cookie');
    assert.ok(row);
    const jwk = JSON.parse(keyring.open(signingKeyContext(row.kid), row.sealedPrivateJwk));
    return { row, key: createPrivateKey({ key: jwk, format: 'jwk' }) };
  }

  const meWith = (accessToken: string): Promise<Answer> =>
    world()
      .another()
      .get('/me', { cookie: `accessToken=${accessToken}` });

  it('is an ES256 token of the kind at+jwt that the published keys verify', async () => {
    const { app, clock, signedIn } = world();
    const client = await signedIn('claims@example.com');
    const token = client.cookie('accessToken');
    const jwks = (await app.inject('/.well-known/jwks.json')).json() as JSONWebKeySet;
    const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet(jwks), {
      currentDate: new Date(clock.now()),
    });
    assert.deepEqual(protectedHeader, { alg: 'ES256', kid: (await keyOf()).row.kid, typ: 'at+jwt' });
    const me = await client.get('/me');
    const { sid, jti, ...rest } = payload;
    assert.match(String(sid), UUID);
    assert.match(String(jti), UUID);
    const iat = Math.floor(clock.now() / 1000);
    assert.deepEqual(rest, {
      sub: me.body.user?.id,
      role: 'USER',
      iat,
      exp: iat + 900,
      iss: 'http://localhost:3000',
      aud: 'http://localhost:3000',
    });
  });

  it('made anew by the server’s own key opens the session, so that the forgeries below mean something', async () => {
    const client = await world().signedIn('control@example.com');
    const { key, row } = await keyOf();
    const claims = claimsIn(client.cookie('accessToken'));
    assert.equal((await meWith(signed({ alg: 'ES256', kid: row.kid, typ: 'at+jwt' }, claims, key))).status, 200);
  });

  it('is refused with another algorithm than its key’s', async () => {
    const client = await world().signedIn('algorithms@example.com');
    const { row } = await keyOf();
    const [, payload = '', signature = ''] = client.cookie('accessToken').split('.');
    const publicPem = JSON.stringify(row.publicJwk);
    for (const alg of [
      'none',
      'None',
      'nOnE',
      '',
      'HS256',
      'HS512',
      'RS256',
      'PS256',
      'ES384',
      'ES512',
      'EdDSA',
      'es256',
      null,
      1,
    ]) {
      const header = encode({ alg, kid: row.kid, typ: 'at+jwt' });
      const mac = createHmac('sha256', publicPem).update(`${header}.${payload}`).digest('base64url');
      for (const end of ['', signature, mac]) {
        assertRefused(await meWith(`${header}.${payload}.${end}`), 401, 'TOKEN_EXPIRED');
      }
    }
  });

  it('is refused with a key that it brings or names itself', async () => {
    const client = await world().signedIn('keys@example.com');
    const { row } = await keyOf();
    const claims = claimsIn(client.cookie('accessToken'));
    const { generateKeyPairSync } = await import('node:crypto');
    const foreign = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = foreign.publicKey.export({ format: 'jwk' });
    const headers = [
      { kid: row.kid },
      { kid: row.kid, jwk },
      { jwk },
      { kid: row.kid, jku: 'http://127.0.0.1:1/jwks.json' },
      { kid: row.kid, x5u: 'http://127.0.0.1:1/cert.pem' },
      { kid: row.kid, x5c: ['MIIB'] },
      { kid: 'another' },
      { kid: '' },
      { kid: '../../etc/passwd' },
      { kid: "' or 1=1 --" },
      { kid: '__proto__' },
      { kid: 'constructor' },
      { kid: [row.kid] },
      { kid: { kid: row.kid } },
      { kid: 'k'.repeat(1000) },
      {},
    ];
    for (const header of headers) {
      const token = signed({ alg: 'ES256', typ: 'at+jwt', ...header }, claims, foreign.privateKey);
      assertRefused(await meWith(token), 401, 'TOKEN_EXPIRED');
    }
  });

  it('is refused when its header says another kind or asks for what is not understood', async () => {
    const client = await world().signedIn('typ@example.com');
    const { key, row } = await keyOf();
    const claims = claimsIn(client.cookie('accessToken'));
    const good = { alg: 'ES256', kid: row.kid, typ: 'at+jwt' };
    const headers = [
      { alg: 'ES256', kid: row.kid },
      { ...good, typ: 'JWT' },
      { ...good, typ: 'at' },
      { ...good, typ: ['at+jwt'] },
      { ...good, typ: null },
      { ...good, crit: ['unheard-of'], 'unheard-of': true },
      { ...good, crit: [] },
      { ...good, b64: false, crit: ['b64'] },
      { alg: 'ES256', typ: 'at+jwt' },
      { ...good, kid: 'another' },
    ];
    for (const header of headers) {
      assertRefused(await meWith(signed(header, claims, key)), 401, 'TOKEN_EXPIRED');
    }
  });

  it('is refused when a claim is missing, wrong, or of another type', async () => {
    const client = await world().signedIn('altered@example.com');
    const other = await world().signedIn('somebody@example.com');
    const { key, row } = await keyOf();
    const claims = claimsIn(client.cookie('accessToken'));
    const others = claimsIn(other.cookie('accessToken'));
    const header = { alg: 'ES256', kid: row.kid, typ: 'at+jwt' };
    const refused = async (payload: unknown) => {
      const answer = await meWith(signed(header, payload, key));
      assert.equal(answer.status, 401, JSON.stringify(payload));
      assertRefused(answer, 401, 'TOKEN_EXPIRED');
    };
    for (const claim of ['sub', 'sid', 'jti', 'role', 'iat', 'exp', 'iss', 'aud']) {
      const { [claim]: _, ...without } = claims;
      await refused(without);
      for (const value of [null, true, {}, [], [[claims[claim]]]]) await refused({ ...claims, [claim]: value });
    }
    for (const claim of ['sub', 'sid', 'jti', 'iss', 'aud']) {
      for (const value of ['', 0, "' or 1=1 --"]) await refused({ ...claims, [claim]: value });
    }
    for (const claim of ['iat', 'exp']) await refused({ ...claims, [claim]: String(claims[claim]) });
    const wrong = {
      sub: others['sub'],
      sid: others['sid'],
      jti: others['jti'],
      iss: 'https://evil.example',
      aud: 'https://evil.example',
      exp: Number(claims['iat']) - 1,
    };
    for (const [claim, value] of Object.entries(wrong)) await refused({ ...claims, [claim]: value });
    for (const payload of [[], null, 'text', 1, {}]) await refused(payload);
  });

  it('is refused when it names its audience in an array', async () => {
    const client = await world().signedIn('audience@example.com');
    const { key, row } = await keyOf();
    const claims = claimsIn(client.cookie('accessToken'));
    const header = { alg: 'ES256', kid: row.kid, typ: 'at+jwt' };
    const { aud } = claims;
    assertRefused(await meWith(signed(header, { ...claims, aud: [aud] }, key)), 401, 'TOKEN_EXPIRED');
    assertRefused(
      await meWith(signed(header, { ...claims, aud: [aud, 'https://evil.example'] }, key)),
      401,
      'TOKEN_EXPIRED',
    );
  });

  it('is refused when any of its characters is another', async () => {
    const client = await world().signedIn('characters@example.com');
    const token = client.cookie('accessToken');
    // The last character of a signature holds two bits alone: the next test looks at it.
    for (let index = 0; index < token.length - 1; index += 7) {
      const other = token[index] === 'A' ? 'B' : 'A';
      const altered = `${token.slice(0, index)}${other}${token.slice(index + 1)}`;
      const answer = await meWith(altered);
      assert.equal(answer.status, 401, `character ${index}`);
    }
  });

  it('is refused when its signature is the same bytes in another spelling', async () => {
    const client = await world().signedIn('spelling@example.com');
    const token = client.cookie('accessToken');
    const [header = '', payload = '', signature = ''] = token.split('.');
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const next = alphabet[alphabet.indexOf(signature.at(-1) ?? '') + 1];
    for (const spelled of [
      `${signature.slice(0, -1)}${next}`,
      `${signature}==`,
      `${signature}%20`,
      `${signature}%0A`,
      `%20${signature}`,
      `${signature.slice(0, 9)}%20${signature.slice(9)}`,
      signature
        .replaceAll('-', '+')
        .replaceAll('_', '/')
        .replace(/^[^+/]*$/, '+'),
    ]) {
      const answer = await meWith(`${header}.${payload}.${spelled}`);
      assert.equal(answer.status, 401, spelled);
    }
  });

  it('is refused cut, spliced, doubled, padded or swollen, and never with 500', async () => {
    const client = await world().signedIn('spliced@example.com');
    const other = await world().signedIn('donor@example.com');
    const token = client.cookie('accessToken');
    const [header = '', payload = '', signature = ''] = token.split('.');
    const [, foreignPayload = '', foreignSignature = ''] = other.cookie('accessToken').split('.');
    const forged = [
      `${header}.${payload}.${foreignSignature}`,
      `${header}.${foreignPayload}.${signature}`,
      `${header}.${payload}.`,
      `${header}.${payload}`,
      `${header}..${signature}`,
      `.${payload}.${signature}`,
      header,
      '.',
      '..',
      '...',
      `${token}.${signature}`,
      `${token}.${payload}.${signature}`,
      `${token}${token}`,
      `${header}.${payload}.${signature.slice(0, -2)}`,
      `${header}.${payload}.${Buffer.alloc(64).toString('base64url')}`,
      `${header}.${payload}.${Buffer.alloc(64, 255).toString('base64url')}`,
      token.toLowerCase(),
      `${header}.${'A'.repeat(10 * 1024)}.${signature}`,
      'A'.repeat(10 * 1024),
      '.'.repeat(10 * 1024),
      `${encode({ alg: 'dir', enc: 'A256GCM', zip: 'DEF' })}....`,
      `${encode({ alg: 'PBES2-HS256+A128KW', enc: 'A256GCM', p2c: 2 ** 31 })}.AA.AA.AA.AA`,
      '%00',
      '%ff%fe',
      '%zz',
      'null',
      '{}',
    ];
    for (const one of forged) {
      const answer = await meWith(one);
      assert.equal(answer.status, 401, one.slice(0, 60));
      assertRefused(answer, 401, 'TOKEN_EXPIRED');
    }
    await assertSignedIn(client);
  });
});
