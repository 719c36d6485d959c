/** Milliseconds since the Unix epoch. */
export type Instant = number;

export const seconds = (count: number): number => count * 1000;
export const minutes = (count: number): number => seconds(count * 60);
export const hours = (count: number): number => minutes(count * 60);
export const days = (count: number): number => hours(count * 24);

/** Whole seconds from `now` until `instant`, at least 1: what `Retry-After` takes (RFC 9110 §10.2.3). */
export const secondsUntil = (instant: Instant, now: Instant): number => Math.max(1, Math.ceil((instant - now) / 1000));
