import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Answer,
  assertRefused,
  INSTANT,
  openClient,
  PASSWORD,
  SECRET_VALUE,
  sharedWorld,
  UUID,
} from './client.ts';

const ID = '550e8400-e29b-41d4-a716-446655440000';
const CREATED_AT = '2024-01-17T10:30:00Z';
const EMAIL = 'john@example.com';
const NEW_PASSWORD = 'NewSecurePassword123!';

/** The answer as the document prints it: once looked at, address, id and date become the document's own. */
function asPrinted(answer: Answer, email: string): unknown {
  const body = structuredClone(answer.body);
  if (body.user?.email !== undefined) {
    assert.equal(body.user.email, email);
    body.user.email = EMAIL;
  }
  if (body.user?.id !== undefined) {
    assert.match(body.user.id, UUID);
    body.user.id = ID;
  }
  if (body.user?.createdAt !== undefined) {
    assert.match(body.user.createdAt, INSTANT);
    body.user.createdAt = CREATED_AT;
  }
  return body;
}

const ACCESS_COOKIE = /^accessToken=[\w-]+\.[\w-]+\.[\w-]+; Max-Age=900; Path=\/; HttpOnly; SameSite=Strict$/;
const REFRESH_COOKIE = /^refreshToken=[\w-]{43}; Max-Age=604800; Path=\/v1\/auth; HttpOnly; SameSite=Strict$/;
const CLIENT_COOKIE = /^guichet_client=[\w-]{43}; Max-Age=2592000; Path=\/; HttpOnly; SameSite=Lax$/;
const CLEARED = [
  'accessToken=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict',
  'refreshToken=; Max-Age=0; Path=/v1/auth; HttpOnly; SameSite=Strict',
];

function assertCookies(answer: Answer, ...forms: RegExp[]): void {
  assert.equal(answer.setCookies.length, forms.length, answer.setCookies.join('\n'));
  for (const [index, form] of forms.entries()) assert.match(answer.setCookies[index] ?? '', form);
}

