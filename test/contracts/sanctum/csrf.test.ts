import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Answer, assertRefused, type Client, PASSWORD, SESSION, SPA, sharedWorld, XSRF } from './client.ts';
import { CHANGES, LINES } from './shape-lines.ts';
import { assertForeign, assertMismatch, changedAt, cookieSet, FROM_NOWHERE, held, sent } from './transport.ts';
import { totpNow, withTotp } from './two-factor-people.ts';

const world = sharedWorld({ env: { GUICHET_ALLOWED_ORIGINS: `${SPA},https://xn--bcher-kva.example` } });

/** What is sent in the place of a right token, made of the browser's own and of what a stranger holds. */
const FORGED: Record<
  string,
  (own: { session: string; token: string }, other: { session: string; token: string }) => string
> = {
  'another session’s': (_own, other) => other.token,
  'the session itself': (own) => own.session,
  'one that is not signed': () => 'a'.repeat(40),
  'one that is signed with its first half alone': ({ token }) => token.split('.')[0] ?? '',
  'one that is its signature alone': ({ token }) => token.split('.')[1] ?? '',
  'one with an empty signature': ({ token }) => `${token.split('.')[0]}.`,
  'one with an empty first half': ({ token }) => `.${token.split('.')[1]}`,
  'its halves the other way round': ({ token }) => token.split('.').reverse().join('.'),
  'its own first half with another session’s signature': ({ token }, other) =>
    `${token.split('.')[0]}.${other.token.split('.')[1]}`,
  'another session’s first half with its own signature': ({ token }, other) =>
    `${other.token.split('.')[0]}.${token.split('.')[1]}`,
  'one without its last character': ({ token }) => token.slice(0, -1),
  'one without its first character': ({ token }) => token.slice(1),
  'one with a character more': ({ token }) => `${token}A`,
  'one with another first character': ({ token }) => changedAt(token, 0),
  'one with another character before the dot': ({ token }) => changedAt(token, token.indexOf('.') - 1),
  'one with another character after the dot': ({ token }) => changedAt(token, token.indexOf('.') + 1),
  'one with another last character': ({ token }) => changedAt(token, token.length - 1),
  'one with a dot more at its end': ({ token }) => `${token}.`,
  'one with a dot more before it': ({ token }) => `.${token}`,
  'one with a third part': ({ token }) => `${token}.${token.split('.')[1]}`,
  'one in capitals': ({ token }) => token.toUpperCase(),
  'one with padding': ({ token }) => `${token}=`,
  'one that is encoded for a URL once more': ({ token }) => token.replace('.', '%252E'),
  'two at once': ({ token }) => `${token}, ${token}`,
  'nothing but dots': () => '..',
};

const refusedBy = async (client: Client, of: object, what: string): Promise<void> => {
  for (const { method, name, url } of CHANGES) {
    const before = held(client);
    assertMismatch(await client.ask(method, url, of), `${name}, ${what}`, before);
  }
};

