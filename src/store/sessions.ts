import { type Kysely, sql } from 'kysely';
import type { AccountId } from '../core/account.ts';
import type { LiveSession, SessionId } from '../core/session.ts';
import type { Sessions } from '../core/store.ts';
import type { DatabaseHandle, Effects } from './database.ts';
import type { Database, SessionTable } from './schema.ts';
import { liveSessionFrom, rowFrom, sessionFrom, sessionRows } from './session-rows.ts';
import { statement } from './statement.ts';

export function sessionsOn(db: Kysely<Database>, effects: Effects): Omit<Sessions, 'peek' | 'peekByToken'> {
  const changed = async (query: Promise<{ account_id: number }[]>): Promise<number> => {
    const rows = await query;
    for (const row of rows) effects.accounts.add(row.account_id as AccountId);
    return rows.length;
  };

  return {
    async insert(session) {
      await db.insertInto('session').values(rowFrom(session)).execute();
    },
    find: (id) => findSession(db, id),
    async findByToken(digests) {
      if (digests.length === 0) return undefined;
      const row = await sessionRows(db).where('session.token_digest', 'in', digests).executeTakeFirst();
      return row && liveSessionFrom(row);
    },
    async findByFormerToken(digests, since) {
      if (digests.length === 0) return undefined;
      const row = await sessionRows(db)
        .where('session.previous_token_digest', 'in', digests)
        .where('session.token_renewed_at', '>', since)
        .executeTakeFirst();
      return row && liveSessionFrom(row);
    },
    async list(accountId, now) {
      const rows = await db
        .selectFrom('session')
        .selectAll()
        .where('account_id', '=', accountId)
        .where('expires_at', '>', now)
        .orderBy('last_used_at', 'desc')
        .execute();
      return rows.map(sessionFrom);
    },
    async renew(id, { tokenId, lastUsedAt, expiresAt, address, userAgent }) {
      const renewal = renewSession(db, {
        id,
        token_id: tokenId,
        last_used_at: lastUsedAt,
        expires_at: expiresAt,
        address,
        user_agent: userAgent,
      });
      const renewed = await changed(renewal.then(({ rows }) => rows));
      return renewed === 1;
    },
    async touch(id, { lastUsedAt, expiresAt }) {
      const touched = await changed(
        db
          .updateTable('session')
          .set({
            last_used_at: lastUsedAt,
            expires_at: sql`case when expires_at < ${expiresAt} then ${expiresAt} else expires_at end`,
          })
          .where('id', '=', id)
          .returning('account_id')
          .execute(),
      );
      return touched === 1;
    },
    async renewToken(id, { renewedAt, tokenDigest }) {
      const renewed = await changed(
        db
          .updateTable('session')
          .set((expression) => ({
            previous_token_digest: expression.ref('token_digest'),
            token_digest: tokenDigest,
            token_renewed_at: renewedAt,
          }))
          .where('id', '=', id)
          .returning('account_id')
          .execute(),
      );
      return renewed === 1;
    },
    async reopen(id, { address, lastUsedAt, tokenDigest, userAgent }) {
      const reopened = await changed(
        db
          .updateTable('session')
          .set({
            token_digest: tokenDigest,
            previous_token_digest: null,
            token_renewed_at: null,
            factor_proven_at: null,
            password_confirmed_at: null,
            last_used_at: lastUsedAt,
            address,
            user_agent: userAgent,
          })
          .where('id', '=', id)
          .returning('account_id')
          .execute(),
      );
      return reopened === 1;
    },
    async forgetRemembered(accountId, { contract, idle }) {
      effects.accounts.add(accountId);
      // The sessions before their tokens, as whoever spends one of those has it: each waits for the other's whole work.
      const own = await db
        .updateTable('session')
        .set({
          expires_at: sql`case when expires_at > last_used_at + ${idle} then last_used_at + ${idle} else expires_at end`,
        })
        .where('account_id', '=', accountId)
        .where('contract', '=', contract)
        .returning('id')
        .execute();
      if (own.length === 0) return;
      const ids = own.map(({ id }) => id);
      await db.deleteFrom('refresh_token').where('session_id', 'in', ids).execute();
    },
    async markPasswordConfirmed(id, now) {
      const marked = await changed(
        db
          .updateTable('session')
          .set({ password_confirmed_at: now })
          .where('id', '=', id)
          .returning('account_id')
          .execute(),
      );
      return marked === 1;
    },
    async markAuthenticated(id, { authenticatedAt, factorProvenAt }) {
      const marked = await changed(
        db
          .updateTable('session')
          .set({
            authenticated_at: authenticatedAt,
            ...(factorProvenAt !== null && { factor_proven_at: factorProvenAt }),
          })
          .where('id', '=', id)
          .returning('account_id')
          .execute(),
      );
      return marked === 1;
    },
    async moveToSite(id, siteId) {
      const moved = await changed(
        db.updateTable('session').set({ site_id: siteId }).where('id', '=', id).returning('account_id').execute(),
      );
      return moved === 1;
    },
    async unprove(accountId, except) {
      effects.accounts.add(accountId);
      let query = db.updateTable('session').set({ factor_proven_at: null }).where('account_id', '=', accountId);
      if (except) query = query.where('id', '!=', except);
      await query.execute();
    },
    async end(accountId, id) {
      const ended = await changed(
        db
          .deleteFrom('session')
          .where('account_id', '=', accountId)
          .where('id', '=', id)
          .returning('account_id')
          .execute(),
      );
      return ended === 1;
    },
    endAll(accountId, except) {
      let query = db.deleteFrom('session').where('account_id', '=', accountId);
      if (except) query = query.where('id', '!=', except);
      return changed(query.returning('account_id').execute());
    },
    endOnDevice: (accountId, id) =>
      changed(
        db
          .deleteFrom('session')
          .where('account_id', '=', accountId)
          .where('device_id', '=', id)
          .returning('account_id')
          .execute(),
      ),
    endBeyond(accountId, { keep, hardLimit, notedSince, usedSince, spare }) {
      const beyond = (count: number) =>
        db
          .selectFrom('session')
          .select('id')
          .where('account_id', '=', accountId)
          .where('id', '!=', spare)
          .orderBy('last_used_at', 'desc')
          .orderBy('id')
          // SQLite wants a limit before an offset.
          .limit(1_000_000)
          .offset(count);
      return changed(
        db
          .deleteFrom('session')
          .where((is) =>
            is.or([
              is.and([
                is('id', 'in', beyond(keep)),
                is.or([
                  is.and([is('token_digest', 'is', null), is('last_used_at', '<', usedSince)]),
                  is('last_used_at', '<', notedSince),
                ]),
              ]),
              is('id', 'in', beyond(hardLimit)),
            ]),
          )
          .returning('account_id')
          .execute(),
      );
    },
  };
}

