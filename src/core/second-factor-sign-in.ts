import type { Account } from './account.ts';
import { sendCode } from './delivered-code.ts';
import { type DeviceDescription, fingerprintLabels, hasFingerprint, type NamedDevice, nameDevice } from './device.ts';
import { inEvenTime } from './even-time.ts';
import { Failure } from './failure.ts';
import { checkFailureRate, noteForFailureRate } from './failure-rate.ts';
import { recordSignIn } from './first-factor.ts';
import { type IdentifierKind, readIdentifier } from './identifier.ts';
import { checkNetwork, noteForNetwork } from './network-limit.ts';
import { endPendingLogin } from './pending-completion.ts';
import { destinationOf, PENDING_TRIES, type PendingLogin } from './pending-login.ts';
import { checkCodeBudget, type FactorTrial, kindOf, type SecondFactorProof, trySecondFactor } from './second-factor.ts';
import { type SessionCredentials, sessionNamedBy } from './session-end.ts';
import type { SessionContract } from './session-lifetime.ts';
import { type SignedIn, type StartedSession, signedInWith, startSession } from './session-start.ts';
import { type MustBeProven, withPassword } from './sign-in.ts';
import { factorRateKey } from './sign-in-allowance.ts';
import type { Tables } from './store.ts';
import type { Caller, World } from './world.ts';

/**
 * How a client names the pending login it wants to complete (rule 15): by the challenge it was given, else by the account
 * and the fingerprint that its login gave, else, for a login without one, by the account and the network.
 */
export interface PendingLoginName {
  challenge?: string | undefined;
  /** E-mail address or phone number, in any spelling; without a challenge it is needed. */
  identifier?: string | undefined;
  fingerprint?: string | undefined;
}

/** One attempt to complete a sign-in. */
export interface Completion<Contract extends SessionContract = SessionContract> {
  contract: Contract;
  name: PendingLoginName;
  proof: SecondFactorProof;
  /** Tried where the first is not right, within the same attempt. */
  orProof?: SecondFactorProof | undefined;
  caller: Caller;
  device?: DeviceDescription;
  /** A session of the same client that the new one takes the place of. */
  replaces?: SessionCredentials;
  /** Whether the account's wrong codes are limited by the minute as well. */
  ratedByMinute?: boolean;
}

type CompletionWorld = Pick<
  World,
  'accessTokens' | 'clock' | 'hasher' | 'keyring' | 'phones' | 'policy' | 'random' | 'store'
>;

/** `spent`: right once before, or nothing to compare with; it counts nowhere (rule 17). */
type Completed = StartedSession | 'wrong' | 'spent' | 'unreached';

/**
 * Completes a pending login with its second factor. A call that reaches none compares nothing and moves no counter of
 * the account; it counts for the caller's network.
 *
 * @throws {Failure} `code_wrong`: wrong, used, expired, or no pending login was reached
 * @throws {Failure} `rate_limited` after ten wrong codes in an hour for the account, or thirty in five minutes from the network
 * @see rules 14, 15, 17; ASVS 5.0: 6.3.4, 6.6.2, 6.6.3
 */
export function completeSignIn<Contract extends SessionContract>(
  world: CompletionWorld,
  input: Completion<Contract>,
): Promise<SignedIn<Contract>> {
  return inEvenTime(world, async () => {
    await checkNetwork(world, 'failure', input.caller);
    const replaced = input.replaces && (await sessionNamedBy(world, input.contract, input.replaces));
    const completed = await world.store.transaction(async (store) => {
      const inStore = { ...world, store };
      const pending = await reachPendingLogin(inStore, input.contract, input.name, input.caller);
      const account = pending && (await store.accounts.hold(pending.accountId));
      const result = account ? await completePending(inStore, { ...input, account, pending }) : 'unreached';
      // In the same transaction: what fails is counted before the "no" is said.
      if (result === 'wrong' || result === 'unreached') {
        await noteForNetwork(inStore, 'failure', input.caller);
      } else if (result !== 'spent' && replaced) await store.sessions.end(replaced.account.id, replaced.session.id);
      return result;
    });
    return signedIn(world, input.contract, completed);
  });
}

