import type { AccountId } from './account.ts';
import { readCodeChallenge } from './code-challenge.ts';
import { Failure } from './failure.ts';
import type { ProviderTrip } from './identity-provider.ts';
import { type Handover, peekOneTimeToken, takeOneTimeToken } from './one-time-token.ts';
import { readRedirect } from './redirect.ts';
import { isSameText } from './same-text.ts';
import type { SessionId } from './session.ts';
import { spendOnce } from './spent-challenge.ts';
import { type Instant, minutes } from './time.ts';
import type { World } from './world.ts';

/** One browser's way to a provider and back. The browser keeps it, sealed; there is no row of it until it is back. */
export interface Trip extends ProviderTrip, Handover {
  provider: string;
  expiresAt: Instant;
  /** Whose session wants the provider linked to its account; without it the trip is a sign-in. */
  link: { accountId: AccountId; epoch: number; sessionId: SessionId } | null;
}

const LIFETIME = minutes(10);
const CONTEXT = 'provider trip';

/**
 * Sends a browser to a provider.
 *
 * @param input.ticket see `startProviderLink`
 * @returns where to send it, and what it must bring back
 * @throws {Failure} `provider_unknown`, `provider_unavailable`
 * @throws {Failure} `input_rejected` if the return is not to an allowed origin, or a challenge has no return to be shown after
 * @throws {Failure} `token_invalid`, `token_expired` for a dead ticket
 * @see rules 24, 25; RFC 9700 §2.1.1, §4.7; R097
 */
export async function startTrip(
  world: Pick<World, 'clock' | 'keyring' | 'policy' | 'providers' | 'random' | 'store'>,
  input: {
    provider: string;
    redirectUrl?: string | undefined;
    codeChallenge?: string | undefined;
    ticket?: string | undefined;
  },
): Promise<{ url: string; trip: string }> {
  const { provider, ticket } = input;
  if (!world.providers.has(provider)) throw new Failure('provider_unknown');
  const asked = ticket === undefined ? undefined : await peekTicket(world, provider, ticket);
  const handover = asked ? { redirectUrl: asked.redirectUrl, codeChallenge: null } : readHandover(world, input);
  const secret = (): string => Buffer.from(world.random.bytes(32)).toString('base64url');
  const trip: Trip = {
    ...handover,
    provider,
    link: asked?.link ?? null,
    state: secret(),
    nonce: secret(),
    codeVerifier: secret(),
    expiresAt: world.clock.now() + LIFETIME,
  };
  const url = await world.providers.authorizationUrl(provider, trip);
  // Last, so that a provider that does not answer costs no ticket.
  if (ticket !== undefined) {
    await world.store.transaction((store) => takeOneTimeToken({ ...world, store }, 'provider_link', ticket));
  }
  return { url, trip: world.keyring.seal(CONTEXT, JSON.stringify(trip), world.random.bytes(12)) };
}

function readHandover(
  world: Pick<World, 'policy'>,
  input: { redirectUrl?: string | undefined; codeChallenge?: string | undefined },
): Handover {
  const redirectUrl = readRedirect(world, input.redirectUrl);
  const codeChallenge = readCodeChallenge(input.codeChallenge);
  if (codeChallenge !== null && redirectUrl === null) {
    throw new Failure('input_rejected', { fields: { redirectUrl: 'required' } });
  }
  return { redirectUrl, codeChallenge };
}

async function peekTicket(
  world: Pick<World, 'clock' | 'keyring' | 'store'>,
  provider: string,
  ticket: string,
): Promise<{ redirectUrl: string | null; link: NonNullable<Trip['link']> }> {
  const { account, token } = await peekOneTimeToken(world, 'provider_link', ticket);
  const { redirectUrl, sessionId } = token.facts;
  if (token.facts.provider !== provider) throw new Failure('token_invalid');
  return { redirectUrl, link: { accountId: account.id, epoch: account.epoch, sessionId } };
}

/**
 * Looks at the trip that a browser brings back: it must be this browser's, to this provider, name the state it left with,
 * and not be over. What comes of it ends it, see {@link endTrip}.
 *
 * @throws {Failure} `token_invalid`
 * @see R097, R098
 */
export function lookAtTrip(
  world: Pick<World, 'keyring'>,
  input: { provider: string; trip: string | undefined; state: string | null },
): Trip {
  const trip = openTrip(world, input.trip);
  if (!trip || trip.provider !== input.provider || !isSameText(trip.state, input.state ?? '')) {
    throw new Failure('token_invalid');
  }
  return trip;
}

/**
 * Uses a trip up: of many that come back from it one goes on.
 *
 * @throws {Failure} `token_invalid` if it was used before
 */
export async function endTrip(world: Pick<World, 'keyring' | 'store'>, trip: Trip): Promise<void> {
  const isFirst = await world.store.transaction((store) => spendOnce({ ...world, store }, trip.state, trip.expiresAt));
  if (!isFirst) throw new Failure('token_invalid');
}

/** Lets a trip be ended again that the provider did not answer for: nothing is kept of it. */
export async function forgetTrip(world: Pick<World, 'keyring' | 'store'>, trip: Trip): Promise<void> {
  const digests = world.keyring.digests('spent-challenge', trip.state);
  await world.store.transaction(({ spentChallenges }) => spentChallenges.forget(digests));
}

function openTrip(world: Pick<World, 'keyring'>, sealed: string | undefined): Trip | undefined {
  if (sealed === undefined) return undefined;
  try {
    return JSON.parse(world.keyring.open(CONTEXT, sealed)) as Trip;
  } catch {
    return undefined;
  }
}
