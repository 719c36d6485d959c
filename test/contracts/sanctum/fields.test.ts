import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hasPostgres } from '../../support/databases.ts';
import {
  type Answer,
  type Asking,
  assertInvalid,
  assertRefused,
  openClient,
  PASSWORD,
  SESSION,
  sharedWorld,
  type User,
  XSRF,
} from './client.ts';
import { askLine, CHANGES, LINES, plausible, type SentLine } from './shape-lines.ts';

const NEW_PASSWORD = 'copper lantern quarry';
const NO_LIMITS = { env: { GUICHET_RATE_LIMITS: 'off' } };
const WRONG = 'The provided credentials are incorrect.';
const FORM = 'application/x-www-form-urlencoded';
const INVALID_SITE = 'The selected site id is invalid.';

const required = (line: SentLine): Record<string, string[]> =>
  Object.fromEntries(
    line.required.map((field) => [
      field,
      [`The ${line.fields[field]?.title ?? field.replaceAll('_', ' ')} field is required.`],
    ]),
  );
/** The lines that cannot do without a body. */
const NEEDY = CHANGES.filter((line) => line.required.length > 0);
/** Those that leave whoever asks signed in. */
const LASTING = CHANGES.filter(({ url }) => !/logout$/.test(url));

describe('what is typed around a field (1)', () => {
  const world = sharedWorld(NO_LIMITS);

  it('is trimmed, and an address is read in lower case', async () => {
    await world().account('jean@example.com');
    for (const email of [' JEAN@Example.com ', '\tjean@example.com\n', 'Jean@EXAMPLE.com']) {
      const answer = await world().another().login(email);
      assert.deepEqual([answer.status, answer.json], [200, { two_factor: false }], email);
    }
  });

  it('is trimmed of every text but the three passwords', async () => {
    const client = await world().signedIn();
    const { id } = await world().identity.createSite({ name: 'Lyon', isHeadquarters: false });
    const trimmed: [path: string, body: object][] = [
      ['/user/site', { site_id: ` ${id} ` }],
      ['/user/locale', { locale: ' en ' }],
    ];
    assertInvalid(await client.patch(...(trimmed[0] as [string, object])), { site_id: [INVALID_SITE] });
    assert.equal((await client.patch(...(trimmed[1] as [string, object]))).status, 200);
    const { email } = (await client.user()).body.data ?? assert.fail();
    await client.post('/auth/forgot-password', { email: ` ${email.toUpperCase()} ` });
    const token = await world().tokenFor(email);
    const other = world().another();
    await other.csrfCookie();
    const body = { password: NEW_PASSWORD, password_confirmation: NEW_PASSWORD };
    const reset = await other.post('/auth/reset-password', { ...body, email: ` ${email} `, token: ` ${token}\n` });
    assert.equal(reset.status, 200, reset.text);
  });

  it('belongs to a password: the old one, the new one and its repetition', async () => {
    const spaced = `  ${NEW_PASSWORD} `;
    const client = await world().signedIn();
    const { email } = (await client.user()).body.data ?? assert.fail();
    const both = { password: spaced, password_confirmation: spaced };
    assertInvalid(await client.put('/user/password', { current_password: ` ${PASSWORD}`, ...both }), {
      current_password: ['The current password is incorrect.'],
    });
    assertInvalid(
      await client.put('/user/password', { current_password: PASSWORD, ...both, password_confirmation: NEW_PASSWORD }),
      { password: ['The new password confirmation does not match.'] },
    );
    assert.equal((await client.put('/user/password', { current_password: PASSWORD, ...both })).status, 200);
    assertInvalid(await world().another().login(email, NEW_PASSWORD), { email: [WRONG] });
    assert.equal((await world().another().login(email, spaced)).status, 200);
  });

  it('is nothing where nothing else is: an empty text is a missing one, in every field', async () => {
    const client = await world().signedIn();
    for (const line of NEEDY) {
      const texts = (text: string | null) => Object.fromEntries(Object.keys(line.fields).map((field) => [field, text]));
      assertInvalid(await askLine(client, line, { body: texts('') }), required(line));
      assertInvalid(await askLine(client, line, { body: texts(null) }), required(line));
      assertInvalid(await askLine(client, line, { form: texts('') as Record<string, string> }), required(line));
    }
  });
});

