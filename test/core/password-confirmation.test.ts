import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { PasswordConfirmation } from '../../src/core/password-confirmation.ts';
import {
  interrupted,
  OTHER_PASSWORD,
  onEachDatabase,
  PASSWORD,
  race,
  type Stage,
  tally,
  WRONG,
} from '../support/stage.ts';
import { twoServers } from '../support/two-servers.ts';
import {
  type Browser,
  browserOf,
  codeNow,
  confirm,
  liveOf,
  opened,
  somebodyNew,
  switchOn,
} from './sanctum-sessions.ts';

const over = { code: 'session_ended' } as const;

const isConfirmed = async (stage: Stage, browser: Browser): Promise<boolean> =>
  stage.identity.lookAtConfirmation({ live: await liveOf(stage, browser) }).confirmed;

/** Two sessions of one account, the second of which has not passed the factor that the first has switched on since. */
async function withFactor(stage: Stage) {
  const person = await stage.person();
  const [first, before] = [await browserOf(stage, person), await browserOf(stage, person)];
  const { recoveryCodes, secret } = await switchOn(stage, await confirm(stage, first));
  stage.clock.advance({ minutes: 2 });
  return { before, secret, recoveryCodes };
}

onEachDatabase('a confirmed password', (open) => {
  it('gives the session another token; the one before opens it for ten seconds, and names none (rule 30)', async () => {
    const stage = await open();
    const old = await somebodyNew(stage);
    const browser = await confirm(stage, old);
    assert.notEqual(browser.sessionToken, old.sessionToken);
    const [renewed, late] = [await opened(stage, browser), await opened(stage, old)];
    assert.equal(late.live.session.id, renewed.live.session.id);
    assert.deepEqual([renewed.sessionToken, late.sessionToken], [browser.sessionToken, null]);
    stage.clock.advance({ seconds: 9 });
    await opened(stage, old);
    stage.clock.advance({ seconds: 2 });
    await assert.rejects(opened(stage, old), over);
    await opened(stage, browser);
  });

  it('lasts 600 seconds, and is told with the seconds since', async () => {
    const stage = await open();
    const browser = await confirm(stage, await somebodyNew(stage));
    const look = async () => stage.identity.lookAtConfirmation({ live: await liveOf(stage, browser) });
    assert.deepEqual(await look(), { confirmed: true, secondsAgo: 0 });
    stage.clock.advance({ seconds: 599 });
    assert.deepEqual(await look(), { confirmed: true, secondsAgo: 599 });
    stage.identity.requireConfirmedPassword({ live: await liveOf(stage, browser) });
    stage.clock.advance({ seconds: 2 });
    assert.deepEqual(await look(), { confirmed: false, secondsAgo: 601 });
    const live = await liveOf(stage, browser);
    assert.throws(() => stage.identity.requireConfirmedPassword({ live }), { code: 'reauthentication_required' });
  });

  it('is asked for within so many seconds', async () => {
    const stage = await open();
    const browser = await confirm(stage, await somebodyNew(stage));
    stage.clock.advance({ seconds: 60 });
    const live = await liveOf(stage, browser);
    const within = (withinSeconds: number) => stage.identity.lookAtConfirmation({ live, withinSeconds }).confirmed;
    assert.deepEqual([within(59), within(61), within(10_800)], [false, true, true]);
  });

  it('is none that a sign-in has asked for', async () => {
    const stage = await open();
    assert.equal(await isConfirmed(stage, await somebodyNew(stage)), false);
  });

  it('is of its session alone', async () => {
    const stage = await open();
    const person = await stage.person();
    const [one, other] = [await browserOf(stage, person), await browserOf(stage, person)];
    await confirm(stage, one);
    assert.equal(await isConfirmed(stage, other), false);
  });

  it('is recorded, and a wrong one counts like one at sign-in (rule 20)', async () => {
    const stage = await open();
    const browser = await somebodyNew(stage);
    const live = await liveOf(stage, browser);
    for (let time = 0; time < 10; time += 1) {
      const answer = stage.identity.confirmPassword({ live, password: WRONG, caller: stage.caller() });
      await assert.rejects(answer, { code: 'invalid_credentials' });
    }
    const answer = stage.identity.confirmPassword({ live, password: PASSWORD, caller: stage.caller() });
    await assert.rejects(answer, { code: 'account_locked', facts: { retryAfterSeconds: 900 } });
    await assert.rejects(stage.trySignIn(browser.email), { code: 'account_locked' });
    const events = await stage.recorded(browser.uuid);
    assert.equal(events.filter((kind) => kind === 'sign_in.failed').length, 10);
    assert.equal(events.includes('session.reauthenticated'), false);
    // It neither ended the session nor renewed it.
    assert.equal((await opened(stage, browser)).sessionToken, browser.sessionToken);
    stage.clock.advance({ minutes: 15 });
    await confirm(stage, browser);
    assert.ok((await stage.recorded(browser.uuid)).includes('session.reauthenticated'));
  });

  it('goes with a password that was changed meanwhile (rule 8)', async () => {
    const stage = await open();
    const browser = await somebodyNew(stage);
    const hasher = interrupted(stage.world.hasher, () =>
      stage.identity.setPassword({ uuid: browser.uuid, password: OTHER_PASSWORD }),
    );
    const live = await liveOf(stage, browser);
    const answer = stage.identityWith({ hasher }).confirmPassword({ live, password: PASSWORD, caller: browser.caller });
    await assert.rejects(answer, over);
    await assert.rejects(opened(stage, browser), over);
  });

  it('asks for the second factor in a session that has not passed it', async () => {
    const stage = await open();
    const { before, secret } = await withFactor(stage);
    const live = await liveOf(stage, before);
    const asked = await stage.identity.confirmPassword({ live, password: PASSWORD, caller: before.caller });
    assert.deepEqual(asked, { outcome: 'second_factor_due', channel: 'totp' });
    assert.equal(await isConfirmed(stage, before), false);
    assert.equal((await opened(stage, before)).sessionToken, before.sessionToken);

    const confirmed = await confirm(stage, before, codeNow(stage, secret));
    assert.equal(await isConfirmed(stage, confirmed), true);
    stage.clock.advance({ minutes: 11 });
    assert.equal(await isConfirmed(stage, confirmed), false);
    // The factor was proven, and the password alone is enough from then on.
    assert.equal(await isConfirmed(stage, await confirm(stage, confirmed)), true);
  });

  it('is not confirmed by a wrong code, nor by a code that was used', async () => {
    const stage = await open();
    const { before, secret } = await withFactor(stage);
    const live = await liveOf(stage, before);
    const tryCode = (code: string) =>
      stage.identity.confirmPassword({ live, password: PASSWORD, secondFactor: { code }, caller: before.caller });
    await assert.rejects(tryCode('000000'), { code: 'code_wrong' });
    const code = codeNow(stage, secret);
    await confirm(stage, before, code);
    stage.clock.advance({ seconds: 11 });
    await assert.rejects(tryCode(code), { code: 'code_wrong' });
  });

  it('is lost where a factor is switched on elsewhere', async () => {
    const stage = await open();
    const person = await stage.person();
    const one = await confirm(stage, await browserOf(stage, person));
    const other = await confirm(stage, await browserOf(stage, person));
    await switchOn(stage, one);
    assert.deepEqual([await isConfirmed(stage, one), await isConfirmed(stage, other)], [true, false]);
  });

  it('renews one token, of thirty that are confirmed at once on two servers', async () => {
    const stage = await twoServers(await open());
    const old = await somebodyNew(stage);
    const live = await liveOf(stage, old);
    const { lost, won } = await race(30, (index) =>
      stage.at(index).confirmPassword({ live, password: PASSWORD, caller: stage.caller() }),
    );
    assert.deepEqual(tally(lost), {});
    const tokens = won.flatMap((confirmed) => tokenOf(confirmed));
    assert.equal(tokens.length, 1);
    const browser = { ...old, sessionToken: tokens[0] ?? '' };
    stage.clock.advance({ seconds: 11 });
    for (const index of [0, 1]) {
      assert.equal((await opened(stage, browser, stage.at(index))).sessionToken, browser.sessionToken);
      await assert.rejects(opened(stage, old, stage.at(index)), over);
    }
    assert.equal(await isConfirmed(stage, browser), true);
  });

  it('compares ten of fifty wrong ones at once (rule 21)', async () => {
    const stage = await open();
    const browser = await somebodyNew(stage);
    const live = await liveOf(stage, browser);
    const { lost, won } = await race(50, () =>
      stage.identity.confirmPassword({ live, password: WRONG, caller: stage.caller() }),
    );
    assert.deepEqual(won, []);
    const { account_locked: locked = 0, invalid_credentials: wrong = 0, overloaded = 0 } = tally(lost);
    assert.deepEqual([wrong, locked + overloaded], [10, 40]);
  });

  it('is one use of a recovery code, of twenty at once', async () => {
    const stage = await twoServers(await open());
    const { before, recoveryCodes } = await withFactor(stage);
    const live = await liveOf(stage, before);
    const [recoveryCode = ''] = recoveryCodes;
    const { lost, won } = await race(20, (index) =>
      stage
        .at(index)
        .confirmPassword({ live, password: PASSWORD, secondFactor: { recoveryCode }, caller: stage.caller() }),
    );
    assert.deepEqual([won.length, new Set(lost)], [1, new Set(['code_wrong', 'rate_limited'])]);
    assert.equal(await stage.world.store.secondFactors.countRecoveryCodes(before.id), 7);
  });
});

const tokenOf = (confirmed: PasswordConfirmation): string[] =>
  confirmed.outcome === 'confirmed' && confirmed.sessionToken !== null ? [confirmed.sessionToken] : [];
