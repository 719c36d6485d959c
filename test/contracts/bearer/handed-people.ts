import assert from 'node:assert/strict';
import type { Answer, Client, OpenedClient } from './client.ts';
import { codeOn, openPage, press } from './mailed-pages.ts';

/** 256 bits in base64url. */
export const SECRET = /^[\w-]{43}$/;
const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** A whole session, and whose it is. */
export function assertSignedIn({ body, status, text }: Answer, email: string): void {
  assert.equal(status, 200, text);
  const { client_token: clientToken, session, user } = body;
  assert.match(clientToken ?? '', SECRET);
  assert.match(user?.id ?? '', new RegExp(`^user_${UUID}$`));
  assert.match(user?.createdAt ?? '', INSTANT);
  assert.match(session?.id ?? '', new RegExp(`^session_${UUID}$`));
  assert.match(session?.token ?? '', SECRET);
  assert.match(session?.expiresAt ?? '', INSTANT);
  assert.deepEqual(body, {
    user: { id: user?.id, email, name: null, image: null, emailVerified: true, createdAt: user?.createdAt },
    session: { id: session?.id, token: session?.token, expiresAt: session?.expiresAt },
    client_token: clientToken,
  });
}

/** 401 with what is missing. @returns what names the sign-in that waits */
export function assertDue({ body, status, text }: Answer, channel: 'totp' | 'email' | 'sms' | 'password'): string {
  assert.equal(status, 401, text);
  const { challenge = '' } = body;
  assert.match(challenge, SECRET);
  assert.deepEqual(body, { error: 'TOTP_REQUIRED', message: 'A two-factor code is required', channel, challenge });
  return challenge;
}

export function assertDead({ body, status, text }: Answer, what?: string): void {
  assert.equal(status, 400, what ? `${what}: ${text}` : text);
  assert.deepEqual(body, { error: 'INVALID_TOKEN', message: 'Token is invalid or expired' }, what);
}

export function assertWrongCode({ body, status, text }: Answer): void {
  assert.equal(status, 401, text);
  assert.deepEqual(body, { error: 'INVALID_TOTP', message: 'The TOTP code is invalid or expired' });
}

export function assertRefused({ body, status, text }: Answer, expected: number, error: string): void {
  assert.equal(status, expected, text);
  assert.equal(body.error, error);
}

/** What no authenticator shows within minutes, nor any message says. */
export const wrongCode = (world: OpenedClient, secret: string): string => {
  const right = Array.from({ length: 41 }, (_, index) => world.totp(secret, index - 20));
  return ['000000', '111111', '222222'].find((code) => !right.includes(code)) ?? '333333';
};

/** Has a link mailed and presses the page's button. @returns the code that the page hands over, and where it leads */
export async function codeByLink(
  world: OpenedClient,
  email: string,
  more: { redirectUrl?: string; codeChallenge?: string } = {},
): Promise<{ code: string; location: string | undefined }> {
  const token = await world.magicLink(email, more);
  const browser = world.another();
  const done = await press(browser, await openPage(browser, `/magic-link?token=${token}`));
  assert.equal(done.status, more.redirectUrl === undefined ? 200 : 303, done.text);
  const code = done.location ? new URL(done.location).searchParams.get('code') : codeOn(done);
  assert.match(code ?? '', SECRET);
  return { code: code ?? '', location: done.location };
}

/** What makes an account's epoch move (rule 8), by what its owner or an operator does. */
export const EPOCH_MOVES: Record<
  string,
  (of: { world: OpenedClient; client: Client; email: string }) => Promise<void>
> = {
  'a password change': async ({ client }) => {
    const body = { currentPassword: 'violet hammock drift', newPassword: 'granite otter parade' };
    assert.equal((await client.post('/change-password', body)).status, 200);
  },
  'a reset': async ({ email, world }) => {
    assert.equal((await world.another().post('/forgot-password', { email })).status, 200);
    const token = await world.linkToken(email, '/reset-password');
    const answer = await world.another().post('/reset-password', { token, password: 'granite otter parade' });
    assert.equal(answer.status, 200, answer.text);
  },
  'the second factor switched off': async ({ email, world }) => {
    const { uuid } = await world.identity.findAccount({ name: email });
    await world.identity.resetSecondFactor({ uuid });
  },
  'another e-mail address': async ({ client, world }) => {
    const newEmail = world.address('new');
    const asked = await client.post('/change-email', { newEmail });
    assert.equal(asked.status, 200, asked.text);
    const browser = world.another();
    const page = await openPage(browser, `/change-email?token=${await world.linkToken(newEmail, '/change-email')}`);
    assert.equal((await press(browser, page)).status, 200);
  },
  'signing out everywhere': async ({ client }) => {
    assert.equal((await client.delete('/sessions')).status, 200);
  },
  'an operator’s lock': async ({ email, world }) => {
    const { uuid } = await world.identity.findAccount({ name: email });
    await world.identity.lockAccount({ uuid });
  },
  'its deletion': async ({ client }) => {
    assert.equal((await client.delete('/user')).status, 200);
  },
};
