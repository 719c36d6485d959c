import type { Command } from 'commander';
import { version } from '../version.ts';
import type { Cli } from './open.ts';

export function addVersionCommand(program: Command, { output }: Cli): void {
  program
    .command('version')
    .description('show the version of Guichet and of Node')
    .action(() => {
      output.result({ version, node: process.versions.node }, `guichet ${version}, Node ${process.versions.node}`);
    });
}
