import { chmodSync, closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CompiledQuery, Kysely } from 'kysely';
import { type DatabaseHandle, type Effects, noEffects, StoreUnavailable } from './database.ts';
import { GroupCommit } from './group-commit.ts';
import { migrate } from './migrate.ts';
import type { Database } from './schema.ts';
import { sqliteDialect } from './sqlite-dialect.ts';

/** How long a writer waits for another process before it says so: shorter than a client's patience. */
const BUSY_MILLISECONDS = 2500;

/**
 * Opens the embedded database, made if it is not there, readable by its owner alone.
 *
 * @param options.durable flush each commit to the disk, so that an acknowledged write survives a power cut; on by default
 * @throws {StoreUnavailable} if the file can't be opened or is no database
 */
export async function openSqlite(path: string, options: { durable?: boolean } = {}): Promise<DatabaseHandle> {
  const { writer, reader } = connect(path, options.durable ?? true);
  const write = new Kysely<Database>({ dialect: sqliteDialect(writer) });
  const read = new Kysely<Database>({ dialect: sqliteDialect(reader) });
  const listeners: ((effects: Effects) => void)[] = [];
  const group = new GroupCommit(writer, () => beginImmediate(writer), asUnavailable);

  return {
    kind: 'sqlite',
    read,
    prepare<Row>(_name: string, query: CompiledQuery<Row>) {
      const statement = reader.prepare(query.sql);
      return async (parameters: readonly unknown[]) => statement.all(...(parameters as SQLInputValue[])) as Row[];
    },
    transaction(work) {
      const effects = noEffects();
      return group.transaction(
        () => work(write, effects),
        () => {
          for (const listener of listeners) listener(effects);
        },
      );
    },
    onCommit: (listener) => void listeners.push(listener),
    async migrate() {
      // Processes that start together wait for the one that was first.
      writer.exec('pragma busy_timeout = 10000');
      try {
        return await migrate(write);
      } finally {
        writer.exec('pragma busy_timeout = 0');
      }
    },
    isUnavailable: (error) => asUnavailable(error) instanceof StoreUnavailable,
    async check() {
      try {
        reader.prepare('select 1').get();
      } catch (error) {
        throw asUnavailable(error);
      }
    },
    async close() {
      await group.idle();
      reader.close();
      writer.close();
    },
  };
}

function connect(path: string, durable: boolean): { writer: DatabaseSync; reader: DatabaseSync } {
  try {
    if (!existsSync(dirname(path))) mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    // SQLite gives its -wal and -shm files the mode of the database file.
    closeSync(openSync(path, 'a', 0o600));
    chmodSync(path, 0o600);
    const writer = new DatabaseSync(path);
    writer.exec('pragma busy_timeout = 0');
    retrySync(() => writer.exec('pragma journal_mode = wal'));
    writer.exec(
      `pragma synchronous = ${durable ? 'full' : 'normal'}; pragma foreign_keys = on; pragma secure_delete = on`,
    );
    const reader = new DatabaseSync(path, { readOnly: true });
    reader.exec('pragma busy_timeout = 1000');
    return { writer, reader };
  } catch (error) {
    throw new StoreUnavailable(`the database file ${path} can't be opened: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** Switching to WAL takes an exclusive lock; two processes that start together meet here once in a file's life. */
function retrySync(step: () => void): void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let tries = 0; ; tries += 1) {
    try {
      step();
      return;
    } catch (error) {
      if (!isBusy(error) || tries >= 100) throw error;
      Atomics.wait(pause, 0, 0, 20);
    }
  }
}

/** The event loop goes on while another process holds the write lock. */
async function beginImmediate(writer: DatabaseSync): Promise<void> {
  const deadline = performance.now() + BUSY_MILLISECONDS;
  for (let pause = 1; ; pause = Math.min(pause * 2, 25)) {
    try {
      writer.exec('begin immediate');
      return;
    } catch (error) {
      if (!isBusy(error) || performance.now() >= deadline) throw error;
      await sleep(pause);
    }
  }
}

// https://www.sqlite.org/rescode.html: the low byte is the primary code.
const BUSY = 5;
const UNAVAILABLE = new Set([BUSY, 6, 8, 10, 11, 13, 14]);

function isBusy(error: unknown): boolean {
  return primaryCode(error) === BUSY;
}

function asUnavailable(error: unknown): unknown {
  const code = primaryCode(error);
  const closed = (error as { code?: string } | undefined)?.code === 'ERR_INVALID_STATE';
  return closed || (code !== undefined && UNAVAILABLE.has(code))
    ? new StoreUnavailable(`SQLite: ${(error as Error).message}`, { cause: error })
    : error;
}

function primaryCode(error: unknown): number | undefined {
  const code = (error as { errcode?: number } | undefined)?.errcode;
  return typeof code === 'number' ? code & 0xff : undefined;
}
