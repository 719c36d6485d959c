import { type Cookies, hostCookie } from './cookies.ts';

/** The cookie by which a browser is known to accounts it has signed in to (rule 20); contracts and pages of a host share it. */
const NAME = 'guichet_client';
const THIRTY_DAYS_SECONDS = 30 * 24 * 60 * 60;

export const clientTokenIn = (cookies: Cookies, secure: boolean): string | undefined =>
  cookies.get(hostCookie(NAME, secure));

export function setClientCookie(cookies: Cookies, token: string, secure: boolean): void {
  const attributes = { path: '/', maxAge: THIRTY_DAYS_SECONDS, sameSite: 'lax', httpOnly: true } as const;
  cookies.set(hostCookie(NAME, secure), token, attributes);
}