/**
 * Signs in with password and second factor at once. With the right password no pending login needs to be named; the code
 * of a delivered factor belongs to one all the same.
 *
 * @throws {Failure} as `signInWithPassword`, and as {@link completeSignIn}
 */
export async function signInWithBoth<Contract extends SessionContract>(
  world: CompletionWorld,
  input: Completion<Contract> & {
    identifier: string;
    kind?: IdentifierKind;
    password: string;
    mustBeProven: MustBeProven;
    /** Whether the password is enough on an account without a second factor. */
    factorOptional?: boolean;
  },
): Promise<SignedIn<Contract>> {
  const completed = await withPassword(world, input, async (inStore, account): Promise<Completed> => {
    const { contract, name, caller } = input;
    if (input.factorOptional && account.codeFactor === null) {
      await recordSignIn(inStore, { account, contract, caller, method: 'password' });
      return startSession(inStore, { account, contract, caller, secondFactor: false });
    }
    const named = await reachPendingLogin(inStore, contract, { ...name, identifier: input.identifier }, caller);
    const waiting = await inStore.store.pendingLogins.list(account.id, contract, world.clock.now());
    const newest = waiting.find(({ firstFactor }) => firstFactor === 'password');
    const pending = named?.accountId === account.id ? named : newest;
    const result = await completePending(inStore, { ...input, account, pending });
    if (result === 'wrong' || result === 'unreached') await noteForNetwork(inStore, 'failure', caller);
    return result;
  });
  return signedIn(world, input.contract, completed);
}

async function signedIn<Contract extends SessionContract>(
  world: CompletionWorld,
  contract: Contract,
  completed: Completed,
): Promise<SignedIn<Contract>> {
  if (typeof completed === 'string') throw new Failure('code_wrong');
  return signedInWith(world, contract, completed);
}

/** The account is held by the transaction. */
async function completePending(
  world: Omit<CompletionWorld, 'store'> & { store: Tables },
  of: Completion & { account: Account; pending: PendingLogin | undefined },
): Promise<Completed> {
  const { account, caller, contract, pending } = of;
  const { store } = world;
  const now = world.clock.now();
  if (account.disabledAt !== null || account.codeFactor === null) return 'unreached';
  if (pending) {
    if (pending.epoch !== account.epoch) return 'unreached';
    if (of.ratedByMinute) await checkFailureRate(world, factorRateKey(account));
    if (!(await store.pendingLogins.takeTry(pending.digest, { most: PENDING_TRIES, now }))) return 'wrong';
  }
  const delivered = pending?.codeBinding ? { purpose: 'sign_in' as const, binding: pending.codeBinding } : undefined;
  const trial = await tryInTurn(world, { ...of, delivered });
  if (of.ratedByMinute && trial !== 'spent') {
    await noteForFailureRate(world, factorRateKey(account), { failed: trial === 'wrong' });
  }
  if (trial === 'spent' && pending) await store.pendingLogins.giveTryBack(pending.digest);
  if (trial !== 'right') return trial;
  const signingIn = pending ? await endPendingLogin(world, account, pending, { contract, caller }) : account;
  if (!signingIn) return 'unreached';
  await recordSignIn(world, { account, contract, caller, method: 'second_factor' });
  const device = mergeDevices(of.device && nameDevice(world, of.device, caller), pending?.device);
  const secondFactor = true;
  return startSession(world, {
    account: signingIn,
    contract,
    caller,
    secondFactor,
    remember: pending?.remember ?? false,
    ...(device && { device }),
  });
}

