import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Answer,
  assertGuest,
  type Client,
  type OpenedClient,
  openClient,
  PASSWORD,
  REMEMBER,
  SESSION,
  sharedWorld,
  XSRF,
} from './client.ts';
import { askLine, CHANGES, LINES } from './shape-lines.ts';
import { assertMismatch, cookieSet, cookiesSet, FROM_APP, HTTPS, held, parseSetCookie, sent } from './transport.ts';
import { switchOn, totpNow, withTotp } from './two-factor-people.ts';

const THIRTY_DAYS = 30 * 24 * 60 * 60;
const OTHER_PASSWORD = 'granite otter parade';

/** All answers of a front end's life and of each line besides, of a guest and of somebody who is remembered. */
async function everyAnswer(world: OpenedClient, email: string): Promise<Answer[]> {
  const answers: Answer[] = [];
  await world.account(email);
  const client = world.another({ headers: FROM_APP });
  const asked = async (answer: Promise<Answer>, status: number): Promise<Answer> => {
    const given = await answer;
    assert.equal(given.status, status, given.text);
    answers.push(given);
    return given;
  };
  await asked(client.csrfCookie(), 204);
  await asked(client.get('/app/config'), 200);
  await asked(client.user(), 401);
  await asked(client.post('/auth/login', { email, password: 'wrong' }), 422);
  await asked(client.post('/auth/login', { email, password: PASSWORD }, { xsrf: 'wrong' }), 419);
  await asked(client.post('/auth/login', { email, password: PASSWORD, remember: true }), 200);
  await asked(client.user(), 200);
  await asked(client.post('/user/confirm-password', { password: PASSWORD }), 201);
  const { secret } = await switchOn(world, client);
  world.clock.advance({ minutes: 2 });
  const second = world.another({ headers: FROM_APP });
  await second.csrfCookie();
  await asked(second.post('/auth/login', { email, password: PASSWORD, remember: true }), 200);
  await asked(second.post('/auth/two-factor-challenge', { code: 'wrong' }), 422);
  await asked(second.post('/auth/two-factor-challenge', { code: totpNow(world, secret) }), 204);
  const spent = second.cookie(REMEMBER);
  second.forgetSession();
  await asked(second.user(), 200);
  assert.notEqual(second.cookie(REMEMBER), spent);
  for (const line of LINES) {
    if (line.url.endsWith('/logout')) continue;
    answers.push(await askLine(second, line));
    answers.push(await askLine(world.another({ headers: FROM_APP }), line));
    if (line.method !== 'GET') answers.push(await askLine(second, line, { xsrf: 'wrong' }));
  }
  const form = { current_password: PASSWORD, password: OTHER_PASSWORD, password_confirmation: OTHER_PASSWORD };
  await asked(client.put('/user/password', form), 200);
  await asked(second.user(), 401);
  await asked(client.post('/auth/logout'), 204);
  await asked(client.ask('POST', '/logout'), 401);
  return answers;
}

const PLAIN = { path: '/', samesite: 'Lax' };
const SECURE = { ...PLAIN, secure: '' };
const HIDDEN = { ...SECURE, httponly: '' };
const withoutLife = ({ 'max-age': _life, expires: _end, ...rest }: Record<string, string>) => rest;
const lifeOf = (cookie: { attributes: Record<string, string> } | undefined) => cookie?.attributes['max-age'];

