import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { days, hours, minutes, seconds, secondsUntil } from '../../src/core/time.ts';

describe('durations', () => {
  it('are milliseconds', () => {
    assert.deepEqual([seconds(1), minutes(1), hours(1), days(1)], [1000, 60_000, 3_600_000, 86_400_000]);
  });
});

describe('the seconds until an instant', () => {
  const cases: readonly [instant: number, now: number, seconds: number][] = [
    [900_000, 0, 900],
    [1001, 0, 2],
    [1000, 0, 1],
    [1, 0, 1],
    [0, 0, 1],
    [0, 900_000, 1],
  ];
  for (const [instant, now, expected] of cases) {
    it(`are ${expected} from ${now} to ${instant}: whole, rounded up, never 0`, () => {
      assert.equal(secondsUntil(instant, now), expected);
    });
  }
});