describe('a form as a browser sends it (1, rule 32)', () => {
  const world = sharedWorld(NO_LIMITS);

  it('signs in, remembers, switches and changes as JSON does', async () => {
    const { email, uuid } = await world().account();
    const { id } = await world().identity.createSite({ name: 'Lyon', isHeadquarters: false });
    await world().identity.joinSite({ uuid, siteId: id });
    const client = world().another();
    await client.csrfCookie();
    const sent = (method: 'POST' | 'PATCH' | 'PUT', path: string, form: Record<string, string>): Promise<Answer> =>
      client.ask(method, `/api/v1${path}`, { form });
    assertInvalid(await sent('POST', '/auth/login', { email, password: 'wrong' }), { email: [WRONG] });
    const login = await sent('POST', '/auth/login', { email: ` ${email} `, password: PASSWORD, remember: 'on' });
    assert.deepEqual([login.status, login.json], [200, { two_factor: false }]);
    assert.ok(login.setCookies.some((line) => line.startsWith('remember_web=')));
    assert.equal((await sent('PATCH', '/user/site', { site_id: String(id) })).body.user?.current_site_id, id);
    assert.equal((await sent('PATCH', '/user/locale', { locale: 'fr' })).body.locale, 'fr');
    const password = 'déjà vu & more = 100% + safe';
    const changed = { current_password: PASSWORD, password, password_confirmation: password };
    assert.equal((await sent('PUT', '/user/password', changed)).status, 200);
    assert.equal((await world().another().login(email, password)).status, 200);
  });

  it('2.1: may carry the token itself, which then decides', async () => {
    const client = await world().signedIn();
    const token = client.cookie(XSRF);
    const form = { locale: 'en' };
    const asked = (of: Asking) => client.ask('PATCH', '/api/v1/user/locale', of);
    assert.equal((await asked({ form: { ...form, _token: token }, xsrf: null })).status, 200);
    assertRefused(await asked({ form: { ...form, _token: 'x' } }), 419, 'CSRF token mismatch.');
    assert.equal((await asked({ body: { ...form, _token: client.cookie(XSRF) }, xsrf: null })).status, 200);
  });

  it('is an empty one when it cannot be read', async () => {
    const client = await world().signedIn();
    const raws = ['email=%zz', 'email=%ff', 'email=a&email=b', 'email=a&Email=b', '__proto__[admin]=1', '%', '&=&=&'];
    for (const line of NEEDY) {
      for (const raw of raws) {
        const answer = await askLine(client, line, { raw, headers: { 'content-type': FORM } });
        assertInvalid(answer, required(line));
      }
    }
  });

  it('may say of what type it is in other words', async () => {
    const client = await world().signedIn();
    for (const type of [`${FORM}; charset=UTF-8`, FORM.toUpperCase(), `${FORM};charset=utf-8`]) {
      const answer = await client.ask('PATCH', '/api/v1/user/locale', {
        raw: 'locale=en',
        headers: { 'content-type': type },
      });
      assert.equal(answer.status, 200, type);
    }
    for (const type of ['application/json; charset=utf-8', 'Application/JSON']) {
      const answer = await client.ask('PATCH', '/api/v1/user/locale', {
        raw: '{"locale":"en"}',
        headers: { 'content-type': type },
      });
      assert.equal(answer.status, 200, type);
    }
  });
});

