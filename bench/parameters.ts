import { availableParallelism, cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { THREADS } from './processes.ts';

export interface Parameters {
  database: 'sqlite' | 'postgres' | 'both';
  /** Live sessions in the database, each of an account of its own. */
  sessions: number;
  /** Length of one round. */
  seconds: number;
  /** Rounds of each pair; the median counts. */
  rounds: number;
  /** Starts of the server; the median counts. */
  runs: number;
  /** Clients that ask at the same time, for session checks, sign-ins and refreshes. */
  checkers: number;
  signers: number;
  refreshers: number;
  json: boolean;
  /** Leave out the others. */
  only: string[];
}

export const USAGE = `npm run bench -- [options]
  --database sqlite|postgres|both   default both
  --sessions N     live sessions in the database (1000)
  --seconds N      length of one round (5)
  --rounds N       rounds of each pair, of which the median counts (3)
  --runs N         starts of the server, of which the median counts (5)
  --checkers N     clients at the same time, for session checks (32)
  --signers N      for sign-ins (16)
  --refreshers N   for refreshes (32)
  --only NAMES     of check, sign-in, refresh; with commas between them (all)
  --json           print one JSON value instead of the table
`;

/** @returns `undefined` if they make no sense */
export function parametersFrom(args: string[]): Parameters | undefined {
  const text = (byDefault: string) => ({ type: 'string', default: byDefault }) as const;
  try {
    const { values } = parseArgs({
      args,
      options: {
        database: text('both'),
        sessions: text('1000'),
        seconds: text('5'),
        rounds: text('3'),
        runs: text('5'),
        checkers: text('32'),
        signers: text('16'),
        refreshers: text('32'),
        only: text('check,sign-in,refresh'),
        json: { type: 'boolean', default: false },
      },
    });
    const { database, sessions, seconds, rounds, runs, checkers, signers, refreshers } = values;
    if (!isDatabase(database)) return undefined;
    const only = values.only.split(',');
    if (!only.every((name) => ['check', 'sign-in', 'refresh'].includes(name))) return undefined;
    const numbers = [sessions, seconds, rounds, runs, checkers, signers, refreshers].map(Number);
    if (!numbers.every((number) => number > 0)) return undefined;
    return {
      database,
      sessions: Number(sessions),
      seconds: Number(seconds),
      rounds: Number(rounds),
      runs: Number(runs),
      checkers: Number(checkers),
      signers: Number(signers),
      refreshers: Number(refreshers),
      only,
      json: values.json,
    };
  } catch {
    return undefined;
  }
}

const isDatabase = (text: string): text is Parameters['database'] => ['sqlite', 'postgres', 'both'].includes(text);

export interface Machine {
  processor: string;
  cores: number;
  memoryGigabytes: number;
  node: string;
  /** Of libuv's pool, in every process that is measured. */
  threads: number;
}

export const machine = (): Machine => ({
  processor: cpus()[0]?.model ?? 'unknown',
  cores: availableParallelism(),
  memoryGigabytes: Math.round(totalmem() / 2 ** 30),
  node: process.version,
  threads: Number(THREADS),
});
