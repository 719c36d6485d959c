import assert from 'node:assert/strict';
import { it } from 'node:test';
import { sql } from 'kysely';
import { sealAudit } from '../../src/store/audit-sealer.ts';
import { Client as Browser } from '../contracts/cookie/client.ts';
import { accountIn, assertDone, assertRefused, assertSignedIn } from '../contracts/device/answers.ts';
import type { Client } from '../contracts/device/client.ts';
import { onEachDatabase, PASSWORD, tally, WRONG } from '../support/stage.ts';
import {
  anotherThan,
  appOf,
  assertLater,
  type DeviceStage,
  GALAXY,
  type Member,
  nextAddress,
  withDevices,
} from './with-devices.ts';

const DELETED = 'Votre compte a été supprimé.';
const NOTICE = 'Votre compte a été supprimé';
const TAKEN = {
  email: { message: 'Cette adresse e-mail est déjà utilisée.' },
  phone: { message: 'Ce numéro de téléphone est déjà utilisé.' },
};

/** Somebody with both identifiers, signed in, with the second factor if there is one. */
async function enter(stage: DeviceStage, of: Parameters<DeviceStage['member']>[0] = {}) {
  const member = await stage.member({ phone: true, ...of });
  const app = stage.app({ device: GALAXY });
  const first = await app.signIn(member.email);
  if (of.factor) assertSignedIn(await app.verify(member.email, await stage.codeFor(member.email)));
  else assertSignedIn(first);
  return { member, app };
}

async function exists(stage: DeviceStage, { uuid }: Member): Promise<boolean> {
  return (await stage.world.store.accounts.findByUuid(uuid)) !== undefined;
}

onEachDatabase('an account is deleted by its owner', (open) => {
  it('within ten minutes of a sign-in, and no later without the password', async () => {
    const stage = await withDevices(await open());
    const [early, late] = [await enter(stage), await enter(stage)];
    stage.clock.advance({ minutes: 10 });
    assertDone(await early.app.delete('/account'), DELETED);
    stage.clock.advance({ milliseconds: 1 });
    assertRefused(await late.app.delete('/account'), 403, 'reauth_required');
    assertRefused(await late.app.delete('/account', { password: WRONG }), 401, 'invalid_credentials');
    assert.ok(await exists(stage, late.member));
    assertDone(await late.app.delete('/account', { password: PASSWORD }), DELETED);
    assert.deepEqual([await exists(stage, early.member), await exists(stage, late.member)], [false, false]);
  });

  it('with a right password only, where one is given, however fresh the sign-in', async () => {
    const stage = await withDevices(await open());
    const { app, member } = await enter(stage);
    for (let count = 0; count < 10; count += 1) {
      assertRefused(await app.delete('/account', { password: WRONG }), 401, 'invalid_credentials');
    }
    assertLater(await app.delete('/account', { password: PASSWORD }), 'account_locked', 900);
    assert.ok(await exists(stage, member));
  });

  it('with the second factor where there is one: proven lately, or with the password in one body', async () => {
    const stage = await withDevices(await open());
    const { app, member } = await enter(stage, { factor: 'email' });
    stage.clock.advance({ minutes: 10, milliseconds: 1 });
    for (const body of [undefined, {}, { password: PASSWORD }, { otp: '123456' }]) {
      assertRefused(await app.delete('/account', body), 403, 'reauth_required');
    }
    assert.equal((await app.post('/reauthenticate', { password: PASSWORD })).status, 202);
    const otp = await stage.codeFor(member.email);
    const wrong = await app.delete('/account', { password: PASSWORD, otp: anotherThan(otp) });
    assertRefused(wrong, 401, 'invalid_otp');
    assertRefused(await app.delete('/account', { password: WRONG, otp }), 401, 'invalid_credentials');
    assert.ok(await exists(stage, member));
    assertDone(await app.delete('/account', { password: PASSWORD, otp }), DELETED);
    assert.equal(await exists(stage, member), false);
  });

  it('by nobody else, and once', async () => {
    const stage = await withDevices(await open());
    const { app, member } = await enter(stage);
    assertRefused(await stage.app().delete('/account'), 401, 'invalid_token');
    const answers = await Promise.all(Array.from({ length: 10 }, () => app.delete('/account')));
    assert.deepEqual(tally(answers.map(({ status }) => String(status))), { 200: 1, 401: 9 });
    assert.equal(await exists(stage, member), false);
  });
});

