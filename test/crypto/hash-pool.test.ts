import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HashPool } from '../../src/crypto/hash-pool.ts';

/** A hash that ends when it is told to. */
function held() {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  return { hash: () => promise, resolve, reject };
}

/** Everything that is ready to go on has gone on. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('the hash pool', () => {
  it('runs no more at once than it is wide, in the order they came', async () => {
    const pool = new HashPool({ width: 2 });
    const begun: number[] = [];
    const hashes = Array.from({ length: 5 }, held);
    const runs = hashes.map(({ hash }, index) =>
      pool.run(() => {
        begun.push(index);
        return hash();
      }),
    );
    await settled();
    assert.deepEqual(begun, [0, 1]);
    assert.equal(pool.waiting, 3);
    hashes[1]?.resolve('1');
    await settled();
    assert.deepEqual(begun, [0, 1, 2]);
    for (const { resolve } of hashes) resolve('done');
    await Promise.all(runs);
    assert.deepEqual(begun, [0, 1, 2, 3, 4]);
  });

  it('refuses at once what its queue has no room for', async () => {
    const pool = new HashPool({ width: 1, queue: 2 });
    const first = held();
    const runs = [pool.run(first.hash), pool.run(async () => 'second'), pool.run(async () => 'third')];
    await assert.rejects(
      pool.run(async () => 'fourth'),
      { code: 'overloaded', facts: { retryAfterSeconds: 1 } },
    );
    first.resolve('first');
    assert.deepEqual(await Promise.all(runs), ['first', 'second', 'third']);
  });

  it('refuses what does not start before the deadline, and never starts it', async () => {
    const pool = new HashPool({ width: 1, deadlineMilliseconds: 20 });
    const first = held();
    const running = pool.run(first.hash);
    let begun = false;
    await assert.rejects(
      pool.run(async () => {
        begun = true;
      }),
      { code: 'overloaded' },
    );
    assert.equal(pool.waiting, 0);
    first.resolve('first');
    await running;
    await settled();
    assert.equal(begun, false);
  });

  it('lets one that has started run past the deadline', async () => {
    const pool = new HashPool({ width: 1, deadlineMilliseconds: 1 });
    const slow = held();
    const running = pool.run(slow.hash);
    await new Promise((resolve) => setTimeout(resolve, 5));
    slow.resolve('late');
    assert.equal(await running, 'late');
  });

  it('goes on after a hash that failed', async () => {
    const pool = new HashPool({ width: 1 });
    const failing = held();
    const runs = [pool.run(failing.hash), pool.run(async () => 'second')];
    failing.reject(new Error('out of memory'));
    await assert.rejects(runs[0] as Promise<string>, /out of memory/);
    assert.equal(await runs[1], 'second');
  });

  it('goes on after a hash that failed before it began', async () => {
    const pool = new HashPool({ width: 1, deadlineMilliseconds: 50 });
    const failing = pool.run((): Promise<string> => {
      throw new Error('not even a promise');
    });
    await assert.rejects(failing, /not even a promise/);
    assert.equal(await pool.run(async () => 'second'), 'second');
  });

  it('is as wide as there are cores, and leaves threads to files and signatures', async () => {
    const pool = new HashPool();
    let atOnce = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 20 }, () =>
        pool.run(async () => {
          atOnce += 1;
          most = Math.max(most, atOnce);
          await settled();
          atOnce -= 1;
        }),
      ),
    );
    assert.ok(most >= 1 && most <= 2, `${most}`);
  });
});
