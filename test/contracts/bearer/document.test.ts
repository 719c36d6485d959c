import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bearer as contract } from '../../../src/contracts/bearer/contract.ts';
import { openGitHub } from '../../support/github-look-alike.ts';
import { SoftwareAuthenticator } from '../../support/software-authenticator.ts';
import { asPrinted, assertFactorDue, assertShape, PRINTED, SECRET_VALUE } from './answers.ts';
import { type Answer, type Client, ORIGIN, openClient, PREFIX, sharedWorld } from './client.ts';

/** The document's own. */
const EMAIL = 'user@example.com';
const SIGN_UP = `{
"email": "user@example.com",
"password": "SecurePassword123"
}`;
const SIGN_IN_WITH_CODE = `{
"email": "user@example.com",
"password": "SecurePassword123",
"totpCode": "123456"
}`;
const MAGIC_LINK = `{
"email": "user@example.com",
"redirectUrl": "http://localhost:3000/dashboard"
}`;
const INVALID_CREDENTIALS = `{
"error": "INVALID_CREDENTIALS",
"message": "Email or password is incorrect"
}`;
const USER_ALREADY_EXISTS = `{
"error": "USER_ALREADY_EXISTS",
"message": "User with this email already exists"
}`;
const EMAIL_NOT_VERIFIED = `{
"error": "EMAIL_NOT_VERIFIED",
"message": "Please verify your email first"
}`;
const INVALID_TOKEN = `{
"error": "INVALID_TOKEN",
"message": "Token is invalid or expired"
}`;
const INVALID_TOTP = `{
"error": "INVALID_TOTP",
"message": "The TOTP code is invalid or expired"
}`;

/** The one key beside the document's, for clients that send it back. */
const client_token = 'a client token';
const proven = { ...PRINTED.user, emailVerified: true };

function assertExample(answer: Answer, status: number, example: string): void {
  assert.equal(answer.status, status, answer.text);
  assert.deepEqual(answer.body, JSON.parse(example));
  assertShape(answer);
}

