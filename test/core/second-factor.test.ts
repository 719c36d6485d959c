import assert from 'node:assert/strict';
import { it } from 'node:test';
import { stepAt, totpAt } from '../../src/core/totp.ts';
import { OTHER_PASSWORD, onEachDatabase, PASSWORD, WRONG } from '../support/stage.ts';
import {
  asCode,
  codeWrong,
  FACTORS,
  type FactorStage,
  openFactors,
  outcomeOf,
  type Somebody,
} from './second-factors.ts';

const LIMITED = { code: 'rate_limited' } as const;

/** Wrong codes of a sign-in, over as many logins as they need. */
async function fail(stage: FactorStage, who: Somebody, times: number): Promise<void> {
  for (let done = 0; done < times; ) {
    // Newer than the one before, which is used up.
    stage.clock.advance({ seconds: 61 });
    const pending = await stage.login(who);
    const codes = await stage.wrong(who, Math.min(5, times - done));
    for (const code of codes) await assert.rejects(stage.complete(pending, asCode(code)), codeWrong);
    done += codes.length;
  }
}

const atStep = (stage: FactorStage, who: Somebody, distance: number): string =>
  totpAt(who.secret, stepAt(stage.clock.now()) + distance);

onEachDatabase('wrong second factors', (open) => {
  for (const channel of FACTORS) {
    it(`are ten an hour an account, whatever login or contract they are for: ${channel} (R037)`, async () => {
      const stage = await openFactors(open);
      const who = await stage.somebody(channel);
      await fail(stage, who, 5);
      const first = stage.clock.now();
      const pending = await stage.login(who, { contract: 'device' });
      const right = await stage.code(who);
      for (const code of await stage.wrong(who, 5)) {
        await assert.rejects(stage.complete(pending, asCode(code), { contract: 'device' }), codeWrong);
      }
      assert.deepEqual(await stage.counted(who), { codes: 10, recoveryCodes: 0, inARow: 10 });
      stage.clock.advance({ minutes: 2 });
      const latest = await stage.login(who);
      const refusal = { ...LIMITED, facts: { retryAfterSeconds: 3600 - 120 } };
      await assert.rejects(stage.complete(latest, asCode(await stage.code(who))), refusal);
      await assert.rejects(stage.complete(pending, asCode(right), { contract: 'device' }), codeWrong);
      // What is refused so is no try, and the other kind has an hour of its own.
      assert.deepEqual(await stage.counted(who), { codes: 10, recoveryCodes: 0, inARow: 10 });
      await stage.complete(latest, { recoveryCode: who.recoveryCodes[0] ?? '' });

      stage.clock.advance({ milliseconds: first + 3_600_000 - stage.clock.now() });
      await stage.signInFully(who);
      assert.deepEqual(await stage.counted(who), { codes: 0, recoveryCodes: 0, inARow: 0 });
    });
  }

  it('of a session that is made fresh count with those of a sign-in', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('totp');
    const live = await stage.liveFully(who);
    await fail(stage, who, 5);
    const again = (code: string) =>
      stage.identity.reauthenticate({ live, secondFactor: asCode(code), caller: stage.caller() });
    for (const code of await stage.wrong(who, 5)) await assert.rejects(again(code), codeWrong);
    await assert.rejects(again(await stage.code(who)), LIMITED);
    await assert.rejects(stage.complete(await stage.login(who), asCode(await stage.code(who))), LIMITED);
  });

  it('go on being counted through right passwords between them (R025)', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('totp');
    for (const code of await stage.wrong(who, 9)) {
      stage.clock.advance({ seconds: 1 });
      await assert.rejects(stage.complete(await stage.login(who), asCode(code)), codeWrong);
    }
    assert.deepEqual(await stage.counted(who), { codes: 9, recoveryCodes: 0, inARow: 9 });
  });

  it('leave the count of wrong passwords alone, and a right code does too (R025)', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('totp');
    const live = await stage.liveFully(who);
    await stage.fail(who.email, 9);
    stage.clock.advance({ minutes: 1 });
    const secondFactor = asCode(await stage.code(who));
    await stage.identity.reauthenticate({ live, secondFactor, caller: stage.caller() });
    await stage.fail(who.email, 1);
    await assert.rejects(stage.trySignIn(who.email), { code: 'account_locked' });
  });

  it('are told to the owner from the third in a row on, once', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('totp');
    await fail(stage, who, 2);
    assert.deepEqual(await stage.subjectsTo(who.email), []);
    await fail(stage, who, 1);
    const [notice, ...others] = await stage.mails(who.email);
    assert.deepEqual([others, notice?.code, notice?.links], [[], null, []]);
    await fail(stage, who, 5);
    assert.equal((await stage.mails(who.email)).length, 1);
    stage.clock.advance({ hours: 1 });
    await stage.signInFully(who);
    const before = (await stage.mails(who.email)).length;
    await fail(stage, who, 3);
    const [again] = (await stage.mails(who.email)).slice(0, -before);
    assert.equal(again?.subject, notice?.subject);
  });

  it('disable the password at the thirtieth in a row, until a reset, and the owner is told', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('totp');
    const live = await stage.liveFully(who);
    for (const count of [10, 10, 9]) {
      await fail(stage, who, count);
      stage.clock.advance({ hours: 1 });
    }
    const pending = await stage.login(who);
    const before = (await stage.subjectsTo(who.email)).length;
    await fail(stage, who, 1);
    assert.equal((await stage.subjectsTo(who.email)).length, before + 1);
    assert.deepEqual((await stage.recorded(who.uuid)).at(-1), 'password.disabled');
    const right = asCode(await stage.code(who));
    await assert.rejects(stage.complete(pending, right), codeWrong);
    for (const password of [PASSWORD, WRONG]) {
      await assert.rejects(stage.trySignIn(who.email, { password }), { code: 'invalid_credentials' });
    }
    // A factor is never suspended, and sessions are not theirs who failed.
    assert.equal((await stage.world.store.sessions.find(live.session.id))?.account.codeFactor, 'totp');

    await stage.identity.startPasswordReset({ contract: 'cookie', email: who.email, caller: stage.caller() });
    const token = await stage.tokenFor(who.email);
    await stage.identity.finishPasswordReset({
      ...{ contract: 'cookie', token, password: OTHER_PASSWORD, caller: stage.caller() },
    });
    stage.clock.advance({ hours: 1 });
    assert.equal((await stage.counted(who)).inARow, 0);
    await stage.signInFully(who, { password: OTHER_PASSWORD });
  });

  it('begin a new row after a right one, a recovery code included', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('totp');
    await fail(stage, who, 4);
    await stage.complete(await stage.login(who), { recoveryCode: who.recoveryCodes[0] ?? '' });
    assert.deepEqual(await stage.counted(who), { codes: 4, recoveryCodes: 0, inARow: 0 });
  });

  it('are recorded, and so is the right one', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('totp');
    const before = (await stage.recorded(who.uuid)).length;
    const pending = await stage.login(who);
    const [wrong = ''] = await stage.wrong(who, 1);
    await assert.rejects(stage.complete(pending, asCode(wrong)), codeWrong);
    await stage.complete(pending, asCode(await stage.code(who)));
    assert.deepEqual((await stage.recorded(who.uuid)).slice(before), [
      'sign_in.second_factor_due',
      'sign_in.second_factor_failed',
      'sign_in.succeeded',
    ]);
  });
});

