import type { Account } from './account.ts';
import { type Allowance, allowanceOf } from './failure-rate.ts';
import { countedIdentifier } from './identifier.ts';
import type { Caller, ContractName, World } from './world.ts';

/** Wrong passwords for one identifier, known or not, from one address; of IPv6 a household has 2^64 (R026). */
export function passwordRateKey(
  world: Pick<World, 'keyring' | 'phones'>,
  identifier: string,
  { address, network }: Caller,
): string {
  const place = address?.includes(':') ? network.key : address;
  return `minute:password:${world.keyring.digest('identifier', countedIdentifier(world, identifier))}:${place}`;
}

/** Wrong second factors of one account. */
export const factorRateKey = ({ id }: Pick<Account, 'id'>): string => `minute:factor:${id}`;

/** How many wrong passwords the caller has left this minute; the same for identifiers that do not exist. */
export const passwordAllowance = (
  world: Pick<World, 'clock' | 'keyring' | 'phones' | 'store'>,
  { caller, identifier }: { identifier: string; caller: Caller },
): Promise<Allowance> => allowanceOf(world, passwordRateKey(world, identifier, caller));

/** How many wrong codes are left this minute to the account whose login waits; all of them where none does. */
export async function factorAllowance(
  world: Pick<World, 'clock' | 'keyring' | 'store'>,
  { challenge, contract }: { contract: ContractName; challenge: string },
): Promise<Allowance> {
  const digests = world.keyring.digests('challenge', challenge);
  const pending = await world.store.pendingLogins.find(digests, contract, world.clock.now());
  return allowanceOf(world, pending && factorRateKey({ id: pending.accountId }));
}
