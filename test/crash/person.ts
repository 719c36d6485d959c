import assert from 'node:assert/strict';
import type { PostOffice } from '../support/post-office.ts';
import type { Answer, Question, RunningServer } from '../support/running-server.ts';

const API = '/v1/auth';
const STRANGER = 'somebody else';

/** What people do that changes something. */
export const DEEDS = [
  'register',
  'verify',
  'signIn',
  'refresh',
  'signOut',
  'endOne',
  'endOthers',
  'replay',
  'forget',
  'reset',
] as const;
export type Deed = (typeof DEEDS)[number];

/** A session that the person holds, as far as was acknowledged. */
interface Held {
  id: string;
  accessToken: string;
  refreshToken: string;
  /** Refresh tokens it had before. */
  spent: string[];
}

/** How often something must have been recorded, and how often it may have been. */
export interface Bounds {
  atLeast: number;
  atMost: number;
}

/**
 * One person with a browser, and what they were told: what was acknowledged must hold for ever, what was under way
 * when the server died may have happened whole or not at all.
 */
export class Person {
  readonly email: string;
  readonly #office: PostOffice;
  #ask: RunningServer['ask'];
  #password = 'password number 0 of mine';
  #passwords = 0;
  #registered = false;
  #verified = false;
  #sessions: Held[] = [];
  /** What must never open anything again. */
  #dead: { sessions: Held[]; tokens: { path: string; token: string }[]; passwords: string[] } = {
    sessions: [],
    tokens: [],
    passwords: [],
  };
  /** How many reset links were asked for before the account's epoch last moved: those are dead (rule 8), also when they come late. */
  #linksBefore = 0;
  /** Finds out what became of the request that was under way. */
  #unsure: (() => Promise<void>) | undefined;
  #late = false;
  /** Whether it did anything since it last proved what it was told. */
  #idle = true;
  /** Audit entries by kind, and mails by subject. */
  readonly recorded = new Map<string, Bounds>();
  readonly mailed = new Map<Mail, Bounds>();

  constructor(email: string, server: RunningServer, office: PostOffice) {
    this.email = email;
    this.#office = office;
    this.#ask = server.ask;
  }

  get registered(): boolean {
    return this.#registered;
  }
  get idle(): boolean {
    return this.#idle;
  }

  /** What makes sense now. */
  get possible(): Deed[] {
    if (!this.#registered) return ['register'];
    if (!this.#verified) return this.#linkFor('/verify-email') ? ['verify'] : [];
    const [first, second] = this.#sessions;
    const possible: Deed[] = this.#sessions.length < 4 ? ['signIn'] : [];
    if (first) possible.push('refresh', 'refresh', 'refresh', 'signOut');
    if (first && first.spent.length > 0) possible.push('replay');
    if (first && second) possible.push('endOne', 'endOthers');
    if (this.#linkFor('/reset-password')) possible.push('reset', 'reset');
    else if (this.#linksUnderWay() < 2) possible.push('forget');
    return possible;
  }

  do(deed: Deed): Promise<void> {
    this.#idle = false;
    return this.#deeds[deed]();
  }

  readonly #deeds: Record<Deed, () => Promise<void>> = {
    register: () => this.#register(),
    verify: () => this.#verify(),
    signIn: () => this.#signIn(),
    refresh: () => this.#refresh(),
    signOut: () => this.#signOut(),
    endOne: () => this.#endOne(),
    endOthers: () => this.#endOthers(),
    replay: () => this.#replay(),
    forget: () => this.#forget(),
    reset: () => this.#reset(),
  };

  /** Of more than three links to one purpose the oldest are dead (rule 3), so it waits for those it asked for. */
  #linksUnderWay(): number {
    const came = new Set(
      this.#office.letters
        .filter(({ to, link }) => to === this.email && link?.path === '/reset-password')
        .map(({ link }) => link?.token),
    );
    return (this.mailed.get('reset')?.atMost ?? 0) - came.size;
  }

  #linkFor(path: string): string | undefined {
    const token = this.#office.tokenFor(this.email, path);
    return this.#dead.tokens.some((dead) => dead.token === token) ? undefined : token;
  }

  /** Asks, with a way to find out what became of it if no answer comes. */
  async #try(method: string, path: string, question: Question, findOut: () => Promise<void>): Promise<Answer> {
    this.#unsure = findOut;
    const answer = await this.#ask(method, API + path, question);
    this.#unsure = undefined;
    return answer;
  }

  #count<Key>(book: Map<Key, Bounds>, key: Key, change: Partial<Bounds>): void {
    const { atLeast, atMost } = book.get(key) ?? { atLeast: 0, atMost: 0 };
    book.set(key, { atLeast: atLeast + (change.atLeast ?? 0), atMost: atMost + (change.atMost ?? 0) });
  }
  /** Asked for: it may be there from now on. Acknowledged: it must. */
  #mayRecord = (kind: string): void => this.#count(this.recorded, kind, { atMost: 1 });
  #mustRecord = (kind: string): void => this.#count(this.recorded, kind, { atLeast: 1 });
  #mayMail = (mail: Mail): void => this.#count(this.mailed, mail, { atMost: 1 });
  #mustMail = (mail: Mail): void => this.#count(this.mailed, mail, { atLeast: 1 });

  async #register(): Promise<void> {
    const body = { email: this.email, name: 'Some Body', password: this.#password };
    const done = (): void => {
      this.#registered = true;
      this.#mustRecord('account.registered');
      this.#mustMail('verify');
    };
    this.#mayRecord('account.registered');
    this.#mayMail('verify');
    const answer = await this.#try('POST', '/register', { body }, async () => {
      // The right password of an account that is not proven yet is told apart from no account at all.
      const { status } = await this.#ask('POST', `${API}/login`, {
        body: { email: this.email, password: this.#password },
      });
      if (status === 403) return done();
      assert.equal(status, 401, 'a sign-in to an account that may have been registered');
      const again = await this.#ask('POST', `${API}/register`, { body });
      assert.equal(again.status, 201, 'what was not registered is not there by half: it can be registered');
      done();
    });
    assert.equal(answer.status, 201, 'registering');
    done();
  }

  async #verify(): Promise<void> {
    const link = { path: '/verify-email', token: this.#linkFor('/verify-email') ?? '' };
    const done = (): void => {
      this.#verified = true;
      this.#dead.tokens.push(link);
      this.#mustRecord('email.verified');
    };
    this.#mayRecord('email.verified');
    const answer = await this.#try('POST', '/verify-email', { body: { token: link.token } }, async () => {
      const { status } = await this.#enter(this.#password);
      if (status === 200) return done();
      assert.equal(status, 403, 'a sign-in to an account that may have been verified');
      const again = await this.#ask('POST', `${API}/verify-email`, { body: { token: link.token } });
      assert.equal(again.status, 200, 'a link that proved nothing still works');
      done();
    });
    assert.equal(answer.status, 200, 'verifying');
    done();
  }

  async #signIn(): Promise<void> {
    // A session that nobody was told of is nobody's; it can do no harm.
    await this.#enter(this.#password, async () => {}).then(({ status }) => assert.equal(status, 200, 'signing in'));
  }

  /** @returns the answer to a sign-in; a session that it opened is held from now on */
  async #enter(password: string, findOut?: () => Promise<void>): Promise<Answer> {
    const question = { body: { email: this.email, password } };
    this.#mayRecord('sign_in.succeeded');
    const answer = findOut
      ? await this.#try('POST', '/login', question, findOut)
      : await this.#ask('POST', `${API}/login`, question);
    if (answer.status === 200) {
      this.#mustRecord('sign_in.succeeded');
      this.#sessions.push(heldFrom(answer));
    }
    return answer;
  }

  async #refresh(): Promise<void> {
    const session = this.#sessions[0] as Held;
    const done = (answer: Answer): void => {
      session.spent.push(session.refreshToken);
      session.accessToken = answer.cookies['accessToken'] ?? '';
      session.refreshToken = answer.cookies['refreshToken'] ?? '';
    };
    const question = { cookies: { refreshToken: session.refreshToken } };
    const answer = await this.#try('POST', '/refresh', question, async () => {
      this.#mayRecord('session.replayed');
      this.#mayMail('replayed');
      const again = await this.#ask('POST', `${API}/refresh`, question);
      if (again.status === 200) return done(again);
      assert.ok(
        again.status === 401 && this.#late,
        `a refresh whose answer was lost is answered again, not with ${again.status}`,
      );
      this.#ended([session]);
      this.#mustRecord('session.replayed');
      this.#mustMail('replayed');
    });
    assert.equal(answer.status, 200, 'refreshing');
    done(answer);
  }

  async #signOut(): Promise<void> {
    const session = this.#sessions[0] as Held;
    const { accessToken, refreshToken } = session;
    this.#mayRecord('session.ended');
    const answer = await this.#try('POST', '/logout', { cookies: { accessToken, refreshToken } }, () =>
      this.#findOutEnd([session], 'session.ended'),
    );
    assert.equal(answer.status, 200, 'signing out');
    this.#ended([session]);
    this.#mustRecord('session.ended');
  }

  async #endOne(): Promise<void> {
    const [mine, other] = this.#sessions as [Held, Held];
    const question = { cookies: { accessToken: mine.accessToken } };
    this.#mayRecord('session.ended');
    const answer = await this.#try('DELETE', `/sessions/${other.id}`, question, () =>
      this.#findOutEnd([other], 'session.ended'),
    );
    assert.equal(answer.status, 200, 'ending a session');
    this.#ended([other]);
    this.#mustRecord('session.ended');
  }

  async #endOthers(): Promise<void> {
    const [mine, ...others] = this.#sessions as [Held, ...Held[]];
    const question = { cookies: { accessToken: mine.accessToken } };
    const kind = 'session.ended_others';
    this.#moveEpoch();
    this.#mayRecord(kind);
    const answer = await this.#try('DELETE', '/sessions', question, () => this.#findOutEnd(others, kind));
    assert.equal(answer.status, 200, 'ending all other sessions');
    this.#ended(others);
    this.#mustRecord(kind);
  }

  /** Somebody else presents a refresh token that was spent: the family ends. */
  async #replay(): Promise<void> {
    const session = this.#sessions[0] as Held;
    const question = { cookies: { refreshToken: session.spent[0] as string }, userAgent: STRANGER };
    this.#mayRecord('session.replayed');
    this.#mayMail('replayed');
    const answer = await this.#try('POST', '/refresh', question, () =>
      this.#findOutEnd([session], 'session.replayed', 'replayed'),
    );
    assert.equal(answer.status, 401, 'a spent refresh token of another client');
    this.#ended([session]);
    this.#mustRecord('session.replayed');
    this.#mustMail('replayed');
  }

  #moveEpoch(): void {
    this.#linksBefore = this.mailed.get('reset')?.atMost ?? 0;
  }

  /** Whether sessions ended: all of them or none, and with the record of it. */
  async #findOutEnd(sessions: Held[], kind: string, mail?: Mail): Promise<void> {
    const statuses = await Promise.all(sessions.map((session) => this.#look(session)));
    assert.equal(new Set(statuses).size, 1, `${kind}: all or none (${statuses.join(', ')})`);
    if (statuses[0] !== 401) return;
    this.#ended(sessions);
    this.#mustRecord(kind);
    if (mail) this.#mustMail(mail);
  }

  #ended(sessions: Held[]): void {
    this.#dead.sessions.push(...sessions);
    this.#sessions = this.#sessions.filter((session) => !sessions.includes(session));
  }

  async #look({ accessToken }: Held): Promise<number> {
    const { status } = await this.#ask('GET', `${API}/me`, { cookies: { accessToken } });
    return status;
  }

  async #forget(): Promise<void> {
    const kind = 'password.reset_requested';
    this.#mayRecord(kind);
    this.#mayMail('reset');
    const answer = await this.#try('POST', '/forgot-password', { body: { email: this.email } }, async () => {});
    assert.equal(answer.status, 200, 'asking for a reset');
    this.#mustRecord(kind);
    this.#mustMail('reset');
  }

  async #reset(): Promise<void> {
    const link = { path: '/reset-password', token: this.#linkFor('/reset-password') ?? '' };
    this.#passwords += 1;
    const password = `password number ${this.#passwords} of mine`;
    const question = { body: { token: link.token, password } };
    const done = (): void => {
      this.#dead.passwords.push(this.#password);
      this.#password = password;
      this.#dead.tokens.push(link);
      this.#moveEpoch();
      this.#ended(this.#sessions);
      this.#mustRecord('password.reset');
      this.#mustMail('changed');
    };
    const mayBeDead = this.#dead.tokens.filter(({ path }) => path === link.path).length < this.#linksBefore;
    const died = (): void => void this.#dead.tokens.push(link);
    this.#mayRecord('password.reset');
    this.#mayMail('changed');
    const answer = await this.#try('POST', '/reset-password', question, async () => {
      const before = [...this.#sessions];
      const { status, cookies } = await this.#enter(password);
      if (status === 200) {
        this.#sessions = before;
        done();
        this.#sessions.push(heldFrom({ status, body: undefined, cookies }));
        return;
      }
      assert.equal(status, 401, 'a sign-in with a password that may have been set');
      const again = await this.#ask('POST', `${API}/reset-password`, question);
      if (again.status === 400 && mayBeDead) return died();
      assert.equal(again.status, 200, 'a reset link that changed nothing still works');
      done();
    });
    if (answer.status === 400 && mayBeDead) return died();
    assert.equal(answer.status, 200, 'resetting the password');
    done();
  }

  /**
   * The server is another process now: finds out what became of what was under way.
   *
   * @param late whether that is more than a minute ago, when a spent refresh token is a replay
   */
  async meet(server: RunningServer, late: boolean): Promise<void> {
    this.#ask = server.ask;
    this.#late = late;
    await this.#unsure?.();
    this.#unsure = undefined;
  }

  /** @throws if anything that was acknowledged does not hold */
  async prove(): Promise<void> {
    this.#idle = true;
    if (!this.#registered) return;
    for (const { path, token } of this.#dead.tokens.slice(-1)) {
      const body = { token, password: 'nobody will ever set this one' };
      const { status } = await this.#ask('POST', API + path, { body });
      assert.equal(status, 400, `${this.email}: a used link of ${path}`);
    }
    for (const session of this.#dead.sessions.slice(-2)) {
      assert.equal(await this.#look(session), 401, `${this.email}: an ended session`);
      const { status } = await this.#ask('POST', `${API}/refresh`, { cookies: { refreshToken: session.refreshToken } });
      assert.equal(status, 401, `${this.email}: the refresh token of an ended session`);
    }
    for (const session of this.#sessions) assert.equal(await this.#look(session), 200, `${this.email}: a live session`);
    const old = this.#dead.passwords.at(-1);
    if (old !== undefined) {
      const { status } = await this.#ask('POST', `${API}/login`, { body: { email: this.email, password: old } });
      assert.equal(status, 401, `${this.email}: an old password`);
    }
    const { status } = await this.#enter(this.#password);
    assert.equal(status, this.#verified ? 200 : 403, `${this.email}: the right password`);
  }
}

/** What a letter is about. */
export type Mail = 'verify' | 'reset' | 'changed' | 'replayed';

function heldFrom({ cookies }: Answer): Held {
  const accessToken = cookies['accessToken'] ?? '';
  const claims = JSON.parse(Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString()) as { sid: string };
  return { id: claims.sid, accessToken, refreshToken: cookies['refreshToken'] ?? '', spent: [] };
}
