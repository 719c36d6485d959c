import { Failure } from './failure.ts';

/** In code points. */
const LONGEST_NAME = 100;
const LONGEST_PERMISSION = 100;

/** @returns the name of a site as it is kept; `undefined` for one that is blank, too long, or holds what steers a reader's screen */
export function readSiteName(text: string): string | undefined {
  const name = text.normalize('NFC').trim();
  const isBlank = name.replace(/[\p{Default_Ignorable_Code_Point}\s]/gu, '') === '';
  if (isBlank || [...name].length > LONGEST_NAME || /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(name)) return undefined;
  return name;
}

/** The same of a role, whose name does not begin as those of Guichet's own rights may (rule 10), however it is written. */
export function readRoleName(text: string): string | undefined {
  const name = readSiteName(text);
  const plain = name
    ?.normalize('NFKD')
    .replace(/[\p{Default_Ignorable_Code_Point}\p{Mark}]/gu, '')
    .trim()
    // Twice, for letters with one case only: the dotless ı.
    .toUpperCase()
    .toLowerCase();
  return plain?.startsWith('guichet') ? undefined : name;
}

/** Whether it names an action on a resource: `calendarEvent.viewAny`. */
export function isPermissionName(text: string): boolean {
  return text.length <= LONGEST_PERMISSION && /^[A-Za-z][A-Za-z0-9-]*\.[A-Za-z][A-Za-z0-9]*$/.test(text);
}

/** Whether it is a level that both databases can hold. */
export function isLevel(level: number): boolean {
  return Number.isInteger(level) && level >= 0 && level <= 1_000_000;
}

/** @throws {Failure} `input_rejected` */
export function siteNamed(text: string): string {
  return readSiteName(text) ?? refuse('siteName');
}

/** @throws {Failure} `input_rejected` */
export function roleNamed(text: string): string {
  return readRoleName(text) ?? refuse('roleName');
}

/** @throws {Failure} `input_rejected` */
export function permissionsNamed(names: readonly string[]): string[] {
  return names.every(isPermissionName) ? [...new Set(names)].sort() : refuse('permission');
}

/** @throws {Failure} `input_rejected` */
export function levelOf(level: number): number {
  return isLevel(level) ? level : refuse('level');
}

function refuse(field: string): never {
  throw new Failure('input_rejected', { fields: { [field]: 'malformed' } });
}
