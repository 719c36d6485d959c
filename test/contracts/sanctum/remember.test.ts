import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stepAt, totpAt } from '../../../src/core/totp.ts';
import { dump, files, found } from '../../security/leaks.ts';
import { hasPostgres } from '../../support/databases.ts';
import { Client as BearerClient } from '../bearer/client.ts';
import { Client as CookieClient } from '../cookie/client.ts';
import {
  type Answer,
  assertGuest,
  assertInvalid,
  assertRefused,
  type Client,
  type OpenedClient,
  openClient,
  PASSWORD,
  REMEMBER,
  SESSION,
  sharedWorld,
  XSRF,
} from './client.ts';

const DAYS_30 = 30 * 24 * 60 * 60;
const THIEF = { headers: { 'user-agent': 'Thief/1.0' } };
const ALARM = 'We signed a device out of your account';
const CONFIRM = 'Password confirmation required.';

const world = sharedWorld();

const lineOf = (answer: Answer, name: string): string | undefined =>
  answer.setCookies.find((line) => line.startsWith(`${name}=`));

/** What a `Set-Cookie` says but for its value. */
const attributesOf = (answer: Answer, name: string): string | undefined =>
  lineOf(answer, name)?.replace(/=[^;]*/, '=…');

const maxAgeOf = (answer: Answer, name = REMEMBER): number | undefined => {
  const age = /Max-Age=(\d+)/.exec(lineOf(answer, name) ?? '')?.[1];
  return age === undefined ? undefined : Number(age);
};

const isCleared = (answer: Answer): boolean => maxAgeOf(answer) === 0;

const signedIn = (answer: Answer): void => assert.equal(answer.status, 200, answer.text);

/** Somebody new in a browser that is remembered. */
async function remembered(opened: OpenedClient = world()): Promise<{ client: Client; email: string; uuid: string }> {
  const { email, uuid } = await opened.account();
  const client = opened.another();
  signedIn(await client.login(email, PASSWORD, { remember: true }));
  return { client, email, uuid };
}

/** The same cookies in another tab, or in a thief's hands. */
function copyOf(client: Client, of: { headers?: Record<string, string> } = {}, opened: OpenedClient = world()): Client {
  const copy = opened.another(of);
  for (const [name, value] of client.jar) copy.jar.set(name, value);
  return copy;
}

/** The value alone: what a browser that was closed has left, or what somebody stole. */
function valueAlone(client: Client, of: { headers?: Record<string, string> } = {}, opened?: OpenedClient): Client {
  const copy = copyOf(client, of, opened);
  copy.forgetSession();
  return copy;
}

const alarms = async (email: string): Promise<number> =>
  (await world().mails(email)).filter(({ subject }) => subject === ALARM).length;

describe('3.1: what `remember` says', () => {
  const truthy = [true, 1, '1', 'true', 'on', 'yes', ' on '];
  const falsy = [false, 0, '0', 'false', 'off', 'no', '', null, 2, [], {}, 'remember'];
  for (const remember of truthy) {
    it(`${JSON.stringify(remember)} is yes`, async () => {
      const { email } = await world().account();
      const client = world().another();
      const answer = await client.login(email, PASSWORD, { remember });
      assert.deepEqual([answer.status, answer.json], [200, { two_factor: false }]);
      assert.equal(maxAgeOf(answer), DAYS_30);
    });
  }
  for (const remember of falsy) {
    it(`${JSON.stringify(remember)} is no`, async () => {
      const { email } = await world().account();
      const client = world().another();
      const answer = await client.login(email, PASSWORD, { remember });
      assert.deepEqual([answer.status, answer.json], [200, { two_factor: false }]);
      assert.equal(lineOf(answer, REMEMBER), undefined);
    });
  }
  it('nothing is no', async () => {
    const { email } = await world().account();
    assert.equal(lineOf(await world().another().login(email), REMEMBER), undefined);
  });

  for (const [remember, kept] of [
    ['on', DAYS_30],
    ['1', DAYS_30],
    ['0', undefined],
    ['', undefined],
  ] as const) {
    it(`"${remember}" of a form is ${kept ? 'yes' : 'no'}`, async () => {
      const { email } = await world().account();
      const client = world().another();
      await client.csrfCookie();
      const answer = await client.post('/auth/login', undefined, { form: { email, password: PASSWORD, remember } });
      signedIn(answer);
      assert.equal(maxAgeOf(answer), kept);
    });
  }

  it('is not heard with a wrong password', async () => {
    const { email } = await world().account();
    const answer = await world().another().login(email, 'not the password', { remember: true });
    assertInvalid(answer, { email: ['The provided credentials are incorrect.'] });
    assert.equal(lineOf(answer, REMEMBER), undefined);
  });
});

