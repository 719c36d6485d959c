import type { Command } from 'commander';
import { type Cli, withServer } from './open.ts';
import { printable } from './output.ts';
import {
  accountNamed,
  nameOf,
  orSay,
  type PlaceOptions,
  permissionList,
  placeOf,
  placeText,
  siteMeant,
  withPermissions,
  withPlace,
} from './place.ts';

/** Adds what gives roles to accounts, and takes them, to the role command. */
export function addRoleGrantCommands(role: Command, cli: Cli): void {
  const { output } = cli;

  withPlace(role.command('grant <account> <role>'))
    .description('give an account a role, which is made if it is new; at a site, the account becomes a member of it')
    .option(
      '--permissions <names>',
      'add these to the role, for everybody who has it: item.view,item.update',
      permissionList,
    )
    .action(async (who: string, name: string, options: PlaceOptions & { permissions?: string[] }, command: Command) => {
      const siteId = placeOf(options, command);
      const { permissions = [] } = options;
      const { account, given, isNew, site } = await withServer(cli, async ({ identity }) => {
        const at = await siteMeant(identity, siteId);
        const { uuid } = await accountNamed(identity, who);
        const { role: granted, ...rest } = await identity.grantRole({ uuid, role: name, siteId, permissions });
        return { ...rest, given: granted, site: at };
      });
      const done = isNew ? 'has' : 'had already';
      output.result(
        {
          uuid: account.uuid,
          email: account.email,
          role: given.name,
          role_id: given.id,
          site_id: siteId,
          permissions: given.permissions,
        },
        `${nameOf(account)}: ${done} the role ${printable(given.name)} ${placeText(site)}${withPermissions(given)}`,
      );
    });

  withPlace(role.command('revoke <account> <role>'))
    .description('take a role from an account where it was given; its membership stays')
    .action(async (who: string, name: string, options: PlaceOptions, command: Command) => {
      const siteId = placeOf(options, command);
      const { account, remains, site } = await withServer(cli, async ({ identity }) => {
        const at = await siteMeant(identity, siteId);
        const { uuid } = await accountNamed(identity, who);
        const missing = `the account was not given the role ${printable(name)} ${placeText(at)}; guichet site list --account shows what it has`;
        return { ...(await orSay(identity.revokeRole({ uuid, role: name, siteId }), missing)), site: at };
      });
      output.result(
        { uuid: account.uuid, email: account.email, role: name, site_id: siteId, remains },
        `${nameOf(account)}: the role ${printable(name)} ${placeText(site)} was taken`,
      );
      if (remains)
        output.note(`it still has a role of this name, which was given ${site ? 'everywhere' : 'at a site'}`);
    });
}
