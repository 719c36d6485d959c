import { createIdentity, type Identity } from '../../src/core/identity.ts';
import type { ProviderIdentity } from '../../src/core/identity-provider.ts';
import type { Caller } from '../../src/core/world.ts';
import { type OpenedClient, openClient } from '../contracts/bearer/client.ts';
import { type GitHubLookAlike, openGitHub } from '../support/github-look-alike.ts';
import type { WorldOptions } from '../support/world.ts';

export interface Abroad extends OpenedClient {
  github: GitHubLookAlike;
  /** The core, where every provider says that this is who came back. */
  identityOf(who: ProviderIdentity): Identity;
  caller(): Caller;
}

/** A world whose people may also be known through GitHub. */
export async function openAbroad(t: { after(undo: () => unknown): void }, options: WorldOptions = {}): Promise<Abroad> {
  const github = await openGitHub(t);
  const opened = await openClient(t, {
    ...options,
    env: {
      GUICHET_GITHUB_CLIENT_ID: github.clientId,
      GUICHET_GITHUB_CLIENT_SECRET: github.clientSecret,
      GUICHET_GITHUB_BASE_URL: github.url,
      GUICHET_GITHUB_API_URL: github.apiUrl,
      ...options.env,
    },
  });
  return {
    ...opened,
    github,
    identityOf: (who) =>
      createIdentity({
        ...opened.world,
        providers: {
          has: () => true,
          authorizationUrl: async (_, { state }) => `https://provider.example/?state=${state}`,
          identify: async () => who,
        },
      }),
    caller: () => ({
      address: '192.0.2.9',
      network: { key: 'abroad', factor: 1 },
      userAgent: null,
      clientToken: null,
      locale: 'en',
    }),
  };
}
