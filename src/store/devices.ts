import { type Kysely, type Selectable, sql } from 'kysely';
import type { AccountId } from '../core/account.ts';
import type { Device, DeviceId } from '../core/device.ts';
import type { Devices } from '../core/store.ts';
import type { Database, DeviceTable } from './schema.ts';

export function devicesOn(db: Kysely<Database>): Devices {
  const relabel = async (accountId: AccountId, from: string, to: string): Promise<void> => {
    await db
      .updateTable('device')
      .set({ label: to })
      .where('account_id', '=', accountId)
      .where('label', '=', from)
      .where((is) =>
        is.not(
          is.exists(
            is
              .selectFrom('device as renamed')
              .select('renamed.id')
              .where('renamed.account_id', '=', accountId)
              .where('renamed.label', '=', to),
          ),
        ),
      )
      .execute();
  };

  return {
    async use({ accountId, label, formerLabel, type, name, os, address, now }) {
      if (formerLabel !== undefined) await relabel(accountId, formerLabel, label);
      const said = { type, name, os, address, last_used_at: now };
      const { id } = await db
        .insertInto('device')
        .values({ account_id: accountId, label, ...said, created_at: now })
        .onConflict((conflict) =>
          conflict.columns(['account_id', 'label']).doUpdateSet((row) => ({
            // A sign-in that leaves a field out does not rename the device.
            type: sql`coalesce(${row.ref('excluded.type')}, ${row.ref('device.type')})`,
            name: sql`coalesce(${row.ref('excluded.name')}, ${row.ref('device.name')})`,
            os: sql`coalesce(${row.ref('excluded.os')}, ${row.ref('device.os')})`,
            address,
            last_used_at: now,
          })),
        )
        .returning('id')
        .executeTakeFirstOrThrow();
      return id as DeviceId;
    },
    async find(id) {
      const row = await db.selectFrom('device').selectAll().where('id', '=', id).executeTakeFirst();
      return row && deviceFrom(row);
    },
    async list(accountId) {
      const rows = await db
        .selectFrom('device')
        .selectAll()
        .where('account_id', '=', accountId)
        .orderBy('last_used_at', 'desc')
        .orderBy('id', 'desc')
        .execute();
      return rows.map(deviceFrom);
    },
    async remove(accountId, id) {
      const { numDeletedRows } = await db
        .deleteFrom('device')
        .where('account_id', '=', accountId)
        .where('id', '=', id)
        .executeTakeFirst();
      return numDeletedRows === 1n;
    },
    async keepNewest(accountId, count) {
      const newest = db
        .selectFrom('device')
        .select('id')
        .where('account_id', '=', accountId)
        .orderBy('last_used_at', 'desc')
        .orderBy('id', 'desc')
        .limit(count);
      await db
        .deleteFrom('device')
        .where('account_id', '=', accountId)
        .where('id', 'not in', newest)
        .where((is) =>
          is.not(
            is.exists(is.selectFrom('session').select('session.id').whereRef('session.device_id', '=', 'device.id')),
          ),
        )
        .execute();
    },
    async removeAll(accountId) {
      await db.deleteFrom('device').where('account_id', '=', accountId).execute();
    },
  };
}

function deviceFrom(row: Selectable<DeviceTable>): Device {
  return {
    id: row.id as DeviceId,
    accountId: row.account_id as AccountId,
    label: row.label,
    type: row.type,
    name: row.name,
    os: row.os,
    address: row.address,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
  };
}
