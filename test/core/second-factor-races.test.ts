import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { SecondFactorDue } from '../../src/core/pending-login.ts';
import type { SecondFactorProof } from '../../src/core/second-factor.ts';
import { onEachDatabase, PASSWORD, race, type Stage, tally } from '../support/stage.ts';
import { asCode, codeWrong, FACTORS, plainDevice, type Somebody } from './second-factors.ts';
import { openTwo } from './two-servers.ts';

const CALLERS = 50;
const NOTHING = { codes: 0, recoveryCodes: 0, inARow: 0 };

const sessionsOf = async (stage: Stage, accountId: number): Promise<number> =>
  (await stage.handle.read.selectFrom('session').select('id').where('account_id', '=', accountId).execute()).length;

onEachDatabase('second factors, of many who come at once', (open) => {
  for (const channel of FACTORS) {
    it(`two hundred wrong codes for one login are five tries of the ${channel} factor`, async () => {
      const stage = await openTwo(open);
      const who = await stage.somebody(channel);
      const pending = await stage.login(who);
      const right = await stage.code(who);
      const codes = await stage.wrong(who, 200);
      const { lost, won } = await race(codes.length, (index) =>
        stage.complete(pending, asCode(codes[index] ?? ''), { identity: stage.at(index) }),
      );
      // On a slow machine some of so many are told that the database is busy.
      const others = lost.filter((answer) => answer !== 'code_wrong' && !answer.startsWith('StoreUnavailable'));
      assert.deepEqual([won, others], [[], []]);
      assert.deepEqual(await stage.counted(who), { codes: 5, recoveryCodes: 0, inARow: 5 });
      await assert.rejects(stage.complete(pending, asCode(right)), codeWrong);
      await assert.rejects(stage.complete(pending, { recoveryCode: who.recoveryCodes[0] ?? '' }), codeWrong);
      assert.equal(await sessionsOf(stage, who.id), 0);
      assert.equal(stage.repeats(), 0, 'transactions waited for each other');
    });

    it(`one gets in with the right code of the ${channel} factor`, async () => {
      const stage = await openTwo(open);
      const who = await stage.somebody(channel);
      const pending = await stage.login(who);
      const code = await stage.code(who);
      const { lost, won } = await race(CALLERS, (index) =>
        stage.complete(pending, asCode(code), { identity: stage.at(index) }),
      );
      assert.deepEqual([won.length, tally(lost)], [1, { code_wrong: 49 }]);
      assert.equal(await sessionsOf(stage, who.id), 1);
      assert.deepEqual(await stage.counted(who), NOTHING);
      assert.equal(stage.repeats(), 0, 'transactions waited for each other');
    });
  }

  it('one gets in with a recovery code, whichever of three logins it completes', async () => {
    const stage = await openTwo(open);
    const who = await stage.somebody('totp');
    const pending = [await stage.login(who), await stage.login(who), await stage.login(who, { contract: 'device' })];
    const [recoveryCode = ''] = who.recoveryCodes;
    const { lost, won } = await race(CALLERS, (index) =>
      stage.complete(
        pending[index % 3] ?? assert.fail(),
        { recoveryCode },
        { contract: index % 3 === 2 ? 'device' : 'cookie', identity: stage.at(index) },
      ),
    );
    assert.deepEqual([won.length, tally(lost)], [1, { code_wrong: 49 }]);
    assert.equal(await sessionsOf(stage, who.id), 1);
    assert.equal(await stage.world.store.secondFactors.countRecoveryCodes(who.id), 9);
  });

  it('one gets in with one code of an authenticator, over two contracts and both ways to give it', async () => {
    const stage = await openTwo(open);
    const who = await stage.somebody('totp');
    const byCookie = await stage.login(who);
    const byDevice = await stage.login(who, { contract: 'device' });
    const code = await stage.code(who);
    const { lost, won } = await race(CALLERS, async (index) => {
      const identity = stage.at(index >> 2);
      if (index % 4 === 0) return stage.complete(byCookie, asCode(code), { identity });
      if (index % 4 === 1) return stage.complete(byDevice, asCode(code), { contract: 'device', identity });
      return identity.signInWithBoth({
        contract: index % 4 === 2 ? 'device' : 'cookie',
        name: {},
        identifier: who.email,
        password: PASSWORD,
        proof: asCode(code),
        caller: stage.caller(),
        device: plainDevice(),
        mustBeProven: 'any',
      });
    });
    assert.deepEqual([won.length, tally(lost)], [1, { code_wrong: 49 }]);
    assert.equal(await sessionsOf(stage, who.id), 1);
    assert.deepEqual(await stage.counted(who), NOTHING);
    assert.equal(stage.repeats(), 0, 'transactions waited for each other');
  });

  it('of a hundred wrong codes over twenty logins from twenty networks ten are compared (R037)', async () => {
    const stage = await openTwo(open);
    const who = await stage.somebody('totp');
    const codes = await stage.wrong(who, 100);
    const { lost, won } = await race(20, async (index) => {
      const identity = stage.at(index);
      const caller = stage.caller();
      const contract = index % 4 < 2 ? 'cookie' : 'device';
      const pending = await stage.login(who, { contract, caller, identity });
      const own = codes.slice(5 * index, 5 * index + 5);
      return race(own.length, (time) =>
        stage.complete(pending, asCode(own[time] ?? ''), { contract, caller, identity }),
      );
    });
    assert.deepEqual(lost, []);
    const answers = tally(won.flatMap(({ lost: refused }) => refused));
    assert.deepEqual(
      Object.keys(answers).filter((code) => !['code_wrong', 'rate_limited'].includes(code)),
      [],
    );
    assert.ok((await stage.counted(who)).codes <= 10);
    // What is left of the hour is taken one by one: then the right one is refused too, wherever it comes from.
    for (let time = 0; (await stage.counted(who)).codes < 10 && time < 3; time += 1) {
      stage.clock.advance({ seconds: 1 });
      const pending = await stage.login(who);
      for (const code of codes.slice(0, 5)) await stage.complete(pending, asCode(code)).catch(() => {});
    }
    assert.deepEqual(await stage.counted(who), { codes: 10, recoveryCodes: 0, inARow: 10 });
    stage.clock.advance({ seconds: 1 });
    const pending = await stage.login(who);
    await assert.rejects(stage.complete(pending, asCode(await stage.code(who))), { code: 'rate_limited' });
    assert.equal(await sessionsOf(stage, who.id), 0);
  });

  it('ten wrong recovery codes are compared in an hour, and none is burnt', async () => {
    const stage = await openTwo(open);
    const who = await stage.somebody('totp');
    const pending: SecondFactorDue[] = [];
    for (let time = 0; time < 3; time += 1) pending.push(await stage.login(who));
    await race(60, (index) =>
      stage.complete(
        pending[index % 3] ?? assert.fail(),
        { recoveryCode: String(index).padStart(25, 'X') },
        { identity: stage.at(index) },
      ),
    );
    assert.deepEqual(await stage.counted(who), { codes: 0, recoveryCodes: 10, inARow: 10 });
    assert.equal(await stage.world.store.secondFactors.countRecoveryCodes(who.id), 10);
  });

  it('one makes a session fresh with a code, and wrong ones count like those of a sign-in', async () => {
    const stage = await openTwo(open);
    const who = await stage.somebody('totp');
    const live = await stage.liveFully(who);
    stage.clock.advance({ minutes: 5 });
    const code = await stage.code(who);
    const proofs: SecondFactorProof[] = (await stage.wrong(who, 9)).map(asCode);
    const right = await race(CALLERS, (index) =>
      stage.at(index).reauthenticate({ live, secondFactor: asCode(code), caller: stage.caller() }),
    );
    assert.deepEqual([right.won.length, tally(right.lost)], [1, { code_wrong: 49 }]);
    const wrong = await race(CALLERS, (index) =>
      stage
        .at(index)
        .reauthenticate({ live, secondFactor: proofs[index % 9] ?? assert.fail(), caller: stage.caller() }),
    );
    assert.deepEqual([wrong.won.length, tally(wrong.lost)], [0, { code_wrong: 10, rate_limited: 40 }]);
    assert.deepEqual(await stage.counted(who), { codes: 10, recoveryCodes: 0, inARow: 10 });
  });

  for (const channel of FACTORS) {
    it(`one switches the ${channel} factor on, and the recovery codes are theirs`, async () => {
      const stage = await openTwo(open);
      const person = await stage.reachable();
      const caller = stage.caller();
      const live = await stage.live(await stage.signIn(person.email, { caller }));
      const started = await stage.identity.startSecondFactor({ live, channel, caller });
      const who: Somebody = { ...person, channel, secret: '', recoveryCodes: [] };
      const code = await stage.code({ ...who, secret: started.channel === 'totp' ? started.secret : '' });
      const { lost, won } = await race(CALLERS, (index) =>
        stage.at(index).confirmSecondFactor({ live, code, revokeOtherSessions: false, caller }),
      );
      assert.deepEqual([won.length, tally(lost)], [1, { code_wrong: 49 }]);
      const [recoveryCode = ''] = won[0]?.recoveryCodes ?? [];
      await stage.complete(await stage.login(who), { recoveryCode });
    });
  }
});
