import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openGitHub } from '../../support/github-look-alike.ts';
import { SoftwareAuthenticator } from '../../support/software-authenticator.ts';
import { type Client, type OpenedClient, ORIGIN, openClient, PASSWORD, sharedWorld, WRONG } from './client.ts';
import {
  assertionOf,
  assertRefused,
  assertStale,
  assertUnknown,
  creationOptions,
  holder,
  passkeyMails,
  pendingChallenge,
  reauthenticateWith,
  reauthenticationOptions,
  registrationOf,
  signInOptions,
  signInWith,
} from './passkey-people.ts';

const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}';
const iso = (at: number): string => new Date(at).toISOString();
const bytesOf = (base64url: string): Buffer => Buffer.from(base64url, 'base64url');
const NOT_VERIFIED = { error: 'EMAIL_NOT_VERIFIED', message: 'Please verify your email first' };
const NO_TOKEN = { error: 'INVALID_TOKEN', message: 'Token is invalid or expired' };

/** The account, then what names its address to the world. */
async function withTotp(world: OpenedClient, of: Parameters<typeof holder>[1] = {}) {
  const who = await holder(world, of);
  return { ...who, ...(await world.enrol(who.client)) };
}

/** As the mailed link's page does: its button pressed, back at the app with a code. */
async function codeOfLink(world: OpenedClient, email: string): Promise<string> {
  const token = await world.magicLink(email, { redirectUrl: 'http://localhost:5173/' });
  const browser = world.another();
  const page = await browser.askAt('GET', `/magic-link?token=${token}`);
  const formToken = /name="form_token" value="([^"]+)"/.exec(page.text)?.[1] ?? '';
  const pressed = await browser.askAt('POST', '/magic-link', {
    raw: new URLSearchParams({ token, form_token: formToken }).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded', origin: ORIGIN },
  });
  assert.equal(pressed.status, 303, pressed.text);
  return new URL(pressed.location ?? '').searchParams.get('code') ?? '';
}

