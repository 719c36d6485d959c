import assert from 'node:assert/strict';
import { sql } from 'kysely';
import type { DatabaseHandle } from '../../../src/store/database.ts';
import { type OpenedClient, SPA } from './client.ts';

/** How many rows each table has. */
export async function countRows({ kind, read }: DatabaseHandle): Promise<Record<string, number>> {
  const names =
    kind === 'sqlite'
      ? await sql<{ name: string }>`select name from sqlite_master where type = 'table'`.execute(read)
      : await sql<{ name: string }>`select tablename as name from pg_tables where schemaname = 'public'`.execute(read);
  const counts: Record<string, number> = {};
  for (const { name } of names.rows) {
    const { rows } = await sql<{ count: number }>`select count(*) as count from ${sql.table(name)}`.execute(read);
    counts[name] = Number(rows[0]?.count);
  }
  return counts;
}

/** The tables that have more or fewer rows than before, with how many. */
export function changedIn(before: Record<string, number>, after: Record<string, number>): Record<string, number> {
  const changes = Object.entries(after).map(([table, count]): [string, number] => [
    table,
    count - (before[table] ?? 0),
  ]);
  return Object.fromEntries(changes.filter(([, more]) => more !== 0));
}

/** Asks for the first cookie so often, each time as a browser that was never here. */
export async function askForCookies({ app }: OpenedClient, times: number): Promise<void> {
  const request = { method: 'GET', url: '/sanctum/csrf-cookie', headers: { origin: SPA, referer: `${SPA}/` } } as const;
  const statuses = new Map<number, number>();
  for (let asked = 0; asked < times; asked += 100) {
    const answers = await Promise.all(Array.from({ length: Math.min(100, times - asked) }, () => app.inject(request)));
    for (const { statusCode } of answers) statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1);
    // What the framework keeps of each is let go of between two turns of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual([...statuses], [[204, times]]);
}
