import type { ProviderIdentity, ProviderTrip } from '../core/identity-provider.ts';

/** One provider, whatever it speaks. What it throws is read by trouble.ts. */
export interface Provider {
  /** @param whole ends what is still under way when the person has waited enough */
  authorizationUrl(trip: ProviderTrip, whole: AbortSignal): Promise<URL>;
  identify(answer: URLSearchParams, trip: ProviderTrip, whole: AbortSignal): Promise<ProviderIdentity>;
}

/** Where the browser came back to, with what it brought; the library reads both from one URL. */
export function callbackWith(callbackUrl: string, answer: URLSearchParams): URL {
  const url = new URL(callbackUrl);
  url.search = answer.toString();
  return url;
}