describe('2.3: the cookies of every route, behind https', () => {
  it('R067: are Secure, of the whole path and Lax, hidden but for XSRF-TOKEN, of this host alone, and small', async (t) => {
    const world = await openClient(t, { env: HTTPS });
    const answers = await everyAnswer(world, 'canary.nightingale@example.com');

    const seen = new Set<string>();
    for (const { setCookies } of answers) {
      const names = setCookies.map((line) => parseSetCookie(line).name);
      assert.equal(new Set(names).size, names.length, 'no answer sets one twice');
      for (const line of setCookies) {
        const { attributes, name } = parseSetCookie(line);
        seen.add(name);
        assert.deepEqual(withoutLife(attributes), name === XSRF ? SECURE : HIDDEN, line);
        assert.ok(Buffer.byteLength(line) <= 4096, line);
      }
    }
    assert.deepEqual([...seen].sort(), [XSRF, '__Host-guichet_client', SESSION, REMEMBER].sort());
  });

  it('R068: hold unreserved characters only, and nothing that tells of anybody, in whatever form', async (t) => {
    const world = await openClient(t, { env: HTTPS });
    const email = 'canary.nightingale@example.com';
    const answers = await everyAnswer(world, email);

    const accounts = await world.handle.read.selectFrom('account').select(['uuid', 'username']).execute();
    const sessions = await world.handle.read.selectFrom('session').select('id').execute();
    const canaries = [email, 'canary', 'nightingale', 'Jean', 'Dupont', PASSWORD, OTHER_PASSWORD];
    canaries.push(
      ...accounts.flatMap(({ uuid, username }) => [uuid, username]),
      ...sessions.map(({ id }) => String(id)),
    );
    const values = new Set(answers.flatMap((answer) => cookiesSet(answer).map(({ value }) => value)));
    assert.ok(values.size > 50);
    for (const value of values) {
      assert.match(value, /^[A-Za-z0-9._~-]*$/);
      assert.equal(decodeURIComponent(value), value);
      const pieces = [value, ...value.split('.')];
      const decoded = pieces.flatMap((piece) => [
        piece,
        Buffer.from(piece, 'base64url').toString('latin1'),
        Buffer.from(piece, 'hex').toString('latin1'),
      ]);
      const text = decoded.join('\n').toLowerCase();
      for (const canary of canaries) assert.ok(!text.includes(canary.toLowerCase()), `${canary} in ${value}`);
    }
  });

  it('live as long as what they stand for: two hours, 30 days, or not at all', async (t) => {
    const world = await openClient(t, { env: HTTPS });
    const answers = await everyAnswer(world, 'jean@example.com');
    const lives = new Map<string, Set<string>>();
    for (const { attributes, name } of answers.flatMap(cookiesSet)) {
      const its = lives.get(name) ?? new Set();
      lives.set(name, its.add(attributes['max-age'] ?? 'none'));
    }
    assert.deepEqual([...(lives.get(XSRF) ?? [])], ['7200']);
    assert.deepEqual([...(lives.get(SESSION) ?? [])], ['7200']);
    assert.deepEqual([...(lives.get('__Host-guichet_client') ?? [])], [String(THIRTY_DAYS)]);
    const remembered = [...(lives.get(REMEMBER) ?? [])].map(Number);
    assert.ok(remembered.includes(0) && remembered.includes(THIRTY_DAYS));
    for (const seconds of remembered) assert.ok(seconds >= 0 && seconds <= THIRTY_DAYS, String(seconds));
  });
});

