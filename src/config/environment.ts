import { readFileSync } from 'node:fs';
import { nearest } from './nearest.ts';
import { type Notes, type SettingName, Settings } from './settings.ts';

export type Environment = Record<string, string | undefined>;

/** What was given for a setting, and where. */
export interface Given {
  text: string;
  /** The variable that gave it: the setting's own name, its alias, or its name with `_FILE`. */
  variable: string;
  source: 'environment' | 'file';
}

export const settingNames = Object.keys(Settings.properties) as SettingName[];

export function notesOf(name: SettingName): Notes {
  return Settings.properties[name] as unknown as Notes;
}

/**
 * Collects what the environment, and the files it names, say about the settings. Checks no value.
 *
 * @returns also one line for each thing that cannot be read, and one for each variable that looks like a setting and is none
 */
export function readEnvironment(env: Environment): {
  given: Partial<Record<SettingName, Given>>;
  problems: string[];
  warnings: string[];
} {
  const given: Partial<Record<SettingName, Given>> = {};
  const problems: string[] = [];
  const known = new Set<string>();
  for (const name of settingNames) {
    const { alias, hides, refusesEmpty } = notesOf(name);
    known.add(name);
    for (const variable of alias ? [name, alias] : [name]) {
      const text = env[variable];
      if (text === undefined || (text === '' && !refusesEmpty)) continue;
      given[name] ??= { text, variable, source: 'environment' };
    }
    if (!hides) continue;
    const variable = `${name}_FILE`;
    known.add(variable);
    const path = env[variable];
    if (!path) continue;
    if (given[name]) {
      problems.push(`${variable} and ${name} are both set; only one of them may be`);
      continue;
    }
    try {
      given[name] = { text: readFileSync(path, 'utf8').replace(/\r?\n$/, ''), variable, source: 'file' };
    } catch (error) {
      problems.push(`${variable} is ${JSON.stringify(path)}; accepted is a file that can be read (${codeOf(error)})`);
    }
  }
  return { given, problems, warnings: unknownVariables(env, known) };
}

function unknownVariables(env: Environment, known: Set<string>): string[] {
  return Object.keys(env)
    .filter((variable) => variable.startsWith('GUICHET_') && !known.has(variable))
    .sort()
    .map((variable) => {
      const meant = nearest(variable, known);
      return `${variable} is not a setting and is ignored${meant ? `; did you mean ${meant}?` : ''}`;
    });
}

/** The code of a file system error, such as `ENOENT`. */
export function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException | undefined)?.code ?? String(error);
}