// The document writes every address with a space behind it.
describe('the document’s examples', () => {
  const world = sharedWorld();

  it('register', async () => {
    const email = 'register@example.com';
    const { another } = world();
    const client = another();
    const answer = await client.post('/register', { email: `${email} `, name: 'John Doe', password: PASSWORD });
    assert.equal(answer.status, 201);
    assert.deepEqual(asPrinted(answer, email), {
      success: true,
      message: 'Registration successful. Please check your email to verify your account.',
      user: { id: ID, email: EMAIL, name: 'John Doe', emailVerified: false, createdAt: CREATED_AT },
    });
    assertCookies(answer);
  });

  it('register mails the address a link that verifies it', async () => {
    const email = 'mailed@example.com';
    const { another, mails } = world();
    const client = another();
    await client.post('/register', { email: `${email} `, name: 'John Doe', password: PASSWORD });
    const sent = await mails(email);
    assert.deepEqual(
      sent.map(({ to }) => to),
      [email],
    );
    const [link = ''] = sent[0]?.links ?? [];
    const url = new URL(link);
    assert.equal(`${url.origin}${url.pathname}`, 'http://localhost:3000/verify-email');
    assert.deepEqual([...url.searchParams.keys()], ['token']);
    assert.match(url.searchParams.get('token') ?? '', SECRET_VALUE);
  });

  it('login', async () => {
    const email = 'login@example.com';
    const { account, another } = world();
    const client = another();
    await account(email);
    const answer = await client.post('/login', { email: `${email} `, password: PASSWORD });
    assert.equal(answer.status, 200);
    assert.deepEqual(asPrinted(answer, email), {
      success: true,
      message: 'Login successful',
      user: { id: ID, email: EMAIL, name: 'John Doe', role: 'USER', emailVerified: true },
    });
    assertCookies(answer, ACCESS_COOKIE, REFRESH_COOKIE, CLIENT_COOKIE);
  });

  it('me', async () => {
    const email = 'me@example.com';
    const { signedIn } = world();
    const client = await signedIn(email);
    const answer = await client.get('/me');
    assert.equal(answer.status, 200);
    assert.deepEqual(asPrinted(answer, email), {
      user: { id: ID, email: EMAIL, name: 'John Doe', role: 'USER', emailVerified: true, createdAt: CREATED_AT },
    });
    assertCookies(answer);
  });

  it('me needs the access token alone', async () => {
    const email = 'me-alone@example.com';
    const { signedIn } = world();
    const client = await signedIn(email);
    const answer = await client.get('/me', { cookie: `accessToken=${client.cookie('accessToken')}` });
    assert.equal(answer.status, 200);
  });

  it('refresh', async () => {
    const email = 'refresh@example.com';
    const { signedIn } = world();
    const client = await signedIn(email);
    const before = new Map(client.jar);
    const answer = await client.post('/refresh');
    assert.equal(answer.status, 200);
    assert.deepEqual(asPrinted(answer, email), {
      ok: true,
      user: { id: ID, email: EMAIL, name: 'John Doe', role: 'USER' },
    });
    assertCookies(answer, ACCESS_COOKIE, REFRESH_COOKIE);
    assert.notEqual(client.cookie('accessToken'), before.get('accessToken'));
    assert.notEqual(client.cookie('refreshToken'), before.get('refreshToken'));
    assert.equal((await client.get('/me')).status, 200);
  });

  it('logout', async () => {
    const email = 'logout@example.com';
    const { signedIn } = world();
    const client = await signedIn(email);
    const answer = await client.post('/logout');
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.body, { success: true, message: 'Logged out successfully' });
    assert.deepEqual(answer.setCookies, CLEARED);
  });

  it('logout without a session is the same', async () => {
    const { another } = world();
    const client = another();
    const answer = await client.post('/logout');
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.body, { success: true, message: 'Logged out successfully' });
    assert.deepEqual(answer.setCookies, CLEARED);
  });

  it('verify-email', async () => {
    const email = 'verify@example.com';
    const { another, tokenFor } = world();
    const client = another();
    await client.post('/register', { email: `${email} `, name: 'John Doe', password: PASSWORD });
    const answer = await client.post('/verify-email', { token: await tokenFor(email) });
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.body, { success: true, message: 'Email verified successfully. You can now log in.' });
    assertCookies(answer);
    assert.equal((await client.signIn(email)).status, 200);
  });

  it('send-email-verification', async () => {
    const email = 'send-again@example.com';
    const { account, another, clock, tokenFor } = world();
    const client = another();
    await account(email, { verified: false });
    const before = await tokenFor(email);
    clock.advance({ seconds: 1 });
    const answer = await client.post('/send-email-verification', { email: `${email} ` });
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.body, { success: true, message: 'Verification email sent. Please check your inbox.' });
    assertCookies(answer);
    assert.notEqual(await tokenFor(email), before);
  });

  it('forgot-password', async () => {
    const email = 'forgot@example.com';
    const { account, another, tokenFor } = world();
    const client = another();
    await account(email);
    const answer = await client.post('/forgot-password', { email: `${email} ` });
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.body, {
      success: true,
      message: 'If an account exists with this email, a password reset link has been sent.',
    });
    assertCookies(answer);
    assert.match(await tokenFor(email), SECRET_VALUE);
  });

  it('reset-password', async () => {
    const email = 'reset@example.com';
    const { another, signedIn, tokenFor } = world();
    const client = another();
    const before = await signedIn(email);
    await client.post('/forgot-password', { email });
    const answer = await client.post('/reset-password', { token: await tokenFor(email), password: NEW_PASSWORD });
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.body, {
      success: true,
      message: 'Password reset successful. You can now log in with your new password.',
    });
    assertCookies(answer);
    assertRefused(await before.get('/me'), 401, 'TOKEN_EXPIRED');
    assertRefused(await before.post('/refresh'), 401, 'TOKEN_EXPIRED');
    assertRefused(await another().signIn(email, PASSWORD), 401, 'INVALID_CREDENTIALS');
    assert.equal((await another().signIn(email, NEW_PASSWORD)).status, 200);
  });

  it('every password that the document shows is accepted', async () => {
    const { another } = world();
    const client = another();
    for (const [index, password] of [PASSWORD, 'SecurePass123!', NEW_PASSWORD, 'NewSecurePass123!'].entries()) {
      const answer = await client.post('/register', {
        email: `dealer${index}@example.com`,
        name: 'Auto Dealer',
        password,
      });
      assert.equal(answer.status, 201, `${password}: ${answer.text}`);
    }
  });
});

