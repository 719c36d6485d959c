import assert from 'node:assert/strict';
import type { FastifyInstance } from 'fastify';
import type { Account } from '../../../src/core/account.ts';
import { stepAt, totpAt } from '../../../src/core/totp.ts';
import { importAccount } from '../../support/imported.ts';
import { shared } from '../../support/shared.ts';
import { openWorld, type TestWorld, type WorldOptions } from '../../support/world.ts';
import { type Answer, assertShape, assertSignedIn, type Body, type Channel } from './answers.ts';

export const PREFIX = '/api/v1/auth';
export const PASSWORD = 'violet hammock drift';
export const OTHER_PASSWORD = 'granite otter parade';
export const WRONG = 'not the password';

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

export interface DeviceFields {
  device_type?: string;
  device_name?: string;
  device_os?: string;
  device_fingerprint?: string;
}

/** An app on a device: it keeps the tokens it is given, and sends the newest. Every answer is looked at. */
export class Client {
  accessToken: string | null = null;
  refreshToken = '';
  clientToken: string | undefined;
  /** From the answer that asked for a second factor. */
  challenge: string | undefined;
  readonly device: DeviceFields;
  readonly #app: FastifyInstance;
  readonly #address: string;
  readonly #headers: Record<string, string>;

  constructor(
    app: FastifyInstance,
    of: { address?: string; headers?: Record<string, string>; device?: DeviceFields } = {},
  ) {
    this.#app = app;
    this.#address = of.address ?? '127.0.0.1';
    this.#headers = of.headers ?? {};
    this.device = of.device ?? {};
  }

  /** Asks below the prefix. */
  ask(method: Method, path: string, of: Asking = {}): Promise<Answer> {
    return this.askAt(method, `${PREFIX}${path}`, of);
  }

  async askAt(method: Method, url: string, of: Asking = {}): Promise<Answer> {
    const token = of.token === undefined ? this.accessToken : of.token;
    const payload = of.raw ?? (of.body === undefined ? undefined : JSON.stringify(of.body));
    const response = await this.#app.inject({
      method: method as 'GET',
      url,
      remoteAddress: this.#address,
      headers: {
        'user-agent': 'GuichetApp/1.0 (Android 14)',
        ...(payload !== undefined && { 'content-type': 'application/json' }),
        ...(token !== null && { authorization: `Bearer ${token}` }),
        ...this.#headers,
        ...of.headers,
      },
      ...(payload !== undefined && { payload }),
    });
    const isJson = /json/.test(String(response.headers['content-type'])) && response.body !== '';
    const answer: Answer = {
      status: response.statusCode,
      headers: response.headers,
      body: isJson ? (response.json() as Body) : {},
      text: response.body,
    };
    if (url.startsWith(PREFIX) && method !== 'HEAD' && method !== 'OPTIONS') assertShape(answer);
    this.#keep(answer.body);
    return answer;
  }

  get(path: string, of: Asking = {}): Promise<Answer> {
    return this.ask('GET', path, of);
  }
  post(path: string, body?: unknown, of: Asking = {}): Promise<Answer> {
    return this.ask('POST', path, { ...of, ...(body !== undefined && { body }) });
  }
  put(path: string, body: unknown, of: Asking = {}): Promise<Answer> {
    return this.ask('PUT', path, { ...of, body });
  }
  delete(path: string, body?: unknown, of: Asking = {}): Promise<Answer> {
    return this.ask('DELETE', path, { ...of, ...(body !== undefined && { body }) });
  }

  signIn(identifier: string, password = PASSWORD, more: object = {}): Promise<Answer> {
    return this.post('/login', { identifier, password, ...this.device, ...more }, { token: null });
  }
  /** The second step of a sign-in. */
  verify(identifier: string, otp: string, more: object = {}): Promise<Answer> {
    return this.post('/2fa/verify', { identifier, otp, ...this.device, ...more }, { token: null });
  }
  refresh(refreshToken = this.refreshToken): Promise<Answer> {
    const { device_fingerprint } = this.device;
    return this.post('/refresh', { refresh_token: refreshToken, device_fingerprint }, { token: null });
  }

  #keep({ access_token, challenge, client_token, refresh_token }: Body): void {
    if (access_token !== undefined) this.accessToken = access_token;
    if (refresh_token !== undefined) this.refreshToken = refresh_token;
    if (client_token !== undefined) this.clientToken = client_token;
    if (challenge !== undefined) this.challenge = challenge;
  }
}

