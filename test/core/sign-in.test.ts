import assert from 'node:assert/strict';
import { it } from 'node:test';
import { holdForNetwork, settleForNetwork } from '../../src/core/network-limit.ts';
import type { Caller } from '../../src/core/world.ts';
import { HashPool } from '../../src/crypto/hash-pool.ts';
import { argon2id } from '../../src/crypto/password-hasher.ts';
import {
  interrupted,
  OTHER_PASSWORD,
  onEachDatabase,
  PASSWORD,
  patient,
  type Stage,
  tally,
  WRONG,
} from '../support/stage.ts';

/** Code factors are set by operations still to come; the row is what sign-in reads. */
const setCodeFactor = (stage: Stage, id: number) =>
  stage.handle.transaction(async (db) => {
    await db.updateTable('account').set({ code_factor: 'totp' }).where('id', '=', id).execute();
  });

onEachDatabase('signing in', (open) => {
  it('opens a session that the access token reads and the refresh token renews', async () => {
    const stage = await open();
    const { email, uuid } = await stage.person();
    const caller = stage.caller({ address: '203.0.113.5', userAgent: 'Otter/2' });
    const signedIn = await stage.signIn(email, { caller });
    const { account, session } = await stage.live(signedIn);
    assert.equal(account.uuid, uuid);
    assert.deepEqual([session.address, session.userAgent, session.contract], ['203.0.113.5', 'Otter/2', 'cookie']);
    assert.match(signedIn.refreshToken, /^[\w-]{43}$/);
    assert.match(signedIn.clientToken, /^[\w-]{43}$/);
    await stage.refresh(signedIn.refreshToken, caller);
  });

  it('takes every spelling of the address', async () => {
    const stage = await open();
    const { email } = await stage.person();
    for (const spelling of [email.toUpperCase(), ` ${email}\t`, email.replace('example', 'ｅxample')])
      await stage.signIn(spelling);
  });

  it('verifies the whole password and nothing like it', async () => {
    const stage = await open();
    const password = `${'kq7wzr2m'.repeat(12)}vx9T`;
    const { email } = await stage.person({ password });
    const tries = [
      password.slice(0, 72),
      `${password.slice(0, -1)}t`,
      `${password} `,
      ` ${password}`,
      password.toUpperCase(),
      `${password}\0`,
      '',
    ];
    for (const text of tries)
      await assert.rejects(stage.trySignIn(email, { password: text }), { code: 'invalid_credentials' });
    await stage.signIn(email, { password });
  });

  it('takes the same text from another keyboard, but no look-alike', async () => {
    const stage = await open();
    const { email } = await stage.person({ password: 'caf\u00e9 \ufb01lament 73' });
    await stage.signIn(email, { password: 'cafe\u0301 \ufb01lament 73' });
    await assert.rejects(stage.trySignIn(email, { password: 'caf\u00e9 filament 73' }), {
      code: 'invalid_credentials',
    });
  });

  it('takes a password that was set with its accents typed apart, however long they make it', async () => {
    const stage = await open();
    const password = `${'e\u0301'.repeat(380)} granite otter parade`;
    const { email } = await stage.person({ password });
    await stage.signIn(email, { password });
  });

  it('refuses an unknown account, a wrong password, a locked and a passwordless account alike', async () => {
    const stage = await open();
    const [known, locked] = [await stage.person(), await stage.person()];
    await stage.identity.lockAccount({ uuid: locked.uuid });
    const passwordless = await stage.identity.createAccount({ email: stage.address(), verified: true });
    const attempts: [string, string][] = [
      [stage.address(), PASSWORD],
      ['no address at all', PASSWORD],
      [known.email, WRONG],
      [locked.email, PASSWORD],
      [locked.email, WRONG],
      [passwordless.email ?? '', ''],
      [passwordless.email ?? '', PASSWORD],
      [known.email, 'x'.repeat(60_000)],
      [known.email, `${PASSWORD}\ud800`],
    ];
    const answers = await Promise.all(
      attempts.map(([email, password]) =>
        stage.trySignIn(email, { password }).catch((error) => JSON.stringify({ ...error, message: error.message })),
      ),
    );
    assert.equal(new Set(answers).size, 1, JSON.stringify(answers));
  });

  it('keeps an operator’s lock even with the right password, and after it is lifted goes on', async () => {
    const stage = await open();
    const { email, uuid } = await stage.person();
    await stage.identity.lockAccount({ uuid });
    await assert.rejects(stage.trySignIn(email), { code: 'invalid_credentials' });
    await stage.identity.unlockAccount({ uuid });
    await stage.signIn(email);
  });

  it('works as well 400 days later', async () => {
    const stage = await open();
    const { email } = await stage.person();
    stage.clock.advance({ days: 400 });
    await stage.signIn(email);
  });

  it('ends the session that it takes the place of, even somebody else’s in the same browser', async () => {
    const stage = await open();
    const [ada, eve] = [await stage.person(), await stage.person()];
    const first = await stage.signIn(ada.email);
    const { accessToken, refreshToken } = first;
    await stage.identity.signInWithPassword({
      contract: 'cookie',
      identifier: eve.email,
      password: PASSWORD,
      caller: stage.caller(),
      mustBeProven: 'email',
      replaces: { accessToken, refreshToken },
    });
    await assert.rejects(stage.live(first), { code: 'session_ended' });
  });

  it('leaves that session alone when it fails', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const first = await stage.signIn(email);
    const attempt = stage.identity.signInWithPassword({
      contract: 'cookie',
      identifier: email,
      password: WRONG,
      caller: stage.caller(),
      mustBeProven: 'email',
      replaces: { refreshToken: first.refreshToken },
    });
    await assert.rejects(attempt, { code: 'invalid_credentials' });
    await stage.live(first);
  });

  it('opens no session while a second factor is due, but a pending login', async () => {
    const stage = await open();
    const { email, id } = await stage.person();
    await setCodeFactor(stage, id);
    const answer = await stage.trySignIn(email);
    assert.deepEqual(Object.keys(answer).sort(), ['challenge', 'channel', 'outcome']);
    assert.equal(answer.outcome, 'second_factor_due');
    assert.equal(
      (await stage.handle.read.selectFrom('session').select('id').where('account_id', '=', id).execute()).length,
      0,
    );
  });

  it('keeps at most three pending logins, by digest alone', async () => {
    const stage = await open();
    const { email, id } = await stage.person();
    await setCodeFactor(stage, id);
    const challenges: string[] = [];
    for (let time = 0; time < 5; time += 1) {
      const answer = await stage.trySignIn(email);
      if (answer.outcome === 'second_factor_due') challenges.push(answer.challenge);
      stage.clock.advance({ seconds: 1 });
    }
    const rows = await stage.handle.read.selectFrom('pending_login').selectAll().where('account_id', '=', id).execute();
    const digests = challenges.slice(-3).map((challenge) => stage.world.keyring.digest('challenge', challenge));
    assert.deepEqual(rows.map(({ digest }) => digest).sort(), digests.sort());
  });

  it('tells the owner after five wrong passwords and more, without a link', async () => {
    const stage = await open();
    const [four, five] = [await stage.person(), await stage.person()];
    await stage.fail(four.email, 4);
    await stage.fail(five.email, 5);
    for (const { email } of [four, five]) await stage.signIn(email);
    assert.equal((await stage.mails(four.email)).length, 0);
    const [mail, ...others] = await stage.mails(five.email);
    assert.deepEqual([mail?.links, mail?.code, others], [[], null, []]);
  });

  it('replaces a hash made with weaker parameters', async () => {
    const stage = await open();
    const { email, id } = await stage.person();
    const before = await stage.world.store.passwords.find(id);
    const stronger = { memoryCost: 128, timeCost: 1, parallelism: 1, outputLen: 32 };
    const hasher = await argon2id(new HashPool(), stage.world.keyring.peppers, stronger);
    await stage.signIn(email, { identity: stage.identityWith({ hasher }) });
    const after = await stage.world.store.passwords.find(id);
    assert.match(after?.hash ?? '', /m=128,/);
    assert.equal(after?.changedAt, before?.changedAt);
    await stage.signIn(email);
  });

  it('overwrites no password that was changed while the newer hash was made', async () => {
    const stage = await open();
    const { email, uuid, id } = await stage.person();
    const stronger = { memoryCost: 128, timeCost: 1, parallelism: 1, outputLen: 32 };
    const hasher = interrupted(await argon2id(new HashPool(), stage.world.keyring.peppers, stronger), () =>
      stage.identity.setPassword({ uuid, password: OTHER_PASSWORD }),
    );
    await assert.rejects(stage.trySignIn(email, { identity: stage.identityWith({ hasher }) }), {
      code: 'invalid_credentials',
    });
    assert.match((await stage.world.store.passwords.find(id))?.hash ?? '', /m=64,/);
    await stage.signIn(email, { password: OTHER_PASSWORD });
  });

  it('records each attempt, and no address of somebody unknown', async () => {
    const stage = await open();
    const { email, uuid } = await stage.person();
    await stage.fail(email, 2);
    await stage.signIn(email);
    assert.deepEqual(await stage.recorded(uuid), [
      'account.created',
      'sign_in.failed',
      'sign_in.failed',
      'sign_in.succeeded',
    ]);
    const stranger = stage.address('stranger');
    await stage.fail(stranger, 1);
    assert.ok(
      !JSON.stringify(await stage.handle.read.selectFrom('audit_event').selectAll().execute()).includes(stranger),
    );
  });
});