describe('2.3: the remember cookie', () => {
  it('R067, R068: is opaque, hidden from scripts, of this host alone, and lives thirty days', async () => {
    const { email } = await world().account();
    const answer = await world().another().login(email, PASSWORD, { remember: true });
    assert.match(lineOf(answer, REMEMBER) ?? '', /^remember_web=[\w-]{43}; /);
    assert.deepEqual(
      new Set(attributesOf(answer, REMEMBER)?.split('; ')),
      new Set(['remember_web=…', `Max-Age=${DAYS_30}`, 'Path=/', 'HttpOnly', 'SameSite=Lax']),
    );
  });

  it('R067: is secure where the public URL is https', async (t) => {
    const opened = await openClient(t, {
      env: {
        NODE_ENV: 'production',
        GUICHET_PUBLIC_URL: 'https://auth.example.org',
        GUICHET_ALLOWED_ORIGINS: 'https://app.example.org',
        GUICHET_TRUST_PROXY: 'none',
        GUICHET_MAIL_URL: 'smtp://127.0.0.1:1',
      },
    });
    const { email } = await opened.account();
    const origin = 'https://app.example.org';
    const client = opened.another({ headers: { origin, referer: `${origin}/`, host: 'auth.example.org' } });
    const answer = await client.login(email, PASSWORD, { remember: true });
    signedIn(answer);
    assert.deepEqual(
      new Set(attributesOf(answer, REMEMBER)?.split('; ')),
      new Set(['remember_web=…', `Max-Age=${DAYS_30}`, 'Path=/', 'HttpOnly', 'Secure', 'SameSite=Lax']),
    );
  });

  it('is set by the second factor when the login had asked for it, and not by the login', async () => {
    const { client, email } = await remembered();
    const code = await withSecondFactor(client);
    world().clock.advance({ minutes: 1 });
    const other = world().another();
    const login = await other.login(email, PASSWORD, { remember: true });
    assert.deepEqual([login.json, lineOf(login, REMEMBER)], [{ two_factor: true }, undefined]);
    const challenge = await other.post('/auth/two-factor-challenge', { code: code() });
    assert.deepEqual([challenge.status, maxAgeOf(challenge)], [204, DAYS_30]);
    world().clock.advance({ minutes: 1 });
    const plain = world().another();
    await plain.login(email);
    const unasked = await plain.post('/auth/two-factor-challenge', { code: code() });
    assert.deepEqual([unasked.status, lineOf(unasked, REMEMBER)], [204, undefined]);
  });

  it('lives for what is left of the thirty days when it is spent for the next', async () => {
    const { client } = await remembered();
    for (const spent of [3 * 60 * 60, 5 * 24 * 60 * 60, 20 * 24 * 60 * 60 + 1]) {
      world().clock.advance({ seconds: spent });
      client.forgetSession();
      const answer = await client.user();
      signedIn(answer);
      assert.match(
        attributesOf(answer, REMEMBER) ?? '',
        /^remember_web=…; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Lax$/,
      );
    }
    const left = DAYS_30 - (3 * 60 * 60 + 25 * 24 * 60 * 60 + 1);
    client.forgetSession();
    assert.equal(maxAgeOf(await client.user()), left);
  });

  it('is not set again while the session lives, whatever is asked', async () => {
    const { client } = await remembered();
    const value = client.cookie(REMEMBER);
    const answers = [
      await client.user(),
      await client.csrfCookie(),
      await client.get('/app/config'),
      await client.patch('/user/locale', { locale: 'en' }),
      await client.patch('/user/locale', { locale: 'xx' }),
      await client.post('/user/confirm-password', { password: PASSWORD }),
      await client.patch('/user/locale', { locale: 'en' }, { xsrf: 'wrong' }),
    ];
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 204, 200, 200, 422, 201, 419],
    );
    for (const answer of answers) assert.equal(lineOf(answer, REMEMBER), undefined);
    client.forgetSession();
    assert.equal(client.cookie(REMEMBER), value);
    signedIn(await client.user());
  });

  it('R069: that comes twice opens nothing, and is cleared', async () => {
    const { client } = await remembered();
    const value = client.cookie(REMEMBER);
    const thief = world().another();
    const answer = await thief.user({ cookie: `${REMEMBER}=${value}; ${REMEMBER}=x` });
    assertGuest(answer);
    assert.ok(isCleared(answer));
    client.forgetSession();
    signedIn(await client.user());
  });

  it('R078: is no query’s and no body’s', async () => {
    const { client } = await remembered();
    const value = client.cookie(REMEMBER);
    const thief = world().another();
    await thief.csrfCookie();
    for (const name of [REMEMBER, 'remember', 'token']) assertGuest(await thief.get(`/auth/user?${name}=${value}`));
    assertGuest(await thief.patch('/user/locale', { locale: 'fr', [REMEMBER]: value }));
    assertGuest(await thief.user({ headers: { authorization: `Bearer ${value}` } }));
  });
});

