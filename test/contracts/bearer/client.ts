import assert from 'node:assert/strict';
import type { FastifyInstance } from 'fastify';
import type { Account } from '../../../src/core/account.ts';
import { stepAt, totpAt } from '../../../src/core/totp.ts';
import { importAccount } from '../../support/imported.ts';
import { shared } from '../../support/shared.ts';
import { SoftwareAuthenticator } from '../../support/software-authenticator.ts';
import { openWorld, type TestWorld, type WorldOptions } from '../../support/world.ts';

export const PREFIX = '/api/auth';
export const PASSWORD = 'violet hammock drift';
export const OTHER_PASSWORD = 'granite otter parade';
export const WRONG = 'not the password';
/** The page that passkeys are used on, and the public URL. */
export const ORIGIN = 'http://localhost:3000';

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS';

export interface Asking {
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it is, as JSON unless a header says otherwise. */
  raw?: string | Buffer;
  headers?: Record<string, string>;
  /** Instead of the one that the client keeps; `null` for none. */
  token?: string | null;
}

/** Whatever an answer may hold; a test compares whole bodies where it matters. */
export interface Body {
  user?: UserBody;
  session?: { id: string; token: string; expiresAt: string } | null;
  client_token?: string;
  error?: string;
  message?: string;
  channel?: string;
  challenge?: string;
  fields?: Record<string, string>;
  secret?: string;
  qrCode?: string;
  recoveryCodes?: string[];
  options?: Record<string, unknown> & { challenge: string };
  passkey?: PasskeyBody;
  passkeys?: PasskeyBody[];
  sessions?: Record<string, unknown>[];
  accounts?: Record<string, unknown>[];
  url?: string;
  code?: string;
  success?: true;
}

export interface UserBody {
  id: string;
  email: string | null;
  name: string | null;
  image: string | null;
  emailVerified: boolean;
  createdAt: string;
}

export interface PasskeyBody {
  id: string;
  name: string | null;
  backedUp: boolean;
  createdAt: string;
  lastUsedAt: string | null;
}

export interface Answer {
  status: number;
  headers: Record<string, unknown>;
  body: Body;
  text: string;
  /** Where a redirect leads. */
  location: string | undefined;
}

/** A web app, or the browser before it: it keeps the session token and the cookies it is given. */
export class Client {
  token: string | null = null;
  clientToken: string | undefined;
  /** From the answer that asked for a second factor. */
  challenge: string | undefined;
  readonly cookies = new Map<string, string>();
  readonly #app: FastifyInstance;
  readonly #address: string;
  readonly #headers: Record<string, string>;

  constructor(app: FastifyInstance, of: { address?: string; headers?: Record<string, string> } = {}) {
    this.#app = app;
    this.#address = of.address ?? '127.0.0.1';
    this.#headers = of.headers ?? {};
  }

  /** Asks below the prefix. */
  ask(method: Method, path: string, of: Asking = {}): Promise<Answer> {
    return this.askAt(method, `${PREFIX}${path}`, of);
  }

