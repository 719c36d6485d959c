import type { Command } from 'commander';
import { examineSettings } from '../config/load.ts';
import type { Finding } from './doctor-checks.ts';
import type { Cli } from './open.ts';
import { printable } from './output.ts';

export function addDoctorCommand(program: Command, cli: Cli): void {
  program
    .command('doctor')
    .description('check settings, files, database, clock and mail; changes nothing')
    .action(() => examine(cli));
}

async function examine({ io, output }: Cli): Promise<void> {
  const { problems, settings, warnings } = examineSettings(io.env);
  const findings: Finding[] = [
    ...problems.map((line): Finding => ({ check: 'settings', state: 'fail', message: line })),
    ...warnings.map((line): Finding => ({ check: 'settings', state: 'warn', message: line })),
  ];
  if (settings) {
    // The mail library is not for those who only start the server.
    const { checkClockAndDatabase, checkFiles, checkMail } = await import('./doctor-checks.ts');
    findings.push({ check: 'settings', state: 'ok', message: 'complete and valid' });
    findings.push(...checkFiles(settings), ...(await checkClockAndDatabase(settings)), await checkMail(settings));
  }
  const ok = findings.every(({ state }) => state !== 'fail');
  const lines = findings.map(
    ({ check, message, state }) => `${state.padEnd(4)}  ${check.padEnd(8)}  ${printable(message)}`,
  );
  output.result({ ok, findings }, lines.join('\n'));
  if (!ok) output.exitCode = 1;
}
