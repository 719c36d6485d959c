import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SoftwareAuthenticator } from '../../support/software-authenticator.ts';
import { type Answer, type Client, OTHER_PASSWORD, PASSWORD, sharedWorld, WRONG } from './client.ts';
import { assertDead, assertDue, assertRefused } from './handed-people.ts';
import { openPage, press } from './mailed-pages.ts';

const CHANGED = { success: true, message: 'A link to confirm the change has been sent to the new email' };
const REAUTH = { error: 'REAUTH_REQUIRED', message: 'Please confirm your identity again before this change' };
const TAKEN = { error: 'USER_ALREADY_EXISTS', message: 'User with this email already exists' };
const GITHUB = { GUICHET_GITHUB_CLIENT_ID: 'Iv1.8a61f9b3a7aba766', GUICHET_GITHUB_CLIENT_SECRET: 'x'.repeat(40) };

const assertReauth = ({ body, status, text }: Answer, what?: string): void => {
  assert.equal(status, 403, what ? `${what}: ${text}` : text);
  assert.deepEqual(body, REAUTH, what);
};

describe('the change of an e-mail address', () => {
  const world = sharedWorld();
  const change = (client: Client, newEmail: string, more: object = {}) =>
    client.post('/change-email', { newEmail, ...more });
  async function confirm(newEmail: string): Promise<Answer> {
    const browser = world().another();
    const token = await world().linkToken(newEmail, '/change-email');
    return press(browser, await openPage(browser, `/change-email?token=${token}`));
  }

  it('R115: mails the new address a link and the old one a notice, and leaves all as it is until then', async () => {
    const { client, email } = await world().signedIn();
    const fresh = world().address('new');
    const answer = await change(client, ` ${fresh.toUpperCase()} `, { password: PASSWORD });
    assert.deepEqual([answer.status, answer.body], [200, CHANGED]);
    const [mail, ...others] = await world().mails(fresh);
    assert.deepEqual([mail?.to, mail?.subject, mail?.code], [fresh, 'Confirm your new e-mail address', null]);
    assert.match(mail?.links[0] ?? '', /^http:\/\/localhost:3000\/change-email\?token=[\w-]{43}$/);
    assert.deepEqual([others, mail?.links.length], [[], 1]);
    const [notice, ...more] = await world().mails(email);
    assert.equal(notice?.subject, 'A change of your e-mail address was requested');
    assert.deepEqual([more, notice?.links, notice?.code], [[], [], null]);
    assert.ok(!`${notice?.text}${notice?.html}`.includes(fresh));
    assert.equal((await client.get('/session')).body.user?.email, email);
    assertRefused(await world().another().signIn(fresh), 401, 'INVALID_CREDENTIALS');
    await world().another().post('/send-magic-link', { email: fresh });
    await world().another().post('/forgot-password', { email: fresh });
    assert.equal((await world().mails(fresh)).length, 1);
  });

  it('tells the old address of the link that the change takes, and of no code', async () => {
    const { client, email } = await world().signedIn();
    await change(client, world().address('new'));
    const [notice] = await world().mails(email);
    assert.match(notice?.text ?? '', /link/);
    assert.doesNotMatch(notice?.text ?? '', /\bcode\b/);
  });

  it('R115: is made by the page’s button: the new one signs in, the old one no more, and both are told', async () => {
    const { client, email } = await world().signedIn();
    const fresh = world().address('new');
    await change(client, fresh);
    const token = await world().linkToken(fresh, '/change-email');
    for (const method of ['GET', 'HEAD', 'GET'] as const) {
      assert.equal((await world().another().askAt(method, `/change-email?token=${token}`)).status, 200);
    }
    assert.equal((await client.get('/session')).body.user?.email, email);
    assert.equal((await confirm(fresh)).status, 200);
    world().clock.advance({ seconds: 2 });
    const { user } = (await client.get('/session')).body;
    assert.deepEqual([user?.email, user?.emailVerified], [fresh, true]);
    assertRefused(await world().another().signIn(email), 401, 'INVALID_CREDENTIALS');
    assert.equal((await world().another().signIn(fresh)).status, 200);
    for (const to of [email, fresh]) {
      const notices = (await world().mails(to)).filter(({ subject }) => subject === 'Your e-mail address was changed');
      assert.equal(notices.length, 1, to);
      assert.deepEqual([notices[0]?.links, notices[0]?.code], [[], null]);
    }
  });

  it('R115: makes the address the one that the link was mailed to, whatever was asked for since', async () => {
    const { client } = await world().signedIn();
    const [own, other] = [world().address('own'), world().address('other')];
    await change(client, own);
    world().clock.advance({ seconds: 1 });
    await change(client, other);
    assert.equal((await confirm(own)).status, 200);
    world().clock.advance({ seconds: 2 });
    assert.equal((await client.get('/session')).body.user?.email, own);
    // Using one kills the others.
    const late = await world().linkToken(other, '/change-email');
    assert.equal((await world().another().askAt('GET', `/change-email?token=${late}`)).status, 410);
  });

  it('R116: is one account’s, when two ask for one address', async () => {
    const [one, two] = [await world().signedIn(), await world().signedIn()];
    const fresh = world().address('wanted');
    const tokens: string[] = [];
    for (const { client } of [one, two]) {
      assert.equal((await change(client, fresh)).status, 200);
      tokens.push(await world().linkToken(fresh, '/change-email'));
      world().clock.advance({ seconds: 1 });
    }
    const answers = await Promise.all(
      tokens.map(async (token) => {
        const browser = world().another();
        return press(browser, await openPage(browser, `/change-email?token=${token}`));
      }),
    );
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409]);
    const emails = await Promise.all(
      [one, two].map(async ({ client }) => (await client.get('/session')).body.user?.email),
    );
    assert.equal(emails.filter((email) => email === fresh).length, 1);
  });

  it('is refused for an address that somebody has, ten times an hour from one network', async () => {
    const { email: held } = await world().signedIn();
    const { client } = await world().signedIn();
    const answer = await change(client, held.toUpperCase());
    assert.deepEqual([answer.status, answer.body], [409, TAKEN]);
    assert.ok((await world().mails(held)).every(({ links }) => links.length === 0));
    const address = '198.51.100.7';
    for (let count = 0; count < 10; count += 1) {
      const { email } = await world().account();
      const asking = world().another({ address });
      await asking.signIn(email);
      assert.equal((await change(asking, held)).status, 409);
    }
    const { email } = await world().account();
    const last = world().another({ address });
    await last.signIn(email);
    assertRefused(await change(last, held), 429, 'RATE_LIMIT_EXCEEDED');
    assertRefused(await change(last, world().address()), 429, 'RATE_LIMIT_EXCEEDED');
  });

  it('may be asked for five times an hour', async () => {
    const { client } = await world().signedIn();
    for (let count = 0; count < 5; count += 1) assert.equal((await change(client, world().address())).status, 200);
    const refused = await change(client, world().address());
    assertRefused(refused, 429, 'RATE_LIMIT_EXCEEDED');
    assert.equal(refused.headers['retry-after'], '3600');
  });

  it('R117: takes an address in its one form, and refuses what is none', async () => {
    const { client } = await world().signedIn();
    for (const newEmail of [
      '',
      'ada',
      'ada@',
      '@example.com',
      'ada@exam ple.com',
      'a@b@c',
      `${'a'.repeat(65)}@example.com`,
    ]) {
      const answer = await change(client, newEmail);
      assertRefused(answer, 400, 'VALIDATION_ERROR');
      assert.deepEqual(Object.keys(answer.body.fields ?? {}), ['newEmail'], newEmail);
    }
    const answer = await change(client, 'J\u0065\u0301r\u00f4me@B\u00fccher.Example');
    assert.equal(answer.status, 200, answer.text);
    assert.equal((await world().mails('j\u00e9r\u00f4me@xn--bcher-kva.example')).length, 1);
  });

  it('R060: works for sixty minutes, to the second', async () => {
    const [early, late] = [await world().signedIn(), await world().signedIn()];
    const [good, dead] = [world().address('early'), world().address('late')];
    await change(early.client, good);
    await change(late.client, dead);
    const [goodToken, deadToken] = [
      await world().linkToken(good, '/change-email'),
      await world().linkToken(dead, '/change-email'),
    ];
    world().clock.advance({ minutes: 59, seconds: 59 });
    assert.equal((await confirm(good)).status, 200);
    assert.equal((await world().another().askAt('GET', `/change-email?token=${deadToken}`)).status, 200);
    world().clock.advance({ seconds: 1 });
    for (const token of [goodToken, deadToken]) {
      assert.equal((await world().another().askAt('GET', `/change-email?token=${token}`)).status, 410);
    }
    assert.equal((await late.client.get('/session')).body.user?.email, late.email);
  });

  it('is not open to whoever has not proven the first address', async () => {
    const client = world().another();
    await client.signUp(world().address());
    const answer = await change(client, world().address(), { password: PASSWORD });
    assert.deepEqual(
      [answer.status, answer.body],
      [403, { error: 'EMAIL_NOT_VERIFIED', message: 'Please verify your email first' }],
    );
    assert.equal((await change(world().another(), world().address())).status, 401);
  });

  it('counts a wrong password, however fresh the sign-in', async () => {
    const { client, email } = await world().signedIn();
    const fresh = world().address('new');
    for (let count = 0; count < 10; count += 1) {
      const answer = await change(client, fresh, { password: WRONG });
      assertRefused(answer, 401, 'INVALID_CREDENTIALS');
    }
    assertRefused(await change(client, fresh, { password: PASSWORD }), 423, 'ACCOUNT_LOCKED');
    assert.deepEqual(await world().mails(fresh), []);
    assert.equal((await client.get('/session')).body.user?.email, email);
  });
});

