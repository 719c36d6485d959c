import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { Parameters } from './parameters.ts';

/** Where PostgreSQL is looked for, as the tests do; a database is made there and dropped again. */
const POSTGRES_URL = process.env['TEST_POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';

export interface BenchDatabase {
  kind: 'sqlite' | 'postgres';
  /** As `GUICHET_DATABASE_URL` takes it. */
  url: string;
  /** The server's data folder. */
  folder: string;
}

/** An empty database of each kind that is wanted and there, one after the other; each goes when the next is asked for. */
export async function* databases(
  wanted: Parameters['database'],
  say: (line: string) => void,
): AsyncGenerator<BenchDatabase> {
  const folder = mkdtempSync(join(tmpdir(), 'guichet-bench-'));
  try {
    if (wanted !== 'postgres') yield { kind: 'sqlite', url: `sqlite:${join(folder, 'guichet.db')}`, folder };
    if (wanted !== 'sqlite') yield* postgres(folder, wanted, say);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function* postgres(
  folder: string,
  wanted: Parameters['database'],
  say: (line: string) => void,
): AsyncGenerator<BenchDatabase> {
  const client = new pg.Client({ connectionString: POSTGRES_URL, connectionTimeoutMillis: 2000 });
  try {
    await client.connect();
  } catch (error) {
    if (wanted === 'postgres') throw error;
    return say(
      `No PostgreSQL at ${POSTGRES_URL} (${(error as Error).message}): only SQLite is measured. TEST_POSTGRES_URL says where it is.`,
    );
  }
  const name = `guichet_bench_${process.pid}`;
  try {
    await client.query(`create database ${name}`);
    yield { kind: 'postgres', url: Object.assign(new URL(POSTGRES_URL), { pathname: `/${name}` }).href, folder };
  } finally {
    await client.query(`drop database if exists ${name} with (force)`);
    await client.end();
  }
}
