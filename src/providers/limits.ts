import type { FetchLimits } from '../outbound/bounded-fetch.ts';

/** What a provider may take of this server. */
export interface Limits extends FetchLimits {
  /** For all the requests of one sign-in together. */
  wholeMilliseconds: number;
  /** How many are asked at once, over all providers and people. */
  atOnce: number;
  /** How long what an issuer publishes about itself is taken as still true. */
  metadataMilliseconds: number;
}

export const LIMITS: Limits = {
  requestMilliseconds: 5000,
  wholeMilliseconds: 6000,
  bodyBytes: 1024 * 1024,
  atOnce: 64,
  metadataMilliseconds: 60 * 60 * 1000,
};
