import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { openGitHub } from '../../support/github-look-alike.ts';
import { type OpenedClient, openClient, PASSWORD, sharedWorld, WRONG } from './client.ts';
import {
  assertDead,
  assertDue,
  assertRefused,
  assertSignedIn,
  assertWrongCode,
  codeByLink,
  wrongCode,
} from './handed-people.ts';

const APP = 'http://localhost:5173';
const redirectUrl = `${APP}/app?tab=1`;
// RFC 7636, appendix B.
const codeVerifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
const codeChallenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';
const challengeOf = (verifier: string): string => createHash('sha256').update(verifier).digest('base64url');

describe('a code of a redirect', () => {
  const world = sharedWorld();
  const exchange = (body: object, headers: Record<string, string> = {}) =>
    world().another().post('/exchange', body, { headers });

  it('fetches a session, once', async () => {
    const { email } = await world().account();
    const { code, location } = await codeByLink(world(), email, { redirectUrl });
    assert.equal(location, `${redirectUrl}&code=${code}`);
    const client = world().another();
    const answer = await client.post('/exchange', { code });
    assertSignedIn(answer, email);
    assert.equal((await client.get('/session')).status, 200);
    assertDead(await exchange({ code }));
    assert.equal((await client.get('/session')).status, 200);
  });

  it('is another one than the link’s token, and neither does the other’s work', async () => {
    const { email } = await world().account();
    const { code } = await codeByLink(world(), email);
    assertDead(await world().another().post('/magic-link/verify', { token: code }));
    assertDead(await world().another().post('/verify-email', { token: code }));
    assert.equal((await world().another().get('/session', { token: code })).status, 401);
    assertSignedIn(await exchange({ code }), email);
  });

  it('R060: works for sixty seconds, to the second', async () => {
    const [early, late] = [await world().account(), await world().account()];
    const good = await codeByLink(world(), early.email);
    const dead = await codeByLink(world(), late.email);
    world().clock.advance({ seconds: 59 });
    assertSignedIn(await exchange({ code: good.code }), early.email);
    world().clock.advance({ seconds: 1 });
    assertDead(await exchange({ code: dead.code }));
  });

  it('R055: gives one of many who present it at once a session', async () => {
    const { email, id } = await world().account();
    const { code } = await codeByLink(world(), email, { redirectUrl });
    const answers = await Promise.all(Array.from({ length: 20 }, () => exchange({ code })));
    assert.equal(answers.filter(({ status }) => status === 200).length, 1);
    for (const answer of answers) if (answer.status !== 200) assertDead(answer);
    const sessions = world().handle.read.selectFrom('session').select('id').where('account_id', '=', id);
    assert.equal((await sessions.execute()).length, 1);
  });

  it('is refused when it is altered, cut or padded, and stays', async () => {
    const { email } = await world().account();
    const { code } = await codeByLink(world(), email);
    const last = code.at(-1) === 'A' ? 'B' : 'A';
    for (const other of [`${code.slice(0, -1)}${last}`, code.slice(0, -1), `${code}=`, `${code}%00`, ` ${code}`]) {
      assertDead(await exchange({ code: other }), other);
    }
    assertSignedIn(await exchange({ code }), email);
  });

  it('asks for a code or a challenge', async () => {
    for (const body of [{}, { totpCode: '123456' }, { code: '' }, { code: 1 }, { code: ['x'] }, { code: null }]) {
      const answer = await exchange(body);
      assertRefused(answer, 400, 'VALIDATION_ERROR');
      // The field as this endpoint calls it.
      assert.deepEqual(Object.keys(answer.body.fields ?? {}), ['code'], JSON.stringify(body));
    }
    assertDead(await exchange({ challenge: 'x'.repeat(43) }));
  });

  it('is found in no answer but the redirect, and kept as a digest', async () => {
    const { email } = await world().account();
    const { code } = await codeByLink(world(), email, { redirectUrl });
    const rows = await world().handle.read.selectFrom('one_time_token').selectAll().execute();
    assert.ok(rows.some(({ purpose }) => purpose === 'exchange') && !JSON.stringify(rows).includes(code));
  });
});

