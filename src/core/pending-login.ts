import type { Account, AccountId, CodeFactor } from './account.ts';
import { type Instant, minutes } from './time.ts';
import type { ContractName, Tables, World } from './world.ts';

/** A right first factor that waits for the second (rule 14); visible to the contract that opened it alone. */
export interface PendingLogin {
  /** Of the challenge, which only the client has. */
  digest: string;
  accountId: AccountId;
  contract: ContractName;
  epoch: number;
  /** Codes tried against it. */
  tries: number;
  createdAt: Instant;
  expiresAt: Instant;
}

const LIFETIME = minutes(10);
const AT_MOST = 3;

export interface SecondFactorDue {
  outcome: 'second_factor_due';
  /** 256 bits in base64url. */
  challenge: string;
  channel: CodeFactor;
}

/** Opens a pending login in the caller's transaction; of an account's older ones the newest two stay. */
export async function openPendingLogin(
  world: Pick<World, 'clock' | 'keyring' | 'random'> & { store: Tables },
  of: { account: Account; channel: CodeFactor; contract: ContractName },
): Promise<SecondFactorDue> {
  const challenge = Buffer.from(world.random.bytes(32)).toString('base64url');
  const createdAt = world.clock.now();
  await world.store.pendingLogins.insert({
    digest: world.keyring.digest('challenge', challenge),
    accountId: of.account.id,
    contract: of.contract,
    epoch: of.account.epoch,
    tries: 0,
    createdAt,
    expiresAt: createdAt + LIFETIME,
  });
  await world.store.pendingLogins.keepNewest(of.account.id, AT_MOST);
  return { outcome: 'second_factor_due', challenge, channel: of.channel };
}
