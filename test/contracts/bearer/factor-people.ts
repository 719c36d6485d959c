import assert from 'node:assert/strict';
import { sql } from 'kysely';
import type { Account } from '../../../src/core/account.ts';
import { type Answer, type Client, type OpenedClient, PASSWORD } from './client.ts';

export const CHANNELS = ['totp', 'email', 'sms'] as const;
export const DELIVERED = ['email', 'sms'] as const;
type Channel = (typeof CHANNELS)[number];

export const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}';
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
/** 256 bits in base64url. */
export const OPAQUE = /^[\w-]{43}$/;
export const RECOVERY_CODE = /^[0-9A-HJKMNP-TV-Z]{25}$/;

const MESSAGES = {
  EMAIL_NOT_VERIFIED: 'Please verify your email first',
  INVALID_CREDENTIALS: 'Email or password is incorrect',
  INVALID_PASSKEY: 'This passkey could not be verified',
  INVALID_TOKEN: 'Token is invalid or expired',
  INVALID_TOTP: 'The TOTP code is invalid or expired',
  NOT_FOUND: 'There is nothing here',
  REAUTH_REQUIRED: 'Please confirm your identity again before this change',
} as const;

/** Checks a refusal whole. */
export function assertRefused(answer: Answer, status: number, error: keyof typeof MESSAGES, what = ''): void {
  assert.deepEqual([answer.status, answer.body], [status, { error, message: MESSAGES[error] }], what);
  assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8');
}

/** Checks whole the refusal of a body, and which fields it names. */
export function assertInvalid(answer: Answer, fields: Record<string, string>, what = ''): void {
  const message = 'Some fields are missing or wrong';
  assert.deepEqual([answer.status, answer.body], [400, { error: 'VALIDATION_ERROR', message, fields }], what);
}

/** Checks whole a "come back later" and that its header says when. @returns the seconds */
export function assertLater(answer: Answer, status: 423 | 429, what = ''): number {
  const error = status === 423 ? 'ACCOUNT_LOCKED' : 'RATE_LIMIT_EXCEEDED';
  const { message, ...rest } = answer.body;
  assert.deepEqual([answer.status, rest], [status, { error }], `${what} ${answer.text}`);
  const start = status === 423 ? 'Too many failed attempts' : 'Too many requests';
  assert.match(message ?? '', new RegExp(`^${start}\\. Please try again in \\d+ (second|minute|hour)s?$`));
  assert.match(String(answer.headers['retry-after']), /^[1-9]\d*$/);
  return Number(answer.headers['retry-after']);
}

/** Checks whole what asks for the second factor after a right first one. @returns the challenge */
export function assertDue(answer: Answer, channel: Channel | 'password'): string {
  const { challenge = '' } = answer.body;
  const message = 'A two-factor code is required';
  assert.deepEqual([answer.status, answer.body], [401, { error: 'TOTP_REQUIRED', message, channel, challenge }]);
  assert.match(challenge, OPAQUE);
  return challenge;
}

/** Checks a sign-in whole. */
export function assertSignedIn(answer: Answer, email: string): void {
  assert.equal(answer.status, 200, answer.text);
  const { client_token, session, user } = answer.body;
  assert.ok(user && session);
  const { createdAt, id } = user;
  assert.deepEqual(answer.body, {
    user: { id, email, name: null, image: null, emailVerified: true, createdAt },
    session: { id: session.id, token: session.token, expiresAt: session.expiresAt },
    client_token,
  });
  assert.match(id, new RegExp(`^user_${UUID}$`));
  assert.match(session.id, new RegExp(`^session_${UUID}$`));
  for (const instant of [createdAt, session.expiresAt]) assert.match(instant, INSTANT);
  for (const secret of [session.token, client_token ?? '']) assert.match(secret, OPAQUE);
}

