import assert from 'node:assert/strict';
import { createHmac, createPublicKey } from 'node:crypto';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { describe, it } from 'node:test';
import type { Limits } from '../../../src/providers/limits.ts';
import { dump, files, found } from '../../security/leaks.ts';
import { hasPostgres } from '../../support/databases.ts';
import { json } from '../../support/github-look-alike.ts';
import { listenOnLoopback } from '../../support/loopback.ts';
import type { OidcLiar } from '../../support/oidc-liar.ts';
import { type Answer, PASSWORD } from './client.ts';
import {
  accountsIn,
  codeIn,
  comeBack,
  impatient,
  kept,
  leave,
  letInBy,
  type OAuthWorld,
  openOAuth,
  RETURN,
  refusal,
  STATE_COOKIE,
  sharedOAuth,
  signInBy,
  stateIn,
  toldBy,
  travel,
} from './oauth-world.ts';

const said = ({ body, status }: Answer) => ({ status, body });
const UNAVAILABLE = {
  status: 503,
  body: {
    error: 'PROVIDER_UNAVAILABLE',
    message: 'The provider does not answer: please try again in a moment, or sign in another way',
  },
};
const EMAIL_UNPROVEN = {
  status: 403,
  body: {
    error: 'PROVIDER_EMAIL_NOT_VERIFIED',
    message: 'The provider knows no verified email of yours: verify one there, then try again',
  },
};

const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Goes the whole way, once answered here and once sent on, and is turned away; nothing of it stays. */
async function assertTurnedAway(
  world: OAuthWorld,
  provider: string,
  expected: [status: number, error: string],
  what: string,
): Promise<void> {
  const before = await kept(world);
  const alone = await signInBy(world, world.another(), provider);
  assert.deepEqual(refusal(alone), expected, what);
  const { error, ...more } = toldBy(await signInBy(world, world.another(), provider, { redirectUrl: RETURN }));
  assert.deepEqual(
    [error?.toUpperCase(), more],
    [expected[1].replace('EMAIL_NOT_VERIFIED', 'EMAIL_UNPROVEN'), {}],
    what,
  );
  assert.deepEqual(await kept(world), before, what);
}