describe('the answers that must tell nothing', () => {
  for (const path of ['/send-email-verification', '/forgot-password']) {
    it(`${path} answers alike for known, verified, locked and unknown addresses, and for what is none`, async (t) => {
      const { account, client, identity, mails } = await openClient(t);
      await account('known@example.com', { verified: false });
      await account('proven@example.com');
      const { uuid } = await account('locked@example.com');
      await identity.lockAccount({ uuid });
      const texts = new Set<string>();
      for (const email of [
        'known@example.com',
        'proven@example.com',
        'locked@example.com',
        'nobody@example.com',
        'none',
      ]) {
        const answer = await client.post(path, { email });
        assert.equal(answer.status, 200);
        texts.add(answer.text);
      }
      assert.equal(texts.size, 1);
      assert.deepEqual((await mails('locked@example.com')).length, 0);
    });
  }
});

describe('the document’s lifetimes', () => {
  const world = sharedWorld();

  it('an access token lives 15 minutes', async () => {
    const { clock, signedIn } = world();
    const client = await signedIn('lifetime1@example.com');
    clock.advance({ minutes: 14, seconds: 59 });
    assert.equal((await client.get('/me')).status, 200);
    clock.advance({ seconds: 1 });
    assertRefused(await client.get('/me'), 401, 'TOKEN_EXPIRED');
  });

  it('a refresh token lives 7 days', async () => {
    const { clock, signedIn } = world();
    const client = await signedIn('lifetime2@example.com');
    clock.advance({ days: 7, seconds: -1 });
    assert.equal((await client.post('/refresh')).status, 200);
    clock.advance({ days: 7 });
    assertRefused(await client.post('/refresh'), 401, 'TOKEN_EXPIRED');
  });

  it('a session ends 30 days after its sign-in however often it is refreshed', async () => {
    const { clock, signedIn } = world();
    const client = await signedIn('lifetime3@example.com');
    for (let day = 1; day < 30; day += 1) {
      clock.advance({ days: 1 });
      assert.equal((await client.post('/refresh')).status, 200, `day ${day}`);
    }
    clock.advance({ days: 1 });
    assertRefused(await client.post('/refresh'), 401, 'TOKEN_EXPIRED');
    assertRefused(await client.get('/me'), 401, 'TOKEN_EXPIRED');
  });

  it('a verification link lives 24 hours', async () => {
    const { account, another, clock, tokenFor } = world();
    const client = another();
    await account('ada@example.com', { verified: false });
    await account('eve@example.com', { verified: false });
    const [ada, eve] = [await tokenFor('ada@example.com'), await tokenFor('eve@example.com')];
    clock.advance({ hours: 24, seconds: -1 });
    assert.equal((await client.post('/verify-email', { token: ada })).status, 200);
    clock.advance({ seconds: 1 });
    assertRefused(await client.post('/verify-email', { token: eve }), 400, 'INVALID_TOKEN');
  });

  it('a reset link lives 1 hour', async () => {
    const { account, another, clock, tokenFor } = world();
    const client = another();
    for (const email of ['ada.reset@example.com', 'eve.reset@example.com']) {
      await account(email);
      await client.post('/forgot-password', { email });
    }
    const [ada, eve] = [await tokenFor('ada.reset@example.com'), await tokenFor('eve.reset@example.com')];
    clock.advance({ hours: 1, seconds: -1 });
    assert.equal((await client.post('/reset-password', { token: ada, password: NEW_PASSWORD })).status, 200);
    clock.advance({ seconds: 1 });
    assertRefused(await client.post('/reset-password', { token: eve, password: NEW_PASSWORD }), 400, 'INVALID_TOKEN');
  });
});

