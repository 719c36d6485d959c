import assert from 'node:assert/strict';
import { type Answer, assertRefused, type Client, REMEMBER, SESSION, XSRF } from './client.ts';

/** A production server behind https, with a front end on another host. */
export const APP = 'https://app.example.org';
export const HTTPS = {
  NODE_ENV: 'production',
  GUICHET_PUBLIC_URL: 'https://auth.example.org',
  GUICHET_TRUST_PROXY: 'none',
  GUICHET_MAIL_URL: 'smtp://127.0.0.1:1',
  GUICHET_ALLOWED_ORIGINS: APP,
};
/** What browsers send of a page of it. */
export const FROM_APP = { origin: APP, referer: `${APP}/` };
/** A request that tells of no page: as programs send it. */
export const FROM_NOWHERE = { origin: '', referer: '' };

export interface SetCookie {
  name: string;
  value: string;
  /** By their names in lower case; those without a value hold nothing. */
  attributes: Record<string, string>;
}

export function parseSetCookie(line: string): SetCookie {
  const [pair = '', ...parts] = line.split('; ');
  const [name = '', value = ''] = pair.split(/=(.*)/s);
  const attributes = parts.map((part): [string, string] => {
    const [attribute = '', its = ''] = part.split(/=(.*)/s);
    return [attribute.toLowerCase(), its];
  });
  assert.equal(new Set(attributes.map(([attribute]) => attribute)).size, attributes.length, line);
  return { name, value, attributes: Object.fromEntries(attributes) };
}

export const cookiesSet = ({ setCookies }: Pick<Answer, 'setCookies'>): SetCookie[] => setCookies.map(parseSetCookie);

/** The cookie of the name that an answer sets, if it does. */
export const cookieSet = (answer: Pick<Answer, 'setCookies'>, name: string): SetCookie | undefined =>
  cookiesSet(answer).find((cookie) => cookie.name === name);

/** Checks a 419 whole: what it says, and that it brings a new token of the session that it goes on with. */
export function assertMismatch(answer: Answer, what: string, before?: { session: string; token: string }): void {
  assert.equal(answer.status, 419, `${what}: ${answer.text}`);
  assertRefused(answer, 419, 'CSRF token mismatch.');
  const names = cookiesSet(answer).map(({ name }) => name);
  assert.deepEqual(names.filter((name) => name !== REMEMBER).sort(), [XSRF, SESSION].sort(), what);
  if (!before) return;
  assert.equal(cookieSet(answer, SESSION)?.value, before.session, what);
  assert.notEqual(cookieSet(answer, XSRF)?.value, before.token, what);
}

/** Checks the refusal of a foreign page whole: it learns nothing, and nothing is set (rule 31). */
export function assertForeign(answer: Answer, what: string): void {
  assert.equal(answer.status, 419, `${what}: ${answer.text}`);
  assertRefused(answer, 419, 'CSRF token mismatch.');
  assert.deepEqual(answer.setCookies, [], what);
  assertUnreadable(answer, what);
}

/** Checks that no page of another origin may read the answer. */
export function assertUnreadable({ headers }: Answer, what: string): void {
  const names = Object.keys(headers).filter((name) => name.startsWith('access-control-'));
  assert.deepEqual(names, [], what);
  assert.match(String(headers['vary']), /\bOrigin\b/, what);
}

/** The session and a token of it that a browser holds. */
export const held = (client: Client): { session: string; token: string } => ({
  session: client.cookie(SESSION),
  token: client.cookie(XSRF),
});

/** The same, as a browser would send them that holds nothing else. */
export const sent = ({ session, token }: { session: string; token: string }) => ({
  cookie: `${SESSION}=${session}; ${XSRF}=${token}`,
  xsrf: token,
});

/** A text with another character of the same kind in one place. */
export function changedAt(text: string, index: number): string {
  const other = text[index] === 'A' ? 'B' : 'A';
  return `${text.slice(0, index)}${other}${text.slice(index + 1)}`;
}
