import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import pg from 'pg';
import { stepAt, totpAt } from '../../../src/core/totp.ts';
import { hasPostgres, makePostgresDatabase } from '../../support/databases.ts';
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

const OTHER_PASSWORD = 'another quiet horse';
const NEW_PASSWORDS = {
  current_password: PASSWORD,
  password: OTHER_PASSWORD,
  password_confirmation: OTHER_PASSWORD,
};

const world = sharedWorld();

const signedIn = (answer: Answer): void => assert.equal(answer.status, 200, answer.text);
const lineOf = (answer: Answer, name: string): string | undefined =>
  answer.setCookies.find((line) => line.startsWith(`${name}=`));
/** What a `Set-Cookie` says but for its value. */
const attributesOf = (answer: Answer, name: string): string | undefined =>
  lineOf(answer, name)?.replace(/=[^;]*/, '=…');
const isCleared = (answer: Answer): boolean => /; Max-Age=0;/.test(lineOf(answer, REMEMBER) ?? '');

async function browserOf(email: string, more: object = {}, opened: OpenedClient = world()): Promise<Client> {
  const client = opened.another();
  signedIn(await client.login(email, PASSWORD, more));
  return client;
}

/** Somebody new with a browser that is signed in. */
async function somebody(more: object = {}, opened: OpenedClient = world()) {
  const { email, id, uuid } = await opened.account();
  return { email, id, uuid, client: await browserOf(email, more, opened) };
}

/** What a browser holds now, for another that keeps it. */
function copyOf(client: Client, opened: OpenedClient = world()): Client {
  const copy = opened.another();
  for (const [name, value] of client.jar) copy.jar.set(name, value);
  return copy;
}

/** The value alone that a browser is remembered by. */
function valueAlone(client: Client, opened: OpenedClient = world()): Client {
  const copy = opened.another();
  copy.jar.set(REMEMBER, client.cookie(REMEMBER));
  return copy;
}

/** A browser that changes something, which no copy of a session is asked for. */
const change = (client: Client): Promise<Answer> => client.patch('/user/locale', { locale: 'en' });

async function assertEnded(client: Client): Promise<void> {
  assertGuest(await change(client));
  assertGuest(await client.user());
}

describe('2.3: how long a session lives', () => {
  it('is told to the browser with every answer: two hours', async () => {
    const { client } = await somebody();
    for (const answer of [await client.user(), await change(client), await client.csrfCookie()]) {
      assert.deepEqual(
        [attributesOf(answer, XSRF), attributesOf(answer, SESSION)],
        [
          'XSRF-TOKEN=…; Max-Age=7200; Path=/; SameSite=Lax',
          'guichet_session=…; Max-Age=7200; Path=/; HttpOnly; SameSite=Lax',
        ],
      );
    }
  });

  it('R070: is two idle hours, to the second', async () => {
    const [one, other] = [await somebody(), await somebody()];
    world().clock.advance({ hours: 2, seconds: -1 });
    signedIn(await one.client.user());
    world().clock.advance({ seconds: 1 });
    await assertEnded(other.client);
    world().clock.advance({ hours: 2, seconds: -2 });
    assert.equal((await change(one.client)).status, 200);
    world().clock.advance({ hours: 2 });
    await assertEnded(one.client);
  });

  it('R070: is as long as something is asked every minute', async () => {
    const { client } = await somebody();
    for (let minute = 0; minute < 8 * 60; minute += 1) {
      world().clock.advance({ minutes: 1 });
      const answer = minute % 10 === 0 ? await change(client) : await client.user();
      signedIn(answer);
    }
    world().clock.advance({ hours: 2 });
    await assertEnded(client);
  });

  it('is renewed by the token’s line too, whose answer tells the browser so', async () => {
    const { client } = await somebody();
    for (let time = 0; time < 4; time += 1) {
      world().clock.advance({ minutes: 100 });
      assert.match(attributesOf(await client.csrfCookie(), SESSION) ?? '', /; Max-Age=7200;/);
    }
    signedIn(await client.user());
  });

  it('R070: is thirty days however much is asked, to the second', async () => {
    const { client } = await somebody();
    const { clock } = world();
    const end = clock.now() + 30 * 24 * 3600 * 1000;
    while (end - clock.now() > 7_200_000) {
      clock.advance({ hours: 2, seconds: -1 });
      signedIn(await client.user());
    }
    clock.advance({ milliseconds: end - clock.now() - 1000 });
    signedIn(await change(client));
    clock.advance({ seconds: 1 });
    await assertEnded(client);
  });

  it('a guest whose session is over is given one of nobody’s that works', async () => {
    const { client, email } = await somebody();
    world().clock.advance({ hours: 2 });
    assertGuest(await client.user());
    signedIn(await client.login(email));
    signedIn(await client.user());
  });
});

