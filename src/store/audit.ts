import type { Kysely } from 'kysely';
import type { AuditEvent, AuditKind, RecordedEvent } from '../core/audit.ts';
import { detailText } from '../core/audit-chain.ts';
import type { Keyring } from '../core/keyring.ts';
import type { Audit } from '../core/store.ts';
import type { Effects } from './database.ts';
import type { AuditEventTable, Database } from './schema.ts';

export function auditOn(db: Kysely<Database>, effects: Effects, keyring: Keyring): Audit {
  return {
    async record(event) {
      effects.events.push(event);
      const { address, userAgent } = event.details;
      const personal = address !== null || userAgent !== null;
      const { id } = await db
        .insertInto('audit_event')
        .values({
          kind: event.kind,
          at: event.at,
          account_uuid: event.accountUuid,
          contract: event.contract,
          facts: JSON.stringify(event.facts),
          detail_digest: personal ? keyring.digest('audit', detailText(event.details)) : null,
          sequence: null,
          seal: null,
        })
        .returning('id')
        .executeTakeFirstOrThrow();
      if (!personal) return;
      await db
        .insertInto('audit_detail')
        .values((expression) => ({
          event_id: id,
          // Null if it was deleted meanwhile: there is nothing to be erased with any more.
          account_id: expression.selectFrom('account').select('account.id').where('account.id', '=', event.accountId),
          address,
          user_agent: userAgent,
        }))
        .execute();
    },
    async list({ accountUuid, limit }) {
      let query = db
        .selectFrom('audit_event')
        .leftJoin('audit_detail', 'audit_detail.event_id', 'audit_event.id')
        .selectAll('audit_event')
        .select(['audit_detail.account_id', 'audit_detail.address', 'audit_detail.user_agent'])
        .orderBy('audit_event.id', 'desc')
        .limit(limit);
      if (accountUuid) query = query.where('account_uuid', '=', accountUuid);
      return (await query.execute()).map(eventFrom);
    },
  };
}

type Row = Omit<AuditEventTable, 'id'> & {
  id: number;
  account_id: number | null;
  address: string | null;
  user_agent: string | null;
};

export function eventFrom(row: Row): RecordedEvent {
  return {
    id: row.id,
    kind: row.kind as AuditKind,
    at: row.at,
    accountUuid: row.account_uuid,
    accountId: row.account_id as RecordedEvent['accountId'],
    contract: row.contract as AuditEvent['contract'],
    facts: JSON.parse(row.facts) as AuditEvent['facts'],
    details: { address: row.address, userAgent: row.user_agent },
    sequence: row.sequence,
  };
}
