/** How long a provider may take, and how much it may say (R104, R146). */
export interface Limits {
  /** For one request, from looking up the host to the last byte of the answer. */
  requestMilliseconds: number;
  /** For all the requests of one sign-in together. */
  wholeMilliseconds: number;
  /** For the body of one answer. */
  bodyBytes: number;
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
