import type { Account } from './account.ts';
import { auditEvent } from './audit.ts';
import { beginAnew } from './begin-anew.ts';
import { inEvenTime } from './even-time.ts';
import type { IdentifierKind } from './identifier.ts';
import { circumstancesOf, mailTo } from './mail.ts';
import { mailableAccount } from './mailable-account.ts';
import { makeOneTimeToken, peekOneTimeToken, takeOneTimeToken } from './one-time-token.ts';
import { checkPassword, normalizedPassword } from './password.ts';
import { readRedirect } from './redirect.ts';
import { boundSendRequests } from './send-limit.ts';
import type { Tables } from './store.ts';
import { takeOver } from './takeover.ts';
import type { Caller, ContractName, PasswordHash, World } from './world.ts';

/**
 * Mails a link to set a new password, if the address belongs to an account that may sign in; to every other address
 * nothing. At most one a minute and five an hour, silently.
 *
 * @throws {Failure} `input_rejected` if the return is not to an allowed origin
 * @throws {Failure} `rate_limited` past the network's share
 * @see OWASP Forgot Password Cheat Sheet; rule 3
 */
export async function startPasswordReset(
  world: Pick<World, 'clock' | 'keyring' | 'policy' | 'random' | 'store'>,
  input: { contract: ContractName | 'page'; email: string; redirectUrl?: string | undefined; caller: Caller },
): Promise<void> {
  const redirectUrl = readRedirect(world, input.redirectUrl);
  await boundSendRequests(world, 'mail', input.caller);
  await inEvenTime(world, () => mailResetLink(world, input, redirectUrl));
}

async function mailResetLink(
  world: Parameters<typeof startPasswordReset>[0],
  { caller, contract, email }: Parameters<typeof startPasswordReset>[1],
  redirectUrl: string | null,
): Promise<void> {
  const now = world.clock.now();
  await world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const account = await mailableAccount(inStore, 'password_reset', email);
    if (!account) return;
    const { token, expiresAt } = await makeOneTimeToken(inStore, {
      purpose: 'password_reset',
      account,
      identifier: account.email,
      facts: { redirectUrl },
    });
    const facts = { token, name: account.name, ...(contract === 'sanctum' && { inApp: true as const }) };
    await mailTo(inStore, account, { template: 'reset_password', facts, expiresAt });
    await store.audit.record(auditEvent('password.reset_requested', { account, contract, caller, now }));
  });
}

/**
 * Sets a new password with a mailed token, ends every session and lifts the lock. Second factors stay enrolled.
 * On an account that never proved an address this is its owner's arrival: what was planted goes first (rule 7),
 * and the address counts as proven.
 *
 * @returns where the application that asked wants its people back
 * @throws {Failure} `token_invalid` or `token_expired`, see {@link takeOneTimeToken}
 * @throws {Failure} `password_rejected`; the token stays usable
 * @throws {Failure} `overloaded`
 * @see ASVS 5.0: 6.4.3 (second factors stay), 7.4.3 (sessions end)
 */
export async function finishPasswordReset(
  world: Pick<World, 'clock' | 'hasher' | 'keyring' | 'passwordAdvice' | 'policy' | 'store'>,
  input: { contract: ContractName | 'page'; token: string; password: string; caller: Caller },
): Promise<{ redirectUrl: string | null }> {
  const { caller, contract } = input;
  // A dead token costs no hash.
  const seen = await peekOneTimeToken(world, 'password_reset', input.token);
  await checkPassword(world, input.password, seen.account);
  const hash = await world.hasher.hash(normalizedPassword(input.password));
  return world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const { account, token } = await takeOneTimeToken(inStore, 'password_reset', input.token);
    await replacePassword(inStore, account, { hash, proven: 'email', contract, caller });
    return { redirectUrl: token.facts?.redirectUrl ?? null };
  });
}

/**
 * What a reset does once it is proven, in the caller's transaction, the account held.
 *
 * @param of.proven the kind of identifier that the link or the code went to
 */
export async function replacePassword(
  world: Pick<World, 'clock' | 'keyring'> & { store: Tables },
  account: Account,
  of: { hash: PasswordHash; proven: IdentifierKind; contract: ContractName | 'page'; caller: Caller },
): Promise<void> {
  const { caller, contract, proven } = of;
  const { store } = world;
  const now = world.clock.now();
  if (!(await store.identifiers.anyVerified(account.id))) {
    await takeOver(world, account, { proven, contract, caller });
    await store.identifiers.markVerified(account.id, proven, now);
  }
  const owned = (await store.accounts.find(account.id)) ?? account;
  await store.passwords.replace(account.id, of.hash, now);
  await beginAnew(world, account);
  await store.audit.record(auditEvent('password.reset', { account, contract, caller, now }));
  await tellPasswordChanged(world, owned, caller);
}

/**
 * Whether a reset link still works, for the page it opens. Nothing is consumed.
 *
 * @throws {Failure} `token_invalid` or `token_expired`
 */
export async function lookAtPasswordReset(
  world: Pick<World, 'clock' | 'keyring' | 'store'>,
  input: { token: string },
): Promise<{ email: string; redirectUrl: string | null }> {
  const { token } = await peekOneTimeToken(world, 'password_reset', input.token);
  return { email: token.identifier, redirectUrl: token.facts?.redirectUrl ?? null };
}

/** The notice that follows every change of a password, in its transaction. */
export async function tellPasswordChanged(
  world: Parameters<typeof mailTo>[0],
  account: Account,
  caller?: Caller,
): Promise<void> {
  await mailTo(world, account, {
    template: 'password_changed',
    facts: circumstancesOf(world, account, caller ?? { address: null, userAgent: null }),
  });
}
