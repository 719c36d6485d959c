import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bearer as contract } from '../../../src/contracts/bearer/contract.ts';
import { openGitHub } from '../../support/github-look-alike.ts';
import { assertRefused, assertShape, NOT_JSON } from './answers.ts';
import { type Answer, type Asking, type Client, type OpenedClient, openClient, sharedWorld } from './client.ts';
import { ALL, BODIES, NULLABLE, named, REQUIRED, SIGNED_IN, split } from './lines.ts';

const WRONG_TYPE = 'This field has the wrong type';
const NEEDED = 'This field is required';
const TOO_LONG = 'This value is too long';
const TOO_SHORT = 'This value is too short';
const MALFORMED = 'This value is not accepted';
const REFUSED = 'VALIDATION_ERROR';

describe('the lines of the contract', () => {
  it('are all looked at', () => {
    const lines = contract.routes.map(({ method, path }) => `${method} ${path}`);
    assert.deepEqual(ALL.map(named).sort(), lines.sort());
    const taking = contract.routes.filter(({ takes }) => takes);
    const fields = Object.fromEntries(
      Object.entries(BODIES).map(([line, body]) => [named(line), Object.keys(body).sort()]),
    );
    assert.deepEqual(
      fields,
      Object.fromEntries(
        taking.map(({ method, path, takes }) => [
          `${method} ${path}`,
          Object.keys((takes as unknown as { properties: object }).properties).sort(),
        ]),
      ),
    );
  });
});

