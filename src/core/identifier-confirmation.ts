import type { Account } from './account.ts';
import { auditEvent } from './audit.ts';
import { sendCode, tryCode } from './delivered-code.ts';
import { inEvenTime } from './even-time.ts';
import { Failure } from './failure.ts';
import { countedIdentifier, type Identifier, readIdentifier } from './identifier.ts';
import { checkNetwork, noteForNetwork } from './network-limit.ts';
import { boundSendRequests, refuseUntil } from './send-limit.ts';
import type { Tables } from './store.ts';
import { hours } from './time.ts';
import type { Caller, ContractName, World } from './world.ts';

/** Wrong codes an hour for one identifier, whether or not an account has it: from one network, and from all together. */
const WRONG_AN_HOUR = { here: 10, everywhere: 100 };

type ConfirmationWorld = Pick<World, 'clock' | 'keyring' | 'phones' | 'policy' | 'random' | 'store'>;

/** Sends the code that proves the identifier an account was founded on, in the caller's transaction. */
export async function sendConfirmation(
  world: Omit<ConfirmationWorld, 'store'> & { store: Tables },
  account: Account,
  { kind, value }: Identifier,
  caller: Caller,
): Promise<void> {
  const channel = kind === 'email' ? 'email' : 'sms';
  const purpose = 'confirmation';
  await sendCode(world, { account, purpose, binding: kind, channel, to: value, caller, trusted: false });
}

/**
 * Sends a new code if the identifier belongs to an account that has not proven it.
 * It does the same, as far as anybody can tell, for every other one.
 *
 * @throws {Failure} `rate_limited` past the network's share
 */
export async function resendConfirmation(
  world: ConfirmationWorld,
  input: { identifier: string; caller: Caller },
): Promise<void> {
  const { caller } = input;
  const identifier = readIdentifier(world, input.identifier);
  await boundSendRequests(world, identifier?.kind === 'phone' ? 'sms' : 'mail', caller);
  await inEvenTime(world, () =>
    world.store.transaction(async (store) => {
      const account = await holdUnproven({ store }, identifier);
      if (account && identifier) await sendConfirmation({ ...world, store }, account, identifier, caller);
    }),
  );
}

/** The account that holds the identifier unproven, held by the transaction. */
async function holdUnproven(
  { store }: { store: Tables },
  identifier: Identifier | undefined,
): Promise<Account | undefined> {
  const found = identifier && (await store.accounts.findByIdentifier(identifier.kind, identifier.value));
  const account = found && (await store.accounts.hold(found.id));
  if (!account || !identifier || account.disabledAt !== null) return undefined;
  const provenAt = identifier.kind === 'email' ? account.emailVerifiedAt : account.phoneVerifiedAt;
  return provenAt === null && account[identifier.kind] === identifier.value ? account : undefined;
}

/**
 * Proves the identifier of a new account with the code that went there. Sessions stay: this is no takeover (rule 7).
 * A number that was given beside the address is sent a code of its own then, for a signed-in person to prove it.
 *
 * @throws {Failure} `code_wrong`, alike for identifiers that nobody has
 * @throws {Failure} `rate_limited` after ten wrong ones in an hour for the identifier, or thirty in five minutes from the network
 */
export async function confirmIdentifier(
  world: ConfirmationWorld,
  input: { contract: ContractName; identifier: string; code: string; caller: Caller },
): Promise<Account> {
  const { caller } = input;
  // By what was typed, so that no answer tells which accounts exist; a stranger elsewhere does not use up the owner's.
  const key = `wrong:confirmation:${world.keyring.digest('identifier', countedIdentifier(world, input.identifier))}`;
  const rules = [
    { key: `${key}:${caller.network.key}`, limit: WRONG_AN_HOUR.here },
    { key, limit: WRONG_AN_HOUR.everywhere },
  ];
  const confirmed = await inEvenTime(world, async () => {
    await checkNetwork(world, 'failure', caller);
    return world.store.transaction(async (store) => {
      const inStore = { ...world, store };
      const now = world.clock.now();
      for (const { key, limit } of rules) {
        const look = await store.limits.look(key, { limit, now });
        if (!look.allowed) refuseUntil(world, look.until);
      }
      const account = await tryToConfirm(inStore, input);
      if (account) return account;
      for (const { key, limit } of rules) await store.limits.take(key, { limit, windowMilliseconds: hours(1), now });
      await noteForNetwork(inStore, 'failure', caller);
      return undefined;
    });
  });
  if (!confirmed) throw new Failure('code_wrong');
  return confirmed;
}

async function tryToConfirm(
  world: Omit<ConfirmationWorld, 'store'> & { store: Tables },
  input: Parameters<typeof confirmIdentifier>[1],
): Promise<Account | undefined> {
  const { caller, contract } = input;
  const { store } = world;
  const now = world.clock.now();
  const identifier = readIdentifier(world, input.identifier);
  const account = await holdUnproven(world, identifier);
  if (!account || !identifier) return undefined;
  const { kind } = identifier;
  const trial = await tryCode(world, { account, purpose: 'confirmation', binding: kind, text: input.code });
  if (trial.outcome !== 'right' || trial.code.destination !== identifier.value) return undefined;
  await store.identifiers.markVerified(account.id, kind, now);
  await store.audit.record(auditEvent(`${kind}.verified`, { account, contract, caller, now }));
  await sendToPendingPhone(world, account, caller);
  return store.accounts.find(account.id);
}

async function sendToPendingPhone(
  world: Omit<ConfirmationWorld, 'store'> & { store: Tables },
  account: Account,
  caller: Caller,
): Promise<void> {
  const to = await world.store.identifiers.findPending(account.id, 'phone');
  if (!to || !(await noteForNetwork(world, 'sms', caller))) return;
  await sendCode(world, { account, purpose: 'phone_change', channel: 'sms', to, caller, trusted: false });
}
