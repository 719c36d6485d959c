import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import pg from 'pg';
import { Failure } from '../../../src/core/failure.ts';
import { hasPostgres } from '../../support/databases.ts';
import { type Answer, assertRefused, WORDS } from './answers.ts';
import { type OpenedClient, openClient, PASSWORD, sharedWorld, WRONG } from './client.ts';
import { ALL, BODIES, SIGNED_IN, split } from './lines.ts';

/** What two answers must have in common that tell nothing: all but the request's own id and time. */
const told = ({ body, headers, status }: Answer) => ({
  status,
  body,
  headers: Object.keys(headers).filter((name) => name !== 'date'),
});

describe('a wrong identifier or password', () => {
  const world = sharedWorld();

  it('is one answer, whatever of it is wrong', async () => {
    const { account, address, another, identity, number } = world();
    const { email } = await account();
    const disabled = await account();
    await identity.lockAccount({ uuid: disabled.uuid });
    const unconfirmed = await account({ verified: false });
    const answers: Answer[] = [];
    for (const [identifier, password] of [
      [email, WRONG],
      [email, ''],
      [email, 'x'.repeat(4096)],
      [address(), PASSWORD],
      [number(), PASSWORD],
      ['nobody', PASSWORD],
      [disabled.email, PASSWORD],
      [unconfirmed.email, WRONG],
    ]) {
      answers.push(await another().signIn(identifier ?? '', password));
      answers.push(await another().verify(identifier ?? '', '123456', { password }));
    }
    for (const answer of answers) {
      assertRefused(answer, 401, 'invalid_credentials');
      assert.deepEqual(told(answer), told(answers[0] as Answer));
    }
  });

  it('counts each time, and locks with the tenth, whether or not the account exists', async () => {
    const { account, address, another, number } = world();
    const phone = number();
    await account({ phone });
    for (const identifier of [(await account()).email, phone, address(), number(), 'nobody at all']) {
      for (let count = 0; count < 10; count += 1) {
        assertRefused(await another().signIn(identifier, WRONG), 401, 'invalid_credentials');
      }
      for (const answer of [
        await another().signIn(identifier),
        await another().verify(identifier, '123456', { password: PASSWORD }),
      ]) {
        assertRefused(answer, 423, 'account_locked', {
          message: 'Trop de tentatives échouées. Réessayez dans 15 minutes.',
          retryAfter: 900,
        });
      }
    }
  });

  it('says how long is left of a lock, and locks twice as long the next time', async () => {
    const { account, another, clock } = world();
    const { email } = await account();
    const assertLocked = async (message: string, retryAfter: number): Promise<void> =>
      assertRefused(await another().signIn(email), 423, 'account_locked', {
        message: `Trop de tentatives échouées. Réessayez dans ${message}.`,
        retryAfter,
      });
    for (let count = 0; count < 10; count += 1) await another().signIn(email, WRONG);
    clock.advance({ minutes: 5 });
    await assertLocked('10 minutes', 600);
    clock.advance({ minutes: 9, seconds: 1 });
    await assertLocked('59 secondes', 59);
    clock.advance({ seconds: 59 });
    for (let count = 0; count < 10; count += 1) {
      assertRefused(await another().signIn(email, WRONG), 401, 'invalid_credentials');
    }
    await assertLocked('30 minutes', 1800);
  });

  it('locks one account under every spelling of its identifiers', async () => {
    const { account, another } = world();
    await account({ phone: '+33612987654', email: 'Spelled@example.com' });
    for (const identifier of ['spelled@example.com', ' SPELLED@EXAMPLE.COM ', 'Spelled@Example.com']) {
      for (let count = 0; count < 4; count += 1) await another().signIn(identifier, WRONG);
    }
    for (const identifier of ['spelled@example.com', 'SPELLED@example.com']) {
      assert.equal((await another().signIn(identifier)).status, 423, identifier);
    }
    for (const identifier of ['+33612987654', '0612987654', '06 12 98 76 54', '0033612987654', '06.12.98.76.54']) {
      for (let count = 0; count < 2; count += 1) await another().signIn(identifier, WRONG);
    }
    assert.equal((await another().signIn('+33 6 12 98 76 54')).status, 423);
  });

  it('leaves a client in that the account knows', async () => {
    const { another, signedIn } = world();
    const { client, email } = await signedIn();
    const { clientToken: client_token } = client;
    for (let count = 0; count < 10; count += 1) await another().signIn(email, WRONG);
    assert.equal((await another().signIn(email)).status, 423);
    assert.equal((await client.signIn(email, PASSWORD, { client_token })).status, 200);
    assert.equal((await client.get('/me')).status, 200);
  });

  it('is too many from one network after thirty in five minutes', async () => {
    const { account, another, address, clock } = world();
    const { email } = await account();
    const client = another({ address: '198.51.100.7' });
    for (let count = 0; count < 30; count += 1) await client.signIn(address(), WRONG);
    clock.advance({ minutes: 4 });
    assertRefused(await another({ address: '198.51.100.200' }).signIn(email), 429, 'rate_limited', {
      message: 'Trop de requêtes. Réessayez dans 60 secondes.',
      retryAfter: 60,
    });
    assert.equal((await another().signIn(email)).status, 200);
  });
});