describe('a body’s fields', () => {
  const env: Record<string, string> = {
    GUICHET_RATE_LIMITS: 'off',
    GUICHET_GITHUB_CLIENT_ID: 'Iv1.8a61f9b3a7aba766',
    GUICHET_GITHUB_CLIENT_SECRET: 'f'.repeat(40),
  };
  const world = sharedWorld({ env });
  const asker = async (line: string): Promise<Client> =>
    SIGNED_IN.includes(line) ? (await world().signedIn()).client : world().another();
  /** Some of what is asked below is done, and ends the session that asked. */
  const assertAnswered = (answer: Answer, what: string): void => {
    assert.ok(answer.status < 500, `${what}: ${answer.status} ${answer.text}`);
    assertShape(answer);
  };

  for (const [line, good] of Object.entries(BODIES)) {
    const [method, path] = split(line);
    const needed = REQUIRED[line] ?? [];
    const nullable = NULLABLE[line] ?? [];
    const entries = Object.entries(good);

    it(`${line} needs what it needs, and says of each that it is missing`, async () => {
      const client = await asker(line);
      if (needed.length > 0) {
        const fields = Object.fromEntries(needed.map((field) => [field, NEEDED]));
        for (const nothing of [{}, { body: {} }, { raw: '' }, { raw: 'null' }]) {
          assertRefused(await client.ask(method, path, nothing), 400, REFUSED, { fields });
        }
      }
      for (const field of needed) {
        const answer = await client.ask(method, path, { body: { ...good, [field]: undefined } });
        assertRefused(answer, 400, REFUSED, { fields: { [field]: NEEDED } });
      }
    });

    it(`R139: ${line} refuses a field of another type, and says which`, async () => {
      const client = await asker(line);
      for (const [field, value] of entries) {
        const kind = typeof value;
        const others: unknown[] = [null, 0, 12345, 1.5, [], ['a'], ...(kind === 'object' ? [] : [{}, { $gt: '' }])];
        if (kind !== 'boolean') others.push(true, false);
        if (kind !== 'string') others.push('true', '');
        for (const other of others) {
          if (other === null && nullable.includes(field)) continue;
          const answer = await client.ask(method, path, { body: { ...good, [field]: other } });
          assertRefused(answer, 400, REFUSED, { fields: { [field]: WRONG_TYPE }, what: `${field} ${other}` });
        }
      }
    });

    it(`R142: ${line} refuses what no field can hold, and a text that is too long`, async () => {
      const client = await asker(line);
      for (const [field, value] of entries) {
        if (typeof value !== 'string') continue;
        for (const hostile of ['a\u0000b', '\u0000']) {
          const answer = await client.ask(method, path, { body: { ...good, [field]: hostile } });
          assertRefused(answer, 400, REFUSED, { fields: { [field]: MALFORMED } });
        }
        for (const half of ['\\ud83d', '\\ude00x', '\\ude00\\ud83d']) {
          const raw = JSON.stringify({ ...good, [field]: 'HALF' }).replace('HALF', half);
          const answer = await client.ask(method, path, { raw });
          assertRefused(answer, 400, REFUSED, { fields: { [field]: MALFORMED } });
        }
        const long = await client.ask(method, path, { body: { ...good, [field]: 'x'.repeat(5 * 1024) } });
        assertRefused(long, 400, REFUSED, { fields: { [field]: TOO_LONG } });
      }
    });

    it(`R139: ${line} answers any text in its own shape`, async () => {
      const texts = ['', ' ', '٠١٢٣٤٥', '１２３４５６', '😀', '\u202eabc', 'مرحبا', "' or 1=1 --", '%00', '<b>', '\n'];
      for (const [field, value] of entries) {
        if (typeof value !== 'string') continue;
        const client = await asker(line);
        for (const text of texts) {
          const what = `${field} ${JSON.stringify(text)}`;
          assertAnswered(await client.ask(method, path, { body: { [field]: text } }), `${what} alone`);
          assertAnswered(await client.ask(method, path, { body: { ...good, [field]: text } }), what);
        }
      }
    });

    it(`R140: ${line} refuses keys that two readers could read in two ways`, async () => {
      const client = await asker(line);
      const [[first, value] = ['x', 'y']] = entries;
      const whole = JSON.stringify(good).slice(1);
      const raws = [
        `{"${first}":${JSON.stringify(value)},${whole}`,
        `{"${first.toUpperCase()}":"x",${whole}`,
        `{"__proto__":{"isAdmin":true},${whole}`,
        `{"constructor":{"prototype":{"isAdmin":true}},${whole}`,
        `{"\\u005f_proto__":{"isAdmin":true},${whole}`,
        `{"a":{"__proto__":null},${whole}`,
      ];
      for (const raw of raws) assertRefused(await client.ask(method, path, { raw }), 400, REFUSED, NOT_JSON);
      assert.equal(({} as { isAdmin?: boolean }).isAdmin, undefined);
    });

    it(`${line} is no object’s but an object’s`, async () => {
      const client = await asker(line);
      for (const raw of ['[]', '"text"', '1', 'true', '[{}]']) {
        assertRefused(await client.ask(method, path, { raw }), 400, REFUSED, { fields: { body: WRONG_TYPE } });
      }
    });

    it(`R122: ${line} drops keys that it does not know`, async () => {
      const wishes = {
        role: 'ADMIN',
        role_id: 99,
        is_admin: true,
        emailVerified: true,
        two_factor_enabled: true,
        permissions: ['*'],
        id: 1,
        userId: 'user_550e8400-e29b-41d4-a716-446655440000',
        contract: 'cookie',
        kind: 'phone',
        mustBeProven: 'any',
        live: { account: { id: 1 } },
        caller: { address: '127.0.0.1' },
        accountId: 1,
        uuid: 'x',
        channel: 'email',
        proof: 'x',
        factorOptional: true,
      };
      const client = await asker(line);
      const answer = await client.ask(method, path, { body: { ...good, ...wishes } });
      assertAnswered(answer, line);
      const without = await (await asker(line)).ask(method, path, { body: { ...good, email: other(world(), good) } });
      assert.ok(answer.status === without.status || answer.status === 409, `${answer.text} ${without.text}`);
    });
  }

  /** The same body, but where an address is taken once it was used. */
  const other = (world: OpenedClient, { email }: Record<string, unknown>): unknown =>
    email === 'new@example.com' ? world.address() : email;

  it('lines that take no body read none, whatever is in it', async () => {
    const lines = ALL.filter((line) => !BODIES[line] && !line.startsWith('GET'));
    assert.ok(lines.length >= 3);
    for (const line of lines) {
      const [method, path] = split(line);
      for (const body of [{}, [], 'text', { token: 'x', session: 'y' }]) {
        const { client } = await world().signedIn();
        const answer = await client.ask(method, path, { body });
        assertAnswered(answer, line);
        const { client: without } = await world().signedIn();
        assert.equal(answer.status, (await without.ask(method, path)).status, line);
      }
    }
  });

  it('an unknown key of a profile is dropped, and the answer shows none', async () => {
    const { client, email } = await world().signedIn();
    const answer = await client.patch('/user', {
      name: 'Ada',
      email: 'other@example.com',
      emailVerified: false,
      id: 'user_1',
      createdAt: '2020-01-01T00:00:00.000Z',
      role: 'ADMIN',
    });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(
      [answer.body.user?.name, answer.body.user?.email, answer.body.user?.emailVerified],
      ['Ada', email, true],
    );
    assert.deepEqual(Object.keys(answer.body.user ?? {}).sort(), [
      'createdAt',
      'email',
      'emailVerified',
      'id',
      'image',
      'name',
    ]);
  });

  it('R122: PATCH /user changes its own session’s account alone, whatever session the body names', async () => {
    const [mine, theirs] = [await world().signedIn(), await world().signedIn()];
    const { id = '' } = (await theirs.client.get('/session')).body.session ?? {};
    const session = { id: id.replace('session_', ''), contract: 'bearer' };
    const live = { account: { id: theirs.account.id }, session };
    const answer = await mine.client.patch('/user', { name: 'Mallory', live, caller: {}, account: live.account });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual([answer.body.user?.email, answer.body.user?.name], [mine.email, 'Mallory']);
    assert.equal((await theirs.client.get('/session')).body.user?.name, null);
  });

  it('R122: what a body says of the contract is recorded of nobody', async () => {
    const { account, client, email } = await world().signedIn();
    for (const contract of ['sanctum', 'operator', { a: 1 }, 7, null]) {
      const mailed = { email, contract };
      assert.equal((await client.post('/send-magic-link', mailed)).status, 200);
      assert.equal((await client.post('/forgot-password', mailed)).status, 200);
      // So that the newest link is known to be the newest.
      world().clock.advance({ seconds: 1 });
    }
    const token = await world().linkToken(email, '/reset-password');
    const reset = { token, password: 'granite otter parade', contract: 'operator' };
    assert.equal((await client.post('/reset-password', reset)).status, 200);
    const recorded = await world()
      .handle.read.selectFrom('audit_event')
      .select(['contract', 'kind'])
      .where('account_uuid', '=', account.uuid)
      .where('kind', 'in', ['magic_link.requested', 'password.reset_requested', 'password.reset'])
      .execute();
    assert.equal(new Set(recorded.map(({ kind }) => kind)).size, 3);
    for (const { contract, kind } of recorded) assert.equal(contract, 'bearer', kind);
  });

  it('a key that nobody knows makes no other request of one that asks for a passkey’s options', async () => {
    const { client } = await world().signedIn();
    await client.addPasskey();
    for (const body of [undefined, {}, { unknown: 'key' }]) {
      const answer = await client.post('/reauthenticate', body);
      assert.deepEqual([answer.status, Object.keys(answer.body)], [200, ['options']], answer.text);
    }
  });

  it('an address that is none is named where somebody is to be mailed, and nobody’s where somebody signs in', async () => {
    const { client } = await world().signedIn();
    const email = 'This is not a valid email address';
    for (const bad of [
      'nobody',
      'a@',
      '@b.example',
      'a b@c.example',
      'a@b@c.example',
      'a@b..example',
      '+33612345678',
    ]) {
      const taken = await world().another().signUp(bad);
      assertRefused(taken, 400, REFUSED, { fields: { email }, what: bad });
      const changed = await client.post('/change-email', { newEmail: bad });
      assertRefused(changed, 400, REFUSED, { fields: { newEmail: email }, what: bad });
      assertRefused(await world().another().signIn(bad), 401, 'INVALID_CREDENTIALS');
    }
    assertRefused(await world().another().signUp(''), 400, REFUSED, { fields: { email: TOO_SHORT } });
  });

  it('a second step’s answer is needed by neither of its names, but one of them is', async () => {
    const asked = (path: string, body: object) => world().another().post(path, body);
    assertRefused(await asked('/magic-link/verify', {}), 400, REFUSED, { fields: { token: NEEDED } });
    assertRefused(await asked('/exchange', {}), 400, REFUSED, { fields: { code: NEEDED } });
    assertRefused(await asked('/exchange', { token: 'A'.repeat(43) }), 400, REFUSED, { fields: { code: NEEDED } });
  });
});

