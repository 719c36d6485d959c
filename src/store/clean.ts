import { type Kysely, sql } from 'kysely';
import { days, hours, type Instant, minutes } from '../core/time.ts';
import type { DatabaseHandle } from './database.ts';
import type { Database } from './schema.ts';

const BATCH = 500;

/**
 * Deletes what time has made useless, a small batch a transaction, so that nobody waits long for it.
 * Every expiry is checked where the thing is used; this only frees the space (R165).
 *
 * @returns how many rows went
 */
export async function cleanExpired(handle: DatabaseHandle, now: Instant): Promise<number> {
  let removed = 0;
  for (const step of steps(now)) {
    for (;;) {
      const count = await handle.transaction((db) => step(db));
      removed += count;
      if (count < BATCH) break;
    }
  }
  return removed;
}

function steps(now: Instant): ((db: Kysely<Database>) => Promise<number>)[] {
  const byKey = (table: string, keys: string, where: ReturnType<typeof sql>) => async (db: Kysely<Database>) => {
    const key = sql.raw(keys);
    const { numAffectedRows } = await sql`
      delete from ${sql.table(table)} where (${key}) in
        (select ${key} from ${sql.table(table)} where ${where} limit ${sql.lit(BATCH)})`.execute(db);
    return Number(numAffectedRows ?? 0);
  };

  return [
    byKey('session', 'id', sql`expires_at <= ${now}`),
    byKey('refresh_token', 'digest', sql`expires_at <= ${now}`),
    byKey('one_time_token', 'digest', sql`expires_at <= ${now}`),
    byKey('pending_login', 'digest', sql`expires_at <= ${now}`),
    byKey('delivered_code', 'account_id, purpose, binding', sql`expires_at <= ${now}`),
    byKey('pending_factor', 'account_id', sql`expires_at <= ${now}`),
    byKey('shown_recovery_codes', 'session_id', sql`expires_at <= ${now}`),
    byKey('spent_challenge', 'digest', sql`expires_at <= ${now}`),
    byKey('known_client', 'digest, account_id', sql`signed_in_at <= ${now - days(30)}`),
    byKey('rate_limit', 'key', sql`resets_at <= ${now - minutes(1)}`),
    byKey('buried_identifier', 'digest', sql`until <= ${now}`),
    // A run of failures against an account is kept until a sign-in or a reset ends it (rule 20).
    byKey(
      'attempt',
      'identifier_digest, client',
      sql`last_taken_at <= ${now - hours(24)} and (has_account = 0 or total = 0) and coalesce(locked_until, 0) <= ${now}`,
    ),
    byKey('signing_key', 'kid', sql`verifies_until <= ${now}`),
  ];
}
