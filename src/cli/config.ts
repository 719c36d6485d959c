import type { Command } from 'commander';
import { examineSettings, type SettingReport } from '../config/load.ts';
import type { Cli } from './open.ts';
import { table } from './output.ts';

export function addConfigCommand(program: Command, { io, output }: Cli): void {
  program
    .command('config')
    .description('show every setting, its value and where it comes from; secrets are masked')
    .action(() => {
      const { problems, report, warnings } = examineSettings(io.env);
      for (const warning of warnings) output.note(`warning: ${warning}`);
      const rows = report.map((setting) => [setting.name, setting.value, sourceOf(setting)]);
      output.result({ settings: report, problems, warnings }, table(['SETTING', 'VALUE', 'SOURCE'], rows));
      if (problems.length > 0) output.exitCode = 1;
      for (const problem of problems) output.note(problem);
    });
}

function sourceOf({ name, source, variable }: SettingReport): string {
  if (source === 'default') return 'default';
  return variable === name ? source : `${source} (${variable})`;
}
