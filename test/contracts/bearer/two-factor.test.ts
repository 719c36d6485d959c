import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { otpauthUri } from '../../../src/core/totp.ts';
import { type Client, OTHER_PASSWORD, PASSWORD, sharedWorld, WRONG } from './client.ts';
import {
  assertDue,
  assertInvalid,
  assertLater,
  assertRefused,
  assertSignedIn,
  counted,
  mailed,
  RECOVERY_CODE,
  signInFully,
  stolen,
  withFactor,
  wrongCode,
  wrongCodes,
} from './factor-people.ts';

const OFF = { success: true, message: 'Two-factor authentication is off' };
const TURNED_ON = 'Two-step sign-in was turned on';
const TURNED_OFF = 'Two-step sign-in was turned off';

const missing = (...tools: string[]): string | false => {
  const lacking = tools.filter((tool) => spawnSync(tool, ['--version']).error);
  return lacking.length > 0 && `not installed: ${lacking.join(', ')}`;
};

describe('two-factor/enable', () => {
  const world = sharedWorld();

  it('shows a secret and its QR code, and asks for nothing before the first right code (R044, K13, K14)', async () => {
    const { client, email } = await world().signedIn();
    const answer = await client.post('/two-factor/enable');
    const { qrCode, secret } = answer.body;
    assert.deepEqual([answer.status, answer.body], [200, { secret, qrCode }]);
    // 160 bits without padding: the sample of the document has 88.
    assert.match(secret ?? '', /^[A-Z2-7]{32}$/);
    const png = Buffer.from(/^data:image\/png;base64,([\w+/]+=*)$/.exec(qrCode ?? '')?.[1] ?? '', 'base64');
    assert.equal(png.subarray(0, 8).toString('latin1'), '\x89PNG\r\n\x1a\n');
    assert.equal(answer.headers['cache-control'], 'no-store');
    assert.deepEqual(await world().mails(email), []);
    assertSignedIn(await world().another().signIn(email), email);
  });

  it('draws a QR code that a camera reads as the otpauth URI, and that oathtool has the codes of (R041)', {
    skip: missing('zbarimg', 'oathtool'),
  }, async (t) => {
    const { client, email } = await world().signedIn();
    const { qrCode = '', secret = '' } = (await client.post('/two-factor/enable')).body;
    const folder = mkdtempSync(join(tmpdir(), 'guichet-qr-'));
    t.after(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'qr.png'), qrCode.slice(qrCode.indexOf(',') + 1), 'base64');
    const run = (tool: string, ...args: string[]): string => {
      const { status, stderr, stdout } = spawnSync(tool, args, { encoding: 'utf8' });
      assert.equal(status, 0, stderr);
      return stdout.trim();
    };
    const scanned = run('zbarimg', '--quiet', '--raw', join(folder, 'qr.png'));
    assert.equal(scanned, otpauthUri({ secret, issuer: 'Guichet', label: email }));
    const scannedSecret = new URL(scanned).searchParams.get('secret') ?? '';
    const second = Math.floor(world().clock.now() / 1000);
    const code = run('oathtool', '--totp', '--base32', '--now', `@${second}`, scannedSecret);
    assert.equal((await client.post('/two-factor/verify', { code })).status, 200);
  });

  it('never shows one secret twice (R041)', async () => {
    const { client } = await world().signedIn();
    const secrets = new Set<string | undefined>();
    for (let time = 0; time < 20; time += 1) secrets.add((await client.post('/two-factor/enable')).body.secret);
    assert.equal(secrets.size, 20);
  });

  it('needs an authentication at most ten minutes old, or the password in the body (R044, K13)', async () => {
    const { client, email } = await world().signedIn();
    world().clock.advance({ minutes: 10 });
    assert.equal((await client.post('/two-factor/enable')).status, 200);
    world().clock.advance({ seconds: 1 });
    for (const body of [undefined, {}, { totpCode: '123456' }, { recoveryCode: 'A'.repeat(25) }]) {
      assertRefused(await client.post('/two-factor/enable', body), 403, 'REAUTH_REQUIRED', JSON.stringify(body));
    }
    assertRefused(await client.post('/two-factor/enable', { password: WRONG }), 401, 'INVALID_CREDENTIALS');
    assert.equal((await client.post('/two-factor/enable', { password: PASSWORD })).status, 200);
    assertSignedIn(await world().another().signIn(email), email);
  });

  it('counts a wrong password as a sign-in does, and is locked after ten of them', async () => {
    const { client } = await world().signedIn();
    for (let time = 0; time < 10; time += 1) {
      assertRefused(await client.post('/two-factor/enable', { password: WRONG }), 401, 'INVALID_CREDENTIALS');
    }
    assert.equal(assertLater(await client.post('/two-factor/enable', { password: PASSWORD }), 423), 900);
  });

  it('wants the factor that is on before it takes another, and that one works until then (R044)', async () => {
    const who = await withFactor(world());
    const { client, email, recoveryCodes, secret } = who;
    world().clock.advance({ minutes: 11 });
    const enable = (body?: object) => client.post('/two-factor/enable', body);
    const totpCode = world().totp(secret);
    for (const body of [undefined, {}, { password: PASSWORD }, { totpCode }]) {
      assertRefused(await enable(body), 403, 'REAUTH_REQUIRED', JSON.stringify(body));
    }
    assertRefused(await enable({ password: WRONG, totpCode }), 401, 'INVALID_CREDENTIALS');
    const wrong = { password: PASSWORD, totpCode: await wrongCode(world(), who) };
    assertRefused(await enable(wrong), 401, 'INVALID_TOTP');
    // None of those spent the code, and the old authenticator still works.
    const { secret: next = '' } = (await enable({ password: PASSWORD, totpCode })).body;
    assert.match(next, /^[A-Z2-7]{32}$/);
    assert.notEqual(next, secret);
    world().clock.advance({ seconds: 30 });
    assertRefused(
      await world()
        .another()
        .signIn(email, PASSWORD, { totpCode: world().totp(next) }),
      401,
      'INVALID_TOTP',
    );
    const other = world().another();
    assertSignedIn(await other.signIn(email, PASSWORD, { totpCode: world().totp(secret) }), email);
    const verified = await client.post('/two-factor/verify', { code: world().totp(next) });
    assert.equal(verified.body.recoveryCodes?.length, 10, verified.text);
    world().clock.advance({ seconds: 61 });
    for (const proof of [{ totpCode: world().totp(secret) }, { recoveryCode: recoveryCodes[0] }]) {
      assertRefused(await world().another().signIn(email, PASSWORD, proof), 401, 'INVALID_TOTP');
    }
    const late = world().another();
    assertSignedIn(await late.signIn(email, PASSWORD, { totpCode: world().totp(next) }), email);
    assert.equal((await other.get('/session')).status, 200);
  });

  it('replaces when it is asked again the pending secret, and nothing else (R044)', async () => {
    const who = await withFactor(world());
    const { client, email } = who;
    const secrets: string[] = [];
    for (let time = 0; time < 2; time += 1) secrets.push((await client.post('/two-factor/enable')).body.secret ?? '');
    const [first = '', second = ''] = secrets;
    assertRefused(await client.post('/two-factor/verify', { code: world().totp(first) }), 401, 'INVALID_TOTP');
    await signInFully(world(), who);
    assert.equal((await client.post('/two-factor/verify', { code: world().totp(second) })).status, 200);
    assertDue(await world().another().signIn(email), 'totp');
  });

  it('is forgotten when nobody confirms it within the hour', async () => {
    const { client, email } = await world().signedIn();
    const { secret = '' } = (await client.post('/two-factor/enable')).body;
    world().clock.advance({ hours: 1 });
    assertRefused(await client.post('/two-factor/verify', { code: world().totp(secret) }), 401, 'INVALID_TOTP');
    assertSignedIn(await world().another().signIn(email), email);
  });

  it('shows the secret in no other answer of any contract, no mail and no table (R044, R048)', async () => {
    const who = await withFactor(world());
    const { client, email, recoveryCodes, secret } = who;
    const bearer = await signInFully(world(), who);
    const texts: string[] = [];
    for (const path of ['/session', '/sessions', '/passkeys', '/accounts']) {
      const answer = await bearer.get(path);
      assert.equal(answer.status, 200, answer.text);
      texts.push(answer.text);
    }
    const device = await onDevice(email, world().totp(secret));
    for (const path of ['/me', '/sessions', '/devices']) texts.push(await read(device, `/api/v1/auth${path}`));
    const browser = await inBrowser(email, world().totp(secret));
    for (const path of ['/me', '/sessions']) texts.push(await read(browser, `/v1/auth${path}`));
    texts.push((await client.post('/two-factor/verify', { code: world().totp(secret, 1) })).text);
    texts.push(JSON.stringify(await world().mails(email)), await stolen(world()));
    assert.ok(texts.every((text) => text.length > 10));
    for (const hidden of [secret, ...recoveryCodes]) assert.ok(!texts.some((text) => text.includes(hidden)));
  });

  async function read(client: Client, url: string): Promise<string> {
    const answer = await client.askAt('GET', url);
    assert.equal(answer.status, 200, answer.text);
    return answer.text;
  }

  async function onDevice(email: string, otp: string): Promise<Client> {
    const client = world().another();
    const body = { identifier: email, password: PASSWORD, otp };
    const answer = await client.askAt('POST', '/api/v1/auth/2fa/verify', { body });
    client.token = (answer.body as { access_token?: string }).access_token ?? '';
    world().clock.advance({ seconds: 61 });
    return client;
  }

  async function inBrowser(email: string, code: string): Promise<Client> {
    const client = world().another();
    await client.askAt('POST', '/v1/auth/login', { body: { email, password: PASSWORD } });
    await client.askAt('POST', '/v1/auth/two-factor', { body: { code } });
    world().clock.advance({ seconds: 61 });
    return client;
  }

  it('offers an authenticator alone: what is sent by e-mail or SMS is not switched on here (R046)', async () => {
    const { client, email } = await world().signedIn();
    for (const channel of ['email', 'sms']) {
      const answer = await client.post('/two-factor/enable', { channel });
      if (answer.status === 200) assert.match(answer.body.secret ?? '', /^[A-Z2-7]{32}$/);
      else assert.equal(answer.status, 400);
      assert.deepEqual(await world().mails(email), []);
    }
  });

  it('takes the place of a factor that sends codes, whose codes are worth nothing then', async () => {
    const who = await withFactor(world(), 'email');
    const client = await signInFully(world(), who);
    const { secret = '' } = (await client.post('/two-factor/enable')).body;
    assertDue(await world().another().signIn(who.email), 'email');
    const sent = await world().codeFor(who.email);
    assert.equal((await client.post('/two-factor/verify', { code: world().totp(secret) })).status, 200);
    world().clock.advance({ seconds: 61 });
    const late = await world().another().signIn(who.email, PASSWORD, { totpCode: sent });
    assertRefused(late, 401, 'INVALID_TOTP');
    assertDue(await world().another().signIn(who.email), 'totp');
    assert.equal(await world().codeFor(who.email), sent);
  });
});

