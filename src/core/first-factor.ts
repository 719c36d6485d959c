import type { Account, CodeFactor } from './account.ts';
import { auditEvent } from './audit.ts';
import type { NamedDevice } from './device.ts';
import type { ProviderIdentity } from './identity-provider.ts';
import { type FirstFactor, openPendingLogin, type SecondFactorDue } from './pending-login.ts';
import type { SessionContract } from './session-lifetime.ts';
import { type StartedSession, startSession } from './session-start.ts';
import type { Tables } from './store.ts';
import type { Caller, World } from './world.ts';

type OpeningWorld = Pick<World, 'clock' | 'keyring' | 'phones' | 'policy' | 'random'> & { store: Tables };

/** What a right first factor was, and for whom. */
export interface Opening {
  account: Account;
  contract: SessionContract;
  caller: Caller;
  firstFactor: FirstFactor;
  device?: NamedDevice | undefined;
  /** What names the pending login to its client, where something it has already does. */
  challenge?: string | undefined;
  /** Whom the account is joined by once it is complete; only where a second factor is due. */
  joins?: ProviderIdentity | null;
  /** The only page that may complete it. */
  origin?: string | null;
  /** Whether its client is to stay signed in. */
  remember?: boolean;
}

/**
 * What a right first factor opens, in the caller's transaction, the account held: a session; or, on an account with a
 * second factor, a login that waits for it (rule 13).
 */
export async function openSignIn(
  world: OpeningWorld,
  of: Opening,
): Promise<StartedSession | SecondFactorDue<CodeFactor | 'password'>> {
  const { account, caller, contract, device, firstFactor, remember = false } = of;
  const { codeFactor: channel } = account;
  const now = world.clock.now();
  if (channel !== null) {
    await world.store.audit.record(auditEvent('sign_in.second_factor_due', { account, contract, caller, now }));
    return openPendingLogin(world, { ...of, channel });
  }
  await recordSignIn(world, { account, contract, caller, method: firstFactor });
  return startSession(world, { account, contract, caller, secondFactor: false, remember, ...(device && { device }) });
}

/** Notes in the record that somebody is signed in, and by what they completed it. */
export async function recordSignIn(
  world: Pick<World, 'clock'> & { store: Tables },
  of: { account: Account; contract: SessionContract; caller: Caller; method: FirstFactor | 'second_factor' },
): Promise<void> {
  const { method, ...who } = of;
  await world.store.audit.record(
    auditEvent('sign_in.succeeded', { ...who, now: world.clock.now(), facts: { method } }),
  );
}