onEachDatabase('the code of an authenticator', (open) => {
  it('is taken from the step before to the one after (R042)', async () => {
    const stage = await openFactors(open);
    const outcomes: Record<string, string> = {};
    for (const distance of [-2, -1, 0, 1, 2]) {
      const who = await stage.somebody('totp');
      const code = asCode(atStep(stage, who, distance));
      outcomes[distance] = await outcomeOf(stage.complete(await stage.login(who), code));
    }
    assert.deepEqual(outcomes, { '-2': 'code_wrong', '-1': 'yes', '0': 'yes', '1': 'yes', '2': 'code_wrong' });
  });

  it('is taken once, and none of an older step after it, on any surface and without counting (R043)', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('totp');
    const [before, now, next] = [-1, 0, 1].map((distance) => asCode(atStep(stage, who, distance)));
    assert.ok(before && now && next);
    const live = await stage.liveIn('cookie', await stage.complete(await stage.login(who), now));
    for (const spent of [now, before]) {
      await assert.rejects(stage.complete(await stage.login(who), spent), codeWrong);
      const byDevice = await stage.login(who, { contract: 'device' });
      await assert.rejects(stage.complete(byDevice, spent, { contract: 'device' }), codeWrong);
      const again = stage.identity.reauthenticate({ live, secondFactor: spent, caller: stage.caller() });
      await assert.rejects(again, codeWrong);
    }
    // Nor is it a try of the login's five.
    stage.clock.advance({ seconds: 1 });
    const pending = await stage.login(who);
    for (let time = 0; time < 6; time += 1) await assert.rejects(stage.complete(pending, now), codeWrong);
    assert.deepEqual(await stage.counted(who), { codes: 0, recoveryCodes: 0, inARow: 0 });
    await stage.complete(pending, next);
  });
});

