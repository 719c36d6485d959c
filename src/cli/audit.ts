import type { Command } from 'commander';
import { type Cli, withServer } from './open.ts';

/** A line of progress now and then, not for every batch. */
const progressEvery = 50_000;

export function addAuditCommands(program: Command, cli: Cli): void {
  program
    .command('audit')
    .description('the record of what happened')
    .command('verify')
    .description('check that no entry was altered or removed; erased personal details may be missing')
    .action(async () => {
      const { output } = cli;
      let told = 0;
      const verdict = await withServer(cli, ({ verifyAudit }) =>
        verifyAudit((done) => {
          if (done - told < progressEvery) return;
          told = done;
          output.note(`${done} entries checked …`);
        }),
      );
      const { faults, sealed, unsealed } = verdict;
      const waiting = unsealed === 0 ? '' : `, ${unsealed} not sealed yet`;
      const text = [
        `${sealed} entries checked${waiting}: ${faults.length === 0 ? 'all is well' : 'NOT WELL'}`,
        ...faults,
      ];
      output.result({ ok: faults.length === 0, ...verdict }, text.join('\n'));
      if (faults.length > 0) output.exitCode = 1;
    });
}
