import { timingSafeEqual } from 'node:crypto';
import { readCodeChallenge } from './code-challenge.ts';
import { Failure } from './failure.ts';
import type { ProviderTrip } from './identity-provider.ts';
import { type Handover, peekOneTimeToken } from './one-time-token.ts';
import { readRedirect } from './redirect.ts';
import { type Instant, minutes } from './time.ts';
import type { World } from './world.ts';

/** One browser's way to a provider and back. The browser keeps it, sealed; there is no row of it until it is back. */
export interface Trip extends ProviderTrip, Handover {
  provider: string;
  expiresAt: Instant;
  /** Of a session that wants the provider linked to its account; without it the trip is a sign-in. */
  ticket: string | null;
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
  const { provider, ticket = null } = input;
  if (!world.providers.has(provider)) throw new Failure('provider_unknown');
  const handover = ticket === null ? readHandover(world, input) : await handoverOf(world, provider, ticket);
  const secret = (): string => Buffer.from(world.random.bytes(32)).toString('base64url');
  const trip: Trip = {
    ...handover,
    provider,
    ticket,
    state: secret(),
    nonce: secret(),
    codeVerifier: secret(),
    expiresAt: world.clock.now() + LIFETIME,
  };
  const url = await world.providers.authorizationUrl(provider, trip);
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

async function handoverOf(
  world: Pick<World, 'clock' | 'keyring' | 'store'>,
  provider: string,
  ticket: string,
): Promise<Handover> {
  const { token } = await peekOneTimeToken(world, 'provider_link', ticket);
  if (token.facts.provider !== provider) throw new Failure('token_invalid');
  return { redirectUrl: token.facts.redirectUrl, codeChallenge: null };
}

/**
 * Takes a browser's trip back, once: it must be this browser's, to this provider, and name the state it left with.
 *
 * @throws {Failure} `token_invalid`
 * @see R097, R098
 */
export async function endTrip(
  world: Pick<World, 'keyring' | 'store'>,
  input: { provider: string; trip: string | undefined; state: string | null },
): Promise<Trip> {
  const trip = openTrip(world, input.trip);
  if (!trip || trip.provider !== input.provider || !equal(trip.state, input.state ?? '')) {
    throw new Failure('token_invalid');
  }
  const digest = world.keyring.digest('spent-challenge', trip.state);
  const spent = await world.store.transaction(({ spentChallenges }) => spentChallenges.spend(digest, trip.expiresAt));
  if (!spent) throw new Failure('token_invalid');
  return trip;
}

function openTrip(world: Pick<World, 'keyring'>, sealed: string | undefined): Trip | undefined {
  if (sealed === undefined) return undefined;
  try {
    return JSON.parse(world.keyring.open(CONTEXT, sealed)) as Trip;
  } catch {
    return undefined;
  }
}

function equal(one: string, other: string): boolean {
  const [left, right] = [Buffer.from(one), Buffer.from(other)];
  return left.length === right.length && timingSafeEqual(left, right);
}
