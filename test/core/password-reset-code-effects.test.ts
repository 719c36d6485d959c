import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Client as Browser } from '../contracts/cookie/client.ts';
import { type Answer, accountIn, assertDone, assertRefused, assertSignedIn } from '../contracts/device/answers.ts';
import type { Client } from '../contracts/device/client.ts';
import { OTHER_PASSWORD, onEachDatabase, PASSWORD, WRONG } from '../support/stage.ts';
import { anotherThan, appOf, type DeviceStage, GALAXY, type Member, nextAddress, withDevices } from './with-devices.ts';

const CHANGED = 'Votre mot de passe a été changé';

async function ask(stage: DeviceStage, identifier: string) {
  const { challenge = '' } = (await stage.app().post('/password/forgot', { identifier })).body;
  await stage.deliver();
  return challenge;
}

const finish = (app: Client, identifier: string, challenge: string, otp: string, password = OTHER_PASSWORD) =>
  app.post('/password/reset', { identifier, challenge, otp, password });

/** A whole reset that must succeed, by a code that goes to one place. */
async function reset(stage: DeviceStage, identifier: string, to = identifier): Promise<void> {
  const challenge = await ask(stage, identifier);
  const answer = await finish(stage.app(), identifier, challenge, await stage.codeFor(to));
  assertDone(answer, 'Mot de passe réinitialisé. Vous pouvez vous connecter avec le nouveau.');
}

const lengths = (codes: string[]): number[] => codes.map(({ length }) => length);

onEachDatabase('the code of a reset goes', (open) => {
  it('to the proven address, whichever identifier is named', async () => {
    for (const proven of [['email'], ['email', 'phone']] as const) {
      for (const named of ['email', 'phone'] as const) {
        const stage = await withDevices(await open());
        const member = await stage.member({ phone: true, proven: [...proven] });
        await reset(stage, member[named], member.email);
        assert.deepEqual(await stage.sentTo(member.phone), []);
        assertSignedIn(await stage.app().signIn(member.email, OTHER_PASSWORD));
      }
    }
  });

  it('by SMS only where no address is proven', async () => {
    for (const named of ['email', 'phone'] as const) {
      const stage = await withDevices(await open());
      const member = await stage.member({ phone: true, proven: ['phone'] });
      await reset(stage, member[named], member.phone);
      assert.deepEqual(lengths(await stage.codesTo(member.email)), []);
      assert.deepEqual(lengths(await stage.codesTo(member.phone)), [8]);
    }
  });

  it('where nothing is proven to what was named, and to nothing that only waits to be proven', async () => {
    const stage = await withDevices(await open());
    const [email, phone] = [stage.address(), stage.number()];
    const made = await stage.app().post('/register', { email, phone, password: PASSWORD });
    assert.equal(made.status, 201);
    await ask(stage, phone);
    assert.deepEqual([lengths(await stage.codesTo(email)), await stage.codesTo(phone)], [[6], []]);
    await ask(stage, email);
    assert.deepEqual(lengths(await stage.codesTo(email)), [8, 6]);
  });

  it('to nobody whom an operator has locked, and does nothing for them', async () => {
    const stage = await withDevices(await open());
    const { email, uuid } = await stage.member();
    const challenge = await ask(stage, email);
    const otp = await stage.codeFor(email);
    await stage.identity.lockAccount({ uuid });
    assertRefused(await finish(stage.app(), email, challenge, otp), 401, 'invalid_otp');
    stage.clock.advance({ minutes: 2 });
    await ask(stage, email);
    assert.equal((await stage.codesTo(email)).length, 1);
    await stage.identity.unlockAccount({ uuid });
    assertRefused(await finish(stage.app(), email, challenge, otp), 401, 'invalid_otp');
    assertSignedIn(await stage.app().signIn(email));
  });
});