describe('a provider that lies', () => {
  const open = sharedOAuth();

  it('R099: makes no account of an address that it does not know to be proven', async () => {
    const world = open();
    for (const email_verified of ['true', 'false', 1, 0, false, null, {}, [true], undefined]) {
      world.acmePerson({ email_verified });
      await assertTurnedAway(world, 'acme', [403, 'PROVIDER_EMAIL_NOT_VERIFIED'], JSON.stringify({ email_verified }));
    }
    for (const verified of ['true', 1, false, null, {}]) {
      world.octocat({ verified });
      await assertTurnedAway(world, 'github', [403, 'PROVIDER_EMAIL_NOT_VERIFIED'], JSON.stringify({ verified }));
    }
    assert.deepEqual(said(await signInBy(world, world.another(), 'github')), EMAIL_UNPROVEN);
  });

  it('R099: makes no account without an address, or with what is none', async () => {
    const world = open();
    for (const email of [
      undefined,
      null,
      '',
      ' ',
      7,
      true,
      {},
      ['ada@acme.example'],
      'ada',
      '@acme.example',
      'ada@',
      'ada@@acme.example',
      'ada@acme.example, eve@acme.example',
      'ada@acme.example\r\nBcc: eve@evil.example',
      'ada\u0000@acme.example',
      `${'a'.repeat(250)}@acme.example`,
    ]) {
      world.acmePerson({ email });
      await assertTurnedAway(world, 'acme', [403, 'PROVIDER_EMAIL_NOT_VERIFIED'], JSON.stringify(email));
    }
    for (const emails of [
      [],
      [{ email: 'ada@example.com', verified: true, primary: false }],
      [{ primary: true, verified: true }],
      [{ email: 'ada@example.com', primary: true }],
    ]) {
      world.octocat();
      world.github.emails = emails;
      await assertTurnedAway(world, 'github', [403, 'PROVIDER_EMAIL_NOT_VERIFIED'], JSON.stringify(emails));
    }
  });

  it('R099: joins no account by such an address, and takes none over', async () => {
    const world = open();
    const { email } = await world.account();
    const unproven = world.address('unproven');
    const newcomer = world.another();
    await newcomer.signUp(unproven);
    for (const address of [email, unproven]) {
      for (const verified of [false, 'true', 1, null]) {
        world.octocat({ email: address, verified });
        await assertTurnedAway(world, 'github', [403, 'PROVIDER_EMAIL_NOT_VERIFIED'], `${address} ${verified}`);
      }
    }
    assert.equal((await newcomer.get('/session')).status, 200);
    assert.equal((await world.another().signIn(email, PASSWORD)).status, 200);
  });

  it('R100: is refused when it does not say who it is about', async () => {
    const world = open();
    for (const sub of [undefined, null, 0, '', {}, ['1'], true, 7]) {
      world.acmePerson({ sub });
      await assertTurnedAway(world, 'acme', [401, 'PROVIDER_REFUSED'], `sub ${JSON.stringify(sub)}`);
    }
    for (const user of [
      {},
      { id: null },
      { id: 0 },
      { id: '' },
      { id: {} },
      { id: '583231' },
      { message: 'Bad credentials' },
      [],
      null,
    ]) {
      world.octocat();
      world.github.user = user;
      await assertTurnedAway(world, 'github', [401, 'PROVIDER_REFUSED'], `user ${JSON.stringify(user)}`);
    }
  });

  it('R099: is refused with an ID token that does not hold', async () => {
    const world = open();
    const { acme } = world;
    const claiming =
      (change: object): OidcLiar['idToken'] =>
      () =>
        acme.sign(JSON.parse(JSON.stringify({ ...acme.truth(), ...change })));
    const pem = createPublicKey({ key: acme.publicKey as never, format: 'jwk' }).export({
      type: 'spki',
      format: 'pem',
    });
    const hmac = (): string => {
      const input = `${encoded({ alg: 'HS256', kid: 'first' })}.${encoded(acme.truth())}`;
      return `${input}.${createHmac('sha256', pem.toString()).update(input).digest('base64url')}`;
    };
    const seconds = Math.floor(Date.now() / 1000);
    for (const [what, idToken] of Object.entries<OidcLiar['idToken']>({
      none: () => `${encoded({ alg: 'none' })}.${encoded(acme.truth())}.`,
      'HMAC by the public key': hmac,
      'another audience': claiming({ aud: 'another client' }),
      'another issuer': claiming({ iss: 'https://accounts.google.com' }),
      'no expiry': claiming({ exp: undefined }),
      expired: claiming({ exp: seconds - 60 }),
      'no issue date': claiming({ iat: undefined }),
      old: claiming({ iat: seconds - 3600 }),
      'no nonce': claiming({ nonce: undefined }),
      'another nonce': claiming({ nonce: 'A'.repeat(43) }),
      'issued to another': claiming({ aud: [acme.clientId, 'another'], azp: 'another' }),
      'no signature': async () => (await acme.sign(acme.truth())).replace(/\.[^.]*$/, '.'),
      'not a token': () => 'canary',
    })) {
      acme.idToken = idToken;
      await assertTurnedAway(world, 'acme', [401, 'PROVIDER_REFUSED'], what);
    }
  });

  it('R097: is refused when it answers with the token of another trip', async () => {
    const world = open();
    const { acme } = world;
    world.acmePerson({});
    const first = world.another();
    const callback = await travel(world, first, 'acme');
    const stolen = await acme.sign(acme.truth());
    assert.equal((await comeBack(first, callback)).status, 200);
    const second = world.another();
    const next = await travel(world, second, 'acme');
    acme.idToken = () => stolen;
    assert.deepEqual(refusal(await comeBack(second, next)), [401, 'PROVIDER_REFUSED']);
  });

  it('R099: never raises its word by the answer of the browser', async () => {
    const world = open();
    const { email } = world.acmePerson({ email_verified: false });
    const browser = world.another();
    const callback = await travel(world, browser, 'acme');
    for (const [name, value] of Object.entries({
      email,
      email_verified: 'true',
      sub: '1',
      id_token: 'x',
      hd: 'acme.example',
    })) {
      callback.searchParams.set(name, value);
    }
    const answer = await comeBack(browser, callback);
    assert.ok([401, 403].includes(answer.status), answer.text);
    assert.equal(answer.body.session, undefined);
  });

  it('says what it will: the account that is known is found by the id alone', async () => {
    const world = open();
    const { sub } = world.acmePerson({});
    const { user } = (await letInBy(world, world.another(), 'acme')).body;
    const accounts = await accountsIn(world);
    for (const email of [
      undefined,
      null,
      '',
      7,
      {},
      'nobody',
      'ada\u0000@acme.example',
      '\ud800@acme.example',
      'a'.repeat(254),
    ]) {
      world.acmePerson({ sub, email });
      const browser = world.another();
      const { body } = await letInBy(world, browser, 'acme');
      assert.equal(body.user?.id, user?.id, JSON.stringify(email));
      assert.equal((await browser.get('/accounts')).status, 200);
    }
    for (const other of [`${sub} `, ` ${sub}`, sub.toUpperCase(), `${sub}%00`, `'${sub}'`]) {
      const { email } = world.acmePerson({ sub: other });
      const { body } = await letInBy(world, world.another(), 'acme');
      assert.equal(body.user?.email, email, other);
      assert.notEqual(body.user?.id, user?.id, other);
    }
    assert.equal(await accountsIn(world), accounts + 5);
  });

  it('R101: speaks for no address that only looks like one of its domains', async () => {
    const world = open();
    const { email } = await world.account({ email: 'ceo@acme.example' });
    for (const address of [
      'ceo@acme.example.evil.example',
      'ceo@evil.example@acme.example',
      '"ceo@acme.example"@evil.example',
      'ceo@xn--acme.example',
      'ceo@аcme.example',
    ]) {
      world.acmePerson({ email: address });
      const answer = await signInBy(world, world.another(), 'acme');
      assert.notEqual(answer.body.user?.email, email, address);
      if (answer.status === 200) assert.equal(answer.body.user?.emailVerified, false, address);
      else assert.deepEqual(said(answer), EMAIL_UNPROVEN, address);
    }
  });
});

