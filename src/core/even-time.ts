import { Failure, type FailureCode } from './failure.ts';
import type { World } from './world.ts';

/** Longer than the work takes on an idle server, with what it differs by between known and unknown addresses. */
const FLOOR_MILLISECONDS = 100;

/**
 * Gives a "no" of this kind no sooner than that; everything else at once. A wrong password answers alike for nobody and for
 * somebody whose hash was made with less work.
 */
export async function withEvenNo<T>(
  world: Pick<World, 'clock'>,
  code: FailureCode,
  work: () => Promise<T>,
): Promise<T> {
  const until = world.clock.now() + FLOOR_MILLISECONDS;
  try {
    return await work();
  } catch (error) {
    if (error instanceof Failure && error.code === code) await world.clock.wait(Math.max(0, until - world.clock.now()));
    throw error;
  }
}

/**
 * Answers no sooner than a fixed time after the question, however much or little there was to do: what an address
 * leads to can't be read from the clock (ASVS 6.3.8). A "no" waits like a "yes", but for the one that says to wait.
 */
export async function inEvenTime<T>(world: Pick<World, 'clock'>, work: () => Promise<T>): Promise<T> {
  const until = world.clock.now() + FLOOR_MILLISECONDS;
  const rest = (): Promise<void> => world.clock.wait(Math.max(0, until - world.clock.now()));
  try {
    const result = await work();
    await rest();
    return result;
  } catch (error) {
    if (!(error instanceof Failure && error.code === 'rate_limited')) await rest();
    throw error;
  }
}