describe('two-factor/verify', () => {
  const world = sharedWorld();

  it('switches the factor on with the first right code, and shows ten recovery codes once (R048, K15)', async () => {
    const { account, client, email } = await world().signedIn();
    const { user } = (await client.get('/session')).body;
    const { secret = '' } = (await client.post('/two-factor/enable')).body;
    const answer = await client.post('/two-factor/verify', { code: world().totp(secret) });
    const { recoveryCodes = [] } = answer.body;
    assert.deepEqual([answer.status, answer.body], [200, { success: true, user, recoveryCodes }]);
    assert.equal(user?.id, `user_${account.uuid}`);
    assert.equal(new Set(recoveryCodes).size, 10);
    for (const code of recoveryCodes) assert.match(code, RECOVERY_CODE);
    assertDue(await world().another().signIn(email), 'totp');
    world().clock.advance({ seconds: 61 });
    const again = await client.post('/two-factor/verify', { code: world().totp(secret) });
    assert.deepEqual([again.status, again.body], [200, { success: true, user }]);
  });

  it('takes a code of the step before, now and next, by its own clock, and of no other (R042, K39)', async () => {
    for (const [steps, status] of [
      [-2, 401],
      [-1, 200],
      [0, 200],
      [1, 200],
      [2, 401],
    ] as const) {
      const { client } = await world().signedIn();
      const { secret = '' } = (await client.post('/two-factor/enable')).body;
      const code = world().totp(secret, steps);
      if (status === 401 && [-1, 0, 1].some((near) => world().totp(secret, near) === code)) continue;
      const timestamp = world().clock.now() + steps * 30_000;
      const answer = await client.post('/two-factor/verify', { code, timestamp });
      assert.equal(answer.status, status, `${steps} steps: ${answer.text}`);
    }
  });

  it('takes five tries for a pending secret; then the right code fails too (R035)', async () => {
    const who = await withFactor(world());
    const { secret: next = '' } = (await who.client.post('/two-factor/enable')).body;
    for (const code of await wrongCodes(world(), { ...who, secret: next }, 5)) {
      assertRefused(await who.client.post('/two-factor/verify', { code }), 401, 'INVALID_TOTP');
    }
    const late = await who.client.post('/two-factor/verify', { code: world().totp(next) });
    assertRefused(late, 401, 'INVALID_TOTP');
    await signInFully(world(), who);
  });

  it('takes ten wrong codes an hour, of pending secrets too (R037)', async () => {
    const { client } = await world().signedIn();
    for (let round = 0; round < 2; round += 1) {
      await client.post('/two-factor/enable');
      for (let time = 0; time < 5; time += 1) await client.post('/two-factor/verify', { code: 'wrong' });
    }
    const { secret = '' } = (await client.post('/two-factor/enable', { password: PASSWORD })).body;
    const code = world().totp(secret);
    assert.equal(assertLater(await client.post('/two-factor/verify', { code }), 429), 3600);
  });

  it('shows of twenty side by side recovery codes to one, and those work (R034, R048)', async () => {
    const { client, email } = await world().signedIn();
    const { secret = '' } = (await client.post('/two-factor/enable')).body;
    const code = world().totp(secret);
    const answers = await Promise.all(Array.from({ length: 20 }, () => client.post('/two-factor/verify', { code })));
    const won = answers.filter(({ status }) => status === 200);
    assert.equal(won.length, 1);
    for (const answer of answers) assert.ok([200, 401].includes(answer.status), answer.text);
    const [recoveryCode] = won[0]?.body.recoveryCodes ?? [];
    assertSignedIn(await world().another().signIn(email, PASSWORD, { recoveryCode }), email);
  });

  it('refuses a code where nothing is pending and no factor is on', async () => {
    const { client } = await world().signedIn();
    assertRefused(await client.post('/two-factor/verify', { code: '123456' }), 401, 'INVALID_TOTP');
  });

  it('with nothing pending proves the factor that is on, in this session and no other', async () => {
    const who = await withFactor(world());
    const { client, secret } = who;
    const other = await signInFully(world(), who);
    world().clock.advance({ minutes: 11 });
    const code = world().totp(secret);
    const wrong = await client.post('/two-factor/verify', { code: await wrongCode(world(), who) });
    assertRefused(wrong, 401, 'INVALID_TOTP');
    assert.equal((await counted(world(), who.account)).codes, 1);
    assertRefused(await client.post('/two-factor/enable'), 403, 'REAUTH_REQUIRED');
    assert.equal((await client.post('/two-factor/verify', { code })).status, 200);
    assert.equal((await client.post('/two-factor/enable')).status, 200);
    assertRefused(await other.post('/two-factor/enable'), 403, 'REAUTH_REQUIRED');
    assertRefused(await other.post('/reauthenticate', { totpCode: code }), 401, 'INVALID_TOTP');
  });

  it('tells the owner, and keeps the other sessions unproven, or ends them (R045)', async () => {
    for (const [more, status] of [
      [{}, 200],
      [{ revokeOtherSessions: false }, 200],
      [{ revokeOtherSessions: true }, 401],
    ] as const) {
      const { client, email } = await world().signedIn();
      const other = world().another();
      await other.signIn(email);
      const { secret = '' } = (await client.post('/two-factor/enable')).body;
      const verified = await client.post('/two-factor/verify', { code: world().totp(secret), ...more });
      assert.equal(verified.status, 200, verified.text);
      assert.equal((await other.get('/session')).status, status);
      // They signed in a moment ago, and yet with too little.
      if (status === 200) assertRefused(await other.post('/two-factor/disable'), 403, 'REAUTH_REQUIRED');
      assert.equal((await client.get('/session')).status, 200);
      const notice = (await world().mails(email)).find(({ subject }) => subject === TURNED_ON);
      assert.ok(notice);
      for (const hidden of [secret, ...(verified.body.recoveryCodes ?? [])]) assert.ok(!notice.text.includes(hidden));
      assert.deepEqual([notice.code, notice.links], [null, []]);
    }
  });

  it('needs a code that is text, and a flag that is one (R047)', async () => {
    const { client } = await world().signedIn();
    const { secret = '' } = (await client.post('/two-factor/enable')).body;
    const right = world().totp(secret);
    for (const code of [Number(right), 12345, 0, null, true, [], [right], {}, { $ne: '' }]) {
      const answer = await client.post('/two-factor/verify', { code });
      assertInvalid(answer, { code: 'This field has the wrong type' }, JSON.stringify(code));
    }
    assertInvalid(await client.post('/two-factor/verify', {}), { code: 'This field is required' });
    const flag = await client.post('/two-factor/verify', { code: right, revokeOtherSessions: 'true' });
    assertInvalid(flag, { revokeOtherSessions: 'This field has the wrong type' });
    assert.equal((await client.post('/two-factor/verify', { code: right })).status, 200);
  });

  it('takes no code that only looks like it (R047)', async () => {
    const { client } = await world().signedIn();
    const { secret = '' } = (await client.post('/two-factor/enable')).body;
    const right = world().totp(secret);
    const fullWidth = right.replace(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit)));
    const spaced = `${right.slice(0, 3)} ${right.slice(3)}`;
    for (const code of [fullWidth, spaced, `${right}\n`, '000000']) {
      assertRefused(await client.post('/two-factor/verify', { code }), 401, 'INVALID_TOTP', JSON.stringify(code));
    }
    assert.equal((await client.post('/two-factor/verify', { code: right })).status, 200);
  });
});

