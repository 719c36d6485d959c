import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SoftwareAuthenticator } from '../../support/software-authenticator.ts';
import { type Answer, type Client, ORIGIN, OTHER_PASSWORD, PASSWORD, sharedWorld, WRONG } from './client.ts';
import {
  assertInvalid,
  assertLater,
  assertRefused,
  CHANNELS,
  codesTo,
  counted,
  DELIVERED,
  mailed,
  rightCode,
  type Somebody,
  signInFully,
  withFactor,
  wrongCode,
  wrongCodes,
} from './factor-people.ts';

const DONE = { success: true, message: 'Identity confirmed' };
const PROVIDER = {
  GUICHET_OIDC_ACME_ISSUER: 'http://127.0.0.1:9',
  GUICHET_OIDC_ACME_CLIENT_ID: 'guichet',
  GUICHET_OIDC_ACME_CLIENT_SECRET: 'secret',
};
const world = sharedWorld({ env: PROVIDER });

function assertDone(answer: Answer): void {
  assert.deepEqual([answer.status, answer.body], [200, DONE], answer.text);
}

/** What nobody may do with a session that somebody left open (rule 19); the last ends the account. */
const CHANGES: Record<string, (client: Client, proofs?: object) => Promise<Answer>> = {
  'two-factor/enable': (client, proofs) => client.post('/two-factor/enable', proofs),
  'two-factor/recovery-codes': (client, proofs) => client.post('/two-factor/recovery-codes', proofs),
  'two-factor/disable': (client, proofs) => client.post('/two-factor/disable', proofs),
  'passkey/register': (client, proofs) => client.post('/passkey/register', proofs),
  'PATCH passkeys': (client, proofs) => client.patch(`/passkeys/${NOBODYS}`, { name: 'Mine', ...proofs }),
  'DELETE passkeys': (client, proofs) => client.delete(`/passkeys/${NOBODYS}`, proofs),
  'change-email': (client, proofs) => client.post('/change-email', { newEmail: world().address('new'), ...proofs }),
  'oauth/{provider}/link': (client, proofs) => client.post('/oauth/acme/link', { ...proofs }),
  'DELETE accounts': (client, proofs) => client.delete('/accounts/acme', proofs),
  'DELETE user': (client, proofs) => client.delete('/user', proofs),
};
const NOBODYS = 'passkey_550e8400-e29b-41d4-a716-446655440000';
/** Let through, whatever became of it then: there is no such passkey, no such link and no provider at that port. */
function assertLetThrough(answer: Answer): void {
  assert.ok([200, 404, 503].includes(answer.status), answer.text);
}

describe('a change that needs a fresh sign-in', () => {
  for (const [what, change] of Object.entries(CHANGES)) {
    it(`${what}: takes without a second factor a sign-in of the last ten minutes, or the password`, async () => {
      const [early, late, stale] = [
        await world().signedIn(),
        await world().signedIn(),
        await world().signedIn(),
      ] as const;
      world().clock.advance({ minutes: 10 });
      assertLetThrough(await change(early.client));
      world().clock.advance({ seconds: 1 });
      for (const proofs of [undefined, { totpCode: '123456' }, { recoveryCode: 'A'.repeat(25) }]) {
        assertRefused(await change(late.client, proofs), 403, 'REAUTH_REQUIRED', JSON.stringify(proofs));
      }
      assertRefused(await change(late.client, { password: WRONG }), 401, 'INVALID_CREDENTIALS');
      assertLetThrough(await change(late.client, { password: PASSWORD }));
      assertDone(await stale.client.post('/reauthenticate', { password: PASSWORD }));
      assertLetThrough(await change(stale.client));
    });

    it(`${what}: takes with a second factor that factor alone, or password and code in one body`, async () => {
      const [early, late] = [await withFactor(world()), await withFactor(world())];
      // A minute and a second went by for each.
      world().clock.advance({ seconds: 600 - 122 });
      assertLetThrough(await change(early.client));
      world().clock.advance({ seconds: 62 });
      const totpCode = world().totp(late.secret);
      for (const proofs of [undefined, { password: PASSWORD }, { totpCode }, { recoveryCode: late.recoveryCodes[0] }]) {
        assertRefused(await change(late.client, proofs), 403, 'REAUTH_REQUIRED', JSON.stringify(proofs));
      }
      assertRefused(await change(late.client, { password: WRONG, totpCode }), 401, 'INVALID_CREDENTIALS');
      const wrong = { password: PASSWORD, totpCode: await wrongCode(world(), late) };
      assertRefused(await change(late.client, wrong), 401, 'INVALID_TOTP');
      assertLetThrough(await change(late.client, { password: PASSWORD, totpCode }));
    });
  }

  it('is none of those of which nobody is the worse', async () => {
    const { client } = await world().signedIn();
    world().clock.advance({ hours: 1 });
    for (const answer of [
      await client.get('/session'),
      await client.get('/sessions'),
      await client.get('/passkeys'),
      await client.get('/accounts'),
      await client.patch('/user', { name: 'Ada' }),
      await client.delete('/sessions'),
      await client.post('/sign-out'),
    ]) {
      assert.equal(answer.status, 200, answer.text);
    }
  });

  it('is no change of the password, which needs the current one however fresh the sign-in', async () => {
    const { client } = await world().signedIn();
    assertDone(await client.post('/reauthenticate', { password: PASSWORD }));
    const change = (more: object) => client.post('/change-password', { newPassword: OTHER_PASSWORD, ...more });
    for (const more of [{}, { currentPassword: WRONG }]) {
      const answer = await change(more);
      assert.ok([400, 401, 403].includes(answer.status), answer.text);
    }
    assert.equal((await change({ currentPassword: PASSWORD })).status, 200);
  });
});

