import { type ColumnDefinitionBuilder, type Kysely, PostgresAdapter, sql } from 'kysely';

/** Accounts, how they are found, what they prove themselves with, and the record of it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  const idType = postgres ? 'bigint' : 'integer';
  // An id never comes back after deletion (rule 12).
  const counting = (column: ColumnDefinitionBuilder) =>
    postgres ? column.primaryKey().generatedAlwaysAsIdentity() : column.primaryKey().autoIncrement();
  const account = (column: ColumnDefinitionBuilder) => column.notNull().references('account.id').onDelete('cascade');
  const required = (column: ColumnDefinitionBuilder) => column.notNull();
  const key = (column: ColumnDefinitionBuilder) => column.primaryKey();

  await db.schema
    .createTable('account')
    .addColumn('id', idType, counting)
    .addColumn('uuid', 'text', (column) => column.notNull().unique())
    .addColumn('name', 'text')
    .addColumn('first_name', 'text', required)
    .addColumn('last_name', 'text', required)
    .addColumn('username', 'text', (column) => column.notNull().unique())
    .addColumn('locale', 'text', required)
    .addColumn('role', 'text', (column) => column.notNull().defaultTo('USER'))
    .addColumn('role_id', 'bigint', (column) => column.notNull().defaultTo(1))
    .addColumn('accountable_type', 'text', (column) => column.notNull().defaultTo('Account'))
    .addColumn('accountable_id', 'bigint')
    .addColumn('epoch', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('code_factor', 'text')
    .addColumn('disabled_at', 'bigint')
    .addColumn('created_at', 'bigint', required)
    .addColumn('updated_at', 'bigint', required)
    .addColumn('created_from_address', 'text')
    .addColumn('created_from_user_agent', 'text')
    .execute();

  await db.schema
    .createTable('identifier')
    .addColumn('id', idType, counting)
    .addColumn('account_id', idType, account)
    .addColumn('kind', 'text', required)
    .addColumn('value', 'text', required)
    .addColumn('pending', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('verified_at', 'bigint')
    .addColumn('created_at', 'bigint', required)
    .execute();
  await db.schema
    .createIndex('identifier_held')
    .unique()
    .on('identifier')
    .columns(['kind', 'value'])
    .where(sql.ref('pending'), '=', sql.lit(0))
    .execute();
  await db.schema.createIndex('identifier_account').on('identifier').column('account_id').execute();

  await db.schema
    .createTable('buried_identifier')
    .addColumn('digest', 'text', key)
    .addColumn('until', 'bigint', required)
    .execute();

  await db.schema
    .createTable('password')
    .addColumn('account_id', idType, (column) => column.primaryKey().references('account.id').onDelete('cascade'))
    .addColumn('hash', 'text', required)
    .addColumn('pepper_id', 'text', required)
    .addColumn('changed_at', 'bigint', required)
    .execute();

  await db.schema
    .createTable('session')
    .addColumn('id', 'text', key)
    .addColumn('account_id', idType, account)
    .addColumn('contract', 'text', required)
    .addColumn('token_id', 'text')
    .addColumn('previous_token_id', 'text')
    .addColumn('created_at', 'bigint', required)
    .addColumn('authenticated_at', 'bigint', required)
    .addColumn('factor_proven_at', 'bigint')
    .addColumn('last_used_at', 'bigint', required)
    .addColumn('expires_at', 'bigint', required)
    .addColumn('address', 'text')
    .addColumn('user_agent', 'text')
    .execute();
  await db.schema.createIndex('session_account').on('session').columns(['account_id', 'last_used_at']).execute();
  await db.schema.createIndex('session_expiry').on('session').column('expires_at').execute();

  await db.schema
    .createTable('refresh_token')
    .addColumn('digest', 'text', key)
    .addColumn('session_id', 'text', (column) => column.notNull().references('session.id').onDelete('cascade'))
    .addColumn('created_at', 'bigint', required)
    .addColumn('expires_at', 'bigint', required)
    .addColumn('rotated_at', 'bigint')
    .addColumn('nonce', 'text')
    .addColumn('key_id', 'text')
    .addColumn('successor_digest', 'text')
    .execute();
  await db.schema.createIndex('refresh_token_session').on('refresh_token').column('session_id').execute();
  await db.schema.createIndex('refresh_token_expiry').on('refresh_token').column('expires_at').execute();

  await db.schema
    .createTable('one_time_token')
    .addColumn('digest', 'text', key)
    .addColumn('purpose', 'text', required)
    .addColumn('account_id', idType, account)
    .addColumn('epoch', 'integer', required)
    .addColumn('identifier', 'text', required)
    .addColumn('created_at', 'bigint', required)
    .addColumn('expires_at', 'bigint', required)
    .execute();
  await db.schema
    .createIndex('one_time_token_account')
    .on('one_time_token')
    .columns(['account_id', 'purpose'])
    .execute();
  await db.schema.createIndex('one_time_token_expiry').on('one_time_token').column('expires_at').execute();

  await db.schema
    .createTable('pending_login')
    .addColumn('digest', 'text', key)
    .addColumn('account_id', idType, account)
    .addColumn('contract', 'text', required)
    .addColumn('epoch', 'integer', required)
    .addColumn('tries', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('created_at', 'bigint', required)
    .addColumn('expires_at', 'bigint', required)
    .execute();
  await db.schema.createIndex('pending_login_account').on('pending_login').column('account_id').execute();
  await db.schema.createIndex('pending_login_expiry').on('pending_login').column('expires_at').execute();

  await db.schema
    .createTable('known_client')
    .addColumn('digest', 'text', required)
    .addColumn('account_id', idType, account)
    .addColumn('signed_in_at', 'bigint', required)
    .addPrimaryKeyConstraint('known_client_key', ['digest', 'account_id'])
    .execute();
  await db.schema.createIndex('known_client_account').on('known_client').column('account_id').execute();

  await db.schema
    .createTable('attempt')
    .addColumn('identifier_digest', 'text', required)
    .addColumn('client', 'text', required)
    .addColumn('taken', 'integer', required)
    .addColumn('decided', 'integer', required)
    .addColumn('total', 'integer', required)
    .addColumn('locks', 'integer', required)
    .addColumn('locked_until', 'bigint')
    .addColumn('last_taken_at', 'bigint', required)
    .addColumn('has_account', 'integer', (column) => column.notNull().defaultTo(0))
    .addPrimaryKeyConstraint('attempt_key', ['identifier_digest', 'client'])
    .execute();
  await db.schema.createIndex('attempt_age').on('attempt').column('last_taken_at').execute();

  await db.schema
    .createTable('rate_limit')
    .addColumn('key', 'text', key)
    .addColumn('count', 'integer', required)
    .addColumn('resets_at', 'bigint', required)
    .addColumn('pending', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('pending_at', 'bigint', (column) => column.notNull().defaultTo(0))
    .execute();
  await db.schema.createIndex('rate_limit_reset').on('rate_limit').column('resets_at').execute();

  await db.schema
    .createTable('outbox')
    .addColumn('id', 'text', key)
    .addColumn('account_id', idType, (column) => column.references('account.id').onDelete('set null'))
    .addColumn('channel', 'text', required)
    .addColumn('template', 'text', required)
    .addColumn('locale', 'text', required)
    .addColumn('sealed', 'text')
    .addColumn('created_at', 'bigint', required)
    .addColumn('expires_at', 'bigint', required)
    .addColumn('next_attempt_at', 'bigint', required)
    .addColumn('attempts', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('claimed_by', 'text')
    .addColumn('claimed_until', 'bigint')
    .addColumn('sent_at', 'bigint')
    .addColumn('dropped_at', 'bigint')
    .addColumn('last_error', 'text')
    .execute();
  await db.schema
    .createIndex('outbox_waiting')
    .on('outbox')
    .column('next_attempt_at')
    .where(sql.ref('sealed'), 'is not', sql.lit(null))
    .execute();

  await db.schema
    .createTable('mailbox_message')
    .addColumn('id', 'text', key)
    .addColumn('sealed', 'text', required)
    .addColumn('created_at', 'bigint', required)
    .execute();

  await db.schema
    .createTable('audit_event')
    .addColumn('id', idType, counting)
    .addColumn('kind', 'text', required)
    .addColumn('at', 'bigint', required)
    .addColumn('account_uuid', 'text')
    .addColumn('contract', 'text', required)
    .addColumn('facts', 'text', required)
    .addColumn('detail_digest', 'text')
    .addColumn('sequence', 'bigint', (column) => column.unique())
    .addColumn('seal', 'text')
    .execute();
  await db.schema.createIndex('audit_event_account').on('audit_event').columns(['account_uuid', 'at']).execute();
  await db.schema
    .createIndex('audit_event_unsealed')
    .on('audit_event')
    .column('id')
    .where(sql.ref('sequence'), 'is', sql.lit(null))
    .execute();

  await db.schema
    .createTable('audit_head')
    .addColumn('id', 'integer', key)
    .addColumn('sequence', 'bigint', required)
    .addColumn('seal', 'text', required)
    .execute();

  await db.schema
    .createTable('audit_detail')
    .addColumn('event_id', idType, (column) => column.primaryKey().references('audit_event.id').onDelete('cascade'))
    .addColumn('account_id', idType, (column) => column.references('account.id').onDelete('cascade'))
    .addColumn('address', 'text')
    .addColumn('user_agent', 'text')
    .execute();
  await db.schema.createIndex('audit_detail_account').on('audit_detail').column('account_id').execute();

  await db.schema
    .createTable('signing_key')
    .addColumn('kid', 'text', key)
    .addColumn('contract', 'text', required)
    .addColumn('algorithm', 'text', required)
    .addColumn('public_jwk', 'text', required)
    .addColumn('sealed_private_jwk', 'text', required)
    .addColumn('created_at', 'bigint', required)
    .addColumn('signs_from', 'bigint', required)
    .addColumn('verifies_until', 'bigint')
    .execute();
}
