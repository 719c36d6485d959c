import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Answer,
  type Asking,
  assertGuest,
  assertRefused,
  type Client,
  openClient,
  PASSWORD,
  SESSION,
  SPA,
  sharedWorld,
} from './client.ts';
import { APP, assertForeign, assertMismatch, held, sent } from './transport.ts';
import { totpNow, withTotp } from './two-factor-people.ts';

const LOGIN = '/api/v1/auth/login';
const LOGOUT = '/api/v1/auth/logout';
/** Of an app that is no browser. */
const APP_HEADERS = { accept: '', 'x-requested-with': '', referer: '', origin: '' };

type Voice = 'device' | 'sanctum';

/** Checks whose answer it is: each contract has its own shape, and the device one’s never sets a cookie. */
function assertVoice(answer: Answer, voice: Voice, what: string): void {
  const status = (answer.json as { status?: unknown } | undefined)?.status;
  assert.equal(status, voice === 'device' ? answer.status : undefined, `${what}: ${answer.status} ${answer.text}`);
  if (voice === 'device') assert.deepEqual(answer.setCookies, [], what);
}

interface DeviceBody {
  status?: number;
  error?: string;
  access_token?: string;
}
const deviceBody = ({ json }: Answer): DeviceBody => (json ?? {}) as DeviceBody;

/** As an app asks: no cookie, no token of a page, nothing that tells of one. */
const asApp = (client: Client, url: string, of: Asking = {}): Promise<Answer> =>
  client.ask('POST', url, { cookie: null, xsrf: null, ...of, headers: { ...APP_HEADERS, ...of.headers } });

async function appSignedIn(client: Client, email: string): Promise<string> {
  const answer = await asApp(client, LOGIN, { body: { identifier: email, password: PASSWORD } });
  return deviceBody(answer).access_token ?? assert.fail(answer.text);
}
const isAppIn = async (client: Client, token: string): Promise<boolean> => {
  const headers = { ...APP_HEADERS, authorization: `Bearer ${token}` };
  return (await client.ask('GET', '/api/v1/auth/me', { cookie: null, xsrf: null, headers })).status === 200;
};

/** Marks that a request of a front end of this contract bears; of which one is enough. */
const MARKED: Record<string, Asking> = {
  'X-XSRF-TOKEN': { cookie: null, xsrf: 'x' },
  'an empty-handed X-XSRF-TOKEN': { cookie: null, xsrf: '0' },
  'the session cookie': { cookie: `${SESSION}=x`, xsrf: null },
  'the session cookie among others': { cookie: `a=b; ${SESSION}=x; c=d`, xsrf: null },
  both: { cookie: `${SESSION}=x`, xsrf: 'x' },
};
/** What is no mark. */
const UNMARKED: Record<string, Asking> = {
  nothing: { cookie: null, xsrf: null },
  'the XSRF-TOKEN cookie alone': { cookie: 'XSRF-TOKEN=x', xsrf: null },
  'a cookie that is called almost so': { cookie: `my_${SESSION}=x; ${SESSION}_2=x`, xsrf: null },
  'the remember cookie alone': { cookie: 'remember_web=x', xsrf: null },
  'X-CSRF-TOKEN alone': { cookie: null, xsrf: null, headers: { 'x-csrf-token': 'x' } },
  'what a browser tells of the page': { cookie: null, xsrf: null, headers: { origin: SPA, referer: `${SPA}/` } },
};

const json = (raw: string): Asking => ({ raw, headers: { 'content-type': 'application/json' } });
const typed = (raw: string, type: string): Asking => ({ raw, headers: { 'content-type': type } });