describe('two-factor/disable', () => {
  const world = sharedWorld();

  it('switches the factor off with its recovery codes, and tells the owner (R045)', async () => {
    const { client, email, recoveryCodes } = await withFactor(world());
    const answer = await client.post('/two-factor/disable');
    assert.deepEqual([answer.status, answer.body], [200, OFF]);
    assertSignedIn(await world().another().signIn(email), email);
    assert.equal(await mailed(world(), email, TURNED_OFF), 1);
    await world().enrol(client);
    const old = { recoveryCode: recoveryCodes[0] };
    assertRefused(await world().another().signIn(email, PASSWORD, old), 401, 'INVALID_TOTP');
  });

  it('needs the factor proven in the last ten minutes, or password and code in one body', async () => {
    const who = await withFactor(world());
    const { client, recoveryCodes, secret } = who;
    const disable = (body?: object) => client.post('/two-factor/disable', body);
    world().clock.advance({ minutes: 10 });
    const totpCode = world().totp(secret);
    for (const body of [undefined, {}, { password: PASSWORD }, { totpCode }, { recoveryCode: recoveryCodes[0] }]) {
      assertRefused(await disable(body), 403, 'REAUTH_REQUIRED', JSON.stringify(body));
    }
    assertRefused(await disable({ password: WRONG, totpCode }), 401, 'INVALID_CREDENTIALS');
    const wrong = { password: PASSWORD, totpCode: await wrongCode(world(), who) };
    assertRefused(await disable(wrong), 401, 'INVALID_TOTP');
    assert.deepEqual((await disable({ password: PASSWORD, totpCode })).body, OFF);
  });

  it('takes a recovery code beside the password', async () => {
    const { client, recoveryCodes } = await withFactor(world());
    world().clock.advance({ minutes: 11 });
    const answer = await client.post('/two-factor/disable', { password: PASSWORD, recoveryCode: recoveryCodes[3] });
    assert.deepEqual([answer.status, answer.body], [200, OFF]);
  });

  it('ends the sign-in that waits for the factor', async () => {
    const { client, email, secret } = await withFactor(world());
    const other = world().another();
    const token = await world().magicLink(email);
    const challenge = assertDue(await other.post('/magic-link/verify', { token }), 'totp');
    await client.post('/two-factor/disable');
    for (const named of [{ token }, { challenge }]) {
      const answer = await other.post('/magic-link/verify', { ...named, totpCode: world().totp(secret) });
      assert.ok([400, 401].includes(answer.status), answer.text);
      assert.equal(answer.body.session, undefined);
    }
  });

  it('says the same where none is on, and sends nothing', async () => {
    const { client, email } = await world().signedIn();
    assert.deepEqual((await client.post('/two-factor/disable')).body, OFF);
    assert.deepEqual(await world().mails(email), []);
  });
});

