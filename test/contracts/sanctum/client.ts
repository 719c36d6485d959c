import assert from 'node:assert/strict';
import type { FastifyInstance } from 'fastify';
import { shared } from '../../support/shared.ts';
import { openWorld, type TestWorld, type WorldOptions } from '../../support/world.ts';

export const PREFIX = '/api/v1';
export const PASSWORD = 'a quiet correct horse';
/** The page that the front end of the documents is served from while it is developed. */
export const SPA = 'http://localhost:5173';
export const SESSION = 'guichet_session';
export const XSRF = 'XSRF-TOKEN';
export const REMEMBER = 'remember_web';
/** Six digits of a second. */
export const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS';

export interface Site {
  id: number;
  name: string;
  is_headquarters: boolean;
}

export interface User {
  id: number;
  email: string;
  full_name: string;
  locale: string;
  current_site_id: number | null;
  roles: string[];
  permissions: string[];
  sites: Site[];
  [key: string]: unknown;
}

/** Every key that a body of this contract may hold. */
export interface Body {
  message?: string;
  errors?: Record<string, string[]>;
  two_factor?: boolean;
  channel?: string;
  data?: User;
  user?: User;
  locale?: string;
  confirmed?: boolean;
  secretKey?: string;
  svg?: string;
  url?: string;
  valid?: boolean;
  demo_mode?: boolean;
  app_name?: string;
}

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | number | undefined>;
  /** Parsed; empty when there is none, or it is no object. */
  body: Body;
  /** Parsed, whatever it is. */
  json: unknown;
  text: string;
  /** `Set-Cookie` lines, in their order. */
  setCookies: string[];
}

export interface Asking {
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as a form. */
  form?: Record<string, string>;
  /** Sent as it is. */
  raw?: string | Buffer;
  /** Over those that the front end sends; an empty one is left out. */
  headers?: Record<string, string>;
  /** Instead of what the jar holds. */
  cookie?: string | null;
  /** Instead of the token that the jar holds. */
  xsrf?: string | null;
}

/** A browser with the front end of this contract: it keeps cookies, and sends the token back as axios does. */
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

  /** Asks at a path from the root, and keeps the cookies of the answer. */
  async ask(method: Method, url: string, of: Asking = {}): Promise<Answer> {
    const cookie = of.cookie === undefined ? cookieHeader(this.jar) : of.cookie;
    const xsrf = of.xsrf === undefined ? this.jar.get(XSRF) : of.xsrf;
    const form = of.form && new URLSearchParams(of.form).toString();
    const payload = of.raw ?? form ?? (of.body === undefined ? undefined : JSON.stringify(of.body));
    const headers: Record<string, string> = {
      accept: 'application/json',
      'x-requested-with': 'XMLHttpRequest',
      referer: `${SPA}/`,
      origin: SPA,
      ...(payload !== undefined && {
        'content-type': form === undefined ? 'application/json' : 'application/x-www-form-urlencoded',
      }),
      ...(cookie && { cookie }),
      ...(xsrf && { 'x-xsrf-token': decodeURIComponent(xsrf) }),
      ...this.#headers,
      ...of.headers,
    };
    const response = await this.#app.inject({
      method: method as 'GET',
      url,
      remoteAddress: this.#address,
      headers: Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== '')),
      ...(payload !== undefined && { payload }),
    });
    const setCookies = [response.headers['set-cookie'] ?? []].flat();
    for (const line of setCookies) this.#keep(line);
    const isJson = /json/.test(String(response.headers['content-type'])) && response.body !== '';
    const json: unknown = isJson ? response.json() : undefined;
    return {
      status: response.statusCode,
      headers: response.headers,
      body: typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as Body) : {},
      json,
      text: response.body,
      setCookies,
    };
  }

  get(path: string, of: Asking = {}): Promise<Answer> {
    return this.ask('GET', `${PREFIX}${path}`, of);
  }
  post(path: string, body?: unknown, of: Asking = {}): Promise<Answer> {
    return this.ask('POST', `${PREFIX}${path}`, { ...of, ...(body !== undefined && { body }) });
  }
  patch(path: string, body: unknown, of: Asking = {}): Promise<Answer> {
    return this.ask('PATCH', `${PREFIX}${path}`, { ...of, body });
  }
  put(path: string, body: unknown, of: Asking = {}): Promise<Answer> {
    return this.ask('PUT', `${PREFIX}${path}`, { ...of, body });
  }
  delete(path: string, of: Asking = {}): Promise<Answer> {
    return this.ask('DELETE', `${PREFIX}${path}`, of);
  }

  csrfCookie(of: Asking = {}): Promise<Answer> {
    return this.ask('GET', '/sanctum/csrf-cookie', of);
  }

  /** As the documented front end does: the cookie first, then the login. */
  async login(email: string, password = PASSWORD, more: object = {}): Promise<Answer> {
    await this.csrfCookie();
    return this.post('/auth/login', { email, password, ...more });
  }

  user(of: Asking = {}): Promise<Answer> {
    return this.get('/auth/user', of);
  }

  /** The value of a cookie that must be there. */
  cookie(name: string): string {
    const value = this.jar.get(name);
    if (value === undefined) throw new Error(`the client holds no ${name}`);
    return value;
  }

  /** What a browser is left with that was closed for longer than its session lives: all but the session's cookies. */
  forgetSession(): void {
    this.jar.delete(SESSION);
    this.jar.delete(XSRF);
  }

  #keep(line: string): void {
    const [pair = '', ...attributes] = line.split('; ');
    const [name = '', value = ''] = pair.split(/=(.*)/s);
    if (attributes.includes('Max-Age=0')) this.jar.delete(name);
    else this.jar.set(name, value);
  }
}