/** Bodies that say themselves whose they are. */
const TELLING: [what: string, body: Asking, voice: Voice][] = [
  ['identifier', { body: { identifier: 'x@example.com', password: 5 } }, 'device'],
  ['identifier alone', { body: { identifier: 'x' } }, 'device'],
  ['identifier that is null', { body: { identifier: null } }, 'device'],
  ['identifier that is empty', { body: { identifier: '' } }, 'device'],
  ['identifier that is a list', { body: { identifier: [] } }, 'device'],
  ['identifier and _token', { body: { identifier: 'x', _token: 'x' } }, 'device'],
  ['email', { body: { email: 'x@example.com', password: 'x' } }, 'sanctum'],
  ['email alone', { body: { email: 'x' } }, 'sanctum'],
  ['email that is null', { body: { email: null } }, 'sanctum'],
  ['email that is false', { body: { email: false } }, 'sanctum'],
  ['email that is an object', { body: { email: { identifier: 'x' } } }, 'sanctum'],
  ['email and device_name', { body: { email: 'x', device_name: 'x' } }, 'sanctum'],
  ['a form with email', { form: { email: 'x', password: 'x' } }, 'sanctum'],
  ['a form with identifier', { form: { identifier: 'x', password: 'x' } }, 'sanctum'],
  ['a form with both', { form: { identifier: 'x', email: 'x' } }, 'sanctum'],
  ['a form with neither', { form: { password: 'x' } }, 'sanctum'],
];
/** Bodies of which the marks have to tell. */
const SILENT: [what: string, body: Asking][] = [
  ['both', { body: { identifier: 'x@example.com', email: 'x@example.com' } }],
  ['both, null', { body: { email: null, identifier: null } }],
  ['neither', { body: { password: 'x' } }],
  ['neither but in capitals', { body: { Email: 'x', EMAIL: 'x' } }],
  ['neither but inside', { body: { data: { email: 'x' }, user: { identifier: 'x' } } }],
  ['an empty object', { body: {} }],
  ['nothing', {}],
  ['an empty one that calls itself JSON', typed('', 'application/json')],
  ['a list', { body: [{ email: 'x' }] }],
  ['a list of names', { body: ['email'] }],
  ['a text', { body: 'email' }],
  ['a number', { body: 5 }],
  ['null', json('null')],
  ['JSON that is cut', json('{"email":"x@example.com"')],
  ['JSON that is cut, for the other', json('{"identifier":"x@example.com"')],
  ['JSON that names email twice', json('{"email":"x","email":"y"}')],
  ['JSON with a prototype', json('{"__proto__":{"email":"x"}}')],
  ['a form that calls itself JSON', json('email=x%40example.com')],
  ['JSON of another type', typed('{"email":"x"}', 'text/plain')],
  ['JSON of a type of its own', typed('{"identifier":"x"}', 'application/vnd.api+json')],
  [
    'several parts',
    typed('--x\r\ncontent-disposition: form-data; name="email"\r\n\r\nx\r\n--x--', 'multipart/form-data; boundary=x'),
  ],
];

