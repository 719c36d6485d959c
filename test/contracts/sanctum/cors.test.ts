import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dump } from '../../security/leaks.ts';
import {
  type Answer,
  assertRefused,
  type Client,
  type OpenedClient,
  openClient,
  PASSWORD,
  SESSION,
  SPA,
  sharedWorld,
} from './client.ts';
import { LINES } from './shape-lines.ts';
import { APP, assertUnreadable, FROM_APP, HTTPS, held } from './transport.ts';
import { confirmPassword, switchOn, withTotp } from './two-factor-people.ts';

const PUBLIC = 'http://localhost:3000';
const OTHER = 'https://xn--bcher-kva.example:8443';
/** Section 2.4: which paths pages of other origins may read. */
const isShared = ({ url }: { url: string }): boolean => url.startsWith('/api/') || url === '/sanctum/csrf-cookie';
const SHARED = LINES.filter(isShared);
/** What the front ends of the documents send. */
const SENT = ['content-type', 'accept', 'x-requested-with', 'x-xsrf-token'];

/** R094: near misses of all three. */
const FOREIGN = [
  'https://evil.example',
  'http://localhost:5173.evil.example',
  'http://evil-localhost:5173',
  'http://evil.localhost:5173',
  'http://localhost.:5173',
  'http://localhost',
  'http://localhost:5174',
  'http://localhost:30000',
  'https://localhost:5173',
  'https://localhost:3000',
  'HTTP://localhost:5173',
  'http://LOCALHOST:5173',
  'http://127.0.0.1:5173',
  'http://[::1]:3000',
  'http://localhost:5173/',
  'http://localhost:5173@evil.example',
  'http://evil.example@localhost:5173',
  'http://localhost:5173, https://evil.example',
  'https://xn--bcher-kva.example',
  'http://xn--bcher-kva.example:8443',
  'https://XN--BCHER-KVA.example:8443',
  'https://b%C3%BCcher.example:8443',
  'https://www.xn--bcher-kva.example:8443',
  'https://*.example',
  'null',
  'NULL',
  '*',
  'file://',
  'undefined',
];

const preflight = (client: Client, url: string, origin: string, method: string, asked: string): Promise<Answer> =>
  client.ask('OPTIONS', url, {
    cookie: null,
    xsrf: null,
    headers: {
      accept: '*/*',
      'x-requested-with': '',
      referer: '',
      origin,
      'access-control-request-method': method,
      'access-control-request-headers': asked,
    },
  });
const listIn = (answer: Answer, name: string): string[] =>
  String(answer.headers[name] ?? '')
    .split(',')
    .map((item) => item.trim().toLowerCase());

