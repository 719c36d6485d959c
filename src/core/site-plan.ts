import type { Role } from './role.ts';
import type { Site } from './site.ts';

/** What an operator wants there to be; what is not named stays. Names are as they are kept, each once. */
export interface Wanted {
  sites: { name: string; isHeadquarters?: boolean }[];
  permissions: string[];
  /** `site` is the name of the role's own site. A role has the permissions that are listed and no other. */
  roles: { name: string; site?: string; level?: number; permissions: string[] }[];
}

/** What there is. */
export interface Present {
  sites: readonly Site[];
  permissions: readonly string[];
  roles: readonly Role[];
}

/** One step from what there is to what is wanted. */
export type Change =
  | { change: 'create_site'; name: string; isHeadquarters: boolean }
  | { change: 'set_site'; id: number; name: string; isHeadquarters: boolean }
  | { change: 'create_permission'; name: string }
  | { change: 'create_role'; name: string; site: string | null; level: number; permissions: string[] }
  | {
      change: 'set_role';
      name: string;
      site: string | null;
      level: number;
      levelBefore: number;
      added: string[];
      removed: string[];
    };

export type Plan =
  | { outcome: 'planned'; changes: Change[] }
  /** A name that is to be one site's is several sites'. */
  | { outcome: 'ambiguous_site'; name: string; ids: number[] }
  | { outcome: 'unknown_site'; name: string; role: string };

/** Works out every step, in an order in which they can be taken. */
export function planChanges(wanted: Wanted, present: Present): Plan {
  const sites = Map.groupBy(present.sites, ({ name }) => name);
  const coming = new Set(wanted.sites.map(({ name }) => name));
  for (const name of [...coming, ...wanted.roles.flatMap(({ site = [] }) => site)]) {
    const named = sites.get(name) ?? [];
    if (named.length > 1) return { outcome: 'ambiguous_site', name, ids: named.map(({ id }) => id) };
  }
  for (const { name: role, site } of wanted.roles) {
    if (site !== undefined && !coming.has(site) && !sites.has(site))
      return { outcome: 'unknown_site', name: site, role };
  }
  const roleOf = (name: string, site: string | null): Role | undefined => {
    const own = site === null ? null : sites.get(site)?.[0]?.id;
    return present.roles.find((role) => role.name === name && role.siteId === own);
  };
  return {
    outcome: 'planned',
    changes: [
      ...wanted.sites.flatMap((site) => siteChange(site, sites.get(site.name)?.[0])),
      ...newPermissions(wanted, present),
      ...wanted.roles.flatMap((role) => roleChange(role, roleOf(role.name, role.site ?? null))),
    ],
  };
}

function siteChange({ name, isHeadquarters }: Wanted['sites'][number], site: Site | undefined): Change[] {
  if (!site) return [{ change: 'create_site', name, isHeadquarters: isHeadquarters ?? false }];
  if (isHeadquarters === undefined || isHeadquarters === site.isHeadquarters) return [];
  return [{ change: 'set_site', id: site.id, name, isHeadquarters }];
}

function newPermissions({ permissions, roles }: Wanted, present: Present): Change[] {
  const names = new Set([...permissions, ...roles.flatMap((role) => role.permissions)]);
  return [...names.difference(new Set(present.permissions))]
    .sort()
    .map((name) => ({ change: 'create_permission', name }));
}

function roleChange(wanted: Wanted['roles'][number], role: Role | undefined): Change[] {
  const { name, site = null } = wanted;
  if (!role) {
    const { level = 0, permissions } = wanted;
    return [{ change: 'create_role', name, site, level, permissions: permissions.toSorted() }];
  }
  const [had, listed] = [new Set(role.permissions), new Set(wanted.permissions)];
  const { level = role.level } = wanted;
  const added = [...listed.difference(had)].sort();
  const removed = [...had.difference(listed)].sort();
  if (level === role.level && added.length === 0 && removed.length === 0) return [];
  return [{ change: 'set_role', name, site, level, levelBefore: role.level, added, removed }];
}