const WEAK: readonly (readonly [password: string, message: string])[] = [
  ['', 'The password must have at least 8 characters.'],
  ['Zq7!kp2', 'The password must have at least 8 characters.'],
  // Two code units each, and one character.
  ['🦊🐙🦉🐝🦔🐳🦋', 'The password must have at least 8 characters.'],
  ['Zq7!kp2 x'.repeat(200).slice(0, 1025), 'The password is too long: at most 1,024 bytes are accepted.'],
  ['Password1', 'This password is among the most common ones. Please choose another.'],
  ['john.smith@example.com', 'The password must not be made of your name or email.'],
  ['john.smith1987', 'The password must not be made of your name or email.'],
  ['Jonathan Smithson', 'The password must not be made of your name or email.'],
  ['Guichet2024', 'The password must not be made of your name or email.'],
  ['abcabcabcabc', 'This password is too easy to guess. A few unrelated words make a good one.'],
];

describe('the table of error codes', () => {
  const world = sharedWorld();
  const refusal = (error: string, message: string) => ({ success: false, error, message });

  it('INVALID_CREDENTIALS is 401, alike for unknown, wrong, locked and unverified accounts', async () => {
    const { account, another, identity } = world();
    const client = another();
    await account('known@example.com');
    await account('unproven@example.com', { verified: false });
    const { uuid } = await account('locked@example.com');
    await identity.lockAccount({ uuid });
    const wrong = 'a wrong password';
    const answers = [
      await client.signIn('nobody@example.com', wrong),
      await client.signIn('known@example.com', wrong),
      await client.signIn('unproven@example.com', wrong),
      await client.signIn('locked@example.com', wrong),
      await client.signIn('locked@example.com', PASSWORD),
      await client.signIn('no address at all', wrong),
    ];
    for (const answer of answers) {
      assert.equal(answer.status, 401);
      assert.deepEqual(answer.body, refusal('INVALID_CREDENTIALS', 'Email or password is incorrect.'));
      assert.deepEqual(answer.setCookies, []);
      assert.deepEqual(Object.keys(answer.headers).sort(), Object.keys(answers[0]?.headers ?? {}).sort());
    }
  });

  it('EMAIL_ALREADY_EXISTS is 409, in every spelling of the address', async () => {
    const { account, another } = world();
    const client = another();
    await account('taken@example.com');
    for (const email of ['taken@example.com', 'TAKEN@Example.COM', ' taken@example.com ']) {
      const answer = await client.post('/register', { email, name: 'John Doe', password: PASSWORD });
      assert.equal(answer.status, 409);
      assert.deepEqual(answer.body, refusal('EMAIL_ALREADY_EXISTS', 'This email is already registered.'));
      assert.deepEqual(answer.setCookies, []);
    }
  });

  it('EMAIL_NOT_VERIFIED is 403 after the right password alone', async () => {
    const { account, another } = world();
    const client = another();
    await account('unverified@example.com', { verified: false });
    const answer = await client.signIn('unverified@example.com');
    assert.equal(answer.status, 403);
    assert.deepEqual(answer.body, refusal('EMAIL_NOT_VERIFIED', 'Please verify your email before logging in.'));
    assert.deepEqual(answer.setCookies, []);
  });

  for (const [path, send] of [
    ['/verify-email', '/send-email-verification'],
    ['/reset-password', '/forgot-password'],
  ] as const) {
    const other = path === '/verify-email' ? '/forgot-password' : '/send-email-verification';
    it(`INVALID_TOKEN is 400 for every dead token at ${path}`, async () => {
      const { account, another, clock, tokenFor } = world();
      const client = another();
      const email = `token${path.length}@example.com`;
      await account(email, { verified: false });
      const use = (token: string) =>
        client.post(path, { token, ...(path === '/reset-password' && { password: NEW_PASSWORD }) });
      clock.advance({ seconds: 1 });
      await client.post(other, { email });
      const ofAnotherPurpose = await tokenFor(email);
      clock.advance({ seconds: 1 });
      await client.post(send, { email });
      const token = await tokenFor(email);
      const dead = [
        'verification_token_from_email',
        'reset_token_from_email',
        ofAnotherPurpose,
        token.slice(0, -1),
        `${token}=`,
        `${token}A`,
        ` ${token}`,
        token.toUpperCase(),
        `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`,
      ];
      for (const one of dead) {
        const answer = await use(one);
        assert.equal(answer.status, 400, one);
        assert.deepEqual(answer.body, refusal('INVALID_TOKEN', 'This token is invalid or has expired.'));
      }
      assert.equal((await use(token)).status, 200);
      const again = await use(token);
      assert.equal(again.status, 400);
      assert.deepEqual(again.body, refusal('INVALID_TOKEN', 'This token is invalid or has expired.'));
    });
  }

  it('TOKEN_EXPIRED is 401 wherever a session is needed and none is there', async () => {
    const { another } = world();
    const client = another();
    const answers = [
      await client.get('/me'),
      await client.post('/refresh'),
      await client.post('/reauthenticate', { password: PASSWORD }),
      await client.put('/password', { currentPassword: PASSWORD, newPassword: NEW_PASSWORD }),
      await client.get('/sessions'),
      await client.delete('/sessions'),
      await client.delete(`/sessions/${ID}`),
    ];
    for (const answer of answers) {
      assert.equal(answer.status, 401);
      assert.deepEqual(answer.body, refusal('TOKEN_EXPIRED', 'Your session has expired. Please log in again.'));
    }
  });

  it('WEAK_PASSWORD is 400 with the reason', async () => {
    const { another } = world();
    const client = another();
    for (const [password, message] of WEAK) {
      const registration = { email: 'john.smith@example.com', name: 'Jonathan Smithson', password };
      const answer = await client.post('/register', registration);
      assert.equal(answer.status, 400, password);
      assert.deepEqual(answer.body, refusal('WEAK_PASSWORD', message), password);
    }
  });

  it('WEAK_PASSWORD leaves the reset token usable', async () => {
    const { account, another, tokenFor } = world();
    const client = another();
    await account('weak@example.com');
    await client.post('/forgot-password', { email: 'weak@example.com' });
    const token = await tokenFor('weak@example.com');
    assertRefused(await client.post('/reset-password', { token, password: 'short' }), 400, 'WEAK_PASSWORD');
    assert.equal((await client.post('/reset-password', { token, password: NEW_PASSWORD })).status, 200);
  });

  it('RATE_LIMIT_EXCEEDED is 429 at the sixth verification mail asked for in an hour, with Retry-After', async () => {
    const { another, clock } = world();
    const client = another();
    for (let count = 0; count < 5; count += 1) {
      assert.equal((await client.post('/send-email-verification', { email: 'often@example.com' })).status, 200);
    }
    const answer = await client.post('/send-email-verification', { email: 'often@example.com' });
    assert.equal(answer.status, 429);
    assert.deepEqual(answer.body, refusal('RATE_LIMIT_EXCEEDED', 'Too many requests. Please try again in 60 minutes.'));
    assert.equal(answer.headers['retry-after'], '3600');
    clock.advance({ hours: 1 });
    assert.equal((await client.post('/send-email-verification', { email: 'often@example.com' })).status, 200);
  });

  it('VALIDATION_ERROR is 400 and names each field', async () => {
    const { another } = world();
    const client = another();
    const answer = await client.post('/register', { name: 'J', password: 12345678 });
    assert.equal(answer.status, 400);
    assert.deepEqual(answer.body, {
      ...refusal('VALIDATION_ERROR', 'Some fields are missing or wrong.'),
      fields: {
        email: 'This field is required.',
        name: 'This value is too short.',
        password: 'This field has the wrong type.',
      },
    });
  });

  it('names of 2 to 100 characters are accepted, as people count characters', async () => {
    const { another } = world();
    const client = another();
    const register = (email: string, name: string) => client.post('/register', { email, name, password: PASSWORD });
    for (const [index, name] of ['Jo', '李明', 'x'.repeat(100), '𝓙𝓸', '𝒥'.repeat(100)].entries()) {
      const answer = await register(`name${index}@example.com`, name);
      assert.equal(answer.status, 201, name);
      assert.equal(answer.body.user?.name, name);
    }
    for (const name of ['', 'J', '𝓙', 'x'.repeat(101)]) {
      const answer = await register('other@example.com', name);
      assertRefused(answer, 400, 'VALIDATION_ERROR');
      assert.deepEqual(Object.keys(answer.body.fields ?? {}), ['name']);
    }
  });

  it('ACCOUNT_LOCKED is 423 after ten wrong passwords, with Retry-After, for unknown addresses too', async () => {
    const { account, another } = world();
    await account('guessed@example.com');
    for (const email of ['guessed@example.com', 'nobody-guessed@example.com']) {
      const client = another();
      for (let count = 0; count < 10; count += 1) {
        assertRefused(await client.signIn(email, 'a wrong password'), 401, 'INVALID_CREDENTIALS');
      }
      const answer = await client.signIn(email);
      assert.equal(answer.status, 423);
      assert.deepEqual(
        answer.body,
        refusal('ACCOUNT_LOCKED', 'Too many failed attempts. Please try again in 15 minutes.'),
      );
      assert.equal(answer.headers['retry-after'], '900');
    }
  });

  it('SIGN_UP_CLOSED is 403 when registration is closed', async (t) => {
    const { client } = await openClient(t, { env: { GUICHET_SIGN_UP: 'closed' } });
    const answer = await client.post('/register', { email: EMAIL, name: 'John Doe', password: PASSWORD });
    assert.equal(answer.status, 403);
    assert.deepEqual(answer.body, refusal('SIGN_UP_CLOSED', 'Registration is closed.'));
  });

  it('FORBIDDEN_ORIGIN is 403 for a page of another origin', async () => {
    const { account, another } = world();
    const client = another();
    await account('foreign@example.com');
    const headers = { origin: 'https://evil.example' };
    const answer = await client.post('/login', { email: 'foreign@example.com', password: PASSWORD }, { headers });
    assert.equal(answer.status, 403);
    assert.deepEqual(answer.body, refusal('FORBIDDEN_ORIGIN', 'Requests from this origin are not accepted.'));
    assert.deepEqual(answer.setCookies, []);
  });

  it('NOT_FOUND is 404', async () => {
    const { another } = world();
    const client = another();
    const answer = await client.get('/nothing-here');
    assert.equal(answer.status, 404);
    assert.deepEqual(answer.body, refusal('NOT_FOUND', 'There is nothing here.'));
  });

  it('METHOD_NOT_ALLOWED is 405 with Allow', async () => {
    const { another } = world();
    const client = another();
    const answer = await client.get('/login');
    assert.equal(answer.status, 405);
    assert.deepEqual(answer.body, refusal('METHOD_NOT_ALLOWED', 'This method is not supported here.'));
    assert.equal(answer.headers['allow'], 'POST');
  });

  it('PAYLOAD_TOO_LARGE is 413 above 64 KiB', async () => {
    const { another } = world();
    const client = another();
    const answer = await client.post('/login', { email: EMAIL, password: 'x'.repeat(64 * 1024) });
    assert.equal(answer.status, 413);
    assert.deepEqual(
      answer.body,
      refusal('PAYLOAD_TOO_LARGE', 'The request body is too large: at most 64 KiB are accepted.'),
    );
  });

  it('UNSUPPORTED_MEDIA_TYPE is 415 for a form', async () => {
    const { another } = world();
    const client = another();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await client.ask('POST', '/login', { raw: 'email=a&password=b', headers });
    assert.equal(answer.status, 415);
    assert.deepEqual(answer.body, refusal('UNSUPPORTED_MEDIA_TYPE', 'The request body must be application/json.'));
  });

  it('SERVER_ERROR is 500 and tells nothing of its cause', async (t) => {
    const passwordAdvice = { flawOf: () => Promise.reject(new Error('a secret of the inside')) };
    const { client } = await openClient(t, { overrides: { passwordAdvice } });
    const answer = await client.post('/register', { email: EMAIL, name: 'John Doe', password: PASSWORD });
    assert.equal(answer.status, 500);
    assert.deepEqual(answer.body, refusal('SERVER_ERROR', 'Something went wrong on our side. Please try again.'));
    assert.doesNotMatch(JSON.stringify(answer), /secret of the inside/);
  });
});

