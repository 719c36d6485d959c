import type { Kysely, Selectable } from 'kysely';
import type { AccountId } from '../core/account.ts';
import type { NamedDevice } from '../core/device.ts';
import type { ProviderIdentity } from '../core/identity-provider.ts';
import type { FirstFactor, PendingLogin } from '../core/pending-login.ts';
import type { PendingLogins } from '../core/store.ts';
import type { ContractName } from '../core/world.ts';
import type { Database, PendingLoginTable } from './schema.ts';

export function pendingLoginsOn(db: Kysely<Database>): PendingLogins {
  const live = (contract: ContractName, now: number) =>
    db.selectFrom('pending_login').selectAll().where('contract', '=', contract).where('expires_at', '>', now);

  return {
    async insert(pending) {
      await db
        .insertInto('pending_login')
        .values({
          digest: pending.digest,
          account_id: pending.accountId,
          contract: pending.contract,
          epoch: pending.epoch,
          tries: pending.tries,
          created_at: pending.createdAt,
          expires_at: pending.expiresAt,
          network: pending.network,
          code_binding: pending.codeBinding,
          device: pending.device && JSON.stringify(pending.device),
          first_factor: pending.firstFactor,
          joins: pending.joins && JSON.stringify(pending.joins),
          origin: pending.origin,
          remember: Number(pending.remember),
        })
        .execute();
    },
    async keepNewest(accountId, { beside, count }) {
      const newest = db
        .selectFrom('pending_login')
        .select('digest')
        .where('account_id', '=', accountId)
        .where('digest', '!=', beside)
        .orderBy('created_at', 'desc')
        .orderBy('digest')
        .limit(count);
      await db
        .deleteFrom('pending_login')
        .where('account_id', '=', accountId)
        .where('digest', '!=', beside)
        .where('digest', 'not in', newest)
        .execute();
    },
    async list(accountId, contract, now) {
      const rows = await live(contract, now)
        .where('account_id', '=', accountId)
        .orderBy('created_at', 'desc')
        .orderBy('digest')
        .execute();
      return rows.map(pendingFrom);
    },
    async find(digests, contract, now) {
      const row = await live(contract, now).where('digest', 'in', digests).executeTakeFirst();
      return row && pendingFrom(row);
    },
    async takeTry(digest, { most, now }) {
      const { numUpdatedRows } = await db
        .updateTable('pending_login')
        .set((expression) => ({ tries: expression('tries', '+', 1) }))
        .where('digest', '=', digest)
        .where('tries', '<', most)
        .where('expires_at', '>', now)
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
    async giveTryBack(digest) {
      await db
        .updateTable('pending_login')
        .set((expression) => ({ tries: expression('tries', '-', 1) }))
        .where('digest', '=', digest)
        .where('tries', '>', 0)
        .execute();
    },
    async remove(digest) {
      const { numDeletedRows } = await db.deleteFrom('pending_login').where('digest', '=', digest).executeTakeFirst();
      return numDeletedRows === 1n;
    },
    async removeAll(accountId) {
      await db.deleteFrom('pending_login').where('account_id', '=', accountId).execute();
    },
  };
}

function pendingFrom(row: Selectable<PendingLoginTable>): PendingLogin {
  return {
    digest: row.digest,
    accountId: row.account_id as AccountId,
    contract: row.contract as ContractName,
    epoch: row.epoch,
    tries: row.tries,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    network: row.network,
    codeBinding: row.code_binding,
    device: row.device === null ? null : (JSON.parse(row.device) as NamedDevice),
    firstFactor: row.first_factor as FirstFactor,
    joins: row.joins === null ? null : (JSON.parse(row.joins) as ProviderIdentity),
    origin: row.origin,
    remember: row.remember === 1,
  };
}