describe('R066: the session from before', () => {
  it('a sign-in is nobody’s', async () => {
    const { email } = await world().account();
    const client = world().another();
    await client.csrfCookie();
    const before = copyOf(client);
    signedIn(await client.login(email));
    assert.notEqual(client.cookie(SESSION), before.cookie(SESSION));
    assertGuest(await before.user());
    assertGuest(await change(before));
  });

  it('a second factor is nobody’s', async () => {
    const { client, email } = await somebody();
    const code = await withSecondFactor(client);
    world().clock.advance({ minutes: 1 });
    const other = world().another();
    await other.login(email);
    const before = copyOf(other);
    assert.equal((await other.post('/auth/two-factor-challenge', { code: code() })).status, 204);
    assert.notEqual(other.cookie(SESSION), before.cookie(SESSION));
    assertGuest(await before.user());
    signedIn(await other.user());
  });

  it('another sign-in in the same browser is over, and no other browser’s is', async () => {
    const { client, email } = await somebody({ remember: true });
    const before = copyOf(client);
    const value = valueAlone(client);
    const elsewhere = await browserOf(email, { remember: true });
    const again = await client.login(email);
    signedIn(again);
    assert.ok(isCleared(again));
    await assertEnded(before);
    assertGuest(await value.user());
    signedIn(await client.user());
    signedIn(await valueAlone(elsewhere).user());
  });

  it('a sign-in of somebody else in the same browser is over', async () => {
    const { client } = await somebody({ remember: true });
    const [before, value] = [copyOf(client), valueAlone(client)];
    const { email } = await world().account();
    signedIn(await client.login(email, PASSWORD, { remember: true }));
    assert.equal((await client.user()).body.data?.email, email);
    await assertEnded(before);
    assertGuest(await value.user());
  });

  it('a second factor in a browser that was signed in is over', async () => {
    const { client: enrolled, email } = await somebody();
    const code = await withSecondFactor(enrolled);
    const { client } = await somebody({ remember: true });
    const [before, value] = [copyOf(client), valueAlone(client)];
    world().clock.advance({ minutes: 1 });
    await client.login(email);
    const answer = await client.post('/auth/two-factor-challenge', { code: code() });
    assert.equal(answer.status, 204, answer.text);
    assert.equal((await client.user()).body.data?.email, email);
    await assertEnded(before);
    assertGuest(await value.user());
    assert.equal(client.jar.has(REMEMBER), false);
  });
});

/** Switches the second factor on in a signed-in browser. @returns the code of now */
async function withSecondFactor(client: Client): Promise<() => string> {
  await client.post('/user/confirm-password', { password: PASSWORD });
  await client.post('/user/two-factor-authentication');
  const { secretKey = '' } = (await client.get('/user/two-factor-secret-key')).body;
  const code = () => totpAt(secretKey, stepAt(world().clock.now()));
  const on = await client.post('/user/confirmed-two-factor-authentication', { code: code() });
  assert.equal(on.status, 200, on.text);
  return code;
}

