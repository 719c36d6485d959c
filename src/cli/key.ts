import { type Command, Option } from 'commander';
import { contractNames } from '../config/settings.ts';
import type { SigningKey } from '../core/signing-key.ts';
import { type Cli, withServer } from './open.ts';
import { table, when } from './output.ts';

export function addKeyCommands(program: Command, cli: Cli): void {
  const key = program.command('key').description('keys that access tokens are signed with');

  key
    .command('list')
    .description('show every key that verifies')
    .action(async () => {
      const { keys, now } = await withServer(cli, async ({ identity, world }) => ({
        keys: await identity.listSigningKeys(),
        now: world.clock.now(),
      }));
      const rows = keys.map((each) => Object.values(keyView(each, now)));
      const titles = ['CONTRACT', 'KEY', 'ALGORITHM', 'STATE', 'SIGNS FROM', 'VERIFIES UNTIL'];
      cli.output.result(
        keys.map((each) => keyView(each, now)),
        keys.length === 0 ? 'no keys yet; the first start makes one' : table(titles, rows),
      );
    });

  key
    .command('rotate')
    .description('make a new key; it signs after ten minutes, when everybody has seen it')
    .option('--now', 'sign with it at once, because the old one may be known to others')
    .addOption(
      new Option('--contract <name>', 'whose tokens it signs').choices(contractNames).default(contractNames[0]),
    )
    .action(async (options: { now?: true; contract: (typeof contractNames)[number] }) => {
      const { made, now } = await withServer(cli, async ({ identity, world }) => ({
        made: await identity.rotateSigningKey({ contract: options.contract, now: options.now ?? false }),
        now: world.clock.now(),
      }));
      const view = keyView(made, now);
      cli.output.result(view, `key ${view.kid} signs the ${view.contract} contract's tokens from ${view.signsFrom}`);
    });
}

/** What may be seen of a key, in the order of the table's columns. */
function keyView({ contract, kid, algorithm, signsFrom, verifiesUntil }: SigningKey, now: number) {
  const state = signsFrom > now ? 'published' : verifiesUntil === null ? 'signing' : 'verifying';
  return {
    contract,
    kid,
    algorithm,
    state,
    signsFrom: when(signsFrom),
    verifiesUntil: verifiesUntil === null ? null : when(verifiesUntil),
  };
}
