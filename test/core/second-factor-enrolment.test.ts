import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { CodeFactor } from '../../src/core/account.ts';
import type { LiveSession } from '../../src/core/session.ts';
import { stepAt, totpAt } from '../../src/core/totp.ts';
import { OTHER_PASSWORD, onEachDatabase, PASSWORD } from '../support/stage.ts';
import { asCode, codeWrong, DELIVERED, FACTORS, type FactorStage, openFactors } from './second-factors.ts';

/** A person without a second factor, signed in. */
async function member(stage: FactorStage) {
  const person = await stage.reachable();
  const caller = stage.caller();
  const live = await stage.live(await stage.signIn(person.email, { caller }));
  return { ...person, caller, live };
}
type Member = Awaited<ReturnType<typeof member>>;

const begin = (stage: FactorStage, { caller, live }: Pick<Member, 'caller' | 'live'>, channel: CodeFactor) =>
  stage.identity.startSecondFactor({ live, channel, caller });
const confirm = (stage: FactorStage, { caller, live }: Pick<Member, 'caller' | 'live'>, code: string, revoke = false) =>
  stage.identity.confirmSecondFactor({ live, code, revokeOtherSessions: revoke, caller });
/** The session as the next request finds it. */
const later = async (stage: FactorStage, { session }: LiveSession): Promise<LiveSession> =>
  (await stage.world.store.sessions.find(session.id)) ?? assert.fail('the session has ended');

const shown = (stage: FactorStage, secret: string, steps = 0): string =>
  totpAt(secret, stepAt(stage.clock.now()) + steps);

/** The first right code of what was begun. */
async function firstCode(
  stage: FactorStage,
  who: Pick<Member, 'email' | 'phone'>,
  begun: Awaited<ReturnType<typeof begin>>,
): Promise<string> {
  if (begun.channel === 'totp') return shown(stage, begun.secret);
  return (await stage.codesTo(begun.channel === 'email' ? who.email : who.phone))[0] ?? assert.fail('nothing was sent');
}

async function beginTotp(stage: FactorStage, who: Pick<Member, 'caller' | 'live'>) {
  const begun = await begin(stage, who, 'totp');
  return begun.channel === 'totp' ? begun : assert.fail();
}

