import type { TestContext } from 'node:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makePostgresDatabase, sqliteFile } from '../support/databases.ts';
import { openPostOffice, type PostOffice } from '../support/post-office.ts';
import { type RunningServer, startServer, Unanswered } from '../support/running-server.ts';
import { SECRET } from '../support/world.ts';
import { checkBooks, checkChain, checkPost, lookInto, waiting } from './books.ts';
import { Person } from './person.ts';

export type Kind = 'sqlite' | 'postgres';

/** A database, a mail server, and what a server on them is started with. */
export interface Place {
  url: string;
  office: PostOffice;
  start(env?: Record<string, string>): Promise<RunningServer>;
}

/** How many requests are under way when the server dies. */
const AT_ONCE = 6;

/** Longer than the lease that a dead process leaves on a message. */
export const LEASE_LATER = { TEST_CLOCK_AHEAD: '65000' };

export async function makePlace(t: TestContext, kind: Kind): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'guichet-crash-'));
  const office = await openPostOffice();
  const url = kind === 'postgres' ? await makePostgresDatabase(t, { migrated: true }) : `sqlite:${await sqliteFile(folder)}`;
  let server: RunningServer | undefined;
  t.after(async () => {
    await server?.kill();
    await office.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    url,
    office,
    async start(env = {}) {
      server = await startServer({
        GUICHET_DATABASE_URL: url,
        GUICHET_DATA_DIR: folder,
        GUICHET_PUBLIC_URL: 'http://localhost:3000',
        GUICHET_SECRET: SECRET,
        GUICHET_MAIL_URL: office.url,
        GUICHET_RATE_LIMITS: 'off',
        ...env,
      });
      return server;
    },
  };
}

/** People who do one thing after another. */
export class Crowd {
  readonly people: Person[] = [];
  readonly #random: () => number;
  readonly #office: PostOffice;

  constructor(random: () => number, office: PostOffice) {
    this.#random = random;
    this.#office = office;
  }

  /**
   * Lets so many do things at the same time, until so many have been done and `over` is called; then what is not
   * answered any more is found out later.
   */
  async act(of: { server: RunningServer; atOnce: number; deeds: number; over: () => Promise<void> }): Promise<void> {
    let done = 0;
    let ending: Promise<void> | undefined;
    const act = async (own: Person[]): Promise<void> => {
      while (!ending) {
        if (own.length === 0) own.push(this.#newcomer(of.server));
        const person = own[Math.floor(this.#random() * own.length)] as Person;
        try {
          if (await person.doSomething(this.#random)) {
            done += 1;
            if (this.#random() < 0.05) own.push(this.#newcomer(of.server));
          } else {
            // Who waits for a letter gives the others a turn.
            await sleep(2);
          }
        } catch (error) {
          if (error instanceof Unanswered && ending) return;
          ending ??= Promise.resolve();
          throw error;
        }
        if (done >= of.deeds) ending ??= of.over();
      }
    };
    // Each is acted for by one, and does one thing at a time.
    const shares = Array.from({ length: of.atOnce }, (_, share) =>
      this.people.filter((_, index) => index % of.atOnce === share).slice(-2),
    );
    await Promise.all(shares.map(act));
    await ending;
  }

  #newcomer(server: RunningServer): Person {
    const person = new Person(`person${this.people.length}@example.org`, server, this.#office);
    this.people.push(person);
    return person;
  }

  /** Everybody finds out what became of their last request; then those who are to prove that what they were told holds. */
  async meet(server: RunningServer, proves: (person: Person) => boolean): Promise<void> {
    await each(this.people, (person) => person.meet(server));
    await each(this.people.filter(proves), (person) => person.prove());
  }
}

async function each(people: readonly Person[], work: (person: Person) => Promise<void>): Promise<void> {
  const waiting = [...people];
  const worker = async (): Promise<void> => {
    for (let person = waiting.pop(); person; person = waiting.pop()) await work(person);
  };
  await Promise.all(Array.from({ length: 12 }, worker));
}

/**
 * Kills a server under load again and again, and checks after each start that nothing acknowledged was lost, nothing
 * revoked came back, and nothing is there by half.
 */
export async function killAgainAndAgain(t: TestContext, kind: Kind, cycles: number): Promise<void> {
  const seed = Number(process.env['TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  t.diagnostic(`TEST_SEED=${seed}`);
  const random = randomFrom(seed);
  const place = await makePlace(t, kind);
  const crowd = new Crowd(random, place.office);
  let server = await place.start();
  for (let cycle = 1; cycle <= cycles; cycle += 1) {
    const { kill } = server;
    const over = async (): Promise<void> => {
      await sleep(random() * 10);
      await kill();
    };
    await crowd.act({ server, atOnce: AT_ONCE, deeds: 15 + random() * 60, over });

    server = await place.start();
    // Those who did something in this round, and some of the others.
    await crowd.meet(server, (person) => !person.idle || random() < 0.05);
    await lookInto(place.url, (handle) => checkBooks(handle, crowd.people));
  }
  await server.kill();

  server = await place.start(LEASE_LATER);
  await crowd.meet(server, () => true);
  await lookInto(place.url, async (handle) => {
    await until(async () => (await waiting(handle)) === 0);
    await checkBooks(handle, crowd.people);
    await checkPost(handle, place.office.letters);
    await checkChain(handle, SECRET);
  });
  const registered = crowd.people.filter((person) => person.registered).length;
  t.diagnostic(`${cycles} kills; ${registered} accounts, ${place.office.letters.length} letters`);
}

/** Waits for what comes by itself. @throws if it does not within ten seconds */
export async function until(there: () => boolean | Promise<boolean>): Promise<void> {
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
