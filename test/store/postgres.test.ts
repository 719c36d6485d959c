import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { connect, createServer, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { sql } from 'kysely';
import pg from 'pg';
import { createKeyring } from '../../src/core/keyring.ts';
import type { SessionId } from '../../src/core/session.ts';
import { StoreUnavailable } from '../../src/store/database.ts';
import { openPostgres } from '../../src/store/postgres.ts';
import { storeOn } from '../../src/store/store.ts';
import { hasPostgres, makePostgresDatabase } from '../support/databases.ts';

/** A way to the server that can be cut and mended. */
async function openWay(t: TestContext, to: { host: string; port: number }) {
  const sockets = new Set<Socket>();
  let open = true;
  const server = createServer((near) => {
    if (!open) {
      near.destroy();
      return;
    }
    const far = connect(to);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    }
    near.pipe(far).pipe(near);
    // A pipe passes an end on, but not a reset: the other side would wait for an answer that nobody gives.
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const cut = (): void => {
    open = false;
    for (const socket of sockets) socket.destroy();
  };
  t.after(cut);
  const { port } = server.address() as { port: number };
  return {
    port,
    cut,
    mend: () => {
      open = true;
    },
  };
}

async function openHandle(t: TestContext) {
  const url = new URL(await makePostgresDatabase(t, { migrated: true }));
  // As long as an operator waits who says nothing else.
  for (const name of ['connect_timeout', 'statement_timeout', 'query_timeout']) url.searchParams.delete(name);
  const way = await openWay(t, { host: url.hostname, port: Number(url.port || 5432) });
  const direct = new pg.Client({ connectionString: url.href });
  // The database may be dropped before this connection ends.
  direct.on('error', () => {});
  await direct.connect();
  t.after(() => direct.end());
  const through = Object.assign(new URL(url.href), { hostname: '127.0.0.1', port: String(way.port) });
  const handle = await openPostgres(through.href, { connections: 3 });
  t.after(() => handle.close().catch(() => {}));
  return { handle, way, direct, url: url.href };
}

const count = (key: string) => sql`insert into rate_limit (key, count, resets_at) values (${key}, 1, 1)`;

describe('the PostgreSQL database', { skip: hasPostgres ? false : 'no PostgreSQL server' }, () => {
  it('says that it cannot answer when the server goes, in the middle of a transaction too, and recovers by itself', async (t) => {
    const { handle, way, direct } = await openHandle(t);
    await handle.check();
    const midway = handle.transaction(async (db) => {
      await count('midway').execute(db);
      way.cut();
      await count('never').execute(db);
    });
    await assert.rejects(midway, StoreUnavailable);
    await assert.rejects(handle.check(), StoreUnavailable);
    await assert.rejects(
      handle.transaction((db) => count('away').execute(db)),
      StoreUnavailable,
    );
    const read = await sql`select 1`.execute(handle.read).then(
      () => undefined,
      (error: unknown) => error,
    );
    assert.ok(handle.isUnavailable(read), String(read));

    way.mend();
    await handle.check();
    await handle.transaction((db) => count('back').execute(db));
    const { rows } = await direct.query('select key from rate_limit');
    assert.deepEqual(rows, [{ key: 'back' }]);
  });

  it('says that it cannot answer when all its connections are taken, or what it waits for is held too long (R158)', async (t) => {
    const { handle, direct } = await openHandle(t);
    await handle.transaction((db) => count('held').execute(db));
    await direct.query('begin');
    await direct.query("update rate_limit set count = 2 where key = 'held'");
    const holding = Promise.withResolvers<void>();
    const taken = [0, 1].map(() => handle.transaction(() => holding.promise));
    const waiting = handle.transaction((db) => sql`update rate_limit set count = 3 where key = 'held'`.execute(db));
    await Promise.all([assert.rejects(waiting, StoreUnavailable), assert.rejects(handle.check(), StoreUnavailable)]);
    holding.resolve();
    await Promise.all(taken);
    await direct.query('rollback');
    await handle.check();
  });

  it('waits as long as the URL says', async (t) => {
    const { url } = await openHandle(t);
    const longest = async (milliseconds?: string) => {
      const asked = new URL(url);
      if (milliseconds) asked.searchParams.set('statement_timeout', milliseconds);
      const handle = await openPostgres(asked.href);
      t.after(() => handle.close());
      const { rows } = await sql<{ statement_timeout: string }>`show statement_timeout`.execute(handle.read);
      return rows[0]?.statement_timeout;
    };
    assert.deepEqual([await longest(), await longest('700')], ['2500ms', '700ms']);
  });

  it('survives an operator who ends its connections', async (t) => {
    const { handle, direct } = await openHandle(t);
    await Promise.all(Array.from({ length: 3 }, () => handle.transaction((db) => sql`select 1`.execute(db))));
    const midway = handle.transaction(async (db) => {
      await direct.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'guichet' and datname = current_database()",
      );
      await count('never').execute(db);
    });
    await assert.rejects(midway, StoreUnavailable);
    await handle.transaction((db) => count('back').execute(db));
    assert.deepEqual((await direct.query('select key from rate_limit')).rows, [{ key: 'back' }]);
  });

  it('says that it cannot answer while it may only read', async (t) => {
    const { handle, direct } = await openHandle(t);
    const { rows } = await direct.query('select current_database() as name');
    await direct.query(`alter database ${rows[0].name} set default_transaction_read_only = on`);
    await assert.rejects(
      handle.transaction((db) => count('never').execute(db)),
      StoreUnavailable,
    );
  });

  it('refuses a broken rule as what it is', async (t) => {
    const { handle } = await openHandle(t);
    const twice = handle.transaction(async (db) => {
      await count('same').execute(db);
      await count('same').execute(db);
    });
    await assert.rejects(twice, { code: '23505' });
    assert.equal((await sql`select * from rate_limit`.execute(handle.read)).rows.length, 0);
  });

  it('tries a transaction again that lost to a deadlock, and counts its effects once', async (t) => {
    const { handle } = await openHandle(t);
    await handle.transaction(async (db) => {
      await count('a').execute(db);
      await count('b').execute(db);
    });
    const seen: number[] = [];
    handle.onCommit(({ events }) => seen.push(events.length));
    let runs = 0;
    const { promise: bothHold, resolve: bothHeld } = Promise.withResolvers<void>();
    let holding = 0;
    const crossing = (first: string, second: string) =>
      handle.transaction(async (db, effects) => {
        runs += 1;
        effects.events.push({} as (typeof effects.events)[number]);
        await sql`set local deadlock_timeout = '20ms'`.execute(db);
        await sql`update rate_limit set count = count + 1 where key = ${first}`.execute(db);
        holding += 1;
        if (holding === 2) bothHeld();
        await bothHold;
        await sql`update rate_limit set count = count + 1 where key = ${second}`.execute(db);
      });
    await Promise.all([crossing('a', 'b'), crossing('b', 'a')]);
    assert.equal(runs, 3);
    assert.deepEqual(seen, [1, 1]);
    const { rows } = await sql<{ count: number }>`select count from rate_limit`.execute(handle.read);
    assert.deepEqual(
      rows.map((row) => row.count),
      [3, 3],
    );
  });

  it('is read by a server that runs when another one’s migration adds columns', async (t) => {
    const { direct, handle } = await openHandle(t);
    const keyring = createKeyring(['a secret of the tests, of thirty-two characters or more']);
    const store = storeOn(handle, keyring, { bytes: randomBytes, uuid: randomUUID });
    const look = async () => {
      await store.sessions.peek('none' as SessionId);
      await store.transaction(async ({ refreshTokens, sessions }) => {
        await sessions.find('none' as SessionId);
        await refreshTokens.find(['none']);
      });
    };
    const named = async () => {
      const answer = await handle.transaction((db) =>
        sql<{ statement: string }>`select statement from pg_prepared_statements`.execute(db),
      );
      return answer.rows.length;
    };
    for (let time = 0; time < 5; time += 1) await look();
    assert.ok((await named()) > 0, 'statements are prepared');
    for (const table of ['account', 'session', 'refresh_token', 'identifier']) {
      await direct.query(`alter table ${table} add column of_the_next_version integer`);
    }
    for (let time = 0; time < 5; time += 1) await look();
  });

  it('reads its counting ids and instants as numbers', async (t) => {
    const { handle } = await openHandle(t);
    const { rows } = await sql<{
      id: number;
      now: number;
    }>`select 9007199254740991::bigint as id, 1768469400000::bigint as now`.execute(handle.read);
    assert.deepEqual(rows, [{ id: 9007199254740991, now: 1768469400000 }]);
  });
});
