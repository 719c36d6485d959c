import { type Account, type AccountId, type Locale, splitName, usernameBase } from './account.ts';
import { eraseAccount } from './account-deletion.ts';
import { auditEvent } from './audit.ts';
import { sendVerification } from './email-verification.ts';
import { Failure } from './failure.ts';
import { canonicalEmail, readIdentifier } from './identifier.ts';
import { digestsOf } from './lockout.ts';
import { checkPassword, normalizedPassword } from './password.ts';
import { tellPasswordChanged } from './password-reset.ts';
import { roleNamed } from './right-name.ts';
import { removeSecondFactor } from './second-factor-enrolment.ts';
import { mailSetUpLink } from './set-up-mail.ts';
import type { Tables } from './store.ts';
import type { World } from './world.ts';

/** What the host application calls an account; Guichet never reads it (rule 9). */
type Labels = { role?: string; roleId?: number; accountableType?: string; accountableId?: number };

/**
 * Makes an account for an operator. Without a password it is an invitation: its address is mailed a link to set one up,
 * which proves it, too. With one, and without `verified`, it is mailed a link to prove it.
 *
 * @returns the account, and whether it was invited: no more are mailed than {@link mailSetUpLink} lets
 * @throws {Failure} `input_rejected`, `identifier_taken`, `password_rejected`, `overloaded`
 */
export async function createAccount(
  world: Pick<World, 'clock' | 'hasher' | 'keyring' | 'passwordAdvice' | 'policy' | 'random' | 'store'>,
  input: {
    email: string;
    password?: string;
    firstName?: string;
    lastName?: string;
    username?: string;
    locale?: Locale;
    verified?: boolean;
    labels?: Labels;
  },
): Promise<Account & { invited: boolean }> {
  const email = canonicalEmail(input.email);
  if (!email) throw new Failure('input_rejected', { fields: { email: 'email' } });
  const name = [input.firstName, input.lastName].filter(Boolean).join(' ') || null;
  const username = input.username ?? usernameBase(email);
  if (input.password !== undefined) await checkPassword(world, input.password, { email, name, username });
  const hash = input.password === undefined ? undefined : await world.hasher.hash(normalizedPassword(input.password));
  const now = world.clock.now();
  return world.store.transaction(async (store) => {
    const split = splitName(name);
    const id = await store.accounts.create({
      uuid: world.random.uuid(),
      name,
      image: null,
      firstName: input.firstName ?? split.firstName,
      lastName: input.lastName ?? split.lastName,
      username,
      locale: input.locale ?? 'en',
      createdAt: now,
      createdFrom: { address: null, userAgent: null },
    });
    const verifiedAt = input.verified ? now : null;
    if (!(await store.identifiers.add({ accountId: id, kind: 'email', value: email, verifiedAt, now }))) {
      throw new Failure('identifier_taken', { identifier: 'email' });
    }
    if (hash) await store.passwords.replace(id, hash, now);
    if (input.labels) await store.accounts.setLabels(id, checked(input.labels), now);
    const account = await present(store, id);
    await store.audit.record(auditEvent('account.created', { account, contract: 'operator', now }));
    const inStore = { ...world, store };
    const invited = !hash && (await mailSetUpLink(inStore, { ...account, email }));
    if (hash && !input.verified) await sendVerification(inStore, account);
    return { ...account, invited };
  });
}

async function present(store: Tables, id: AccountId): Promise<Account> {
  const account = await store.accounts.find(id);
  if (!account) throw new Failure('not_found');
  return account;
}

/** @throws {Failure} `not_found` if no account has this e-mail address, phone number or uuid */
export async function findAccount(world: Pick<World, 'phones' | 'store'>, input: { name: string }): Promise<Account> {
  const { accounts } = world.store;
  const named = readIdentifier(world, input.name);
  const account =
    (await accounts.findByUuid(input.name)) ?? (named && (await accounts.findByIdentifier(named.kind, named.value)));
  if (!account) throw new Failure('not_found');
  return account;
}

/** Accounts in the order they were made. */
export function listAccounts(
  world: Pick<World, 'store'>,
  input: { after?: AccountId; limit: number },
): Promise<Account[]> {
  return world.store.accounts.list({ after: input.after ?? null, limit: input.limit });
}

/**
 * Mails an invitation again to somebody who has not chosen a password yet.
 *
 * @returns `done` for an account that has a password, or no address to write to; `limited` if too many went there lately
 * @throws {Failure} `not_found`
 */
export function inviteAgain(
  world: Pick<World, 'clock' | 'keyring' | 'policy' | 'random' | 'store'>,
  input: { uuid: string },
): Promise<{ account: Account; outcome: 'mailed' | 'done' | 'limited' }> {
  return world.store.transaction(async (store) => {
    const found = await store.accounts.findByUuid(input.uuid);
    const account = found && (await store.accounts.hold(found.id));
    if (!account) throw new Failure('not_found');
    const { email } = account;
    if (email === null || (await store.passwords.find(account.id))) return { account, outcome: 'done' };
    if (!(await mailSetUpLink({ ...world, store }, { ...account, email }))) return { account, outcome: 'limited' };
    const now = world.clock.now();
    await store.audit.record(auditEvent('password.set_up_requested', { account, contract: 'operator', now }));
    return { account, outcome: 'mailed' };
  });
}

