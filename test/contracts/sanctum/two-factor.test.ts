import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Answer,
  assertGuest,
  assertInvalid,
  assertRefused,
  type OpenedClient,
  openClient,
  PASSWORD,
  REMEMBER,
  SESSION,
  sharedWorld,
  XSRF,
} from './client.ts';
import {
  askOther,
  assertLater,
  assertPassed,
  assertTooMany,
  begin,
  CODE_WRONG,
  CREDENTIALS_WRONG,
  CROCKFORD,
  challenge,
  codesTo,
  confirmPassword,
  copyOf,
  counted,
  DELIVERED,
  newestCode,
  PAIR,
  RECOVERY_CODE_WRONG,
  rateOf,
  rightCode,
  type Somebody,
  sessionOf,
  sessionsOf,
  somebody,
  totpNow,
  waiting,
  withDelivered,
  withTotp,
  wrongCode,
  wrongCodes,
} from './two-factor-people.ts';

const assertCodeWrong = (answer: Answer): void => assertInvalid(answer, { code: [CODE_WRONG] });
const assertRecoveryCodeWrong = (answer: Answer): void =>
  assertInvalid(answer, { recovery_code: [RECOVERY_CODE_WRONG] });

describe('a login that waits for its second factor', () => {
  const world = sharedWorld();

  it('4.1, K32: is answered with two_factor alone, signs nobody in, and has a session id of its own', async () => {
    const who = await withTotp(world());
    const client = world().another();
    await client.csrfCookie();
    const before = new Map(client.jar);
    const answer = await client.post('/auth/login', { email: who.email, password: PASSWORD, remember: true });
    assert.deepEqual([answer.status, answer.json], [200, { two_factor: true }]);
    assert.deepEqual(
      answer.setCookies.map((line) => line.split('=')[0]),
      [XSRF, SESSION],
    );
    assert.notEqual(sessionOf(client), before.get(SESSION));
    assertGuest(await client.user());
    // The token from before belongs to the session from before.
    const stale = await client.post('/auth/two-factor-challenge', {}, { xsrf: before.get(XSRF) ?? '' });
    assertRefused(stale, 419, 'CSRF token mismatch.');
  });

  it('4.1: nothing waits on an account whose authenticator was never confirmed (R044)', async () => {
    const { email } = await world().account();
    const client = world().another();
    await client.login(email);
    await confirmPassword(client);
    await begin(client);
    const other = world().another();
    assert.deepEqual((await other.login(email)).json, { two_factor: false });
    assert.equal((await other.user()).status, 200);
  });

  it('4.1: opens none of the lines that need somebody signed in', async () => {
    const client = await waiting(world(), await withTotp(world()));
    assertGuest(await client.user());
    assertGuest(await client.post('/user/confirm-password', { password: PASSWORD }));
    assertGuest(await client.post('/user/two-factor-authentication'));
    assertGuest(await client.get('/user/two-factor-recovery-codes'));
    assertGuest(await client.put('/user/password', { current_password: PASSWORD }));
    assertGuest(await client.ask('POST', '/logout'));
  });

  for (const [seconds, opens] of [
    [599, true],
    [601, false],
  ] as const) {
    it(`4.1: ${opens ? 'waits' : 'no longer waits'} after ${seconds} seconds`, async () => {
      const who = await withTotp(world());
      const client = await waiting(world(), who);
      world().clock.advance({ seconds });
      const answer = await challenge(client, { code: totpNow(world(), who.secret) });
      if (opens) assertPassed(answer);
      else assertCodeWrong(answer);
      assert.equal((await client.user()).status, opens ? 200 : 401);
    });
  }

  it('4.1: is not renewed by a wrong code', async () => {
    const who = await withTotp(world());
    const client = await waiting(world(), who);
    world().clock.advance({ seconds: 599 });
    assertCodeWrong(await challenge(client, { code: await wrongCode(world(), who) }));
    world().clock.advance({ seconds: 2 });
    assertCodeWrong(await challenge(client, { code: totpNow(world(), who.secret) }));
  });

  it('4.1: is replaced by a second login of the same browser', async () => {
    const who = await withTotp(world());
    const client = await waiting(world(), who);
    const former = copyOf(world(), client);
    world().clock.advance({ seconds: 1 });
    await client.login(who.email);
    assert.notEqual(sessionOf(client), sessionOf(former));
    assertCodeWrong(await challenge(former, { code: totpNow(world(), who.secret) }));
    assertGuest(await former.user());
    assertPassed(await challenge(client, { code: totpNow(world(), who.secret) }));
  });

  it('4.1: is somebody else’s after the same browser has begun to sign in as them', async () => {
    const [jean, anna] = [await withTotp(world()), await withTotp(world())];
    const client = await waiting(world(), jean);
    await client.login(anna.email);
    assertCodeWrong(await challenge(client, { code: totpNow(world(), jean.secret) }));
    assertPassed(await challenge(client, { code: totpNow(world(), anna.secret) }));
    assert.equal((await client.user()).body.data?.email, anna.email);
  });

  it('rule 14: is one of at most three of its account, the newest', async () => {
    const who = await withTotp(world());
    const clients = [];
    for (let login = 0; login < 4; login += 1) {
      clients.push(await waiting(world(), who));
      world().clock.advance({ seconds: 1 });
    }
    const [oldest = assert.fail(), ...newest] = clients;
    assertRecoveryCodeWrong(await challenge(oldest, { recovery_code: who.recoveryCodes[0] }));
    for (const [index, client] of newest.entries()) {
      assertPassed(await challenge(client, { recovery_code: who.recoveryCodes[index] }));
    }
  });

  /** What moves an account's epoch. */
  const changes: Record<string, (who: Somebody) => Promise<unknown>> = {
    async 'a changed password'({ client }) {
      const password = 'another quiet horse';
      const body = { current_password: PASSWORD, password, password_confirmation: password };
      assert.equal((await client.put('/user/password', body)).status, 200);
    },
    'a password that the operator sets': ({ uuid }) =>
      world().identity.setPassword({ uuid, password: 'another quiet horse' }),
    async 'an operator’s lock, lifted again'({ uuid }) {
      await world().identity.lockAccount({ uuid });
      await world().identity.unlockAccount({ uuid });
    },
    async 'the factor, switched off'({ client }) {
      await confirmPassword(client);
      assert.equal((await client.delete('/user/two-factor-authentication')).status, 200);
    },
  };
  for (const [what, change] of Object.entries(changes)) {
    it(`rules 8 and 14: dies of ${what}`, async () => {
      const who = await withTotp(world());
      const client = await waiting(world(), who);
      await change(who);
      assertCodeWrong(await challenge(client, { code: totpNow(world(), who.secret) }));
      assertRecoveryCodeWrong(await challenge(client, { recovery_code: who.recoveryCodes[0] }));
      assertGuest(await client.user());
    });
  }

  it('K32: is completed by no other browser, which moves no counter of the account either', async () => {
    const who = await withTotp(world());
    const client = await waiting(world(), who);
    const other = world().another();
    await other.csrfCookie();
    const code = totpNow(world(), who.secret);
    assertCodeWrong(await challenge(other, { code }));
    assertCodeWrong(await challenge(other, { code: await wrongCode(world(), who) }));
    assertGuest(await other.user());
    assert.deepEqual(await counted(world(), who), { codes: 0, recoveryCodes: 0 });
    assertPassed(await challenge(client, { code }));
  });

  it('rule 14: is not one that another contract has opened, nor the other way round', async () => {
    const who = await withTotp(world());
    const cookie = await askOther(world().another(), '/v1/auth/login', { email: who.email, password: PASSWORD });
    const foreign = /challenge=([\w-]{43})/.exec(cookie.setCookies.join())?.[1] ?? assert.fail(cookie.text);
    const client = world().another();
    client.jar.set(SESSION, foreign);
    await client.csrfCookie();
    assert.equal(sessionOf(client), foreign);
    const code = totpNow(world(), who.secret);
    assertCodeWrong(await challenge(client, { code }));

    const own = await waiting(world(), who);
    const body = { identifier: who.email, otp: code, challenge: sessionOf(own) };
    assert.equal((await askOther(world().another(), '/api/v1/auth/2fa/verify', body)).status, 401);
    assert.deepEqual(await counted(world(), who), { codes: 0, recoveryCodes: 0 });
    assertPassed(await challenge(own, { code }));
  });

  it('4.1, 4.2: is over once it is completed', async () => {
    const who = await withTotp(world());
    const client = await waiting(world(), who);
    const former = copyOf(world(), client);
    assertPassed(await challenge(client, { recovery_code: who.recoveryCodes[0] }));
    assertRecoveryCodeWrong(await challenge(former, { recovery_code: who.recoveryCodes[1] }));
    assertGuest(await former.user());
    assert.equal(await sessionsOf(world(), who), 2);
  });

  it('4.1: stays after a wrong code', async () => {
    const who = await withTotp(world());
    const client = await waiting(world(), who);
    const session = sessionOf(client);
    assertCodeWrong(await challenge(client, { code: await wrongCode(world(), who) }));
    assert.equal(sessionOf(client), session);
    assertGuest(await client.user());
    assertPassed(await challenge(client, { code: totpNow(world(), who.secret) }));
  });

  it('R066: the session that a browser had is over once it has signed in with both factors', async () => {
    const who = await withTotp(world());
    const former = copyOf(world(), who.client);
    await who.client.login(who.email);
    assertPassed(await challenge(who.client, { code: totpNow(world(), who.secret) }));
    assertGuest(await former.user());
  });
});

