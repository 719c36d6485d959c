import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { tally } from '../../support/stage.ts';
import { assertFactorDue, assertSignedIn } from './answers.ts';
import { type Answer, PASSWORD, PREFIX } from './client.ts';
import {
  accountsIn,
  codeIn,
  comeBack,
  holdersOf,
  INVALID,
  kept,
  leave,
  letInBy,
  type OAuthWorld,
  openOAuth,
  RETURN,
  refusal,
  STATE_COOKIE,
  s256,
  sessionsOf,
  sharedOAuth,
  signInBy,
  stateIn,
  toldBy,
  travel,
} from './oauth-world.ts';

const SECRET_FORM = /^[\w-]{43}$/;
const PROVIDERS = ['github', 'google', 'acme'];
const HTTPS = {
  NODE_ENV: 'production',
  GUICHET_PUBLIC_URL: 'https://auth.example.org',
  GUICHET_TRUST_PROXY: 'none',
  GUICHET_MAIL_URL: 'smtp://127.0.0.1:1',
  GUICHET_ALLOWED_ORIGINS: 'https://app.example.org',
};

/** The one `Set-Cookie` of an answer: its value, and its attributes in order of the alphabet. */
function cookieOf({ headers }: Answer): { name: string; value: string; attributes: string[]; line: string } {
  const line = headers['set-cookie'];
  assert.ok(typeof line === 'string', 'one cookie');
  const [pair = '', ...attributes] = line.split('; ');
  const at = pair.indexOf('=');
  return { name: pair.slice(0, at), value: pair.slice(at + 1), attributes: attributes.sort(), line };
}

const said = ({ body, status }: Answer) => ({ status, body });

describe('leaving for a provider', () => {
  const open = sharedOAuth();

  it('R097: goes to GitHub with state and PKCE S256, and to an issuer with a nonce as well', async () => {
    const world = open();
    const { acme, github, google } = world;
    for (const [provider, stand, endpoint, scope, more] of [
      ['github', github, `${github.url}/login/oauth/authorize`, 'read:user user:email', []],
      ['google', google, `${google.url}/auth`, 'openid email profile', ['nonce']],
      ['acme', acme, `${acme.url}/authorize`, 'openid email profile', ['nonce']],
    ] as const) {
      const answer = await leave(world.another(), provider, { redirectUrl: RETURN, codeChallenge: s256('x') });
      assert.equal(answer.status, 302, answer.text);
      assert.equal(answer.text, '');
      assert.equal(answer.headers['cache-control'], 'no-store');
      assert.equal(answer.headers['referrer-policy'], 'no-referrer');
      const url = new URL(answer.location ?? '');
      const query = Object.fromEntries(url.searchParams);
      for (const name of ['state', 'code_challenge', ...more]) {
        assert.match(query[name] ?? '', SECRET_FORM, `${provider} ${name}`);
        delete query[name];
      }
      assert.equal(url.origin + url.pathname, endpoint);
      assert.deepEqual(query, {
        client_id: stand.clientId,
        response_type: 'code',
        redirect_uri: `http://localhost:3000${PREFIX}/callback/${provider}`,
        scope,
        code_challenge_method: 'S256',
      });
    }
  });

  it('R097: never says the same twice', async () => {
    const world = open();
    const seen: string[] = [];
    for (let time = 0; time < 20; time += 1) {
      const answer = await leave(world.another(), 'acme');
      const query = new URL(answer.location ?? '').searchParams;
      for (const name of ['state', 'nonce', 'code_challenge']) seen.push(query.get(name) ?? '');
      seen.push(cookieOf(answer).value);
    }
    assert.equal(new Set(seen).size, 80);
  });

  it('R097: binds the browser by a cookie that scripts cannot read and that comes back from elsewhere', async () => {
    const world = open();
    const { attributes, name, value } = cookieOf(await leave(world.another(), 'github'));

    assert.equal(name, STATE_COOKIE);
    assert.deepEqual(attributes, ['HttpOnly', 'Max-Age=600', 'Path=/', 'SameSite=Lax']);
    assert.match(value, /^[\w.-]+$/);
  });

  it('R097: on https the cookie is this host’s alone', async (t) => {
    const world = await openOAuth(t, { env: HTTPS });
    const browser = world.another({ headers: { host: 'auth.example.org' } });
    const left = await leave(browser, 'github', { redirectUrl: 'https://app.example.org/in' });
    const { attributes, name } = cookieOf(left);
    assert.equal(name, `__Host-${STATE_COOKIE}`);
    assert.deepEqual(attributes, ['HttpOnly', 'Max-Age=600', 'Path=/', 'SameSite=Lax', 'Secure']);
    assert.equal(
      new URL(left.location ?? '').searchParams.get('redirect_uri'),
      `https://auth.example.org${PREFIX}/callback/github`,
    );

    world.octocat();
    const back = await comeBack(browser, new URL(await world.github.signInAt(left.location ?? '')));
    assert.match(back.location ?? '', /^https:\/\/app\.example\.org\/in\?code=[\w-]{43}$/);
    const cleared = cookieOf(back);
    assert.deepEqual([cleared.name, cleared.value], [`__Host-${STATE_COOKIE}`, '']);
    assert.deepEqual(cleared.attributes, ['HttpOnly', 'Max-Age=0', 'Path=/', 'SameSite=Lax', 'Secure']);

    // One without the prefix may be another host's.
    const other = world.another({ headers: { host: 'auth.example.org' } });
    const callback = await travel(world, other, 'github');
    const [value = ''] = other.cookies.values();
    other.cookies.clear();
    other.cookies.set(STATE_COOKIE, value);
    assert.deepEqual(said(await comeBack(other, callback)), INVALID);
  });

  it('R097: the cookie is sealed, and fits whatever is asked for', async () => {
    const world = open();
    const redirectUrl = `${RETURN}&q=`.padEnd(2048, '~%');
    const codeChallenge = s256('canary');
    const answer = await leave(world.another(), 'acme', { redirectUrl, codeChallenge });
    assert.equal(answer.status, 302, answer.text);
    const { line, value } = cookieOf(answer);
    const { searchParams } = new URL(answer.location ?? '');

    assert.ok(line.length <= 4096, `${line.length} bytes`);
    const readings = [value, decodeURIComponent(value)].flatMap((text) => [
      text,
      ...text.split('.').map((part) => Buffer.from(part, 'base64url').toString('latin1')),
    ]);
    const secrets = ['localhost', 'acme', codeChallenge, 'state', 'redirect', 'expires'];
    for (const text of [...secrets, ...['state', 'nonce', 'code_challenge'].map((name) => searchParams.get(name))]) {
      assert.ok(text);
      assert.deepEqual(
        readings.filter((reading) => reading.includes(text)),
        [],
        text,
      );
    }
  });

  it('leaves nothing in the database', async () => {
    const world = open();
    const before = await kept(world);
    for (const provider of PROVIDERS) await leave(world.another(), provider, { redirectUrl: RETURN });

    assert.deepEqual(await kept(world), before);
  });

  it('refuses a challenge that is none, and one that nobody could be shown after', async () => {
    const world = open();
    const message = 'Some fields are missing or wrong';
    for (const codeChallenge of ['', 'plain', `${s256('x')}=`, s256('x').slice(1), 'é'.repeat(43)]) {
      const answer = await leave(world.another(), 'github', { redirectUrl: RETURN, codeChallenge });
      assert.deepEqual(said(answer), {
        status: 400,
        body: { error: 'VALIDATION_ERROR', message, fields: { codeChallenge: 'This value is not accepted' } },
      });
      assert.equal(answer.headers['set-cookie'], undefined);
    }
    const alone = await leave(world.another(), 'github', { codeChallenge: s256('x') });
    assert.deepEqual(said(alone), {
      status: 400,
      body: { error: 'VALIDATION_ERROR', message, fields: { redirectUrl: 'This field is required' } },
    });
  });

  it('is not done by HEAD, and not by a POST', async () => {
    const world = open();
    for (const [method, path] of [
      ['HEAD', '/oauth/github'],
      ['POST', '/oauth/github'],
      ['HEAD', '/callback/github'],
      ['POST', '/callback/github'],
      ['GET', '/oauth/github/link'],
    ] as const) {
      const answer = await world.another().ask(method, path);
      assert.equal(answer.status, 405, `${method} ${path}`);
      assert.equal(answer.headers['set-cookie'], undefined);
    }
  });

  const NOT_CONFIGURED = {
    status: 404,
    body: { error: 'PROVIDER_NOT_CONFIGURED', message: 'Signing in with this provider is not set up' },
  };

  async function assertNotConfigured(world: OAuthWorld, names: string[]): Promise<void> {
    const { client } = await world.signedIn();
    for (const name of names) {
      for (const answer of [
        await world.another().get(`/oauth/${name}?redirectUrl=${encodeURIComponent(RETURN)}`),
        await world.another().get(`/callback/${name}?code=x&state=y`),
        await client.post(`/oauth/${name}/link`, { redirectUrl: RETURN }),
      ]) {
        assert.deepEqual(said(answer), NOT_CONFIGURED, name);
        assert.equal(answer.headers['set-cookie'], undefined);
      }
    }
  }

  it('says of a provider that is not configured that it is not, on every endpoint', async () => {
    await assertNotConfigured(open(), ['gitlab', 'apple', 'constructor', 'tostring', 'x'.repeat(64)]);
  });

  it('says so too of a name that no provider could have', async () => {
    const strange = ['GitHub', '__proto__', 'github.com', 'a%00b', 'g%C3%AFthub', 'github%2Fgoogle', 'x'.repeat(65)];
    await assertNotConfigured(open(), strange);
  });

  it('says so too when none is configured at all', async (t) => {
    const world = await openOAuth(t, {
      env: Object.fromEntries(
        ['GITHUB_CLIENT_ID', 'GITHUB_CLIENT_SECRET', 'GOOGLE_CLIENT_ID', 'GOOGLE_CLIENT_SECRET'].map((name) => [
          `GUICHET_${name}`,
          '',
        ]),
      ),
    });
    for (const name of ['github', 'google']) {
      assert.deepEqual(refusal(await leave(world.another(), name)), [404, 'PROVIDER_NOT_CONFIGURED']);
    }
  });
});

