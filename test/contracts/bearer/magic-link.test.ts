import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SoftwareAuthenticator } from '../../support/software-authenticator.ts';
import { type Answer, OTHER_PASSWORD, PASSWORD, sharedWorld, WRONG } from './client.ts';
import {
  assertDead,
  assertDue,
  assertRefused,
  assertSignedIn,
  assertWrongCode,
  codeByLink,
  EPOCH_MOVES,
  SECRET,
  wrongCode,
} from './handed-people.ts';
import { openPage, press } from './mailed-pages.ts';

const SENT = { success: true, message: 'Magic link sent to email' };

describe('asking for a magic link', () => {
  const world = sharedWorld();

  it('mails the account’s own address one link, which says how long it works', async () => {
    const { email } = await world().account();
    const spelled = `  ${email.toUpperCase()} `;
    const answer = await world().another().post('/send-magic-link', { email: spelled });
    assert.deepEqual([answer.status, answer.body], [200, SENT]);
    const [mail, ...others] = await world().mails(email);
    assert.ok(mail && others.length === 0);
    assert.deepEqual([mail.to, mail.subject, mail.code], [email, 'Your sign-in link', null]);
    assert.equal(mail.links.length, 1);
    assert.match(mail.links[0] ?? '', /^http:\/\/localhost:3000\/magic-link\?token=[\w-]{43}$/);
    assert.match(mail.text, /asked for a link that signs you in .* works once, for 10 minutes\. .* simply ignore/s);
    assert.ok(mail.html?.includes(mail.links[0] ?? '-'));
  });

  it('R015: is answered alike for an address that nobody has, a locked account, and an unproven second address', async () => {
    const { account, address, another, identity, mails, world: core } = world();
    const [known, locked, unreachable] = [await account(), await account(), await account({ verified: false })];
    await identity.lockAccount({ uuid: locked.uuid });
    await core.store.transaction(({ identifiers }) =>
      identifiers.replace({ accountId: unreachable.id, kind: 'phone', value: '+33680000001', verifiedAt: 1 }),
    );
    const silent = [locked.email, unreachable.email, address(), 'no address', '+33680000001', '@', 'a@b'];
    const shape = ({ headers, status, text }: Answer) => {
      const { 'x-request-id': id, date, ...others } = headers;
      assert.ok(id);
      return { status, text, headers: others, hadDate: date !== undefined };
    };
    const expected = shape(await another().post('/send-magic-link', { email: known.email }));
    assert.equal(expected.status, 200);
    for (const email of silent) {
      assert.deepEqual(shape(await another().post('/send-magic-link', { email })), expected, email);
    }
    for (const email of silent) {
      const subjects = (await mails(email)).map(({ subject }) => subject);
      assert.ok(!subjects.includes('Your sign-in link'), email);
    }
    assert.equal((await mails(known.email)).length, 1);
  });

  it('sends five an hour to one address, then nothing, and says nothing of it', async () => {
    const { address, another, clock, mails } = world();
    const { email } = await world().account();
    const nobody = address();
    const answers = new Set<string>();
    for (let count = 0; count < 8; count += 1) {
      for (const to of [email, nobody]) {
        const { status, text } = await another().post('/send-magic-link', { email: to });
        answers.add(`${status} ${text}`);
      }
      clock.advance({ seconds: 1 });
    }
    assert.equal(answers.size, 1);
    assert.equal((await mails(email)).length, 5);
    clock.advance({ minutes: 60 });
    await another().post('/send-magic-link', { email });
    assert.equal((await mails(email)).length, 6);
  });

  it('is counted in the address’s one form', async () => {
    const { email } = await world().account();
    for (const spelled of [email, email.toUpperCase(), ` ${email}`, `${email}\n`, email.replace('@E', '@e'), email]) {
      assert.equal((await world().another().post('/send-magic-link', { email: spelled })).status, 200);
    }
    assert.equal((await world().mails(email)).length, 5);
  });

  it('is done twenty times an hour by one network, whatever addresses it names', async () => {
    const { address, another } = world();
    const client = another();
    for (let count = 0; count < 20; count += 1) {
      assert.equal((await client.post('/send-magic-link', { email: address() })).status, 200);
    }
    const refused = await client.post('/send-magic-link', { email: address() });
    assertRefused(refused, 429, 'RATE_LIMIT_EXCEEDED');
    assert.equal(refused.headers['retry-after'], '3600');
    assert.equal((await another().post('/send-magic-link', { email: address() })).status, 200);
  });

  it('is refused with a challenge that is none, and nothing is mailed', async () => {
    const { email } = await world().account();
    for (const codeChallenge of [
      '',
      'plain',
      'x'.repeat(42),
      'x'.repeat(44),
      `${'x'.repeat(42)}=`,
      `${'x'.repeat(42)}+`,
      1,
    ]) {
      const answer = await world().another().post('/send-magic-link', { email, codeChallenge });
      assertRefused(answer, 400, 'VALIDATION_ERROR');
      assert.deepEqual(Object.keys(answer.body.fields ?? {}), ['codeChallenge']);
    }
    assert.deepEqual(await world().mails(email), []);
  });
});

