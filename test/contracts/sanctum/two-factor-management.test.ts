import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { decodeBase32 } from '../../../src/core/base32.ts';
import { cleanExpired } from '../../../src/store/clean.ts';
import {
  type Answer,
  assertGuest,
  assertInvalid,
  assertRefused,
  type Client,
  PASSWORD,
  sharedWorld,
} from './client.ts';
import {
  assertPassed,
  begin,
  CODE_WRONG,
  CONFIRM_FIRST,
  challenge,
  confirmPassword,
  counted,
  NOT_ENABLED,
  PAIR,
  RECOVERY_CODE_WRONG,
  recoveryCodesOf,
  signedInFully,
  stolen,
  switchOn,
  totpNow,
  waiting,
  withDelivered,
  withTotp,
  wrongCodes,
} from './two-factor-people.ts';

const FACTOR = '/user/two-factor-authentication';
const QR = '/user/two-factor-qr-code';
const SECRET = '/user/two-factor-secret-key';
const CONFIRMED = '/user/confirmed-two-factor-authentication';
const CODES = '/user/two-factor-recovery-codes';

/** All lines but the two that confirm a password. */
const LINES = [
  ['POST', FACTOR],
  ['GET', QR],
  ['GET', SECRET],
  ['POST', CONFIRMED],
  ['GET', CODES],
  ['POST', CODES],
  ['DELETE', FACTOR],
] as const;

const assertBlank = (answer: Answer): void => assert.deepEqual([answer.status, answer.text], [200, '""']);
const assertCodeWrong = (answer: Answer): void => assertInvalid(answer, { code: [CODE_WRONG] });

/** What a session is shown of a secret that waits: nothing. */
async function assertNothingWaits(client: Client): Promise<void> {
  assertRefused(await client.get(SECRET), 404, NOT_ENABLED);
  const qr = await client.get(QR);
  assert.deepEqual([qr.status, qr.json], [200, []]);
}

describe('the lines of the second factor', () => {
  const world = sharedWorld();
  /** Signed in, the password confirmed. */
  const confirmed = async (): Promise<Client> => {
    const client = await world().signedIn();
    await confirmPassword(client);
    return client;
  };

  for (const [method, path] of LINES) {
    it(`4.3: ${method} ${path} asks for a confirmed password, below the prefix and at the root`, async () => {
      const fresh = await world().signedIn();
      const guest = world().another();
      await guest.csrfCookie();
      for (const url of [`/api/v1${path}`, path]) {
        assertGuest(await guest.ask(method, url));
        assertRefused(await fresh.ask(method, url), 423, CONFIRM_FIRST);
      }
      const client = await confirmed();
      world().clock.advance({ seconds: 601 });
      for (const url of [`/api/v1${path}`, path]) assertRefused(await client.ask(method, url), 423, CONFIRM_FIRST);
      await confirmPassword(client);
      world().clock.advance({ seconds: 599 });
      for (const url of [`/api/v1${path}`, path]) assert.notEqual((await client.ask(method, url)).status, 423);
    });

    it(`4.3: ${method} ${path} asks for it again once the factor was switched on elsewhere`, async () => {
      const { email } = await world().account();
      const [one, other] = [world().another(), world().another()];
      for (const client of [one, other]) {
        await client.login(email);
        await confirmPassword(client);
      }
      await switchOn(world(), one);
      assertRefused(await other.ask(method, `/api/v1${path}`), 423, CONFIRM_FIRST);
    });
  }

  it('4.3: are the whole of a set-up at the root, as front ends of Fortify ask for it', async () => {
    const client = await world().signedIn();
    await client.ask('POST', '/user/confirm-password', { body: { password: PASSWORD } });
    assertBlank(await client.ask('POST', FACTOR));
    const { secretKey = '' } = (await client.ask('GET', SECRET)).body;
    assertBlank(await client.ask('POST', CONFIRMED, { body: { code: totpNow(world(), secretKey) } }));
    assertBlank(await client.ask('POST', CODES));
    assert.equal(((await client.ask('GET', CODES)).json as string[]).length, 8);
    assertBlank(await client.ask('DELETE', FACTOR));
    assert.deepEqual((await client.ask('GET', CODES)).json, []);
  });
});

