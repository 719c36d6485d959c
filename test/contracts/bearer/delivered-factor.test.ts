import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Answer, ORIGIN, PASSWORD, sharedWorld, WRONG } from './client.ts';
import {
  assertDue,
  assertLater,
  assertRefused,
  assertSignedIn,
  codesTo,
  counted,
  DELIVERED,
  mailed,
  type Somebody,
  signInFully,
  withFactor,
  wrongCode,
  wrongCodes,
} from './factor-people.ts';

describe('a sign-in with a code by e-mail or SMS', () => {
  const world = sharedWorld();

  /** The first step, for its challenge. */
  const begin = async (who: Somebody): Promise<string> =>
    assertDue(await world().another().signIn(who.email), who.channel);

  for (const channel of DELIVERED) {
    it(`is sent its code by ${channel} after the right password, and takes it in totpCode (R039)`, async () => {
      const who = await withFactor(world(), channel);
      const { email, phone, to } = who;
      const before = [await codesTo(world(), email), await codesTo(world(), phone)];
      const due = await world().another().signIn(email);
      assertDue(due, channel);
      // Not even masked: who asked knows where it went (R040).
      for (const address of [email, phone]) assert.ok(!due.text.includes(address));
      const after = [await codesTo(world(), email), await codesTo(world(), phone)];
      const sent = after.map((count, index) => count - (before[index] ?? 0));
      assert.deepEqual(sent, channel === 'email' ? [1, 0] : [0, 1]);
      const totpCode = await world().codeFor(to);
      assert.match(totpCode, /^\d{6}$/);
      assertSignedIn(await world().another().signIn(email, PASSWORD, { totpCode }), email);
      const again = await world().another().signIn(email, PASSWORD, { totpCode });
      assertRefused(again, 401, 'INVALID_TOTP');
    });

    it(`is sent nothing by ${channel} for a wrong password, a code or a name alone (R039)`, async () => {
      const { email, to } = await withFactor(world(), channel);
      const sent = await codesTo(world(), to);
      for (const more of [{}, { totpCode: '123456' }, { recoveryCode: 'x' }, { challenge: 'A'.repeat(43) }]) {
        assertRefused(await world().another().signIn(email, WRONG, more), 401, 'INVALID_CREDENTIALS');
      }
      // Both at once, and nothing to compare the code with: it is the answer to a question, which was not asked yet.
      const early = await world().another().signIn(email, PASSWORD, { totpCode: '123456' });
      assertRefused(early, 401, 'INVALID_TOTP');
      await world().another().post('/send-verification-email', { email });
      assert.equal(await codesTo(world(), to), sent);
    });

    it(`is sent no second code by ${channel} within a minute, and takes the first for both sign-ins`, async () => {
      const who = await withFactor(world(), channel);
      const [first, sent] = [await begin(who), await codesTo(world(), who.to)];
      const totpCode = await world().codeFor(who.to);
      world().clock.advance({ seconds: 59 });
      const second = await begin(who);
      assert.notEqual(second, first);
      assert.equal(await codesTo(world(), who.to), sent);
      const answer = await world().another().signIn(who.email, PASSWORD, { totpCode, challenge: second });
      assertSignedIn(answer, who.email);
      const other = await world().another().signIn(who.email, PASSWORD, { totpCode, challenge: first });
      assertRefused(other, 401, 'INVALID_TOTP');
    });

    it(`is sent a new code by ${channel} after a minute; the newest sign-in takes it and not the old one (R036)`, async () => {
      const who = await withFactor(world(), channel);
      const first = await begin(who);
      const old = await world().codeFor(who.to);
      world().clock.advance({ seconds: 60 });
      const second = await begin(who);
      const code = await world().codeFor(who.to);
      const signIn = (totpCode: string, challenge?: string) =>
        world().another().signIn(who.email, PASSWORD, { totpCode, challenge });
      if (code !== old) {
        for (const challenge of [undefined, second]) assertRefused(await signIn(old, challenge), 401, 'INVALID_TOTP');
        assertRefused(await signIn(code, first), 401, 'INVALID_TOTP');
      }
      assertSignedIn(await signIn(code), who.email);
    });

    it(`takes a code by ${channel} for ten minutes, judged when it is used (R033)`, async () => {
      const who = await withFactor(world(), channel);
      for (const [seconds, status] of [
        [599, 200],
        [600, 401],
        [601, 401],
      ] as const) {
        const challenge = await begin(who);
        const totpCode = await world().codeFor(who.to);
        world().clock.advance({ seconds });
        const answer = await world().another().signIn(who.email, PASSWORD, { totpCode, challenge });
        assert.equal(answer.status, status, `${seconds} s: ${answer.text}`);
      }
    });

    it(`takes five tries of the code by ${channel}; then the right one fails too (R035)`, async () => {
      const who = await withFactor(world(), channel);
      const challenge = await begin(who);
      const right = await world().codeFor(who.to);
      for (const totpCode of await wrongCodes(world(), who, 5)) {
        const answer = await world().another().signIn(who.email, PASSWORD, { totpCode, challenge });
        assertRefused(answer, 401, 'INVALID_TOTP');
      }
      for (const more of [{}, { challenge }]) {
        const answer = await world()
          .another()
          .signIn(who.email, PASSWORD, { totpCode: right, ...more });
        assertRefused(answer, 401, 'INVALID_TOTP');
      }
      assert.equal((await counted(world(), who.account)).codes, 5);
      // Another sign-in within the minute shares the code that is dead: it opens no five tries more.
      world().clock.advance({ seconds: 1 });
      const shared = await begin(who);
      const late = await world().another().signIn(who.email, PASSWORD, { totpCode: right, challenge: shared });
      assertRefused(late, 401, 'INVALID_TOTP');
      world().clock.advance({ seconds: 60 });
      await signInFully(world(), who);
    });

    it(`goes on counting wrong codes by ${channel} when a new one is sent: ten an hour (R036, R037)`, async () => {
      const who = await withFactor(world(), channel);
      for (let login = 0; login < 3; login += 1) {
        await begin(who);
        for (const totpCode of await wrongCodes(world(), who, login < 2 ? 4 : 2)) {
          assertRefused(await world().another().signIn(who.email, PASSWORD, { totpCode }), 401, 'INVALID_TOTP');
        }
        world().clock.advance({ seconds: 61 });
      }
      assert.equal((await counted(world(), who.account)).codes, 10);
      await begin(who);
      const totpCode = await world().codeFor(who.to);
      assertLater(await world().another().signIn(who.email, PASSWORD, { totpCode }), 429);
    });

    it(`lets of fifty with one code by ${channel} one in (R034)`, async () => {
      const who = await withFactor(world(), channel);
      await begin(who);
      const totpCode = await world().codeFor(who.to);
      const answers = await Promise.all(
        Array.from({ length: 50 }, () => world().another().signIn(who.email, PASSWORD, { totpCode })),
      );
      assert.equal(answers.filter(({ status }) => status === 200).length, 1);
      for (const answer of answers) assert.ok([200, 401, 503].includes(answer.status), answer.text);
    });

    it(`takes no code by ${channel} of somebody else, of another purpose or of another contract (R038)`, async () => {
      const [ada, eve] = [await withFactor(world(), channel), await withFactor(world(), channel)];
      const client = await signInFully(world(), ada);
      await begin(ada);
      const ofSignIn = await world().codeFor(ada.to);
      await begin(eve);
      const ofEve = await world().codeFor(eve.to);
      const signIn = (totpCode: string) => world().another().signIn(ada.email, PASSWORD, { totpCode });
      if (ofEve !== ofSignIn) assertRefused(await signIn(ofEve), 401, 'INVALID_TOTP');
      assertRefused(await client.post('/reauthenticate', { totpCode: ofSignIn }), 401, 'INVALID_TOTP');
      assertRefused(await client.post('/two-factor/verify', { code: ofSignIn }), 401, 'INVALID_TOTP');
      const verified = await world().another().post('/verify-email', { token: ofSignIn });
      assert.deepEqual([verified.status, verified.body.error], [400, 'INVALID_TOKEN']);
      world().clock.advance({ seconds: 61 });
      assertDueAgain(await client.post('/reauthenticate', { password: PASSWORD }), channel);
      const ofReauthentication = await world().codeFor(ada.to);
      if (ofReauthentication !== ofSignIn) {
        assertRefused(await signIn(ofReauthentication), 401, 'INVALID_TOTP');
      }
      assertSignedIn(await signIn(ofSignIn), ada.email);
    });

    it(`is reached from no other contract, nor reaches theirs, by ${channel} (rule 14)`, async () => {
      const who = await withFactor(world(), channel);
      const { email, to } = who;
      const post = (path: string, body: object) => world().another().askAt('POST', path, { body });
      const device = await post('/api/v1/auth/login', { identifier: email, password: PASSWORD });
      assert.equal(device.status, 202, device.text);
      const theirs = await world().codeFor(to);
      for (const challenge of [undefined, device.body.challenge]) {
        const answer = await world().another().signIn(email, PASSWORD, { totpCode: theirs, challenge });
        assertRefused(answer, 401, 'INVALID_TOTP');
        const named = await post('/api/auth/magic-link/verify', { challenge: device.body.challenge, totpCode: theirs });
        assertRefused(named, 400, 'INVALID_TOKEN');
      }
      world().clock.advance({ seconds: 61 });
      const challenge = await begin(who);
      const ours = await world().codeFor(to);
      const there = await post('/api/v1/auth/2fa/verify', { identifier: email, otp: ours, challenge });
      assert.equal(there.status, 401, there.text);
      const browser = world().another();
      browser.cookies.set('challenge', challenge);
      const cookie = await browser.askAt('POST', '/v1/auth/two-factor', { body: { code: ours } });
      assert.equal(cookie.status, 401, cookie.text);
      assertSignedIn(await world().another().signIn(email, PASSWORD, { totpCode: ours, challenge }), email);
    });
  }

  /** The same for a session, which needs no challenge to be found by. */
  function assertDueAgain({ body, status }: Answer, channel: string): void {
    const message = 'A two-factor code is required';
    assert.deepEqual([status, body], [401, { error: 'TOTP_REQUIRED', message, channel }]);
  }

  it('is one of three at most, over all contracts: a fourth takes the place of the oldest (rule 14)', async () => {
    const who = await withFactor(world(), 'email');
    const sign = (totpCode: string, challenge: string) =>
      world().another().signIn(who.email, PASSWORD, { totpCode, challenge });
    const waiting: { challenge: string; code: string }[] = [];
    for (let login = 0; login < 3; login += 1) {
      waiting.push({ challenge: await begin(who), code: await world().codeFor(who.to) });
      world().clock.advance({ seconds: 61 });
    }
    const body = { identifier: who.email, password: PASSWORD };
    assert.equal((await world().another().askAt('POST', '/api/v1/auth/login', { body })).status, 202);
    const [oldest, second] = waiting;
    assert.ok(oldest && second);
    assertRefused(await sign(oldest.code, oldest.challenge), 401, 'INVALID_TOTP');
    assertSignedIn(await sign(second.code, second.challenge), who.email);
  });

  it('keeps the code of each sign-in that waits, by its challenge', async () => {
    const who = await withFactor(world(), 'email');
    const challenge = await begin(who);
    const totpCode = await world().codeFor(who.to);
    world().clock.advance({ seconds: 61 });
    await begin(who);
    assertSignedIn(await world().another().signIn(who.email, PASSWORD, { totpCode, challenge }), who.email);
  });

  it('takes its code though a mailed link waits for the password beside it, in the same network', async () => {
    const who = await withFactor(world(), 'email');
    const client = world().another();
    const token = await world().magicLink(who.email);
    assertDue(await client.signIn(who.email), 'email');
    const totpCode = await world().codeFor(who.email);
    world().clock.advance({ seconds: 1 });
    assertDue(await client.post('/magic-link/verify', { token }, { token: null }), 'password');
    assertSignedIn(await client.signIn(who.email, PASSWORD, { totpCode }), who.email);
  });

  it('is sent ten codes an hour at most, and is answered the same after (R040)', async () => {
    const who = await withFactor(world(), 'email');
    const sent: number[] = [];
    for (let login = 0; login < 12; login += 1) {
      await begin(who);
      sent.push(await codesTo(world(), who.to));
      world().clock.advance({ seconds: 61 });
    }
    // The first of them switched the factor on.
    assert.deepEqual(sent, [2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 10, 10]);
  });

  it('dies when its owner signs out everywhere else (rule 8)', async () => {
    const who = await withFactor(world(), 'email');
    const challenge = await begin(who);
    const totpCode = await world().codeFor(who.to);
    assert.equal((await who.client.delete('/sessions')).status, 200);
    for (const more of [{}, { challenge }]) {
      const answer = await world()
        .another()
        .signIn(who.email, PASSWORD, { totpCode, ...more });
      assertRefused(answer, 401, 'INVALID_TOTP');
    }
  });

  it('counts no code that nothing waits for', async () => {
    const who = await withFactor(world(), 'email');
    const totpCode = await wrongCode(world(), who);
    for (let time = 0; time < 12; time += 1) {
      assertRefused(await world().another().signIn(who.email, PASSWORD, { totpCode }), 401, 'INVALID_TOTP');
    }
    assert.deepEqual(await counted(world(), who.account), { codes: 0, recoveryCodes: 0, inARow: 0 });
  });
});