describe('2.4: pages of other origins', () => {
  const world = sharedWorld({ env: { GUICHET_ALLOWED_ORIGINS: `${SPA},${OTHER}` } });

  it('R094: an allowed one may read every answer below the prefix and of csrf-cookie, with its cookies', async () => {
    const client = await world().signedIn();
    for (const { method, name, url } of SHARED) {
      if (url.endsWith('/logout')) continue;
      for (const origin of [SPA, OTHER, PUBLIC]) {
        const { headers, status } = await client.ask(method, url, { headers: { origin } });
        assert.ok(status < 500, name);
        assert.equal(headers['access-control-allow-origin'], origin, name);
        assert.equal(headers['access-control-allow-credentials'], 'true', name);
        assert.match(String(headers['vary']), /\bOrigin\b/, name);
      }
    }
  });

  it('an allowed one may read each kind of "no"', async () => {
    const client = await world().signedIn();
    const guest = world().another();
    for (const [status, answer] of [
      [401, await guest.user()],
      [404, await client.get('/nothing')],
      [405, await client.get('/auth/login')],
      [415, await client.post('/auth/login', { email: 'x' }, { headers: { 'content-type': 'text/plain' } })],
      [419, await client.patch('/user/locale', {}, { xsrf: 'wrong' })],
      [422, await client.patch('/user/locale', {})],
      [423, await client.post('/user/two-factor-authentication')],
    ] as const) {
      assert.equal(answer.status, status, answer.text);
      assert.equal(answer.headers['access-control-allow-origin'], SPA, String(status));
      assert.equal(answer.headers['access-control-allow-credentials'], 'true', String(status));
    }
  });

  it('a foreign one reads nothing, also of what is answered', async () => {
    const client = await world().signedIn();
    for (const origin of FOREIGN) {
      for (const url of ['/sanctum/csrf-cookie', '/api/v1/app/config', '/api/v1/auth/user', '/api/v1/nothing']) {
        const answer = await client.ask('GET', url, { headers: { origin } });
        assertUnreadable(answer, `${origin} ${url}`);
      }
    }
  });

  it('without an Origin no page is allowed, and caches are told what the answer depends on', async () => {
    const client = await world().signedIn();
    for (const url of ['/sanctum/csrf-cookie', '/api/v1/auth/user', '/api/v1/nothing']) {
      assertUnreadable(await client.ask('GET', url, { headers: { origin: '' } }), url);
    }
  });

  it('an allowed one is told so before every request, with the method and the headers that its front end sends', async () => {
    const client = world().another();
    for (const { method, name, url } of SHARED) {
      for (const origin of [SPA, OTHER, PUBLIC]) {
        const answer = await preflight(client, url, origin, method, SENT.join(','));
        assert.deepEqual([answer.status, answer.text, answer.setCookies], [204, '', []], name);
        assert.equal(answer.headers['access-control-allow-origin'], origin, name);
        assert.equal(answer.headers['access-control-allow-credentials'], 'true', name);
        assert.ok(listIn(answer, 'access-control-allow-methods').includes(method.toLowerCase()), name);
        const headers = listIn(answer, 'access-control-allow-headers');
        for (const asked of SENT) assert.ok(headers.includes(asked), `${name}: ${asked}`);
        assert.match(String(answer.headers['vary']), /\bOrigin\b/, name);
        assert.equal(answer.headers['content-type'], undefined, name);
      }
    }
  });

  it('a preflight allows the headers that are asked for, whatever they are', async () => {
    const client = world().another();
    for (const url of ['/sanctum/csrf-cookie', '/api/v1/auth/login']) {
      const answer = await preflight(client, url, SPA, 'POST', 'x-xsrf-token,x-socket-id');
      const headers = listIn(answer, 'access-control-allow-headers');
      for (const asked of ['x-xsrf-token', 'x-socket-id']) assert.ok(headers.includes(asked), asked);
    }
  });

  it('a preflight says what it depends on', async () => {
    const answer = await preflight(world().another(), '/api/v1/auth/login', SPA, 'POST', 'content-type');
    assert.deepEqual(listIn(answer, 'vary').sort(), [
      'access-control-request-headers',
      'access-control-request-method',
      'origin',
    ]);
  });

  it('a foreign one is told nothing before any request: 204 with Vary alone', async () => {
    const client = world().another();
    for (const origin of FOREIGN) {
      for (const { method, name, url } of LINES) {
        const answer = await preflight(client, url, origin, method, SENT.join(','));
        assert.deepEqual([answer.status, answer.text, answer.setCookies], [204, '', []], `${origin} ${name}`);
        assertUnreadable(answer, `${origin} ${name}`);
      }
    }
  });

  it('a preflight runs nothing, and asks no session', async () => {
    const client = await world().signedIn();
    const before = await dump(world());
    for (const { method, name, url } of LINES) {
      const answer = await client.ask('OPTIONS', url, {
        headers: { 'access-control-request-method': method, 'access-control-request-headers': 'content-type' },
      });
      assert.deepEqual([answer.status, answer.setCookies], [204, []], name);
    }
    assert.deepEqual(await dump(world()), before);
    assert.equal((await client.user()).status, 200);
  });

  it('R094: in production the listed and the public URL’s own are allowed, and this machine’s are not', async (t) => {
    const other = await openClient(t, { env: HTTPS });
    const client = other.another();
    for (const [origin, is] of [
      [APP, true],
      ['https://auth.example.org', true],
      [SPA, false],
      ['http://auth.example.org', false],
      ['http://app.example.org', false],
      ['https://example.org', false],
      ['null', false],
    ] as const) {
      const answer = await client.csrfCookie({ headers: { origin } });
      assert.equal(answer.headers['access-control-allow-origin'], is ? origin : undefined, origin);
    }
  });
});

