import { type Administration, administer, siteAt } from './administer.ts';
import { addPermissions } from './permission-administration.ts';
import { addRole, resetRole } from './role-administration.ts';
import type { SiteId } from './site.ts';
import { addSite, resetSite } from './site-administration.ts';
import { type Change, type Plan, type Present, planChanges, type Wanted } from './site-plan.ts';
import type { Tables } from './store.ts';
import type { World } from './world.ts';

/** What would have to change for there to be what is wanted, see {@link planChanges}. */
export async function planSites(world: Pick<World, 'store'>, wanted: Wanted): Promise<Plan> {
  return planChanges(wanted, await presentIn(world.store));
}

/**
 * Makes the changes that were planned, all of them or none.
 *
 * @returns `false`, and nothing changed, if something else would have to change by now
 */
export function applySites(
  world: Pick<World, 'clock' | 'store'>,
  input: { wanted: Wanted; changes: readonly Change[] },
): Promise<boolean> {
  const { changes, wanted } = input;
  return administer(world, async (administration) => {
    const present = await presentIn(administration.store);
    const plan = planChanges(wanted, present);
    if (plan.outcome !== 'planned' || JSON.stringify(plan.changes) !== JSON.stringify(changes)) return false;
    const siteIds = new Map(present.sites.map(({ id, name }) => [name, id]));
    for (const change of changes) await make(administration, change, siteIds);
    return true;
  });
}

/** @param siteIds the sites by name; one that is made is added */
async function make(administration: Administration, change: Change, siteIds: Map<string, SiteId>): Promise<void> {
  const { store } = administration;
  const ownSite = (site: string | null): SiteId | null => {
    const id = site === null ? null : siteIds.get(site);
    if (id === undefined) throw new Error('a site that was planned for is gone');
    return id;
  };
  switch (change.change) {
    case 'create_site': {
      const { isHeadquarters, name } = change;
      siteIds.set(name, (await addSite(administration, { name, isHeadquarters })).id);
      break;
    }
    case 'set_site': {
      const { id, isHeadquarters, name } = change;
      await resetSite(administration, await siteAt(store, id), { name, isHeadquarters });
      break;
    }
    case 'create_permission':
      await addPermissions(administration, [change.name]);
      break;
    case 'create_role': {
      const { level, name, permissions, site } = change;
      await addRole(administration, { name, level, permissions, siteId: ownSite(site) });
      break;
    }
    case 'set_role': {
      const { added, level, name, removed, site } = change;
      const role = await store.roles.find(name, ownSite(site));
      if (!role) throw new Error('a role that was planned to change is gone');
      const permissions = [...new Set(role.permissions).difference(new Set(removed)), ...added];
      await resetRole(administration, role, { level, permissions });
      break;
    }
  }
}

async function presentIn({ permissions, roles, sites }: Tables): Promise<Present> {
  return { sites: await sites.list(), permissions: await permissions.list(), roles: await roles.list() };
}
