import { after } from 'node:test';
import { createIdentity, type Identity } from '../../src/core/identity.ts';
import type { Store } from '../../src/core/store.ts';
import { patient, type Stage } from './stage.ts';
import { openWorld, type TestWorld } from './world.ts';

const seconds = new Map<string, Promise<TestWorld>>();
const closing: (() => unknown)[] = [];
after(async () => {
  for (const undo of closing.reverse()) await undo();
});

/** Another server on the same database. */
export function secondServer(stage: Stage): Promise<TestWorld> {
  const url = stage.settings.GUICHET_DATABASE_URL;
  const second =
    seconds.get(url) ??
    openWorld(
      { after: (undo) => closing.push(undo) },
      { env: { GUICHET_DATABASE_URL: url }, overrides: { clock: stage.clock } },
    );
  seconds.set(url, second);
  return second;
}

/** The same store, which tells of each transaction that has to run once more. */
export const watchingRepeats = (store: Store, onRepeat: () => void): Store => ({
  ...store,
  transaction(work) {
    let runs = 0;
    return store.transaction((tables) => {
      runs += 1;
      if (runs > 1) onRepeat();
      return work(tables);
    });
  },
});

export interface TwoServers {
  /** The server that a caller reaches. */
  at(index: number): Identity;
  /** How often a database had to do something twice, because two transactions waited for each other. */
  repeats(): number;
}

/** Two servers on one database, and callers who reach now one, now the other. */
export async function twoServers<S extends Stage>(stage: S): Promise<S & TwoServers> {
  const second = await secondServer(stage);
  let repeats = 0;
  const identities = [stage.world, second.world].map((world) =>
    createIdentity({
      ...world,
      store: watchingRepeats(world.store, () => {
        repeats += 1;
      }),
      clock: patient(world.clock),
      passwordAdvice: { flawOf: async () => undefined },
    }),
  );
  return { ...stage, at: (index) => identities[index % 2] as Identity, repeats: () => repeats };
}