describe('adding a passkey', () => {
  const open = sharedWorld();

  it('gives options for the browser, then stores what it made of them', async () => {
    const world = open();
    const { client, email } = await world.signedIn();
    const asked = await client.post('/passkey/register');
    assert.equal(asked.status, 200, asked.text);
    const { challenge = '', user } = (asked.body.options ?? {}) as { challenge?: string; user: { id: string } };
    assert.match(challenge, /^[\w-]+$/);
    assert.deepEqual(asked.body, {
      options: {
        challenge,
        rp: { name: 'Guichet', id: 'localhost' },
        user: { id: user.id, name: email, displayName: email },
        pubKeyCredParams: [-7, -8, -257].map((alg) => ({ alg, type: 'public-key' })),
        timeout: 300_000,
        attestation: 'none',
        excludeCredentials: [],
        authenticatorSelection: { residentKey: 'required', requireResidentKey: true, userVerification: 'required' },
        extensions: { credProps: true },
        hints: [],
      },
    });

    const response = registrationOf(new SoftwareAuthenticator({ synced: true }), asked.body.options ?? {});
    const added = await client.post('/passkey/register', { response, name: '  Blue key ' });
    assert.equal(added.status, 200, added.text);
    const { id = '' } = added.body.passkey ?? {};
    assert.match(id, new RegExp(`^passkey_${UUID}$`));
    const passkey = { id, name: 'Blue key', backedUp: true, createdAt: iso(world.clock.now()), lastUsedAt: null };
    assert.deepEqual(added.body, { success: true, passkey });
    const listed = await client.get('/passkeys');
    assert.deepEqual([listed.status, listed.body], [200, { passkeys: [passkey] }]);
  });

  it('takes keys of each kind that the options name', async () => {
    const { client } = await open().signedIn();
    for (const algorithm of [-7, -8, -257] as const) {
      const authenticator = new SoftwareAuthenticator({ algorithm });
      await client.addPasskey(authenticator);
      assert.equal((await signInWith(open().another(), authenticator)).status, 200);
    }
  });

  it('gives the name that was given: none without one, and none of more than a hundred characters', async () => {
    const { client } = await open().signedIn();
    for (const [name, kept] of [
      [undefined, null],
      [null, null],
      ['   ', null],
      ['é'.repeat(100), 'é'.repeat(100)],
    ]) {
      const response = registrationOf(new SoftwareAuthenticator(), await creationOptions(client));
      const added = await client.post('/passkey/register', { response, ...(name !== undefined && { name }) });
      assert.equal(added.body.passkey?.name, kept, added.text);
    }
    const response = registrationOf(new SoftwareAuthenticator(), await creationOptions(client));
    const refused = await client.post('/passkey/register', { response, name: 'x'.repeat(101) });
    assert.deepEqual([refused.status, refused.body.error], [400, 'VALIDATION_ERROR']);
    assert.deepEqual(Object.keys(refused.body.fields ?? {}), ['name']);
    assert.equal((await client.get('/passkeys')).body.passkeys?.length, 4);
  });

  it('names what is held already, so that no authenticator holds two', async () => {
    const { authenticator, client } = await holder(open(), { make: { transports: ['usb', 'nfc'] } });
    const options = await creationOptions(client);
    const [held] = authenticator.credentials;
    assert.deepEqual(options.excludeCredentials, [{ id: held?.id, type: 'public-key', transports: ['nfc', 'usb'] }]);
    assert.throws(() => registrationOf(authenticator, options), /InvalidStateError/);
  });

  it('R112: knows an account by 64 random bytes, the same for one and of no other, made of nothing', async (t) => {
    const world = open();
    const one = await world.signedIn();
    const other = await world.signedIn();
    const handleOf = async (client: Client): Promise<string> => (await creationOptions(client)).user.id;
    const handle = await handleOf(one.client);
    assert.equal(bytesOf(handle).length, 64);
    await one.client.addPasskey();
    assert.equal(await handleOf(one.client), handle);
    assert.notEqual(await handleOf(other.client), handle);
    const uuid = Buffer.from(one.account.uuid.replaceAll('-', ''), 'hex');
    for (const part of [Buffer.from(one.email), Buffer.from(one.account.uuid), uuid]) {
      assert.equal(bytesOf(handle).includes(part), false);
    }
    // The same secret, the same first account: whatever it were derived from would give the same.
    const email = 'ada@example.com';
    const [first, second] = [await openClient(t), await openClient(t)];
    const handles = await Promise.all(
      [first, second].map(async (own) => handleOf((await own.signedIn({ email })).client)),
    );
    assert.equal(new Set(handles).size, 2);
  });

  it('R113: needs an address that is proven, like everything that concerns passkeys', async () => {
    const world = open();
    const client = world.another();
    assert.equal((await client.signUp(world.address())).status, 201);
    const id = 'passkey_00000000-0000-4000-8000-000000000000';
    for (const answer of [
      await client.post('/passkey/register'),
      await client.post('/passkey/register', { password: PASSWORD }),
      await client.post('/passkey/register', { response: {} }),
      await client.get('/passkeys'),
      await client.patch(`/passkeys/${id}`, { name: 'Mine' }),
      await client.delete(`/passkeys/${id}`),
      await client.post('/reauthenticate'),
    ]) {
      assert.deepEqual([answer.status, answer.body], [403, NOT_VERIFIED]);
    }
  });

  it('R113: needs a session', async () => {
    const { authenticator, client, passkey } = await holder(open());
    const response = registrationOf(new SoftwareAuthenticator(), await creationOptions(client));
    for (const token of [null, 'x'.repeat(43)]) {
      for (const answer of [
        await client.post('/passkey/register', undefined, { token }),
        await client.post('/passkey/register', { response }, { token }),
        await client.get('/passkeys', { token }),
        await client.patch(`/passkeys/${passkey.id}`, { name: 'Mine' }, { token }),
        await client.delete(`/passkeys/${passkey.id}`, undefined, { token }),
        await client.post('/reauthenticate', undefined, { token }),
      ]) {
        assert.deepEqual([answer.status, answer.body], [401, NO_TOKEN]);
      }
    }
    assert.equal((await signInWith(open().another(), authenticator)).status, 200);
  });

  it('R113: needs a fresh sign-in, or the password', async () => {
    const world = open();
    const { client } = await world.signedIn();
    world.clock.advance({ minutes: 10 });
    assert.equal((await client.post('/passkey/register')).status, 200);
    world.clock.advance({ seconds: 1 });
    assertStale(await client.post('/passkey/register'));
    const wrong = await client.post('/passkey/register', { password: WRONG });
    assert.deepEqual([wrong.status, wrong.body.error], [401, 'INVALID_CREDENTIALS']);
    assert.equal((await client.post('/passkey/register', { password: PASSWORD })).status, 200);
    assertStale(await client.post('/passkey/register'));
  });

  it('R113: needs the second factor too, where there is one', async () => {
    const world = open();
    const { client } = await world.signedIn();
    const { secret } = await world.enrol(client);
    world.clock.advance({ minutes: 11 });
    assertStale(await client.post('/passkey/register'));
    assertStale(await client.post('/passkey/register', { password: PASSWORD }));
    assertStale(await client.post('/passkey/register', { totpCode: world.totp(secret) }));
    const both = { password: PASSWORD, totpCode: world.totp(secret) };
    assert.equal((await client.post('/passkey/register', both)).status, 200);
  });

  it('R113: is mailed to the owner, with the name', async () => {
    const world = open();
    const { account, client, email, passkey } = await holder(world, { name: 'Blue key' });
    await client.patch(`/passkeys/${passkey.id}`, { name: 'Green key' });
    await client.delete(`/passkeys/${passkey.id}`);
    const mails = await world.mails(email);
    const seen = mails.map(({ links, subject, text }) => [subject, /^Passkey: (.*)$/m.exec(text)?.[1], links.length]);
    assert.deepEqual(
      seen.sort(([one], [other]) => String(one).localeCompare(String(other))),
      [
        ['A passkey was added', 'Blue key', 0],
        ['A passkey was removed', 'Green key', 0],
        ['A passkey was renamed', 'Green key', 0],
      ],
    );
    const events = await world.world.store.audit.list({ accountUuid: account.uuid, limit: 10 });
    const kinds = events.map(({ kind }) => kind).filter((kind) => kind.startsWith('passkey.'));
    assert.deepEqual(kinds.sort(), ['passkey.added', 'passkey.removed', 'passkey.renamed']);
  });

  it('stops at twenty', async () => {
    const { client } = await open().signedIn();
    for (let count = 0; count < 20; count += 1) await client.addPasskey();
    // Before an authenticator has made one that nobody takes.
    assertRefused(await client.post('/passkey/register', { password: PASSWORD }));
    assert.equal((await client.get('/passkeys')).body.passkeys?.length, 20);
  });
});

