import assert from 'node:assert/strict';
import { it } from 'node:test';
import { onEachDatabase, PASSWORD } from '../support/stage.ts';
import { asCode, codeWrong, FACTORS, openFactors, outcomeOf } from './second-factors.ts';

const NOTICE = 'A recovery code was used';

onEachDatabase('a recovery code', (open) => {
  for (const channel of FACTORS) {
    it(`stands for the ${channel} factor, once, and its owner is told (R049, R051)`, async () => {
      const stage = await openFactors(open);
      const who = await stage.somebody(channel);
      const [recoveryCode = '', ...others] = who.recoveryCodes;
      const pending = await stage.login(who);
      const { account, session } = await stage.complete(pending, { recoveryCode });
      assert.deepEqual([account.uuid, session.factorProvenAt], [who.uuid, stage.clock.now()]);
      const [notice, ...more] = (await stage.mails(who.email)).filter(({ subject }) => subject === NOTICE);
      assert.deepEqual([more, notice?.code, notice?.links], [[], null, []]);
      assert.match(notice?.text ?? '', /^9 codes are left\.$/m);
      for (const secret of who.recoveryCodes) assert.equal(notice?.text.includes(secret), false);
      assert.ok((await stage.recorded(who.uuid)).includes('second_factor.recovery_code_used'));

      const next = await stage.login(who);
      await assert.rejects(stage.complete(next, { recoveryCode }), codeWrong);
      await stage.complete(next, { recoveryCode: others[0] ?? '' });
    });
  }

  it('says how many are left, down to none', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('totp');
    const left: string[] = [];
    for (const recoveryCode of who.recoveryCodes) {
      stage.clock.advance({ seconds: 1 });
      await stage.complete(await stage.login(who), { recoveryCode });
      const notice = (await stage.mails(who.email)).find(({ subject }) => subject === NOTICE);
      left.push(notice?.text.split('\n').find((line) => /left|last/.test(line)) ?? '');
    }
    assert.deepEqual(left, [
      ...[9, 8, 7, 6, 5, 4].map((count) => `${count} codes are left.`),
      ...['3 codes are left.', '2 codes are left.', '1 code is left.'].map(
        (line) => `${line} Better make new ones now.`,
      ),
      'It was the last one: make new ones now.',
    ]);
    const pending = await stage.login(who);
    await assert.rejects(stage.complete(pending, { recoveryCode: who.recoveryCodes[0] ?? '' }), codeWrong);
  });

  it('is nobody else’s (R049)', async () => {
    const stage = await openFactors(open);
    const [ada, bob] = [await stage.somebody('totp'), await stage.somebody('totp')];
    const [recoveryCode = ''] = ada.recoveryCodes;
    await assert.rejects(stage.complete(await stage.login(bob), { recoveryCode }), codeWrong);
    assert.deepEqual(await stage.counted(bob), { codes: 0, recoveryCodes: 1, inARow: 1 });
    assert.deepEqual(await stage.counted(ada), { codes: 0, recoveryCodes: 0, inARow: 0 });
    await stage.complete(await stage.login(ada), { recoveryCode });
  });

  it('is read in every usual spelling, and never as a part of itself (R052)', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('totp');
    const spell: ((code: string) => string)[] = [
      (code) => code.toLowerCase(),
      (code) => code.replace(/.{5}(?!$)/g, '$&-'),
      (code) => ` ${code.replace(/.{5}/g, '$& ')}`,
      (code) => code.replaceAll('0', 'O').replaceAll('1', 'l'),
    ];
    const parts = [
      (code: string) => code.slice(0, 24),
      (code: string) => code.slice(1),
      (code: string) => `${code}0`,
      () => '',
    ];
    for (const [index, change] of parts.entries()) {
      const pending = await stage.login(who);
      const recoveryCode = change(who.recoveryCodes[index] ?? '');
      assert.equal(await outcomeOf(stage.complete(pending, { recoveryCode })), 'code_wrong', String(index));
      stage.clock.advance({ seconds: 1 });
    }
    assert.equal((await stage.counted(who)).recoveryCodes, parts.length);
    for (const [index, change] of spell.entries()) {
      const recoveryCode = change(who.recoveryCodes[index] ?? '');
      assert.equal(await outcomeOf(stage.complete(await stage.login(who), { recoveryCode })), 'yes', recoveryCode);
    }
  });

  it('has ten wrong ones an hour of its own, and five a login', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('totp');
    const [right = ''] = who.recoveryCodes;
    for (let login = 0; login < 2; login += 1) {
      const pending = await stage.login(who);
      for (let time = 0; time < 5; time += 1) {
        const recoveryCode = `${login}${time}`.padStart(25, 'X');
        await assert.rejects(stage.complete(pending, { recoveryCode }), codeWrong);
      }
      await assert.rejects(stage.complete(pending, { recoveryCode: right }), { code: /code_wrong|rate_limited/ });
      stage.clock.advance({ seconds: 1 });
    }
    assert.deepEqual(await stage.counted(who), { codes: 0, recoveryCodes: 10, inARow: 10 });
    const pending = await stage.login(who);
    await assert.rejects(stage.complete(pending, { recoveryCode: right }), { code: 'rate_limited' });
    await stage.complete(pending, asCode(await stage.code(who)));
    stage.clock.advance({ hours: 1 });
    await stage.complete(await stage.login(who), { recoveryCode: right });
  });

  it('opens nothing on an account whose factor is off, nor without a first step', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('totp');
    const caller = stage.caller();
    const [recoveryCode = ''] = who.recoveryCodes;
    const name = { identifier: who.email };
    await assert.rejects(stage.complete({ name }, { recoveryCode }, { contract: 'device', caller }), codeWrong);
    await stage.identity.resetSecondFactor({ uuid: who.uuid });
    const both = stage.identity.signInWithBoth({
      ...{ contract: 'device', name, identifier: who.email, password: PASSWORD, caller: stage.caller() },
      proof: { recoveryCode },
      mustBeProven: 'any',
    });
    await assert.rejects(both, codeWrong);
  });
});