describe('2.1: the token on every route that changes something', () => {
  it('R090: is asked for: without one each is a 419, which brings a new one', async () => {
    const client = await world().signedIn();
    await refusedBy(client, { xsrf: null }, 'none');
    assert.equal((await client.user()).status, 200);
  });

  for (const [what, forge] of Object.entries(FORGED)) {
    it(`R090: is not ${what}`, async () => {
      const client = await world().signedIn();
      const other = held(await world().signedIn());
      const own = held(client);
      const forged = forge(own, other);
      assert.notEqual(forged, own.token);
      await refusedBy(client, { xsrf: forged }, what);
      assert.equal((await client.user()).status, 200);
    });
  }

  it('R090, K33: is not what the cookie holds, if nobody signed it', async () => {
    const client = await world().signedIn();
    const session = client.cookie(SESSION);
    for (const forged of ['forged', 'a'.repeat(22), `${'a'.repeat(22)}.${'b'.repeat(43)}`]) {
      for (const { method, name, url } of CHANGES) {
        assertMismatch(await client.ask(method, url, sent({ session, token: forged })), `${name}, ${forged}`);
      }
    }
    assert.equal((await client.user()).status, 200);
  });

  it('R090: is no list, no number and no object', async () => {
    const client = await world().signedIn();
    const { token } = held(client);
    for (const _token of [[token], [], { 0: token }, { token }, 5, true]) {
      await refusedBy(client, { xsrf: null, body: { _token } }, JSON.stringify(_token));
    }
    await refusedBy(client, { xsrf: null, form: { '_token[]': token } }, 'a list in a form');
    assert.equal((await client.user()).status, 200);
  });

  it('R090: is not empty, in whatever carries it', async () => {
    const client = await world().signedIn();
    const { app } = world();
    for (const { method, name, url } of CHANGES) {
      const { session, token } = held(client);
      const response = await app.inject({
        method,
        url: `${url}?_token=`,
        headers: {
          accept: 'application/json',
          referer: `${SPA}/`,
          origin: SPA,
          cookie: sent({ session, token }).cookie,
          'content-type': 'application/json',
          'x-csrf-token': '',
          'x-xsrf-token': '',
        },
        payload: JSON.stringify({ _token: '' }),
      });
      assert.equal(response.statusCode, 419, name);
      assert.deepEqual(response.json(), { message: 'CSRF token mismatch.' }, name);
    }
    assert.equal((await client.user()).status, 200);
  });

  it('R090: belongs to a session: without its cookie it is good for nothing', async () => {
    const { token } = held(await world().signedIn());
    for (const { method, name, url } of CHANGES) {
      assertMismatch(await world().another().ask(method, url, { xsrf: token }), name);
    }
  });

  it('a request after a 419 that sends the token which that brought goes on to what comes next', async () => {
    for (const { isMember, method, name, url } of CHANGES) {
      const client = world().another();
      // On the shared login path it is the token's header that makes a request without a body this contract's.
      const refused = await client.ask(method, url, { xsrf: 'stale' });
      assertMismatch(refused, name);
      const again = await client.ask(method, url);
      const guestStatus = url.endsWith('/logout') ? 204 : 422;
      assert.equal(again.status, isMember ? 401 : guestStatus, `${name}: ${again.text}`);
    }
  });

  it('R095: is not made up for by an Authorization header', async () => {
    const { account, another } = world();
    const client = await world().signedIn();
    const { email } = await account();
    const signedIn = await another().ask('POST', '/api/v1/auth/login', {
      body: { identifier: email, password: PASSWORD },
      xsrf: null,
    });
    const { access_token: accessToken } = signedIn.json as { access_token?: string };
    assert.ok(accessToken, signedIn.text);
    const junk = ['Bearer x', 'Bearer', `Bearer ${accessToken}`, 'Basic eDp4', 'Token x', client.cookie(SESSION)];
    for (const authorization of junk) {
      const headers = { authorization };
      // Of a logout without a token, a bearer alone says whose it is (rule 33).
      const own = CHANGES.filter(({ url }) => url !== '/api/v1/auth/logout');
      for (const { method, name, url } of own) {
        assertMismatch(await client.ask(method, url, { xsrf: null, headers }), `${name}, ${authorization}`);
      }
      const logout = await client.post('/auth/logout', undefined, { xsrf: 'wrong', headers });
      assertMismatch(logout, `logout, ${authorization}`);
    }
    assert.equal((await client.user()).status, 200);
  });

  it('is not asked for by those that change nothing', async () => {
    for (const client of [world().another(), await world().signedIn()]) {
      for (const { method, name, url } of LINES.filter((line) => line.method === 'GET')) {
        const answer = await client.ask(method, url, { xsrf: null });
        assert.notEqual(answer.status, 419, name);
        const wrong = await client.ask(method, url, { xsrf: 'wrong', headers: { 'x-csrf-token': 'wrong' } });
        assert.equal(wrong.status, answer.status, name);
      }
    }
  });
});

