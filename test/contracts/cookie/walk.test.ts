import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { openWorld, type TestWorld } from '../../support/world.ts';

const run = promisify(execFile);
const noCurl = await run('curl', ['--version']).then(
  () => false as const,
  () => 'curl is not installed',
);

/** The whole server on a port of its own, with the machine's clock: what listens waits all the time. */
let world: TestWorld;
let origin: string;
const undo: (() => unknown)[] = [];

async function listen(): Promise<void> {
  world = await openWorld(
    { after: (work) => void undo.push(work) },
    {
      env: { GUICHET_PORT: '0', GUICHET_PUBLIC_URL: 'http://localhost:3000' },
      overrides: { clock: { now: () => Date.now(), wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)) } },
    },
  );
  const { port } = await world.listen();
  origin = `http://127.0.0.1:${port}`;
}

async function close(): Promise<void> {
  for (const work of undo.splice(0)) await work();
}

interface Mail {
  to: string;
  subject: string;
  links: string[];
}

/** The token in the newest mail, as a developer would read it; a message gets there within a second (rule 2). */
async function mailedToken(to: string, page: string): Promise<string> {
  const deadline = Date.now() + 1000;
  while (Date.now() < deadline) {
    const answer = await fetch(`${origin}/dev/mailbox.json?to=${encodeURIComponent(to)}`);
    const mails = (await answer.json()) as Mail[];
    const link = mails.flatMap(({ links }) => links).find((one) => new URL(one).pathname === page);
    if (link) return new URL(link).searchParams.get('token') ?? '';
  }
  throw new Error(`no mail with a link to ${page} came for ${to} within a second`);
}

const USER = { id: 'an id', email: '', name: '' };

/** An answer with its id and dates put away once their form is checked. */
function plain(body: unknown): unknown {
  const copy = structuredClone(body) as { user?: { id: string; createdAt?: string } };
  if (copy.user) {
    assert.match(copy.user.id, /^[0-9a-f-]{36}$/);
    copy.user.id = USER.id;
    if (copy.user.createdAt !== undefined) {
      assert.ok(Math.abs(Date.parse(copy.user.createdAt) - Date.now()) < 60_000);
      copy.user.createdAt = 'a date';
    }
  }
  return copy;
}

