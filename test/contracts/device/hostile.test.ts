import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AccountBody, accountIn, assertDone, assertRefused, assertSignedIn } from './answers.ts';
import { type Asking, type OpenedClient, OTHER_PASSWORD, PASSWORD, sharedWorld } from './client.ts';
import { BODIES, SIGNED_IN, split } from './lines.ts';

/** What nobody may say of an account but the operator and the server, in the spellings of every contract. */
const WISHES = {
  id: 987654,
  uuid: '58356bc8-0639-4289-88e8-f64b7ca54501',
  role: 'ADMIN',
  role_id: 99,
  roleId: 99,
  roles: ['admin'],
  permissions: ['*'],
  sites: [1],
  is_admin: true,
  accountable_type: 'Admin',
  accountable_id: 99,
  account_confirmed: true,
  account_confirmed_at: '2026-01-01T00:00:00.000Z',
  emailVerified: true,
  email_verified_at: '2026-01-01T00:00:00.000Z',
  phone_verified_at: '2026-01-01T00:00:00.000Z',
  two_factor_enabled: true,
  code_factor: 'email',
  failed_attempts: -10,
  sign_in_count: 99,
  locked_at: null,
  disabled_at: null,
  password_digest: '$2a$12$mKUf93E7uW4vt.YOHcrzGeRRAudrsXypr6dYkvGg6L.BfBAwfcwNm',
  unlock_token: 'x',
  provider: 'github',
  provider_uid: '1',
  session_uuid: '58356bc8-0639-4289-88e8-f64b7ca54501',
  device_id: 1,
  account_id: 1,
  account: { role_id: 99, account_confirmed: true },
  epoch: 9,
  created_at: '2020-01-01T00:00:00.000Z',
  locale: 'en',
};
const WISHED: readonly (keyof AccountBody)[] = [
  'id',
  'uuid',
  'role_id',
  'accountable_type',
  'accountable_id',
  'account_confirmed',
  'two_factor_enabled',
  'failed_attempts',
  'locked_at',
  'provider',
  'provider_uid',
  'created_at',
];

/** What an account's row and the rest of what is kept of it say. */
async function kept({ handle }: OpenedClient, uuid: string): Promise<unknown> {
  const one = await handle.read.selectFrom('account').selectAll().where('uuid', '=', uuid).executeTakeFirstOrThrow();
  const identifiers = await handle.read
    .selectFrom('identifier')
    .select(['kind', 'value', 'pending', 'verified_at'])
    .where('account_id', '=', one.id)
    .orderBy('id')
    .execute();
  const { failed_attempts, ...account } = one;
  return { account, identifiers };
}