onEachDatabase('switching a second factor on', (open) => {
  for (const channel of FACTORS) {
    it(`asks for the ${channel} factor from its first right code on, and not before (R044)`, async () => {
      const stage = await openFactors(open);
      const who = await member(stage);
      const begun = await begin(stage, who, channel);
      await stage.signIn(who.email);
      stage.clock.advance({ minutes: 1 });
      const { account, recoveryCodes } = await confirm(stage, who, await firstCode(stage, who, begun));
      assert.deepEqual([account.codeFactor, recoveryCodes.length, new Set(recoveryCodes).size], [channel, 10, 10]);
      assert.equal((await stage.trySignIn(who.email)).outcome, 'second_factor_due');
      // It counts as an authentication with it, for this session.
      const { session } = await later(stage, who.live);
      const now = stage.clock.now();
      assert.deepEqual([session.authenticatedAt, session.factorProvenAt], [now, now]);
    });

    it(`takes five wrong codes for the ${channel} factor, and then not even the right one`, async () => {
      const stage = await openFactors(open);
      const who = await member(stage);
      const begun = await begin(stage, who, channel);
      const right = await firstCode(stage, who, begun);
      const secret = begun.channel === 'totp' ? begun.secret : '';
      const wrong = await stage.wrong({ ...who, channel, secret, recoveryCodes: [] }, 5);
      for (const code of wrong) await assert.rejects(confirm(stage, who, code), codeWrong);
      assert.equal((await stage.counted(who)).codes, 5);
      await assert.rejects(confirm(stage, who, right), codeWrong);
      await stage.signIn(who.email);
    });

    it(`tells the owner of the ${channel} factor, and keeps other sessions unless they are to end (R045)`, async () => {
      const stage = await openFactors(open);
      for (const revoke of [false, true]) {
        const who = await member(stage);
        const others = [await stage.signIn(who.email), await stage.signIn(who.email)];
        const begun = await begin(stage, who, channel);
        const code = await firstCode(stage, who, begun);
        const before = (await stage.subjectsTo(who.email)).length;
        await confirm(stage, who, code, revoke);
        const [notice, ...more] = (await stage.mails(who.email)).slice(0, -before);
        assert.deepEqual([notice?.code, notice?.links, more], [null, [], []]);
        assert.deepEqual((await stage.recorded(who.uuid)).at(-1), 'second_factor.enabled');
        await later(stage, who.live);
        for (const other of others) {
          if (revoke) await assert.rejects(stage.live(other), { code: 'session_ended' });
          else assert.equal((await stage.live(other)).session.factorProvenAt, null);
        }
      }
    });
  }

  it('shows a secret of 160 bits once, keeps it sealed, and never makes the same', async () => {
    const stage = await openFactors(open);
    const who = await member(stage);
    const { secret, uri } = await beginTotp(stage, who);
    assert.match(secret, /^[A-Z2-7]{32}$/);
    const label = encodeURIComponent(who.email);
    const query = `secret=${secret}&issuer=Guichet&algorithm=SHA1&digits=6&period=30`;
    assert.equal(uri, `otpauth://totp/Guichet:${label}?${query}`);
    const { recoveryCodes } = await confirm(stage, who, shown(stage, secret));
    const other = await beginTotp(stage, { ...who, live: await later(stage, who.live) });
    assert.notEqual(other.secret, secret);
    const kept = JSON.stringify([
      await stage.handle.read.selectFrom('totp').selectAll().execute(),
      await stage.handle.read.selectFrom('pending_factor').selectAll().execute(),
      await stage.handle.read.selectFrom('recovery_code').selectAll().execute(),
    ]);
    for (const text of [secret, other.secret, ...recoveryCodes]) assert.equal(kept.includes(text), false);
  });

  it('forgets what was begun before when it is begun again', async () => {
    const stage = await openFactors(open);
    const who = await member(stage);
    const [first, second] = [await beginTotp(stage, who), await beginTotp(stage, who)];
    await assert.rejects(confirm(stage, who, shown(stage, first.secret)), codeWrong);
    await begin(stage, who, 'email');
    await assert.rejects(confirm(stage, who, shown(stage, second.secret)), codeWrong);
    await confirm(stage, who, await firstCode(stage, who, { channel: 'email' }));
  });

  it('is finished by the session that began it, and by no other of the account (rule 19)', async () => {
    const stage = await openFactors(open);
    const who = await member(stage);
    const elsewhere = { caller: who.caller, live: await stage.live(await stage.signIn(who.email)) };
    const { secret } = await beginTotp(stage, who);
    for (const check of [stage.identity.confirmSecondFactor, stage.identity.verifySecondFactor]) {
      const input = { ...elsewhere, code: shown(stage, secret), revokeOtherSessions: false };
      await assert.rejects(check(input), codeWrong);
    }
    // Nor are its tries used up there.
    for (let time = 0; time < 5; time += 1) {
      await assert.rejects(confirm(stage, elsewhere, shown(stage, secret)), codeWrong);
    }
    await confirm(stage, who, shown(stage, secret));
  });

  it('dies with its session', async () => {
    const stage = await openFactors(open);
    const who = await member(stage);
    const elsewhere = { caller: who.caller, live: await stage.live(await stage.signIn(who.email)) };
    const { secret } = await beginTotp(stage, who);
    await stage.world.store.transaction((store) => store.sessions.end(who.live.account.id, who.live.session.id));
    await assert.rejects(confirm(stage, elsewhere, shown(stage, secret)), codeWrong);
  });

  it('leaves the account’s other sessions to prove the factor that is on', async () => {
    const stage = await openFactors(open);
    const who = await member(stage);
    const elsewhere = await stage.live(await stage.signIn(who.email));
    const { secret } = await beginTotp(stage, who);
    await confirm(stage, who, shown(stage, secret));
    await beginTotp(stage, { ...who, live: await later(stage, who.live) });
    stage.clock.advance({ minutes: 2 });
    const verified = await stage.identity.verifySecondFactor({
      live: await later(stage, elsewhere),
      code: shown(stage, secret),
      revokeOtherSessions: false,
      caller: who.caller,
    });
    assert.equal(verified.recoveryCodes, undefined);
    assert.equal((await later(stage, elsewhere)).session.factorProvenAt, stage.clock.now());
  });

  it('leaves the active authenticator working until its successor is confirmed, and not after', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('totp');
    const caller = stage.caller();
    const live = await stage.liveFully(who, { caller });
    const { secret } = await beginTotp(stage, { caller, live });
    await assert.rejects(confirm(stage, { caller, live }, shown(stage, who.secret)), codeWrong);
    stage.clock.advance({ minutes: 1 });
    await assert.rejects(stage.complete(await stage.login(who), asCode(shown(stage, secret))), codeWrong);
    await stage.complete(await stage.login(who), asCode(shown(stage, who.secret)));
    stage.clock.advance({ minutes: 1 });
    const { recoveryCodes } = await confirm(stage, { caller, live }, shown(stage, secret));

    stage.clock.advance({ minutes: 1 });
    const pending = await stage.login(who);
    await assert.rejects(stage.complete(pending, asCode(shown(stage, who.secret))), codeWrong);
    await assert.rejects(stage.complete(pending, { recoveryCode: who.recoveryCodes[0] ?? '' }), codeWrong);
    await stage.complete(pending, asCode(shown(stage, secret)));
    await stage.complete(await stage.login(who), { recoveryCode: recoveryCodes[0] ?? '' });
  });

  it('puts one factor in the place of another', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('totp');
    const caller = stage.caller();
    const live = await stage.liveFully(who, { caller });
    const begun = await begin(stage, { caller, live }, 'sms');
    await confirm(stage, { caller, live }, await firstCode(stage, who, begun));
    stage.clock.advance({ minutes: 2 });
    const pending = await stage.login(who);
    assert.equal(pending.channel, 'sms');
    await assert.rejects(stage.complete(pending, asCode(shown(stage, who.secret))), codeWrong);
    await stage.complete(pending, asCode(await stage.code({ ...who, channel: 'sms' })));
  });

  it('leaves no other session with a proof of the factor that was (rule 30)', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('totp');
    const stale = await stage.liveFully(who);
    stage.clock.advance({ minutes: 1 });
    const caller = stage.caller();
    const live = await stage.liveFully(who, { caller });
    stage.clock.advance({ minutes: 1 });
    const { secret } = await beginTotp(stage, { caller, live });
    await confirm(stage, { caller, live }, shown(stage, secret));
    const found = await later(stage, stale);
    assert.equal(found.session.factorProvenAt, null);
    const disabling = stage.identity.disableSecondFactor({ live: found, caller: stage.caller() });
    await assert.rejects(disabling, { code: 'reauthentication_required' });
  });

  it('spends the code it was confirmed with', async () => {
    const stage = await openFactors(open);
    const who = await member(stage);
    const { secret } = await beginTotp(stage, who);
    const code = shown(stage, secret);
    await confirm(stage, who, code);
    const pending = await stage.login(who);
    await assert.rejects(stage.complete(pending, asCode(code)), codeWrong);
    await stage.complete(pending, asCode(shown(stage, secret, 1)));
    assert.equal((await stage.counted(who)).codes, 0);
  });

  it('waits an hour for an authenticator, ten minutes for a code that was sent', async () => {
    const stage = await openFactors(open);
    const who = await member(stage);
    for (const [channel, wait] of [['totp', 60] as const, ['email', 10] as const, ['sms', 10] as const]) {
      stage.clock.advance({ hours: 2 });
      const live = await stage.live(await stage.signIn(who.email));
      const begun = await begin(stage, { ...who, live }, channel);
      const sent = await firstCode(stage, who, begun);
      stage.clock.advance({ minutes: wait });
      const code = begun.channel === 'totp' ? shown(stage, begun.secret) : sent;
      await assert.rejects(confirm(stage, { ...who, live }, code), codeWrong, channel);
      const again = await stage.live(await stage.signIn(who.email));
      const begunAgain = await begin(stage, { ...who, live: again }, channel);
      const sentAgain = await firstCode(stage, who, begunAgain);
      stage.clock.advance({ minutes: wait - 1, seconds: 59 });
      const right = begunAgain.channel === 'totp' ? shown(stage, begunAgain.secret) : sentAgain;
      await confirm(stage, { ...who, live: again }, right);
      await stage.identity.resetSecondFactor({ uuid: who.uuid });
    }
  });

  it('needs a proven address or number, and one that messages go to', async () => {
    const stage = await openFactors(open);
    const person = await stage.person();
    const caller = stage.caller();
    const live = await stage.live(await stage.signIn(person.email, { caller }));
    const unavailable = { code: 'input_rejected', facts: { fields: { channel: 'unavailable' } } };
    await assert.rejects(begin(stage, { caller, live }, 'sms'), unavailable);
    await stage.world.store.transaction(({ identifiers }) =>
      identifiers.addPending({ accountId: person.id, kind: 'phone', value: stage.phone(), now: stage.clock.now() }),
    );
    await assert.rejects(begin(stage, { caller, live }, 'sms'), unavailable);
    const [kind, value] = ['phone' as const, stage.phone()];
    await stage.world.store.transaction(async ({ identifiers }) => {
      await identifiers.removeOthers(person.id, { kind: 'email', value: person.email });
      await identifiers.add({ accountId: person.id, kind, value, verifiedAt: null, now: stage.clock.now() });
    });
    await assert.rejects(begin(stage, { caller, live: await later(stage, live) }, 'sms'), unavailable);
    // A land line, and a mobile of a country that is not listed.
    for (const value of ['+33142685300', '+12025550123']) {
      await stage.world.store.transaction(({ identifiers }) =>
        identifiers.replace({ accountId: person.id, kind: 'phone', value, verifiedAt: stage.clock.now() }),
      );
      const reached = await later(stage, live);
      await assert.rejects(begin(stage, { caller, live: reached }, 'sms'), unavailable, value);
      await stage.world.store.transaction(({ identifiers }) =>
        identifiers.removeOthers(person.id, { kind: 'email', value: person.email }),
      );
    }
    assert.deepEqual(await stage.codesTo(person.email), []);
  });

  for (const channel of DELIVERED) {
    it(`sends the next ${channel} code after a minute, and a first one for signing in at once`, async () => {
      const stage = await openFactors(open);
      const who = await member(stage);
      await begin(stage, who, channel);
      const first = await firstCode(stage, who, { channel });
      stage.clock.advance({ seconds: 59 });
      const wait = { code: 'rate_limited', facts: { retryAfterSeconds: 1 } };
      await assert.rejects(begin(stage, who, channel), wait);
      stage.clock.advance({ seconds: 1 });
      await begin(stage, who, channel);
      await assert.rejects(confirm(stage, who, first), codeWrong);
      await confirm(stage, who, await firstCode(stage, who, { channel }));
      const pending = await stage.login(who);
      await stage.complete(pending, asCode(await stage.code({ ...who, channel, secret: '', recoveryCodes: [] })));
    });
  }

  it('dies with a change of the password meanwhile', async () => {
    const stage = await openFactors(open);
    const who = await member(stage);
    const { secret } = await beginTotp(stage, who);
    const change = { live: who.live, currentPassword: PASSWORD, newPassword: OTHER_PASSWORD, caller: who.caller };
    await stage.identity.changePassword(change);
    await assert.rejects(confirm(stage, who, shown(stage, secret)), codeWrong);
    await stage.signIn(who.email, { password: OTHER_PASSWORD });
  });

  it('counts wrong codes in the hour that signing in counts in', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('totp');
    const caller = stage.caller();
    const live = await stage.liveFully(who, { caller });
    for (let round = 0; round < 2; round += 1) {
      const { secret } = await beginTotp(stage, { caller, live });
      for (const code of await stage.wrong({ ...who, secret }, 5)) {
        await assert.rejects(confirm(stage, { caller, live }, code), codeWrong);
      }
    }
    assert.equal((await stage.counted(who)).codes, 10);
    stage.clock.advance({ minutes: 1 });
    await assert.rejects(stage.complete(await stage.login(who), asCode(await stage.code(who))), {
      code: 'rate_limited',
      facts: { retryAfterSeconds: 3540 },
    });
  });
});