describe('2.1: how long a token is good', () => {
  /** Changes nothing of what the tests go on with. */
  const change = (client: Client, xsrf: string): Promise<Answer> =>
    client.patch('/user/locale', { locale: 'en' }, { xsrf });

  it('changes its text with each answer, and an older one of the session is as good as the newest', async () => {
    const client = await world().signedIn();
    const tokens = [client.cookie(XSRF)];
    for (const path of ['/auth/user', '/app/config', '/user', '/auth/user']) {
      await client.get(path);
      tokens.push(client.cookie(XSRF));
    }
    assert.equal(new Set(tokens).size, tokens.length);
    for (const token of tokens) assert.equal((await change(client, token)).status, 200);
  });

  it('holds of a session of nobody’s too', async () => {
    const client = world().another();
    await client.csrfCookie();
    const first = client.cookie(XSRF);
    await client.csrfCookie();
    await client.get('/app/config');
    const answer = await client.post('/auth/logout', undefined, { xsrf: first });
    assert.equal(answer.status, 204, answer.text);
  });

  it('is good for as long as its session, and says nothing of when it was made', async () => {
    const client = await world().signedIn();
    const { token } = held(client);
    for (let minutes = 0; minutes < 180; minutes += 60) {
      world().clock.advance({ minutes: 60 });
      assert.equal((await client.user()).status, 200);
    }
    assert.equal((await change(client, token)).status, 200);
  });

  it('ends at sign-in: one from before is a 419 after it, and the answer of the sign-in brought a good one', async () => {
    const client = world().another();
    const { email } = await world().account();
    await client.csrfCookie();
    const before = held(client);
    const login = await client.post('/auth/login', { email, password: PASSWORD });
    assert.deepEqual([login.status, login.json], [200, { two_factor: false }]);
    const after = cookieSet(login, XSRF)?.value ?? '';
    const now = held(client);
    assertMismatch(await change(client, before.token), 'before sign-in', now);
    assert.equal((await change(client, after)).status, 200);
  });

  it('ends at the second factor, and before it at the question for it', async () => {
    const { email, secret } = await withTotp(world());
    const client = world().another();
    await client.csrfCookie();
    const anonymous = held(client);
    const asked = await client.post('/auth/login', { email, password: PASSWORD });
    assert.deepEqual([asked.status, asked.json], [200, { two_factor: true }]);
    const pending = held(client);
    const challenge = (xsrf: string) =>
      client.post('/auth/two-factor-challenge', { code: totpNow(world(), secret) }, { xsrf });
    assertMismatch(await challenge(anonymous.token), 'before the first step', pending);
    const done = await challenge(pending.token);
    assert.equal(done.status, 204, done.text);
    const after = cookieSet(done, XSRF)?.value ?? '';
    for (const { token } of [anonymous, pending]) assertMismatch(await change(client, token), 'before the second step');
    assert.equal((await change(client, after)).status, 200);
  });

  it('ends at sign-out, and the answer of that brought a good one', async () => {
    const client = await world().signedIn();
    const before = held(client);
    const out = await client.post('/auth/logout');
    assert.equal(out.status, 204);
    const fresh = held(client);
    const login = (xsrf: string) =>
      client.post('/auth/login', { email: 'nobody@example.com', password: 'x' }, { xsrf });
    assertMismatch(await login(before.token), 'before sign-out', fresh);
    assert.equal((await login(fresh.token)).status, 422);
    assertMismatch(await client.ask('PATCH', '/api/v1/user/locale', { xsrf: before.token }), 'a member’s line');
  });

  it('is the same at a failed sign-in', async () => {
    const client = world().another();
    await client.csrfCookie();
    const { session, token } = held(client);
    const body = { email: 'nobody@example.com', password: 'x' };
    for (let count = 0; count < 2; count += 1) {
      assert.equal((await client.post('/auth/login', body, { xsrf: token })).status, 422);
    }
    assert.equal(client.cookie(SESSION), session);
  });
});

type Carrier = 'field' | 'query' | 'x-csrf-token' | 'x-xsrf-token';
const CARRIERS: readonly Carrier[] = ['field', 'query', 'x-csrf-token', 'x-xsrf-token'];

