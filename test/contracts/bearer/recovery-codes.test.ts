import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hasPostgres, makePostgresDatabase } from '../../support/databases.ts';
import { type Answer, openClient, PASSWORD, sharedWorld, WRONG } from './client.ts';
import {
  assertDue,
  assertInvalid,
  assertLater,
  assertRefused,
  assertSignedIn,
  CHANNELS,
  counted,
  RECOVERY_CODE,
  type Somebody,
  signInFully,
  stolen,
  withFactor,
  wrongCode,
  wrongCodes,
} from './factor-people.ts';

const USED = 'A recovery code was used';
const RENEWED = 'New recovery codes were made';
/** In the form of a code, and nobody's. */
const wrongRecoveryCode = (index: number): string => String(index).padStart(25, '7');

describe('the recovery codes', () => {
  const world = sharedWorld();
  const signIn = (who: Somebody, recoveryCode: string) =>
    world().another().signIn(who.email, PASSWORD, { recoveryCode });

  it('are ten of 25 characters, none like another, and kept nowhere (R048)', async () => {
    const who = await withFactor(world());
    const sets = [who.recoveryCodes];
    for (let time = 0; time < 5; time += 1) {
      const answer = await who.client.post('/two-factor/recovery-codes', undefined);
      const { recoveryCodes = [] } = answer.body;
      assert.deepEqual([answer.status, answer.body], [200, { success: true, recoveryCodes }]);
      assert.equal(answer.headers['cache-control'], 'no-store');
      sets.push(recoveryCodes);
    }
    for (const codes of sets) assert.equal(codes.length, 10);
    assert.equal(new Set(sets.flat()).size, 60);
    for (const code of sets.flat()) assert.match(code, RECOVERY_CODE);
    const texts = [await stolen(world()), JSON.stringify(await world().mails(who.email))];
    for (const path of ['/session', '/sessions', '/passkeys', '/accounts'])
      texts.push((await who.client.get(path)).text);
    for (const code of sets.flat()) assert.ok(!texts.some((text) => text.includes(code)));
  });

  it('are shown by no later answer of two-factor/verify (R048)', async () => {
    const { client, secret } = await withFactor(world());
    const answer = await client.post('/two-factor/verify', { code: world().totp(secret) });
    assert.deepEqual(Object.keys(answer.body), ['success', 'user']);
  });

  for (const channel of CHANNELS) {
    it(`stand for the ${channel} factor at sign-in, each once (R049)`, async () => {
      const who = await withFactor(world(), channel);
      const [first = '', second = ''] = who.recoveryCodes;
      // With the first step before it, and without.
      assertDue(await world().another().signIn(who.email), channel);
      assertSignedIn(await signIn(who, first), who.email);
      assertRefused(await signIn(who, first), 401, 'INVALID_TOTP');
      assertSignedIn(await signIn(who, second), who.email);
    });
  }

  it('stand for it wherever a factor is asked for (R049)', async () => {
    const who = await withFactor(world());
    const [a, b, c, d, e] = who.recoveryCodes;
    const ways: Record<string, (body: object) => Promise<Answer>> = {
      '/sign-in': (body) => world().another().signIn(who.email, PASSWORD, body),
      '/magic-link/verify': async (body) =>
        world()
          .another()
          .post('/magic-link/verify', { token: await world().magicLink(who.email), ...body }),
      '/reauthenticate': (body) => who.client.post('/reauthenticate', body),
      '/two-factor/enable': (body) => who.client.post('/two-factor/enable', { password: PASSWORD, ...body }),
      '/two-factor/recovery-codes': (body) =>
        who.client.post('/two-factor/recovery-codes', { password: PASSWORD, ...body }),
    };
    for (const [index, [path, way]] of Object.entries(ways).entries()) {
      world().clock.advance({ minutes: 11 });
      const recoveryCode = [a, b, c, d, e][index];
      const answer = await way({ recoveryCode });
      assert.equal(answer.status, 200, `${path}: ${answer.text}`);
      world().clock.advance({ minutes: 11 });
      assertRefused(await way({ recoveryCode }), 401, 'INVALID_TOTP', path);
    }
  });

  it('are nobody else’s (R049)', async () => {
    const [ada, eve] = [await withFactor(world()), await withFactor(world())];
    const [code = ''] = ada.recoveryCodes;
    assertRefused(await signIn(eve, code), 401, 'INVALID_TOTP');
    assertSignedIn(await signIn(ada, code), ada.email);
  });

  it('are no codes of an authenticator, nor those recovery codes', async () => {
    const who = await withFactor(world());
    const [code = ''] = who.recoveryCodes;
    const totpCode = world().totp(who.secret);
    const misplaced = [{ totpCode: code }, { recoveryCode: totpCode }];
    for (const proof of misplaced) {
      assertRefused(await world().another().signIn(who.email, PASSWORD, proof), 401, 'INVALID_TOTP');
    }
    assertSignedIn(await signIn(who, code), who.email);
    assertSignedIn(await world().another().signIn(who.email, PASSWORD, { totpCode }), who.email);
  });

  it('are not used up by a sign-in whose password is wrong (K16)', async () => {
    const who = await withFactor(world());
    const [recoveryCode = ''] = who.recoveryCodes;
    const wrong = await world().another().signIn(who.email, WRONG, { recoveryCode });
    assertRefused(wrong, 401, 'INVALID_CREDENTIALS');
    assertSignedIn(await signIn(who, recoveryCode), who.email);
  });

  it('are read as people write them, and never as a part of themselves (R052)', async () => {
    const who = await withFactor(world());
    const codes = [...who.recoveryCodes];
    const asLetters = (code: string): string => code.replaceAll('0', 'o').replaceAll('1', 'l');
    const spellings: ((code: string) => string)[] = [
      (code) => code.toLowerCase(),
      (code) => code.replace(/.{5}(?=.)/g, '$&-'),
      (code) => ` ${code.replace(/.{4}(?=.)/g, '$& ')} `,
      (code) => asLetters(code),
      (code) => asLetters(code).toUpperCase(),
      (code) => code.replaceAll('1', 'I').replaceAll('0', 'O'),
    ];
    for (const spell of spellings) assertSignedIn(await signIn(who, spell(codes.pop() ?? '')), who.email);
    const [code = ''] = codes;
    const others = [code.slice(0, 24), code.slice(1), `${code}0`, `${code.slice(0, 24)}*`, `${code}${code}`];
    for (const other of others) assertRefused(await signIn(who, other), 401, 'INVALID_TOTP', other);
    assertSignedIn(await signIn(who, code), who.email);
  });

  it('are texts (R047)', async () => {
    const who = await withFactor(world());
    const [code] = who.recoveryCodes;
    for (const recoveryCode of [0, 12345, null, true, [], [code], {}, { $ne: '' }]) {
      const type = { recoveryCode: 'This field has the wrong type' };
      for (const answer of [
        await world().another().signIn(who.email, PASSWORD, { recoveryCode }),
        await who.client.post('/reauthenticate', { recoveryCode }),
        await who.client.post('/two-factor/disable', { recoveryCode }),
        await world().another().post('/exchange', { code: 'x', recoveryCode }),
        await world().another().post('/magic-link/verify', { token: 'x', recoveryCode }),
      ]) {
        assertInvalid(answer, type, JSON.stringify(recoveryCode));
      }
    }
    const long = await world()
      .another()
      .signIn(who.email, PASSWORD, { recoveryCode: 'A'.repeat(65) });
    assertInvalid(long, { recoveryCode: 'This value is too long' });
    assert.equal((await counted(world(), who.account)).recoveryCodes, 0);
  });

  it('have ten wrong tries an hour of their own, and the other codes theirs (R050, R037)', async () => {
    const who = await withFactor(world());
    const [recoveryCode = ''] = who.recoveryCodes;
    for (let time = 0; time < 10; time += 1) {
      const code = wrongRecoveryCode(time);
      const answer =
        time % 2 ? await signIn(who, code) : await who.client.post('/reauthenticate', { recoveryCode: code });
      assertRefused(answer, 401, 'INVALID_TOTP');
    }
    assert.deepEqual(await counted(world(), who.account), { codes: 0, recoveryCodes: 10, inARow: 10 });
    assert.equal(assertLater(await signIn(who, recoveryCode), 429), 3600);
    assertLater(await who.client.post('/reauthenticate', { recoveryCode }), 429);
    // The authenticator still opens, and does not give the ten back.
    await signInFully(world(), who);
    assertLater(await signIn(who, recoveryCode), 429);
    world().clock.advance({ hours: 1 });
    assertSignedIn(await signIn(who, recoveryCode), who.email);
    for (const totpCode of await wrongCodes(world(), who, 10)) {
      await world().another().signIn(who.email, PASSWORD, { totpCode });
    }
    assertLater(
      await world()
        .another()
        .signIn(who.email, PASSWORD, { totpCode: world().totp(who.secret) }),
      429,
    );
    assertSignedIn(await signIn(who, who.recoveryCodes[1] ?? ''), who.email);
  });

  it('count with the other codes towards the thirty in a row that switch the password off (R050)', async () => {
    const who = await withFactor(world());
    for (let hour = 0; hour < 2; hour += 1) {
      for (const [index, totpCode] of (await wrongCodes(world(), who, 8)).entries()) {
        await world().another().signIn(who.email, PASSWORD, { totpCode });
        await signIn(who, wrongRecoveryCode(index));
      }
      world().clock.advance({ hours: 1 });
    }
    assert.equal((await world().world.store.accounts.find(who.account.id))?.wrongCodes, 30);
    const answer = await signIn(who, who.recoveryCodes[0] ?? '');
    assertRefused(answer, 401, 'INVALID_CREDENTIALS');
  });

  it('are told of when one is used, with how many are left, and at three or fewer that new ones are due (R051)', async () => {
    const who = await withFactor(world());
    const notices = async () => (await world().mails(who.email)).filter(({ subject }) => subject === USED);
    for (const [index, code] of who.recoveryCodes.entries()) {
      assertSignedIn(await signIn(who, code), who.email);
      const [notice, ...before] = await notices();
      assert.equal(before.length, index);
      const left = 9 - index;
      const said = left === 0 ? 'It was the last one' : left === 1 ? '1 code is left' : `${left} codes are left`;
      assert.ok(notice?.text.includes(said), notice?.text);
      assert.equal(/make new ones now/.test(notice?.text ?? ''), left <= 3, notice?.text);
      assert.ok(!notice?.text.includes(code));
      assert.deepEqual([notice?.code, notice?.links], [null, []]);
      world().clock.advance({ seconds: 1 });
    }
    assertDue(await world().another().signIn(who.email), 'totp');
  });

  it('are made anew in the session that one of them opened, and all the old ones die (R051)', async () => {
    const who = await withFactor(world());
    const client = world().another();
    await client.signIn(who.email, PASSWORD, { recoveryCode: who.recoveryCodes[0] });
    const { recoveryCodes = [] } = (await client.post('/two-factor/recovery-codes')).body;
    assert.equal(recoveryCodes.length, 10);
    assert.equal((await world().mails(who.email)).filter(({ subject }) => subject === RENEWED).length, 1);
    for (const code of who.recoveryCodes.slice(0, 3)) assertRefused(await signIn(who, code), 401, 'INVALID_TOTP');
    assertSignedIn(await signIn(who, recoveryCodes[9] ?? ''), who.email);
    await signInFully(world(), who);
  });

  it('are made anew after a fresh proof of the factor alone (R051)', async () => {
    const who = await withFactor(world());
    const renew = (body?: object) => who.client.post('/two-factor/recovery-codes', body);
    // Since it was switched on.
    world().clock.advance({ minutes: 8, seconds: 59 });
    assert.equal((await renew()).status, 200);
    world().clock.advance({ seconds: 1 });
    const totpCode = world().totp(who.secret);
    for (const body of [undefined, {}, { password: PASSWORD }, { totpCode }]) {
      assertRefused(await renew(body), 403, 'REAUTH_REQUIRED', JSON.stringify(body));
    }
    assertRefused(await renew({ password: WRONG, totpCode }), 401, 'INVALID_CREDENTIALS');
    const wrong = { password: PASSWORD, totpCode: await wrongCode(world(), who) };
    assertRefused(await renew(wrong), 401, 'INVALID_TOTP');
    assert.equal((await renew({ password: PASSWORD, totpCode })).body.recoveryCodes?.length, 10);
  });

  it('are none without a second factor', async () => {
    const { client } = await world().signedIn();
    assertRefused(await client.post('/two-factor/recovery-codes', { password: PASSWORD }), 404, 'NOT_FOUND');
  });
});

