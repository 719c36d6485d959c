import { type Kysely, type Selectable, sql } from 'kysely';
import type { AccountId } from '../core/account.ts';
import type { Site, SiteId } from '../core/site.ts';
import type { Sites } from '../core/site-store.ts';
import type { DatabaseHandle, Effects } from './database.ts';
import type { Database } from './schema.ts';

export function sitesOn(db: Kysely<Database>, effects: Effects, kind: DatabaseHandle['kind']): Sites {
  const membersSites = (accountId: AccountId) =>
    db
      .selectFrom('site_member')
      .innerJoin('site', 'site.id', 'site_member.site_id')
      .selectAll('site')
      .where('site_member.account_id', '=', accountId);

  return {
    async holdAll() {
      // SQLite has one writer at a time already. Sessions that refer to a site go on.
      if (kind === 'postgres') await sql`lock table site, role, permission in share row exclusive mode`.execute(db);
    },
    async create({ name, isHeadquarters, now }) {
      const row = await db
        .insertInto('site')
        .values({ name, is_headquarters: isHeadquarters ? 1 : 0, created_at: now })
        .returningAll()
        .executeTakeFirstOrThrow();
      return siteFrom(row);
    },
    async find(id) {
      const row = await db.selectFrom('site').selectAll().where('id', '=', id).executeTakeFirst();
      return row && siteFrom(row);
    },
    async list() {
      return (await db.selectFrom('site').selectAll().orderBy('id').execute()).map(siteFrom);
    },
    async change(id, { name, isHeadquarters }) {
      await db
        .updateTable('site')
        .set({
          ...(name !== undefined && { name }),
          ...(isHeadquarters !== undefined && { is_headquarters: isHeadquarters ? 1 : 0 }),
        })
        .where('id', '=', id)
        .execute();
    },
    async delete(id) {
      // Accounts before the site: a sign-in holds its account, then refers to the site, and would else wait for who waits for it.
      const left = [
        ...(await db
          .updateTable('account')
          .set({ default_site_id: null })
          .where('default_site_id', '=', id)
          .returning('id as account_id')
          .execute()),
        ...(await db
          .updateTable('session')
          .set({ site_id: null })
          .where('site_id', '=', id)
          .returning('account_id')
          .execute()),
      ];
      for (const { account_id } of left) effects.accounts.add(account_id as AccountId);
      await db.deleteFrom('site').where('id', '=', id).execute();
    },
    async join(id, accountId, now) {
      const { numInsertedOrUpdatedRows } = await db
        .insertInto('site_member')
        .values({ account_id: accountId, site_id: id, created_at: now })
        .onConflict((conflict) => conflict.columns(['account_id', 'site_id']).doNothing())
        .executeTakeFirst();
      return numInsertedOrUpdatedRows === 1n;
    },
    async leave(id, accountId) {
      for (const given of ['role_grant', 'permission_grant'] as const) {
        await db.deleteFrom(given).where('account_id', '=', accountId).where('site_id', '=', id).execute();
      }
      const { numDeletedRows } = await db
        .deleteFrom('site_member')
        .where('account_id', '=', accountId)
        .where('site_id', '=', id)
        .executeTakeFirst();
      return numDeletedRows === 1n;
    },
    async listOf(accountId) {
      return (await membersSites(accountId).orderBy('site.id').execute()).map(siteFrom);
    },
    async holdFor(accountId, id) {
      const query = membersSites(accountId).where('site_member.site_id', '=', id);
      const row = await (kind === 'postgres' ? query.forKeyShare('site') : query).executeTakeFirst();
      return row && siteFrom(row);
    },
  };
}

function siteFrom(row: Selectable<Database['site']>): Site {
  return { id: row.id as SiteId, name: row.name, isHeadquarters: row.is_headquarters === 1 };
}