/** Somebody with a second factor. */
export interface Somebody {
  /** Signed in since before it was switched on; with `totp` it switched it on. */
  client: Client;
  account: Account;
  email: string;
  phone: string;
  /** Where a delivered code goes. */
  to: string;
  channel: Channel;
  /** Of an authenticator; else empty. */
  secret: string;
  recoveryCodes: string[];
}

let numbers = 0;

/** Somebody whose second factor was switched on a minute ago: an authenticator here, the others by the device contract. */
export async function withFactor(world: OpenedClient, channel: Channel = 'totp'): Promise<Somebody> {
  numbers += 1;
  const phone = `+3361${String(3_000_000 + numbers)}`;
  const { account, client, email } = await world.signedIn({ phone });
  const on = channel === 'totp' ? await world.enrol(client) : await world.enrolDelivered(email, channel);
  return { client, account, email, phone, to: channel === 'sms' ? phone : email, channel, secret: '', ...on };
}

/** The code that is right now: what the authenticator shows, or the newest that was sent. */
export const rightCode = async (world: OpenedClient, who: Somebody): Promise<string> =>
  who.channel === 'totp' ? world.totp(who.secret) : world.codeFor(who.to);

/** Codes that nobody would take now. */
export async function wrongCodes(world: OpenedClient, who: Somebody, count: number): Promise<string[]> {
  const sent = who.channel === 'totp' ? [] : (await world.mails(who.to)).map(({ code }) => code);
  const shown = who.channel === 'totp' ? [-1, 0, 1].map((steps) => world.totp(who.secret, steps)) : [];
  const right = new Set([...sent, ...shown]);
  const codes = Array.from({ length: count + right.size }, (_, index) => String(index * 7919).padStart(6, '0'));
  return codes.filter((code) => !right.has(code)).slice(0, count);
}

/** One of them. */
export const wrongCode = async (world: OpenedClient, who: Somebody): Promise<string> =>
  (await wrongCodes(world, who, 1))[0] ?? '';

/** Both steps; with a delivered factor the code is waited for. */
export async function signInFully(world: OpenedClient, who: Somebody): Promise<Client> {
  const client = world.another();
  if (who.channel !== 'totp') assertDue(await client.signIn(who.email), who.channel);
  const totpCode = await rightCode(world, who);
  assertSignedIn(await client.signIn(who.email, PASSWORD, { totpCode }), who.email);
  world.clock.advance({ seconds: 61 });
  return client;
}

/** How many codes went to an address or number. */
export const codesTo = async (world: OpenedClient, to: string): Promise<number> =>
  (await world.mails(to)).filter(({ code }) => code !== null).length;

/** How often mail of this subject went to an address. */
export const mailed = async (world: OpenedClient, to: string, subject: string): Promise<number> =>
  (await world.mails(to)).filter((mail) => mail.subject === subject).length;

/** What has been counted against an account: wrong codes and wrong recovery codes of the hour, and both in a row. */
export async function counted({ clock, handle, world }: OpenedClient, { id }: Pick<Account, 'id'>) {
  const rows = await handle.read
    .selectFrom('rate_limit')
    .select(['key', 'count'])
    .where('resets_at', '>', clock.now())
    .execute();
  const of = (kind: string): number => rows.find(({ key }) => key === `wrong:${kind}:${id}`)?.count ?? 0;
  const account = await world.store.accounts.find(id);
  return { codes: of('code'), recoveryCodes: of('recovery'), inARow: account?.wrongCodes };
}

/** Every value in every table of a SQLite world, as somebody would read it who stole the file. */
export async function stolen({ handle }: OpenedClient): Promise<string> {
  const tables = await sql<{ name: string }>`select name from sqlite_master where type = 'table'`.execute(handle.read);
  const rows = await Promise.all(
    tables.rows.map(({ name }) => sql`select * from ${sql.table(name)}`.execute(handle.read)),
  );
  return JSON.stringify(rows.map((each) => each.rows));
}