describe('a passkey’s name and its end', () => {
  const open = sharedWorld();

  it('are its owner’s to decide', async () => {
    const { authenticator, client, passkey } = await holder(open(), { name: 'Blue key' });
    const renamed = await client.patch(`/passkeys/${passkey.id}`, { name: ' Green key ' });
    const green = { ...passkey, name: 'Green key' };
    assert.deepEqual([renamed.status, renamed.body], [200, { success: true, passkey: green }]);
    assert.deepEqual((await client.get('/passkeys')).body, { passkeys: [green] });
    const nameless = await client.patch(`/passkeys/${passkey.id}`, { name: null });
    assert.deepEqual(nameless.body, { success: true, passkey: { ...passkey, name: null } });
    for (const body of [{}, { name: 7 }, { name: 'x'.repeat(101) }]) {
      const refused = await client.patch(`/passkeys/${passkey.id}`, body);
      assert.deepEqual([refused.status, Object.keys(refused.body.fields ?? {})], [400, ['name']]);
    }
    const removed = await client.delete(`/passkeys/${passkey.id}`);
    assert.deepEqual([removed.status, removed.body], [200, { success: true, message: 'Passkey removed' }]);
    assert.deepEqual((await client.get('/passkeys')).body, { passkeys: [] });
    assertUnknown(await client.delete(`/passkeys/${passkey.id}`));
    assertRefused(await signInWith(open().another(), authenticator));
  });

  it('R113: are nobody else’s', async () => {
    const world = open();
    const { client, passkey } = await holder(world, { name: 'Blue key' });
    const { client: stranger } = await holder(world);
    for (const id of [passkey.id, `passkey_${crypto.randomUUID()}`]) {
      assertUnknown(await stranger.patch(`/passkeys/${id}`, { name: 'Mine' }));
      assertUnknown(await stranger.delete(`/passkeys/${id}`));
    }
    assert.deepEqual((await client.get('/passkeys')).body, { passkeys: [passkey] });
    assert.equal((await stranger.get('/passkeys')).body.passkeys?.length, 1);
  });

  it('R113: are not found under an id of another form', async () => {
    const { client, passkey } = await holder(open());
    const uuid = passkey.id.slice('passkey_'.length);
    for (const id of [uuid, `session_${uuid}`, passkey.id.toUpperCase(), `${passkey.id}x`, '%00', '1', 'passkey_1']) {
      for (const answer of [
        await client.patch(`/passkeys/${id}`, { name: 'Mine' }),
        await client.delete(`/passkeys/${id}`),
      ]) {
        assert.ok([400, 404].includes(answer.status), `${id}: ${answer.text}`);
      }
    }
    assert.deepEqual((await client.get('/passkeys')).body.passkeys, [passkey]);
  });

  it('R113: need a fresh sign-in, which another passkey gives too', async () => {
    const world = open();
    const { authenticator, client, passkey } = await holder(world, { name: 'Blue key' });
    world.clock.advance({ minutes: 10, seconds: 1 });
    assertStale(await client.patch(`/passkeys/${passkey.id}`, { name: 'Mine' }));
    assertStale(await client.delete(`/passkeys/${passkey.id}`));
    // Nobody learns by it which ids there are.
    assertStale(await client.delete(`/passkeys/passkey_${crypto.randomUUID()}`));
    assert.equal((await client.patch(`/passkeys/${passkey.id}`, { name: 'Mine', password: PASSWORD })).status, 200);
    assertStale(await client.delete(`/passkeys/${passkey.id}`));
    assert.equal((await reauthenticateWith(client, authenticator)).status, 200);
    assert.equal((await client.delete(`/passkeys/${passkey.id}`)).status, 200);
  });

  it('R113: need the second factor where there is one, or the passkey, its user verified', async () => {
    const world = open();
    const { authenticator, client, passkey, secret } = await withTotp(world);
    world.clock.advance({ minutes: 11 });
    assertStale(await client.delete(`/passkeys/${passkey.id}`, { password: PASSWORD }));
    assertStale(await client.patch(`/passkeys/${passkey.id}`, { name: 'Mine', password: PASSWORD }));
    const both = { name: 'Mine', password: PASSWORD, totpCode: world.totp(secret) };
    assert.equal((await client.patch(`/passkeys/${passkey.id}`, both)).status, 200);
    world.clock.advance({ minutes: 11 });
    assert.equal((await reauthenticateWith(client, authenticator)).status, 200);
    assert.equal((await client.delete(`/passkeys/${passkey.id}`)).status, 200);
  });

  it('the last way in stays', async () => {
    const world = open();
    const { authenticator, client, account, passkey } = await holder(world);
    await world.world.store.transaction(({ passwords }) => passwords.remove(account.id));
    const kept = await client.delete(`/passkeys/${passkey.id}`);
    assert.deepEqual(
      [kept.status, kept.body],
      [
        409,
        {
          error: 'LAST_SIGN_IN_METHOD',
          message: 'Nothing else would let you sign in: set a password or add another way first',
        },
      ],
    );
    assert.deepEqual((await client.get('/passkeys')).body, { passkeys: [passkey] });
    assert.deepEqual(await passkeyMails(world, account.email ?? ''), ['A passkey was added']);
    assert.equal((await signInWith(client, authenticator)).status, 200);
    // A second one makes the first removable.
    const next = registrationOf(new SoftwareAuthenticator(), await creationOptions(client, {}));
    assert.equal((await client.post('/passkey/register', { response: next })).status, 200);
    assert.equal((await client.delete(`/passkeys/${passkey.id}`)).status, 200);
  });

  it('are the account’s: its deletion erases them', async () => {
    const world = open();
    const { authenticator, client, account } = await holder(world);
    const [held] = authenticator.credentials;
    assert.equal((await client.delete('/user', { password: PASSWORD })).status, 200);
    assertRefused(await signInWith(world.another(), authenticator));
    const { read } = world.handle;
    const rows = await read
      .selectFrom('passkey')
      .select('uuid')
      .where('credential_id', '=', held?.id ?? '')
      .execute();
    const accounts = await read.selectFrom('account').select('id').where('id', '=', account.id).execute();
    assert.deepEqual([rows, accounts], [[], []]);
    // Nobody has it any more, so somebody may.
    const { client: next } = await world.signedIn();
    const options = await creationOptions(next);
    const response = registrationOf(new SoftwareAuthenticator(), options, {
      tamper: (parts) => {
        parts.credentialId = bytesOf(held?.id ?? '');
      },
    });
    assert.equal((await next.post('/passkey/register', { response })).status, 200);
  });
});

