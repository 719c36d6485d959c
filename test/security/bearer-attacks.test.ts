import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sql } from 'kysely';
import { ORIGIN, openClient, PASSWORD, sharedWorld, WRONG } from '../contracts/bearer/client.ts';
import { hasPostgres } from '../support/databases.ts';
import { type GitHubLookAlike, openGitHub } from '../support/github-look-alike.ts';
import { SoftwareAuthenticator } from '../support/software-authenticator.ts';
import { openWorld, SECRET, type TestWorld } from '../support/world.ts';
import { type Abroad, openAbroad } from './abroad.ts';
import { dump, files, found } from './leaks.ts';

const APP = 'http://localhost:5173/app';

/** What anybody can tell two answers apart by. */
const told = ({ status, text }: { status: number; text: string }) => ({ status, text });

const count = async ({ handle }: TestWorld, table: string, where = sql`1 = 1`): Promise<number> => {
  const { rows } = await sql<{
    count: number;
  }>`select count(*) as count from ${sql.table(table)} where ${where}`.execute(handle.read);
  return Number(rows[0]?.count);
};

describe('attacks on the bearer contract: keys that no document shows', () => {
  const world = sharedWorld();

  it('a body that holds somebody’s session by name changes nobody’s profile but the asker’s', async () => {
    const victim = await world().signedIn();
    const victims = (await victim.client.get('/session')).body.session?.id.slice('session_'.length);
    const attacker = world().another();
    assert.equal((await attacker.signUp(world().address())).status, 201);
    const live = { account: { id: victim.account.id, epoch: 0 }, session: { id: victims, contract: 'bearer' } };
    const answer = await attacker.patch('/user', { name: 'Mallory', image: 'https://evil.example/x', live });
    assert.notEqual(answer.body.user?.email, victim.email, answer.text);
    const { user } = (await victim.client.get('/session')).body;
    assert.deepEqual([user?.name, user?.image], [null, null]);
  });

  it('a body that holds a session of no shape is no fault of the server’s', async () => {
    const { client, email } = await world().signedIn();
    for (const live of [null, {}, { account: { id: 'x' }, session: { id: {} } }]) {
      const answer = await client.patch('/user', { name: 'Ada', live });
      assert.ok(answer.status < 500, answer.text);
      if (answer.status === 200) assert.equal(answer.body.user?.email, email);
    }
  });

  for (const path of ['/send-magic-link', '/forgot-password']) {
    it(`${path} answers alike for known and unknown addresses, whatever else the body holds`, async () => {
      const { email } = await world().account();
      for (const contract of [{}, [], true, 'x'.repeat(1000)]) {
        const known = await world().another().post(path, { email, contract });
        const unknown = await world().another().post(path, { email: world().address(), contract });
        assert.deepEqual(told(known), told(unknown));
        assert.ok(known.status < 500, known.text);
      }
    });
  }

  it('no body decides under which contract something is recorded', async () => {
    const { email, uuid } = await world().account();
    const asked = await world().another().post('/send-magic-link', { email, contract: 'operator' });
    assert.equal(asked.status, 200);
    world().clock.advance({ minutes: 2 });
    await world().another().post('/forgot-password', { email, contract: 'operator' });
    const token = await world().linkToken(email, '/reset-password');
    const body = { token, password: 'granite otter parade', contract: 'operator' };
    assert.equal((await world().another().post('/reset-password', body)).status, 200);
    const events = await world().world.store.audit.list({ accountUuid: uuid, limit: 100 });
    const kinds = new Set(['magic_link.requested', 'password.reset_requested', 'password.reset']);
    const contracts = events.filter(({ kind }) => kinds.has(kind)).map(({ contract }) => contract);
    assert.deepEqual(contracts, ['bearer', 'bearer', 'bearer']);
  });
});