describe('the document’s examples', () => {
  const world = sharedWorld();
  /** A sample request under an address of its own. */
  const sample = (text: string, email: string): { raw: string } => ({ raw: text.replace(EMAIL, email) });
  const signUp = async (email = world().address('user')): Promise<{ client: Client; email: string }> => {
    const client = world().another();
    const answer = await client.post('/sign-up', undefined, sample(SIGN_UP, email));
    assert.equal(answer.status, 201, answer.text);
    return { client, email };
  };
  /** The same, its address proven. */
  const proveThemselves = async (): Promise<{ client: Client; email: string }> => {
    const made = await signUp();
    const token = await world().linkToken(made.email, '/verify-email');
    assert.equal((await made.client.post('/verify-email', { token })).status, 200);
    return made;
  };
  const signIn = (email: string, text = SIGN_UP): Promise<Answer> =>
    world().another().post('/sign-in', undefined, sample(text, email));

  it('sign up', async () => {
    const answer = await world().another().post('/sign-up', undefined, { raw: SIGN_UP });
    assert.equal(answer.status, 201, answer.text);
    assert.deepEqual(asPrinted(answer, { email: EMAIL, emailVerified: false }), { ...PRINTED, client_token });
    const { session, user } = answer.body;
    const days = (Date.parse(session?.expiresAt ?? '') - Date.parse(user?.createdAt ?? '')) / 86_400_000;
    assert.equal(days, 7);
  });

  it('sign up mails a link that proves the address', async () => {
    const { email } = await signUp();
    const sent = await world().mails(email);
    assert.equal(sent.length, 1);
    const url = new URL(sent[0]?.links[0] ?? '');
    assert.equal(`${url.origin}${url.pathname}`, `${ORIGIN}/verify-email`);
    assert.deepEqual([...url.searchParams.keys()], ['token']);
    assert.match(url.searchParams.get('token') ?? '', SECRET_VALUE);
  });

  it('sign in', async () => {
    const { email } = await signUp();
    const answer = await signIn(email);
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(asPrinted(answer, { email, emailVerified: false }), { ...PRINTED, client_token });
  });

  it('sign in by the wrong password', async () => {
    const { email } = await signUp();
    const wrong = { raw: `{"email": "${email}", "password": "securePassword123"}` };
    assertExample(await world().another().post('/sign-in', undefined, wrong), 401, INVALID_CREDENTIALS);
  });

  it('sign in as nobody', async () => {
    assertExample(await signIn('stranger@example.com'), 401, INVALID_CREDENTIALS);
  });

  it('sign up a second time', async () => {
    const { email } = await signUp();
    const again = await world().another().post('/sign-up', undefined, sample(SIGN_UP, email));
    assertExample(again, 409, USER_ALREADY_EXISTS);
  });

  it('get the session', async () => {
    const { client, email } = await signUp();
    const answer = await client.get('/session');
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(asPrinted(answer, { email, emailVerified: false }), PRINTED);
    assert.equal(answer.body.session?.token, client.token);
  });

  it('sign out', async () => {
    const { client } = await signUp();
    const answer = await client.post('/sign-out');
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(answer.body, { success: true });
    assertShape(answer);
    assertExample(await client.get('/session'), 401, INVALID_TOKEN);
  });

  it('send a magic link', async () => {
    const { email } = await signUp();
    for (const address of [email, 'stranger@example.com']) {
      const answer = await world().another().post('/send-magic-link', undefined, sample(MAGIC_LINK, address));
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(answer.body, { success: true, message: 'Magic link sent to email' });
      assertShape(answer);
    }
    assert.match(await world().linkToken(email, '/magic-link'), SECRET_VALUE);
    assert.deepEqual(await world().mails('stranger@example.com'), []);
  });

  it('verify the e-mail', async () => {
    const { client, email } = await signUp();
    const token = await world().linkToken(email, '/verify-email');
    const raw = `{
"token": "${token}"
}`;
    // Whoever holds the token needs no session.
    const answer = await world().another().post('/verify-email', undefined, { raw });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(asPrinted(answer, { email }), { success: true, user: proven });
    assert.equal((await client.get('/session')).body.user?.emailVerified, true);
  });

  it('verify the e-mail with the sample token, and with one that was used', async () => {
    const { client, email } = await signUp();
    const sampled = `{
"token": "verification_token_from_email"
}`;
    assertExample(await client.post('/verify-email', undefined, { raw: sampled }), 400, INVALID_TOKEN);
    const token = await world().linkToken(email, '/verify-email');
    assert.equal((await client.post('/verify-email', { token })).status, 200);
    assertExample(await client.post('/verify-email', { token }), 400, INVALID_TOKEN);
  });

  it('switch two-factor authentication on', async () => {
    const { client } = await proveThemselves();
    const answer = await client.post('/two-factor/enable');
    assert.equal(answer.status, 200, answer.text);
    const { qrCode = '', secret = '', ...more } = answer.body;
    assert.deepEqual(more, {});
    // 160 bits, which need no padding (K14).
    assert.match(secret, /^[A-Z2-7]{32}$/);
    assert.match(qrCode, /^data:image\/png;base64,[A-Za-z0-9+/]+=*$/);
    const png = Buffer.from(qrCode.split(',')[1] ?? '', 'base64');
    assert.equal(png.subarray(0, 8).toString('latin1'), '\x89PNG\r\n\x1a\n');
    assertShape(answer);
  });

  it('switch it on before the address is proven', async () => {
    const { client } = await signUp();
    assertExample(await client.post('/two-factor/enable'), 403, EMAIL_NOT_VERIFIED);
  });

  it('verify the code', async () => {
    const { client, email } = await proveThemselves();
    const { secret = '' } = (await client.post('/two-factor/enable')).body;
    const raw = `{
"code": "${world().totp(secret)}"
}`;
    const answer = await client.post('/two-factor/verify', undefined, { raw });
    assert.equal(answer.status, 200, answer.text);
    const { recoveryCodes = [], ...printed } = asPrinted(answer, { email });
    assert.deepEqual(printed, { success: true, user: proven });
    assert.equal(new Set(recoveryCodes).size, 10);
  });

  it('verify a wrong code', async () => {
    const { client } = await proveThemselves();
    const { secret = '' } = (await client.post('/two-factor/enable')).body;
    const wrong = world().totp(secret, 20);
    assertExample(await client.post('/two-factor/verify', { code: wrong }), 401, INVALID_TOTP);
    assertExample(await client.post('/two-factor/verify', { code: 'abc' }), 401, INVALID_TOTP);
  });

  it('sign in with a code', async () => {
    const { client, email } = await proveThemselves();
    const { secret = '' } = (await client.post('/two-factor/enable')).body;
    await client.post('/two-factor/verify', { code: world().totp(secret) });
    world().clock.advance({ seconds: 61 });
    assertFactorDue(await signIn(email));
    const wrong = SIGN_IN_WITH_CODE.replace('123456', world().totp(secret, 20));
    assertExample(await signIn(email, wrong), 401, INVALID_TOTP);
    const answer = await signIn(email, SIGN_IN_WITH_CODE.replace('123456', world().totp(secret)));
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(asPrinted(answer, { email }), { user: proven, session: PRINTED.session, client_token });
  });

  it('sign in with a code on an account that has no second factor', async () => {
    const { email } = await proveThemselves();
    const answer = await signIn(email, SIGN_IN_WITH_CODE);
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(asPrinted(answer, { email }), { user: proven, session: PRINTED.session, client_token });
  });

  it('register a passkey, and sign in with it', async () => {
    const { client, email } = await proveThemselves();
    const authenticator = new SoftwareAuthenticator();
    // As documented, the request has no body.
    const options = await client.post('/passkey/register');
    assert.equal(options.status, 200, options.text);
    assert.deepEqual(Object.keys(options.body), ['options']);
    const response = authenticator.register(options.body.options ?? {}, { origin: ORIGIN });
    const stored = await client.post('/passkey/register', { response });
    assert.equal(stored.status, 200, stored.text);
    assert.deepEqual(Object.keys(stored.body), ['success', 'passkey']);

    const browser = world().another();
    const asked = await browser.ask('POST', '/passkey/sign-in', {
      raw: '',
      headers: { 'content-type': 'application/json' },
    });
    assert.equal(asked.status, 200, asked.text);
    assert.deepEqual(Object.keys(asked.body), ['options']);
    const assertion = authenticator.assert(asked.body.options ?? {}, { origin: ORIGIN });
    const answer = await browser.post('/passkey/sign-in', { response: assertion });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(asPrinted(answer, { email }), { user: proven, session: PRINTED.session, client_token });
  });

  for (const [method, path] of [
    ['GET', '/session'],
    ['POST', '/sign-out'],
    ['POST', '/two-factor/enable'],
    ['POST', '/passkey/register'],
  ] as const) {
    it(`${method} ${path} with the sample token, which opens nothing`, async () => {
      const { client } = await signUp();
      for (const token of ['TOKEN', 'YOUR_TOKEN', 'eyJhbGc...', null]) {
        assertExample(await client.ask(method, path, { token }), 401, INVALID_TOKEN);
      }
      assert.equal((await client.get('/session')).status, 200);
    });
  }
});