/** Runs one operator's change on an account that is held. @throws {Failure} `not_found` */
function changeAccount(
  world: Pick<World, 'clock' | 'store'>,
  uuid: string,
  change: (store: Tables, account: Account, now: number) => Promise<void>,
): Promise<Account> {
  return world.store.transaction(async (store) => {
    const found = await store.accounts.findByUuid(uuid);
    const account = found && (await store.accounts.hold(found.id));
    if (!account) throw new Failure('not_found');
    await change(store, account, world.clock.now());
    return (await store.accounts.find(account.id)) ?? account;
  });
}

/** A label that looks like a right of Guichet's own is none, and is refused (rule 10). @throws {Failure} `input_rejected` */
function checked(labels: Labels): Labels {
  if (labels.role !== undefined) roleNamed(labels.role);
  return labels;
}

/** Changes what the host application calls an account (rule 9). @throws {Failure} `not_found`, `input_rejected` */
export function labelAccount(
  world: Pick<World, 'clock' | 'store'>,
  input: { uuid: string; labels: Labels },
): Promise<Account> {
  return changeAccount(world, input.uuid, async (store, account, now) => {
    await store.accounts.setLabels(account.id, checked(input.labels), now);
    await store.audit.record(auditEvent('account.labelled', { account, contract: 'operator', now }));
  });
}

/** Locks an account out: its sessions end, no credential opens a new one. @throws {Failure} `not_found` */
export function lockAccount(world: Pick<World, 'clock' | 'store'>, input: { uuid: string }): Promise<Account> {
  return changeAccount(world, input.uuid, async (store, account, now) => {
    await store.accounts.setDisabled(account.id, account.disabledAt ?? now, now);
    await endEverything(store, account, now);
    await store.audit.record(auditEvent('account.locked', { account, contract: 'operator', now }));
  });
}

/** Lifts an operator's lock and any lock by failures. @throws {Failure} `not_found` */
export function unlockAccount(
  world: Pick<World, 'clock' | 'keyring' | 'store'>,
  input: { uuid: string },
): Promise<Account> {
  return changeAccount(world, input.uuid, async (store, account, now) => {
    await store.accounts.setDisabled(account.id, null, now);
    await store.attempts.clear(digestsOf(world, account));
    await store.accounts.clearFailedAttempts(account.id);
    await store.audit.record(auditEvent('account.unlocked', { account, contract: 'operator', now }));
  });
}

/**
 * Takes the second factor off an account whose owner has lost it, and ends its sessions.
 *
 * @throws {Failure} `not_found`
 */
export function resetSecondFactor(world: Pick<World, 'clock' | 'store'>, input: { uuid: string }): Promise<Account> {
  return changeAccount(world, input.uuid, async (store, account) => {
    await removeSecondFactor({ ...world, store }, account, { contract: 'operator', caller: undefined });
    await store.sessions.endAll(account.id);
  });
}

/**
 * Deletes an account for an operator, see {@link eraseAccount}.
 *
 * @throws {Failure} `not_found`
 */
export function deleteAccount(
  world: Pick<World, 'clock' | 'keyring' | 'phones' | 'policy' | 'store'>,
  input: { uuid: string },
): Promise<Account> {
  return changeAccount(world, input.uuid, (store, account) =>
    eraseAccount({ ...world, store }, account, { contract: 'operator', caller: undefined }),
  );
}

/**
 * Sets a password for an operator, by the same policy; ends every session and lifts the lock.
 *
 * @throws {Failure} `not_found`, `password_rejected`, `overloaded`
 */
export async function setPassword(
  world: Pick<World, 'clock' | 'hasher' | 'keyring' | 'passwordAdvice' | 'policy' | 'store'>,
  input: { uuid: string; password: string },
): Promise<Account> {
  const account = await world.store.accounts.findByUuid(input.uuid);
  if (!account) throw new Failure('not_found');
  await checkPassword(world, input.password, account);
  const hash = await world.hasher.hash(normalizedPassword(input.password));
  return changeAccount(world, input.uuid, async (store, held, now) => {
    await store.passwords.replace(held.id, hash, now);
    await endEverything(store, held, now);
    await store.knownClients.forgetAll(held.id);
    await store.accounts.clearFailedAttempts(held.id);
    await store.accounts.clearWrongCodes(held.id);
    await store.attempts.clear(digestsOf(world, held));
    await tellPasswordChanged({ ...world, store }, held);
    await store.audit.record(auditEvent('password.changed', { account: held, contract: 'operator', now }));
  });
}

async function endEverything(store: Tables, account: Account, now: number): Promise<void> {
  await store.sessions.endAll(account.id);
  await store.pendingLogins.removeAll(account.id);
  await store.deliveredCodes.removeAll(account.id);
  await store.oneTimeTokens.removeAll(account.id);
  await store.accounts.moveEpoch(account.id, now);
}