describe('the origin of a page that presents a code', () => {
  const world = sharedWorld();
  const exchange = (body: object, origin?: string) =>
    world()
      .another()
      .post('/exchange', body, { headers: origin === undefined ? {} : { origin } });

  it('is that of the redirect, and no other that is allowed', async () => {
    const { email } = await world().account();
    const { code } = await codeByLink(world(), email, { redirectUrl });
    for (const origin of [
      'http://localhost:3000',
      'http://localhost:9999',
      'https://localhost:5173',
      'http://127.0.0.1:5173',
    ]) {
      assertDead(await exchange({ code }, origin), origin);
    }
    for (const origin of ['https://evil.example', 'null', 'http://localhost:5173.evil.example', `${APP}/`]) {
      assertRefused(await exchange({ code }, origin), 403, 'FORBIDDEN_ORIGIN');
    }
    assertSignedIn(await exchange({ code }, APP), email);
  });

  it('need not be told: a server has none', async () => {
    const { email } = await world().account();
    const { code } = await codeByLink(world(), email, { redirectUrl });
    assertSignedIn(await exchange({ code }), email);
  });

  it('may be any allowed one for a code that was asked for without a redirect', async () => {
    const { email } = await world().account();
    for (const origin of [APP, 'http://localhost:9999']) {
      const { code, location } = await codeByLink(world(), email);
      assert.equal(location, undefined);
      assertRefused(await exchange({ code }, 'https://evil.example'), 403, 'FORBIDDEN_ORIGIN');
      assertSignedIn(await exchange({ code }, origin), email);
      world().clock.advance({ seconds: 1 });
    }
  });

  it('is looked at again with the second factor', async () => {
    const { client, email } = await world().signedIn();
    const { secret } = await world().enrol(client);
    const { code } = await codeByLink(world(), email, { redirectUrl });
    assertDead(await exchange({ code }, 'http://localhost:9999'));
    const challenge = assertDue(await exchange({ code }, APP), 'totp');
    const totpCode = world().totp(secret);
    assertDead(await exchange({ code }, 'http://localhost:9999'));
    assertDead(await exchange({ code, totpCode }, 'http://localhost:9999'));
    assertDead(await exchange({ challenge, totpCode }, 'http://localhost:9999'));
    assertSignedIn(await exchange({ code, totpCode }, APP), email);
  });
});

describe('a code that was asked for with a challenge', () => {
  const world = sharedWorld();
  const exchange = (body: object) => world().another().post('/exchange', body);

  it('is given for the verifier alone (RFC 7636, appendix B), and stays for whoever has it', async () => {
    assert.equal(challengeOf(codeVerifier), codeChallenge);
    const { email } = await world().account();
    const { code } = await codeByLink(world(), email, { redirectUrl, codeChallenge });
    for (const wrong of [
      '',
      codeChallenge,
      codeVerifier.slice(0, -1),
      `${codeVerifier}=`,
      codeVerifier.toLowerCase(),
    ]) {
      assertDead(await exchange({ code, codeVerifier: wrong }), wrong);
    }
    assertDead(await exchange({ code }));
    const tooLong = await exchange({ code, codeVerifier: 'x'.repeat(129) });
    assertRefused(tooLong, 400, 'VALIDATION_ERROR');
    assert.deepEqual(Object.keys(tooLong.body.fields ?? {}), ['codeVerifier']);
    assertSignedIn(await exchange({ code, codeVerifier }), email);
  });

  it('takes verifiers of 43 to 128 characters', async () => {
    const { email } = await world().account();
    for (const verifier of ['-._~'.padEnd(43, 'a'), randomBytes(96).toString('base64url')]) {
      const { code } = await codeByLink(world(), email, { codeChallenge: challengeOf(verifier) });
      assertSignedIn(await exchange({ code, codeVerifier: verifier }), email);
      world().clock.advance({ seconds: 1 });
    }
  });

  it('takes the verifier’s digest for no verifier, nor a plain challenge', async () => {
    const { email } = await world().account();
    // As the `plain` method would have it: the challenge is the verifier.
    const { code } = await codeByLink(world(), email, { codeChallenge: codeVerifier });
    assertDead(await exchange({ code, codeVerifier }));
    assertDead(await exchange({ code, codeVerifier: challengeOf(codeVerifier) }));
  });

  it('is no code of a client that shows a verifier, where it was asked for without one (RFC 9700)', async () => {
    const { email } = await world().account();
    const { code } = await codeByLink(world(), email);
    assertDead(await exchange({ code, codeVerifier }));
    assertSignedIn(await exchange({ code, codeVerifier: '' }), email);
  });

  it('is asked for it again at the second presentation', async () => {
    const { client, email } = await world().signedIn();
    const { secret } = await world().enrol(client);
    const { code } = await codeByLink(world(), email, { redirectUrl, codeChallenge });
    assertDead(await exchange({ code, totpCode: world().totp(secret) }));
    const first = await exchange({ code, codeVerifier });
    assertDue(first, 'totp');
    const totpCode = world().totp(secret);
    assertDead(await exchange({ code }));
    assertDead(await exchange({ code, totpCode }));
    assertDead(await exchange({ code, totpCode, codeVerifier: codeChallenge }));
    assert.equal((await exchange({ code, codeVerifier })).text, first.text);
    assertSignedIn(await exchange({ code, codeVerifier, totpCode }), email);
  });
});

