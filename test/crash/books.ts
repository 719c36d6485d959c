import assert from 'node:assert/strict';
import { type Kysely, sql } from 'kysely';
import { createKeyring } from '../../src/core/keyring.ts';
import { sealAudit, verifyAudit } from '../../src/store/audit-sealer.ts';
import type { DatabaseHandle } from '../../src/store/database.ts';
import { openPostgres } from '../../src/store/postgres.ts';
import type { Database } from '../../src/store/schema.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import type { Letter } from '../support/post-office.ts';
import type { Mail, Person } from './person.ts';

/** Rows that must not be, each a half of something. */
const HALVES: Record<string, string> = {
  'accounts without an address': `select id from account where id not in (select account_id from identifier where pending = 0)`,
  'accounts without a password': `select id from account where id not in (select account_id from password)`,
  'sessions without an account': `select id from session where account_id not in (select id from account)`,
  'sessions with no live refresh token, or several': `select id from session where (select count(*) from refresh_token where session_id = session.id and rotated_at is null) <> 1`,
  'refresh tokens without a session': `select digest from refresh_token where session_id not in (select id from session)`,
  'spent refresh tokens without their successor': `select digest from refresh_token where rotated_at is not null and successor_digest not in (select digest from refresh_token)`,
  'links without an account': `select digest from one_time_token where account_id not in (select id from account)`,
  'proven addresses without the record of it': `select account.id from account join identifier on account_id = account.id where verified_at is not null
      and uuid not in (select account_uuid from audit_event where kind = 'email.verified')`,
  'records of a proof that is not': `select account.id from account join identifier on account_id = account.id where verified_at is null
      and uuid in (select account_uuid from audit_event where kind = 'email.verified')`,
  'messages given up': `select id from outbox where dropped_at is not null`,
};

const SUBJECTS: Record<Mail, string> = {
  verify: 'verify_email',
  reset: 'reset_password',
  changed: 'password_changed',
  replayed: 'session_replayed',
};

/** Opens the database beside the server, looks, and closes it again, so that the next crash leaves nobody behind. */
export async function lookInto<T>(url: string, look: (handle: DatabaseHandle) => Promise<T>): Promise<T> {
  const handle = await (url.startsWith('sqlite:') ? openSqlite(url.slice('sqlite:'.length)) : openPostgres(url));
  try {
    return await look(handle);
  } finally {
    await handle.close();
  }
}

/** @throws if the database holds half of anything, or less than was acknowledged */
export async function checkBooks(handle: DatabaseHandle, people: readonly Person[]): Promise<void> {
  const db = handle.read;
  if (handle.kind === 'sqlite') {
    assert.deepEqual(await rows(db, 'pragma integrity_check'), [{ integrity_check: 'ok' }]);
    assert.deepEqual(await rows(db, 'pragma foreign_key_check'), []);
  }
  for (const [name, query] of Object.entries(HALVES)) assert.deepEqual(await rows(db, query), [], name);

  const recorded = new Map<string, number>();
  for (const { value, kind, count } of await rows(
    db,
    `select identifier.value, audit_event.kind, count(*) as count from audit_event
      join account on uuid = account_uuid join identifier on identifier.account_id = account.id
      group by identifier.value, audit_event.kind`,
  )) {
    recorded.set(`${value} ${kind}`, Number(count));
  }
  const queued = new Map<string, number>();
  for (const { value, template, count } of await rows(
    db,
    `select identifier.value, outbox.template, count(*) as count from outbox
      join identifier on identifier.account_id = outbox.account_id group by identifier.value, outbox.template`,
  )) {
    queued.set(`${value} ${template}`, Number(count));
  }
  for (const person of people) {
    for (const [kind, bounds] of person.recorded) within(recorded, `${person.email} ${kind}`, bounds);
    for (const [mail, bounds] of person.mailed) within(queued, `${person.email} ${SUBJECTS[mail]}`, bounds);
  }
}

function within(
  counts: Map<string, number>,
  name: string,
  { atLeast, atMost }: { atLeast: number; atMost: number },
): void {
  const count = counts.get(name) ?? 0;
  assert.ok(count >= atLeast && count <= atMost, `${name}: ${count}, not ${atLeast} to ${atMost}`);
}

/** @throws if the audit chain does not hold, or an entry cannot be put into it */
export async function checkChain(handle: DatabaseHandle, secret: string): Promise<void> {
  const keyring = createKeyring([secret]);
  while ((await sealAudit(handle, keyring)) > 0);
  const { faults, unsealed } = await verifyAudit(handle.read, keyring);
  assert.deepEqual({ faults, unsealed }, { faults: [], unsealed: 0 });
}

/** Whether every message went out, and none under a name that is not its own. */
export async function checkPost(handle: DatabaseHandle, letters: readonly Letter[]): Promise<void> {
  const outbox = await rows(handle.read, 'select id from outbox order by id');
  const arrived = new Set(letters.map(({ messageId }) => messageId.split('@')[0]));
  assert.deepEqual(
    [...arrived].toSorted(),
    outbox.map(({ id }) => id as string),
    'each message arrived, and every repeat of it carries its Message-ID',
  );
}

/** How many messages wait. */
export async function waiting(handle: DatabaseHandle): Promise<number> {
  return (await rows(handle.read, 'select id from outbox where sealed is not null')).length;
}

async function rows(db: Kysely<Database>, query: string): Promise<Record<string, unknown>[]> {
  return (await sql.raw<Record<string, unknown>>(query).execute(db)).rows.map((row) => ({ ...row }));
}
