import type { AccountId } from './account.ts';
import type { Role, RoleId } from './role.ts';
import type { Site, SiteId } from './site.ts';
import type { Instant } from './time.ts';

export interface Sites {
  /** Keeps other changes of sites, roles and permissions waiting until the transaction ends; nobody who reads them waits. */
  holdAll(): Promise<void>;
  create(site: Omit<Site, 'id'> & { now: Instant }): Promise<Site>;
  find(id: number): Promise<Site | undefined>;
  /** By id. */
  list(): Promise<Site[]>;
  change(id: SiteId, change: Partial<Omit<Site, 'id'>>): Promise<void>;
  /** Removes it with its own roles and all that holds there; whoever is at it is at none. */
  delete(id: SiteId): Promise<void>;
  /** @returns `false` if the account is a member already */
  join(id: SiteId, accountId: AccountId, now: Instant): Promise<boolean>;
  /** Takes away what the account was given at the site, too. @returns `false` if it is no member */
  leave(id: SiteId, accountId: AccountId): Promise<boolean>;
  /** Those the account is a member of, by id. */
  listOf(accountId: AccountId): Promise<Site[]>;
  /** One that the account is a member of; it is there until the transaction ends. */
  holdFor(accountId: AccountId, id: number): Promise<Site | undefined>;
}

/** What an account was given, and where: `null` stands for everywhere. */
export interface Held {
  name: string;
  siteId: SiteId | null;
}

export interface Roles {
  /** @returns `undefined` if there is one of this name, of the same site */
  create(role: Pick<Role, 'level' | 'name' | 'siteId'> & { now: Instant }): Promise<Role | undefined>;
  /** @param siteId the role's own site, or `null` for one of all sites */
  find(name: string, siteId: SiteId | null): Promise<Role | undefined>;
  /** By name, then by own site. */
  list(): Promise<Role[]>;
  setLevel(id: RoleId, level: number): Promise<void>;
  /** The permissions are there. */
  addPermissions(id: RoleId, names: readonly string[]): Promise<void>;
  removePermissions(id: RoleId, names: readonly string[]): Promise<void>;
  delete(id: RoleId): Promise<void>;
  /** @returns `false` if the account has it there already */
  grant(accountId: AccountId, id: RoleId, siteId: SiteId | null, now: Instant): Promise<boolean>;
  /** @returns `false` if the account does not have it there */
  revoke(accountId: AccountId, id: RoleId, siteId: SiteId | null): Promise<boolean>;
  /** A role that is a site's own is held there, even if it was granted everywhere. */
  listHeld(accountId: AccountId): Promise<Held[]>;
}

export interface Permissions {
  /** @returns those that are new */
  create(names: readonly string[], now: Instant): Promise<string[]>;
  /** Takes it from every role and account. @returns `false` if there is none of this name */
  delete(name: string): Promise<boolean>;
  list(): Promise<string[]>;
  /** @returns `false` if the account has it there already */
  grant(accountId: AccountId, name: string, siteId: SiteId | null, now: Instant): Promise<boolean>;
  /** @returns `false` if the account does not have it there */
  revoke(accountId: AccountId, name: string, siteId: SiteId | null): Promise<boolean>;
  /** Those that were given without a role. */
  listHeld(accountId: AccountId): Promise<Held[]>;
  /** Those of the roles that the account has at the site. */
  listByRoles(accountId: AccountId, siteId: SiteId): Promise<string[]>;
}
