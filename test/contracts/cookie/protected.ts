import assert from 'node:assert/strict';
import { stepAt, totpAt } from '../../../src/core/totp.ts';
import { type Answer, type Body, type Client, type OpenedClient, PASSWORD } from './client.ts';

export const CHANNELS = ['totp', 'email', 'sms'] as const;
export type Channel = (typeof CHANNELS)[number];

const DEVICE = '/api/v1/auth';

/** What this contract's bodies hold of second factors, and the device contract's. */
interface FactorBody extends Body {
  twoFactorRequired?: boolean;
  channel?: Channel;
  secret?: string;
  qrCode?: string;
  recoveryCodes?: string[];
  status?: number;
  access_token?: string;
  challenge?: string;
  recovery_codes?: string[];
}
export const bodyOf = (answer: Answer): FactorBody => answer.body as FactorBody;

/** Somebody whose second factor is on, in front of the browser that switched it on. */
export interface Protected {
  email: string;
  phone: string;
  channel: Channel;
  secret: string;
  recoveryCodes: string[];
  client: Client;
}

/** Asks a line of the device contract. */
export const askDevice = (client: Client, path: string, body: object, accessToken?: string): Promise<Answer> =>
  client.askAt('POST', `${DEVICE}${path}`, {
    body,
    cookie: null,
    headers: accessToken === undefined ? {} : { authorization: `Bearer ${accessToken}` },
  });

let numbers = 0;

/** A text that must be there. */
function given(value: string | undefined, answer: Answer): string {
  assert.ok(value, answer.text);
  return value;
}

/** Signs in to the device contract an account that has no second factor. */
export async function deviceToken(client: Client, email: string): Promise<string> {
  const answer = await askDevice(client, '/login', { identifier: email, password: PASSWORD });
  return given(bodyOf(answer).access_token, answer);
}

/** Switches an authenticator on with this contract's own lines. */
export async function switchTotpOn(world: OpenedClient, client: Client) {
  const begun = await client.post('/two-factor/enable');
  const secret = given(bodyOf(begun).secret, begun);
  const verified = await client.post('/two-factor/verify', { code: totpAt(secret, stepAt(world.clock.now())) });
  assert.equal(verified.status, 200, verified.text);
  return { secret, recoveryCodes: bodyOf(verified).recoveryCodes ?? [] };
}

/** Switches a delivered factor on, or an authenticator, with the lines of the device contract. */
export async function switchOnByDevice(world: OpenedClient, client: Client, email: string, channel: Channel) {
  const token = await deviceToken(client, email);
  numbers += 1;
  const phone = `+3368${String(8_000_000 + numbers)}`;
  if (channel === 'sms') {
    const changed = await askDevice(client, '/phone/change', { phone, password: PASSWORD }, token);
    assert.equal(changed.status, 201, changed.text);
    const verified = await askDevice(client, '/phone/verify', { otp: await newestCode(world, phone) }, token);
    assert.equal(verified.status, 200, verified.text);
  }
  const begun = await askDevice(client, '/2fa/enable', { password: PASSWORD, channel }, token);
  assert.equal(begun.status, 200, begun.text);
  const { secret = '' } = bodyOf(begun);
  const to = channel === 'sms' ? phone : email;
  const otp = channel === 'totp' ? totpAt(secret, stepAt(world.clock.now())) : await newestCode(world, to);
  const confirmed = await askDevice(client, '/2fa/confirm', { otp }, token);
  assert.equal(confirmed.status, 200, confirmed.text);
  return { secret, phone, recoveryCodes: bodyOf(confirmed).recovery_codes ?? [] };
}

export async function newestCode(world: OpenedClient, to: string): Promise<string> {
  const code = (await world.mails(to)).find((mail) => mail.code !== null)?.code;
  assert.ok(code, `no code went to ${to}`);
  return code;
}

/** Somebody with a second factor since an hour, an authenticator's by this contract, the others' by the device contract. */
export async function protect(world: OpenedClient, email: string, channel: Channel): Promise<Protected> {
  const client = await world.signedIn(email);
  const on =
    channel === 'totp'
      ? { phone: '', ...(await switchTotpOn(world, client)) }
      : await switchOnByDevice(world, client, email, channel);
  world.clock.advance({ hours: 1 });
  return { email, channel, client, ...on };
}

/** The code that is right now. */
export async function codeOf(world: OpenedClient, { channel, email, phone, secret }: Protected): Promise<string> {
  if (channel === 'totp') return totpAt(secret, stepAt(world.clock.now()));
  return newestCode(world, channel === 'sms' ? phone : email);
}

/** One that is not. */
export async function wrongCode(world: OpenedClient, who: Protected, index = 1): Promise<string> {
  const near =
    who.channel === 'totp' ? [-1, 1].map((step) => totpAt(who.secret, stepAt(world.clock.now()) + step)) : [];
  const right = await codeOf(world, who);
  for (let add = index; ; add += 1000) {
    const code = String((Number(right) + add) % 1_000_000).padStart(6, '0');
    if (!near.includes(code)) return code;
  }
}