describe('coming back from a provider', () => {
  const open = sharedOAuth();

  it('without a return signs in there and then, and takes the state away', async () => {
    const world = open();
    for (const provider of PROVIDERS) {
      const { email } =
        provider === 'github'
          ? world.octocat()
          : provider === 'google'
            ? world.googler({ email: `${world.address('g').split('@')[0]}@gmail.com`, name: 'The Octocat' })
            : world.acmePerson({ name: 'The Octocat' });
      const browser = world.another();
      const answer = await letInBy(world, browser, provider);
      const cleared = cookieOf(answer);
      assert.deepEqual([cleared.name, cleared.value], [STATE_COOKIE, '']);
      assert.deepEqual(cleared.attributes, ['HttpOnly', 'Max-Age=0', 'Path=/', 'SameSite=Lax']);
      const { 'set-cookie': _, ...headers } = answer.headers;
      const image = provider === 'github' ? 'https://avatars.example.com/u/1?v=4' : null;
      const token = assertSignedIn({ ...answer, headers }, { email, name: 'The Octocat', image });
      const session = await browser.get('/session', { token });
      assert.deepEqual(session.body, { user: answer.body.user, session: answer.body.session });
    }
  });

  it('with a return hands over a code, once, and keeps the return’s query and fragment', async () => {
    const world = open();
    const { email } = world.octocat();
    const answer = await signInBy(world, world.another(), 'github', { redirectUrl: `${RETURN}#/inbox` });
    assert.match(
      answer.location ?? '',
      /^http:\/\/localhost:5173\/app\?tab=1&code=[\w-]{43}#\/inbox$/,
      'nothing else is added',
    );
    assert.equal(answer.text, '');
    assert.equal(answer.headers['cache-control'], 'no-store');
    assert.equal(answer.headers['referrer-policy'], 'no-referrer');
    const code = codeIn(answer);

    const app = world.another();
    const exchanged = await app.post('/exchange', { code });
    assertSignedIn(exchanged, { email, name: 'The Octocat', image: 'https://avatars.example.com/u/1?v=4' });
    assert.deepEqual(said(await world.another().post('/exchange', { code })), INVALID);
    assert.equal((await app.get('/session')).status, 200);
  });

  it('hands over a code that is good for sixty seconds', async () => {
    const world = open();
    world.octocat();
    const [first, second] = [world.another(), world.another()];
    const inTime = codeIn(await signInBy(world, first, 'github', { redirectUrl: RETURN }));
    const tooLate = codeIn(await signInBy(world, second, 'github', { redirectUrl: RETURN }));
    world.clock.advance({ seconds: 59 });
    assert.equal((await first.post('/exchange', { code: inTime })).status, 200);
    world.clock.advance({ seconds: 1 });
    assert.deepEqual(said(await second.post('/exchange', { code: tooLate })), INVALID);
  });

  it('hands over a code that twenty cannot share', async () => {
    const world = open();
    world.octocat();
    const code = codeIn(await signInBy(world, world.another(), 'github', { redirectUrl: RETURN }));
    const answers = await Promise.all(Array.from({ length: 20 }, () => world.another().post('/exchange', { code })));
    assert.deepEqual(tally(answers.map(({ status }) => String(status))), { 200: 1, 400: 19 });
  });

  it('hands the code to whoever has the verifier, and to the page it was meant for', async () => {
    const world = open();
    world.octocat();
    const codeVerifier = randomBytes(32).toString('base64url');
    const query = { redirectUrl: RETURN, codeChallenge: s256(codeVerifier) };
    const code = codeIn(await signInBy(world, world.another(), 'github', query));
    const exchange = (more: object, origin?: string): Promise<Answer> =>
      world.another().post('/exchange', { code, ...more }, { headers: { ...(origin && { origin }) } });

    for (const refused of [
      await exchange({}),
      await exchange({ codeVerifier: '' }),
      await exchange({ codeVerifier: s256(codeVerifier) }),
      await exchange({ codeVerifier: `${codeVerifier}x` }),
      await exchange({ codeVerifier }, 'http://localhost:5174'),
    ]) {
      assert.deepEqual(said(refused), INVALID);
    }
    assert.equal((await exchange({ codeVerifier }, 'http://localhost:5173')).status, 200);
  });

  it('R097: with no, another, an emptied or a doubled state signs nobody in', async () => {
    const world = open();
    world.octocat();
    const before = await kept(world);
    for (const twist of [
      (url: URL) => url.searchParams.delete('state'),
      (url: URL) => url.searchParams.set('state', ''),
      (url: URL) => url.searchParams.set('state', randomBytes(32).toString('base64url')),
      (url: URL) => url.searchParams.set('state', (url.searchParams.get('state') ?? '').slice(1)),
      (url: URL) => url.searchParams.set('state', `${url.searchParams.get('state')}x`),
    ]) {
      const browser = world.another();
      const callback = await travel(world, browser, 'github', { redirectUrl: RETURN });
      twist(callback);
      assert.deepEqual(said(await comeBack(browser, callback)), INVALID, callback.search);
    }
    for (const twist of [
      (url: URL) => url.searchParams.append('state', 'A'.repeat(43)),
      (url: URL) => url.searchParams.append('state', url.searchParams.get('state') ?? ''),
      (url: URL) => {
        url.search = `state=${'A'.repeat(43)}&${url.search.slice(1)}`;
      },
    ]) {
      const browser = world.another();
      const doubled = await travel(world, browser, 'github');
      twist(doubled);
      const fields = { state: 'This field has the wrong type' };
      assert.deepEqual(refusal(await comeBack(browser, doubled)), [400, 'VALIDATION_ERROR', { fields }]);
    }
    assert.deepEqual(await kept(world), before);
  });

  it('R097: without the browser’s own cookie signs nobody in', async () => {
    const world = open();
    world.octocat();
    const before = await kept(world);
    const browser = world.another();
    const callback = await travel(world, browser, 'github', { redirectUrl: RETURN });
    const cookie = browser.cookies.get(STATE_COOKIE) ?? '';
    const [keyId, nonce = '', text = '', tag = ''] = cookie.split('.');
    const flipped = (part: string): string => `${part.startsWith('A') ? 'B' : 'A'}${part.slice(1)}`;
    const stranger = world.another();
    await leave(stranger, 'github', { redirectUrl: RETURN });
    const sealed = world.world.keyring.seal('another purpose', '{}', randomBytes(12));
    for (const value of [
      undefined,
      stranger.cookies.get(STATE_COOKIE),
      '',
      'x',
      '...',
      'null',
      '%',
      '%7B%7D',
      `other.${nonce}.${text}.${tag}`,
      `${keyId}.${flipped(nonce)}.${text}.${tag}`,
      `${keyId}.${nonce}.${flipped(text)}.${tag}`,
      `${keyId}.${nonce}.${text}.${flipped(tag)}`,
      `${keyId}.${nonce}.${text}`,
      `${keyId}.${nonce}.${text}.${tag.slice(0, 6)}`,
      sealed,
      `${cookie}; ${STATE_COOKIE}=${cookie}`,
      `${stranger.cookies.get(STATE_COOKIE)}; ${STATE_COOKIE}=${cookie}`,
    ]) {
      const other = world.another();
      if (value !== undefined) other.cookies.set(STATE_COOKIE, value);
      assert.deepEqual(said(await comeBack(other, callback)), INVALID, value);
    }
    assert.deepEqual(await kept(world), before);
    // None of them has used it up.
    codeIn(await comeBack(browser, callback));
  });

  it('R097: twice signs in once, whatever came of the first', async () => {
    const world = open();
    world.octocat();
    for (const query of [{}, { redirectUrl: RETURN }]) {
      const browser = world.another();
      const callback = await travel(world, browser, 'github', query);
      const cookie = browser.cookies.get(STATE_COOKIE) ?? '';
      assert.equal((await comeBack(browser, callback)).status, query.redirectUrl ? 302 : 200);
      assert.equal(browser.cookies.has(STATE_COOKIE), false);
      const before = await kept(world);
      assert.deepEqual(said(await comeBack(browser, callback)), INVALID);
      browser.cookies.set(STATE_COOKIE, cookie);
      assert.deepEqual(said(await comeBack(browser, callback)), INVALID);
      assert.deepEqual(await kept(world), before);
    }
    const browser = world.another();
    const callback = await travel(world, browser, 'github');
    const cookie = browser.cookies.get(STATE_COOKIE) ?? '';
    const { code = '', state = '' } = Object.fromEntries(callback.searchParams);
    callback.search = new URLSearchParams({ error: 'access_denied', state }).toString();
    assert.deepEqual(refusal(await comeBack(browser, callback)), [401, 'PROVIDER_REFUSED']);
    browser.cookies.set(STATE_COOKIE, cookie);
    callback.search = new URLSearchParams({ code, state }).toString();
    assert.deepEqual(said(await comeBack(browser, callback)), INVALID);
  });

  it('R097: of twenty returns of one trip side by side one signs in', async () => {
    const world = open();
    const { email } = world.octocat();
    await letInBy(world, world.another(), 'github');
    const browser = world.another();
    const callback = await travel(world, browser, 'github');
    const cookie = browser.cookies.get(STATE_COOKIE) ?? '';
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => {
        const tab = world.another();
        tab.cookies.set(STATE_COOKIE, cookie);
        return comeBack(tab, callback);
      }),
    );
    assert.deepEqual(tally(answers.map(({ status }) => String(status))), { 200: 1, 400: 19 });
    const id = answers.find(({ status }) => status === 200)?.body.user?.id ?? '';
    assert.equal(await sessionsOf(world, id), 2);
    assert.equal(await holdersOf(world, email), 1);
  });

  it('R097: after ten minutes says so to the application, or itself', async () => {
    const world = open();
    world.octocat();
    const early = world.another();
    const inTime = await travel(world, early, 'github', { redirectUrl: RETURN });
    world.clock.advance({ minutes: 9, seconds: 59 });
    codeIn(await comeBack(early, inTime));

    const [late, alone] = [world.another(), world.another()];
    const withReturn = await travel(world, late, 'github', { redirectUrl: RETURN });
    const without = await travel(world, alone, 'github');
    const before = await kept(world);
    world.clock.advance({ minutes: 10 });
    assert.deepEqual(toldBy(await comeBack(late, withReturn)), { error: 'token_expired' });
    assert.deepEqual(said(await comeBack(alone, without)), INVALID);
    assert.deepEqual(await kept(world), before);
  });

  it('R098: a return to another provider’s callback is refused', async () => {
    const world = open();
    world.octocat();
    world.googler({});
    const before = await kept(world);
    for (const [from, to] of [
      ['github', 'google'],
      ['google', 'github'],
      ['acme', 'google'],
      ['google', 'acme'],
    ] as const) {
      const browser = world.another();
      const callback = await travel(world, browser, from, { redirectUrl: RETURN });
      callback.pathname = `${PREFIX}/callback/${to}`;
      assert.deepEqual(said(await comeBack(browser, callback)), INVALID, `${from} at ${to}`);
    }
    // Another provider's code under the right state: it is redeemed where the trip went, and nowhere else.
    const [victim, attacker] = [world.another(), world.another()];
    const own = await travel(world, victim, 'google');
    const foreign = await travel(world, attacker, 'github');
    own.searchParams.set('code', foreign.searchParams.get('code') ?? '');
    assert.deepEqual(refusal(await comeBack(victim, own)), [401, 'PROVIDER_REFUSED']);
    assert.deepEqual(await kept(world), before);
  });

  it('R098: an `iss` that is not the provider’s is refused', async () => {
    const world = open();
    const { acme, github } = world;
    world.octocat();
    world.acmePerson({});
    const before = await kept(world);
    for (const [provider, iss] of [
      ['github', acme.issuer],
      ['google', github.issuer],
      ['acme', github.issuer],
      ['acme', `${acme.issuer}/`],
    ] as const) {
      const browser = world.another();
      const callback = await travel(world, browser, provider, { redirectUrl: RETURN });
      callback.searchParams.set('iss', iss);
      assert.deepEqual(toldBy(await comeBack(browser, callback)), { error: 'provider_refused' }, `${provider} ${iss}`);
    }
    assert.deepEqual(await kept(world), before);
  });

  it('R097: a stranger’s way back signs nobody in to the stranger’s account', async () => {
    const world = open();
    const victim = world.another();
    const own = await travel(world, victim, 'github');
    world.octocat();
    const stranger = await travel(world, world.another(), 'github', { redirectUrl: RETURN });

    assert.deepEqual(said(await comeBack(victim, stranger)), INVALID);
    assert.deepEqual(said(await comeBack(world.another(), stranger)), INVALID);
    // Nor with the stranger's code under the victim's own state: PKCE binds it to the stranger's browser.
    const again = world.another();
    const mixed = await travel(world, again, 'github');
    mixed.searchParams.set('code', stranger.searchParams.get('code') ?? '');
    assert.deepEqual(refusal(await comeBack(again, mixed)), [401, 'PROVIDER_REFUSED']);
    assert.notEqual(own.search, stranger.search);
  });

  it('of a person who says no is told so', async () => {
    const world = open();
    const before = await kept(world);
    world.googler({});
    world.google.refuses = true;
    try {
      const alone = await signInBy(world, world.another(), 'google');
      assert.deepEqual(said(alone), {
        status: 401,
        body: {
          error: 'PROVIDER_REFUSED',
          message: 'Signing in with this provider was cancelled or refused: please start again',
        },
      });
      const sent = await signInBy(world, world.another(), 'google', { redirectUrl: RETURN });
      assert.deepEqual(toldBy(sent), { error: 'provider_refused' });
    } finally {
      world.google.refuses = false;
    }
    // As GitHub says it.
    const browser = world.another();
    const left = await leave(browser, 'github', { redirectUrl: RETURN });
    const query = new URLSearchParams({ error: 'access_denied', error_description: 'canary', state: stateIn(left) });
    const told = toldBy(await browser.get(`/callback/github?${query}`));
    assert.deepEqual(told, { error: 'provider_refused' });
    assert.deepEqual(await kept(world), before);
    const stranger = await world.another().get(`/callback/github?${query}`);
    assert.deepEqual(said(stranger), INVALID);
  });

  it('answers what nobody would send with a clear word', async () => {
    const world = open();
    const before = await kept(world);
    for (const search of [
      '',
      '?',
      '?code',
      '?code=&state=',
      '?state[]=x',
      '?error=%00',
      '?%',
      `?code=${'x'.repeat(4000)}`,
    ]) {
      assert.deepEqual(said(await world.another().get(`/callback/github${search}`)), INVALID, search);
    }
    for (const search of ['code=', 'error=', 'code=%00', 'id_token=x', `code=${'x'.repeat(4000)}`, 'response=x']) {
      const browser = world.another();
      const state = stateIn(await leave(browser, 'github', { redirectUrl: RETURN }));
      const answer = await browser.get(`/callback/github?${search}&state=${state}`);
      assert.deepEqual(toldBy(answer), { error: 'provider_refused' }, search);
    }
    assert.deepEqual(await kept(world), before);
  });

  it('asks a provider about thirty made-up codes of a network, and about no more', async () => {
    const world = open();
    const browser = world.another();
    const attempt = async (): Promise<Record<string, string>> => {
      const state = stateIn(await leave(browser, 'github', { redirectUrl: RETURN }));
      return toldBy(await browser.get(`/callback/github?code=guess&state=${state}`));
    };
    for (let time = 0; time < 30; time += 1) assert.deepEqual(await attempt(), { error: 'provider_refused' });
    const asked = world.github.asked.length;
    assert.deepEqual(await attempt(), { error: 'rate_limited' });
    assert.equal(world.github.asked.length, asked);
    world.clock.advance({ minutes: 5 });
    assert.deepEqual(await attempt(), { error: 'provider_refused' });
  });
});

