import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Answer,
  assertGuest,
  assertRefused,
  type Client,
  openClient,
  PASSWORD,
  SESSION,
  SPA,
  sharedWorld,
  XSRF,
} from './client.ts';
import { LINES, type SentLine } from './shape-lines.ts';
import { APP, assertMismatch, cookieSet, FROM_APP, FROM_NOWHERE, HTTPS } from './transport.ts';

const API = LINES.filter(({ isApi }) => isApi);
const WEB = LINES.filter(({ isApi }) => !isApi);
const API_READS = API.filter(({ method }) => method === 'GET');
const API_CHANGES = API.filter(({ method }) => method !== 'GET');

const ask = (
  client: Client,
  { method, url }: SentLine,
  headers: Record<string, string>,
  xsrf?: null,
): Promise<Answer> => client.ask(method, url, { headers, ...(xsrf === null && { xsrf }) });

/** Checks that the session was not even looked for: nothing is set, and nothing is ended. */
function assertUnlooked(answer: Answer, what: string): void {
  assert.equal(answer.status, 401, `${what}: ${answer.text}`);
  assertGuest(answer);
  assert.deepEqual(answer.setCookies, [], what);
}

/** Checks that the session was found; what came of the request is the business of others. */
function assertLooked(answer: Answer, what: string): void {
  assert.ok(![401, 419].includes(answer.status), `${what}: ${answer.text}`);
  assert.ok(cookieSet(answer, SESSION), what);
  assert.ok(cookieSet(answer, XSRF), what);
}

/** Near misses of the front end's pages, `http://localhost:5173`, and of the public URL, `http://localhost:3000`. */
const LOOK_ALIKES = [
  'https://evil.example/',
  'https://evil.example/http://localhost:5173/',
  'https://evil.example/?http://localhost:5173/',
  'https://evil.example#http://localhost:5173/',
  'http://localhost:5173.evil.example/',
  'http://localhost.evil.example:5173/',
  'http://localhost:5173@evil.example/',
  'http://localhost%3A5173@evil.example/',
  'http://evil-localhost:5173/',
  'http://evil.localhost:5173/',
  'http://localhost.:5173/',
  'http://localhost/',
  'http://localhost:5174/',
  'http://localhost:51730/',
  'https://localhost:5173/',
  'https://http://localhost:5173/',
  'http://https://localhost:5173/',
  'ws://localhost:5173/',
  'ftp://localhost:5173/',
  'http://127.0.0.1:5173/',
  'http://[::1]:5173/',
  'https://localhost:3000/',
  'http://localhost:3001/',
  'localhost:5173',
  'localhost:5173/',
  '//localhost:5173/',
  '/deep/page',
  'http:',
  'http://',
  'null',
  '*',
  'http://*/',
  'about:blank',
  'about:srcdoc',
  'data:text/html,x',
  'file:///home/x/index.html',
  'blob:http://localhost:5173/8a0e5f4c-4f7e-4e57-9c0b-1f4d3d2c8a11',
  'blob:null/8a0e5f4c',
  'javascript:alert(1)',
  'android-app://com.example/',
];

