import type { Account } from './account.ts';
import { auditEvent } from './audit.ts';
import { circumstancesOf, mailTo } from './mail.ts';
import type { ClaimedAnswer, Passkey, UserVerification } from './passkey.ts';
import { type Ceremony, isOwnChallenge, spendChallenge } from './passkey-challenge.ts';
import type { Tables } from './store.ts';
import { hours } from './time.ts';
import type { Caller, ContractName, World } from './world.ts';

/** A passkey's answer that holds, before its transaction. */
export interface PasskeyProof {
  account: Account;
  passkey: Passkey;
  claimed: ClaimedAnswer;
  counter: number;
  backedUp: boolean;
  /** Whether the authenticator has verified its user: then it is two factors. */
  verified: boolean;
}

/**
 * Verifies an answer against the passkey it names and the ceremony it must belong to.
 *
 * @returns `undefined` if anything of it does not hold
 */
export async function verifyPasskey(
  world: Pick<World, 'clock' | 'keyring' | 'passkeys' | 'store'>,
  of: {
    response: unknown;
    ceremony: Ceremony;
    userVerification: UserVerification;
    contract: ContractName;
    caller: Caller;
  },
): Promise<PasskeyProof | undefined> {
  const claimed = world.passkeys.read(of.response);
  if (!claimed || !isOwnChallenge(world, of.ceremony, claimed)) return undefined;
  const passkey = await world.store.passkeys.find(claimed.credentialId);
  const account = passkey && (await world.store.accounts.find(passkey.accountId));
  if (!passkey || !account || account.disabledAt !== null) return undefined;
  // Whom nobody has named yet, the passkey itself must name (WebAuthn §7.2, step 6).
  const isNamed = of.ceremony.purpose !== 'sign_in';
  const named = claimed.userHandle ?? (isNamed ? undefined : '');
  if (named !== undefined && named !== (await world.store.passkeys.findHandle(account.id))) return undefined;
  const { userVerification } = of;
  const { challenge } = claimed;
  const result = await world.passkeys.verifyAssertion(of.response, {
    challenge,
    credential: passkey,
    userVerification,
  });
  if (result.outcome === 'counter_regressed') await reportClone(world, { account, passkey, claimed, ...of });
  if (result.outcome !== 'right') return undefined;
  const { backedUp, counter, userVerified: verified } = result;
  return { account, passkey, claimed, counter, backedUp, verified };
}

/**
 * Somebody holds the private key twice; only its owner can tell which of them is which, and is told once an hour.
 *
 * @see WebAuthn §6.1.1; R111
 */
async function reportClone(
  world: Pick<World, 'clock' | 'keyring' | 'store'>,
  of: { account: Account; passkey: Passkey; claimed: ClaimedAnswer; caller: Caller; contract: ContractName },
): Promise<void> {
  const { account, caller, claimed, contract, passkey } = of;
  const now = world.clock.now();
  await world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    if (!(await store.accounts.hold(account.id))) return;
    // The same answer once more is a double click or a lost answer: its counter has been seen because it was taken.
    if (!(await spendChallenge(inStore, claimed))) return;
    await store.audit.record(auditEvent('passkey.counter_regressed', { account, contract, caller, now }));
    const rule = { limit: 1, windowMilliseconds: hours(1), now };
    if (!(await store.limits.take(`cloned:${passkey.uuid}`, rule)).allowed) return;
    const facts = { passkey: passkey.name, ...circumstancesOf(world, account, caller) };
    await mailTo(inStore, account, { template: 'passkey_cloned', facts });
  });
}

/**
 * Uses up a proof's challenge and notes the passkey's use, in the caller's transaction, the account held.
 *
 * @returns `false` if either was used meanwhile
 */
export async function usePasskey(
  world: Pick<World, 'clock' | 'keyring'> & { store: Tables },
  { backedUp, claimed, counter, passkey }: PasskeyProof,
): Promise<boolean> {
  const use = { counter, backedUp, lastUsedAt: world.clock.now() };
  return (await spendChallenge(world, claimed)) && world.store.passkeys.use(passkey, use);
}
