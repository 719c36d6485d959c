import type { Locale } from '../core/account.ts';

/** `45 seconds`, `15 minutes`: the unit that people would say. */
export function duration(locale: Locale, seconds: number): string {
  const [value, unit] = seconds < 90 ? [seconds, 'second'] : [Math.ceil(seconds / 60), 'minute'];
  return new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'long' }).format(value);
}
