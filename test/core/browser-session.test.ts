import assert from 'node:assert/strict';
import { it } from 'node:test';
import { days } from '../../src/core/time.ts';
import { onEachDatabase, PASSWORD, type Stage } from '../support/stage.ts';
import {
  type Browser,
  ended,
  openIn,
  rememberedBrowser,
  sessionRows,
  signInBrowser,
  tokenRows,
} from './remembered-browsers.ts';

/** Somebody new with a browser that is signed in for as long as its session lives by itself. */
async function plainBrowser(stage: Stage) {
  const person = await stage.person();
  return { ...(await signInBrowser(stage, person.email, { remember: false })), person };
}

const assertOver = (stage: Stage, browser: Browser): Promise<void> =>
  assert.rejects(openIn(stage, browser), { code: 'session_ended', facts: { credential: 'over' } });

/** Has somebody confirm their password, for the browser as it is then. */
async function confirmed<B extends Browser>(stage: Stage, browser: B): Promise<B> {
  const { live } = await openIn(stage, browser);
  const answer = await stage.identity.confirmPassword({ live, password: PASSWORD, caller: browser.caller });
  assert.ok(answer.outcome === 'confirmed' && answer.sessionToken !== null);
  return { ...browser, sessionToken: answer.sessionToken };
}

onEachDatabase('a browser’s session', (open) => {
  it('R065: is opened by 256 bits of which a keyed digest alone is kept', async () => {
    const stage = await open();
    const { person, sessionToken = '' } = await plainBrowser(stage);
    assert.match(sessionToken, /^[\w-]{43}$/);
    const [row, ...more] = await sessionRows(stage, person.id);
    assert.deepEqual(
      [row?.token_digest, row?.token_id, row?.previous_token_digest, more],
      [stage.world.keyring.digest('session-token', sessionToken), null, null, []],
    );
  });

  it('that is missing, none or over says so, and is nobody’s', async () => {
    const stage = await open();
    const { caller, sessionToken = '' } = await plainBrowser(stage);
    const told = async (token: string | undefined, credential: string) => {
      const asked = { sessionToken: token, rememberToken: undefined, caller };
      await assert.rejects(openIn(stage, asked), { code: 'session_ended', facts: { credential } }, String(token));
    };
    for (const none of [undefined, '']) await told(none, 'missing');
    for (const wrong of [`${sessionToken}A`, sessionToken.slice(1), `${sessionToken}=`, '.'.repeat(100_000)]) {
      await told(wrong, 'refused');
    }
    const last = sessionToken.at(-1) === 'A' ? 'E' : 'A';
    for (const unknown of ['A'.repeat(43), `${sessionToken.slice(0, -1)}${last}`]) await told(unknown, 'over');
    await openIn(stage, { sessionToken, rememberToken: undefined, caller });
  });

  it('R065: is nobody’s once its row is gone', async () => {
    const stage = await open();
    const browser = await plainBrowser(stage);
    await stage.handle.transaction((db) =>
      db.deleteFrom('session').where('account_id', '=', browser.person.id).execute(),
    );
    await assertOver(stage, browser);
  });

  it('R070: is over two hours after its last use, to the millisecond', async () => {
    const stage = await open();
    const [one, other] = [await plainBrowser(stage), await plainBrowser(stage)];
    stage.clock.advance({ hours: 2, milliseconds: -1 });
    await openIn(stage, one);
    stage.clock.advance({ milliseconds: 1 });
    await assertOver(stage, other);
    stage.clock.advance({ hours: 2, milliseconds: -2 });
    await openIn(stage, one);
    stage.clock.advance({ hours: 2 });
    await assertOver(stage, one);
  });

  it('R070: is over by itself then too when it is remembered', async () => {
    const stage = await open();
    const browser = { ...(await rememberedBrowser(stage)), rememberToken: undefined };
    stage.clock.advance({ hours: 2, milliseconds: -1 });
    await openIn(stage, browser);
    stage.clock.advance({ hours: 2 });
    await assertOver(stage, browser);
  });

  it('R070: lives on for a whole day while something is asked every minute', async () => {
    const stage = await open();
    const browser = await plainBrowser(stage);
    for (let minute = 0; minute < 24 * 60; minute += 1) {
      stage.clock.advance({ minutes: 1 });
      const { sessionToken } = await openIn(stage, browser);
      assert.equal(sessionToken, browser.sessionToken);
    }
    stage.clock.advance({ hours: 2 });
    await assertOver(stage, browser);
  });

  it('R070: is over thirty days after the sign-in however much is asked, to the millisecond', async () => {
    const stage = await open();
    const browser = await plainBrowser(stage);
    const end = stage.clock.now() + days(30);
    for (let use = 0; use < 30 * 13; use += 1) {
      stage.clock.advance({ minutes: 110 });
      await openIn(stage, browser);
    }
    while (end - stage.clock.now() > 7_000_000) {
      stage.clock.advance({ minutes: 110 });
      await openIn(stage, browser);
    }
    stage.clock.advance({ milliseconds: end - stage.clock.now() - 1 });
    await openIn(stage, browser);
    stage.clock.advance({ milliseconds: 1 });
    await assertOver(stage, browser);
  });

  it('has its use noted once a minute at most', async () => {
    const stage = await open();
    const { person, ...browser } = await plainBrowser(stage);
    const noted = async () => (await sessionRows(stage, person.id))[0]?.last_used_at;
    const signedInAt = stage.clock.now();
    for (let second = 1; second < 60; second += 1) {
      stage.clock.advance({ seconds: 1 });
      await openIn(stage, browser);
      assert.equal(await noted(), signedInAt);
    }
    stage.clock.advance({ seconds: 1 });
    await openIn(stage, browser);
    assert.equal(await noted(), stage.clock.now());
  });

  it('writes nothing more than that, whatever is asked in the minute', async () => {
    const stage = await open();
    const browser = await rememberedBrowser(stage);
    stage.clock.advance({ minutes: 1 });
    let writes = 0;
    const identity = stage.identityWith({
      store: {
        ...stage.world.store,
        transaction: (work) => {
          writes += 1;
          return stage.world.store.transaction(work);
        },
      },
    });
    for (let time = 0; time < 20; time += 1) await openIn({ identity }, browser);
    assert.equal(writes, 1);
  });

  it('R066, rule 30: goes on under another token when the password is confirmed, and the old one answers for ten seconds', async () => {
    const stage = await open();
    const browser = await plainBrowser(stage);
    const next = await confirmed(stage, browser);
    assert.notEqual(next.sessionToken, browser.sessionToken);
    stage.clock.advance({ seconds: 9 });
    await openIn(stage, browser);
    await openIn(stage, next);
    stage.clock.advance({ seconds: 2 });
    await assertOver(stage, browser);
    await openIn(stage, next);
  });

  it('rule 30: tells nobody who comes with the old one what the new one is, nor to keep the old one', async () => {
    const stage = await open();
    const browser = await rememberedBrowser(stage);
    const next = await confirmed(stage, browser);
    const late = await openIn(stage, browser);
    assert.deepEqual([late.sessionToken, late.rememberToken], [null, null]);
    assert.equal((await openIn(stage, next)).sessionToken, next.sessionToken);
    assert.equal((await tokenRows(stage, browser.person.id)).length, 1);
  });

  it('rule 30: gives the one before the old one no second grace', async () => {
    const stage = await open();
    const first = await plainBrowser(stage);
    const second = await confirmed(stage, first);
    stage.clock.advance({ seconds: 10 });
    await confirmed(stage, second);
    await assertOver(stage, first);
    await openIn(stage, second);
  });

  it('rule 30: is remembered by the same value after its password was confirmed', async () => {
    const stage = await open();
    const browser = await rememberedBrowser(stage);
    const next = await confirmed(stage, browser);
    stage.clock.advance({ seconds: 11 });
    // Whose answer was lost is not signed out for it; and the confirmation is gone with the token.
    const { live, rememberToken } = await openIn(stage, browser);
    assert.deepEqual([live.session.id, live.session.passwordConfirmedAt], [browser.signedIn.session.id, null]);
    assert.notEqual(rememberToken, null);
    await assert.rejects(openIn(stage, { ...next, rememberToken: undefined }), ended);
  });

  it('R071: is signed out of by a request that was on its way when the password was confirmed', async () => {
    const stage = await open();
    const browser = await plainBrowser(stage);
    const next = await confirmed(stage, browser);
    await stage.identity.signOut({
      contract: 'sanctum',
      credentials: { sessionToken: browser.sessionToken },
      caller: browser.caller,
    });
    await assertOver(stage, next);
    assert.deepEqual(await sessionRows(stage, browser.person.id), []);
  });

  it('ends with a sign-in in the same browser that was on its way when the password was confirmed', async () => {
    const stage = await open();
    const browser = await plainBrowser(stage);
    const next = await confirmed(stage, browser);
    await signInBrowser(stage, browser.person.email, { remember: false, replaces: browser });
    await assertOver(stage, next);
    assert.equal((await sessionRows(stage, browser.person.id)).length, 1);
  });

  it('rule 27: opens for no token of another contract', async () => {
    const stage = await open();
    const { caller, person } = await plainBrowser(stage);
    const cookie = await stage.signIn(person.email);
    const bearer = await stage.identity.signInWithPassword({
      contract: 'bearer',
      identifier: person.email,
      password: PASSWORD,
      caller,
      mustBeProven: 'as_set',
    });
    assert.ok(bearer.outcome === 'signed_in');
    for (const sessionToken of [cookie.accessToken, cookie.refreshToken, bearer.sessionToken]) {
      await assert.rejects(openIn(stage, { sessionToken, rememberToken: undefined, caller }), ended);
    }
  });

  it('ends for a sign-in in the same browser, which no other of the account does for', async () => {
    const stage = await open();
    const browser = await plainBrowser(stage);
    const other = await signInBrowser(stage, browser.person.email, { remember: false });
    const next = await signInBrowser(stage, browser.person.email, { replaces: browser });
    await assertOver(stage, browser);
    await openIn(stage, other);
    await openIn(stage, next);
    assert.equal((await sessionRows(stage, browser.person.id)).length, 2);
  });

  it('goes on when a sign-in in the same browser fails', async () => {
    const stage = await open();
    const browser = await rememberedBrowser(stage);
    const wrong = { replaces: browser, password: 'not the password' };
    await assert.rejects(signInBrowser(stage, browser.person.email, wrong), { code: 'invalid_credentials' });
    await openIn(stage, browser);
  });
});
