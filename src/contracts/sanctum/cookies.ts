import type { Session } from '../../core/session.ts';
import type { CookieAttributes, Cookies } from '../../http/cookies.ts';
import type { SanctumOptions } from './options.ts';

const XSRF = 'XSRF-TOKEN';
const REMEMBER = 'remember_web';
/** As long as a session lives unused: each answer renews it. */
const IDLE_SECONDS = 2 * 60 * 60;

const hidden = (maxAge: number): CookieAttributes => ({ path: '/', maxAge, sameSite: 'lax', httpOnly: true });

/** The session that a request names, if it names one in the form of one. */
export function sessionIn(cookies: Cookies, { sessionCookie, xsrf }: SanctumOptions): string | undefined {
  const value = cookies.get(sessionCookie);
  return value !== undefined && xsrf.isSession(value) ? value : undefined;
}

/** Sets the session, and a token that belongs to it, which scripts may read. */
export function setSession(cookies: Cookies, session: string, options: SanctumOptions): void {
  const { sessionCookie, xsrf, xsrfDomain } = options;
  const readable: CookieAttributes = {
    ...hidden(IDLE_SECONDS),
    httpOnly: false,
    ...(xsrfDomain !== undefined && { domain: xsrfDomain }),
  };
  cookies.set(XSRF, xsrf.make(session), readable);
  cookies.set(sessionCookie, session, hidden(IDLE_SECONDS));
}

export const rememberIn = (cookies: Cookies): string | undefined => cookies.get(REMEMBER);

/** Keeps the browser signed in until the session's absolute end; the session was used just now. */
export function setRemember(cookies: Cookies, token: string, { expiresAt, lastUsedAt }: Session): void {
  cookies.set(REMEMBER, token, hidden(Math.floor((expiresAt - lastUsedAt) / 1000)));
}

export function clearRemember(cookies: Cookies): void {
  if (cookies.get(REMEMBER) !== undefined || cookies.comesTwice(REMEMBER)) cookies.clear(REMEMBER, hidden(0));
}
