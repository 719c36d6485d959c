// The limit for a refresh: one row updated and committed in the same database, and nothing else.
import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';
import { repeatOnDemand } from './bare-work.ts';

const ROWS = 1000;
const url = process.argv[2] ?? '';
let turn = 0;
const nextRow = (): number => (turn = (turn + 1) % ROWS);
const TABLE = 'create table if not exists bench_row (id integer primary key, value integer not null)';

if (url.startsWith('sqlite:')) {
  const database = new DatabaseSync(url.slice('sqlite:'.length));
  database.exec('pragma busy_timeout = 5000; pragma journal_mode = wal; pragma synchronous = full');
  database.exec(TABLE);
  const insert = database.prepare('insert or ignore into bench_row values (?, 0)');
  for (let id = 0; id < ROWS; id += 1) insert.run(id);
  const update = database.prepare('update bench_row set value = value + 1 where id = ?');
  repeatOnDemand(async () => void update.run(nextRow()));
} else {
  // As many connections as Guichet's own pool.
  const pool = new pg.Pool({ connectionString: url, max: 10 });
  await pool.query(TABLE);
  await pool.query(`insert into bench_row select id, 0 from generate_series(0, ${ROWS - 1}) id on conflict do nothing`);
  const text = 'update bench_row set value = value + 1 where id = $1';
  repeatOnDemand(async () => void (await pool.query({ name: 'bench', text, values: [nextRow()] })));
}