describe('rule 33: POST /api/v1/auth/login', () => {
  const world = sharedWorld({ env: { GUICHET_RATE_LIMITS: 'off' } });
  const merged = (one: Asking, other: Asking): Asking => ({
    ...one,
    ...other,
    headers: { ...APP_HEADERS, ...one.headers, ...other.headers },
  });

  for (const [what, body, voice] of TELLING) {
    it(`is ${voice}’s with ${what}, whatever marks it bears`, async () => {
      for (const [marks, asking] of Object.entries({ ...MARKED, ...UNMARKED })) {
        const answer = await world().another().ask('POST', LOGIN, merged(body, asking));
        assertVoice(answer, voice, marks);
        if (voice === 'sanctum') assertMismatch(answer, marks);
        else assert.ok([401, 422].includes(answer.status), `${marks}: ${answer.text}`);
      }
    });
  }

  for (const [what, body] of SILENT) {
    it(`with ${what} as its body belongs to whose marks it bears, else to device`, async () => {
      for (const [marks, asking] of Object.entries(MARKED)) {
        const answer = await world().another().ask('POST', LOGIN, merged(body, asking));
        assertVoice(answer, 'sanctum', marks);
        assert.ok([419, 415].includes(answer.status), `${marks}: ${answer.text}`);
      }
      for (const [marks, asking] of Object.entries(UNMARKED)) {
        const answer = await world().another().ask('POST', LOGIN, merged(body, asking));
        assertVoice(answer, 'device', marks);
        assert.ok([400, 415, 422].includes(answer.status), `${marks}: ${answer.text}`);
      }
    });
  }

  it('neither is the 422 of the contract whose it is', async () => {
    const client = world().another();
    await client.csrfCookie();
    const neither = await client.ask('POST', LOGIN, { body: {} });
    assert.deepEqual([neither.status, Object.keys(neither.body.errors ?? {})], [422, ['email', 'password']]);
    const device = await asApp(client, LOGIN, { body: {} });
    assert.deepEqual([device.status, deviceBody(device).error], [422, 'validation_failed']);
  });

  it('K02: both is the 422 of the contract whose it is, and signs nobody in, however right they are', async () => {
    const { email } = await world().account();
    const client = world().another();
    await client.csrfCookie();
    const body = { identifier: email, email, password: PASSWORD };
    const device = await asApp(client, LOGIN, { body });
    assert.deepEqual([device.status, deviceBody(device).error], [422, 'validation_failed']);
    const sanctum = await client.ask('POST', LOGIN, { body });
    assert.equal(sanctum.status, 422, sanctum.text);
    assertGuest(await client.user());
  });

  it('what is no JSON is sanctum’s 422 and device’s 400', async () => {
    const client = world().another();
    await client.csrfCookie();
    const sanctum = await client.ask('POST', LOGIN, json('{"email":'));
    assert.deepEqual([sanctum.status, Object.keys(sanctum.body.errors ?? {})], [422, ['email', 'password']]);
    const device = await asApp(client, LOGIN, json('{"identifier":'));
    assert.equal(device.status, 400, device.text);
    assertVoice(device, 'device', 'no JSON');
  });

  it('R092: a type that neither reads is a 415 in the shape of whose marks it bears', async () => {
    const client = world().another();
    await client.csrfCookie();
    for (const type of ['text/plain', 'application/xml', 'multipart/form-data; boundary=x', 'application/jsonx', 'x']) {
      const sanctum = await client.ask('POST', LOGIN, typed('{"email":"x"}', type));
      assert.equal(sanctum.status, 415, type);
      assertVoice(sanctum, 'sanctum', type);
      const device = await asApp(client, LOGIN, typed('{"identifier":"x"}', type));
      assert.equal(device.status, 415, type);
      assertVoice(device, 'device', type);
    }
  });

  it('a body that is too large is a 413 in the shape of whose marks it bears', async () => {
    const client = world().another();
    await client.csrfCookie();
    const body = { email: 'x', password: 'x'.repeat(70_000) };
    const sanctum = await client.ask('POST', LOGIN, { body });
    assert.equal(sanctum.status, 413);
    assertVoice(sanctum, 'sanctum', 'marked');
    const device = await asApp(client, LOGIN, { body });
    assert.equal(device.status, 413);
    assertVoice(device, 'device', 'unmarked');
  });

  it('speaks the language of whose it is: device French, sanctum English', async () => {
    const device = await asApp(world().another(), LOGIN, { body: { identifier: 'nobody@example.com', password: 'x' } });
    const client = world().another();
    await client.csrfCookie();
    const sanctum = await client.post('/auth/login', { email: 'nobody@example.com', password: 'x' });
    assert.equal(sanctum.body.message, 'The provided credentials are incorrect.');
    assert.equal(device.status, 401);
    assert.notEqual((device.json as { message?: string }).message, sanctum.body.message);
  });

  it('K02: by identifier takes a password without any token, and neither reads nor sets a cookie', async () => {
    const { account } = world();
    const [mine, other] = [await account(), await account()];
    const client = world().another();
    await client.login(mine.email);
    const before = held(client);
    const answer = await client.ask('POST', LOGIN, { body: { identifier: other.email, password: PASSWORD } });
    assertVoice(answer, 'device', 'with the cookies of a front end');
    assert.equal(answer.status, 200, answer.text);
    const token = deviceBody(answer).access_token ?? '';
    assert.ok(await isAppIn(world().another(), token));
    assert.deepEqual(held(client), before);
    assert.equal((await client.user()).body.data?.email, mine.email);
  });

  it('K02: by email always needs the token and the right origin, though device would take the password', async () => {
    const { email } = await world().account();
    const body = { email, password: PASSWORD };
    assertMismatch(await asApp(world().another(), LOGIN, { body }), 'an app without a token');
    assertMismatch(await asApp(world().another(), LOGIN, { form: body }), 'a form without a token');
    const headers = { origin: 'https://evil.example' };
    assertForeign(await asApp(world().another(), LOGIN, { body, headers }), 'a foreign page');
    assertForeign(await asApp(world().another(), LOGIN, { form: body, headers }), 'a foreign form');
    const client = world().another();
    await client.csrfCookie();
    assertForeign(await client.ask('POST', LOGIN, { body, headers }), 'with a right token');
    assert.equal((await client.ask('POST', LOGIN, { body })).status, 200);
  });

  it('K02: a foreign page is refused in the shape of whose it is, and no cookie is set for it', async () => {
    const { email } = await world().account();
    const headers = { origin: 'https://evil.example' };
    const client = await world().signedIn();
    const before = held(client);
    const device = await client.ask('POST', LOGIN, { body: { identifier: email, password: PASSWORD }, headers });
    assertVoice(device, 'device', 'foreign');
    assert.equal(device.status, 403);
    for (const raw of ['{"email":', '', 'null']) {
      assertForeign(await client.ask('POST', LOGIN, { raw, headers }), raw);
    }
    assert.deepEqual(held(client), before);
  });

  it('from an allowed page is readable with cookies as sanctum’s, and without as device’s', async () => {
    const client = world().another();
    const sanctum = await client.ask('POST', LOGIN, { body: { email: 'x' } });
    assert.equal(sanctum.headers['access-control-allow-origin'], SPA);
    assert.equal(sanctum.headers['access-control-allow-credentials'], 'true');
    const device = await world()
      .another()
      .ask('POST', LOGIN, { body: { identifier: 'x' } });
    assert.equal(device.headers['access-control-allow-origin'], SPA);
    assert.equal(device.headers['access-control-allow-credentials'], undefined);
  });

  it('a second factor that one asked for is not completed by the other', async () => {
    const { email, secret } = await withTotp(world());
    const client = world().another();
    assert.deepEqual((await client.login(email)).json, { two_factor: true });
    const otp = totpNow(world(), secret);
    const challenge = client.cookie(SESSION);
    const verify = await asApp(client, '/api/v1/auth/2fa/verify', { body: { identifier: email, otp, challenge } });
    assert.equal(verify.status, 401, verify.text);
    assert.equal((await client.post('/auth/two-factor-challenge', { code: otp })).status, 204);
  });
});

