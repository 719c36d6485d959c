import assert from 'node:assert/strict';
import type { Identity } from '../../src/core/identity.ts';
import type { IdentityProviders, ProviderIdentity } from '../../src/core/identity-provider.ts';
import type { ProviderReturn } from '../../src/core/provider-sign-in.ts';
import type { Caller } from '../../src/core/world.ts';

export const RETURN = 'http://localhost:5173/app?tab=1';
/** The name that the tests' provider has, and a second one. */
const PROVIDERS = ['github', 'acme'];

export interface ToldProviders extends IdentityProviders {
  /** Who comes back with a code. */
  people: Map<string, ProviderIdentity>;
  /** What happens before a provider tells who came. */
  meanwhile: () => Promise<unknown>;
}

/** Providers that know whoever a test says, and are asked nothing over a network: what is tested is what is made of it. */
export function toldProviders(): ToldProviders {
  const told: ToldProviders = {
    people: new Map(),
    meanwhile: async () => undefined,
    has: (name) => PROVIDERS.includes(name),
    authorizationUrl: async (name, { state }) => `https://${name}.example/?state=${state}`,
    async identify(_name, answer) {
      await told.meanwhile();
      const person = told.people.get(answer.get('code') ?? '');
      assert.ok(person, 'the test says who comes');
      return person;
    },
  };
  return told;
}

/** Leaves for a provider. @returns what the browser keeps, and the state that it is to come back with */
export async function leaveFor(
  identity: Identity,
  of: Partial<Parameters<Identity['startTrip']>[0]> = {},
): Promise<{ trip: string; state: string }> {
  const { trip, url } = await identity.startTrip({ provider: 'github', ...of });
  return { trip, state: new URL(url).searchParams.get('state') ?? '' };
}

/** The whole way there and back, as the person whom the code stands for. */
export async function comeThrough(
  identity: Identity,
  code: string,
  of: { caller: Caller; provider?: string; redirectUrl?: string; codeChallenge?: string; ticket?: string },
): Promise<ProviderReturn<'bearer'>> {
  const { caller, provider = 'github', ...asked } = of;
  const { state, trip } = await leaveFor(identity, { provider, ...asked });
  return finishAs(identity, code, { caller, provider, state, trip });
}

export const finishAs = (
  identity: Identity,
  code: string,
  { caller, provider, state, trip }: { caller: Caller; provider: string; state: string; trip: string },
): Promise<ProviderReturn<'bearer'>> =>
  identity.finishTrip({
    contract: 'bearer' as const,
    provider,
    trip,
    answer: new URLSearchParams({ code, state }),
    caller,
  });