describe('a magic link', () => {
  const world = sharedWorld();

  it('signs in by its token alone, for the application that reads the mail itself', async () => {
    const { email } = await world().account();
    const client = world().another();
    const answer = await client.post('/magic-link/verify', { token: await world().magicLink(email) });
    assertSignedIn(answer, email);
    const session = await client.get('/session');
    const { user, session: own } = answer.body;
    assert.deepEqual([session.status, session.body], [200, { user, session: own }]);
  });

  it('R056: is consumed by no GET and no HEAD, whoever sends it', async () => {
    const { email } = await world().account();
    const token = await world().magicLink(email);
    const scanner = world().another({ headers: { 'user-agent': 'Mozilla/5.0 (compatible; Safe Links)' } });
    for (let count = 0; count < 5; count += 1) {
      for (const method of ['GET', 'HEAD'] as const) {
        assert.equal((await scanner.askAt(method, `/magic-link?token=${token}`)).status, 200);
        assert.equal((await scanner.ask(method, `/magic-link/verify?token=${token}`)).status, 405);
      }
    }
    assertSignedIn(await world().another().post('/magic-link/verify', { token }), email);
  });

  it('R053: is 256 bits that tell nothing', async () => {
    const { clock, magicLink } = world();
    const { email } = await world().account();
    const tokens: string[] = [];
    for (let count = 0; count < 5; count += 1) {
      tokens.push(await magicLink(email));
      clock.advance({ seconds: 1 });
    }
    assert.ok(tokens.every((token) => SECRET.test(token)));
    const bytes = tokens.map((token) => Buffer.from(token, 'base64url'));
    assert.ok(bytes.every(({ length }) => length === 32));
    assert.equal(new Set(bytes.map((each) => each.subarray(0, 4).toString('hex'))).size, 5);
    assert.equal(new Set(bytes.map((each) => each.subarray(-4).toString('hex'))).size, 5);
  });

  it('R054: is kept as a digest alone, and refused when it is altered, cut, padded or re-encoded', async () => {
    const { handle, magicLink } = world();
    const { email } = await world().account();
    const token = await magicLink(email);
    const rows = await handle.read.selectFrom('one_time_token').selectAll().execute();
    assert.ok(rows.length > 0);
    const hex = Buffer.from(token, 'base64url').toString('hex');
    assert.ok(!JSON.stringify(rows).includes(token) && !JSON.stringify(rows).includes(hex));
    const last = token.at(-1) === 'A' ? 'B' : 'A';
    const others = [
      `${token.slice(0, -1)}${last}`,
      token.slice(0, -1),
      token.slice(1),
      `${token}=`,
      `${token}A`,
      `${token}\u0000`,
      `${token}%00`,
      ` ${token}`,
      `${token} `,
      token.toLowerCase(),
      hex,
      Buffer.from(token).toString('base64'),
      rows.find(({ purpose }) => purpose === 'magic_link')?.digest ?? '',
    ];
    for (const other of others) {
      const answer = await world().another().post('/magic-link/verify', { token: other });
      // No text of a body may hold a NUL.
      if (other.includes('\u0000')) assertRefused(answer, 400, 'VALIDATION_ERROR');
      else if (other !== token) assertDead(answer, other);
    }
    assertSignedIn(await world().another().post('/magic-link/verify', { token }), email);
  });

  it('R055: works once', async () => {
    const { email } = await world().account();
    const token = await world().magicLink(email);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => world().another().post('/magic-link/verify', { token })),
    );
    const good = answers.filter(({ status }) => status === 200);
    assert.equal(good.length, 1);
    for (const answer of answers) if (answer.status !== 200) assertDead(answer);
    assertDead(await world().another().post('/magic-link/verify', { token }));
    const { handle } = world();
    const { id } = await world().identity.findAccount({ name: email });
    const sessions = await handle.read.selectFrom('session').select('id').where('account_id', '=', id).execute();
    assert.equal(sessions.length, 1);
  });

  it('R059: stays valid beside the newest two others; using one kills them all', async () => {
    const { clock, magicLink } = world();
    const { email } = await world().account();
    const tokens: string[] = [];
    for (let count = 0; count < 4; count += 1) {
      tokens.push(await magicLink(email));
      clock.advance({ seconds: 1 });
    }
    const [oldest = '', second = '', third = '', newest = ''] = tokens;
    const verify = (token: string) => world().another().post('/magic-link/verify', { token });
    assertDead(await verify(oldest));
    assertSignedIn(await verify(second), email);
    assertDead(await verify(third));
    assertDead(await verify(newest));
  });

  it('R059: opens nothing else, and nothing else is one', async () => {
    const { another, linkToken, magicLink } = world();
    const { email } = await world().account();
    const token = await magicLink(email);
    await another().post('/forgot-password', { email });
    const reset = await linkToken(email, '/reset-password');
    const fresh = world().address();
    await another().signUp(fresh);
    const verification = await linkToken(fresh, '/verify-email');
    assertDead(await another().post('/verify-email', { token }));
    assertDead(await another().post('/reset-password', { token, password: OTHER_PASSWORD }));
    assertDead(await another().post('/exchange', { code: token }));
    for (const other of [reset, verification]) {
      assertDead(await another().post('/magic-link/verify', { token: other }));
      assertDead(await another().post('/exchange', { code: other }));
    }
    assertDead(await another().post('/reset-password', { token: verification, password: OTHER_PASSWORD }));
    assertDead(await another().post('/verify-email', { token: reset }));
    assert.equal((await another().get('/session', { token })).status, 401);
    assertSignedIn(await another().post('/magic-link/verify', { token }), email);
  });

  it('R060: works for ten minutes, to the second', async () => {
    const { account, another, clock, magicLink } = world();
    const [early, late] = [await account(), await account()];
    const [good, dead] = [await magicLink(early.email), await magicLink(late.email)];
    clock.advance({ minutes: 9, seconds: 59 });
    assertSignedIn(await another().post('/magic-link/verify', { token: good }), early.email);
    clock.advance({ seconds: 1 });
    assertDead(await another().post('/magic-link/verify', { token: dead }));
    assert.equal((await another().askAt('GET', `/magic-link?token=${dead}`)).status, 410);
  });

  it('R062: works in any client, and the owner hears of one that is new', async () => {
    const { account, another, magicLink, mails } = world();
    const { email } = await account();
    await another({ headers: { 'user-agent': 'Known/1.0' } }).signIn(email);
    const stranger = another({ headers: { 'user-agent': 'Elsewhere/2.0' } });
    assertSignedIn(await stranger.post('/magic-link/verify', { token: await magicLink(email) }), email);
    const [notice] = (await mails(email)).filter(({ subject }) => subject === 'A sign-in from a new device');
    assert.ok(notice);
    assert.deepEqual([notice.links, notice.code], [[], null]);
    const client_token = stranger.clientToken;
    const again = await another().post('/magic-link/verify', { token: await magicLink(email), client_token });
    assertSignedIn(again, email);
    assert.equal((await mails(email)).filter(({ subject }) => subject === notice.subject).length, 1);
  });

  it('opens the door that a lock by failures has closed, for the lock never touches links', async () => {
    const { account, another, magicLink } = world();
    const { email } = await account();
    for (let count = 0; count < 10; count += 1) await another().signIn(email, WRONG);
    assertRefused(await another().signIn(email), 423, 'ACCOUNT_LOCKED');
    assertSignedIn(await another().post('/magic-link/verify', { token: await magicLink(email) }), email);
  });

  it('asks for a token or a challenge', async () => {
    for (const body of [{}, { totpCode: '123456' }, { token: '' }, { token: 1 }, { token: null }]) {
      const answer = await world().another().post('/magic-link/verify', body);
      assertRefused(answer, 400, 'VALIDATION_ERROR');
      assert.deepEqual(Object.keys(answer.body.fields ?? {}), ['token']);
    }
    assertDead(
      await world()
        .another()
        .post('/magic-link/verify', { challenge: 'x'.repeat(43) }),
    );
    assertDead(
      await world()
        .another()
        .post('/magic-link/verify', { token: 'x'.repeat(43), totpCode: '123456' }),
    );
  });

  for (const [what, move] of Object.entries(EPOCH_MOVES)) {
    it(`R059: dies with ${what}, and so do a code of a redirect and a sign-in that waits`, async () => {
      const { another, clock, magicLink } = world();
      const { client, email } = await world().signedIn();
      const { secret } = await world().enrol(client);
      assert.equal((await client.post('/reauthenticate', { totpCode: world().totp(secret) })).status, 200);
      clock.advance({ seconds: 31 });
      const pending = await magicLink(email);
      const challenge = assertDue(await another().post('/magic-link/verify', { token: pending }), 'totp');
      const { code } = await codeByLink(world(), email);
      const link = await magicLink(email);
      await move({ world: world(), client, email });
      const totpCode = world().totp(secret);
      assertDead(await another().post('/magic-link/verify', { token: link }));
      assertDead(await another().post('/exchange', { code }));
      assertDead(await another().post('/magic-link/verify', { token: pending, totpCode }));
      assertDead(await another().post('/magic-link/verify', { challenge, totpCode }));
    });
  }
});