const bytes = (...hex: string[]): Buffer => Buffer.from(hex.join(''), 'hex');
const text = (value: string): string => Buffer.from(value).toString('hex');
/** What is no JSON document, or one that two readers read differently (R140, R142). */
const UNREADABLE: readonly (string | Buffer)[] = [
  '{',
  '}',
  '{"email":"a@b.example",}',
  "{'email':'a@b.example'}",
  '{"email":"a@b.example"}}',
  'email=a@b.example',
  'undefined',
  '{"email":"a@b.example","email":"b@b.example"}',
  '{"email":"a@b.example","EMAIL":"b@b.example"}',
  '{"email":"a@b.example","\\u0065mail":"b@b.example"}',
  '{"__proto__":{"is_admin":true},"email":"a@b.example"}',
  '{"constructor":{"prototype":{"is_admin":true}},"email":"a@b.example"}',
  '{"email":"a@b.example","site_id":1,"x":{"__proto__":{"is_admin":true}}}',
  '\ufeff{"email":"a@b.example"}',
  bytes(text('{"email":"'), 'ff', text('"}')),
  bytes(text('{"email":"'), 'c0af', text('"}')),
  bytes(text('{"email":"'), 'eda080', text('"}')),
  bytes('fffe7b007d00'),
  `${'['.repeat(30_000)}`,
];
/** What is JSON, but no object. */
const NO_FORM = ['null', 'true', '0', '1e999', '"email"', '[]', '[{"email":"a@b.example"}]', '["email"]', '{}'];

describe('a body that cannot be read (1, R140, R142)', () => {
  const world = sharedWorld(NO_LIMITS);

  it('counts as an empty one on every line, never as a 400', async () => {
    const client = await world().signedIn();
    for (const line of NEEDY) {
      for (const raw of [...UNREADABLE, ...NO_FORM]) {
        const answer = await askLine(client, line, { raw });
        assert.equal(answer.status, 422, `${line.name} ${String(raw).slice(0, 60)} ${answer.text}`);
        assertInvalid(answer, required(line));
      }
    }
    assert.equal((await client.user()).status, 200);
    assert.equal(({} as Record<string, unknown>)['is_admin'], undefined);
  });
});

/** What stands in a field that was meant for something else; no line can be glad of any of it. */
const HOSTILE: readonly unknown[] = [
  0,
  -1,
  1.5,
  1e300,
  Number.MAX_SAFE_INTEGER + 1,
  true,
  false,
  [],
  {},
  ['a'],
  [['a']],
  [null],
  { a: 1 },
  { length: 3 },
  { toString: 'x', valueOf: 'y' },
  { $gt: '' },
  '\0',
  'a\0b',
  '\ud800',
  'x\udfffx',
  '\u202e\u200b\ufeff',
  '🦊'.repeat(40),
  'é'.repeat(2000),
  'x'.repeat(5000),
  'x'.repeat(60_000),
  "' or '1'='1",
  "'; drop table account; --",
  '{{7*7}}<%= 7*7 %><script>alert(1)</script>',
  'a@b.example\r\nBcc: c@d.example',
  '../../etc/passwd',
  '%00%0d%0a',
  '9'.repeat(400),
  'NaN',
];
/** As `{"a":{"a":…}}`, written by hand: no stack is that deep. */
const nested = (field: string, depth: number, open = '{"a":', close = '}'): string =>
  `{"${field}":${open.repeat(depth)}1${close.repeat(depth)}}`;

const STATUSES = [200, 201, 204, 403, 404, 422, 423];

