import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { sql } from 'kysely';
import { sealAudit } from '../../../src/store/audit-sealer.ts';
import { SoftwareAuthenticator } from '../../support/software-authenticator.ts';
import {
  assertDone,
  assertFactorDue,
  assertRefused,
  assertShape,
  assertSignedIn,
  assertUser,
  INSTANT,
  PASSKEY_ID,
  SECRET_VALUE,
  SESSION_ID,
  WORDS,
} from './answers.ts';
import {
  type Answer,
  type Asking,
  type Client,
  type OpenedClient,
  ORIGIN,
  OTHER_PASSWORD,
  openClient,
  PASSWORD,
  sharedWorld,
  WRONG,
} from './client.ts';
import { ALL, BODIES, NEWCOMERS, SIGNED_IN, split } from './lines.ts';

/** Somebody’s sessions beside the one that asks: of this contract, and of two others. */
interface Others {
  bearer: Client;
  device: Client;
  /** What each of them is told now. */
  statuses(): Promise<number[]>;
}

async function othersOf({ another, app }: OpenedClient, email: string, password = PASSWORD): Promise<Others> {
  const [bearer, device] = [another(), another()];
  assert.equal((await bearer.signIn(email, password)).status, 200);
  const login = await device.askAt('POST', '/api/v1/auth/login', { body: { identifier: email, password } });
  assert.equal(login.status, 200, login.text);
  const { access_token: token } = login.body as { access_token?: string };
  device.token = token ?? '';
  const browser = await app.inject({ method: 'POST', url: '/v1/auth/login', payload: { email, password } });
  assert.equal(browser.statusCode, 200, browser.body);
  const cookie = browser.cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
  return {
    bearer,
    device,
    async statuses() {
      const me = await app.inject({ url: '/v1/auth/me', headers: { cookie } });
      return [
        (await bearer.get('/session')).status,
        (await device.askAt('GET', '/api/v1/auth/me')).status,
        me.statusCode,
      ];
    },
  };
}

const LIVE = [200, 200, 200];
const ENDED = [401, 401, 401];

describe('signing up', () => {
  const world = sharedWorld();

  it('takes a name, or none', async () => {
    for (const [given, name] of [
      [{ name: 'Ada Lovelace' }, 'Ada Lovelace'],
      [{ name: '  Ada  ' }, 'Ada'],
      [{ name: '李明' }, '李明'],
      [{ name: null }, null],
      [{ name: '   ' }, null],
      [{}, null],
    ] as const) {
      const email = world().address();
      const client = world().another();
      assertSignedIn(await client.signUp(email, PASSWORD, given), { email, name, emailVerified: false }, 201);
      assertUser((await client.get('/session')).body.user, { email, name, emailVerified: false });
    }
  });

  it('keeps the address in one form, which is everybody’s of that spelling', async () => {
    const client = world().another();
    const answer = await client.signUp('  Grace.Hopper@EXAMPLE.com ');
    assertSignedIn(answer, { email: 'grace.hopper@example.com', emailVerified: false }, 201);
    assertRefused(await world().another().signUp('grace.hopper@example.com'), 409, 'USER_ALREADY_EXISTS');
    assert.equal((await world().another().signIn('GRACE.hopper@example.com')).status, 200);
  });

  it('on an address that somebody took unproven, tells it how to make the account its own, once an hour', async () => {
    const { address, another, clock, mails } = world();
    const email = address();
    await another().signUp(email);
    for (const count of [1, 1, 2]) {
      if (count === 2) clock.advance({ hours: 1 });
      assertRefused(await another().signUp(email), 409, 'USER_ALREADY_EXISTS');
      assert.equal((await mails(email)).length, 1 + count);
    }
    const { client, email: proven } = await world().signedIn();
    assertRefused(await another().signUp(proven), 409, 'USER_ALREADY_EXISTS');
    assert.deepEqual((await mails(proven)).length, 0);
    assert.equal((await client.get('/session')).status, 200);
  });
});