describe('3.1: a logout', () => {
  it('R071: ends the session and what it is remembered by, and begins one of nobody’s', async () => {
    const { client } = await somebody({ remember: true });
    const [before, value] = [copyOf(client), valueAlone(client)];
    const xsrf = client.cookie(XSRF);
    const answer = await client.post('/auth/logout');
    assert.deepEqual([answer.status, answer.text, answer.headers['content-type']], [204, '', undefined]);
    assert.equal(attributesOf(answer, REMEMBER), 'remember_web=…; Max-Age=0; Path=/; HttpOnly; SameSite=Lax');
    assert.notEqual(client.cookie(SESSION), before.cookie(SESSION));
    await assertEnded(before);
    assertGuest(await value.user());
    assertGuest(await client.user());
    const stale = await client.post('/auth/logout', undefined, { xsrf });
    assertRefused(stale, 419, 'CSRF token mismatch.');
    assert.equal((await client.post('/auth/logout')).status, 204);
  });

  it('of a browser that is not remembered says nothing of the remember cookie', async () => {
    const { client } = await somebody();
    const answer = await client.post('/auth/logout');
    assert.deepEqual([answer.status, lineOf(answer, REMEMBER)], [204, undefined]);
  });

  it('C7: works alone, and after the token was fetched once more', async () => {
    for (const fetches of [false, true]) {
      const { client } = await somebody({ remember: true });
      const [before, value] = [copyOf(client), valueAlone(client)];
      if (fetches) await client.csrfCookie();
      assert.equal((await client.post('/auth/logout')).status, 204);
      await assertEnded(before);
      assertGuest(await value.user());
    }
  });

  it('ends the session of a browser that was closed for hours, by what it is remembered by', async () => {
    const { client } = await somebody({ remember: true });
    world().clock.advance({ hours: 5 });
    client.forgetSession();
    const before = valueAlone(client);
    await client.csrfCookie();
    const answer = await client.post('/auth/logout');
    assert.equal(answer.status, 204, answer.text);
    assert.ok(isCleared(answer));
    assertGuest(await before.user());
    assertGuest(await client.user());
  });

  it('at Fortify’s path does the same', async () => {
    const { client } = await somebody({ remember: true });
    world().clock.advance({ hours: 5 });
    const before = valueAlone(client);
    const answer = await client.ask('POST', '/logout');
    assert.equal(answer.status, 204, answer.text);
    assert.equal(client.jar.has(REMEMBER), false);
    assertGuest(await client.user());
    assertGuest(await before.user());
  });

  it('without the token signs nobody out', async () => {
    const { client } = await somebody({ remember: true });
    for (const xsrf of ['', 'wrong']) {
      assertRefused(await client.post('/auth/logout', undefined, { xsrf }), 419, 'CSRF token mismatch.');
    }
    signedIn(await client.user());
    client.forgetSession();
    signedIn(await client.user());
  });

  it('leaves no other browser remembered, while their sessions go on by themselves', async () => {
    const { client, email } = await somebody();
    const remembered = await browserOf(email, { remember: true });
    const plain = await browserOf(email);
    const value = valueAlone(remembered);
    assert.equal((await client.post('/auth/logout')).status, 204);
    const theirs = await value.user();
    assertGuest(theirs);
    assert.ok(isCleared(theirs));
    for (let time = 0; time < 3; time += 1) {
      for (const browser of [remembered, plain]) signedIn(await change(browser));
      world().clock.advance({ hours: 2, seconds: -1 });
    }
    for (const browser of [remembered, plain]) signedIn(await browser.user());
    world().clock.advance({ hours: 2 });
    for (const browser of [remembered, plain]) await assertEnded(browser);
    assert.equal(remembered.jar.has(REMEMBER), false);
    const notices = (await world().mails(email)).filter(({ subject }) => subject.includes('signed a device out'));
    assert.deepEqual(notices, []);
  });

  it('of a guest, or of somebody else, leaves a browser remembered', async () => {
    const { client } = await somebody({ remember: true });
    const guest = world().another();
    await guest.csrfCookie();
    assert.equal((await guest.post('/auth/logout')).status, 204);
    const other = await somebody({ remember: true });
    assert.equal((await other.client.post('/auth/logout')).status, 204);
    client.forgetSession();
    signedIn(await client.user());
  });

  it('leaves the sessions of other contracts alone', async () => {
    const { client, email } = await somebody({ remember: true });
    const bearer = new BearerClient(world().app, { address: '10.201.1.1' });
    await bearer.signIn(email, PASSWORD);
    const cookie = new CookieClient(world().app, { address: '10.201.1.2' });
    await cookie.signIn(email, PASSWORD);
    assert.equal((await client.post('/auth/logout')).status, 204);
    assert.equal((await bearer.get('/session')).status, 200);
    assert.equal((await cookie.get('/me')).status, 200);
  });

  it('R071: is final for requests that are on their way', async () => {
    const { client } = await somebody({ remember: true });
    const tabs = Array.from({ length: 20 }, () => copyOf(client));
    const answers = await Promise.all(
      tabs.map((tab, index) => (index === 7 ? tab.post('/auth/logout') : index % 2 ? change(tab) : tab.user())),
    );
    for (const [index, { status, text }] of answers.entries()) {
      assert.ok(index === 7 ? status === 204 : status === 200 || status === 401, text);
    }
    for (const tab of tabs) await assertEnded(tab);
    assertGuest(await valueAlone(client).user());
  });
});

