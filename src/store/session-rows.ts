import { type Kysely, type Selectable, sql } from 'kysely';
import type { AccountId } from '../core/account.ts';
import type { DeviceId } from '../core/device.ts';
import type { LiveSession, Session, SessionId } from '../core/session.ts';
import type { SiteId } from '../core/site.ts';
import type { ContractName } from '../core/world.ts';
import { ACCOUNT_COLUMNS, accountFrom } from './accounts.ts';
import type { Database, SessionTable } from './schema.ts';

type SessionRow = Awaited<ReturnType<ReturnType<typeof sessionRows>['execute']>>[number];

export function liveSessionFrom(row: SessionRow): LiveSession {
  const session = sessionOf(row, { id: row.session_id, accountId: row.id, createdAt: row.session_created_at });
  return { session, account: accountFrom(row) };
}

/** The session first: SQLite keeps the order of tables before an outer join, and would else read every account. */
export function sessionRows(db: Kysely<Database>) {
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
    .select(ACCOUNT_COLUMNS)
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
      'session.previous_token_digest',
      'session.token_renewed_at',
      'session.site_id',
      'session.password_confirmed_at',
    ]);
}

export const sessionFrom = (row: Selectable<SessionTable>): Session =>
  sessionOf(row, { id: row.id, accountId: row.account_id, createdAt: row.created_at });

/** What both kinds of row say by the same names, read where it stands: spreading a row takes longer than all else here. */
function sessionOf(
  row: Omit<Selectable<SessionTable>, 'id' | 'account_id' | 'created_at'>,
  { accountId, createdAt, id }: { id: string; accountId: number; createdAt: number },
): Session {
  return {
    id: id as SessionId,
    accountId: accountId as AccountId,
    contract: row.contract as ContractName,
    tokenId: row.token_id,
    previousTokenId: row.previous_token_id,
    createdAt,
    authenticatedAt: row.authenticated_at,
    factorProvenAt: row.factor_proven_at,
    lastUsedAt: row.last_used_at,
    expiresAt: row.expires_at,
    address: row.address,
    userAgent: row.user_agent,
    deviceId: row.device_id as DeviceId | null,
    tokenDigest: row.token_digest,
    previousTokenDigest: row.previous_token_digest,
    tokenRenewedAt: row.token_renewed_at,
    siteId: row.site_id as SiteId | null,
    passwordConfirmedAt: row.password_confirmed_at,
  };
}

export function rowFrom(session: Session): SessionTable {
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
    previous_token_digest: session.previousTokenDigest,
    token_renewed_at: session.tokenRenewedAt,
    site_id: session.siteId,
    password_confirmed_at: session.passwordConfirmedAt,
  };
}
