import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cookie as contract } from '../../src/contracts/cookie/contract.ts';
import { type Answer, assertRefused, PASSWORD, PREFIX, sharedWorld } from '../contracts/cookie/client.ts';

const LISTED = 'https://app.example.org';
const OTHER_LISTED = 'https://xn--bcher-kva.example:8443';
const NO_RATES = { GUICHET_RATE_LIMITS: 'off' };
const LISTING = { ...NO_RATES, GUICHET_ALLOWED_ORIGINS: `${LISTED},${OTHER_LISTED}` };
const PUBLIC = 'http://localhost:3000';

/** Near misses of `https://app.example.org` and of the public URL, `http://localhost:3000`. */
const HOSTILE = [
  'https://evil.example',
  'http://app.example.org',
  'https://app.example.org:8443',
  'https://app.example.org:443',
  'https://app.example.org.evil.example',
  'https://evil-app.example.org',
  'https://evil.app.example.org',
  'https://example.org',
  'https://app.example.or',
  'https://app.example.orgg',
  'https://APP.example.org',
  'HTTPS://app.example.org',
  'https://app.example.org/',
  'https://app.example.org/path',
  'https://app.example.org?',
  'https://app.example.org#',
  'https://app.example.org.',
  'https://app.example.org@evil.example',
  'https://evil.example/https://app.example.org',
  'https://evil.example, https://app.example.org',
  'https://app.example.org https://evil.example',
  'https://app.example.org,https://app.example.org',
  'https://xn--pp-6kc.example.org',
  'https://b%C3%BCcher.example:8443',
  'https://xn--bcher-kva.example',
  'https://*.example.org',
  'https://app%2eexample.org',
  '//app.example.org',
  'app.example.org',
  'null',
  'NULL',
  '',
  '*',
  'undefined',
  'file://',
  'data:',
  'chrome-extension://abcdefghijklmnop',
  'moz-extension://app.example.org',
  'ws://app.example.org',
  'http://localhost',
  'http://localhost:5173',
  'http://localhost:30000',
  'https://localhost:3000',
  'http://127.0.0.1:3000',
  'http://[::1]:3000',
];

/** Near misses of this machine’s names, whose every port is listed in development mode. */
const HOSTILE_IN_DEVELOPMENT = [
  'https://evil.example',
  'http://localhost.evil.example',
  'http://localhost.evil.example:3000',
  'http://evil-localhost:3000',
  'http://sub.localhost:3000',
  'http://localhost.:3000',
  'http://LOCALHOST:3000',
  'http://localhost:3000/',
  'http://localhost:80',
  'https://localhost:443',
  'http://localhost:',
  'http://localhost:99999',
  'http://localhost:3000@evil.example',
  'http://evil.example@localhost:3000',
  'http://localhost:3000#evil.example',
  'http://localhost:3000, https://evil.example',
  'http://127.0.0.1.evil.example',
  'http://127.0.0.2:3000',
  'http://127.1:3000',
  'http://2130706433:3000',
  'http://0x7f.1:3000',
  'http://0.0.0.0:3000',
  'http://[::]:3000',
  'http://[::ffff:127.0.0.1]:3000',
  'http://[0:0:0:0:0:0:0:1]:3000',
  'ftp://localhost:3000',
  'null',
  '',
];

const UNSAFE = contract.routes.filter(({ method }) => method !== 'GET');
const at = (path: string): string => path.replace(':id', '550e8400-e29b-41d4-a716-446655440000');

function assertForbidden(answer: Answer, what: string): void {
  assertRefused(answer, 403, 'FORBIDDEN_ORIGIN', what);
  assert.deepEqual(answer.setCookies, [], what);
  assertNoCors(answer, what);
}

function assertNoCors(answer: Answer, what: string): void {
  const names = Object.keys(answer.headers).filter((name) => name.startsWith('access-control-'));
  assert.deepEqual(names, [], what);
  assert.match(String(answer.headers['vary']), /\bOrigin\b/, what);
}

