import { type Account, splitName, usernameBase } from './account.ts';
import { auditEvent } from './audit.ts';
import { sendVerification } from './email-verification.ts';
import { inEvenTime } from './even-time.ts';
import { Failure } from './failure.ts';
import { canonicalEmail } from './identifier.ts';
import { identifierDigests } from './lockout.ts';
import { mailTo } from './mail.ts';
import { mayMail } from './mail-limit.ts';
import { checkNetwork, countForNetwork, holdForNetwork, settleForNetwork } from './network-limit.ts';
import { makeOneTimeToken } from './one-time-token.ts';
import { checkPassword, normalizedPassword } from './password.ts';
import { secondsUntil } from './time.ts';
import type { Caller, ContractName, PasswordHash, World } from './world.ts';

/** Between two looks for a free place, in milliseconds. */
const FIRST_PAUSE = 25;
const LONGEST_PAUSE = 400;

type RegistrationWorld = Pick<World, 'clock' | 'hasher' | 'keyring' | 'passwordAdvice' | 'policy' | 'random' | 'store'>;

export interface Registration {
  contract: ContractName;
  email: string;
  name: string | null;
  password: string;
  caller: Caller;
}

/**
 * Makes an account with an unproven address and mails the address a link that proves it.
 * A taken address is refused after the same work; when nobody has proven it yet, its owner is mailed a way to make
 * the account their own, once an hour (rule 7).
 *
 * @throws {Failure} `sign_up_closed`, `rate_limited`, `overloaded`
 * @throws {Failure} `input_rejected` if the address is none
 * @throws {Failure} `password_rejected`, see {@link checkPassword}
 * @throws {Failure} `identifier_taken`, also for a day after its account was deleted
 * @see rules 6, 7, 9, 11, 12, 22
 */
export function register(world: RegistrationWorld, input: Registration): Promise<Account> {
  return world.hasher.admit(() => tryToRegister(world, input));
}

async function tryToRegister(world: RegistrationWorld, input: Registration): Promise<Account> {
  if (world.policy.signUp === 'closed') throw new Failure('sign_up_closed');
  const { caller, contract } = input;
  const email = canonicalEmail(input.email);
  if (!email) throw new Failure('input_rejected', { fields: { email: 'email' } });
  const username = usernameBase(email);
  // Looked at first, also for a taken address: else the difference would tell which ones are free.
  await checkNetwork(world, 'sign-up', caller);
  await beginSignUp(world, caller);
  let taken = false;
  try {
    await checkPassword(world, input.password, { email, name: input.name, username });
    const hash = await world.hasher.hash(normalizedPassword(input.password));
    return await inEvenTime(world, async () => {
      try {
        return await makeAccount(world, { contract, caller, email, name: input.name, username, hash });
      } catch (error) {
        taken = error instanceof Failure && error.code === 'identifier_taken';
        if (taken) await meetTakenAddress(world, email);
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

/**
 * Holds one of the network's places to hear that an address is taken; with none left nobody there signs up,
 * since the difference would tell.
 */
async function beginSignUp(world: RegistrationWorld, caller: Caller): Promise<void> {
  const deadline = world.hasher.deadlineMilliseconds;
  for (let waited = 0, pause = FIRST_PAUSE; ; waited += pause, pause = Math.min(2 * pause, LONGEST_PAUSE)) {
    const holding = await world.store.transaction((store) => holdForNetwork({ ...world, store }, 'taken', caller));
    if (holding.outcome === 'held') return;
    if (holding.outcome === 'used_up') {
      throw new Failure('rate_limited', { retryAfterSeconds: secondsUntil(holding.until, world.clock.now()) });
    }
    if (waited >= deadline) throw new Failure('overloaded', { retryAfterSeconds: deadline / 1000 });
    await world.clock.wait(pause);
  }
}

async function makeAccount(
  world: RegistrationWorld,
  of: {
    contract: ContractName;
    caller: Caller;
    email: string;
    name: string | null;
    username: string;
    hash: PasswordHash;
  },
): Promise<Account> {
  const { caller, contract, email } = of;
  const now = world.clock.now();
  return world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    if (await store.identifiers.isBuried(identifierDigests(world, email), now)) {
      throw new Failure('identifier_taken', { identifier: 'email' });
    }
    const id = await store.accounts.create({
      uuid: world.random.uuid(),
      name: of.name,
      ...splitName(of.name),
      username: of.username,
      locale: caller.locale,
      createdAt: now,
      createdFrom: { address: caller.address, userAgent: caller.userAgent },
    });
    if (!(await store.identifiers.add({ accountId: id, kind: 'email', value: email, verifiedAt: null, now }))) {
      throw new Failure('identifier_taken', { identifier: 'email' });
    }
    await store.passwords.replace(id, of.hash, now);
    const account = await store.accounts.find(id);
    if (!account) throw new Error('an account that was just made is not there');
    await countForNetwork(inStore, 'sign-up', caller);
    await store.audit.record(auditEvent('account.registered', { account, contract, caller, now }));
    await sendVerification(inStore, account);
    return account;
  });
}

async function meetTakenAddress(world: RegistrationWorld, email: string): Promise<void> {
  const account = await world.store.accounts.findByIdentifier('email', email);
  await world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const unproven = account?.disabledAt === null && !(await store.identifiers.anyVerified(account.id));
    if (!unproven || !(await mayMail(inStore, 'claim', email))) return;
    const { token, expiresAt } = await makeOneTimeToken(inStore, {
      purpose: 'password_reset',
      account,
      identifier: email,
    });
    await mailTo(inStore, account, { template: 'claim_account', facts: { token, name: null }, expiresAt });
  });
}