describe('rule 33: failures on the shared login path', () => {
  it('K02: count together: five of each lock the address for both, each in its own shape', async (t) => {
    const world = await openClient(t);
    const { email } = await world.account();
    const [client, app] = [world.another(), world.another()];
    await client.csrfCookie();
    for (let count = 0; count < 5; count += 1) {
      const device = await asApp(app, LOGIN, { body: { identifier: email, password: 'wrong' } });
      assert.equal(device.status, 401, device.text);
      world.clock.advance({ minutes: 1 });
      const sanctum = await client.post('/auth/login', { email, password: 'wrong' });
      assert.equal(sanctum.status, 422, sanctum.text);
      world.clock.advance({ minutes: 1 });
    }
    const device = await asApp(app, LOGIN, { body: { identifier: email, password: PASSWORD } });
    assert.equal(device.status, 423, device.text);
    const sanctum = await client.post('/auth/login', { email, password: PASSWORD });
    assert.equal(sanctum.status, 429, sanctum.text);
    assert.deepEqual(Object.keys(sanctum.body.errors ?? {}), ['email']);
  });
});

describe('rule 33: POST /api/v1/auth/logout', () => {
  const world = sharedWorld();

  it('is sanctum’s with X-XSRF-TOKEN, also beside a bearer, whose session goes on', async () => {
    const { email } = await world().account();
    const token = await appSignedIn(world().another(), email);
    const client = world().another();
    await client.login(email);
    const headers = { authorization: `Bearer ${token}` };
    assertMismatch(await client.ask('POST', LOGOUT, { xsrf: 'wrong', headers }), 'a wrong one');
    const out = await client.ask('POST', LOGOUT, { headers });
    assert.deepEqual([out.status, out.text], [204, '']);
    assertGuest(await client.user());
    assert.ok(await isAppIn(client, token));
  });

  it('is device’s with a bearer alone, also beside the cookies of a front end, which stays signed in', async () => {
    const { email } = await world().account();
    const client = world().another();
    await client.login(email);
    for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
      const token = await appSignedIn(world().another(), email);
      const answer = await client.ask('POST', LOGOUT, { xsrf: null, headers: { authorization: `${scheme} ${token}` } });
      assertVoice(answer, 'device', scheme);
      assert.equal(answer.status, 200, answer.text);
      assert.equal(await isAppIn(client, token), false);
    }
    assert.equal((await client.user()).status, 200);
  });

  it('R095: with a bearer of nobody’s ends nothing, and is no way around the token', async () => {
    const client = await world().signedIn();
    const before = held(client);
    for (const authorization of ['Bearer x', `Bearer ${before.session}`, `Bearer ${before.token}`]) {
      const answer = await client.ask('POST', LOGOUT, { xsrf: null, headers: { authorization } });
      assertVoice(answer, 'device', authorization);
      assert.equal(answer.status, 401, authorization);
    }
    assert.deepEqual(held(client), before);
    assert.equal((await client.user()).status, 200);
  });

  it('is sanctum’s without either, and with another kind of Authorization', async () => {
    const client = await world().signedIn();
    for (const headers of [
      {},
      { authorization: 'Basic eDp4' },
      { authorization: 'Bearerx y' },
      { 'x-csrf-token': 'x' },
    ]) {
      assertMismatch(await client.ask('POST', LOGOUT, { xsrf: null, headers }), JSON.stringify(headers));
      assertMismatch(await asApp(world().another(), LOGOUT, { headers }), JSON.stringify(headers));
    }
    assert.equal((await client.user()).status, 200);
    const raw = { body: { _token: held(client).token } };
    assert.equal((await client.ask('POST', LOGOUT, { xsrf: null, ...raw })).status, 204);
  });

  it('looks at no body: what login goes by decides nothing here', async () => {
    const { email } = await world().account();
    const client = world().another();
    await client.login(email);
    const token = await appSignedIn(world().another(), email);
    const headers = { authorization: `Bearer ${token}` };
    const app = await asApp(client, LOGOUT, { body: { email }, headers });
    assertVoice(app, 'device', 'email');
    assert.equal(app.status, 200, app.text);
    const out = await client.ask('POST', LOGOUT, { body: { identifier: email } });
    assert.equal(out.status, 204, out.text);
  });

  it('of a guest is a 204 with a token', async () => {
    const client = world().another();
    await client.csrfCookie();
    const out = await client.ask('POST', LOGOUT);
    assert.deepEqual([out.status, out.text], [204, '']);
  });

  it('from a foreign page is refused in the shape of whose it is', async () => {
    const client = await world().signedIn();
    const headers = { origin: 'https://evil.example' };
    assertForeign(await client.ask('POST', LOGOUT, { headers }), 'with the token');
    assertForeign(await client.ask('POST', LOGOUT, { xsrf: null, headers }), 'without');
    const bearer = { ...headers, authorization: 'Bearer x' };
    const device = await client.ask('POST', LOGOUT, { xsrf: null, headers: bearer });
    assertVoice(device, 'device', 'bearer');
    assert.equal(device.status, 403);
    assert.equal((await client.user()).status, 200);
  });
});

