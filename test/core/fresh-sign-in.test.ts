import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Proofs } from '../../src/core/fresh-sign-in.ts';
import type { LiveSession } from '../../src/core/session.ts';
import { onEachDatabase, PASSWORD, WRONG } from '../support/stage.ts';
import { asCode, codeWrong, DELIVERED, type FactorStage, openFactors } from './second-factors.ts';

const REQUIRED = { code: 'reauthentication_required' } as const;
const WRONG_PASSWORD = { code: 'invalid_credentials' } as const;

/** The session as the next request finds it. */
const later = async (stage: FactorStage, { session }: LiveSession): Promise<LiveSession> =>
  (await stage.world.store.sessions.find(session.id)) ?? assert.fail('the session has ended');

/** What nobody may do with a session alone that somebody left open (rule 19). */
const changes: Record<string, (stage: FactorStage, live: LiveSession, proofs: Proofs) => Promise<unknown>> = {
  'switching a factor on': (stage, live, proofs) =>
    stage.identity.startSecondFactor({ live, channel: 'totp', caller: stage.caller(), ...proofs }),
  'switching the factor off': (stage, live, proofs) =>
    stage.identity.disableSecondFactor({ live, caller: stage.caller(), ...proofs }),
  'another address': (stage, live, proofs) => {
    const change = { live, kind: 'email', value: stage.address(), caller: stage.caller() } as const;
    return stage.identity.startIdentifierChange({ ...change, ...proofs });
  },
  'another number': (stage, live, proofs) => {
    const change = { live, kind: 'phone', value: stage.phone(), caller: stage.caller() } as const;
    return stage.identity.startIdentifierChange({ ...change, ...proofs });
  },
  'deleting the account': (stage, live, proofs) =>
    stage.identity.deleteOwnAccount({ live, caller: stage.caller(), ...proofs }),
};
const begin = changes['switching a factor on'] ?? assert.fail();

onEachDatabase('a change that needs a fresh sign-in', (open) => {
  for (const [what, change] of Object.entries(changes)) {
    it(`${what}: takes the password, or a sign-in of the last ten minutes, without a second factor`, async () => {
      const stage = await openFactors(open);
      const [early, late] = [await stage.reachable(), await stage.reachable()];
      const fresh = await stage.live(await stage.signIn(early.email));
      await assert.rejects(change(stage, fresh, { password: WRONG }), WRONG_PASSWORD);
      await change(stage, fresh, {});

      const stale = await stage.live(await stage.signIn(late.email));
      stage.clock.advance({ minutes: 10, seconds: 1 });
      await assert.rejects(change(stage, stale, {}), REQUIRED);
      await assert.rejects(change(stage, stale, { secondFactor: asCode('123456') }), REQUIRED);
      await assert.rejects(change(stage, stale, { password: WRONG }), WRONG_PASSWORD);
      await change(stage, stale, { password: PASSWORD });
    });

    it(`${what}: takes the second factor of the last ten minutes, or password and code`, async () => {
      const stage = await openFactors(open);
      const [early, late] = [await stage.somebody('totp'), await stage.somebody('totp')];
      const fresh = await stage.liveFully(early);
      await assert.rejects(change(stage, fresh, { password: WRONG }), WRONG_PASSWORD);
      await change(stage, fresh, {});

      const stale = await stage.liveFully(late);
      stage.clock.advance({ minutes: 10, seconds: 1 });
      const secondFactor = asCode(await stage.code(late));
      const [wrong = ''] = await stage.wrong(late, 1);
      await assert.rejects(change(stage, stale, {}), REQUIRED);
      await assert.rejects(change(stage, stale, { password: PASSWORD }), REQUIRED);
      await assert.rejects(change(stage, stale, { secondFactor }), REQUIRED);
      await assert.rejects(change(stage, stale, { password: WRONG, secondFactor }), WRONG_PASSWORD);
      await assert.rejects(change(stage, stale, { password: PASSWORD, secondFactor: asCode(wrong) }), codeWrong);
      assert.deepEqual(await stage.counted(late), { codes: 1, recoveryCodes: 0, inARow: 1 });
      await change(stage, stale, { password: PASSWORD, secondFactor });
    });
  }

  it('takes a recovery code for the code, once', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('totp');
    const one = await stage.liveFully(who);
    stage.clock.advance({ minutes: 11 });
    const proofs = { password: PASSWORD, secondFactor: { recoveryCode: who.recoveryCodes[0] ?? '' } };
    await begin(stage, one, proofs);
    stage.clock.advance({ minutes: 11 });
    await assert.rejects(begin(stage, await later(stage, one), proofs), codeWrong);
  });

  it('is fresh for ten minutes to the second, with a factor and without', async () => {
    const stage = await openFactors(open);
    const plain = await stage.reachable();
    const who = await stage.somebody('totp');
    const lives = [await stage.live(await stage.signIn(plain.email)), await stage.liveFully(who)];
    stage.clock.advance({ minutes: 10 });
    for (const live of lives) await begin(stage, live, {});
    stage.clock.advance({ milliseconds: 1 });
    for (const live of lives) await assert.rejects(begin(stage, live, {}), REQUIRED);
  });

  it('counts the proof of its own session alone', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('totp');
    const stale = await stage.liveFully(who);
    stage.clock.advance({ minutes: 11 });
    await stage.liveFully(who);
    await assert.rejects(begin(stage, await later(stage, stale), {}), REQUIRED);
  });

  it('is not fresh by a sign-in before there was a factor', async () => {
    const stage = await openFactors(open);
    const person = await stage.reachable();
    const caller = stage.caller();
    const other = await stage.live(await stage.signIn(person.email));
    const live = await stage.live(await stage.signIn(person.email, { caller }));
    const started = await stage.identity.startSecondFactor({ live, channel: 'email', caller });
    const [code = ''] = await stage.codesTo(person.email);
    assert.equal(started.channel, 'email');
    await stage.identity.confirmSecondFactor({ live, code, revokeOtherSessions: false, caller });
    await assert.rejects(begin(stage, await later(stage, other), {}), REQUIRED);
    await assert.rejects(begin(stage, await later(stage, other), { password: PASSWORD }), REQUIRED);
    await begin(stage, await later(stage, live), {});
  });

  it('counts a wrong password like one at sign-in: ten lock it, for the session too', async () => {
    const stage = await openFactors(open);
    const who = await stage.reachable();
    const live = await stage.live(await stage.signIn(who.email));
    for (let time = 0; time < 10; time += 1) {
      await assert.rejects(begin(stage, live, { password: WRONG }), WRONG_PASSWORD);
    }
    await assert.rejects(begin(stage, live, { password: PASSWORD }), { code: 'account_locked' });
    await assert.rejects(stage.trySignIn(who.email), { code: 'account_locked' });
  });
});

