import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { encodeBase32 } from '../../../src/core/base32.ts';
import { stepAt, totpAt } from '../../../src/core/totp.ts';
import { importAccount } from '../../support/imported.ts';
import { shared } from '../../support/shared.ts';
import {
  type Answer,
  assertGuest,
  assertInvalid,
  assertRefused,
  type Client,
  type OpenedClient,
  openClient,
  PREFIX,
  REMEMBER,
  SESSION,
  type User,
  XSRF,
} from './client.ts';
import { assertAnswer, KNOWN, WEB } from './endpoint-answers.ts';

/** The document's, letter for letter. The password is too common to be chosen here: its accounts come from elsewhere. */
const CREDENTIALS = { email: 'user@example.com', password: 'password', remember: true };
const WRONG_CREDENTIALS = {
  message: 'The provided credentials are incorrect.',
  errors: { email: ['The provided credentials are incorrect.'] },
};
const CODE = { code: '123456' };
const RECOVERY_CODE = { recovery_code: 'abcd-efgh-ijkl' };
/** Of the permissions the document prints two, and says that there are more. */
const PRINTED = ['company.viewAny', 'company.view'];
const MORE = ['company.create', 'item-movement.viewOthersSites'];
const JEAN = {
  id: 1,
  first_name: 'Jean',
  last_name: 'Dupont',
  full_name: 'Jean Dupont',
  email: 'jean@example.com',
  username: 'jdupont',
  locale: 'fr',
  current_site_id: 1,
  roles: ['admin'],
  permissions: [...PRINTED, ...MORE].sort(),
  sites: [{ id: 1, name: 'Siège', is_headquarters: true }],
};
const LYON = { id: 2, name: 'Lyon', is_headquarters: false };

/** The people and places of the document, on a server that has seen nobody else. */
async function openDocument(t: { after(undo: () => unknown): void }): Promise<OpenedClient> {
  const world = await openClient(t);
  const { identity } = world;
  const password = CREDENTIALS.password;
  const { uuid } = await importAccount(world.world, {
    email: JEAN.email,
    firstName: JEAN.first_name,
    lastName: JEAN.last_name,
    username: JEAN.username,
    locale: 'fr',
    verified: true,
    password,
  });
  await importAccount(world.world, { email: CREDENTIALS.email, verified: true, password });
  const siege = await identity.createSite({ name: 'Siège', isHeadquarters: true });
  await identity.createSite({ name: LYON.name, isHeadquarters: false });
  await identity.grantRole({ uuid, role: 'admin', siteId: siege.id, permissions: [...PRINTED, ...MORE] });
  return world;
}

/** Of a user the keys that the document prints. Its order of permissions means nothing. */
function asPrinted(user: User | undefined): Record<string, unknown> {
  assert.ok(user);
  const printed = Object.fromEntries(Object.keys(JEAN).map((key) => [key, user[key]]));
  return { ...printed, permissions: [...user.permissions].sort() };
}

/** The headers that the document prints beside the login, and none of a browser’s own. */
const bare = (token: string): Record<string, string> => ({
  accept: 'application/json',
  'content-type': 'application/json',
  'x-requested-with': '',
  referer: '',
  origin: '',
  'x-xsrf-token': token,
});