onEachDatabase('a deleted account', (open) => {
  it('ends its sessions in every contract, and signs in nowhere', async () => {
    const stage = await withDevices(await open());
    const { app, member } = await enter(stage);
    const other = await appOf(stage, member);
    const browser = new Browser(await stage.server(), { address: nextAddress() });
    assert.equal((await browser.signIn(member.email, PASSWORD)).status, 200);
    const neighbour = await enter(stage);

    await app.delete('/account');
    for (const client of [app, other]) {
      assertRefused(await client.get('/me'), 401, 'token_expired');
      assertRefused(await client.refresh(), 401, 'token_expired');
      assertRefused(
        await client.post('/phone/change', { phone: stage.number(), password: PASSWORD }),
        401,
        'token_expired',
      );
    }
    assert.deepEqual([(await browser.get('/me')).status, (await browser.post('/refresh')).status], [401, 401]);
    for (const identifier of [member.email, member.phone]) {
      assertRefused(await stage.app().signIn(identifier), 401, 'invalid_credentials');
    }
    assert.equal((await neighbour.app.get('/me')).status, 200);
  });

  it('takes what was under way with it: a second step, a reset, a confirmation', async () => {
    const stage = await withDevices(await open());
    const { app, member } = await enter(stage, { factor: 'email' });
    stage.clock.advance({ minutes: 2 });
    const [late, lost] = [stage.app(), stage.app()];
    await late.signIn(member.email);
    const code = await stage.codeFor(member.email);
    const { challenge } = (await lost.post('/password/forgot', { identifier: member.email })).body;
    const otp = await stage.codeFor(member.email);
    assertDone(await app.delete('/account'), DELETED);
    assertRefused(await late.verify(member.email, code, { challenge: late.challenge }), 401, 'invalid_otp');
    assertRefused(await late.verify(member.email, code, { password: PASSWORD }), 401, 'invalid_credentials');
    const reset = { identifier: member.email, challenge, otp, password: 'granite otter parade' };
    assertRefused(await lost.post('/password/reset', reset), 401, 'invalid_otp');
  });

  it('leaves nothing of its own in any table but the nameless record', async () => {
    const stage = await withDevices(await open());
    const { app, member } = await enter(stage);
    await stage.app().signIn(member.email, WRONG);
    await app.post('/2fa/enable', { channel: 'totp', password: PASSWORD });
    await app.post('/email/change', { email: stage.address(), password: PASSWORD });
    await app.delete('/account');
    await stage.deliver();

    const tables = [
      'account',
      'identifier',
      'password',
      'session',
      'one_time_token',
      'pending_login',
      'device',
    ] as const;
    const more = [
      'delivered_code',
      'totp',
      'pending_factor',
      'recovery_code',
      'known_client',
      'outbox',
      'audit_detail',
    ] as const;
    for (const table of [...tables, ...more]) {
      const owner = table === 'account' ? 'id' : 'account_id';
      const rows = await sql`select 1 from ${sql.table(table)} where ${sql.ref(owner)} = ${member.id}`.execute(
        stage.handle.read,
      );
      assert.equal(rows.rows.length, 0, table);
    }
    const events = await stage.world.store.audit.list({ accountUuid: member.uuid, limit: 100 });
    const kinds = events.map(({ kind }) => kind).reverse();
    assert.deepEqual(kinds, ['sign_in.succeeded', 'sign_in.failed', 'account.deleted']);
    for (const { accountId, details, facts } of events) {
      assert.deepEqual([accountId, details], [null, { address: null, userAgent: null }]);
      const told = JSON.stringify(facts);
      for (const personal of [member.email, member.phone, '100.', 'GuichetApp'])
        assert.ok(!told.includes(personal), told);
    }
    while ((await sealAudit(stage.handle, stage.world.keyring)) > 0);
    const { faults, unsealed } = await stage.verifyAudit();
    assert.deepEqual([faults, unsealed], [[], 0]);
  });

  it('is told of wherever its owner can be reached, without a code or a link', async () => {
    const stage = await withDevices(await open());
    const { app, member } = await enter(stage);
    await app.delete('/account');
    const [letter, ...letters] = await stage.sentTo(member.email);
    const [sms, ...texts] = await stage.sentTo(member.phone);
    assert.ok(letter && sms);
    assert.deepEqual([letters, texts], [[], []]);
    assert.deepEqual([letter.channel, letter.subject, letter.code, letter.links], ['email', NOTICE, null, []]);
    assert.deepEqual([sms.channel, sms.code, sms.links], ['sms', null, []]);
    assert.match(sms.text, /^Votre compte Guichet a été supprimé/);
  });
});

/** Signs up and back in with identifiers that were somebody’s. */
async function startAnew(stage: DeviceStage, identifier: object, to: string) {
  const made = await stage.app().post('/register', { ...identifier, password: PASSWORD });
  assert.equal(made.status, 201, made.text);
  await stage.app().post('/confirm', { identifier: to, otp: await stage.codeFor(to) });
  return assertSignedIn(await stage.app().signIn(to));
}

