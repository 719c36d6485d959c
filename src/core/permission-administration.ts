import type { Account } from './account.ts';
import { type Administration, administer, heldAccount, placeAt, placeFacts, provenAccount } from './administer.ts';
import { Failure } from './failure.ts';
import { permissionsNamed } from './right-name.ts';
import { addMember } from './site-administration.ts';
import type { World } from './world.ts';

/** Makes a permission. @returns `false` if it is there already @throws {Failure} `input_rejected` */
export async function createPermission(
  world: Pick<World, 'clock' | 'store'>,
  input: { name: string },
): Promise<boolean> {
  const names = permissionsNamed([input.name]);
  return administer(world, async (administration) => (await addPermissions(administration, names)).length > 0);
}

/** Makes those that are new. @returns them */
export async function addPermissions(
  { now, record, store }: Administration,
  names: readonly string[],
): Promise<string[]> {
  const made = await store.permissions.create(names, now);
  for (const permission of made) await record('permission.created', { permission });
  return made;
}

/** Deletes a permission, and takes it from every role and account. @throws {Failure} `input_rejected`, `not_found` */
export async function deletePermission(world: Pick<World, 'clock' | 'store'>, input: { name: string }): Promise<void> {
  permissionsNamed([input.name]);
  return administer(world, async ({ record, store }) => {
    if (!(await store.permissions.delete(input.name))) throw new Failure('not_found');
    await record('permission.deleted', { permission: input.name });
  });
}

/**
 * Gives an account a permission without a role, at a site, of which it becomes a member, or everywhere. It is made if it
 * is new.
 *
 * @param input.siteId `null` for everywhere
 * @returns `isNew` is `false` if the account had it there already
 * @throws {Failure} `input_rejected`, `not_found`, `identifier_unproven` (rule 10)
 */
export async function grantPermission(
  world: Pick<World, 'clock' | 'store'>,
  input: { uuid: string; permission: string; siteId: number | null },
): Promise<{ account: Account; isNew: boolean }> {
  const { permission } = input;
  const names = permissionsNamed([permission]);
  return administer(world, async (administration) => {
    const { now, record, store } = administration;
    const siteId = await placeAt(store, input.siteId);
    const account = await provenAccount(store, input.uuid);
    await addPermissions(administration, names);
    if (siteId !== null) await addMember(administration, account, { id: siteId });
    const isNew = await store.permissions.grant(account.id, permission, siteId, now);
    if (isNew) await record('permission.granted', { permission, ...placeFacts(siteId) }, account);
    return { account, isNew };
  });
}

/**
 * Takes from an account a permission that it was given without a role.
 *
 * @throws {Failure} `input_rejected`; `not_found`, also if it was not given there
 */
export async function revokePermission(
  world: Pick<World, 'clock' | 'store'>,
  input: { uuid: string; permission: string; siteId: number | null },
): Promise<Account> {
  const { permission } = input;
  permissionsNamed([permission]);
  return administer(world, async ({ record, store }) => {
    const siteId = await placeAt(store, input.siteId);
    const account = await heldAccount(store, input.uuid);
    if (!(await store.permissions.revoke(account.id, permission, siteId))) throw new Failure('not_found');
    await record('permission.revoked', { permission, ...placeFacts(siteId) }, account);
    return account;
  });
}