describe('2.1: what carries a token', () => {
  const change = (client: Client, of: Partial<Record<Carrier, unknown>>, as: 'json' | 'form' = 'json') => {
    const { field, query } = of;
    const path = `/api/v1/user/locale${query === undefined ? '' : `?_token=${encodeURIComponent(String(query))}`}`;
    const fields = { locale: 'en', ...(field !== undefined && { _token: field }) };
    return client.ask('PATCH', path, {
      ...(as === 'json' ? { body: fields } : { form: fields as unknown as Record<string, string> }),
      xsrf: (of['x-xsrf-token'] as string | undefined) ?? null,
      headers: { 'x-csrf-token': (of['x-csrf-token'] as string | undefined) ?? '' },
    });
  };

  for (const carrier of CARRIERS) {
    it(`is ${carrier} by itself`, async () => {
      const client = await world().signedIn();
      const { token } = held(client);
      assert.equal((await change(client, { [carrier]: token })).status, 200);
      assertMismatch(await change(client, { [carrier]: `${token}x` }), carrier);
    });
  }

  it('is the field of a form too', async () => {
    const client = await world().signedIn();
    const { token } = held(client);
    assert.equal((await change(client, { field: token }, 'form')).status, 200);
    assertMismatch(await change(client, { field: `${token}x` }, 'form'), 'form');
  });

  it('is the field on every line that takes none other', async () => {
    for (const { isMember, method, name, url } of CHANGES) {
      const client = world().another();
      await client.csrfCookie();
      const answer = await client.ask(method, url, { xsrf: null, body: { _token: client.cookie(XSRF) } });
      const guestStatus = url.endsWith('/logout') ? 204 : 422;
      assert.equal(answer.status, isMember ? 401 : guestStatus, `${name}: ${answer.text}`);
    }
  });

  for (const [index, first] of CARRIERS.entries()) {
    for (const later of CARRIERS.slice(index + 1)) {
      it(`is ${first} before ${later}: a right one goes first, a wrong one is not rescued`, async () => {
        const client = await world().signedIn();
        const { token } = held(client);
        const answer = await change(client, { [first]: token, [later]: 'wrong' });
        assert.equal(answer.status, 200, answer.text);
        assertMismatch(await change(client, { [first]: 'wrong', [later]: token }), 'a wrong one first');
      });
    }
  }

  for (const [first, later] of [
    ['field', 'x-csrf-token'],
    ['field', 'x-xsrf-token'],
    ['query', 'x-csrf-token'],
    ['query', 'x-xsrf-token'],
  ] as const) {
    it(`is not an empty ${first}: then ${later} counts`, async () => {
      const client = await world().signedIn();
      const { token } = held(client);
      const answer = await change(client, { [first]: '', [later]: token });
      assert.equal(answer.status, 200, answer.text);
      assertMismatch(await change(client, { [first]: '', [later]: 'wrong' }), 'a wrong one after nothing');
    });
  }

  it('is not an empty X-CSRF-TOKEN: then X-XSRF-TOKEN counts', async () => {
    const client = await world().signedIn();
    const { session, token } = held(client);
    const { statusCode } = await world().app.inject({
      method: 'PATCH',
      url: '/api/v1/user/locale',
      headers: {
        referer: `${SPA}/`,
        origin: SPA,
        cookie: sent({ session, token }).cookie,
        'content-type': 'application/json',
        'x-csrf-token': '',
        'x-xsrf-token': token,
      },
      payload: '{"locale":"en"}',
    });
    assert.equal(statusCode, 200);
  });

  it('is not a field that is null', async () => {
    const client = await world().signedIn();
    const { token } = held(client);
    assert.equal((await change(client, { field: null, 'x-xsrf-token': token })).status, 200);
  });

  it('a field that holds anything but a text is a wrong one, which the right header does not rescue', async () => {
    const client = await world().signedIn();
    const { token } = held(client);
    for (const field of [[token], ['wrong'], { token }, 5, true]) {
      assertMismatch(await change(client, { field, 'x-xsrf-token': token }), JSON.stringify(field));
    }
  });

  it('1: a field is trimmed like any other text, and one of nothing but space is empty', async () => {
    const client = await world().signedIn();
    const { token } = held(client);
    assert.equal((await change(client, { field: `  ${token} ` })).status, 200, 'space around it');
    assert.equal((await change(client, { field: '  ', 'x-xsrf-token': token })).status, 200, 'nothing but space');
  });
});