describe('an address that is not proven yet', () => {
  const world = sharedWorld({
    env: { GUICHET_GITHUB_CLIENT_ID: 'Iv1.8a61f9b3a7aba766', GUICHET_GITHUB_CLIENT_SECRET: 'f'.repeat(40) },
  });

  it('R121: opens what newcomers need, and nothing else', async () => {
    const closed = SIGNED_IN.filter((line) => !NEWCOMERS.includes(line));
    assert.equal(closed.length + NEWCOMERS.length, SIGNED_IN.length);
    for (const make of [
      async (client: Client): Promise<void> => void (await client.signUp(world().address())),
      async (client: Client): Promise<void> =>
        void (await client.signIn((await world().account({ verified: false })).email)),
    ]) {
      const client = world().another();
      await make(client);
      assert.match(client.token ?? '', SECRET_VALUE);
      for (const line of closed) {
        const [method, path] = split(line);
        for (const sent of [{}, BODIES[line] ? { body: BODIES[line] } : {}] as Asking[]) {
          const answer = await client.ask(method, path, sent);
          // A body that lacks a field, or has one that is none, may be refused before anybody looks who asks.
          if (answer.status === 400) assert.deepEqual([sent, answer.body.error], [{}, 'VALIDATION_ERROR'], line);
          else assertRefused(answer, 403, 'EMAIL_NOT_VERIFIED', { what: line });
        }
      }
      for (const line of NEWCOMERS.filter((one) => one !== 'POST /sign-out' && one !== 'DELETE /user')) {
        const [method, path] = split(line);
        const answer = await client.ask(method, path, BODIES[line] ? { body: BODIES[line] } : {});
        assert.equal(answer.status, 200, `${line} ${answer.text}`);
      }
      assert.deepEqual((await client.post('/sign-out')).body, { success: true });
    }
    for (const line of ALL.filter((one) => !SIGNED_IN.includes(one))) {
      const client = world().another();
      await client.signUp(world().address());
      const [method, path] = split(line);
      const answer = await client.ask(method, path, BODIES[line] ? { body: BODIES[line] } : {});
      assert.notEqual(answer.body.error, 'EMAIL_NOT_VERIFIED', line);
    }
  });

  it('is proven by the token alone, which keeps the sessions', async () => {
    const { address, another, linkToken } = world();
    const [one, two] = [another(), another()];
    const email = address();
    await one.signUp(email);
    await two.signIn(email);
    const answer = await another().post('/verify-email', { token: await linkToken(email, '/verify-email') });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(Object.keys(answer.body).sort(), ['success', 'user']);
    assertUser(answer.body.user, { email });
    for (const client of [one, two]) assert.equal((await client.get('/sessions')).status, 200);
  });

  it('is sent another link for the asking, in words that tell nothing', async () => {
    const { account, address, another, mails } = world();
    const message = 'If this email is waiting to be verified, a link has been sent';
    const unproven = await account({ verified: false });
    const proven = await account();
    for (const [email, sent] of [
      // The first went out when the account was made.
      [unproven.email, 2],
      [proven.email, 0],
      [address(), 0],
      ['nobody', 0],
    ] as const) {
      assertDone(await another().post('/send-verification-email', { email }), message);
      assert.equal((await mails(email)).length, sent, email);
    }
  });

  it('is deleted with its account by whoever made that, and is free for its owner at once', async () => {
    const { address, another, clock } = world();
    const email = address();
    const client = another();
    const first = await client.signUp(email);
    clock.advance({ minutes: 11 });
    assertRefused(await client.delete('/user'), 403, 'REAUTH_REQUIRED');
    assertRefused(await client.delete('/user', { password: WRONG }), 401, 'INVALID_CREDENTIALS');
    assertDone(await client.delete('/user', { password: PASSWORD }), 'Your account has been deleted');
    assertRefused(await client.get('/session'), 401, 'INVALID_TOKEN');
    const again = await another().signUp(email, OTHER_PASSWORD);
    assertSignedIn(again, { email, emailVerified: false }, 201);
    assert.notEqual(again.body.user?.id, first.body.user?.id);
  });

  it('lets nobody in where the server asks for proof first', async (t) => {
    const { address, another, linkToken, magicLink } = await openClient(t, {
      env: { GUICHET_REQUIRE_VERIFIED_EMAIL: 'true' },
    });
    const email = address();
    const client = another();
    const made = await client.signUp(email);
    assert.equal(made.status, 201, made.text);
    assert.deepEqual(Object.keys(made.body).sort(), ['session', 'user']);
    assertUser(made.body.user, { email, emailVerified: false });
    assert.equal(made.body.session, null);
    assertShape(made);
    assertRefused(await client.signIn(email, WRONG), 401, 'INVALID_CREDENTIALS');
    assertRefused(await client.signIn(email), 403, 'EMAIL_NOT_VERIFIED');
    assertRefused(await client.signIn(email, PASSWORD, { totpCode: '123456' }), 403, 'EMAIL_NOT_VERIFIED');
    const token = await linkToken(email, '/verify-email');
    assert.equal((await client.post('/verify-email', { token })).status, 200);
    assertSignedIn(await client.signIn(email), { email });

    // A link proves the address as well.
    const other = address();
    await another().signUp(other);
    const link = await magicLink(other);
    assertSignedIn(await another().post('/magic-link/verify', { token: link }), { email: other });
  });
});