describe('R114: a sensitive change', () => {
  const world = sharedWorld({ env: { ...GITHUB, GUICHET_RATE_LIMITS: 'off' } });

  /** What asks for a fresh proof, and its status once that is given. */
  const CHANGES: Record<string, { ask: (client: Client, proofs: object) => Promise<Answer>; repeatable: boolean }> = {
    'POST /change-email': {
      ask: (client, proofs) => client.post('/change-email', { newEmail: world().address('new'), ...proofs }),
      repeatable: true,
    },
    'POST /oauth/github/link': { ask: (client, proofs) => client.post('/oauth/github/link', proofs), repeatable: true },
    'POST /passkey/register': { ask: (client, proofs) => client.post('/passkey/register', proofs), repeatable: true },
    'POST /two-factor/enable': { ask: (client, proofs) => client.post('/two-factor/enable', proofs), repeatable: true },
    'DELETE /user': { ask: (client, proofs) => client.delete('/user', proofs), repeatable: false },
  };

  for (const [line, { ask, repeatable }] of Object.entries(CHANGES)) {
    it(`by ${line} takes a sign-in of ten minutes, to the second, or the password`, async () => {
      const { client } = await world().signedIn();
      world().clock.advance({ minutes: 10 });
      if (repeatable) assert.equal((await ask(client, {})).status, 200);
      world().clock.advance({ seconds: 1 });
      assertReauth(await ask(client, {}), line);
      assertRefused(await ask(client, { password: WRONG }), 401, 'INVALID_CREDENTIALS');
      const answer = await ask(client, { password: PASSWORD });
      assert.equal(answer.status, 200, answer.text);
    });

    it(`by ${line} takes the second factor, lately or with the password, and nothing weaker`, async () => {
      const { client } = await world().signedIn();
      const { recoveryCodes, secret } = await world().enrol(client);
      world().clock.advance({ minutes: 11 });
      const code = (): string => world().totp(secret);
      assertReauth(await ask(client, {}), line);
      assertReauth(await ask(client, { password: PASSWORD }), line);
      assertReauth(await ask(client, { totpCode: code() }), line);
      assertReauth(await ask(client, { recoveryCode: recoveryCodes[0] }), line);
      assertRefused(await client.post('/reauthenticate', { password: PASSWORD }), 401, 'TOTP_REQUIRED');
      assertReauth(await ask(client, {}), `${line} after the password alone`);
      assertRefused(await ask(client, { password: WRONG, totpCode: code() }), 401, 'INVALID_CREDENTIALS');
      assertRefused(await ask(client, { password: PASSWORD, totpCode: '000' }), 401, 'INVALID_TOTP');
      if (repeatable) {
        assert.equal((await client.post('/reauthenticate', { totpCode: code() })).status, 200);
        world().clock.advance({ minutes: 10 });
        assert.equal((await ask(client, {})).status, 200);
        world().clock.advance({ seconds: 1 });
        assertReauth(await ask(client, {}), line);
      }
      const answer = await ask(client, { password: PASSWORD, totpCode: code() });
      assert.equal(answer.status, 200, answer.text);
    });
  }

  it('counts a magic link as a sign-in, and one after a second factor as that', async () => {
    const { email } = await world().account();
    const client = world().another();
    await client.post('/magic-link/verify', { token: await world().magicLink(email) });
    assert.equal((await client.post('/change-email', { newEmail: world().address() })).status, 200);
    const { secret } = await world().enrol(client);
    const other = world().another();
    world().clock.advance({ seconds: 31 });
    const completed = await other.post('/magic-link/verify', {
      token: await world().magicLink(email),
      totpCode: world().totp(secret),
    });
    assert.equal(completed.status, 200, completed.text);
    assert.equal((await other.post('/change-email', { newEmail: world().address() })).status, 200);
  });

  it('counts for the session alone that proved it', async () => {
    const { client, email } = await world().signedIn();
    const old = world().another();
    await old.signIn(email);
    world().clock.advance({ minutes: 11 });
    assert.equal((await client.post('/reauthenticate', { password: PASSWORD })).status, 200);
    assert.equal((await client.post('/change-email', { newEmail: world().address() })).status, 200);
    assertReauth(await old.post('/change-email', { newEmail: world().address() }));
  });

  it('of the password needs the current one, however fresh the sign-in', async () => {
    const { client } = await world().signedIn();
    const missing = await client.post('/change-password', { newPassword: OTHER_PASSWORD });
    assertRefused(missing, 400, 'VALIDATION_ERROR');
    assert.deepEqual(Object.keys(missing.body.fields ?? {}), ['currentPassword']);
    const wrong = await client.post('/change-password', { currentPassword: WRONG, newPassword: OTHER_PASSWORD });
    assertRefused(wrong, 401, 'INVALID_CREDENTIALS');
  });
});

