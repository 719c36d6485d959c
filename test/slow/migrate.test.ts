import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import pg from 'pg';
import { openPostgres } from '../../src/store/postgres.ts';
import { hasPostgres, makePostgresDatabase } from '../support/databases.ts';

describe('migrating', () => {
  it('waits for another’s longer than a request would, on PostgreSQL', { skip: !hasPostgres }, async (t) => {
    const url = await makePostgresDatabase(t);
    const other = new pg.Client({ connectionString: url });
    other.on('error', () => {});
    await other.connect();
    t.after(() => other.end());
    await other.query('begin');
    // The lock under which Kysely migrates.
    await other.query('select pg_advisory_xact_lock(3853314791062309107)');
    const handle = await openPostgres(url);
    t.after(() => handle.close().catch(() => {}));
    const migrating = handle.migrate();
    const timer = setTimeout(() => void other.query('commit'), 3200);
    t.after(() => clearTimeout(timer));
    assert.deepEqual(await migrating, [
      '0001-identity-core',
      '0002-second-factors-and-devices',
      '0003-passkeys-and-providers',
      '0004-sites-and-stateful-sessions',
    ]);
  });
});