describe('a field that holds what nobody types (R139, R142)', () => {
  for (const database of ['sqlite', 'postgres'] as const) {
    const skip = database === 'postgres' && !hasPostgres ? 'no PostgreSQL server' : false;
    it(`is never a fault, in any field of any line, on ${database}`, { skip, timeout: 120_000 }, async (t) => {
      const world = await openClient(t, { ...NO_LIMITS, database });
      let client = await world.signedIn();
      let number = 0;
      // What is no text is refused before any database hears of it.
      const values = database === 'sqlite' ? HOSTILE : HOSTILE.filter((value) => typeof value !== 'object');
      const asked = async (line: SentLine, of: Asking, what: string): Promise<void> => {
        const answer = await askLine(client, line, of);
        assert.ok(STATUSES.includes(answer.status), `${what} ${answer.status} ${answer.text}`);
        if (answer.status >= 400) {
          const keys = Object.keys(answer.body);
          assert.deepEqual(keys, answer.status === 422 ? ['message', 'errors'] : ['message'], what);
        }
      };
      for (const line of LASTING) {
        // Wrong passwords lock somebody out in the end, as they should.
        client = await world.signedIn();
        for (const field of Object.keys(line.fields)) {
          const others = (): Record<string, unknown> => {
            const body = plausible(line);
            if ('email' in body) body['email'] = `hostile${++number}@example.com`;
            if ('current_password' in body) body['current_password'] = PASSWORD;
            if (/confirm-password$/.test(line.url)) body['password'] = PASSWORD;
            // What is asked of is the other field, and nothing is changed.
            else if (/_confirmation|token/.test(field)) body['password'] = 'short';
            return body;
          };
          for (const value of values) {
            if (field === 'current_password' || (field === 'password' && /confirm-password$/.test(line.url))) {
              if (++number % 8 === 0) client = await world.signedIn();
            }
            await asked(
              line,
              { body: { ...others(), [field]: value } },
              `${line.name} ${field} ${JSON.stringify(value).slice(0, 40)}`,
            );
          }
          for (const depth of [8, 17, 500, 10_000]) {
            await asked(line, { raw: nested(field, depth) }, `${line.name} ${field} ${depth} deep`);
            await asked(line, { raw: nested(field, depth, '[', ']') }, `${line.name} ${field} ${depth} deep`);
          }
        }
        const keys = Object.fromEntries(Array.from({ length: 3000 }, (_, index) => [`k${index}`, 1]));
        await asked(line, { body: { ...plausible(line), ...keys } }, `${line.name} many keys`);
        assert.equal((await client.user()).status, 200, line.name);
      }
    });
  }

  it('is told beside the field that holds it', async (t) => {
    const world = await openClient(t, NO_LIMITS);
    const client = await world.signedIn();
    for (const line of NEEDY) {
      for (const field of line.required) {
        for (const value of ['a\0b', '\ud800', ['a'], { a: 1 }]) {
          const answer = await askLine(client, line, { body: { ...plausible(line), [field]: value } });
          assert.equal(answer.status, 422, `${line.name} ${field} ${answer.text}`);
          assert.deepEqual(Object.keys(answer.body.errors ?? {}), [field], `${line.name} ${field}`);
        }
      }
    }
  });

  it('is never a fault in the target or a header, either', async (t) => {
    const world = await openClient(t, NO_LIMITS);
    const client = await world.signedIn();
    const queries = [
      '_token=x',
      '_token[]=x',
      'expires=x&signature=%00',
      'expires=1e400&expires=2',
      '%zz',
      'seconds[]=1',
    ];
    queries.push(
      'seconds=%00',
      'seconds=-1',
      'seconds=1e400',
      'seconds=9223372036854775808',
      'signature=%ff',
      '__proto__=1',
    );
    for (const line of LINES.filter(({ method }) => method === 'GET')) {
      for (const query of queries) {
        const answer = await client.ask('GET', `${line.url}?${query}`);
        assert.ok([200, 204, 403, 423].includes(answer.status), `${line.name} ${query} ${answer.text}`);
      }
    }
    const values = ['x', '.', 'a.b.c', '%00', 'é', 'a'.repeat(6000), '__proto__', '"', '{}'];
    for (const value of values) {
      for (const name of ['x-xsrf-token', 'x-csrf-token', 'accept', 'accept-language', 'referer', 'x-requested-with']) {
        const answer = await client.user({ headers: { [name]: value } });
        assert.ok([200, 401].includes(answer.status), `${name} ${value} ${answer.text}`);
      }
      for (const name of [SESSION, XSRF, 'remember_web', 'guichet_client', '__proto__']) {
        const stranger = world.another();
        const cookie = `${name}=${value.replaceAll('"', '')}`;
        assertRefused(await stranger.user({ cookie }), 401, 'Unauthenticated.');
        const login = await stranger.ask('POST', '/api/v1/auth/forgot-password', { cookie, body: {} });
        assertRefused(login, 419, 'CSRF token mismatch.');
      }
    }
  });
});

