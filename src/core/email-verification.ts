import type { Account } from './account.ts';
import { auditEvent } from './audit.ts';
import { inEvenTime } from './even-time.ts';
import { canonicalEmail } from './identifier.ts';
import { digestsOf } from './lockout.ts';
import { mailTo } from './mail.ts';
import { makeOneTimeToken, peekOneTimeToken, takeOneTimeToken } from './one-time-token.ts';
import { boundRequestsFor, boundSendRequests, mayMail } from './send-limit.ts';
import type { Tables } from './store.ts';
import type { Caller, ContractName, World } from './world.ts';

/** How often one address may be named an hour, as the cookie contract documents it. */
const REQUESTS_AN_HOUR = 5;

/** Mails a link that proves the account's address, in the caller's transaction, unless too many went there already. */
export async function sendVerification(
  world: Pick<World, 'clock' | 'keyring' | 'policy' | 'random'> & { store: Tables },
  account: Account,
): Promise<void> {
  if (!account.email || !(await mayMail(world, 'email_verification', account.email))) return;
  const { token, expiresAt } = await makeOneTimeToken(world, {
    purpose: 'email_verification',
    account,
    identifier: account.email,
  });
  await mailTo(world, account, { template: 'verify_email', facts: { token, name: account.name }, expiresAt });
}

/**
 * Mails a new verification link if the address belongs to an account that has not proven it.
 * It does the same, as far as anybody can tell, for every other address.
 *
 * @throws {Failure} `rate_limited` at the sixth request an hour for one address, known or not, and past the network's share
 */
export async function resendVerification(
  world: Pick<World, 'clock' | 'keyring' | 'policy' | 'random' | 'store'>,
  input: { email: string; caller: Caller },
): Promise<void> {
  await boundSendRequests(world, 'mail', input.caller);
  const email = canonicalEmail(input.email) ?? input.email;
  await boundRequestsFor(world, { name: 'email_verification', identifier: email, limit: REQUESTS_AN_HOUR });
  await inEvenTime(world, async () => {
    const account = await world.store.accounts.findByIdentifier('email', email);
    if (!account || account.emailVerifiedAt !== null || account.disabledAt !== null) return;
    await world.store.transaction(async (store) => {
      // It may be gone by now, or proven.
      const held = await store.accounts.hold(account.id);
      if (held?.email === email && held.emailVerifiedAt === null) await sendVerification({ ...world, store }, held);
    });
  });
}

/**
 * Proves an address with the mailed token. Sessions stay: this is no takeover (rule 7).
 *
 * @throws {Failure} `token_invalid` or `token_expired`, see {@link takeOneTimeToken}
 */
export async function verifyEmail(
  world: Pick<World, 'clock' | 'keyring' | 'store'>,
  input: { token: string; contract: ContractName | 'page'; caller: Caller },
): Promise<Account> {
  const now = world.clock.now();
  return world.store.transaction(async (store) => {
    const { account } = await takeOneTimeToken({ ...world, store }, 'email_verification', input.token);
    if (await store.identifiers.markVerified(account.id, 'email', now)) {
      await store.audit.record(auditEvent('email.verified', { account, ...input, now }));
    }
    return { ...account, emailVerifiedAt: account.emailVerifiedAt ?? now };
  });
}

/**
 * What the page behind a verification link says: whose address, and when and from where the account was made.
 *
 * @throws {Failure} `token_invalid` or `token_expired`; nothing is consumed
 */
export async function lookAtVerification(
  world: Pick<World, 'clock' | 'keyring' | 'store'>,
  input: { token: string },
): Promise<{ email: string; createdAt: number; createdFrom: Account['createdFrom'] }> {
  const { token, account } = await peekOneTimeToken(world, 'email_verification', input.token);
  return { email: token.identifier, createdAt: account.createdAt, createdFrom: account.createdFrom };
}

/**
 * "This wasn't me": removes an account that somebody made with the address of the token's owner (rule 3).
 * An account that has proven any identifier is somebody's, and stays.
 *
 * @throws {Failure} `token_invalid` or `token_expired`
 */
export async function disownAccount(
  world: Pick<World, 'clock' | 'keyring' | 'store'>,
  input: { token: string; caller: Caller },
): Promise<void> {
  const now = world.clock.now();
  await world.store.transaction(async (store) => {
    const { account } = await takeOneTimeToken({ ...world, store }, 'email_verification', input.token);
    if (await store.identifiers.anyVerified(account.id)) return;
    await store.outbox.dropSecrets(account.id, now);
    await store.accounts.delete(account.id);
    await store.attempts.clear(digestsOf(world, account));
    // The caller is the address's owner, not the account's maker, and is not kept.
    await store.audit.record(
      auditEvent('account.disowned', { account: undefined, contract: 'page', now, facts: { uuid: account.uuid } }),
    );
  });
}
