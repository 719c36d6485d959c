import { accessSync, constants, mkdirSync } from 'node:fs';
import { codeOf } from './environment.ts';
import { SettingsError } from './load.ts';
import type { Settings } from './settings.ts';

/**
 * Makes the data folder, open to its owner alone.
 *
 * @throws {SettingsError} with one line if it is not there to read and write
 */
export function prepareDataDir({ GUICHET_DATA_DIR: path }: Pick<Settings, 'GUICHET_DATA_DIR'>): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new SettingsError([
      `GUICHET_DATA_DIR is ${JSON.stringify(path)}; accepted is a folder that can be read and written (${codeOf(error)})`,
    ]);
  }
}
