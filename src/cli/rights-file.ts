import { isLevel, isPermissionName, readRoleName, readSiteName } from '../core/right-name.ts';
import type { Wanted } from '../core/site-plan.ts';
import { expected } from './failure-words.ts';
import { openYaml, type Part, type YamlFile } from './yaml-file.ts';

/** Of sites, of roles, and of permissions. */
const MOST = 1000;

/**
 * Reads what an operator wants there to be: `sites`, `permissions` and `roles`, each a list.
 *
 * @throws {CommandError} `file_unreadable`, `file_rejected` with a line for everything that is wrong
 */
export async function readRightsFile(path: string): Promise<Wanted> {
  const file = await openYaml(path);
  const { permissions, roles, sites } = file.mapping(file.root, ['sites', 'permissions', 'roles']) ?? {};
  const wanted: Wanted = {
    sites: once(
      file,
      file.list(sites, MOST),
      (part) => siteIn(file, part),
      ({ name }) => name,
    ),
    permissions: permissionsIn(file, permissions),
    roles: once(
      file,
      file.list(roles, MOST),
      (part) => roleIn(file, part),
      ({ name, site }) => JSON.stringify([name, site]),
    ),
  };
  file.finish();
  return wanted;
}

function siteIn(file: YamlFile, part: Part): Wanted['sites'][number] | undefined {
  const keys = file.mapping(part, ['name', 'headquarters']);
  if (!keys) return undefined;
  const { headquarters, name } = keys;
  const isHeadquarters = file.value(headquarters, 'it is true or false', (value) =>
    typeof value === 'boolean' ? value : undefined,
  );
  const read = needed(file, part, 'name', name, 'siteName', readSiteName);
  return read === undefined ? undefined : { name: read, ...(isHeadquarters !== undefined && { isHeadquarters }) };
}

function roleIn(file: YamlFile, part: Part): Wanted['roles'][number] | undefined {
  const keys = file.mapping(part, ['name', 'level', 'site', 'permissions']);
  if (!keys) return undefined;
  const { level, name, permissions, site } = keys;
  const rank = file.value(level, expected['level'] ?? '', (value) =>
    typeof value === 'number' && isLevel(value) ? value : undefined,
  );
  const own = site && named(file, site, 'siteName', readSiteName);
  if (!permissions) file.complain(part, 'has no permissions; expected a list, or [] for none');
  const listed = permissionsIn(file, permissions);
  const read = needed(file, part, 'name', name, 'roleName', readRoleName);
  if (read === undefined || (site && own === undefined)) return undefined;
  return {
    name: read,
    permissions: listed,
    ...(own !== undefined && { site: own }),
    ...(rank !== undefined && { level: rank }),
  };
}

function permissionsIn(file: YamlFile, part: Part | undefined): string[] {
  const read = (text: string) => (isPermissionName(text) ? text : undefined);
  return once(
    file,
    file.list(part, MOST),
    (each) => named(file, each, 'permission', read),
    (name) => name,
  );
}

function needed(
  file: YamlFile,
  of: Part,
  key: string,
  part: Part | undefined,
  what: string,
  read: (text: string) => string | undefined,
): string | undefined {
  if (!part) file.complain(of, `has no ${key}`);
  return part && named(file, part, what, read);
}

function named(
  file: YamlFile,
  part: Part,
  what: string,
  read: (text: string) => string | undefined,
): string | undefined {
  const rule = `${expected[what]}; what looks like a number stands in quotes`;
  return file.value(part, rule, (value) => (typeof value === 'string' ? read(value) : undefined));
}

/** Reads each, and complains of what is there already. */
function once<T>(
  file: YamlFile,
  parts: readonly Part[],
  read: (part: Part) => T | undefined,
  keyOf: (item: T) => string,
): T[] {
  const items = new Map<string, T>();
  for (const part of parts) {
    const item = read(part);
    if (item === undefined) continue;
    if (items.has(keyOf(item))) file.complain(part, 'is given twice');
    items.set(keyOf(item), item);
  }
  return [...items.values()];
}
