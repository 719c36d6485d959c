/** A service that people may sign in with, as the settings describe it. */
export type ProviderConfiguration = GitHubConfiguration | OidcConfiguration;

interface Client {
  /** What it is called in URLs and in the store. */
  name: string;
  clientId: string;
  clientSecret: string;
}

export interface GitHubConfiguration extends Client {
  kind: 'github';
  baseUrl: string;
  /** Without a final slash. */
  apiUrl: string;
}

export interface OidcConfiguration extends Client {
  kind: 'oidc';
  issuer: string;
  /** Domains whose addresses it may speak for, in canonical form (rule 24). */
  emailDomains: readonly string[];
  /** Whether it may also speak for the domain that its claim `hd` names, as Google does for its Workspace customers. */
  hostedDomain: boolean;
}