describe('R096: what an answer may be used for', () => {
  it('is not guessed at, framed, run, embedded by other sites or kept, on every line and in every "no"', async (t) => {
    const world = await openClient(t, { env: HTTPS });
    const { email } = await world.account();
    const client = world.another({ headers: FROM_APP });
    await client.login(email);
    const answers = [
      await client.get('/nothing'),
      await client.get('/auth/login'),
      await client.user({ cookie: null }),
    ];
    for (const { method, url } of LINES) answers.push(await client.ask(method, url));
    answers.push(await client.post('/auth/login', {}, { xsrf: 'wrong' }));
    answers.push(await client.post('/auth/login', {}, { headers: { origin: 'https://evil.example' } }));
    for (const { headers, status } of answers) {
      assert.equal(headers['x-content-type-options'], 'nosniff', String(status));
      assert.equal(headers['cross-origin-resource-policy'], 'same-site');
      assert.equal(headers['x-frame-options'], 'DENY');
      assert.match(String(headers['content-security-policy']), /default-src 'none'.*frame-ancestors 'none'/);
      assert.match(String(headers['cache-control']), /no-store|no-cache/);
      assert.equal(headers['referrer-policy'], 'no-referrer');
      assert.equal(headers['strict-transport-security'], 'max-age=31536000; includeSubDomains');
      assert.equal(headers['server'] ?? headers['x-powered-by'], undefined);
    }
  });
});