describe('attacks on the bearer contract: passkeys', () => {
  const world = sharedWorld();

  it('an answer that is sent twice is refused, and frightens nobody with a cloned passkey', async () => {
    const { account, client, email } = await world().signedIn();
    const authenticator = new SoftwareAuthenticator();
    await client.addPasskey(authenticator);
    const browser = world().another();
    const { options } = (await browser.post('/passkey/sign-in', {})).body;
    const response = authenticator.assert(options ?? {}, { origin: ORIGIN });
    assert.equal((await browser.post('/passkey/sign-in', { response })).status, 200);
    for (let time = 0; time < 3; time += 1) {
      const again = await browser.post('/passkey/sign-in', { response });
      assert.equal(again.body.error, 'INVALID_PASSKEY', again.text);
    }
    const subjects = (await world().mails(email)).map(({ subject }) => subject);
    assert.ok(!subjects.includes('A passkey was refused'), subjects.join());
    const events = await world().world.store.audit.list({ accountUuid: account.uuid, limit: 20 });
    assert.ok(!events.some(({ kind }) => kind === 'passkey.counter_regressed'));
  });

  it('a clone that tries again and again is reported, and its owner not buried in mail', async () => {
    const { client, email } = await world().signedIn();
    const authenticator = new SoftwareAuthenticator();
    await client.addPasskey(authenticator);
    assert.equal((await world().another().signInByPasskey(authenticator)).status, 200);
    world().clock.advance({ hours: 1 });
    const before = (await world().mails(email)).length;
    for (let time = 0; time < 20; time += 1) {
      const browser = world().another();
      const { options } = (await browser.post('/passkey/sign-in', {})).body;
      const response = authenticator.assert(options ?? {}, {
        origin: ORIGIN,
        tamper: (parts) => Object.assign(parts, { counter: 1 }),
      });
      assert.equal((await browser.post('/passkey/sign-in', { response })).body.error, 'INVALID_PASSKEY');
    }
    const mails = (await world().mails(email)).length - before;
    assert.ok(mails >= 1 && mails <= 5, `${mails} mails`);
  });

  it('an answer without a user handle names nobody, where nobody is named before (WebAuthn §7.2 step 6)', async () => {
    const { client } = await world().signedIn();
    const authenticator = new SoftwareAuthenticator();
    await client.addPasskey(authenticator);
    const browser = world().another();
    const { options } = (await browser.post('/passkey/sign-in', {})).body;
    const response = authenticator.assert(options ?? {}, {
      origin: ORIGIN,
      tamper: (parts) => Object.assign(parts, { userHandle: undefined }),
    });
    assert.equal((await browser.post('/passkey/sign-in', { response })).body.error, 'INVALID_PASSKEY');
  });

  it('a passkey that was bound to one device is not taken as one that may be copied (WebAuthn §7.2 step 19)', async () => {
    const { client } = await world().signedIn();
    const authenticator = new SoftwareAuthenticator();
    await client.addPasskey(authenticator);
    const browser = world().another();
    const { options } = (await browser.post('/passkey/sign-in', {})).body;
    const response = authenticator.assert(options ?? {}, {
      origin: ORIGIN,
      tamper: ({ flags }) => Object.assign(flags, { backupEligible: true, backedUp: true }),
    });
    assert.equal((await browser.post('/passkey/sign-in', { response })).body.error, 'INVALID_PASSKEY');
  });
});