describe('the second factor after a provider', () => {
  const open = sharedOAuth();

  /** Somebody known through GitHub who has an authenticator app. */
  async function withFactor(world: OAuthWorld) {
    const { client, email } = await world.signedIn();
    world.octocat({ email });
    await letInBy(world, world.another(), 'github');
    return { email, client, ...(await world.enrol(client)) };
  }

  it('R102: is asked for by the callback, and completed by the challenge', async () => {
    const world = open();
    const { email, secret } = await withFactor(world);
    const browser = world.another();
    const answer = await signInBy(world, browser, 'github');
    const { 'set-cookie': _, ...headers } = answer.headers;
    const challenge = assertFactorDue({ ...answer, headers });
    assert.equal(answer.text.includes('session'), false);

    const app = world.another();
    assert.deepEqual(refusal(await app.post('/exchange', { challenge, totpCode: '000000' })), [401, 'INVALID_TOTP']);
    const completed = await app.post('/exchange', { challenge, totpCode: world.totp(secret) });
    assert.equal(completed.body.user?.email, email, completed.text);
    assert.equal((await app.get('/session')).status, 200);
    assert.deepEqual(said(await app.post('/exchange', { challenge, totpCode: world.totp(secret, 1) })), INVALID);
  });

  it('R102: is asked for by the exchange, and completed by the code or the challenge', async () => {
    const world = open();
    const { email, recoveryCodes, secret } = await withFactor(world);
    const codeOf = async (): Promise<string> =>
      codeIn(await signInBy(world, world.another(), 'github', { redirectUrl: RETURN }));
    const code = await codeOf();
    const due = assertFactorDue(await world.another().post('/exchange', { code }));
    assert.equal(assertFactorDue(await world.another().post('/exchange', { code })), due);
    const byCode = await world.another().post('/exchange', { code, totpCode: world.totp(secret) });
    assert.equal(byCode.body.user?.email, email, byCode.text);

    const challenge = assertFactorDue(await world.another().post('/exchange', { code: await codeOf() }));
    const onPaper = await world.another().post('/exchange', { challenge, recoveryCode: recoveryCodes[0] });
    assert.equal(onPaper.body.user?.email, email, onPaper.text);

    const atOnce = { code: await codeOf(), totpCode: world.totp(secret, 1) };
    assert.equal((await world.another().post('/exchange', atOnce)).body.user?.email, email);
  });

  it('R102: keeps the verifier’s word while it waits', async () => {
    const world = open();
    const { secret } = await withFactor(world);
    const codeVerifier = randomBytes(32).toString('base64url');
    const query = { redirectUrl: RETURN, codeChallenge: s256(codeVerifier) };
    const code = codeIn(await signInBy(world, world.another(), 'github', query));
    assertFactorDue(await world.another().post('/exchange', { code, codeVerifier }));
    const totpCode = world.totp(secret);
    assert.deepEqual(said(await world.another().post('/exchange', { code, totpCode })), INVALID);
    assert.equal((await world.another().post('/exchange', { code, codeVerifier, totpCode })).status, 200);
  });

  it('R102: is mailed where it is a mailed one', async () => {
    const world = open();
    const { email } = await world.signedIn();
    await world.enrolDelivered(email, 'email');
    world.octocat({ email });
    const answer = await signInBy(world, world.another(), 'github');
    const { 'set-cookie': _, ...headers } = answer.headers;
    const challenge = assertFactorDue({ ...answer, headers }, 'email');
    const totpCode = await world.codeFor(email);
    const completed = await world.another().post('/exchange', { challenge, totpCode });
    assert.equal(completed.body.user?.email, email, completed.text);
  });

  it('R102: waits for ten minutes, five tries, and dies with a change of the password', async () => {
    const world = open();
    const { client, secret } = await withFactor(world);
    const dueFor = async (): Promise<string> => (await signInBy(world, world.another(), 'github')).body.challenge ?? '';
    const tooLate = await dueFor();
    world.clock.advance({ minutes: 10 });
    const late = await world.another().post('/exchange', { challenge: tooLate, totpCode: world.totp(secret) });
    assert.deepEqual(said(late), INVALID);

    const guessed = await dueFor();
    for (let time = 0; time < 5; time += 1) {
      const wrong = await world.another().post('/exchange', { challenge: guessed, totpCode: '000000' });
      assert.deepEqual(refusal(wrong), [401, 'INVALID_TOTP']);
    }
    const sixth = await world.another().post('/exchange', { challenge: guessed, totpCode: world.totp(secret) });
    assert.notEqual(sixth.status, 200, sixth.text);

    const overtaken = await dueFor();
    const changed = await client.post('/change-password', {
      currentPassword: PASSWORD,
      newPassword: 'granite otter parade',
    });
    assert.equal(changed.status, 200, changed.text);
    const after = await world.another().post('/exchange', { challenge: overtaken, totpCode: world.totp(secret) });
    assert.deepEqual(said(after), INVALID);
  });
});