describe('rule 30: the ten seconds after the password was confirmed', () => {
  /** A tab whose requests were on their way. */
  async function lateTab(more: object = {}) {
    const { client, email } = await somebody(more);
    const tab = copyOf(client);
    const answer = await client.post('/user/confirm-password', { password: PASSWORD });
    assert.deepEqual([answer.status, answer.text], [201, '""']);
    assert.notEqual(client.cookie(SESSION), tab.cookie(SESSION));
    return { client, email, tab };
  }

  it('the former session answers, and not a second longer', async () => {
    const { client, tab } = await lateTab();
    world().clock.advance({ seconds: 9 });
    signedIn(await tab.user());
    signedIn(await change(tab));
    world().clock.advance({ seconds: 2 });
    await assertEnded(tab);
    signedIn(await client.user());
  });

  const asked: Record<string, [status: number, ask: (tab: Client) => Promise<Answer>]> = {
    'a look': [200, (tab) => tab.user()],
    'a look at what is confirmed': [200, (tab) => tab.get('/user/confirmed-password-status')],
    'a change': [200, change],
    'a change that is refused': [422, (tab) => tab.patch('/user/locale', { locale: 'xx' })],
    'a change without the token': [419, (tab) => tab.patch('/user/locale', { locale: 'en' }, { xsrf: 'wrong' })],
    'a confirmation of its own': [201, (tab) => tab.post('/user/confirm-password', { password: PASSWORD })],
    'the token’s line': [204, (tab) => tab.csrfCookie()],
    'the application’s line': [200, (tab) => tab.get('/app/config')],
    'a challenge': [204, (tab) => tab.post('/auth/two-factor-challenge', { code: '123456' })],
  };
  for (const [what, [status, ask]] of Object.entries(asked)) {
    it(`${what} with the former session sets no session cookie that would undo the new one`, async () => {
      const { client, tab } = await lateTab({ remember: true });
      const answer = await ask(tab);
      assert.equal(answer.status, status, answer.text);
      for (const name of [SESSION, REMEMBER]) assert.equal(lineOf(answer, name), undefined, name);
      // The browser has one jar: what this answer sets takes the place of what the confirmation has set.
      for (const name of answer.setCookies.map((line) => line.split('=')[0] ?? '')) {
        client.jar.set(name, tab.cookie(name));
      }
      world().clock.advance({ seconds: 11 });
      signedIn(await client.user());
    });
  }

  it('R071: a logout with the former session is one: nobody is signed in after it', async () => {
    for (const more of [{}, { remember: true }]) {
      const { client, tab } = await lateTab(more);
      const answer = await tab.post('/auth/logout');
      assert.equal(answer.status, 204, answer.text);
      await assertEnded(client);
      world().clock.advance({ seconds: 11 });
      await assertEnded(tab);
    }
  });

  it('a value that the browser is remembered by is not spent by them', async () => {
    const { client, tab } = await lateTab({ remember: true });
    await tab.user();
    await change(tab);
    assert.equal(tab.cookie(REMEMBER), client.cookie(REMEMBER));
    client.forgetSession();
    signedIn(await client.user());
  });
});

