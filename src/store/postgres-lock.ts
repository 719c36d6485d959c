import { type Kysely, sql } from 'kysely';
import type { Database } from './schema.ts';

/** An advisory lock of PostgreSQL, held until the transaction ends; the server frees it when its holder dies. */
export class PostgresLock {
  static readonly auditSealer = new PostgresLock(1);

  readonly #number: number;
  private constructor(number: number) {
    this.#number = number;
  }

  async hold(db: Kysely<Database>): Promise<void> {
    // The first number keeps Guichet's locks apart from other programs' in the same database.
    await sql`select pg_advisory_xact_lock(1735747955, ${sql.lit(this.#number)})`.execute(db);
  }
}
