import type { Kysely, Selectable } from 'kysely';
import type { AccountId } from '../core/account.ts';
import type { LinkedIdentity } from '../core/linked-identity.ts';
import type { LinkedIdentities } from '../core/store.ts';
import type { Effects } from './database.ts';
import type { Database, LinkedIdentityTable } from './schema.ts';

export function linkedIdentitiesOn(db: Kysely<Database>, effects: Effects): LinkedIdentities {
  return {
    async add(identity) {
      effects.accounts.add(identity.accountId);
      const { numInsertedOrUpdatedRows } = await db
        .insertInto('linked_identity')
        .values({
          provider: identity.provider,
          subject: identity.subject,
          account_id: identity.accountId,
          email: identity.email,
          created_at: identity.createdAt,
          last_used_at: identity.lastUsedAt,
        })
        // Of either uniqueness: somebody else's, or a second one of the account's.
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst();
      return numInsertedOrUpdatedRows === 1n;
    },
    async find(provider, subject) {
      const row = await db
        .selectFrom('linked_identity')
        .selectAll()
        .where('provider', '=', provider)
        .where('subject', '=', subject)
        .executeTakeFirst();
      return row && identityFrom(row);
    },
    async list(accountId) {
      const rows = await db
        .selectFrom('linked_identity')
        .selectAll()
        .where('account_id', '=', accountId)
        .orderBy('provider')
        .execute();
      return rows.map(identityFrom);
    },
    async use({ provider, subject }, { email, lastUsedAt }) {
      await db
        .updateTable('linked_identity')
        .set({ email, last_used_at: lastUsedAt })
        .where('provider', '=', provider)
        .where('subject', '=', subject)
        .execute();
    },
    async remove(accountId, provider) {
      effects.accounts.add(accountId);
      const { numDeletedRows } = await db
        .deleteFrom('linked_identity')
        .where('account_id', '=', accountId)
        .where('provider', '=', provider)
        .executeTakeFirst();
      return numDeletedRows === 1n;
    },
    async removeAll(accountId) {
      effects.accounts.add(accountId);
      await db.deleteFrom('linked_identity').where('account_id', '=', accountId).execute();
    },
  };
}

function identityFrom(row: Selectable<LinkedIdentityTable>): LinkedIdentity {
  return {
    provider: row.provider,
    subject: row.subject,
    accountId: row.account_id as AccountId,
    email: row.email,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
  };
}