describe('what ends a browser’s session and what it is remembered by', () => {
  it('its own password change: the session goes on, by itself', async () => {
    const { client } = await somebody({ remember: true });
    const value = valueAlone(client);
    const changed = await client.put('/user/password', NEW_PASSWORDS);
    assert.deepEqual([changed.status, changed.json], [200, { message: 'Password updated successfully.' }]);
    assert.equal(attributesOf(changed, REMEMBER), 'remember_web=…; Max-Age=0; Path=/; HttpOnly; SameSite=Lax');
    signedIn(await client.user());
    assertGuest(await value.user());
    signedIn(await change(client));
    world().clock.advance({ hours: 2 });
    await assertEnded(client);
  });

  it('3.1: a password change elsewhere: it is a guest’s, and its cookie is cleared', async () => {
    const { client, email } = await somebody({ remember: true });
    const other = await browserOf(email);
    const value = valueAlone(client);
    assert.equal((await other.put('/user/password', NEW_PASSWORDS)).status, 200);
    for (const browser of [client, value]) {
      const answer = await change(browser);
      assert.ok(answer.status === 401 || answer.status === 419, answer.text);
      const looked = await browser.user();
      assertGuest(looked);
      assert.equal(browser.jar.has(REMEMBER), false);
    }
    signedIn(await other.user());
  });

  it('a wrong current password ends nothing', async () => {
    const { client } = await somebody({ remember: true });
    const refused = await client.put('/user/password', { ...NEW_PASSWORDS, current_password: 'not this one' });
    assertInvalid(refused, { current_password: ['The current password is incorrect.'] });
    assert.equal(lineOf(refused, REMEMBER), undefined);
    client.forgetSession();
    signedIn(await client.user());
  });

  it('a reset by the mailed link, of the browser that did it too', async () => {
    const { client, email } = await somebody({ remember: true });
    const value = valueAlone(client);
    await client.post('/auth/forgot-password', { email });
    const token = await world().tokenFor(email);
    const passwords = { password: OTHER_PASSWORD, password_confirmation: OTHER_PASSWORD };
    const reset = await client.post('/auth/reset-password', { email, token, ...passwords });
    assert.deepEqual([reset.status, reset.json], [200, { message: 'Your password has been reset.' }]);
    await assertEnded(client);
    assertGuest(await value.user());
    signedIn(await client.login(email, OTHER_PASSWORD));
  });

  const operators: Record<string, (uuid: string) => Promise<unknown>> = {
    'locks the account': (uuid) => world().identity.lockAccount({ uuid }),
    'sets the password': (uuid) => world().identity.setPassword({ uuid, password: OTHER_PASSWORD }),
    'takes the second factor off': (uuid) => world().identity.resetSecondFactor({ uuid }),
    'deletes the account': (uuid) => world().identity.deleteAccount({ uuid }),
  };
  for (const [what, end] of Object.entries(operators)) {
    it(`R072: an operator ${what}: the next request is a guest’s`, async () => {
      const { client, uuid } = await somebody({ remember: true });
      signedIn(await client.user());
      const value = valueAlone(client);
      const tab = copyOf(client);
      await end(uuid);
      assertGuest(await client.user());
      assert.equal(client.jar.has(REMEMBER), false);
      assertGuest(await change(tab));
      assertGuest(await value.user());
    });
  }
});