describe('reauthenticate without a second factor', () => {
  it('takes the password, and is good for ten minutes in this session alone', async () => {
    const { client, email } = await world().signedIn();
    const other = world().another();
    await other.signIn(email);
    world().clock.advance({ hours: 1 });
    const { token } = client;
    assertDone(await client.post('/reauthenticate', { password: PASSWORD }));
    world().clock.advance({ minutes: 10 });
    assert.equal((await client.post('/two-factor/enable')).status, 200);
    assertRefused(await other.post('/two-factor/enable'), 403, 'REAUTH_REQUIRED');
    world().clock.advance({ seconds: 1 });
    assertRefused(await client.post('/two-factor/enable'), 403, 'REAUTH_REQUIRED');
    // A bearer token never changes under its holder (rule 30).
    assert.equal((await client.get('/session')).body.session?.token, token);
  });

  it('counts wrong passwords as a sign-in does, makes nothing fresh by them, and is locked after ten', async () => {
    const { client } = await world().signedIn();
    world().clock.advance({ hours: 1 });
    for (let time = 0; time < 10; time += 1) {
      assertRefused(await client.post('/reauthenticate', { password: WRONG }), 401, 'INVALID_CREDENTIALS');
    }
    assertRefused(await client.post('/two-factor/enable'), 403, 'REAUTH_REQUIRED');
    assert.equal(assertLater(await client.post('/reauthenticate', { password: PASSWORD }), 423), 900);
    // The lock is of the password, not of the session.
    assert.equal((await client.get('/session')).status, 200);
  });

  it('asks for the password where only a code was given', async () => {
    const { client } = await world().signedIn();
    for (const body of [{ totpCode: '123456' }, { recoveryCode: 'A'.repeat(25) }]) {
      assertInvalid(await client.post('/reauthenticate', body), { password: 'This field is required' });
    }
  });

  it('heeds no code beside the password', async () => {
    const { client } = await world().signedIn();
    assertDone(await client.post('/reauthenticate', { password: PASSWORD, totpCode: '123456' }));
  });

  it('refuses every password of an account that has none, whose link is fresh enough', async () => {
    const { email } = await world().account({ password: null });
    const client = world().another();
    const signedIn = await client.post('/magic-link/verify', { token: await world().magicLink(email) });
    assert.equal(signedIn.status, 200, signedIn.text);
    for (const password of [PASSWORD, '']) {
      assertRefused(await client.post('/reauthenticate', { password }), 401, 'INVALID_CREDENTIALS');
    }
    world().clock.advance({ minutes: 10 });
    assert.equal((await client.post('/two-factor/enable')).status, 200);
    world().clock.advance({ seconds: 1 });
    assertRefused(await client.post('/two-factor/enable'), 403, 'REAUTH_REQUIRED');
  });

  it('needs proofs of the right types (R047)', async () => {
    const { client } = await world().signedIn();
    for (const field of ['password', 'totpCode', 'recoveryCode', 'response']) {
      for (const value of [12345, null, true, ['123456'], ...(field === 'response' ? ['x'] : [{}])]) {
        const answer = await client.post('/reauthenticate', { [field]: value });
        assertInvalid(answer, { [field]: 'This field has the wrong type' }, JSON.stringify(value));
      }
    }
  });
});

