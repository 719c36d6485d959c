import { Failure } from '../../core/failure.ts';
import type { LiveSession, Session } from '../../core/session.ts';
import type { SessionCredentials } from '../../core/session-end.ts';
import { setClientCookie } from '../../http/client-cookie.ts';
import type { Call } from '../../http/contract.ts';
import { clearRemember, rememberIn, sessionIn, setRemember, setSession } from './cookies.ts';
import type { SanctumOptions } from './options.ts';
import type { Words } from './words.ts';

/** A session of nobody's, or somebody's, that a browser is to keep from now on. */
interface Entered {
  session: Session;
  sessionToken: string;
  rememberToken: string | null;
  clientToken: string;
}

/** One request of a browser's front end, with the session that its cookies name, and what they are to hold afterwards. */
export class Visit<Body = unknown, Params = unknown> {
  readonly call: Call<unknown, Params, Words>;
  readonly options: SanctumOptions;
  /** As it was judged. */
  body: Body;
  /** Whether somebody is signed in, on a line that does not ask for it. */
  isSignedIn = false;
  /** The session that the request named, somebody's or nobody's; another request cannot have set it for this one. */
  readonly session: string | undefined;
  /** What else the answer sets, after the session's own cookies. */
  readonly #others: (() => void)[] = [];
  /** What the cookie is to hold; `null` to leave it as another answer has set it. */
  #next: string | null;

  constructor(call: Call<unknown, Params, Words>, options: SanctumOptions) {
    this.call = call;
    this.options = options;
    this.body = undefined as Body;
    this.session = sessionIn(call.cookies, options);
    this.#next = this.session ?? options.xsrf.newSession();
  }

  get say(): Words {
    return this.call.say;
  }

  /** What the browser holds of a session. */
  get credentials(): SessionCredentials {
    return { sessionToken: this.session, refreshToken: rememberIn(this.call.cookies) };
  }

  /** Somebody has signed in: their session takes the place of whatever the browser had. */
  enter({ clientToken, rememberToken, session, sessionToken }: Entered): void {
    const { cookies, secure } = this.call;
    this.#next = sessionToken;
    if (rememberToken === null) this.forget();
    else this.#others.push(() => setRemember(cookies, rememberToken, session));
    this.#others.push(() => setClientCookie(cookies, clientToken, secure));
  }

  /** The session goes on under another name; `null` if another answer has told the browser already. */
  renew(session: string | null): void {
    this.#next = session;
  }

  /** The browser is signed in for as long as its session lives by itself, and no longer. */
  forget(): void {
    this.#others.push(() => clearRemember(this.call.cookies));
  }

  /** Nobody is signed in any more: a session of nobody's, and nothing to be remembered by. */
  leave(): void {
    this.#next = this.options.xsrf.newSession();
    this.forget();
  }

  /**
   * The signed-in session behind the request's cookies, in whose language the answer is given.
   *
   * @throws {Failure} `session_ended`
   */
  async openSession(): Promise<LiveSession> {
    const { call } = this;
    const rememberToken = rememberIn(call.cookies);
    try {
      const opened = await call.identity.openBrowserSession({
        sessionToken: this.session,
        rememberToken,
        caller: call.caller,
      });
      this.#next = opened.sessionToken;
      const { live, rememberToken: renewed } = opened;
      if (renewed !== null) this.#others.push(() => setRemember(call.cookies, renewed, live.session));
      call.speak(opened.live.account.locale);
      return opened.live;
    } catch (error) {
      // It opens nothing, and would be tried with each request.
      if (error instanceof Failure && error.code === 'session_ended') this.forget();
      throw error;
    }
  }

  /**
   * Finds out, on a line that asks for no session, whether somebody is signed in: they are answered in their language,
   * unless it is one for whoever else may sit there, and a request that was on its way when their session got another name does not undo that. For a session that this server
   * made for nobody nothing has to be looked up; where nothing changes, a database that is away is no reason to say no.
   */
  async recognise({ anybody, changes }: { anybody: boolean; changes: boolean }): Promise<boolean> {
    const { call, session: sessionToken } = this;
    if (sessionToken === undefined || this.options.xsrf.isNobodys(sessionToken)) return false;
    try {
      const { caller } = call;
      const opened = await call.identity.openBrowserSession({ sessionToken, rememberToken: undefined, caller });
      this.#next = opened.sessionToken;
      if (!anybody) call.speak(opened.live.account.locale);
      return true;
    } catch (error) {
      if (!changes || error instanceof Failure) return false;
      throw error;
    }
  }

  /** Has the answer, a "no" too, carry the session and a new token of it. */
  carry(): void {
    if (this.#next !== null) setSession(this.call.cookies, this.#next, this.options);
    for (const set of this.#others) set();
  }
}

export type MemberVisit<Body = unknown, Params = unknown> = Visit<Body, Params> & { live: LiveSession };