onEachDatabase('a reset by code', (open) => {
  it('ends every session of every contract and what was under way, and tells the owner', async () => {
    const stage = await withDevices(await open());
    const member = await stage.member();
    const app = await appOf(stage, member, { device: GALAXY });
    const browser = new Browser(await stage.server(), { address: nextAddress() });
    assert.equal((await browser.signIn(member.email, PASSWORD)).status, 200);
    await app.post('/email/change', { email: stage.address(), password: PASSWORD });

    await reset(stage, member.email);
    for (const path of ['/me', '/sessions']) assertRefused(await app.get(path), 401, 'token_expired');
    assertRefused(await app.refresh(), 401, 'token_expired');
    assert.equal((await browser.get('/me')).status, 401);
    const left = async (table: 'session' | 'delivered_code' | 'pending_login' | 'known_client') =>
      (await stage.handle.read.selectFrom(table).select('account_id').where('account_id', '=', member.id).execute())
        .length;
    assert.deepEqual(
      [await left('session'), await left('delivered_code'), await left('pending_login'), await left('known_client')],
      [0, 0, 0, 0],
    );
    const [notice] = await stage.sentTo(member.email);
    assert.deepEqual([notice?.subject, notice?.code, notice?.links], [CHANGED, null, []]);
  });

  it('still asks for the second factor afterwards', async () => {
    const stage = await withDevices(await open());
    const member = await stage.member({ factor: 'email', phone: true });
    await reset(stage, member.email);
    const app = stage.app();
    const due = await app.signIn(member.email, OTHER_PASSWORD);
    assert.deepEqual([due.status, due.body.channel, due.body.access_token], [202, 'email', undefined]);
    const account = assertSignedIn(await app.verify(member.email, await stage.codeFor(member.email)));
    assert.equal(account.two_factor_enabled, true);
  });

  it('lifts the lock, and makes a password work again that too many wrong codes had disabled', async () => {
    const stage = await withDevices(await open());
    const { email, id } = await stage.member();
    for (let count = 0; count < 10; count += 1) await stage.app().signIn(email, WRONG);
    assert.equal((await stage.app().signIn(email)).status, 423);
    await stage.world.store.transaction(({ passwords }) => passwords.disable(id, stage.clock.now()));
    await reset(stage, email);
    const account = assertSignedIn(await stage.app().signIn(email, OTHER_PASSWORD));
    assert.deepEqual([account.failed_attempts, account.locked_at], [0, null]);
  });

  const moves: [what: string, move: (stage: DeviceStage, app: Client, member: Member) => Promise<Answer>][] = [
    [
      'another password',
      (_, app) => app.put('/password', { current_password: PASSWORD, password: 'copper lantern quarry' }),
    ],
    [
      'another address',
      async (stage, app) => {
        const email = stage.address();
        await app.post('/email/change', { email, password: PASSWORD });
        return app.post('/email/verify', { otp: await stage.codeFor(email) });
      },
    ],
    [
      'a second factor',
      async (stage, app, { email }) => {
        await app.post('/2fa/enable', { channel: 'email', password: PASSWORD });
        const otp = (await stage.codesTo(email)).find(({ length }) => length === 6);
        return app.post('/2fa/confirm', { otp });
      },
    ],
    ['the end of all other sessions', (_, app) => app.delete('/sessions')],
  ];
  for (const [what, move] of moves) {
    it(`dies with ${what}`, async () => {
      const stage = await withDevices(await open());
      const member = await stage.member();
      const app = await appOf(stage, member);
      const challenge = await ask(stage, member.email);
      const otp = await stage.codeFor(member.email);
      const moved = await move(stage, app, member);
      assert.equal(moved.status, 200, moved.text);
      const identifier = accountIn(await app.get('/me')).email ?? '';
      assertRefused(await finish(stage.app(), identifier, challenge, otp), 401, 'invalid_otp');
    });
  }
});

/** Fills an account that nobody has proven with all that a stranger can plant in it. */
async function plant(stage: DeviceStage, { id, email, phone }: Member, pendingPhone?: string) {
  const { clock, identity, world } = stage;
  const caller = stage.caller();
  const device = { type: 'Mobile', name: 'Planted', os: null, fingerprint: 'planted' };
  const asking = { contract: 'device', caller, mustBeProven: 'as_set', device } as const;
  const planted = await identity.signInWithPassword({ ...asking, identifier: email || phone, password: PASSWORD });
  assert.equal(planted.outcome, 'signed_in');
  await world.store.transaction(async ({ accounts, identifiers, secondFactors }) => {
    const now = clock.now();
    await secondFactors.putTotp(id, { sealedSecret: 'planted', lastStep: 0, confirmedAt: now });
    await secondFactors.replaceRecoveryCodes(id, ['planted']);
    await accounts.setCodeFactor(id, 'totp', now);
    if (pendingPhone) await identifiers.addPending({ accountId: id, kind: 'phone', value: pendingPhone, now });
  });
  await stage.handle.transaction((db) =>
    db.updateTable('account').set({ name: 'Planted', first_name: 'Planted' }).where('id', '=', id).execute(),
  );
  return planted as Extract<typeof planted, { outcome: 'signed_in' }>;
}

