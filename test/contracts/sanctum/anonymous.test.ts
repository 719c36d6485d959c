import assert from 'node:assert/strict';
import { realpathSync } from 'node:fs';
import { DatabaseSync, StatementSync } from 'node:sqlite';
import { after, describe, it } from 'node:test';
import { hasPostgres } from '../../support/databases.ts';
import { type OpenedClient, openClient, SESSION } from './client.ts';
import { askLine, CHANGES, LINES } from './shape-lines.ts';
import { assertMismatch, FROM_NOWHERE } from './transport.ts';
import { askForCookies, changedIn, countRows } from './visitors.ts';

/** test/slow asks for the million of R165. */
const CALLS = 3000;

/** Which database each statement is of: other suites' servers, stopping, are in this process too. */
const databaseOf = new WeakMap<object, DatabaseSync>();
const { prepare } = DatabaseSync.prototype;
DatabaseSync.prototype.prepare = function tracked(...input): StatementSync {
  const statement = prepare.apply(this, input);
  databaseOf.set(statement, this);
  return statement;
};
after(() => {
  DatabaseSync.prototype.prepare = prepare;
});

/** Every statement that runs on the world's SQLite while the work is done. */
async function statementsOf({ settings }: OpenedClient, work: () => Promise<void>): Promise<string[]> {
  const seen: string[] = [];
  const undo: (() => void)[] = [];
  const file = realpathSync(settings.GUICHET_DATABASE_URL.slice('sqlite:'.length));
  const watch = (prototype: object, name: string, textOf: (self: unknown, first: unknown) => string): void => {
    const original = Reflect.get(prototype, name) as (...input: unknown[]) => unknown;
    Reflect.set(prototype, name, function watched(this: object, ...input: unknown[]): unknown {
      const database = this instanceof DatabaseSync ? this : databaseOf.get(this);
      if (database?.location() === file) seen.push(textOf(this, input[0]));
      return original.apply(this, input);
    });
    undo.push(() => void Reflect.set(prototype, name, original));
  };
  for (const name of ['all', 'get', 'run', 'iterate']) {
    watch(StatementSync.prototype, name, (self) => (self as StatementSync).sourceSQL);
  }
  watch(DatabaseSync.prototype, 'exec', (_self, first) => String(first));
  watch(DatabaseSync.prototype, 'prepare', (_self, first) => String(first));
  try {
    await work();
  } finally {
    for (const restore of undo) restore();
  }
  return seen;
}

