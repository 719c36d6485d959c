import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stepAt, totpAt } from '../../../src/core/totp.ts';
import { type Answer, assertRefused, type Client, PASSWORD, sharedWorld } from './client.ts';
import { bodyOf, codeOf, type Protected, protect, switchTotpOn, wrongCode } from './protected.ts';

const RECOVERY_CODE = /^[0-9A-HJKMNP-TV-Z]{25}$/;
const PENDING = 'Scan the QR code with your authenticator app, then enter the code it shows.';

const world = sharedWorld();

const shown = (secret: string): string => totpAt(secret, stepAt(world().clock.now()));

/** A session of the account that passed both steps, and is this many seconds old. */
async function session(who: Protected, seconds = 0): Promise<Client> {
  const client = world().another();
  await client.signIn(who.email);
  const answer = await client.post('/two-factor', { code: await codeOf(world(), who) });
  assert.equal(answer.status, 200, answer.text);
  world().clock.advance({ seconds });
  return client;
}

function assertDone(answer: Answer, message: string): void {
  assert.deepEqual([answer.status, answer.body, answer.setCookies], [200, { success: true, message }, []]);
}

function assertMustReauthenticate(answer: Answer): void {
  const message = 'Please confirm your identity again before this change.';
  assert.deepEqual([answer.status, answer.setCookies], [403, []]);
  assert.deepEqual(answer.body, { success: false, error: 'REAUTH_REQUIRED', message });
}

describe('two-factor/enable', () => {
  it('shows a secret and its QR code, and asks for nothing yet', async () => {
    const client = await world().signedIn('enable@example.com');
    const answer = await client.post('/two-factor/enable');
    const { qrCode = '', secret = '' } = bodyOf(answer);
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(answer.body, { success: true, message: PENDING, secret, qrCode });
    assert.match(secret, /^[A-Z2-7]{32}$/);
    assert.match(qrCode, /^data:image\/png;base64,[A-Za-z0-9+/]+=*$/);
    assert.deepEqual(answer.setCookies, []);
    const again = await client.signIn('enable@example.com');
    assert.equal(again.body.message, 'Login successful');
  });

  it('wants the password once the sign-in is older than ten minutes', async () => {
    const client = await world().signedIn('enable-late@example.com');
    world().clock.advance({ minutes: 10, seconds: 1 });
    assertMustReauthenticate(await client.post('/two-factor/enable'));
    assertMustReauthenticate(await client.post('/two-factor/enable', { code: '123456' }));
    assertRefused(await client.post('/two-factor/enable', { password: 'wrong' }), 401, 'INVALID_CREDENTIALS');
    assert.equal((await client.post('/two-factor/enable', { password: PASSWORD })).status, 200);
  });

  it('wants the factor that is on before it takes another, which works until then (R044)', async () => {
    const who = await protect(world(), 'enable-again@example.com', 'totp');
    const client = await session(who, 601);
    assertMustReauthenticate(await client.post('/two-factor/enable', { password: PASSWORD }));
    const code = await codeOf(world(), who);
    const wrong = await wrongCode(world(), who);
    const refused = await client.post('/two-factor/enable', { password: PASSWORD, code: wrong });
    assertRefused(refused, 401, 'INVALID_TWO_FACTOR_CODE');
    const answer = await client.post('/two-factor/enable', { password: PASSWORD, code });
    const { secret = '' } = bodyOf(answer);
    assert.notEqual(secret, who.secret);
    world().clock.advance({ seconds: 30 });
    const old = await session(who);
    world().clock.advance({ seconds: 30 });
    assert.equal((await client.post('/two-factor/verify', { code: shown(secret) })).status, 200);
    world().clock.advance({ seconds: 30 });
    assert.equal((await old.get('/me')).status, 200);
    const late = world().another();
    await late.signIn(who.email);
    assertRefused(await late.post('/two-factor', { code: shown(who.secret) }), 401, 'INVALID_TWO_FACTOR_CODE');
    assert.equal((await late.post('/two-factor', { code: shown(secret) })).status, 200);
  });

  it('takes a recovery code beside the password for the code', async () => {
    const who = await protect(world(), 'enable-recovery@example.com', 'totp');
    const client = await session(who, 601);
    const proofs = { password: PASSWORD, recoveryCode: who.recoveryCodes[0] };
    assert.equal((await client.post('/two-factor/enable', proofs)).status, 200);
    world().clock.advance({ seconds: 601 });
    await client.post('/refresh');
    const again = await client.post('/two-factor/enable', proofs);
    assertRefused(again, 401, 'INVALID_TWO_FACTOR_CODE');
  });
});

