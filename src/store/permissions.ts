import type { Kysely } from 'kysely';
import type { SiteId } from '../core/site.ts';
import type { Permissions } from '../core/site-store.ts';
import { inBatches } from './batches.ts';
import type { Database } from './schema.ts';

export function permissionsOn(db: Kysely<Database>): Permissions {
  return {
    async create(names, now) {
      const made: string[] = [];
      for (const batch of inBatches(names)) {
        const rows = await db
          .insertInto('permission')
          .values(batch.map((name) => ({ name, created_at: now })))
          .onConflict((conflict) => conflict.column('name').doNothing())
          .returning('name')
          .execute();
        made.push(...rows.map(({ name }) => name));
      }
      return made.sort();
    },
    async delete(name) {
      const { numDeletedRows } = await db.deleteFrom('permission').where('name', '=', name).executeTakeFirst();
      return numDeletedRows === 1n;
    },
    async list() {
      return (await db.selectFrom('permission').select('name').execute()).map(({ name }) => name).sort();
    },
    async grant(accountId, name, siteId, now) {
      const { numInsertedOrUpdatedRows } = await db
        .insertInto('permission_grant')
        .values({ account_id: accountId, permission: name, site_id: siteId, site_key: siteId ?? 0, created_at: now })
        .onConflict((conflict) => conflict.columns(['account_id', 'permission', 'site_key']).doNothing())
        .executeTakeFirst();
      return numInsertedOrUpdatedRows === 1n;
    },
    async revoke(accountId, name, siteId) {
      const { numDeletedRows } = await db
        .deleteFrom('permission_grant')
        .where('account_id', '=', accountId)
        .where('permission', '=', name)
        .where('site_key', '=', siteId ?? 0)
        .executeTakeFirst();
      return numDeletedRows === 1n;
    },
    async listHeld(accountId) {
      const rows = await db
        .selectFrom('permission_grant')
        .select(['permission', 'site_id'])
        .where('account_id', '=', accountId)
        .execute();
      return rows.map(({ permission, site_id }) => ({ name: permission, siteId: site_id as SiteId | null }));
    },
    async listByRoles(accountId, siteId) {
      const rows = await db
        .selectFrom('role_grant as given')
        .innerJoin('role', 'role.id', 'given.role_id')
        .innerJoin('role_permission', 'role_permission.role_id', 'role.id')
        .select('role_permission.permission')
        .distinct()
        .where('given.account_id', '=', accountId)
        .where('given.site_key', 'in', [0, siteId])
        .where('role.site_key', 'in', [0, siteId])
        .execute();
      return rows.map(({ permission }) => permission);
    },
  };
}