describe('a provider that says strange things to a server on PostgreSQL', {
  skip: hasPostgres ? false : 'no PostgreSQL server',
}, () => {
  const open = sharedOAuth({ database: 'postgres' });

  for (const [what, claims] of Object.entries({
    'a NUL in the address': { email: 'ada\u0000@acme.example' },
    'half a character in the address': { email: '\ud800@acme.example' },
    'a NUL in the name': { name: 'Ada\u0000Lovelace' },
    'half a character in the name': { name: 'Ada \ud83d' },
  })) {
    it(`R104: is met without a fault when it has ${what}`, async () => {
      const world = open();
      world.acmePerson(claims);
      const first = await signInBy(world, world.another(), 'acme');
      assert.ok([200, 403].includes(first.status), `new: ${first.text}`);

      const { client } = await world.signedIn();
      world.acmePerson(claims);
      const { url = '' } = (await client.post('/oauth/acme/link', {})).body;
      const browser = world.another();
      const left = await browser.askAt('GET', url.slice('http://localhost:3000'.length));
      const { code } = (await comeBack(browser, new URL(await world.acme.signInAt(left.location ?? '')))).body;
      const linked = await client.post('/oauth/acme/link', { code });
      const { sub } = world.acmePerson({});
      await letInBy(world, world.another(), 'acme');
      world.acmePerson({ sub, ...claims });
      const known = await signInBy(world, world.another(), 'acme');
      assert.deepEqual([linked.status, known.status], [200, 200], `linked: ${linked.text}, known: ${known.text}`);
    });
  }
});

