import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasPostgres } from '../support/databases.ts';
import { checkBooks, lookInto } from './books.ts';
import { Crowd } from './crowd.ts';
import { randomFrom } from './cycles.ts';
import { type Kind, makePlace } from './place.ts';

/** The longest that a stop may take (R161). */
const LONGEST_STOP = 15_000;

describe('a server that is told to stop', { concurrency: true }, () => {
  const name = 'answers what it was asked before, keeps all it said yes to, and ends with 0';
  it(`${name}, on SQLite`, (t) => stopUnderLoad(t, 'sqlite'));
  it(`${name}, on PostgreSQL`, { skip: hasPostgres ? false : 'no PostgreSQL server' }, (t) =>
    stopUnderLoad(t, 'postgres'),
  );
});

async function stopUnderLoad(t: TestContext, kind: Kind): Promise<void> {
  const place = await makePlace(t, kind);
  const crowd = new Crowd(randomFrom(1), place.office);
  // With hashes of full strength there is always something under way, and something that waits.
  const server = await place.start({ TEST_HASH: 'real' });
  let toldAt = Number.POSITIVE_INFINITY;
  let stopped = false;
  let stopping: Promise<number | null> | undefined;
  const stop = async (): Promise<number | null> => {
    toldAt = performance.now();
    const code = await server.stop();
    stopped = true;
    return code;
  };
  await crowd.act(server, {
    atOnce: 12,
    isOver(done) {
      if (done >= 60) stopping ??= sleep(5).then(stop);
      return stopped;
    },
    forgives: ({ askedAt }) => askedAt > toldAt,
  });

  assert.equal(await stopping, 0);
  assert.ok(performance.now() - toldAt < LONGEST_STOP);
  await crowd.meet(await place.start(), () => true);
  await lookInto(place.url, (handle) => checkBooks(handle, crowd.people));
}
