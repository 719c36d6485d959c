import { type Account, type CodeFactor, isProven, NOBODY } from './account.ts';
import { type DeviceDescription, nameDevice } from './device.ts';
import { withEvenNo } from './even-time.ts';
import { Failure } from './failure.ts';
import { withinFailureRate } from './failure-rate.ts';
import { openSignIn } from './first-factor.ts';
import { type IdentifierKind, readIdentifier } from './identifier.ts';
import { type Attempt, beginAttempt, bucketFor, releaseAttempt, succeedAttempt } from './lockout.ts';
import { circumstancesOf, mailTo } from './mail.ts';
import { checkNetwork } from './network-limit.ts';
import { isPlausiblePassword, normalizedPassword } from './password.ts';
import type { SecondFactorDue } from './pending-login.ts';
import { type SessionCredentials, sessionNamedBy } from './session-end.ts';
import type { SessionContract } from './session-lifetime.ts';
import { holdUnchanged, type SignedIn, signedInWith } from './session-start.ts';
import { passwordRateKey } from './sign-in-allowance.ts';
import { recordWrongPassword } from './sign-in-failure.ts';
import type { Tables } from './store.ts';
import type { Caller, PasswordHash, World } from './world.ts';

export type SignIn<Contract extends SessionContract = 'device' | 'cookie'> = SignedIn<Contract> | SecondFactorDue;

/** From this many wrong passwords in a row on, the right one is worth a notice (ASVS 6.3.5). */
const WORTH_A_NOTICE = 5;

export type SignInWorld = Pick<
  World,
  'accessTokens' | 'clock' | 'hasher' | 'keyring' | 'phones' | 'policy' | 'random' | 'store'
>;

/** The same world inside a transaction. */
export type InTransaction<W extends { store: Tables }> = Omit<W, 'store'> & { store: Tables };

/** `as_set`: the address where the settings ask for it, else nothing. */
export type MustBeProven = 'email' | 'any' | 'as_set';

/** Who wants in, and what the contract asks of the account before it lets anybody in. */
export interface PasswordSignIn<Contract extends SessionContract = SessionContract> {
  contract: Contract;
  /** E-mail address or phone number, in any spelling. */
  identifier: string;
  /** The only kind that the contract knows. */
  kind?: IdentifierKind;
  password: string;
  caller: Caller;
  /** What must be proven before anybody gets in. */
  mustBeProven: MustBeProven;
  /** A session of the same client that the new one takes the place of. */
  replaces?: SessionCredentials;
  /** The challenge of a login of the same client that still waits for its second factor, and that this one takes the place of. */
  replacesPending?: string | undefined;
  /** Whether the client is to stay signed in. */
  remember?: boolean;
  /** Closes the sign-in to all but who was given this permission everywhere, by itself and not with a role. */
  closedBut?: string | undefined;
  /** Whether wrong passwords for one identifier from one address are limited by the minute as well. */
  ratedByMinute?: boolean;
}

/**
 * Signs in with an e-mail address or a phone number and a password. An unknown account and a wrong password are one
 * failure after the same work; the account's state shows only after the right password.
 *
 * @throws {Failure} `invalid_credentials`: unknown, wrong, locked by an operator, or changed meanwhile
 * @throws {Failure} `account_locked`, `rate_limited`, `overloaded`
 * @throws {Failure} `identifier_unproven`, `sign_in_closed` after the right password
 * @see ASVS 5.0: 6.3.1, 6.3.8; rules 8, 14, 20, 21, 22
 */
export async function signInWithPassword<Contract extends SessionContract>(
  world: SignInWorld,
  input: PasswordSignIn<Contract> & { device?: DeviceDescription },
): Promise<SignIn<Contract>> {
  const { caller, contract } = input;
  const device = input.device && nameDevice(world, input.device, caller);
  const opened = await withPassword(world, input, (inStore, account) =>
    openSignIn(inStore, {
      account,
      contract,
      caller,
      firstFactor: 'password',
      device,
      remember: input.remember ?? false,
    }),
  );
  // A password is never asked for after the password.
  return 'outcome' in opened ? (opened as SecondFactorDue<CodeFactor>) : signedInWith(world, contract, opened);
}

/**
 * Checks a password as the first factor, with all that bounds guessing.
 *
 * @param next what the right one opens, in the transaction that ends the run of failures, the account held
 * @throws {Failure} as {@link signInWithPassword}
 */
export function withPassword<T>(
  world: SignInWorld,
  input: PasswordSignIn,
  next: (world: InTransaction<SignInWorld>, account: Account) => Promise<T>,
): Promise<T> {
  // Outside of the queue: who waits for the clock takes nobody's place.
  const attempt = (): Promise<T> =>
    withEvenNo(world, 'invalid_credentials', () => world.hasher.admit(() => tryPassword(world, input, next)));
  return input.ratedByMinute ? ratedByMinute(world, input, attempt) : attempt();
}

async function ratedByMinute<T>(
  world: SignInWorld,
  { caller, identifier }: PasswordSignIn,
  attempt: () => Promise<T>,
): Promise<T> {
  // Who is refused anyhow leaves no row for each address they name.
  await checkNetwork(world, 'failure', caller);
  const counts = (error: unknown): boolean => error instanceof Failure && error.code === 'invalid_credentials';
  return withinFailureRate(world, { key: passwordRateKey(world, identifier, caller), counts }, attempt);
}

