import type { Environment } from './environment.ts';
import { type FamilyName, type SettingName, Settings } from './settings.ts';

/** A setting as the environment has it: the one there is, or a family's for one of the names. */
export interface Slot {
  /** As it is declared. */
  setting: SettingName;
  /** What it is called in the environment. */
  variable: string;
  /** Of a family: the name, in lower case. */
  member: string | undefined;
}

const PLACEHOLDER = '<NAME>';

export const settingNames = Object.keys(Settings.properties) as SettingName[];

export function isFamily(setting: SettingName): setting is FamilyName {
  return setting.includes(PLACEHOLDER);
}

/** Every setting that the environment can say something about; a family's for each name that any of it is given for. */
export function slotsIn(env: Environment): Slot[] {
  const single = settingNames.filter((setting) => !isFamily(setting));
  return [
    ...single.map((setting): Slot => ({ setting, variable: setting, member: undefined })),
    ...slotsFor(membersIn(env, (family) => `${family.replace(PLACEHOLDER, '([A-Z0-9]+)')}(?:_FILE)?$`)),
  ];
}

/** What a mistyped variable of a family may have been meant to be. */
export function variablesMeant(env: Environment): string[] {
  const members = membersIn(env, (family) => family.replace(new RegExp(`${PLACEHOLDER}.*`), '([A-Z0-9]+)_'));
  return slotsFor(members).map(({ variable }) => variable);
}

function membersIn(env: Environment, pattern: (family: FamilyName) => string): string[] {
  const patterns = settingNames.filter(isFamily).map((family) => new RegExp(`^${pattern(family)}`));
  const members = Object.keys(env).flatMap((variable) => patterns.map((one) => one.exec(variable)?.[1] ?? ''));
  return [...new Set(members)].filter((member) => member !== '').sort();
}

function slotsFor(members: readonly string[]): Slot[] {
  return members.flatMap((member) =>
    settingNames.filter(isFamily).map((setting) => ({
      setting,
      variable: setting.replace(PLACEHOLDER, member),
      member: member.toLowerCase(),
    })),
  );
}
