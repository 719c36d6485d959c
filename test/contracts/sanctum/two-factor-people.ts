import assert from 'node:assert/strict';
import { sql } from 'kysely';
import type { AccountId } from '../../../src/core/account.ts';
import { stepAt, totpAt } from '../../../src/core/totp.ts';
import { type Answer, type Client, type OpenedClient, PASSWORD, SESSION } from './client.ts';

export const DELIVERED = ['email', 'sms'] as const;
export type Channel = 'totp' | (typeof DELIVERED)[number];

export const CODE_WRONG = 'The provided two factor authentication code was invalid.';
export const RECOVERY_CODE_WRONG = 'The provided two factor recovery code was invalid.';
export const PASSWORD_WRONG = 'The provided password was incorrect.';
export const CREDENTIALS_WRONG = 'The provided credentials are incorrect.';
export const CONFIRM_FIRST = 'Password confirmation required.';
export const NOT_ENABLED = 'Two factor authentication has not been enabled.';

/** The form that this contract makes, and that of the others. */
export const PAIR = /^[A-Za-z0-9]{10}-[A-Za-z0-9]{10}$/;
export const CROCKFORD = /^[0-9A-HJKMNP-TV-Z]{25}$/;

/** Somebody whose second factor is on. */
export interface Somebody {
  id: AccountId;
  uuid: string;
  email: string;
  channel: Channel;
  /** Where a delivered code goes. */
  to: string;
  /** The authenticator's; empty for a delivered factor. */
  secret: string;
  recoveryCodes: string[];
  /** Signed in, and the one that switched an authenticator on. */
  client: Client;
}

/** What the other contracts' bodies hold that is looked at here. */
export interface OtherBody {
  access_token?: string;
  challenge?: string;
  secret?: string;
  recovery_codes?: string[];
  recoveryCodes?: string[];
  error?: string | { code?: string };
  status?: number;
}
export const otherBody = ({ json }: Answer): OtherBody => (json ?? {}) as OtherBody;

/** Asks another contract, as a client that is no front end of this one. */
export function askOther(client: Client, url: string, body: object, headers: Record<string, string> = {}) {
  const none = { accept: '', 'x-requested-with': '', referer: '', origin: '' };
  return client.ask('POST', url, { body, cookie: null, xsrf: null, headers: { ...none, ...headers } });
}

export const totpNow = ({ clock }: OpenedClient, secret: string, steps = 0): string =>
  totpAt(secret, stepAt(clock.now()) + steps);

export async function confirmPassword(client: Client, more: object = {}): Promise<void> {
  const answer = await client.post('/user/confirm-password', { password: PASSWORD, ...more });
  assert.deepEqual([answer.status, answer.text], [201, '""']);
}

/** Begins to switch an authenticator on. @returns its secret */
export async function begin(client: Client, more: object = {}): Promise<string> {
  const answer = await client.post('/user/two-factor-authentication', more);
  assert.deepEqual([answer.status, answer.text], [200, '""']);
  return (await client.get('/user/two-factor-secret-key')).body.secretKey ?? assert.fail('no secret is shown');
}

export async function recoveryCodesOf(client: Client): Promise<string[]> {
  const answer = await client.get('/user/two-factor-recovery-codes');
  assert.equal(answer.status, 200, answer.text);
  return answer.json as string[];
}

/** Switches an authenticator on, in a session whose password is confirmed. */
export async function switchOn(world: OpenedClient, client: Client) {
  const secret = await begin(client);
  const code = totpNow(world, secret);
  const answer = await client.post('/user/confirmed-two-factor-authentication', { code });
  assert.deepEqual([answer.status, answer.text], [200, '""']);
  return { secret, recoveryCodes: await recoveryCodesOf(client) };
}

/** Somebody whose authenticator is on since two minutes. */
export async function withTotp(world: OpenedClient): Promise<Somebody> {
  const { email, id, uuid } = await world.account();
  const client = world.another();
  await client.login(email);
  await confirmPassword(client);
  const on = await switchOn(world, client);
  world.clock.advance({ minutes: 2 });
  return { id: id as AccountId, uuid, email, channel: 'totp', to: '', client, ...on };
}

let numbers = 0;

/** Somebody whose codes are sent; their factor was switched on two minutes ago, by the device contract. */
export async function withDelivered(world: OpenedClient, channel: 'email' | 'sms'): Promise<Somebody> {
  const { email, id, uuid } = await world.account();
  const app = world.another();
  const client = world.another();
  assert.deepEqual((await client.login(email)).json, { two_factor: false });
  const { access_token: token } = otherBody(
    await askOther(app, '/api/v1/auth/login', { identifier: email, password: PASSWORD }),
  );
  const headers = { authorization: `Bearer ${token}` };
  const ask = async (path: string, body: object, status: number): Promise<OtherBody> => {
    const answer = await askOther(app, `/api/v1/auth${path}`, body, headers);
    assert.equal(answer.status, status, answer.text);
    return otherBody(answer);
  };
  numbers += 1;
  const phone = `+3363${String(4_000_000 + numbers)}`;
  if (channel === 'sms') {
    await ask('/phone/change', { phone, password: PASSWORD }, 201);
    await ask('/phone/verify', { otp: await newestCode(world, phone) }, 200);
  }
  const to = channel === 'sms' ? phone : email;
  await ask('/2fa/enable', { password: PASSWORD, channel }, 200);
  const { recovery_codes: recoveryCodes = [] } = await ask('/2fa/confirm', { otp: await newestCode(world, to) }, 200);
  world.clock.advance({ minutes: 2 });
  return { id: id as AccountId, uuid, email, channel, to, secret: '', recoveryCodes, client };
}

