import { type Kysely, type Selectable, sql, type Updateable } from 'kysely';
import type { Account, AccountId, CodeFactor, Locale } from '../core/account.ts';
import type { SiteId } from '../core/site.ts';
import type { Accounts } from '../core/store.ts';
import type { DatabaseHandle, Effects } from './database.ts';
import type { AccountTable, Database } from './schema.ts';

type Row = Selectable<AccountTable> & {
  email: string | null;
  email_verified_at: number | null;
  phone: string | null;
  phone_verified_at: number | null;
};

export function accountsOn(db: Kysely<Database>, effects: Effects, kind: DatabaseHandle['kind']): Accounts {
  const select = () => accountRows(db);
  const one = async (query: ReturnType<typeof select>): Promise<Account | undefined> => {
    const row = await query.executeTakeFirst();
    return row && accountFrom(row);
  };
  const change = async (id: AccountId, values: Updateable<AccountTable>): Promise<void> => {
    effects.accounts.add(id);
    await db.updateTable('account').set(values).where('id', '=', id).execute();
  };

  return {
    async create(account) {
      for (const username of usernames(account)) {
        const row = await db
          .insertInto('account')
          .values({
            uuid: account.uuid,
            name: account.name,
            image: account.image,
            first_name: account.firstName,
            last_name: account.lastName,
            username,
            locale: account.locale,
            role: 'USER',
            role_id: 1,
            accountable_type: 'Account',
            accountable_id: null,
            epoch: 0,
            code_factor: null,
            disabled_at: null,
            created_at: account.createdAt,
            updated_at: account.createdAt,
            created_from_address: account.createdFrom.address,
            created_from_user_agent: account.createdFrom.userAgent,
          })
          .onConflict((conflict) => conflict.column('username').doNothing())
          .returning('id')
          .executeTakeFirst();
        if (row) return row.id as AccountId;
      }
      throw new Error('no user name was free');
    },
    find: (id) => one(select().where('account.id', '=', id)),
    findByUuid: (uuid) => one(select().where('account.uuid', '=', uuid)),
    // One statement whether or not there is an account, so that its time tells nothing.
    findByIdentifier: (identifierKind, value) =>
      one(
        select().where('account.id', '=', (from) =>
          from
            .selectFrom('identifier as held')
            .select('held.account_id')
            .where('held.kind', '=', identifierKind)
            .where('held.value', '=', value)
            .where('held.pending', '=', sql.lit(0)),
        ),
      ),
    async hold(id) {
      // SQLite has one writer at a time already. Rows that only refer to the account may be written meanwhile:
      // who holds a session's row and records it would else wait for who holds the account's, and the other way round.
      if (kind === 'postgres')
        await db.selectFrom('account').select('id').where('id', '=', id).forNoKeyUpdate().execute();
      return one(select().where('account.id', '=', id));
    },
    async list({ after, limit }) {
      const rows = await select()
        .where('account.id', '>', after ?? 0)
        .orderBy('account.id')
        .limit(limit)
        .execute();
      return rows.map(accountFrom);
    },
    async moveEpoch(id, now) {
      effects.accounts.add(id);
      await db
        .updateTable('account')
        .set((expression) => ({ epoch: expression('epoch', '+', 1), updated_at: now }))
        .where('id', '=', id)
        .execute();
    },
    setDisabled: (id, disabledAt, now) => change(id, { disabled_at: disabledAt, updated_at: now }),
    setLabels: (id, { role, roleId, accountableType, accountableId }, now) =>
      change(id, {
        ...(role !== undefined && { role }),
        ...(roleId !== undefined && { role_id: roleId }),
        ...(accountableType !== undefined && { accountable_type: accountableType }),
        ...(accountableId !== undefined && { accountable_id: accountableId }),
        updated_at: now,
      }),
    clearProfile: (id, now) =>
      change(id, {
        name: null,
        first_name: '',
        last_name: '',
        image: null,
        passkey_handle: null,
        code_factor: null,
        updated_at: now,
      }),
    setProfile: (id, { firstName, image, lastName, name }, now) =>
      change(id, { name, first_name: firstName, last_name: lastName, image, updated_at: now }),
    setLocale: (id, locale, now) => change(id, { locale, updated_at: now }),
    setDefaultSite: (id, siteId) => change(id, { default_site_id: siteId }),
    setCodeFactor: (id, factor, now) => change(id, { code_factor: factor, updated_at: now }),
    async recordSignIn(id, { address, at }) {
      effects.accounts.add(id);
      const row = await db
        .updateTable('account')
        .set((expression) => ({
          sign_in_count: expression('sign_in_count', '+', 1),
          last_sign_in_at: expression.ref('current_sign_in_at'),
          last_sign_in_address: expression.ref('current_sign_in_address'),
          current_sign_in_at: at,
          current_sign_in_address: address,
          failed_attempts: 0,
          locked_out_at: null,
        }))
        .where('id', '=', id)
        .returningAll()
        .executeTakeFirstOrThrow();
      return trackingFrom(row);
    },
    async recordFailedAttempt(id, lockedOutAt) {
      effects.accounts.add(id);
      await db
        .updateTable('account')
        .set((expression) => ({
          failed_attempts: expression('failed_attempts', '+', 1),
          ...(lockedOutAt !== null && { locked_out_at: lockedOutAt }),
        }))
        .where('id', '=', id)
        .execute();
    },
    clearFailedAttempts: (id) => change(id, { failed_attempts: 0, locked_out_at: null }),
    async countWrongCode(id) {
      effects.accounts.add(id);
      const { wrong_codes } = await db
        .updateTable('account')
        .set((expression) => ({ wrong_codes: expression('wrong_codes', '+', 1) }))
        .where('id', '=', id)
        .returning('wrong_codes')
        .executeTakeFirstOrThrow();
      return wrong_codes;
    },
    clearWrongCodes: (id) => change(id, { wrong_codes: 0 }),
    async delete(id) {
      effects.accounts.add(id);
      const { numDeletedRows } = await db.deleteFrom('account').where('id', '=', id).executeTakeFirst();
      return numDeletedRows === 1n;
    },
  };
}

