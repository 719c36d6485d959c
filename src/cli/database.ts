import { readdirSync } from 'node:fs';
import { type Kysely, sql } from 'kysely';
import type { Settings } from '../config/settings.ts';
import type { Database } from '../store/schema.ts';

/** The embedded database's file; `undefined` for PostgreSQL. */
export function sqlitePath({ GUICHET_DATABASE_URL: url }: Pick<Settings, 'GUICHET_DATABASE_URL'>): string | undefined {
  return url.startsWith('sqlite:') ? url.slice('sqlite:'.length) : undefined;
}

/** Migrations that this version has and the database has not. */
export async function pendingMigrations(db: Kysely<Database>): Promise<string[]> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  const isMigrated = tables.some(({ name }) => name === 'kysely_migration');
  const { rows } = isMigrated
    ? await sql<{ name: string }>`select name from kysely_migration`.execute(db)
    : { rows: [] };
  const applied = new Set(rows.map(({ name }) => name));
  return knownMigrations().filter((name) => !applied.has(name));
}

/** Their files' names: `.ts` in a clone, `.js` in the package, with declarations beside them. */
function knownMigrations(): string[] {
  return readdirSync(new URL('../store/migrations', import.meta.url))
    .filter((file) => /^\d{4}-[^.]+\.(ts|js)$/.test(file))
    .map((file) => file.replace(/\.\w+$/, ''))
    .sort();
}
