import { type Kysely, sql } from 'kysely';
import type { Identifiers } from '../core/store.ts';
import type { Effects } from './database.ts';
import type { Database } from './schema.ts';

export function identifiersOn(db: Kysely<Database>, effects: Effects): Identifiers {
  return {
    async add({ accountId, kind, value, verifiedAt, now }) {
      effects.accounts.add(accountId);
      const added = await db
        .insertInto('identifier')
        .values({ account_id: accountId, kind, value, pending: 0, verified_at: verifiedAt, created_at: now })
        .onConflict((conflict) => conflict.columns(['kind', 'value']).where('pending', '=', sql.lit(0)).doNothing())
        .returning('id')
        .executeTakeFirst();
      return added !== undefined;
    },
    async addPending({ accountId, kind, value, now }) {
      await db
        .insertInto('identifier')
        .values({ account_id: accountId, kind, value, pending: 1, verified_at: null, created_at: now })
        .execute();
    },
    async findPending(accountId, kind) {
      const row = await db
        .selectFrom('identifier')
        .select('value')
        .where('account_id', '=', accountId)
        .where('kind', '=', kind)
        .where('pending', '=', 1)
        .executeTakeFirst();
      return row?.value;
    },
    async replace({ accountId, kind, value, verifiedAt }) {
      effects.accounts.add(accountId);
      const added = await db
        .insertInto('identifier')
        .values({ account_id: accountId, kind, value, pending: 0, verified_at: verifiedAt, created_at: verifiedAt })
        .onConflict((conflict) =>
          conflict
            .columns(['kind', 'value'])
            .where('pending', '=', sql.lit(0))
            .doUpdateSet({ verified_at: verifiedAt })
            .where('identifier.account_id', '=', accountId),
        )
        .returning('id')
        .executeTakeFirst();
      if (!added) return false;
      await db
        .deleteFrom('identifier')
        .where('account_id', '=', accountId)
        .where('kind', '=', kind)
        .where('id', '!=', added.id)
        .execute();
      return true;
    },
    async markVerified(accountId, kind, now) {
      effects.accounts.add(accountId);
      const { numUpdatedRows } = await db
        .updateTable('identifier')
        .set({ verified_at: now })
        .where('account_id', '=', accountId)
        .where('kind', '=', kind)
        .where('pending', '=', sql.lit(0))
        .where('verified_at', 'is', null)
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
    async anyVerified(accountId) {
      const verified = await db
        .selectFrom('identifier')
        .select('id')
        .where('account_id', '=', accountId)
        .where('pending', '=', sql.lit(0))
        .where('verified_at', 'is not', null)
        .executeTakeFirst();
      return verified !== undefined;
    },
    async removeOthers(accountId, keep) {
      effects.accounts.add(accountId);
      await db
        .deleteFrom('identifier')
        .where('account_id', '=', accountId)
        .where((is) => is.or([is('kind', '!=', keep.kind), is('value', '!=', keep.value), is('pending', '=', 1)]))
        .execute();
    },
    async bury(digest, until) {
      await db
        .insertInto('buried_identifier')
        .values({ digest, until })
        .onConflict((conflict) => conflict.column('digest').doUpdateSet({ until }))
        .execute();
    },
    async isBuried(digests, now) {
      const buried = await db
        .selectFrom('buried_identifier')
        .select('digest')
        .where('digest', 'in', digests)
        .where('until', '>', now)
        .executeTakeFirst();
      return buried !== undefined;
    },
  };
}