  async askAt(method: Method, url: string, of: Asking = {}): Promise<Answer> {
    const token = of.token === undefined ? this.token : of.token;
    const payload = of.raw ?? (of.body === undefined ? undefined : JSON.stringify(of.body));
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await this.#app.inject({
      method: method as 'GET',
      url,
      remoteAddress: this.#address,
      headers: {
        'user-agent': 'Otter/1.0',
        ...(payload !== undefined && { 'content-type': 'application/json' }),
        ...(token !== null && { authorization: `Bearer ${token}` }),
        ...(cookie !== '' && { cookie }),
        ...this.#headers,
        ...of.headers,
      },
      ...(payload !== undefined && { payload }),
    });
    for (const { maxAge, name, value } of response.cookies) {
      if (maxAge === 0) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    const isJson = /json/.test(String(response.headers['content-type'])) && response.body !== '';
    const body = isJson ? (response.json() as Body) : {};
    if (body.session) this.token = body.session.token;
    if (body.client_token !== undefined) this.clientToken = body.client_token;
    if (body.challenge !== undefined) this.challenge = body.challenge;
    const { location } = response.headers;
    return { status: response.statusCode, headers: response.headers, body, text: response.body, location };
  }

  get(path: string, of: Asking = {}): Promise<Answer> {
    return this.ask('GET', path, of);
  }
  post(path: string, body?: unknown, of: Asking = {}): Promise<Answer> {
    return this.ask('POST', path, { ...of, ...(body !== undefined && { body }) });
  }
  patch(path: string, body: unknown, of: Asking = {}): Promise<Answer> {
    return this.ask('PATCH', path, { ...of, body });
  }
  delete(path: string, body?: unknown, of: Asking = {}): Promise<Answer> {
    return this.ask('DELETE', path, { ...of, ...(body !== undefined && { body }) });
  }

  signUp(email: string, password = PASSWORD, more: object = {}): Promise<Answer> {
    return this.post('/sign-up', { email, password, ...more }, { token: null });
  }
  signIn(email: string, password = PASSWORD, more: object = {}): Promise<Answer> {
    return this.post('/sign-in', { email, password, ...more }, { token: null });
  }

  /** Adds a passkey to the signed-in account. */
  async addPasskey(authenticator = new SoftwareAuthenticator(), name?: string): Promise<PasskeyBody> {
    const asked = await this.post('/passkey/register', { password: PASSWORD });
    assert.equal(asked.status, 200, asked.text);
    const response = authenticator.register(asked.body.options ?? {}, { origin: ORIGIN });
    const added = await this.post('/passkey/register', { response, ...(name !== undefined && { name }) });
    assert.equal(added.status, 200, added.text);
    assert.ok(added.body.passkey);
    return added.body.passkey;
  }

  /** Signs in with a passkey alone, or completes the sign-in that waits by its challenge. */
  async signInByPasskey(authenticator: SoftwareAuthenticator, of: { challenge?: string } = {}): Promise<Answer> {
    const asked = await this.post('/passkey/sign-in', of, { token: null });
    assert.equal(asked.status, 200, asked.text);
    const response = authenticator.assert(asked.body.options ?? {}, { origin: ORIGIN });
    return this.post('/passkey/sign-in', { ...of, response }, { token: null });
  }
}

export interface OpenedClient extends TestWorld {
  app: FastifyInstance;
  /** A client of its own; from a network that nobody else comes from, unless an address is given. */
  another(of?: { address?: string; headers?: Record<string, string> }): Client;
  /** An address that nobody has. */
  address(local?: string): string;
  /** An account made by the operator, its address proven unless said otherwise; the password is not judged. */
  account(of?: {
    email?: string;
    phone?: string;
    password?: string | null;
    verified?: boolean;
  }): Promise<Account & { email: string }>;
  /** The client of an account that is signed in, and its address. */
  signedIn(of?: Parameters<OpenedClient['account']>[0]): Promise<{ client: Client; email: string; account: Account }>;
  /** The newest code that went to an address or number. */
  codeFor(to: string): Promise<string>;
  /** The token of the newest link to a page, such as `/magic-link`, that was mailed to an address. */
  linkToken(to: string, page: string): Promise<string>;
  /** Has a magic link mailed and reads its token. */
  magicLink(email: string, more?: object): Promise<string>;
  /** Switches an authenticator app on, and waits past the time step that was just accepted. */
  enrol(client: Client): Promise<{ secret: string; recoveryCodes: string[] }>;
  /** Makes a code by e-mail or SMS the account's second factor, as the device contract does. */
  enrolDelivered(email: string, channel: 'email' | 'sms', password?: string): Promise<{ recoveryCodes: string[] }>;
  /** What an authenticator shows now, or so many steps later. */
  totp(secret: string, steps?: number): string;
}