describe('an authenticator that is being set up', () => {
  const world = sharedWorld();
  const confirmed = async (email?: string): Promise<Client> => {
    const client = await world().signedIn(email);
    await confirmPassword(client);
    return client;
  };

  it('4.3: shows nothing before it is begun', async () => {
    const client = await confirmed();
    await assertNothingWaits(client);
    const codes = await client.get(CODES);
    assert.deepEqual([codes.status, codes.json], [200, []]);
  });

  it('4.3, R041: has a secret of 160 bits, and no two have the same', async () => {
    const secrets = new Set<string>();
    for (let time = 0; time < 5; time += 1) secrets.add(await begin(await confirmed()));
    for (const secret of secrets) {
      assert.match(secret, /^[A-Z2-7]{32}$/);
      assert.equal(decodeBase32(secret)?.length, 20);
    }
    assert.equal(secrets.size, 5);
  });

  it('4.3, R041: is told to an app by a picture of 192 by 192 and the URL in it', async () => {
    const email = 'jean+app_1@example.com';
    const client = await confirmed(email);
    const secret = await begin(client);
    const answer = await client.get(QR);
    assert.deepEqual([answer.status, Object.keys(answer.body)], [200, ['svg', 'url']]);
    const { svg = '', url = '' } = answer.body;
    assert.match(svg, /^<svg [^>]*width="192" height="192"[^>]*>.*<\/svg>\s*$/s);
    assert.equal(
      url,
      `otpauth://totp/Guichet:${encodeURIComponent(email)}?secret=${secret}&issuer=Guichet&algorithm=SHA1&digits=6&period=30`,
    );
    const parsed = new URL(url);
    assert.deepEqual([parsed.protocol, parsed.host], ['otpauth:', 'totp']);
    assert.equal(decodeURIComponent(parsed.pathname), `/Guichet:${email}`);
    assert.deepEqual(Object.fromEntries(parsed.searchParams), {
      secret,
      issuer: 'Guichet',
      algorithm: 'SHA1',
      digits: '6',
      period: '30',
    });
  });

  it('R041: has the codes of oathtool', {
    skip: spawnSync('oathtool', ['--version']).error ? 'oathtool is not installed' : false,
  }, async () => {
    const client = await confirmed();
    const secret = await begin(client);
    const second = Math.floor(world().clock.now() / 1000);
    const { stdout } = spawnSync('oathtool', ['--totp', '--base32', '--now', `@${second}`, secret], {
      encoding: 'utf8',
    });
    assertBlank(await client.post(CONFIRMED, { code: stdout.trim() }));
  });

  it('4.3: stays as it is when it is begun again', async () => {
    const client = await confirmed();
    const secret = await begin(client);
    const codes = await recoveryCodesOf(client);
    for (const body of [undefined, {}, { force: false }, { force: 0 }, { force: 'false' }, { force: null }]) {
      assertBlank(await client.post(FACTOR, body));
    }
    assert.equal((await client.get(SECRET)).body.secretKey, secret);
    assert.deepEqual(await recoveryCodesOf(client), codes);
  });

  for (const force of [true, 1, '1', 'true', 'on', 'yes']) {
    it(`4.3: begins anew with force ${JSON.stringify(force)}; the secret from before confirms nothing`, async () => {
      const client = await confirmed();
      const secret = await begin(client);
      const codes = await recoveryCodesOf(client);
      const other = await begin(client, { force });
      assert.notEqual(other, secret);
      assert.deepEqual(
        (await recoveryCodesOf(client)).filter((code) => codes.includes(code)),
        [],
      );
      assertCodeWrong(await client.post(CONFIRMED, { code: totpNow(world(), secret) }));
      assertBlank(await client.post(CONFIRMED, { code: totpNow(world(), other) }));
    });
  }

  it('decisions: is shown in no session but the one that began it', async () => {
    const { email } = await world().account();
    const [one, other] = [world().another(), world().another()];
    for (const client of [one, other]) {
      await client.login(email);
      await confirmPassword(client);
    }
    await begin(one);
    await assertNothingWaits(other);
    assert.deepEqual(await recoveryCodesOf(other), []);
  });

  it('decisions: asks nobody for a code before its first right one (R044)', async () => {
    const client = await confirmed('pending@example.com');
    await begin(client);
    assert.deepEqual((await world().another().login('pending@example.com')).json, { two_factor: false });
  });

  it('4.3: is switched on by a right code alone', async () => {
    const client = await confirmed();
    const secret = await begin(client);
    for (const body of [{ code: '000000' }, {}, undefined, { code: ' ' }]) {
      assertCodeWrong(await client.post(CONFIRMED, body));
    }
    assertInvalid(await client.post(CONFIRMED, { code: 123456 }), { code: ['The code field must be a string.'] });
    assertBlank(await client.post(CONFIRMED, { code: totpNow(world(), secret) }));
    assertCodeWrong(await client.post(CONFIRMED, { code: totpNow(world(), secret, 1) }));
  });

  it('rule 17: is switched on by no code after five wrong ones, until it is begun anew', async () => {
    const client = await confirmed();
    const secret = await begin(client);
    for (let time = 0; time < 5; time += 1) assertCodeWrong(await client.post(CONFIRMED, { code: `00000${time}` }));
    assertCodeWrong(await client.post(CONFIRMED, { code: totpNow(world(), secret) }));
    const other = await begin(client, { force: true });
    assertBlank(await client.post(CONFIRMED, { code: totpNow(world(), other) }));
  });

  it('4.3: confirms nothing that was never begun', async () => {
    const client = await confirmed();
    assertCodeWrong(await client.post(CONFIRMED, { code: '123456' }));
  });

  it('decisions, R044: is never shown again once it is on', async () => {
    const client = await confirmed();
    const { secret } = await switchOn(world(), client);
    await assertNothingWaits(client);
    // Not by asking for it again either.
    assertBlank(await client.post(FACTOR));
    await assertNothingWaits(client);
    for (const path of [QR, SECRET, CODES, '/user', '/auth/user']) {
      assert.equal((await client.get(path)).text.includes(secret), false, path);
    }
  });

  it('rule 18: is proven in the session that has switched it on', async () => {
    const client = await confirmed();
    await switchOn(world(), client);
    // The password that was confirmed before it still is.
    assertBlank(await client.post(CODES));
  });

  it('rule 30, R045: leaves the other sessions signed in, and tells its owner', async () => {
    const { email } = await world().account();
    const [one, other] = [world().another(), world().another()];
    for (const client of [one, other]) await client.login(email);
    await confirmPassword(one);
    const before = (await world().mails(email)).length;
    await begin(one);
    assert.equal((await world().mails(email)).length, before);
    await one.post(CONFIRMED, { code: totpNow(world(), (await one.get(SECRET)).body.secretKey ?? '') });
    assert.equal((await other.user()).status, 200);
    const [notice, ...more] = (await world().mails(email)).slice(0, -before || undefined);
    assert.deepEqual([more, notice?.code, notice?.links], [[], null, []]);
  });

  it('decisions: keeps its secret sealed', async () => {
    const client = await confirmed();
    const waitingSecret = await begin(client);
    assert.equal((await stolen(world())).includes(waitingSecret), false);
    await client.post(CONFIRMED, { code: totpNow(world(), waitingSecret) });
    assert.equal((await stolen(world())).includes(waitingSecret), false);
  });
});