describe('the document’s providers', () => {
  it('send a browser to GitHub, and meet it at the documented callback', async (t) => {
    const github = await openGitHub(t);
    const { another } = await openClient(t, {
      env: {
        GUICHET_GITHUB_CLIENT_ID: github.clientId,
        GUICHET_GITHUB_CLIENT_SECRET: github.clientSecret,
        GUICHET_GITHUB_BASE_URL: github.url,
        GUICHET_GITHUB_API_URL: github.apiUrl,
      },
    });
    const browser = another();
    const start = await browser.get('/oauth/github');
    assert.equal(start.status, 302, start.text);
    const { searchParams } = new URL(start.location ?? '');
    assert.equal(searchParams.get('redirect_uri'), `${ORIGIN}/api/auth/callback/github`);
    assert.equal(searchParams.get('code_challenge_method'), 'S256');
    assert.match(searchParams.get('state') ?? '', SECRET_VALUE);
    const back = new URL(await github.signInAt(start.location ?? ''));
    assert.equal(back.pathname, '/api/auth/callback/github');
    const answer = await browser.askAt('GET', `${back.pathname}${back.search}`);
    assert.equal(answer.status, 200, answer.text);
    const { session, user } = answer.body;
    assert.deepEqual(Object.keys(answer.body).sort(), ['client_token', 'session', 'user']);
    assert.deepEqual([user?.email, user?.emailVerified, user?.name], ['octocat@example.com', true, 'The Octocat']);
    assert.equal((await browser.get('/session')).body.session?.id, session?.id);
  });

  it('are Google too, and neither where it is not set up', async (t) => {
    const { another } = await openClient(t);
    for (const provider of ['github', 'google']) {
      for (const path of [`/oauth/${provider}`, `/callback/${provider}?code=x&state=y`]) {
        const answer = await another().get(path);
        assert.equal(answer.status, 404, path);
        const message = 'Signing in with this provider is not set up';
        assert.deepEqual(answer.body, { error: 'PROVIDER_NOT_CONFIGURED', message });
      }
    }
  });
});