describe('links and codes that sign in', () => {
  const world = sharedWorld();
  const open = async (email: string, more: object = {}): Promise<string> => {
    const token = await world().magicLink(email, more);
    const caller = {
      address: '192.0.2.1',
      network: { key: 'n', factor: 1 },
      userAgent: null,
      clientToken: null,
      locale: 'en',
    };
    return (await world().identity.openMagicLink({ token, caller } as never)).code;
  };

  it('a magic link signs in once, with or without a place to return to', async () => {
    const { email } = await world().account();
    for (const more of [{}, { redirectUrl: 'http://localhost:5173/app' }]) {
      const token = await world().magicLink(email, more);
      const client = world().another();
      assertSignedIn(await client.post('/magic-link/verify', { token }), { email });
      assert.equal((await client.get('/sessions')).status, 200);
      assertRefused(await client.post('/magic-link/verify', { token }), 400, 'INVALID_TOKEN');
      world().clock.advance({ minutes: 1 });
    }
  });

  it('a magic link proves the address that it went to', async () => {
    const { email } = await world().account({ verified: false });
    const token = await world().magicLink(email);
    assertSignedIn(await world().another().post('/magic-link/verify', { token }), { email });
  });

  it('the answer is the same whoever asks for one', async () => {
    const { account, address, another, identity, mails } = world();
    const disabled = await account();
    await identity.lockAccount({ uuid: disabled.uuid });
    for (const [email, sent] of [
      [(await account()).email, 2],
      // Beside the link that proves the address, which went out when the account was made.
      [(await account({ verified: false })).email, 3],
      [disabled.email, 0],
      [address(), 0],
      ['nobody', 0],
    ] as const) {
      assertDone(await another().post('/send-magic-link', { email }), 'Magic link sent to email');
      const message = 'If an account exists with this email, a password reset link has been sent';
      assertDone(await another().post('/forgot-password', { email }), message);
      assert.equal((await mails(email)).length, sent, email);
    }
  });

  it('a code of a redirect signs in once, within a minute', async () => {
    const { email } = await world().account();
    const redirectUrl = 'http://localhost:5173/app';
    const client = world().another();
    const code = await open(email, { redirectUrl });
    world().clock.advance({ seconds: 59 });
    assertSignedIn(await client.post('/exchange', { code }), { email });
    assertRefused(await client.post('/exchange', { code }), 400, 'INVALID_TOKEN');
    const late = await open(email, { redirectUrl });
    world().clock.advance({ seconds: 60 });
    assertRefused(await client.post('/exchange', { code: late }), 400, 'INVALID_TOKEN');
  });

  it('a code is fetched by a page of the place that it was sent to, or by none', async () => {
    const { email } = await world().account();
    const redirectUrl = 'http://localhost:5173/app';
    const client = world().another();
    const code = await open(email, { redirectUrl });
    const from = (origin: string): Promise<Answer> => client.post('/exchange', { code }, { headers: { origin } });
    assertRefused(await from('https://evil.example'), 403, 'FORBIDDEN_ORIGIN');
    assertRefused(await from('http://localhost:3000'), 400, 'INVALID_TOKEN');
    assertSignedIn(await from('http://localhost:5173'), { email });
  });

  it('what was asked for with a challenge is completed with its verifier alone', async () => {
    const { email } = await world().account();
    const codeVerifier = randomBytes(32).toString('base64url');
    const codeChallenge = createHash('sha256').update(codeVerifier).digest('base64url');
    const more = { redirectUrl: 'http://localhost:5173/app', codeChallenge };
    for (const [path, body] of [
      ['/exchange', { code: await open(email, more) }],
      ['/magic-link/verify', { token: await world().magicLink(email, more) }],
    ] as const) {
      const client = world().another();
      for (const wrong of [{}, { codeVerifier: codeChallenge }, { codeVerifier: '' }, { codeVerifier: 'x' }]) {
        assertRefused(await client.post(path, { ...body, ...wrong }), 400, 'INVALID_TOKEN');
      }
      assertSignedIn(await client.post(path, { ...body, codeVerifier }), { email });
    }
    const refused = await world().another().post('/send-magic-link', { email, codeChallenge: 'short' });
    const fields = { codeChallenge: 'This value is not accepted' };
    assertRefused(refused, 400, 'VALIDATION_ERROR', { fields });
  });

  it('each asks for the second factor, and the same token or its challenge completes it', async () => {
    const { clock, enrol, signedIn, totp } = world();
    const { client: owner, email } = await signedIn();
    const { recoveryCodes, secret } = await enrol(owner);
    for (const [path, key] of [
      ['/exchange', 'code'],
      ['/magic-link/verify', 'token'],
    ] as const) {
      for (const by of ['token', 'challenge']) {
        const token = key === 'code' ? await open(email) : await world().magicLink(email);
        const client = world().another();
        const challenge = assertFactorDue(await client.post(path, { [key]: token }));
        assert.equal(assertFactorDue(await client.post(path, { [key]: token })), challenge);
        const named = by === 'token' ? { [key]: token } : { challenge };
        const wrong = { ...named, totpCode: totp(secret, 20) };
        assertRefused(await client.post(path, wrong), 401, 'INVALID_TOTP');
        const second = by === 'token' ? { totpCode: totp(secret) } : { recoveryCode: recoveryCodes.pop() };
        assertSignedIn(await client.post(path, { ...named, ...second }), { email });
        assertRefused(await client.post(path, { ...named, ...second }), 400, 'INVALID_TOKEN');
        clock.advance({ minutes: 2 });
      }
    }
  });
});