describe('R119: the owner', () => {
  const world = sharedWorld({ env: GITHUB });
  const subjects = async (to: string) => (await world().mails(to)).map(({ subject }) => subject);

  it('hears of every change, at the address, with no secret in it', async () => {
    const { client, email } = await world().signedIn();
    const seen = new Map<string, string[]>();
    const after = async (what: string, answer: Promise<Answer>, status = 200) => {
      const before = await subjects(email);
      const { status: given, text } = await answer;
      assert.equal(given, status, `${what}: ${text}`);
      const now = await subjects(email);
      seen.set(what, now.slice(0, now.length - before.length));
    };
    await after(
      'the password',
      client.post('/change-password', { currentPassword: PASSWORD, newPassword: OTHER_PASSWORD }),
    );
    const back = { currentPassword: OTHER_PASSWORD, newPassword: PASSWORD };
    await after('the password again', client.post('/change-password', back));
    const authenticator = new SoftwareAuthenticator();
    const before = (await subjects(email)).length;
    const passkey = await client.addPasskey(authenticator);
    assert.equal((await subjects(email)).length, before + 1);
    await after('a passkey removed', client.delete(`/passkeys/${passkey.id}`, { password: PASSWORD }));
    const { secret } = await world().enrol(client);
    const proofs = () => ({ password: PASSWORD, totpCode: world().totp(secret) });
    await after('new recovery codes', client.post('/two-factor/recovery-codes', proofs()));
    await after('the factor off', client.post('/two-factor/disable', {}));
    await after('the deletion', client.delete('/user', { password: PASSWORD }));
    for (const [what, notices] of seen) assert.equal(notices.length, 1, `${what}: ${notices}`);
    for (const { code, links, text } of await world().mails(email)) {
      assert.deepEqual([links, code], [[], null]);
      assert.ok(!text.includes(PASSWORD) && !text.includes(secret));
    }
  });

  it('hears at the old and the new address, and by SMS, that the address changed', async () => {
    const phone = '+33680004321';
    const { client, email } = await world().signedIn({ phone });
    const fresh = world().address('new');
    await client.post('/change-email', { newEmail: fresh });
    const browser = world().another();
    const token = await world().linkToken(fresh, '/change-email');
    await press(browser, await openPage(browser, `/change-email?token=${token}`));
    for (const to of [email, fresh]) assert.ok((await subjects(to)).includes('Your e-mail address was changed'), to);
    const [sms] = await world().mails(phone);
    assert.match(sms?.text ?? '', /e-mail address of your Guichet account was changed/);
  });
});