/** What a body might claim of who asks and what they may do (R122). */
const CLAIMS = {
  id: 1,
  uuid: '550e8400-e29b-41d4-a716-446655440000',
  user_id: 1,
  account_id: 1,
  user: { id: 1 },
  email: 'mallory@example.com',
  email_verified_at: '2020-01-01T00:00:00.000000Z',
  emailVerified: true,
  account_confirmed: true,
  username: 'mallory',
  first_name: 'Mallory',
  last_name: 'Mallory',
  full_name: 'Mallory Mallory',
  name: 'Mallory',
  phone: '+33612345678',
  cell_phone: '+33612345678',
  role: 'admin',
  role_id: 99,
  roles: ['admin'],
  level: 100,
  permissions: ['user.delete'],
  sites: [{ id: 1, name: 'Elsewhere', is_headquarters: true }],
  sites_with_roles: [{ site: { id: 1 }, roles: ['admin'] }],
  current_site_id: 1,
  siteId: 1,
  is_admin: true,
  isAdmin: true,
  admin: 1,
  accountable_type: 'Admin',
  accountable_id: 1,
  two_factor_enabled: false,
  two_factor_secret: 'A'.repeat(32),
  two_factor_confirmed_at: null,
  password_hash: 'x',
  remember_token: 'x',
  created_at: '2020-01-01T00:00:00.000000Z',
  deleted_at: null,
  last_login_ip: '203.0.113.9',
  live: { account: { id: 1 }, session: { id: '1' } },
  caller: { address: '203.0.113.9' },
  contract: 'operator',
  credentials: {},
  options: { login: 'open' },
};

