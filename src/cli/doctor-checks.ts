import { existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { sql } from 'kysely';
import { openDatabase } from '../compose.ts';
import { codeOf } from '../config/environment.ts';
import { generatedSecretPath } from '../config/secret.ts';
import type { Settings } from '../config/settings.ts';
import type { DatabaseHandle } from '../store/database.ts';
import { pendingMigrations, sqlitePath } from './database.ts';

export interface Finding {
  check: 'settings' | 'files' | 'database' | 'clock' | 'mail';
  state: 'ok' | 'warn' | 'fail';
  message: string;
}

/** Beyond it, tokens that one machine issues may look expired, or not yet valid, to another. */
const toleratedClockMilliseconds = 2000;

/** Whether the data folder, the secret and the embedded database are their owner's alone (R132). */
export function checkFiles(settings: Settings): Finding[] {
  const file = sqlitePath(settings);
  const paths = [generatedSecretPath(settings), ...(file ? [file, `${file}-wal`] : [])].filter((path) =>
    existsSync(path),
  );
  const folder = settings.GUICHET_DATA_DIR;
  if (existsSync(folder)) paths.unshift(folder);
  try {
    const open = paths.filter((path) => statSync(path).mode & 0o077);
    if (open.length === 0) return [{ check: 'files', state: 'ok', message: `${folder} is its owner's alone` }];
    return open.map((path) => ({ check: 'files', state: 'warn', message: `others on this machine may read ${path}` }));
  } catch (error) {
    return [{ check: 'files', state: 'fail', message: `${folder} cannot be looked at (${codeOf(error)})` }];
  }
}

/** Whether the database answers and is of this version, and whether its clock and ours agree. */
export async function checkClockAndDatabase(settings: Settings): Promise<Finding[]> {
  const file = sqlitePath(settings);
  if (file && !existsSync(file)) {
    const usable = existsSync(dirname(file)) ? 'it will be made' : 'its folder and it will be made';
    return [{ check: 'database', state: 'ok', message: `${file} is not there yet; ${usable} at the first start` }];
  }
  try {
    const handle = await openDatabase(settings);
    try {
      await handle.check();
      return [await checkMigrations(handle), ...(handle.kind === 'postgres' ? [await checkClock(handle)] : [])];
    } finally {
      await handle.close();
    }
  } catch (error) {
    return [{ check: 'database', state: 'fail', message: (error as Error).message }];
  }
}

async function checkMigrations({ kind, read }: DatabaseHandle): Promise<Finding> {
  const pending = await pendingMigrations(read);
  const place = kind === 'sqlite' ? 'SQLite' : 'PostgreSQL';
  if (pending.length === 0)
    return { check: 'database', state: 'ok', message: `${place} answers and is of this version` };
  return {
    check: 'database',
    state: 'warn',
    message: `${place} answers; start or \`guichet migrate\` will apply ${pending.join(', ')}`,
  };
}

async function checkClock({ read }: DatabaseHandle): Promise<Finding> {
  const before = Date.now();
  const { rows } = await sql<{
    now: number;
  }>`select extract(epoch from clock_timestamp())::float8 * 1000 as now`.execute(read);
  const after = Date.now();
  const theirs = rows[0]?.now ?? Number.NaN;
  // Their answer belongs somewhere between question and answer, so only what is outside counts.
  const apart = Math.max(before - theirs, theirs - after, 0);
  if (apart <= toleratedClockMilliseconds) return { check: 'clock', state: 'ok', message: 'the database agrees' };
  return { check: 'clock', state: 'fail', message: `the database's clock differs by ${Math.round(apart / 1000)} s` };
}

/** Whether the mail server lets us in; nothing is sent. */
export async function checkMail({ GUICHET_MAIL_FROM: from, GUICHET_MAIL_URL: url }: Settings): Promise<Finding> {
  if (!url) return { check: 'mail', state: 'ok', message: 'goes to the development mailbox' };
  const { smtpDelivery } = await import('../delivery/smtp.ts');
  const smtp = smtpDelivery({ url, from });
  try {
    await smtp.verify();
    return { check: 'mail', state: 'ok', message: `${new URL(url).host} lets us in` };
  } catch (error) {
    return { check: 'mail', state: 'fail', message: `${new URL(url).host}: ${(error as Error).message}` };
  } finally {
    smtp.close();
  }
}