describe('a change asked for by a page, with origins listed by name', () => {
  const world = sharedWorld({ env: LISTING });

  it('is refused on every route when the page is of another origin, and nothing is set or cleared', async () => {
    const client = await world().signedIn('routes@example.com');
    for (const { method, path } of UNSAFE) {
      const answer = await client.ask(method, at(path), { headers: { origin: 'https://evil.example' } });
      assertForbidden(answer, `${method} ${path}`);
    }
    assert.equal((await client.get('/me')).status, 200);
    assert.equal((await client.post('/refresh')).status, 200);
  });

  for (const origin of HOSTILE) {
    it(`is refused from ${JSON.stringify(origin)}`, async () => {
      const { another } = world();
      assertForbidden(await another().post('/logout', undefined, { headers: { origin } }), origin);
    });
  }

  for (const origin of [LISTED, OTHER_LISTED, PUBLIC]) {
    it(`is done for ${origin}, whatever else the browser tells`, async () => {
      const { another } = world();
      for (const site of [undefined, 'same-origin', 'same-site', 'cross-site', 'none', 'odd']) {
        const headers = { origin, ...(site !== undefined && { 'sec-fetch-site': site }) };
        const answer = await another().post('/logout', undefined, { headers });
        assert.equal(answer.status, 200, site);
      }
    });
  }

  for (const site of ['cross-site', 'same-site', 'Same-Origin', 'SAME-ORIGIN', 'same-origin ,x', 'odd', '', 'null']) {
    it(`without an origin is refused when it comes from ${JSON.stringify(site)}`, async () => {
      const answer = await world()
        .another()
        .post('/logout', undefined, { headers: { 'sec-fetch-site': site } });
      assertForbidden(answer, site);
    });
  }

  for (const site of ['same-origin', 'none']) {
    it(`without an origin is done when it comes from ${site}`, async () => {
      const answer = await world()
        .another()
        .post('/logout', undefined, { headers: { 'sec-fetch-site': site } });
      assert.equal(answer.status, 200);
    });
  }

  it('without both is done, for programs are no browsers', async () => {
    assert.equal((await world().another().post('/logout')).status, 200);
  });

  it('is judged by no other header', async () => {
    const headers = {
      'sec-fetch-mode': 'cors',
      'sec-fetch-dest': 'iframe',
      'sec-fetch-user': '?1',
      referer: 'https://evil.example/',
    };
    assert.equal((await world().another().post('/logout', undefined, { headers })).status, 200);
    for (const more of [
      { referer: `${LISTED}/` },
      { 'x-requested-with': 'XMLHttpRequest' },
      { authorization: 'Bearer x' },
    ]) {
      const answer = await world()
        .another()
        .post('/logout', undefined, { headers: { origin: 'https://evil.example', ...more } });
      assertForbidden(answer, JSON.stringify(more));
    }
  });

  it('is refused before its body is looked at, and counts for nothing', async () => {
    const { account, another } = world();
    await account('target@example.com');
    const headers = { origin: 'https://evil.example', 'content-type': 'text/plain' };
    for (let count = 0; count < 12; count += 1) {
      const raw = JSON.stringify({ email: 'target@example.com', password: 'wrong' });
      assertForbidden(await another().ask('POST', '/login', { raw, headers }), 'login');
    }
    assert.equal((await another().signIn('target@example.com')).status, 200);
  });

  it('at a path or under a method that nothing answers is refused alike', async () => {
    const headers = { origin: 'https://evil.example' };
    const { another } = world();
    assertForbidden(await another().post('/nothing-here', undefined, { headers }), 'unknown path');
    assertForbidden(await another().post('/me', undefined, { headers }), 'other method');
    assertForbidden(await another().ask('TRACE', '/me', { headers }), 'TRACE');
  });
});

describe('a change asked for by a page, in development mode', () => {
  const world = sharedWorld({ env: NO_RATES });

  for (const origin of HOSTILE_IN_DEVELOPMENT) {
    it(`is refused from ${JSON.stringify(origin)}`, async () => {
      const { another } = world();
      assertForbidden(await another().post('/logout', undefined, { headers: { origin } }), origin);
    });
  }

  for (const origin of [
    'http://localhost',
    'http://localhost:5173',
    'https://localhost:8443',
    'http://127.0.0.1:5173',
    'http://[::1]:5173',
  ]) {
    it(`is done for ${origin}`, async () => {
      const answer = await world().another().post('/logout', undefined, { headers: { origin } });
      assert.equal(answer.status, 200);
      assert.equal(answer.headers['access-control-allow-origin'], origin);
    });
  }
});