describe('R073: in the lists of other contracts a browser’s session', () => {
  const speakers = {
    bearer: async (email: string) => {
      const client = new BearerClient(world().app, { address: '10.202.1.1' });
      await client.signIn(email, PASSWORD);
      return client;
    },
    cookie: async (email: string) => {
      const client = new CookieClient(world().app, { address: '10.202.1.2' });
      await client.signIn(email, PASSWORD);
      return client;
    },
  };
  interface Listed {
    id: string;
    contract: string;
    current: boolean;
  }
  const listed = async (asking: BearerClient | CookieClient): Promise<Listed[]> => {
    const { sessions = [] } = (await asking.get('/sessions')).body;
    return (sessions as unknown as Listed[]).filter(({ contract }) => contract === 'sanctum');
  };
  for (const [contract, signIn] of Object.entries(speakers)) {
    it(`is one, however often it was opened anew, and goes when it is over, in ${contract}`, async () => {
      const { client, email } = await somebody({ remember: true });
      await browserOf(email);
      for (let time = 0; time < 3; time += 1) {
        world().clock.advance({ hours: 3 });
        signedIn(await client.user());
      }
      world().clock.advance({ hours: 3 });
      const answer = await (await signIn(email)).get('/sessions');
      const { sessions = [] } = answer.body as { sessions?: unknown[] };
      assert.equal(sessions.length, 2, answer.text);
      const [own, ...more] = await listed(await signIn(email));
      assert.deepEqual([own?.contract, own?.current, more], ['sanctum', false, []]);
      for (const secret of client.jar.values()) assert.ok(!answer.text.includes(secret));
    });

    it(`is ended from ${contract}, with what it is remembered by, and no other is`, async () => {
      const { client, email } = await somebody({ remember: true });
      const [asking, value] = [await signIn(email), valueAlone(client)];
      const [own] = await listed(asking);
      const other = await browserOf(email, { remember: true });
      assert.equal((await asking.delete(`/sessions/${own?.id}`)).status, 200);
      await assertEnded(client);
      assertGuest(await value.user());
      signedIn(await other.user());
      other.forgetSession();
      signedIn(await other.user());
    });

    it(`is ended from ${contract} with all others`, async () => {
      const { client, email } = await somebody({ remember: true });
      const other = await browserOf(email, { remember: true });
      const asking = await signIn(email);
      const values = [client, other].map((browser) => valueAlone(browser));
      assert.equal((await asking.delete('/sessions')).status, 200);
      for (const browser of [client, other]) await assertEnded(browser);
      for (const value of values) assertGuest(await value.user());
      assert.deepEqual(await listed(asking), []);
    });

    it(`is nobody else’s to end, in ${contract}`, async () => {
      const { client, email } = await somebody({ remember: true });
      const [own] = await listed(await signIn(email));
      const stranger = await signIn((await world().account()).email);
      assert.equal((await stranger.delete(`/sessions/${own?.id}`)).status, 404);
      signedIn(await client.user());
    });
  }
});

/** What is called within a second is taken from a copy; the second is turned, not waited for. */
function turnable(t: TestContext): (milliseconds: number) => void {
  const real = performance.now.bind(performance);
  let ahead = 0;
  t.mock.method(performance, 'now', () => real() + ahead);
  return (milliseconds) => {
    ahead += milliseconds;
  };
}

describe('on another server', { skip: hasPostgres ? false : 'no PostgreSQL server' }, () => {
  it('R072, rule 28: what ended is refused a change at once, and a look within a second', async (t) => {
    const turn = turnable(t);
    const env = { GUICHET_DATABASE_URL: await makePostgresDatabase(t, { migrated: true }) };
    const here = await openClient(t, { env });
    const there = await openClient(t, { env, overrides: { clock: here.clock } });
    const endings: ((of: { client: Client; email: string; uuid: string }) => Promise<unknown>)[] = [
      ({ client }) => client.post('/auth/logout'),
      ({ uuid }) => here.identity.lockAccount({ uuid }),
      ({ uuid }) => here.identity.setPassword({ uuid, password: OTHER_PASSWORD }),
      ({ uuid }) => here.identity.deleteAccount({ uuid }),
      async ({ email }) => (await browserOf(email, {}, here)).put('/user/password', NEW_PASSWORDS),
      async ({ email }) => {
        const bearer = new BearerClient(here.app, { address: '10.203.1.1' });
        await bearer.signIn(email, PASSWORD);
        return bearer.delete('/sessions');
      },
      async ({ client }) => {
        const thief = here.another({ headers: { 'user-agent': 'Thief/1.0' } });
        const old = client.cookie(REMEMBER);
        client.forgetSession();
        await client.user();
        return thief.user({ cookie: `${REMEMBER}=${old}` });
      },
    ];
    const ended: { tab: Client; value: Client; looked: Client }[] = [];
    for (const end of endings) {
      const made = await somebody({ remember: true }, here);
      const [tab, looked] = [copyOf(made.client, there), copyOf(made.client, there)];
      signedIn(await looked.user());
      await end(made);
      ended.push({ tab, looked, value: valueAlone(looked, there) });
    }
    for (const { tab } of ended) assertGuest(await change(tab));
    for (const { value } of ended) assertGuest(await value.user());
    turn(1000);
    for (const { looked } of ended) assertGuest(await looked.user());
  });

  it('R085: a browser is remembered with the same value by both, and goes on with what either gave', async (t) => {
    const env = { GUICHET_DATABASE_URL: await makePostgresDatabase(t, { migrated: true }) };
    const here = await openClient(t, { env });
    const there = await openClient(t, { env, overrides: { clock: here.clock } });
    const { client } = await somebody({ remember: true }, here);
    client.forgetSession();
    const tabs = Array.from({ length: 10 }, (_, index) => copyOf(client, index % 2 ? here : there));
    for (const answer of await Promise.all(tabs.map((tab) => tab.user()))) signedIn(answer);
    for (const name of [SESSION, REMEMBER]) assert.equal(new Set(tabs.map((tab) => tab.cookie(name))).size, 1);
    for (const tab of tabs) signedIn(await change(tab));
  });
});

