import type { Kysely } from 'kysely';
import type { Passwords } from '../core/store.ts';
import type { Effects } from './database.ts';
import type { Database } from './schema.ts';

export function passwordsOn(db: Kysely<Database>, effects: Effects): Passwords {
  return {
    async find(accountId) {
      const row = await db.selectFrom('password').selectAll().where('account_id', '=', accountId).executeTakeFirst();
      return row && { hash: row.hash, pepperId: row.pepper_id, changedAt: row.changed_at, disabledAt: row.disabled_at };
    },
    async replace(accountId, { hash, pepperId }, now) {
      effects.accounts.add(accountId);
      const values = { hash, pepper_id: pepperId, changed_at: now, disabled_at: null };
      await db
        .insertInto('password')
        .values({ account_id: accountId, ...values })
        .onConflict((conflict) => conflict.column('account_id').doUpdateSet(values))
        .execute();
    },
    async add(accountId, { hash, pepperId }, now) {
      effects.accounts.add(accountId);
      const { numInsertedOrUpdatedRows } = await db
        .insertInto('password')
        .values({ account_id: accountId, hash, pepper_id: pepperId, changed_at: now, disabled_at: null })
        .onConflict((conflict) => conflict.column('account_id').doNothing())
        .executeTakeFirst();
      return numInsertedOrUpdatedRows === 1n;
    },
    async upgrade(accountId, from, to) {
      const { numUpdatedRows } = await db
        .updateTable('password')
        .set({ hash: to.hash, pepper_id: to.pepperId })
        .where('account_id', '=', accountId)
        .where('hash', '=', from.hash)
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
    async disable(accountId, now) {
      effects.accounts.add(accountId);
      await db.updateTable('password').set({ disabled_at: now }).where('account_id', '=', accountId).execute();
    },
    async remove(accountId) {
      effects.accounts.add(accountId);
      await db.deleteFrom('password').where('account_id', '=', accountId).execute();
    },
  };
}
