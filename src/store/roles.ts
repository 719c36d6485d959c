import { type Kysely, type Selectable, sql } from 'kysely';
import type { Role, RoleId } from '../core/role.ts';
import type { SiteId } from '../core/site.ts';
import type { Roles } from '../core/site-store.ts';
import { inBatches } from './batches.ts';
import type { Database, RoleTable } from './schema.ts';

export function rolesOn(db: Kysely<Database>): Roles {
  return {
    async create({ name, level, siteId, now }) {
      const row = await db
        .insertInto('role')
        .values({ name, level, site_id: siteId, site_key: siteId ?? 0, created_at: now })
        .onConflict((conflict) => conflict.columns(['name', 'site_key']).doNothing())
        .returningAll()
        .executeTakeFirst();
      return row && roleFrom(row, []);
    },
    async find(name, siteId) {
      const row = await db
        .selectFrom('role')
        .selectAll()
        .where('name', '=', name)
        .where('site_key', '=', siteId ?? 0)
        .executeTakeFirst();
      if (!row) return undefined;
      const permissions = await db
        .selectFrom('role_permission')
        .select('permission')
        .where('role_id', '=', row.id)
        .execute();
      return roleFrom(row, permissions);
    },
    async list() {
      const rows = await db.selectFrom('role').selectAll().orderBy('site_key').execute();
      const permissions = await db.selectFrom('role_permission').selectAll().execute();
      const byRole = Map.groupBy(permissions, ({ role_id }) => role_id);
      const roles = rows.map((row) => roleFrom(row, byRole.get(row.id) ?? []));
      // Each database has an order of its own for letters.
      return roles.sort((one, other) => (one.name < other.name ? -1 : one.name > other.name ? 1 : 0));
    },
    async setLevel(id, level) {
      await db.updateTable('role').set({ level }).where('id', '=', id).execute();
    },
    async addPermissions(id, names) {
      for (const batch of inBatches(names)) {
        await db
          .insertInto('role_permission')
          .values(batch.map((permission) => ({ role_id: id, permission })))
          .onConflict((conflict) => conflict.columns(['role_id', 'permission']).doNothing())
          .execute();
      }
    },
    async removePermissions(id, names) {
      for (const batch of inBatches(names)) {
        await db.deleteFrom('role_permission').where('role_id', '=', id).where('permission', 'in', batch).execute();
      }
    },
    async delete(id) {
      await db.deleteFrom('role').where('id', '=', id).execute();
    },
    async grant(accountId, id, siteId, now) {
      const { numInsertedOrUpdatedRows } = await db
        .insertInto('role_grant')
        .values({ account_id: accountId, role_id: id, site_id: siteId, site_key: siteId ?? 0, created_at: now })
        .onConflict((conflict) => conflict.columns(['account_id', 'role_id', 'site_key']).doNothing())
        .executeTakeFirst();
      return numInsertedOrUpdatedRows === 1n;
    },
    async revoke(accountId, id, siteId) {
      const { numDeletedRows } = await db
        .deleteFrom('role_grant')
        .where('account_id', '=', accountId)
        .where('role_id', '=', id)
        .where('site_key', '=', siteId ?? 0)
        .executeTakeFirst();
      return numDeletedRows === 1n;
    },
    async listHeld(accountId) {
      const rows = await db
        .selectFrom('role_grant as given')
        .innerJoin('role', 'role.id', 'given.role_id')
        .select(['role.name', sql<number | null>`coalesce(given.site_id, role.site_id)`.as('site_id')])
        .where('given.account_id', '=', accountId)
        .where((is) =>
          is.or([
            is('role.site_key', '=', 0),
            is('given.site_key', '=', 0),
            is('role.site_key', '=', is.ref('given.site_key')),
          ]),
        )
        .execute();
      return rows.map(({ name, site_id }) => ({ name, siteId: site_id as SiteId | null }));
    },
  };
}

function roleFrom(row: Selectable<RoleTable>, permissions: readonly { permission: string }[]): Role {
  return {
    id: row.id as RoleId,
    name: row.name,
    level: row.level,
    siteId: row.site_id as SiteId | null,
    permissions: permissions.map(({ permission }) => permission).sort(),
  };
}