describe('a completed login', () => {
  const world = sharedWorld();

  it('4.2: is a 204 with another session id, another token and a client to be known by', async () => {
    const who = await withTotp(world());
    const client = await waiting(world(), who);
    const before = new Map(client.jar);
    const answer = await challenge(client, { code: totpNow(world(), who.secret) });
    assertPassed(answer);
    assert.deepEqual(answer.setCookies.map((line) => line.split('=')[0]).sort(), [XSRF, 'guichet_client', SESSION]);
    assert.notEqual(sessionOf(client), before.get(SESSION));
    const stale = await client.post('/auth/logout', undefined, { xsrf: before.get(XSRF) ?? '' });
    assertRefused(stale, 419, 'CSRF token mismatch.');
    assert.equal((await client.user()).body.data?.email, who.email);
  });

  it('4.1, 4.2: is remembered if the login asked for it', async () => {
    const who = await withTotp(world());
    const client = await waiting(world(), who, { remember: true });
    assert.equal(client.jar.has(REMEMBER), false);
    const answer = await challenge(client, { code: totpNow(world(), who.secret) });
    const line = answer.setCookies.find((cookie) => cookie.startsWith(`${REMEMBER}=`)) ?? '';
    assert.match(line, /^remember_web=[\w.-]+; Max-Age=2592000; Path=\/; HttpOnly; SameSite=Lax$/i);
    client.forgetSession();
    assert.equal((await client.user()).status, 200);
  });

  it('4.2: answers a browser that is signed in 204, whatever it sends, and leaves it as it is', async () => {
    const who = await withTotp(world());
    const session = sessionOf(who.client);
    for (const body of [{ code: '000000' }, { recovery_code: who.recoveryCodes[0] }, {}]) {
      assertPassed(await challenge(who.client, body));
    }
    assert.equal(sessionOf(who.client), session);
    assert.deepEqual(await counted(world(), who), { codes: 0, recoveryCodes: 0 });
    assertPassed(await challenge(await waiting(world(), who), { recovery_code: who.recoveryCodes[0] }));
  });

  it('C3: works at every path that front ends of Fortify know', async () => {
    const who = await withTotp(world());
    for (const [index, prefix] of ['/api/v1/auth', '/api/v1', ''].entries()) {
      const client = world().another();
      await client.csrfCookie();
      const login = await client.ask('POST', `${prefix}/login`, { body: { email: who.email, password: PASSWORD } });
      assert.deepEqual(login.json, { two_factor: true }, prefix);
      const body = { recovery_code: who.recoveryCodes[index] };
      assertPassed(await client.ask('POST', `${prefix}/two-factor-challenge`, { body }));
      assert.equal((await client.user()).status, 200, prefix);
    }
  });
});

