import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../src/core/world.ts';

/** The machine's own: what answers in even time really waits. */
export const realClock: Clock = { now: () => Date.now(), wait: (milliseconds) => sleep(milliseconds) };

/** What is looked at of an answer, whichever contract gave it. */
export interface Seen {
  status: number;
  text: string;
  headers: Record<string, string | string[] | number | undefined>;
}

/** The chance that one of the first kind takes longer than one of the second; 0.5 tells nobody anything. */
function areaUnderCurve(first: readonly number[], second: readonly number[]): number {
  let above = 0;
  for (const one of first) for (const other of second) above += one > other ? 1 : one === other ? 0.5 : 0;
  return above / (first.length * second.length);
}

const median = (numbers: readonly number[]): number =>
  [...numbers].sort((one, other) => one - other)[numbers.length >> 1] ?? 0;

export interface Measured {
  known: Seen[];
  unknown: Seen[];
  curve: number;
  told: string;
}

/** Asks for the one and the other in turn, after a few that warm the way. */
export async function interleave(
  count: number,
  known: (index: number) => Promise<Seen>,
  unknown: (index: number) => Promise<Seen>,
): Promise<Measured> {
  const times: Record<'known' | 'unknown', number[]> = { known: [], unknown: [] };
  const answers: Record<'known' | 'unknown', Seen[]> = { known: [], unknown: [] };
  const warmUp = Math.ceil(count / 10);
  for (let index = 0; index < count; index += 1) {
    const turns = index % 2 === 0 ? (['known', 'unknown'] as const) : (['unknown', 'known'] as const);
    for (const turn of turns) {
      const begun = performance.now();
      const answer = await (turn === 'known' ? known : unknown)(index);
      if (index >= warmUp) times[turn].push(performance.now() - begun);
      answers[turn].push(answer);
    }
  }
  const curve = areaUnderCurve(times.known, times.unknown);
  const told = `AUC ${curve.toFixed(3)}, medians ${median(times.known).toFixed(2)} and ${median(times.unknown).toFixed(2)} ms`;
  return { ...answers, curve, told };
}

/** Everything a client gets but the date, the request's own id, and what is drawn anew for each. */
const shape = ({ headers, status, text }: Seen): string =>
  JSON.stringify({
    status,
    text: text.replace(/("challenge":")[\w-]{43}"/, '$1…"'),
    headers: Object.entries(headers)
      .filter(([name]) => !['date', 'x-request-id'].includes(name))
      .map(([name, value]) => `${name}: ${value}`)
      .sort(),
  });

/** Checks that all answers are one. */
export function alike(...answers: readonly Seen[]): void {
  const all = new Set(answers.map(shape));
  assert.equal(all.size, 1, [...all].join('\n'));
}

/** Checks that two rows of answers are one, answer by answer. */
export function alikeInTurn(first: readonly Seen[], second: readonly Seen[]): void {
  assert.deepEqual(first.map(shape), second.map(shape));
}

/**
 * Of n pairs the area varies by chance with a deviation of about 1 / √(6 n): with thirty, the bounds are four of them away.
 */
export function takesAsLong(t: TestContext, what: string, { curve, told }: Measured): void {
  t.diagnostic(`${what}: ${told}`);
  assert.ok(curve > 0.2 && curve < 0.8, `${what}: ${told}`);
}

/** Checks that neither the answer nor its time tells the one from the other. */
export function tellsNothing(t: TestContext, what: string, measured: Measured): void {
  alike(...measured.known, ...measured.unknown);
  takesAsLong(t, what, measured);
}
