import { describe, it } from 'node:test';
import { hasPostgres } from '../support/databases.ts';
import { killAgainAndAgain } from './cycles.ts';

describe('a server that is killed', { concurrency: true }, () => {
  const name =
    'loses nothing it said yes to, revives nothing, leaves nothing by half, and repeats what it had no time to mark';
  it(`${name}, on SQLite`, (t) => killAgainAndAgain(t, 'sqlite', 4));
  it(`${name}, on PostgreSQL`, { skip: hasPostgres ? false : 'no PostgreSQL server' }, (t) =>
    killAgainAndAgain(t, 'postgres', 4),
  );
});
