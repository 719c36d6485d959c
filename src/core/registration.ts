import { type Account, splitName, usernameBase } from './account.ts';
import { auditEvent } from './audit.ts';
import { sendVerification } from './email-verification.ts';
import { inEvenTime } from './even-time.ts';
import { Failure, type FieldFlaw } from './failure.ts';
import { canonicalEmail, type Identifier } from './identifier.ts';
import { sendConfirmation } from './identifier-confirmation.ts';
import { mailTo } from './mail.ts';
import { checkNetwork, countForNetwork, holdForNetwork, settleForNetwork } from './network-limit.ts';
import { makeOneTimeToken } from './one-time-token.ts';
import { checkPassword, normalizedPassword } from './password.ts';
import { boundSendRequests, mayMail, maySms } from './send-limit.ts';
import type { Tables } from './store.ts';
import { secondsUntil } from './time.ts';
import { waitForPlace } from './wait-for-place.ts';
import type { Caller, ContractName, PasswordHash, World } from './world.ts';

type RegistrationWorld = Pick<
  World,
  'clock' | 'hasher' | 'keyring' | 'passwordAdvice' | 'phones' | 'policy' | 'random' | 'store'
>;

export interface Registration {
  contract: ContractName;
  /** At least one of the two; given both, the address founds the account and the number waits to be proven (rule 6). */
  email?: string | undefined;
  phone?: string | undefined;
  name: string | null;
  password: string;
  /** What is sent to prove the identifier: a link, unless said otherwise. */
  proof?: 'link' | 'code';
  caller: Caller;
}

/** What a new account is made of, once it was judged. */
interface Draft {
  identifier: Identifier;
  pendingPhone: string | undefined;
  username: string;
  hash: PasswordHash;
}

/**
 * Makes an account with an unproven address or number, and sends there what proves it: a link or a code.
 * A taken one is refused after the same work; when nobody has proven a taken address yet, its owner is mailed a way to
 * make the account their own, once an hour (rule 7).
 *
 * @throws {Failure} `sign_up_closed`, `rate_limited`, `overloaded`
 * @throws {Failure} `input_rejected` if neither was given, or what was given is no address or no number that SMS go to
 * @throws {Failure} `password_rejected`, see {@link checkPassword}
 * @throws {Failure} `identifier_taken`, also for a day after its account was deleted
 * @see rules 6, 7, 9, 11, 12, 22
 */
export async function register(world: RegistrationWorld, input: Registration): Promise<Account> {
  const { account } = await registerAnd(world, input, async () => undefined);
  return account;
}

/** What becomes of a new account, in the transaction that makes it. */
type Next<T> = (world: Omit<RegistrationWorld, 'store'> & { store: Tables }, account: Account) => Promise<T>;

/**
 * The same, and what comes next for the new account with it.
 *
 * @throws {Failure} as {@link register}
 */
export function registerAnd<T>(
  world: RegistrationWorld,
  input: Registration,
  next: Next<T>,
): Promise<{ account: Account; result: T }> {
  return world.hasher.admit(() => tryToRegister(world, input, next));
}

async function tryToRegister<T>(
  world: RegistrationWorld,
  input: Registration,
  next: Next<T>,
): Promise<{ account: Account; result: T }> {
  if (world.policy.signUp === 'closed') throw new Failure('sign_up_closed');
  const { caller, name } = input;
  const { email, phone } = readIdentifiers(world, input);
  const identifier: Identifier =
    email !== undefined ? { kind: 'email', value: email } : { kind: 'phone', value: phone ?? '' };
  const username = usernameBase(email ?? null);
  // Looked at first, also for a taken address: else the difference would tell which ones are free.
  await checkNetwork(world, 'sign-up', caller);
  await beginSignUp(world, caller);
  let taken = false;
  try {
    await checkPassword(world, input.password, { email: email ?? null, phone: phone ?? null, name, username });
    // An SMS costs: it is counted before it is known whether one is sent.
    if (identifier.kind === 'phone') await boundSendRequests(world, 'sms', caller);
    const hash = await world.hasher.hash(normalizedPassword(input.password));
    return await inEvenTime(world, async () => {
      try {
        const pendingPhone = email === undefined ? undefined : phone;
        return await makeAccount(world, input, { identifier, pendingPhone, username, hash }, next);
      } catch (error) {
        taken = error instanceof Failure && error.code === 'identifier_taken';
        if (taken && email !== undefined) await meetTakenAddress(world, email);
        throw error;
      }
    });
  } finally {
    const settle = (): Promise<void> =>
      world.store.transaction((store) => settleForNetwork({ ...world, store }, 'taken', caller, taken));
    // What came of the sign-up is the answer, whatever comes of this.
    await settle().catch(() => {});
  }
}

