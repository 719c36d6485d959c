import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { compose } from '../src/compose.ts';
import { loadSettings } from '../src/config/load.ts';
import type { Round } from './bare-work.ts';
import { type Asker, askOnce, drive, request } from './client.ts';
import type { BenchDatabase } from './databases.ts';
import type { Parameters } from './parameters.ts';
import { processorSeconds, residentMegabytes, type Server, startBare, startGuichet, startWorker } from './processes.ts';
import { PASSWORD, type Person, seed } from './seed.ts';

/** One line of the table. */
export interface Figure {
  name: string;
  database: BenchDatabase['kind'];
  value: number;
  unit: '/s' | 'ms' | 'MB';
  /** What it is measured against, in the same run. */
  limit?: { name: string; value: number /** The median of the rounds' own ratios. */; ratio: number };
  goal?: { atLeast: number } | { below: number };
  /** What else was seen. */
  also: Record<string, number>;
}

const READY = '/health/ready';
const IDLE_MILLISECONDS = 5000;
/** Each session's refresh token is used by one client alone. */
const REFRESHED_EACH = 8;

type Say = (line: string) => void;

/** Fills the database and measures everything on it. */
export async function measureOn(database: BenchDatabase, parameters: Parameters, say: Say): Promise<Figure[]> {
  const env = environment(database);
  say(`making ${parameters.sessions} accounts with a session each`);
  const people = await fill(env, parameters.sessions + parameters.refreshers * REFRESHED_EACH, say);
  const checked = people.slice(0, parameters.sessions);
  const refreshed = people.slice(parameters.sessions);

  const { server, figures: start } = await measureStart(database, env, parameters, say);
  try {
    const figures: Figure[] = [];
    const wanted = (name: string): boolean => parameters.only.includes(name);
    if (wanted('check')) figures.push(await measureChecks(database, server, checked, parameters, say));
    if (wanted('sign-in')) figures.push(...(await measureSignIns(database, server, checked, parameters, say)));
    if (wanted('refresh')) figures.push(await measureRefreshes(database, server, refreshed, parameters, say));
    return [...figures, ...start];
  } finally {
    await server.stop();
  }
}

/** Production, as it would be run; nothing of the load meets a limit, and no mail is sent. */
function environment({ url, folder }: BenchDatabase): Record<string, string> {
  return {
    NODE_ENV: 'production',
    GUICHET_PUBLIC_URL: 'https://auth.example.org',
    GUICHET_TRUST_PROXY: 'none',
    GUICHET_SECRET: randomBytes(32).toString('base64url'),
    GUICHET_MAIL_URL: 'smtp://127.0.0.1:9',
    GUICHET_DATA_DIR: folder,
    GUICHET_DATABASE_URL: url,
    GUICHET_LOG_LEVEL: 'warn',
  };
}

async function fill(env: Record<string, string>, count: number, say: Say): Promise<Person[]> {
  const { settings } = loadSettings(env);
  const composition = await compose(settings, { log: pino({ level: 'warn' }, process.stderr) });
  try {
    return await seed(composition.world, count, (done) => {
      if (done % 10_000 === 0) say(`${done} of ${count}`);
    });
  } finally {
    await composition.close();
  }
}

async function measureStart(database: BenchDatabase, env: Record<string, string>, { runs }: Parameters, say: Say) {
  // The first start of a checkout compiles it; that happens once.
  await (await startGuichet(env, READY)).stop();
  const pairs = [];
  let server: Server;
  for (let run = 1; ; run += 1) {
    say(`start ${run} of ${runs}`);
    const bare = await startBare({ status: 200, headers: [['Content-Length', '5']], body: 'ready' });
    await bare.stop();
    server = await startGuichet(env, READY);
    pairs.push({ ours: server.startMilliseconds, limit: bare.startMilliseconds });
    if (run === runs) break;
    await server.stop();
  }
  say('idling');
  await sleep(IDLE_MILLISECONDS);
  const figures: Figure[] = [
    {
      name: 'start to ready',
      database: database.kind,
      ...compared(pairs, 'bare node:http'),
      unit: 'ms',
      goal: { below: 1000 },
      also: {},
    },
    {
      name: 'resident, idle',
      database: database.kind,
      value: residentMegabytes(server.pid).now,
      unit: 'MB',
      goal: { below: 120 },
      also: server.launcher === undefined ? {} : { 'and its launcher MB': residentMegabytes(server.launcher).now },
    },
  ];
  return { server, figures };
}

async function measureChecks(
  database: BenchDatabase,
  server: Server,
  people: Person[],
  parameters: Parameters,
  say: Say,
): Promise<Figure> {
  const requests = people.map(({ accessToken }) =>
    request('GET /v1/auth/me', { Cookie: `accessToken=${accessToken}` }),
  );
  const asker: Asker = { next: () => requests[Math.floor(Math.random() * requests.length)] as Buffer };
  const { head, body } = await askOnce(server.port, asker.next());
  const bare = await startBare({ status: 200, headers: ownHeaders(head), body });
  try {
    const askers = Array.from({ length: parameters.checkers }, () => asker);
    const side = ({ pid, port }: Server): Side => ({
      pid,
      round: (milliseconds) => drive({ askers, port, milliseconds }),
    });
    return {
      name: 'session check',
      database: database.kind,
      goal: { atLeast: 0.55 },
      ...(await inRounds(side(server), { ...side(bare), name: 'bare node:http' }, parameters, (line) =>
        say(`session checks: ${line}`),
      )),
    };
  } finally {
    await bare.stop();
  }
}