export const somebody = (world: OpenedClient, channel: Channel): Promise<Somebody> =>
  channel === 'totp' ? withTotp(world) : withDelivered(world, channel);

/** Codes that went to an address or number, newest first. */
export const codesTo = async (world: OpenedClient, to: string): Promise<string[]> =>
  (await world.mails(to)).flatMap(({ code }) => (code === null ? [] : [code]));

export async function newestCode(world: OpenedClient, to: string): Promise<string> {
  const [code] = await codesTo(world, to);
  return code ?? assert.fail(`no code went to ${to}`);
}

/** The code that is right now. */
export const rightCode = async (world: OpenedClient, { channel, secret, to }: Somebody): Promise<string> =>
  channel === 'totp' ? totpNow(world, secret) : newestCode(world, to);

/** Codes that nobody would take now. */
export async function wrongCodes(world: OpenedClient, who: Somebody, count: number): Promise<string[]> {
  const shown = who.channel === 'totp' ? [-2, -1, 0, 1, 2].map((steps) => totpNow(world, who.secret, steps)) : [];
  const right = new Set([...shown, ...(who.channel === 'totp' ? [] : await codesTo(world, who.to))]);
  const codes = Array.from({ length: count + right.size }, (_, index) => String(index * 7919 + 11).padStart(6, '0'));
  return codes.filter((code) => !right.has(code)).slice(0, count);
}

export const wrongCode = async (world: OpenedClient, who: Somebody): Promise<string> =>
  (await wrongCodes(world, who, 1))[0] ?? '';

/** A browser after the first step. */
export async function waiting(world: OpenedClient, who: Somebody, more: object = {}): Promise<Client> {
  const client = world.another();
  const answer = await client.login(who.email, PASSWORD, more);
  const channel = who.channel === 'totp' ? {} : { channel: who.channel };
  assert.deepEqual([answer.status, answer.json], [200, { two_factor: true, ...channel }]);
  return client;
}

/** A browser after both. */
export async function signedInFully(world: OpenedClient, who: Somebody): Promise<Client> {
  const client = await waiting(world, who);
  assertPassed(await challenge(client, { code: await rightCode(world, who) }));
  return client;
}

export const challenge = (client: Client, body?: unknown): Promise<Answer> =>
  client.post('/auth/two-factor-challenge', body);

/** Checks a success that says nothing. */
export function assertPassed(answer: Answer): void {
  assert.deepEqual([answer.status, answer.text, answer.headers['content-type']], [204, '', undefined]);
}

/** What an answer tells of the limit. */
export const rateOf = ({ headers }: Answer) => [headers['x-ratelimit-limit'], headers['x-ratelimit-remaining']];

/** Checks the body of a 429 of 6.3 whole. @returns the seconds to wait */
export function assertLater(answer: Answer, field: string): number {
  const retryAfter = String(answer.headers['retry-after']);
  assert.match(retryAfter, /^[1-9]\d*$/, answer.text);
  const text = `Too many login attempts. Please try again in ${retryAfter} seconds.`;
  assert.deepEqual([answer.status, answer.json], [429, { message: text, errors: { [field]: [text] } }]);
  return Number(retryAfter);
}

/** The same with its headers. */
export function assertTooMany({ clock }: OpenedClient, answer: Answer, field: string): number {
  const seconds = assertLater(answer, field);
  const reset = String(Math.ceil(clock.now() / 1000) + seconds);
  assert.deepEqual([...rateOf(answer), answer.headers['x-ratelimit-reset']], ['5', '0', reset]);
  return seconds;
}

/** What has been counted against an account: wrong codes and wrong recovery codes of the hour. */
export async function counted({ clock, handle }: OpenedClient, { id }: Pick<Somebody, 'id'>) {
  const rows = await handle.read
    .selectFrom('rate_limit')
    .select(['key', 'count'])
    .where('resets_at', '>', clock.now())
    .execute();
  const of = (kind: string): number => rows.find(({ key }) => key === `wrong:${kind}:${id}`)?.count ?? 0;
  return { codes: of('code'), recoveryCodes: of('recovery') };
}

export const sessionsOf = async ({ handle }: OpenedClient, { id }: Pick<Somebody, 'id'>): Promise<number> =>
  (await handle.read.selectFrom('session').select('id').where('account_id', '=', id).execute()).length;

/** Every value in every table of a SQLite world, as somebody would read it who stole the file. */
export async function stolen({ handle }: OpenedClient): Promise<string> {
  const tables = await sql<{ name: string }>`select name from sqlite_master where type = 'table'`.execute(handle.read);
  const rows = await Promise.all(
    tables.rows.map(({ name }) => sql`select * from ${sql.table(name)}`.execute(handle.read)),
  );
  return JSON.stringify(rows.map((each) => each.rows));
}

/** The same browser at another moment: its cookies as they are now, from a network of its own. */
export function copyOf(world: OpenedClient, client: Client): Client {
  const copy = world.another();
  for (const [name, value] of client.jar) copy.jar.set(name, value);
  return copy;
}

/** The value of each cookie that an answer sets. */
export const cookiesOf = ({ setCookies }: Answer): Record<string, string> =>
  Object.fromEntries(setCookies.map((line) => line.split(';')[0]?.split(/=(.*)/s) ?? []).map(([k, v]) => [k, v]));

export const sessionOf = (client: Client): string => client.cookie(SESSION);
