import type { Account } from './account.ts';
import { auditEvent } from './audit.ts';
import { type DeliveredCode, isLive, justSent, sendCode, tryCode } from './delivered-code.ts';
import { inEvenTime } from './even-time.ts';
import { Failure } from './failure.ts';
import { type Identifier, type IdentifierKind, readIdentifier } from './identifier.ts';
import { checkNetwork, noteForNetwork } from './network-limit.ts';
import { checkPassword, normalizedPassword } from './password.ts';
import { replacePassword } from './password-reset.ts';
import { boundSendRequests } from './send-limit.ts';
import type { Tables } from './store.ts';
import { days } from './time.ts';
import type { Caller, ContractName, World } from './world.ts';

/** Wrong codes a day an account. */
const WRONG_A_DAY = { limit: 20, windowMilliseconds: days(1) };

type ResetWorld = Pick<
  World,
  'clock' | 'hasher' | 'keyring' | 'passwordAdvice' | 'phones' | 'policy' | 'random' | 'store'
>;

/**
 * Sends eight digits that let a new password be set, if the identifier belongs to an account that may sign in. Where the
 * account has proven an address they go there, whichever identifier was named (rule 16).
 *
 * @returns a challenge that the digits work with alone; one is given for every identifier
 * @throws {Failure} `rate_limited` past the network's share
 */
export async function startPasswordResetByCode(
  world: ResetWorld,
  input: { contract: ContractName; identifier: string; caller: Caller },
): Promise<{ challenge: string }> {
  const { caller, contract } = input;
  const identifier = readIdentifier(world, input.identifier);
  await boundSendRequests(world, identifier?.kind === 'phone' ? 'sms' : 'mail', caller);
  const challenge = Buffer.from(world.random.bytes(32)).toString('base64url');
  const binding = world.keyring.digest('challenge', challenge);
  await inEvenTime(world, () =>
    world.store.transaction(async (store) => {
      const inStore = { ...world, store };
      const account = await holdNamed(inStore, identifier);
      const to = account && identifier && resetDestination(account, identifier);
      if (!to || (await shareLiveCode(inStore, account, binding, caller))) return;
      // What was not counted as an SMS above, since an address was named, is counted here.
      if (to.kind === 'phone' && identifier.kind !== 'phone' && !(await noteForNetwork(inStore, 'sms', caller))) return;
      const channel = to.kind === 'email' ? 'email' : 'sms';
      const [replaces] = await store.deliveredCodes.list(account.id, 'password_reset');
      await sendCode(inStore, {
        account,
        purpose: 'password_reset',
        binding,
        replaces,
        channel,
        to: to.value,
        caller,
        trusted: false,
      });
      await store.audit.record(
        auditEvent('password.reset_requested', { account, contract, caller, now: world.clock.now() }),
      );
    }),
  );
  return { challenge };
}

async function holdNamed(
  { store }: { store: Tables },
  identifier: Identifier | undefined,
): Promise<Account | undefined> {
  const found = identifier && (await store.accounts.findByIdentifier(identifier.kind, identifier.value));
  const account = found && (await store.accounts.hold(found.id));
  return account?.disabledAt === null ? account : undefined;
}

/** A proven address before a proven number; what was named only where nothing is proven. */
function resetDestination(account: Account, named: Identifier): Identifier | undefined {
  if (account.email !== null && account.emailVerifiedAt !== null) return { kind: 'email', value: account.email };
  if (account.phone !== null && account.phoneVerifiedAt !== null) return { kind: 'phone', value: account.phone };
  return account[named.kind] === named.value ? named : undefined;
}

/**
 * Asked for again within the minute, nothing new is sent: the code of a moment ago then works with the new challenge, for
 * whoever asks from the same network. Elsewhere the new challenge leads to nothing.
 */
async function shareLiveCode(
  world: Pick<World, 'clock' | 'policy'> & { store: Tables },
  account: Account,
  binding: string,
  caller: Caller,
): Promise<boolean> {
  const [live] = await world.store.deliveredCodes.list(account.id, 'password_reset');
  if (!live || !isLive(live, account, world.clock.now()) || !justSent(world, live)) return false;
  if (live.network === caller.network.key) await world.store.deliveredCodes.rebind(live, binding);
  return true;
}

/**
 * Sets a new password with the digits and their challenge; ends every session and lifts the lock, as the mailed link does.
 *
 * @throws {Failure} `code_wrong`: wrong, expired, used up, or with a challenge that is not its own
 * @throws {Failure} `password_rejected`; the digits stay usable
 * @throws {Failure} `code_wrong` too after twenty wrong ones in a day; `overloaded`
 * @see ASVS 5.0: 6.4.3, 7.4.3
 */
export function finishPasswordResetByCode(
  world: ResetWorld,
  input: {
    contract: ContractName;
    identifier: string;
    challenge: string;
    code: string;
    password: string;
    caller: Caller;
  },
): Promise<void> {
  return world.hasher.admit(() => tryToReset(world, input));
}

async function tryToReset(world: ResetWorld, input: Parameters<typeof finishPasswordResetByCode>[1]): Promise<void> {
  const { caller, contract, password } = input;
  await checkNetwork(world, 'failure', caller);
  const identifier = readIdentifier(world, input.identifier);
  // Before anything is known of the account: what is refused here tells nothing of it.
  await checkPassword(world, password, { email: input.identifier, name: null, username: '' });
  const proven = await inEvenTime(world, () =>
    world.store.transaction((store) => proveCode({ ...world, store }, identifier, input, { keep: true })),
  );
  if (!proven) throw new Failure('code_wrong');
  await checkPassword(world, password, proven.account);
  const hash = await world.hasher.hash(normalizedPassword(password));
  const done = await world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const still = await proveCode(inStore, identifier, input, { keep: false });
    if (!still) return false;
    await replacePassword(inStore, still.account, { hash, proven: kindOf(still.code), contract, caller });
    return true;
  });
  if (!done) throw new Failure('code_wrong');
}

const kindOf = ({ channel }: DeliveredCode): IdentifierKind => (channel === 'email' ? 'email' : 'phone');

/** Counts what is wrong in the caller's transaction, which must commit. */
async function proveCode(
  world: Pick<World, 'clock' | 'keyring' | 'policy'> & { store: Tables },
  identifier: Identifier | undefined,
  { caller, challenge, code }: { caller: Caller; challenge: string; code: string },
  { keep }: { keep: boolean },
): Promise<{ account: Account; code: DeliveredCode } | undefined> {
  const { store } = world;
  const now = world.clock.now();
  const account = await holdNamed(world, identifier);
  const [live] = account ? await store.deliveredCodes.list(account.id, 'password_reset') : [];
  const reached = live && world.keyring.digests('challenge', challenge).includes(live.binding);
  if (!account || !reached) {
    await noteForNetwork(world, 'failure', caller);
    return undefined;
  }
  const key = `wrong:reset:${account.id}`;
  const look = await store.limits.look(key, { ...WRONG_A_DAY, now });
  if (!look.allowed) {
    // Like a wrong one: a 429 would tell that the account exists.
    await noteForNetwork(world, 'failure', caller);
    return undefined;
  }
  const { binding } = live;
  const trial = await tryCode(world, { account, purpose: 'password_reset', binding, text: code }, { keep });
  if (trial.outcome === 'right') return { account, code: trial.code };
  if (trial.outcome === 'wrong') await store.limits.take(key, { ...WRONG_A_DAY, now });
  await noteForNetwork(world, 'failure', caller);
  return undefined;
}
