import { type Kysely, type Selectable, sql } from 'kysely';
import type { AccountId } from '../core/account.ts';
import type { DeviceId } from '../core/device.ts';
import type { LiveSession, Session, SessionId } from '../core/session.ts';
import type { Sessions } from '../core/store.ts';
import type { ContractName } from '../core/world.ts';
import { accountFrom } from './accounts.ts';
import type { DatabaseHandle, Effects } from './database.ts';
import type { Database, SessionTable } from './schema.ts';

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
      const renewed = await changed(
        db
          .updateTable('session')
          .set((expression) => ({
            previous_token_id: expression.ref('token_id'),
            token_id: tokenId,
            last_used_at: lastUsedAt,
            expires_at: expiresAt,
            address,
            user_agent: userAgent,
          }))
          .where('id', '=', id)
          .returning('account_id')
          .execute(),
      );
      return renewed === 1;
    },
    async touch(id, { lastUsedAt, expiresAt }) {
      const touched = await changed(
        db
          .updateTable('session')
          .set({ last_used_at: lastUsedAt, expires_at: expiresAt })
          .where('id', '=', id)
          .returning('account_id')
          .execute(),
      );
      return touched === 1;
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
  const row = await sessionRows(db).where('session.id', '=', id).executeTakeFirst();
  return row && liveSessionFrom(row);
}

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

type SessionRow = Awaited<ReturnType<ReturnType<typeof sessionRows>['execute']>>[number];

function liveSessionFrom(row: SessionRow): LiveSession {
  const session = sessionFrom({
    ...row,
    id: row.session_id,
    account_id: row.id,
    created_at: row.session_created_at,
  });
  return { session, account: accountFrom(row) };
}

/** The session first: SQLite keeps the order of tables before an outer join, and would else read every account. */
function sessionRows(db: Kysely<Database>) {
  return db
    .selectFrom('session')
    .innerJoin('account', 'account.id', 'session.account_id')
    .leftJoin('identifier', (join) =>
      join
        .onRef('identifier.account_id', '=', 'account.id')
        .on('identifier.kind', '=', sql.lit('email'))
        .on('identifier.pending', '=', sql.lit(0)),
    )
    .leftJoin('identifier as phone', (join) =>
      join
        .onRef('phone.account_id', '=', 'account.id')
        .on('phone.kind', '=', sql.lit('phone'))
        .on('phone.pending', '=', sql.lit(0)),
    )
    .selectAll('account')
    .select([
      'identifier.value as email',
      'identifier.verified_at as email_verified_at',
      'phone.value as phone',
      'phone.verified_at as phone_verified_at',
      'session.id as session_id',
      'session.contract',
      'session.token_id',
      'session.previous_token_id',
      'session.created_at as session_created_at',
      'session.authenticated_at',
      'session.factor_proven_at',
      'session.last_used_at',
      'session.expires_at',
      'session.address',
      'session.user_agent',
      'session.device_id',
      'session.token_digest',
    ]);
}

function sessionFrom(row: Selectable<SessionTable>): Session {
  return {
    id: row.id as SessionId,
    accountId: row.account_id as AccountId,
    contract: row.contract as ContractName,
    tokenId: row.token_id,
    previousTokenId: row.previous_token_id,
    createdAt: row.created_at,
    authenticatedAt: row.authenticated_at,
    factorProvenAt: row.factor_proven_at,
    lastUsedAt: row.last_used_at,
    expiresAt: row.expires_at,
    address: row.address,
    userAgent: row.user_agent,
    deviceId: row.device_id as DeviceId | null,
    tokenDigest: row.token_digest,
  };
}

function rowFrom(session: Session): SessionTable {
  return {
    id: session.id,
    account_id: session.accountId,
    contract: session.contract,
    token_id: session.tokenId,
    previous_token_id: session.previousTokenId,
    created_at: session.createdAt,
    authenticated_at: session.authenticatedAt,
    factor_proven_at: session.factorProvenAt,
    last_used_at: session.lastUsedAt,
    expires_at: session.expiresAt,
    address: session.address,
    user_agent: session.userAgent,
    device_id: session.deviceId,
    token_digest: session.tokenDigest,
  };
}