onEachDatabase('switching a second factor off', (open) => {
  for (const channel of FACTORS) {
    it(`ends the asking for the ${channel} factor, with its recovery codes, and tells the owner (R045)`, async () => {
      const stage = await openFactors(open);
      const who = await stage.somebody(channel);
      const pending = await stage.login(who);
      const live = await stage.liveFully(who);
      const before = (await stage.subjectsTo(who.email)).length;
      const account = await stage.identity.disableSecondFactor({ live, caller: stage.caller() });
      assert.equal(account.codeFactor, null);
      assert.equal((await stage.subjectsTo(who.email)).length, before + 1);
      assert.deepEqual((await stage.recorded(who.uuid)).at(-1), 'second_factor.disabled');
      await assert.rejects(stage.complete(pending, { recoveryCode: who.recoveryCodes[0] ?? '' }), codeWrong);
      await stage.signIn(who.email);
      assert.equal(await stage.world.store.secondFactors.countRecoveryCodes(who.id), 0);
      assert.equal(await stage.world.store.secondFactors.findTotp(who.id), undefined);
    });
  }

  it('forgets what was begun, so that nothing switches it on again', async () => {
    const stage = await openFactors(open);
    const who = await stage.somebody('totp');
    const caller = stage.caller();
    const live = await stage.liveFully(who, { caller });
    const { secret } = await beginTotp(stage, { caller, live });
    await stage.identity.disableSecondFactor({ live, caller });
    await assert.rejects(confirm(stage, { caller, live: await later(stage, live) }, shown(stage, secret)), codeWrong);
    await stage.signIn(who.email);
  });

  it('tells nobody where there was none', async () => {
    const stage = await openFactors(open);
    const who = await member(stage);
    const before = (await stage.mails(who.email)).length;
    await stage.identity.disableSecondFactor({ live: who.live, caller: who.caller });
    assert.equal((await stage.mails(who.email)).length, before);
  });
});
