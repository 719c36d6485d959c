import assert from 'node:assert/strict';
import { it } from 'node:test';
import { onEachDatabase, PASSWORD } from '../support/stage.ts';
import {
  asCode,
  codeWrong,
  DELIVERED,
  FACTORS,
  type FactorStage,
  openFactors,
  type Somebody,
} from './second-factors.ts';

const pendingOf = (stage: FactorStage, { id }: Somebody) =>
  stage.handle.read
    .selectFrom('pending_login')
    .select(['contract', 'tries'])
    .where('account_id', '=', id)
    .orderBy('created_at')
    .execute();

onEachDatabase('a sign-in that waits for its second factor', (open) => {
  for (const channel of FACTORS) {
    it(`is completed by the right code of the ${channel} factor, once`, async () => {
      const stage = await openFactors(open);
      const who = await stage.somebody(channel);
      const pending = await stage.login(who);
      assert.match(pending.challenge, /^[\w-]{43}$/);
      assert.deepEqual(pending, { outcome: 'second_factor_due', channel, challenge: pending.challenge });
      const code = await stage.code(who);
      const { account, session } = await stage.complete(pending, asCode(code));
      assert.deepEqual([account.uuid, session.factorProvenAt], [who.uuid, stage.clock.now()]);
      await assert.rejects(stage.complete(pending, asCode(code)), codeWrong);
      assert.deepEqual(await stage.counted(who), { codes: 0, recoveryCodes: 0, inARow: 0 });
    });

    it(`is over after ten minutes, with the ${channel} factor`, async () => {
      const stage = await openFactors(open);
      const who = await stage.somebody(channel);
      const [inTime, late] = [await stage.login(who), await stage.login(who)];
      stage.clock.advance({ minutes: 9, seconds: 59 });
      const code = await stage.code(who);
      await stage.complete(inTime, asCode(code));
      stage.clock.advance({ seconds: 1 });
      // An authenticator shows a new one by then; what was sent is spent, and its time is over too.
      await assert.rejects(stage.complete(late, asCode(await stage.code(who))), codeWrong);
      assert.deepEqual(await stage.counted(who), { codes: 0, recoveryCodes: 0, inARow: 0 });
    });

    it(`takes five tries of the ${channel} factor, and then not even the right one`, async () => {
      const stage = await openFactors(open);
      const who = await stage.somebody(channel);
      const pending = await stage.login(who);
      for (const code of await stage.wrong(who, 5)) {
        await assert.rejects(stage.complete(pending, asCode(code)), codeWrong);
      }
      await assert.rejects(stage.complete(pending, asCode(await stage.code(who))), codeWrong);
      await assert.rejects(stage.complete(pending, { recoveryCode: who.recoveryCodes[0] ?? '' }), codeWrong);
      assert.deepEqual(await stage.counted(who), { codes: 5, recoveryCodes: 0, inARow: 5 });
    });
  }

  it('is one of three an account, over all contracts: the oldest gives way', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('totp');
    const pending = [];
    for (const contract of ['cookie', 'device', 'cookie', 'device'] as const) {
      stage.clock.advance({ seconds: 1 });
      pending.push({ contract, ...(await stage.login(who, { contract })) });
    }
    const [oldest, ...kept] = pending;
    assert.deepEqual(
      (await pendingOf(stage, who)).map(({ contract }) => contract),
      kept.map(({ contract }) => contract),
    );
    const code = asCode(await stage.code(who));
    await assert.rejects(stage.complete(oldest ?? assert.fail(), code), codeWrong);
    await stage.complete(kept[0] ?? assert.fail(), code, { contract: 'device' });
  });

  it('is visible to the contract that opened it alone', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('totp');
    const caller = stage.caller();
    const byCookie = await stage.login(who, { caller });
    const code = asCode(await stage.code(who));
    await assert.rejects(stage.complete(byCookie, code, { contract: 'device', caller }), codeWrong);
    const byNetwork = { name: { identifier: who.email } };
    await assert.rejects(stage.complete(byNetwork, code, { contract: 'device', caller }), codeWrong);
    const byDevice = await stage.login(who, { contract: 'device', caller });
    await assert.rejects(stage.complete(byDevice, code, { contract: 'cookie', caller }), codeWrong);
    await stage.complete(byDevice, code, { contract: 'device', caller });
    assert.deepEqual(await stage.counted(who), { codes: 0, recoveryCodes: 0, inARow: 0 });
  });

  it('is opened by the right password alone', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('email');
    await assert.rejects(stage.trySignIn(who.email, { password: 'not it' }), { code: 'invalid_credentials' });
    assert.deepEqual(await pendingOf(stage, who), []);
    assert.deepEqual(await stage.codesTo(who.email), []);
  });

  for (const channel of DELIVERED) {
    it(`shares its ${channel} code with the one of a minute ago, and both challenges work`, async () => {
      const stage = await openFactors(open);
      const who = await stage.somebody(channel);
      const first = await stage.login(who);
      stage.clock.advance({ seconds: 59 });
      const second = await stage.login(who);
      const codes = await stage.codesTo(channel === 'sms' ? who.phone : who.email);
      assert.equal(codes.length, 1);
      assert.notEqual(first.challenge, second.challenge);
      const code = asCode(codes[0] ?? '');
      await stage.complete(second, code);
      // One code, one sign-in.
      await assert.rejects(stage.complete(first, code), codeWrong);

      const [third, fourth] = [await stage.login(who), await stage.login(who)];
      await stage.complete(third, asCode(await stage.code(who)));
      await assert.rejects(stage.complete(fourth, asCode(await stage.code(who))), codeWrong);
    });

    it(`shares the five tries of its ${channel} code, a new one included (R035, R036)`, async () => {
      for (const again of [false, true]) {
        const stage = await openFactors(open);
        const who = await stage.somebody(channel);
        const [first, second] = [await stage.login(who), await stage.login(who)];
        for (const code of await stage.wrong(who, 4)) {
          await assert.rejects(stage.complete(first, asCode(code)), codeWrong);
        }
        const sentBefore = await stage.code(who);
        stage.clock.advance({ seconds: 60 });
        if (again) {
          const { challenge } = first;
          await stage.identity.resendSignInCode({ contract: 'cookie', name: { challenge }, caller: stage.caller() });
        }
        const right = await stage.code(who);
        assert.equal(right !== sentBefore, again);
        const [fifth = ''] = await stage.wrong(who, 1);
        await assert.rejects(stage.complete(second, asCode(fifth)), codeWrong);
        await assert.rejects(stage.complete(second, asCode(right)), codeWrong);
        assert.equal((await stage.counted(who)).codes, 5);
      }
    });

    it(`has a ${channel} code of its own after a minute, which the one before does not take`, async () => {
      const stage = await openFactors(open);
      const who = await stage.somebody(channel);
      const first = await stage.login(who);
      const oldCode = asCode(await stage.code(who));
      stage.clock.advance({ seconds: 60 });
      const second = await stage.login(who);
      const newCode = asCode(await stage.code(who));
      assert.notDeepEqual(newCode, oldCode);
      await assert.rejects(stage.complete(first, newCode), codeWrong);
      await assert.rejects(stage.complete(second, oldCode), codeWrong);
      await stage.complete(second, newCode);
      await stage.complete(first, oldCode);
    });
  }

  it('is sent a code at once in each contract, whatever the other was sent just now', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('email');
    const byCookie = await stage.login(who);
    const cookieCode = asCode(await stage.code(who));
    stage.clock.advance({ seconds: 1 });
    const byDevice = await stage.login(who, { contract: 'device' });
    const deviceCode = asCode(await stage.code(who));
    assert.notDeepEqual(cookieCode, deviceCode);
    await assert.rejects(stage.complete(byDevice, cookieCode, { contract: 'device' }), codeWrong);
    await stage.complete(byDevice, deviceCode, { contract: 'device' });
    await stage.complete(byCookie, cookieCode);
  });

  const ends: Record<string, (stage: FactorStage, who: Somebody) => Promise<unknown>> = {
    'a change of the password': async (stage, who) => {
      const live = await stage.liveFully(who);
      const newPassword = 'granite otter parade';
      await stage.identity.changePassword({ live, currentPassword: PASSWORD, newPassword, caller: stage.caller() });
    },
    'a reset of the password': async (stage, who) => {
      const { uuid } = who;
      await stage.identity.setPassword({ uuid, password: 'granite otter parade' });
    },
    'a sign-out everywhere': async (stage, who) =>
      stage.identity.endOtherSessions({ live: await stage.liveFully(who), caller: stage.caller() }),
    'another factor': async (stage, who) => {
      const live = await stage.liveFully(who);
      const caller = stage.caller();
      const started = await stage.identity.startSecondFactor({ live, channel: 'email', caller });
      const code = await stage.code({ ...who, channel: started.channel });
      await stage.identity.confirmSecondFactor({ live, code, revokeOtherSessions: false, caller });
    },
    'whatever else moves the account’s epoch': (stage, { id }) =>
      stage.world.store.transaction(({ accounts }) => accounts.moveEpoch(id, stage.clock.now())),
    'an operator’s lock that was lifted again': async (stage, { uuid }) => {
      await stage.identity.lockAccount({ uuid });
      await stage.identity.unlockAccount({ uuid });
    },
  };
  for (const [what, end] of Object.entries(ends)) {
    it(`is ended by ${what}`, async () => {
      const stage = await openFactors(open);
      const who = await stage.somebody('totp');
      const pending = await stage.login(who);
      await end(stage, who);
      stage.clock.advance({ seconds: 30 });
      await assert.rejects(stage.complete(pending, asCode(await stage.code(who))), codeWrong);
      await assert.rejects(stage.complete(pending, { recoveryCode: who.recoveryCodes[0] ?? '' }), codeWrong);
    });
  }
});
