import { Value } from 'typebox/value';
import { accepted, convert, inWords } from './accepted.ts';
import { standIns } from './defaults.ts';
import { type Environment, notesOf, readEnvironment, settingNames } from './environment.ts';
import { masked } from './mask.ts';
import { refusals } from './refusals.ts';
import { type SettingName, Settings } from './settings.ts';

/** Settings that the server does not start with: a line for each thing that is wrong. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly lines: readonly string[];

  constructor(lines: readonly string[]) {
    super(lines.join('\n'));
    this.lines = lines;
  }
}

/** One setting as `guichet config` shows it. */
export interface SettingReport {
  name: SettingName;
  /** Masked; `null` when nothing holds. */
  value: string | null;
  source: 'default' | 'environment' | 'file';
  /** The variable that gave it; `null` for a default. */
  variable: string | null;
}

/** All that can be told about the settings, right or wrong. */
export interface Examination {
  /** Complete and checked; `undefined` when there are problems. */
  settings: Settings | undefined;
  problems: string[];
  warnings: string[];
  report: SettingReport[];
}

/**
 * Reads, completes and checks the settings.
 *
 * @throws {SettingsError} with every wrong value, not the first alone
 */
export function loadSettings(env: Environment): { settings: Settings; warnings: string[] } {
  const { settings, problems, warnings } = examineSettings(env);
  if (!settings) throw new SettingsError(problems);
  return { settings, warnings };
}

/** The same for those who want to see what is wrong: it throws nothing. */
export function examineSettings(env: Environment): Examination {
  const { given, problems, warnings } = readEnvironment(env);
  const values: Record<string, unknown> = {};
  const wrong = new Set<SettingName>();
  for (const name of settingNames) {
    const { default: byDefault } = notesOf(name);
    if (byDefault !== undefined) values[name] = byDefault;
    const input = given[name];
    if (!input) continue;
    const value = convert(name, input.text);
    const schema = Settings.properties[name];
    if (Value.Check(schema, value)) {
      values[name] = Value.Decode(schema, value);
    } else {
      wrong.add(name);
      problems.push(`${input.variable} is ${shown(name, input.text)}; accepted is ${accepted(name)}`);
    }
  }
  const settings = complete(values);
  problems.push(...refusals(settings, wrong));
  return {
    settings: problems.length === 0 ? settings : undefined,
    problems,
    warnings,
    report: settingNames.map((name) => {
      const input = given[name];
      const value = settings[name];
      return {
        name,
        value: input ? masked(name, input.text) : value === undefined ? null : inWords(value) || null,
        source: input?.source ?? 'default',
        variable: input?.variable ?? null,
      };
    }),
  };
}

/** Fills in what depends on other settings. Wrong values were left out, so each of them is as if not given. */
function complete(values: Record<string, unknown>): Settings {
  for (const [name, standIn] of Object.entries(standIns)) {
    values[name] ??= standIn(values as Settings);
  }
  return values as Settings;
}

function shown(name: SettingName, text: string): string {
  return notesOf(name).hides ? masked(name, text) : JSON.stringify(text);
}
