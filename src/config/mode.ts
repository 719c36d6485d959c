import type { Settings } from './settings.ts';

export type Mode = 'development' | 'production';

const loopbackHosts = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Whether a URL's host is one of the three names of this machine that rule 1 knows. */
export function isLoopback(url: URL): boolean {
  return loopbackHosts.has(url.hostname);
}

/** Development mode: a loopback public URL, and `NODE_ENV` not saying otherwise (rule 1). */
export function modeOf(settings: Pick<Settings, 'NODE_ENV' | 'GUICHET_PUBLIC_URL'>): Mode {
  if (settings.NODE_ENV === 'production') return 'production';
  return isLoopback(new URL(settings.GUICHET_PUBLIC_URL)) ? 'development' : 'production';
}
