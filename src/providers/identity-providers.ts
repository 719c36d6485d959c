import { Failure } from '../core/failure.ts';
import type { IdentityProviders } from '../core/identity-provider.ts';
import type { ProviderConfiguration } from './configuration.ts';
import { githubProvider } from './github.ts';
import { LIMITS, type Limits } from './limits.ts';
import { oidcProvider } from './oidc.ts';
import type { Provider } from './provider.ts';
import { reasonOf, unreachableIn } from './trouble.ts';

/** After how long somebody may try again whose provider did not answer. */
const RETRY_SECONDS = 5;

/** Why a sign-in with a provider failed, for the log: codes alone, nothing that came from the person or the provider. */
export interface ProviderTrouble {
  provider: string;
  failure: 'provider_refused' | 'provider_unavailable';
  reason: string;
}

/**
 * The services that people may sign in with, through openid-client, which is loaded when the first of them does.
 *
 * @param callbackUrl where a provider sends the browser back to; a provider's alone, so that no answer of one can be
 *   taken for another's (RFC 9700 §4.4.2)
 */
export function identityProviders({
  providers,
  callbackUrl,
  limits: changed,
  report,
}: {
  providers: readonly ProviderConfiguration[];
  callbackUrl: (name: string) => string;
  limits?: Partial<Limits>;
  report?: (trouble: ProviderTrouble) => void;
}): IdentityProviders {
  const limits = { ...LIMITS, ...changed };
  let underWay = 0;
  const byName = new Map(providers.map((settings) => [settings.name, open(settings)]));

  function open(settings: ProviderConfiguration): Provider {
    const callback = new URL(callbackUrl(settings.name)).href;
    return settings.kind === 'github'
      ? githubProvider(settings, callback, limits)
      : oidcProvider(settings, callback, limits);
  }

  async function through<T>(
    name: string,
    otherwise: ProviderTrouble['failure'],
    ask: (provider: Provider, whole: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const provider = byName.get(name);
    if (!provider) throw new Failure('provider_unknown');
    try {
      return await ask(provider, AbortSignal.timeout(limits.wholeMilliseconds));
    } catch (error) {
      const unreachable = unreachableIn(error);
      const failure = unreachable ? 'provider_unavailable' : otherwise;
      report?.({ provider: name, failure, reason: reasonOf(unreachable ?? error) });
      if (failure === 'provider_refused') throw new Failure(failure);
      throw new Failure(failure, { retryAfterSeconds: RETRY_SECONDS });
    }
  }

  return {
    has: (name) => byName.has(name),
    authorizationUrl: (name, trip) =>
      through(name, 'provider_unavailable', async (provider, whole) => {
        return (await provider.authorizationUrl(trip, whole)).href;
      }),
    async identify(name, answer, trip) {
      // A provider that is slow must not hold everything this server has.
      if (underWay >= limits.atOnce) throw new Failure('overloaded', { retryAfterSeconds: RETRY_SECONDS });
      underWay += 1;
      try {
        return await through(name, 'provider_refused', (provider, whole) => provider.identify(answer, trip, whole));
      } finally {
        underWay -= 1;
      }
    },
  };
}