onEachDatabase('making a sign-in fresh again', (open) => {
  const again = (stage: FactorStage, live: LiveSession, proofs: Proofs) =>
    stage.identity.reauthenticate({ live, caller: stage.caller(), ...proofs });

  it('takes the password of an account without a second factor', async () => {
    const stage = await openFactors(open);
    const { email, uuid } = await stage.reachable();
    const live = await stage.live(await stage.signIn(email));
    stage.clock.advance({ minutes: 11 });
    const missing = { code: 'input_rejected', facts: { fields: { password: 'required' } } };
    await assert.rejects(again(stage, live, {}), missing);
    await assert.rejects(again(stage, live, { secondFactor: asCode('123456') }), missing);
    await assert.rejects(again(stage, live, { password: WRONG }), WRONG_PASSWORD);
    await assert.rejects(begin(stage, await later(stage, live), {}), REQUIRED);
    assert.deepEqual(await again(stage, live, { password: PASSWORD }), { outcome: 'fresh' });
    assert.equal((await stage.recorded(uuid)).at(-1), 'session.reauthenticated');
    await begin(stage, await later(stage, live), {});
  });

  it('takes the code of an authenticator, alone or beside the password', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('totp');
    const live = await stage.liveFully(who);
    for (const password of [undefined, PASSWORD]) {
      stage.clock.advance({ minutes: 11 });
      await assert.rejects(begin(stage, await later(stage, live), {}), REQUIRED);
      const [wrong = ''] = await stage.wrong(who, 1);
      await assert.rejects(again(stage, live, { password, secondFactor: asCode(wrong) }), codeWrong);
      const secondFactor = asCode(await stage.code(who));
      assert.deepEqual(await again(stage, live, { password, secondFactor }), { outcome: 'fresh' });
      await assert.rejects(again(stage, live, { password, secondFactor }), codeWrong);
      await begin(stage, await later(stage, live), {});
    }
    assert.equal((await stage.counted(who)).codes, 2);
  });

  it('asks for the authenticator after the password, which alone makes nothing fresh', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('totp');
    const live = await stage.liveFully(who);
    stage.clock.advance({ minutes: 11 });
    const due = { outcome: 'second_factor_due', channel: 'totp' };
    assert.deepEqual(await again(stage, live, { password: PASSWORD }), due);
    await assert.rejects(begin(stage, await later(stage, live), {}), REQUIRED);
    await assert.rejects(begin(stage, await later(stage, live), { password: PASSWORD }), REQUIRED);
  });

  for (const channel of DELIVERED) {
    it(`sends the ${channel} code after the right password, for this session alone (R038)`, async () => {
      const stage = await openFactors(open);
      const who = await stage.somebody(channel);
      const live = await stage.liveFully(who);
      stage.clock.advance({ minutes: 1 });
      const second = await stage.liveFully(who);
      stage.clock.advance({ minutes: 11 });
      const to = channel === 'sms' ? who.phone : who.email;
      const before = (await stage.codesTo(to)).length;
      await assert.rejects(again(stage, live, { password: WRONG }), WRONG_PASSWORD);
      assert.equal((await stage.codesTo(to)).length, before);
      assert.deepEqual(await again(stage, live, { password: PASSWORD }), { outcome: 'second_factor_due', channel });
      const code = await stage.code(who);
      assert.equal((await stage.codesTo(to)).length, before + 1);

      await assert.rejects(again(stage, second, { secondFactor: asCode(code) }), codeWrong);
      const pending = await stage.login(who);
      const signInCode = await stage.code(who);
      await assert.rejects(stage.complete(pending, asCode(code)), codeWrong);
      await assert.rejects(again(stage, live, { secondFactor: asCode(signInCode) }), codeWrong);
      assert.deepEqual(await again(stage, live, { secondFactor: asCode(code) }), { outcome: 'fresh' });
      await begin(stage, await later(stage, live), {});
      await assert.rejects(begin(stage, await later(stage, second), {}), REQUIRED);
    });

    it(`sends no ${channel} code within a minute, and takes one for ten minutes`, async () => {
      const stage = await openFactors(open);
      const who = await stage.somebody(channel);
      const live = await stage.liveFully(who);
      stage.clock.advance({ minutes: 11 });
      const to = channel === 'sms' ? who.phone : who.email;
      await again(stage, live, { password: PASSWORD });
      const before = await stage.codesTo(to);
      stage.clock.advance({ seconds: 59 });
      await again(stage, live, { password: PASSWORD });
      assert.deepEqual(await stage.codesTo(to), before);
      stage.clock.advance({ minutes: 9 });
      const [code = ''] = before;
      assert.deepEqual(await again(stage, live, { secondFactor: asCode(code) }), { outcome: 'fresh' });
      await again(stage, live, { password: PASSWORD });
      const late = asCode(await stage.code(who));
      stage.clock.advance({ minutes: 10 });
      await assert.rejects(again(stage, live, { secondFactor: late }), codeWrong);
    });

    it(`takes five wrong ${channel} codes, and then not even the right one`, async () => {
      const stage = await openFactors(open);
      const who = await stage.somebody(channel);
      const live = await stage.liveFully(who);
      stage.clock.advance({ minutes: 11 });
      await again(stage, live, { password: PASSWORD });
      for (const code of await stage.wrong(who, 4)) {
        await assert.rejects(again(stage, live, { secondFactor: asCode(code) }), codeWrong);
      }
      // A new one goes on counting (R036).
      stage.clock.advance({ minutes: 1 });
      await again(stage, live, { password: PASSWORD });
      const right = await stage.code(who);
      const [fifth = ''] = await stage.wrong(who, 1);
      await assert.rejects(again(stage, live, { secondFactor: asCode(fifth) }), codeWrong);
      await assert.rejects(again(stage, live, { secondFactor: asCode(right) }), codeWrong);
      assert.deepEqual(await stage.counted(who), { codes: 5, recoveryCodes: 0, inARow: 5 });
      await assert.rejects(begin(stage, await later(stage, live), {}), REQUIRED);
    });
  }

  it('is refused to a session that has ended, and burns no code there', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('totp');
    const live = await stage.liveFully(who);
    await stage.world.store.transaction(({ sessions }) => sessions.endAll(who.id));
    const ended = { code: 'session_ended', facts: { credential: 'over' } };
    const [recoveryCode = ''] = who.recoveryCodes;
    await assert.rejects(again(stage, live, { secondFactor: { recoveryCode } }), ended);
    await assert.rejects(again(stage, live, { password: PASSWORD }), ended);
    await stage.complete(await stage.login(who), { recoveryCode });
  });

  it('does not prolong the thirty days of a sign-in', async () => {
    const stage = await openFactors(open);
    const { email } = await stage.reachable();
    const caller = stage.caller();
    let signedIn: { accessToken: string; refreshToken: string } = await stage.signIn(email, { caller });
    for (let day = 6; day < 30; day += 6) {
      stage.clock.advance({ days: 6 });
      signedIn = await stage.refresh(signedIn.refreshToken, caller);
      await again(stage, await stage.live(signedIn), { password: PASSWORD });
    }
    signedIn = await stage.refresh(signedIn.refreshToken, caller);
    stage.clock.advance({ days: 6 });
    await assert.rejects(stage.refresh(signedIn.refreshToken, caller), { code: 'session_ended' });
  });
});