/** The session with its account, in one read. */
async function findSession(db: Kysely<Database>, id: SessionId): Promise<LiveSession | undefined> {
  const { rows } = await findSessionRow(db, { id });
  return rows[0] && liveSessionFrom(rows[0]);
}

const findSessionRow = statement((db, { id }: { id: string }) => sessionRows(db).where('session.id', '=', id));
const renewSession = statement(
  (
    db,
    {
      id,
      ...renewed
    }: Pick<SessionTable, 'id' | 'token_id' | 'last_used_at' | 'expires_at' | 'address' | 'user_agent'>,
  ) =>
    db
      .updateTable('session')
      .set((expression) => ({ previous_token_id: expression.ref('token_id'), ...renewed }))
      .where('id', '=', id)
      .returning('account_id'),
);

/** The same, prepared: it answers most requests there are, and putting the statement together took longer than running it. */
export function sessionFinder(
  handle: DatabaseHandle,
  column: 'id' | 'token_digest',
): (value: string) => Promise<LiveSession | undefined> {
  const marker = 'what names a session';
  const query = sessionRows(handle.read).where(`session.${column}`, '=', marker).compile();
  const place = query.parameters.indexOf(marker);
  const find = handle.prepare(`find_session_by_${column}`, query);
  return async (value) => {
    const [row] = await find(query.parameters.with(place, value));
    return row && liveSessionFrom(row);
  };
}