/** The headers that Guichet puts there; what Node adds by itself it adds for the bare server too. */
function ownHeaders(head: string): [string, string][] {
  const lines = head.split('\r\n').slice(1);
  const pairs = lines.map((line): [string, string] => [
    line.slice(0, line.indexOf(':')),
    line.slice(line.indexOf(':') + 2),
  ]);
  return pairs.filter(([name]) => !['date', 'connection', 'keep-alive'].includes(name.toLowerCase()));
}

async function measureSignIns(
  database: BenchDatabase,
  server: Server,
  people: Person[],
  parameters: Parameters,
  say: Say,
): Promise<Figure[]> {
  let turn = 0;
  const asker: Asker = {
    next() {
      turn += 1;
      const { email } = people[turn % people.length] as Person;
      return request('POST /v1/auth/login', {}, { email, password: PASSWORD });
    },
  };
  const askers = Array.from({ length: parameters.signers }, () => asker);
  const ours: Side = { pid: server.pid, round: (milliseconds) => drive({ askers, port: server.port, milliseconds }) };
  const hashing = await startWorker('bare-hash.ts', parameters.signers);
  try {
    const compared = await inRounds(ours, { ...hashing, name: 'argon2 alone' }, parameters, (line) =>
      say(`sign-ins: ${line}`),
    );
    const { now, highest } = residentMegabytes(server.pid);
    return [
      { name: 'sign-in', database: database.kind, goal: { atLeast: 0.8 }, ...compared },
      {
        name: 'resident, after sign-ins',
        database: database.kind,
        value: now,
        unit: 'MB',
        goal: { below: 350 },
        also: { 'highest MB': highest },
      },
    ];
  } finally {
    await hashing.stop();
  }
}

async function measureRefreshes(
  database: BenchDatabase,
  server: Server,
  people: Person[],
  parameters: Parameters,
  say: Say,
): Promise<Figure> {
  const askers = Array.from({ length: parameters.refreshers }, (_, index) =>
    refresher(people.slice(index * REFRESHED_EACH, (index + 1) * REFRESHED_EACH)),
  );
  const ours: Side = { pid: server.pid, round: (milliseconds) => drive({ askers, port: server.port, milliseconds }) };
  const updating = await startWorker('bare-update.ts', parameters.refreshers, [database.url]);
  try {
    return {
      name: 'refresh',
      database: database.kind,
      goal: { atLeast: 0.5 },
      ...(await inRounds(ours, { ...updating, name: 'one row update' }, parameters, (line) =>
        say(`refreshes: ${line}`),
      )),
    };
  } finally {
    await updating.stop();
  }
}

/** One client that refreshes its sessions by turns. */
function refresher(sessions: Person[]): Asker {
  const tokens = sessions.map(({ refreshToken }) => refreshToken);
  let turn = 0;
  return {
    next() {
      turn = (turn + 1) % tokens.length;
      return request('POST /v1/auth/refresh', { Cookie: `refreshToken=${tokens[turn]}` });
    },
    answered({ head }) {
      const next = /\r\nset-cookie: refreshToken=([^;]+)/i.exec(head)?.[1];
      if (!next) throw new Error('a refresh gave no refresh token');
      tokens[turn] = next;
    },
  };
}

/** One of the two that are compared. */
interface Side {
  pid: number;
  round(milliseconds: number): Promise<Round>;
}

type Measured = Round & { processorMilliseconds: number };

/** Both sides by turns, after a short round of each that does not count. */
async function inRounds(
  ours: Side,
  limit: Side & { name: string },
  { rounds, seconds }: Parameters,
  say: Say,
): Promise<Pick<Figure, 'value' | 'unit' | 'limit' | 'also'>> {
  const measured = async ({ pid, round }: Side): Promise<Measured> => {
    const before = processorSeconds(pid);
    const done = await round(seconds * 1000);
    return { ...done, processorMilliseconds: ((processorSeconds(pid) - before) / done.count) * 1000 };
  };
  say('warming up');
  const warm = Math.min(2, seconds) * 1000;
  await ours.round(warm);
  await limit.round(warm);
  const pairs: { ours: Measured; limit: Measured }[] = [];
  for (let number = 1; number <= rounds; number += 1) {
    say(`round ${number} of ${rounds}`);
    pairs.push({ ours: await measured(ours), limit: await measured(limit) });
  }
  const middle = (of: (pair: (typeof pairs)[number]) => number): number => median(pairs.map(of));
  return {
    ...compared(
      pairs.map(({ ours, limit }) => ({ ours: ours.rate, limit: limit.rate })),
      limit.name,
    ),
    unit: '/s',
    also: {
      'CPU ms each': middle(({ ours }) => ours.processorMilliseconds),
      beside: middle(({ limit }) => limit.processorMilliseconds),
      'p50 ms': middle(({ ours }) => ours.p50Milliseconds ?? 0),
      'p99 ms': middle(({ ours }) => ours.p99Milliseconds ?? 0),
    },
  };
}

function compared(pairs: { ours: number; limit: number }[], name: string) {
  return {
    value: median(pairs.map(({ ours }) => ours)),
    limit: {
      name,
      value: median(pairs.map(({ limit }) => limit)),
      ratio: median(pairs.map(({ ours, limit }) => ours / limit)),
    },
  };
}

function median(values: number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length / 2;
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  return Number.isInteger(middle) ? (at(middle - 1) + at(middle)) / 2 : at(Math.floor(middle));
}