describe('a password that is forgotten or changed', () => {
  const world = sharedWorld();

  it('a reset sets it, ends every session of every contract, and signs nobody in', async () => {
    const { another, linkToken, signedIn } = world();
    const { client, email } = await signedIn();
    const others = await othersOf(world(), email);
    assert.deepEqual(await others.statuses(), LIVE);
    await another().post('/forgot-password', { email, redirectUrl: 'http://localhost:5173/app' });
    const token = await linkToken(email, '/reset-password');
    const done = 'Password has been reset. Please sign in with the new one';
    assertDone(await another().post('/reset-password', { token, password: OTHER_PASSWORD }), done);
    assert.deepEqual(await others.statuses(), ENDED);
    assertRefused(await client.get('/session'), 401, 'INVALID_TOKEN');
    assertRefused(await another().signIn(email), 401, 'INVALID_CREDENTIALS');
    assertSignedIn(await another().signIn(email, OTHER_PASSWORD), { email });
    assertRefused(await another().post('/reset-password', { token, password: PASSWORD }), 400, 'INVALID_TOKEN');
  });

  it('a reset leaves the second factor where it is', async () => {
    const { another, enrol, linkToken, signedIn, totp } = world();
    const { client, email } = await signedIn();
    const { secret } = await enrol(client);
    await another().post('/forgot-password', { email });
    const reset = { token: await linkToken(email, '/reset-password'), password: OTHER_PASSWORD };
    assert.equal((await another().post('/reset-password', reset)).status, 200);
    assertFactorDue(await another().signIn(email, OTHER_PASSWORD));
    const both = await another().signIn(email, OTHER_PASSWORD, { totpCode: totp(secret) });
    assertSignedIn(both, { email });
  });

  it('a change ends every other session of every contract and keeps its own, with its token', async () => {
    for (const more of [{}, { revokeOtherSessions: true }, { revokeOtherSessions: false }]) {
      const { another, mails, signedIn } = world();
      const { client, email } = await signedIn();
      const { token } = client;
      const others = await othersOf(world(), email);
      const change = { currentPassword: PASSWORD, newPassword: OTHER_PASSWORD, ...more };
      const answer = await client.post('/change-password', change);
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(Object.keys(answer.body).sort(), ['success', 'user']);
      assert.equal(answer.body.success, true);
      assertUser(answer.body.user, { email });
      assert.deepEqual(await others.statuses(), ENDED);
      assert.equal((await client.get('/session', { token })).status, 200);
      assertRefused(await another().signIn(email), 401, 'INVALID_CREDENTIALS');
      assert.equal((await another().signIn(email, OTHER_PASSWORD)).status, 200);
      const [notice] = (await mails(email)).filter(({ subject }) => subject === 'Your password was changed');
      assert.deepEqual([notice?.code, notice?.links], [null, []]);
    }
  });

  it('R011: a change needs the current one, and nothing is changed without it', async () => {
    const { client, email } = await world().signedIn();
    const newPassword = OTHER_PASSWORD;
    const fields = { currentPassword: WORDS_NEEDED };
    assertRefused(await client.post('/change-password', { newPassword }), 400, 'VALIDATION_ERROR', { fields });
    for (const currentPassword of [WRONG, '', `${PASSWORD} `]) {
      const answer = await client.post('/change-password', { currentPassword, newPassword });
      assertRefused(answer, 401, 'INVALID_CREDENTIALS');
    }
    assertSignedIn(await world().another().signIn(email), { email });
  });

  it('an account that has none yet gets one by a fresh sign-in', async () => {
    const { account, another, clock, magicLink } = world();
    const { email } = await account({ password: null });
    const client = another();
    await client.post('/magic-link/verify', { token: await magicLink(email) });
    clock.advance({ minutes: 11 });
    const newPassword = OTHER_PASSWORD;
    assertRefused(await client.post('/change-password', { newPassword }), 403, 'REAUTH_REQUIRED');
    await client.post('/magic-link/verify', { token: await magicLink(email) });
    assert.equal((await client.post('/change-password', { newPassword })).status, 200);
    assertSignedIn(await another().signIn(email, OTHER_PASSWORD), { email });
  });
});

const WORDS_NEEDED = 'This field is required';

