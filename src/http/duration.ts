import type { Locale } from '../core/account.ts';

const UNITS = [
  { unit: 'second', seconds: 1, below: 90 },
  { unit: 'minute', seconds: 60, below: 90 * 60 },
  { unit: 'hour', seconds: 3600, below: Number.POSITIVE_INFINITY },
] as const;

/** `45 seconds`, `15 minutes`, `24 hours`: the unit that people would say, rounded up. */
export function duration(locale: Locale, seconds: number): string {
  const { unit, seconds: one } = UNITS.find(({ below }) => seconds < below) ?? UNITS[2];
  const value = Math.ceil(seconds / one);
  return new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'long' }).format(value);
}
