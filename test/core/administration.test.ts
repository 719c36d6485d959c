import assert from 'node:assert/strict';
import { it } from 'node:test';
import { cleanExpired } from '../../src/store/clean.ts';
import { OTHER_PASSWORD, onEachDatabase, PASSWORD, type Stage } from '../support/stage.ts';

const register = (stage: Stage, email: string) =>
  stage.identity.register({ contract: 'cookie', email, name: 'Ada', password: PASSWORD, caller: stage.caller() });

onEachDatabase('an operator', (open) => {
  it('makes an account with labels that Guichet only keeps', async () => {
    const stage = await open();
    const email = stage.address();
    const account = await stage.identity.createAccount({
      email: email.toUpperCase(),
      password: PASSWORD,
      firstName: 'Ada',
      lastName: 'King Lovelace',
      locale: 'fr',
      verified: true,
      labels: { role: 'ADMIN', roleId: 7, accountableType: 'Customer', accountableId: 4711 },
    });
    const { role, roleId, accountableType, accountableId, name, firstName, lastName, locale } = account;
    assert.equal(account.email, email);
    assert.deepEqual([role, roleId, accountableType, accountableId], ['ADMIN', 7, 'Customer', 4711]);
    assert.deepEqual([name, firstName, lastName, locale], ['Ada King Lovelace', 'Ada', 'King Lovelace', 'fr']);
    await stage.signIn(email);
  });

  it('makes one whose owner has yet to prove the address', async () => {
    const stage = await open();
    const email = stage.address();
    await stage.identity.createAccount({ email, password: PASSWORD });
    await assert.rejects(stage.trySignIn(email), { code: 'identifier_unproven' });
    await stage.identity.verifyEmail({ token: await stage.tokenFor(email), contract: 'page', caller: stage.caller() });
    await stage.signIn(email);
  });

  it('makes none twice, by no spelling, and none with a password the policy refuses', async () => {
    const stage = await open();
    const { email } = await stage.person();
    await assert.rejects(stage.identity.createAccount({ email: email.toUpperCase() }), { code: 'identifier_taken' });
    await assert.rejects(stage.identity.createAccount({ email: 'nobody' }), { code: 'input_rejected' });
    await assert.rejects(stage.identity.createAccount({ email: stage.address(), password: 'password1' }), {
      code: 'password_rejected',
    });
  });

  it('finds an account by any spelling of its address, and by its uuid', async () => {
    const stage = await open();
    const { email, uuid, id } = await stage.person();
    for (const name of [email, ` ${email.toUpperCase()} `, uuid])
      assert.equal((await stage.identity.findAccount({ name })).id, id);
    for (const name of ['', 'nobody', stage.address(), String(id)]) {
      await assert.rejects(stage.identity.findAccount({ name }), { code: 'not_found' });
    }
  });

  it('pages through all accounts in the order they were made', async () => {
    const stage = await open();
    const made = [await stage.person(), await stage.person(), await stage.person()].map(({ id }) => id);
    const before = (made[0] ?? 0) - 1;
    const first = await stage.identity.listAccounts({ after: before as (typeof made)[number], limit: 2 });
    const rest = await stage.identity.listAccounts({ after: first[1]?.id as (typeof made)[number], limit: 2 });
    assert.deepEqual(
      [...first, ...rest].map(({ id }) => id),
      made,
    );
  });

  it('is told when there is no such account', async () => {
    const stage = await open();
    const uuid = '00000000-0000-4000-8000-000000000000';
    const { identity } = stage;
    for (const attempt of [
      () => identity.lockAccount({ uuid }),
      () => identity.unlockAccount({ uuid }),
      () => identity.deleteAccount({ uuid }),
      () => identity.setPassword({ uuid, password: PASSWORD }),
    ]) {
      await assert.rejects(attempt(), { code: 'not_found' });
    }
  });

  it('locks an account out of everything at once', async () => {
    const stage = await open();
    const { email, uuid } = await stage.person();
    const session = await stage.signIn(email);
    await stage.identity.startPasswordReset({ contract: 'cookie', email, caller: stage.caller() });
    const token = await stage.tokenFor(email);
    const locked = await stage.identity.lockAccount({ uuid });
    assert.equal(locked.disabledAt, stage.clock.now());
    await assert.rejects(stage.live(session), { code: 'session_ended' });
    await assert.rejects(
      stage.identity.checkSession({ contract: 'cookie', accessToken: session.accessToken, changes: false }),
      { code: 'session_ended' },
    );
    await assert.rejects(stage.refresh(session.refreshToken), { code: 'session_ended' });
    await assert.rejects(stage.identity.lookAtPasswordReset({ token }), { code: 'token_invalid' });
    await assert.rejects(stage.trySignIn(email), { code: 'invalid_credentials' });
  });

  it('lifts both kinds of lock', async () => {
    const stage = await open();
    const { email, uuid } = await stage.person();
    await stage.lock(email);
    await stage.identity.lockAccount({ uuid });
    const account = await stage.identity.unlockAccount({ uuid });
    assert.equal(account.disabledAt, null);
    await stage.signIn(email);
  });

  it('sets a password by the same policy, and whoever was in is out', async () => {
    const stage = await open();
    const { email, uuid } = await stage.person();
    const session = await stage.signIn(email);
    const { clientToken } = session;
    await stage.lock(email);
    await assert.rejects(stage.identity.setPassword({ uuid, password: email }), { code: 'password_rejected' });
    await stage.live(session);
    await stage.identity.setPassword({ uuid, password: OTHER_PASSWORD });
    await assert.rejects(stage.live(session), { code: 'session_ended' });
    const notice = (await stage.mails(email)).find(({ subject }) => subject === 'Your password was changed');
    assert.deepEqual(notice?.links, []);
    await stage.signIn(email, { password: OTHER_PASSWORD });
    await stage.lock(email);
    const attempt = stage.trySignIn(email, { password: OTHER_PASSWORD, caller: stage.caller({ clientToken }) });
    await assert.rejects(attempt, { code: 'account_locked' });
  });

  it('gives nobody a role that looks like a right of its own (rule 10)', async () => {
    const stage = await open();
    const { uuid } = await stage.person();
    for (const role of ['guichet-admin', 'GUICHET', ' Guichet owner']) {
      const refused = { code: 'input_rejected', facts: { fields: { roleName: 'malformed' } } };
      await assert.rejects(stage.identity.labelAccount({ uuid, labels: { role } }), refused);
      const made = stage.identity.createAccount({ email: stage.address(), password: PASSWORD, labels: { role } });
      await assert.rejects(made, refused);
    }
    assert.equal((await stage.identity.labelAccount({ uuid, labels: { role: 'ADMIN' } })).role, 'ADMIN');
  });

  it('leaves a record of each act', async () => {
    const stage = await open();
    const { uuid } = await stage.person();
    await stage.identity.lockAccount({ uuid });
    await stage.identity.unlockAccount({ uuid });
    await stage.identity.setPassword({ uuid, password: OTHER_PASSWORD });
    await stage.identity.deleteAccount({ uuid });
    assert.deepEqual(await stage.recorded(uuid), [
      'account.created',
      'account.locked',
      'account.unlocked',
      'password.changed',
      'account.deleted',
    ]);
  });
});