/** The account is held by the transaction. @returns `right` if one of them is, `wrong` if any was counted as such */
async function tryInTurn(
  world: Pick<World, 'clock' | 'keyring' | 'policy'> & { store: Tables },
  of: Parameters<typeof trySecondFactor>[1] & Pick<Completion, 'orProof'>,
): Promise<FactorTrial> {
  const { account, orProof } = of;
  // Before the first is compared: a "no" to the second would undo what the first one counted.
  if (orProof) await checkCodeBudget(world, account, kindOf(orProof));
  const first = await trySecondFactor(world, of);
  if (first === 'right' || !orProof) return first;
  const wrongCodes = account.wrongCodes + (first === 'wrong' ? 1 : 0);
  const second = await trySecondFactor(world, { ...of, account: { ...account, wrongCodes }, proof: orProof });
  return second === 'spent' ? first : second;
}

/** What the second step says of its device, over what the first one said. */
function mergeDevices(second: NamedDevice | undefined, first: NamedDevice | null | undefined): NamedDevice | undefined {
  if (!second || !first) return second ?? first ?? undefined;
  const saysNothing = second.type === null && second.name === null && second.os === null;
  const keepsLabel = !hasFingerprint(second.label) && (saysNothing || hasFingerprint(first.label));
  const { formerLabel, label } = keepsLabel ? first : second;
  return {
    type: second.type ?? first.type,
    name: second.name ?? first.name,
    os: second.os ?? first.os,
    label,
    ...(formerLabel !== undefined && { formerLabel }),
  };
}

async function reachPendingLogin(
  world: Pick<World, 'clock' | 'keyring' | 'phones'> & { store: Tables },
  contract: SessionContract,
  { challenge, fingerprint, identifier: typed }: PendingLoginName,
  caller: Caller,
): Promise<PendingLogin | undefined> {
  const { accounts, pendingLogins } = world.store;
  const now = world.clock.now();
  const identifier = typed === undefined ? undefined : readIdentifier(world, typed);
  // The same look-ups for every identifier, so that their time tells nothing.
  const account = identifier && (await accounts.findByIdentifier(identifier.kind, identifier.value));
  if (challenge !== undefined) {
    const pending = await pendingLogins.find(world.keyring.digests('challenge', challenge), contract, now);
    return typed === undefined || pending?.accountId === account?.id ? pending : undefined;
  }
  if (!account) return undefined;
  // One that a link or a provider began is reached by its challenge alone.
  const pending = (await pendingLogins.list(account.id, contract, now)).filter(
    ({ firstFactor }) => firstFactor === 'password',
  );
  const labels = fingerprint === undefined ? [] : fingerprintLabels(world, fingerprint);
  return (
    pending.find(({ device }) => device !== null && labels.includes(device.label)) ??
    pending.find(({ device, network }) => !(device && hasFingerprint(device.label)) && network === caller.network.key)
  );
}

/**
 * Sends the code of a pending login again. What it does for every other call looks the same.
 *
 * @throws {Failure} `rate_limited` past what the caller's network may ask for in vain
 * @see rules 14, 15, 22; R039
 */
export function resendSignInCode(
  world: Pick<World, 'clock' | 'keyring' | 'phones' | 'policy' | 'random' | 'store'>,
  input: { contract: SessionContract; name: PendingLoginName; caller: Caller },
): Promise<void> {
  const { caller, contract, name } = input;
  return inEvenTime(world, async () => {
    // For everybody, whether or not they wait for a code: else it would tell who does.
    await checkNetwork(world, 'failure', caller);
    await world.store.transaction(async (store) => {
      const inStore = { ...world, store };
      const pending = await reachPendingLogin(inStore, contract, name, caller);
      const account = pending && (await store.accounts.hold(pending.accountId));
      if (!account || pending.epoch !== account.epoch || account.disabledAt !== null) {
        await noteForNetwork(inStore, 'failure', caller);
        return;
      }
      const { codeFactor: channel } = account;
      if (channel === null || channel === 'totp' || !pending.codeBinding) return;
      const to = destinationOf(account, channel);
      if (!to) return;
      const binding = pending.codeBinding;
      await sendCode(inStore, { account, purpose: 'sign_in', binding, channel, to, caller, trusted: true });
    });
  });
}