describe('R063: a magic link to an account with a second factor', () => {
  const world = sharedWorld();
  const verify = (body: object) => world().another().post('/magic-link/verify', body);

  async function somebody() {
    const { client, email } = await world().signedIn();
    const { recoveryCodes, secret } = await world().enrol(client);
    return {
      client,
      email,
      secret,
      recoveryCodes,
      right: () => world().totp(secret),
      wrong: wrongCode(world(), secret),
    };
  }
  const pendingOf = async (email: string) => {
    const { id } = await world().identity.findAccount({ name: email });
    const rows = world().handle.read.selectFrom('pending_login').selectAll().where('account_id', '=', id);
    return rows.execute();
  };

  it('opens no session before the second step', async () => {
    const { email } = await somebody();
    const token = await world().magicLink(email);
    const client = world().another();
    const challenge = assertDue(await client.post('/magic-link/verify', { token }), 'totp');
    assert.equal(client.token, null);
    for (const credential of [challenge, token]) {
      assert.equal((await client.get('/session', { token: credential })).status, 401);
    }
    assert.equal((await client.get('/session')).status, 401);
  });

  it('is completed by the same token with a code, once', async () => {
    const { email, right } = await somebody();
    const token = await world().magicLink(email);
    const challenge = assertDue(await verify({ token }), 'totp');
    assertSignedIn(await verify({ token, totpCode: right() }), email);
    world().clock.advance({ seconds: 31 });
    assertDead(await verify({ token, totpCode: right() }));
    assertDead(await verify({ token }));
    assertDead(await verify({ challenge, totpCode: right() }));
  });

  it('is completed by the challenge with a code, once', async () => {
    const { email, right } = await somebody();
    const token = await world().magicLink(email);
    const challenge = assertDue(await verify({ token }), 'totp');
    assertSignedIn(await verify({ challenge, totpCode: right() }), email);
    world().clock.advance({ seconds: 31 });
    assertDead(await verify({ challenge, totpCode: right() }));
    assertDead(await verify({ token, totpCode: right() }));
  });

  it('is completed by a recovery code, with either', async () => {
    const { email, recoveryCodes } = await somebody();
    const [one = '', two = ''] = recoveryCodes;
    const first = await world().magicLink(email);
    assertDue(await verify({ token: first }), 'totp');
    assertSignedIn(await verify({ token: first, recoveryCode: one }), email);
    world().clock.advance({ seconds: 1 });
    const challenge = assertDue(await verify({ token: await world().magicLink(email) }), 'totp');
    assertWrongCode(await verify({ challenge, recoveryCode: one }));
    assertSignedIn(await verify({ challenge, recoveryCode: two }), email);
  });

  it('takes both at once', async () => {
    const { email, right, wrong } = await somebody();
    const token = await world().magicLink(email);
    assertWrongCode(await verify({ token, totpCode: wrong }));
    assertDue(await verify({ token }), 'totp');
    assertSignedIn(await verify({ token, totpCode: right() }), email);
  });

  it('is completed by a passkey', async () => {
    const { client, email, right } = await somebody();
    assert.equal((await client.post('/reauthenticate', { totpCode: right() })).status, 200);
    const authenticator = new SoftwareAuthenticator();
    await client.addPasskey(authenticator);
    const challenge = assertDue(await verify({ token: await world().magicLink(email) }), 'totp');
    const completed = await world().another().signInByPasskey(authenticator, { challenge });
    assert.equal(completed.status, 200, completed.text);
    assert.equal(completed.body.user?.email, email);
  });

  it('says the same again for the token alone, and extends nothing', async () => {
    const { email, right } = await somebody();
    const token = await world().magicLink(email);
    const first = await verify({ token });
    assertDue(first, 'totp');
    const [row, ...others] = await pendingOf(email);
    assert.ok(row && others.length === 0);
    world().clock.advance({ minutes: 9, seconds: 59 });
    const again = await verify({ token });
    assert.deepEqual([again.status, again.body], [401, first.body]);
    assert.deepEqual(await pendingOf(email), [row]);
    world().clock.advance({ seconds: 1 });
    assertDead(await verify({ token }));
    assertDead(await verify({ token, totpCode: right() }));
    assertDead(await verify({ challenge: first.body.challenge, totpCode: right() }));
  });

  it('may still be completed in its last second', async () => {
    const { email, right } = await somebody();
    const token = await world().magicLink(email);
    world().clock.advance({ minutes: 9, seconds: 59 });
    assertDue(await verify({ token }), 'totp');
    world().clock.advance({ minutes: 9, seconds: 59 });
    assertSignedIn(await verify({ token, totpCode: right() }), email);
  });

  it('has five tries, whether named by token or challenge', async () => {
    const { email, right, wrong } = await somebody();
    const token = await world().magicLink(email);
    const challenge = assertDue(await verify({ token }), 'totp');
    for (const named of [{ token }, { challenge }, { token }, { challenge }, { token }]) {
      assertWrongCode(await verify({ ...named, totpCode: wrong }));
      // The token alone gives no try back.
      await verify({ token });
    }
    assertWrongCode(await verify({ token, totpCode: right() }));
    assertWrongCode(await verify({ challenge, totpCode: right() }));
  });

  it('shares the ten wrong codes an hour with every other sign-in', async () => {
    const { email, right, wrong } = await somebody();
    for (let round = 0; round < 2; round += 1) {
      const token = await world().magicLink(email);
      for (let count = 0; count < 5; count += 1) assertWrongCode(await verify({ token, totpCode: wrong }));
      world().clock.advance({ seconds: 1 });
    }
    const token = await world().magicLink(email);
    const refused = await verify({ token, totpCode: right() });
    assertRefused(refused, 429, 'RATE_LIMIT_EXCEEDED');
    assert.ok(Number(refused.headers['retry-after']) > 0);
    assertRefused(await world().another().signIn(email, PASSWORD, { totpCode: right() }), 429, 'RATE_LIMIT_EXCEEDED');
  });

  it('is not completed by the password, where the factor is no e-mail', async () => {
    const { email } = await somebody();
    const token = await world().magicLink(email);
    assertDue(await verify({ token, password: PASSWORD }), 'totp');
    assertDue(await verify({ token, password: WRONG }), 'totp');
  });

  it('is told alike by the token again when it is presented many times at once', async () => {
    const { email } = await somebody();
    const token = await world().magicLink(email);
    const answers = await Promise.all(Array.from({ length: 10 }, () => verify({ token })));
    assert.deepEqual([...new Set(answers.map(({ text }) => text))].length, 1);
    for (const answer of answers) assertDue(answer, 'totp');
    assert.equal((await pendingOf(email)).length, 1);
  });

  it('sends the code of an SMS factor, which completes it', async () => {
    const { account, clock, codeFor, enrolDelivered, magicLink } = world();
    const phone = '+33680001234';
    const { email } = await account({ phone });
    await enrolDelivered(email, 'sms');
    const token = await magicLink(email);
    const before = await codeFor(phone);
    clock.advance({ seconds: 1 });
    assertDue(await verify({ token }), 'sms');
    const totpCode = await codeFor(phone);
    assert.notEqual(totpCode, before);
    assertDue(await verify({ token }), 'sms');
    assert.equal(await codeFor(phone), totpCode);
    assertSignedIn(await verify({ token, totpCode }), email);
  });
});

