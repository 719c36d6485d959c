import type { Command } from 'commander';
import { openDatabase } from '../compose.ts';
import { type Cli, settingsFor } from './open.ts';

export function addMigrateCommand(program: Command, cli: Cli): void {
  program
    .command('migrate')
    .description('bring the database up to this version; `start` does it, too')
    .action(async () => {
      const { output } = cli;
      const handle = await openDatabase(settingsFor(cli));
      try {
        output.note(`migrating the ${handle.kind === 'sqlite' ? 'SQLite' : 'PostgreSQL'} database …`);
        const applied = await handle.migrate();
        output.result(
          { database: handle.kind, applied },
          applied.length === 0 ? 'nothing to do: the database is of this version' : `applied ${applied.join(', ')}`,
        );
      } finally {
        await handle.close();
      }
    });
}
