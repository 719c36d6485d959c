import type { Kysely, Selectable } from 'kysely';
import type { CodeFactor } from '../core/account.ts';
import type { PendingFactor } from '../core/pending-factor.ts';
import type { SessionId } from '../core/session.ts';
import type { SecondFactors } from '../core/store.ts';
import type { Database, PendingFactorTable } from './schema.ts';

/** Authenticator apps, factors that wait to be confirmed, recovery codes: one row of each kind but the last an account. */
export function secondFactorsOn(db: Kysely<Database>): SecondFactors {
  return {
    async findTotp(accountId) {
      const row = await db.selectFrom('totp').selectAll().where('account_id', '=', accountId).executeTakeFirst();
      return row && { sealedSecret: row.sealed_secret, lastStep: row.last_step };
    },
    async putTotp(accountId, { sealedSecret, lastStep, confirmedAt }) {
      const content = { sealed_secret: sealedSecret, last_step: lastStep, confirmed_at: confirmedAt };
      await db
        .insertInto('totp')
        .values({ account_id: accountId, ...content })
        .onConflict((conflict) => conflict.column('account_id').doUpdateSet(content))
        .execute();
    },
    async acceptStep(accountId, step) {
      const { numUpdatedRows } = await db
        .updateTable('totp')
        .set({ last_step: step })
        .where('account_id', '=', accountId)
        .where('last_step', '<', step)
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
    async removeTotp(accountId) {
      await db.deleteFrom('totp').where('account_id', '=', accountId).execute();
    },
    async findPending(accountId) {
      const row = await db
        .selectFrom('pending_factor')
        .selectAll()
        .where('account_id', '=', accountId)
        .executeTakeFirst();
      return row && pendingFrom(row);
    },
    async putPending(accountId, pending) {
      const content = {
        channel: pending.channel,
        sealed_secret: pending.sealedSecret,
        epoch: pending.epoch,
        tries: 0,
        expires_at: pending.expiresAt,
        session_id: pending.sessionId,
        sealed_recovery_codes: pending.sealedRecoveryCodes,
      };
      await db
        .insertInto('pending_factor')
        .values({ account_id: accountId, ...content })
        .onConflict((conflict) => conflict.column('account_id').doUpdateSet(content))
        .execute();
    },
    async takePendingTry(accountId, { epoch, most, now, sessionId }) {
      const row = await db
        .updateTable('pending_factor')
        .set((expression) => ({ tries: expression('tries', '+', 1) }))
        .where('account_id', '=', accountId)
        .where('session_id', '=', sessionId)
        .where('tries', '<', most)
        .where('epoch', '=', epoch)
        .where('expires_at', '>', now)
        .returningAll()
        .executeTakeFirst();
      return row && pendingFrom(row);
    },
    async renewPendingCodes(accountId, { epoch, now, sealedRecoveryCodes, sessionId }) {
      const { numUpdatedRows } = await db
        .updateTable('pending_factor')
        .set({ sealed_recovery_codes: sealedRecoveryCodes })
        .where('account_id', '=', accountId)
        .where('session_id', '=', sessionId)
        .where('epoch', '=', epoch)
        .where('expires_at', '>', now)
        .where('sealed_recovery_codes', 'is not', null)
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
    async removePending(accountId) {
      const { numDeletedRows } = await db
        .deleteFrom('pending_factor')
        .where('account_id', '=', accountId)
        .executeTakeFirst();
      return numDeletedRows === 1n;
    },
    async replaceRecoveryCodes(accountId, digests) {
      await db.deleteFrom('recovery_code').where('account_id', '=', accountId).execute();
      if (digests.length === 0) return;
      await db
        .insertInto('recovery_code')
        .values(digests.map((digest) => ({ account_id: accountId, digest })))
        .execute();
    },
    async takeRecoveryCode(accountId, digest) {
      const { numDeletedRows } = await db
        .deleteFrom('recovery_code')
        .where('account_id', '=', accountId)
        .where('digest', '=', digest)
        .executeTakeFirst();
      return numDeletedRows === 1n;
    },
    async countRecoveryCodes(accountId) {
      const { count } = await db
        .selectFrom('recovery_code')
        .select((expression) => expression.fn.countAll().as('count'))
        .where('account_id', '=', accountId)
        .executeTakeFirstOrThrow();
      return Number(count);
    },
    async listRecoveryCodes(accountId) {
      const rows = await db.selectFrom('recovery_code').select('digest').where('account_id', '=', accountId).execute();
      return rows.map(({ digest }) => digest);
    },
    async putShownCodes(accountId, { expiresAt, sealed, sessionId }) {
      await db.deleteFrom('shown_recovery_codes').where('account_id', '=', accountId).execute();
      await db
        .insertInto('shown_recovery_codes')
        .values({ session_id: sessionId, account_id: accountId, sealed, expires_at: expiresAt })
        .execute();
    },
    async findShownCodes(sessionId, now) {
      const row = await db
        .selectFrom('shown_recovery_codes')
        .select('sealed')
        .where('session_id', '=', sessionId)
        .where('expires_at', '>', now)
        .executeTakeFirst();
      return row?.sealed;
    },
    async removeAll(accountId) {
      await db.deleteFrom('shown_recovery_codes').where('account_id', '=', accountId).execute();
      await db.deleteFrom('totp').where('account_id', '=', accountId).execute();
      await db.deleteFrom('pending_factor').where('account_id', '=', accountId).execute();
      await db.deleteFrom('recovery_code').where('account_id', '=', accountId).execute();
    },
  };
}

function pendingFrom(row: Selectable<PendingFactorTable>): PendingFactor {
  return {
    channel: row.channel as CodeFactor,
    sealedSecret: row.sealed_secret,
    epoch: row.epoch,
    expiresAt: row.expires_at,
    sessionId: row.session_id as SessionId | null,
    sealedRecoveryCodes: row.sealed_recovery_codes,
  };
}