async function whatIsLeft(stage: DeviceStage, { id }: Member) {
  const tables = [
    'session',
    'device',
    'known_client',
    'totp',
    'recovery_code',
    'pending_factor',
    'pending_login',
  ] as const;
  const left: Record<string, number> = {};
  for (const table of tables) {
    const rows = await stage.handle.read.selectFrom(table).select('account_id').where('account_id', '=', id).execute();
    if (rows.length > 0) left[table] = rows.length;
  }
  const account = await stage.world.store.accounts.find(id);
  const { codeFactor, email, emailVerifiedAt, firstName, name, phone, phoneVerifiedAt } = account ?? {};
  return { left, codeFactor, email, emailVerifiedAt, firstName, name, phone, phoneVerifiedAt };
}

onEachDatabase('a reset by code on an account that nobody has proven', (open) => {
  for (const kind of ['email', 'phone'] as const) {
    it(`takes it over by ${kind}: what was planted goes, and what the code went to is proven`, async () => {
      const stage = await withDevices(await open());
      const member = await stage.member({ email: kind === 'email', phone: kind === 'phone', proven: [] });
      const pending = stage.number();
      const planted = await plant(stage, member, kind === 'email' ? pending : undefined);
      await reset(stage, member[kind]);

      const now = stage.clock.now();
      assert.deepEqual(await whatIsLeft(stage, member), {
        left: {},
        codeFactor: null,
        email: member.email || null,
        emailVerifiedAt: kind === 'email' ? now : null,
        firstName: '',
        name: null,
        phone: member.phone || null,
        phoneVerifiedAt: kind === 'phone' ? now : null,
      });
      const identifiers = await stage.handle.read
        .selectFrom('identifier')
        .select('value')
        .where('account_id', '=', member.id)
        .execute();
      assert.deepEqual(
        identifiers.map(({ value }) => value),
        [member[kind]],
      );

      const thief = stage.app({ device: { device_fingerprint: 'planted' } });
      assertRefused(await thief.refresh(planted.refreshToken), 401, 'token_expired');
      assertRefused(await thief.signIn(member[kind]), 401, 'invalid_credentials');
      const account = assertSignedIn(await stage.app().signIn(member[kind], OTHER_PASSWORD));
      assert.deepEqual([account.id, account.account_confirmed, account.two_factor_enabled], [member.id, true, false]);
      assert.ok((await stage.recorded(member.uuid)).includes('account.taken_over'));
    });
  }

  it('that has both unproven leaves the one that the code went to', async () => {
    for (const kind of ['email', 'phone'] as const) {
      const stage = await withDevices(await open());
      const member = await stage.member({ phone: true, proven: [] });
      await reset(stage, member[kind]);
      const { email, phone } = await whatIsLeft(stage, member);
      assert.deepEqual([email, phone], kind === 'email' ? [member.email, null] : [null, member.phone]);
    }
  });

  it('happens with the right code alone', async () => {
    const stage = await withDevices(await open());
    const member = await stage.member({ proven: [] });
    await plant(stage, member);
    const challenge = await ask(stage, member.email);
    const otp = await stage.codeFor(member.email);
    assertRefused(await finish(stage.app(), member.email, challenge, anotherThan(otp)), 401, 'invalid_otp');
    assert.equal((await finish(stage.app(), member.email, challenge, otp, 'short')).status, 422);
    const { left, name } = await whatIsLeft(stage, member);
    assert.deepEqual([left, name], [{ session: 1, device: 1, known_client: 2, totp: 1, recovery_code: 1 }, 'Planted']);
  });

  it('is no takeover where something is proven: what its owner has stays', async () => {
    const stage = await withDevices(await open());
    const member = await stage.member({ phone: true });
    await appOf(stage, member, { device: GALAXY });
    await reset(stage, member.phone, member.email);
    const { left, phone } = await whatIsLeft(stage, member);
    assert.deepEqual([left, phone], [{ device: 1 }, member.phone]);
    assert.ok(!(await stage.recorded(member.uuid)).includes('account.taken_over'));
  });
});