onEachDatabase('the identifiers of a deleted account', (open) => {
  const ways: [what: string, remove: (stage: DeviceStage, app: Client, member: Member) => Promise<unknown>][] = [
    ['its owner', (_, app) => app.delete('/account')],
    ['an operator', (stage, _, { uuid }) => stage.identity.deleteAccount({ uuid })],
  ];
  for (const [who, remove] of ways) {
    it(`are taken for a day after ${who} deleted it, and then make new accounts`, async () => {
      const stage = await withDevices(await open());
      const { app, member } = await enter(stage);
      await stage.identity.labelAccount({
        uuid: member.uuid,
        labels: { role: 'ADMIN', roleId: 9, accountableType: 'Customer' },
      });
      await remove(stage, app, member);
      const { email, phone } = member;
      const outsider = await appOf(stage, await stage.member());
      const refuse = async (): Promise<void> => {
        assertRefused(
          await stage.app().post('/register', { email, password: PASSWORD }),
          409,
          'identifier_taken',
          TAKEN.email,
        );
        assertRefused(
          await stage.app().post('/register', { phone, password: PASSWORD }),
          409,
          'identifier_taken',
          TAKEN.phone,
        );
        const changes = { email: { email, password: PASSWORD }, phone: { phone, password: PASSWORD } };
        assertRefused(await outsider.post('/email/change', changes.email), 409, 'identifier_taken', TAKEN.email);
        assertRefused(await outsider.post('/phone/change', changes.phone), 409, 'identifier_taken', TAKEN.phone);
      };
      await refuse();
      stage.clock.advance({ days: 1, milliseconds: -1 });
      await outsider.refresh();
      await refuse();
      stage.clock.advance({ milliseconds: 1 });

      const byEmail = await startAnew(stage, { email }, email);
      const byPhone = await startAnew(stage, { phone }, phone);
      assert.ok(member.id < byEmail.id && byEmail.id < byPhone.id);
      for (const account of [byEmail, byPhone]) {
        assert.notEqual(account.uuid, member.uuid);
        const { accountable_id, accountable_type, role_id, sign_in_count } = account;
        assert.deepEqual(
          { accountable_id, accountable_type, role_id, sign_in_count },
          { accountable_id: account.id, accountable_type: 'Account', role_id: 1, sign_in_count: 1 },
        );
      }
      assertRefused(await app.get('/me'), 401, 'token_expired');
      assertRefused(await app.refresh(), 401, 'token_expired');
      assert.deepEqual(
        (await stage.world.store.audit.list({ accountUuid: byEmail.uuid, limit: 10 })).map(({ kind }) => kind).at(-1),
        'account.registered',
      );
    });
  }

  it('are taken in every spelling, and kept as digests alone', async () => {
    const stage = await withDevices(await open());
    const { app, member } = await enter(stage);
    await app.delete('/account');
    const email = ` ${member.email.toUpperCase()} `;
    const phone = `0${member.phone.slice(3)}`;
    assertRefused(
      await stage.app().post('/register', { email, password: PASSWORD }),
      409,
      'identifier_taken',
      TAKEN.email,
    );
    assertRefused(
      await stage.app().post('/register', { phone, password: PASSWORD }),
      409,
      'identifier_taken',
      TAKEN.phone,
    );
    const rows = await stage.handle.read.selectFrom('buried_identifier').selectAll().execute();
    assert.ok(rows.length >= 2);
    const told = JSON.stringify(rows);
    assert.ok(!told.includes(member.email) && !told.includes(member.phone.slice(1)), told);
  });

  it('make no account with an id that was given before, neither of accounts nor of devices', async () => {
    const stage = await withDevices(await open());
    const ids: number[] = [];
    const devices: number[] = [];
    for (let count = 0; count < 3; count += 1) {
      const email = stage.address();
      await stage.app().post('/register', { email, password: PASSWORD });
      await stage.app().post('/confirm', { identifier: email, otp: await stage.codeFor(email) });
      const app = stage.app();
      assertSignedIn(await app.signIn(email));
      ids.push(accountIn(await app.get('/me')).id);
      devices.push((await app.get('/devices')).body.devices?.[0]?.id ?? 0);
      assertDone(await app.delete('/account'), DELETED);
    }
    for (const list of [ids, devices]) {
      assert.equal(new Set(list).size, 3);
      assert.deepEqual(
        list,
        [...list].sort((one, other) => one - other),
      );
    }
  });
});
