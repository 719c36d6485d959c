import type { Kysely, Selectable } from 'kysely';
import type { AccountId } from '../core/account.ts';
import type { OneTimeFacts, OneTimePurpose, OneTimeToken } from '../core/one-time-token.ts';
import type { RefreshToken } from '../core/refresh-token-family.ts';
import type { SessionId } from '../core/session.ts';
import type { KnownClients, OneTimeTokens, RefreshTokens } from '../core/store.ts';
import type { DatabaseHandle } from './database.ts';
import type { Database, OneTimeTokenTable, RefreshTokenTable } from './schema.ts';
import { statement } from './statement.ts';

const REFRESH_TOKEN_COLUMNS = [
  'digest',
  'session_id',
  'created_at',
  'expires_at',
  'rotated_at',
  'nonce',
  'key_id',
  'successor_digest',
] as const satisfies readonly (keyof RefreshTokenTable)[];

const findRefreshToken = statement((db, { digests }: { digests: readonly string[] }) =>
  db.selectFrom('refresh_token').select(REFRESH_TOKEN_COLUMNS).where('digest', 'in', digests),
);
const insertRefreshToken = statement((db, row: RefreshTokenTable) => db.insertInto('refresh_token').values(row));
const spendRefreshToken = statement(
  (db, { digest, ...spent }: Omit<RefreshTokenTable, 'session_id' | 'created_at' | 'expires_at'>) =>
    db.updateTable('refresh_token').set(spent).where('digest', '=', digest).where('rotated_at', 'is', null),
);

export function refreshTokensOn(db: Kysely<Database>, kind: DatabaseHandle['kind']): RefreshTokens {
  const find = async (digests: string[]): Promise<RefreshToken | undefined> => {
    const { rows } = await findRefreshToken(db, { digests });
    return rows[0] && refreshTokenFrom(rows[0]);
  };

  return {
    async insert(token) {
      await insertRefreshToken(db, {
        digest: token.digest,
        session_id: token.sessionId,
        created_at: token.createdAt,
        expires_at: token.expiresAt,
        rotated_at: token.rotatedAt,
        nonce: token.nonce,
        key_id: token.keyId,
        successor_digest: token.successorDigest,
      });
    },
    find,
    async hold(digests) {
      if (kind === 'postgres') {
        const token = await find(digests);
        if (!token) return undefined;
        await db.selectFrom('session').select('id').where('id', '=', token.sessionId).forNoKeyUpdate().execute();
      }
      return find(digests);
    },
    async spend(digest, { rotatedAt, nonce, keyId, successorDigest }) {
      const { numAffectedRows } = await spendRefreshToken(db, {
        digest,
        rotated_at: rotatedAt,
        nonce,
        key_id: keyId,
        successor_digest: successorDigest,
      });
      return numAffectedRows === 1n;
    },
  };
}

function refreshTokenFrom(row: Selectable<RefreshTokenTable>): RefreshToken {
  return {
    digest: row.digest,
    sessionId: row.session_id as SessionId,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    rotatedAt: row.rotated_at,
    nonce: row.nonce,
    keyId: row.key_id,
    successorDigest: row.successor_digest,
  };
}

export function oneTimeTokensOn(db: Kysely<Database>): OneTimeTokens {
  return {
    async insert(token) {
      await db
        .insertInto('one_time_token')
        .values({
          digest: token.digest,
          purpose: token.purpose,
          account_id: token.accountId,
          epoch: token.epoch,
          identifier: token.identifier,
          created_at: token.createdAt,
          expires_at: token.expiresAt,
          facts: token.facts && JSON.stringify(token.facts),
        })
        .execute();
    },
    async find(purpose, digests) {
      const row = await db
        .selectFrom('one_time_token')
        .selectAll()
        .where('purpose', '=', purpose)
        .where('digest', 'in', digests)
        .executeTakeFirst();
      return row && oneTimeTokenFrom(row);
    },
    async take(purpose, digests) {
      const row = await db
        .deleteFrom('one_time_token')
        .where('purpose', '=', purpose)
        .where('digest', 'in', digests)
        .returningAll()
        .executeTakeFirst();
      return row && oneTimeTokenFrom(row);
    },
    async removeAll(accountId, purpose) {
      let query = db.deleteFrom('one_time_token').where('account_id', '=', accountId);
      if (purpose) query = query.where('purpose', '=', purpose);
      await query.execute();
    },
    async keepNewest(accountId, purpose, count) {
      const newest = db
        .selectFrom('one_time_token')
        .select('digest')
        .where('account_id', '=', accountId)
        .where('purpose', '=', purpose)
        .orderBy('created_at', 'desc')
        .orderBy('digest')
        .limit(count);
      await db
        .deleteFrom('one_time_token')
        .where('account_id', '=', accountId)
        .where('purpose', '=', purpose)
        .where('digest', 'not in', newest)
        .execute();
    },
  };
}

function oneTimeTokenFrom<Purpose extends OneTimePurpose>(row: Selectable<OneTimeTokenTable>): OneTimeToken<Purpose> {
  return {
    digest: row.digest,
    purpose: row.purpose as Purpose,
    accountId: row.account_id as AccountId,
    epoch: row.epoch,
    identifier: row.identifier,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    facts: (row.facts === null ? null : JSON.parse(row.facts)) as OneTimeFacts[Purpose],
  };
}

export function knownClientsOn(db: Kysely<Database>): KnownClients {
  return {
    async knows(digests, accountId, since) {
      const known = await db
        .selectFrom('known_client')
        .select('digest')
        .where('digest', 'in', digests)
        .where('account_id', '=', accountId)
        .where('signed_in_at', '>', since)
        .executeTakeFirst();
      return known !== undefined;
    },
    async remember(digest, accountId, now) {
      await db
        .insertInto('known_client')
        .values({ digest, account_id: accountId, signed_in_at: now })
        .onConflict((conflict) => conflict.columns(['digest', 'account_id']).doUpdateSet({ signed_in_at: now }))
        .execute();
    },
    async forgetAll(accountId, except = []) {
      let query = db.deleteFrom('known_client').where('account_id', '=', accountId);
      if (except.length > 0) query = query.where('digest', 'not in', except);
      await query.execute();
    },
    async keepNewest(accountId, count) {
      const newest = db
        .selectFrom('known_client')
        .select('digest')
        .where('account_id', '=', accountId)
        .orderBy('signed_in_at', 'desc')
        .orderBy('digest')
        .limit(count);
      await db
        .deleteFrom('known_client')
        .where('account_id', '=', accountId)
        .where('digest', 'not in', newest)
        .execute();
    },
  };
}