describe('an authenticator that takes another’s place', () => {
  const world = sharedWorld();

  it('decisions: works only once it is confirmed; the one before works until then', async () => {
    const who = await withTotp(world());
    await confirmPassword(who.client);
    const next = await begin(who.client, { force: true });
    assert.notEqual(next, who.secret);

    const client = await waiting(world(), who);
    assertCodeWrong(await challenge(client, { code: totpNow(world(), next) }));
    assertPassed(await challenge(client, { code: totpNow(world(), who.secret) }));
    assertBlank(await who.client.post(CONFIRMED, { code: totpNow(world(), next) }));

    world().clock.advance({ minutes: 2 });
    const late = await waiting(world(), who);
    assertCodeWrong(await challenge(late, { code: totpNow(world(), who.secret) }));
    assertPassed(await challenge(late, { code: totpNow(world(), next) }));
  });

  it('decisions: has recovery codes that work only once it is confirmed; those before work until then', async () => {
    const who = await withTotp(world());
    await confirmPassword(who.client);
    const next = await begin(who.client, { force: true });
    const codes = await recoveryCodesOf(who.client);
    assert.equal(codes.length, 8);
    assert.deepEqual(
      codes.filter((code) => who.recoveryCodes.includes(code)),
      [],
    );

    const early = await waiting(world(), who);
    const refused = await challenge(early, { recovery_code: codes[0] });
    assertInvalid(refused, { recovery_code: [RECOVERY_CODE_WRONG] });
    assertPassed(await challenge(early, { recovery_code: who.recoveryCodes[0] }));

    assertBlank(await who.client.post(CONFIRMED, { code: totpNow(world(), next) }));
    const late = await waiting(world(), who);
    const dead = await challenge(late, { recovery_code: who.recoveryCodes[1] });
    assertInvalid(dead, { recovery_code: [RECOVERY_CODE_WRONG] });
    assertPassed(await challenge(late, { recovery_code: codes[0] }));
    assert.deepEqual(await recoveryCodesOf(who.client), codes.slice(1));
  });

  it('4.3: is not begun without force while one is on', async () => {
    const who = await withTotp(world());
    await confirmPassword(who.client);
    assertBlank(await who.client.post(FACTOR));
    await assertNothingWaits(who.client);
    assertPassed(await challenge(await waiting(world(), who), { recovery_code: who.recoveryCodes[0] }));
  });

  it('rule 13: takes the place of codes that are sent', async () => {
    const who = await withDelivered(world(), 'email');
    await who.client.post('/user/confirm-password', { password: PASSWORD });
    const [mail] = await world().mails(who.to);
    await confirmPassword(who.client, { code: mail?.code });
    const { recoveryCodes, secret } = await switchOn(world(), who.client);
    world().clock.advance({ minutes: 2 });
    const client = world().another();
    assert.deepEqual((await client.login(who.email)).json, { two_factor: true });
    const dead = await challenge(client, { recovery_code: who.recoveryCodes[0] });
    assertInvalid(dead, { recovery_code: [RECOVERY_CODE_WRONG] });
    assertPassed(await challenge(client, { code: totpNow(world(), secret) }));
    assert.equal(recoveryCodes.length, 8);
  });

  it('R044: is not begun in a session that has not passed the factor, and changes nothing there', async () => {
    const who = await withTotp(world());
    const client = await signedInFully(world(), who);
    assertRefused(await client.post(FACTOR, { force: true }), 423, CONFIRM_FIRST);
    world().clock.advance({ minutes: 1 });
    assertPassed(await challenge(await waiting(world(), who), { code: totpNow(world(), who.secret) }));
  });

  it('rule 17: counts wrong codes of the one that waits in the account’s hour', async () => {
    const who = await withTotp(world());
    await confirmPassword(who.client);
    const next = await begin(who.client, { force: true });
    for (const code of await wrongCodes(world(), { ...who, secret: next }, 3)) {
      assertCodeWrong(await who.client.post(CONFIRMED, { code }));
    }
    assert.deepEqual(await counted(world(), who), { codes: 3, recoveryCodes: 0 });
  });
});