describe('reauthenticate with a second factor', () => {
  /** A session that passed both steps, eleven minutes ago. */
  async function stale(who: Somebody): Promise<Client> {
    const client = await signInFully(world(), who);
    world().clock.advance({ minutes: 10 });
    assertRefused(await client.post('/two-factor/enable'), 403, 'REAUTH_REQUIRED');
    return client;
  }

  for (const channel of CHANNELS) {
    it(`is told of the ${channel} factor after the right password, which alone makes nothing fresh`, async () => {
      const who = await withFactor(world(), channel);
      const client = await stale(who);
      const sent = await codesTo(world(), who.to);
      const answer = await client.post('/reauthenticate', { password: PASSWORD });
      const message = 'A two-factor code is required';
      assert.deepEqual([answer.status, answer.body], [401, { error: 'TOTP_REQUIRED', message, channel }]);
      assert.equal(await codesTo(world(), who.to), channel === 'totp' ? sent : sent + 1);
      assertRefused(await client.post('/two-factor/enable'), 403, 'REAUTH_REQUIRED');
      const { token } = client;
      assertDone(await client.post('/reauthenticate', { totpCode: await rightCode(world(), who) }));
      world().clock.advance({ minutes: 10 });
      assert.equal((await client.post('/two-factor/recovery-codes')).status, 200);
      world().clock.advance({ seconds: 1 });
      assertRefused(await client.post('/two-factor/recovery-codes'), 403, 'REAUTH_REQUIRED');
      assert.equal((await client.get('/session')).body.session?.token, token);
    });

    it(`takes for the ${channel} factor a recovery code, once`, async () => {
      const who = await withFactor(world(), channel);
      const client = await stale(who);
      const [recoveryCode] = who.recoveryCodes;
      assertDone(await client.post('/reauthenticate', { recoveryCode }));
      assert.equal((await client.post('/two-factor/enable')).status, 200);
      assertRefused(await client.post('/reauthenticate', { recoveryCode }), 401, 'INVALID_TOTP');
      assert.equal(await mailed(world(), who.email, 'A recovery code was used'), 1);
    });
  }

  it('takes the authenticator’s code alone or beside the password, each step once', async () => {
    const who = await withFactor(world());
    const client = await stale(who);
    const totpCode = world().totp(who.secret);
    const wrong = await client.post('/reauthenticate', { password: WRONG, totpCode });
    assertRefused(wrong, 401, 'INVALID_CREDENTIALS');
    assertDone(await client.post('/reauthenticate', { password: PASSWORD, totpCode }));
    assertRefused(await client.post('/reauthenticate', { totpCode }), 401, 'INVALID_TOTP');
    const signIn = await world().another().signIn(who.email, PASSWORD, { totpCode });
    assertRefused(signIn, 401, 'INVALID_TOTP');
    world().clock.advance({ seconds: 30 });
    assertDone(await client.post('/reauthenticate', { totpCode: world().totp(who.secret) }));
  });

  it('counts wrong codes with those of sign-ins, and the owner hears of the third (R031, R037)', async () => {
    const who = await withFactor(world());
    const client = await stale(who);
    const codes = await wrongCodes(world(), who, 10);
    for (const [index, totpCode] of codes.entries()) {
      assertRefused(await client.post('/reauthenticate', { totpCode }), 401, 'INVALID_TOTP');
      const notices = await mailed(world(), who.email, 'Wrong codes at your second sign-in step');
      assert.equal(notices, index < 2 ? 0 : 1);
    }
    assert.deepEqual(await counted(world(), who.account), { codes: 10, recoveryCodes: 0, inARow: 10 });
    const totpCode = world().totp(who.secret);
    assert.equal(assertLater(await client.post('/reauthenticate', { totpCode }), 429), 3600);
    assertLater(await world().another().signIn(who.email, PASSWORD, { totpCode }), 429);
  });

  for (const channel of DELIVERED) {
    it(`takes the code that went by ${channel} to its own session, and no other`, async () => {
      const who = await withFactor(world(), channel);
      const [client, other] = [await stale(who), await stale(who)];
      await client.post('/reauthenticate', { password: PASSWORD });
      const totpCode = await world().codeFor(who.to);
      assertRefused(await other.post('/reauthenticate', { totpCode }), 401, 'INVALID_TOTP');
      for (let time = 0; time < 2; time += 1) {
        await client.post('/reauthenticate', { password: PASSWORD });
        assert.equal(await world().codeFor(who.to), totpCode, 'a second code within a minute');
      }
      assertDone(await client.post('/reauthenticate', { totpCode }));
      assertRefused(await client.post('/reauthenticate', { totpCode }), 401, 'INVALID_TOTP');
    });

    it(`takes five tries of the code by ${channel}, and takes it for ten minutes (R033, R035)`, async () => {
      const who = await withFactor(world(), channel);
      const client = await stale(who);
      await client.post('/reauthenticate', { password: PASSWORD });
      const late = await world().codeFor(who.to);
      world().clock.advance({ minutes: 10 });
      assertRefused(await client.post('/reauthenticate', { totpCode: late }), 401, 'INVALID_TOTP');
      await client.post('/reauthenticate', { password: PASSWORD });
      for (const totpCode of await wrongCodes(world(), who, 5)) await client.post('/reauthenticate', { totpCode });
      const totpCode = await world().codeFor(who.to);
      assertRefused(await client.post('/reauthenticate', { totpCode }), 401, 'INVALID_TOTP');
    });

    it(`sends no code by ${channel} for a wrong password or a code alone (R039)`, async () => {
      const who = await withFactor(world(), channel);
      const client = await stale(who);
      const sent = await codesTo(world(), who.to);
      assertRefused(await client.post('/reauthenticate', { password: WRONG }), 401, 'INVALID_CREDENTIALS');
      assertRefused(await client.post('/reauthenticate', { totpCode: '123456' }), 401, 'INVALID_TOTP');
      assertRefused(await client.post('/two-factor/verify', { code: '123456' }), 401, 'INVALID_TOTP');
      assert.equal(await codesTo(world(), who.to), sent);
    });
  }

  it('opens what a session that was there before the factor may not do', async () => {
    const who = await withFactor(world(), 'email');
    assertRefused(await who.client.post('/two-factor/disable'), 403, 'REAUTH_REQUIRED');
    await who.client.post('/reauthenticate', { password: PASSWORD });
    assertDone(await who.client.post('/reauthenticate', { totpCode: await world().codeFor(who.to) }));
    assert.equal((await who.client.post('/two-factor/disable')).status, 200);
  });
});