/** Switches the second factor on in a signed-in browser. @returns the code of now */
async function withSecondFactor(client: Client): Promise<() => string> {
  await client.post('/user/confirm-password', { password: PASSWORD });
  await client.post('/user/two-factor-authentication');
  const { secretKey = '' } = (await client.get('/user/two-factor-secret-key')).body;
  const code = () => totpAt(secretKey, stepAt(world().clock.now()));
  const on = await client.post('/user/confirmed-two-factor-authentication', { code: code() });
  assert.deepEqual([on.status, on.text], [200, '""']);
  return code;
}

describe('a remembered browser whose session is over', () => {
  it('R077: is signed in by its next request, with another session, another token and another value', async () => {
    const { client, email } = await remembered();
    const before = new Map(client.jar);
    world().clock.advance({ hours: 2 });
    const answer = await client.user();
    signedIn(answer);
    assert.equal(answer.body.data?.email, email);
    for (const name of [SESSION, XSRF, REMEMBER]) {
      assert.ok(lineOf(answer, name), name);
      assert.notEqual(client.cookie(name), before.get(name));
    }
    assert.equal((await client.patch('/user/locale', { locale: 'en' })).status, 200);
    const stale = await client.patch('/user/locale', { locale: 'en' }, { xsrf: before.get(XSRF) ?? '' });
    assertRefused(stale, 419, 'CSRF token mismatch.');
    assertGuest(
      await world()
        .another()
        .user({ cookie: `${SESSION}=${before.get(SESSION)}` }),
    );
  });

  it('is signed in by a change too whose token belongs to the session that is over', async () => {
    const { client } = await remembered();
    world().clock.advance({ hours: 3 });
    const before = client.cookie(REMEMBER);
    const answer = await client.patch('/user/locale', { locale: 'en' });
    assert.deepEqual(
      [answer.status, answer.json],
      [200, { message: 'Language preference updated successfully.', locale: 'en' }],
    );
    assert.notEqual(client.cookie(REMEMBER), before);
    assert.equal((await client.patch('/user/locale', { locale: 'en' })).status, 200);
  });

  it('is signed in by a change too whose token belongs to a visitor’s session', async () => {
    const { client } = await remembered();
    client.forgetSession();
    await client.csrfCookie();
    const answer = await client.patch('/user/locale', { locale: 'en' });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(maxAgeOf(answer), DAYS_30);
    signedIn(await client.user());
  });

  it('that has no token is told so, keeps its value, and passes with the token of that answer', async () => {
    const { client } = await remembered();
    client.forgetSession();
    const refused = await client.patch('/user/locale', { locale: 'en' });
    assertRefused(refused, 419, 'CSRF token mismatch.');
    assert.equal(lineOf(refused, REMEMBER), undefined);
    const answer = await client.patch('/user/locale', { locale: 'en' });
    assert.equal(answer.status, 200, answer.text);
  });

  it('2.2: is nobody’s for a page of elsewhere, and its value is neither spent nor taken away', async () => {
    const { client } = await remembered();
    client.forgetSession();
    const value = client.cookie(REMEMBER);
    for (const headers of [
      { referer: 'https://evil.example/', origin: 'https://evil.example' },
      { referer: '', origin: '' },
    ]) {
      const answer = await client.user({ headers });
      assertGuest(answer);
      assert.deepEqual(answer.setCookies, []);
    }
    assert.equal(client.cookie(REMEMBER), value);
    signedIn(await client.user());
  });

  it('keeps its value when it only fetches the token', async () => {
    const { client } = await remembered();
    client.forgetSession();
    const value = client.cookie(REMEMBER);
    assert.equal((await client.csrfCookie()).status, 204);
    assert.equal((await client.get('/app/config')).status, 200);
    assert.equal(client.cookie(REMEMBER), value);
    signedIn(await client.user());
  });

  it('K36: has confirmed no password, however lately it had', async () => {
    const { client } = await remembered();
    await client.post('/user/confirm-password', { password: PASSWORD });
    assert.deepEqual((await client.get('/user/confirmed-password-status')).json, { confirmed: true });
    client.forgetSession();
    signedIn(await client.user());
    assert.deepEqual((await client.get('/user/confirmed-password-status')).json, { confirmed: false });
    for (const answer of [
      await client.post('/user/two-factor-authentication'),
      await client.get('/user/two-factor-recovery-codes'),
      await client.delete('/user/two-factor-authentication'),
    ]) {
      assertRefused(answer, 423, CONFIRM);
    }
  });

  it('K36: has not passed the second factor, and is asked for it with the password', async () => {
    const { client } = await remembered();
    const code = await withSecondFactor(client);
    world().clock.advance({ hours: 3 });
    client.forgetSession();
    signedIn(await client.user());
    const passwordAlone = await client.post('/user/confirm-password', { password: PASSWORD });
    assertInvalid(passwordAlone, { code: ['The code field is required.'] });
    assertRefused(await client.delete('/user/two-factor-authentication'), 423, CONFIRM);
    const both = await client.post('/user/confirm-password', { password: PASSWORD, code: code() });
    assert.deepEqual([both.status, both.text], [201, '""']);
    assert.equal((await client.delete('/user/two-factor-authentication')).status, 200);
  });

  it('is still at the site that it had gone to', async () => {
    const { identity } = world();
    const { client, uuid, email } = await remembered();
    const sites: number[] = [];
    for (const name of ['Siège', 'Lyon', 'Brest']) {
      const { id } = await identity.createSite({ name: `${name} of ${uuid}`, isHeadquarters: false });
      await identity.joinSite({ uuid, siteId: id });
      sites.push(id);
    }
    assert.equal((await client.patch('/user/site', { site_id: sites[1] })).status, 200);
    const other = world().another();
    await other.login(email);
    await other.patch('/user/site', { site_id: sites[2] });
    world().clock.advance({ hours: 3 });
    client.forgetSession();
    assert.equal((await client.user()).body.data?.current_site_id, sites[1]);
    assert.equal((await client.user()).body.data?.current_site_id, sites[1]);
  });

  it('R070, R087: is a guest thirty days after the sign-in, whatever it did, to the second', async () => {
    const opened = world();
    const { client } = await remembered();
    for (let day = 1; day < 30; day += 1) {
      opened.clock.advance({ days: 1 });
      if (day % 2 === 0) client.forgetSession();
      const answer = await client.user();
      signedIn(answer);
      assert.equal(maxAgeOf(answer), DAYS_30 - day * 24 * 60 * 60);
    }
    opened.clock.advance({ days: 1, seconds: -1 });
    const last = await client.user();
    signedIn(last);
    assert.equal(maxAgeOf(last), 1);
    const kept = valueAlone(client);
    opened.clock.advance({ seconds: 1 });
    for (const browser of [client, kept]) {
      const answer = await browser.user();
      assertGuest(answer);
      assert.ok(isCleared(answer));
    }
  });
});

