import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import { it, type TestContext } from 'node:test';
import { type Answer, assertSignedIn } from '../contracts/device/answers.ts';
import { type Asking, Client, type OpenedClient, openClient } from '../contracts/device/client.ts';
import { hasPostgres } from '../support/databases.ts';
import { SECRET } from '../support/world.ts';
import { dump, files, found, plainly, standing } from './leaks.ts';

const passwords = {
  first: 'canary-one tangerine 4711',
  second: 'canary-two tangerine 4712',
  third: 'canary-three tangerine 4713',
  wrong: 'canary-wrong tangerine 4714',
  typedAsName: 'canary-typed-as-name 4715',
  tooWeak: 'canary1',
};
const people = {
  email: 'canary.nightingale@example.com',
  newEmail: 'canary.nightingale@example.org',
  phone: '+33612000001',
  newPhone: '+33612000002',
  phoneAlone: '+33612000003',
  unproven: '+33612000004',
};
const fingerprints = {
  first: 'canary-fingerprint-358240051111110',
  second: 'canary-fingerprint-358240051111129',
  wrong: 'canary-fingerprint-358240051111137',
};
/** What an answer gives a client, under keys of its own and nowhere else. */
const GIVEN = ['access_token', 'refresh_token', 'client_token', 'challenge', 'secret', 'otpauth_uri', 'qr_code'];

/** Draws codes that occur in nothing else: `9355…` and a count; eight digits contain the six. */
function countedCodes() {
  let count = 0;
  return {
    drawn: new Set<string>(),
    bytes(length: number): Uint8Array {
      if (length !== 4) return randomBytes(length);
      count += 1;
      const drawn = 4_150_935_500 + 7 * count;
      this.drawn.add(String(drawn).slice(-6));
      return Buffer.from(drawn.toString(16), 'hex');
    },
    uuid(): string {
      for (;;) {
        const uuid = randomUUID();
        if (!/\d{6}/.test(uuid)) return uuid;
      }
    },
  };
}

interface Life {
  /** Each with the line that it answers. */
  answers: (Answer & { line: string })[];
  /** Long ones, which nothing else can happen to contain. */
  secrets: Set<string>;
  codes: Set<string>;
}

