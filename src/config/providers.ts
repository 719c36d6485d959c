import type { ProviderConfiguration } from '../providers/configuration.ts';
import type { Settings } from './settings.ts';

/** The services that people may sign in with: those whose settings are complete. */
export function providersFrom(settings: Settings): ProviderConfiguration[] {
  const providers: ProviderConfiguration[] = [];
  const { GUICHET_GITHUB_CLIENT_ID: githubId, GUICHET_GITHUB_CLIENT_SECRET: githubSecret } = settings;
  if (githubId && githubSecret) {
    providers.push({
      kind: 'github',
      name: 'github',
      clientId: githubId,
      clientSecret: githubSecret,
      baseUrl: settings.GUICHET_GITHUB_BASE_URL,
      apiUrl: settings.GUICHET_GITHUB_API_URL,
    });
  }
  const { GUICHET_GOOGLE_CLIENT_ID: googleId, GUICHET_GOOGLE_CLIENT_SECRET: googleSecret } = settings;
  if (googleId && googleSecret) {
    providers.push({
      kind: 'oidc',
      name: 'google',
      clientId: googleId,
      clientSecret: googleSecret,
      issuer: settings.GUICHET_GOOGLE_ISSUER,
      emailDomains: ['gmail.com'],
      hostedDomain: true,
    });
  }
  for (const [name, issuer] of settings['GUICHET_OIDC_<NAME>_ISSUER']) {
    const clientId = settings['GUICHET_OIDC_<NAME>_CLIENT_ID'].get(name);
    const clientSecret = settings['GUICHET_OIDC_<NAME>_CLIENT_SECRET'].get(name);
    const emailDomains = settings['GUICHET_OIDC_<NAME>_EMAIL_DOMAINS'].get(name) ?? [];
    if (!clientId || !clientSecret) continue;
    providers.push({ kind: 'oidc', name, clientId, clientSecret, issuer, emailDomains, hostedDomain: false });
  }
  return providers;
}
