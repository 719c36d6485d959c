import type { Account } from './account.ts';
import type { Session } from './session.ts';
import type { Site } from './site.ts';
import type { Held } from './site-store.ts';
import type { World } from './world.ts';

/** What an account may do in the host application, as far as a session sees it. All names are sorted. */
export interface Rights {
  /** Where the session is: the site it chose while the account is a member there, else the account's lowest. */
  site: Site | null;
  roles: string[];
  /** Those given at the site or everywhere, and those of the roles. */
  permissions: string[];
  /** Every site of the account, by id. */
  sites: { site: Site; roles: string[]; directPermissions: string[] }[];
}

/**
 * Reads what an account may do, anew at each call: what was taken away is gone at once (ASVS 5.0: 8.3.2; R124).
 * Guichet itself obeys none of it (rule 10).
 */
export async function rightsOf(
  world: Pick<World, 'store'>,
  { account, session }: { account: Pick<Account, 'id'>; session: Pick<Session, 'siteId'> },
): Promise<Rights> {
  const { permissions, roles, sites } = world.store;
  const joined = await sites.listOf(account.id);
  const site = joined.find(({ id }) => id === session.siteId) ?? joined[0];
  if (!site) return { site: null, roles: [], permissions: [], sites: [] };
  const held = { roles: await roles.listHeld(account.id), direct: await permissions.listHeld(account.id) };
  const byRoles = await permissions.listByRoles(account.id, site.id);
  return {
    site,
    roles: namesAt(site, held.roles),
    permissions: sorted([...namesAt(site, held.direct), ...byRoles]),
    sites: joined.map((each) => ({
      site: each,
      roles: namesAt(each, held.roles),
      directPermissions: namesAt(each, held.direct),
    })),
  };
}

function namesAt(site: Site, held: readonly Held[]): string[] {
  return sorted(held.filter(({ siteId }) => siteId === null || siteId === site.id).map(({ name }) => name));
}

const sorted = (names: readonly string[]): string[] => [...new Set(names)].sort();
