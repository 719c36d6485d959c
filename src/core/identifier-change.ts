import type { Account } from './account.ts';
import { boundForAccount } from './account-limit.ts';
import { auditEvent } from './audit.ts';
import { type Sending, sendCode, tryCode } from './delivered-code.ts';
import { Failure } from './failure.ts';
import { type Proofs, type ProofWorld, requireFreshSignIn, stillProven } from './fresh-sign-in.ts';
import { canonicalEmail, type IdentifierKind } from './identifier.ts';
import { circumstancesOf, messageTo, tellEverywhere } from './mail.ts';
import { checkNetwork, noteForNetwork } from './network-limit.ts';
import { checkCodeBudget, countWrongCode } from './second-factor.ts';
import { maySendCode, maySms, refuseUntil } from './send-limit.ts';
import { type LiveSession, type SessionId, stillLive } from './session.ts';
import type { Tables } from './store.ts';
import type { Caller, ContractName, World } from './world.ts';

/** How each kind of identifier is reached. */
const CHANNEL = { email: 'email', phone: 'sms' } as const satisfies Record<IdentifierKind, 'email' | 'sms'>;

/**
 * Sends a code to a new e-mail address or phone number; until it comes back the old one stays, and the new one opens
 * nothing. Whoever has the old one is told that a change was asked for.
 *
 * @throws {Failure} `reauthentication_required`, and as {@link requireFreshSignIn}
 * @throws {Failure} `input_rejected` if it is no address or number, or none that anything is sent to
 * @throws {Failure} `identifier_taken`, ten an hour a network
 * @throws {Failure} `rate_limited` past five an hour, within a minute of the last code, or if too many codes went there
 * @see rules 6, 19, 22; R115
 */
export async function startIdentifierChange(
  world: ProofWorld,
  input: { live: LiveSession; kind: IdentifierKind; value: string; caller: Caller } & Proofs,
): Promise<void> {
  const { caller, kind, live } = input;
  const value = kind === 'email' ? canonicalEmail(input.value) : world.phones.canonical(input.value);
  if (!value) throw new Failure('input_rejected', { fields: { [kind]: kind } });
  if (kind === 'phone' && !maySms(world, value)) {
    throw new Failure('input_rejected', { fields: { [kind]: 'unavailable' } });
  }
  await requireFreshSignIn(world, live, input, caller);
  // Before the look, for everybody: else the eleventh would be told by its 429.
  await checkNetwork(world, 'taken', caller);
  // What is counted must outlive the "no", so the transaction returns it and the throw comes after.
  const result = await world.store.transaction(async (store): Promise<Sending | { outcome: 'taken' }> => {
    const inStore = { ...world, store };
    const { account } = await stillProven(inStore, live);
    await boundForAccount(inStore, account, 'change');
    if (await isTaken(inStore, account, kind, value)) {
      await noteForNetwork(inStore, 'taken', caller);
      return { outcome: 'taken' };
    }
    const sending = await sendCode(inStore, {
      account,
      purpose: `${kind}_change`,
      channel: CHANNEL[kind],
      to: value,
      caller,
      // Whoever has a session has not thereby any business with the number.
      trusted: false,
    });
    if (sending.outcome === 'sent') await tellOldOne(inStore, account, { kind, value, by: 'code' }, caller);
    return sending;
  });
  if (result.outcome === 'taken') throw new Failure('identifier_taken', { identifier: kind });
  if (result.outcome !== 'sent') refuseUntil(world, result.retryAt);
}

/** Whether somebody else holds it, or it was freed by a deletion just now. */
export async function isTaken(
  world: Pick<World, 'clock' | 'keyring'> & { store: Tables },
  account: Account,
  kind: IdentifierKind,
  value: string,
): Promise<boolean> {
  const holder = await world.store.accounts.findByIdentifier(kind, value);
  if (holder) return holder.id !== account.id;
  return world.store.identifiers.isBuried(world.keyring.digests('identifier', value), world.clock.now());
}

