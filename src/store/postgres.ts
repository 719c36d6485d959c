import {
  type CompiledQuery,
  Kysely,
  PostgresDialect,
  type PostgresPool,
  type PostgresPoolClient,
  type Transaction,
} from 'kysely';
import pg from 'pg';
import { type DatabaseHandle, type Effects, noEffects, StoreUnavailable } from './database.ts';
import { migrate } from './migrate.ts';
import type { Database } from './schema.ts';
import { statementName } from './statement.ts';

/** A request that gets no answer from the database within these has failed (R158: 503 within 3 s). */
const CONNECT_MILLISECONDS = 2500;
const STATEMENT_MILLISECONDS = 2500;
const RETRIES = 4;
const SERIALIZATION_FAILURE = '40001';
const DEADLOCK = '40P01';
/** An operator or a crash ended the session; the socket was reset. */
const CONNECTION_ENDED = /^(57P0[1-3]|08\w{3}|ECONNRESET|EPIPE)$/;

// Instants and counted ids stay far below 2^53.
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) => (oid === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(oid, format)),
};

/** For a connection, and for a place in the pool: libpq's `connect_timeout`, in seconds, which the driver leaves alone. */
function connectMilliseconds(url: string): number {
  const seconds = Number(URL.parse(url)?.searchParams.get('connect_timeout'));
  return seconds > 0 ? seconds * 1000 : CONNECT_MILLISECONDS;
}

function poolOf(url: string, options: pg.PoolConfig): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    connectionTimeoutMillis: connectMilliseconds(url),
    statement_timeout: STATEMENT_MILLISECONDS,
    query_timeout: STATEMENT_MILLISECONDS + 500,
    idle_in_transaction_session_timeout: 10_000,
    application_name: 'guichet',
    types,
    ...options,
  });
  // A connection that breaks is replaced at the next use, and fails the query it was for;
  // the event tells the same again, and without a listener it would end the process.
  pool.on('error', () => {});
  pool.on('connect', (client) => void client.on('error', () => {}));
  return pool;
}

/** The pool as Kysely sees it, which prepares no statement by itself: those that are run all the time are planned once. */
function preparing(pool: pg.Pool): PostgresPool {
  const seen = new WeakMap<pg.PoolClient, PostgresPoolClient>();
  const wrap = (client: pg.PoolClient): PostgresPoolClient => {
    const query = (text: string, values: readonly unknown[]): Promise<unknown> => {
      const name = statementName(text);
      return client.query({ text, values: [...values], ...(name !== undefined && { name }) });
    };
    return {
      query: query as PostgresPoolClient['query'],
      release: (destroy) => client.release(destroy),
    };
  };
  return {
    options: pool.options,
    async connect() {
      const client = await pool.connect();
      const known = seen.get(client) ?? wrap(client);
      seen.set(client, known);
      return known;
    },
    end: () => pool.end(),
  };
}

/**
 * Opens a pool to a PostgreSQL database. Connecting happens at the first use.
 *
 * @param url `postgres://user:password@host:port/database?…`, certificate checks as `sslmode` says; `connect_timeout` in
 *   seconds and `statement_timeout` and `query_timeout` in milliseconds take the place of what is set here
 * @param options.connections most connections held at once
 */
export async function openPostgres(url: string, options: { connections?: number } = {}): Promise<DatabaseHandle> {
  const pool = poolOf(url, { max: options.connections ?? 10 });
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: preparing(pool) }) });
  const listeners: ((effects: Effects) => void)[] = [];

  return {
    kind: 'postgres',
    read: db,
    prepare:
      <Row>(name: string, query: CompiledQuery<Row>) =>
      async (parameters: readonly unknown[]) => {
        const { rows } = await pool.query({ name, text: query.sql, values: [...parameters] });
        return rows as Row[];
      },
    async transaction(work) {
      for (let tries = 1; ; tries += 1) {
        const effects = noEffects();
        let began = false;
        try {
          const result = await db.transaction().execute((transaction: Transaction<Database>) => {
            began = true;
            return work(transaction, effects);
          });
          for (const listener of listeners) listener(effects);
          return result;
        } catch (error) {
          const { code, message } = error as { code?: string; message: string };
          const collided = code === SERIALIZATION_FAILURE || code === DEADLOCK;
          // A connection that had broken while it was idle: nothing was done, and the next one is new.
          const stale = !began && (code ? CONNECTION_ENDED.test(code) : message.startsWith('Connection terminated'));
          if ((!collided && !stale) || tries > RETRIES) throw asUnavailable(error);
        }
      }
    },
    onCommit: (listener) => void listeners.push(listener),
    async migrate() {
      // A connection of its own: migrations may take their time, and wait for another process's.
      const patient = new Kysely<Database>({
        dialect: new PostgresDialect({ pool: poolOf(url, { max: 1, statement_timeout: 0, query_timeout: 0 }) }),
      });
      try {
        return await migrate(patient);
      } catch (error) {
        throw asUnavailable(error);
      } finally {
        await patient.destroy();
      }
    },
    isUnavailable: (error) => asUnavailable(error) instanceof StoreUnavailable,
    async check() {
      try {
        await pool.query('select 1');
      } catch (error) {
        throw asUnavailable(error);
      }
    },
    // Not through Kysely, which closes nothing that it never used.
    close: () => pool.end(),
  };
}

const SOCKET_ERRORS = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);
// https://www.postgresql.org/docs/current/errcodes-appendix.html
// 08 connection, 25006 read only, 3D000 no such database, 28 authorization, 40 rolled back, 53 resources, 57 operator, 58 system.
const SQL_STATES = /^(08|28|40|53|57|58)|^(25006|3D000)$/;
const DRIVER_MESSAGES = /timeout|terminated|Connection ended|not queryable/i;

function asUnavailable(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code } = error as { code?: string };
  const passing = code
    ? SOCKET_ERRORS.has(code) || SQL_STATES.test(code)
    : DRIVER_MESSAGES.test(error.message) || error instanceof AggregateError;
  return passing ? new StoreUnavailable(`PostgreSQL: ${error.message || code}`, { cause: error }) : error;
}