describe('attacks on the bearer contract: while the server’s secret is replaced', () => {
  /** The same database under a new secret, the old one still accepted. */
  async function rotated(t: { after(undo: () => unknown): void }, before: TestWorld): Promise<TestWorld> {
    return openWorld(t, {
      env: {
        GUICHET_DATABASE_URL: before.settings.GUICHET_DATABASE_URL,
        GUICHET_SECRET: 'q8Lw3ZnVtB6yRk1XsJd5GhPm9CuEfA2oT7iNx',
        GUICHET_SECRET_PREVIOUS: SECRET,
      },
      overrides: { clock: before.clock },
    });
  }
  const caller = {
    address: '192.0.2.9',
    network: { key: 'rotation', factor: 1 },
    userAgent: null,
    clientToken: null,
    locale: 'en',
  } as const;
  const database = hasPostgres ? ('postgres' as const) : ('sqlite' as const);

  it('a passkey’s answer stays used', async (t) => {
    const world = await openClient(t, { database });
    const { client } = await world.signedIn();
    // A synced passkey counts nothing: the challenge alone makes its answers single.
    const authenticator = new SoftwareAuthenticator({ counts: false, synced: true });
    await client.addPasskey(authenticator);
    const browser = world.another();
    const { options } = (await browser.post('/passkey/sign-in', {})).body;
    const response = authenticator.assert(options ?? {}, { origin: ORIGIN });
    assert.equal((await browser.post('/passkey/sign-in', { response })).status, 200);
    const after = await rotated(t, world);
    await assert.rejects(after.identity.finishPasskeySignIn({ contract: 'bearer', response, caller }), {
      code: 'passkey_refused',
    });
  });

  it('a trip to a provider stays over', async (t) => {
    const github = await openGitHub(t);
    const env = githubSettings(github);
    const world = await openClient(t, { database, env });
    const browser = world.another();
    const { location = '' } = await browser.get('/oauth/github');
    const trip = browser.cookies.get('guichet_oauth');
    const state = new URL(location).searchParams.get('state') ?? '';
    assert.equal((await browser.get(`/callback/github?code=made-up&state=${state}`)).body.error, 'PROVIDER_REFUSED');
    const after = await openWorld(t, {
      env: {
        ...env,
        GUICHET_DATABASE_URL: world.settings.GUICHET_DATABASE_URL,
        GUICHET_SECRET: 'q8Lw3ZnVtB6yRk1XsJd5GhPm9CuEfA2oT7iNx',
        GUICHET_SECRET_PREVIOUS: SECRET,
      },
      overrides: { clock: world.clock },
    });
    const answer = new URLSearchParams({ code: 'made-up', state });
    await assert.rejects(after.identity.finishTrip({ contract: 'bearer', provider: 'github', trip, answer, caller }), {
      code: 'token_invalid',
    });
  });

  it('sessions, links, codes of redirects, challenges and waiting sign-ins go on', async (t) => {
    const world = await openClient(t, { database });
    const { client, email } = await world.signedIn();
    const authenticator = new SoftwareAuthenticator();
    await client.addPasskey(authenticator);
    const { options } = (await world.another().post('/passkey/sign-in', {})).body;
    const response = authenticator.assert(options ?? {}, { origin: ORIGIN });
    const unused = await world.magicLink(email);
    const after = await rotated(t, world);
    const { identity } = after;
    const live = await identity.checkSessionToken({
      contract: 'bearer',
      sessionToken: client.token ?? '',
      changes: true,
    });
    assert.equal(live.account.email, email);
    const passkey = await identity.finishPasskeySignIn({ contract: 'bearer', response, caller });
    assert.equal(passkey.account.email, email);
    const handed = { contract: 'bearer', purpose: 'magic_link', token: unused, caller } as const;
    assert.equal((await identity.signInHandedOver(handed)).outcome, 'signed_in');
  });

  it('the token that opened a waiting sign-in completes it still (rule 16)', async (t) => {
    const world = await openClient(t, { database });
    const { client, email } = await world.signedIn();
    const { recoveryCodes } = await world.enrol(client);
    const token = await world.magicLink(email);
    const due = await world.another().post('/magic-link/verify', { token });
    assert.equal(due.body.error, 'TOTP_REQUIRED', due.text);
    const after = await rotated(t, world);
    const answer = await after.identity.signInHandedOver({
      contract: 'bearer',
      purpose: 'magic_link',
      token,
      secondFactor: { recoveryCode: recoveryCodes[0] ?? '' },
      caller,
    });
    assert.equal(answer.outcome, 'signed_in');
  });
});

const githubSettings = (github: GitHubLookAlike): Record<string, string> => ({
  GUICHET_GITHUB_CLIENT_ID: github.clientId,
  GUICHET_GITHUB_CLIENT_SECRET: github.clientSecret,
  GUICHET_GITHUB_BASE_URL: github.url,
  GUICHET_GITHUB_API_URL: github.apiUrl,
});

