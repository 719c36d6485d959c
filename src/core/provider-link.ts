import { boundForAccount } from './account-limit.ts';
import { auditEvent } from './audit.ts';
import { dropPending } from './drop-pending.ts';
import { Failure } from './failure.ts';
import { type Proofs, type ProofWorld, requireFreshSignIn, stillFresh, stillProven } from './fresh-sign-in.ts';
import type { LinkedIdentity } from './linked-identity.ts';
import { circumstancesOf, mailTo } from './mail.ts';
import { makeOneTimeToken, peekOneTimeToken, takeOneTimeToken } from './one-time-token.ts';
import { linkIdentity } from './provider-admission.ts';
import { readRedirect } from './redirect.ts';
import { type LiveSession, stillLive } from './session.ts';
import { keepAWayIn } from './way-in.ts';
import type { Caller, World } from './world.ts';

type LinkWorld = ProofWorld & Pick<World, 'providers'>;

/**
 * Begins to link a provider to the account of a signed-in person.
 *
 * @returns a ticket, good for one trip to the provider within ten minutes
 * @throws {Failure} `provider_unknown`; `input_rejected` if the return is not to an allowed origin
 * @throws {Failure} `reauthentication_required`, and as {@link requireFreshSignIn}; `session_ended`
 * @see rules 19, 24; R103
 */
export async function startProviderLink(
  world: LinkWorld,
  input: { live: LiveSession; provider: string; redirectUrl?: string | undefined; caller: Caller } & Proofs,
): Promise<{ ticket: string }> {
  const { caller, live, provider } = input;
  if (!world.providers.has(provider)) throw new Failure('provider_unknown');
  const redirectUrl = readRedirect(world, input.redirectUrl);
  await requireFreshSignIn(world, live, input, caller);
  return world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const { account, session } = await stillProven(inStore, live);
    const { token } = await makeOneTimeToken(inStore, {
      purpose: 'provider_link',
      account,
      identifier: account.email ?? '',
      facts: { provider, sessionId: session.id, redirectUrl },
    });
    return { ticket: token };
  });
}

/**
 * Links whoever came back from the provider, with the code that the trip handed over; only the session that began it may.
 *
 * @throws {Failure} `token_invalid` or `token_expired`, also for another session or provider; `session_ended`
 * @throws {Failure} `provider_taken` if it is linked to an account already, or this one has another of the provider
 */
export async function finishProviderLink(
  world: Pick<World, 'clock' | 'keyring' | 'policy' | 'store'>,
  input: { live: LiveSession; provider: string; code: string; caller: Caller },
): Promise<void> {
  const { caller, code, live, provider } = input;
  await world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const { account, session } = await stillLive(inStore, live);
    const { token } = await peekOneTimeToken(inStore, 'provider_identity', code);
    const { identity, sessionId } = token.facts;
    if (sessionId !== session.id || identity.provider !== provider) throw new Failure('token_invalid');
    await takeOneTimeToken(inStore, 'provider_identity', code);
    await boundForAccount(inStore, account, 'credential');
    await linkIdentity(inStore, account, identity, { change: 'linked', contract: session.contract, caller });
  });
}

/**
 * Unlinks a provider, unless nothing else would let the owner in.
 *
 * @throws {Failure} `not_found` if it is not linked; `last_sign_in_method`
 * @throws {Failure} `reauthentication_required`, and as {@link requireFreshSignIn}; `session_ended`
 * @see R103
 */
export async function unlinkProvider(
  world: LinkWorld,
  input: { live: LiveSession; provider: string; caller: Caller } & Proofs,
): Promise<void> {
  const { caller, live, provider } = input;
  await requireFreshSignIn(world, live, input, caller);
  await world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const { account, session } = await stillFresh(inStore, live);
    if (!(await store.linkedIdentities.remove(account.id, provider))) throw new Failure('not_found');
    await keepAWayIn(inStore, account);
    await boundForAccount(inStore, account, 'credential');
    const now = world.clock.now();
    await dropPending(store, account, now);
    const { contract } = session;
    await store.audit.record(auditEvent('provider.unlinked', { account, contract, caller, now, facts: { provider } }));
    const facts = { change: 'unlinked', provider, ...circumstancesOf(world, account, caller) } as const;
    await mailTo(inStore, account, { template: 'provider_changed', facts });
  });
}

/** The providers that the account's owner may sign in with. */
export const listLinkedProviders = (world: Pick<World, 'store'>, { account }: LiveSession): Promise<LinkedIdentity[]> =>
  world.store.linkedIdentities.list(account.id);
