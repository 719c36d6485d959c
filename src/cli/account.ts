import { type Command, Option } from 'commander';
import type { Account, Locale } from '../core/account.ts';
import type { Identity } from '../core/identity.ts';
import { accountTable, accountText, accountView } from './account-view.ts';
import { type Cli, withServer } from './open.ts';
import { CommandError } from './output.ts';
import { readPassword } from './password-input.ts';
import { wholeNumber } from './whole-number.ts';

interface LabelOptions {
  role?: string;
  roleId?: number;
  accountableType?: string;
  accountableId?: number;
}

interface CreateOptions extends LabelOptions {
  email: string;
  /** `false` for `--no-password`. */
  password?: string | false;
  askPassword?: true;
  firstName?: string;
  lastName?: string;
  username?: string;
  locale?: Locale;
  verified?: true;
}

export function addAccountCommands(program: Command, cli: Cli): void {
  const { output } = cli;
  const account = program
    .command('account')
    .description('accounts; <account> is an e-mail address, a phone number or a uuid');

  withLabels(account.command('create'))
    .description('make an account; without a password, an invitation to choose one is mailed to its address')
    .requiredOption('--email <email>', 'e-mail address')
    .addOption(
      new Option('--ask-password', 'ask for its password, or read it from standard input').conflicts('password'),
    )
    .option('--password <password>', 'its password; seen by others on this machine')
    .option('--no-password', 'the default: invite its owner to choose one')
    .option('--first-name <name>', 'first name')
    .option('--last-name <name>', 'last name')
    .option('--username <name>', 'user name (default: made from the address)')
    .addOption(new Option('--locale <locale>', 'language of its mails').choices(['en', 'fr']))
    .option('--verified', 'the address needs no proof')
    .action(async ({ askPassword, password, ...of }: CreateOptions) => {
      const secret = askPassword ? await readPassword(cli) : password === false ? undefined : password;
      const { accountableId, accountableType, role, roleId, ...profile } = of;
      const labels = given({ role, roleId, accountableType, accountableId });
      const made = await withServer(cli, ({ identity }) =>
        identity.createAccount({ ...profile, ...given({ password: secret }), labels }),
      );
      const invitation = secret === undefined ? { invitation: invitationText(made) } : {};
      output.result(accountView(made), accountText(made, invitation));
    });

  account
    .command('list')
    .description('show accounts in the order they were made')
    .option('--limit <number>', 'how many at most', wholeNumber, 100)
    .option('--after <account>', 'only those made after this one')
    .action(async ({ limit, after }: { limit: number; after?: string }) => {
      const found = await withServer(cli, async ({ identity }) =>
        identity.listAccounts({ limit, ...(after && { after: (await identity.findAccount({ name: after })).id }) }),
      );
      output.result(found.map(accountView), found.length === 0 ? 'no accounts' : accountTable(found));
      const last = found.at(-1);
      if (last && found.length === limit) output.note(`there may be more: --after ${last.uuid}`);
    });

  account
    .command('show <account>')
    .description('show an account')
    .action(async (name: string) => {
      const found = await withServer(cli, ({ identity }) => identity.findAccount({ name }));
      output.result(accountView(found), accountText(found));
    });

  withLabels(account.command('set <account>'))
    .description('change what the host application calls an account')
    .action((name: string, labels: LabelOptions) =>
      change(cli, name, 'the labels were set', (identity, { uuid }) => identity.labelAccount({ uuid, labels })),
    );

  account
    .command('set-password <account>')
    .description('set a password; ends every session of the account and lifts its lock')
    .option('--password <password>', 'seen by others on this machine; without it, asked for or read')
    .action(async (name: string, options: { password?: string }) => {
      const password = options.password ?? (await readPassword(cli));
      await change(cli, name, 'the password was set; every session ended', (identity, { uuid }) =>
        identity.setPassword({ uuid, password }),
      );
    });

  account
    .command('invite <account>')
    .description('mail the invitation to choose a password again')
    .action(async (name: string) => {
      const { account: invited, outcome } = await withServer(cli, async ({ identity }) =>
        identity.inviteAgain({ uuid: (await identity.findAccount({ name })).uuid }),
      );
      const who = invited.email ?? invited.phone ?? invited.uuid;
      if (outcome === 'mailed') output.result(accountView(invited), `${who}: the invitation was mailed`);
      else throw NOT_INVITED[outcome](who);
    });

  const changes = [
    ['lock', 'lock an account out; ends every session', 'locked', (identity, input) => identity.lockAccount(input)],
    ['unlock', 'let an account in again', 'unlocked', (identity, input) => identity.unlockAccount(input)],
    [
      'reset-two-factor',
      'take the second factor off an account whose owner has lost it; ends every session',
      'two-factor is off',
      (identity, input) => identity.resetSecondFactor(input),
    ],
    ['delete', 'delete an account for good', 'deleted', (identity, input) => identity.deleteAccount(input)],
  ] as const satisfies [string, string, string, Change][];
  for (const [name, description, done, apply] of changes) {
    account
      .command(`${name} <account>`)
      .description(description)
      .action((who: string) => change(cli, who, done, apply));
  }
}

/** Why no invitation was mailed, and what to do about it. */
const NOT_INVITED = {
  done: (who: string) =>
    new CommandError(
      'not_invited',
      `${who} has a password, or no e-mail address; guichet account set-password sets one`,
    ),
  limited: (who: string) =>
    new CommandError(
      'rate_limited',
      `${who} was mailed an invitation within the last minute, or five within the hour; try again later`,
    ),
};

/** Labels of the host application, which Guichet never reads (rule 9). */
function withLabels(command: Command): Command {
  return command
    .option('--role <role>', 'label of the host application')
    .option('--role-id <number>', 'label of the host application', wholeNumber)
    .option('--accountable-type <type>', 'label of the host application')
    .option('--accountable-id <number>', 'label of the host application', wholeNumber);
}

function invitationText({ email, invited }: { email: string | null; invited: boolean }): string {
  return invited
    ? `mailed to ${email}; its link works for 24 hours`
    : `not mailed: too many messages went to ${email} already`;
}

type Change = (identity: Identity, input: { uuid: string }) => Promise<Account>;

/** Finds an account, changes it and tells so. @throws {Failure} `not_found`, and whatever the change throws */
async function change(cli: Cli, name: string, done: string, apply: Change): Promise<void> {
  const changed = await withServer(cli, async ({ identity }) =>
    apply(identity, { uuid: (await identity.findAccount({ name })).uuid }),
  );
  cli.output.result(accountView(changed), `${changed.email ?? changed.phone ?? changed.uuid}: ${done}`);
}

/** The same without what is undefined. */
function given<Values extends object>(values: Values): { [Name in keyof Values]?: Exclude<Values[Name], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as typeof values;
}