describe('attacks on the bearer contract: providers', () => {
  const world = sharedWorld();

  it('a network that is refused its callbacks leaves no rows behind', async (t) => {
    const { another, github, ...own } = await openAbroad(t);
    const browser = another({ address: '203.0.113.5' });
    let refused = 0;
    for (let time = 0; time < 60; time += 1) {
      const { location = '' } = await browser.get('/oauth/github');
      const state = new URL(location).searchParams.get('state');
      const answer = await browser.get(`/callback/github?code=made-up&state=${state}`);
      if (answer.status === 429) refused += 1;
    }
    assert.ok(refused >= 30, `${refused} of sixty were refused`);
    assert.ok(github.asked.length <= 40, `GitHub was asked ${github.asked.length} times`);
    const rows = await count(own, 'spent_challenge');
    assert.ok(rows <= 31, `${rows} rows of an anonymous network`);
  });

  it('strangers in many networks do not make the server hold a hundred requests to a slow provider', async (t) => {
    const { another, github } = await openAbroad(t);
    let waiting = 0;
    let most = 0;
    let answered = 0;
    let isOpen = false;
    const held: (() => void)[] = [];
    github.lies['/login/oauth/access_token'] = (response) => {
      waiting += 1;
      most = Math.max(most, waiting);
      const answer = (): void => {
        waiting -= 1;
        response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"bad_verification_code"}');
      };
      if (isOpen) answer();
      else held.push(answer);
    };
    const strangers = Array.from({ length: 150 }, (_, index) => another({ address: `198.18.${index}.1` }));
    const answers = strangers.map(async (browser) => {
      const { location = '' } = await browser.get('/oauth/github');
      const state = new URL(location).searchParams.get('state');
      const answer = await browser.get(`/callback/github?code=made-up&state=${state}`);
      answered += 1;
      return answer;
    });
    // Until everybody waits or was sent away; those in a queue of the server's own are not waited for.
    for (let turn = 0; turn < 50 && answered + held.length < strangers.length; turn += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    isOpen = true;
    for (const answer of held) answer();
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    assert.ok(most <= 100, `${most} requests to the provider at once`);
    assert.deepEqual(
      statuses.filter((status) => status === 500),
      [],
    );
  });

  it('the URL that begins a link works for the first browser that opens it (rule 24: one-time)', async (t) => {
    const { another, signedIn } = await openAbroad(t);
    const { client } = await signedIn();
    const { url = '' } = (await client.post('/oauth/github/link', { password: PASSWORD, redirectUrl: APP })).body;
    const { pathname, search } = new URL(url);
    assert.equal((await another().askAt('GET', `${pathname}${search}`)).status, 302);
    const second = await another().askAt('GET', `${pathname}${search}`);
    assert.equal(second.body.error, 'INVALID_TOKEN', second.text);
    assert.equal(second.headers['set-cookie'], undefined);
  });

  it('a code of the attacker’s own trip links nothing to whoever posts it', async (t) => {
    const abroad = await openAbroad(t);
    const attacker = await abroad.signedIn();
    const victim = await abroad.signedIn();
    const code = await linkCode(abroad, attacker.client);
    const posted = await victim.client.post('/oauth/github/link', { code });
    assert.equal(posted.body.error, 'INVALID_TOKEN', posted.text);
    assert.equal((await victim.client.post('/exchange', { code }, { token: null })).body.error, 'INVALID_TOKEN');
    assert.deepEqual((await victim.client.get('/accounts')).body.accounts, []);
    // Nobody used it up for whom it was made for.
    assert.equal((await attacker.client.post('/oauth/github/link', { code })).status, 200);
  });

  it('a code that signs in links nothing, and one that links signs nobody in', async (t) => {
    const abroad = await openAbroad(t);
    const { client } = await abroad.signedIn();
    const signsIn = await signInCode(abroad);
    assert.equal((await client.post('/oauth/github/link', { code: signsIn })).body.error, 'INVALID_TOKEN');
    assert.equal((await client.post('/magic-link/verify', { token: signsIn })).body.error, 'INVALID_TOKEN');
    assert.equal((await abroad.another().post('/exchange', { code: signsIn })).status, 200);
  });

  it('what a provider says of its refusal reaches neither the application nor the log', async (t) => {
    const lines: string[] = [];
    const { another, github } = await openAbroad(t, { log: { write: (line) => void lines.push(line) } });
    const browser = another();
    const { location = '' } = await browser.get(`/oauth/github?redirectUrl=${encodeURIComponent(APP)}`);
    const answer = new URLSearchParams({
      error: 'access_denied&code=stolen#',
      error_description: 'CANARY\r\nSet-Cookie: a=b',
      error_uri: 'https://evil.example/',
      state: new URL(location).searchParams.get('state') ?? '',
      iss: github.issuer,
    });
    const back = await browser.get(`/callback/github?${answer}`);
    assert.equal(back.location, `${APP}?error=provider_refused`);
    assert.ok(!lines.join('').includes('CANARY'));
  });

  it('names that every object has are no providers, and two cookies of one name are none', async (t) => {
    const { another, github } = await openAbroad(t);
    for (const name of ['constructor', 'tostring', 'valueof', '0']) {
      assert.equal((await another().get(`/oauth/${name}`)).body.error, 'PROVIDER_NOT_CONFIGURED');
      assert.equal((await another().get(`/callback/${name}?code=x&state=y`)).body.error, 'PROVIDER_NOT_CONFIGURED');
    }
    const browser = another();
    const { location = '' } = await browser.get('/oauth/github');
    const back = new URL(await github.signInAt(location));
    const trip = browser.cookies.get('guichet_oauth');
    const tossed = await another().askAt('GET', `${back.pathname}${back.search}`, {
      headers: { cookie: `guichet_oauth=planted; guichet_oauth=${trip}` },
    });
    assert.equal(tossed.body.error, 'INVALID_TOKEN', tossed.text);
    assert.equal((await browser.askAt('GET', `${back.pathname}${back.search}`)).status, 200);
  });

  it('HEAD begins no trip and ends none', async (t) => {
    const { another, github } = await openAbroad(t);
    const browser = another();
    const begun = await browser.ask('HEAD', '/oauth/github');
    assert.equal(begun.status, 405);
    assert.equal(begun.headers['set-cookie'], undefined);
    const { location = '' } = await browser.get('/oauth/github');
    const back = new URL(await github.signInAt(location));
    assert.equal((await browser.askAt('HEAD', `${back.pathname}${back.search}`)).status, 405);
    assert.equal((await browser.askAt('GET', `${back.pathname}${back.search}`)).status, 200);
  });

  it('a provider that nobody configured any more is no last way in (R103)', async () => {
    const { client, account } = await world().signedIn();
    const authenticator = new SoftwareAuthenticator();
    const passkey = await client.addPasskey(authenticator);
    const now = world().clock.now();
    await world().world.store.transaction(async ({ linkedIdentities, passwords }) => {
      await passwords.remove(account.id);
      const link = { provider: 'gone', subject: 'x', accountId: account.id, email: null };
      await linkedIdentities.add({ ...link, createdAt: now, lastUsedAt: null });
    });
    const removed = await client.delete(`/passkeys/${passkey.id}`);
    assert.equal(removed.body.error, 'LAST_SIGN_IN_METHOD', removed.text);
  });

  it('what is planted at a provider does not come back after the owner has arrived', async (t) => {
    // The attacker’s identity at an issuer that may not speak for the address founds the account, and holds a trip ready.
    const { another, identityOf, linkToken, ...own } = await openAbroad(t);
    const email = 'owner@example.com';
    const planted = { provider: 'corp', subject: 'mallory', email, emailVerified: true, speaksForEmail: false };
    const identity = identityOf({ ...planted, name: 'Mallory', picture: null });
    const trip = async () => {
      const { trip, url } = await identity.startTrip({ provider: 'corp' });
      const answer = new URLSearchParams({ state: new URL(url).searchParams.get('state') ?? '' });
      return () => identity.finishTrip({ contract: 'bearer', provider: 'corp', trip, answer, caller: own.caller() });
    };
    const [first, second] = [await trip(), await trip()];
    const made = await first();
    assert.equal(made.outcome, 'signed_in');
    const owner = another();
    await owner.post('/send-magic-link', { email });
    const token = await linkToken(email, '/magic-link');
    assert.equal((await owner.post('/magic-link/verify', { token })).body.user?.name, null);
    assert.equal(await count(own, 'linked_identity'), 0);
    await assert.rejects(second(), { code: 'link_required' });
    assert.equal(await count(own, 'linked_identity'), 0);
    assert.equal(await count(own, 'session'), 1);
  });

  it('a NUL in the address that a provider gives is no fault of the server’s', { skip: !hasPostgres }, async (t) => {
    const abroad = await openAbroad(t, { database: 'postgres' });
    const { client } = await abroad.signedIn();
    assert.equal((await client.post('/oauth/github/link', { code: await linkCode(abroad, client) })).status, 200);
    abroad.github.emails = [{ email: 'octo\0cat@example.com', verified: true, primary: true }];
    const browser = abroad.another();
    const { location = '' } = await browser.get('/oauth/github');
    const back = new URL(await abroad.github.signInAt(location));
    const answer = await browser.askAt('GET', `${back.pathname}${back.search}`);
    assert.ok(answer.status < 500, answer.text);
  });
});

