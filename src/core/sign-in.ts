import { accessTokenOf, type TokenContract } from './access-token.ts';
import { type Account, NOBODY } from './account.ts';
import { auditEvent } from './audit.ts';
import { Failure } from './failure.ts';
import { canonicalEmail } from './identifier.ts';
import { type Attempt, beginAttempt, bucketFor, releaseAttempt, succeedAttempt } from './lockout.ts';
import { mailTo } from './mail.ts';
import { isPlausiblePassword, normalizedPassword } from './password.ts';
import { openPendingLogin, type SecondFactorDue } from './pending-login.ts';
import { type SessionCredentials, sessionNamedBy } from './session-end.ts';
import { holdUnchanged, type SignedIn, type StartedSession, startSession } from './session-start.ts';
import { recordWrongPassword } from './sign-in-failure.ts';
import type { Caller, PasswordHash, World } from './world.ts';

export type SignIn = SignedIn | SecondFactorDue;

/** From this many wrong passwords in a row on, the right one is worth a notice (ASVS 6.3.5). */
const WORTH_A_NOTICE = 5;

type SignInWorld = Pick<World, 'accessTokens' | 'clock' | 'hasher' | 'keyring' | 'policy' | 'random' | 'store'>;

/**
 * Signs in with an e-mail address and a password. An unknown account and a wrong password are one failure after
 * the same work; the account's state shows only after the right password.
 *
 * @param input.requireVerified whether the contract lets nobody in before the address is proven
 * @param input.replaces a session of the same client that the new one takes the place of
 * @throws {Failure} `invalid_credentials`: unknown, wrong, locked by an operator, or changed meanwhile
 * @throws {Failure} `account_locked`, `rate_limited`, `overloaded`
 * @throws {Failure} `email_not_verified` after the right password
 * @see ASVS 5.0: 6.3.1, 6.3.8; rules 8, 14, 20, 21, 22
 */
export function signInWithPassword(
  world: SignInWorld,
  input: {
    contract: TokenContract;
    email: string;
    password: string;
    caller: Caller;
    requireVerified: boolean;
    replaces?: SessionCredentials;
  },
): Promise<SignIn> {
  return world.hasher.admit(() => tryPassword(world, input));
}

async function tryPassword(world: SignInWorld, input: Input): Promise<SignIn> {
  const address = canonicalEmail(input.email);
  const account = address ? await world.store.accounts.findByIdentifier('email', address) : undefined;
  const bucket = await bucketFor(world, input.email, account, input.caller);
  const attempt = await beginAttempt(world, bucket, input.caller);
  let decided = false;
  let result: StartedSession | SecondFactorDue | undefined;
  try {
    const checked = await checkStoredPassword(world, account, input.password);
    if (!checked || !account || account.disabledAt !== null || !attempt.passwordUsable) {
      await recordWrongPassword(world, attempt, { account, contract: input.contract });
      decided = true;
      throw new Failure('invalid_credentials');
    }
    result = await finishFirstFactor(world, { attempt, account, ...checked, input });
    decided = true;
  } finally {
    // What decides an attempt gives its place back; one that nothing decided must not keep it.
    if (!decided) await releaseAttempt(world, attempt).catch(() => {});
  }
  if (!result) throw new Failure('email_not_verified');
  if ('outcome' in result) return result;
  return { outcome: 'signed_in', ...result, accessToken: await accessTokenOf(world, result) };
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
  if (!right || !stored) return undefined;
  return { stored, upgraded: world.hasher.isOutdated(stored) ? await world.hasher.hash(password) : undefined };
}

type Input = Parameters<typeof signInWithPassword>[1];

/** @returns `undefined` when the contract wants a proven address and there is none */
async function finishFirstFactor(
  world: SignInWorld,
  of: { attempt: Attempt; account: Account; stored: PasswordHash; upgraded: PasswordHash | undefined; input: Input },
): Promise<StartedSession | SecondFactorDue | undefined> {
  const { account, attempt, input } = of;
  const { caller, contract } = input;
  const now = world.clock.now();
  const replaced = input.replaces && (await sessionNamedBy(world, contract, input.replaces));
  const unproven = input.requireVerified && account.emailVerifiedAt === null;
  return world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    await holdUnchanged(inStore, account);
    const { failuresBefore } = await succeedAttempt(inStore, attempt);
    if (of.upgraded) await store.passwords.upgrade(account.id, of.stored, of.upgraded);
    if (unproven) return undefined;
    if (replaced) await store.sessions.end(replaced.account.id, replaced.session.id);
    if (failuresBefore >= WORTH_A_NOTICE) {
      await mailTo(inStore, account, {
        template: 'sign_in_after_failures',
        facts: { name: account.name, at: now, address: caller.address, userAgent: caller.userAgent },
      });
    }
    if (account.codeFactor) {
      await store.audit.record(auditEvent('sign_in.second_factor_due', { account, contract, caller, now }));
      return openPendingLogin(inStore, { account, channel: account.codeFactor, contract });
    }
    await store.audit.record(
      auditEvent('sign_in.succeeded', { account, contract, caller, now, facts: { method: 'password' } }),
    );
    return startSession(inStore, { account, contract, caller, secondFactor: false });
  });
}
