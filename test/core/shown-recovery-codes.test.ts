import assert from 'node:assert/strict';
import { it } from 'node:test';
import { cleanExpired } from '../../src/store/clean.ts';
import { onEachDatabase, PASSWORD, type Stage } from '../support/stage.ts';
import { type Browser, begin, browserOf, codeNow, confirm, liveOf, somebodyNew, switchOn } from './sanctum-sessions.ts';

const shown = async (stage: Stage, browser: Browser): Promise<string[]> =>
  stage.identity.listShownRecoveryCodes({ live: await liveOf(stage, browser) });

const renew = async (stage: Stage, browser: Browser): Promise<string[]> =>
  stage.identity.renewRecoveryCodes({ live: await liveOf(stage, browser), caller: browser.caller });

const rowsOf = ({ handle }: Stage, { id }: Pick<Browser, 'id'>) =>
  handle.read.selectFrom('shown_recovery_codes').selectAll().where('account_id', '=', id).execute();

/** A browser whose password is confirmed. */
const confirmed = async (stage: Stage): Promise<Browser> => confirm(stage, await somebodyNew(stage));

/** Completes a sign-in with a recovery code. */
async function use(stage: Stage, { email }: Browser, recoveryCode: string): Promise<void> {
  const pending = await stage.trySignIn(email);
  if (pending.outcome !== 'second_factor_due') return assert.fail(pending.outcome);
  const name = { challenge: pending.challenge };
  await stage.identity.completeSignIn({ contract: 'cookie', name, proof: { recoveryCode }, caller: stage.caller() });
}