describe('who a user is', () => {
  const world = sharedWorld();

  it('PATCH user changes what is given, and nothing else', async () => {
    const { client, email } = await world().signedIn();
    const image = 'https://images.example.com/ada.png?size=64';
    for (const [given, name, picture] of [
      [{ name: 'Ada Lovelace', image }, 'Ada Lovelace', image],
      [{ name: ' Ada ' }, 'Ada', image],
      [{}, 'Ada', image],
      [undefined, 'Ada', image],
      [{ image: null }, 'Ada', null],
      [{ image: 'http://images.example.com/a' }, 'Ada', 'http://images.example.com/a'],
      [{ name: null }, null, 'http://images.example.com/a'],
      [{ image: '', name: '' }, null, null],
    ] as const) {
      const answer = await client.ask('PATCH', '/user', given ? { body: given } : {});
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(Object.keys(answer.body), ['user']);
      const user = assertUser(answer.body.user, { email, name, image: picture });
      assert.deepEqual((await client.get('/session')).body.user, user);
    }
  });

  it('R145: a picture is an address of the web, of which nothing runs', async () => {
    const { client } = await world().signedIn();
    for (const image of [
      'javascript:alert(1)',
      'data:image/png;base64,AAAA',
      'ftp://images.example.com/a',
      '//images.example.com/a',
      'https://user:secret@images.example.com/a',
      'https://',
      'https://images.example.com/a b',
      ' https://images.example.com/a',
      'https://images.example.com/\u202e',
      'x',
    ]) {
      const fields = { image: 'This value is not accepted' };
      assertRefused(await client.patch('/user', { image }), 400, 'VALIDATION_ERROR', { fields, what: image });
    }
    assert.equal((await client.get('/session')).body.user?.image, null);
  });

  it('a name is told in the other contracts too', async () => {
    const { client, email } = await world().signedIn();
    await client.patch('/user', { name: 'Ada Lovelace' });
    const browser = await world().app.inject({
      method: 'POST',
      url: '/v1/auth/login',
      payload: { email, password: PASSWORD },
    });
    assert.equal((browser.json() as { user: { name: string } }).user.name, 'Ada Lovelace');
  });

  it('a new address is proven by the link to it, the old one told; until then nothing changes', async () => {
    const { address, another, identity, linkToken, mails, signedIn } = world();
    const { client, email } = await signedIn();
    const newEmail = address('new');
    const sent = 'A link to confirm the change has been sent to the new email';
    assertDone(await client.post('/change-email', { newEmail, password: PASSWORD }), sent);
    const [notice] = await mails(email);
    assert.deepEqual([notice?.code, notice?.links], [null, []]);
    assert.equal((await client.get('/session')).body.user?.email, email);
    assertRefused(await another().signIn(newEmail), 401, 'INVALID_CREDENTIALS');
    const token = await linkToken(newEmail, '/change-email');
    const caller = {
      address: null,
      network: { key: 'n', factor: 1 },
      userAgent: null,
      clientToken: null,
      locale: 'en',
    };
    await identity.finishEmailChange({ token, contract: 'page', caller } as never);
    assertUser((await client.get('/session')).body.user, { email: newEmail });
    assertRefused(await another().signIn(email), 401, 'INVALID_CREDENTIALS');
    assertSignedIn(await another().signIn(newEmail), { email: newEmail });
  });

  it('a new address that is somebody’s is refused, and a wrong password', async () => {
    const { account, mails, signedIn } = world();
    const [{ client }, theirs] = [await signedIn(), await account()];
    assertRefused(await client.post('/change-email', { newEmail: theirs.email }), 409, 'USER_ALREADY_EXISTS');
    assert.deepEqual(await mails(theirs.email), []);
    const wrong = await client.post('/change-email', { newEmail: world().address(), password: WRONG });
    assertRefused(wrong, 401, 'INVALID_CREDENTIALS');
  });
});