onEachDatabase('a deleted account', (open) => {
  it('is gone with its sessions, links and locks', async () => {
    const stage = await open();
    const { email, uuid, id } = await stage.person();
    const session = await stage.signIn(email);
    await stage.identity.startPasswordReset({ contract: 'cookie', email, caller: stage.caller() });
    const token = await stage.tokenFor(email);
    await stage.identity.deleteAccount({ uuid });
    await assert.rejects(
      stage.identity.checkSession({ contract: 'cookie', accessToken: session.accessToken, changes: false }),
      { code: 'session_ended' },
    );
    await assert.rejects(stage.refresh(session.refreshToken), { code: 'session_ended' });
    await assert.rejects(stage.identity.lookAtPasswordReset({ token }), { code: 'token_invalid' });
    await assert.rejects(stage.trySignIn(email), { code: 'invalid_credentials' });
    for (const table of [
      'session',
      'password',
      'identifier',
      'one_time_token',
      'known_client',
      'audit_detail',
    ] as const) {
      assert.deepEqual(
        await stage.handle.read.selectFrom(table).selectAll().where('account_id', '=', id).execute(),
        [],
        table,
      );
    }
  });

  it('leaves a record that names nobody', async () => {
    const stage = await open();
    const caller = stage.caller({ address: '203.0.113.99', userAgent: 'Personal/7' });
    const email = stage.address();
    const { uuid } = await stage.identity.register({
      contract: 'cookie',
      email,
      name: 'Ada Lovelace',
      password: PASSWORD,
      caller,
    });
    await stage.fail(email, 2, caller);
    await stage.identity.deleteAccount({ uuid });
    const events = await stage.world.store.audit.list({ accountUuid: uuid, limit: 100 });
    assert.ok(events.length >= 4);
    assert.ok(events.every(({ details }) => details.address === null && details.userAgent === null));
    for (const table of [
      'audit_event',
      'audit_detail',
      'account',
      'identifier',
      'attempt',
      'rate_limit',
      'buried_identifier',
    ] as const) {
      const rows = JSON.stringify(await stage.handle.read.selectFrom(table).selectAll().execute());
      for (const trace of [email, '203.0.113.99', 'Personal/7']) assert.ok(!rows.includes(trace), `${table}: ${trace}`);
    }
  });

  it('keeps its address closed for a day, to the second, and never gives its ids away', async () => {
    const stage = await open();
    const { email, uuid, id } = await stage.person();
    await stage.identity.deleteAccount({ uuid });
    stage.clock.advance({ hours: 23, minutes: 59, seconds: 59 });
    await cleanExpired(stage.handle, stage.clock.now());
    await assert.rejects(register(stage, email.toUpperCase()), { code: 'identifier_taken' });
    stage.clock.advance({ seconds: 1 });
    const again = await register(stage, email);
    assert.ok(again.id > id && again.uuid !== uuid);
    assert.deepEqual([again.role, again.emailVerifiedAt], ['USER', null]);
  });

  it('keeps its address closed to an operator no longer than to others', async () => {
    const stage = await open();
    const { email, uuid } = await stage.person();
    await stage.identity.deleteAccount({ uuid });
    stage.clock.advance({ days: 1 });
    await stage.identity.createAccount({ email, password: PASSWORD, verified: true });
    await stage.signIn(email);
  });

  it('never comes back with an id it had, however many are made and deleted', async () => {
    const stage = await open();
    const ids: number[] = [];
    for (let time = 0; time < 5; time += 1) {
      const { id, uuid } = await stage.person();
      ids.push(id);
      await stage.identity.deleteAccount({ uuid });
    }
    assert.deepEqual(
      ids,
      [...new Set(ids)].sort((one, other) => one - other),
    );
  });

  it('frees no space for the failures that are counted: they go with it', async () => {
    const stage = await open();
    const { email, uuid } = await stage.person();
    await stage.fail(email, 9);
    await stage.identity.deleteAccount({ uuid });
    stage.clock.advance({ days: 1 });
    await register(stage, email);
    await stage.fail(email, 1);
    await assert.rejects(stage.trySignIn(email), { code: 'identifier_unproven' });
  });
});
