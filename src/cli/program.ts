import { Command } from 'commander';
import { version } from '../version.ts';
import { addAccountCommands } from './account.ts';
import { addApplyCommand } from './apply.ts';
import { addAuditCommands } from './audit.ts';
import { addConfigCommand } from './config.ts';
import { addDoctorCommand } from './doctor.ts';
import type { Io } from './io.ts';
import { addKeyCommands } from './key.ts';
import { addMigrateCommand } from './migrate.ts';
import type { Cli } from './open.ts';
import { Output } from './output.ts';
import { addPermissionCommands } from './permission.ts';
import { reportError } from './report-error.ts';
import { addRoleCommands } from './role.ts';
import { addSiteCommands } from './site.ts';
import { addStartCommand } from './start.ts';
import { addVersionCommand } from './version.ts';

/**
 * Runs one command and waits for its end.
 *
 * @param args what stands behind the program's name
 * @returns the exit code: 0, 1 for a failure, 2 for wrong usage
 */
export async function runProgram(args: readonly string[], io: Io): Promise<number> {
  const output = new Output(io, args.includes('--json'));
  try {
    await buildProgram({ io, output }).parseAsync(args, { from: 'user' });
  } catch (error) {
    reportError(error, output);
  }
  return output.exitCode;
}

function buildProgram(cli: Cli): Command {
  const program = new Command('guichet')
    .description('Self-hosted authentication server')
    // The program's own options are taken before and after a command alike; Output looks for it by itself.
    .option('--json', 'print exactly one JSON value on standard output, everything else on standard error')
    .version(version)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => void (cli.output.json ? cli.io.stderr : cli.io.stdout).write(text),
      writeErr: (text) => void cli.io.stderr.write(text),
    });
  addStartCommand(program, cli);
  addMigrateCommand(program, cli);
  addConfigCommand(program, cli);
  addAccountCommands(program, cli);
  addSiteCommands(program, cli);
  addRoleCommands(program, cli);
  addPermissionCommands(program, cli);
  addApplyCommand(program, cli);
  addKeyCommands(program, cli);
  addAuditCommands(program, cli);
  addDoctorCommand(program, cli);
  addVersionCommand(program, cli);
  return program;
}