describe('a login whose code is sent', () => {
  const world = sharedWorld();

  for (const channel of DELIVERED) {
    it(`rule 13: says that it went by ${channel}, and to nobody where; the code is good once (R034, R040)`, async () => {
      const who = await withDelivered(world(), channel);
      const before = await codesTo(world(), who.to);
      const client = world().another();
      const answer = await client.login(who.email);
      assert.deepEqual([answer.status, answer.json], [200, { two_factor: true, channel }]);
      const sent = await codesTo(world(), who.to);
      assert.equal(sent.length, before.length + 1);
      assert.match(sent[0] ?? '', /^\d{6}$/);
      const other = await waiting(world(), who);
      assertPassed(await challenge(client, { code: sent[0] }));
      assertCodeWrong(await challenge(other, { code: sent[0] }));
    });

    it(`R039: sends nothing by ${channel} before the right password`, async () => {
      const who = await withDelivered(world(), channel);
      const before = await codesTo(world(), who.to);
      const client = world().another();
      assertInvalid(await client.login(who.email, 'not this one'), { email: [CREDENTIALS_WRONG] });
      assertCodeWrong(await challenge(client, { code: '123456' }));
      assert.deepEqual(await codesTo(world(), who.to), before);
    });

    it(`rule 14: sends no second code by ${channel} within a minute; the first completes the newest login`, async () => {
      const who = await withDelivered(world(), channel);
      await waiting(world(), who);
      const sent = await codesTo(world(), who.to);
      world().clock.advance({ seconds: 59 });
      const client = await waiting(world(), who);
      assert.deepEqual(await codesTo(world(), who.to), sent);
      assertPassed(await challenge(client, { code: sent[0] }));
    });

    it(`rule 14: sends the first code by ${channel} to the same browser that asks again within a minute`, async () => {
      const who = await withDelivered(world(), channel);
      const client = await waiting(world(), who);
      const sent = await codesTo(world(), who.to);
      world().clock.advance({ seconds: 30 });
      assert.deepEqual((await client.login(who.email)).json, { two_factor: true, channel });
      assert.deepEqual(await codesTo(world(), who.to), sent);
      assertPassed(await challenge(client, { code: sent[0] }));
    });

    it(`R036: sends a new code by ${channel} after a minute, which takes the old one’s place and forgets no failure`, async () => {
      const who = await withDelivered(world(), channel);
      const client = await waiting(world(), who);
      const old = await newestCode(world(), who.to);
      for (const code of await wrongCodes(world(), who, 4)) assertCodeWrong(await challenge(client, { code }));
      world().clock.advance({ seconds: 60 });
      await client.login(who.email);
      const fresh = await newestCode(world(), who.to);
      assert.notEqual(fresh, old);
      assertCodeWrong(await challenge(client, { code: old }));
      assert.deepEqual(await counted(world(), who), { codes: 5, recoveryCodes: 0 });
      assertPassed(await challenge(client, { code: fresh }));
    });

    it(`R033: takes a code by ${channel} until ten minutes are over`, async () => {
      const who = await withDelivered(world(), channel);
      for (const [seconds, opens] of [
        [599, true],
        [601, false],
      ] as const) {
        const client = await waiting(world(), who);
        const code = await newestCode(world(), who.to);
        world().clock.advance({ seconds });
        if (opens) assertPassed(await challenge(client, { code }));
        else assertCodeWrong(await challenge(client, { code }));
      }
    });

    it(`R038: takes no code by ${channel} that was sent to confirm the password, nor the other way round`, async () => {
      const who = await withDelivered(world(), channel);
      const asked = await who.client.post('/user/confirm-password', { password: PASSWORD });
      assertInvalid(asked, { code: ['The code field is required.'] });
      const toConfirm = await newestCode(world(), who.to);
      const client = await waiting(world(), who);
      const toSignIn = await newestCode(world(), who.to);
      assert.notEqual(toSignIn, toConfirm);
      assertCodeWrong(await challenge(client, { code: toConfirm }));
      const body = { password: PASSWORD, code: toSignIn };
      assertCodeWrong(await who.client.post('/user/confirm-password', body));
      assertPassed(await challenge(client, { code: toSignIn }));
    });

    it(`rule 13: takes a recovery code in the place of the code by ${channel}`, async () => {
      const who = await withDelivered(world(), channel);
      assertPassed(await challenge(await waiting(world(), who), { recovery_code: who.recoveryCodes[0] }));
    });
  }
});