describe('the document in French', () => {
  const french = { 'accept-language': 'fr' };

  it('every message of a good answer is French on request', async (t) => {
    const { client, tokenFor } = await openClient(t);
    const messageOf = async (path: string, body?: unknown) => {
      const answer = await client.post(path, body, { headers: french });
      return [answer.status, answer.body.message];
    };
    const register = { email: EMAIL, name: 'Jean Dupont', password: PASSWORD };
    assert.deepEqual(await messageOf('/register', register), [
      201,
      'Inscription réussie. Consultez vos e-mails pour vérifier votre compte.',
    ]);
    assert.deepEqual(await messageOf('/send-email-verification', { email: EMAIL }), [
      200,
      'E-mail de vérification envoyé. Consultez votre boîte de réception.',
    ]);
    assert.deepEqual(await messageOf('/verify-email', { token: await tokenFor(EMAIL) }), [
      200,
      'E-mail vérifié. Vous pouvez maintenant vous connecter.',
    ]);
    assert.deepEqual(await messageOf('/login', { email: EMAIL, password: PASSWORD }), [200, 'Connexion réussie']);
    assert.deepEqual(await messageOf('/logout'), [200, 'Déconnexion réussie']);
    assert.deepEqual(await messageOf('/forgot-password', { email: EMAIL }), [
      200,
      'Si un compte existe avec cet e-mail, un lien de réinitialisation a été envoyé.',
    ]);
    assert.deepEqual(await messageOf('/reset-password', { token: await tokenFor(EMAIL), password: NEW_PASSWORD }), [
      200,
      'Mot de passe réinitialisé. Vous pouvez vous connecter avec votre nouveau mot de passe.',
    ]);
  });

  it('every refusal is French on request, its code unchanged', async (t) => {
    const { account, client } = await openClient(t);
    await account(EMAIL, { verified: false });
    const ask = async (method: 'GET' | 'POST', path: string, body?: unknown, headers = {}) => {
      const answer = await client.ask(method, path, {
        ...(body !== undefined && { body }),
        headers: { ...french, ...headers },
      });
      return [answer.status, answer.body];
    };
    const refusal = (error: string, message: string) => ({ success: false, error, message });
    assert.deepEqual(await ask('POST', '/login', { email: EMAIL, password: 'a wrong password' }), [
      401,
      refusal('INVALID_CREDENTIALS', 'E-mail ou mot de passe incorrect.'),
    ]);
    assert.deepEqual(await ask('POST', '/login', { email: EMAIL, password: PASSWORD }), [
      403,
      refusal('EMAIL_NOT_VERIFIED', 'Vérifiez votre e-mail avant de vous connecter.'),
    ]);
    assert.deepEqual(await ask('POST', '/register', { email: EMAIL, name: 'Jean', password: PASSWORD }), [
      409,
      refusal('EMAIL_ALREADY_EXISTS', 'Cet e-mail est déjà enregistré.'),
    ]);
    assert.deepEqual(await ask('POST', '/verify-email', { token: 'none' }), [
      400,
      refusal('INVALID_TOKEN', 'Ce jeton est invalide ou a expiré.'),
    ]);
    assert.deepEqual(await ask('GET', '/me'), [
      401,
      refusal('TOKEN_EXPIRED', 'Votre session a expiré. Veuillez vous reconnecter.'),
    ]);
    assert.deepEqual(await ask('POST', '/register', { email: 'eve@example.com', name: 'Eve', password: 'court' }), [
      400,
      refusal('WEAK_PASSWORD', 'Le mot de passe doit contenir au moins 8 caractères.'),
    ]);
    assert.deepEqual(await ask('POST', '/login', {}), [
      400,
      {
        ...refusal('VALIDATION_ERROR', 'Des champs sont manquants ou incorrects.'),
        fields: { email: 'Ce champ est obligatoire.', password: 'Ce champ est obligatoire.' },
      },
    ]);
    assert.deepEqual(await ask('POST', '/login', {}, { origin: 'https://evil.example' }), [
      403,
      refusal('FORBIDDEN_ORIGIN', 'Les requêtes de cette origine ne sont pas acceptées.'),
    ]);
    assert.deepEqual(await ask('GET', '/nothing-here'), [404, refusal('NOT_FOUND', 'Il n’y a rien ici.')]);
    assert.deepEqual(await ask('GET', '/login'), [
      405,
      refusal('METHOD_NOT_ALLOWED', 'Cette méthode n’est pas prise en charge ici.'),
    ]);
    for (let count = 0; count < 5; count += 1) await ask('POST', '/send-email-verification', { email: EMAIL });
    assert.deepEqual(await ask('POST', '/send-email-verification', { email: EMAIL }), [
      429,
      refusal('RATE_LIMIT_EXCEEDED', 'Trop de requêtes. Réessayez dans 60 minutes.'),
    ]);
    for (let count = 0; count < 10; count += 1) await ask('POST', '/login', { email: 'x@example.com', password: 'y' });
    assert.deepEqual(await ask('POST', '/login', { email: 'x@example.com', password: 'y' }), [
      423,
      refusal('ACCOUNT_LOCKED', 'Trop de tentatives échouées. Réessayez dans 15 minutes.'),
    ]);
  });

  it('the most wanted of the two languages is spoken, and English when neither is', async (t) => {
    const { client } = await openClient(t);
    const spoken = async (header?: string) => {
      const answer = await client.get('/me', header === undefined ? {} : { headers: { 'accept-language': header } });
      return answer.body.message?.startsWith('Votre') ? 'fr' : 'en';
    };
    const wanted: [header: string | undefined, language: 'en' | 'fr'][] = [
      [undefined, 'en'],
      ['', 'en'],
      ['*', 'en'],
      ['de', 'en'],
      ['fr', 'fr'],
      ['FR-ca', 'fr'],
      ['de, fr;q=0.5', 'fr'],
      ['fr;q=0.4, en;q=0.8', 'en'],
      ['en;q=0.4, fr;q=0.8', 'fr'],
      ['en, fr', 'en'],
      ['fr;q=0', 'en'],
      ['fr;q=0, en;q=0.1', 'en'],
      ['french', 'en'],
      ['fr;q=much', 'en'],
      [',;,;;q=,', 'en'],
      ['fr,'.repeat(5000), 'en'],
    ];
    for (const [header, language] of wanted) {
      assert.equal(await spoken(header), language, `Accept-Language: ${header?.slice(0, 40)}`);
    }
  });
});