async function tryPassword<T>(
  world: SignInWorld,
  input: PasswordSignIn,
  next: (world: InTransaction<SignInWorld>, account: Account) => Promise<T>,
): Promise<T> {
  const named = readIdentifier(world, input.identifier);
  const known = named && (input.kind ?? named.kind) === named.kind ? named : undefined;
  const account = known && (await world.store.accounts.findByIdentifier(known.kind, known.value));
  const bucket = await bucketFor(world, input.identifier, account, input.caller);
  const attempt = await beginAttempt(world, bucket, input.caller);
  let decided = false;
  let result: { opened: T } | { refused: 'identifier_unproven' | 'sign_in_closed' };
  try {
    const checked = await checkStoredPassword(world, account, input.password);
    if (!checked || !account || account.disabledAt !== null || !attempt.passwordUsable) {
      await recordWrongPassword(world, attempt, { account, contract: input.contract });
      decided = true;
      throw new Failure('invalid_credentials');
    }
    result = await finishFirstFactor(world, { attempt, account, ...checked, input }, next);
    decided = true;
  } finally {
    // What decides an attempt gives its place back; one that nothing decided must not keep it.
    if (!decided) await releaseAttempt(world, attempt).catch(() => {});
  }
  if ('refused' in result) throw new Failure(result.refused);
  return result.opened;
}

/**
 * Compares with the stored hash, or with nothing for the same time.
 *
 * @returns the hash it matched, and a newer one when that was made with weaker parameters or an older pepper
 */
export async function checkStoredPassword(
  world: Pick<World, 'hasher' | 'store'>,
  account: Account | undefined,
  text: string,
): Promise<{ stored: PasswordHash; upgraded: PasswordHash | undefined } | undefined> {
  const stored = await world.store.passwords.find(account?.id ?? NOBODY);
  const password = normalizedPassword(text);
  if (!isPlausiblePassword(text)) return undefined;
  const right = stored ? await world.hasher.verify(stored, password) : await world.hasher.verifyNothing(password);
  if (!right || !stored || stored.disabledAt !== null) return undefined;
  return { stored, upgraded: world.hasher.isOutdated(stored) ? await world.hasher.hash(password) : undefined };
}

/** What the right password opens, or why it opens nothing: said after the run of failures is over. */
async function finishFirstFactor<T>(
  world: SignInWorld,
  of: {
    attempt: Attempt;
    account: Account;
    stored: PasswordHash;
    upgraded: PasswordHash | undefined;
    input: PasswordSignIn;
  },
  next: (world: InTransaction<SignInWorld>, account: Account) => Promise<T>,
): Promise<{ opened: T } | { refused: 'identifier_unproven' | 'sign_in_closed' }> {
  const { account, attempt, input } = of;
  const replaced = input.replaces && (await sessionNamedBy(world, input.contract, input.replaces));
  return world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const held = await holdUnchanged(inStore, account);
    const { failuresBefore } = await succeedAttempt(inStore, attempt);
    if (of.upgraded) await store.passwords.upgrade(account.id, of.stored, of.upgraded);
    if (held.failedAttempts > 0) await store.accounts.clearFailedAttempts(account.id);
    if (!isProvenEnough(world, held, input.mustBeProven)) return { refused: 'identifier_unproven' };
    if (input.closedBut !== undefined && !(await isGivenEverywhere(inStore, held, input.closedBut))) {
      return { refused: 'sign_in_closed' };
    }
    if (replaced) await store.sessions.end(replaced.account.id, replaced.session.id);
    if (failuresBefore >= WORTH_A_NOTICE) {
      await mailTo(inStore, account, {
        template: 'sign_in_after_failures',
        facts: circumstancesOf(world, account, input.caller),
      });
    }
    const opened = await next(inStore, held);
    // Afterwards: a code that was sent for it a moment ago is good for the new one.
    if (input.replacesPending !== undefined) await dropPendingLogin(inStore, held, input);
    return { opened };
  });
}

/** Of the account that is held alone: another's waits for its own end, since its rows may be held by others. */
async function dropPendingLogin(
  world: Pick<World, 'clock' | 'keyring'> & { store: Tables },
  account: Account,
  { contract, replacesPending = '' }: PasswordSignIn,
): Promise<void> {
  const { pendingLogins } = world.store;
  const digests = world.keyring.digests('challenge', replacesPending);
  const pending = await pendingLogins.find(digests, contract, world.clock.now());
  if (pending?.accountId === account.id) await pendingLogins.remove(pending.digest);
}

async function isGivenEverywhere({ store }: { store: Tables }, account: Account, permission: string): Promise<boolean> {
  const given = await store.permissions.listHeld(account.id);
  return given.some(({ name, siteId }) => name === permission && siteId === null);
}

function isProvenEnough({ policy }: Pick<World, 'policy'>, account: Account, asked: MustBeProven): boolean {
  if (asked === 'as_set' && !policy.requireVerifiedEmail) return true;
  return asked === 'any' ? isProven(account) : account.emailVerifiedAt !== null;
}
