import type { Kysely } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import * as identityCore from './migrations/0001-identity-core.ts';
import * as secondFactorsAndDevices from './migrations/0002-second-factors-and-devices.ts';
import * as passkeysAndProviders from './migrations/0003-passkeys-and-providers.ts';
import * as sitesAndStatefulSessions from './migrations/0004-sites-and-stateful-sessions.ts';
import type { Database } from './schema.ts';

/** In order, by name; forward only, and never edited once released. */
const migrations: Record<string, Migration> = {
  '0001-identity-core': identityCore,
  '0002-second-factors-and-devices': secondFactorsAndDevices,
  '0003-passkeys-and-providers': passkeysAndProviders,
  '0004-sites-and-stateful-sessions': sitesAndStatefulSessions,
};

/**
 * Applies what is missing, in one transaction and under the database's own lock,
 * so that processes that start together apply each migration once.
 *
 * @returns the names of those applied now
 */
export async function migrate(db: Kysely<Database>): Promise<string[]> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
  const { error, results } = await migrator.migrateToLatest();
  if (error) throw error;
  return (results ?? []).filter(({ status }) => status === 'Success').map(({ migrationName }) => migrationName);
}