/** A world of its own with its server. */
export async function openClient(
  t: { after(undo: () => unknown): void },
  options: WorldOptions = {},
): Promise<OpenedClient> {
  const world = await openWorld(t, options);
  const { clock } = world;
  const { store } = world.world;
  const app = await world.server();
  let count = 0;
  const next = (): number => {
    count += 1;
    return count;
  };

  const opened: OpenedClient = {
    ...world,
    app,
    another(of = {}) {
      const number = next();
      return new Client(app, { address: `10.${number >> 8}.${number & 255}.1`, ...of });
    },
    address: (local = 'ada') => `${local}.${next()}@example.com`,
    async account({ email = opened.address(), password = PASSWORD, phone, verified = true } = {}) {
      const made = await importAccount(world.world, { email, verified, locale: 'en', password });
      const account = await store.transaction(async ({ accounts, identifiers }) => {
        const of = { accountId: made.id, kind: 'phone', verifiedAt: clock.now() } as const;
        if (phone !== undefined) await identifiers.replace({ ...of, value: phone });
        return accounts.find(made.id);
      });
      assert.ok(account);
      return { ...account, email };
    },
    async signedIn(of) {
      const account = await opened.account(of);
      const client = opened.another();
      const answer = await client.signIn(account.email, of?.password ?? PASSWORD);
      assert.equal(answer.status, 200, answer.text);
      return { client, email: account.email, account };
    },
    async codeFor(to) {
      const code = (await world.mails(to)).find((message) => message.code !== null)?.code;
      if (!code) throw new Error(`no code went to ${to}`);
      return code;
    },
    async linkToken(to, page) {
      const links = (await world.mails(to)).flatMap((mail) => mail.links).map((link) => new URL(link));
      const token = links.find(({ pathname }) => pathname === page)?.searchParams.get('token');
      if (!token) throw new Error(`no link to ${page} went to ${to}`);
      return token;
    },
    async magicLink(email, more = {}) {
      const sent = await opened.another().post('/send-magic-link', { email, ...more });
      assert.equal(sent.status, 200, sent.text);
      return opened.linkToken(email, '/magic-link');
    },
    async enrol(client) {
      const started = await client.post('/two-factor/enable', { password: PASSWORD });
      assert.equal(started.status, 200, started.text);
      const secret = started.body.secret ?? '';
      const verified = await client.post('/two-factor/verify', { code: opened.totp(secret) });
      assert.equal(verified.status, 200, verified.text);
      clock.advance({ seconds: 61 });
      return { secret, recoveryCodes: verified.body.recoveryCodes ?? [] };
    },
    async enrolDelivered(email, channel, password = PASSWORD) {
      const device = opened.another();
      const at = (path: string): string => `/api/v1/auth${path}`;
      const login = await device.askAt('POST', at('/login'), { body: { identifier: email, password } });
      assert.equal(login.status, 200, login.text);
      const { access_token: token, account } = login.body as unknown as {
        access_token: string;
        account: { phone: string | null };
      };
      const enabled = await device.askAt('POST', at('/2fa/enable'), { token, body: { channel, password } });
      assert.equal(enabled.status, 200, enabled.text);
      const otp = await opened.codeFor(channel === 'sms' ? (account.phone ?? '') : email);
      const confirmed = await device.askAt('POST', at('/2fa/confirm'), { token, body: { otp } });
      assert.equal(confirmed.status, 200, confirmed.text);
      clock.advance({ seconds: 61 });
      return { recoveryCodes: (confirmed.body as unknown as { recovery_codes: string[] }).recovery_codes };
    },
    totp: (secret, steps = 0) => totpAt(secret, stepAt(clock.now()) + steps),
  };
  return opened;
}

/** One world for a suite whose tests leave each other alone: each has accounts and networks of its own. */
export const sharedWorld = (options: WorldOptions = {}): (() => OpenedClient) => shared((t) => openClient(t, options));