/** A code of a trip that a session began. */
async function linkCode({ another, github }: Abroad, client: ReturnType<Abroad['another']>): Promise<string> {
  const begun = await client.post('/oauth/github/link', { password: PASSWORD, redirectUrl: APP });
  assert.equal(begun.status, 200, begun.text);
  const { pathname, search } = new URL(begun.body.url ?? '');
  const browser = another();
  const { location = '' } = await browser.askAt('GET', `${pathname}${search}`);
  const back = new URL(await github.signInAt(location));
  const sent = await browser.askAt('GET', `${back.pathname}${back.search}`);
  return new URL(sent.location ?? '').searchParams.get('code') ?? '';
}

async function signInCode({ another, github }: Abroad): Promise<string> {
  const browser = another();
  const { location = '' } = await browser.get(`/oauth/github?redirectUrl=${encodeURIComponent(APP)}`);
  const back = new URL(await github.signInAt(location));
  const sent = await browser.askAt('GET', `${back.pathname}${back.search}`);
  return new URL(sent.location ?? '').searchParams.get('code') ?? '';
}

describe('attacks on the bearer contract: changes that outlive their asker', () => {
  const world = sharedWorld();

  it('a new address that a stolen session asked for comes to nothing once the owner has ended that session', async () => {
    const owner = await world().signedIn();
    const thief = world().another();
    assert.equal((await thief.signIn(owner.email)).status, 200);
    const newEmail = world().address('thief');
    const asked = await thief.post('/change-email', { newEmail });
    assert.equal(asked.status, 200, asked.text);
    const { sessions = [] } = (await owner.client.get('/sessions')).body;
    const stolen = sessions.find(({ current }) => current === false);
    assert.equal((await owner.client.delete(`/sessions/${String(stolen?.['id'])}`)).status, 200);
    const token = await world().linkToken(newEmail, '/change-email');
    const caller = { ...NOBODY_KNOWN, network: { key: 'thief', factor: 1 } };
    await assert.rejects(world().identity.finishEmailChange({ token, contract: 'page', caller }), {
      code: 'token_invalid',
    });
    assert.equal((await owner.client.get('/session')).body.user?.email, owner.email);
  });

  it('nor does it after signing out everywhere, a new password, a new factor or a new passkey', async () => {
    const ways: ((client: ReturnType<ReturnType<typeof world>['another']>) => Promise<{ status: number }>)[] = [
      (client) => client.delete('/sessions'),
      (client) => client.post('/change-password', { currentPassword: PASSWORD, newPassword: 'granite otter parade' }),
      async (client) => ({ status: (await world().enrol(client)) ? 200 : 0 }),
      async (client) => ({ status: (await client.addPasskey()) ? 200 : 0 }),
    ];
    for (const way of ways) {
      const owner = await world().signedIn();
      const thief = world().another();
      await thief.signIn(owner.email);
      const newEmail = world().address('thief');
      assert.equal((await thief.post('/change-email', { newEmail })).status, 200);
      assert.equal((await way(owner.client)).status, 200);
      const token = await world().linkToken(newEmail, '/change-email');
      await assert.rejects(world().identity.finishEmailChange({ token, contract: 'page', caller: NOBODY_KNOWN }), {
        code: 'token_invalid',
      });
    }
  });
});

