import { type Kysely, sql } from 'kysely';
import type { Limits } from '../core/world.ts';
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
    async look(key, { limit, now }) {
      const row = await db.selectFrom('rate_limit').selectAll().where('key', '=', key).executeTakeFirst();
      if (!row || row.resets_at <= now || row.count < limit) return { allowed: true };
      return { allowed: false, until: row.resets_at };
    },
  };
}