/** Near misses of `http://localhost:5173`, `https://xn--bcher-kva.example` and the public URL, `http://localhost:3000`. */
const FOREIGN = [
  'https://evil.example',
  'http://localhost:5173.evil.example',
  'http://localhost.evil.example:5173',
  'http://evil-localhost:5173',
  'http://evil.localhost:5173',
  'http://localhost.:5173',
  'http://localhost',
  'http://localhost:80',
  'http://localhost:5174',
  'http://localhost:51730',
  'http://localhost:517',
  'https://localhost:5173',
  'ws://localhost:5173',
  'HTTP://localhost:5173',
  'http://LOCALHOST:5173',
  'http://127.0.0.1:5173',
  'http://[::1]:5173',
  'http://localhost:5173/',
  'http://localhost:5173/path',
  'http://localhost:5173?',
  'http://localhost:5173#',
  'http://evil.example@localhost:5173',
  'http://localhost:5173@evil.example',
  'http://localhost:5173, https://evil.example',
  'https://evil.example, http://localhost:5173',
  'http://localhost:5173 http://localhost:5173',
  'http://*',
  'https://bücher.example',
  'https://b%C3%BCcher.example',
  'https://XN--BCHER-KVA.example',
  'https://xn--bcher-kva.example:443',
  'https://xn--bcher-kva.example:8443',
  'http://xn--bcher-kva.example',
  'https://www.xn--bcher-kva.example',
  'https://xn--bcher-kva.example.',
  'https://localhost:3000',
  'http://localhost:30000',
  'localhost:5173',
  '//localhost:5173',
  'null',
  'NULL',
  'undefined',
  '*',
  'file://',
  'blob:http://localhost:5173/8a0e5f4c',
  'chrome-extension://abcdefghijklmnop',
];

describe('rule 31: a change that a foreign page asks for, with the right token', () => {
  for (const origin of FOREIGN) {
    it(`R091: is a 419 from ${origin} on every route, and nothing is set`, async () => {
      const client = await world().signedIn();
      const before = held(client);
      for (const { method, name, url } of CHANGES) {
        // A header is bytes, each of which stands for a character.
        const headers = { origin: Buffer.from(origin).toString('latin1') };
        assertForeign(await client.ask(method, url, { headers }), name);
      }
      assert.deepEqual(held(client), before);
      assert.equal((await client.user()).status, 200);
    });
  }

  it('is refused whatever else it sends', async () => {
    const client = await world().signedIn();
    for (const more of [
      { referer: `${SPA}/` },
      { 'sec-fetch-site': 'same-origin' },
      { 'sec-fetch-site': 'none' },
      { authorization: 'Bearer x' },
      { 'content-type': 'text/plain' },
      { 'x-forwarded-host': 'evil.example' },
    ] as Record<string, string>[]) {
      const headers = { ...more, origin: 'https://evil.example' };
      const answer = await client.patch('/user/locale', { locale: 'fr' }, { headers });
      assertForeign(answer, JSON.stringify(more));
    }
    assert.equal((await client.user()).body.data?.locale, 'en');
  });

  it('at a path or under a method that nothing answers is refused alike', async () => {
    const client = await world().signedIn();
    const headers = { origin: 'https://evil.example' };
    assertForeign(await client.post('/user/nothing', {}, { headers }), 'unknown path');
    assertForeign(await client.post('/user/site', {}, { headers }), 'other method');
    assertForeign(await client.ask('POST', '/sanctum/csrf-cookie', { headers }), 'csrf-cookie');
  });

  for (const origin of [SPA, 'https://xn--bcher-kva.example', 'http://localhost:3000']) {
    it(`is done for ${origin}, wherever the browser says it comes from`, async () => {
      const client = await world().signedIn();
      for (const site of ['', 'same-origin', 'same-site', 'cross-site', 'none', 'odd']) {
        const headers = { origin, referer: '', 'sec-fetch-site': site };
        const answer = await client.patch('/user/locale', { locale: 'en' }, { headers });
        assert.equal(answer.status, 200, `${site}: ${answer.text}`);
      }
    });
  }

  for (const site of ['cross-site', 'same-site', 'Same-Origin', 'SAME-ORIGIN', 'None', 'same-origin, none', 'odd']) {
    it(`without an Origin is a 419 when it comes from ${site}, on every route, and nothing is set`, async () => {
      const client = await world().signedIn();
      for (const { method, name, url } of CHANGES) {
        const headers = { origin: '', 'sec-fetch-site': site };
        assertForeign(await client.ask(method, url, { headers }), name);
      }
      assert.equal((await client.user()).status, 200);
    });
  }

  it('without an Origin is a 419 when it comes from nothing that has a name', async () => {
    const client = await world().signedIn();
    const { session, token } = held(client);
    const { headers, statusCode } = await world().app.inject({
      method: 'PATCH',
      url: '/api/v1/user/locale',
      headers: {
        referer: `${SPA}/`,
        cookie: sent({ session, token }).cookie,
        'x-xsrf-token': token,
        'sec-fetch-site': '',
      },
    });
    assert.deepEqual([statusCode, headers['set-cookie']], [419, undefined]);
  });

  for (const site of ['', 'same-origin', 'none']) {
    it(`without an Origin is done when it comes from ${site || 'a program, which says nothing'}`, async () => {
      const client = await world().signedIn();
      const headers = { origin: '', 'sec-fetch-site': site };
      assert.equal((await client.patch('/user/locale', { locale: 'en' }, { headers })).status, 200);
    });
  }

  it('is judged by no other header of that family', async () => {
    const client = await world().signedIn();
    const others = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe', 'sec-fetch-user': '?1' };
    for (const from of [{}, { origin: '' }]) {
      const answer = await client.patch('/user/locale', { locale: 'en' }, { headers: { ...from, ...others } });
      assert.equal(answer.status, 200, answer.text);
    }
  });

  it('2.1: a browser’s word that it is the same origin is no token', async () => {
    const client = await world().signedIn();
    for (const { method, name, url } of CHANGES) {
      const headers = { origin: '', 'sec-fetch-site': 'same-origin' };
      assertMismatch(await client.ask(method, url, { xsrf: null, headers }), name);
    }
  });

  it('counts for nothing: twelve sign-ins of a foreign page leave all five tries', async () => {
    const { email } = await world().account();
    const client = world().another();
    await client.csrfCookie();
    for (let count = 0; count < 12; count += 1) {
      const headers = { origin: 'https://evil.example' };
      assertForeign(await client.post('/auth/login', { email, password: 'wrong' }, { headers }), 'foreign');
      assertMismatch(await client.post('/auth/login', { email, password: 'wrong' }, { xsrf: 'wrong' }), 'no token');
    }
    const failed = await client.post('/auth/login', { email, password: 'wrong' });
    assert.deepEqual([failed.status, failed.headers['x-ratelimit-remaining']], [422, '4']);
  });
});

