import type { Command } from 'commander';
import type { Change } from '../core/site-plan.ts';
import { type Cli, withServer } from './open.ts';
import { CommandError, printable } from './output.ts';

export function addApplyCommand(program: Command, cli: Cli): void {
  const { output } = cli;
  program
    .command('apply <file>')
    .description('make the sites, permissions and roles that a YAML file lists; what it does not name stays')
    .option('--dry-run', 'only say what would change')
    .action(async (path: string, { dryRun = false }: { dryRun?: boolean }) => {
      // The server's own process has no use for a reader of YAML.
      const { readRightsFile } = await import('./rights-file.ts');
      const wanted = await readRightsFile(path);
      const changes = await withServer(cli, async ({ identity }) => {
        const plan = await identity.planSites(wanted);
        if (plan.outcome === 'ambiguous_site') {
          const { ids, name } = plan;
          const which = `${ids.length} sites are called ${printable(name)}: ${ids.join(', ')}`;
          throw new CommandError('site_ambiguous', `${which}; guichet site rename gives one another name`);
        }
        if (plan.outcome === 'unknown_site') {
          const what = `role ${printable(plan.role)} is to be of the site ${printable(plan.name)}, which is not there`;
          throw new CommandError('not_found', `${what}; name it among the file's sites, or see guichet site list`);
        }
        if (dryRun || plan.changes.length === 0) return plan.changes;
        for (const change of plan.changes) output.note(textOf(change));
        if (await identity.applySites({ wanted, changes: plan.changes })) return plan.changes;
        throw new CommandError(
          'changed_meanwhile',
          'somebody else made a change meanwhile; nothing was done: run it again',
        );
      });
      const applied = !dryRun && changes.length > 0;
      output.result({ changes: changes.map(viewOf), applied }, summary(changes, applied));
    });
}

function summary(changes: readonly Change[], applied: boolean): string {
  if (changes.length === 0) return 'nothing to change';
  if (applied) return `${changes.length} ${changes.length === 1 ? 'change' : 'changes'} made`;
  return [...changes.map(textOf), 'nothing was done (--dry-run)'].join('\n');
}

function textOf(change: Change): string {
  const name = printable(change.name);
  switch (change.change) {
    case 'create_site':
      return `make the site ${name}${change.isHeadquarters ? ', a headquarters' : ''}`;
    case 'set_site':
      return `make site ${change.id} (${name}) ${change.isHeadquarters ? 'a headquarters' : 'no headquarters'}`;
    case 'create_permission':
      return `make the permission ${name}`;
    case 'create_role':
      return `make ${roleOf(change)}, level ${change.level}, with ${change.permissions.join(', ') || 'no permissions'}`;
    case 'set_role': {
      const parts = [
        ...(change.level === change.levelBefore ? [] : [`level ${change.levelBefore} to ${change.level}`]),
        ...change.added.map((permission) => `+${permission}`),
        ...change.removed.map((permission) => `-${permission}`),
      ];
      return `change ${roleOf(change)}: ${parts.join(' ')}`;
    }
  }
}

const roleOf = ({ name, site }: { name: string; site: string | null }): string =>
  `the role ${printable(name)} of ${site === null ? 'all sites' : printable(site)}`;

function viewOf(change: Change): object {
  switch (change.change) {
    case 'create_site':
    case 'set_site': {
      const { isHeadquarters, ...rest } = change;
      return { ...rest, is_headquarters: isHeadquarters };
    }
    case 'set_role': {
      const { levelBefore, ...rest } = change;
      return { ...rest, level_before: levelBefore };
    }
    default:
      return change;
  }
}