describe('signing in with a passkey', () => {
  const open = sharedWorld();

  it('asks the browser, then opens a session', async () => {
    const world = open();
    const { authenticator, client: owner, email, account, passkey } = await holder(world);
    const client = world.another();
    const asked = await client.post('/passkey/sign-in');
    assert.equal(asked.status, 200, asked.text);
    const { challenge = '' } = asked.body.options ?? {};
    const options = { rpId: 'localhost', challenge, allowCredentials: [], timeout: 300_000 };
    assert.deepEqual(asked.body, { options: { ...options, userVerification: 'required' } });

    world.clock.advance({ minutes: 1 });
    const response = assertionOf(authenticator, asked.body.options ?? {});
    const answer = await client.post('/passkey/sign-in', { response });
    assert.equal(answer.status, 200, answer.text);
    const { client_token, session } = answer.body;
    assert.match(client_token ?? '', /^[\w-]{43}$/);
    assert.match(session?.id ?? '', new RegExp(`^session_${UUID}$`));
    assert.match(session?.token ?? '', /^[\w-]{43}$/);
    const user = {
      id: `user_${account.uuid}`,
      email,
      name: null,
      image: null,
      emailVerified: true,
      createdAt: iso(account.createdAt),
    };
    const expiresAt = iso(world.clock.now() + 7 * 24 * 60 * 60 * 1000);
    assert.deepEqual(answer.body, { user, session: { ...session, expiresAt }, client_token });
    assert.deepEqual((await client.get('/session')).body, { user, session: { ...session, expiresAt } });
    const used = { ...passkey, lastUsedAt: iso(world.clock.now()) };
    assert.deepEqual((await owner.get('/passkeys')).body, { passkeys: [used] });
  });

  it('keeps the token by which a client is known', async () => {
    const { authenticator, client } = await holder(open());
    const { clientToken } = client;
    const response = assertionOf(authenticator, await signInOptions(client));
    const answer = await client.post('/passkey/sign-in', { response, client_token: clientToken }, { token: null });
    assert.equal(answer.body.client_token, clientToken, answer.text);
  });

  it('R019: gives everybody the same options, which list nothing', async () => {
    const world = open();
    const { email } = await holder(world);
    const without = await world.account();
    const asked = await Promise.all(
      [undefined, {}, { email }, { email }, { email: without.email }, { email: world.address() }, { email: '' }].map(
        (body) => signInOptions(world.another(), body),
      ),
    );
    const shapes = asked.map(({ challenge, ...rest }) => [challenge.length, rest]);
    for (const shape of shapes) {
      assert.deepEqual(shape, [
        72,
        { rpId: 'localhost', allowCredentials: [], timeout: 300_000, userVerification: 'required' },
      ]);
    }
    assert.equal(new Set(asked.map(({ challenge }) => challenge)).size, asked.length);
  });

  it('R106: challenges with sixteen bytes that were never used', async () => {
    const client = open().another();
    const challenges = await Promise.all(Array.from({ length: 50 }, () => signInOptions(client)));
    const random = challenges.map(({ challenge }) => bytesOf(challenge).subarray(0, 16).toString('hex'));
    assert.equal(new Set(random).size, 50);
    assert.ok(random.every((hex) => hex.length === 32));
  });

  it('rule 13: is both factors at once, its user verified', async () => {
    const world = open();
    const { authenticator } = await withTotp(world);
    const client = world.another();
    assert.equal((await signInWith(client, authenticator)).status, 200);
    // Fresh for what asks for the second factor, too.
    assert.equal((await client.post('/passkey/register')).status, 200);
    assert.equal((await client.post('/two-factor/recovery-codes')).status, 200);
  });

  it('R107: needs its user verified, where nothing else proves who it is', async () => {
    const world = open();
    const { authenticator } = await holder(world);
    const tamper = (parts: { flags: { userVerified: boolean } }) => {
      parts.flags.userVerified = false;
    };
    assertRefused(await signInWith(world.another(), authenticator, { tamper }));
    assert.equal((await signInWith(world.another(), authenticator)).status, 200);
  });

  it('rule 20: goes on while failures have locked the password', async () => {
    const world = open();
    const { authenticator, email } = await holder(world);
    const stranger = world.another();
    for (let count = 0; count < 10; count += 1) assert.equal((await stranger.signIn(email, WRONG)).status, 401);
    assert.equal((await world.another().signIn(email)).status, 423);
    assert.equal((await signInWith(world.another(), authenticator)).status, 200);
    assert.equal((await world.another().signIn(email)).status, 423);
  });

  it('refuses an account that an operator has locked', async () => {
    const world = open();
    const { authenticator, account, client } = await holder(world);
    const options = await signInOptions(client);
    await world.identity.lockAccount({ uuid: account.uuid });
    assertRefused(await client.post('/passkey/sign-in', { response: assertionOf(authenticator, options) }));
    assertRefused(await signInWith(world.another(), authenticator));
    await world.identity.unlockAccount({ uuid: account.uuid });
    assert.equal((await signInWith(world.another(), authenticator)).status, 200);
  });

  it('rule 27: opens this contract and no other', async () => {
    const world = open();
    const { authenticator } = await holder(world);
    const client = world.another();
    assert.equal((await signInWith(client, authenticator)).status, 200);
    assert.equal((await client.get('/session')).status, 200);
    for (const url of ['/api/v1/auth/me', '/api/v1/auth/sessions', '/v1/auth/me', '/v1/auth/sessions']) {
      const cookie = `access_token=${client.token}; guichet_access=${client.token}`;
      assert.equal((await client.askAt('GET', url)).status, 401);
      assert.equal((await client.askAt('GET', url, { headers: { cookie } })).status, 401);
    }
    assert.deepEqual([...client.cookies], []);
  });

  it('rule 22: is refused for five minutes to a network that was refused thirty times', async () => {
    const world = open();
    const { authenticator } = await holder(world);
    const client = world.another({ address: '10.250.1.1' });
    const neighbour = world.another({ address: '10.250.1.2' });
    const elsewhere = world.another({ address: '10.250.2.1' });
    for (let count = 0; count < 30; count += 1) {
      assertRefused(await client.post('/passkey/sign-in', { response: {} }));
    }
    for (const one of [client, neighbour]) {
      const answer = await signInWith(one, authenticator);
      assert.deepEqual([answer.status, answer.body.error], [429, 'RATE_LIMIT_EXCEEDED'], answer.text);
      assert.deepEqual(Object.keys(answer.body), ['error', 'message']);
      assert.equal(answer.headers['retry-after'], '300');
    }
    assert.equal((await signInWith(elsewhere, authenticator)).status, 200);
    world.clock.advance({ minutes: 5 });
    assert.equal((await signInWith(client, authenticator)).status, 200);
  });

  it('rule 22: reauthentication is counted with it', async () => {
    const world = open();
    const { authenticator, client } = await holder(world);
    for (let count = 0; count < 30; count += 1) assertRefused(await client.post('/reauthenticate', { response: {} }));
    assert.equal((await reauthenticateWith(client, authenticator)).status, 429);
    assert.equal((await signInWith(client, authenticator)).status, 429);
  });

  it('speaks French where it is asked to', async () => {
    const headers = { 'accept-language': 'fr' };
    const { body } = await open().another().post('/passkey/sign-in', { response: {} }, { headers });
    assert.deepEqual(body, { error: 'INVALID_PASSKEY', message: 'Cette clé d’accès n’a pas pu être vérifiée' });
  });
});

