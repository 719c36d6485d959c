import assert from 'node:assert/strict';
import { type Answer, type Client, REMEMBER, SESSION, type User, XSRF } from './client.ts';

/** What makes a browser known to an account; it opens nothing (rule 20). */
export const KNOWN = 'guichet_client';
/** What every answer of a session sets, be it somebody's or nobody's. */
export const WEB = [XSRF, SESSION];

const DAYS_30 = 'max-age=2592000';
/** Attributes of each cookie, sorted; the name of the session's may be another. */
const ATTRIBUTES: Record<string, string[]> = {
  [XSRF]: ['max-age=7200', 'path=/', 'samesite=lax'],
  [SESSION]: ['httponly', 'max-age=7200', 'path=/', 'samesite=lax'],
  [REMEMBER]: ['httponly', DAYS_30, 'path=/', 'samesite=lax'],
  [KNOWN]: ['httponly', DAYS_30, 'path=/', 'samesite=lax'],
};

/** Checks that exactly these cookies are set, each with all its attributes and a value that needs no decoding. */
export function assertSets(answer: Answer, names: readonly string[]): void {
  const set = answer.setCookies.map((line) => line.split(/; ?/));
  assert.deepEqual(set.map(([pair = '']) => pair.split('=')[0]).sort(), [...names].sort());
  for (const [pair = '', ...attributes] of set) {
    const [name = '', value = ''] = pair.split(/=(.*)/s);
    assert.match(value, /^[A-Za-z0-9._~-]+$/, name);
    assert.deepEqual(attributes.map((each) => each.toLowerCase()).sort(), ATTRIBUTES[name] ?? ATTRIBUTES[SESSION]);
  }
}

/** Checks an answer whole: status, body (none, and no type of it, without one), and the cookies that it sets. */
export function assertAnswer(answer: Answer, of: { status: number; body?: unknown; sets: readonly string[] }): void {
  assert.equal(answer.status, of.status, answer.text);
  if ('body' in of) assert.deepEqual(answer.json, of.body);
  else assert.deepEqual([answer.text, answer.headers['content-type']], ['', undefined]);
  assertSets(answer, of.sets);
}

/** Checks that the browser is sent to the landing page, as one is that asked for no JSON. */
export function assertSentHome(answer: Answer): void {
  assert.deepEqual([answer.status, answer.headers['location'], answer.text], [302, '/', '']);
}

/** Who is signed in, as the front end reads it. */
export async function userOf(client: Client): Promise<User> {
  const { body, text } = await client.user();
  assert.ok(body.data, text);
  return body.data;
}