describe('the document’s examples', () => {
  const world = shared(openDocument);
  const jean = async (): Promise<Client> => {
    const client = world().another();
    const answer = await client.login(JEAN.email, CREDENTIALS.password);
    assert.equal(answer.status, 200, answer.text);
    return client;
  };

  it('GET /sanctum/csrf-cookie sets the cookie XSRF-TOKEN', async () => {
    const answer = await world().another().csrfCookie();
    assertAnswer(answer, { status: 204, sets: WEB });
  });

  it('GET /sanctum/csrf-cookie asks for no header', async () => {
    const answer = await world()
      .another()
      .csrfCookie({ headers: bare('') });
    assertAnswer(answer, { status: 204, sets: WEB });
  });

  it('POST /api/v1/auth/login with the document’s headers and body answers its 200', async () => {
    const client = world().another();
    await client.csrfCookie();
    const answer = await client.ask('POST', '/api/v1/auth/login', {
      body: CREDENTIALS,
      headers: bare(client.cookie(XSRF)),
    });
    assertAnswer(answer, { status: 200, body: { two_factor: false }, sets: [...WEB, REMEMBER, KNOWN] });
  });

  for (const [what, wrong] of [
    ['a wrong password', { ...CREDENTIALS, password: 'Password' }],
    ['an address that nobody has', { ...CREDENTIALS, email: 'nobody@example.com' }],
  ] as const) {
    it(`POST /api/v1/auth/login answers its 422 to ${what}`, async () => {
      const client = world().another();
      await client.csrfCookie();
      const answer = await client.ask('POST', '/api/v1/auth/login', { body: wrong });
      assertAnswer(answer, { status: 422, body: WRONG_CREDENTIALS, sets: WEB });
      assertGuest(await client.user());
    });
  }

  it('POST /api/v1/auth/logout answers its 204', async () => {
    const client = await jean();
    const answer = await client.ask('POST', '/api/v1/auth/logout');
    assertAnswer(answer, { status: 204, sets: WEB });
    assertGuest(await client.get('/user'));
  });

  it('GET /api/v1/user prints the user', async () => {
    const answer = await (await jean()).ask('GET', '/api/v1/user');
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(Object.keys(answer.body), ['data']);
    assert.deepEqual(asPrinted(answer.body.data), JEAN);
  });

  it('PATCH /api/v1/user/site answers the user with the permissions of the site that was chosen (C5)', async () => {
    const { uuid } = await world().identity.findAccount({ name: JEAN.email });
    await world().identity.grantRole({ uuid, role: 'operator', siteId: LYON.id, permissions: ['item.view'] });
    const client = await jean();
    const answer = await client.ask('PATCH', '/api/v1/user/site', { body: { site_id: 2 } });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(Object.keys(answer.body).sort(), ['data', 'message', 'user']);
    assert.equal(answer.body.message, 'Site actif mis à jour avec succès.');
    assert.deepEqual(answer.body.user, answer.body.data);
    assert.deepEqual(asPrinted(answer.body.user), {
      ...JEAN,
      current_site_id: 2,
      roles: ['operator'],
      permissions: ['item.view'],
      sites: [...JEAN.sites, LYON],
    });
    const back = await client.patch('/user/site', { site_id: 1 });
    await world().identity.leaveSite({ uuid, siteId: LYON.id });
    assert.deepEqual(asPrinted(back.body.user), { ...JEAN, sites: [...JEAN.sites, LYON] });
  });

  it('PATCH /api/v1/user/locale answers in the language that was chosen, and keeps it', async () => {
    const client = await jean();
    const answer = await client.ask('PATCH', '/api/v1/user/locale', { body: { locale: 'en' } });
    const message = 'Language preference updated successfully.';
    assertAnswer(answer, { status: 200, body: { message, locale: 'en' }, sets: WEB });
    assert.equal((await client.get('/user')).body.data?.locale, 'en');
    assert.deepEqual((await client.patch('/user/locale', { locale: 'fr' })).body, {
      message: 'Préférence de langue mise à jour avec succès.',
      locale: 'fr',
    });
  });
});

describe('the document’s second step', () => {
  /** In base32 this is the secret whose code is the document’s own a minute after the world’s clock begins. */
  const SECRET_BYTES = Buffer.from('1504005'.padStart(20, '0'));

  /** Somebody whose authenticator shows the document’s code now. It was set up in another contract of this server. */
  async function openSecondStep(t: { after(undo: () => unknown): void }): Promise<OpenedClient> {
    const world = await openClient(t, {
      overrides: {
        random: {
          bytes: (length) => (length === SECRET_BYTES.length ? SECRET_BYTES : randomBytes(length)),
          uuid: () => randomUUID(),
        },
      },
    });
    const { email, password } = CREDENTIALS;
    await importAccount(world.world, { email, verified: true, password });
    const cookie = world.another();
    const base = '/v1/auth';
    await cookie.ask('POST', `${base}/login`, { body: { email, password } });
    await cookie.ask('POST', `${base}/two-factor/enable`, { body: { password } });
    const code = totpAt(encodeBase32(SECRET_BYTES), stepAt(world.clock.now()));
    const on = await cookie.ask('POST', `${base}/two-factor/verify`, { body: { code } });
    assert.equal(on.status, 200, on.text);
    world.clock.advance({ minutes: 1 });
    return world;
  }
  const world = shared(openSecondStep);
  const challenged = async (): Promise<Client> => {
    const client = world().another();
    const answer = await client.login(CREDENTIALS.email, CREDENTIALS.password, { remember: true });
    assertAnswer(answer, { status: 200, body: { two_factor: true }, sets: WEB });
    assertGuest(await client.user());
    return client;
  };

  it('POST /api/v1/auth/two-factor-challenge takes its body with a recovery code, which nobody here has (C4)', async () => {
    const client = await challenged();
    const answer = await client.ask('POST', '/api/v1/auth/two-factor-challenge', { body: RECOVERY_CODE });
    assertInvalid(answer, { recovery_code: ['The provided two factor recovery code was invalid.'] });
    assertGuest(await client.user());
  });

  it('POST /api/v1/auth/two-factor-challenge takes its body with a code, and signs in', async () => {
    const client = await challenged();
    const before = client.cookie(SESSION);
    const answer = await client.ask('POST', '/api/v1/auth/two-factor-challenge', { body: CODE });
    assertAnswer(answer, { status: 204, sets: [...WEB, REMEMBER, KNOWN] });
    assert.notEqual(client.cookie(SESSION), before);
    assert.equal((await client.user()).body.data?.email, CREDENTIALS.email);
  });
});