describe('a challenge that fails', () => {
  const world = sharedWorld();

  const STRING = (label: string): string => `The ${label} field must be a string.`;
  const LONG = (label: string): string => `The ${label} field must not be greater than 64 characters.`;
  const X65 = 'x'.repeat(65);

  /** Bodies, and what is said of them; none is compared with anything. */
  const forms: [what: string, body: unknown, errors: Record<string, string[]>][] = [
    ['no body', undefined, { code: [CODE_WRONG] }],
    ['an empty body', {}, { code: [CODE_WRONG] }],
    ['a blank code', { code: '' }, { code: [CODE_WRONG] }],
    ['a code of spaces', { code: '   ' }, { code: [CODE_WRONG] }],
    ['no code and no recovery code', { code: null, recovery_code: null }, { code: [CODE_WRONG] }],
    ['a blank recovery code', { recovery_code: ' ' }, { code: [CODE_WRONG] }],
    ['a number for a code', { code: 123456 }, { code: [STRING('code')] }],
    ['a list for a code', { code: ['123456'] }, { code: [STRING('code')] }],
    ['an object for a code', { code: { $ne: '' } }, { code: [STRING('code')] }],
    ['a truth for a code', { code: true }, { code: [STRING('code')] }],
    ['a number for a recovery code', { recovery_code: 1 }, { recovery_code: [STRING('recovery code')] }],
    [
      'numbers for both',
      { recovery_code: 1, code: 2 },
      { code: [STRING('code')], recovery_code: [STRING('recovery code')] },
    ],
    ['a code of 65 characters', { code: X65 }, { code: [LONG('code')] }],
    ['a recovery code of 65 characters', { recovery_code: X65 }, { recovery_code: [LONG('recovery code')] }],
  ];

  it('4.2, R047: names the field of every form that is none, and counts nothing', async () => {
    const who = await withTotp(world());
    const client = await waiting(world(), who);
    for (const [what, body, errors] of forms) {
      const answer = await challenge(client, body);
      assert.equal(answer.status, 422, `${what}: ${answer.text}`);
      assertInvalid(answer, errors);
    }
    assert.deepEqual(await counted(world(), who), { codes: 0, recoveryCodes: 0 });
    assertPassed(await challenge(client, { code: totpNow(world(), who.secret) }));
  });

  it('4.2: says of a wrong code, a wrong recovery code and both the text of the field that was filled', async () => {
    const who = await withTotp(world());
    const client = await waiting(world(), who);
    const code = await wrongCode(world(), who);
    assertCodeWrong(await challenge(client, { code }));
    assertRecoveryCodeWrong(await challenge(client, { recovery_code: 'abcd-efgh-ijkl' }));
    assertRecoveryCodeWrong(await challenge(client, { code, recovery_code: 'abcd-efgh-ijkl' }));
    assert.deepEqual(await counted(world(), who), { codes: 2, recoveryCodes: 2 });
  });

  it('4.2: a blank recovery code is none, and the code is judged', async () => {
    const who = await withTotp(world());
    const client = await waiting(world(), who);
    assertCodeWrong(await challenge(client, { code: await wrongCode(world(), who), recovery_code: ' ' }));
    assertPassed(await challenge(client, { code: totpNow(world(), who.secret), recovery_code: '' }));
  });

  it('4.2: a right code passes beside a wrong recovery code', async () => {
    const who = await withTotp(world());
    const client = await waiting(world(), who);
    const code = totpNow(world(), who.secret);
    assertPassed(await challenge(client, { recovery_code: 'abcd-efgh-ijkl', code }));
    assert.equal((await client.user()).status, 200);
  });

  it('4.2: both together are one attempt of five, and the right one of them passes in the fifth (rule 14)', async () => {
    for (const last of ['code', 'recovery_code'] as const) {
      const who = await withTotp(world());
      const client = await waiting(world(), who);
      const [wrong = '', ...more] = await wrongCodes(world(), who, 4);
      assert.equal(more.length, 3);
      for (const [index, code] of [wrong, ...more].entries()) {
        const answer = await challenge(client, { recovery_code: 'abcd-efgh-ijkl', code });
        assertRecoveryCodeWrong(answer);
        assert.deepEqual(rateOf(answer), ['5', String(4 - index)]);
      }
      assert.deepEqual(await counted(world(), who), { codes: 4, recoveryCodes: 4 });
      const right = { code: totpNow(world(), who.secret), recovery_code: who.recoveryCodes[0] };
      assertPassed(await challenge(client, { recovery_code: 'abcd-efgh-ijkl', code: wrong, [last]: right[last] }));
    }
  });

  it('4.2: with the one used up for the hour, the other is not counted for nothing', async () => {
    const who = await withTotp(world());
    for (let round = 0; round < 2; round += 1) {
      const client = await waiting(world(), who);
      for (const code of await wrongCodes(world(), who, 5)) await challenge(client, { code });
      world().clock.advance({ minutes: 1 });
    }
    const before = await counted(world(), who);
    assert.equal(before.codes, 10);
    const client = await waiting(world(), who);
    const answer = await challenge(client, { recovery_code: 'abcd-efgh-ijkl', code: '000000' });
    assert.equal(answer.status, 429, answer.text);
    assert.deepEqual(await counted(world(), who), before);
    assertPassed(await challenge(client, { recovery_code: who.recoveryCodes[0] }));
  });

  it('4.2: a right recovery code wins over whatever code is beside it', async () => {
    const who = await withTotp(world());
    const client = await waiting(world(), who);
    assertPassed(await challenge(client, { recovery_code: who.recoveryCodes[0], code: await wrongCode(world(), who) }));
    assert.deepEqual(await counted(world(), who), { codes: 0, recoveryCodes: 0 });
  });

  it('4.2: neither field takes what belongs into the other', async () => {
    const who = await withTotp(world());
    const client = await waiting(world(), who);
    assertCodeWrong(await challenge(client, { code: who.recoveryCodes[0] }));
    assertRecoveryCodeWrong(await challenge(client, { recovery_code: totpNow(world(), who.secret) }));
  });

  it('4.2: says without a login that waits what it says of a wrong code, with the headers of the limit', async () => {
    const client = world().another();
    await client.csrfCookie();
    for (const code of ['123456', '654321']) {
      const answer = await challenge(client, { code });
      assertCodeWrong(answer);
      assert.deepEqual(rateOf(answer), ['5', '5']);
    }
    const empty = await challenge(client, {});
    assertCodeWrong(empty);
    assert.deepEqual(rateOf(empty), ['5', '5']);
  });

  it('4.2: is said in English to whom the rest is said in French', async () => {
    const client = await waiting(world(), await withTotp(world()));
    const headers = { 'accept-language': 'fr' };
    assertCodeWrong(await client.post('/auth/two-factor-challenge', { code: 'x' }, { headers }));
    assertRecoveryCodeWrong(await client.post('/auth/two-factor-challenge', { recovery_code: 'x' }, { headers }));
  });

  it('R042: takes the code of the step before, of this one and of the next, by the server’s clock alone', async () => {
    const who = await withTotp(world());
    const client = await waiting(world(), who);
    for (const steps of [-2, 2]) {
      const body = { code: totpNow(world(), who.secret, steps), timestamp: world().clock.now() + steps * 30_000 };
      assertCodeWrong(await challenge(client, body));
    }
    for (const steps of [-1, 0, 1]) {
      assertPassed(await challenge(await waiting(world(), who), { code: totpNow(world(), who.secret, steps) }));
    }
  });

  it('R047, 1: trims a code, and reads it in no other spelling', async () => {
    const who = await withTotp(world());
    const code = totpNow(world(), who.secret);
    const wide = [...code].map((digit) => String.fromCodePoint((digit.codePointAt(0) ?? 0) + 0xfee0)).join('');
    const client = await waiting(world(), who);
    for (const spelled of [wide, `${code.slice(0, 3)} ${code.slice(3)}`, `0${code}`, code.slice(0, 5)]) {
      assertCodeWrong(await challenge(client, { code: spelled }));
    }
    assertPassed(await challenge(client, { code: ` ${code}\n` }));
  });
});

