import { type Kysely, sql } from 'kysely';
import type { Limits } from '../core/store.ts';
import type { Database } from './schema.ts';

/** Counters in windows that begin with their first event. */
export function limitsOn(db: Kysely<Database>): Limits {
  const resetOf = async (key: string): Promise<number | undefined> => {
    const row = await db.selectFrom('rate_limit').select('resets_at').where('key', '=', key).executeTakeFirst();
    return row?.resets_at;
  };

  return {
    async take(key, { limit, windowMilliseconds, now }) {
      const counted = await sql`
        insert into rate_limit (key, count, resets_at) values (${key}, 1, ${now + windowMilliseconds})
        on conflict (key) do update set
          count = case when rate_limit.resets_at <= ${now} then 1 else rate_limit.count + 1 end,
          resets_at = case when rate_limit.resets_at <= ${now} then excluded.resets_at else rate_limit.resets_at end
          where rate_limit.resets_at <= ${now} or rate_limit.count < ${limit}
        returning count`.execute(db);
      if (counted.rows.length > 0) return { allowed: true };
      return { allowed: false, until: (await resetOf(key)) ?? now + windowMilliseconds };
    },
    async hold(key, { limit, staleBefore, now }) {
      const counted = sql<number>`case when rate_limit.resets_at <= ${now} then 0 else rate_limit.count end`;
      // Places of a process that died are free again once what it did must be over.
      const pending = sql<number>`case when rate_limit.pending_at < ${staleBefore} then 0 else rate_limit.pending end`;
      const held = await sql`
        insert into rate_limit (key, count, resets_at, pending, pending_at) values (${key}, 0, ${now}, 1, ${now})
        on conflict (key) do update set pending = ${pending} + 1, pending_at = excluded.pending_at, count = ${counted},
          -- A window that is over ends now: the cleaning leaves what is under way its minute.
          resets_at = case when rate_limit.resets_at <= ${now} then ${now} else rate_limit.resets_at end
          where ${counted} + ${pending} < ${limit}
        returning pending`.execute(db);
      if (held.rows.length > 0) return { outcome: 'held' };
      const look = await this.look(key, { limit, now });
      return look.allowed ? { outcome: 'all_undecided' } : { outcome: 'used_up', until: look.until };
    },
    async settle(key, { counts, windowMilliseconds, now }) {
      const one = counts ? 1 : 0;
      await sql`
        update rate_limit set
          pending = case when pending > 0 then pending - 1 else 0 end,
          count = case when resets_at <= ${now} then 0 else count end + ${sql.lit(one)},
          resets_at = case when resets_at <= ${now} and ${sql.lit(one)} = 1 then ${now + windowMilliseconds} else resets_at end
        where key = ${key}`.execute(db);
      // What counted nothing leaves nothing: whoever asks from ever new places would else fill the table (R165).
      await sql`delete from rate_limit where key = ${key} and pending = 0 and count = 0`.execute(db);
    },
    async look(key, { limit, now }) {
      const counted = await this.read(key, now);
      return !counted || counted.count < limit ? { allowed: true } : { allowed: false, until: counted.until };
    },
    async read(key, now) {
      const row = await db.selectFrom('rate_limit').selectAll().where('key', '=', key).executeTakeFirst();
      return row && row.resets_at > now && row.count > 0 ? { count: row.count, until: row.resets_at } : undefined;
    },
    async clear(key) {
      await db.updateTable('rate_limit').set({ count: 0 }).where('key', '=', key).execute();
    },
  };
}