describe('2.3: what sets which cookie', () => {
  const world = sharedWorld();

  it('without https none is Secure, and none has a Domain', async () => {
    const client = world().another();
    const { email } = await world().account();
    const login = await client.login(email, PASSWORD, { remember: true });
    const hidden = { ...PLAIN, httponly: '' };
    const set = Object.fromEntries(cookiesSet(login).map(({ attributes, name }) => [name, withoutLife(attributes)]));
    assert.deepEqual(set, { [XSRF]: PLAIN, [SESSION]: hidden, [REMEMBER]: hidden, guichet_client: hidden });
  });

  it('come in the order XSRF-TOKEN, session, remember', async () => {
    const client = world().another();
    const { email } = await world().account();
    const login = await client.login(email, PASSWORD, { remember: true });
    const names = cookiesSet(login).map(({ name }) => name);
    assert.deepEqual(
      names.filter((name) => [XSRF, SESSION, REMEMBER].includes(name)),
      [XSRF, SESSION, REMEMBER],
    );
  });

  it('XSRF-TOKEN and the session come with every answer of every line, a "no" too; no locale is kept', async () => {
    const member = await world().signedIn();
    for (const line of LINES) {
      if (line.url.endsWith('/logout')) continue;
      for (const answer of [await askLine(member, line), await askLine(world().another(), line)]) {
        const names = cookiesSet(answer).map(({ name }) => name);
        assert.deepEqual(names.filter((name) => name !== REMEMBER).sort(), [XSRF, SESSION].sort(), line.name);
        assert.deepEqual([lifeOf(cookieSet(answer, XSRF)), lifeOf(cookieSet(answer, SESSION))], ['7200', '7200']);
      }
    }
  });

  it('a route’s 404 and 405 set none', async () => {
    const client = await world().signedIn();
    for (const [method, url, status] of [
      ['GET', '/api/v1/nothing', 404],
      ['POST', '/api/v1/nothing', 404],
      ['GET', '/api/v1/auth/login', 405],
      ['POST', '/sanctum/csrf-cookie', 405],
      ['DELETE', '/api/v1/user/site', 405],
    ] as const) {
      const answer = await client.ask(method, url);
      assert.deepEqual([answer.status, answer.setCookies], [status, []], url);
    }
  });

  it('the session lives two idle hours, by its cookie and by itself', async () => {
    const client = await world().signedIn();
    const cookie = held(client);
    world().clock.advance({ minutes: 119, seconds: 59 });
    assert.equal((await client.user()).status, 200);
    world().clock.advance({ minutes: 119, seconds: 59 });
    assert.equal((await client.user(sent(cookie))).status, 200);
    world().clock.advance({ hours: 2 });
    assertGuest(await client.user(sent(cookie)));
  });

  it('remember_web comes with a login that asks for it, and with its challenge', async () => {
    const { email } = await world().account();
    for (const remember of [true, 1, '1', 'true', 'on', 'yes']) {
      const login = await world().another().login(email, PASSWORD, { remember });
      assert.equal(lifeOf(cookieSet(login, REMEMBER)), String(THIRTY_DAYS), String(remember));
    }
    for (const remember of [false, 0, '0', 'false', 'off', 'no', '', null, undefined]) {
      const login = await world().another().login(email, PASSWORD, { remember });
      assert.equal(login.status, 200, login.text);
      assert.equal(cookieSet(login, REMEMBER), undefined, String(remember));
    }
    const somebody = await withTotp(world());
    const client = world().another();
    const asked = await client.login(somebody.email, PASSWORD, { remember: true });
    assert.equal(cookieSet(asked, REMEMBER), undefined);
    const done = await client.post('/auth/two-factor-challenge', { code: totpNow(world(), somebody.secret) });
    assert.equal(lifeOf(cookieSet(done, REMEMBER)), String(THIRTY_DAYS));
  });

  it('logout brings a fresh session, and takes away remember_web as it was set, if one came', async () => {
    const { email } = await world().account();
    const client = world().another();
    const set = cookieSet(await client.login(email, PASSWORD, { remember: true }), REMEMBER);
    const before = held(client);
    const out = await client.post('/auth/logout');
    assert.equal(out.status, 204);
    const gone = cookieSet(out, REMEMBER);
    assert.deepEqual([gone?.value, lifeOf(gone)], ['', '0']);
    assert.deepEqual(withoutLife(gone?.attributes ?? {}), withoutLife(set?.attributes ?? {}));
    assert.notEqual(client.cookie(SESSION), before.session);
    assertGuest(await client.user(sent(before)));
    assertGuest(await client.user());
    const again = await client.post('/auth/logout');
    assert.deepEqual([again.status, cookieSet(again, REMEMBER)], [204, undefined]);
  });

  it('GUICHET_SANCTUM_SESSION_COOKIE renames the session alone', async (t) => {
    const other = await openClient(t, { env: { GUICHET_SANCTUM_SESSION_COOKIE: 'laravel-session' } });
    const { email } = await other.account();
    const client = other.another();
    const login = await client.login(email);
    assert.deepEqual(
      cookiesSet(login)
        .map(({ name }) => name)
        .sort(),
      [XSRF, 'guichet_client', 'laravel-session'],
    );
    assert.equal((await client.user()).status, 200);
    const session = client.cookie('laravel-session');
    assertGuest(await client.user({ cookie: `${SESSION}=${session}` }));
  });

  it('GUICHET_SANCTUM_XSRF_DOMAIN is the Domain of XSRF-TOKEN alone, on every answer', async (t) => {
    const other = await openClient(t, { env: { ...HTTPS, GUICHET_SANCTUM_XSRF_DOMAIN: 'example.org' } });
    const answers = await everyAnswer(other, 'jean@example.com');
    const cookies = answers.flatMap(cookiesSet);
    assert.ok(cookies.length > 100);
    for (const { attributes, name } of cookies) {
      assert.equal(attributes['domain'], name === XSRF ? 'example.org' : undefined, name);
    }
  });
});