describe('2.1: in which order an api request is refused', () => {
  const NOTHING = { site_id: 'x', locale: 5, current_password: 5, seconds: [] };

  it('first 419, then 401, then 422 or 423, on every line of that kind', async () => {
    const member = await world().signedIn();
    for (const { method, name, url } of CHANGES.filter(({ isApi }) => isApi)) {
      const guest = world().another();
      await guest.csrfCookie();
      assertMismatch(await guest.ask(method, url, { xsrf: 'wrong', body: NOTHING }), name);
      assertRefused(await guest.ask(method, url, { body: NOTHING }), 401, 'Unauthenticated.');
      assertMismatch(await member.ask(method, url, { xsrf: 'wrong', body: NOTHING }), name);
      const { status } = await member.ask(method, url, { body: NOTHING });
      assert.equal(status, /two-factor/.test(url) ? 423 : 422, name);
    }
  });

  for (const [what, raw] of Object.entries({
    'no JSON': '{"locale":',
    'not UTF-8': Buffer.from([0x7b, 0x22, 0xff]),
    'a text': '"x"',
    'naming a field twice': '{"locale":"en","locale":"fr"}',
    'a text with NUL': '{"locale":"\\u0000"}',
    'half a surrogate pair': '{"locale":"\\ud800"}',
    'nested too deep': `{"locale":${'['.repeat(40)}${']'.repeat(40)}}`,
  })) {
    it(`a body that is ${what} does not come before them`, async () => {
      const member = await world().signedIn();
      const guest = world().another();
      await guest.csrfCookie();
      const ask = (client: Client, xsrf?: string) =>
        client.ask('PATCH', '/api/v1/user/locale', { raw, ...(xsrf !== undefined && { xsrf }) });
      assertMismatch(await ask(guest, 'wrong'), 'guest');
      assertRefused(await ask(guest), 401, 'Unauthenticated.');
      assertMismatch(await ask(member, 'wrong'), 'member');
      assert.equal((await ask(member)).status, 422);
    });
  }

  it('where no session is looked for, 401 comes first, and no token is asked for', async () => {
    const member = await world().signedIn();
    for (const { method, name, url } of CHANGES.filter(({ isApi }) => isApi)) {
      const answer = await member.ask(method, url, { xsrf: null, body: NOTHING, headers: FROM_NOWHERE });
      assertRefused(answer, 401, 'Unauthenticated.');
      assert.deepEqual(answer.setCookies, [], name);
    }
  });
});
