import type { CodeFactor } from './account.ts';
import { Failure } from './failure.ts';
import { openSignIn } from './first-factor.ts';
import type { ProviderIdentity } from './identity-provider.ts';
import { checkNetwork, noteForNetwork, withinNetworkLimit } from './network-limit.ts';
import { makeOneTimeToken } from './one-time-token.ts';
import type { SecondFactorDue } from './pending-login.ts';
import { admitIdentity } from './provider-admission.ts';
import { endTrip, forgetTrip, lookAtTrip, type Trip } from './provider-trip.ts';
import { withParameter } from './redirect.ts';
import type { SessionContract } from './session-lifetime.ts';
import { type SignedIn, type StartedSession, signedInWith } from './session-start.ts';
import type { Caller, World } from './world.ts';

type ProviderWorld = Pick<
  World,
  'accessTokens' | 'clock' | 'keyring' | 'phones' | 'policy' | 'providers' | 'random' | 'store'
>;

export type ProviderReturn<Contract extends SessionContract> =
  /** Back to the application, with a one-time code, or with the error that ended it. */
  | { outcome: 'sent_on'; url: string }
  /** For a session that links the provider, and has no address to be sent on to. */
  | { outcome: 'identified'; code: string }
  | SignedIn<Contract>
  | SecondFactorDue<CodeFactor | 'password'>;

type Arrival = { code: string } | StartedSession | SecondFactorDue<CodeFactor | 'password'>;

/**
 * Meets a browser that comes back from a provider: signs its owner in, makes them an account, or, where a session asked for
 * it, tells who they are there. An account's second factor is asked for as ever (R102).
 *
 * @throws {Failure} `token_invalid` if the trip is not this browser's, is over, or was used before
 * @throws {Failure} where there is no application to be sent back to: `token_expired`, `provider_refused`, `provider_unavailable`, and as {@link admitIdentity}; `rate_limited` past thirty refused in five minutes from the network
 * @see rules 7, 13, 24, 25; R097 to R105
 */
export async function finishTrip<Contract extends SessionContract>(
  world: ProviderWorld,
  input: {
    contract: Contract;
    provider: string;
    trip: string | undefined;
    /** The query that the provider sent the browser back with. */
    answer: URLSearchParams;
    caller: Caller;
  },
): Promise<ProviderReturn<Contract>> {
  const { answer, contract, provider } = input;
  if (!world.providers.has(provider)) throw new Failure('provider_unknown');
  const trip = lookAtTrip(world, { provider, trip: input.trip, state: answer.get('state') });
  try {
    const arrival = await arrive(world, input, trip);
    if ('session' in arrival) return await signedInWith(world, contract, arrival);
    if ('outcome' in arrival) return arrival;
    const { code } = arrival;
    return trip.redirectUrl === null
      ? { outcome: 'identified', code }
      : { outcome: 'sent_on', url: withParameter(trip.redirectUrl, 'code', code) };
  } catch (error) {
    // A trip that was over says nothing about the application.
    if (!(error instanceof Failure) || error.code === 'token_invalid' || trip.redirectUrl === null) throw error;
    return { outcome: 'sent_on', url: withParameter(trip.redirectUrl, 'error', error.code) };
  }
}

async function arrive(
  world: ProviderWorld,
  { answer, caller, contract, provider }: Parameters<typeof finishTrip>[1],
  trip: Trip,
): Promise<Arrival> {
  if (trip.expiresAt <= world.clock.now()) throw new Failure('token_expired');
  const identity = await identify(world, { answer, caller, provider }, trip);
  if (trip.link !== null) return handIdentity(world, trip.link, identity);
  // What becomes of an address that nobody knew tells whether it has an account: ten an hour a network (rule 22).
  if (!(await world.store.linkedIdentities.find(provider, identity.subject)))
    await checkNetwork(world, 'taken', caller);
  const of = { caller, contract, trip, identity };
  try {
    return await admit(world, of).catch((error: unknown) => {
      // Somebody was quicker, as a rule the same person in another tab: then there is an account to join.
      if (error instanceof Failure && error.code === 'identifier_taken') return admit(world, of);
      throw error;
    });
  } catch (error) {
    if (error instanceof Failure && error.code === 'link_required') {
      await world.store.transaction((store) => noteForNetwork({ ...world, store }, 'taken', caller));
    }
    throw error;
  }
}

async function admit(
  world: ProviderWorld,
  of: { caller: Caller; contract: SessionContract; trip: Trip; identity: ProviderIdentity },
): Promise<Arrival> {
  const { caller, contract, identity, trip } = of;
  // What must outlive the "no" is in the transaction, so it returns it and the throw comes after.
  const admitted = await world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const { account, joins } = await admitIdentity(inStore, identity, { contract, caller });
    if (world.policy.requireVerifiedEmail && account.emailVerifiedAt === null) return undefined;
    const { codeChallenge, redirectUrl } = trip;
    if (redirectUrl === null) return openSignIn(inStore, { account, contract, caller, firstFactor: 'provider', joins });
    const { token } = await makeOneTimeToken(inStore, {
      purpose: 'exchange',
      account,
      identifier: account.email ?? '',
      facts: { redirectUrl, codeChallenge, firstFactor: 'provider', joins },
    });
    return { code: token };
  });
  if (!admitted) throw new Failure('identifier_unproven');
  return admitted;
}

/** Whoever makes codes up has this server ask the provider about each, so a network may only so often. */
function identify(
  world: ProviderWorld,
  { answer, caller, provider }: { answer: URLSearchParams; caller: Caller; provider: string },
  trip: Trip,
): Promise<ProviderIdentity> {
  const counts = (error: unknown): boolean => error instanceof Failure && error.code === 'provider_refused';
  return withinNetworkLimit(world, { what: 'provider', caller, counts }, async () => {
    await checkNetwork(world, 'provider-away', caller);
    await endTrip(world, trip);
    try {
      return await world.providers.identify(provider, answer, trip);
    } catch (error) {
      if (error instanceof Failure && error.code !== 'provider_refused') {
        await forgetTrip(world, trip);
        await world.store.transaction((store) => noteForNetwork({ ...world, store }, 'provider-away', caller));
      }
      throw error;
    }
  });
}

/** Hands who came back to the session that asked, and to no other. */
async function handIdentity(
  world: ProviderWorld,
  { accountId, epoch, sessionId }: NonNullable<Trip['link']>,
  identity: ProviderIdentity,
): Promise<{ code: string }> {
  return world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const account = await store.accounts.hold(accountId);
    if (!account || account.epoch !== epoch || account.disabledAt !== null) throw new Failure('token_invalid');
    const { token } = await makeOneTimeToken(inStore, {
      purpose: 'provider_identity',
      account,
      identifier: account.email ?? '',
      facts: { identity, sessionId },
    });
    return { code: token };
  });
}