describe('the document’s cURL lines', { skip: noCurl }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'guichet-curl-'));
  before(listen);
  after(async () => {
    await close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Runs a line of the document, its host replaced. */
  async function curl(...line: string[]): Promise<unknown> {
    const { stdout } = await run('curl', ['--silent', '--show-error', ...line], { cwd: folder });
    return JSON.parse(stdout);
  }
  const JSON_HEADER = ['-H', 'Content-Type: application/json'] as const;
  const api = (path: string): string => `${origin}/v1/auth${path}`;
  const cookieFile = (): string => readFileSync(join(folder, 'cookies.txt'), 'utf8');

  it('register, verify and sign in (example 1)', async () => {
    const registered = await curl(
      '-X',
      'POST',
      api('/register'),
      ...JSON_HEADER,
      '-d',
      `{
"email": "dealer@example.com",
"name": "Auto Dealer",
"password": "SecurePass123!"
}`,
    );
    assert.deepEqual(plain(registered), {
      success: true,
      message: 'Registration successful. Please check your email to verify your account.',
      user: {
        id: USER.id,
        email: 'dealer@example.com',
        name: 'Auto Dealer',
        emailVerified: false,
        createdAt: 'a date',
      },
    });
    const token = await mailedToken('dealer@example.com', '/verify-email');
    assert.deepEqual(
      await curl('-X', 'POST', api('/verify-email'), ...JSON_HEADER, '-d', `{\n"token": "${token}"\n}`),
      {
        success: true,
        message: 'Email verified successfully. You can now log in.',
      },
    );
    const signedIn = await curl(
      '-X',
      'POST',
      api('/login'),
      ...JSON_HEADER,
      '-c',
      'cookies.txt',
      '-d',
      `{
"email": "dealer@example.com",
"password": "SecurePass123!"
}`,
    );
    assert.deepEqual(plain(signedIn), {
      success: true,
      message: 'Login successful',
      user: { id: USER.id, email: 'dealer@example.com', name: 'Auto Dealer', role: 'USER', emailVerified: true },
    });
    assert.match(cookieFile(), /#HttpOnly_127\.0\.0\.1\tFALSE\t\/\tFALSE\t\d+\taccessToken\t[\w-]+\.[\w-]+\.[\w-]+\n/);
    assert.match(cookieFile(), /#HttpOnly_127\.0\.0\.1\tFALSE\t\/v1\/auth\tFALSE\t\d+\trefreshToken\t[\w-]{43}\n/);
  });

  it('refresh the session from the cookie file (example 3)', async () => {
    const before = cookieFile();
    const refreshed = await curl('-X', 'POST', api('/refresh'), '-b', 'cookies.txt', '-c', 'cookies.txt');
    assert.deepEqual(plain(refreshed), {
      ok: true,
      user: { id: USER.id, email: 'dealer@example.com', name: 'Auto Dealer', role: 'USER' },
    });
    const token = (name: string, file: string): string | undefined => file.split(`\t${name}\t`)[1]?.split('\n')[0];
    for (const name of ['accessToken', 'refreshToken']) {
      assert.ok(token(name, cookieFile()));
      assert.notEqual(token(name, cookieFile()), token(name, before));
    }
    const me = await curl(api('/me'), '-b', 'cookies.txt');
    assert.equal((me as { user: { email: string } }).user.email, 'dealer@example.com');
  });

  it('set a new password with the mailed link (example 2)', async () => {
    assert.deepEqual(
      await curl('-X', 'POST', api('/forgot-password'), ...JSON_HEADER, '-d', '{\n"email": "dealer@example.com"\n}'),
      { success: true, message: 'If an account exists with this email, a password reset link has been sent.' },
    );
    const token = await mailedToken('dealer@example.com', '/reset-password');
    assert.deepEqual(
      await curl(
        '-X',
        'POST',
        api('/reset-password'),
        ...JSON_HEADER,
        '-d',
        `{\n"token": "${token}",\n"password": "NewSecurePass123!"\n}`,
      ),
      { success: true, message: 'Password reset successful. You can now log in with your new password.' },
    );
    assert.deepEqual(await curl('-X', 'POST', api('/refresh'), '-b', 'cookies.txt', '-c', 'cookies.txt'), {
      success: false,
      error: 'TOKEN_EXPIRED',
      message: 'Your session has expired. Please log in again.',
    });
    // Of several cookies that one answer takes away, curl 7.88 drops the last alone when it reads and writes one file.
    assert.doesNotMatch(cookieFile(), /refreshToken/);
  });

  it('sign out without a session, as with one', async () => {
    assert.deepEqual(await curl('-X', 'POST', api('/logout'), '-b', 'cookies.txt', '-c', 'cookies.txt'), {
      success: true,
      message: 'Logged out successfully',
    });
  });
});

/** What a browser does of `fetch` that Node's does not: it keeps cookies and sends them back. */
class CookieJar {
  readonly #kept = new Map<string, { value: string; path: string }>();

  readonly fetch = async (url: string, init: RequestInit = {}): Promise<Response> => {
    const { pathname } = new URL(url);
    const cookie = [...this.#kept]
      .filter(([, { path }]) => pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`))
      .map(([name, { value }]) => `${name}=${value}`)
      .join('; ');
    const includes = init.credentials === 'include';
    const headers = { ...(init.headers as Record<string, string>), ...(includes && cookie && { cookie }) };
    const answer = await fetch(url, { ...init, headers });
    if (includes) for (const line of answer.headers.getSetCookie()) this.#keep(line);
    return answer;
  };

  get names(): string[] {
    return [...this.#kept.keys()].sort();
  }

  #keep(line: string): void {
    const [pair = '', ...attributes] = line.split('; ');
    const [name = '', value = ''] = pair.split(/=(.*)/s);
    const path = attributes.find((one) => one.startsWith('Path='))?.slice('Path='.length) ?? '/';
    if (attributes.includes('Max-Age=0')) this.#kept.delete(name);
    else this.#kept.set(name, { value, path });
  }
}

/** The document's sample code, word for word but for `fetch`, which stands for a browser's. */
const authClient = (fetch: CookieJar['fetch']) =>
  class AuthClient {
    baseURL: string;
    constructor(baseURL: string) {
      this.baseURL = baseURL;
    }
    async register(email: string, name: string, password: string): Promise<unknown> {
      const response = await fetch(`${this.baseURL}/auth/register`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ email, name, password }),
      });
      return response.json();
    }
    async login(email: string, password: string): Promise<unknown> {
      const response = await fetch(`${this.baseURL}/auth/login`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        credentials: 'include', // Important for cookies
        body: JSON.stringify({ email, password }),
      });
      return response.json();
    }
    async getCurrentUser(): Promise<unknown> {
      const response = await fetch(`${this.baseURL}/auth/me`, {
        credentials: 'include',
      });
      return response.json();
    }
    async logout(): Promise<unknown> {
      const response = await fetch(`${this.baseURL}/auth/logout`, {
        method: 'POST',
        credentials: 'include',
      });
      return response.json();
    }
  };

describe('the document’s AuthClient', () => {
  before(listen);
  after(close);

  it('registers, signs in, is known, refreshes and signs out', async () => {
    const jar = new CookieJar();
    const client = new (authClient(jar.fetch))(`${origin}/v1`);
    const post = async (path: string, body?: unknown): Promise<unknown> => {
      const answer = await jar.fetch(`${origin}/v1/auth${path}`, {
        method: 'POST',
        credentials: 'include',
        ...(body !== undefined && { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }),
      });
      return answer.json();
    };
    const user = { id: USER.id, email: 'john@example.com', name: 'John Doe', role: 'USER' };

    assert.deepEqual(plain(await client.register('john@example.com ', 'John Doe', 'SecurePassword123!')), {
      success: true,
      message: 'Registration successful. Please check your email to verify your account.',
      user: { id: USER.id, email: 'john@example.com', name: 'John Doe', emailVerified: false, createdAt: 'a date' },
    });
    assert.deepEqual(await client.login('john@example.com', 'SecurePassword123!'), {
      success: false,
      error: 'EMAIL_NOT_VERIFIED',
      message: 'Please verify your email before logging in.',
    });
    assert.deepEqual(await post('/verify-email', { token: await mailedToken('john@example.com', '/verify-email') }), {
      success: true,
      message: 'Email verified successfully. You can now log in.',
    });
    assert.deepEqual(plain(await client.login('john@example.com', 'SecurePassword123!')), {
      success: true,
      message: 'Login successful',
      user: { ...user, emailVerified: true },
    });
    assert.deepEqual(jar.names, ['accessToken', 'guichet_client', 'refreshToken']);
    assert.deepEqual(plain(await client.getCurrentUser()), {
      user: { ...user, emailVerified: true, createdAt: 'a date' },
    });
    assert.deepEqual(plain(await post('/refresh')), { ok: true, user });
    assert.deepEqual(plain(await client.getCurrentUser()), {
      user: { ...user, emailVerified: true, createdAt: 'a date' },
    });
    assert.deepEqual(await client.logout(), { success: true, message: 'Logged out successfully' });
    assert.deepEqual(jar.names, ['guichet_client']);
    assert.deepEqual(await client.getCurrentUser(), {
      success: false,
      error: 'TOKEN_EXPIRED',
      message: 'Your session has expired. Please log in again.',
    });
  });

  it('is served on both loopback addresses', async () => {
    const { port } = new URL(origin);
    for (const host of ['127.0.0.1', '[::1]', 'localhost']) {
      const answer = await fetch(`http://${host}:${port}/v1/auth/me`);
      assert.equal(answer.status, 401, host);
    }
  });
});
