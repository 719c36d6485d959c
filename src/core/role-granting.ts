import type { Account } from './account.ts';
import { type Administration, administer, heldAccount, placeAt, placeFacts, provenAccount } from './administer.ts';
import { Failure } from './failure.ts';
import { permissionsNamed, roleNamed } from './right-name.ts';
import type { Role } from './role.ts';
import { addRole, factsOf, resetRole } from './role-administration.ts';
import type { SiteId } from './site.ts';
import { addMember } from './site-administration.ts';
import type { World } from './world.ts';

/**
 * Gives an account a role at a site, of which it becomes a member, or everywhere. The role is the site's own of this
 * name, else that of all sites, which is made if it is new. `permissions` are added to it, for everybody who has it.
 *
 * @param input.siteId `null` for everywhere
 * @returns `isNew` is `false` if the account had it there already
 * @throws {Failure} `input_rejected`, `not_found`, `identifier_unproven` (rule 10)
 */
export async function grantRole(
  world: Pick<World, 'clock' | 'store'>,
  input: { uuid: string; role: string; siteId: number | null; permissions: readonly string[] },
): Promise<{ account: Account; role: Role; isNew: boolean }> {
  const name = roleNamed(input.role);
  const permissions = permissionsNamed(input.permissions);
  return administer(world, async (administration) => {
    const { now, record, store } = administration;
    const siteId = await placeAt(store, input.siteId);
    const account = await provenAccount(store, input.uuid);
    const [known] = await candidates(administration, name, siteId);
    const role = known
      ? await resetRole(administration, known, { permissions: [...known.permissions, ...permissions] })
      : await addRole(administration, { name, level: 0, siteId: null, permissions });
    if (!role) throw new Error('a role was made beside a change that keeps others waiting');
    if (siteId !== null) await addMember(administration, account, { id: siteId });
    const isNew = await store.roles.grant(account.id, role.id, siteId, now);
    if (isNew) await record('role.granted', { ...factsOf(role), ...placeFacts(siteId) }, account);
    return { account, role, isNew };
  });
}

/**
 * Takes a role from an account at a site, or what it was given everywhere; the membership stays. Where the site has a
 * role of its own of this name, that of all sites goes with it.
 *
 * @returns `remains` tells whether the account still has a role of this name at the site, or anywhere
 * @throws {Failure} `not_found`, also if it was not given there
 */
export async function revokeRole(
  world: Pick<World, 'clock' | 'store'>,
  input: { uuid: string; role: string; siteId: number | null },
): Promise<{ account: Account; roles: Role[]; remains: boolean }> {
  const name = roleNamed(input.role);
  return administer(world, async (administration) => {
    const { record, store } = administration;
    const siteId = await placeAt(store, input.siteId);
    const account = await heldAccount(store, input.uuid);
    const roles: Role[] = [];
    for (const role of await candidates(administration, name, siteId)) {
      if (!(await store.roles.revoke(account.id, role.id, siteId))) continue;
      await record('role.revoked', { ...factsOf(role), ...placeFacts(siteId) }, account);
      roles.push(role);
    }
    if (roles.length === 0) throw new Failure('not_found');
    const held = (await store.roles.listHeld(account.id)).filter((each) => each.name === name);
    const remains = held.some((each) => siteId === null || each.siteId === null || each.siteId === siteId);
    return { account, roles, remains };
  });
}

/** The roles that a name may mean at a site, its own first. */
async function candidates({ store }: Administration, name: string, siteId: SiteId | null): Promise<Role[]> {
  const own = siteId === null ? undefined : await store.roles.find(name, siteId);
  const everySites = await store.roles.find(name, null);
  return [own, everySites].filter((role) => role !== undefined);
}
