import assert from 'node:assert/strict';
import { it } from 'node:test';
import { interrupted, OTHER_PASSWORD, onEachDatabase, PASSWORD, type Stage, tally } from '../support/stage.ts';

const start = (stage: Stage, email: string, caller = stage.caller()) =>
  stage.identity.startPasswordReset({ contract: 'cookie', email, caller });
const finish = (stage: Stage, token: string, password = OTHER_PASSWORD) =>
  stage.identity.finishPasswordReset({ contract: 'cookie', token, password, caller: stage.caller() });

async function resetToken(stage: Stage, email: string): Promise<string> {
  await start(stage, email);
  return stage.tokenFor(email);
}

onEachDatabase('resetting the password', (open) => {
  it('sets the new one and ends every session', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const [first, second] = [await stage.signIn(email), await stage.signIn(email)];
    await finish(stage, await resetToken(stage, email));
    for (const session of [first, second]) {
      await assert.rejects(stage.live(session), { code: 'session_ended' });
      await assert.rejects(stage.refresh(session.refreshToken), { code: 'session_ended' });
    }
    await assert.rejects(stage.trySignIn(email), { code: 'invalid_credentials' });
    await stage.signIn(email, { password: OTHER_PASSWORD });
  });

  it('signs nobody in', async () => {
    const stage = await open();
    const { email, id } = await stage.person();
    assert.deepEqual(await finish(stage, await resetToken(stage, email)), { redirectUrl: null });
    const rows = await stage.handle.read.selectFrom('session').select('id').where('account_id', '=', id).execute();
    assert.deepEqual(rows, []);
  });

  it('forgets every known client and lifts every lock', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const { clientToken } = await stage.signIn(email);
    await stage.lock(email);
    await stage.lock(email, stage.caller({ clientToken }));
    stage.clock.advance({ seconds: 1 });
    await finish(stage, await resetToken(stage, email));
    await stage.signIn(email, { password: OTHER_PASSWORD });
    await stage.lock(email);
    const attempt = stage.trySignIn(email, { password: OTHER_PASSWORD, caller: stage.caller({ clientToken }) });
    await assert.rejects(attempt, { code: 'account_locked' });
  });

  it('leaves second factors enrolled, and still asks for them', async () => {
    const stage = await open();
    const { email, id } = await stage.person();
    await stage.handle.transaction(async (db) => {
      await db.updateTable('account').set({ code_factor: 'totp' }).where('id', '=', id).execute();
    });
    await finish(stage, await resetToken(stage, email));
    assert.equal((await stage.trySignIn(email, { password: OTHER_PASSWORD })).outcome, 'second_factor_due');
  });

  it('works once, and kills every other link of the account', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const first = await resetToken(stage, email);
    stage.clock.advance({ minutes: 1 });
    const second = await resetToken(stage, email);
    await stage.lock(email);
    stage.clock.advance({ seconds: 1 });
    const unlock = await stage.tokenFor(email);
    await finish(stage, first);
    for (const token of [first, second]) await assert.rejects(finish(stage, token), { code: 'token_invalid' });
    await assert.rejects(stage.identity.unlockSignIn({ token: unlock, contract: 'page', caller: stage.caller() }), {
      code: 'token_invalid',
    });
  });

  it('keeps the link usable when the new password is refused', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const token = await resetToken(stage, email);
    for (const password of ['short', 'password123', email, `${email.split('@')[0]}99`]) {
      await assert.rejects(finish(stage, token, password), { code: 'password_rejected' });
    }
    await finish(stage, token);
  });

  it('takes the link for an hour, to the second, and another purpose’s link never', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const token = await resetToken(stage, email);
    const unverified = await stage.identity.register({
      contract: 'cookie',
      email: stage.address(),
      name: null,
      password: PASSWORD,
      caller: stage.caller(),
    });
    await assert.rejects(finish(stage, await stage.tokenFor(unverified.email ?? '')), { code: 'token_invalid' });
    stage.clock.advance({ minutes: 59, seconds: 59 });
    assert.deepEqual(await stage.identity.lookAtPasswordReset({ token }), { email, redirectUrl: null });
    stage.clock.advance({ seconds: 1 });
    await assert.rejects(stage.identity.lookAtPasswordReset({ token }), { code: 'token_expired' });
    await assert.rejects(finish(stage, token), { code: 'token_expired' });
  });

  it('costs no hash for a dead link', async () => {
    const stage = await open();
    const hasher = { ...stage.world.hasher, hash: async () => assert.fail('it hashed') };
    const attempt = stage.identityWith({ hasher }).finishPasswordReset({
      contract: 'cookie',
      token: 'A'.repeat(43),
      password: OTHER_PASSWORD,
      caller: stage.caller(),
    });
    await assert.rejects(attempt, { code: 'token_invalid' });
  });

  it('mails the address of the account’s row, whatever spelling was asked with', async () => {
    const stage = await open();
    const { email } = await stage.person();
    await start(stage, ` ${email.toUpperCase()} `);
    assert.equal((await stage.mails(email))[0]?.to, email);
  });

  it('leads to the application for the contract of single-page applications, and for others to our page', async () => {
    const stage = await open();
    for (const contract of ['bearer', 'cookie', 'page', 'sanctum'] as const) {
      const { email } = await stage.person();
      await stage.identity.startPasswordReset({ contract, email, caller: stage.caller() });
      const [link = ''] = (await stage.mails(email))[0]?.links ?? [];
      const { pathname, searchParams } = new URL(link);
      assert.deepEqual(
        [pathname, searchParams.get('email')],
        ['/reset-password', contract === 'sanctum' ? email : null],
      );
      await finish(stage, searchParams.get('token') ?? '');
    }
  });

  it('mails nothing to an unknown address or a locked account, and says nothing of it', async () => {
    const stage = await open();
    const { email, uuid } = await stage.person();
    await stage.identity.lockAccount({ uuid });
    const stranger = stage.address();
    for (const address of [email, stranger, 'no address', '']) assert.equal(await start(stage, address), undefined);
    assert.deepEqual([await stage.mails(email), await stage.mails(stranger)], [[], []]);
  });

  it('mails at most once a minute and five times an hour, silently', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const counts: number[] = [];
    for (let minute = 0; minute < 8; minute += 1) {
      for (let time = 0; time < 3; time += 1) await start(stage, email);
      counts.push((await stage.mails(email)).length);
      stage.clock.advance({ minutes: 1 });
    }
    assert.deepEqual(counts, [1, 2, 3, 4, 5, 5, 5, 5]);
  });

  it('mails at most ten times a day to one address, over all purposes', async () => {
    const stage = await open();
    const { email } = await stage.person();
    let sent = 0;
    for (let time = 0; time < 15; time += 1) {
      await start(stage, email);
      sent = (await stage.mails(email)).length;
      stage.clock.advance({ minutes: 61 });
    }
    assert.equal(sent, 10);
  });

  it('is asked for twenty times an hour by one network, however many ask at once', async () => {
    const stage = await open();
    const caller = stage.caller();
    const answers = await Promise.all(
      Array.from({ length: 40 }, () =>
        start(stage, stage.address(), caller).then(
          () => 'asked',
          ({ code }) => code,
        ),
      ),
    );
    assert.deepEqual(tally(answers), { asked: 20, rate_limited: 20 });
  });

  it('tells the owner, without a link', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const token = await resetToken(stage, email);
    stage.clock.advance({ seconds: 1 });
    await finish(stage, token);
    const [mail] = await stage.mails(email);
    assert.deepEqual([mail?.links, mail?.code], [[], null]);
  });

  it('loses to a change of the password that overtakes it', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const token = await resetToken(stage, email);
    const live = await stage.live(await stage.signIn(email));
    const { hasher } = stage.world;
    const slow = {
      ...hasher,
      hash: async (password: string) => {
        const change = {
          live,
          currentPassword: PASSWORD,
          newPassword: 'copper lantern quarry',
          caller: stage.caller(),
        };
        await stage.identity.changePassword(change);
        return hasher.hash(password);
      },
    };
    const reset = { contract: 'cookie', token, password: OTHER_PASSWORD, caller: stage.caller() } as const;
    await assert.rejects(stage.identityWith({ hasher: slow }).finishPasswordReset(reset), { code: 'token_invalid' });
    await stage.signIn(email, { password: 'copper lantern quarry' });
  });
});