describe('keys that a body has no business with', () => {
  const world = sharedWorld({ env: { GUICHET_RATE_LIMITS: 'off' } });

  it('say nothing of the account that they register, before and after it is confirmed', async () => {
    const { address, another, codeFor } = world();
    const email = address();
    const client = another();
    const made = accountIn(await client.post('/register', { email, password: PASSWORD, ...WISHES }));
    assert.deepEqual(
      [made.role_id, made.accountable_type, made.accountable_id, made.account_confirmed, made.two_factor_enabled],
      [1, 'Account', made.id, false, false],
    );
    assert.ok(made.id !== WISHES.id && made.uuid !== WISHES.uuid && made.created_at !== WISHES.created_at);
    assertRefused(await client.signIn(email, PASSWORD, WISHES), 403, 'account_not_confirmed');
    const otp = await codeFor(email);
    const confirmed = accountIn(await client.post('/confirm', { identifier: email, otp, ...WISHES }));
    const signedIn = assertSignedIn(await client.signIn(email, PASSWORD, WISHES));
    for (const account of [confirmed, signedIn]) {
      const now = { account_confirmed: true };
      for (const key of WISHED) assert.deepEqual(account[key], { ...made, ...now }[key], key);
    }
    assert.equal(signedIn.sign_in_count, 1);
  });

  for (const line of Object.keys(BODIES)) {
    it(`change nothing of the account, its own or another’s: ${line}`, async () => {
      const { account, signedIn } = world();
      const [mine, theirs] = [await signedIn(), await account()];
      const before = [await kept(world(), mine.account.uuid), await kept(world(), theirs.uuid)];
      const [method, path] = split(line);
      // Fields that are right in form, and lead to nothing by themselves.
      const wrong = { password: 'wrong password', current_password: 'wrong', identifier: theirs.email };
      const wishes = { ...WISHES, id: theirs.id, account_id: theirs.id, uuid: theirs.uuid };
      const { client } = mine;
      const of: Asking = { body: { ...BODIES[line], ...wrong, ...wishes } };
      const answer = await client.ask(method, path, SIGNED_IN.includes(line) ? of : { ...of, token: null });
      assert.ok(answer.status < 500, answer.text);
      assert.notEqual(answer.status, 422, answer.text);
      assert.deepEqual([await kept(world(), mine.account.uuid), await kept(world(), theirs.uuid)], before);
      assert.equal((await client.get('/me')).status, 200);
    });
  }

  it('have no say in a second factor, nor in a password that is reset', async () => {
    const { another, codeFor, signedIn, totp } = world();
    const { account, client, email } = await signedIn();
    const asked = { password: PASSWORD, channel: 'totp', ...WISHES, secret: 'A'.repeat(32), recovery_codes: ['x'] };
    const { secret = '' } = (await client.post('/2fa/enable', asked)).body;
    assert.notEqual(secret, asked.secret);
    assert.equal(accountIn(await client.get('/me')).two_factor_enabled, false);
    const { recovery_codes = [] } = (await client.post('/2fa/confirm', { ...WISHES, otp: totp(secret) })).body;
    assert.equal(recovery_codes.length, 10);
    const off = { ...WISHES, two_factor_enabled: false, code_factor: null };
    const { challenge } = (await another().post('/password/forgot', { identifier: email, ...off })).body;
    const reset = { identifier: email, challenge, otp: await codeFor(email), password: OTHER_PASSWORD };
    assert.equal((await another().post('/password/reset', { ...off, ...reset })).status, 200);
    assert.equal((await client.signIn(email, OTHER_PASSWORD, off)).status, 202);
    const signedInAgain = assertSignedIn(await client.verify(email, recovery_codes[0] ?? '', off));
    assert.deepEqual(
      [signedInAgain.two_factor_enabled, signedInAgain.role_id, signedInAgain.id, signedInAgain.sign_in_count],
      [true, 1, account.id, 2],
    );
  });

  it('name no other account in what the signed-in one changes', async () => {
    const { account, another, codeFor, number, signedIn } = world();
    const [mine, theirs] = [await signedIn(), await account()];
    const before = await kept(world(), theirs.uuid);
    const { client } = mine;
    const aim = {
      identifier: theirs.email,
      email: theirs.email,
      account_id: theirs.id,
      uuid: theirs.uuid,
      id: theirs.id,
    };
    const phone = number();
    await client.post('/phone/change', { ...aim, phone, password: PASSWORD });
    assert.equal(accountIn(await client.post('/phone/verify', { ...aim, otp: await codeFor(phone) })).phone, phone);
    await client.put('/password', { ...aim, current_password: PASSWORD, password: OTHER_PASSWORD });
    assertSignedIn(await another().signIn(mine.email, OTHER_PASSWORD));
    assertDone(await client.delete('/account', { ...aim, password: OTHER_PASSWORD }), 'Votre compte a été supprimé.');
    assert.deepEqual(await kept(world(), theirs.uuid), before);
    assertSignedIn(await another().signIn(theirs.email));
  });
});

describe('cookies', () => {
  const world = sharedWorld();

  it('are neither read nor set, whatever a browser sends along', async () => {
    const { account, another, app } = world();
    const { email } = await account();
    const payload = { email, password: PASSWORD };
    const browser = await app.inject({ method: 'POST', url: '/v1/auth/login', payload });
    const jar = browser.cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
    assert.match(jar, /accessToken=.*refreshToken=/);
    const own = another();
    await own.signIn(email);
    for (const name of ['accessToken', 'access_token', 'token', 'Authorization', 'session', 'refreshToken']) {
      const headers = {
        cookie: `${name}=${own.accessToken}`,
        'x-forwarded-authorization': `Bearer ${own.accessToken}`,
      };
      assertRefused(await another({ headers }).get('/me'), 401, 'invalid_token');
    }
    const client = another({ headers: { cookie: jar } });
    for (const line of SIGNED_IN) {
      const [method, path] = split(line);
      const body = BODIES[line];
      // Who signs out without one is a browser of the sanctum contract (rule 33).
      if (line === 'POST /logout') continue;
      assertRefused(await client.ask(method, path, { ...(body && { body }), token: null }), 401, 'invalid_token');
    }
    const cookies = Object.fromEntries(browser.cookies.map(({ name, value }) => [name, value]));
    assert.equal((await app.inject({ url: '/v1/auth/me', cookies })).statusCode, 200);
    assertSignedIn(await client.signIn(email));
    assert.equal((await app.inject({ url: '/v1/auth/me', cookies })).statusCode, 200);
    await client.post('/logout');
    assert.equal((await app.inject({ url: '/v1/auth/me', cookies })).statusCode, 200);
  });

  it('make no client known: that is for the token in the body', async () => {
    const { account, another, app } = world();
    const { email } = await account();
    const payload = { email, password: PASSWORD };
    const browser = await app.inject({ method: 'POST', url: '/v1/auth/login', payload });
    const known = browser.cookies.find(({ name }) => name === 'guichet_client')?.value;
    assert.ok(known);
    for (let count = 0; count < 10; count += 1) await another().signIn(email, 'wrong');
    const client = another({ headers: { cookie: `guichet_client=${known}` } });
    assert.equal((await client.signIn(email)).status, 423);
    assertSignedIn(await client.signIn(email, PASSWORD, { client_token: known }));
  });
});