describe('sessions', () => {
  const world = sharedWorld();

  it('R073: are listed whole, of every contract, without a token', async () => {
    const { clock, signedIn } = world();
    const { client, email } = await signedIn();
    const others = await othersOf(world(), email);
    clock.advance({ minutes: 5 });
    const answer = await client.get('/sessions');
    assert.equal(answer.status, 200, answer.text);
    assertShape(answer);
    assert.deepEqual(Object.keys(answer.body), ['sessions']);
    const { sessions = [] } = answer.body;
    assert.deepEqual(sessions.map(({ contract }) => contract).sort(), ['bearer', 'bearer', 'cookie', 'device']);
    for (const { createdAt, expiresAt, id, ip, lastUsedAt, userAgent, contract, current, ...more } of sessions) {
      assert.deepEqual(more, {});
      assert.match(String(id), SESSION_ID);
      for (const time of [createdAt, expiresAt, lastUsedAt]) assert.match(String(time), INSTANT);
      assert.ok(typeof ip === 'string' && typeof userAgent === 'string' && typeof contract === 'string');
      assert.equal(typeof current, 'boolean');
    }
    const own = sessions.filter(({ current }) => current);
    assert.deepEqual(
      own.map(({ id }) => id),
      [(await client.get('/session')).body.session?.id],
    );
    for (const secret of [client.token, others.bearer.token, others.device.token]) {
      assert.ok(secret && !answer.text.includes(secret));
    }
  });

  it('R073: one is ended by its id, of whatever contract, and the others go on', async () => {
    const { client, email } = await world().signedIn();
    const others = await othersOf(world(), email);
    const listed = async () => (await client.get('/sessions')).body.sessions ?? [];
    const before = await listed();
    const statuses = [200, 200, 200];
    for (const [index, contract] of (['bearer', 'device', 'cookie'] as const).entries()) {
      const one = before.find((session) => session['contract'] === contract && session['current'] === false);
      assertDone(await client.delete(`/sessions/${one?.['id']}`), 'Session ended');
      statuses[index] = 401;
      assert.deepEqual(await others.statuses(), statuses);
      assertRefused(await client.delete(`/sessions/${one?.['id']}`), 404, 'NOT_FOUND');
    }
    const [own, ...more] = await listed();
    assert.deepEqual(more, []);
    assertDone(await client.delete(`/sessions/${own?.['id']}`), 'Session ended');
    assertRefused(await client.get('/session'), 401, 'INVALID_TOKEN');
  });

  it('R073: all others are ended at once, of every contract; somebody else’s go on', async () => {
    const [{ client, email }, neighbour] = [await world().signedIn(), await world().signedIn()];
    const others = await othersOf(world(), email);
    assertDone(await client.delete('/sessions'), 'All your other sessions have been signed out');
    assert.deepEqual(await others.statuses(), ENDED);
    assert.equal((await client.get('/sessions')).body.sessions?.length, 1);
    assert.equal((await neighbour.client.get('/session')).status, 200);
  });

  it('one that signs out leaves the others', async () => {
    const { client, email } = await world().signedIn();
    const others = await othersOf(world(), email);
    assert.deepEqual((await client.post('/sign-out')).body, { success: true });
    assertRefused(await client.post('/sign-out'), 401, 'INVALID_TOKEN');
    assert.deepEqual(await others.statuses(), LIVE);
  });

  it('a sign-in that got old is made fresh by the password, in whole words', async () => {
    const { client } = await world().signedIn();
    world().clock.advance({ minutes: 11 });
    assertRefused(await client.post('/passkey/register'), 403, 'REAUTH_REQUIRED');
    assertRefused(await client.post('/reauthenticate', { password: WRONG }), 401, 'INVALID_CREDENTIALS');
    assertDone(await client.post('/reauthenticate', { password: PASSWORD }), 'Identity confirmed');
    assert.equal((await client.post('/passkey/register')).status, 200);
    world().clock.advance({ minutes: 10, seconds: 1 });
    assertRefused(await client.post('/passkey/register'), 403, 'REAUTH_REQUIRED');
  });

  it('on an account with a second factor that is what makes it fresh', async () => {
    const { client } = await world().signedIn();
    const { secret, recoveryCodes } = await world().enrol(client);
    world().clock.advance({ minutes: 11 });
    const due = await client.post('/reauthenticate', { password: PASSWORD });
    const body = { error: 'TOTP_REQUIRED', message: WORDS['TOTP_REQUIRED'], channel: 'totp' };
    assert.deepEqual([due.status, due.body], [401, body]);
    assertRefused(await client.delete('/user'), 403, 'REAUTH_REQUIRED');
    assertRefused(await client.delete('/user', { password: PASSWORD }), 403, 'REAUTH_REQUIRED');
    const wrong = { totpCode: world().totp(secret, 20) };
    assertRefused(await client.post('/reauthenticate', wrong), 401, 'INVALID_TOTP');
    assertDone(await client.post('/reauthenticate', { totpCode: world().totp(secret) }), 'Identity confirmed');
    world().clock.advance({ minutes: 11 });
    const recovery = await client.post('/reauthenticate', { recoveryCode: recoveryCodes[0] });
    assertDone(recovery, 'Identity confirmed');
  });
});

