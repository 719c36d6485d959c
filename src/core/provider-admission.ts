import { type Account, isProven, splitName, usernameBase } from './account.ts';
import { auditEvent } from './audit.ts';
import { dropPending } from './drop-pending.ts';
import { sendVerification } from './email-verification.ts';
import { Failure } from './failure.ts';
import { canonicalEmail } from './identifier.ts';
import type { ProviderIdentity } from './identity-provider.ts';
import { circumstancesOf, mailTo } from './mail.ts';
import { countForNetwork } from './network-limit.ts';
import type { Tables } from './store.ts';
import { meetOwner } from './takeover.ts';
import type { Caller, ContractName, World } from './world.ts';

type AdmissionWorld = Pick<World, 'clock' | 'keyring' | 'policy' | 'random'> & { store: Tables };

interface Admission {
  account: Account;
  /** Whom the account is joined by once its second factor was right. */
  joins: ProviderIdentity | null;
}

interface By {
  contract: ContractName;
  caller: Caller;
}

/**
 * Finds or makes the account of somebody whom a provider has identified, in the caller's transaction, and holds it.
 *
 * - Known by the provider's own id: that account.
 * - Otherwise the address decides, and only one that the provider has seen proven. An account that has proven it is joined
 *   if the provider may speak for the address, and its owner told; one that never proved anything is taken over by the
 *   same providers; with any other, its owner has to sign in and link it.
 * - An address that nobody has founds an account; it counts as proven if the provider may speak for it.
 *
 * @throws {Failure} `provider_email_unproven`, `link_required`, `sign_up_closed`, `rate_limited`
 * @throws {Failure} `identifier_taken` for a day after the address's account was deleted
 * @throws {Failure} `invalid_credentials` if an operator has locked the account
 * @see rules 6, 7, 11, 12, 24; R099 to R101
 */
export async function admitIdentity(world: AdmissionWorld, identity: ProviderIdentity, by: By): Promise<Admission> {
  const { accounts, linkedIdentities } = world.store;
  const linked = await linkedIdentities.find(identity.provider, identity.subject);
  const own = linked && (await accounts.hold(linked.accountId));
  if (own && (await useLink(world, own, identity))) return { account: own, joins: null };
  const email = identity.email === null || !identity.emailVerified ? undefined : canonicalEmail(identity.email);
  if (email === undefined) throw new Failure('provider_email_unproven');
  const found = await accounts.findByIdentifier('email', email);
  if (found) return joinAccount(world, found, identity, by);
  return { account: await foundAccount(world, email, identity, by), joins: null };
}

/**
 * Uses the link of an identity to an account that is held: nobody can unlink it meanwhile.
 *
 * @returns `false` if there is none
 */
async function useLink(
  { clock, store }: AdmissionWorld,
  account: Account,
  { email, provider, subject }: ProviderIdentity,
): Promise<boolean> {
  const linked = await store.linkedIdentities.find(provider, subject);
  if (linked?.accountId !== account.id) return false;
  if (account.disabledAt !== null) throw new Failure('invalid_credentials');
  await store.linkedIdentities.use(linked, { email, lastUsedAt: clock.now() });
  return true;
}

async function joinAccount(
  world: AdmissionWorld,
  found: Account,
  identity: ProviderIdentity,
  by: By,
): Promise<Admission> {
  const held = await world.store.accounts.hold(found.id);
  // Another tab of the same person may have been quicker.
  if (held && (await useLink(world, held, identity))) return { account: held, joins: null };
  const mayJoin =
    held !== undefined &&
    held.email === found.email &&
    held.disabledAt === null &&
    identity.speaksForEmail &&
    (held.emailVerifiedAt !== null || !isProven(held));
  if (!held || !mayJoin) throw new Failure('link_required');
  const account = await meetOwner(world, held, { proven: 'email', ...by });
  // Linking needs the second factor where there is one (rule 19): it waits until the sign-in is complete.
  if (account.codeFactor !== null) {
    const linked = await world.store.linkedIdentities.list(account.id);
    if (linked.some(({ provider }) => provider === identity.provider)) throw new Failure('provider_taken');
    return { account, joins: identity };
  }
  return { account: await linkIdentity(world, account, identity, { change: 'joined', ...by }), joins: null };
}

/**
 * Links an identity to an account, in the caller's transaction, the account held; the epoch moves, and the owner is told.
 *
 * @throws {Failure} `provider_taken` if it is linked already, or the account has another one of the provider
 */
export async function linkIdentity(
  world: Pick<World, 'clock'> & { store: Tables },
  account: Account,
  { email, provider, subject }: ProviderIdentity,
  of: By & { change: 'linked' | 'joined' },
): Promise<Account> {
  const { store } = world;
  const { caller, change, contract } = of;
  const now = world.clock.now();
  const lastUsedAt = change === 'joined' ? now : null;
  const identity = { provider, subject, accountId: account.id, email, createdAt: now, lastUsedAt };
  if (!(await store.linkedIdentities.add(identity))) throw new Failure('provider_taken');
  await dropPending(store, account, now);
  await store.audit.record(auditEvent('provider.linked', { account, contract, caller, now, facts: { provider } }));
  const facts = { change, provider, ...circumstancesOf(world, account, caller) };
  await mailTo(world, account, { template: 'provider_changed', facts });
  return { ...account, epoch: account.epoch + 1 };
}

async function foundAccount(
  world: AdmissionWorld,
  email: string,
  identity: ProviderIdentity,
  { caller, contract }: By,
): Promise<Account> {
  const { store } = world;
  const { name, picture, provider, subject } = identity;
  const now = world.clock.now();
  if (world.policy.signUp === 'closed') throw new Failure('sign_up_closed');
  if (await store.identifiers.isBuried(world.keyring.digests('identifier', email), now)) {
    throw new Failure('identifier_taken', { identifier: 'email' });
  }
  const accountId = await store.accounts.create({
    uuid: world.random.uuid(),
    name,
    image: picture,
    ...splitName(name),
    username: usernameBase(email),
    locale: caller.locale,
    createdAt: now,
    createdFrom: { address: caller.address, userAgent: caller.userAgent },
  });
  const verifiedAt = identity.speaksForEmail ? now : null;
  const isNew =
    (await store.identifiers.add({ accountId, kind: 'email', value: email, verifiedAt, now })) &&
    (await store.linkedIdentities.add({ provider, subject, accountId, email, createdAt: now, lastUsedAt: now }));
  // Somebody was quicker, perhaps the same person in another tab.
  if (!isNew) throw new Failure('identifier_taken', { identifier: 'email' });
  await countForNetwork(world, 'sign-up', caller);
  const account = await store.accounts.hold(accountId);
  if (!account) throw new Error('an account that was just made is not there');
  const facts = { provider };
  await store.audit.record(auditEvent('account.registered', { account, contract, caller, now, facts }));
  if (verifiedAt === null) await sendVerification(world, account);
  return account;
}