onEachDatabase('what is no code (R047)', (open) => {
  for (const channel of FACTORS) {
    it(`is a wrong ${channel} code, however much it looks like one`, async () => {
      const stage = await openFactors(open);
      const who = await stage.somebody(channel);
      await stage.login(who);
      const right = await stage.code(who);
      const fullWidth = right.replace(/\d/g, (digit) => String.fromCharCode(0xff10 + Number(digit)));
      const arabic = right.replace(/\d/g, (digit) => String.fromCharCode(0x660 + Number(digit)));
      const spellings = [
        ...['', ' ', '0', right.slice(1), right.slice(0, 5), `${right}0`, `0${right}`, ` ${right}`, `${right}\n`],
        ...[`${right.slice(0, 3)} ${right.slice(3)}`, `+${right}`, `-${right}`, `${right}.0`, `0x${right}`],
        ...[fullWidth, arabic, `${right}\0`, `"${right}"`, `[${right}]`, 'null', 'NaN', '🦊🦊🦊'],
      ];
      for (const spelling of spellings) {
        stage.clock.advance({ hours: 1, seconds: 1 });
        const pending = await stage.login(who);
        await assert.rejects(stage.complete(pending, asCode(spelling)), codeWrong, JSON.stringify(spelling));
      }
      assert.equal((await stage.counted(who)).inARow, spellings.length);
    });
  }
});

onEachDatabase('a reset of the password (R064)', (open) => {
  for (const channel of FACTORS) {
    it(`leaves the ${channel} factor in place, signs nobody in and ends every session`, async () => {
      const stage = await openFactors(open);
      const who = await stage.somebody(channel);
      const caller = stage.caller();
      const sessions = [await stage.signInFully(who, { caller })];
      stage.clock.advance({ minutes: 2 });
      const byDevice = await stage.signInFully(who, { contract: 'device' });
      const pending = await stage.login(who);
      const links: string[] = [];
      for (let time = 0; time < 2; time += 1) {
        stage.clock.advance({ minutes: 2 });
        await stage.identity.startPasswordReset({ contract: 'cookie', email: who.email, caller });
        links.push(await stage.tokenFor(who.email));
      }
      const reset = (token: string) =>
        stage.identity.finishPasswordReset({ contract: 'cookie', token, password: OTHER_PASSWORD, caller });
      assert.deepEqual(await reset(links[1] ?? ''), { redirectUrl: null });
      await assert.rejects(reset(links[0] ?? ''), { code: 'token_invalid' });
      for (const session of sessions) {
        await assert.rejects(stage.live(session), { code: 'session_ended' });
        await assert.rejects(stage.refresh(session.refreshToken, caller), { code: 'session_ended' });
      }
      await assert.rejects(stage.liveIn('device', byDevice), { code: 'session_ended' });
      await assert.rejects(stage.complete(pending, { recoveryCode: who.recoveryCodes[0] ?? '' }), codeWrong);
      const next = await stage.login(who, { password: OTHER_PASSWORD });
      assert.equal(next.channel, channel);
      await stage.complete(next, asCode(await stage.code(who)));
    });
  }
});
