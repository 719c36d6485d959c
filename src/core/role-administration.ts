import { type Administration, administer, placeAt } from './administer.ts';
import { Failure } from './failure.ts';
import { addPermissions } from './permission-administration.ts';
import { levelOf, permissionsNamed, roleNamed } from './right-name.ts';
import type { Role } from './role.ts';
import type { SiteId } from './site.ts';
import type { World } from './world.ts';

/**
 * Makes a role, with permissions that are made if they are new.
 *
 * @param input.siteId the only site where it can be held; `null` for every site
 * @returns `undefined` if there is one of this name there
 * @throws {Failure} `input_rejected` (rule 10), `not_found`
 */
export async function createRole(
  world: Pick<World, 'clock' | 'store'>,
  input: { name: string; level?: number; siteId: number | null; permissions: readonly string[] },
): Promise<Role | undefined> {
  const named = { name: roleNamed(input.name), level: levelOf(input.level ?? 0) };
  const permissions = permissionsNamed(input.permissions);
  return administer(world, async (administration) => {
    const siteId = await placeAt(administration.store, input.siteId);
    return addRole(administration, { ...named, siteId, permissions });
  });
}

export async function addRole(
  administration: Administration,
  { permissions, ...role }: Omit<Role, 'id'>,
): Promise<Role | undefined> {
  const { now, record, store } = administration;
  const made = await store.roles.create({ ...role, now });
  if (!made) return undefined;
  await addPermissions(administration, permissions);
  await store.roles.addPermissions(made.id, permissions);
  await record('role.created', { ...factsOf(made), level: made.level, ...listed('added', permissions) });
  return { ...made, permissions };
}

/**
 * Sets a role's level, or the permissions it has; those that are new are made.
 *
 * @throws {Failure} `input_rejected`; `not_found` if there is no role of this name and this very own site
 */
export async function changeRole(
  world: Pick<World, 'clock' | 'store'>,
  input: { name: string; siteId: number | null; level?: number; permissions?: readonly string[] },
): Promise<Role> {
  const level = input.level === undefined ? undefined : levelOf(input.level);
  const permissions = input.permissions && permissionsNamed(input.permissions);
  return administer(world, async (administration) => {
    const role = await roleOf(administration, input);
    return resetRole(administration, role, {
      level: level ?? role.level,
      permissions: permissions ?? role.permissions,
    });
  });
}

/** Brings a role to what it is to be; records nothing where nothing differs. */
export async function resetRole(
  administration: Administration,
  role: Role,
  { level = role.level, permissions }: { level?: number; permissions: readonly string[] },
): Promise<Role> {
  const { record, store } = administration;
  const [had, wanted] = [new Set(role.permissions), new Set(permissions)];
  const added = [...wanted.difference(had)].sort();
  const removed = [...had.difference(wanted)].sort();
  if (level === role.level && added.length === 0 && removed.length === 0) return role;
  await addPermissions(administration, added);
  await store.roles.addPermissions(role.id, added);
  await store.roles.removePermissions(role.id, removed);
  if (level !== role.level) await store.roles.setLevel(role.id, level);
  await record('role.changed', {
    ...factsOf(role),
    ...(level !== role.level && { level, levelBefore: role.level }),
    ...listed('added', added),
    ...listed('removed', removed),
  });
  return { ...role, level, permissions: [...wanted].sort() };
}

/** Deletes a role, and takes it from everybody. @throws {Failure} `not_found`, as {@link changeRole} */
export function deleteRole(
  world: Pick<World, 'clock' | 'store'>,
  input: { name: string; siteId: number | null },
): Promise<Role> {
  return administer(world, async (administration) => {
    const role = await roleOf(administration, input);
    await administration.store.roles.delete(role.id);
    await administration.record('role.deleted', factsOf(role));
    return role;
  });
}

async function roleOf({ store }: Administration, input: { name: string; siteId: number | null }): Promise<Role> {
  const role = await store.roles.find(roleNamed(input.name), await placeAt(store, input.siteId));
  if (!role) throw new Failure('not_found');
  return role;
}

/** How records name a role; `ownSiteId` only where it has one. */
export const factsOf = ({ id, name, siteId }: { id: number; name: string; siteId: SiteId | null }) => ({
  roleId: id,
  role: name,
  ...(siteId !== null && { ownSiteId: siteId }),
});

const listed = (fact: string, names: readonly string[]) => (names.length === 0 ? {} : { [fact]: names.join(',') });