export const cookieHeader = (jar: ReadonlyMap<string, string>): string =>
  [...jar].map(([name, value]) => `${name}=${value}`).join('; ');

export interface OpenedClient extends TestWorld {
  app: FastifyInstance;
  client: Client;
  /** Another browser; from a network that nobody else comes from, unless an address is given. */
  another(of?: { address?: string; headers?: Record<string, string> }): Client;
  /** An account made by the operator, its address proven unless said otherwise. */
  account(
    email?: string,
    of?: { verified?: boolean; locale?: 'en' | 'fr'; password?: string },
  ): Promise<{ id: number; uuid: string; email: string }>;
  /** Browser of an account that is signed in. */
  signedIn(email?: string, more?: { remember?: boolean }): Promise<Client>;
}

/** A world of its own with its server, and a browser before it. */
export async function openClient(
  t: { after(undo: () => unknown): void },
  options: WorldOptions = {},
): Promise<OpenedClient> {
  const world = await openWorld(t, options);
  const app = await world.server();
  let networks = 0;
  let people = 0;
  const another: OpenedClient['another'] = (of) => {
    networks += 1;
    return new Client(app, { address: `10.${networks >> 8}.${networks & 255}.1`, ...of });
  };
  const account: OpenedClient['account'] = async (
    email = `jean${++people}@example.com`,
    { verified = true, locale = 'en', password = PASSWORD } = {},
  ) => {
    const made = await world.identity.createAccount({
      email,
      password,
      firstName: 'Jean',
      lastName: 'Dupont',
      locale,
      verified,
    });
    return { id: made.id, uuid: made.uuid, email };
  };
  return {
    ...world,
    app,
    client: another(),
    another,
    account,
    async signedIn(email, more = {}) {
      const made = await account(email);
      const client = another();
      const answer = await client.login(made.email, PASSWORD, more);
      assert.equal(answer.status, 200, answer.text);
      return client;
    },
  };
}

/** One world for a suite whose tests leave each other alone. */
export const sharedWorld = (options: WorldOptions = {}): (() => OpenedClient) => shared((t) => openClient(t, options));

/** Checks a refused form whole: each field with its texts, in their order, and the message made of them. */
export function assertInvalid(answer: Answer, errors: Record<string, string[]>, status = 422): void {
  const texts = Object.values(errors).flat();
  const more = texts.length - 1;
  const rest = more === 0 ? '' : ` (and ${more} more ${more === 1 ? 'error' : 'errors'})`;
  assert.equal(answer.status, status, answer.text);
  assert.deepEqual(answer.json, { message: `${texts[0]}${rest}`, errors });
  assert.deepEqual(Object.keys(answer.body.errors ?? {}), Object.keys(errors));
}

/** Checks a "no" whole that has nothing but a message. */
export function assertRefused(answer: Answer, status: number, message: string): void {
  assert.equal(answer.status, status, answer.text);
  assert.deepEqual(answer.json, { message });
}

export const assertGuest = (answer: Answer): void => assertRefused(answer, 401, 'Unauthenticated.');
