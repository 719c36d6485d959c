import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { type Answer, accountIn, assertDone, assertRefused, assertSignedIn } from './answers.ts';
import { type OpenedClient, openClient, sharedWorld } from './client.ts';

/** The samples are too common for a password that somebody chooses here: their accounts come from elsewhere. */
const SAMPLE_PASSWORD = 'password123';
const LABELS = { roleId: 4, accountableType: 'Customer', accountableId: 5 };

/** The answer of the documents, with what never leaves a server put away and the key that a client may send back. */
const PRINTED = {
  status: 200,
  access_token:
    'eyJhbGciOiJIUzI1NiJ9.eyJhY2NvdW50X2lkIjo2LCJkZXZpY2VfaWQiOjUsInNlc3Npb25fdXVpZCI6ImY3Njg5OWI1LTgwMjMtNGFlZi1hZWFlLTdmMTU0MTcxMTY4YSIsImV4cCI6MTc3MjgyMTU0MywiaXNzIjoiQXV0aFNlcnZpY2UiLCJhdWQiOiJjbGllbnQiLCJqdGkiOiIwZGVlMGFkYi1jYTBkLTQ0Y2MtODZlNS0zNmI4YTEwMDEzNTIifQ.Wj_I4YFjOQEtM07GLLt9HtZ1rEFghePfcwMjuJyHVrY',
  refresh_token: '36cc0de8ff5be29406a38f0bbe3a6451baa53c0877a1a8dd6f1fd44bfabf8e27',
  account: {
    failed_attempts: 0,
    id: 6,
    uuid: '58356bc8-0639-4289-88e8-f64b7ca54501',
    email: 'salut.amos@gmail.com',
    phone: null,
    password_digest: '[redacted]',
    accountable_type: 'Customer',
    accountable_id: 5,
    role_id: 4,
    remember_created_at: null,
    sign_in_count: 0,
    current_sign_in_at: null,
    last_sign_in_at: null,
    current_sign_in_ip: null,
    last_sign_in_ip: null,
    account_confirmed_at: '2026-03-06T17:25:36.316Z',
    account_confirmed: true,
    unlock_token: null,
    locked_at: null,
    two_factor_enabled: false,
    provider: 'local',
    provider_uid: null,
    created_at: '2026-03-06T15:03:05.533Z',
    updated_at: '2026-03-06T17:25:36.321Z',
  },
  client_token: 'a client token',
};

/** The answer as the documents print it: what differs from one sign-in to the next was looked at, and becomes theirs. */
function asPrinted(answer: Answer, of: { email: string; signIns?: number }): unknown {
  const account = assertSignedIn(answer);
  const { email, signIns = 1 } = of;
  assert.equal(account.email, email);
  assert.equal(account.sign_in_count, signIns);
  assert.deepEqual([account.current_sign_in_at === null, account.current_sign_in_ip === null], [false, false]);
  const { access_token, client_token, refresh_token } = PRINTED;
  const { created_at, account_confirmed_at, current_sign_in_at, id, sign_in_count, updated_at, uuid } = PRINTED.account;
  return {
    ...answer.body,
    access_token,
    refresh_token,
    client_token,
    account: {
      ...account,
      ...{ id, uuid, email: PRINTED.account.email, sign_in_count, account_confirmed_at, created_at, updated_at },
      ...{ current_sign_in_at, current_sign_in_ip: null, last_sign_in_at: null, last_sign_in_ip: null },
    },
  };
}

/** An account as the samples have one, under an address of its own unless one is given. */
const sample = (world: OpenedClient, email = world.address('user')) =>
  world.account({ email, password: SAMPLE_PASSWORD, labels: LABELS });