describe('R120: a deleted account', () => {
  const world = sharedWorld();

  it('is gone in every contract at once, and its address is free a day later, for another account', async () => {
    const { account, client, email } = await world().signedIn();
    const other = world().another();
    await other.signIn(email);
    const link = await world().magicLink(email);
    const gone = await client.delete('/user', { password: PASSWORD });
    assert.deepEqual([gone.status, gone.body], [200, { success: true, message: 'Your account has been deleted' }]);
    for (const session of [client, other]) {
      const { body, status } = await session.get('/session');
      assert.deepEqual([status, body], [401, { error: 'INVALID_TOKEN', message: 'Token is invalid or expired' }]);
    }
    assertDead(await world().another().post('/magic-link/verify', { token: link }));
    assertRefused(await world().another().signIn(email), 401, 'INVALID_CREDENTIALS');
    await world().another().post('/send-magic-link', { email });
    const links = (await world().mails(email)).filter(({ subject }) => subject === 'Your sign-in link');
    assert.equal(links.length, 1);
    const early = await world().another().signUp(email.toUpperCase());
    assert.deepEqual([early.status, early.body], [409, TAKEN]);
    world().clock.advance({ hours: 23, minutes: 59, seconds: 59 });
    assert.equal((await world().another().signUp(email)).status, 409);
    world().clock.advance({ seconds: 1 });
    const made = await world().another().signUp(email);
    assert.equal(made.status, 201, made.text);
    assert.notEqual(made.body.user?.id, `user_${account.uuid}`);
    assert.equal((await world().identity.findAccount({ name: email })).id > account.id, true);
    assert.equal((await client.get('/session')).status, 401);
  });

  it('frees an address that was never proven at once: nobody keeps its owner out', async () => {
    const email = world().address();
    const client = world().another();
    await client.signUp(email);
    assert.equal((await client.delete('/user', { password: PASSWORD })).status, 200);
    assert.equal((await world().another().signUp(email)).status, 201);
  });
});

