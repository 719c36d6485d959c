import { Command } from 'commander';
import { version } from '../version.ts';
import { addAccountCommands } from './account.ts';
import { addAuditCommands } from './audit.ts';
import { addConfigCommand } from './config.ts';
import { addDoctorCommand } from './doctor.ts';
import type { Io } from './io.ts';
import { addKeyCommands } from './key.ts';
import { addMigrateCommand } from './migrate.ts';
import type { Cli } from './open.ts';
import { Output } from './output.ts';
import { reportError } from './report-error.ts';
import { addStartCommand } from './start.ts';
import { addVersionCommand } from './version.ts';

/**
 * Runs one command.
 *
 * @param args what stands behind the program's name
 * @returns the exit code: 0, 1 for a failure, 2 for wrong usage
 */
export async function runProgram(args: readonly string[], io: Io): Promise<number> {
  const cli: Cli = { io, output: new Output(io, args.includes('--json')) };
  try {
    const program = buildProgram(cli);
    let code = 0;
    program.hook('postAction', (_, { exitCode }) => {
      code = exitCode;
    });
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    return reportError(error, cli.output);
  }
}
