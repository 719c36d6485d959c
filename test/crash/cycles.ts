import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Letter, PostOffice } from '../support/post-office.ts';
import type { RunningServer } from '../support/running-server.ts';
import { checkBooks, checkChain, checkPost, lookInto, waiting } from './books.ts';
import { Crowd } from './crowd.ts';
import { DEEDS } from './person.ts';
import { type Kind, makePlace } from './place.ts';

/** How many requests are under way when the server dies. */
const AT_ONCE = 6;
/** After so many deeds it dies without waiting for the one it was to die in. */
const LONGEST = 150;
/** A clock that is further on than the lease that a dead process leaves on a message. */
const LEASE_LATER = { TEST_CLOCK_AHEAD: '65000' };

/**
 * Kills a server under load again and again, and checks after each start that nothing acknowledged was lost, nothing
 * revoked came back, and nothing is there by half. The last time it dies between the mail server's yes to a message
 * and its own mark, and the next server, whose clock is past the lease, must send that message again.
 */
export async function killAgainAndAgain(t: TestContext, kind: Kind, cycles: number): Promise<void> {
  const seed = Number(process.env['TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  t.diagnostic(`TEST_SEED=${seed}`);
  const random = randomFrom(seed);
  const { office, secret, start, url } = await makePlace(t, kind);
  const crowd = new Crowd(random, office);
  let server = await start();
  for (let cycle = 1; cycle < cycles; cycle += 1) {
    const { kill } = server;
    // Each kind of change has its turn to be the one in whose midst the server dies.
    const deadly = DEEDS[cycle % DEEDS.length];
    const soon = 15 + random() * 40;
    let dying: Promise<void> | undefined;
    await crowd.act(server, {
      atOnce: AT_ONCE,
      isOver(done, begins) {
        if ((done >= soon && begins === deadly) || done >= LONGEST) dying ??= sleep(random() * 6).then(kill);
        return dying !== undefined;
      },
      forgives: () => dying !== undefined,
    });
    await dying;

    server = await start();
    // Those who did something in this round, and some of the others.
    await crowd.meet(server, (person) => !person.idle || random() < 0.05);
    await lookInto(url, (handle) => checkBooks(handle, crowd.people));
  }

  const death = dieAfterYes(server, office);
  const isOver = (): boolean => death.letter !== undefined;
  await crowd.act(server, { atOnce: AT_ONCE, isOver, forgives: isOver });
  await death.done();

  server = await start(LEASE_LATER);
  await crowd.meet(server, () => true, { late: true });
  await lookInto(url, async (handle) => {
    await until(async () => (await waiting(handle)) === 0);
    await checkBooks(handle, crowd.people);
    await checkPost(handle, office.letters);
    await checkChain(handle, secret);
  });
  const repeats = office.letters.filter(({ messageId }) => messageId === death.letter?.messageId);
  // A third time, where an earlier kill had it sent and not marked already.
  assert.ok(repeats.length >= 2, 'a message that was sent and not marked is sent again');
  for (const letter of repeats) assert.deepEqual(letter, death.letter, 'it is sent again as it was');
  const registered = crowd.people.filter((person) => person.registered).length;
  t.diagnostic(`${cycles} kills; ${registered} accounts, ${office.letters.length} letters`);
}

/** Kills the server at its next message: it stands still while it is told yes, so it cannot have marked it when it dies. */
function dieAfterYes(server: RunningServer, office: PostOffice): { letter: Letter | undefined; done(): Promise<void> } {
  let dead: Promise<void> | undefined;
  const death = { letter: undefined as Letter | undefined, done: async () => dead };
  office.onLetter = (letter) => {
    office.onLetter = undefined;
    death.letter = letter;
    process.kill(server.pid, 'SIGSTOP');
    return () => {
      dead = server.kill();
    };
  };
  return death;
}

/** Waits for what comes by itself. @throws if it does not within ten seconds */
async function until(there: () => Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + 10_000; !(await there()); await sleep(10)) {
    if (performance.now() > deadline) throw new Error('waited ten seconds for nothing');
  }
}

/** Mulberry32: the same numbers for the same seed. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
