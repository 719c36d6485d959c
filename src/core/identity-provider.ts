/** Who a person is at another service that they sign in with. */
export interface ProviderIdentity {
  /** The provider's name in the settings: `github`, `google`, or an issuer's own. */
  provider: string;
  /** What the provider never changes and never gives to anybody else. */
  subject: string;
  /** In its canonical form; `null` if the provider says none. */
  email: string | null;
  /** Whether the provider has seen the address proven: the boolean `true`, and nothing like it (R099). */
  emailVerified: boolean;
  /** Whether the provider may speak for that address (rule 24). */
  speaksForEmail: boolean;
  name: string | null;
  /** An https URL. */
  picture: string | null;
}

/** What one trip to a provider is bound to. */
export interface ProviderTrip {
  /** 256 bits in base64url. */
  state: string;
  nonce: string;
  /** PKCE (RFC 7636), sent as S256. */
  codeVerifier: string;
}

/** Services that people may sign in with, as the settings list them. */
export interface IdentityProviders {
  has(name: string): boolean;
  /**
   * Where to send the browser.
   *
   * @throws {Failure} `provider_unavailable` if the provider must be asked and does not answer in time; `overloaded`
   */
  authorizationUrl(name: string, trip: ProviderTrip): Promise<string>;
  /**
   * Finds out who came back from the provider: redeems the code, checks what it is given for it, and keeps nothing of it.
   *
   * @param answer the query that the provider sent the browser back with
   * @throws {Failure} `provider_refused` if the person or the provider said no, or if its answer does not hold
   * @throws {Failure} `provider_unavailable` if the provider does not answer in time, or at too great a length; `overloaded`
   * @see RFC 9700 §2.1; RFC 9207; OpenID Connect Core §3.1.3.7
   */
  identify(name: string, answer: URLSearchParams, trip: ProviderTrip): Promise<ProviderIdentity>;
}