type Proof = { code: string } | { recoveryCode: string };

/** How the second step is taken in the other contracts, by a client of its own. */
const ELSEWHERE = {
  device: (world: OpenedClient, email: string, proof: Proof): Promise<Answer> => {
    const otp = 'code' in proof ? proof.code : proof.recoveryCode;
    return askOther(world.another(), '/api/v1/auth/2fa/verify', { identifier: email, password: PASSWORD, otp });
  },
  bearer: (world: OpenedClient, email: string, proof: Proof): Promise<Answer> => {
    const second = 'code' in proof ? { totpCode: proof.code } : proof;
    return askOther(world.another(), '/api/auth/sign-in', { email, password: PASSWORD, ...second });
  },
  async cookie(world: OpenedClient, email: string, proof: Proof): Promise<Answer> {
    const client = world.another();
    const login = await askOther(client, '/v1/auth/login', { email, password: PASSWORD });
    const cookie = /challenge=[\w-]{43}/.exec(login.setCookies.join())?.[0] ?? assert.fail(login.text);
    return askOther(client, '/v1/auth/two-factor', proof, { cookie });
  },
};

describe('a code that was accepted', () => {
  const world = sharedWorld();

  it('R043: is refused in the same minute by every login, and counts nowhere', async () => {
    const who = await withTotp(world());
    const code = totpNow(world(), who.secret);
    assertPassed(await challenge(await waiting(world(), who), { code }));
    const client = await waiting(world(), who);
    for (let time = 0; time < 7; time += 1) {
      const answer = await challenge(client, { code });
      assertCodeWrong(answer);
      assert.deepEqual(rateOf(answer), ['5', '5']);
    }
    assert.deepEqual(await counted(world(), who), { codes: 0, recoveryCodes: 0 });
    // Nor has it taken one of the login's five tries.
    world().clock.advance({ seconds: 30 });
    assertPassed(await challenge(client, { code: totpNow(world(), who.secret) }));
  });

  it('R043: makes those of the steps before it useless', async () => {
    const who = await withTotp(world());
    assertPassed(await challenge(await waiting(world(), who), { code: totpNow(world(), who.secret) }));
    const client = await waiting(world(), who);
    assertCodeWrong(await challenge(client, { code: totpNow(world(), who.secret, -1) }));
    assertPassed(await challenge(client, { code: totpNow(world(), who.secret, 1) }));
  });

  it('R043: is refused here after it was accepted to confirm a password, or to switch the factor on', async () => {
    const { email } = await world().account();
    const client = world().another();
    await client.login(email);
    await confirmPassword(client);
    const secret = await begin(client);
    const first = totpNow(world(), secret);
    await client.post('/user/confirmed-two-factor-authentication', { code: first });
    const other = world().another();
    await other.login(email);
    assertCodeWrong(await challenge(other, { code: first }));

    const unproven = await withTotp(world());
    const elsewhere = world().another();
    await confirmPassword(unproven.client);
    await unproven.client.delete('/user/two-factor-authentication');
    await elsewhere.login(unproven.email);
    const again = await begin(unproven.client);
    await unproven.client.post('/user/confirmed-two-factor-authentication', { code: totpNow(world(), again) });
    world().clock.advance({ seconds: 60 });
    const code = totpNow(world(), again);
    await confirmPassword(elsewhere, { code });
    const late = world().another();
    await late.login(unproven.email);
    assertCodeWrong(await challenge(late, { code }));
  });

  for (const [contract, complete] of Object.entries(ELSEWHERE)) {
    it(`R043, rule 17: is refused by the ${contract} contract after this one took it, and the other way round`, async () => {
      const who = await withTotp(world());
      const first = totpNow(world(), who.secret);
      assertPassed(await challenge(await waiting(world(), who), { code: first }));
      const refused = await complete(world(), who.email, { code: first });
      assert.equal(refused.status, 401, refused.text);

      world().clock.advance({ minutes: 1 });
      const second = totpNow(world(), who.secret);
      const accepted = await complete(world(), who.email, { code: second });
      assert.equal(accepted.status, 200, accepted.text);
      assertCodeWrong(await challenge(await waiting(world(), who), { code: second }));
      assert.deepEqual(await counted(world(), who), { codes: 0, recoveryCodes: 0 });
    });
  }

  it('R043: was accepted once, of forty times at once here and in the device contract', async () => {
    const who = await withTotp(world());
    const client = await waiting(world(), who);
    const code = totpNow(world(), who.secret);
    const before = await sessionsOf(world(), who);
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        index % 2 === 0 ? challenge(copyOf(world(), client), { code }) : ELSEWHERE.device(world(), who.email, { code }),
      ),
    );
    const accepted = answers.filter(({ status }) => status === 204 || status === 200);
    assert.equal(accepted.length, 1, answers.map(({ status }) => status).join());
    assert.equal(await sessionsOf(world(), who), before + 1);
  });
});

