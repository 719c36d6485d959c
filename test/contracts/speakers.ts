import assert from 'node:assert/strict';
import { type Client as BearerClient, type OpenedClient, PASSWORD } from './bearer/client.ts';
import { Client as SanctumClient, SESSION } from './sanctum/client.ts';

export const CONTRACTS = ['device', 'bearer', 'cookie', 'sanctum'] as const;
export type Contract = (typeof CONTRACTS)[number];
type Channel = 'totp' | 'email' | 'sms';
export type Proof = { code: string } | { recoveryCode: string };

/** How each contract says "no". */
export const NO: Record<Contract, Record<'password' | 'code' | 'locked' | 'stale', number>> = {
  device: { password: 401, code: 401, locked: 423, stale: 403 },
  bearer: { password: 401, code: 401, locked: 423, stale: 403 },
  cookie: { password: 401, code: 401, locked: 423, stale: 403 },
  sanctum: { password: 422, code: 422, locked: 429, stale: 423 },
};

export interface Heard {
  status: number;
  text: string;
  headers: Record<string, unknown>;
}

/** Whatever the answers of the four hold of a sign-in, of a second factor and of a person. */
interface AnyBody {
  access_token?: string;
  refresh_token?: string;
  twoFactorRequired?: boolean;
  two_factor?: boolean;
  error?: string;
  channel?: Channel;
  secret?: string;
  recovery_codes?: string[];
  recoveryCodes?: string[];
  sessions?: { id?: string; uuid?: string; contract?: string; current: boolean }[];
  account?: { id: number; uuid: string };
  user?: { id: string };
  data?: { id: number };
}
export const bodyOf = ({ text }: Heard): AnyBody => (/^[{]/.test(text) ? (JSON.parse(text) as AnyBody) : {});

/** Somebody’s client of one contract, that of a network of its own. */
export interface Speaker {
  readonly contract: Contract;
  readonly email: string;
  /** What its pending login goes by. */
  challenge: string | undefined;
  /** What can be shown to a server, by the place where it belongs. */
  credentials(): Record<string, string>;
  ask(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: object): Promise<Heard>;
  /** The first step of a sign-in, a second after the one before it: of those that wait the newest stay, and these are told apart by their time. */
  first(password?: string): Promise<Heard>;
  /** The second step, after {@link first}. */
  second(proof: Proof): Promise<Heard>;
  who(): Promise<Heard>;
  /** Whether its session lives; remembered, where the contract remembers. */
  isIn(): Promise<boolean>;
  /** Begins to sign in. @returns the factor that it is asked for */
  asked(): Promise<Channel | undefined>;
  /** Makes an authenticator ready. @returns its secret, and what confirms it */
  startEnrolling(): Promise<{ secret: string; confirm(more?: object): Promise<{ recoveryCodes: string[] }> }>;
  switchOff(): Promise<Heard>;
  changePassword(to: string): Promise<Heard>;
  signOut(): Promise<Heard>;
}

interface Paths {
  prefix: string;
  who: string;
  confirm: [path: string, code: string];
  enable: [path: string, more?: object];
  disable: string;
  signOut: string;
}

const PATHS: Record<Exclude<Contract, 'sanctum'>, Paths> = {
  device: {
    prefix: '/api/v1/auth',
    who: '/me',
    enable: ['/2fa/enable', { channel: 'totp' }],
    confirm: ['/2fa/confirm', 'otp'],
    disable: '/2fa/disable',
    signOut: '/logout',
  },
  bearer: {
    prefix: '/api/auth',
    who: '/session',
    enable: ['/two-factor/enable'],
    confirm: ['/two-factor/verify', 'code'],
    disable: '/two-factor/disable',
    signOut: '/sign-out',
  },
  cookie: {
    prefix: '/v1/auth',
    who: '/me',
    enable: ['/two-factor/enable'],
    confirm: ['/two-factor/verify', 'code'],
    disable: '/two-factor/disable',
    signOut: '/logout',
  },
};

/** One of the three whose changes take the password in their bodies. */
class Plain implements Speaker {
  readonly contract: Exclude<Contract, 'sanctum'>;
  readonly email: string;
  readonly #client: BearerClient;
  readonly #paths: Paths;
  readonly #world: OpenedClient;
  #tokens: Record<string, string> = {};

  constructor(world: OpenedClient, contract: Exclude<Contract, 'sanctum'>, email: string) {
    this.contract = contract;
    this.email = email;
    this.#client = world.another();
    this.#paths = PATHS[contract];
    this.#world = world;
  }

  get challenge(): string | undefined {
    return this.contract === 'cookie' ? this.#client.cookies.get('challenge') : this.#client.challenge;
  }
  set challenge(challenge: string) {
    this.#client.challenge = challenge;
    if (this.contract === 'cookie') this.#client.cookies.set('challenge', challenge);
  }
  /** By which the client is known to the account from now on. */
  get clientToken(): string | undefined {
    return this.#client.clientToken;
  }

  credentials(): Record<string, string> {
    const { cookies, token } = this.#client;
    const [accessToken = '', refreshToken = ''] = [cookies.get('accessToken'), cookies.get('refreshToken')];
    if (this.contract === 'cookie') return { 'cookie accessToken': accessToken, 'cookie refreshToken': refreshToken };
    return { [`${this.contract} header`]: token ?? '', ...this.#tokens };
  }

  ask(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: object): Promise<Heard> {
    return this.#client.askAt(method, `${this.#paths.prefix}${path}`, body ? { body } : {});
  }

  async first(password = PASSWORD): Promise<Heard> {
    this.#world.clock.advance({ seconds: 1 });
    if (this.contract === 'bearer') return this.#client.signIn(this.email, password);
    const name = this.contract === 'device' ? 'identifier' : 'email';
    return this.#signIn('/login', { [name]: this.email, password });
  }

  async second(proof: Proof): Promise<Heard> {
    const { challenge, email } = this;
    const isCode = 'code' in proof;
    if (this.contract === 'cookie') return this.#signIn('/two-factor', proof);
    if (this.contract === 'bearer') {
      return this.#client.signIn(email, PASSWORD, { ...(isCode ? { totpCode: proof.code } : proof), challenge });
    }
    const otp = isCode ? proof.code : proof.recoveryCode;
    return this.#signIn('/2fa/verify', { identifier: email, otp, challenge });
  }

  async #signIn(path: string, body: object): Promise<Heard> {
    const answer = await this.#client.askAt('POST', `${this.#paths.prefix}${path}`, { body, token: null });
    const { access_token: token, refresh_token: refresh } = bodyOf(answer);
    if (token !== undefined) this.#client.token = token;
    if (refresh !== undefined) this.#tokens = { 'device refresh_token': refresh };
    return answer;
  }

  who(): Promise<Heard> {
    return this.ask('GET', this.#paths.who);
  }
  async isIn(): Promise<boolean> {
    return (await this.who()).status === 200;
  }
  async asked(): Promise<Channel | undefined> {
    const answer = await this.first();
    const { channel, error, twoFactorRequired } = bodyOf(answer);
    return answer.status === 202 || error === 'TOTP_REQUIRED' || twoFactorRequired ? channel : undefined;
  }

  async startEnrolling() {
    const [enable, more] = this.#paths.enable;
    const { secret = '' } = bodyOf(await this.ask('POST', enable, { ...more, password: PASSWORD }));
    const confirm = async (extra: object = {}) => {
      const [path, name] = this.#paths.confirm;
      const answer = await this.ask('POST', path, { [name]: this.#world.totp(secret), ...extra });
      assert.equal(answer.status, 200, answer.text);
      const { recovery_codes, recoveryCodes = recovery_codes ?? [] } = bodyOf(answer);
      assert.equal(recoveryCodes.length, 10);
      return { recoveryCodes };
    };
    return { secret, confirm };
  }

  switchOff(): Promise<Heard> {
    return this.ask('POST', this.#paths.disable, { password: PASSWORD });
  }
  changePassword(to: string): Promise<Heard> {
    if (this.contract === 'device') return this.ask('PUT', '/password', { current_password: PASSWORD, password: to });
    const body = { currentPassword: PASSWORD, newPassword: to };
    return this.contract === 'bearer' ? this.ask('POST', '/change-password', body) : this.ask('PUT', '/password', body);
  }
  signOut(): Promise<Heard> {
    return this.ask('POST', this.#paths.signOut);
  }
}

/** The front end with a session and a token for its changes; it asks to be remembered, so that what must end ends twice. */
class Sanctum implements Speaker {
  readonly contract = 'sanctum';
  readonly email: string;
  readonly #client: SanctumClient;
  readonly #world: OpenedClient;

  constructor(world: OpenedClient, email: string) {
    this.email = email;
    networks += 1;
    this.#client = new SanctumClient(world.app, { address: `10.200.${networks}.1` });
    this.#world = world;
  }

  get challenge(): string | undefined {
    return this.#client.jar.get(SESSION);
  }
  set challenge(challenge: string) {
    this.#client.jar.set(SESSION, challenge);
  }

  credentials(): Record<string, string> {
    const { jar } = this.#client;
    return Object.fromEntries([SESSION, 'remember_web'].map((name) => [`sanctum ${name}`, jar.get(name) ?? '']));
  }

  ask(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: object): Promise<Heard> {
    return this.#client.ask(method, `/api/v1${path}`, { ...(body && { body }) });
  }

  first(password = PASSWORD): Promise<Heard> {
    this.#world.clock.advance({ seconds: 1 });
    return this.#client.login(this.email, password, { remember: true });
  }
  async second(proof: Proof): Promise<Heard> {
    // What was put in its session’s place has a token of its own.
    await this.#client.csrfCookie();
    const body = 'code' in proof ? proof : { recovery_code: proof.recoveryCode };
    return this.ask('POST', '/auth/two-factor-challenge', body);
  }

  who(): Promise<Heard> {
    return this.ask('GET', '/auth/user');
  }
  async isIn(): Promise<boolean> {
    return (await this.who()).status === 200;
  }
  async asked(): Promise<Channel | undefined> {
    const { channel = 'totp', two_factor } = bodyOf(await this.first());
    return two_factor ? channel : undefined;
  }

  async startEnrolling() {
    await this.ask('POST', '/user/confirm-password', { password: PASSWORD });
    const enabled = await this.ask('POST', '/user/two-factor-authentication');
    assert.equal(enabled.status, 200, enabled.text);
    const { secretKey: secret } = JSON.parse((await this.ask('GET', '/user/two-factor-secret-key')).text);
    const confirm = async () => {
      const code = this.#world.totp(secret);
      const answer = await this.ask('POST', '/user/confirmed-two-factor-authentication', { code });
      assert.equal(answer.status, 200, answer.text);
      const recoveryCodes: string[] = JSON.parse((await this.ask('GET', '/user/two-factor-recovery-codes')).text);
      assert.equal(recoveryCodes.length, 8);
      return { recoveryCodes };
    };
    return { secret, confirm };
  }

  async switchOff(): Promise<Heard> {
    await this.ask('POST', '/user/confirm-password', { password: PASSWORD });
    return this.ask('DELETE', '/user/two-factor-authentication');
  }
  changePassword(to: string): Promise<Heard> {
    const body = { current_password: PASSWORD, password: to, password_confirmation: to };
    return this.ask('PUT', '/user/password', body);
  }
  signOut(): Promise<Heard> {
    return this.ask('POST', '/auth/logout');
  }
}

let networks = 0;

export const speakerOf = (world: OpenedClient, contract: Contract, email: string): Speaker =>
  contract === 'sanctum' ? new Sanctum(world, email) : new Plain(world, contract, email);
