import assert from 'node:assert/strict';
import type { FastifyInstance } from 'fastify';
import { shared } from '../../support/shared.ts';
import { openWorld, type TestWorld, type WorldOptions } from '../../support/world.ts';

export const PREFIX = '/v1/auth';
export const PASSWORD = 'SecurePassword123!';
export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
export const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
/** 256 bits in base64url. */
export const SECRET_VALUE = /^[\w-]{43}$/;

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS' | 'TRACE';

/** Every key that a body of this contract may hold. */
export interface Body {
  success?: boolean;
  ok?: boolean;
  error?: string;
  message?: string;
  fields?: Record<string, string>;
  user?: { id: string; email: string; name: string; role: string; emailVerified: boolean; createdAt: string };
  channel?: string;
  secret?: string;
  qrCode?: string;
  recoveryCodes?: string[];
  sessions?: { id: string; current: boolean; ip: string | null; lastUsedAt: string }[];
}

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | number | undefined>;
  /** Parsed; empty when there is none. */
  body: Body;
  text: string;
  /** `Set-Cookie` lines, in their order. */
  setCookies: string[];
}

export interface Asking {
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it is. */
  raw?: string | Buffer;
  headers?: Record<string, string>;
  /** Instead of what the jar holds. */
  cookie?: string | null;
}

/** A browser as this contract sees it: it keeps the cookies it is given and sends them back. */
export class Client {
  readonly jar = new Map<string, string>();
  readonly #app: FastifyInstance;
  readonly #address: string;
  readonly #headers: Record<string, string>;

  constructor(app: FastifyInstance, of: { address?: string; headers?: Record<string, string> } = {}) {
    this.#app = app;
    this.#address = of.address ?? '127.0.0.1';
    this.#headers = of.headers ?? {};
  }

  /** Asks below the prefix, and keeps the cookies of the answer. */
  async ask(method: Method, path: string, of: Asking = {}): Promise<Answer> {
    return this.askAt(method, `${PREFIX}${path}`, of);
  }

  async askAt(method: Method, url: string, of: Asking = {}): Promise<Answer> {
    const cookie = of.cookie === undefined ? cookieHeader(this.jar) : of.cookie;
    const payload = of.raw ?? (of.body === undefined ? undefined : JSON.stringify(of.body));
    const response = await this.#app.inject({
      method: method as 'GET',
      url,
      remoteAddress: this.#address,
      headers: {
        ...(of.body !== undefined && { 'content-type': 'application/json' }),
        ...(cookie && { cookie }),
        ...this.#headers,
        ...of.headers,
      },
      ...(payload !== undefined && { payload }),
    });
    const setCookies = [response.headers['set-cookie'] ?? []].flat();
    for (const line of setCookies) this.#keep(line);
    const isJson = /json/.test(String(response.headers['content-type'])) && response.body !== '';
    return {
      status: response.statusCode,
      headers: response.headers,
      body: isJson ? (response.json() as Body) : {},
      text: response.body,
      setCookies,
    };
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
  delete(path: string, of: Asking = {}): Promise<Answer> {
    return this.ask('DELETE', path, of);
  }

  signIn(email = 'john@example.com', password = PASSWORD): Promise<Answer> {
    return this.post('/login', { email, password });
  }

  /** The value of a cookie that must be there. */
  cookie(name: string): string {
    const value = this.jar.get(name);
    if (value === undefined) throw new Error(`the client holds no ${name}`);
    return value;
  }

  #keep(line: string): void {
    const [pair = '', ...attributes] = line.split('; ');
    const [name = '', value = ''] = pair.split(/=(.*)/s);
    if (attributes.includes('Max-Age=0')) this.jar.delete(name);
    else this.jar.set(name, value);
  }
}

const cookieHeader = (jar: Map<string, string>): string =>
  [...jar].map(([name, value]) => `${name}=${value}`).join('; ');

export interface OpenedClient extends TestWorld {
  app: FastifyInstance;
  client: Client;
  /** Another browser; from a network that nobody else comes from, unless an address is given. */
  another(of?: { address?: string; headers?: Record<string, string> }): Client;
  /** An account made by the operator, its address proven unless said otherwise. */
  account(email?: string, of?: { verified?: boolean }): Promise<{ uuid: string }>;
  /** Browser of an account that is signed in. */
  signedIn(email?: string): Promise<Client>;
}

/** A world of its own with its server, and a browser before it. */
export async function openClient(
  t: { after(undo: () => unknown): void },
  options: WorldOptions = {},
): Promise<OpenedClient> {
  const world = await openWorld(t, options);
  const app = await world.server();
  let networks = 0;
  const another: OpenedClient['another'] = (of) => {
    networks += 1;
    return new Client(app, { address: `10.${networks >> 8}.${networks & 255}.1`, ...of });
  };
  const account: OpenedClient['account'] = (email = 'john@example.com', { verified = true } = {}) =>
    world.identity.createAccount({ email, password: PASSWORD, firstName: 'John', lastName: 'Doe', verified });
  return {
    ...world,
    app,
    client: another(),
    another,
    account,
    async signedIn(email = 'john@example.com') {
      await account(email);
      const client = another();
      const answer = await client.signIn(email);
      assert.equal(answer.status, 200, answer.text);
      return client;
    },
  };
}

/**
 * One world for a suite whose tests leave each other alone: their browsers come from networks of their own, and each
 * takes addresses of its own.
 */
export const sharedWorld = (options: WorldOptions = {}): (() => OpenedClient) => shared((t) => openClient(t, options));

/** Checks a refusal whole: its status, its code, and that nothing but these keys is there. */
export function assertRefused(answer: Answer, status: number, error: string, what = ''): void {
  assert.equal(answer.status, status, `${what} ${answer.text}`);
  const { message, ...rest } = answer.body;
  assert.ok(typeof message === 'string' && message.length > 0, 'a refusal has a message');
  const { fields, ...shape } = rest;
  assert.deepEqual(shape, { success: false, error });
  assert.equal(fields !== undefined, error === 'VALIDATION_ERROR', 'fields come with VALIDATION_ERROR alone');
  assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8');
}
