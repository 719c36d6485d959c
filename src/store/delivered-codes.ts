import type { Kysely, Selectable } from 'kysely';
import type { AccountId } from '../core/account.ts';
import type { CodeKey, CodePurpose, DeliveredCode } from '../core/delivered-code.ts';
import type { DeliveredCodes } from '../core/store.ts';
import type { Database, DeliveredCodeTable } from './schema.ts';

export function deliveredCodesOn(db: Kysely<Database>): DeliveredCodes {
  const at = ({ accountId, binding, purpose }: CodeKey) =>
    ({ account_id: accountId, purpose, binding }) satisfies Partial<DeliveredCodeTable>;
  const named = (key: CodeKey) =>
    db
      .selectFrom('delivered_code')
      .selectAll()
      .where((is) => is.and(at(key)));

  return {
    async find(key) {
      const row = await named(key).executeTakeFirst();
      return row && codeFrom(row);
    },
    async list(accountId, purpose) {
      const rows = await db
        .selectFrom('delivered_code')
        .selectAll()
        .where('account_id', '=', accountId)
        .where('purpose', '=', purpose)
        .orderBy('sent_at', 'desc')
        .execute();
      return rows.map(codeFrom);
    },
    async put(code) {
      const content = {
        digest: code.digest,
        channel: code.channel,
        destination: code.destination,
        network: code.network,
        epoch: code.epoch,
        tries: code.tries,
        sent_at: code.sentAt,
        expires_at: code.expiresAt,
      };
      await db
        .insertInto('delivered_code')
        .values({ ...at(code), ...content })
        .onConflict((conflict) => conflict.columns(['account_id', 'purpose', 'binding']).doUpdateSet(content))
        .execute();
    },
    async takeTry(key, { most, epoch, now }) {
      const row = await db
        .updateTable('delivered_code')
        .set((expression) => ({ tries: expression('tries', '+', 1) }))
        .where((is) => is.and(at(key)))
        .where('tries', '<', most)
        .where('epoch', '=', epoch)
        .where('expires_at', '>', now)
        .returningAll()
        .executeTakeFirst();
      return row && codeFrom(row);
    },
    async giveTryBack(key) {
      await db
        .updateTable('delivered_code')
        .set((expression) => ({ tries: expression('tries', '-', 1) }))
        .where((is) => is.and(at(key)))
        .where('tries', '>', 0)
        .execute();
    },
    async rebind(key, binding) {
      const { numUpdatedRows } = await db
        .updateTable('delivered_code')
        .set({ binding })
        .where((is) => is.and(at(key)))
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
    async remove(key) {
      const { numDeletedRows } = await db
        .deleteFrom('delivered_code')
        .where((is) => is.and(at(key)))
        .executeTakeFirst();
      return numDeletedRows === 1n;
    },
    async removeAll(accountId, purpose) {
      let query = db.deleteFrom('delivered_code').where('account_id', '=', accountId);
      if (purpose) query = query.where('purpose', '=', purpose);
      await query.execute();
    },
  };
}

function codeFrom(row: Selectable<DeliveredCodeTable>): DeliveredCode {
  return {
    accountId: row.account_id as AccountId,
    purpose: row.purpose as CodePurpose,
    binding: row.binding,
    digest: row.digest,
    channel: row.channel as DeliveredCode['channel'],
    destination: row.destination,
    network: row.network,
    epoch: row.epoch,
    tries: row.tries,
    sentAt: row.sent_at,
    expiresAt: row.expires_at,
  };
}