describe('ways in that a user manages', () => {
  const world = sharedWorld();

  it('a second factor is switched off, and asked for no more', async () => {
    const { another, enrol, mails, signedIn } = world();
    const { client, email } = await signedIn();
    await enrol(client);
    assertFactorDue(await another().signIn(email));
    assertDone(await client.post('/two-factor/disable'), 'Two-factor authentication is off');
    assertSignedIn(await another().signIn(email), { email });
    const changes = (await mails(email)).map(({ subject }) => subject);
    assert.ok(changes.length >= 2, changes.join());
  });

  it('new recovery codes take the place of the old', async () => {
    const { another, enrol, signedIn } = world();
    const { client, email } = await signedIn();
    const { recoveryCodes: old } = await enrol(client);
    const answer = await client.post('/two-factor/recovery-codes');
    assert.equal(answer.status, 200, answer.text);
    const { recoveryCodes = [], ...body } = answer.body;
    assert.deepEqual(body, { success: true });
    assert.equal(new Set([...recoveryCodes, ...old]).size, 20);
    for (const code of recoveryCodes) assert.match(code.replaceAll('-', ''), /^[0-9A-HJKMNP-TV-Z]{25}$/);
    const dead = await another().signIn(email, PASSWORD, { recoveryCode: old[0] });
    assertRefused(dead, 401, 'INVALID_TOTP');
    assertSignedIn(await another().signIn(email, PASSWORD, { recoveryCode: recoveryCodes[0] }), { email });
    const used = await another().signIn(email, PASSWORD, { recoveryCode: recoveryCodes[0] });
    assertRefused(used, 401, 'INVALID_TOTP');
  });

  it('R045: confirming a factor ends the other sessions where that is asked for', async () => {
    for (const [revokeOtherSessions, after] of [
      [false, LIVE],
      [true, ENDED],
    ] as const) {
      const { client, email } = await world().signedIn();
      const others = await othersOf(world(), email);
      const { secret = '' } = (await client.post('/two-factor/enable')).body;
      const code = world().totp(secret);
      assert.equal((await client.post('/two-factor/verify', { code, revokeOtherSessions })).status, 200);
      assert.deepEqual(await others.statuses(), after);
      assert.equal((await client.get('/session')).status, 200);
    }
  });

  it('a sign-in that waits for its second factor is completed by its challenge', async () => {
    const { another, enrol, signedIn, totp } = world();
    const { client: owner, email } = await signedIn();
    const { secret } = await enrol(owner);
    const client = another();
    const challenge = assertFactorDue(await client.signIn(email));
    assert.equal(client.token, null);
    assertSignedIn(await client.signIn(email, PASSWORD, { challenge, totpCode: totp(secret) }), { email });
  });

  it('passkeys are listed, renamed and removed', async () => {
    const { another, signedIn } = world();
    const { client } = await signedIn();
    assert.deepEqual((await client.get('/passkeys')).body, { passkeys: [] });
    const authenticator = new SoftwareAuthenticator();
    const passkey = await client.addPasskey(authenticator, 'Blue key');
    assert.match(passkey.id, PASSKEY_ID);
    assert.match(passkey.createdAt, INSTANT);
    const { createdAt, id } = passkey;
    const { backedUp } = passkey;
    assert.deepEqual(passkey, { id, name: 'Blue key', backedUp, createdAt, lastUsedAt: null });
    const unnamed = await client.addPasskey();
    assert.equal(unnamed.name, null);
    const listed = await client.get('/passkeys');
    assert.equal(listed.status, 200);
    assert.deepEqual(Object.keys(listed.body), ['passkeys']);
    assert.deepEqual(new Set(listed.body.passkeys), new Set([passkey, unnamed]));

    const renamed = await client.patch(`/passkeys/${id}`, { name: ' Red key ' });
    assert.deepEqual(renamed.body, { success: true, passkey: { ...passkey, name: 'Red key' } });
    assert.equal((await another().signInByPasskey(authenticator)).status, 200);
    const used = (await client.get('/passkeys')).body.passkeys?.find((one) => one.id === id);
    assert.match(used?.lastUsedAt ?? '', INSTANT);
    assertDone(await client.delete(`/passkeys/${id}`), 'Passkey removed');
    assertRefused(await client.delete(`/passkeys/${id}`), 404, 'NOT_FOUND');
    assertRefused(await another().signInByPasskey(authenticator), 401, 'INVALID_PASSKEY');
    assert.deepEqual((await client.get('/passkeys')).body, { passkeys: [unnamed] });
  });

  it('R103: the last way in cannot be removed', async () => {
    const { account, another, magicLink } = world();
    const { email } = await account({ password: null });
    const client = another();
    await client.post('/magic-link/verify', { token: await magicLink(email) });
    const options = (await client.post('/passkey/register')).body.options ?? {};
    const response = new SoftwareAuthenticator().register(options, { origin: ORIGIN });
    const { passkey } = (await client.post('/passkey/register', { response })).body;
    // The mailbox counts for nothing: it is what the others are kept apart from.
    assertRefused(await client.delete(`/passkeys/${passkey?.id}`), 409, 'LAST_SIGN_IN_METHOD');
    assert.deepEqual((await client.get('/passkeys')).body, { passkeys: [passkey] });
    assert.equal((await client.post('/change-password', { newPassword: OTHER_PASSWORD })).status, 200);
    assertDone(await client.delete(`/passkeys/${passkey?.id}`), 'Passkey removed');
  });

  it('R019: options to sign in with are the same with and without an address, and list nothing', async () => {
    const { client, email } = await world().signedIn();
    await client.addPasskey();
    const options = async (body?: object): Promise<object> => {
      const answer = await world().another().post('/passkey/sign-in', body);
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(Object.keys(answer.body), ['options']);
      const { challenge, ...more } = answer.body.options ?? { challenge: '' };
      assert.ok(challenge);
      return more;
    };
    const plain = await options();
    for (const body of [{}, { email }, { email: 'nobody@example.com' }, { email: 'x' }]) {
      assert.deepEqual(await options(body), plain);
    }
    const { allowCredentials = [] } = plain as { allowCredentials?: unknown[] };
    assert.deepEqual(allowCredentials, []);
  });

  it('linked providers are listed, and linking begins with one address', async (t) => {
    const { signedIn } = await openClient(t, {
      env: { GUICHET_GITHUB_CLIENT_ID: 'Iv1.8a61f9b3a7aba766', GUICHET_GITHUB_CLIENT_SECRET: 'f'.repeat(40) },
    });
    const { client } = await signedIn();
    assert.deepEqual((await client.get('/accounts')).body, { accounts: [] });
    for (const body of [undefined, {}, { redirectUrl: 'http://localhost:5173/linked' }]) {
      const answer = await client.post('/oauth/github/link', body);
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(Object.keys(answer.body), ['url']);
      const url = new URL(answer.body.url ?? '');
      assert.equal(`${url.origin}${url.pathname}`, `${ORIGIN}/api/auth/oauth/github`);
      assert.match(url.searchParams.get('ticket') ?? '', SECRET_VALUE);
    }
    assertRefused(await client.post('/oauth/github/link', { code: 'x' }), 400, 'INVALID_TOKEN');
    assertRefused(await client.delete('/accounts/github'), 404, 'NOT_FOUND');
  });
});

