import type { Static } from 'typebox';
import type { Account } from '../../core/account.ts';
import type { Rights } from '../../core/rights.ts';
import type { Site } from '../../core/site.ts';
import { avatarOf } from './avatar.ts';
import type * as schema from './schemas.ts';

/** Six digits of a second, as these front ends read them. */
const iso = (instant: number): string => new Date(instant).toISOString().replace('Z', '000Z');

export const fullName = ({ firstName, lastName, username }: Account): string =>
  [firstName, lastName].filter(Boolean).join(' ') || username;

const siteView = ({ id, isHeadquarters, name }: Site) => ({ id, name, is_headquarters: isHeadquarters });

/** Somebody, and what they may do at the site that their session is at. */
export const userView = (account: Account, rights: Rights): Static<typeof schema.User> => ({
  id: account.id,
  username: account.username,
  first_name: account.firstName,
  last_name: account.lastName,
  full_name: fullName(account),
  email: account.email ?? '',
  avatar: avatarOf(account),
  current_site_id: rights.site?.id ?? null,
  locale: account.locale,
  office_phone: null,
  cell_phone: account.phone,
  incident_count: 0,
  maintenance_count: 0,
  cleaning_count: 0,
  item_count: 0,
  item_exit_count: 0,
  item_entry_count: 0,
  last_login_date: account.currentSignIn && iso(account.currentSignIn.at),
  last_login_ip: account.currentSignIn?.address ?? null,
  roles: rights.roles,
  permissions: rights.permissions,
  sites: rights.sites.map(({ site }) => siteView(site)),
  sites_with_roles: rights.sites.map(({ roles, site }) => ({ site: siteView(site), roles })),
  sites_with_permissions: rights.sites.map(({ directPermissions, site }) => ({
    site: { id: site.id, name: site.name },
    permissions: directPermissions,
  })),
  deleted_at: null,
  deleted_by_id: null,
  created_at: iso(account.createdAt),
  updated_at: iso(account.updatedAt),
});