describe('R063: a code of a redirect to an account with a second factor', () => {
  const world = sharedWorld();
  const exchange = (body: object) => world().another().post('/exchange', body);

  async function somebody() {
    const { client, email } = await world().signedIn();
    const { recoveryCodes, secret } = await world().enrol(client);
    const { code } = await codeByLink(world(), email, { redirectUrl });
    return { email, code, recoveryCodes, right: () => world().totp(secret), wrong: wrongCode(world(), secret) };
  }

  it('is completed by the code again or by the challenge', async () => {
    const one = await somebody();
    assertDue(await exchange({ code: one.code }), 'totp');
    assertSignedIn(await exchange({ code: one.code, totpCode: one.right() }), one.email);
    assertDead(await exchange({ code: one.code, totpCode: one.right() }));
    const other = await somebody();
    const challenge = assertDue(await exchange({ code: other.code }), 'totp');
    assertSignedIn(await exchange({ challenge, recoveryCode: other.recoveryCodes[0] }), other.email);
    assertDead(await exchange({ challenge, totpCode: other.right() }));
    assertDead(await exchange({ code: other.code }));
  });

  it('may be completed for ten minutes, to the second, though the code itself works for one', async () => {
    const { code, email, right } = await somebody();
    const first = await exchange({ code });
    world().clock.advance({ minutes: 9, seconds: 59 });
    const again = await exchange({ code });
    assert.deepEqual([again.status, again.text], [401, first.text]);
    assertSignedIn(await exchange({ code, totpCode: right() }), email);
    const late = await somebody();
    const challenge = assertDue(await exchange({ code: late.code }), 'totp');
    world().clock.advance({ minutes: 10 });
    assertDead(await exchange({ code: late.code, totpCode: late.right() }));
    assertDead(await exchange({ challenge, totpCode: late.right() }));
  });

  it('has five tries, whether named by code or challenge, or at sign-in', async () => {
    const { code, email, right, wrong } = await somebody();
    const challenge = assertDue(await exchange({ code }), 'totp');
    for (const named of [{ code }, { challenge }, { code }])
      assertWrongCode(await exchange({ ...named, totpCode: wrong }));
    const atSignIn = () => world().another().signIn(email, PASSWORD, { challenge, totpCode: wrong });
    for (let count = 0; count < 2; count += 1) assertWrongCode(await atSignIn());
    assertWrongCode(await exchange({ code, totpCode: right() }));
  });

  it('counts a code that reaches nothing for nobody but the network', async () => {
    const { code, email, right } = await somebody();
    assertDue(await exchange({ code }), 'totp');
    for (let count = 0; count < 20; count += 1) {
      assertDead(await exchange({ code: 'x'.repeat(43), totpCode: '123456' }));
    }
    assertSignedIn(await exchange({ code, totpCode: right() }), email);
  });
});

describe('a code of a provider', () => {
  async function openProvider(t: { after(undo: () => unknown): void }) {
    const github = await openGitHub(t);
    const world = await openClient(t, {
      env: {
        GUICHET_GITHUB_CLIENT_ID: github.clientId,
        GUICHET_GITHUB_CLIENT_SECRET: github.clientSecret,
        GUICHET_GITHUB_BASE_URL: github.url,
        GUICHET_GITHUB_API_URL: github.apiUrl,
      },
    });
    return { github, world };
  }
  type Opened = Awaited<ReturnType<typeof openProvider>>;
  async function codeByGitHub({ github, world }: Opened, query: Record<string, string>): Promise<string> {
    const browser = world.another();
    const start = await browser.get(`/oauth/github?${new URLSearchParams(query)}`);
    assert.equal(start.status, 302, start.text);
    const back = new URL(await github.signInAt(start.location ?? ''));
    const returned = await browser.askAt('GET', `${back.pathname}${back.search}`);
    assert.equal(returned.status, 302, returned.text);
    return new URL(returned.location ?? '').searchParams.get('code') ?? '';
  }
  const exchange = ({ world }: { world: OpenedClient }, body: object, headers = {}) =>
    world.another().post('/exchange', body, { headers });

  it('is bound to verifier and origin as a link’s is, and asks for the second factor', async (t) => {
    const opened = await openProvider(t);
    const { world } = opened;
    const email = 'octocat@example.com';
    const { client } = await world.signedIn({ email });
    const { secret } = await world.enrol(client);
    const code = await codeByGitHub(opened, { redirectUrl, codeChallenge });
    assertDead(await exchange(opened, { code }));
    assertDead(await exchange(opened, { code, codeVerifier }, { origin: 'http://localhost:9999' }));
    assertDue(await exchange(opened, { code, codeVerifier }, { origin: APP }), 'totp');
    assertDead(await exchange(opened, { code, totpCode: world.totp(secret) }));
    assertSignedIn(await exchange(opened, { code, codeVerifier, totpCode: world.totp(secret) }), email);
  });

  it('is sent the code of an e-mail factor, for the mailbox was not shown yet', async (t) => {
    const opened = await openProvider(t);
    const { world } = opened;
    const email = 'octocat@example.com';
    await world.account({ email });
    await world.enrolDelivered(email, 'email');
    const code = await codeByGitHub(opened, { redirectUrl });
    assertDue(await exchange(opened, { code }), 'email');
    assertDue(await exchange(opened, { code, password: WRONG }), 'email');
    assertDue(await exchange(opened, { code, password: PASSWORD }), 'email');
    assertSignedIn(await exchange(opened, { code, totpCode: await world.codeFor(email) }), email);
  });
});
