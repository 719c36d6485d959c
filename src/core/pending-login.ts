import type { Account, AccountId, CodeFactor } from './account.ts';
import { isLive, justSent, sendCode } from './delivered-code.ts';
import type { NamedDevice } from './device.ts';
import type { ProviderIdentity } from './identity-provider.ts';
import type { Tables } from './store.ts';
import { type Instant, minutes } from './time.ts';
import type { Caller, ContractName, World } from './world.ts';

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
  /** Where the first factor came from. */
  network: string | null;
  /** The delivered code that completes it; logins within a minute of each other share one. */
  codeBinding: string | null;
  device: NamedDevice | null;
  firstFactor: FirstFactor;
  /** Whom the account is joined by once the second factor has shown that its owner is there (rule 24). */
  joins: ProviderIdentity | null;
  /** The only page that may complete it, where a redirect handed it to one (rule 25). */
  origin: string | null;
  /** Whether its client is to stay signed in. */
  remember: boolean;
}

/** What came before the second factor. */
export type FirstFactor = 'password' | 'magic_link' | 'provider' | 'passkey';

const LIFETIME = minutes(10);
const AT_MOST = 3;
/** Codes that may be tried against one (ASVS 5.0: 6.6.3). */
export const PENDING_TRIES = 5;

export interface SecondFactorDue<Channel extends string = CodeFactor> {
  outcome: 'second_factor_due';
  /** 256 bits in base64url. */
  challenge: string;
  channel: Channel;
}

/**
 * Opens a pending login in the caller's transaction, the account held, and sends the code that completes it where the
 * factor is a delivered one; of an account's older ones the newest two stay.
 */
export async function openPendingLogin(
  world: Pick<World, 'clock' | 'keyring' | 'phones' | 'policy' | 'random'> & { store: Tables },
  of: {
    account: Account;
    channel: CodeFactor;
    contract: ContractName;
    caller: Caller;
    firstFactor: FirstFactor;
    device?: NamedDevice | undefined;
    challenge?: string | undefined;
    joins?: ProviderIdentity | null;
    origin?: string | null;
    remember?: boolean;
  },
): Promise<SecondFactorDue<CodeFactor | 'password'>> {
  const { account, caller, contract, device, firstFactor } = of;
  const channel = secondStepOf(of.channel, firstFactor);
  const challenge = of.challenge ?? Buffer.from(world.random.bytes(32)).toString('base64url');
  const createdAt = world.clock.now();
  const digest = world.keyring.digest('challenge', challenge);
  await world.store.pendingLogins.insert({
    digest,
    accountId: account.id,
    contract,
    epoch: account.epoch,
    tries: 0,
    createdAt,
    expiresAt: createdAt + LIFETIME,
    network: caller.network.key,
    codeBinding:
      channel === 'totp' || channel === 'password'
        ? null
        : await sendSignInCode(world, { account, channel, contract, caller }),
    device: device ?? null,
    firstFactor,
    joins: of.joins ?? null,
    origin: of.origin ?? null,
    remember: of.remember ?? false,
  });
  await world.store.pendingLogins.keepNewest(account.id, { count: AT_MOST - 1, beside: digest });
  return { outcome: 'second_factor_due', challenge, channel };
}

/**
 * What completes a sign-in: after a mailed link an e-mailed code would prove the same mailbox twice, so the password takes
 * its place (rule 16).
 */
export const secondStepOf = (channel: CodeFactor, firstFactor: FirstFactor): CodeFactor | 'password' =>
  channel === 'email' && firstFactor === 'magic_link' ? 'password' : channel;

/** @returns the binding of a new code, or of one that was sent within the last minute */
async function sendSignInCode(
  world: Parameters<typeof openPendingLogin>[0],
  of: { account: Account; channel: 'email' | 'sms'; contract: ContractName; caller: Caller },
): Promise<string> {
  const { account, channel, contract } = of;
  const now = world.clock.now();
  const [newest] = await world.store.deliveredCodes.list(account.id, 'sign_in');
  if (newest && isLive(newest, account, now) && justSent(world, newest)) {
    const pending = await world.store.pendingLogins.list(account.id, contract, now);
    if (pending.some(({ codeBinding }) => codeBinding === newest.binding)) return newest.binding;
  }
  const binding = world.random.uuid();
  const to = destinationOf(account, channel);
  if (to) await sendCode(world, { ...of, purpose: 'sign_in', binding, to, trusted: true });
  return binding;
}

/** Where a delivered factor's codes go: what the account holds and has proven. */
export function destinationOf(account: Account, channel: 'email' | 'sms'): string | null {
  if (channel === 'email') return account.emailVerifiedAt === null ? null : account.email;
  return account.phoneVerifiedAt === null ? null : account.phone;
}
