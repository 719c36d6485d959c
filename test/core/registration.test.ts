import assert from 'node:assert/strict';
import { it } from 'node:test';
import { hours } from '../../src/core/time.ts';
import { OTHER_PASSWORD, onEachDatabase, openStage, PASSWORD, patient, type Stage, tally } from '../support/stage.ts';

const register = (
  stage: Stage,
  email: string,
  of: { name?: string | null; password?: string; caller?: ReturnType<Stage['caller']> } = {},
) =>
  stage.identity.register({
    contract: 'cookie',
    email,
    name: of.name === undefined ? 'Ada Lovelace' : of.name,
    password: of.password ?? PASSWORD,
    caller: of.caller ?? stage.caller(),
  });

onEachDatabase('registering', (open) => {
  it('makes an account with an unproven address, in the canonical form', async () => {
    const stage = await open();
    const email = stage.address();
    const account = await register(stage, ` ${email.toUpperCase()} `, { name: 'Ada King Lovelace' });
    const { firstName, lastName, emailVerifiedAt, role, roleId, accountableType, accountableId, disabledAt } = account;
    assert.equal(account.email, email);
    assert.deepEqual(
      { firstName, lastName, emailVerifiedAt, role, roleId, accountableType, disabledAt },
      {
        firstName: 'Ada',
        lastName: 'King Lovelace',
        emailVerifiedAt: null,
        role: 'USER',
        roleId: 1,
        accountableType: 'Account',
        disabledAt: null,
      },
    );
    assert.equal(accountableId, account.id);
  });

  it('numbers a user name that is taken', async () => {
    const stage = await open();
    const local = stage.address().split('@')[0] ?? '';
    const domains = ['a', 'b', 'c', 'd', 'e'].map((domain) => `${domain}.example`);
    const names: string[] = [];
    for (const domain of domains) names.push((await register(stage, `${local}@${domain}`)).username);
    assert.deepEqual(names.slice(0, 3), [local, `${local}2`, `${local}3`]);
    // From there on by chance: what follows a taken name must not get dearer with each that is.
    for (const name of names.slice(3)) assert.match(name.slice(local.length), /^\d{4,}$/);
    assert.equal(new Set(names).size, domains.length);
  });

  it('mails a link to the address, which proves it', async () => {
    const stage = await open();
    const email = stage.address();
    await register(stage, email.toUpperCase());
    const token = await stage.tokenFor(email);
    assert.match(token, /^[\w-]{43}$/);
    const account = await stage.identity.verifyEmail({ token, contract: 'cookie', caller: stage.caller() });
    assert.equal(account.email, email);
    assert.ok((await stage.signIn(email)).account.emailVerifiedAt);
  });

  it('lets nobody in before the address is proven, and says so only after the right password', async () => {
    const stage = await open();
    const email = stage.address();
    await register(stage, email);
    await assert.rejects(stage.trySignIn(email), { code: 'identifier_unproven' });
    await stage.fail(email, 1);
  });

  it('refuses a taken address in whatever spelling, and changes nothing of the account', async () => {
    const stage = await open();
    const { email, uuid } = await stage.person({ firstName: 'Ada' });
    await assert.rejects(register(stage, email.toUpperCase(), { name: 'Eve', password: OTHER_PASSWORD }), {
      code: 'identifier_taken',
      facts: { identifier: 'email' },
    });
    assert.equal((await stage.signIn(email)).account.name, 'Ada');
    assert.equal((await stage.identity.findAccount({ name: email })).uuid, uuid);
  });

  it('mails the holder of a proven address nothing', async () => {
    const stage = await open();
    const { email } = await stage.person();
    await assert.rejects(register(stage, email), { code: 'identifier_taken' });
    assert.deepEqual(await stage.mails(email), []);
  });

  it('mails the owner of an unproven address a way to make the account theirs, once an hour', async () => {
    const stage = await open();
    const email = stage.address();
    await register(stage, email);
    const before = (await stage.mails(email)).length;
    for (let time = 0; time < 3; time += 1) await assert.rejects(register(stage, email), { code: 'identifier_taken' });
    assert.equal((await stage.mails(email)).length, before + 1);
    stage.clock.advance({ hours: 1 });
    await assert.rejects(register(stage, email), { code: 'identifier_taken' });
    assert.equal((await stage.mails(email)).length, before + 2);
  });

  it('takes nothing from what an owner claims but what was planted', async () => {
    const stage = await open();
    const email = stage.address();
    await register(stage, email, { name: 'Mallory' });
    stage.clock.advance({ seconds: 1 });
    await assert.rejects(register(stage, email, { name: 'Ada' }), { code: 'identifier_taken' });
    const token = await stage.tokenFor(email);
    await stage.identity.finishPasswordReset({
      contract: 'page',
      token,
      password: OTHER_PASSWORD,
      caller: stage.caller(),
    });
    await assert.rejects(stage.trySignIn(email, { password: PASSWORD }), { code: 'invalid_credentials' });
    const { account } = await stage.signIn(email, { password: OTHER_PASSWORD });
    assert.deepEqual([account.name, account.firstName, account.lastName], [null, '', '']);
  });

  it('refuses what is no address, and a password the policy refuses, before anything is made', async () => {
    const stage = await open();
    const email = stage.address();
    await assert.rejects(register(stage, 'ada＠example.com'), {
      code: 'input_rejected',
      facts: { fields: { email: 'email' } },
    });
    for (const password of ['short', 'password123', email, `${email.split('@')[0]}1`, 'x'.repeat(1025)]) {
      await assert.rejects(register(stage, email, { password }), { code: 'password_rejected' }, password);
    }
    await assert.rejects(stage.identity.findAccount({ name: email }), { code: 'not_found' });
  });

  it('answers "taken" ten times an hour for a network, then nothing more', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const caller = stage.caller();
    const answers: string[] = [];
    for (let time = 0; time < 12; time += 1) {
      answers.push(await register(stage, email, { caller }).catch(({ code }) => code));
    }
    assert.deepEqual(tally(answers), { identifier_taken: 10, rate_limited: 2 });
    await assert.rejects(register(stage, stage.address(), { caller }), { code: 'rate_limited' });
    await register(stage, stage.address());
    stage.clock.advance({ hours: 1 });
    await assert.rejects(register(stage, email, { caller }), { code: 'identifier_taken' });
  });

  it('answers "taken" no oftener when all ask at once', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const caller = stage.caller();
    const identity = stage.identityWith({ clock: patient(stage.clock) });
    const answers = await Promise.all(
      Array.from({ length: 30 }, () =>
        identity
          .register({ contract: 'cookie', email, name: null, password: PASSWORD, caller })
          .catch(({ code }) => code),
      ),
    );
    assert.ok((tally(answers)['identifier_taken'] ?? 0) <= 10, JSON.stringify(tally(answers)));
  });

  it('makes sixty accounts an hour for a network, and twenty times as many for a shared one', async () => {
    const stage = await open();
    const caller = stage.caller();
    const shared = stage.caller({ factor: 20 });
    const { store } = stage.world;
    for (const { network } of [caller, shared]) {
      const rule = { limit: 60, windowMilliseconds: hours(1), now: stage.clock.now() };
      for (let time = 0; time < 60; time += 1)
        await store.transaction(({ limits }) => limits.take(`network:sign-up:${network.key}`, rule));
    }
    await assert.rejects(register(stage, stage.address(), { caller }), { code: 'rate_limited' });
    // Told alike, or who may not sign up any more could still ask which addresses are free.
    await assert.rejects(register(stage, (await stage.person()).email, { caller }), { code: 'rate_limited' });
    await register(stage, stage.address(), { caller: shared });
  });

  it('keeps no account when its transaction fails at the last step', async () => {
    const stage = await open();
    const email = stage.address();
    const { store } = stage.world;
    const broken = stage.identityWith({
      store: {
        ...store,
        transaction: (work) =>
          store.transaction((tables) =>
            work({
              ...tables,
              outbox: {
                ...tables.outbox,
                add: async () => {
                  throw new Error('the disk is full');
                },
              },
            }),
          ),
      },
    });
    await assert.rejects(
      broken.register({ contract: 'cookie', email, name: 'Ada', password: PASSWORD, caller: stage.caller() }),
      /the disk is full/,
    );
    assert.equal((await register(stage, email)).username, email.split('@')[0]);
  });

  it('records that it happened, without the address', async () => {
    const stage = await open();
    const email = stage.address();
    const { uuid } = await register(stage, email, {
      caller: stage.caller({ address: '198.51.100.3', userAgent: 'Otter/9' }),
    });
    const [event] = await stage.world.store.audit.list({ accountUuid: uuid, limit: 1 });
    assert.equal(event?.kind, 'account.registered');
    assert.deepEqual(event?.details, { address: '198.51.100.3', userAgent: 'Otter/9' });
    assert.ok(!JSON.stringify(event).includes(email));
  });
});

it('refuses everybody while sign-up is closed', async (t) => {
  const stage = await openStage(t, { env: { GUICHET_SIGN_UP: 'closed' } });
  await assert.rejects(register(stage, stage.address()), { code: 'sign_up_closed' });
});