describe('reauthenticate with a passkey', () => {
  async function withPasskey(): Promise<{ who: Somebody; authenticator: SoftwareAuthenticator }> {
    const who = await withFactor(world());
    const authenticator = new SoftwareAuthenticator();
    await who.client.addPasskey(authenticator);
    world().clock.advance({ hours: 1 });
    assertRefused(await who.client.post('/two-factor/enable'), 403, 'REAUTH_REQUIRED');
    return { who, authenticator };
  }
  const optionsFor = async (client: Client): Promise<Record<string, unknown>> => {
    const answer = await client.post('/reauthenticate');
    assert.deepEqual([answer.status, Object.keys(answer.body)], [200, ['options']], answer.text);
    return answer.body.options ?? {};
  };

  it('takes it for both factors, for ten minutes', async () => {
    const { authenticator, who } = await withPasskey();
    const response = authenticator.assert(await optionsFor(who.client), { origin: ORIGIN });
    assertDone(await who.client.post('/reauthenticate', { response }));
    assertRefused(await who.client.post('/reauthenticate', { response }), 401, 'INVALID_PASSKEY');
    world().clock.advance({ minutes: 10 });
    assert.equal((await who.client.post('/two-factor/enable')).status, 200);
    world().clock.advance({ seconds: 1 });
    assertRefused(await who.client.post('/two-factor/enable'), 403, 'REAUTH_REQUIRED');
  });

  it('takes none of somebody else, of another session, or of a sign-in', async () => {
    const [ada, eve] = [await withPasskey(), await withPasskey()];
    const other = await signInFully(world(), ada.who);
    const forAll = (await world().another().post('/passkey/sign-in', {})).body.options ?? {};
    const answers = [
      eve.authenticator.assert({ ...(await optionsFor(ada.who.client)), allowCredentials: [] }, { origin: ORIGIN }),
      ada.authenticator.assert(await optionsFor(other), { origin: ORIGIN }),
      ada.authenticator.assert(forAll, { origin: ORIGIN }),
    ];
    for (const response of answers) {
      assertRefused(await ada.who.client.post('/reauthenticate', { response }), 401, 'INVALID_PASSKEY');
    }
    assertRefused(await ada.who.client.post('/two-factor/enable'), 403, 'REAUTH_REQUIRED');
  });
});