describe('R066, K32: a session that somebody else knows', () => {
  const world = sharedWorld();

  /** A browser that an attacker has set cookies in. */
  const planted = (...cookies: [name: string, value: string][]): Client => {
    const victim = world().another();
    for (const [name, value] of cookies) victim.jar.set(name, value);
    return victim;
  };
  const plantedSession = ({ session, token }: { session: string; token: string }): Client =>
    planted([SESSION, session], [XSRF, token]);

  /** Whose session it is: an address, or nobody's. */
  async function ownerOf(of: { session: string; token: string }): Promise<string | undefined> {
    const answer = await world().another().user(sent(of));
    if (answer.status === 401) return undefined;
    assert.equal(answer.status, 200, answer.text);
    return answer.body.data?.email;
  }

  it('one of nobody’s that was planted is nobody’s after the sign-in', async () => {
    const attacker = world().another();
    await attacker.csrfCookie();
    const known = held(attacker);
    const { email } = await world().account();
    const victim = plantedSession(known);
    assert.equal((await victim.post('/auth/login', { email, password: PASSWORD })).status, 200);
    assert.notEqual(victim.cookie(SESSION), known.session);
    assert.equal(await ownerOf(held(victim)), email);
    assert.equal(await ownerOf(known), undefined);
    assertGuest(await attacker.user());
  });

  it('one that was made up is not taken over by a sign-in', async () => {
    const made = 'A'.repeat(43);
    const { email } = await world().account();
    const victim = planted([SESSION, made]);
    assert.equal((await victim.login(email)).status, 200);
    assert.notEqual(victim.cookie(SESSION), made);
    assertGuest(
      await world()
        .another()
        .user({ cookie: `${SESSION}=${made}` }),
    );
  });

  it('one from before the second factor is nobody’s after it, at each of the steps', async () => {
    const { email, secret } = await withTotp(world());
    const victim = world().another();
    await victim.csrfCookie();
    const anonymous = held(victim);
    assert.deepEqual((await victim.post('/auth/login', { email, password: PASSWORD })).json, { two_factor: true });
    const pending = held(victim);
    assert.notEqual(pending.session, anonymous.session);
    assert.equal(await ownerOf(pending), undefined);
    const fromBefore = await world()
      .another()
      .post('/auth/two-factor-challenge', { code: totpNow(world(), secret) }, sent(anonymous));
    assert.equal(fromBefore.status, 422, 'the session from before the first step waits for nothing');
    const code = totpNow(world(), secret);
    assert.equal((await victim.post('/auth/two-factor-challenge', { code })).status, 204);
    assert.ok(![anonymous.session, pending.session].includes(victim.cookie(SESSION)));
    assert.equal(await ownerOf(held(victim)), email);
    for (const old of [anonymous, pending]) {
      assert.equal(await ownerOf(old), undefined);
      world().clock.advance({ seconds: 90 });
      const again = await world()
        .another()
        .post('/auth/two-factor-challenge', { code: totpNow(world(), secret) }, sent(old));
      assert.equal(again.status, 422, again.text);
    }
  });

  it('one that waits for the attacker’s second factor is never the victim’s', async () => {
    const attacker = await withTotp(world());
    const browser = world().another();
    assert.deepEqual((await browser.login(attacker.email)).json, { two_factor: true });
    const known = held(browser);
    const { email } = await world().account();
    const victim = plantedSession(known);
    assert.deepEqual((await victim.post('/auth/login', { email, password: PASSWORD })).json, { two_factor: false });
    assert.notEqual(victim.cookie(SESSION), known.session);
    assert.equal(await ownerOf(known), undefined);
    const code = totpNow(world(), attacker.secret);
    await browser.post('/auth/two-factor-challenge', { code }, sent(known));
    assert.equal(await ownerOf(held(victim)), email);
    assert.notEqual(await ownerOf(known), email);
    assert.notEqual(await ownerOf(held(browser)), email);
  });

  it('the same, of a victim who has a second factor too', async () => {
    const [attacker, owner] = [await withTotp(world()), await withTotp(world())];
    const browser = world().another();
    assert.deepEqual((await browser.login(attacker.email)).json, { two_factor: true });
    const known = held(browser);
    const victim = plantedSession(known);
    const { email, secret } = owner;
    assert.deepEqual((await victim.post('/auth/login', { email, password: PASSWORD })).json, { two_factor: true });
    assert.notEqual(victim.cookie(SESSION), known.session);
    const mine = totpNow(world(), attacker.secret);
    const wrong = await victim.post('/auth/two-factor-challenge', { code: mine });
    assert.equal(wrong.status, 422, 'the attacker’s code completes nothing of the victim’s');
    assert.equal((await victim.post('/auth/two-factor-challenge', { code: totpNow(world(), secret) })).status, 204);
    assert.equal(await ownerOf(held(victim)), email);
    await browser.post('/auth/two-factor-challenge', { code: totpNow(world(), secret) }, sent(known));
    assert.notEqual(await ownerOf(known), email);
    assert.notEqual(await ownerOf(held(browser)), email);
  });

  it('a live one of the attacker’s is left behind by the victim’s sign-in', async () => {
    const attacker = await world().signedIn();
    const known = held(attacker);
    const { email } = await world().account();
    const victim = plantedSession(known);
    assert.equal((await victim.post('/auth/login', { email, password: PASSWORD })).status, 200);
    assert.notEqual(victim.cookie(SESSION), known.session);
    assert.equal(await ownerOf(held(victim)), email);
    assert.notEqual(await ownerOf(known), email);
    assertMismatch(
      await world()
        .another()
        .patch('/user/locale', { locale: 'fr' }, { ...sent(held(victim)), xsrf: known.token }),
      'with the token that the attacker knows',
    );
  });

  it('a remember_web of the attacker’s is taken away by the victim’s sign-in', async () => {
    const attacker = await world().signedIn(undefined, { remember: true });
    const { email } = await world().account();
    for (const remember of [false, true]) {
      const victim = planted([REMEMBER, attacker.cookie(REMEMBER)]);
      const login = await victim.login(email, PASSWORD, { remember });
      assert.equal(login.status, 200);
      assert.equal(lifeOf(cookieSet(login, REMEMBER)), remember ? String(THIRTY_DAYS) : '0');
      victim.forgetSession();
      const answer = await victim.user();
      assert.equal(answer.body.data?.email, remember ? email : undefined);
    }
  });

  it('the old one of somebody who signs in once more is dead', async () => {
    const client = await world().signedIn();
    const before = held(client);
    const { email } = (await client.user()).body.data ?? {};
    assert.equal((await client.post('/auth/login', { email, password: PASSWORD })).status, 200);
    assert.notEqual(client.cookie(SESSION), before.session);
    assert.equal(await ownerOf(before), undefined);
  });

  it('one that another contract or the client cookie gave opens nothing', async () => {
    const client = await world().signedIn(undefined, { remember: true });
    const values = [client.cookie(REMEMBER), client.cookie('guichet_client'), client.cookie(XSRF), ''];
    for (const value of values)
      assertGuest(
        await world()
          .another()
          .user({ cookie: `${SESSION}=${value}` }),
      );
    for (const value of [client.cookie(SESSION), client.cookie('guichet_client')]) {
      assertGuest(
        await world()
          .another()
          .user({ cookie: `${REMEMBER}=${value}` }),
      );
    }
  });

  it('R078: is taken from a cookie alone', async () => {
    const client = await world().signedIn();
    const session = client.cookie(SESSION);
    const stranger = world().another();
    for (const name of [SESSION, 'session', 'token', 'access_token', REMEMBER]) {
      assertGuest(await stranger.user({ headers: { [name.replaceAll('_', '-')]: session } }));
      assertGuest(await stranger.get(`/auth/user?${name}=${session}`));
    }
    assertGuest(await stranger.user({ headers: { authorization: `Bearer ${session}` } }));
  });
});