describe('the documents’ sign-in', () => {
  const world = sharedWorld();

  it('answers the example as it stands', async () => {
    await sample(world(), 'user@example.com');
    const answer = await world()
      .another()
      .post('/login', undefined, {
        raw: `{
"identifier": "user@example.com",
"password": "password123",
"device_type": "Mobile",
"device_name": "SAMSUNG GALAXY A13",
"device_os": "Android",
"device_fingerprint": "HJJKJ6-BKJLOI-12"
}`,
      });
    assert.deepEqual(asPrinted(answer, { email: 'user@example.com' }), PRINTED);
  });

  it('answers it in the other document’s spelling', async () => {
    const { email } = await sample(world());
    const answer = await world()
      .another()
      .post('/login', undefined, {
        raw: `{
  "identifier": "${email}",
  "password": "password123",
  "device_type": "Mobile",
  "device_name": "SAMSUNG GALAXY A13",
  "device_os": "Android",
  "device_fingerprint": "HJJKJ6-BKJLOI-12"
}`,
      });
    assert.deepEqual(asPrinted(answer, { email }), PRINTED);
  });

  it('needs no field of the device', async () => {
    const { email } = await sample(world());
    const body = { identifier: email, password: SAMPLE_PASSWORD };
    assert.deepEqual(asPrinted(await world().another().post('/login', body), { email }), PRINTED);
  });

  it('takes each type of device that the table names', async () => {
    const { email } = await sample(world());
    const client = world().another();
    for (const device_type of ['Mobile', 'Tablette', 'Navigateur']) {
      assertSignedIn(await client.signIn(email, SAMPLE_PASSWORD, { device_type, device_fingerprint: device_type }));
    }
    const { devices = [] } = (await client.get('/devices')).body;
    assert.deepEqual(devices.map(({ type }) => type).sort(), ['Mobile', 'Navigateur', 'Tablette']);
  });

  it('finds the account by its phone number, in every usual spelling', async () => {
    const { email } = await world().account({
      phone: '+33612345678',
      password: SAMPLE_PASSWORD,
      labels: LABELS,
    });
    for (const identifier of ['+33612345678', '06 12 34 56 78', '0033 6 12 34 56 78', '+33 (0)6.12.34.56.78', email]) {
      const account = assertSignedIn(await world().another().signIn(identifier, SAMPLE_PASSWORD));
      assert.deepEqual([account.email, account.phone], [email, '+33612345678'], identifier);
    }
  });

  it('finds the account by its address in every spelling', async () => {
    const { email } = await sample(world());
    assertSignedIn(await world().another().signIn(` ${email.toUpperCase()} `, SAMPLE_PASSWORD));
  });

  it('shows the host application’s own labels as the operator set them', async () => {
    const plain = await world().account();
    const account = assertSignedIn(await world().another().signIn(plain.email));
    assert.deepEqual([account.accountable_type, account.accountable_id, account.role_id], ['Account', account.id, 1]);
  });
});

describe('the documents’ request for a code', () => {
  const world = sharedWorld();
  const SENT = 'Un code OTP de 6 chiffres a été renvoyé.';

  it('refuses the example as it stands: its comma too many makes it no JSON', async () => {
    for (const raw of ['{\n"identifier": "john@example.com",\n}', '{\n\n  "identifier": "john@example.com",\n\n}']) {
      const answer = await world().another().post('/2fa/request-otp', undefined, { raw });
      assertRefused(answer, 400, 'invalid_json', {
        message: 'Le corps de la requête n’est pas du JSON valide.',
      });
    }
  });

  it('answers the example without the comma, whether or not anybody has the address', async () => {
    const raw = '{\n"identifier": "john@example.com"\n}';
    const unknown = await world().another().post('/2fa/request-otp', undefined, { raw });
    assertDone(unknown, SENT, 201);
    await sample(world(), 'john@example.com');
    const known = await world().another().post('/2fa/request-otp', undefined, { raw });
    assertDone(known, SENT, 201);
    assert.deepEqual(await world().mails('john@example.com'), []);
  });

  it('answers the same for a phone number, and for a text that is neither', async () => {
    for (const identifier of ['06 12 34 56 78', '12', 'john', '@', ' ']) {
      assertDone(await world().another().post('/2fa/request-otp', { identifier }), SENT, 201);
    }
  });

  it('sends the code of a waiting sign-in again, and the new one alone completes it', async () => {
    const { account, another, clock, codeFor, enrol, mails } = world();
    const { email } = await account();
    const client = another();
    await client.signIn(email);
    await enrol(client, 'email');
    await client.signIn(email);
    const first = await codeFor(email);
    clock.advance({ seconds: 61 });
    assertDone(await client.post('/2fa/request-otp', { identifier: email, ...client.device }), SENT, 201);
    const [again, before] = await mails(email);
    assert.equal(before?.code, first);
    assert.match(again?.code ?? '', /^\d{6}$/);
    assertRefused(await client.verify(email, first), 401, 'invalid_otp');
    assertSignedIn(await client.verify(email, again?.code ?? ''));
  });
});