describe('two servers and one recovery code', { skip: hasPostgres ? false : 'no PostgreSQL server' }, () => {
  it('let of fifty callers one in (R049)', async (t) => {
    const env = { GUICHET_DATABASE_URL: await makePostgresDatabase(t, { migrated: true }) };
    const first = await openClient(t, { env });
    const second = await openClient(t, { env, overrides: { clock: first.clock } });
    const who = await withFactor(first);
    const [recoveryCode = ''] = who.recoveryCodes;
    const totpCode = first.totp(who.secret);
    for (const proof of [{ recoveryCode }, { totpCode }]) {
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, index) =>
          (index % 2 ? first : second).another().signIn(who.email, PASSWORD, proof),
        ),
      );
      for (const answer of answers) {
        // A recovery code that was used is gone: to come with it again is to come with a wrong one, ten times an hour.
        if (answer.status !== 200) assert.ok([401, 429, 503].includes(answer.status), answer.text);
      }
      assert.equal(answers.filter(({ status }) => status === 200).length, 1);
    }
    const sessions = await first.handle.read
      .selectFrom('session')
      .select('id')
      .where('account_id', '=', who.account.id)
      .execute();
    assert.equal(sessions.length, 3);
    assert.equal(await first.world.store.secondFactors.countRecoveryCodes(who.account.id), 9);
  });
});