describe('2.2: a request of the api kind', () => {
  const world = sharedWorld({ env: { GUICHET_ALLOWED_ORIGINS: SPA } });

  for (const [what, headers] of Object.entries({
    'nothing that tells of a page': FROM_NOWHERE,
    'an empty Referer and no Origin': FROM_NOWHERE,
    'a foreign Referer alone': { origin: '', referer: 'https://evil.example/' },
    'a foreign Referer and a good Origin': { origin: SPA, referer: 'https://evil.example/' },
    'a foreign Referer and the word that it is the same origin': {
      origin: '',
      referer: 'https://evil.example/',
      'sec-fetch-site': 'same-origin',
    },
    'the word that nobody’s page asks': { ...FROM_NOWHERE, 'sec-fetch-site': 'none' },
    'a Host alone': { ...FROM_NOWHERE, host: 'localhost:3000' },
    'a forwarded host': { ...FROM_NOWHERE, 'x-forwarded-host': 'localhost:5173' },
    'X-Requested-With alone': { ...FROM_NOWHERE, 'x-requested-with': 'XMLHttpRequest' },
    'a bearer': { ...FROM_NOWHERE, authorization: 'Bearer x' },
  })) {
    it(`with ${what} is a 401 that sets nothing, on every line, with and without a token`, async () => {
      const client = await world().signedIn();
      for (const line of API) {
        assertUnlooked(await ask(client, line, headers), line.name);
        assertUnlooked(await ask(client, line, headers, null), line.name);
      }
      assert.equal((await client.user()).status, 200);
    });
  }

  for (const [what, headers] of Object.entries({
    'a foreign Origin alone': { origin: 'https://evil.example', referer: '' },
    'the Origin null alone': { origin: 'null', referer: '' },
    'a foreign Origin that is the same by its word': {
      origin: 'https://evil.example',
      referer: '',
      'sec-fetch-site': 'same-origin',
    },
    'the word that it is another site': { ...FROM_NOWHERE, 'sec-fetch-site': 'cross-site' },
    'the word that it is the same site': { ...FROM_NOWHERE, 'sec-fetch-site': 'same-site' },
    'the word in other letters': { ...FROM_NOWHERE, 'sec-fetch-site': 'SAME-ORIGIN' },
  })) {
    it(`that reads, with ${what}, is a 401 that sets nothing`, async () => {
      const client = await world().signedIn();
      for (const line of API_READS) assertUnlooked(await ask(client, line, headers), line.name);
      assert.equal((await client.user()).status, 200);
    });
  }

  for (const source of LOOK_ALIKES) {
    it(`with the Referer ${source} is a 401 that sets nothing, and as an Origin too`, async () => {
      const client = await world().signedIn();
      for (const line of API) {
        assertUnlooked(await ask(client, line, { origin: '', referer: source }), `${line.name} by Referer`);
      }
      const origin = source.replace(/(?<=[^/])\/$/, '');
      if (origin === SPA) return;
      assertUnlooked(await client.user({ headers: { origin, referer: '' } }), 'by Origin');
    });
  }

  for (const [what, headers] of Object.entries({
    'a page of the front end as Referer': { origin: '', referer: `${SPA}/deep/page?x=1` },
    'its origin as Referer': { origin: '', referer: SPA },
    'its Origin alone': { origin: SPA, referer: '' },
    both: { origin: SPA, referer: `${SPA}/` },
    'the public URL as Referer': { origin: '', referer: 'http://localhost:3000/page' },
    'the public URL as Origin': { origin: 'http://localhost:3000', referer: '' },
    'the word that it is the same origin': { ...FROM_NOWHERE, 'sec-fetch-site': 'same-origin' },
    'a good Referer, whatever the word is': { origin: SPA, referer: `${SPA}/`, 'sec-fetch-site': 'cross-site' },
  })) {
    it(`with ${what} finds the session, on every line`, async () => {
      const client = await world().signedIn();
      for (const line of API) assertLooked(await ask(client, line, headers), line.name);
      for (const line of API_CHANGES) assertMismatch(await ask(client, line, headers, null), line.name);
    });
  }

  it('that reads, with a good Referer and a foreign Origin, finds the session: the Referer wins', async () => {
    const client = await world().signedIn();
    const headers = { origin: 'https://evil.example', referer: `${SPA}/` };
    for (const line of API_READS) assertLooked(await ask(client, line, headers), line.name);
  });

  it('of a guest is a 401 that brings a session and its token', async () => {
    for (const line of API_READS) {
      const client = world().another();
      const answer = await ask(client, line, {});
      assertGuest(answer);
      assert.ok(client.cookie(SESSION) && client.cookie(XSRF), line.name);
    }
  });

  it('by HEAD is judged alike', async () => {
    const client = await world().signedIn();
    const [foreign, own] = [FROM_NOWHERE, {}];
    const head = (headers: Record<string, string>) => client.ask('HEAD', '/api/v1/auth/user', { headers });
    const unlooked = await head(foreign);
    assert.deepEqual([unlooked.status, unlooked.setCookies], [401, []]);
    assert.equal((await head(own)).status, 200);
  });

  it('1.1: never takes a bearer: one of another contract is a 401', async () => {
    const { account, another } = world();
    const { email } = await account();
    const login = await another().ask('POST', '/api/v1/auth/login', {
      body: { identifier: email, password: PASSWORD },
      xsrf: null,
    });
    const { access_token: token } = login.json as { access_token: string };
    for (const line of API_READS) {
      assertGuest(await ask(another(), line, { authorization: `Bearer ${token}` }));
      assertUnlooked(await ask(another(), line, { ...FROM_NOWHERE, authorization: `Bearer ${token}` }), line.name);
    }
  });
});

