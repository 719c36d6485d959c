import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { hasPostgres, makePostgresDatabase } from '../support/databases.ts';

const run = promisify(execFile);

/** Four processes that open and migrate one database as soon as all of them are there. */
async function migrateInFour(url: string): Promise<string[][]> {
  const program = `
    import { openPostgres } from '${new URL('../../src/store/postgres.ts', import.meta.url)}';
    import { openSqlite } from '${new URL('../../src/store/sqlite.ts', import.meta.url)}';
    const [url, start] = process.argv.slice(1);
    const pause = Number(start) - Date.now();
    if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
    const handle = url.startsWith('postgres') ? await openPostgres(url) : await openSqlite(url);
    const applied = await handle.migrate();
    await handle.check();
    await handle.close();
    process.stdout.write(JSON.stringify(applied));
  `;
  const start = String(Date.now() + 600);
  const runs = Array.from({ length: 4 }, () =>
    run(process.execPath, [
      '--input-type=module',
      '--disable-warning=ExperimentalWarning',
      '--eval',
      program,
      url,
      start,
    ]).then(
      ({ stdout }) => JSON.parse(stdout) as string[],
      ({ stderr }) => [`failed: ${/^\w*Error.*|^\w+: .*/m.exec(stderr)?.[0] ?? stderr}`],
    ),
  );
  return Promise.all(runs);
}

const makers = {
  SQLite: async (t: TestContext) => {
    const folder = mkdtempSync(join(tmpdir(), 'guichet-migrate-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    return join(folder, 'guichet.db');
  },
  PostgreSQL: (t: TestContext) => makePostgresDatabase(t),
};

describe('migrating', { concurrency: true }, () => {
  for (const [name, make] of Object.entries(makers)) {
    it(`is done once by four processes that start together, on ${name}`, {
      skip: name === 'PostgreSQL' && !hasPostgres,
    }, async (t) => {
      const applied = await migrateInFour(await make(t));
      assert.deepEqual(applied.flat(), [
        '0001-identity-core',
        '0002-second-factors-and-devices',
        '0003-passkeys-and-providers',
        '0004-sites-and-stateful-sessions',
      ]);
    });
  }
});