interface Schema {
  properties?: Record<string, unknown>;
  required?: string[];
}
interface Media {
  schema: Schema;
  examples?: Record<string, { value: { error: string; message: string; fields?: object } }>;
}
interface Operation {
  operationId: string;
  summary: string;
  security?: Record<string, string[]>[];
  parameters: { name: string; in: string; required: boolean; schema: object }[];
  requestBody?: { required: boolean; content: Record<string, Media> };
  responses: Record<string, { description: string; content?: Record<string, Media> }>;
}
interface OpenApi {
  openapi: string;
  info: { title: string; description: string; version: string };
  servers: { url: string }[];
  components: { securitySchemes: Record<string, object> };
  paths: Record<string, Record<string, Operation>>;
}

describe('the reference of the bearer contract', () => {
  const world = sharedWorld();
  const reference = async (): Promise<OpenApi> => {
    const answer = await world().another().askAt('GET', '/docs/bearer.json');
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8');
    return answer.body as unknown as OpenApi;
  };
  const operations = async (): Promise<Map<string, Operation>> => {
    const found = new Map<string, Operation>();
    for (const [path, methods] of Object.entries((await reference()).paths)) {
      for (const [method, operation] of Object.entries(methods))
        found.set(`${method.toUpperCase()} ${path}`, operation);
    }
    return found;
  };
  const lineOf = ({ method, path }: { method: string; path: string }): string =>
    `${method} ${PREFIX}${path.replace(/:(\w+)/g, '{$1}')}`;

  it('is an OpenAPI 3.1 document of this server', async () => {
    const { components, info, openapi, servers } = await reference();
    assert.match(openapi, /^3\.1\.\d+$/);
    assert.deepEqual(
      [info.title, info.description, typeof info.version],
      [contract.title, contract.description, 'string'],
    );
    assert.deepEqual(servers, [{ url: ORIGIN }]);
    assert.deepEqual(components.securitySchemes, { bearer: { type: 'http', scheme: 'bearer' } });
  });

  it('has every route of the contract and no other, each under a name of its own', async () => {
    const found = await operations();
    assert.deepEqual([...found.keys()].sort(), contract.routes.map(lineOf).sort());
    assert.equal(new Set([...found.values()].map(({ operationId }) => operationId)).size, found.size);
  });

  it('shows parameters of path and query, and what each route takes', async () => {
    const found = await operations();
    for (const route of contract.routes) {
      const line = lineOf(route);
      const { parameters, requestBody } = found.get(line) ?? assert.fail(line);
      const inPath = [...line.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => [name, 'path', true]);
      const inQuery = Object.keys((route.query as Schema | undefined)?.properties ?? {}).map((name) => [
        name,
        'query',
        false,
      ]);
      assert.deepEqual(
        parameters.map((parameter) => [parameter.name, parameter.in, parameter.required]),
        [...inPath, ...inQuery],
        line,
      );
      const shown = requestBody?.content['application/json']?.schema;
      assert.deepEqual(shown, route.takes && JSON.parse(JSON.stringify(route.takes)), line);
      if (requestBody) assert.equal(requestBody.required, (shown?.required ?? []).length > 0, line);
    }
    const start = found.get(`GET ${PREFIX}/oauth/{provider}`);
    assert.ok(start?.parameters.some((one) => one.name === 'redirectUrl' && one.in === 'query'));
  });

  it('shows what each route gives, and where it sends the browser on', async () => {
    const found = await operations();
    const redirecting: string[] = [];
    for (const route of contract.routes) {
      const line = lineOf(route);
      const { responses } = found.get(line) ?? assert.fail(line);
      if ('302' in responses) redirecting.push(line);
      // What always sends the browser on gives nothing else, see below.
      if (route.path !== '/oauth/:provider') {
        const given = responses[route.status]?.content?.['application/json']?.schema;
        assert.deepEqual(given, JSON.parse(JSON.stringify(route.gives)), line);
      }
      for (const [status, { description }] of Object.entries(responses)) {
        assert.match(status, /^[2-5]\d\d$/, line);
        assert.ok(description, `${line} ${status}`);
      }
    }
    assert.deepEqual(redirecting, [`GET ${PREFIX}/oauth/{provider}`, `GET ${PREFIX}/callback/{provider}`]);
  });

  it('gives no answer of 200 to what always sends the browser on', async () => {
    const start = (await operations()).get(`GET ${PREFIX}/oauth/{provider}`);
    assert.deepEqual(
      Object.keys(start?.responses ?? {}).filter((status) => status < '400'),
      ['302'],
    );
  });

  it('shows the second factor beside the other refusals of the same status', async () => {
    const found = await operations();
    for (const line of ['POST /sign-in', 'POST /exchange', 'POST /magic-link/verify']) {
      const [method, path] = line.split(' ');
      const refused = found.get(`${method} ${PREFIX}${path}`)?.responses['401']?.content?.['application/json'];
      const text = JSON.stringify(refused);
      assert.match(text, /TOTP_REQUIRED/, line);
      assert.match(text, /INVALID_TOTP/, line);
    }
  });

  it('asks for a bearer token where a session is needed, and nowhere else', async () => {
    for (const [line, { security }] of await operations()) {
      const route = contract.routes.find((one) => lineOf(one) === line);
      const expected = route?.mayFail.includes('session_ended') ? [{ bearer: [] }] : undefined;
      assert.deepEqual(security, expected, line);
    }
  });

  it('shows each failure with an example in the contract’s shape', async () => {
    const found = await operations();
    for (const route of contract.routes) {
      const line = lineOf(route);
      const { responses } = found.get(line) ?? assert.fail(line);
      const examples = Object.values(responses).flatMap(({ content }) =>
        Object.entries(content?.['application/json']?.examples ?? {}),
      );
      const codes = ['fault', 'unavailable', ...route.mayFail, ...(route.takes ? ['body_too_large'] : [])];
      for (const code of codes) {
        const [, example] = examples.find(([name]) => name === code) ?? assert.fail(`${line} shows no ${code}`);
        const { error, fields, message, ...more } = example.value;
        assert.deepEqual(more, {}, line);
        assert.match(error, /^[A-Z_]+$/);
        assert.ok(message);
        assert.equal(fields !== undefined, error === 'VALIDATION_ERROR', line);
      }
    }
  });

  it('points at nothing that it does not hold, and holds no secret', async () => {
    const document = await reference();
    const text = JSON.stringify(document);
    for (const [, target = ''] of text.matchAll(/"\$ref":"([^"]+)"/g)) {
      let place: unknown = document;
      for (const step of target.replace(/^#\//, '').split('/')) place = (place as Record<string, unknown>)?.[step];
      assert.ok(place, target);
    }
    assert.doesNotMatch(text, /m0Jq7vXb/);
  });
});