const NOBODY_KNOWN = {
  address: null,
  network: { key: 'nobody', factor: 1 },
  userAgent: null,
  clientToken: null,
  locale: 'en',
} as const;

describe('attacks on the bearer contract: steps that are mixed', () => {
  const world = sharedWorld();

  it('a link is no link for anything but signing in, and stays for that', async () => {
    const { client, email } = await world().signedIn();
    const token = await world().magicLink(email);
    const asks: [string, object][] = [
      ['/verify-email', { token }],
      ['/reset-password', { token, password: 'granite otter parade' }],
      ['/exchange', { code: token }],
      ['/oauth/github/link', { code: token }],
    ];
    for (const [path, body] of asks) {
      const answer = await client.post(path, body);
      assert.equal(answer.body.error, 'INVALID_TOKEN', `${path} ${answer.text}`);
    }
    assert.equal((await world().another().post('/magic-link/verify', { token })).status, 200);
  });

  it('a login that waits in one contract is unknown to the others', async () => {
    const { client, email } = await world().signedIn();
    const { secret } = await world().enrol(client);
    const waiting = world().another();
    assert.equal((await waiting.signIn(email)).body.error, 'TOTP_REQUIRED');
    const { challenge } = waiting;
    const device = await waiting.askAt('POST', '/api/v1/auth/2fa/verify', {
      body: { challenge, otp: world().totp(secret) },
    });
    assert.ok(device.status >= 400, device.text);
    const elsewhere = world().another();
    const login = await elsewhere.askAt('POST', '/api/v1/auth/login', {
      body: { identifier: email, password: PASSWORD },
    });
    const foreign = login.body.challenge;
    assert.ok(foreign);
    for (const path of ['/exchange', '/magic-link/verify']) {
      const answer = await world()
        .another()
        .post(path, { challenge: foreign, totpCode: world().totp(secret) });
      assert.ok([400, 401].includes(answer.status) && !answer.body.session, answer.text);
    }
    assert.equal((await world().another().post('/passkey/sign-in', { challenge: foreign })).status, 401);
    // The code was compared with nothing, so that it is still good.
    const own = await world()
      .another()
      .post('/exchange', { challenge, totpCode: world().totp(secret) });
    assert.equal(own.status, 200, own.text);
  });

  it('after a link, the code that a password had mailed completes nothing (rule 16)', async () => {
    const { email } = await world().account();
    await world().enrolDelivered(email, 'email');
    const byLink = world().another();
    const token = await world().magicLink(email);
    const due = await byLink.post('/magic-link/verify', { token });
    assert.equal(due.body.channel, 'password', due.text);
    const byPassword = world().another();
    assert.equal((await byPassword.signIn(email)).body.channel, 'email');
    const totpCode = await world().codeFor(email);
    for (const body of [{ token }, { challenge: due.body.challenge }]) {
      const mixed = await byLink.post('/magic-link/verify', { ...body, totpCode });
      assert.equal(mixed.body.error, 'INVALID_TOTP', mixed.text);
    }
    const right = await byPassword.signIn(email, PASSWORD, { totpCode, challenge: byPassword.challenge });
    assert.equal(right.status, 200, right.text);
  });

  it('the password is no second step after the password, and a passkey’s or app’s place is not taken by it', async () => {
    const { client, email } = await world().signedIn();
    await world().enrol(client);
    const waiting = world().another();
    const { challenge } = (await waiting.signIn(email)).body;
    for (const path of ['/magic-link/verify', '/exchange']) {
      const answer = await waiting.post(path, { challenge, password: PASSWORD });
      assert.equal(answer.body.error, 'TOTP_REQUIRED', answer.text);
      const wrong = await waiting.post(path, { challenge, password: WRONG });
      assert.deepEqual(told(wrong), told(answer), 'whether a password is right must not be read from it');
    }
  });

  it('the password after a link is guessed no faster than at sign-in', async () => {
    const { email } = await world().account();
    await world().enrolDelivered(email, 'email');
    let compared = 0;
    for (let link = 0; link < 3; link += 1) {
      const token = await world().magicLink(email);
      for (let time = 0; time < 6; time += 1) {
        const answer = await world()
          .another()
          .post('/magic-link/verify', { token, password: `${WRONG} ${time}` });
        if (answer.body.error === 'INVALID_CREDENTIALS') compared += 1;
      }
    }
    assert.ok(compared <= 10, `${compared} guesses`);
    assert.equal((await world().another().signIn(email)).body.error, 'ACCOUNT_LOCKED');
  });

  it('a passkey of one’s own completes nobody else’s login', async () => {
    const victim = await world().signedIn();
    await world().enrol(victim.client);
    const waiting = world().another();
    const { challenge } = (await waiting.signIn(victim.email)).body;
    assert.ok(challenge);
    const attacker = await world().signedIn();
    const authenticator = new SoftwareAuthenticator();
    await attacker.client.addPasskey(authenticator);
    const { options } = (await waiting.post('/passkey/sign-in', { challenge })).body;
    const response = authenticator.assert({ ...options, allowCredentials: [] }, { origin: ORIGIN });
    assert.equal((await waiting.post('/passkey/sign-in', { challenge, response })).body.error, 'INVALID_PASSKEY');
    assert.equal((await waiting.post('/passkey/sign-in', { response })).body.error, 'INVALID_PASSKEY');
  });

  it('a sign-in grows stale whatever opened it, and a wrong code freshens nothing', async () => {
    const { email } = await world().account();
    const byLink = world().another();
    await byLink.post('/magic-link/verify', { token: await world().magicLink(email) });
    const newcomer = world().another();
    await newcomer.signUp(world().address());
    world().clock.advance({ minutes: 11 });
    for (const path of ['/two-factor/enable', '/passkey/register', '/two-factor/recovery-codes']) {
      assert.equal((await byLink.post(path)).body.error, 'REAUTH_REQUIRED', path);
    }
    assert.equal((await newcomer.delete('/user')).body.error, 'REAUTH_REQUIRED');
    assert.equal((await byLink.post('/two-factor/verify', { code: '000000' })).body.error, 'INVALID_TOTP');
    assert.equal((await byLink.post('/two-factor/enable')).body.error, 'REAUTH_REQUIRED');
  });
});

