import { isLoopback, modeOf } from './mode.ts';
import type { Settings } from './settings.ts';
import { isOrigin } from './values.ts';

/** The origins that browsers may call from. */
export interface AllowedOrigins {
  /** Those that are listed by name, the public URL's own first. */
  listed: readonly string[];
  /** Whether it is one; it takes the exact form that browsers send, and nothing like it (rule 31). */
  has(origin: string): boolean;
}

export function allowedOrigins(settings: Settings): AllowedOrigins {
  const listed = new Set([new URL(settings.GUICHET_PUBLIC_URL).origin, ...(settings.GUICHET_ALLOWED_ORIGINS ?? [])]);
  const allowsLoopback = modeOf(settings) === 'development' && settings.GUICHET_ALLOWED_ORIGINS === undefined;
  return {
    listed: [...listed],
    has(origin) {
      if (listed.has(origin)) return true;
      if (!allowsLoopback || !isOrigin(origin)) return false;
      const url = new URL(origin);
      return url.origin === origin && isLoopback(url);
    },
  };
}