describe('R093: methods', () => {
  const world = sharedWorld();
  const METHODS = ['GET', 'HEAD', 'OPTIONS'] as const;
  const URLS = [...new Set(LINES.map(({ url }) => url))];

  const people = async (of: OpenedClient): Promise<Record<string, Client>> => {
    const [guest, fresh, waiting] = [of.another(), of.another(), of.another()];
    await guest.csrfCookie();
    const somebody = await withTotp(of);
    await waiting.login(somebody.email);
    const confirmed = await of.signedIn();
    await confirmPassword(confirmed);
    const { email } = await of.account();
    await fresh.login(email);
    const enrolled = await of.signedIn();
    await confirmPassword(enrolled);
    await switchOn(of, enrolled);
    return { guest, waiting, member: fresh, confirmed, enrolled, stranger: of.another() };
  };

  for (const method of METHODS) {
    it(`${method} changes nothing anywhere, whoever asks and whatever it says`, async () => {
      const clients = await people(world());
      const before = await dump(world());
      for (const [who, client] of Object.entries(clients)) {
        for (const url of URLS) {
          const sentAs = { 'x-http-method-override': 'DELETE', 'x-method-override': 'POST', 'x-http-method': 'PUT' };
          const answers = [
            await client.ask(method, url),
            await client.ask(method, `${url}?_method=DELETE&email=x&password=x&locale=fr&site_id=1&force=1`),
            await client.ask(method, url, { headers: sentAs }),
          ];
          for (const { status, text } of answers) assert.ok(status < 500, `${who} ${method} ${url}: ${text}`);
        }
      }
      assert.deepEqual(await dump(world()), before);
    });
  }

  it('GET with a body changes nothing', async () => {
    const client = await world().signedIn();
    const before = await dump(world());
    for (const url of URLS) {
      const body = { _method: 'PATCH', locale: 'fr', email: 'x@example.com', password: PASSWORD };
      assert.ok((await client.ask('GET', url, { body })).status < 500, url);
    }
    assert.deepEqual(await dump(world()), before);
  });

  it('a set-up link that is looked at twice is not used up', async () => {
    const { identity } = world();
    const email = 'invited@example.com';
    await identity.createAccount({ email, firstName: 'Jean', lastName: 'Dupont' });
    const link = (await world().mails(email))[0]?.links[0] ?? assert.fail('no invitation was mailed');
    const { pathname, search } = new URL(link);
    const client = world().another();
    const before = await dump(world());
    for (const method of ['GET', 'HEAD', 'GET'] as const) {
      const answer = await client.ask(method, `/api/v1/auth${pathname}${search}`);
      assert.equal(answer.status, 200, answer.text);
    }
    assert.deepEqual(await dump(world()), before);
  });

  it('HEAD answers as GET does, without a body', async () => {
    const client = await world().signedIn();
    for (const { name, url } of LINES.filter(({ method }) => method === 'GET')) {
      for (const one of [client, world().another()]) {
        const [get, head] = [await one.ask('GET', url), await one.ask('HEAD', url)];
        assert.deepEqual([head.status, head.text], [get.status, ''], name);
        assert.equal(head.headers['content-type'], get.headers['content-type'], name);
        assert.equal(head.setCookies.length, get.setCookies.length, name);
      }
    }
  });

  it('TRACE and others that nothing answers are refused, and reach no session', async () => {
    const client = await world().signedIn();
    const { session, token } = held(client);
    const before = await dump(world());
    for (const method of ['TRACE', 'PROPFIND', 'MKCOL']) {
      for (const url of URLS) {
        const { headers, statusCode } = await world().app.inject({
          method: method as 'GET',
          url,
          headers: { cookie: `${SESSION}=${session}`, 'x-xsrf-token': token, origin: SPA, referer: `${SPA}/` },
        });
        assert.ok([404, 405, 501].includes(statusCode), `${method} ${url}: ${statusCode}`);
        assert.equal(headers['set-cookie'], undefined);
      }
    }
    assert.deepEqual(await dump(world()), before);
  });

  it('is what the request line says: no field and no header makes another of it', async () => {
    const client = await world().signedIn();
    const overrides: Record<string, string>[] = [
      { 'x-http-method-override': 'PATCH' },
      { 'x-http-method': 'PATCH' },
      { 'x-method-override': 'PATCH' },
    ];
    const expected = 'The POST method is not supported for route api/v1/user/locale. Supported methods: PATCH.';
    for (const headers of overrides) {
      const answer = await client.post('/user/locale', { locale: 'fr' }, { headers });
      assertRefused(answer, 405, expected);
      assert.equal(answer.headers['allow'], 'PATCH');
    }
    assertRefused(await client.post('/user/locale', { locale: 'fr', _method: 'PATCH' }), 405, expected);
    const form = { locale: 'fr', _method: 'PATCH' };
    assertRefused(await client.ask('POST', '/api/v1/user/locale?_method=PATCH', { form }), 405, expected);
    assert.equal((await client.user()).body.data?.locale, 'en');
  });

  it('the wrong one is a 405 that names the right ones', async () => {
    const client = await world().signedIn();
    for (const [method, url, allowed] of [
      ['GET', 'api/v1/auth/logout', 'POST'],
      ['PUT', 'api/v1/user/locale', 'PATCH'],
      ['DELETE', 'api/v1/user/password', 'PUT'],
      ['POST', 'api/v1/auth/user', 'GET, HEAD'],
      ['POST', 'sanctum/csrf-cookie', 'GET, HEAD'],
    ] as const) {
      const answer = await client.ask(method, `/${url}`);
      const message = `The ${method} method is not supported for route ${url}. Supported methods: ${allowed}.`;
      assertRefused(answer, 405, message);
      assert.equal(answer.headers['allow'], allowed);
    }
  });
});