describe('attacks on the bearer contract: what one session may cost', () => {
  const world = sharedWorld();

  it('a newcomer who changes a profile to what it is writes no history of it', async () => {
    const newcomer = world().another();
    await newcomer.signUp(world().address());
    const before = await count(world(), 'audit_event');
    for (let time = 0; time < 50; time += 1) assert.equal((await newcomer.patch('/user', { name: 'Ada' })).status, 200);
    const rows = (await count(world(), 'audit_event')) - before;
    assert.ok(rows <= 10, `${rows} rows`);
  });
});

describe('attacks on the bearer contract: a stolen database, and a stolen log', () => {
  it('hold nothing that opens anything', async (t) => {
    const lines: string[] = [];
    const abroad = await openAbroad(t, { log: { write: (line) => void lines.push(line) } });
    const { another, clock, enrol, github, linkToken, magicLink, mails, signedIn } = abroad;
    const secrets = new Map<string, string>();
    const keep = (name: string, text: string | null | undefined): string => {
      assert.ok(text, name);
      secrets.set(name, text);
      return text;
    };
    const { client, email } = await signedIn();
    keep('session', client.token);
    keep('client', client.clientToken);

    const used = keep('used link', await magicLink(email));
    const byLink = another();
    await byLink.post('/magic-link/verify', { token: used });
    keep('session by link', byLink.token);
    keep('link', await magicLink(email));
    await another().post('/forgot-password', { email });
    keep('reset', await linkToken(email, '/reset-password'));
    const newEmail = abroad.address('new');
    await client.post('/change-email', { newEmail });
    keep('change', await linkToken(newEmail, '/change-email'));

    keep('code that links', await linkCode(abroad, client));
    keep('code that signs in', await signInCode(abroad));
    keep('client secret', github.clientSecret);
    for (const { form, headers } of github.asked) {
      if (form.get('code_verifier')) keep('verifier', form.get('code_verifier'));
      if (headers.authorization) keep('provider token', headers.authorization.replace('Bearer ', ''));
    }
    const browser = another();
    const { location = '' } = await browser.get('/oauth/github');
    const trip = keep('trip', browser.cookies.get('guichet_oauth'));
    keep('state', new URL(location).searchParams.get('state'));
    const ticket = (await client.post('/oauth/github/link', { password: PASSWORD })).body.url ?? '';
    keep('ticket', new URL(ticket).searchParams.get('ticket'));

    const { recoveryCodes, secret } = await enrol(client);
    keep('authenticator', secret);
    for (const [index, code] of recoveryCodes.entries()) keep(`recovery code ${index}`, code);
    const waiting = another();
    await waiting.signIn(email);
    keep('challenge', waiting.challenge);
    const { options } = (await waiting.post('/passkey/sign-in', { challenge: waiting.challenge })).body;
    keep('passkey challenge', options?.challenge);
    for (const token of [client.token, trip]) {
      await another().get(`/session?token=${token}`, { token: `${token}x` });
      await another().get(`/callback/github?code=${token}&state=${token}`);
    }
    clock.advance({ minutes: 1 });
    await mails();

    const names = (where: string): string[] =>
      [...secrets].filter(([, text]) => found(where, [text]).length > 0).map(([name]) => name);
    assert.deepEqual(names(lines.join('')), [], 'in the log');
    for (const [table, rows] of await dump(abroad)) assert.deepEqual(names(rows), [], `in ${table}`);
    for (const [path, bytes] of files(abroad)) assert.deepEqual(names(bytes), [], path);
  });
});