describe('a provider in trouble', () => {
  const open = sharedOAuth();
  const GITHUB = ['/login/oauth/access_token', '/api/v3/user', '/api/v3/user/emails'];
  const ACME = ['/token', '/jwks', '/userinfo'];
  const DISCOVERY = '/.well-known/openid-configuration';

  const isSilent = (what: string): boolean => ['says nothing', 'stops in the middle'].includes(what);

  /** One after the other, each endpoint of both providers answers so; issuers are asked anew what they are. */
  async function everywhere(
    lie: (response: ServerResponse) => void,
    check: (world: OAuthWorld, provider: string, path: string) => Promise<void>,
    limits: Partial<Limits> = {},
  ): Promise<void> {
    const world = open();
    try {
      for (const path of GITHUB) {
        impatient(world, limits);
        world.octocat();
        world.github.lies = { [path]: lie };
        await check(world, 'github', path);
      }
      for (const path of ACME) {
        impatient(world, limits);
        world.acmePerson({ email: undefined });
        world.acme.lies = { [path]: lie };
        await check(world, 'acme', path);
      }
    } finally {
      world.github.lies = {};
      world.acme.lies = {};
      impatient(world, {});
    }
  }

  for (const [what, lie] of Object.entries<(response: ServerResponse) => void>({
    'is in trouble itself': (response) => void response.writeHead(500).end('canary'),
    'is busy': (response) => void response.writeHead(503, { 'retry-after': '3600' }).end(),
    'wants to be left alone': (response) => void response.writeHead(429).end(),
    'breaks off': (response) => void response.socket?.destroy(),
    'says nothing': () => {},
    'stops in the middle': (response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('{');
    },
    'never ends': (response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const write = (): void => {
        while (!response.destroyed && response.write(' '.repeat(16 * 1024)));
      };
      response.on('drain', write);
      write();
    },
  })) {
    it(`R104: that ${what} is unavailable, and nobody is half made`, async () => {
      const limits = { bodyBytes: 64 * 1024, ...(isSilent(what) && { requestMilliseconds: 250 }) };
      await everywhere(
        lie,
        async (world, provider, path) => {
          await assertTurnedAway(world, provider, [503, 'PROVIDER_UNAVAILABLE'], path);
          const answer = await signInBy(world, world.another(), provider);
          assert.deepEqual(said(answer), UNAVAILABLE);
          assert.match(String(answer.headers['retry-after']), /^\d+$/);
        },
        limits,
      );
    });
  }

  it('R104: that sends elsewhere is not followed', async (t) => {
    const visited: string[] = [];
    const { url } = await listenOnLoopback(t, (request, response) => {
      visited.push(request.url ?? '');
      json(response, { id: 1, sub: 'x' });
    });
    await everywhere(
      (response) => void response.writeHead(302, { location: `${url}/canary` }).end(),
      (world, provider, path) => assertTurnedAway(world, provider, [401, 'PROVIDER_REFUSED'], path),
    );
    assert.deepEqual(visited, []);
  });

  it('R104: that answers nonsense is refused', async () => {
    for (const text of ['', 'canary', '[]', '"x"', '{"error":"server_error"}', '<html>', '{"a":'.repeat(5000)]) {
      await everywhere(
        (response) => void response.writeHead(200, { 'content-type': 'application/json' }).end(text),
        async (world, provider, path) => {
          // Without any addresses GitHub's person is refused as one whose address is not proven.
          const answer = await signInBy(world, world.another(), provider);
          const isKnown = path.endsWith('/emails') && text === '[]';
          assert.equal(answer.status, isKnown ? 403 : 401, `${path} ${text.slice(0, 20)} ${answer.text}`);
          assert.equal(answer.text.includes('canary'), false);
        },
      );
    }
  });

  it('R104: whose description is not to be had is unavailable from the start, and leaves no state behind', async () => {
    const world = open();
    const before = await kept(world);
    for (const lie of [
      (response: ServerResponse) => void response.writeHead(500).end(),
      (response: ServerResponse) => void response.writeHead(302, { location: '/elsewhere' }).end(),
      (response: ServerResponse) => void response.socket?.destroy(),
      (response: ServerResponse) => json(response, { issuer: 'https://accounts.google.com' }),
      (response: ServerResponse) => void response.end('nonsense'),
      () => {},
    ]) {
      impatient(world, { requestMilliseconds: 250 });
      world.acme.lies = { [DISCOVERY]: lie };
      const answer = await leave(world.another(), 'acme', { redirectUrl: RETURN });
      assert.deepEqual(said(answer), UNAVAILABLE);
      assert.match(String(answer.headers['retry-after']), /^\d+$/);
      assert.equal(answer.headers['set-cookie'], undefined);
    }
    world.acme.lies = {};
    impatient(world, {});
    assert.deepEqual(await kept(world), before);
    world.acmePerson({});
    await letInBy(world, world.another(), 'acme');
  });

  it('R104: that is not there, or whose TLS is none, is unavailable', async (t) => {
    const gone = createTcpServer().listen(0, '127.0.0.1');
    await once(gone, 'listening');
    const { port } = gone.address() as AddressInfo;
    gone.close();
    const requests: string[] = [];
    const plain = await listenOnLoopback(t, (request) => void requests.push(request.url ?? ''));
    const issuer = (name: string, url: string) => ({
      [`GUICHET_OIDC_${name}_ISSUER`]: url,
      [`GUICHET_OIDC_${name}_CLIENT_ID`]: 'guichet',
      [`GUICHET_OIDC_${name}_CLIENT_SECRET`]: 'secret',
    });
    const world = await openOAuth(t, {
      env: {
        ...issuer('GONE', `http://127.0.0.1:${port}`),
        ...issuer('PLAIN', `https://localhost:${new URL(plain.url).port}`),
      },
    });
    const before = await kept(world);
    for (const name of ['gone', 'plain']) {
      assert.deepEqual(said(await leave(world.another(), name)), UNAVAILABLE, name);
      const session = await world.another().get(`/callback/${name}?code=x&state=y`);
      assert.deepEqual(refusal(session), [400, 'INVALID_TOKEN']);
    }
    assert.deepEqual([requests, await kept(world)], [[], before]);
    // The others go on.
    world.octocat();
    await letInBy(world, world.another(), 'github');
  });

  it('R104: counts nothing against those who come: a provider’s trouble locks nobody out', async () => {
    const world = open();
    const browser = world.another();
    world.octocat();
    world.github.lies = { '/login/oauth/access_token': (response) => void response.writeHead(500).end() };
    for (let time = 0; time < 31; time += 1) {
      assert.equal((await signInBy(world, browser, 'github')).status, 503);
    }
    world.github.lies = {};
    await letInBy(world, browser, 'github');
  });

  it('says so in the language that is asked for', async () => {
    const world = open();
    const headers = { 'accept-language': 'fr' };
    const [left, back] = [
      await world.another({ headers }).get('/oauth/gitlab'),
      await world.another({ headers }).get('/callback/github'),
    ];
    assert.deepEqual(
      [left.body.message, back.body.message],
      ['La connexion avec ce fournisseur n’est pas configurée', 'Le jeton est invalide ou a expiré'],
    );
  });
});