describe('a passkey as the second factor', () => {
  const open = sharedWorld();

  it('completes a sign-in that waits, present but not verified', async () => {
    const world = open();
    const { account, authenticator, email } = await withTotp(world, { make: { transports: ['usb'] } });
    const client = world.another();
    const challenge = await pendingChallenge(await client.signIn(email));
    const options = await signInOptions(client, { challenge });
    const [held] = authenticator.credentials;
    assert.deepEqual(options, {
      rpId: 'localhost',
      challenge: options.challenge,
      allowCredentials: [{ id: held?.id, type: 'public-key', transports: ['usb'] }],
      timeout: 300_000,
      userVerification: 'preferred',
    });
    const response = assertionOf(authenticator, options, {
      tamper: ({ flags }) => {
        flags.userVerified = false;
      },
    });
    const answer = await client.post('/passkey/sign-in', { challenge, response });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(Object.keys(answer.body), ['user', 'session', 'client_token']);
    assert.equal(answer.body.user?.id, `user_${account.uuid}`);
    assert.equal((await client.get('/session')).status, 200);
    // Two factors are proven, and that just now.
    assert.equal((await client.post('/two-factor/recovery-codes')).status, 200);
    // What waited is over, for every way to complete it.
    assertRefused(await world.another().post('/passkey/sign-in', { challenge }));
    assertRefused(await world.another().post('/passkey/sign-in', { challenge, response }));
  });

  it('completes a sign-in that waits for a code by e-mail', async () => {
    const world = open();
    const { authenticator, email } = await holder(world);
    await world.enrolDelivered(email, 'email');
    const client = world.another();
    const challenge = await pendingChallenge(await client.signIn(email));
    assert.equal((await signInWith(client, authenticator, { challenge })).status, 200);
  });

  it('completes a sign-in by magic link', async () => {
    const world = open();
    const { authenticator, email } = await withTotp(world);
    const client = world.another();
    const token = await world.magicLink(email);
    const challenge = await pendingChallenge(await client.post('/magic-link/verify', { token }));
    assert.equal((await signInWith(client, authenticator, { challenge })).status, 200);
    assert.equal((await client.get('/session')).status, 200);
    const again = await world.another().post('/magic-link/verify', { token });
    assert.deepEqual([again.status, again.body], [400, NO_TOKEN]);
  });

  it('completes a sign-in by the code of a redirect', async () => {
    const world = open();
    const { authenticator, email } = await withTotp(world);
    const client = world.another();
    const code = await codeOfLink(world, email);
    const challenge = await pendingChallenge(await client.post('/exchange', { code }));
    assert.equal((await signInWith(client, authenticator, { challenge })).status, 200);
    assert.equal((await world.another().post('/exchange', { code })).status, 400);
  });

  it('completes a sign-in by a provider', async (t) => {
    const github = await openGitHub(t);
    const world = await openClient(t, {
      env: {
        GUICHET_GITHUB_CLIENT_ID: github.clientId,
        GUICHET_GITHUB_CLIENT_SECRET: github.clientSecret,
        GUICHET_GITHUB_BASE_URL: github.url,
        GUICHET_GITHUB_API_URL: github.apiUrl,
      },
    });
    const { account, authenticator } = await withTotp(world, { email: 'octocat@example.com' });
    const browser = world.another();
    const start = await browser.get(`/oauth/github?redirectUrl=${encodeURIComponent('http://localhost:5173/')}`);
    const back = new URL(await github.signInAt(start.location ?? ''));
    const returned = await browser.askAt('GET', `${back.pathname}${back.search}`);
    const code = new URL(returned.location ?? '').searchParams.get('code');
    const client = world.another();
    const challenge = await pendingChallenge(await client.post('/exchange', { code }));
    const answer = await signInWith(client, authenticator, { challenge });
    assert.equal(answer.body.user?.id, `user_${account.uuid}`, answer.text);
  });

  it('is asked for of a login that waits, and of no other', async () => {
    const world = open();
    const { email } = await withTotp(world);
    const client = world.another();
    const challenge = await pendingChallenge(await client.signIn(email));
    for (const unknown of ['x', 'x'.repeat(43), `${challenge}x`, challenge.toLowerCase()]) {
      assertRefused(await client.post('/passkey/sign-in', { challenge: unknown }));
    }
    world.clock.advance({ minutes: 10 });
    assertRefused(await client.post('/passkey/sign-in', { challenge }));
  });
});