describe('who comes from a provider', () => {
  const open = sharedOAuth();
  const accountsOf = async (world: OAuthWorld, token: string) => {
    const answer = await world.another().get('/accounts', { token });
    assert.equal(answer.status, 200, answer.text);
    return answer.body.accounts ?? [];
  };
  const tokenOf = (answer: Answer): string => answer.body.session?.token ?? '';

  it('R101: whom nobody knows gets an account, proven where the provider may speak for the address', async () => {
    const world = open();
    const local = (): string => world.address('new').split('@')[0] ?? '';
    for (const [provider, person] of [
      ['github', () => world.octocat()],
      ['google', () => world.googler({ email: `${local()}@gmail.com` })],
      ['google', () => world.googler({ email: `${local()}@hosted.example`, hd: 'hosted.example' })],
      ['google', () => world.googler({ email: `${local()}@hosted.example`, hd: 'Hosted.Example' })],
      ['acme', () => world.acmePerson({})],
      ['acme', () => world.acmePerson({ email: `${local()}@ACME.example` })],
    ] as const) {
      const { email } = person();
      const answer = await letInBy(world, world.another(), provider);
      assert.deepEqual(
        [answer.body.user?.email, answer.body.user?.emailVerified],
        [email.toLowerCase(), true],
        `${provider} ${email}`,
      );
      assert.deepEqual(await world.mails(email.toLowerCase()), []);
      const at = new Date(world.clock.now()).toISOString();
      assert.deepEqual(await accountsOf(world, tokenOf(answer)), [
        { provider, email: email.toLowerCase(), createdAt: at, lastUsedAt: at },
      ]);
    }
  });

  it('R101: gets one that is not proven where the provider may not, and a mail to prove it with', async () => {
    const world = open();
    for (const [provider, claims] of [
      ['google', {}],
      ['google', { hd: 'hosted.example' }],
      ['google', { hd: '' }],
      ['google', { hd: ['example.com'] }],
      ['google', { email: 'first.last@evil.example', hd: 'gmail.com' }],
      ['google', { email: 'first.last@sub.gmail.com' }],
      ['google', { email: 'first.last@notgmail.com' }],
      ['acme', { email: 'first@evilacme.example' }],
      ['acme', { email: 'second@sub.acme.example' }],
      ['acme', { email: 'third@gmail.com' }],
      ['acme', { email: 'fourth@hosted.example', hd: 'hosted.example' }],
    ] as const) {
      const { email } = provider === 'google' ? world.googler(claims) : world.acmePerson(claims);
      const browser = world.another();
      const answer = await letInBy(world, browser, provider);
      assert.equal(answer.body.user?.emailVerified, false, JSON.stringify(claims));
      // A session that may do what a newcomer's may.
      assert.equal((await browser.get('/session')).status, 200);
      assert.deepEqual(refusal(await browser.get('/accounts')), [403, 'EMAIL_NOT_VERIFIED']);
      assert.deepEqual(refusal(await browser.post('/two-factor/enable')), [403, 'EMAIL_NOT_VERIFIED']);
      const token = await world.linkToken(email, '/verify-email');
      const verified = await browser.post('/verify-email', { token });
      assert.equal(verified.body.user?.emailVerified, true, verified.text);
      assert.equal((await browser.get('/accounts')).status, 200);
    }
  });

  it('R101: an account that is not proven yet is no bridge to the address: its owner takes it over', async () => {
    const world = open();
    const { email } = world.acmePerson({ email: world.address('victim') });
    const intruder = world.another();
    const made = await letInBy(world, intruder, 'acme');
    assert.equal(made.body.user?.emailVerified, false);

    const owner = await world.another().post('/magic-link/verify', { token: await world.magicLink(email) });
    assert.equal(owner.body.user?.id, made.body.user?.id, owner.text);
    assert.equal(owner.body.user?.name, null);
    assert.equal((await intruder.get('/session')).status, 401);
    assert.deepEqual(await accountsOf(world, tokenOf(owner)), []);
    const again = await signInBy(world, world.another(), 'acme');
    assert.deepEqual(refusal(again), [409, 'ACCOUNT_LINK_REQUIRED']);
  });

  it('where the server wants proven addresses, waits for the mailed link', async (t) => {
    const world = await openOAuth(t, { env: { GUICHET_REQUIRE_VERIFIED_EMAIL: 'true' } });
    const { email } = world.acmePerson({ email: world.address('waiting') });
    const alone = await signInBy(world, world.another(), 'acme');
    assert.deepEqual(said(alone), {
      status: 403,
      body: { error: 'EMAIL_NOT_VERIFIED', message: 'Please verify your email first' },
    });
    const sent = await signInBy(world, world.another(), 'acme', { redirectUrl: RETURN });
    assert.deepEqual(toldBy(sent), { error: 'identifier_unproven' });
    assert.equal(await accountsIn(world), 1);
    const proof = await world.another().post('/verify-email', { token: await world.linkToken(email, '/verify-email') });
    assert.equal(proof.status, 200, proof.text);
    assert.equal((await letInBy(world, world.another(), 'acme')).body.user?.id, proof.body.user?.id);

    world.octocat();
    assert.equal((await letInBy(world, world.another(), 'github')).body.user?.emailVerified, true);
  });

  it('R100: is the same person under another address, another name and another picture', async () => {
    const world = open();
    const { email, id } = world.octocat();
    const first = await letInBy(world, world.another(), 'github');
    world.clock.advance({ seconds: 5 });
    const other = world.octocat({ id, email: world.address('renamed') }).email;
    Object.assign(world.github.user as object, { login: 'monalisa', name: 'Mona' });
    const second = await letInBy(world, world.another(), 'github');

    assert.deepEqual(second.body.user, first.body.user);
    assert.equal(await holdersOf(world, other), 0);
    const [linked] = await accountsOf(world, tokenOf(second));
    assert.deepEqual(linked, {
      provider: 'github',
      email: other,
      createdAt: first.body.user?.createdAt,
      lastUsedAt: new Date(world.clock.now()).toISOString(),
    });
    // Also without an address, with one that is not proven, or with somebody else's.
    const somebody = await world.account();
    for (const emails of [
      [],
      [{ email, primary: true, verified: false }],
      [{ email: somebody.email, primary: true, verified: true }],
    ]) {
      world.github.emails = emails;
      assert.equal((await letInBy(world, world.another(), 'github')).body.user?.id, first.body.user?.id);
    }
  });

  it('R100: is another person under another id, and gets no second link by the same address', async () => {
    const world = open();
    const { email } = world.octocat();
    const first = await letInBy(world, world.another(), 'github');
    world.octocat({ email });
    const refused = await signInBy(world, world.another(), 'github');
    assert.deepEqual(said(refused), {
      status: 409,
      body: { error: 'PROVIDER_ALREADY_LINKED', message: 'This provider is linked to an account already' },
    });
    const sent = await signInBy(world, world.another(), 'github', { redirectUrl: RETURN });
    assert.deepEqual(toldBy(sent), { error: 'provider_taken' });
    assert.equal((await accountsOf(world, tokenOf(first))).length, 1);
    assert.equal(await holdersOf(world, email), 1);
    assert.deepEqual(await world.mails(email), []);
  });

  it('R100: is not whoever has the same id at another provider', async () => {
    const world = open();
    const { id } = world.octocat();
    const first = await letInBy(world, world.another(), 'github');
    world.googler({ sub: String(id), email: `${world.address('x').split('@')[0]}@gmail.com` });
    const second = await letInBy(world, world.another(), 'google');
    assert.notEqual(second.body.user?.id, first.body.user?.id);
  });

  it('R101: joins a proven account if the provider may speak for it, and its owner is told', async () => {
    const world = open();
    const { client, email, account } = await world.signedIn();
    world.octocat({ email: `${email.split('@')[0]?.toUpperCase()}@EXAMPLE.com` });
    const answer = await letInBy(world, world.another(), 'github');
    assert.equal(answer.body.user?.id, `user_${account.uuid}`);
    assert.deepEqual([answer.body.user?.name, answer.body.user?.image], [null, null], 'the account’s own stay');
    assert.equal((await client.get('/session')).status, 200);
    assert.equal((await world.another().signIn(email)).status, 200);
    const notices = (await world.mails(email)).filter(({ subject }) => subject === 'First sign-in with GitHub');
    assert.deepEqual(
      notices.map(({ code, links }) => ({ code, links })),
      [{ code: null, links: [] }],
    );
    await letInBy(world, world.another(), 'github');
    assert.equal((await world.mails(email)).filter(({ subject }) => /GitHub/.test(subject)).length, 1);
  });

  it('R101: has to link a proven account if the provider may not, and nothing changes', async () => {
    const world = open();
    const { email } = await world.account();
    const before = await kept(world);
    world.acmePerson({ email });
    const alone = await signInBy(world, world.another(), 'acme');
    assert.deepEqual(said(alone), {
      status: 409,
      body: {
        error: 'ACCOUNT_LINK_REQUIRED',
        message: 'An account with this email exists: sign in to it another way, then link this provider',
      },
    });
    const sent = await signInBy(world, world.another(), 'acme', { redirectUrl: RETURN });
    assert.deepEqual(toldBy(sent), { error: 'link_required' });
    assert.deepEqual(await kept(world), before);
    assert.deepEqual(await world.mails(email), []);
  });

  it('R101: takes over an unproven account if the provider may speak: what was planted is gone', async () => {
    const world = open();
    const email = world.address('owner');
    const intruder = world.another();
    const planted = await intruder.signUp(email, PASSWORD, { name: 'Mallory' });
    assert.equal(planted.status, 201, planted.text);
    const link = await world.linkToken(email, '/verify-email');
    world.octocat({ email });
    const owner = await letInBy(world, world.another(), 'github');
    assert.equal(owner.body.user?.id, planted.body.user?.id);
    assert.equal(owner.body.user?.emailVerified, true);
    assert.notEqual(owner.body.user?.name, 'Mallory');
    assert.equal((await intruder.get('/session')).status, 401);
    assert.deepEqual(refusal(await world.another().signIn(email)), [401, 'INVALID_CREDENTIALS']);
    assert.deepEqual(said(await world.another().post('/verify-email', { token: link })), INVALID);
    assert.deepEqual(
      (await accountsOf(world, tokenOf(owner))).map(({ provider }) => provider),
      ['github'],
    );
  });

  it('R101: leaves an unproven account alone if the provider may not speak', async () => {
    const world = open();
    const email = world.address('planted');
    const intruder = world.another();
    await intruder.signUp(email);
    const before = await kept(world);
    world.acmePerson({ email });
    assert.deepEqual(refusal(await signInBy(world, world.another(), 'acme')), [409, 'ACCOUNT_LINK_REQUIRED']);
    assert.deepEqual(await kept(world), before);
    assert.equal((await intruder.get('/session')).status, 200);
  });

  it('R101: an identity planted by one provider is gone when the owner comes by another', async () => {
    const world = open();
    const email = `${world.address('grace').split('@')[0]}@gmail.com`;
    world.acmePerson({ email, sub: 'planted' });
    const planted = await letInBy(world, world.another(), 'acme');
    world.googler({ email });
    const owner = await letInBy(world, world.another(), 'google');
    assert.equal(owner.body.user?.id, planted.body.user?.id);
    assert.deepEqual(refusal(await signInBy(world, world.another(), 'acme')), [409, 'ACCOUNT_LINK_REQUIRED']);
    assert.equal((await accountsOf(world, tokenOf(owner))).length, 1);
  });

  it('an address that waits to be proven beside another is not joined by a provider', async () => {
    const world = open();
    const { client, email } = await world.signedIn();
    const wanted = world.address('wanted');
    const asked = await client.post('/change-email', { newEmail: wanted, password: PASSWORD });
    assert.equal(asked.status, 200, asked.text);
    world.octocat({ email: wanted });
    const newcomer = await letInBy(world, world.another(), 'github');
    assert.equal(newcomer.body.user?.email, wanted);
    assert.equal((await client.get('/session')).body.user?.email, email);
    assert.notEqual(newcomer.body.user?.id, (await client.get('/session')).body.user?.id);
  });

  it('has no account made while sign-up is closed, and signs in to the one there is', async (t) => {
    const world = await openOAuth(t, { env: { GUICHET_SIGN_UP: 'closed' } });
    const before = await kept(world);
    world.octocat();
    const alone = await signInBy(world, world.another(), 'github');
    assert.deepEqual(said(alone), {
      status: 403,
      body: { error: 'SIGN_UP_CLOSED', message: 'Registration is closed' },
    });
    const sent = await signInBy(world, world.another(), 'github', { redirectUrl: RETURN });
    assert.deepEqual(toldBy(sent), { error: 'sign_up_closed' });
    assert.deepEqual(await kept(world), before);

    const { email } = await world.account();
    world.octocat({ email });
    assert.equal((await letInBy(world, world.another(), 'github')).body.user?.email, email);
  });

  it('has no account made of a deleted address within a day, and a new one after', async () => {
    const world = open();
    const { email } = world.octocat();
    const first = await letInBy(world, world.another(), 'github');
    const gone = await world.another().delete('/user', undefined, { token: tokenOf(first) });
    assert.equal(gone.status, 200, gone.text);
    assert.equal(await holdersOf(world, email), 0);
    const before = await accountsIn(world);
    const soon = await signInBy(world, world.another(), 'github');
    assert.deepEqual(refusal(soon), [409, 'USER_ALREADY_EXISTS']);
    const sent = await signInBy(world, world.another(), 'github', { redirectUrl: RETURN });
    assert.deepEqual(toldBy(sent), { error: 'identifier_taken' });
    assert.equal(await accountsIn(world), before);

    world.clock.advance({ hours: 24 });
    const later = await letInBy(world, world.another(), 'github');
    assert.notEqual(later.body.user?.id, first.body.user?.id);
  });

  it('is not let in to an account that the operator has locked', async () => {
    const world = open();
    world.octocat();
    const browser = world.another();
    const made = await letInBy(world, browser, 'github');
    const code = codeIn(await signInBy(world, world.another(), 'github', { redirectUrl: RETURN }));
    const { user } = made.body;
    await world.identity.lockAccount({ uuid: user?.id.slice('user_'.length) ?? '' });

    assert.deepEqual(said(await world.another().post('/exchange', { code })), INVALID);
    assert.deepEqual(refusal(await signInBy(world, world.another(), 'github')), [401, 'INVALID_CREDENTIALS']);
    const sent = await signInBy(world, world.another(), 'github', { redirectUrl: RETURN });
    assert.deepEqual(toldBy(sent), { error: 'invalid_credentials' });
    assert.equal(await sessionsOf(world, user?.id ?? ''), 0);

    const unlinked = await world.account();
    await world.identity.lockAccount({ uuid: unlinked.uuid });
    world.octocat({ email: unlinked.email });
    const refused = await signInBy(world, world.another(), 'github');
    assert.ok(refused.status >= 400 && refused.status < 500, refused.text);
    assert.equal((await world.world.store.linkedIdentities.list(unlinked.id)).length, 0);
  });

  it('has no more accounts made from one network than sign-ups', async () => {
    const world = open();
    const address = '203.0.113.9';
    const before = await accountsIn(world);
    for (let time = 0; time < 60; time += 1) {
      world.acmePerson({});
      await letInBy(world, world.another({ address }), 'acme');
    }
    world.acmePerson({});
    const refused = await signInBy(world, world.another({ address }), 'acme');
    assert.deepEqual([refused.status, refused.body.error], [429, 'RATE_LIMIT_EXCEEDED'], refused.text);
    assert.match(String(refused.headers['retry-after']), /^\d+$/);
    const sent = await signInBy(world, world.another({ address }), 'acme', { redirectUrl: RETURN });
    assert.deepEqual(toldBy(sent), { error: 'rate_limited' });
    assert.equal(await accountsIn(world), before + 60);
    await letInBy(world, world.another(), 'acme');
  });

  it('comes twice at once and gets one account', async () => {
    const world = open();
    for (const query of [{}, { redirectUrl: RETURN }]) {
      const { email } = world.octocat();
      const browsers = Array.from({ length: 5 }, () => world.another());
      const callbacks: URL[] = [];
      for (const browser of browsers) callbacks.push(await travel(world, browser, 'github', query));
      const before = await accountsIn(world);
      const answers = await Promise.all(browsers.map((browser, index) => comeBack(browser, callbacks[index] as URL)));
      assert.equal(await accountsIn(world), before + 1);
      assert.equal(await holdersOf(world, email), 1);
      for (const answer of answers) assert.ok([200, 302, 409].includes(answer.status), answer.text);
      assert.ok(answers.some(({ location, status }) => status === 200 || /[?&]code=/.test(location ?? '')));
    }
  });

  it('takes name and picture along, as far as they are fit to be shown', async () => {
    const world = open();
    for (const [claims, shown] of [
      [
        { name: 'Ada Lovelace', picture: 'https://pictures.example.com/ada.png' },
        ['Ada Lovelace', 'https://pictures.example.com/ada.png'],
      ],
      [{ name: '  Ada \n\t Lovelace\u0000 ' }, ['Ada Lovelace', null]],
      [{ name: { first: 'Ada' }, picture: ['https://pictures.example.com'] }, [null, null]],
      [{ name: '', picture: 'javascript:alert(1)' }, [null, null]],
      [{ name: undefined, picture: 'http://pictures.example.com/ada.png' }, [null, null]],
      [{ name: '<b>Ada</b>', picture: 'data:image/png;base64,AA==' }, ['<b>Ada</b>', null]],
    ] as const) {
      world.acmePerson(claims);
      const { user } = (await letInBy(world, world.another(), 'acme')).body;
      assert.deepEqual([user?.name, user?.image], shown, JSON.stringify(claims));
    }
  });

  it('knows the account’s language from the first request', async () => {
    const world = open();
    const browser = world.another({ headers: { 'accept-language': 'fr' } });
    const { email } = world.acmePerson({ email: world.address('camille') });
    await letInBy(world, browser, 'acme');
    const [mail] = await world.mails(email);
    assert.match(mail?.subject ?? '', /[Cc]onfirm(ez|er)|[Vv]érifi/);
  });
});