describe('recovery codes', () => {
  const world = sharedWorld();
  const confirmed = async (): Promise<Client> => {
    const client = await world().signedIn();
    await confirmPassword(client);
    return client;
  };

  it('K31: are eight, of two halves of ten, and all different', async () => {
    const seen = new Set<string>();
    for (let time = 0; time < 20; time += 1) {
      const client = await confirmed();
      await begin(client);
      const codes = await recoveryCodesOf(client);
      assert.equal(codes.length, 8);
      for (const code of codes) {
        assert.match(code, PAIR);
        seen.add(code);
      }
    }
    assert.equal(seen.size, 160);
    // Each of the 62 symbols occurs: of 3,200 draws none stays away.
    assert.equal(new Set([...seen].join('').replaceAll('-', '')).size, 62);
  });

  it('4.3: are shown together with the secret, and are the same once it is confirmed', async () => {
    const client = await confirmed();
    const secret = await begin(client);
    const codes = await recoveryCodesOf(client);
    assert.equal(codes.length, 8);
    assertBlank(await client.post(CONFIRMED, { code: totpNow(world(), secret) }));
    assert.deepEqual(await recoveryCodesOf(client), codes);
  });

  it('decisions, R048: are shown for ten minutes to the session that made them, then not', async () => {
    const who = await withTotp(world());
    await confirmPassword(who.client);
    assertBlank(await who.client.post(CODES));
    const codes = await recoveryCodesOf(who.client);
    world().clock.advance({ seconds: 300 });
    await confirmPassword(who.client);
    world().clock.advance({ seconds: 299 });
    assert.deepEqual(await recoveryCodesOf(who.client), codes);
    world().clock.advance({ seconds: 2 });
    const late = await who.client.get(CODES);
    assert.deepEqual([late.status, late.json], [200, []]);
    // They work all the same.
    assertPassed(await challenge(await waiting(world(), who), { recovery_code: codes[0] }));
  });

  it('decisions, R048: are shown to no other session, one that has proven everything neither', async () => {
    const who = await withTotp(world());
    const other = await signedInFully(world(), who);
    await confirmPassword(other);
    await confirmPassword(who.client);
    assertBlank(await who.client.post(CODES));
    const elsewhere = await other.get(CODES);
    assert.deepEqual([elsewhere.status, elsewhere.json], [200, []]);
    assert.equal((await recoveryCodesOf(who.client)).length, 8);
  });

  it('decisions: are shown without those that were used', async () => {
    const who = await withTotp(world());
    await confirmPassword(who.client);
    assertPassed(await challenge(await waiting(world(), who), { recovery_code: who.recoveryCodes[2] }));
    assert.deepEqual(
      await recoveryCodesOf(who.client),
      who.recoveryCodes.filter((_, index) => index !== 2),
    );
    const again = await challenge(await waiting(world(), who), { recovery_code: who.recoveryCodes[2] });
    assertInvalid(again, { recovery_code: [RECOVERY_CODE_WRONG] });
  });

  it('4.3, R051: are all replaced by POST, and their owner is told', async () => {
    const who = await withTotp(world());
    await confirmPassword(who.client);
    const before = (await world().mails(who.email)).length;
    assertBlank(await who.client.post(CODES));
    const codes = await recoveryCodesOf(who.client);
    assert.equal(codes.length, 8);
    assert.deepEqual(
      codes.filter((code) => who.recoveryCodes.includes(code)),
      [],
    );
    const client = await waiting(world(), who);
    for (const recovery_code of who.recoveryCodes.slice(0, 3)) {
      assertInvalid(await challenge(client, { recovery_code }), { recovery_code: [RECOVERY_CODE_WRONG] });
    }
    assertPassed(await challenge(client, { recovery_code: codes[7] }));
    const mails = (await world().mails(who.email)).map(({ subject }) => subject);
    assert.ok(mails.slice(0, mails.length - before).includes('New recovery codes were made'));
  });

  it('decisions: are shown as the newest ones to the session that made those, and those of no session before', async () => {
    const who = await withTotp(world());
    const other = await signedInFully(world(), who);
    for (const client of [who.client, other]) await confirmPassword(client);
    assertBlank(await who.client.post(CODES));
    assertBlank(await other.post(CODES));
    assert.deepEqual(await recoveryCodesOf(who.client), []);
    assert.equal((await recoveryCodesOf(other)).length, 8);
  });

  it('decisions: are kept sealed while they are shown, and not at all afterwards', async () => {
    const client = await confirmed();
    const { recoveryCodes } = await switchOn(world(), client);
    const rows = await stolen(world());
    for (const code of recoveryCodes) {
      for (const part of [code, ...code.split('-')]) assert.equal(rows.includes(part), false);
    }
    const kept = (): Promise<unknown[]> => world().handle.read.selectFrom('shown_recovery_codes').selectAll().execute();
    assert.equal((await kept()).length > 0, true);
    world().clock.advance({ minutes: 10, seconds: 1 });
    await cleanExpired(world().handle, world().clock.now());
    assert.deepEqual(await kept(), []);
  });

  it('R048: are in no answer but the one that lists them', async () => {
    const client = await confirmed();
    const secret = await begin(client);
    const codes = await recoveryCodesOf(client);
    const answers = [
      await client.post(CONFIRMED, { code: totpNow(world(), secret) }),
      await client.user(),
      await client.get(QR),
      await client.get(SECRET),
      await client.post(CODES),
    ];
    for (const { text } of answers) for (const code of codes) assert.equal(text.includes(code), false);
  });
});