describe('two-factor/verify', () => {
  it('switches the factor on and shows ten recovery codes', async () => {
    const client = await world().signedIn('verify@example.com');
    const { secret = '' } = bodyOf(await client.post('/two-factor/enable'));
    const answer = await client.post('/two-factor/verify', { code: shown(secret) });
    const { recoveryCodes = [], user } = bodyOf(answer);
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(answer.body, {
      success: true,
      message: 'Two-factor authentication is on. Keep the recovery codes in a safe place.',
      user: { id: user?.id, email: 'verify@example.com', name: 'John Doe', role: 'USER', emailVerified: true },
      recoveryCodes,
    });
    assert.deepEqual(answer.setCookies, []);
    assert.equal(new Set(recoveryCodes).size, 10);
    for (const code of recoveryCodes) assert.match(code, RECOVERY_CODE);
    assert.equal(user?.id, (await client.get('/me')).body.user?.id);
    const [notice] = await world().mails('verify@example.com');
    assert.equal(notice?.code, null);
    for (const text of [secret, ...recoveryCodes]) assert.equal(notice?.text.includes(text), false);
    // It was shown once (R044, R048).
    for (const path of ['/me', '/sessions']) {
      const { text } = await client.get(path);
      for (const hidden of [secret, ...recoveryCodes]) assert.equal(text.includes(hidden), false);
    }
  });

  it('refuses a wrong code, one that nothing waits for, and after five the right one', async () => {
    const client = await world().signedIn('verify-wrong@example.com');
    assertRefused(await client.post('/two-factor/verify', { code: '123456' }), 401, 'INVALID_TWO_FACTOR_CODE');
    const { secret = '' } = bodyOf(await client.post('/two-factor/enable'));
    const right = shown(secret);
    const who = { email: '', phone: '', channel: 'totp', secret, recoveryCodes: [], client } as const;
    for (let time = 1; time <= 5; time += 1) {
      const code = await wrongCode(world(), { ...who, recoveryCodes: [] }, time);
      assertRefused(await client.post('/two-factor/verify', { code }), 401, 'INVALID_TWO_FACTOR_CODE');
    }
    assertRefused(await client.post('/two-factor/verify', { code: right }), 401, 'INVALID_TWO_FACTOR_CODE');
    assert.equal((await client.signIn('verify-wrong@example.com')).body.message, 'Login successful');
  });

  it('needs a code that is text, and a flag that is one', async () => {
    const client = await world().signedIn('verify-types@example.com');
    for (const code of [undefined, 123456, null, ['123456'], {}]) {
      assertRefused(await client.post('/two-factor/verify', { code }), 400, 'VALIDATION_ERROR', String(code));
    }
    for (const revokeOtherSessions of ['true', 1, null]) {
      const answer = await client.post('/two-factor/verify', { code: '123456', revokeOtherSessions });
      assertRefused(answer, 400, 'VALIDATION_ERROR', String(revokeOtherSessions));
    }
  });

  it('keeps the other sessions, which have proven nothing, or ends them (R045)', async () => {
    for (const [email, revokeOtherSessions, status] of [
      ['verify-keep@example.com', false, 200],
      ['verify-end@example.com', true, 401],
    ] as const) {
      const client = await world().signedIn(email);
      const other = world().another();
      await other.signIn(email);
      const { secret = '' } = bodyOf(await client.post('/two-factor/enable'));
      const code = shown(secret);
      assert.equal((await client.post('/two-factor/verify', { code, revokeOtherSessions })).status, 200);
      assert.equal((await other.get('/me')).status, status);
      if (status === 200) assertMustReauthenticate(await other.post('/two-factor/disable', { password: PASSWORD }));
      assert.equal((await client.get('/me')).status, 200);
    }
  });
});

describe('two-factor/disable', () => {
  it('switches the factor off, and the next sign-in has one step', async () => {
    const who = await protect(world(), 'disable@example.com', 'totp');
    const client = await session(who);
    assertDone(await client.post('/two-factor/disable'), 'Two-factor authentication is off.');
    assert.equal((await world().another().signIn(who.email)).body.message, 'Login successful');
  });

  it('wants password and code from a session that proved none lately', async () => {
    const who = await protect(world(), 'disable-late@example.com', 'email');
    const client = await session(who, 601);
    for (const body of [undefined, {}, { password: PASSWORD }, { code: '123456' }]) {
      assertMustReauthenticate(await client.post('/two-factor/disable', body));
    }
    const asked = await client.post('/reauthenticate', { password: PASSWORD });
    assert.equal(bodyOf(asked).twoFactorRequired, true);
    const code = await codeOf(world(), who);
    assertRefused(await client.post('/two-factor/disable', { password: 'no', code }), 401, 'INVALID_CREDENTIALS');
    assertDone(
      await client.post('/two-factor/disable', { password: PASSWORD, code }),
      'Two-factor authentication is off.',
    );
  });
});