/** @throws {Failure} `input_rejected` */
function readIdentifiers(
  world: Pick<World, 'phones' | 'policy'>,
  given: Pick<Registration, 'email' | 'phone'>,
): { email: string | undefined; phone: string | undefined } {
  if (given.email === undefined && given.phone === undefined) {
    throw new Failure('input_rejected', { fields: { email: 'required', phone: 'required' } });
  }
  const email = given.email === undefined ? undefined : canonicalEmail(given.email);
  const phone = given.phone === undefined ? undefined : world.phones.canonical(given.phone);
  const fields: Record<string, FieldFlaw> = {};
  if (given.email !== undefined && email === undefined) fields['email'] = 'email';
  if (given.phone !== undefined && phone === undefined) fields['phone'] = 'phone';
  else if (phone !== undefined && !maySms(world, phone)) fields['phone'] = 'unavailable';
  if (Object.keys(fields).length > 0) throw new Failure('input_rejected', { fields });
  return { email, phone };
}

/**
 * Holds one of the network's places to hear that an address is taken; with none left nobody there signs up,
 * since the difference would tell.
 */
async function beginSignUp(world: RegistrationWorld, caller: Caller): Promise<void> {
  const holding = await waitForPlace(world, () =>
    world.store.transaction((store) => holdForNetwork({ ...world, store }, 'taken', caller)),
  );
  if (holding.outcome === 'used_up') {
    throw new Failure('rate_limited', { retryAfterSeconds: secondsUntil(holding.until, world.clock.now()) });
  }
}

async function makeAccount<T>(
  world: RegistrationWorld,
  { caller, contract, name, proof }: Registration,
  { hash, identifier, pendingPhone, username }: Draft,
  next: Next<T>,
): Promise<{ account: Account; result: T }> {
  const now = world.clock.now();
  const { kind, value } = identifier;
  return world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    if (await store.identifiers.isBuried(world.keyring.digests('identifier', value), now)) {
      throw new Failure('identifier_taken', { identifier: kind });
    }
    const id = await store.accounts.create({
      uuid: world.random.uuid(),
      name,
      image: null,
      ...splitName(name),
      username,
      locale: caller.locale,
      createdAt: now,
      createdFrom: { address: caller.address, userAgent: caller.userAgent },
    });
    if (!(await store.identifiers.add({ accountId: id, kind, value, verifiedAt: null, now }))) {
      throw new Failure('identifier_taken', { identifier: kind });
    }
    if (pendingPhone) await store.identifiers.addPending({ accountId: id, kind: 'phone', value: pendingPhone, now });
    await store.passwords.replace(id, hash, now);
    const account = await store.accounts.find(id);
    if (!account) throw new Error('an account that was just made is not there');
    await countForNetwork(inStore, 'sign-up', caller);
    await store.audit.record(auditEvent('account.registered', { account, contract, caller, now }));
    if (proof === 'code') await sendConfirmation(inStore, account, identifier, caller);
    else await sendVerification(inStore, account);
    return { account, result: await next(inStore, account) };
  });
}

async function meetTakenAddress(world: RegistrationWorld, email: string): Promise<void> {
  const account = await world.store.accounts.findByIdentifier('email', email);
  await world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const held = account && (await store.accounts.hold(account.id));
    const unproven = held?.disabledAt === null && !(await store.identifiers.anyVerified(held.id));
    if (!held || !unproven || !(await mayMail(inStore, 'claim', email))) return;
    const { token, expiresAt } = await makeOneTimeToken(inStore, {
      purpose: 'password_reset',
      account: held,
      identifier: email,
    });
    await mailTo(inStore, held, { template: 'claim_account', facts: { token, name: null }, expiresAt });
  });
}