describe('a second factor that is switched off', () => {
  const world = sharedWorld();

  it('4.3: asks nobody any more, and has neither codes nor a secret left', async () => {
    const who = await withTotp(world());
    await confirmPassword(who.client);
    assertBlank(await who.client.delete(FACTOR));
    assert.deepEqual(await recoveryCodesOf(who.client), []);
    await assertNothingWaits(who.client);
    assert.deepEqual((await world().another().login(who.email)).json, { two_factor: false });
    const { handle } = world();
    for (const table of ['recovery_code', 'totp', 'shown_recovery_codes', 'pending_factor'] as const) {
      const rows = await handle.read.selectFrom(table).selectAll().where('account_id', '=', who.id).execute();
      assert.deepEqual(rows, [], table);
    }
  });

  it('4.3: takes one with it that waits for its first code', async () => {
    const client = await world().signedIn();
    await confirmPassword(client);
    const secret = await begin(client);
    assertBlank(await client.delete(FACTOR));
    await assertNothingWaits(client);
    assert.deepEqual(await recoveryCodesOf(client), []);
    assertCodeWrong(await client.post(CONFIRMED, { code: totpNow(world(), secret) }));
  });

  it('4.3: is off also where it was never on', async () => {
    const client = await world().signedIn();
    await confirmPassword(client);
    assertBlank(await client.delete(FACTOR));
  });

  it('R045: is told to its owner, by a mail that opens nothing', async () => {
    const who = await withTotp(world());
    await confirmPassword(who.client);
    const before = (await world().mails(who.email)).length;
    assertBlank(await who.client.delete(FACTOR));
    const mails = await world().mails(who.email);
    assert.equal(mails.length, before + 1);
    assert.deepEqual([mails[0]?.code, mails[0]?.links], [null, []]);
  });

  it('4.3: can be set up again, with another secret and other codes', async () => {
    const who = await withTotp(world());
    await confirmPassword(who.client);
    assertBlank(await who.client.delete(FACTOR));
    const { recoveryCodes, secret } = await switchOn(world(), who.client);
    assert.notEqual(secret, who.secret);
    assert.deepEqual(
      recoveryCodes.filter((code) => who.recoveryCodes.includes(code)),
      [],
    );
  });
});
