import type { Command } from 'commander';
import type { Account } from '../core/account.ts';
import type { Identity } from '../core/identity.ts';
import type { Site } from '../core/site.ts';
import { type Cli, withServer } from './open.ts';
import { CommandError, printable } from './output.ts';
import { accountNamed, nameOf, orSay, type PlaceOptions, placeOf, placeText, siteMeant, withPlace } from './place.ts';

export function addPermissionCommands(program: Command, cli: Cli): void {
  const { output } = cli;
  const permission = program
    .command('permission')
    .description(
      'permissions of the host application, such as item.view; <account> is an e-mail address, a number or a uuid',
    );

  permission
    .command('create <name>')
    .description('make a permission')
    .action(async (name: string) => {
      const isNew = await withServer(cli, ({ identity }) => identity.createPermission({ name }));
      if (!isNew) throw new CommandError('permission_exists', `there is a permission ${name} already`);
      output.result({ name }, `permission ${name}: made`);
    });

  permission
    .command('list')
    .description('show every permission')
    .action(async () => {
      const names = await withServer(cli, ({ identity }) => identity.listPermissions());
      output.result(
        names.map((name) => ({ name })),
        names.join('\n') || 'no permissions',
      );
    });

  permission
    .command('delete <name>')
    .description('delete a permission for good, and take it from every role and account')
    .action(async (name: string) => {
      const missing = `there is no permission ${printable(name)}; guichet permission list shows them`;
      await withServer(cli, ({ identity }) => orSay(identity.deletePermission({ name }), missing));
      output.result({ name }, `permission ${name}: deleted`);
    });

  withPlace(permission.command('grant <account> <name>'))
    .description('give an account a permission without a role; at a site, it becomes a member of it')
    .action(async (who: string, name: string, options: PlaceOptions, command: Command) => {
      const siteId = placeOf(options, command);
      await change(cli, { who, name, siteId }, async (identity, { uuid }, site) => {
        const { isNew } = await identity.grantPermission({ uuid, permission: name, siteId });
        return `${isNew ? 'has' : 'had already'} the permission ${name} ${placeText(site)}`;
      });
    });

  withPlace(permission.command('revoke <account> <name>'))
    .description('take from an account a permission that it was given without a role')
    .action(async (who: string, name: string, options: PlaceOptions, command: Command) => {
      const siteId = placeOf(options, command);
      await change(cli, { who, name, siteId }, async (identity, { uuid }, site) => {
        const place = placeText(site);
        const missing = `the account was not given ${printable(name)} ${place} without a role; guichet site list --account shows what it has`;
        await orSay(identity.revokePermission({ uuid, permission: name, siteId }), missing);
        return `the permission ${name} ${place} was taken`;
      });
    });
}

/** @throws {CommandError} `not_found`, and whatever the change throws */
async function change(
  cli: Cli,
  { name, siteId, who }: { who: string; name: string; siteId: number | null },
  apply: (identity: Identity, account: Account, site: Site | null) => Promise<string>,
): Promise<void> {
  const { account, done } = await withServer(cli, async ({ identity }) => {
    const site = await siteMeant(identity, siteId);
    const found = await accountNamed(identity, who);
    return { account: found, done: await apply(identity, found, site) };
  });
  cli.output.result(
    { uuid: account.uuid, email: account.email, permission: name, site_id: siteId },
    `${nameOf(account)}: ${done}`,
  );
}