describe('a recovery code', () => {
  const world = sharedWorld();

  for (const [contract, complete] of Object.entries(ELSEWHERE)) {
    it(`C4, rule 13: in the form of this contract opens the ${contract} contract, once`, async () => {
      const who = await withTotp(world());
      const [recoveryCode = ''] = who.recoveryCodes;
      assert.match(recoveryCode, PAIR);
      const accepted = await complete(world(), who.email, { recoveryCode });
      assert.equal(accepted.status, 200, accepted.text);
      const again = await complete(world(), who.email, { recoveryCode });
      assert.equal(again.status, 401, again.text);
      assertRecoveryCodeWrong(await challenge(await waiting(world(), who), { recovery_code: recoveryCode }));
    });
  }

  it('C4, rule 13, R052: in the form of the other contracts opens this one, in every usual spelling, once', async () => {
    const who = await withDelivered(world(), 'email');
    const spellings = [
      (code: string) => code,
      (code: string) => code.toLowerCase(),
      (code: string) => ` ${code.replace(/.{5}(?!$)/g, '$&-')} `,
      (code: string) => code.replaceAll('0', 'O').replaceAll('1', 'l'),
    ];
    for (const [index, spell] of spellings.entries()) {
      const code = who.recoveryCodes[index] ?? '';
      assert.match(code, CROCKFORD);
      world().clock.advance({ seconds: 61 });
      assertPassed(await challenge(await waiting(world(), who), { recovery_code: spell(code) }));
      assertRecoveryCodeWrong(await challenge(await waiting(world(), who), { recovery_code: code }));
    }
  });

  it('R052: is never a part of one', async () => {
    const [totp, email] = [await withTotp(world()), await withDelivered(world(), 'email')];
    for (const who of [totp, email]) {
      const client = await waiting(world(), who);
      const [code = ''] = who.recoveryCodes;
      for (const part of [code.slice(0, -1), code.slice(1), `${code}0`]) {
        assertRecoveryCodeWrong(await challenge(client, { recovery_code: part }));
      }
      assertPassed(await challenge(client, { recovery_code: code }));
    }
  });

  it('R049: is nobody else’s', async () => {
    const [jean, anna] = [await withTotp(world()), await withTotp(world())];
    const client = await waiting(world(), anna);
    assertRecoveryCodeWrong(await challenge(client, { recovery_code: jean.recoveryCodes[0] }));
    assertPassed(await challenge(await waiting(world(), jean), { recovery_code: jean.recoveryCodes[0] }));
  });

  it('R049: opens one session, of fifty times at once', async () => {
    const who = await withTotp(world());
    const client = await waiting(world(), who);
    const [recovery_code] = who.recoveryCodes;
    const before = await sessionsOf(world(), who);
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => challenge(copyOf(world(), client), { recovery_code })),
    );
    assert.equal(answers.filter(({ status }) => status === 204).length, 1);
    assert.equal(await sessionsOf(world(), who), before + 1);
  });

  it('R051: that was used is told to its owner, with how many are left', async () => {
    const who = await withTotp(world());
    assertPassed(await challenge(await waiting(world(), who), { recovery_code: who.recoveryCodes[0] }));
    const mails = await world().mails(who.email);
    const [notice, ...more] = mails.filter(({ subject }) => subject === 'A recovery code was used');
    assert.deepEqual(more, []);
    assert.match(notice?.text ?? '', /^7 codes are left\.$/m);
    assert.deepEqual([notice?.code, notice?.links], [null, []]);
  });
});