onEachDatabase('recovery codes of a session that made them', (open) => {
  it('are shown from the beginning, and are the same once the factor is on (rule 18)', async () => {
    const stage = await open();
    const browser = await confirmed(stage);
    assert.deepEqual(await shown(stage, browser), []);
    const secret = await begin(stage, browser);
    const codes = await shown(stage, browser);
    assert.equal(new Set(codes).size, 8);
    for (const code of codes) assert.match(code, /^[A-Za-z0-9]{10}-[A-Za-z0-9]{10}$/);
    const { recoveryCodes } = await stage.identity.confirmSecondFactor({
      live: await liveOf(stage, browser),
      code: codeNow(stage, secret),
      revokeOtherSessions: false,
      caller: browser.caller,
    });
    assert.deepEqual(recoveryCodes, codes);
    assert.deepEqual(await shown(stage, browser), codes);
  });

  it('are shown for ten minutes, judged when it is asked (rule 18)', async () => {
    const stage = await open();
    const browser = await confirmed(stage);
    const { recoveryCodes } = await switchOn(stage, browser);
    stage.clock.advance({ seconds: 599 });
    assert.deepEqual(await shown(stage, browser), recoveryCodes);
    stage.clock.advance({ seconds: 2 });
    assert.deepEqual(await shown(stage, browser), []);
    await use(stage, browser, recoveryCodes[0] ?? '');
  });

  it('are kept sealed till then, and not at all afterwards', async () => {
    const stage = await open();
    const browser = await confirmed(stage);
    const { recoveryCodes } = await switchOn(stage, browser);
    const rows = await rowsOf(stage, browser);
    assert.equal(rows.length, 1);
    const kept = await stage.handle.read.selectFrom('recovery_code').selectAll().execute();
    const text = JSON.stringify([rows, kept]);
    for (const code of recoveryCodes) {
      for (const half of code.split('-')) assert.equal(text.includes(half), false);
    }
    stage.clock.advance({ minutes: 10, seconds: 1 });
    await cleanExpired(stage.handle, stage.clock.now());
    assert.deepEqual(await rowsOf(stage, browser), []);
  });

  it('are sealed to their session: a row that is moved to another one opens nothing there', async () => {
    const stage = await open();
    const [browser, thief] = [await confirmed(stage), await confirmed(stage)];
    await switchOn(stage, browser);
    const { session } = await liveOf(stage, thief);
    await stage.handle.transaction(async (db) => {
      const [row] = await rowsOf(stage, browser);
      assert.ok(row);
      await db
        .insertInto('shown_recovery_codes')
        .values({ ...row, session_id: session.id, account_id: thief.id })
        .execute();
    });
    await assert.rejects(shown(stage, thief));
  });

  it('are shown to no other session', async () => {
    const stage = await open();
    const person = await stage.person();
    const [one, other] = [await browserOf(stage, person), await browserOf(stage, person)];
    await switchOn(stage, await confirm(stage, one));
    assert.deepEqual(await shown(stage, other), []);
    assert.deepEqual(await shown(stage, await somebodyNew(stage)), []);
  });

  it('are shown without those that were used, wherever that was', async () => {
    const stage = await open();
    const browser = await confirmed(stage);
    const { recoveryCodes } = await switchOn(stage, browser);
    for (const index of [5, 1]) await use(stage, browser, recoveryCodes[index] ?? '');
    const left = recoveryCodes.filter((_, index) => index !== 5 && index !== 1);
    assert.deepEqual(await shown(stage, browser), left);
  });

  it('are the newest: those that another session makes are shown there alone', async () => {
    const stage = await open();
    const person = await stage.person();
    const [first, second] = [await browserOf(stage, person), await browserOf(stage, person)];
    const one = await confirm(stage, first);
    const { secret } = await switchOn(stage, one);
    stage.clock.advance({ seconds: 60 });
    const other = await confirm(stage, second, codeNow(stage, secret));
    const codes = await renew(stage, other);
    assert.equal(codes.length, 8);
    assert.deepEqual([await shown(stage, one), await shown(stage, other)], [[], codes]);
    assert.equal((await rowsOf(stage, one)).length, 1);
  });

  it('are shown under the token that the session is given meanwhile', async () => {
    const stage = await open();
    const browser = await confirmed(stage);
    const { recoveryCodes } = await switchOn(stage, browser);
    stage.clock.advance({ minutes: 5 });
    const renewed = await confirm(stage, browser);
    assert.notEqual(renewed.sessionToken, browser.sessionToken);
    assert.deepEqual(await shown(stage, renewed), recoveryCodes);
  });

  it('are gone with the factor, and with the session', async () => {
    const stage = await open();
    const browser = await confirmed(stage);
    await switchOn(stage, browser);
    await stage.identity.disableSecondFactor({ live: await liveOf(stage, browser), caller: browser.caller });
    assert.deepEqual([await shown(stage, browser), await rowsOf(stage, browser)], [[], []]);

    const other = await confirmed(stage);
    await switchOn(stage, other);
    await stage.identity.signOut({
      contract: 'sanctum',
      credentials: { sessionToken: other.sessionToken, refreshToken: undefined },
      caller: other.caller,
    });
    assert.deepEqual(await rowsOf(stage, other), []);
  });

  it('open nothing before the factor is on that they were made with', async () => {
    const stage = await open();
    const browser = await confirmed(stage);
    const { recoveryCodes } = await switchOn(stage, browser);
    await begin(stage, browser);
    const waiting = await shown(stage, browser);
    assert.deepEqual(
      waiting.filter((code) => recoveryCodes.includes(code)),
      [],
    );
    await assert.rejects(use(stage, browser, waiting[0] ?? ''), { code: 'code_wrong' });
    await use(stage, browser, recoveryCodes[0] ?? '');
  });

  it('are not kept to be shown for what other contracts make', async () => {
    const stage = await open();
    const { email, id } = await stage.person();
    const live = await stage.live(await stage.signIn(email));
    const caller = stage.caller();
    const started = await stage.identity.startSecondFactor({ live, channel: 'totp', password: PASSWORD, caller });
    assert.ok(started.channel === 'totp');
    const code = codeNow(stage, started.secret);
    const { recoveryCodes } = await stage.identity.confirmSecondFactor({
      live,
      code,
      revokeOtherSessions: false,
      caller,
    });
    assert.equal(recoveryCodes.length, 10);
    assert.deepEqual(await rowsOf(stage, { id }), []);
  });
});