describe('the tabs of a remembered browser', () => {
  for (const seconds of [0, 10, 60]) {
    it(`rule 26: that come with the same value ${seconds} seconds apart get the same session and the same value`, async () => {
      const { client, email } = await remembered();
      client.forgetSession();
      const tab = copyOf(client);
      signedIn(await client.user());
      world().clock.advance({ seconds });
      signedIn(await tab.user());
      for (const name of [SESSION, REMEMBER]) assert.equal(tab.cookie(name), client.cookie(name));
      for (const each of [client, tab]) {
        assert.equal((await each.patch('/user/locale', { locale: 'en' })).status, 200);
      }
      assert.equal(await alarms(email), 0);
    });
  }

  it('R085: all fifty that come at once are signed in, with one session and one value', async () => {
    const { client, email } = await remembered();
    client.forgetSession();
    const tabs = Array.from({ length: 50 }, () => copyOf(client));
    const answers = await Promise.all(tabs.map((tab) => tab.user()));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
    for (const name of [SESSION, REMEMBER]) assert.equal(new Set(tabs.map((tab) => tab.cookie(name))).size, 1);
    assert.equal(await alarms(email), 0);
    const last = tabs.at(-1) ?? assert.fail();
    assert.equal((await last.patch('/user/locale', { locale: 'en' })).status, 200);
  });

  it('rule 26: are no tabs of it when another user agent comes with the value', async () => {
    const { client, email } = await remembered();
    const thief = valueAlone(client, THIEF);
    client.forgetSession();
    signedIn(await client.user());
    const stolen = await thief.user();
    assertGuest(stolen);
    assert.ok(isCleared(stolen));
    assertGuest(await client.user());
    assert.equal(await alarms(email), 1);
  });
});