describe('a reset', () => {
  const world = sharedWorld();
  const ask = (email: string) => world().another().post('/forgot-password', { email });

  it('R064: signs nobody in, ends every session, and leaves the second factor on', async () => {
    const { client, email } = await world().signedIn();
    const { secret } = await world().enrol(client);
    const tokens: string[] = [];
    for (let count = 0; count < 2; count += 1) {
      await ask(email);
      tokens.push(await world().linkToken(email, '/reset-password'));
      world().clock.advance({ minutes: 2 });
    }
    const [other = '', token = ''] = tokens;
    const link = await world().magicLink(email);
    const done = await world().another().post('/reset-password', { token, password: OTHER_PASSWORD });
    assert.deepEqual(
      [done.status, done.body],
      [200, { success: true, message: 'Password has been reset. Please sign in with the new one' }],
    );
    assert.equal((await client.get('/session')).status, 401);
    for (const dead of [other, token]) {
      assertDead(await world().another().post('/reset-password', { token: dead, password: OTHER_PASSWORD }));
    }
    assertDead(await world().another().post('/magic-link/verify', { token: link }));
    assertRefused(await world().another().signIn(email), 401, 'INVALID_CREDENTIALS');
    assertDue(await world().another().signIn(email, OTHER_PASSWORD), 'totp');
    const both = await world()
      .another()
      .signIn(email, OTHER_PASSWORD, { totpCode: world().totp(secret) });
    assert.equal(both.status, 200, both.text);
  });

  it('R055: is one of many that come at once, and the password is that one’s', async () => {
    const { email } = await world().account();
    await ask(email);
    const token = await world().linkToken(email, '/reset-password');
    const passwords = Array.from({ length: 20 }, (_, index) => `copper lantern quarry ${index}`);
    const answers = await Promise.all(
      passwords.map((password) => world().another().post('/reset-password', { token, password })),
    );
    const winners = passwords.filter((_, index) => answers[index]?.status === 200);
    assert.equal(winners.length, 1);
    for (const answer of answers) if (answer.status !== 200) assertDead(answer);
    assert.equal((await world().another().signIn(email, winners[0])).status, 200);
    const loser = passwords.find((password) => password !== winners[0]);
    assert.equal((await world().another().signIn(email, loser)).status, 401);
  });

  it('R060: works for sixty minutes, and a verification for a day, to the second', async () => {
    const [early, late] = [await world().account(), await world().account()];
    for (const { email } of [early, late]) await ask(email);
    const reset = async (email: string) =>
      world()
        .another()
        .post('/reset-password', {
          token: await world().linkToken(email, '/reset-password'),
          password: OTHER_PASSWORD,
        });
    world().clock.advance({ minutes: 59, seconds: 59 });
    assert.equal((await reset(early.email)).status, 200);
    world().clock.advance({ seconds: 1 });
    assertDead(await reset(late.email));

    const [soon, tardy] = [world().address(), world().address()];
    for (const email of [soon, tardy]) await world().another().signUp(email);
    const tokens: string[] = [];
    for (const email of [soon, tardy]) tokens.push(await world().linkToken(email, '/verify-email'));
    world().clock.advance({ hours: 23, minutes: 59, seconds: 59 });
    assert.equal((await world().another().post('/verify-email', { token: tokens[0] })).status, 200);
    world().clock.advance({ seconds: 1 });
    assertDead(await world().another().post('/verify-email', { token: tokens[1] }));
  });
});