describe('rule 33: paths below /api/v1/auth that nobody answers so', () => {
  const world = sharedWorld();
  const UNKNOWN = [
    '/api/v1/auth',
    '/api/v1/auth/nothing',
    '/api/v1/auth/login/x',
    '/api/v1/auth/Login',
    '/api/v1/auth/user/x',
  ];

  it('a 404 is in the shape of the contract whose marks the request bears, else device’s', async () => {
    for (const url of UNKNOWN) {
      for (const method of ['GET', 'POST'] as const) {
        for (const [marks, asking] of Object.entries(MARKED)) {
          const answer = await world().another().ask(method, url, asking);
          assertRefused(answer, 404, `The route ${url.slice(1)} could not be found.`);
          assert.deepEqual(answer.setCookies, [], marks);
        }
        for (const [marks, asking] of Object.entries(UNMARKED)) {
          const answer = await world().another().ask(method, url, asking);
          assert.equal(answer.status, 404, `${marks}: ${answer.text}`);
          assertVoice(answer, 'device', marks);
        }
      }
    }
  });

  it('a 405 of a line that both have is too, and names the methods of both', async () => {
    for (const url of [LOGIN, LOGOUT]) {
      for (const method of ['GET', 'PUT', 'DELETE'] as const) {
        const route = url.slice(1);
        for (const asking of Object.values(MARKED)) {
          const answer = await world().another().ask(method, url, asking);
          const message = `The ${method} method is not supported for route ${route}. Supported methods: POST.`;
          assertRefused(answer, 405, message);
          assert.equal(answer.headers['allow'], 'POST');
        }
        const device = await world().another().ask(method, url, { cookie: null, xsrf: null });
        assert.deepEqual([device.status, device.headers['allow']], [405, 'POST']);
        assertVoice(device, 'device', url);
      }
    }
  });

  it('a 405 of a line that one has alone is that one’s', async () => {
    for (const asking of [...Object.values(MARKED), ...Object.values(UNMARKED)]) {
      const sanctum = await world().another().ask('DELETE', '/api/v1/auth/two-factor-challenge', asking);
      assert.equal(sanctum.status, 405, sanctum.text);
      assertVoice(sanctum, 'sanctum', 'challenge');
      const device = await world().another().ask('POST', '/api/v1/auth/me', asking);
      assert.equal(device.status, 405, device.text);
      assertVoice(device, 'device', 'me');
    }
  });

  it('elsewhere below the prefix a 404 is always this contract’s', async () => {
    for (const asking of [...Object.values(MARKED), ...Object.values(UNMARKED)]) {
      for (const url of ['/api/v1/nothing', '/api/v1/user/nothing', '/api/v1/users', '/sanctum/nothing']) {
        assertRefused(
          await world().another().ask('GET', url, asking),
          404,
          `The route ${url.slice(1)} could not be found.`,
        );
      }
    }
  });
});