describe('wrong codes', () => {
  const world = sharedWorld();

  for (const channel of ['totp', ...DELIVERED] as const) {
    it(`4.2: five of the ${channel} factor in a minute, over two logins; then 429, the right one too (6.3)`, async () => {
      const who = await somebody(world(), channel);
      const clients = [await waiting(world(), who), await waiting(world(), who)];
      const codes = await wrongCodes(world(), who, 5);
      for (const [index, code] of codes.entries()) {
        const answer = await challenge(clients[index % 2] ?? assert.fail(), { code });
        assertCodeWrong(answer);
        assert.deepEqual(rateOf(answer), ['5', String(4 - index)]);
        assert.equal(answer.headers['retry-after'], undefined);
        world().clock.advance({ seconds: 1 });
      }
      for (const client of clients) {
        const limited = await challenge(client, { code: await rightCode(world(), who) });
        assert.equal(assertTooMany(world(), limited, 'code'), 55);
        const byRecoveryCode = await challenge(client, { recovery_code: who.recoveryCodes[0] });
        assert.equal(assertTooMany(world(), byRecoveryCode, 'code'), 55);
      }
      assert.deepEqual(await counted(world(), who), { codes: 5, recoveryCodes: 0 });
      world().clock.advance({ seconds: 54 });
      assert.equal((await challenge(clients[0] ?? assert.fail(), { code: codes[0] })).status, 429);
      world().clock.advance({ seconds: 1 });
      // A code that was sent is dead after five wrong ones, whichever login they were tried in (R035).
      const [again = assert.fail()] = channel === 'totp' ? clients : [await waiting(world(), who)];
      assertPassed(await challenge(again, { code: await rightCode(world(), who) }));
    });
  }

  it('4.2: are limited for their account alone', async () => {
    const [jean, anna] = [await withTotp(world()), await withTotp(world())];
    const client = await waiting(world(), jean);
    for (const code of await wrongCodes(world(), jean, 5)) await challenge(client, { code });
    assertTooMany(world(), await challenge(client, { code: 'x' }), 'code');
    const other = await challenge(await waiting(world(), anna), { code: totpNow(world(), anna.secret) });
    assertPassed(other);
    assert.deepEqual(rateOf(other), ['5', '5']);
  });

  it('4.2: are forgotten after a right one, which counts as none itself', async () => {
    const who = await withTotp(world());
    for (let round = 0; round < 2; round += 1) {
      const client = await waiting(world(), who);
      for (const code of await wrongCodes(world(), who, 4)) assertCodeWrong(await challenge(client, { code }));
      const answer = await challenge(client, { code: totpNow(world(), who.secret, round) });
      assertPassed(answer);
      assert.deepEqual(rateOf(answer), ['5', '5']);
    }
  });

  it('4.2: count recovery codes in the same minute', async () => {
    const who = await withTotp(world());
    const clients = [await waiting(world(), who), await waiting(world(), who)];
    for (let time = 0; time < 5; time += 1) {
      const client = clients[time % 2] ?? assert.fail();
      const answer = await challenge(client, time < 3 ? { recovery_code: `nothing-${time}` } : { code: 'x' });
      assert.deepEqual(rateOf(answer), ['5', String(4 - time)]);
    }
    const recovery = await challenge(clients[0] ?? assert.fail(), { recovery_code: who.recoveryCodes[0] });
    assertTooMany(world(), recovery, 'code');
  });

  it('rule 14, R035: are five of one login, however slowly they come; then the right one is wrong as well', async () => {
    const who = await withTotp(world());
    const client = await waiting(world(), who);
    for (let time = 0; time < 5; time += 1) {
      assertCodeWrong(await challenge(client, { code: await wrongCode(world(), who) }));
      world().clock.advance({ seconds: 61 });
    }
    assertCodeWrong(await challenge(client, { code: totpNow(world(), who.secret) }));
    assertRecoveryCodeWrong(await challenge(client, { recovery_code: who.recoveryCodes[0] }));
    assertPassed(await challenge(await waiting(world(), who), { code: totpNow(world(), who.secret) }));
  });

  it('rule 17, R037: are ten an hour of one account, then 429 until it is over; recovery codes have their own', async () => {
    const who = await withTotp(world());
    for (let round = 0; round < 2; round += 1) {
      const client = await waiting(world(), who);
      for (const code of await wrongCodes(world(), who, 5)) assertCodeWrong(await challenge(client, { code }));
      world().clock.advance({ seconds: 61 });
    }
    const client = await waiting(world(), who);
    const limited = await challenge(client, { code: totpNow(world(), who.secret) });
    assert.equal(assertLater(limited, 'code'), 3600 - 2 * 61);
    assert.deepEqual(await counted(world(), who), { codes: 10, recoveryCodes: 0 });
    assertPassed(await challenge(client, { recovery_code: who.recoveryCodes[0] }));
    world().clock.advance({ minutes: 58 });
    assertPassed(await challenge(await waiting(world(), who), { code: totpNow(world(), who.secret) }));
  });

  it('6.3: that were ten in an hour are told with all headers of a 429, and none left', async () => {
    const who = await withTotp(world());
    for (let round = 0; round < 2; round += 1) {
      const client = await waiting(world(), who);
      for (const code of await wrongCodes(world(), who, 5)) await challenge(client, { code });
      world().clock.advance({ seconds: 61 });
    }
    assertTooMany(world(), await challenge(await waiting(world(), who), { code: 'x' }), 'code');
  });

  it('rule 17: of the other contracts count in the same hour', async () => {
    const who = await withTotp(world());
    const codes = await wrongCodes(world(), who, 10);
    for (const [index, code] of codes.slice(0, 6).entries()) {
      const contract = (['device', 'bearer', 'cookie'] as const)[index % 3] ?? 'device';
      assert.equal((await ELSEWHERE[contract](world(), who.email, { code })).status, 401);
      world().clock.advance({ seconds: 1 });
    }
    const client = await waiting(world(), who);
    for (const code of codes.slice(6)) assertCodeWrong(await challenge(client, { code }));
    assert.deepEqual(await counted(world(), who), { codes: 10, recoveryCodes: 0 });
    const limited = await ELSEWHERE.device(world(), who.email, { code: totpNow(world(), who.secret) });
    assert.equal(limited.status, 429, limited.text);
    assert.equal((await challenge(client, { code: totpNow(world(), who.secret) })).status, 429);
  });

  it('R031: three in a row after the right password are told to the owner', async () => {
    const who = await withTotp(world());
    const before = (await world().mails(who.email)).length;
    const client = await waiting(world(), who);
    const codes = await wrongCodes(world(), who, 3);
    for (const code of codes) {
      assert.equal((await world().mails(who.email)).length, before);
      await challenge(client, { code });
    }
    assert.equal((await world().mails(who.email)).length, before + 1);
  });

  it('rule 23: with limits off are still ten an hour and five of one login', async (t) => {
    const off = await openClient(t, { env: { GUICHET_RATE_LIMITS: 'off' } });
    const who = await withTotp(off);
    for (let login = 0; login < 2; login += 1) {
      const client = await waiting(off, who);
      for (const code of await wrongCodes(off, who, 5)) assertCodeWrong(await challenge(client, { code }));
      assertCodeWrong(await challenge(client, { code: totpNow(off, who.secret) }));
    }
    const answer = await challenge(await waiting(off, who), { code: totpNow(off, who.secret) });
    assert.equal(answer.status, 429, answer.text);
  });
});

describe('who comes at once', () => {
  const world = sharedWorld();

  for (const count of [20, 200]) {
    it(`4.2: ${count} wrong codes, over three logins of one account, are compared five times at most`, async () => {
      const who = await withTotp(world());
      const clients = [await waiting(world(), who), await waiting(world(), who), await waiting(world(), who)];
      const codes = await wrongCodes(world(), who, count);
      const answers = await Promise.all(
        codes.map((code, index) => challenge(copyOf(world(), clients[index % 3] ?? assert.fail()), { code })),
      );
      const statuses = Object.groupBy(answers, ({ status }) => String(status));
      assert.deepEqual([statuses['422']?.length, statuses['429']?.length], [5, count - 5]);
      assert.deepEqual(await counted(world(), who), { codes: 5, recoveryCodes: 0 });
    });
  }
});
