import { type ColumnDefinitionBuilder, type Kysely, PostgresAdapter } from 'kysely';

/** Sites, roles and permissions; what a session that a browser's cookie opens remembers. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter;
  const idType = postgres ? 'bigint' : 'integer';
  const counting = (column: ColumnDefinitionBuilder) =>
    postgres ? column.primaryKey().generatedAlwaysAsIdentity() : column.primaryKey().autoIncrement();
  const account = (column: ColumnDefinitionBuilder) => column.notNull().references('account.id').onDelete('cascade');
  const site = (column: ColumnDefinitionBuilder) => column.references('site.id').onDelete('cascade');
  const role = (column: ColumnDefinitionBuilder) => column.notNull().references('role.id').onDelete('cascade');
  const permission = (column: ColumnDefinitionBuilder) =>
    column.notNull().references('permission.name').onDelete('cascade');
  const required = (column: ColumnDefinitionBuilder) => column.notNull();
  const count = (column: ColumnDefinitionBuilder) => column.notNull().defaultTo(0);

  await db.schema
    .createTable('site')
    .addColumn('id', idType, counting)
    .addColumn('name', 'text', required)
    .addColumn('is_headquarters', 'integer', count)
    .addColumn('created_at', 'bigint', required)
    .execute();
  await db.schema
    .createTable('site_member')
    .addColumn('account_id', idType, account)
    .addColumn('site_id', idType, (column) => site(column).notNull())
    .addColumn('created_at', 'bigint', required)
    .addPrimaryKeyConstraint('site_member_key', ['account_id', 'site_id'])
    .execute();
  await db.schema.createIndex('site_member_site').on('site_member').column('site_id').execute();

  await db.schema
    .createTable('role')
    .addColumn('id', idType, counting)
    .addColumn('name', 'text', required)
    .addColumn('level', 'integer', count)
    .addColumn('site_id', idType, site)
    // 0 for a role of every site: a null would be unlike every other null.
    .addColumn('site_key', idType, required)
    .addColumn('created_at', 'bigint', required)
    .addUniqueConstraint('role_name', ['name', 'site_key'])
    .execute();
  await db.schema.createIndex('role_site').on('role').column('site_id').execute();
  await db.schema
    .createTable('permission')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('created_at', 'bigint', required)
    .execute();
  await db.schema
    .createTable('role_permission')
    .addColumn('role_id', idType, role)
    .addColumn('permission', 'text', permission)
    .addPrimaryKeyConstraint('role_permission_key', ['role_id', 'permission'])
    .execute();
  await db.schema.createIndex('role_permission_name').on('role_permission').column('permission').execute();

  await db.schema
    .createTable('role_grant')
    .addColumn('account_id', idType, account)
    .addColumn('role_id', idType, role)
    .addColumn('site_id', idType, site)
    .addColumn('site_key', idType, required)
    .addColumn('created_at', 'bigint', required)
    .addPrimaryKeyConstraint('role_grant_key', ['account_id', 'role_id', 'site_key'])
    .execute();
  await db.schema.createIndex('role_grant_role').on('role_grant').column('role_id').execute();
  await db.schema.createIndex('role_grant_site').on('role_grant').column('site_id').execute();
  await db.schema
    .createTable('permission_grant')
    .addColumn('account_id', idType, account)
    .addColumn('permission', 'text', permission)
    .addColumn('site_id', idType, site)
    .addColumn('site_key', idType, required)
    .addColumn('created_at', 'bigint', required)
    .addPrimaryKeyConstraint('permission_grant_key', ['account_id', 'permission', 'site_key'])
    .execute();
  await db.schema.createIndex('permission_grant_name').on('permission_grant').column('permission').execute();
  await db.schema.createIndex('permission_grant_site').on('permission_grant').column('site_id').execute();

  // One column a statement: SQLite adds no more at once.
  const chosenSite = (column: ColumnDefinitionBuilder) => column.references('site.id').onDelete('set null');
  await db.schema.alterTable('account').addColumn('default_site_id', idType, chosenSite).execute();
  await db.schema.createIndex('account_default_site').on('account').column('default_site_id').execute();
  await db.schema.alterTable('session').addColumn('site_id', idType, chosenSite).execute();
  await db.schema.createIndex('session_site').on('session').column('site_id').execute();
  await db.schema.alterTable('session').addColumn('password_confirmed_at', 'bigint').execute();
  await db.schema.alterTable('session').addColumn('previous_token_digest', 'text').execute();
  await db.schema.alterTable('session').addColumn('token_renewed_at', 'bigint').execute();
  await db.schema
    .createIndex('session_previous_token')
    .unique()
    .on('session')
    .column('previous_token_digest')
    .execute();

  await db.schema.alterTable('pending_login').addColumn('remember', 'integer', count).execute();
  await db.schema.alterTable('pending_factor').addColumn('session_id', 'text').execute();
  await db.schema.alterTable('pending_factor').addColumn('sealed_recovery_codes', 'text').execute();
  await db.schema
    .createTable('shown_recovery_codes')
    .addColumn('session_id', 'text', (column) => column.primaryKey().references('session.id').onDelete('cascade'))
    .addColumn('account_id', idType, account)
    .addColumn('sealed', 'text', required)
    .addColumn('expires_at', 'bigint', required)
    .execute();
  await db.schema.createIndex('shown_recovery_codes_account').on('shown_recovery_codes').column('account_id').execute();
  await db.schema.createIndex('shown_recovery_codes_expiry').on('shown_recovery_codes').column('expires_at').execute();
}
