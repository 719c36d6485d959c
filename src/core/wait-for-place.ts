import { Failure } from './failure.ts';
import { seconds } from './time.ts';
import type { World } from './world.ts';

/** Between two looks for a free place, in milliseconds: soon at first, seldom later. */
const FIRST_PAUSE = 25;
const LONGEST_PAUSE = 400;

interface Undecided {
  outcome: 'all_undecided';
}

/**
 * Takes a place, and waits for one within the hasher's deadline while all are taken by what is not decided yet (rule 21).
 *
 * @throws {Failure} `overloaded` if none came free in time
 */
export async function waitForPlace<Taken extends { outcome: string }>(
  world: Pick<World, 'clock' | 'hasher'>,
  take: () => Promise<Taken | Undecided>,
): Promise<Exclude<Taken, Undecided>> {
  const deadline = world.hasher.deadlineMilliseconds;
  for (let waited = 0, pause = FIRST_PAUSE; ; waited += pause, pause = Math.min(2 * pause, LONGEST_PAUSE)) {
    const taken = await take();
    if (taken.outcome !== 'all_undecided') return taken as Exclude<Taken, Undecided>;
    if (waited >= deadline) throw new Failure('overloaded', { retryAfterSeconds: deadline / seconds(1) });
    await world.clock.wait(pause);
  }
}