describe('a missing or bad token', () => {
  const world = sharedWorld();

  it('is refused on every line that needs one', async () => {
    const client = world().another();
    for (const line of SIGNED_IN) {
      const [method, path] = split(line);
      const body = BODIES[line];
      // Who signs out without one is a browser of the sanctum contract (rule 33).
      if (line !== 'POST /logout') {
        const none = await client.ask(method, path, { ...(body && { body }) });
        assertRefused(none, 401, 'invalid_token');
        assert.equal(none.headers['www-authenticate'], 'Bearer', line);
      }
      const bad = await client.ask(method, path, { ...(body && { body }), token: 'a.b.c' });
      assertRefused(bad, 401, 'invalid_token');
      assert.equal(bad.headers['www-authenticate'], 'Bearer error="invalid_token"', line);
    }
  });

  it('is told apart from one whose session has ended', async () => {
    const { signedIn } = world();
    const { client, email } = await signedIn();
    const token = client.accessToken ?? '';
    await client.post('/logout');
    for (const line of SIGNED_IN) {
      const [method, path] = split(line);
      const answer = await client.ask(method, path, { ...(BODIES[line] && { body: BODIES[line] }), token });
      assertRefused(answer, 401, 'token_expired');
      assert.equal(answer.headers['www-authenticate'], 'Bearer error="invalid_token"', line);
    }
    assert.equal((await client.signIn(email)).status, 200);
  });

  it('is what an operator’s lock makes of every one', async () => {
    const { identity, signedIn } = world();
    const { account, client } = await signedIn();
    await identity.lockAccount({ uuid: account.uuid });
    assertRefused(await client.get('/me'), 401, 'token_expired');
    assertRefused(await client.refresh(), 401, 'token_expired');
  });
});

/** Dropped, as PostgreSQL has nothing else that a test could take away from a server that others use. */
async function takeAway({ handle, settings }: OpenedClient, database: 'sqlite' | 'postgres'): Promise<void> {
  if (database === 'sqlite') return handle.close();
  const url = new URL(settings.GUICHET_DATABASE_URL);
  const admin = new pg.Client({ connectionString: Object.assign(new URL(url), { pathname: '/postgres' }).href });
  await admin.connect();
  await admin.query(`drop database ${url.pathname.slice(1)} with (force)`);
  await admin.end();
}

describe('what the server cannot do', () => {
  it('is a fault in this contract’s shape, and tells nothing of it', async (t) => {
    const advice = { flawOf: () => Promise.reject(new Error('secret inner words')) };
    const { another } = await openClient(t, { overrides: { passwordAdvice: advice } });
    const answer = await another().post('/register', { email: 'ada@example.com', password: PASSWORD });
    assertRefused(answer, 500, 'server_error');
  });

  it('is told when too much is going on, with when to come again', async (t) => {
    const busy = new Failure('overloaded', { retryAfterSeconds: 5 });
    const { another } = await openClient(t, { overrides: { passwordAdvice: { flawOf: () => Promise.reject(busy) } } });
    const answer = await another().post('/register', { email: 'ada@example.com', password: PASSWORD });
    assertRefused(answer, 503, 'unavailable', { retryAfter: 5 });
  });

  for (const database of ['sqlite', 'postgres'] as const) {
    const skip = database === 'postgres' && !hasPostgres ? 'no PostgreSQL server' : false;
    it(`is told on every line while the database is away, on ${database}`, { skip }, async (t) => {
      // A database that is gone cannot be closed in good order, either.
      const undo: (() => unknown)[] = [];
      t.after(async () => {
        for (const work of undo.reverse()) await Promise.resolve(work()).catch(() => {});
      });
      const env = { GUICHET_RATE_LIMITS: 'off' };
      const opened = await openClient({ after: (work) => void undo.push(async () => work()) }, { database, env });
      const { client } = await opened.signedIn();
      await takeAway(opened, database);
      opened.clock.advance({ seconds: 2 });
      for (const line of ALL) {
        const [method, path] = split(line);
        const answer = await client.ask(method, path, { ...(BODIES[line] && { body: BODIES[line] }) });
        assertRefused(answer, 503, 'unavailable', { retryAfter: 2 });
        assert.equal(answer.headers['set-cookie'], undefined, line);
      }
    });
  }
});

