import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { sql } from 'kysely';
import { createKeyring } from '../../src/core/keyring.ts';
import { totpContext } from '../../src/core/second-factor.ts';
import { resealSecrets } from '../../src/store/reseal.ts';
import { type Answer, assertRefused, assertSignedIn } from '../contracts/device/answers.ts';
import { openClient, PASSWORD, sharedWorld } from '../contracts/device/client.ts';
import { hasPostgres, makePostgresDatabase, openTestSqlite } from '../support/databases.ts';

/** What anybody can tell two answers apart by. */
const told = ({ body, headers, status }: Answer) => ({ status, body, retryAfter: headers['retry-after'] });

describe('attacks on the device contract: changes of address and number', () => {
  const world = sharedWorld();

  it('a request that the pause between two codes refuses is one of the five an hour, too', async () => {
    const { account, number, signedIn } = world();
    const phone = number();
    await account({ phone });
    const { client } = await signedIn();
    const ask = (named: string) => client.post('/phone/change', { phone: named, password: PASSWORD });
    assert.equal((await ask(number())).status, 201);
    // Each 429 says that nobody has the number, as a 409 would say that somebody has.
    for (let count = 0; count < 5; count += 1) assert.equal((await ask(number())).status, 429);
    assert.deepEqual(told(await ask(phone)), told(await ask(number())));
  });

  it('a session that proved the factor at the old number has not proven it at the new one', async () => {
    const { another, clock, codeFor, enrol, number, signedIn } = world();
    const [phone, newPhone] = [number(), number()];
    const { client: owner, email } = await signedIn({ phone });
    await enrol(owner, 'sms');
    const thief = another();
    assert.equal((await thief.signIn(email)).status, 202);
    assertSignedIn(await thief.verify(email, await codeFor(phone)));
    clock.advance({ seconds: 61 });
    assert.equal((await owner.post('/phone/change', { phone: newPhone, password: PASSWORD })).status, 201);
    assert.equal((await owner.post('/phone/verify', { otp: await codeFor(newPhone) })).status, 200);
    assertRefused(await thief.post('/2fa/disable', {}), 403, 'reauth_required');
  });

  it('a session that proved the factor at the old address has not proven it at the new one', async () => {
    const { address, another, clock, codeFor, enrol, signedIn } = world();
    const newEmail = address();
    const { client: owner, email } = await signedIn();
    await enrol(owner, 'email');
    const thief = another();
    assert.equal((await thief.signIn(email)).status, 202);
    assertSignedIn(await thief.verify(email, await codeFor(email)));
    clock.advance({ seconds: 61 });
    assert.equal((await owner.post('/email/change', { email: newEmail, password: PASSWORD })).status, 201);
    assert.equal((await owner.post('/email/verify', { otp: await codeFor(newEmail) })).status, 200);
    assertRefused(await thief.delete('/account', {}), 403, 'reauth_required');
  });
});

describe('attacks on the device contract: what the operator hears', () => {
  it('an hour’s SMS that changes of number used up are recorded as such', async (t) => {
    const { another, number, signedIn, world } = await openClient(t, { env: { GUICHET_SMS_BUDGET: '2' } });
    assert.equal((await another().post('/register', { phone: number(), password: PASSWORD })).status, 201);
    const { client } = await signedIn();
    assert.equal((await client.post('/phone/change', { phone: number(), password: PASSWORD })).status, 429);
    const events = await world.store.audit.list({ limit: 100 });
    assert.ok(events.some(({ kind }) => kind === 'sms.budget_used_up'));
  });
});

describe('attacks on the device contract: what a stolen database tells', () => {
  const world = sharedWorld();

  it('which device two accounts share, and its number, cannot be found out without the server’s secret', async () => {
    const { account, another, handle } = world();
    // Of the kind that apps send: short enough to try them all.
    const device = { device_type: 'Mobile', device_fingerprint: '358240051111110' };
    for (const { email } of [await account(), await account()]) assertSignedIn(await another({ device }).signIn(email));
    const { rows } = await sql<{ label: string }>`select label from device`.execute(handle.read);
    const guess = createHash('sha256').update(device.device_fingerprint).digest('base64url');
    assert.deepEqual(
      rows.filter(({ label }) => label.includes(guess)),
      [],
    );
  });
});

describe('attacks on the device contract: everybody at once', {
  skip: hasPostgres ? false : 'no PostgreSQL server',
}, () => {
  it('strangers who all wait for a code to one number do not stop the owner who leaves it', async (t) => {
    const url = new URL(await makePostgresDatabase(t, { migrated: true }));
    // Longer than a statement may take: two transactions that wait for each other are seen by their 503.
    url.searchParams.set('options', '-c deadlock_timeout=60s -c synchronous_commit=off');
    const { address, another, clock, codeFor, number, signedIn } = await openClient(t, {
      env: { GUICHET_DATABASE_URL: url.href.replaceAll('+', '%20'), GUICHET_SMS_BUDGET: '100000' },
    });
    const answers: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      const phone = number();
      const { client: owner } = await signedIn({ phone });
      const strangers = [];
      for (let count = 0; count < 5; count += 1) {
        const [identifier, stranger] = [address(), another()];
        await stranger.post('/register', { email: identifier, phone, password: PASSWORD });
        strangers.push({ stranger, body: { identifier, otp: await codeFor(identifier) } });
      }
      const all = await Promise.all([
        owner.post('/phone/change', { phone: number(), password: PASSWORD }),
        ...strangers.map(({ body, stranger }) => stranger.post('/confirm', body)),
      ]);
      answers.push(...all.map(({ status }) => status));
      clock.advance({ minutes: 62 });
    }
    assert.deepEqual(
      answers.filter((status) => status >= 300),
      [],
    );
  });
});

describe('attacks on the store: sealing secrets anew', () => {
  it('one authenticator whose secret does not open keeps no other one from being sealed anew', async (t) => {
    const handle = await openTestSqlite(t);
    const [before, during] = [createKeyring(['the old one']), createKeyring(['the new one', 'the old one'])];
    const seal = (uuid: string): string => before.seal(totpContext({ uuid }), 'JBSWY3DPEHPK3PXP', randomBytes(12));
    // The first was copied from another account's row.
    for (const [uuid, sealed] of [
      ['first', seal('second')],
      ['second', seal('second')],
    ] as const) {
      await handle.transaction(async (db) => {
        await sql`insert into account (uuid, first_name, last_name, username, locale, epoch, created_at, updated_at)
          values (${uuid}, '', '', ${uuid}, 'en', 0, 0, 0)`.execute(db);
        await sql`insert into totp (account_id, sealed_secret, last_step, confirmed_at)
          select id, ${sealed}, 7, 0 from account where uuid = ${uuid}`.execute(db);
      });
    }
    const random = { bytes: (length: number) => randomBytes(length), uuid: () => '' };
    await resealSecrets(handle, during, random).catch(() => {});
    const rows = await handle.read.selectFrom('totp').select('sealed_secret').orderBy('account_id').execute();
    const after = createKeyring(['the new one']);
    assert.equal(after.open(totpContext({ uuid: 'second' }), rows[1]?.sealed_secret ?? ''), 'JBSWY3DPEHPK3PXP');
  });
});
