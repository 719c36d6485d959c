import { describe, it } from 'node:test';
import { killAgainAndAgain } from '../crash/cycles.ts';
import { hasPostgres } from '../support/databases.ts';

/** With none lost in 500, at 95 % fewer than one crash in 166 loses anything. */
const CYCLES = Number(process.env['TEST_CYCLES'] ?? 500);

describe('a server that is killed for an hour', { concurrency: true }, () => {
  it('loses nothing, on SQLite', (t) => killAgainAndAgain(t, 'sqlite', CYCLES));
  it('loses nothing, on PostgreSQL', { skip: hasPostgres ? false : 'no PostgreSQL server' }, (t) =>
    killAgainAndAgain(t, 'postgres', CYCLES),
  );
});