describe('rule 33: GET /', () => {
  const world = sharedWorld();

  it('is this contract’s JSON for whom JSON is accepted first, and a page for others', async () => {
    for (const accept of ['application/json', 'application/json, text/html', 'application/vnd.api+json']) {
      const answer = await world().another().ask('GET', '/', { headers: { accept } });
      assert.deepEqual([answer.status, answer.json], [200, { name: 'Guichet', version: '1.0.0' }], accept);
    }
    for (const accept of ['text/html', 'text/html,application/xhtml+xml,*/*;q=0.8', '']) {
      const answer = await world().another().ask('GET', '/', { headers: { accept } });
      assert.equal(answer.status, 200);
      assert.match(String(answer.headers['content-type']), /^text\/html/, accept);
    }
  });
});

describe('rule 33: each contract is whole without the other', () => {
  it('sanctum alone answers every login and logout, and everything below the prefix', async (t) => {
    const world = await openClient(t, { env: { GUICHET_CONTRACTS: 'sanctum' } });
    const { email } = await world.account();
    const client = world.another();
    for (const body of [{ identifier: email, password: PASSWORD }, {}, { email, password: PASSWORD }]) {
      assertMismatch(await asApp(client, LOGIN, { body }), JSON.stringify(body));
    }
    assertMismatch(await asApp(client, LOGOUT, { headers: { authorization: 'Bearer x' } }), 'a bearer');
    assertRefused(await asApp(client, '/api/v1/auth/me'), 404, 'The route api/v1/auth/me could not be found.');
    assert.equal((await client.login(email)).status, 200);
    assert.equal((await client.post('/auth/logout')).status, 204);
  });

  it('device alone answers every login and logout, and the root knows no cookie of this contract', async (t) => {
    const world = await openClient(t, { env: { GUICHET_CONTRACTS: 'device' } });
    const { email } = await world.account();
    const client = world.another();
    for (const asking of Object.values(MARKED)) {
      const answer = await client.ask('POST', LOGIN, { ...asking, body: { email, password: PASSWORD } });
      assert.equal(answer.status, 422, answer.text);
      assertVoice(answer, 'device', 'email');
      assertVoice(await client.ask('POST', LOGOUT, asking), 'device', 'logout');
      assertVoice(await client.ask('GET', '/api/v1/auth/nothing', asking), 'device', '404');
    }
    const token = await appSignedIn(client, email);
    assert.ok(await isAppIn(client, token));
    assert.equal((await client.csrfCookie()).status, 404);
  });

  it('a renamed session cookie is the mark, and the usual name none', async (t) => {
    const world = await openClient(t, { env: { GUICHET_SANCTUM_SESSION_COOKIE: 'laravel-session' } });
    const ask = (cookie: string) => world.another().ask('POST', LOGIN, { body: {}, cookie, xsrf: null });
    assertVoice(await ask('laravel-session=x'), 'sanctum', 'renamed');
    assertVoice(await ask(`${SESSION}=x`), 'device', 'usual');
  });

  it('moved to another prefix, each has its own login', async (t) => {
    const world = await openClient(t, {
      env: { GUICHET_SANCTUM_PREFIX: '/app/api', GUICHET_ALLOWED_ORIGINS: `${SPA},${APP}` },
    });
    const { email } = await world.account();
    const client = world.another();
    await client.csrfCookie();
    const there = await client.ask('POST', '/app/api/auth/login', { body: { email, password: PASSWORD } });
    assert.deepEqual([there.status, there.json], [200, { two_factor: false }]);
    const user = await client.ask('GET', '/app/api/auth/user');
    assert.equal(user.body.data?.email, email);
    for (const asking of [sent(held(client)), { cookie: null, xsrf: null }]) {
      assertVoice(
        await client.ask('POST', LOGIN, { body: { email, password: PASSWORD }, ...asking }),
        'device',
        'email',
      );
      assertVoice(await client.ask('GET', '/api/v1/auth/nothing', asking), 'device', '404');
    }
  });
});
