import type { Account } from './account.ts';
import { type Administration, administer, heldAccount, provenAccount, siteAt } from './administer.ts';
import { Failure } from './failure.ts';
import { siteNamed } from './right-name.ts';
import type { Site } from './site.ts';
import type { World } from './world.ts';

/** Makes a site. Its id is what names it: two may bear one name. @throws {Failure} `input_rejected` */
export async function createSite(
  world: Pick<World, 'clock' | 'store'>,
  input: { name: string; isHeadquarters: boolean },
): Promise<Site> {
  const name = siteNamed(input.name);
  return administer(world, (administration) => addSite(administration, { name, isHeadquarters: input.isHeadquarters }));
}

export async function addSite({ now, record, store }: Administration, input: Omit<Site, 'id'>): Promise<Site> {
  const site = await store.sites.create({ ...input, now });
  await record('site.created', { siteId: site.id, name: site.name, isHeadquarters: site.isHeadquarters });
  return site;
}

/** Renames a site, or makes it a headquarters or none. @throws {Failure} `not_found`, `input_rejected` */
export async function changeSite(
  world: Pick<World, 'clock' | 'store'>,
  input: { siteId: number; name?: string; isHeadquarters?: boolean },
): Promise<Site> {
  const name = input.name === undefined ? undefined : siteNamed(input.name);
  return administer(world, async (administration) => {
    const site = await siteAt(administration.store, input.siteId);
    const { isHeadquarters = site.isHeadquarters } = input;
    return resetSite(administration, site, { name: name ?? site.name, isHeadquarters });
  });
}

export async function resetSite(
  { record, store }: Administration,
  site: Site,
  change: Omit<Site, 'id'>,
): Promise<Site> {
  const changed = { ...site, ...change };
  if (changed.name === site.name && changed.isHeadquarters === site.isHeadquarters) return site;
  await store.sites.change(site.id, change);
  const from = { nameBefore: site.name, isHeadquartersBefore: site.isHeadquarters };
  await record('site.changed', { siteId: site.id, ...change, ...from });
  return changed;
}

/**
 * Deletes a site with its own roles and all that was given there; the sessions at it are at their account's lowest.
 *
 * @throws {Failure} `not_found`
 */
export function deleteSite(world: Pick<World, 'clock' | 'store'>, input: { siteId: number }): Promise<Site> {
  return administer(world, async ({ record, store }) => {
    const site = await siteAt(store, input.siteId);
    await store.sites.delete(site.id);
    await record('site.deleted', { siteId: site.id, name: site.name });
    return site;
  });
}

/**
 * Makes an account a member of a site.
 *
 * @returns `isNew` is `false` if it was one already
 * @throws {Failure} `not_found`, `identifier_unproven` (rule 10)
 */
export function joinSite(
  world: Pick<World, 'clock' | 'store'>,
  input: { uuid: string; siteId: number },
): Promise<{ account: Account; site: Site; isNew: boolean }> {
  return administer(world, async (administration) => {
    const site = await siteAt(administration.store, input.siteId);
    const account = await provenAccount(administration.store, input.uuid);
    return { account, site, isNew: await addMember(administration, account, site) };
  });
}

/** @returns `false` if it was a member already */
export async function addMember(
  { now, record, store }: Administration,
  account: Account,
  { id }: Pick<Site, 'id'>,
): Promise<boolean> {
  const isNew = await store.sites.join(id, account.id, now);
  if (isNew) await record('site.joined', { siteId: id }, account);
  return isNew;
}

/**
 * Ends an account's membership; what it was given at the site goes, too.
 *
 * @throws {Failure} `not_found`, also if it is no member
 */
export function leaveSite(
  world: Pick<World, 'clock' | 'store'>,
  input: { uuid: string; siteId: number },
): Promise<{ account: Account; site: Site }> {
  return administer(world, async ({ record, store }) => {
    const site = await siteAt(store, input.siteId);
    const account = await heldAccount(store, input.uuid);
    if (!(await store.sites.leave(site.id, account.id))) throw new Failure('not_found');
    await record('site.left', { siteId: site.id }, account);
    return { account, site };
  });
}