/** Wrong passwords from the caller's network, through the store alone. */
const tire = (stage: Stage, caller: Caller, times: number): Promise<void> =>
  stage.world.store.transaction(async (store) => {
    for (let time = 0; time < times; time += 1) {
      await holdForNetwork({ ...stage.world, store }, 'failure', caller);
      await settleForNetwork({ ...stage.world, store }, 'failure', caller, true);
    }
  });

onEachDatabase('a network', (open) => {
  it('is refused after thirty wrong passwords in five minutes, whoever they were for', async () => {
    const stage = await open();
    const caller = stage.caller();
    const { email } = await stage.person();
    await tire(stage, caller, 27);
    for (let time = 0; time < 3; time += 1) await stage.fail(stage.address(), 1, caller);
    await assert.rejects(stage.trySignIn(email, { caller }), {
      code: 'rate_limited',
      facts: { retryAfterSeconds: 300 },
    });
    await stage.signIn(email);
    stage.clock.advance({ minutes: 4, seconds: 59 });
    await assert.rejects(stage.trySignIn(email, { caller }), { code: 'rate_limited', facts: { retryAfterSeconds: 1 } });
    stage.clock.advance({ seconds: 1 });
    await stage.signIn(email, { caller });
  });

  it('that many share is refused after six hundred', async () => {
    const stage = await open();
    const caller = stage.caller({ factor: 20 });
    await tire(stage, caller, 599);
    await stage.fail(stage.address(), 1, caller);
    await assert.rejects(stage.trySignIn(stage.address(), { caller }), { code: 'rate_limited' });
  });

  it('counts wrong current passwords too', async () => {
    const stage = await open();
    const caller = stage.caller();
    const { email } = await stage.person();
    const signedIn = await stage.signIn(email);
    const live = await stage.live(signedIn);
    await tire(stage, caller, 29);
    await assert.rejects(stage.identity.reauthenticate({ live, password: WRONG, caller }), {
      code: 'invalid_credentials',
    });
    await assert.rejects(stage.identity.reauthenticate({ live, password: PASSWORD, caller }), { code: 'rate_limited' });
  });

  it('guesses no oftener by asking all at once', async () => {
    const stage = await open();
    const caller = stage.caller();
    const identity = stage.identityWith({ clock: patient(stage.clock) });
    const answers = await Promise.all(
      Array.from({ length: 60 }, () =>
        stage.trySignIn(stage.address(), { password: WRONG, caller, identity }).catch(({ code }) => code),
      ),
    );
    assert.ok(
      (tally(answers as string[])['invalid_credentials'] ?? 0) <= 30,
      JSON.stringify(tally(answers as string[])),
    );
  });
});
