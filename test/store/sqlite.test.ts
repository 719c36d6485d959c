import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it, type TestContext } from 'node:test';
import { sql } from 'kysely';
import { StoreUnavailable } from '../../src/store/database.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { openTestSqlite } from '../support/databases.ts';

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'guichet-sqlite-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const count = (key: string) => sql`insert into rate_limit (key, count, resets_at) values (${key}, 1, 1)`;

describe('the embedded database', () => {
  it('is readable by its owner alone, and so are the files beside it, whatever they were before', async (t) => {
    const folder = folderOf(t);
    const path = join(folder, 'deeper', 'guichet.db');
    const handle = await openSqlite(path);
    t.after(() => handle.close());
    await handle.migrate();
    const modes = () =>
      readdirSync(join(folder, 'deeper')).map((name) => statSync(join(folder, 'deeper', name)).mode & 0o777);
    assert.deepEqual([...new Set(modes())], [0o600]);
    assert.equal(statSync(join(folder, 'deeper')).mode & 0o777, 0o700);
    chmodSync(path, 0o644);
    const again = await openSqlite(path);
    await again.close();
    assert.deepEqual([...new Set(modes())], [0o600]);
  });

  it('flushes each commit unless it was told not to', async (t) => {
    const folder = folderOf(t);
    const levels: unknown[] = [];
    for (const options of [{}, { durable: false }]) {
      const handle = await openSqlite(join(folder, 'guichet.db'), options);
      levels.push(
        await handle.transaction(
          async (db) => (await sql<{ synchronous: number }>`pragma synchronous`.execute(db)).rows[0]?.synchronous,
        ),
      );
      await handle.close();
    }
    assert.deepEqual(levels, [2, 1]);
  });

  it('keeps what refers to an account with it', async (t) => {
    const handle = await openTestSqlite(t);
    const insert = handle.transaction((db) =>
      sql`insert into password (account_id, hash, pepper_id, changed_at) values (999, 'hash', 'pepper', 1)`.execute(db),
    );
    await assert.rejects(insert, /FOREIGN KEY/);
  });

  it('writes nothing through its reading half', async (t) => {
    const handle = await openTestSqlite(t);
    await assert.rejects(count('x').execute(handle.read), /readonly/);
  });

  it('waits while another process writes, without holding up anything else', async (t) => {
    const handle = await openTestSqlite(t);
    const other = new DatabaseSync(handle.path);
    t.after(() => other.close());
    other.exec('begin immediate');
    let turns = 0;
    const ticking = setInterval(() => {
      turns += 1;
      if (turns === 20) other.exec('commit');
    }, 5);
    t.after(() => clearInterval(ticking));
    await handle.transaction((db) => count('after the wait').execute(db));
    assert.ok(turns >= 20);
    const { rows } = await sql<{ key: string }>`select key from rate_limit`.execute(handle.read);
    assert.deepEqual(
      rows.map(({ key }) => key),
      ['after the wait'],
    );
  });

  it('says that it cannot answer when that takes too long, reads on meanwhile, and recovers by itself', async (t) => {
    const handle = await openTestSqlite(t);
    const other = new DatabaseSync(handle.path);
    t.after(() => other.close());
    other.exec('begin immediate');
    const begun = performance.now();
    let longestTurn = 0;
    let last = begun;
    const ticking = setInterval(() => {
      longestTurn = Math.max(longestTurn, performance.now() - last);
      last = performance.now();
    }, 5);
    t.after(() => clearInterval(ticking));
    const first = handle.transaction((db) => count('first').execute(db));
    // One that comes while the first batch is waiting must not wait for both.
    const second = new Promise((resolve) => setTimeout(resolve, 20)).then(() =>
      handle.transaction((db) => count('second').execute(db)),
    );
    await handle.check();
    await sql`select 1 from rate_limit`.execute(handle.read);
    const answers = await Promise.allSettled([first, second]);
    const waited = performance.now() - begun;
    assert.ok(answers.every((answer) => answer.status === 'rejected' && answer.reason instanceof StoreUnavailable));
    assert.ok(longestTurn < 1000, `the event loop stood still for ${longestTurn} ms`);
    other.exec('commit');
    await handle.transaction((db) => count('later').execute(db));
    assert.ok(waited < 4500, `the second was told after ${Math.round(waited)} ms`);
  });

  it('tells a file that is no database from one that cannot be opened', async (t) => {
    const folder = folderOf(t);
    writeFileSync(join(folder, 'letter.db'), 'Dear reader, this is no database, but a letter.'.repeat(100));
    await assert.rejects(openSqlite(join(folder, 'letter.db')), StoreUnavailable);
    await assert.rejects(openSqlite(folder), StoreUnavailable);
  });

  it('keeps an id from coming back', async (t) => {
    const handle = await openTestSqlite(t);
    const insert = async (name: string) => {
      const { rows } = await handle.transaction((db) =>
        sql<{ id: number }>`insert into account (uuid, first_name, last_name, username, locale, created_at, updated_at)
          values (${name}, '', '', ${name}, 'en', 1, 1) returning id`.execute(db),
      );
      return rows[0]?.id ?? 0;
    };
    const first = await insert('a');
    await handle.transaction((db) => db.deleteFrom('account').execute());
    assert.ok((await insert('b')) > first);
  });
});