describe('a magic link to an account whose second factor is a code by e-mail', () => {
  const world = sharedWorld();
  const verify = (body: object) => world().another().post('/magic-link/verify', body);

  async function somebody() {
    const { email } = await world().account();
    const { recoveryCodes } = await world().enrolDelivered(email, 'email');
    return { email, recoveryCodes };
  }
  const codesTo = async (email: string) => (await world().mails(email)).filter(({ code }) => code !== null).length;

  it('asks for the password instead, and mails no code', async () => {
    const { email } = await somebody();
    const before = await codesTo(email);
    const token = await world().magicLink(email);
    const challenge = assertDue(await verify({ token }), 'password');
    assertDue(await verify({ token }), 'password');
    assertDue(await verify({ challenge }), 'password');
    assert.equal(await codesTo(email), before);
    assertSignedIn(await verify({ token, password: PASSWORD }), email);
    assertDead(await verify({ challenge, password: PASSWORD }));
  });

  it('is completed by the challenge with the password, or by a recovery code', async () => {
    const { email, recoveryCodes } = await somebody();
    const challenge = assertDue(await verify({ token: await world().magicLink(email) }), 'password');
    assertSignedIn(await verify({ challenge, password: PASSWORD }), email);
    world().clock.advance({ seconds: 1 });
    const token = await world().magicLink(email);
    assertDue(await verify({ token }), 'password');
    assertSignedIn(await verify({ token, recoveryCode: recoveryCodes[0] }), email);
  });

  it('asks the same after the page and its code', async () => {
    const { email } = await somebody();
    const { code } = await codeByLink(world(), email, { redirectUrl: 'http://localhost:5173/' });
    const exchange = (body: object) => world().another().post('/exchange', body);
    const challenge = assertDue(await exchange({ code }), 'password');
    assertDue(await exchange({ code }), 'password');
    assertSignedIn(await exchange({ challenge, password: PASSWORD }), email);
  });

  it('is completed by no code that was mailed for another sign-in', async () => {
    const { email } = await somebody();
    const due = await world().another().signIn(email);
    assertDue(due, 'email');
    const totpCode = await world().codeFor(email);
    const token = await world().magicLink(email);
    const challenge = assertDue(await verify({ token }), 'password');
    assertWrongCode(await verify({ token, totpCode }));
    assertWrongCode(await verify({ challenge, totpCode }));
    assertWrongCode(await world().another().signIn(email, PASSWORD, { totpCode, challenge }));
    assertSignedIn(await world().another().signIn(email, PASSWORD, { totpCode, challenge: due.body.challenge }), email);
  });

  it('counts a wrong password like one at sign-in: ten lock it', async () => {
    const { email } = await somebody();
    const wrong = { status: 401, error: 'INVALID_CREDENTIALS', message: 'Email or password is incorrect' };
    for (let round = 0; round < 2; round += 1) {
      const token = await world().magicLink(email);
      for (let count = 0; count < 5; count += 1) {
        const { body, status } = await verify({ token, password: WRONG });
        assert.deepEqual({ status, ...body }, wrong);
      }
      // Its five tries are used up, for the right one too.
      assertWrongCode(await verify({ token, password: PASSWORD }));
      world().clock.advance({ seconds: 1 });
    }
    assertRefused(await world().another().signIn(email), 423, 'ACCOUNT_LOCKED');
    const token = await world().magicLink(email);
    const locked = await verify({ token, password: PASSWORD });
    assertRefused(locked, 423, 'ACCOUNT_LOCKED');
    assert.ok(Number(locked.headers['retry-after']) > 0);
  });

  it('shares the five tries between passwords and recovery codes', async () => {
    const { email, recoveryCodes } = await somebody();
    const token = await world().magicLink(email);
    for (const proof of [{ password: WRONG }, { recoveryCode: 'AAAAA-AAAAA-AAAAA-AAAAA-AAAAA' }]) {
      for (let count = 0; count < 2; count += 1) assert.equal((await verify({ token, ...proof })).status, 401);
    }
    assertRefused(await verify({ token, password: WRONG }), 401, 'INVALID_CREDENTIALS');
    assertWrongCode(await verify({ token, recoveryCode: recoveryCodes[0] }));
    assertWrongCode(await verify({ token, password: PASSWORD }));
  });
});