describe('what a provider gave', () => {
  for (const database of ['sqlite', 'postgres'] as const) {
    const skip = database === 'postgres' && !hasPostgres ? 'no PostgreSQL server' : false;

    it(`R105: is not kept, not logged and not in our URLs, on ${database}`, { skip }, async (t) => {
      const lines: string[] = [];
      const log = { write: (line: string) => void lines.push(line) };
      const world = await openOAuth(t, { database, log });
      const { acme, github, google } = world;
      const secrets = new Set<string>([acme.clientSecret, github.clientSecret, google.clientSecret]);
      const ours: Answer[] = [];
      const go = async (provider: string, query: Record<string, string> = {}): Promise<Answer> => {
        const browser = world.another();
        const left = await leave(browser, provider, query);
        const sealed = browser.cookies.get(STATE_COOKIE) ?? '';
        const authorization = new URL(left.location ?? '');
        for (const name of ['state', 'nonce', 'code_challenge'])
          secrets.add(authorization.searchParams.get(name) ?? '');
        const back = new URL(await world.stand(provider).signInAt(authorization.href));
        secrets.add(back.searchParams.get('code') ?? '').add(sealed);
        const answer = await comeBack(browser, back);
        ours.push(answer);
        return answer;
      };

      const { email } = world.octocat();
      await go('github');
      const code = codeIn(await go('github', { redirectUrl: RETURN }));
      const client = world.another();
      const token = (await client.post('/exchange', { code })).body.session?.token ?? '';
      world.googler({ email: 'canary.grace@gmail.com' });
      await go('google');
      const claims = world.acmePerson({});
      const { idToken } = acme;
      acme.idToken = async () => {
        const text = await idToken();
        secrets.add(text).add(text.split('.')[2] ?? '');
        return text;
      };
      await go('acme');
      world.acmePerson({ sub: null });
      await go('acme', { redirectUrl: RETURN });
      github.lies = {
        '/login/oauth/access_token': (response) =>
          json(response, { error: 'canary-error-text', access_token: 'canary-t' }),
      };
      await go('github');
      github.lies = { '/api/v3/user': (response) => json(response, { message: 'canary-message' }, 500) };
      await go('github', { redirectUrl: RETURN });
      github.lies = {};
      const denied = world.another();
      const state = stateIn(await leave(denied, 'github'));
      await denied.get(`/callback/github?error=access_denied&error_description=canary-description&state=${state}`);
      await world.another().get('/callback/github?code=canary-stray-code&state=canary-stray-state');

      const { url = '' } = (await client.post('/oauth/acme/link', { redirectUrl: RETURN })).body;
      const ticket = new URL(url).searchParams.get('ticket') ?? '';
      world.acmePerson({});
      const browser = world.another();
      const left = await browser.askAt('GET', url.slice('http://localhost:3000'.length));
      const handed = codeIn(await comeBack(browser, new URL(await acme.signInAt(left.location ?? ''))));
      const waiting = await dump(world);
      assert.equal((await client.post('/oauth/acme/link', { code: handed })).status, 200);

      for (const { headers } of github.asked) {
        if (headers.authorization) secrets.add(headers.authorization.replace(/^\w+ /, ''));
      }
      const canaries = [
        'canary-access-token',
        'canary-error-text',
        'canary-t',
        'canary-message',
        'canary-description',
        'canary-stray-code',
        'canary-stray-state',
      ];
      secrets.delete('');
      const never = [...secrets, ...canaries];
      assert.ok(never.filter((text) => text.startsWith('gho_')).length >= 2);
      assert.ok(never.length >= 35, `${never.length} secrets`);

      const own = [code, handed, ticket, token];
      for (const tables of [waiting, await dump(world)]) {
        for (const [table, text] of tables) assert.deepEqual(found(text, [...never, ...own]), [], table);
      }
      if (database === 'sqlite') {
        for (const [path, bytes] of files(world)) assert.deepEqual(found(bytes, [...never, ...own]), [], path);
      }
      const written = lines.join('');
      assert.match(written, /"msg":"request"/);
      assert.match(written, /"event":"provider.linked"/);
      assert.match(written, /a sign-in with a provider failed/);
      assert.deepEqual(found(written, [...never, ...own, email, claims.email]), []);
      for (const { headers, location = '', text } of ours) {
        assert.deepEqual(found(JSON.stringify([location, text, headers]), never), [], location);
      }
    });
  }
});