describe('a sign-in with an authenticator', () => {
  const world = sharedWorld();

  it('with the password alone is told what is missing, and nothing of the account (K16)', async () => {
    const { account, email } = await withFactor(world());
    const client = world().another();
    const answer = await client.signIn(email);
    assertDue(answer, 'totp');
    assert.equal(client.token, null);
    assert.ok(!answer.text.includes(account.uuid));
    assertRefused(await client.get('/session', { token: answer.body.challenge ?? '' }), 401, 'INVALID_TOKEN');
  });

  it('is complete with password and code in one request, as the document has it', async () => {
    const { email, secret } = await withFactor(world());
    const client = world().another();
    const body = { email, password: PASSWORD, totpCode: world().totp(secret) };
    assertSignedIn(await client.post('/sign-in', body, { token: null }), email);
    assert.equal((await client.get('/session')).body.user?.email, email);
  });

  it('with a wrong code is refused and counted, and the owner hears of the third (K16, R031)', async () => {
    const who = await withFactor(world());
    const { account, email } = who;
    const subject = 'Wrong codes at your second sign-in step';
    for (const [index, totpCode] of (await wrongCodes(world(), who, 4)).entries()) {
      assertRefused(await world().another().signIn(email, PASSWORD, { totpCode }), 401, 'INVALID_TOTP');
      assert.deepEqual(await counted(world(), account), { codes: index + 1, recoveryCodes: 0, inARow: index + 1 });
      assert.equal(await mailed(world(), email, subject), index < 2 ? 0 : 1);
    }
    await signInFully(world(), who);
    assert.equal((await counted(world(), account)).inARow, 0);
  });

  it('with a wrong password evaluates no code and burns none (K16, R018)', async () => {
    const who = await withFactor(world());
    const { account, email, recoveryCodes, secret } = who;
    const totpCode = world().totp(secret);
    const [recoveryCode] = recoveryCodes;
    const wrong = await wrongCode(world(), who);
    for (const proof of [{ totpCode }, { totpCode: wrong }, { recoveryCode }, { recoveryCode: 'wrong' }, {}]) {
      const answer = await world().another().signIn(email, WRONG, proof);
      assertRefused(answer, 401, 'INVALID_CREDENTIALS', JSON.stringify(proof));
    }
    assert.deepEqual(await counted(world(), account), { codes: 0, recoveryCodes: 0, inARow: 0 });
    assertSignedIn(await world().another().signIn(email, PASSWORD, { totpCode }), email);
    assertSignedIn(await world().another().signIn(email, PASSWORD, { recoveryCode }), email);
  });

  it('of nobody is refused alike, with a code and without (R013, R018)', async () => {
    const { email } = await withFactor(world());
    for (const proof of [{}, { totpCode: '123456' }, { recoveryCode: 'A'.repeat(25) }, { challenge: 'A'.repeat(43) }]) {
      const [nobody, somebody] = [
        await world().another().signIn('nobody@example.com', WRONG, proof),
        await world().another().signIn(email, WRONG, proof),
      ];
      assertRefused(nobody, 401, 'INVALID_CREDENTIALS');
      assert.equal(nobody.text, somebody.text);
      assert.deepEqual(Object.keys(nobody.headers).sort(), Object.keys(somebody.headers).sort());
    }
  });

  it('of an account without a second factor heeds no code', async () => {
    const { account, email } = await world().signedIn();
    for (const proof of [{ totpCode: '123456' }, { totpCode: '' }, { recoveryCode: 'x' }, { challenge: 'x' }]) {
      assertSignedIn(await world().another().signIn(email, PASSWORD, proof), email);
    }
    assert.deepEqual(await counted(world(), account), { codes: 0, recoveryCodes: 0, inARow: 0 });
  });

  it('takes a code once, and none of an older step after it, without counting (R043)', async () => {
    const { account, email, secret } = await withFactor(world());
    const [before, now] = [world().totp(secret, -1), world().totp(secret)];
    assertSignedIn(await world().another().signIn(email, PASSWORD, { totpCode: now }), email);
    for (const totpCode of [now, before, now]) {
      assertRefused(await world().another().signIn(email, PASSWORD, { totpCode }), 401, 'INVALID_TOTP');
    }
    assert.deepEqual(await counted(world(), account), { codes: 0, recoveryCodes: 0, inARow: 0 });
    const totpCode = world().totp(secret, 1);
    assertSignedIn(await world().another().signIn(email, PASSWORD, { totpCode }), email);
  });

  it('lets of fifty side by side one in (R034, R043)', async () => {
    const { email, secret } = await withFactor(world());
    const totpCode = world().totp(secret);
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => world().another().signIn(email, PASSWORD, { totpCode })),
    );
    const won = answers.filter(({ status }) => status === 200);
    assert.equal(won.length, 1);
    for (const answer of answers) assert.ok([200, 401, 503].includes(answer.status), answer.text);
  });

  it('takes codes of the step before, now and next, and of no other (R042)', async () => {
    for (const [steps, status] of [
      [-2, 401],
      [-1, 200],
      [1, 200],
      [2, 401],
    ] as const) {
      const { email, secret } = await withFactor(world());
      const totpCode = world().totp(secret, steps);
      if (status === 401 && [-1, 0, 1].some((near) => world().totp(secret, near) === totpCode)) continue;
      const answer = await world().another().signIn(email, PASSWORD, { totpCode });
      assert.equal(answer.status, status, `${steps} steps: ${answer.text}`);
    }
  });

  it('takes five tries; then the right code fails too, until the first step is repeated (R035)', async () => {
    const who = await withFactor(world());
    const { email, secret } = who;
    const client = world().another();
    const challenge = assertDue(await client.signIn(email), 'totp');
    for (const totpCode of await wrongCodes(world(), who, 5)) {
      assertRefused(await client.signIn(email, PASSWORD, { totpCode, challenge }), 401, 'INVALID_TOTP');
    }
    const totpCode = world().totp(secret);
    assertRefused(await client.signIn(email, PASSWORD, { totpCode, challenge }), 401, 'INVALID_TOTP');
    world().clock.advance({ seconds: 1 });
    assertDue(await client.signIn(email), 'totp');
    assertSignedIn(await client.signIn(email, PASSWORD, { totpCode }), email);
  });

  it('takes ten wrong codes an hour, wherever they come from and whatever they are for (R037)', async () => {
    const who = await withFactor(world());
    const { account, client, email, secret } = who;
    const link = await world().magicLink(email);
    assertDue(await world().another().post('/magic-link/verify', { token: link }), 'totp');
    const ways = [
      (totpCode: string) => world().another().signIn(email, PASSWORD, { totpCode }),
      (totpCode: string) => client.post('/reauthenticate', { totpCode }),
      (totpCode: string) => client.post('/two-factor/verify', { code: totpCode }),
      (totpCode: string) => world().another().post('/magic-link/verify', { token: link, totpCode }),
    ];
    const codes = await wrongCodes(world(), who, 10);
    for (const [index, code] of codes.entries()) {
      const answer = await ways[index % ways.length]?.(code);
      assert.ok(answer);
      assertRefused(answer, 401, 'INVALID_TOTP', String(index));
    }
    assert.equal((await counted(world(), account)).codes, 10);
    for (const way of ways) assert.equal(assertLater(await way(world().totp(secret)), 429), 3600);
    // The password is not touched by it, and who has no code yet is asked for one.
    assertDue(await world().another().signIn(email), 'totp');
    world().clock.advance({ minutes: 59, seconds: 59 });
    assertLater(
      await world()
        .another()
        .signIn(email, PASSWORD, { totpCode: world().totp(secret) }),
      429,
    );
    world().clock.advance({ seconds: 1 });
    await signInFully(world(), who);
  });

  it('has ten of a hundred wrong codes compared that come side by side from twenty networks (R037)', async () => {
    const who = await withFactor(world());
    const codes = await wrongCodes(world(), who, 100);
    const clients = Array.from({ length: 20 }, () => world().another());
    const answers = await Promise.all(
      codes.map((totpCode, index) => clients[index % 20]?.signIn(who.email, PASSWORD, { totpCode })),
    );
    for (const answer of answers) assert.ok([401, 429, 503].includes(answer?.status ?? 0), answer?.text);
    assert.equal(answers.filter((answer) => answer?.status === 401).length, 10);
    assert.deepEqual(await counted(world(), who.account), { codes: 10, recoveryCodes: 0, inARow: 10 });
  });

  it('is told alike of the limit, and of nothing before the password is right (R018)', async () => {
    const who = await withFactor(world());
    for (const totpCode of await wrongCodes(world(), who, 10)) {
      await world().another().signIn(who.email, PASSWORD, { totpCode });
    }
    const answer = await world()
      .another()
      .signIn(who.email, WRONG, { totpCode: world().totp(who.secret) });
    assertRefused(answer, 401, 'INVALID_CREDENTIALS');
  });

  it('does not begin the count anew for the right password between (R025)', async () => {
    const who = await withFactor(world());
    for (const [index, totpCode] of (await wrongCodes(world(), who, 9)).entries()) {
      assertDue(await world().another().signIn(who.email), 'totp');
      await world().another().signIn(who.email, PASSWORD, { totpCode });
      assert.equal((await counted(world(), who.account)).inARow, index + 1);
      world().clock.advance({ seconds: 1 });
    }
  });

  it('is closed to the password after thirty wrong codes in a row, until a reset, and the owner is told', async () => {
    const who = await withFactor(world());
    const { account, client, email, secret } = who;
    const subject = 'Choose a new password to sign in';
    for (let hour = 0; hour < 3; hour += 1) {
      assert.equal(await mailed(world(), email, subject), 0);
      for (const totpCode of await wrongCodes(world(), who, 10)) {
        assertRefused(await world().another().signIn(email, PASSWORD, { totpCode }), 401, 'INVALID_TOTP');
      }
      world().clock.advance({ hours: 1 });
    }
    assert.equal(await mailed(world(), email, subject), 1);
    for (const proof of [{}, { totpCode: world().totp(secret) }]) {
      assertRefused(await world().another().signIn(email, PASSWORD, proof), 401, 'INVALID_CREDENTIALS');
    }
    // No factor was taken away by it, and the sessions that there are stay.
    assert.equal((await client.get('/session')).status, 200);
    assert.equal((await world().world.store.accounts.find(account.id))?.codeFactor, 'totp');
    await world().another().post('/forgot-password', { email });
    const token = await world().linkToken(email, '/reset-password');
    const reset = await world().another().post('/reset-password', { token, password: OTHER_PASSWORD });
    assert.equal(reset.status, 200, reset.text);
    assertDue(await world().another().signIn(email, OTHER_PASSWORD), 'totp');
    const totpCode = world().totp(secret);
    assertSignedIn(await world().another().signIn(email, OTHER_PASSWORD, { totpCode }), email);
  });

  it('takes no code of somebody else (R038)', async () => {
    const [ada, eve] = [await withFactor(world()), await withFactor(world())];
    const client = world().another();
    const challenge = assertDue(await client.signIn(eve.email), 'totp');
    const totpCode = world().totp(eve.secret);
    const answer = await client.signIn(ada.email, PASSWORD, { totpCode, challenge });
    assertRefused(answer, 401, 'INVALID_TOTP');
    assertSignedIn(await client.signIn(eve.email, PASSWORD, { totpCode, challenge }), eve.email);
  });

  it('needs codes that are text, and counts no others (R047)', async () => {
    const { account, email, secret } = await withFactor(world());
    const right = world().totp(secret);
    for (const field of ['totpCode', 'recoveryCode', 'challenge']) {
      for (const value of [Number(right), 12345, 0, null, true, [], [right], {}, { $ne: '' }]) {
        const answer = await world()
          .another()
          .signIn(email, PASSWORD, { [field]: value });
        assertInvalid(answer, { [field]: 'This field has the wrong type' }, JSON.stringify(value));
      }
    }
    const long = await world()
      .another()
      .signIn(email, PASSWORD, { totpCode: '1'.repeat(65) });
    assertInvalid(long, { totpCode: 'This value is too long' });
    assert.equal((await counted(world(), account)).codes, 0);
    const fullWidth = right.replace(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit)));
    for (const totpCode of [fullWidth, ` ${right}`, right.slice(1), `${right}0`, '12345']) {
      assertRefused(await world().another().signIn(email, PASSWORD, { totpCode }), 401, 'INVALID_TOTP', totpCode);
    }
    assertSignedIn(await world().another().signIn(email, PASSWORD, { totpCode: right }), email);
  });

  it('speaks French on request', async () => {
    const { email } = await withFactor(world());
    const french = world().another({ headers: { 'accept-language': 'fr' } });
    const due = await french.signIn(email);
    assert.equal(due.body.message, 'Un code de connexion en deux étapes est nécessaire');
    const wrong = await french.signIn(email, PASSWORD, { totpCode: 'x' });
    assert.equal(wrong.body.message, 'Le code est incorrect ou a expiré');
  });
});

describe('the lines of a second factor', () => {
  const world = sharedWorld();
  const LINES = [
    ['/two-factor/enable', { password: PASSWORD }],
    ['/two-factor/verify', { code: '123456' }],
    ['/two-factor/disable', { password: PASSWORD }],
    ['/two-factor/recovery-codes', { password: PASSWORD }],
    ['/reauthenticate', { password: PASSWORD }],
  ] as const;

  it('open to a session alone, and to no sign-in that waits', async () => {
    const { email } = await withFactor(world());
    const challenge = assertDue(await world().another().signIn(email), 'totp');
    const client = world().another();
    for (const [path, body] of LINES) {
      const without = await client.post(path, body);
      assertRefused(without, 401, 'INVALID_TOKEN', path);
      assert.equal(without.headers['www-authenticate'], 'Bearer');
      assertRefused(await client.post(path, body, { token: challenge }), 401, 'INVALID_TOKEN', path);
    }
  });

  it('open to nobody whose address is not proven', async () => {
    const client = world().another();
    assert.equal((await client.signUp(world().address())).status, 201);
    for (const [path, body] of LINES) assertRefused(await client.post(path, body), 403, 'EMAIL_NOT_VERIFIED', path);
  });
});