describe('a magic link that was asked for with a challenge', () => {
  const world = sharedWorld();
  // RFC 7636, appendix B.
  const codeVerifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
  const codeChallenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';
  const verify = (body: object) => world().another().post('/magic-link/verify', body);

  it('signs in with the verifier alone, and stays for whoever has it', async () => {
    const { email } = await world().account();
    const token = await world().magicLink(email, { codeChallenge });
    assertDead(await verify({ token }));
    assertDead(await verify({ token, codeVerifier: '' }));
    assertDead(await verify({ token, codeVerifier: codeChallenge }));
    assertDead(await verify({ token, codeVerifier: `${codeVerifier}A` }));
    assertSignedIn(await verify({ token, codeVerifier }), email);
  });

  it('needs it again with the second factor, unless the challenge of the answer is shown', async () => {
    const { client, email } = await world().signedIn();
    const { secret } = await world().enrol(client);
    const token = await world().magicLink(email, { codeChallenge });
    const first = await verify({ token, codeVerifier });
    assertDue(first, 'totp');
    const totpCode = world().totp(secret);
    assertDead(await verify({ token, totpCode }));
    assertDead(await verify({ token }));
    assertDead(await verify({ token, codeVerifier: `${codeVerifier}A`, totpCode }));
    assert.equal((await verify({ token, codeVerifier })).text, first.text);
    assertSignedIn(await verify({ token, codeVerifier, totpCode }), email);
  });

  it('needs it after the page too', async () => {
    const { email } = await world().account();
    const token = await world().magicLink(email, { codeChallenge, redirectUrl: 'http://localhost:5173/' });
    const browser = world().another();
    const done = await press(browser, await openPage(browser, `/magic-link?token=${token}`));
    const code = new URL(done.location ?? '').searchParams.get('code');
    assertDead(await world().another().post('/exchange', { code }));
    assertSignedIn(await world().another().post('/exchange', { code, codeVerifier }), email);
  });
});