/** Tells whoever has the old address or number that a change of it was asked for. */
export async function tellOldOne(
  world: Pick<World, 'clock' | 'keyring' | 'phones' | 'policy'> & { store: Tables },
  account: Account,
  { by, kind, value }: { kind: IdentifierKind; value: string; by: 'code' | 'link' },
  caller: Caller,
): Promise<void> {
  const old = account[kind];
  if (old === null || old === value) return;
  const channel = CHANNEL[kind];
  if (channel === 'sms' && !(await maySendCode(world, { channel, to: old, trusted: true }))) return;
  const facts = { kind, by, ...circumstancesOf(world, account, caller) };
  await messageTo(world, account, { template: 'identifier_change_requested', facts, channel, to: old });
}

/**
 * Makes the new address or number the account's own with the code that went there: it is the one that the code was sent
 * to, whatever was asked for since. Whoever can be reached, old and new, is told.
 *
 * @throws {Failure} `code_wrong`; `rate_limited` after ten wrong ones in an hour; `session_ended`
 * @throws {Failure} `identifier_taken` if somebody else proved it first
 * @see rules 6 and 8; ASVS 5.0: 6.3.7; R115, R116
 */
export async function finishIdentifierChange(
  world: Pick<World, 'clock' | 'keyring' | 'phones' | 'policy' | 'store'>,
  input: { live: LiveSession; kind: IdentifierKind; code: string; caller: Caller },
): Promise<Account> {
  const { caller, code, kind, live } = input;
  const outcome = await world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const { account, session } = await stillLive(inStore, live);
    await checkCodeBudget(inStore, account);
    const trial = await tryCode(inStore, { account, purpose: `${kind}_change`, text: code });
    if (trial.outcome === 'wrong') await countWrongCode(inStore, account);
    if (trial.outcome !== 'right') return 'wrong';
    const value = trial.code.destination;
    const { contract, id: sessionId } = session;
    return (await replaceIdentifier(inStore, account, { kind, value, contract, sessionId, caller })) ?? 'taken';
  });
  if (outcome === 'wrong') throw new Failure('code_wrong');
  if (outcome === 'taken') throw new Failure('identifier_taken', { identifier: kind });
  return outcome;
}

/**
 * Gives an account an address or number that it has proven, in the caller's transaction; the epoch moves, and whoever can
 * be reached, old and new, is told.
 *
 * @param of.sessionId the session that asked, which has proven its factor lately
 * @returns `undefined` if somebody else holds it
 */
export async function replaceIdentifier(
  world: Pick<World, 'clock' | 'keyring' | 'phones' | 'policy'> & { store: Tables },
  account: Account,
  of: {
    kind: IdentifierKind;
    value: string;
    contract: ContractName | 'page';
    sessionId?: SessionId;
    caller: Caller;
  },
): Promise<Account | undefined> {
  const { caller, contract, kind, value } = of;
  const { store } = world;
  const now = world.clock.now();
  if (!(await store.identifiers.replace({ accountId: account.id, kind, value, verifiedAt: now }))) return undefined;
  await store.pendingLogins.removeAll(account.id);
  await store.oneTimeTokens.removeAll(account.id);
  await store.deliveredCodes.removeAll(account.id);
  // What was proven was the way to the old one.
  if (account.codeFactor === CHANNEL[kind]) await store.sessions.unprove(account.id, of.sessionId);
  await store.accounts.moveEpoch(account.id, now);
  await store.audit.record(auditEvent(`${kind}.changed`, { account, contract, caller, now }));
  const changed = (await store.accounts.find(account.id)) ?? account;
  const facts = { kind, ...circumstancesOf(world, account, caller) };
  const notice = { template: 'identifier_changed', facts } as const;
  // The account as it was: the old one, and the one of the other kind.
  if (account[kind] !== value) await tellEverywhere(world, account, notice);
  await tellNewOne(world, changed, kind, notice);
  return changed;
}

/** By mail alone: a telephone that has just received a code knows. */
async function tellNewOne(
  world: Pick<World, 'clock'> & { store: Tables },
  account: Account,
  kind: IdentifierKind,
  notice: Pick<Parameters<typeof messageTo<'identifier_changed'>>[2], 'facts' | 'template'>,
): Promise<void> {
  if (kind === 'email' && account.email)
    await messageTo(world, account, { ...notice, channel: 'email', to: account.email });
}