describe('R069: two cookies of one name', () => {
  const world = sharedWorld();

  for (const [what, header] of Object.entries({
    'the right one first': (session: string) => `${SESSION}=${session}; ${SESSION}=tossed`,
    'the right one last': (session: string) => `${SESSION}=tossed; ${SESSION}=${session}`,
    'an empty one first': (session: string) => `${SESSION}=; ${SESSION}=${session}`,
    'an empty one last': (session: string) => `${SESSION}=${session}; ${SESSION}=`,
    'the same twice': (session: string) => `${SESSION}=${session}; ${SESSION}=${session}`,
    'another between them': (session: string) => `${SESSION}=${session}; a=b; ${SESSION}=tossed`,
    'no space between them': (session: string) => `${SESSION}=tossed;${SESSION}=${session}`,
    'space around the name': (session: string) => `${SESSION}=${session}; ${SESSION} =tossed`,
  })) {
    it(`open no session, ${what}, and the browser is given a fresh one`, async () => {
      const client = await world().signedIn();
      const { session, token } = held(client);
      const cookie = header(session);
      const read = await world().another().user({ cookie, xsrf: token });
      assertGuest(read);
      assert.ok(![session, 'tossed', ''].includes(cookieSet(read, SESSION)?.value ?? ''));
      for (const { method, name, url } of CHANGES) {
        const answer = await world().another().ask(method, url, { cookie, xsrf: token });
        assertMismatch(answer, name);
        assert.ok(![session, 'tossed', ''].includes(cookieSet(answer, SESSION)?.value ?? ''), name);
      }
      assert.equal((await client.user()).status, 200);
    });
  }

  it('do not open one by remember_web either, and it is taken away', async () => {
    const client = await world().signedIn(undefined, { remember: true });
    const right = client.cookie(REMEMBER);
    for (const cookie of [
      `${REMEMBER}=${right}; ${REMEMBER}=tossed`,
      `${REMEMBER}=tossed; ${REMEMBER}=${right}`,
      `${REMEMBER}=${right}; ${REMEMBER}=${right}`,
    ]) {
      const answer = await world().another().user({ cookie, xsrf: null });
      assertGuest(answer);
      assert.equal(lifeOf(cookieSet(answer, REMEMBER)), '0');
    }
    client.forgetSession();
    assert.equal((await client.user()).status, 200);
  });

  it('complete no second factor', async () => {
    const { email, secret } = await withTotp(world());
    const client = world().another();
    assert.deepEqual((await client.login(email)).json, { two_factor: true });
    const { session, token } = held(client);
    const code = totpNow(world(), secret);
    for (const cookie of [`${SESSION}=${session}; ${SESSION}=tossed`, `${SESSION}=tossed; ${SESSION}=${session}`]) {
      const answer = await world().another().post('/auth/two-factor-challenge', { code }, { cookie, xsrf: token });
      assertMismatch(answer, cookie);
    }
    assert.equal((await client.post('/auth/two-factor-challenge', { code })).status, 204);
  });

  it('are two only under the very name: one whose name begins or ends with it stands by itself', async () => {
    const client = await world().signedIn();
    const { session, token } = held(client);
    for (const other of [`${SESSION}_2`, `my_${SESSION}`, SESSION.toUpperCase()]) {
      const cookie = `${other}=tossed; ${SESSION}=${session}`;
      assert.equal((await world().another().user({ cookie, xsrf: token })).status, 200, other);
    }
  });
});

describe('2.3: what a session is made of', () => {
  const world = sharedWorld();

  it('R065: is 256 bits that nobody has seen before, in each answer that begins one', async () => {
    const sessions = new Set<string>();
    for (let count = 0; count < 500; count += 1) {
      const answer = await world().another().csrfCookie();
      const { value = '' } = cookieSet(answer, SESSION) ?? {};
      assert.match(value, /^[\w-]{43}$/);
      sessions.add(value);
    }
    assert.equal(sessions.size, 500);
  });

  it('one that cannot be one is replaced by a fresh one', async () => {
    for (const value of [
      '',
      'x',
      'A'.repeat(42),
      'A'.repeat(44),
      `${'A'.repeat(42)}=`,
      `${'A'.repeat(42)}%41`,
      '../../etc',
    ]) {
      const answer = await world()
        .another()
        .csrfCookie({ cookie: `${SESSION}=${value}` });
      assert.equal(answer.status, 204);
      assert.match(cookieSet(answer, SESSION)?.value ?? '', /^[\w-]{43}$/);
      assert.notEqual(cookieSet(answer, SESSION)?.value, value);
    }
  });
});