onEachDatabase('taking over an account that never proved an address', (open) => {
  /** Somebody plants an account on the owner's address; the owner resets its password. */
  async function planted(stage: Stage) {
    const email = stage.address('owner');
    const account = await stage.identity.register({
      contract: 'cookie',
      email,
      name: 'Mallory Malice',
      password: PASSWORD,
      caller: stage.caller(),
    });
    const signIn = await stage.identity.signInWithPassword({
      contract: 'cookie',
      identifier: email,
      password: PASSWORD,
      caller: stage.caller(),
      mustBeProven: 'as_set',
    });
    assert.equal(signIn.outcome, 'signed_in');
    if (signIn.outcome !== 'signed_in') throw new Error();
    await stage.handle.transaction(async (db) => {
      await db.updateTable('account').set({ code_factor: 'totp' }).where('id', '=', account.id).execute();
      await db
        .insertInto('identifier')
        .values({
          account_id: account.id,
          kind: 'email',
          value: stage.address('mallory'),
          pending: 1,
          verified_at: null,
          created_at: 0,
        })
        .execute();
    });
    const verification = await stage.tokenFor(email);
    stage.clock.advance({ minutes: 1 });
    return { ...account, email, signIn, verification };
  }

  it('leaves nothing of what was planted: password, sessions, factor, name, identifiers, clients, links', async () => {
    const stage = await open();
    const { email, id, signIn, verification, epoch } = await planted(stage);
    await finish(stage, await resetToken(stage, email));

    await assert.rejects(stage.trySignIn(email), { code: 'invalid_credentials' });
    await assert.rejects(stage.live(signIn), { code: 'session_ended' });
    await assert.rejects(stage.refresh(signIn.refreshToken), { code: 'session_ended' });
    await assert.rejects(
      stage.identity.verifyEmail({ token: verification, contract: 'page', caller: stage.caller() }),
      { code: 'token_invalid' },
    );
    await assert.rejects(stage.identity.disownAccount({ token: verification, caller: stage.caller() }), {
      code: 'token_invalid',
    });
    const account = await stage.identity.findAccount({ name: email });
    assert.deepEqual(
      { name: account.name, first: account.firstName, last: account.lastName, factor: account.codeFactor },
      { name: null, first: '', last: '', factor: null },
    );
    assert.ok(account.emailVerifiedAt !== null && account.epoch > epoch);
    for (const table of ['session', 'known_client', 'pending_login', 'one_time_token'] as const) {
      assert.deepEqual(
        await stage.handle.read.selectFrom(table).selectAll().where('account_id', '=', id).execute(),
        [],
        table,
      );
    }
    const identifiers = await stage.handle.read
      .selectFrom('identifier')
      .select('value')
      .where('account_id', '=', id)
      .execute();
    assert.deepEqual(
      identifiers.map(({ value }) => value),
      [email],
    );
    const { account: signedIn } = await stage.signIn(email, { password: OTHER_PASSWORD });
    assert.equal(signedIn.id, id);
  });

  it('is recorded', async () => {
    const stage = await open();
    const { email, uuid } = await planted(stage);
    await finish(stage, await resetToken(stage, email));
    assert.deepEqual((await stage.recorded(uuid)).slice(-2), ['account.taken_over', 'password.reset']);
  });

  it('gives a sign-in with the planted password that was under way nothing', async () => {
    const stage = await open();
    const { email } = await planted(stage);
    const token = await resetToken(stage, email);
    const hasher = interrupted(stage.world.hasher, () => finish(stage, token));
    await assert.rejects(stage.trySignIn(email, { identity: stage.identityWith({ hasher }) }));
    assert.equal(
      (await stage.identity.listSessions(await stage.signIn(email, { password: OTHER_PASSWORD }))).length,
      1,
    );
  });

  it('never happens to an account that has proven its address', async () => {
    const stage = await open();
    const { email } = await stage.person({ firstName: 'Ada' });
    await finish(stage, await resetToken(stage, email));
    assert.equal((await stage.signIn(email, { password: OTHER_PASSWORD })).account.name, 'Ada');
  });
});
