import { randomUUID } from 'node:crypto';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe } from 'node:test';
import pg from 'pg';
import type { DatabaseHandle } from '../../src/store/database.ts';
import { openPostgres } from '../../src/store/postgres.ts';
import { openSqlite } from '../../src/store/sqlite.ts';

/** Where the tests find PostgreSQL; each test makes a database of its own there and drops it. */
const POSTGRES_URL = process.env['TEST_POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';

/** Whether a PostgreSQL server answers; says so plainly, once, when none does. */
export const hasPostgres: boolean = await administer(async () => true).catch((error: Error) => {
  process.stderr.write(
    `No PostgreSQL at ${POSTGRES_URL} (${error.message}): its half of the store tests is skipped. Set TEST_POSTGRES_URL to run it.\n`,
  );
  return false;
});

async function administer<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: POSTGRES_URL, connectionTimeoutMillis: 2000 });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

const unique = (): string => `guichet_test_${process.pid}_${Date.now().toString(36)}_${randomUUID().slice(0, 8)}`;

// Migrating takes longer than copying what one migration made.
let template: Promise<string> | undefined;
function sqliteTemplate(): Promise<string> {
  template ??= (async () => {
    const folder = mkdtempSync(join(tmpdir(), 'guichet-template-'));
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, 'template.db');
    const handle = await openSqlite(path, { durable: false });
    await handle.migrate();
    await handle.close();
    return path;
  })();
  return template;
}

type Opening = { after(undo: () => unknown): void };

/** A migrated SQLite database file in a folder. */
export async function sqliteFile(folder: string): Promise<string> {
  const path = join(folder, 'guichet.db');
  copyFileSync(await sqliteTemplate(), path);
  return path;
}

/** A migrated SQLite database in a folder that goes with the test. */
export async function openTestSqlite(t: Opening): Promise<DatabaseHandle & { path: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'guichet-test-'));
  const path = await sqliteFile(folder);
  const handle = await openSqlite(path, { durable: false });
  t.after(async () => {
    await handle.close().catch(() => {});
    rmSync(folder, { recursive: true, force: true });
  });
  return { ...handle, path };
}

let postgresTemplate: Promise<string> | undefined;
function migratedTemplate(): Promise<string> {
  postgresTemplate ??= (async () => {
    const name = unique();
    await administer((client) => client.query(`create database ${name}`));
    const handle = await openPostgres(urlOf(name));
    await handle.migrate();
    await handle.close();
    return name;
  })();
  return postgresTemplate;
}

after(async () => {
  const name = await postgresTemplate?.catch(() => undefined);
  if (name) await administer((client) => client.query(`drop database if exists ${name} with (force)`));
});

/**
 * What is committed need not outlive a power cut here: no commit waits for the disk. And where hundreds ask at once while
 * other tests run, each has its time: that a busy database is said to be so is tested by itself.
 */
function urlOf(database: string): string {
  const url = Object.assign(new URL(POSTGRES_URL), { pathname: `/${database}` });
  url.searchParams.set('options', '-c synchronous_commit=off');
  url.searchParams.set('connect_timeout', '30');
  url.searchParams.set('statement_timeout', '30000');
  url.searchParams.set('query_timeout', '30500');
  return url.href;
}

/** An empty PostgreSQL database that goes with the test. */
export async function makePostgresDatabase(t: Opening, options: { migrated?: boolean } = {}): Promise<string> {
  const name = unique();
  const from = options.migrated ? ` template ${await migratedTemplate()}` : '';
  await administer((client) => client.query(`create database ${name}${from}`));
  t.after(() => administer((client) => client.query(`drop database if exists ${name} with (force)`)));
  return urlOf(name);
}

export async function openTestPostgres(t: Opening): Promise<DatabaseHandle & { url: string }> {
  const url = await makePostgresDatabase(t, { migrated: true });
  const handle = await openPostgres(url);
  t.after(() => handle.close().catch(() => {}));
  return { ...handle, url };
}

/** Runs the same tests on SQLite and on PostgreSQL. */
export function eachDatabase(name: string, tests: (open: (t: Opening) => Promise<DatabaseHandle>) => void): void {
  describe(`${name}, on SQLite`, () => tests(openTestSqlite));
  describe(`${name}, on PostgreSQL`, { skip: hasPostgres ? false : 'no PostgreSQL server' }, () =>
    tests(openTestPostgres),
  );
}
