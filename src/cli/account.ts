import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Account, Locale } from '../core/account.ts';
import type { Identity } from '../core/identity.ts';
import { accountTable, accountText, accountView } from './account-view.ts';
import { type Cli, withServer } from './open.ts';
import { readPassword } from './password-input.ts';

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
  firstName?: string;
  lastName?: string;
  username?: string;
  locale?: Locale;
  verified?: true;
}

const passwordOption = [
  '--password <password>',
  'seen by others on this machine; without it, asked for or read',
] as const;

export function addAccountCommands(program: Command, cli: Cli): void {
  const { output } = cli;
  const account = program
    .command('account')
    .description('accounts; <account> is an e-mail address, a phone number or a uuid');

  withLabels(account.command('create'))
    .description('make an account; unless it is verified, its address is mailed a link to prove it')
    .requiredOption('--email <email>', 'e-mail address')
    .option(...passwordOption)
    .option('--no-password', 'make an account without a password')
    .option('--first-name <name>', 'first name')
    .option('--last-name <name>', 'last name')
    .option('--username <name>', 'user name (default: made from the address)')
    .addOption(new Option('--locale <locale>', 'language of its mails').choices(['en', 'fr']))
    .option('--verified', 'the address needs no proof')
    .action(async ({ email, password, role, roleId, accountableType, accountableId, ...profile }: CreateOptions) => {
      const secret = password === false ? undefined : (password ?? (await readPassword(cli)));
      const labels = given({ role, roleId, accountableType, accountableId });
      const made = await withServer(cli, ({ identity }) =>
        identity.createAccount({ email, ...profile, ...given({ password: secret }), labels }),
      );
      output.result(accountView(made), accountText(made));
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
    .option(...passwordOption)
    .action(async (name: string, options: { password?: string }) => {
      const password = options.password ?? (await readPassword(cli));
      await change(cli, name, 'the password was set; every session ended', (identity, { uuid }) =>
        identity.setPassword({ uuid, password }),
      );
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

/** Labels of the host application, which Guichet never reads (rule 9). */
function withLabels(command: Command): Command {
  return command
    .option('--role <role>', 'label of the host application')
    .option('--role-id <number>', 'label of the host application', wholeNumber)
    .option('--accountable-type <type>', 'label of the host application')
    .option('--accountable-id <number>', 'label of the host application', wholeNumber);
}

type Change = (identity: Identity, input: { uuid: string }) => Promise<Account>;

/** Finds an account, changes it and tells so. @throws {Failure} `not_found`, and whatever the change throws */
async function change(cli: Cli, name: string, done: string, apply: Change): Promise<void> {
  const changed = await withServer(cli, async ({ identity }) =>
    apply(identity, { uuid: (await identity.findAccount({ name })).uuid }),
  );
  cli.output.result(accountView(changed), `${changed.email ?? changed.phone ?? changed.uuid}: ${done}`);
}

function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It is not a whole number.');
  return Number(text);
}

/** The same without what is undefined. */
function given<Values extends object>(values: Values): { [Name in keyof Values]?: Exclude<Values[Name], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as typeof values;
}