describe('what a browser’s address says', () => {
  it('is one text for each name, of the form that the name has', async (t) => {
    const github = await openGitHub(t);
    const { another } = await openClient(t, {
      env: {
        GUICHET_GITHUB_CLIENT_ID: github.clientId,
        GUICHET_GITHUB_CLIENT_SECRET: github.clientSecret,
        GUICHET_GITHUB_BASE_URL: github.url,
        GUICHET_GITHUB_API_URL: github.apiUrl,
      },
    });
    const back = encodeURIComponent('http://localhost:3000/app');
    const asked = (query: string): Promise<Answer> => another().get(`/oauth/github?${query}`);
    assert.equal((await asked(`redirectUrl=${back}`)).status, 302);
    assert.equal((await asked(`redirectUrl=${back}&unknown=1&unknown=2`)).status, 302);
    for (const [query, field, flaw] of [
      [`redirectUrl=${back}&redirectUrl=${back}`, 'redirectUrl', WRONG_TYPE],
      ['redirectUrl=', 'redirectUrl', TOO_SHORT],
      [`redirectUrl=${back}${'x'.repeat(3000)}`, 'redirectUrl', TOO_LONG],
      ['redirectUrl=%00', 'redirectUrl', MALFORMED],
      ['redirectUrl=https%3A%2F%2Fevil.example', 'redirectUrl', MALFORMED],
      [`redirectUrl=${back}&codeChallenge=short`, 'codeChallenge', MALFORMED],
      [`redirectUrl=${back}&codeChallenge=${'x'.repeat(200)}`, 'codeChallenge', TOO_LONG],
      [`codeChallenge=${'A'.repeat(43)}`, 'redirectUrl', NEEDED],
    ] as const) {
      assertRefused(await asked(query), 400, REFUSED, { fields: { [field]: flaw }, what: query });
    }
    for (const ticket of ['', 'x', '%00', 'A'.repeat(43), '%F0%9F%98%80']) {
      assertRefused(await asked(`ticket=${ticket}`), 400, 'INVALID_TOKEN', { what: ticket });
    }
  });

  it('names nothing with an id of another form', async (t) => {
    const { signedIn } = await openClient(t);
    const { client } = await signedIn();
    const uuid = '550e8400-e29b-41d4-a716-446655440000';
    const asking: Asking = { body: { name: 'x' } };
    for (const id of [
      uuid,
      '1',
      'session_1',
      `SESSION_${uuid}`,
      `session_${uuid.toUpperCase()}`,
      '%00',
      'session_%ff',
    ]) {
      assertRefused(await client.delete(`/sessions/${id}`), 404, 'NOT_FOUND', { what: id });
    }
    for (const id of [uuid, `session_${uuid}`, `passkey_${uuid}`, 'passkey_', '..%2fuser']) {
      assertRefused(await client.delete(`/passkeys/${id}`), 404, 'NOT_FOUND', { what: id });
      assertRefused(await client.ask('PATCH', `/passkeys/${id}`, asking), 404, 'NOT_FOUND', { what: id });
    }
    assert.equal((await client.get('/session')).status, 200);
  });
});
