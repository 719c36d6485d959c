import { type Composition, compose } from '../compose.ts';
import { loadSettings } from '../config/load.ts';
import type { Settings } from '../config/settings.ts';
import type { Io } from './io.ts';
import { createLogger } from './log.ts';
import type { Output } from './output.ts';

/** What every command is given. */
export interface Cli {
  io: Io;
  output: Output;
}

/** @throws {SettingsError} */
export function settingsFor({ io, output }: Cli): Settings {
  const { settings, warnings } = loadSettings(io.env);
  for (const warning of warnings) output.note(`warning: ${warning}`);
  return settings;
}

/**
 * Opens the whole server without listening, does one thing with it and lets go of everything. A server that runs
 * beside it on the same database sees the change at once or within a second.
 *
 * @throws {SettingsError} {StoreUnavailable} and whatever `work` throws
 */
export async function withServer<Result>(cli: Cli, work: (server: Composition) => Promise<Result>): Promise<Result> {
  const settings = settingsFor(cli);
  // A person who runs a command wants its answer, not the server's diary.
  const level = cli.io.env['GUICHET_LOG_LEVEL'] ? settings.GUICHET_LOG_LEVEL : 'warn';
  const server = await compose(settings, { log: await createLogger(level, cli.io.stderr) });
  try {
    return await work(server);
  } finally {
    await server.close();
  }
}