export interface OpenedClient extends TestWorld {
  app: FastifyInstance;
  /** A device of its own; from a network that nobody else comes from, unless an address is given. */
  another(of?: { address?: string; headers?: Record<string, string>; device?: DeviceFields }): Client;
  /** An address that nobody has. */
  address(local?: string): string;
  /** A French mobile number that nobody has. */
  number(): string;
  /** An account made by the operator, what identifies it proven unless said otherwise. */
  account(of?: {
    email?: string;
    phone?: string;
    password?: string;
    verified?: boolean;
    labels?: { roleId?: number; accountableType?: string; accountableId?: number };
  }): Promise<Account & { email: string }>;
  /** The app of an account that is signed in, and its address. */
  signedIn(of?: Parameters<OpenedClient['account']>[0]): Promise<{ client: Client; email: string; account: Account }>;
  /** The newest code that went to an address or number. */
  codeFor(to: string): Promise<string>;
  /** Switches a second factor on, and waits until codes may be sent again. */
  enrol(client: Client, channel: Channel): Promise<Enrolled>;
  /** What an authenticator shows now, or so many steps later. */
  totp(secret: string, steps?: number): string;
}

export interface Enrolled {
  /** Of an authenticator; else empty. */
  secret: string;
  recoveryCodes: string[];
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
      const device = {
        device_type: 'Mobile',
        device_name: `SAMSUNG GALAXY A${number}`,
        device_os: 'Android',
        device_fingerprint: `HJJKJ6-BKJLOI-${number}`,
      };
      return new Client(app, { address: `10.${number >> 8}.${number & 255}.1`, device, ...of });
    },
    address: (local = 'ada') => `${local}.${next()}@example.com`,
    number: () => `+336120${String(next()).padStart(5, '0')}`,
    async account({ email = opened.address(), labels, password = PASSWORD, phone, verified = true } = {}) {
      const given = { email, verified, locale: 'fr', password, ...(labels && { labels }) } as const;
      const made = await importAccount(world.world, given);
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
      assertSignedIn(await client.signIn(account.email, of?.password));
      return { client, email: account.email, account };
    },
    async codeFor(to) {
      const code = (await world.mails(to)).find((message) => message.code !== null)?.code;
      if (!code) throw new Error(`no code went to ${to}`);
      return code;
    },
    async enrol(client, channel) {
      const started = await client.post('/2fa/enable', { password: PASSWORD, channel });
      assert.equal(started.status, 200, started.text);
      const { account } = (await client.get('/me')).body;
      const to = (channel === 'sms' ? account?.phone : account?.email) ?? '';
      const secret = started.body.secret ?? '';
      const otp = channel === 'totp' ? opened.totp(secret) : await opened.codeFor(to);
      const confirmed = await client.post('/2fa/confirm', { otp });
      assert.equal(confirmed.status, 200, confirmed.text);
      // Past the pause between two codes, and past the time step that was just accepted.
      clock.advance({ seconds: 61 });
      return { secret, recoveryCodes: confirmed.body.recovery_codes ?? [] };
    },
    totp: (secret, steps = 0) => totpAt(secret, stepAt(clock.now()) + steps),
  };
  return opened;
}

/** One world for a suite whose tests leave each other alone: each has accounts, devices and networks of its own. */
export const sharedWorld = (options: WorldOptions = {}): (() => OpenedClient) => shared((t) => openClient(t, options));
