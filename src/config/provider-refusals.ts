import type { Reading } from './environment.ts';

/** Providers that have settings of their own. */
const TAKEN = ['github', 'google'];

/** What a provider cannot go without, by the end of the variable. */
const REQUIRED = /_(ISSUER|CLIENT_ID|CLIENT_SECRET)$/;

/** A line for each setting that a half-given provider lacks, and for each issuer with the name of another provider. */
export function providerRefusals(readings: readonly Reading[]): string[] {
  const providers = new Map<string, Reading[]>();
  for (const reading of readings) {
    const provider = reading.member ?? /^GUICHET_(GITHUB|GOOGLE)_CLIENT_/.exec(reading.setting)?.[0];
    if (provider) providers.set(provider, [...(providers.get(provider) ?? []), reading]);
  }
  return [...providers.values()].flatMap((settings) => {
    const [first] = settings.flatMap(({ given }) => given ?? []);
    if (!first) return [];
    if (TAKEN.includes(settings[0]?.member ?? '')) {
      return [`${first.variable} is set; accepted is another name in it than GITHUB and GOOGLE`];
    }
    return settings
      .filter(({ variable, given }) => !given && REQUIRED.test(variable))
      .map(({ variable }) => `${variable} is not set; it is needed beside ${first.variable}`);
  });
}
