import { readFileSync } from 'node:fs';
import { type Slot, slotsIn, variablesMeant } from './families.ts';
import { nearest } from './nearest.ts';
import { type Notes, type SettingName, Settings } from './settings.ts';

export type Environment = Record<string, string | undefined>;

/** What was given for a setting, and where. */
export interface Given {
  text: string;
  /** The variable that gave it: the setting's own, its alias, or its own with `_FILE`. */
  variable: string;
  source: 'environment' | 'file';
}

/** A setting, and what was given for it, if anything was. */
export interface Reading extends Slot {
  given: Given | undefined;
}

export function notesOf(name: SettingName): Notes {
  return Settings.properties[name] as unknown as Notes;
}

/**
 * Collects what the environment, and the files it names, say about the settings. Checks no value.
 *
 * @returns also one line for each thing that cannot be read, and one for each variable that looks like a setting and is none
 */
export function readEnvironment(env: Environment): { readings: Reading[]; problems: string[]; warnings: string[] } {
  const readings: Reading[] = [];
  const problems: string[] = [];
  const known = new Set<string>();
  for (const slot of slotsIn(env)) {
    const reading: Reading = { ...slot, given: undefined };
    readings.push(reading);
    const { alias, hides, refusesEmpty } = notesOf(slot.setting);
    known.add(slot.variable);
    for (const variable of alias ? [slot.variable, alias] : [slot.variable]) {
      const text = env[variable];
      if (text === undefined || (text === '' && !refusesEmpty)) continue;
      reading.given ??= { text, variable, source: 'environment' };
    }
    if (!hides) continue;
    const variable = `${slot.variable}_FILE`;
    known.add(variable);
    const path = env[variable];
    if (!path) continue;
    if (reading.given) {
      problems.push(`${variable} and ${slot.variable} are both set; only one of them may be`);
      continue;
    }
    try {
      reading.given = { text: readFileSync(path, 'utf8').replace(/\r?\n$/, ''), variable, source: 'file' };
    } catch (error) {
      problems.push(`${variable} is ${JSON.stringify(path)}; accepted is a file that can be read (${codeOf(error)})`);
    }
  }
  return { readings, problems, warnings: unknownVariables(env, known) };
}

function unknownVariables(env: Environment, known: ReadonlySet<string>): string[] {
  const candidates = known.union(new Set(variablesMeant(env)));
  return Object.keys(env)
    .filter((variable) => variable.startsWith('GUICHET_') && !known.has(variable))
    .sort()
    .map((variable) => {
      const meant = nearest(variable, candidates);
      return `${variable} is not a setting and is ignored${meant ? `; did you mean ${meant}?` : ''}`;
    });
}

/** The code of a file system error, such as `ENOENT`. */
export function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException | undefined)?.code ?? String(error);
}
