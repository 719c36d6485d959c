import { type Command, createArgument } from 'commander';
import type { Account } from '../core/account.ts';
import type { Identity } from '../core/identity.ts';
import type { Site } from '../core/site.ts';
import { type Cli, withServer } from './open.ts';
import { table } from './output.ts';
import { accountNamed, nameOf, orSay, siteNumbered, siteText } from './place.ts';
import { wholeNumber } from './whole-number.ts';

export function addSiteCommands(program: Command, cli: Cli): void {
  const { output } = cli;
  const site = program
    .command('site')
    .description(
      'sites of the host application, and who is a member; <account> is an e-mail address, a number or a uuid',
    );
  const numbered = (name: string) =>
    site
      .command(name)
      .addArgument(createArgument('<id>', 'its number: guichet site list shows it').argParser(wholeNumber));

  site
    .command('create <name>')
    .description('make a site; two may bear one name')
    .option('--headquarters', 'it is a headquarters')
    .action(async (name: string, { headquarters = false }: { headquarters?: boolean }) => {
      const made = await withServer(cli, ({ identity }) => identity.createSite({ name, isHeadquarters: headquarters }));
      // The same with and without --json: scripts are known to read the number out of it.
      output.result(siteView(made), JSON.stringify(siteView(made)));
    });

  site
    .command('list')
    .description('show every site, or those of an account with what it has there')
    .option('--account <account>', 'whose')
    .action((options: { account?: string }) => (options.account ? listOf(cli, options.account) : listAll(cli)));

  numbered('rename')
    .argument('<name>', 'its name from now on')
    .description('give a site another name')
    .action((siteId: number, name: string) =>
      change(cli, siteId, 'renamed', (identity) => identity.changeSite({ siteId, name })),
    );

  numbered('set')
    .description('make a site a headquarters, or none')
    .option('--headquarters', 'it is a headquarters')
    .option('--no-headquarters', 'it is none')
    .action(async (siteId: number, { headquarters }: { headquarters?: boolean }, command: Command) => {
      if (headquarters === undefined) command.error('error: say which: --headquarters or --no-headquarters');
      const isHeadquarters = headquarters === true;
      await change(cli, siteId, isHeadquarters ? 'is a headquarters' : 'is no headquarters', (identity) =>
        identity.changeSite({ siteId, isHeadquarters }),
      );
    });

  numbered('delete')
    .description('delete a site for good, with its own roles and all that was given there')
    .action((siteId: number) => change(cli, siteId, 'deleted', (identity) => identity.deleteSite({ siteId })));

  site
    .command('join <account>')
    .description('make an account a member of a site')
    .requiredOption('--site <id>', 'the site', wholeNumber)
    .action(async (name: string, { site: siteId }: { site: number }) => {
      const {
        account,
        isNew,
        site: joined,
      } = await withMember(cli, name, siteId, (identity, { uuid }) => identity.joinSite({ uuid, siteId }));
      const done = isNew ? 'is a member of' : 'was a member already of';
      output.result(memberView(account, joined), `${nameOf(account)}: ${done} ${siteText(joined)}`);
    });

  site
    .command('leave <account>')
    .description('end a membership; what the account was given at the site goes, too')
    .requiredOption('--site <id>', 'the site', wholeNumber)
    .action(async (name: string, { site: siteId }: { site: number }) => {
      const { account, site: left } = await withMember(cli, name, siteId, (identity, { uuid }, place) =>
        orSay(
          identity.leaveSite({ uuid, siteId }),
          `the account is no member of ${siteText(place)}; guichet site list --account shows where it is one`,
        ),
      );
      output.result(memberView(account, left), `${nameOf(account)}: is no member any more of ${siteText(left)}`);
    });
}

/** @throws {CommandError} `not_found`, and whatever the change throws */
async function change(
  cli: Cli,
  siteId: number,
  done: string,
  apply: (identity: Identity) => Promise<Site>,
): Promise<void> {
  const changed = await withServer(cli, async ({ identity }) => {
    await siteNumbered(identity, siteId);
    return apply(identity);
  });
  cli.output.result(siteView(changed), `${siteText(changed)}: ${done}`);
}

function withMember<T>(
  cli: Cli,
  name: string,
  siteId: number,
  apply: (identity: Identity, account: Account, site: Site) => Promise<T>,
): Promise<T> {
  return withServer(cli, async ({ identity }) => {
    const site = await siteNumbered(identity, siteId);
    return apply(identity, await accountNamed(identity, name), site);
  });
}

async function listAll(cli: Cli): Promise<void> {
  const sites = await withServer(cli, ({ identity }) => identity.listSites());
  const text = sites.length === 0 ? 'no sites' : table(SITE_TITLES, sites.map(siteCells));
  cli.output.result(sites.map(siteView), text);
}

async function listOf(cli: Cli, name: string): Promise<void> {
  const { account, sites } = await withServer(cli, async ({ identity }) => {
    const found = await accountNamed(identity, name);
    const rights = await identity.rightsOf({ account: found, session: { siteId: found.defaultSiteId } });
    return { account: found, sites: rights.sites };
  });
  const views = sites.map(({ site, roles, directPermissions }) => ({
    ...siteView(site),
    roles,
    direct_permissions: directPermissions,
  }));
  const rows = sites.map(({ site, roles, directPermissions }) => [
    ...siteCells(site),
    roles.join(', ') || null,
    directPermissions.join(', ') || null,
  ]);
  const none = `${nameOf(account)}: is a member of no site, and has no role or permission without one`;
  const titles = [...SITE_TITLES, 'ROLES', 'PERMISSIONS WITHOUT A ROLE'];
  cli.output.result(views, sites.length === 0 ? none : table(titles, rows));
}

const SITE_TITLES = ['SITE', 'NAME', 'HEADQUARTERS'];
const siteCells = ({ id, name, isHeadquarters }: Site) => [String(id), name, isHeadquarters ? 'yes' : 'no'];

const siteView = ({ id, name, isHeadquarters }: Site) => ({ id, name, is_headquarters: isHeadquarters });

const memberView = ({ uuid, email }: Account, { id }: Site) => ({ uuid, email, site_id: id });
