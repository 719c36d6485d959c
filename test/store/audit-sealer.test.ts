import assert from 'node:assert/strict';
import { it } from 'node:test';
import { auditEvent } from '../../src/core/audit.ts';
import { createKeyring } from '../../src/core/keyring.ts';
import { sealAudit, verifyAudit } from '../../src/store/audit-sealer.ts';
import type { DatabaseHandle } from '../../src/store/database.ts';
import { storeOn } from '../../src/store/store.ts';
import { random } from '../delivery/mail-world.ts';
import { hasPostgres, openTestPostgres, openTestSqlite } from '../support/databases.ts';

const OLD = 'Z3vT1qLr8nYcX5kWm2HsPb7dGfJ9uE4a';
const NEW = 'kR7wQ2zVt5NxLc8pJm1BfYh4sDg6uE9i';
const keyring = createKeyring([OLD]);

/** Events as operations record them. */
async function record(
  handle: DatabaseHandle,
  count: number,
  of: { each?: boolean; keyring?: typeof keyring } = {},
): Promise<void> {
  const store = storeOn(handle, of.keyring ?? keyring, random);
  const write = (from: number, to: number) =>
    store.transaction(async ({ audit }) => {
      for (let number = from; number < to; number += 1) {
        const caller =
          number % 2 === 0
            ? { address: `192.0.2.${number % 250}`, userAgent: 'Otter/1' }
            : { address: null, userAgent: null };
        await audit.record(
          auditEvent('sign_in.failed', {
            account: undefined,
            contract: 'cookie',
            caller,
            now: 1000 + number,
            facts: { number },
          }),
        );
      }
    });
  if (of.each) await Promise.all(Array.from({ length: count }, (_, number) => write(number, number + 1)));
  else await write(0, count);
}

const verify = (handle: DatabaseHandle, ring = keyring) => verifyAudit(handle.read, ring);
const sound = (sealed: number, unsealed = 0) => ({ sealed, unsealed, faults: [] });