/** Everything that an account goes through, by its contract; ends with an account that is still there. */
async function live(world: OpenedClient): Promise<Life & { app: Client; password: string; totp: () => string }> {
  const { clock, totp } = world;
  const life: Life = { answers: [], secrets: new Set(), codes: new Set() };
  const person = new Client(world.app, {
    address: '10.1.1.1',
    device: {
      device_type: 'Mobile',
      device_name: 'Phone of A',
      device_os: 'OS',
      device_fingerprint: fingerprints.first,
    },
  });
  const second = new Client(world.app, { address: '10.2.2.2', device: { device_fingerprint: fingerprints.second } });
  const stranger = new Client(world.app, { address: '10.9.8.7' });
  const { email, newEmail, newPhone, phone, phoneAlone } = people;
  const recoveryCodes: string[] = [];

  const ask = async (client: Client, line: string, body?: unknown, of: Asking = {}): Promise<Answer> => {
    const [method = '', path = ''] = line.split(' ');
    const answer = await client.ask(method as 'GET', path, { ...of, ...(body !== undefined && { body }) });
    life.answers.push({ ...answer, line });
    for (const key of GIVEN) {
      const value = (answer.body as Record<string, unknown>)[key];
      if (typeof value === 'string') life.secrets.add(value);
    }
    for (const code of answer.body.recovery_codes ?? []) {
      recoveryCodes.push(code);
      life.secrets.add(code).add(code.toLowerCase());
    }
    clock.advance({ seconds: 61 });
    return answer;
  };
  const good = async (...request: Parameters<typeof ask>): Promise<Answer> => {
    const answer = await ask(...request);
    assert.ok(answer.status < 300, `${request[1]}: ${answer.text}`);
    return answer;
  };
  const bad = async (status: number, ...request: Parameters<typeof ask>): Promise<void> => {
    const answer = await ask(...request);
    assert.equal(answer.status, status, `${request[1]}: ${answer.text}`);
  };
  const sent = async (to: string): Promise<string> => {
    const code = await world.codeFor(to);
    life.codes.add(code);
    return code;
  };
  const shown = (secret: string): string => {
    const code = totp(secret);
    life.codes.add(code);
    return code;
  };
  const not = (code: string): string => {
    const wrong = code.replace(/.$/, (digit) => String((Number(digit) + 3) % 10));
    life.codes.add(wrong);
    return wrong;
  };
  const refresh = (client: Client): Promise<Answer> =>
    good(client, 'POST /refresh', { refresh_token: client.refreshToken, ...client.device }, { token: null });
  const login = (client: Client, identifier: string, password: string) =>
    ask(client, 'POST /login', { identifier, password, ...client.device }, { token: null });
  const anHourLater = async (): Promise<void> => {
    clock.advance({ minutes: 50 });
    await refresh(person);
    clock.advance({ minutes: 11 });
    await refresh(person);
  };

  // Sign-up, by address and by number.
  let password = passwords.first;
  await bad(422, person, 'POST /register', { email, phone, password: passwords.tooWeak, ...person.device });
  await good(person, 'POST /register', { email, phone, password, ...person.device });
  await bad(409, stranger, 'POST /register', { email, password: passwords.second });
  await bad(403, person, 'POST /login', { identifier: email, password, ...person.device });
  await good(person, 'POST /confirm/resend', { identifier: email });
  const confirmation = await sent(email);
  await bad(401, person, 'POST /confirm', { identifier: email, otp: not(confirmation) });
  await good(person, 'POST /confirm', { identifier: email, otp: confirmation });
  await bad(401, person, 'POST /confirm', { identifier: email, otp: confirmation });

  // Sign-in, and what is typed into the wrong field.
  assertSignedIn(await login(person, email, password));
  const numbered = await sent(phone);
  await bad(401, person, 'POST /phone/verify', { otp: not(numbered) });
  await good(person, 'POST /phone/verify', { otp: numbered });
  await bad(401, person, 'POST /login', { identifier: email, password: passwords.wrong, ...person.device });
  await bad(401, person, 'POST /login', { identifier: passwords.typedAsName, password: passwords.wrong });
  await ask(person, 'POST /login', undefined, { raw: `{"identifier":"${email}","password":"${password}"` });
  await ask(person, 'POST /login', { identifier: [email], password: { text: password }, device_fingerprint: 7 });
  await ask(
    person,
    `GET /me?access_token=${person.accessToken}&otp=${numbered}&password=${encodeURIComponent(password)}`,
  );
  await ask(person, `GET /${person.refreshToken}`);
  await ask(person, `DELETE /sessions/${person.refreshToken}`);
  await ask(person, `GET /me?fingerprint=${fingerprints.first}`, undefined, { token: `${person.accessToken}x` });

  await good(stranger, 'POST /register', { phone: phoneAlone, password: passwords.second });
  await good(stranger, 'POST /confirm', { identifier: phoneAlone, otp: await sent(phoneAlone) });

  const signInTwice = async (code: () => Promise<string>): Promise<void> => {
    assert.equal((await login(second, phone, password)).status, 202);
    const named = { identifier: phone, ...second.device };
    await good(second, 'POST /2fa/request-otp', { ...named, challenge: second.challenge }, { token: null });
    const wrong = not(await code());
    await bad(401, second, 'POST /2fa/verify', { ...named, otp: wrong, challenge: second.challenge }, { token: null });
    const right = await code();
    assertSignedIn(await good(second, 'POST /2fa/verify', { ...named, otp: right }, { token: null }));
    await bad(401, second, 'POST /2fa/verify', { ...named, otp: right }, { token: null });
    await good(person, 'GET /me');
    await good(person, 'GET /sessions');
    await good(person, 'GET /devices');
  };

  // A second factor of each kind, one in the place of the other.
  for (const [channel, to] of [
    ['email', email],
    ['sms', phone],
  ] as const) {
    await good(person, 'POST /reauthenticate', { password });
    if (channel === 'sms') await good(person, 'POST /reauthenticate', { otp: await sent(email) });
    await good(person, 'POST /2fa/enable', { password, channel });
    const enabling = await sent(to);
    await bad(401, person, 'POST /2fa/confirm', { otp: not(enabling) });
    await good(person, 'POST /2fa/confirm', { otp: enabling });
    await signInTwice(() => sent(to));
    await anHourLater();
  }
  await good(person, 'POST /reauthenticate', { password });
  await bad(401, person, 'POST /reauthenticate', { otp: not(await sent(phone)) });
  await good(person, 'POST /reauthenticate', { otp: await sent(phone) });
  await good(person, 'POST /2fa/enable', { password, channel: 'totp' });
  const { secret = '' } = (await good(person, 'POST /2fa/enable', { password, channel: 'totp' })).body;
  await bad(401, person, 'POST /2fa/confirm', { otp: not(shown(secret)) });
  await good(person, 'POST /2fa/confirm', { otp: shown(secret) });
  await bad(401, person, 'POST /2fa/confirm', { otp: shown(secret) });
  await signInTwice(async () => shown(secret));
  const [recovery = '', nextRecovery = ''] = recoveryCodes.slice(-10);
  await login(second, email, password);
  const onPaper = recovery.toLowerCase().replace(/.{5}/g, '$&-');
  life.secrets.add(onPaper);
  await good(second, 'POST /2fa/verify', { identifier: email, otp: onPaper, password, ...second.device });
  await bad(401, second, 'POST /2fa/verify', { identifier: email, otp: recovery, password, ...second.device });
  await anHourLater();

  // Another address and number.
  await bad(401, person, 'POST /reauthenticate', { otp: not(shown(secret)) });
  await good(person, 'POST /reauthenticate', { otp: shown(secret) });
  await good(person, 'POST /phone/change', { phone: newPhone, password });
  const phoneCode = await sent(newPhone);
  await bad(401, person, 'POST /phone/verify', { otp: not(phoneCode) });
  await good(person, 'POST /phone/verify', { otp: phoneCode });
  await good(person, 'POST /email/change', { email: newEmail, password, otp: shown(secret) });
  const emailCode = await sent(newEmail);
  await bad(401, person, 'POST /email/verify', { otp: not(emailCode) });
  await good(person, 'POST /email/verify', { otp: emailCode });

  // Another password, by the old one and by the mailed digits; a lock, and the link that lifts it.
  await bad(401, person, 'PUT /password', { current_password: passwords.wrong, password: passwords.second });
  await good(person, 'PUT /password', { current_password: password, password: passwords.second });
  const { challenge = '' } = (await good(person, 'POST /password/forgot', { identifier: newEmail })).body;
  const digits = await sent(newEmail);
  const reset = { identifier: newEmail, challenge, otp: digits, password: passwords.third };
  await bad(422, person, 'POST /password/reset', { ...reset, password: passwords.tooWeak });
  await bad(401, person, 'POST /password/reset', { ...reset, otp: not(digits) });
  await good(person, 'POST /password/reset', reset);
  password = passwords.third;
  for (let time = 0; time < 11; time += 1) {
    await login(new Client(world.app, { address: `10.0.${time}.1` }), newEmail, passwords.wrong);
  }
  const unlock = await world.tokenFor(newEmail);
  life.secrets.add(unlock);
  await bad(401, stranger, 'POST /unlock', { token: `${unlock}x` });
  await good(stranger, 'POST /unlock', { token: unlock });
  await login(person, newEmail, password);
  const once = { identifier: newEmail, challenge: person.challenge, ...person.device };
  assertSignedIn(await good(person, 'POST /2fa/verify', { ...once, otp: shown(secret) }));

  // Tokens that come back where they should not.
  const spent = person.refreshToken;
  await refresh(person);
  await bad(401, stranger, 'POST /refresh', {
    refresh_token: person.refreshToken,
    device_fingerprint: fingerprints.wrong,
  });
  await bad(401, stranger, 'POST /refresh', { refresh_token: person.refreshToken });
  await bad(401, person, 'POST /refresh', { refresh_token: spent, ...person.device });
  await login(person, newEmail, password);
  assertSignedIn(
    await good(person, 'POST /2fa/verify', { ...once, challenge: person.challenge, otp: nextRecovery.toLowerCase() }),
  );
  await bad(401, person, 'DELETE /account', { password: passwords.wrong, otp: shown(secret) });
  await world.mails();
  // Two that nobody has read, and one that has not been sent yet.
  await good(second, 'POST /password/forgot', { identifier: newEmail }, { token: null });
  await world.mails();
  await good(person, 'POST /phone/change', { phone: people.unproven, password });
  return { ...life, app: person, password, totp: () => shown(secret) };
}

