import { Value } from 'typebox/value';
import { accepted, convert, inWords } from './accepted.ts';
import { standIns } from './defaults.ts';
import { type Environment, notesOf, type Reading, readEnvironment } from './environment.ts';
import { isFamily, settingNames } from './families.ts';
import { masked } from './mask.ts';
import { providerRefusals } from './provider-refusals.ts';
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
  /** The variable that it is set by. */
  name: string;
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
  const { readings, problems, warnings } = readEnvironment(env);
  const values = defaults();
  const wrong = new Set<SettingName>();
  for (const { setting, member, given } of readings) {
    if (!given) continue;
    const value = convert(setting, given.text);
    const schema = Settings.properties[setting];
    if (Value.Check(schema, value)) {
      hold(values, { setting, member }, Value.Decode(schema, value));
    } else {
      wrong.add(setting);
      problems.push(`${given.variable} is ${shown(setting, given.text)}; accepted is ${accepted(setting)}`);
    }
  }
  const settings = complete(values);
  problems.push(...refusals(settings, wrong), ...providerRefusals(readings));
  return {
    settings: problems.length === 0 ? settings : undefined,
    problems,
    warnings,
    report: readings.map(({ setting, variable, member, given }) => {
      const value = member === undefined ? settings[setting] : undefined;
      return {
        name: variable,
        value: given ? masked(setting, given.text) : value === undefined ? null : inWords(value) || null,
        source: given?.source ?? 'default',
        variable: given?.variable ?? null,
      };
    }),
  };
}

function defaults(): Record<string, unknown> {
  return Object.fromEntries(settingNames.map((name) => [name, isFamily(name) ? new Map() : notesOf(name).default]));
}

function hold(
  values: Record<string, unknown>,
  { setting, member }: Pick<Reading, 'setting' | 'member'>,
  value: unknown,
): void {
  if (member === undefined) values[setting] = value;
  else (values[setting] as Map<string, unknown>).set(member, value);
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
