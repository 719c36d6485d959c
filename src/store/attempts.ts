import { type Kysely, sql } from 'kysely';
import type { Attempts } from '../core/store.ts';
import type { Database } from './schema.ts';

export function attemptsOn(db: Kysely<Database>): Attempts {
  return {
    async reserve({ identifierDigest, client }, { places, staleBefore, now }) {
      // One statement, so that of any number of callers only as many get in as there are places.
      // Places taken by a process that died are given back once their attempt must be over.
      const underWay = sql<number>`case when attempt.last_taken_at < ${staleBefore} then attempt.decided else attempt.taken end`;
      const taken = await sql<{ total: number }>`
        insert into attempt (identifier_digest, client, taken, decided, total, locks, locked_until, last_taken_at)
        values (${identifierDigest}, ${client}, 1, 0, 0, 0, null, ${now})
        on conflict (identifier_digest, client) do update
          set taken = ${underWay} + 1, last_taken_at = excluded.last_taken_at
          where (attempt.locked_until is null or attempt.locked_until <= excluded.last_taken_at) and ${underWay} < ${places}
        returning total`.execute(db);
      const [row] = taken.rows;
      if (row) return { outcome: 'taken', total: row.total };
      const bucket = await db
        .selectFrom('attempt')
        .select('locked_until')
        .where('identifier_digest', '=', identifierDigest)
        .where('client', '=', client)
        .executeTakeFirst();
      const until = bucket?.locked_until ?? 0;
      return until > now ? { outcome: 'locked', until } : { outcome: 'all_undecided' };
    },
    async succeed({ identifierDigest, client }) {
      const bucket = await db
        .selectFrom('attempt')
        .select(['decided', 'total'])
        .where('identifier_digest', '=', identifierDigest)
        .where('client', '=', client)
        .executeTakeFirst();
      await db
        .updateTable('attempt')
        .set({
          taken: sql`case when taken - decided > 1 then taken - decided - 1 else 0 end`,
          decided: 0,
          total: 0,
          locks: 0,
        })
        .where('identifier_digest', '=', identifierDigest)
        .where('client', '=', client)
        .execute();
      return { failuresBefore: bucket?.total ?? 0 };
    },
    async release({ identifierDigest, client }) {
      await db
        .updateTable('attempt')
        .set({ taken: sql`case when taken > decided then taken - 1 else taken end` })
        .where('identifier_digest', '=', identifierDigest)
        .where('client', '=', client)
        .execute();
    },
    async fail({ identifierDigest, client }, { places, lockFor, hasAccount, now }) {
      const { decided, total, locks } = await db
        .updateTable('attempt')
        .set((expression) => ({
          decided: expression('decided', '+', 1),
          total: expression('total', '+', 1),
          has_account: hasAccount ? 1 : 0,
        }))
        .where('identifier_digest', '=', identifierDigest)
        .where('client', '=', client)
        .returning(['decided', 'total', 'locks'])
        .executeTakeFirstOrThrow();
      if (decided < places) return { total, lockedUntil: null };
      const lockedUntil = now + lockFor(locks);
      await db
        .updateTable('attempt')
        .set({ taken: 0, decided: 0, locks: locks + 1, locked_until: lockedUntil })
        .where('identifier_digest', '=', identifierDigest)
        .where('client', '=', client)
        .execute();
      return { total, lockedUntil };
    },
    async lift(identifierDigests) {
      await db
        .updateTable('attempt')
        .set({ taken: sql`taken - decided`, decided: 0, locked_until: null })
        .where('identifier_digest', 'in', identifierDigests)
        .execute();
    },
    async clear(identifierDigests) {
      await db
        .updateTable('attempt')
        .set({ taken: 0, decided: 0, total: 0, locks: 0, locked_until: null })
        .where('identifier_digest', 'in', identifierDigests)
        .execute();
    },
  };
}