describe('2.2: a request of the web kind', () => {
  const world = sharedWorld({ env: { GUICHET_ALLOWED_ORIGINS: SPA } });

  it('1.1: finds or begins a session wherever it comes from, on every line', async () => {
    for (const headers of [FROM_NOWHERE, { origin: '', referer: 'https://evil.example/' }] as const) {
      for (const line of WEB) {
        const client = await world().signedIn();
        assertLooked(await ask(client, line, headers), line.name);
        const guest = world().another();
        // On the shared login path a body without marks says by its key whose it is.
        const body = line.method === 'GET' ? {} : { body: { email: '' } };
        const answer = await guest.ask(line.method, line.url, { headers, ...body });
        assert.ok(cookieSet(answer, SESSION) && cookieSet(answer, XSRF), line.name);
      }
    }
  });

  it('lets a program sign in and out that says nothing of a page, and not read its user below the prefix', async () => {
    const { email } = await world().account();
    const client = world().another({ headers: FROM_NOWHERE });
    await client.csrfCookie();
    assert.equal((await client.post('/auth/login', { email, password: PASSWORD })).status, 200);
    assertUnlooked(await client.user(), 'user');
    assertUnlooked(await client.get('/user/confirmed-password-status'), 'status');
    const atRoot = await client.ask('GET', '/user/confirmed-password-status');
    assert.deepEqual([atRoot.status, atRoot.json], [200, { confirmed: false }]);
    assert.equal((await client.user({ headers: { referer: `${SPA}/` } })).status, 200);
    assert.equal((await client.post('/auth/logout')).status, 204);
    assertGuest(await client.user({ headers: { referer: `${SPA}/` } }));
  });

  it('asks for a token all the same', async () => {
    for (const line of WEB.filter(({ method }) => method !== 'GET')) {
      const client = await world().signedIn();
      assertMismatch(await ask(client, line, FROM_NOWHERE, null), line.name);
    }
  });

  it('R091: that reads is answered to a foreign page too, which cannot read the answer', async () => {
    const client = await world().signedIn();
    const headers = { origin: 'https://evil.example', referer: 'https://evil.example/' };
    for (const line of WEB.filter(({ method }) => method === 'GET')) {
      const answer = await ask(client, line, headers);
      assert.equal(answer.headers['access-control-allow-origin'], undefined, line.name);
      assert.equal(answer.headers['access-control-allow-credentials'], undefined, line.name);
    }
  });

  it('Fortify’s lines for a member are a 401 of a guest, and begin a session', async () => {
    for (const line of WEB.filter(({ isMember }) => isMember)) {
      const client = world().another({ headers: FROM_NOWHERE });
      await client.csrfCookie();
      const answer = await ask(client, line, {});
      assertRefused(answer, 401, 'Unauthenticated.');
      assert.ok(cookieSet(answer, SESSION) && cookieSet(answer, XSRF), line.name);
    }
  });
});

describe('2.2: which origins have sessions', () => {
  it('in development mode those of this machine, on every port', async (t) => {
    const world = await openClient(t);
    const client = await world.signedIn();
    for (const origin of [
      SPA,
      'http://localhost',
      'http://127.0.0.1:8000',
      'http://[::1]:4200',
      'https://localhost:8443',
    ]) {
      assert.equal((await client.user({ headers: { origin: '', referer: `${origin}/x` } })).status, 200, origin);
      assert.equal((await client.user({ headers: { origin, referer: '' } })).status, 200, origin);
    }
    for (const origin of [
      'http://xetasuite.test',
      'http://127.0.0.2:5173',
      'http://localhost.test',
      'http://0.0.0.0',
    ]) {
      assertUnlooked(await client.user({ headers: { origin: '', referer: `${origin}/x` } }), origin);
    }
  });

  it('in production those that are listed and the public URL, by scheme, host and port', async (t) => {
    const world = await openClient(t, { env: HTTPS });
    const { email } = await world.account();
    const client = world.another({ headers: FROM_APP });
    assert.equal((await client.login(email)).status, 200);
    for (const origin of [APP, 'https://auth.example.org']) {
      assert.equal((await client.user({ headers: { origin: '', referer: `${origin}/x` } })).status, 200, origin);
      assert.equal((await client.user({ headers: { origin: '', referer: `${origin}:443/x` } })).status, 200, origin);
      assert.equal((await client.user({ headers: { origin, referer: '' } })).status, 200, origin);
    }
    const foreign = [
      SPA,
      'http://localhost:3000',
      'http://auth.example.org',
      'https://auth.example.org:8443',
      'https://example.org',
    ];
    for (const origin of [...foreign, 'https://evil.app.example.org', 'https://app.example.org.evil.example']) {
      assertUnlooked(await client.user({ headers: { origin: '', referer: `${origin}/x` } }), origin);
    }
  });
});