describe('reauthenticate with a second factor', () => {
  it('takes the authenticator’s code, alone or beside the password', async () => {
    const who = await protect(world(), 'again-totp@example.com', 'totp');
    const client = await session(who, 601);
    assertMustReauthenticate(await client.post('/two-factor/disable'));
    const wrong = { code: await wrongCode(world(), who) };
    assertRefused(await client.post('/reauthenticate', wrong), 401, 'INVALID_TWO_FACTOR_CODE');
    const code = await codeOf(world(), who);
    assertDone(await client.post('/reauthenticate', { code }), 'Identity confirmed.');
    assertRefused(await client.post('/reauthenticate', { code }), 401, 'INVALID_TWO_FACTOR_CODE');
    world().clock.advance({ seconds: 30 });
    const both = { password: PASSWORD, code: await codeOf(world(), who) };
    assertDone(await client.post('/reauthenticate', both), 'Identity confirmed.');
    assertDone(await client.post('/reauthenticate', { recoveryCode: who.recoveryCodes[0] }), 'Identity confirmed.');
    assert.equal((await client.post('/two-factor/disable')).status, 200);
  });

  for (const [channel, message] of [
    ['totp', 'Enter the code from your authenticator app.'],
    ['email', 'Enter the code that was sent to your email address.'],
    ['sms', 'Enter the code that was sent to your phone.'],
  ] as const) {
    it(`asks for the ${channel} factor after the password, which alone makes nothing fresh`, async () => {
      const who = await protect(world(), `again-due-${channel}@example.com`, channel);
      const client = await session(who, 601);
      const answer = await client.post('/reauthenticate', { password: PASSWORD });
      assert.deepEqual(answer.body, { success: true, twoFactorRequired: true, channel, message });
      assert.deepEqual([answer.status, answer.setCookies], [200, []]);
      assertMustReauthenticate(await client.post('/two-factor/disable'));
      assertDone(await client.post('/reauthenticate', { code: await codeOf(world(), who) }), 'Identity confirmed.');
      assert.equal((await client.post('/two-factor/disable')).status, 200);
    });
  }

  it('takes the code that was sent to its own session alone, and none of a sign-in', async () => {
    const who = await protect(world(), 'again-own@example.com', 'email');
    const client = await session(who, 61);
    const other = await session(who, 61);
    await client.post('/reauthenticate', { password: PASSWORD });
    const code = await codeOf(world(), who);
    assertRefused(await other.post('/reauthenticate', { code }), 401, 'INVALID_TWO_FACTOR_CODE');
    const late = world().another();
    world().clock.advance({ seconds: 1 });
    await late.signIn(who.email);
    const ofSignIn = await codeOf(world(), who);
    assert.notEqual(ofSignIn, code);
    assertRefused(await client.post('/reauthenticate', { code: ofSignIn }), 401, 'INVALID_TWO_FACTOR_CODE');
    assertRefused(await late.post('/two-factor', { code }), 401, 'INVALID_TWO_FACTOR_CODE');
    assertDone(await client.post('/reauthenticate', { code }), 'Identity confirmed.');
  });
});

describe('the lines of a second factor', () => {
  it('open to a session alone', async () => {
    const client = world().another();
    for (const [path, body] of [
      ['/two-factor/enable', { password: PASSWORD }],
      ['/two-factor/verify', { code: '123456' }],
      ['/two-factor/disable', { password: PASSWORD }],
      ['/reauthenticate', { password: PASSWORD }],
    ] as const) {
      assertRefused(await client.post(path, body), 401, 'TOKEN_EXPIRED', path);
    }
  });

  it('open to no login that waits for its second step', async () => {
    const who = await protect(world(), 'waiting@example.com', 'totp');
    const client = world().another();
    await client.signIn(who.email);
    for (const path of ['/two-factor/disable', '/two-factor/enable', '/reauthenticate']) {
      const body = { password: PASSWORD, code: await codeOf(world(), who) };
      assertRefused(await client.post(path, body), 401, 'TOKEN_EXPIRED', path);
    }
  });

  it('answer a page of a foreign origin with a refusal, and do nothing', async () => {
    const client = await world().signedIn('foreign-settings@example.com');
    await switchTotpOn(world(), client);
    for (const path of ['/two-factor/disable', '/two-factor/enable', '/two-factor/verify', '/reauthenticate']) {
      const answer = await client.post(path, { code: '123456' }, { headers: { origin: 'https://evil.example' } });
      assertRefused(answer, 403, 'FORBIDDEN_ORIGIN', path);
    }
    const answer = await world().another().signIn('foreign-settings@example.com');
    assert.equal(bodyOf(answer).twoFactorRequired, true);
  });
});
