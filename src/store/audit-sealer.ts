import type { Kysely, Selectable } from 'kysely';
import { detailText, FIRST_SEAL, headText, type SealedRow, sealHolds, sealOf } from '../core/audit-chain.ts';
import type { Keyring } from '../core/keyring.ts';
import type { DatabaseHandle } from './database.ts';
import { PostgresLock } from './postgres-lock.ts';
import type { AuditEventTable, Database } from './schema.ts';

const BATCH = 500;

/**
 * Numbers and chains the audit rows that were committed since the last call (rule 36).
 * Under a lock, so that of several processes one seals at a time.
 *
 * @returns how many were sealed; a full batch means that more may wait
 */
export async function sealAudit(handle: DatabaseHandle, keyring: Keyring): Promise<number> {
  // Looking first keeps an idle server from taking SQLite's write lock every two seconds.
  const any = await handle.read.selectFrom('audit_event').select('id').where('sequence', 'is', null).limit(1).execute();
  if (any.length === 0) return 0;
  return handle.transaction(async (db) => {
    if (handle.kind === 'postgres') await PostgresLock.auditSealer.hold(db);
    const last = await db
      .selectFrom('audit_event')
      .select(['sequence', 'seal'])
      .where('sequence', 'is not', null)
      .orderBy('sequence', 'desc')
      .limit(1)
      .executeTakeFirst();
    const waiting = await db
      .selectFrom('audit_event')
      .selectAll()
      .where('sequence', 'is', null)
      .orderBy('id')
      .limit(BATCH)
      .execute();
    let before = last?.seal ?? FIRST_SEAL;
    let sequence = last?.sequence ?? 0;
    for (const row of waiting) {
      sequence += 1;
      before = sealOf(keyring, sealable({ ...row, sequence }), before);
      await db.updateTable('audit_event').set({ sequence, seal: before }).where('id', '=', row.id).execute();
    }
    if (waiting.length > 0) {
      const head = { sequence, seal: keyring.digest('audit', headText(sequence, before)) };
      await db
        .insertInto('audit_head')
        .values({ id: 1, ...head })
        .onConflict((conflict) => conflict.column('id').doUpdateSet(head))
        .execute();
    }
    return waiting.length;
  });
}

/** What is wrong with the chain, in words an operator can act on. */
export interface AuditVerdict {
  sealed: number;
  unsealed: number;
  faults: string[];
}

/**
 * Walks the whole chain. A personal detail may be missing (erasure), nothing else.
 *
 * @param progress is told how many rows are done
 */
export async function verifyAudit(
  db: Kysely<Database>,
  keyring: Keyring,
  progress: (done: number) => void = () => {},
): Promise<AuditVerdict> {
  const faults: string[] = [];
  let before = FIRST_SEAL;
  let sequence = 0;
  for (;;) {
    const rows = await db
      .selectFrom('audit_event')
      .leftJoin('audit_detail', 'audit_detail.event_id', 'audit_event.id')
      .selectAll('audit_event')
      .select(['audit_detail.event_id', 'audit_detail.address', 'audit_detail.user_agent'])
      .where('sequence', '>', sequence)
      .orderBy('sequence')
      .limit(BATCH)
      .execute();
    for (const row of rows) {
      const sealed = sealable({ ...row, sequence: row.sequence ?? 0 });
      if (sealed.sequence !== sequence + 1)
        faults.push(`entries ${sequence + 1} to ${sealed.sequence - 1} are missing`);
      else if (!sealHolds(keyring, { ...sealed, seal: row.seal ?? '' }, before))
        faults.push(`entry ${sealed.sequence} (row ${row.id}, ${row.kind}) was altered`);
      if (
        row.event_id !== null &&
        !keyring
          .digests('audit', detailText({ address: row.address, userAgent: row.user_agent }))
          .includes(row.detail_digest ?? '')
      ) {
        faults.push(`the personal details of entry ${sealed.sequence} (row ${row.id}) were altered`);
      }
      before = row.seal ?? '';
      sequence = sealed.sequence;
    }
    if (rows.length > 0) progress(sequence);
    if (rows.length < BATCH) break;
  }
  const head = await db.selectFrom('audit_head').selectAll().executeTakeFirst();
  if (sequence !== (head?.sequence ?? 0)) {
    faults.push(`the chain ends at entry ${sequence}, and should at ${head?.sequence ?? 0}`);
  } else if (head && !keyring.digests('audit', headText(sequence, before)).includes(head.seal)) {
    faults.push('the record of where the chain ends was altered');
  }
  const { count } = await db
    .selectFrom('audit_event')
    .select((expression) => expression.fn.countAll<number>().as('count'))
    .where('sequence', 'is', null)
    .executeTakeFirstOrThrow();
  return { sealed: sequence, unsealed: Number(count), faults };
}

function sealable(row: Selectable<AuditEventTable> & { sequence: number }): Omit<SealedRow, 'seal'> {
  return {
    id: row.id,
    kind: row.kind,
    at: row.at,
    accountUuid: row.account_uuid,
    contract: row.contract,
    facts: row.facts,
    detailDigest: row.detail_digest,
    sequence: row.sequence,
  };
}