for (const database of ['sqlite', 'postgres'] as const) {
  const skip = database === 'postgres' && !hasPostgres ? 'no PostgreSQL server' : false;

  it(`no secret of a device account’s whole life is stored, logged or answered again, on ${database}`, {
    skip,
  }, async (t: TestContext) => {
    const lines: string[] = [];
    const random = countedCodes();
    const log = { write: (line: string) => void lines.push(line) };
    const world = await openClient(t, { database, log, overrides: { random } });
    const { answers, app, codes: typed, password, secrets, totp } = await live(world);
    const codes = new Set([...typed, ...random.drawn]);
    assert.ok(secrets.size >= 70 && codes.size >= 35, `${secrets.size} secrets, ${codes.size} codes`);
    assert.ok(answers.length >= 100, `${answers.length} answers`);
    const keys = [
      SECRET,
      ...world.world.keyring.peppers.flatMap(({ key }) => [key.toString('hex'), key.toString('base64')]),
    ];
    const never = [...Object.values(passwords), ...secrets, ...keys];
    const prints = Object.values(fingerprints);

    const checkStore = async (): Promise<void> => {
      const tables = await dump(world);
      assert.ok(tables.size >= 22);
      for (const [table, text] of tables) {
        assert.deepEqual(found(text, never), [], table);
        assert.deepEqual(standing(text, codes), [], table);
        assert.deepEqual(plainly(text, prints), [], table);
        const holdsNames = ['identifier', 'delivered_code', 'one_time_token'].includes(table);
        if (!holdsNames) assert.deepEqual(found(text, Object.values(people)), [], table);
      }
      if (database === 'postgres') return;
      for (const [path, bytes] of files(world)) {
        assert.equal(statSync(path).mode & 0o777, 0o600, path);
        assert.deepEqual(found(bytes, [...never, ...codes]), [], path);
        assert.deepEqual(plainly(bytes, prints), [], path);
      }
    };
    const waiting = await world.handle.read
      .selectFrom('outbox')
      .select('sealed')
      .where('sealed', 'is not', null)
      .execute();
    assert.ok(waiting.length > 0);
    await checkStore();

    const written = lines.join('');
    assert.match(written, /"event":"second_factor.enabled"/);
    assert.match(written, /"msg":"request"/);
    assert.deepEqual(found(written, [...never, ...prints, ...Object.values(people)]), []);
    assert.deepEqual(standing(written, codes), []);

    const secretOf = answers.map(({ body }) => body.secret).filter((secret) => secret !== undefined);
    for (const { body, headers, line, text } of answers) {
      const given = Object.keys(body).filter((key) => GIVEN.includes(key) || key === 'recovery_codes');
      if (line.startsWith('GET ')) assert.deepEqual(given, [], line);
      const rest = Object.fromEntries(Object.entries(body).filter(([key]) => !given.includes(key)));
      assert.deepEqual(found(JSON.stringify([rest, headers]), [...never, ...prints, ...codes]), [], line);
      if (body.secret === undefined) assert.deepEqual(found(text, secretOf), [], line);
    }
    const shownOnce = answers.flatMap(({ body }) => [body.secret, ...(body.recovery_codes ?? [])]);
    const shown = shownOnce.filter((value) => value !== undefined);
    assert.equal(new Set(shown).size, shown.length);

    // Nothing of it stays behind, but what is nameless.
    const { account } = (await app.get('/me')).body;
    assert.equal((await app.delete('/account', { password, otp: totp() })).status, 200);
    assert.equal((await world.identity.findAccount({ name: people.phoneAlone })).phone, people.phoneAlone);
    await world.mails();
    await world.mailbox?.empty();
    await checkStore();
    const { phoneAlone, ...gone } = people;
    const labels = [fingerprints.first, fingerprints.second].map((text) =>
      createHash('sha256').update(text).digest('base64url'),
    );
    for (const [table, text] of await dump(world)) {
      assert.deepEqual(found(text, [...Object.values(gone), ...labels, 'Phone of A']), [], table);
      if (!/^audit_event$/.test(table)) assert.deepEqual(found(text, [account?.uuid ?? '']), [], table);
    }
  });
}
