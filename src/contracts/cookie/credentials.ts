import type { SessionCredentials } from '../../core/session-end.ts';
import type { CookieAttributes, Cookies } from '../../http/cookies.ts';

const ACCESS = 'accessToken';
const REFRESH = 'refreshToken';
const CHALLENGE = 'challenge';

const strict = (path: string, maxAge: number): CookieAttributes => ({
  path,
  maxAge,
  sameSite: 'strict',
  httpOnly: true,
});

const accessCookie = strict('/', 900);
const refreshCookie = (prefix: string): CookieAttributes => strict(prefix, 604_800);
const challengeCookie = (prefix: string): CookieAttributes => strict(prefix, 600);

/** What a request carries of a session; of two sessions it carries none. */
export function credentialsIn(cookies: Cookies): SessionCredentials {
  if (carriesTwoSessions(cookies)) return {};
  const accessToken = cookies.get(ACCESS);
  const refreshToken = cookies.get(REFRESH);
  return { ...(accessToken !== undefined && { accessToken }), ...(refreshToken !== undefined && { refreshToken }) };
}

/** Whether somebody has put a second session cookie beside the first (cookie tossing from a sibling host). */
export const carriesTwoSessions = (cookies: Cookies): boolean =>
  cookies.comesTwice(ACCESS) || cookies.comesTwice(REFRESH);

export function setSessionCookies(
  cookies: Cookies,
  prefix: string,
  tokens: { accessToken: string; refreshToken: string },
): void {
  cookies.set(ACCESS, tokens.accessToken, accessCookie);
  cookies.set(REFRESH, tokens.refreshToken, refreshCookie(prefix));
}

export function clearSessionCookies(cookies: Cookies, prefix: string): void {
  cookies.clear(ACCESS, accessCookie);
  cookies.clear(REFRESH, refreshCookie(prefix));
}

export function setChallenge(cookies: Cookies, prefix: string, challenge: string): void {
  cookies.set(CHALLENGE, challenge, challengeCookie(prefix));
}

/** The challenge of a login that waits for its second factor; one that no login has, if the client holds none. */
export const challengeIn = (cookies: Cookies): string => cookies.get(CHALLENGE) ?? '';

/** Takes away the challenge of a login that is over, if the client has one. */
export function clearChallenge(cookies: Cookies, prefix: string): void {
  if (cookies.get(CHALLENGE) !== undefined) cookies.clear(CHALLENGE, challengeCookie(prefix));
}
