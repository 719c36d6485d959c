import { isLoopback, modeOf } from './mode.ts';
import { allowedOrigins } from './origins.ts';
import type { SettingName, Settings } from './settings.ts';
import { isParentDomain, isRelyingPartyFor } from './values.ts';

/**
 * What each value may be by itself but not beside the others, one line each: above all, what production refuses (rule 1).
 *
 * @param wrong settings that have their line already
 */
export function refusals(settings: Settings, wrong: ReadonlySet<SettingName>): string[] {
  const lines: string[] = [];
  const refuse = (name: SettingName, line: string) => {
    if (!wrong.has(name)) lines.push(`${name} ${line}`);
  };
  if (settings.GUICHET_METRICS_PORT && settings.GUICHET_METRICS_PORT === settings.GUICHET_PORT) {
    refuse('GUICHET_METRICS_PORT', `is ${settings.GUICHET_METRICS_PORT}; accepted is a port other than GUICHET_PORT's`);
  }
  if (settings.GUICHET_SECRET && settings.GUICHET_SECRET === settings.GUICHET_SECRET_PREVIOUS) {
    refuse('GUICHET_SECRET_PREVIOUS', 'is hidden; accepted is another secret than GUICHET_SECRET');
  }
  if (settings.GUICHET_JWT_ALG === 'HS256' && !settings.GUICHET_JWT_SECRET) {
    refuse(
      'GUICHET_JWT_SECRET',
      'is not set; HS256 as GUICHET_JWT_ALG needs at least 32 random bytes, for example from: openssl rand -base64 32',
    );
  }
  const { GUICHET_JWT_SECRET: shared, GUICHET_SECRET: root, GUICHET_SECRET_PREVIOUS: previous } = settings;
  // Resource servers have it: every key of the server would be theirs.
  if (shared && (shared === root || shared === previous)) {
    refuse(
      'GUICHET_JWT_SECRET',
      'is hidden; accepted is another secret than GUICHET_SECRET and GUICHET_SECRET_PREVIOUS',
    );
  }
  const prefixes = new Map<string, SettingName>();
  for (const name of settings.GUICHET_CONTRACTS) {
    const variable = `GUICHET_${name.toUpperCase() as Uppercase<typeof name>}_PREFIX` as const;
    const prefix = settings[variable];
    const other = prefixes.get(prefix);
    if (other) refuse(variable, `is "${prefix}"; accepted is another prefix than ${other}`);
    else prefixes.set(prefix, variable);
  }
  const { hostname } = new URL(settings.GUICHET_PUBLIC_URL);
  if (!wrong.has('GUICHET_PUBLIC_URL') && !isRelyingPartyFor(settings.GUICHET_PASSKEY_RP_ID, hostname)) {
    refuse(
      'GUICHET_PASSKEY_RP_ID',
      `is "${settings.GUICHET_PASSKEY_RP_ID}"; accepted is ${hostname}, a parent domain of it such as example.org, or localhost`,
    );
  }
  const { GUICHET_SANCTUM_XSRF_DOMAIN: xsrfDomain } = settings;
  if (xsrfDomain && !wrong.has('GUICHET_PUBLIC_URL') && !isParentDomain(xsrfDomain, hostname)) {
    refuse(
      'GUICHET_SANCTUM_XSRF_DOMAIN',
      `is "${xsrfDomain}"; accepted is ${hostname} or a domain above it such as example.org`,
    );
  }
  const canJudgeOrigins = !wrong.has('GUICHET_PUBLIC_URL') && !wrong.has('GUICHET_ALLOWED_ORIGINS');
  if (canJudgeOrigins && !allowedOrigins(settings).has(settings.GUICHET_SANCTUM_SPA_URL)) {
    refuse(
      'GUICHET_SANCTUM_SPA_URL',
      `is "${settings.GUICHET_SANCTUM_SPA_URL}"; accepted is the public URL or one of GUICHET_ALLOWED_ORIGINS`,
    );
  }
  if (settings.GUICHET_SMS_URL?.toLowerCase().startsWith('http') && !settings.GUICHET_SMS_SECRET) {
    refuse(
      'GUICHET_SMS_SECRET',
      'is not set; a webhook as GUICHET_SMS_URL needs one to sign with, for example from: echo whsec_$(openssl rand -base64 32)',
    );
  }
  // With a wrong public URL nobody knows which mode was meant, unless NODE_ENV says it.
  if (wrong.has('GUICHET_PUBLIC_URL') && settings.NODE_ENV !== 'production') return lines;
  if (modeOf(settings) === 'development') return lines;

  const url = new URL(settings.GUICHET_PUBLIC_URL);
  if (url.protocol === 'http:' && !isLoopback(url)) {
    refuse('GUICHET_PUBLIC_URL', `is "${url.origin}"; accepted in production is an https URL`);
  }
  if (!settings.GUICHET_SECRET) {
    refuse(
      'GUICHET_SECRET',
      'is not set; production needs at least 32 random bytes, for example from: openssl rand -base64 32',
    );
  }
  if (!settings.GUICHET_MAIL_URL) {
    refuse(
      'GUICHET_MAIL_URL',
      'is not set; production needs a way to send mail, such as smtp://user:password@host:587',
    );
  }
  if (!settings.GUICHET_RATE_LIMITS) refuse('GUICHET_RATE_LIMITS', 'is "off"; accepted in production is on');
  if (url.protocol === 'https:' && !settings.GUICHET_TRUST_PROXY) {
    refuse('GUICHET_TRUST_PROXY', 'is not set; with an https public URL it names the proxies to believe, or none');
  }
  return lines;
}
