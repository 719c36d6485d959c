import type { Account } from './account.ts';
import { Failure } from './failure.ts';
import { type Proofs, type ProofWorld, requireFreshSignIn, stillProven } from './fresh-sign-in.ts';
import type { Passkey } from './passkey.ts';
import { isOwnChallenge, makeChallenge, spendChallenge } from './passkey-challenge.ts';
import { tellPasskeyChanged } from './passkey-management.ts';
import type { LiveSession } from './session.ts';
import type { Caller, World } from './world.ts';

/** Bytes by which authenticators know an account (WebAuthn §14.6.1). */
const HANDLE_BYTES = 64;
/** Passkeys of one account. */
const AT_MOST = 20;

type RegistrationWorld = ProofWorld & Pick<World, 'passkeys'>;

/**
 * Begins to add a passkey.
 *
 * @returns PublicKeyCredentialCreationOptionsJSON
 * @throws {Failure} `reauthentication_required`, and as {@link requireFreshSignIn}; `session_ended`
 * @throws {Failure} `passkey_refused` on an account that has twenty
 * @see rules 19, 29; WebAuthn §7.1; R112, R113
 */
export async function startPasskeyRegistration(
  world: RegistrationWorld,
  input: { live: LiveSession; caller: Caller } & Proofs,
): Promise<object> {
  const { caller, live } = input;
  await requireFreshSignIn(world, live, input, caller);
  const { account, handle, held, session } = await world.store.transaction(async (store) => {
    const { account, session } = await stillProven({ ...world, store }, live);
    const fresh = Buffer.from(world.random.bytes(HANDLE_BYTES)).toString('base64url');
    const handle = await store.passkeys.handle(account.id, fresh);
    const held = await store.passkeys.list(account.id);
    // Before the authenticator has made one that nobody will take.
    if (held.length >= AT_MOST) throw new Failure('passkey_refused');
    return { account, session, handle, held };
  });
  const name = account.email ?? account.phone ?? account.username;
  return world.passkeys.registrationOptions({
    challenge: makeChallenge(world, { purpose: 'register', session, account }),
    user: { handle, name, displayName: account.name ?? name },
    exclude: held,
  });
}

/**
 * Adds a passkey: an answer to options that this session was given within the last five minutes.
 *
 * @param input.name as its owner calls it
 * @throws {Failure} `passkey_refused`: it does not hold, was given before, or the credential is an account's already
 * @throws {Failure} `session_ended` if the session ended, or the account changed, meanwhile
 * @see WebAuthn §7.1; R106 to R109
 */
export async function finishPasskeyRegistration(
  world: Pick<World, 'clock' | 'keyring' | 'passkeys' | 'policy' | 'random' | 'store'>,
  input: { live: LiveSession; response: unknown; name: string | null; caller: Caller },
): Promise<Passkey> {
  const { caller, live, response } = input;
  const { account, session } = live;
  const claimed = world.passkeys.read(response);
  if (!claimed || !isOwnChallenge(world, { purpose: 'register', session, account }, claimed)) {
    throw new Failure('passkey_refused');
  }
  const verified = await world.passkeys.verifyRegistration(response, claimed.challenge);
  if (!verified) throw new Failure('passkey_refused');
  return world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const { account, session } = await stillProven(inStore, live);
    if (!(await spendChallenge(inStore, claimed))) throw new Failure('passkey_refused');
    if ((await store.passkeys.list(account.id)).length >= AT_MOST) throw new Failure('passkey_refused');
    const passkey: Passkey = {
      ...verified,
      uuid: world.random.uuid(),
      accountId: account.id,
      name: input.name?.trim() || null,
      createdAt: world.clock.now(),
      lastUsedAt: null,
    };
    if (!(await store.passkeys.add(passkey))) throw new Failure('passkey_refused');
    await tellPasskeyChanged(inStore, account, { change: 'added', passkey, contract: session.contract, caller });
    return passkey;
  });
}

/** The account's own, oldest first. */
export const listPasskeys = (
  world: Pick<World, 'store'>,
  { account }: { account: Pick<Account, 'id'> },
): Promise<Passkey[]> => world.store.passkeys.list(account.id);
