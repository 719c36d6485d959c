import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { describe, it, type TestContext } from 'node:test';
import { GroupCommit } from '../../src/store/group-commit.ts';

function openGroup(t: TestContext) {
  const database = new DatabaseSync(':memory:');
  t.after(() => database.close());
  database.exec('create table entry (name text primary key)');
  const log: string[] = [];
  let failing: string | undefined;
  const connection = {
    exec(sql: string) {
      log.push(sql);
      if (sql === failing) {
        failing = undefined;
        throw new Error(`${sql} failed`);
      }
      database.exec(sql);
    },
  };
  const group = new GroupCommit(
    connection,
    async () => connection.exec('begin'),
    (error) => error,
  );
  const add = (name: string) => {
    database.prepare('insert into entry values (?)').run(name);
    return name;
  };
  return {
    group,
    add,
    connection,
    write: (name: string, settled = () => {}) => group.transaction(async () => add(name), settled),
    entries: () =>
      database
        .prepare('select name from entry order by name')
        .all()
        .map((row) => row['name']),
    failAt: (sql: string) => {
      failing = sql;
    },
    commits: () => log.filter((sql) => sql === 'commit').length,
  };
}

describe('the group commit', () => {
  it('writes those who ask in one turn with one commit', async (t) => {
    const { write, commits, entries } = openGroup(t);
    assert.deepEqual(await Promise.all(['a', 'b', 'c'].map((name) => write(name))), ['a', 'b', 'c']);
    assert.equal(commits(), 1);
    assert.deepEqual(entries(), ['a', 'b', 'c']);
  });

  it('writes no more than 64 with one commit, in the order they came', async (t) => {
    const { write, commits } = openGroup(t);
    const order: number[] = [];
    await Promise.all(Array.from({ length: 130 }, (_, index) => write(`entry ${index}`).then(() => order.push(index))));
    assert.equal(commits(), 3);
    assert.deepEqual(
      order,
      [...order].sort((one, other) => one - other),
    );
  });

  it('undoes one that fails and leaves the others of its batch', async (t) => {
    const { group, write, add, entries, commits } = openGroup(t);
    const failing = group.transaction(
      async () => {
        add('half');
        throw new Error('a rule was broken');
      },
      () => assert.fail('it settled'),
    );
    const duplicate = [write('a'), write('a')];
    const answers = await Promise.allSettled([write('before'), failing, ...duplicate, write('after')]);
    assert.deepEqual(
      answers.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled'],
    );
    assert.deepEqual(entries(), ['a', 'after', 'before']);
    assert.equal(commits(), 1);
  });

  it('tells nobody of success before the commit, and then the listener first', async (t) => {
    const { group, add, commits } = openGroup(t);
    const seen: string[] = [];
    const done = group
      .transaction(
        async () => add('a'),
        () => seen.push(`settled after ${commits()} commit`),
      )
      .then(() => seen.push('resolved'));
    await done;
    assert.deepEqual(seen, ['settled after 1 commit', 'resolved']);
  });

  it('rejects all when the commit fails, keeps nothing of them, and goes on', async (t) => {
    const { write, failAt, entries } = openGroup(t);
    failAt('commit');
    const answers = await Promise.allSettled(
      ['a', 'b', 'c'].map((name) => write(name, () => assert.fail('it settled'))),
    );
    assert.deepEqual(
      answers.map(({ status }) => status),
      ['rejected', 'rejected', 'rejected'],
    );
    assert.deepEqual(entries(), []);
    assert.equal(await write('d'), 'd');
    assert.deepEqual(entries(), ['d']);
  });

  it('rejects all when the transaction cannot begin, and goes on', async (t) => {
    const { write, failAt, entries } = openGroup(t);
    failAt('begin');
    const answers = await Promise.allSettled([write('a'), write('b')]);
    assert.deepEqual(
      answers.map(({ status }) => status),
      ['rejected', 'rejected'],
    );
    await write('c');
    assert.deepEqual(entries(), ['c']);
  });

  it('names the cause when SQLite gave the whole transaction up by itself', async (t) => {
    const { group, add, connection, write, entries } = openGroup(t);
    // A full disk ends the transaction, and with it the savepoint that a failed one is rolled back to.
    const failing = group.transaction(
      async () => {
        add('half');
        connection.exec('rollback');
        throw new Error('database or disk is full');
      },
      () => {},
    );
    const answers = await Promise.allSettled([write('a'), failing, write('b')]);
    assert.deepEqual(
      answers.map((answer) => answer.status === 'rejected' && answer.reason.message),
      ['database or disk is full', 'database or disk is full', 'database or disk is full'],
    );
    await write('c');
    assert.deepEqual(entries(), ['c']);
  });

  it('goes on although a listener throws, and leaves nobody waiting', async (t) => {
    const { write } = openGroup(t);
    const unhandled: unknown[] = [];
    const note = (error: unknown) => unhandled.push(error);
    process.on('unhandledRejection', note);
    t.after(() => process.off('unhandledRejection', note));
    const noisy = write('a', () => {
      throw new Error('the listener failed');
    });
    const waiting = write('b');
    const ending = await Promise.race([
      Promise.allSettled([noisy, waiting]).then(() => 'settled'),
      new Promise((resolve) => setTimeout(resolve, 100, 'left waiting')),
    ]);
    assert.equal(ending, 'settled');
    assert.deepEqual(unhandled, []);
  });

  it('is idle once everything that was asked is written', async (t) => {
    const { group, write, entries } = openGroup(t);
    void write('a');
    void write('b');
    await group.idle();
    assert.deepEqual(entries(), ['a', 'b']);
  });
});