describe('a passkey makes a sign-in fresh again', () => {
  const open = sharedWorld();

  it('with options first, then the answer', async () => {
    const world = open();
    const { authenticator, client, passkey } = await holder(world, { make: { transports: ['hybrid', 'internal'] } });
    world.clock.advance({ minutes: 11 });
    const options = await reauthenticationOptions(client);
    const [held] = authenticator.credentials;
    assert.deepEqual(options, {
      rpId: 'localhost',
      challenge: options.challenge,
      allowCredentials: [{ id: held?.id, type: 'public-key', transports: ['hybrid', 'internal'] }],
      timeout: 300_000,
      userVerification: 'required',
    });
    const answer = await client.post('/reauthenticate', { response: assertionOf(authenticator, options) });
    assert.deepEqual([answer.status, answer.body], [200, { success: true, message: 'Identity confirmed' }]);
    assert.equal((await client.post('/passkey/register')).status, 200);
    const used = { ...passkey, lastUsedAt: iso(world.clock.now()) };
    assert.deepEqual((await client.get('/passkeys')).body, { passkeys: [used] });
    world.clock.advance({ minutes: 10, seconds: 1 });
    assertStale(await client.post('/passkey/register'));
  });

  it('R113: for what asks for the second factor too, in that session alone', async () => {
    const world = open();
    const { authenticator, client, email, secret } = await withTotp(world);
    const other = world.another();
    assert.equal((await other.signIn(email, PASSWORD, { totpCode: world.totp(secret) })).status, 200);
    world.clock.advance({ minutes: 11 });
    assertStale(await client.post('/two-factor/recovery-codes', { password: PASSWORD }));
    assert.equal((await reauthenticateWith(client, authenticator)).status, 200);
    assert.equal((await client.post('/two-factor/recovery-codes')).status, 200);
    assertStale(await other.post('/two-factor/recovery-codes'));
  });

  it('R107: with its user verified', async () => {
    const world = open();
    const { authenticator, client } = await holder(world);
    world.clock.advance({ minutes: 11 });
    const tamper = (parts: { flags: { userVerified: boolean } }) => {
      parts.flags.userVerified = false;
    };
    assertRefused(await reauthenticateWith(client, authenticator, { tamper }));
    assertStale(await client.post('/passkey/register'));
  });

  it('where there is one: else something else has to be given', async () => {
    const { client } = await open().signedIn();
    for (const body of [undefined, {}]) {
      const answer = await client.post('/reauthenticate', body);
      assert.deepEqual(
        [answer.status, answer.body],
        [
          400,
          {
            error: 'VALIDATION_ERROR',
            message: 'Some fields are missing or wrong',
            fields: { password: 'This field is required' },
          },
        ],
      );
    }
  });
});