describe('rule 28: while the database is away', () => {
  it('nobody is signed in or out, and nothing is spent, on SQLite', async (t) => {
    // A database that is gone cannot be closed in good order, either.
    const undo: (() => unknown)[] = [];
    t.after(async () => {
      for (const work of undo.reverse()) await Promise.resolve(work()).catch(() => {});
    });
    const opened = await openClient({ after: (work) => void undo.push(async () => work()) });
    const { client } = await somebody({ remember: true }, opened);
    const closed = valueAlone(client, opened);
    await opened.handle.close();
    await assertUnavailable(client, closed);
    const again = await openClient(t, {
      env: { GUICHET_DATABASE_URL: opened.settings.GUICHET_DATABASE_URL },
      overrides: { clock: opened.clock },
    });
    signedIn(await copyOf(client, again).user());
    signedIn(await copyOf(closed, again).user());
  });

  it('nobody is signed in or out, and nothing is spent, on PostgreSQL', { skip: !hasPostgres }, async (t) => {
    const url = await makePostgresDatabase(t, { migrated: true });
    const opened = await openClient(t, { env: { GUICHET_DATABASE_URL: url } });
    const { client } = await somebody({ remember: true }, opened);
    const closed = valueAlone(client, opened);
    const giveBack = await takeAway(url);
    await assertUnavailable(client, closed);
    opened.clock.advance({ hours: 3 });
    for (const browser of [client, closed]) assert.equal((await browser.user()).status, 503);
    await giveBack();
    for (const browser of [client, closed]) signedIn(await browser.user());
  });

  async function assertUnavailable(client: Client, closed: Client): Promise<void> {
    const held = [client.cookie(REMEMBER), closed.cookie(REMEMBER)];
    const answers = [await change(client), await client.user(), await closed.user(), await client.post('/auth/logout')];
    for (const answer of answers) {
      assert.equal(answer.status, 503, answer.text);
      assert.deepEqual([Object.keys(answer.body), lineOf(answer, REMEMBER)], [['message'], undefined]);
    }
    assert.deepEqual([client.cookie(REMEMBER), closed.cookie(REMEMBER)], held);
  }

  /** Renamed, as PostgreSQL has nothing else that a test could take away from a server that others use, and give back. */
  async function takeAway(url: string): Promise<() => Promise<void>> {
    const name = new URL(url).pathname.slice(1);
    const rename = async (from: string, to: string): Promise<void> => {
      const admin = new pg.Client({ connectionString: Object.assign(new URL(url), { pathname: '/postgres' }).href });
      await admin.connect();
      await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [from]);
      await admin.query(`alter database ${from} rename to ${to}`);
      await admin.end();
    };
    await rename(name, `${name}_away`);
    return () => rename(`${name}_away`, name);
  }
});
