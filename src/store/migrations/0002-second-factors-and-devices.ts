import { type ColumnDefinitionBuilder, type Kysely, PostgresAdapter } from 'kysely';

/** Devices, delivered codes, second factors, and the count of sign-ins. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  const idType = postgres ? 'bigint' : 'integer';
  const counting = (column: ColumnDefinitionBuilder) =>
    postgres ? column.primaryKey().generatedAlwaysAsIdentity() : column.primaryKey().autoIncrement();
  const account = (column: ColumnDefinitionBuilder) => column.notNull().references('account.id').onDelete('cascade');
  const ownAccount = (column: ColumnDefinitionBuilder) =>
    column.primaryKey().references('account.id').onDelete('cascade');
  const required = (column: ColumnDefinitionBuilder) => column.notNull();
  const count = (column: ColumnDefinitionBuilder) => column.notNull().defaultTo(0);

  // One column a statement: SQLite adds no more at once.
  await db.schema.alterTable('account').addColumn('sign_in_count', 'integer', count).execute();
  await db.schema.alterTable('account').addColumn('current_sign_in_at', 'bigint').execute();
  await db.schema.alterTable('account').addColumn('last_sign_in_at', 'bigint').execute();
  await db.schema.alterTable('account').addColumn('current_sign_in_address', 'text').execute();
  await db.schema.alterTable('account').addColumn('last_sign_in_address', 'text').execute();
  await db.schema.alterTable('account').addColumn('failed_attempts', 'integer', count).execute();
  await db.schema.alterTable('account').addColumn('locked_out_at', 'bigint').execute();
  await db.schema.alterTable('account').addColumn('wrong_codes', 'integer', count).execute();
  await db.schema.alterTable('password').addColumn('disabled_at', 'bigint').execute();

  await db.schema
    .createTable('device')
    .addColumn('id', idType, counting)
    .addColumn('account_id', idType, account)
    .addColumn('label', 'text', required)
    .addColumn('type', 'text')
    .addColumn('name', 'text')
    .addColumn('os', 'text')
    .addColumn('address', 'text')
    .addColumn('created_at', 'bigint', required)
    .addColumn('last_used_at', 'bigint', required)
    .addUniqueConstraint('device_label', ['account_id', 'label'])
    .execute();
  await db.schema
    .alterTable('session')
    .addColumn('device_id', idType, (column) => column.references('device.id').onDelete('cascade'))
    .execute();
  await db.schema.createIndex('session_device').on('session').column('device_id').execute();

  await db.schema
    .createTable('delivered_code')
    .addColumn('account_id', idType, account)
    .addColumn('purpose', 'text', required)
    .addColumn('binding', 'text', required)
    .addColumn('digest', 'text', required)
    .addColumn('channel', 'text', required)
    .addColumn('destination', 'text', required)
    .addColumn('network', 'text', required)
    .addColumn('epoch', 'integer', required)
    .addColumn('tries', 'integer', count)
    .addColumn('sent_at', 'bigint', required)
    .addColumn('expires_at', 'bigint', required)
    .addPrimaryKeyConstraint('delivered_code_key', ['account_id', 'purpose', 'binding'])
    .execute();
  await db.schema.createIndex('delivered_code_expiry').on('delivered_code').column('expires_at').execute();

  await db.schema.alterTable('pending_login').addColumn('network', 'text').execute();
  await db.schema.alterTable('pending_login').addColumn('code_binding', 'text').execute();
  await db.schema.alterTable('pending_login').addColumn('device', 'text').execute();

  await db.schema
    .createTable('totp')
    .addColumn('account_id', idType, ownAccount)
    .addColumn('sealed_secret', 'text', required)
    .addColumn('last_step', 'bigint', required)
    .addColumn('confirmed_at', 'bigint', required)
    .execute();
  await db.schema
    .createTable('pending_factor')
    .addColumn('account_id', idType, ownAccount)
    .addColumn('channel', 'text', required)
    .addColumn('sealed_secret', 'text')
    .addColumn('epoch', 'integer', required)
    .addColumn('tries', 'integer', count)
    .addColumn('expires_at', 'bigint', required)
    .execute();
  await db.schema.createIndex('pending_factor_expiry').on('pending_factor').column('expires_at').execute();
  await db.schema
    .createTable('recovery_code')
    .addColumn('account_id', idType, account)
    .addColumn('digest', 'text', required)
    .addPrimaryKeyConstraint('recovery_code_key', ['account_id', 'digest'])
    .execute();
}