describe('deleting an account', () => {
  const TABLES = [
    'account',
    'identifier',
    'password',
    'session',
    'one_time_token',
    'pending_login',
    'device',
    'delivered_code',
    'totp',
    'pending_factor',
    'recovery_code',
    'passkey',
    'linked_identity',
    'known_client',
    'outbox',
    'audit_detail',
  ] as const;

  async function rowsOf({ handle }: OpenedClient, id: number): Promise<string[]> {
    const found: string[] = [];
    for (const table of TABLES) {
      const owner = table === 'account' ? 'id' : 'account_id';
      const { rows } = await sql`select 1 from ${sql.table(table)} where ${sql.ref(owner)} = ${id}`.execute(
        handle.read,
      );
      if (rows.length > 0) found.push(table);
    }
    return found;
  }

  it('R120: erases it and all that is personal, ends every session, and leaves a nameless record', async (t) => {
    const opened = await openClient(t);
    const { account, client, email } = await opened.signedIn();
    const others = await othersOf(opened, email);
    await client.patch('/user', { name: 'Ada Lovelace', image: 'https://images.example.com/ada.png' });
    await client.addPasskey();
    await opened.another().post('/send-magic-link', { email });
    const { secret = '' } = (await client.post('/two-factor/enable')).body;
    await client.post('/two-factor/verify', { code: opened.totp(secret) });
    const newEmail = opened.address();
    await client.post('/change-email', { newEmail });
    assertFactorDue(await opened.another().signIn(email));
    assert.ok((await rowsOf(opened, account.id)).length >= 10);

    assertDone(await client.delete('/user'), 'Your account has been deleted');
    await opened.deliver();
    assert.deepEqual(await rowsOf(opened, account.id), []);
    assert.deepEqual(await others.statuses(), ENDED);
    assertRefused(await client.get('/session'), 401, 'INVALID_TOKEN');
    assertRefused(await opened.another().signIn(email), 401, 'INVALID_CREDENTIALS');
    // The links that waited in the outbox are dead, and stay there; the notices go.
    const notices = await opened.mails(email);
    assert.ok(
      notices.some(({ subject }) => subject === 'Your account was deleted'),
      notices[0]?.subject,
    );
    for (const { code, links } of notices) assert.deepEqual([code, links], [null, []]);
    assert.deepEqual(await opened.mails(newEmail), []);

    const events = await opened.world.store.audit.list({ accountUuid: account.uuid, limit: 100 });
    assert.equal(events[0]?.kind, 'account.deleted');
    assert.ok(events.length > 3);
    for (const { accountId, details, facts } of events) {
      assert.deepEqual([accountId, details], [null, { address: null, userAgent: null }]);
      for (const personal of [email, 'Lovelace', 'Otter']) assert.ok(!JSON.stringify(facts).includes(personal));
    }
    while ((await sealAudit(opened.handle, opened.world.keyring)) > 0);
    const { faults, unsealed } = await opened.verifyAudit();
    assert.deepEqual([faults, unsealed], [[], 0]);
  });

  it('R120: closes the address for a day, and then it makes a new account', async (t) => {
    const { another, clock, signedIn } = await openClient(t);
    const { account, client, email } = await signedIn();
    await client.delete('/user');
    assertRefused(await another().signUp(email), 409, 'USER_ALREADY_EXISTS');
    clock.advance({ hours: 23, minutes: 59, seconds: 59 });
    assertRefused(await another().signUp(email), 409, 'USER_ALREADY_EXISTS');
    clock.advance({ seconds: 1 });
    const made = await another().signUp(email, OTHER_PASSWORD);
    assertSignedIn(made, { email, emailVerified: false }, 201);
    assert.notEqual(made.body.user?.id, `user_${account.uuid}`);
    assertRefused(await client.get('/session'), 401, 'INVALID_TOKEN');
  });

  it('asks for a fresh sign-in, or the password', async (t) => {
    const { clock, signedIn } = await openClient(t);
    const { client } = await signedIn();
    clock.advance({ minutes: 10, milliseconds: 1 });
    assertRefused(await client.delete('/user'), 403, 'REAUTH_REQUIRED');
    assertRefused(await client.delete('/user', { password: WRONG }), 401, 'INVALID_CREDENTIALS');
    assert.equal((await client.get('/session')).status, 200);
    assertDone(await client.delete('/user', { password: PASSWORD }), 'Your account has been deleted');
  });

  it('asks for password and code together where a second factor is on and the sign-in is old', async (t) => {
    const { clock, enrol, signedIn, totp } = await openClient(t);
    const { client } = await signedIn();
    const { secret } = await enrol(client);
    clock.advance({ minutes: 10 });
    const totpCode = totp(secret);
    assertRefused(await client.delete('/user', { password: PASSWORD }), 403, 'REAUTH_REQUIRED');
    assertRefused(await client.delete('/user', { totpCode }), 403, 'REAUTH_REQUIRED');
    const wrong = await client.delete('/user', { password: PASSWORD, totpCode: totp(secret, 20) });
    assertRefused(wrong, 401, 'INVALID_TOTP');
    assertDone(await client.delete('/user', { password: PASSWORD, totpCode }), 'Your account has been deleted');
  });
});