describe('the document’s front end', () => {
  /** The document’s `httpClient` and `AuthRepository`: its three headers, cookies, and the token with every request. */
  function frontEnd(world: OpenedClient) {
    const browser = world.another();
    const asked: [request: string, status: number][] = [];
    const request = async (method: 'GET' | 'POST' | 'PATCH', url: string, body?: object): Promise<Answer> => {
      const headers = {
        'content-type': 'application/json',
        accept: 'application/json',
        'x-requested-with': 'XMLHttpRequest',
      };
      const answer = await browser.ask(method, url, { headers, ...(body && { body }) });
      asked.push([`${method} ${url}`, answer.status]);
      return answer;
    };
    return {
      asked,
      browser,
      request,
      async login(credentials: object): Promise<void> {
        await request('GET', '/sanctum/csrf-cookie');
        await request('POST', '/api/v1/auth/login', credentials);
      },
      async logout(): Promise<void> {
        await request('GET', '/sanctum/csrf-cookie');
        await request('POST', '/api/v1/auth/logout');
      },
    };
  }

  it('makes every request of the document in its order, and each is answered as it is printed', async (t) => {
    const world = await openDocument(t);
    const { identity } = world;
    const { uuid } = await identity.findAccount({ name: JEAN.email });
    await identity.grantRole({ uuid, role: 'operator', siteId: LYON.id, permissions: ['item.view'] });
    const { asked, login, logout, request } = frontEnd(world);
    await login({ ...CREDENTIALS, password: 'no' });
    await login({ ...CREDENTIALS, email: JEAN.email });
    const { body: me } = await request('GET', '/api/v1/user');
    const { body: moved } = await request('PATCH', '/api/v1/user/site', { site_id: 2 });
    const { body: spoken } = await request('PATCH', '/api/v1/user/locale', { locale: 'en' });
    await logout();
    await request('GET', '/api/v1/user');
    assert.deepEqual(asked, [
      ['GET /sanctum/csrf-cookie', 204],
      ['POST /api/v1/auth/login', 422],
      ['GET /sanctum/csrf-cookie', 204],
      ['POST /api/v1/auth/login', 200],
      ['GET /api/v1/user', 200],
      ['PATCH /api/v1/user/site', 200],
      ['PATCH /api/v1/user/locale', 200],
      ['GET /sanctum/csrf-cookie', 204],
      ['POST /api/v1/auth/logout', 204],
      ['GET /api/v1/user', 401],
    ]);
    assert.deepEqual(asPrinted(me.data), { ...JEAN, sites: [...JEAN.sites, LYON] });
    assert.deepEqual([moved.user?.current_site_id, moved.user?.permissions], [2, ['item.view']]);
    assert.equal(spoken.locale, 'en');
  });

  it('C7: signs out after a call for the cookie, and keeps the session that it names until then', async (t) => {
    const { browser, login, logout, request } = frontEnd(await openDocument(t));
    await login(CREDENTIALS);
    const session = browser.cookie(SESSION);
    await request('GET', '/sanctum/csrf-cookie');
    assert.equal(browser.cookie(SESSION), session);
    assert.equal((await request('GET', '/api/v1/user')).status, 200);
    await logout();
    assertGuest(await request('GET', '/api/v1/user'));
    assertGuest(await browser.user({ cookie: `${SESSION}=${session}` }));
  });

  it('C7: signs out without it, with the token that the last answer brought', async (t) => {
    const { browser, login, request } = frontEnd(await openDocument(t));
    await login(CREDENTIALS);
    assert.equal((await request('POST', '/api/v1/auth/logout')).status, 204);
    assertGuest(await browser.user());
    assert.equal(browser.jar.has(REMEMBER), false);
  });

  it('refuses the token of before the sign-in, and takes the one that the login brought', async (t) => {
    const { browser, login } = frontEnd(await openDocument(t));
    await browser.csrfCookie();
    const before = browser.cookie(XSRF);
    await login(CREDENTIALS);
    const stale = await browser.ask('POST', `${PREFIX}/auth/logout`, { xsrf: before });
    assertRefused(stale, 419, 'CSRF token mismatch.');
    assert.equal((await browser.user()).status, 200);
    assert.equal((await browser.post('/auth/logout')).status, 204);
  });
});