// The chain is everybody's, so each test has a database of its own, and on PostgreSQL there are only a few.
for (const database of ['sqlite', 'postgres'] as const) {
  const on = (name: string, test: (handle: DatabaseHandle) => Promise<void>) =>
    it(
      `${name}, on ${database === 'sqlite' ? 'SQLite' : 'PostgreSQL'}`,
      { skip: database === 'postgres' && !hasPostgres },
      async (t) => test(database === 'sqlite' ? await openTestSqlite(t) : await openTestPostgres(t)),
    );

  on('sealers that work at once number every entry without a gap, while others are written', async (handle) => {
    const sealing = Array.from({ length: 6 }, async (_, turn) => {
      for (let time = 0; time < 5; time += 1) await sealAudit(handle, keyring);
      return turn;
    });
    await Promise.all([record(handle, 40, { each: true }), ...sealing]);
    while ((await sealAudit(handle, keyring)) > 0);
    assert.deepEqual(await verify(handle), sound(40));
    const rows = await handle.read.selectFrom('audit_event').select('sequence').orderBy('sequence').execute();
    assert.deepEqual(
      rows.map(({ sequence }) => sequence),
      Array.from({ length: 40 }, (_, index) => index + 1),
    );
  });

  on('the chain finds every kind of change, and accepts erased details', async (handle) => {
    await record(handle, 12);
    await sealAudit(handle, keyring);
    const [, , third] = await handle.read.selectFrom('audit_event').selectAll().orderBy('sequence').execute();
    const id = third?.id ?? 0;
    const change = async (values: Record<string, unknown>) => {
      await handle.transaction(async (db) => {
        await db.updateTable('audit_event').set(values).where('id', '=', id).execute();
      });
      const { faults } = await verify(handle);
      await handle.transaction(async (db) => {
        const { id: _, ...before } = third ?? assert.fail();
        await db.updateTable('audit_event').set(before).where('id', '=', id).execute();
      });
      return faults;
    };
    const changes = [
      { kind: 'sign_in.succeeded' },
      { at: 999 },
      { account_uuid: 'somebody' },
      { contract: 'device' },
      { facts: '{"number":3}' },
      { detail_digest: null },
      { seal: 'x' },
    ];
    for (const values of changes)
      assert.match((await change(values))[0] ?? 'nothing was found', /altered/, JSON.stringify(values));
    assert.deepEqual(await verify(handle), sound(12));

    await handle.transaction(async (db) => {
      await db.deleteFrom('audit_detail').where('event_id', '=', id).execute();
    });
    assert.deepEqual(await verify(handle), sound(12));
  });

  if (database === 'postgres') continue;

  on('details that were altered, exchanged or put where none were are found', async (handle) => {
    await record(handle, 6);
    await sealAudit(handle, keyring);
    const [first, second, third] = await handle.read.selectFrom('audit_event').select('id').orderBy('id').execute();
    const write = (work: (db: Parameters<Parameters<DatabaseHandle['transaction']>[0]>[0]) => Promise<unknown>) =>
      handle.transaction(async (db) => void (await work(db)));
    await write((db) =>
      db
        .updateTable('audit_detail')
        .set({ address: '203.0.113.1' })
        .where('event_id', '=', first?.id ?? 0)
        .execute(),
    );
    assert.match((await verify(handle)).faults.join(), /details of entry 1 /);
    await write((db) =>
      db
        .updateTable('audit_detail')
        .set({ address: '192.0.2.2' })
        .where('event_id', '=', first?.id ?? 0)
        .execute(),
    );
    assert.match((await verify(handle)).faults.join(), /details of entry 1 /);
    await write((db) =>
      db
        .updateTable('audit_detail')
        .set({ address: '192.0.2.0' })
        .where('event_id', '=', first?.id ?? 0)
        .execute(),
    );
    assert.deepEqual(await verify(handle), sound(6));
    await write((db) =>
      db
        .insertInto('audit_detail')
        .values({ event_id: second?.id ?? 0, account_id: null, address: '203.0.113.1', user_agent: null })
        .execute(),
    );
    assert.match((await verify(handle)).faults.join(), /details of entry 2 /);
    assert.ok(third);
  });

  on('an entry that was removed is missed, wherever it stood', async (handle) => {
    await record(handle, 5);
    await sealAudit(handle, keyring);
    const found: string[] = [];
    const all = await handle.read.selectFrom('audit_event').selectAll().orderBy('sequence').execute();
    for (const row of all) {
      await handle.transaction(async (db) => {
        await db.deleteFrom('audit_event').where('id', '=', row.id).execute();
      });
      found.push((await verify(handle)).faults.length > 0 ? 'missed' : `entry ${row.sequence} is not missed`);
      await handle.transaction(async (db) => {
        await db.insertInto('audit_event').values(row).execute();
      });
    }
    assert.deepEqual(
      found,
      all.map(() => 'missed'),
    );
  });

  on('entries that changed places are found', async (handle) => {
    await record(handle, 4);
    await sealAudit(handle, keyring);
    await handle.transaction(async (db) => {
      const rows = await db.selectFrom('audit_event').selectAll().orderBy('sequence').execute();
      const [, second, third] = rows;
      if (!second || !third) throw new Error();
      await db.updateTable('audit_event').set({ sequence: null }).where('id', '=', second.id).execute();
      await db.updateTable('audit_event').set({ sequence: second.sequence }).where('id', '=', third.id).execute();
      await db.updateTable('audit_event').set({ sequence: third.sequence }).where('id', '=', second.id).execute();
    });
    assert.match((await verify(handle)).faults.join(), /altered/);
  });

  on('a chain that somebody made without the key is found', async (handle) => {
    await record(handle, 3);
    await sealAudit(handle, createKeyring([NEW]));
    assert.equal((await verify(handle)).faults.length > 0, true);
  });

  on('the chain goes on over a rotation of the secret', async (handle) => {
    await record(handle, 3);
    await sealAudit(handle, keyring);
    const rotated = createKeyring([NEW, OLD]);
    await record(handle, 3, { keyring: rotated });
    await sealAudit(handle, rotated);
    assert.deepEqual(await verify(handle, rotated), sound(6));
  });

  on('what is not sealed yet is told, and a chain longer than a batch is walked', async (handle) => {
    await record(handle, 1100);
    assert.equal(await sealAudit(handle, keyring), 500);
    assert.deepEqual(await verify(handle), sound(500, 600));
    while ((await sealAudit(handle, keyring)) > 0);
    const done: number[] = [];
    assert.deepEqual(await verifyAudit(handle.read, keyring, (count) => done.push(count)), sound(1100));
    assert.deepEqual(done, [500, 1000, 1100]);
  });
}
