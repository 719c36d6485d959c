import { type Account, type AccountId, NOBODY } from './account.ts';
import { auditEvent } from './audit.ts';
import { beginAnew } from './begin-anew.ts';
import { checkPassword, normalizedPassword } from './password.ts';
import { tellPasswordChanged } from './password-reset.ts';
import { isHashOf, isSecretOf, type SetUpLink, setUpTokenOf } from './set-up-link.ts';
import type { Tables } from './store.ts';
import { takeOver } from './takeover.ts';
import type { Caller, ContractName, PasswordHash, World } from './world.ts';

type Invited = Account & { email: string };

/**
 * Why a set-up link leads nowhere: `unknown` names no account, or not by what only its own mail says, `done` is of one that has a password, and `expired` is all
 * else: too old, altered, replaced, or dead since the account's epoch moved or an operator locked it.
 */
export type DeadSetUp = { outcome: 'unknown' | 'expired' | 'done' };

type LinkWorld = Pick<World, 'clock' | 'keyring'> & { store: Pick<Tables, 'accounts' | 'oneTimeTokens' | 'passwords'> };

/** Whose link it is, and whether it still works, for the page that it opens. Nothing is consumed. */
export async function lookAtSetUp(
  world: LinkWorld,
  link: SetUpLink,
): Promise<{ outcome: 'valid'; account: Invited } | DeadSetUp> {
  const named = await accountOf(world, link);
  if (named.outcome !== 'named') return named;
  const { account } = named;
  const standing = await standingOf(world, account, setUpTokenOf(link));
  return standing === 'works' ? { outcome: 'valid', account } : { outcome: standing };
}

/**
 * Sets the first password of an account with a mailed link, which proves its address; whatever was begun before ends.
 * On an account that somebody made for themselves and never proved, what was planted goes first (rule 7). Of many callers
 * with one link exactly one sets it.
 *
 * @throws {Failure} `password_rejected`; the link stays usable
 * @throws {Failure} `overloaded`
 * @see ASVS 5.0: 6.5.1
 */
export async function finishSetUp(
  world: Pick<World, 'clock' | 'hasher' | 'keyring' | 'passwordAdvice' | 'policy' | 'store'>,
  input: { link: SetUpLink; password: string; contract: ContractName | 'page'; caller: Caller },
): Promise<{ outcome: 'set_up'; account: Account } | DeadSetUp> {
  // A dead link costs no hash.
  const seen = await lookAtSetUp(world, input.link);
  if (seen.outcome !== 'valid') return seen;
  await checkPassword(world, input.password, seen.account);
  const hash = await world.hasher.hash(normalizedPassword(input.password));
  const token = setUpTokenOf(input.link);
  return world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const account = await store.accounts.hold(seen.account.id);
    if (!account) return { outcome: 'unknown' };
    const standing = await standingOf(inStore, account, token);
    if (standing !== 'works') return { outcome: standing };
    const digests = world.keyring.digests('one-time-token', token);
    if (!(await store.oneTimeTokens.take('password_set_up', digests))) return { outcome: 'expired' };
    return { outcome: 'set_up', account: await putFirstPassword(inStore, account, { hash, ...input }) };
  });
}

async function putFirstPassword(
  world: Pick<World, 'clock' | 'keyring'> & { store: Tables },
  account: Account,
  of: { hash: PasswordHash; contract: ContractName | 'page'; caller: Caller },
): Promise<Account> {
  const { caller, contract, hash } = of;
  const { store } = world;
  const now = world.clock.now();
  const isOperators = account.createdFrom.address === null && account.createdFrom.userAgent === null;
  // Nobody gets into what an operator made before its address is proven, and the name in it is the operator's word.
  if (!isOperators && !(await store.identifiers.anyVerified(account.id))) {
    await takeOver(world, account, { proven: 'email', contract, caller });
  }
  if (!(await store.passwords.add(account.id, hash, now))) throw new Error('a held account was given a password');
  if (await store.identifiers.markVerified(account.id, 'email', now)) {
    await store.audit.record(auditEvent('email.verified', { account, contract, caller, now }));
  }
  await store.oneTimeTokens.removeAll(account.id, 'password_set_up');
  await beginAnew(world, account);
  await store.audit.record(auditEvent('password.set_up', { account, contract, caller, now }));
  const owned = (await store.accounts.find(account.id)) ?? account;
  // To somebody who has never been in, the password is the first they hear of the account.
  if (owned.signInCount > 0) await tellPasswordChanged(world, owned, caller);
  return owned;
}

/**
 * The account that a link is for. The application's link is checked by itself, so that one whose row is gone can still be
 * told from one that nobody was sent; the hosted page's is its row's alone. An unknown account and a wrong hash are alike.
 */
async function accountOf(
  world: LinkWorld,
  link: SetUpLink,
): Promise<{ outcome: 'named'; account: Invited } | { outcome: 'unknown' | 'expired' }> {
  const { accounts, oneTimeTokens } = world.store;
  const named = (account: Account | undefined) =>
    account?.email ? { outcome: 'named' as const, account: { ...account, email: account.email } } : undefined;
  if ('token' in link) {
    const row = await oneTimeTokens.find('password_set_up', world.keyring.digests('one-time-token', link.token));
    return named(row && (await accounts.find(row.accountId))) ?? { outcome: 'expired' };
  }
  const account = await accounts.find((Number.isSafeInteger(link.id) ? link.id : NOBODY) as AccountId);
  const found = isHashOf(world, account, link.hash) ? named(account) : undefined;
  if (!found) return { outcome: 'unknown' };
  const isLive = isSecretOf(world, found.account, link) && link.expires * 1000 > world.clock.now();
  return isLive ? found : { outcome: 'expired' };
}

/** What a link that was made for the account can still do. */
async function standingOf(world: LinkWorld, account: Account, token: string): Promise<'works' | 'expired' | 'done'> {
  if (await world.store.passwords.find(account.id)) return 'done';
  const row = await world.store.oneTimeTokens.find('password_set_up', world.keyring.digests('one-time-token', token));
  const works =
    row?.accountId === account.id &&
    row.epoch === account.epoch &&
    row.expiresAt > world.clock.now() &&
    account.disabledAt === null;
  return works ? 'works' : 'expired';
}
