import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasPostgres } from '../support/databases.ts';
import { checkPost, lookInto, waiting } from './books.ts';
import { Crowd, killAgainAndAgain, LEASE_LATER, makePlace, randomFrom } from './cycles.ts';
import { Person } from './person.ts';

const CYCLES = 10;

describe('a server that is killed', { concurrency: true }, () => {
  for (const kind of ['sqlite', 'postgres'] as const) {
    const skip = kind === 'postgres' && !hasPostgres ? 'no PostgreSQL server' : false;

    it(`loses nothing it said yes to, revives nothing, and leaves nothing by half, on ${kind}`, { skip }, (t) =>
      killAgainAndAgain(t, kind, CYCLES));
  }
});