describe('reading across origins', () => {
  const world = sharedWorld({ env: LISTING });

  it('is allowed to exactly the listed origin that asks, with its cookies', async () => {
    const client = await world().signedIn('cors@example.com');
    for (const origin of [LISTED, OTHER_LISTED, PUBLIC]) {
      const answer = await client.get('/me', { headers: { origin } });
      assert.equal(answer.status, 200);
      assert.equal(answer.headers['access-control-allow-origin'], origin);
      assert.equal(answer.headers['access-control-allow-credentials'], 'true');
      assert.equal(
        answer.headers['access-control-expose-headers'],
        'X-Request-Id, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset',
      );
      assert.match(String(answer.headers['vary']), /\bOrigin\b/);
    }
  });

  it('lets a listed origin see refusals too', async () => {
    const answer = await world()
      .another()
      .get('/me', { headers: { origin: LISTED } });
    assertRefused(answer, 401, 'TOKEN_EXPIRED');
    assert.equal(answer.headers['access-control-allow-origin'], LISTED);
    const body = { email: 'nobody@example.com', password: 'x' };
    const login = await world()
      .another()
      .post('/login', body, { headers: { origin: LISTED } });
    assertRefused(login, 401, 'INVALID_CREDENTIALS');
    assert.equal(login.headers['access-control-allow-origin'], LISTED);
  });

  it('is allowed to no other, though the answer comes', async () => {
    const client = await world().signedIn('cors-other@example.com');
    for (const origin of HOSTILE) {
      const answer = await client.get('/me', { headers: { origin } });
      assert.equal(answer.status, 200, origin);
      assertNoCors(answer, origin);
    }
  });

  it('says Vary: Origin also when nobody asks from elsewhere', async () => {
    const client = world().another();
    assertNoCors(await client.get('/me'), 'me');
    assertNoCors(await client.get('/nothing-here'), '404');
    assertNoCors(await client.get('/login'), '405');
  });

  it('is announced to a listed origin before every route and method', async () => {
    const client = world().another();
    for (const { method, path } of contract.routes) {
      const headers = {
        origin: LISTED,
        'access-control-request-method': method,
        'access-control-request-headers': 'content-type,x-of-its-own',
      };
      const answer = await client.ask('OPTIONS', at(path), { headers });
      assert.equal(answer.status, 204, `${method} ${path}`);
      assert.equal(answer.headers['access-control-allow-origin'], LISTED);
      assert.equal(answer.headers['access-control-allow-credentials'], 'true');
      assert.ok(String(answer.headers['access-control-allow-methods']).split(', ').includes(method));
      assert.equal(answer.headers['access-control-allow-headers'], 'content-type,x-of-its-own');
      assert.equal(answer.headers['access-control-max-age'], '600');
      assert.match(String(answer.headers['vary']), /\bOrigin\b/);
      assert.deepEqual(answer.setCookies, []);
    }
  });

  it('is announced to no other', async () => {
    const client = world().another();
    for (const origin of HOSTILE) {
      for (const { method, path } of contract.routes) {
        const headers = { origin, 'access-control-request-method': method };
        const answer = await client.ask('OPTIONS', at(path), { headers });
        assert.equal(answer.status, 204, path);
        assertNoCors(answer, `${origin} ${method} ${path}`);
      }
    }
  });

  it('is never allowed to everybody with cookies, the published keys apart, which hold none', async () => {
    const { another } = world();
    for (const path of ['/health/live', '/health/ready', '/docs/cookie.json', '/metrics', '/nothing', `${PREFIX}/me`]) {
      const answer = await another().askAt('GET', path, { headers: { origin: 'https://evil.example' } });
      assert.equal(answer.headers['access-control-allow-origin'], undefined, path);
      assert.equal(answer.headers['access-control-allow-credentials'], undefined, path);
    }
    const keys = await another().askAt('GET', '/.well-known/jwks.json', {
      headers: { origin: 'https://evil.example' },
    });
    assert.equal(keys.headers['access-control-allow-origin'], '*');
    assert.equal(keys.headers['access-control-allow-credentials'], undefined);
  });

  it('a sign-in from a listed page works from its preflight to its cookies', async () => {
    const { account, another } = world();
    await account('page@example.com');
    const client = another({ headers: { origin: LISTED, 'sec-fetch-site': 'cross-site' } });
    const answer = await client.post('/login', { email: 'page@example.com', password: PASSWORD });
    assert.equal(answer.status, 200);
    assert.equal(answer.setCookies.length, 3);
    assert.equal((await client.get('/me')).status, 200);
    assert.equal((await client.post('/refresh')).status, 200);
    assert.equal((await client.post('/logout')).status, 200);
  });
});
