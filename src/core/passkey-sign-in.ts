import type { Account } from './account.ts';
import { Failure } from './failure.ts';
import { recordSignIn } from './first-factor.ts';
import { checkNetwork, noteForNetwork } from './network-limit.ts';
import { type Ceremony, makeChallenge } from './passkey-challenge.ts';
import { usePasskey, verifyPasskey } from './passkey-proof.ts';
import { endPendingLogin } from './pending-completion.ts';
import { PENDING_TRIES, type PendingLogin } from './pending-login.ts';
import type { SessionContract } from './session-lifetime.ts';
import { holdUnchanged, type SignedIn, type StartedSession, signedInWith, startSession } from './session-start.ts';
import type { SignInWorld } from './sign-in.ts';
import type { Tables } from './store.ts';
import type { Caller, ContractName, World } from './world.ts';

type PasskeyWorld = SignInWorld & Pick<World, 'passkeys'>;

/**
 * Begins a sign-in with a passkey. The options are the same for everybody and list nothing (R019); for a login that waits
 * for its second factor they name the account's own passkeys, whose owner has proven the first.
 *
 * @param input.challenge of a login that waits
 * @returns PublicKeyCredentialRequestOptionsJSON
 * @throws {Failure} `passkey_refused` if no such login waits
 * @see rule 29; WebAuthn §7.2
 */
export async function startPasskeySignIn(
  world: Pick<World, 'clock' | 'keyring' | 'passkeys' | 'random' | 'store'>,
  input: { contract: ContractName; challenge?: string | undefined },
): Promise<object> {
  if (input.challenge === undefined) {
    const challenge = makeChallenge(world, { purpose: 'sign_in' });
    return world.passkeys.assertionOptions({ challenge, allow: [], userVerification: 'required' });
  }
  const pending = await findPending(world, input.contract, input.challenge);
  if (!pending) throw new Failure('passkey_refused');
  return world.passkeys.assertionOptions({
    challenge: makeChallenge(world, { purpose: 'second_factor', pending: pending.digest }),
    allow: await world.store.passkeys.list(pending.accountId),
    userVerification: 'preferred',
  });
}

const findPending = (
  world: Pick<World, 'clock' | 'keyring'> & { store: Pick<Tables, 'pendingLogins'> },
  contract: ContractName,
  challenge: string,
): Promise<PendingLogin | undefined> =>
  world.store.pendingLogins.find(world.keyring.digests('challenge', challenge), contract, world.clock.now());

/**
 * Signs in with a passkey: by itself, its user verified, it is both factors at once (rule 13); for a login that waits it is
 * the second.
 *
 * @throws {Failure} `passkey_refused`, whatever is wrong: with the answer, the challenge, the passkey or the account
 * @throws {Failure} `rate_limited` past thirty refused in five minutes from the network
 * @see rules 8, 13, 20, 29; WebAuthn §7.2; R106 to R111
 */
export async function finishPasskeySignIn<Contract extends SessionContract>(
  world: PasskeyWorld,
  input: { contract: Contract; challenge?: string | undefined; response: unknown; caller: Caller },
): Promise<SignedIn<Contract>> {
  const { caller, contract } = input;
  await checkNetwork(world, 'failure', caller);
  const started = await tryToSignIn(world, input).catch((error: unknown) => {
    if (error instanceof Failure && error.code === 'passkey_refused') return undefined;
    throw error;
  });
  if (!started) {
    await world.store.transaction((store) => noteForNetwork({ ...world, store }, 'failure', caller));
    throw new Failure('passkey_refused');
  }
  return signedInWith(world, contract, started);
}

async function tryToSignIn(
  world: PasskeyWorld,
  input: { contract: SessionContract; challenge?: string | undefined; response: unknown; caller: Caller },
): Promise<StartedSession | undefined> {
  const { caller, contract } = input;
  const pending = input.challenge === undefined ? undefined : await findPending(world, contract, input.challenge);
  if (input.challenge !== undefined && !pending) return undefined;
  const ceremony: Ceremony = pending ? { purpose: 'second_factor', pending: pending.digest } : { purpose: 'sign_in' };
  const proof = await verifyPasskey(world, {
    response: input.response,
    ceremony,
    userVerification: pending ? 'preferred' : 'required',
    contract,
    caller,
  });
  if (!proof || (pending && pending.accountId !== proof.account.id)) return undefined;
  return world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const held = await holdUnchanged(inStore, proof.account).catch(asRefused);
    if (!(await usePasskey(inStore, proof))) throw new Failure('passkey_refused');
    const account = pending ? await consumePending(inStore, held, pending, { contract, caller }) : held;
    if (!account) throw new Failure('passkey_refused');
    await recordSignIn(inStore, { account, contract, caller, method: 'passkey' });
    return startSession(inStore, { account, contract, caller, secondFactor: pending !== undefined || proof.verified });
  });
}

function asRefused(error: unknown): never {
  throw error instanceof Failure ? new Failure('passkey_refused') : error;
}

/** The codes' budget of tries holds for whatever completes the login. */
async function consumePending(
  world: Pick<World, 'clock'> & { store: Tables },
  account: Account,
  pending: PendingLogin,
  by: { contract: ContractName; caller: Caller },
): Promise<Account | undefined> {
  if (pending.epoch !== account.epoch) return undefined;
  const rule = { most: PENDING_TRIES, now: world.clock.now() };
  if (!(await world.store.pendingLogins.takeTry(pending.digest, rule))) return undefined;
  return endPendingLogin(world, account, pending, by);
}