for (const database of ['sqlite', 'postgres'] as const) {
  describe(`R165: what nobody leaves behind, on ${database}`, { skip: database === 'postgres' && !hasPostgres }, () => {
    it(`${CALLS} first cookies leave no row anywhere`, async (t) => {
      const world = await openClient(t, { database });
      await world.signedIn();
      const before = await countRows(world.handle);
      await askForCookies(world, CALLS);
      assert.deepEqual(changedIn(before, await countRows(world.handle)), {});
    });

    it('no 419, of any line, leaves a row', async (t) => {
      const world = await openClient(t, { database });
      const before = await countRows(world.handle);
      for (const line of CHANGES) {
        const client = world.another();
        await client.csrfCookie();
        for (const xsrf of [null, 'wrong']) {
          for (let count = 0; count < 5; count += 1) assertMismatch(await askLine(client, line, { xsrf }), line.name);
        }
      }
      assert.deepEqual(changedIn(before, await countRows(world.handle)), {});
    });

    it('no guest’s 401, 404 or 405, and no session that was made up, leaves a row', async (t) => {
      const world = await openClient(t, { database });
      const before = await countRows(world.handle);
      for (const line of LINES.filter(({ isMember }) => isMember)) {
        const client = world.another();
        await client.csrfCookie();
        assert.equal((await askLine(client, line)).status, 401, line.name);
      }
      for (let count = 0; count < 50; count += 1) {
        const value = String(count).padStart(43, 'A');
        const cookie = `${SESSION}=${value}; remember_web=${value}; guichet_client=${value}`;
        assert.equal((await world.another().user({ cookie })).status, 401);
        assert.equal((await world.another().user({ cookie, headers: FROM_NOWHERE })).status, 401);
        assert.equal((await world.another().get(`/nothing-${count}`, { cookie })).status, 404);
        assert.equal((await world.another().get('/auth/login', { cookie })).status, 405);
      }
      assert.deepEqual(changedIn(before, await countRows(world.handle)), {});
    });

    it('a failed sign-in leaves what the limits count by and its record, and no session', async (t) => {
      const world = await openClient(t, { database });
      const [first, second] = [world.another(), world.another()];
      for (const client of [first, second]) await client.csrfCookie();
      const fail = async (email: string, client = first) => {
        assert.equal((await client.post('/auth/login', { email, password: 'wrong' })).status, 422);
      };
      const empty = await countRows(world.handle);
      await fail('nobody@example.com');
      const once = await countRows(world.handle);
      const { attempt, audit_detail, audit_event, rate_limit, ...others } = changedIn(empty, once);
      assert.deepEqual(others, {});
      assert.deepEqual([attempt, audit_event, audit_detail], [1, 1, 1]);
      assert.ok((rate_limit ?? 0) <= 3, String(rate_limit));

      for (let count = 0; count < 3; count += 1) await fail('nobody@example.com');
      const repeated = changedIn(once, await countRows(world.handle));
      assert.deepEqual(
        Object.keys(repeated).filter((table) => !table.startsWith('audit_')),
        [],
      );
      const body = { email: 'nobody@example.com', password: 'wrong' };
      const before = await countRows(world.handle);
      assertMismatch(await second.post('/auth/login', body, { xsrf: 'wrong' }), 'no token');
      assert.deepEqual(changedIn(before, await countRows(world.handle)), {});
    });

    it('a logout of nobody’s leaves nothing', async (t) => {
      const world = await openClient(t, { database });
      const before = await countRows(world.handle);
      for (let count = 0; count < 20; count += 1) {
        const client = world.another();
        await client.csrfCookie();
        assert.equal((await client.post('/auth/logout')).status, 204);
      }
      assert.deepEqual(changedIn(before, await countRows(world.handle)), {});
    });
  });
}

describe('R165: what nobody makes the database do', () => {
  it(`${CALLS} first cookies run no statement at all`, async (t) => {
    const world = await openClient(t);
    assert.notDeepEqual(await statementsOf(world, async () => void (await world.account())), [], 'statements are seen');
    assert.deepEqual(await statementsOf(world, () => askForCookies(world, CALLS)), []);
  });

  it('nor do those of a browser that comes back, the application’s name, and what it may not ask for', async (t) => {
    const world = await openClient(t);
    const guest = world.another();
    await guest.csrfCookie();
    const statements = await statementsOf(world, async () => {
      assert.equal((await guest.csrfCookie()).status, 204);
      assert.equal((await guest.get('/app/config')).status, 200);
      assert.equal((await guest.get('/nothing')).status, 404);
      assert.equal((await guest.get('/auth/login')).status, 405);
    });
    assert.deepEqual(statements, []);
  });

  it('nor does a guest’s 419, on any line', async (t) => {
    const world = await openClient(t);
    const guest = world.another();
    await guest.csrfCookie();
    const statements = await statementsOf(world, async () => {
      for (const line of CHANGES) {
        assertMismatch(await askLine(guest, line, { xsrf: 'wrong' }), line.name);
        // On the shared login path the session cookie makes it this contract's.
        assertMismatch(await askLine(guest, line, { xsrf: null }), line.name);
      }
    });
    assert.deepEqual(statements, []);
  });

  for (const [what, ask] of Object.entries({
    'a foreign page’s change': { lines: CHANGES, status: 419, headers: { origin: 'https://evil.example' } },
    'a request that is not stateful': { lines: LINES.filter(({ isApi }) => isApi), status: 401, headers: FROM_NOWHERE },
  })) {
    it(`nor does ${what}, on any line, even with the cookies of somebody who is signed in`, async (t) => {
      const world = await openClient(t);
      const client = await world.signedIn();
      const { headers, lines, status } = ask;
      const statements = await statementsOf(world, async () => {
        for (const line of lines) assert.equal((await askLine(client, line, { headers })).status, status, line.name);
      });
      assert.deepEqual(statements, []);
      assert.equal((await client.user()).status, 200);
    });
  }
});
