import { Failure } from './failure.ts';
import { noteProof, stillProven } from './fresh-sign-in.ts';
import { checkNetwork, noteForNetwork } from './network-limit.ts';
import { makeChallenge } from './passkey-challenge.ts';
import { usePasskey, verifyPasskey } from './passkey-proof.ts';
import type { LiveSession } from './session.ts';
import type { Caller, World } from './world.ts';

type PasskeyWorld = Pick<World, 'clock' | 'keyring' | 'passkeys' | 'policy' | 'store'>;

/**
 * Begins to make a session's sign-in fresh again with one of the account's passkeys.
 *
 * @returns PublicKeyCredentialRequestOptionsJSON
 * @throws {Failure} `input_rejected` on an account without a passkey: something else has to be given
 * @see rules 19, 29
 */
export async function startPasskeyReauthentication(
  world: PasskeyWorld & Pick<World, 'random'>,
  { live: { account, session } }: { live: LiveSession },
): Promise<object> {
  const allow = await world.store.passkeys.list(account.id);
  if (allow.length === 0) throw new Failure('input_rejected', { fields: { password: 'required' } });
  const challenge = makeChallenge(world, { purpose: 'reauthenticate', session, account });
  return world.passkeys.assertionOptions({ challenge, allow, userVerification: 'required' });
}

/**
 * Makes a session's sign-in fresh again with a passkey; its user verified, it stands for the second factor too.
 *
 * @throws {Failure} `passkey_refused`; `rate_limited` past thirty refused in five minutes from the network; `session_ended`
 * @see rules 19, 29; WebAuthn §7.2; R106, R110
 */
export async function finishPasskeyReauthentication(
  world: PasskeyWorld,
  input: { live: LiveSession; response: unknown; caller: Caller },
): Promise<void> {
  const { caller, live, response } = input;
  const { account, session } = live;
  const { contract } = session;
  await checkNetwork(world, 'failure', caller);
  const ceremony = { purpose: 'reauthenticate', session, account } as const;
  const proof = await verifyPasskey(world, { response, ceremony, userVerification: 'required', contract, caller });
  // Another account's passkey proves nothing here, whatever it proves there.
  if (!proof || proof.account.id !== account.id) {
    await world.store.transaction((store) => noteForNetwork({ ...world, store }, 'failure', caller));
    throw new Failure('passkey_refused');
  }
  await world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const still = await stillProven(inStore, live);
    if (!(await usePasskey(inStore, proof))) throw new Failure('passkey_refused');
    await noteProof(inStore, still, caller, { secondFactor: true });
  });
}
