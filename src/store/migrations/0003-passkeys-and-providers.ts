import { type ColumnDefinitionBuilder, type Kysely, PostgresAdapter } from 'kysely';

/** Opaque session tokens, passkeys, identities at other providers, and what a mailed link leads on to. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  const idType = postgres ? 'bigint' : 'integer';
  const account = (column: ColumnDefinitionBuilder) => column.notNull().references('account.id').onDelete('cascade');
  const required = (column: ColumnDefinitionBuilder) => column.notNull();

  // One column a statement: SQLite adds no more at once.
  await db.schema.alterTable('account').addColumn('image', 'text').execute();
  await db.schema.alterTable('account').addColumn('passkey_handle', 'text').execute();
  await db.schema.alterTable('session').addColumn('token_digest', 'text').execute();
  await db.schema.createIndex('session_token').unique().on('session').column('token_digest').execute();
  await db.schema.alterTable('one_time_token').addColumn('facts', 'text').execute();
  await db.schema
    .alterTable('pending_login')
    .addColumn('first_factor', 'text', (column) => column.notNull().defaultTo('password'))
    .execute();

  await db.schema.alterTable('pending_login').addColumn('joins', 'text').execute();
  await db.schema.alterTable('pending_login').addColumn('origin', 'text').execute();

  await db.schema
    .createTable('passkey')
    .addColumn('uuid', 'text', (column) => column.primaryKey())
    .addColumn('account_id', idType, account)
    .addColumn('credential_id', 'text', (column) => column.notNull().unique())
    .addColumn('public_key', 'text', required)
    .addColumn('counter', 'bigint', required)
    .addColumn('transports', 'text', required)
    .addColumn('backup_eligible', 'integer', required)
    .addColumn('backed_up', 'integer', required)
    .addColumn('aaguid', 'text', required)
    .addColumn('name', 'text')
    .addColumn('created_at', 'bigint', required)
    .addColumn('last_used_at', 'bigint')
    .execute();
  await db.schema.createIndex('passkey_account').on('passkey').column('account_id').execute();

  await db.schema
    .createTable('linked_identity')
    .addColumn('provider', 'text', required)
    .addColumn('subject', 'text', required)
    .addColumn('account_id', idType, account)
    .addColumn('email', 'text')
    .addColumn('created_at', 'bigint', required)
    .addColumn('last_used_at', 'bigint')
    .addPrimaryKeyConstraint('linked_identity_key', ['provider', 'subject'])
    .addUniqueConstraint('linked_identity_account', ['account_id', 'provider'])
    .execute();

  await db.schema
    .createTable('spent_challenge')
    .addColumn('digest', 'text', (column) => column.primaryKey())
    .addColumn('expires_at', 'bigint', required)
    .execute();
  await db.schema.createIndex('spent_challenge_expiry').on('spent_challenge').column('expires_at').execute();
}