describe('the documents’ confirmation of a sign-in', () => {
  const world = sharedWorld();

  /** An account with codes by e-mail, its password the sample's, and a device with a sign-in that waits. */
  async function waiting() {
    const { account, another, clock, codeFor } = world();
    const { email } = await account({ password: SAMPLE_PASSWORD, labels: LABELS });
    const client = another({ device: {} });
    await client.signIn(email, SAMPLE_PASSWORD);
    await client.post('/2fa/enable', { password: SAMPLE_PASSWORD, channel: 'email' });
    await client.post('/2fa/confirm', { otp: await codeFor(email) });
    clock.advance({ seconds: 61 });
    const due = await client.signIn(email, SAMPLE_PASSWORD, { device_fingerprint: 'HJJKJ6-BKJLOI-12' });
    return { client, due, email, code: await codeFor(email) };
  }
  const printed = (email: string, otp: string): string => `{

  "identifier": "${email}",
  "password": "password123",
  "device_type": "Mobile",
  "device_name": "SAMSUNG GALAXY A13",
  "device_os": "Android",
  "device_fingerprint": "HJJKJ6-BKJLOI-12",
  "otp": "${otp}"

}`;
  const PROVEN = { ...PRINTED, account: { ...PRINTED.account, two_factor_enabled: true } };

  it('is asked for by a sign-in that is right so far', async () => {
    const { due } = await waiting();
    const { challenge, ...rest } = due.body;
    assert.match(challenge ?? '', /^[\w-]{43}$/);
    assert.deepEqual(rest, {
      status: 202,
      two_factor_required: true,
      channel: 'email',
      message: 'Un code OTP de 6 chiffres a été envoyé.',
    });
  });

  it('refuses the sample’s five digits, and answers the example with six', async () => {
    const { client, code, email } = await waiting();
    const short = await client.post('/2fa/verify', undefined, { raw: printed(email, '12345'), token: null });
    assertRefused(short, 401, 'invalid_otp');
    const answer = await client.post('/2fa/verify', undefined, { raw: printed(email, code), token: null });
    assert.deepEqual(asPrinted(answer, { email, signIns: 2 }), PROVEN);
  });

  it('keeps the leading zeros of a code, and never adds any', async (t) => {
    const bytes = (length: number) => (length === 4 ? Buffer.from([0, 0, 0, 42]) : randomBytes(length));
    const { account, another, codeFor, enrol } = await openClient(t, {
      overrides: { random: { bytes, uuid: () => randomUUID() } },
    });
    const { email } = await account();
    const client = another();
    await client.signIn(email);
    await enrol(client, 'email');
    await client.signIn(email);
    assert.equal(await codeFor(email), '000042');
    for (const otp of ['42', '00042', ' 000042', '0000042']) {
      assertRefused(await client.verify(email, otp), 401, 'invalid_otp');
    }
    assertSignedIn(await client.verify(email, '000042'));
  });

  it('answers without the password, as the table has it', async () => {
    const { client, code, email } = await waiting();
    const body = { identifier: email, otp: code, device_fingerprint: 'HJJKJ6-BKJLOI-12' };
    const answer = await client.post('/2fa/verify', body, { token: null });
    assert.deepEqual(asPrinted(answer, { email, signIns: 2 }), PROVEN);
  });

  it('answers with no field but the two that are required, from where the sign-in came', async () => {
    const { account, another, codeFor, enrol } = world();
    const { email } = await account({ labels: LABELS });
    const client = another({ device: {} });
    await client.signIn(email);
    await enrol(client, 'email');
    await client.signIn(email);
    const answer = await client.post('/2fa/verify', { identifier: email, otp: await codeFor(email) }, { token: null });
    assert.deepEqual(asPrinted(answer, { email, signIns: 2 }), PROVEN);
  });

  it('answers to a phone number with the code of an SMS', async () => {
    const { account, another, codeFor, enrol, number } = world();
    const phone = number();
    const { email } = await account({ phone, labels: LABELS });
    const client = another();
    await client.signIn(phone);
    await enrol(client, 'sms');
    const { challenge, ...due } = (await client.signIn(phone)).body;
    assert.match(challenge ?? '', /^[\w-]{43}$/);
    assert.deepEqual(due, {
      status: 202,
      two_factor_required: true,
      channel: 'sms',
      message: 'Un code OTP de 6 chiffres a été envoyé.',
    });
    const answer = await client.verify(phone, await codeFor(phone));
    const expected = { ...PROVEN, account: { ...PROVEN.account, phone } };
    assert.deepEqual(asPrinted(answer, { email, signIns: 2 }), expected);
  });

  it('answers to an authenticator’s code', async () => {
    const { account, another, enrol, mails, totp } = world();
    const { email } = await account({ labels: LABELS });
    const client = another();
    await client.signIn(email);
    const { secret } = await enrol(client, 'totp');
    const sent = (await mails(email)).length;
    const { challenge, ...due } = (await client.signIn(email)).body;
    assert.match(challenge ?? '', /^[\w-]{43}$/);
    assert.deepEqual(due, {
      status: 202,
      two_factor_required: true,
      channel: 'totp',
      message: 'Saisissez le code de votre application d’authentification.',
    });
    assert.equal((await mails(email)).length, sent);
    assert.deepEqual(asPrinted(await client.verify(email, totp(secret)), { email, signIns: 2 }), PROVEN);
  });

  it('is no sign-in by a code alone', async () => {
    const { another } = world();
    const { code, email } = await waiting();
    // The same body from elsewhere, by somebody who does not know what the sign-in's device is called.
    const stranger = another({ device: {} });
    assertRefused(await stranger.verify(email, code), 401, 'invalid_otp');
    const account = accountIn(await stranger.verify(email, code, { password: SAMPLE_PASSWORD }));
    assert.equal(account.email, email);
  });

  it('refuses an account that has no second factor', async () => {
    const { email } = await sample(world());
    const answer = await world()
      .another()
      .post('/2fa/verify', undefined, { raw: printed(email, '123456') });
    assertRefused(answer, 401, 'invalid_otp');
  });
});