describe('what a body claims beside its fields (R122)', () => {
  const world = sharedWorld(NO_LIMITS);

  /** All that the server keeps of who somebody is and what they may do. */
  const kept = async (uuid: string) => {
    const { store } = world().world;
    const account = (await store.accounts.findByUuid(uuid)) ?? assert.fail();
    const { epoch, updatedAt, ...rest } = account;
    return {
      account: rest,
      sites: await store.sites.listOf(account.id),
      roles: await store.roles.listHeld(account.id),
      permissions: await store.permissions.listHeld(account.id),
    };
  };

  async function somebody() {
    const { identity } = world();
    const { email, uuid } = await world().account();
    const { id } = await identity.createSite({ name: 'Lyon', isHeadquarters: false });
    await identity.grantRole({ uuid, role: 'clerk', siteId: id, permissions: ['desk.view'] });
    const client = world().another();
    await client.login(email);
    return { client, email, siteId: id, uuid };
  }

  /** The claims that are no field of the line itself. */
  const claimsFor = (line: Pick<SentLine, 'fields'>): object =>
    Object.fromEntries(Object.entries(CLAIMS).filter(([name]) => !(name in line.fields)));

  it('changes nothing on any line, of anybody, whether or not the line does what it is for', async () => {
    const victim = await somebody();
    const mallory = await somebody();
    const [before, own] = [await kept(victim.uuid), await kept(mallory.uuid)];
    const bodies: Record<string, object> = {
      '/user/site': { site_id: mallory.siteId },
      '/user/locale': { locale: 'en' },
      '/user/password': { current_password: PASSWORD, password: PASSWORD, password_confirmation: PASSWORD },
      '/user/confirm-password': { password: PASSWORD },
      '/auth/login': { email: mallory.email, password: PASSWORD },
      '/login': { email: mallory.email, password: PASSWORD },
      '/auth/forgot-password': { email: mallory.email },
      '/forgot-password': { email: mallory.email },
    };
    const claims = { ...CLAIMS, id: before.account.id, user_id: before.account.id, uuid: victim.uuid };
    const live = { account: { id: before.account.id }, session: { id: '1' } };
    const address = '10.250.0.1';
    for (const line of CHANGES.filter(({ url }) => !/two-factor/.test(url))) {
      const client = world().another({ address });
      await client.login(mallory.email);
      const body = bodies[line.url.replace(/^\/api\/v1/, '')] ?? plausible(line);
      const plain = await askLine(client, line, { body });
      const other = world().another({ address });
      await other.login(mallory.email);
      const claimed = Object.fromEntries(
        Object.entries({ ...claims, live }).filter(([name]) => !(name in line.fields)),
      );
      const answer = await askLine(other, line, { body: { ...claimed, ...body } });
      assert.deepEqual([answer.status, answer.json], [plain.status, plain.json], line.name);
      assert.deepEqual(await kept(victim.uuid), before, line.name);
      const { account, ...rights } = await kept(mallory.uuid);
      const { account: ownAccount, ...ownRights } = own;
      // A sign-in and a choice of site leave their own marks.
      const marks = { signInCount: 0, currentSignIn: null, lastSignIn: null, defaultSiteId: null };
      assert.deepEqual({ ...account, ...marks }, { ...ownAccount, ...marks }, line.name);
      assert.deepEqual(rights, ownRights, line.name);
    }
  });

  it('makes no second factor of nothing, nor nothing of one', async () => {
    const { client, uuid } = await somebody();
    await client.post('/user/confirm-password', { password: PASSWORD });
    const before = await kept(uuid);
    for (const line of CHANGES.filter(({ url }) => /\/user\/.*two-factor/.test(url))) {
      await askLine(client, line, { body: { ...claimsFor(line), ...plausible(line), confirmed: true, enabled: true } });
      assert.deepEqual(await kept(uuid), before, line.name);
    }
    assert.deepEqual(
      (
        await world()
          .another()
          .login((await client.user()).body.data?.email ?? '')
      ).json,
      {
        two_factor: false,
      },
    );
  });

  it('names nobody else whose password is reset or set up', async () => {
    const [victim, mallory] = [await somebody(), await somebody()];
    const { account } = await kept(victim.uuid);
    const both = { password: NEW_PASSWORD, password_confirmation: NEW_PASSWORD };
    const claims = { ...CLAIMS, id: account.id, user_id: account.id, uuid: victim.uuid, accountId: account.id };

    const client = world().another();
    await client.csrfCookie();
    await client.post('/auth/forgot-password', { ...claims, email: mallory.email, to: 'mallory@example.com' });
    assert.deepEqual(await world().mails('mallory@example.com'), []);
    const token = await world().tokenFor(mallory.email);
    const reset = await client.post('/auth/reset-password', { ...claims, ...both, token, email: mallory.email });
    assert.equal(reset.status, 200, reset.text);

    const invited = 'invited@example.com';
    await world().identity.createAccount({ email: invited });
    const link = new URL((await world().mails(invited))[0]?.links[0] ?? '');
    const path = `/auth${link.pathname}${link.search}`;
    const done = await client.post(path, { ...claims, ...both, email: victim.email, hash: 'x' });
    assert.equal(done.status, 200, done.text);

    for (const email of [mallory.email, invited]) {
      assert.equal((await world().another().login(email, NEW_PASSWORD)).status, 200);
    }
    assert.equal((await world().another().login(victim.email, PASSWORD)).status, 200);
    const user: User = (await victim.client.user()).body.data ?? assert.fail();
    assert.deepEqual([user.id, user.email, user.roles], [account.id, victim.email, ['clerk']]);
  });
});
