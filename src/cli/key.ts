import { type Command, Option } from 'commander';
import { contractNames } from '../config/settings.ts';
import type { SigningKey } from '../core/signing-key.ts';
import type { ContractName } from '../core/world.ts';
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
    .description('make new keys; they sign after ten minutes, when everybody has seen them')
    .option('--now', 'sign with them at once, because the old ones may be known to others')
    .addOption(
      new Option(
        '--contract <name>',
        'whose tokens the key signs (default: a key for every contract that answers and signs with keys of its own)',
      ).choices(contractNames),
    )
    .action(async (options: { now?: true; contract?: ContractName }) => {
      const views = await withServer(cli, async ({ derived, identity, world }) => {
        const made: SigningKey[] = [];
        for (const contract of options.contract ? [options.contract] : derived.signingContracts) {
          made.push(await identity.rotateSigningKey({ contract, now: options.now ?? false }));
        }
        return made.map((each) => keyView(each, world.clock.now()));
      });
      const lines = views.map(
        ({ contract, kid, signsFrom }) => `key ${kid} signs the ${contract} contract's tokens from ${signsFrom}`,
      );
      cli.output.result(views, lines.join('\n') || 'no contract that answers signs with keys of its own');
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