describe('a mailed link and a second factor (rule 16)', () => {
  const world = sharedWorld();
  const verify = (body: object) => world().another().post('/magic-link/verify', body);

  for (const channel of ['totp', 'sms'] as const) {
    const codeOf = async (who: Somebody): Promise<string> =>
      channel === 'totp' ? world().totp(who.secret) : world().codeFor(who.to);

    it(`asks for the ${channel} factor, and the same link with its code completes the sign-in (R063)`, async () => {
      const who = await withFactor(world(), channel);
      const token = await world().magicLink(who.email);
      const sent = await codesTo(world(), who.to);
      // A scanner's look sends nothing.
      for (const method of ['GET', 'HEAD'] as const)
        await world().another().askAt(method, `/magic-link?token=${token}`);
      assert.equal(await codesTo(world(), who.to), sent);
      const challenge = assertDue(await verify({ token }), channel);
      assert.equal(await codesTo(world(), who.to), channel === 'sms' ? sent + 1 : sent);
      assert.equal(assertDue(await verify({ token }), channel), challenge);
      assert.equal(await codesTo(world(), who.to), channel === 'sms' ? sent + 1 : sent);
      assertRefused(await verify({ token, totpCode: await wrongCode(world(), who) }), 401, 'INVALID_TOTP');
      // What proves the mailbox is no password, and the password no second factor.
      assertDue(await verify({ token, password: PASSWORD }), channel);
      assertSignedIn(await verify({ token, totpCode: await codeOf(who) }), who.email);
      assertRefused(await verify({ token }), 400, 'INVALID_TOKEN');
      assertRefused(await verify({ challenge }), 400, 'INVALID_TOKEN');
    });

    it(`takes the challenge in the place of the link, with the ${channel} factor's code or a recovery code`, async () => {
      const who = await withFactor(world(), channel);
      for (const proof of ['totpCode', 'recoveryCode'] as const) {
        const token = await world().magicLink(who.email);
        const challenge = assertDue(await verify({ token }), channel);
        assertDue(await verify({ challenge }), channel);
        const value = proof === 'totpCode' ? await codeOf(who) : who.recoveryCodes[0];
        assertSignedIn(await verify({ challenge, [proof]: value }), who.email);
        world().clock.advance({ seconds: 61 });
      }
    });

    it(`extends nothing when the link is shown again: ten minutes and five tries of the ${channel} factor`, async () => {
      const who = await withFactor(world(), channel);
      const token = await world().magicLink(who.email);
      assertDue(await verify({ token }), channel);
      const totpCode = await codeOf(who);
      world().clock.advance({ minutes: 9, seconds: 59 });
      assertDue(await verify({ token }), channel);
      world().clock.advance({ seconds: 1 });
      for (const more of [{}, { totpCode }, { recoveryCode: who.recoveryCodes[0] }]) {
        assertRefused(await verify({ token, ...more }), 400, 'INVALID_TOKEN');
      }
      const second = await world().magicLink(who.email);
      for (const code of await wrongCodes(world(), who, 5)) {
        assertRefused(await verify({ token: second, totpCode: code }), 401, 'INVALID_TOTP');
      }
      assertRefused(await verify({ token: second, totpCode: await codeOf(who) }), 401, 'INVALID_TOTP');
    });
  }

  it('is complete at once with an authenticator’s code or a recovery code beside it', async () => {
    const who = await withFactor(world());
    for (const proof of [{ totpCode: world().totp(who.secret) }, { recoveryCode: who.recoveryCodes[1] }]) {
      assertSignedIn(await verify({ token: await world().magicLink(who.email), ...proof }), who.email);
    }
  });

  it('asks in the place of an e-mailed code for the password: two steps never use one channel', async () => {
    const who = await withFactor(world(), 'email');
    const token = await world().magicLink(who.email);
    const sent = await codesTo(world(), who.email);
    const challenge = assertDue(await verify({ token }), 'password');
    assertDue(await verify({ token }), 'password');
    assert.equal(await codesTo(world(), who.email), sent);
    // A code that another sign-in had mailed is none for this one.
    assertDue(await world().another().signIn(who.email), 'email');
    const totpCode = await world().codeFor(who.email);
    assertRefused(await verify({ token, totpCode }), 401, 'INVALID_TOTP');
    assertRefused(await verify({ token, password: WRONG }), 401, 'INVALID_CREDENTIALS');
    assertSignedIn(await verify({ challenge, password: PASSWORD }), who.email);
    assertRefused(await verify({ token, password: PASSWORD }), 400, 'INVALID_TOKEN');
  });

  it('takes a recovery code for the password, too', async () => {
    const who = await withFactor(world(), 'email');
    const token = await world().magicLink(who.email);
    assertSignedIn(await verify({ token, recoveryCode: who.recoveryCodes[0] }), who.email);
  });

  it('takes five tries of the password, which count as they do at sign-in', async () => {
    const who = await withFactor(world(), 'email');
    const token = await world().magicLink(who.email);
    for (let time = 0; time < 5; time += 1) {
      assertRefused(await verify({ token, password: WRONG }), 401, 'INVALID_CREDENTIALS');
    }
    assertRefused(await verify({ token, password: PASSWORD }), 401, 'INVALID_TOTP');
    const account = await world().world.store.accounts.find(who.account.id);
    assert.equal(account?.failedAttempts, 5);
    for (let time = 0; time < 5; time += 1) await world().another().signIn(who.email, WRONG);
    const second = await world().magicLink(who.email);
    assert.equal(assertLater(await verify({ token: second, password: PASSWORD }), 423), 900);
  });

  it('does not take the e-mailed code by way of the sign-in with the password alone', async () => {
    const who = await withFactor(world(), 'email');
    const token = await world().magicLink(who.email);
    const challenge = assertDue(await verify({ token }), 'password');
    const answer = await world().another().signIn(who.email, PASSWORD, { challenge, totpCode: '123456' });
    assertRefused(answer, 401, 'INVALID_TOTP');
    assertDue(await world().another().signIn(who.email, PASSWORD, { challenge }), 'email');
  });

  it('opened by the page asks at exchange for the factor, and never for a code to the same mailbox', async () => {
    for (const [channel, asked] of [
      ['totp', 'totp'],
      ['sms', 'sms'],
      ['email', 'password'],
    ] as const) {
      const who = await withFactor(world(), channel);
      const redirectUrl = 'http://localhost:5173/app';
      const code = await pressed(await world().magicLink(who.email, { redirectUrl }));
      const exchange = (body: object) => world().another().post('/exchange', body);
      const challenge = assertDue(await exchange({ code }), asked);
      assert.equal(assertDue(await exchange({ code }), asked), challenge);
      const proof =
        channel === 'email'
          ? { password: PASSWORD }
          : { totpCode: channel === 'totp' ? world().totp(who.secret) : await world().codeFor(who.to) };
      // A minute is enough for the code of a redirect, and not for a person with a phone.
      world().clock.advance({ seconds: channel === 'totp' ? 0 : 120 });
      assertSignedIn(await exchange({ code, ...proof }), who.email);
      assertRefused(await exchange({ code, ...proof }), 400, 'INVALID_TOKEN');
    }
  });

  /** Presses the button of the page, for the code that it hands over. */
  async function pressed(token: string): Promise<string> {
    const browser = world().another();
    const page = await browser.askAt('GET', `/magic-link?token=${token}`);
    const formToken = /name="form_token" value="([^"]+)"/.exec(page.text)?.[1] ?? '';
    const answer = await browser.askAt('POST', '/magic-link', {
      raw: new URLSearchParams({ token, form_token: formToken }).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: ORIGIN },
    });
    assert.equal(answer.status, 303, answer.text);
    return new URL(answer.location ?? '').searchParams.get('code') ?? '';
  }

  it('tells the owner of three wrong codes here too (R031)', async () => {
    const who = await withFactor(world(), 'sms');
    const token = await world().magicLink(who.email);
    assertDue(await verify({ token }), 'sms');
    for (const totpCode of await wrongCodes(world(), who, 3)) await verify({ token, totpCode });
    assert.equal(await mailed(world(), who.email, 'Wrong codes at your second sign-in step'), 1);
  });
});