/**
 * `name`, `name2`, `name3`, then `name` with digits of the account's own uuid, more at each try: a hundred thousand people
 * called "info", or whose number is all that is known of them, find a free one after a few.
 */
function* usernames({ username, uuid }: { username: string; uuid: string }): Generator<string> {
  yield username;
  yield `${username}2`;
  yield `${username}3`;
  const digits = BigInt(`0x${uuid.replaceAll('-', '')}`).toString();
  for (let count = 4; count <= digits.length; count += 2) yield `${username}${digits.slice(-count)}`;
}

/**
 * Accounts with the identifiers they hold. What never changes is written out: SQLite plans a statement anew for each
 * value bound where a partial index could serve, and that took four times as long as the read.
 */
function accountRows(db: Kysely<Database>) {
  return db
    .selectFrom('account')
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
    ]);
}

/**
 * By name, not `*`: a statement that PostgreSQL keeps prepared would fail in a running server as soon as another one's
 * migration adds a column.
 */
export const ACCOUNT_COLUMNS = [
  'account.id',
  'account.uuid',
  'account.name',
  'account.image',
  'account.first_name',
  'account.last_name',
  'account.username',
  'account.locale',
  'account.role',
  'account.role_id',
  'account.accountable_type',
  'account.accountable_id',
  'account.epoch',
  'account.code_factor',
  'account.disabled_at',
  'account.created_at',
  'account.updated_at',
  'account.created_from_address',
  'account.created_from_user_agent',
  'account.sign_in_count',
  'account.current_sign_in_at',
  'account.last_sign_in_at',
  'account.current_sign_in_address',
  'account.last_sign_in_address',
  'account.failed_attempts',
  'account.locked_out_at',
  'account.wrong_codes',
  'account.passkey_handle',
  'account.default_site_id',
] as const satisfies readonly `account.${keyof AccountTable}`[];

export function accountFrom(row: Row): Account {
  return {
    id: row.id as AccountId,
    uuid: row.uuid,
    name: row.name,
    image: row.image,
    firstName: row.first_name,
    lastName: row.last_name,
    username: row.username,
    locale: row.locale as Locale,
    role: row.role,
    roleId: row.role_id,
    accountableType: row.accountable_type,
    accountableId: row.accountable_id ?? row.id,
    epoch: row.epoch,
    codeFactor: row.code_factor as CodeFactor | null,
    defaultSiteId: row.default_site_id as SiteId | null,
    disabledAt: row.disabled_at,
    email: row.email,
    emailVerifiedAt: row.email_verified_at,
    phone: row.phone,
    phoneVerifiedAt: row.phone_verified_at,
    ...trackingFrom(row),
    wrongCodes: row.wrong_codes,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    createdFrom: { address: row.created_from_address, userAgent: row.created_from_user_agent },
  };
}

function trackingFrom(row: Selectable<AccountTable>) {
  const place = (at: number | null, address: string | null) => (at === null ? null : { at, address });
  return {
    signInCount: row.sign_in_count,
    currentSignIn: place(row.current_sign_in_at, row.current_sign_in_address),
    lastSignIn: place(row.last_sign_in_at, row.last_sign_in_address),
    failedAttempts: row.failed_attempts,
    lockedOutAt: row.locked_out_at,
  };
}
