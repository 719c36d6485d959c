import type { Locale } from '../core/account.ts';

// The more particular first: Edge calls itself Chrome too, and Chrome calls itself Safari.
const BROWSERS: readonly [mark: RegExp, name: string][] = [
  [/\bEdg(e|A|iOS)?\//, 'Edge'],
  [/\b(OPR|OPT|Opera)\//, 'Opera'],
  [/\bVivaldi\//, 'Vivaldi'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(Firefox|FxiOS)\//, 'Firefox'],
  [/\b(Chrome|CriOS|Chromium|HeadlessChrome)\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
];

const SYSTEMS: readonly [mark: RegExp, name: string][] = [
  [/\biPhone\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bAndroid\b/, 'Android'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bWindows\b/, 'Windows'],
  [/\b(Macintosh|Mac OS X)\b/, 'macOS'],
  [/\bLinux\b/, 'Linux'],
];

const WORDS = {
  en: { on: 'on', browser: 'Browser', unknown: 'unknown' },
  fr: { on: 'sur', browser: 'Navigateur', unknown: 'inconnu' },
} as const;

/**
 * A few words a person knows their browser by, such as "Firefox on Linux". A program that is no browser
 * keeps the first name it gives ("okhttp"). A label and nothing more: anybody can send any user agent.
 */
export function userAgentLabel(userAgent: string | null, locale: Locale): string {
  const words = WORDS[locale];
  const text = (userAgent ?? '').slice(0, 512);
  const browser = nameIn(BROWSERS, text);
  const system = nameIn(SYSTEMS, text);
  if (system) return `${browser ?? words.browser} ${words.on} ${system}`;
  return browser ?? /^(?!Mozilla\/)([A-Za-z][\w.-]{0,30})\//.exec(text)?.[1] ?? words.unknown;
}

function nameIn(table: typeof BROWSERS, text: string): string | undefined {
  return table.find(([mark]) => mark.test(text))?.[1];
}
