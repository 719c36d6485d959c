import type { Kysely, Selectable } from 'kysely';
import type { AccountId } from '../core/account.ts';
import type { Passkey } from '../core/passkey.ts';
import type { Passkeys, SpentChallenges } from '../core/store.ts';
import type { Effects } from './database.ts';
import type { Database, PasskeyTable } from './schema.ts';

export function passkeysOn(db: Kysely<Database>, effects: Effects): Passkeys {
  const findHandle = async (accountId: AccountId): Promise<string | null> => {
    const row = await db.selectFrom('account').select('passkey_handle').where('id', '=', accountId).executeTakeFirst();
    return row?.passkey_handle ?? null;
  };

  return {
    async handle(accountId, fresh) {
      const row = await db
        .updateTable('account')
        .set((expression) => ({ passkey_handle: expression.fn.coalesce('passkey_handle', expression.val(fresh)) }))
        .where('id', '=', accountId)
        .returning('passkey_handle')
        .executeTakeFirst();
      return row?.passkey_handle ?? fresh;
    },
    findHandle,
    async add(passkey) {
      effects.accounts.add(passkey.accountId);
      const { numInsertedOrUpdatedRows } = await db
        .insertInto('passkey')
        .values({
          uuid: passkey.uuid,
          account_id: passkey.accountId,
          credential_id: passkey.credentialId,
          public_key: passkey.publicKey,
          counter: passkey.counter,
          transports: JSON.stringify(passkey.transports),
          backup_eligible: passkey.backupEligible ? 1 : 0,
          backed_up: passkey.backedUp ? 1 : 0,
          aaguid: passkey.aaguid,
          name: passkey.name,
          created_at: passkey.createdAt,
          last_used_at: passkey.lastUsedAt,
        })
        .onConflict((conflict) => conflict.column('credential_id').doNothing())
        .executeTakeFirst();
      return numInsertedOrUpdatedRows === 1n;
    },
    async find(credentialId) {
      const row = await db
        .selectFrom('passkey')
        .selectAll()
        .where('credential_id', '=', credentialId)
        .executeTakeFirst();
      return row && passkeyFrom(row);
    },
    async list(accountId) {
      const rows = await db
        .selectFrom('passkey')
        .selectAll()
        .where('account_id', '=', accountId)
        .orderBy('created_at')
        .orderBy('uuid')
        .execute();
      return rows.map(passkeyFrom);
    },
    async use(passkey, { backedUp, counter, lastUsedAt }) {
      const { numUpdatedRows } = await db
        .updateTable('passkey')
        .set({ counter, backed_up: backedUp ? 1 : 0, last_used_at: lastUsedAt })
        .where('uuid', '=', passkey.uuid)
        .where('counter', '=', passkey.counter)
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
    async rename(accountId, uuid, name) {
      const row = await db
        .updateTable('passkey')
        .set({ name })
        .where('account_id', '=', accountId)
        .where('uuid', '=', uuid)
        .returningAll()
        .executeTakeFirst();
      return row && passkeyFrom(row);
    },
    async remove(accountId, uuid) {
      const row = await db
        .deleteFrom('passkey')
        .where('account_id', '=', accountId)
        .where('uuid', '=', uuid)
        .returningAll()
        .executeTakeFirst();
      return row && passkeyFrom(row);
    },
    async removeAll(accountId) {
      await db.deleteFrom('passkey').where('account_id', '=', accountId).execute();
    },
  };
}

export function spentChallengesOn(db: Kysely<Database>): SpentChallenges {
  return {
    async spend(digest, expiresAt) {
      const { numInsertedOrUpdatedRows } = await db
        .insertInto('spent_challenge')
        .values({ digest, expires_at: expiresAt })
        .onConflict((conflict) => conflict.column('digest').doNothing())
        .executeTakeFirst();
      return numInsertedOrUpdatedRows === 1n;
    },
    async forget(digests) {
      await db.deleteFrom('spent_challenge').where('digest', 'in', digests).execute();
    },
  };
}

function passkeyFrom(row: Selectable<PasskeyTable>): Passkey {
  return {
    uuid: row.uuid,
    accountId: row.account_id as AccountId,
    credentialId: row.credential_id,
    publicKey: row.public_key,
    counter: row.counter,
    transports: JSON.parse(row.transports) as string[],
    backupEligible: row.backup_eligible === 1,
    backedUp: row.backed_up === 1,
    aaguid: row.aaguid,
    name: row.name,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
  };
}
