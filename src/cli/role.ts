import type { Command } from 'commander';
import type { Role } from '../core/role.ts';
import type { Site } from '../core/site.ts';
import { type Cli, withServer } from './open.ts';
import { CommandError, printable, table } from './output.ts';
import { orSay, permissionList, siteMeant, siteText, withPermissions, withSite } from './place.ts';
import { addRoleGrantCommands } from './role-grant.ts';
import { wholeNumber } from './whole-number.ts';

interface RoleOptions {
  level?: number;
  site?: number;
  permissions?: string[];
}

export function addRoleCommands(program: Command, cli: Cli): void {
  const { output } = cli;
  const role = program
    .command('role')
    .description('roles of the host application; <account> is an e-mail address, a phone number or a uuid');

  withRole(role.command('create <name>'))
    .description('make a role of all sites, or of one alone')
    .action(async (name: string, options: RoleOptions) => {
      const { level, permissions = [] } = options;
      const { made, site } = await withServer(cli, async ({ identity }) => {
        const own = await siteMeant(identity, options.site ?? null);
        const siteId = own?.id ?? null;
        const created = await identity.createRole({ name, siteId, permissions, ...(level !== undefined && { level }) });
        if (created) return { made: created, site: own };
        const what = roleText(name, own);
        throw new CommandError('role_exists', `there is a ${what} already; guichet role set changes it`);
      });
      output.result(roleView(made), `${roleText(made.name, site)}: made${withPermissions(made)}`);
    });

  role
    .command('list')
    .description('show every role')
    .action(async () => {
      const { roles, sites } = await withServer(cli, async ({ identity }) => ({
        roles: await identity.listRoles(),
        sites: new Map((await identity.listSites()).map((site) => [site.id, site.name])),
      }));
      const rows = roles.map(({ level, name, permissions, siteId }) => [
        name,
        siteId === null ? 'all' : `${siteId} (${sites.get(siteId) ?? '–'})`,
        String(level),
        permissions.join(', ') || null,
      ]);
      const text = roles.length === 0 ? 'no roles' : table(['ROLE', 'SITE', 'LEVEL', 'PERMISSIONS'], rows);
      output.result(roles.map(roleView), text);
    });

  withRole(role.command('set <name>'))
    .description('change a role’s level, or set the permissions it has')
    .action(async (name: string, { level, permissions, site }: RoleOptions, command: Command) => {
      if (level === undefined && permissions === undefined) {
        command.error('error: say what to change: --level <number>, --permissions <names>');
      }
      const change = { ...(level !== undefined && { level }), ...(permissions && { permissions }) };
      const { of, changed } = await withServer(cli, async ({ identity }) => {
        const own = await siteMeant(identity, site ?? null);
        const attempt = identity.changeRole({ name, siteId: own?.id ?? null, ...change });
        return { of: own, changed: await orSay(attempt, noRole(name, own)) };
      });
      output.result(
        roleView(changed),
        `${roleText(changed.name, of)}: level ${changed.level}${withPermissions(changed)}`,
      );
    });

  withSite(role.command('delete <name>'))
    .description('delete a role for good, and take it from everybody')
    .action(async (name: string, options: { site?: number }) => {
      const { deleted, site } = await withServer(cli, async ({ identity }) => {
        const own = await siteMeant(identity, options.site ?? null);
        const attempt = identity.deleteRole({ name, siteId: own?.id ?? null });
        return { site: own, deleted: await orSay(attempt, noRole(name, own)) };
      });
      output.result(roleView(deleted), `${roleText(deleted.name, site)}: deleted`);
    });

  addRoleGrantCommands(role, cli);
}

function withRole(command: Command): Command {
  return withSite(command)
    .option('--level <number>', 'for the host application to compare', wholeNumber)
    .option('--permissions <names>', 'all that it has: item.view,item.update; new ones are made', permissionList);
}

const roleText = (name: string, site: Site | null): string =>
  `role ${printable(name)} of ${site ? siteText(site) : 'all sites'}`;

const noRole = (name: string, site: Site | null): string =>
  `there is no ${roleText(name, site)}; guichet role list shows them`;

const roleView = ({ id, name, level, siteId, permissions }: Role) => ({
  id,
  name,
  level,
  site_id: siteId,
  permissions,
});