describe('a stolen remember value', () => {
  it('R077: that the thief uses first ends with the owner’s next request, who is told once, and both are guests', async () => {
    const { client, email } = await remembered();
    const thief = valueAlone(client, THIEF);
    signedIn(await thief.user());
    world().clock.advance({ minutes: 5 });
    const theirs = await client.user();
    assertGuest(theirs);
    assert.ok(isCleared(theirs));
    assert.equal(client.jar.has(REMEMBER), false);
    const after = await thief.user();
    assertGuest(after);
    assert.ok(isCleared(after));
    const [mail, ...more] = await world().mails(email);
    assert.deepEqual([mail?.subject, mail?.links, mail?.code, more], [ALARM, [], null, []]);
  });

  it('R077: that the owner used first ends with the thief’s request, and the owner is told once', async () => {
    const { client, email } = await remembered();
    const thief = valueAlone(client, THIEF);
    const again = valueAlone(client, THIEF);
    client.forgetSession();
    signedIn(await client.user());
    const value = valueAlone(client);
    for (const each of [thief, again]) {
      const answer = await each.user();
      assertGuest(answer);
      assert.ok(isCleared(answer));
    }
    for (const each of [client, value]) assertGuest(await each.user());
    assert.equal(await alarms(email), 1);
    assert.equal((await world().mails(email)).length, 1);
  });

  for (const generations of [2, 3]) {
    it(`R086: of ${generations} generations ago ends the newest`, async () => {
      const { client, email } = await remembered();
      const thief = valueAlone(client);
      for (let time = 0; time < generations; time += 1) {
        world().clock.advance({ hours: 3 });
        signedIn(await client.user());
      }
      world().clock.advance({ minutes: 1 });
      const answer = await thief.user();
      assertGuest(answer);
      assert.ok(isCleared(answer));
      const changed = await client.patch('/user/locale', { locale: 'en' });
      assertGuest(changed);
      assert.ok(isCleared(changed));
      assert.equal(await alarms(email), 1);
    });
  }

  it('leaves the owner’s other browsers and other contracts alone', async () => {
    const { client, email } = await remembered();
    const other = world().another();
    await other.login(email, PASSWORD, { remember: true });
    const bearer = new BearerClient(world().app, { address: '10.200.1.1' });
    assert.equal((await bearer.signIn(email, PASSWORD)).status, 200);
    const thief = valueAlone(client, THIEF);
    client.forgetSession();
    await client.user();
    assertGuest(await thief.user());
    signedIn(await other.user());
    other.forgetSession();
    signedIn(await other.user());
    assert.equal((await bearer.get('/session')).status, 200);
  });
});