describe('the access token', () => {
  const world = sharedWorld();

  it('is taken from the header alone', async () => {
    const { app, signedIn } = world();
    const { client } = await signedIn();
    const token = client.accessToken ?? '';
    for (const name of ['token', 'access_token', 'accessToken', 'authorization', 'bearer', 'jwt']) {
      const query = `?${name}=${token}`;
      assertRefused(await client.get(`/me${query}`, { token: null }), 401, 'invalid_token');
      assertRefused(await client.get(`/me?${name}=Bearer%20${token}`, { token: null }), 401, 'invalid_token');
      const body = { password: PASSWORD, [name]: token };
      assertRefused(await client.delete(`/sessions${query}`, body, { token: null }), 401, 'invalid_token');
      assertRefused(await client.post('/reauthenticate', body, { token: null }), 401, 'invalid_token');
      assertRefused(await client.delete('/account', body, { token: null }), 401, 'invalid_token');
      const headers = { [`x-${name.replace('_', '-')}`]: token };
      assertRefused(await client.get('/me', { token: null, headers }), 401, 'invalid_token');
    }
    const form = await app.inject({
      method: 'POST',
      url: '/api/v1/auth/logout',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: `access_token=${token}`,
    });
    assert.notEqual(form.statusCode, 200);
    assert.equal((await client.get('/me')).status, 200);
  });

  it('is taken under the scheme Bearer alone, however that is written', async () => {
    const { client } = await world().signedIn();
    const token = client.accessToken ?? '';
    const ask = (authorization: string) => client.get('/me', { token: null, headers: { authorization } });
    for (const good of [`Bearer ${token}`, `bearer ${token}`, `BEARER   ${token}`]) {
      assert.equal((await ask(good)).status, 200, good);
    }
    const basic = `Basic ${Buffer.from(`user:${token}`).toString('base64')}`;
    for (const bad of [
      token,
      `Bearer${token}`,
      `Token ${token}`,
      basic,
      `Bearer ${token}, Bearer ${token}`,
      `Bearer "${token}"`,
      `Bearer ${token} x`,
      'Bearer',
      'Bearer ',
    ]) {
      assertRefused(await ask(bad), 401, 'invalid_token');
    }
  });

  it('is no refresh token, nor the other way round', async () => {
    const { client } = await world().signedIn();
    assertRefused(await client.get('/me', { token: client.refreshToken }), 401, 'invalid_token');
    assertRefused(await client.refresh(client.accessToken ?? ''), 401, 'invalid_token');
    assert.equal((await client.refresh()).status, 200);
  });
});

describe('a body where none is asked for', () => {
  const world = sharedWorld();

  it('says nothing', async () => {
    const { another, signedIn } = world();
    const { client, email } = await signedIn();
    const other = another();
    await other.signIn(email);
    const { sessions = [] } = (await client.get('/sessions')).body;
    const own = sessions.find(({ current }) => current)?.uuid;
    assertDone(
      await client.delete('/sessions', { uuid: own, all: true }),
      'Toutes vos autres sessions ont été déconnectées.',
    );
    assert.equal((await client.get('/me')).status, 200);
    assertRefused(await other.get('/me'), 401, 'token_expired');
    assertDone(await client.delete(`/sessions/${own}`, { uuid: 'x' }), 'Session terminée.');
  });

  it('must be one that can be read all the same', async () => {
    const { client } = await world().signedIn();
    assertRefused(await client.delete('/sessions', undefined, { raw: '{' }), 400, 'invalid_json');
    assertRefused(await client.post('/logout', undefined, { raw: '{' }), 400, 'invalid_json');
    assert.equal((await client.get('/me')).status, 200);
  });
});