describe('what a request is refused for before anybody looks at it', () => {
  const world = sharedWorld();

  it('a path that there is none of', async () => {
    const { client } = await world().signedIn();
    for (const path of ['', '/', '/nothing', '/me/', '/ME', '/me/x.css', '/2fa', '//me', '/%zz', '/sessions/%ff']) {
      assertRefused(await client.get(path), 404, 'not_found');
      assertRefused(await client.post(path, { identifier: 'x' }), 404, 'not_found');
    }
  });

  it('a method that a path does not take, with those that it takes', async () => {
    const client = world().another();
    for (const [method, path, allow] of [
      ['GET', '/login', 'POST'],
      ['PUT', '/login', 'POST'],
      ['DELETE', '/logout', 'POST'],
      ['POST', '/me', 'GET, HEAD'],
      ['POST', '/sessions', 'GET, DELETE, HEAD'],
      ['GET', '/sessions/550e8400-e29b-41d4-a716-446655440000', 'DELETE'],
      ['PATCH', '/password', 'PUT'],
      ['GET', '/account', 'DELETE'],
      ['GET', '/unlock', 'POST'],
    ] as const) {
      const answer = await client.ask(method, path);
      assertRefused(answer, 405, 'method_not_allowed');
      assert.deepEqual(String(answer.headers['allow']).split(', ').sort(), allow.split(', ').sort());
    }
  });

  it('a body of another type', async () => {
    const { client } = await world().signedIn();
    for (const line of ALL) {
      const [method, path] = split(line);
      if (method === 'GET') continue;
      for (const type of [
        'text/plain',
        'application/x-www-form-urlencoded',
        'application/xml',
        'multipart/form-data',
      ]) {
        // A form is never this contract's to sign in with (rule 33).
        if (line === 'POST /login' && type === 'application/x-www-form-urlencoded') continue;
        const answer = await client.ask(method, path, { raw: 'identifier=x', headers: { 'content-type': type } });
        assertRefused(answer, 415, 'unsupported_media_type');
      }
    }
    assert.equal((await client.get('/me')).status, 200);
  });

  it('a body that is not JSON', async () => {
    const { client } = await world().signedIn();
    const raws = [
      '{',
      '{"identifier": "a",}',
      "{'identifier': 'a'}",
      'identifier=a',
      '\ufeff{}',
      '{"identifier":"a","identifier":"b"}',
      '{"identifier":"a","Identifier":"b"}',
      '{"__proto__":{"admin":true}}',
      '{"constructor":{"prototype":{"admin":true}}}',
      Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
    ];
    for (const line of Object.keys(BODIES)) {
      const [method, path] = split(line);
      for (const raw of raws) assertRefused(await client.ask(method, path, { raw }), 400, 'invalid_json');
    }
    assert.equal((await client.get('/me')).status, 200);
  });

  it('a body that is too large', async () => {
    const { client } = await world().signedIn();
    const body = { identifier: 'a', padding: 'x'.repeat(64 * 1024) };
    for (const line of Object.keys(BODIES)) {
      const [method, path] = split(line);
      assertRefused(await client.ask(method, path, { body }), 413, 'payload_too_large');
    }
  });

  it('a page of an origin that is not listed', async () => {
    const { client, email } = await world().signedIn();
    const message = 'Les requêtes de cette origine ne sont pas acceptées.';
    for (const headers of [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
    ]) {
      const login = await client.post('/login', { identifier: email, password: PASSWORD }, { headers, token: null });
      assertRefused(login, 403, 'forbidden_origin', { message });
      assertRefused(await client.delete('/account', undefined, { headers }), 403, 'forbidden_origin', { message });
    }
    const listed = { headers: { origin: 'http://localhost:5173' } };
    const answer = await client.get('/me', listed);
    assert.deepEqual(
      [answer.headers['access-control-allow-origin'], answer.headers['access-control-allow-credentials']],
      ['http://localhost:5173', undefined],
    );
  });

  it('each in words of its own', () => {
    assert.equal(new Set(Object.values(WORDS)).size, Object.keys(WORDS).length);
  });
});