describe('a value that remembers nobody', () => {
  it('is forged, cut, altered or the session’s own, makes a guest, and is cleared', async () => {
    const { client, email } = await remembered();
    const value = client.cookie(REMEMBER);
    const last = value.at(-1) === 'A' ? 'E' : 'A';
    const wrong = [
      'x',
      value.slice(1),
      value.slice(0, -1),
      `${value}A`,
      `${value.slice(0, -1)}${last}`,
      'A'.repeat(43),
      'A'.repeat(3000),
      `1%7C${value}%7Cabc`,
      client.cookie(SESSION),
      client.cookie(XSRF),
    ];
    for (const each of wrong) {
      const answer = await world()
        .another()
        .user({ cookie: `${REMEMBER}=${each}` });
      assertGuest(answer);
      assert.equal(
        attributesOf(answer, REMEMBER),
        'remember_web=…; Max-Age=0; Path=/; HttpOnly; SameSite=Lax',
        each.slice(0, 99),
      );
    }
    client.forgetSession();
    signedIn(await client.user());
    assert.equal(await alarms(email), 0);
  });

  it('rule 27: is another contract’s token, as value and as session, which goes on opening its own', async () => {
    const { email } = await world().account();
    const { app } = world();
    const bearer = new BearerClient(app, { address: '10.200.2.1' });
    await bearer.signIn(email, PASSWORD);
    const cookie = new CookieClient(app, { address: '10.200.2.2' });
    assert.equal((await cookie.signIn(email, PASSWORD)).status, 200);
    const device = await bearer.askAt('POST', '/api/v1/auth/login', {
      body: { identifier: email, password: PASSWORD },
      token: null,
    });
    const tokens = [
      bearer.token ?? assert.fail(),
      cookie.cookie('refreshToken'),
      cookie.cookie('accessToken'),
      ...Object.values(device.body).filter((text): text is string => typeof text === 'string' && text.length >= 40),
    ];
    assert.ok(tokens.length >= 5, device.text);
    for (const token of tokens) {
      for (const sent of [`${REMEMBER}=${token}`, `${SESSION}=${token}`, `${SESSION}=${token}; ${REMEMBER}=${token}`]) {
        assertGuest(await world().another().user({ cookie: sent }));
      }
    }
    assert.equal((await bearer.get('/session')).status, 200);
    assert.equal((await cookie.post('/refresh')).status, 200);
  });

  it('rule 27: refreshes nothing in the cookie and device contracts, is no bearer token, and is not spent there', async () => {
    const { client } = await remembered();
    const value = client.cookie(REMEMBER);
    const cookie = new CookieClient(world().app, { address: '10.200.3.1' });
    const refreshed = await cookie.post('/refresh', undefined, { cookie: `refreshToken=${value}` });
    assert.equal(refreshed.status, 401, refreshed.text);
    const bearer = new BearerClient(world().app, { address: '10.200.3.2' });
    for (const refresh_token of [value, Buffer.from(value, 'base64url').toString('hex')]) {
      const answer = await bearer.askAt('POST', '/api/v1/auth/refresh', { body: { refresh_token }, token: null });
      assert.ok([401, 404, 422].includes(answer.status), answer.text);
    }
    for (const token of [value, client.cookie(SESSION)]) {
      assert.equal((await bearer.get('/session', { token })).status, 401);
      assert.equal((await cookie.get('/me', { cookie: `accessToken=${token}` })).status, 401);
    }
    signedIn(await client.user());
    client.forgetSession();
    signedIn(await client.user());
  });
});

for (const database of ['sqlite', 'postgres'] as const) {
  const skip = database === 'postgres' && !hasPostgres ? 'no PostgreSQL server' : false;
  it(`R065, R129: nothing that a browser holds is in any table, nor in what is logged, on ${database}`, {
    skip,
  }, async (t) => {
    const logged: string[] = [];
    const opened = await openClient(t, { database, log: { write: (line) => void logged.push(line) } });
    const { client, email } = await remembered(opened);
    const held = new Set<string>();
    const first = client.cookie(REMEMBER);
    const keep = (): void => {
      for (const value of client.jar.values()) held.add(value);
    };
    keep();
    for (let time = 0; time < 3; time += 1) {
      opened.clock.advance({ hours: 3 });
      signedIn(await client.user());
      keep();
      await client.post('/user/confirm-password', { password: PASSWORD });
      keep();
    }
    assertGuest(await opened.another(THIEF).user({ cookie: `${REMEMBER}=${first}` }));
    await client.login(email, PASSWORD, { remember: true });
    keep();
    await opened.deliver();
    assert.ok(held.size > 12, String(held.size));
    for (const [table, rows] of await dump(opened)) assert.deepEqual(found(rows, held), [], table);
    if (database === 'sqlite')
      for (const [path, bytes] of files(opened)) assert.deepEqual(found(bytes, held), [], path);
    assert.ok(logged.length > 0);
    assert.deepEqual(found(logged.join('\n'), held), []);
    assert.deepEqual(found(JSON.stringify(await opened.mails()), held), []);
  });
}
