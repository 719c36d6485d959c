import type { Static, TSchema } from 'typebox';
import type { Locale } from '../core/account.ts';
import type { Failures } from '../core/failure.ts';
import type { Identity } from '../core/identity.ts';
import type { Caller, ContractName } from '../core/world.ts';
import type { BodyType } from './body.ts';
import type { Claim, ClaimedRequest } from './claim.ts';
import type { Cookies } from './cookies.ts';
import type { Refusals } from './refusal.ts';

/** One published HTTP API: a document as a table, in its own words. */
export interface Contract<Words> {
  name: ContractName;
  /** For the interactive reference. */
  title: string;
  description: string;
  prefix: string;
  /** Whether it keeps anything in cookies: a contract that does not never reads or sets one. */
  usesCookies: boolean;
  /** What it speaks when a request asks for no language it has (rule 34). */
  defaultLocale: Locale;
  words: Record<Locale, Words>;
  dialect: Dialect<Words>;
  routes: readonly Route<Words>[];
  /** The bodies it reads: JSON alone, unless it says otherwise. */
  bodies?: readonly BodyType[];
  /**
   * Whether its handlers judge the bodies they are given, in the contract's own words: its schemas then say which fields
   * there are, what the reference shows of them and no more, and a body that cannot be read counts as an empty one.
   */
  judgesBodies?: boolean;
  /** Whether a "no" goes with the cookies that its handler has set before. */
  noKeepsCookies?: boolean;
  /** Which requests are its own on lines that another contract may claim as well; without the other all of them are. */
  claims?: Readonly<Record<Line, Claim>>;
  /** Keys of a body by which such a line is another contract's. */
  othersKeys?: Readonly<Record<Line, readonly string[]>>;
  /** Whether a request bears marks of the contract's front ends: for paths that nobody answers. */
  bearsMarks?(request: Pick<ClaimedRequest, 'cookies' | 'headers'>): boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: a dialect takes its own words, so no contract would be a Contract<unknown>
export type AnyContract = Contract<any>;

/** What a handler is given of a request. */
export interface Call<Body, Params, Words> {
  identity: Identity;
  body: Body;
  params: Params;
  caller: Caller;
  /** The contract's texts in the language asked for. */
  say: Words;
  cookies: Cookies;
  /** What the request's target says after its path. */
  query: URLSearchParams;
  /** A key of the body by which the line is another contract's as well; only where the contract judges its bodies. */
  othersKey: string | undefined;
  /** The page that a browser says the request comes from. */
  origin: string | undefined;
  /** From the `Authorization` header, for a contract without cookies; never from the query or the body. */
  bearerToken: string | undefined;
  /** A header that the request carries, by its name in lower case; of several the first. */
  header(name: string): string | undefined;
  /** Sets a header of the answer, a "no" too. */
  setHeader(name: string, value: string): void;
  /** Has the answer, a "no" too, speak the language of whoever turned out to ask. */
  speak(locale: Locale): void;
  /** Where the contract lives, as the settings say. */
  prefix: string;
  /** Whether the public URL is https. */
  secure: boolean;
  /** Scheme, host and port that the server is known by. */
  publicOrigin: string;
}

/** An answer of a route's second kind, see {@link orGive}. */
export class OrGiven<Body> {
  readonly body: Body;

  constructor(body: Body) {
    this.body = body;
  }
}

/** In a handler: answers with the route's second status and body, those of its `orGives`. */
export const orGive = <Body>(body: Body): OrGiven<Body> => new OrGiven(body);

/** An answer that sends the browser on, see {@link redirectTo}. */
export class RedirectTo {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }
}

/** In the handler of a route that `redirects`: sends the browser there (302). */
export const redirectTo = (url: string): RedirectTo => new RedirectTo(url);

/** Reads the call, asks the core once, shapes the answer. */
export type Handler<
  Takes extends TSchema | undefined,
  Gives extends TSchema,
  Words,
  Params extends TSchema | undefined = undefined,
  OrGives extends TSchema | undefined = undefined,
> = (
  call: Call<
    Takes extends TSchema ? Static<Takes> : undefined,
    Params extends TSchema ? Static<Params> : undefined,
    Words
  >,
) => Promise<Static<Gives> | (OrGives extends TSchema ? OrGiven<Static<OrGives>> : never) | RedirectTo>;

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
/** Method and path below the prefix, as `POST /login`. */
export type Line = `${Method} /${string}`;

/** One line of the table. */
export interface Route<Words> {
  method: Method;
  /** Below the contract's prefix, or from the root; parameters as `:name`. */
  path: string;
  /** Whether its path is below the root whatever the contract's prefix: where a document fixes it. */
  atRoot: boolean;
  summary: string;
  description?: string;
  takes?: TSchema;
  params?: TSchema;
  query?: TSchema;
  /** Whether it may answer with a redirect. */
  redirects: boolean;
  /** Whether it keeps something in a cookie though its contract does not; then HEAD is no way to ask for it. */
  keepsState: boolean;
  status: number;
  gives: TSchema;
  orGives?: readonly [status: number, body: TSchema];
  /** The failures and refusals that the reference lists for it, beside those that any route may answer. */
  mayFail: readonly (keyof Failures)[];
  handler: (call: Call<unknown, unknown, Words>) => Promise<unknown>;
}

/**
 * One documented line: what it takes, the status and body it gives, and the handler that agrees with both.
 * The schemas are type, check, reference entry and list of what may leave, at once.
 */
export function route<
  Words,
  Gives extends TSchema,
  Takes extends TSchema | undefined = undefined,
  Params extends TSchema | undefined = undefined,
  OrGives extends TSchema | undefined = undefined,
>(
  line: Line,
  of: {
    summary: string;
    description?: string;
    takes?: Takes;
    params?: Params;
    query?: TSchema;
    atRoot?: boolean;
    redirects?: boolean;
    keepsState?: boolean;
    gives: readonly [status: number, body: Gives];
    /** What it may give instead, when the handler says so with {@link orGive}. */
    orGives?: readonly [status: number, body: OrGives];
    mayFail?: readonly (keyof Failures)[];
    by: Handler<NoInfer<Takes>, Gives, Words, NoInfer<Params>, NoInfer<OrGives>>;
  },
): Route<Words> {
  const [method, path] = line.split(' ') as [Method, string];
  return {
    method,
    path,
    atRoot: of.atRoot ?? false,
    summary: of.summary,
    ...(of.description !== undefined && { description: of.description }),
    ...(of.takes && { takes: of.takes }),
    ...(of.params && { params: of.params }),
    ...(of.query && { query: of.query }),
    redirects: of.redirects ?? false,
    keepsState: of.keepsState ?? false,
    status: of.gives[0],
    gives: of.gives[1],
    ...(of.orGives?.[1] && { orGives: [of.orGives[0], of.orGives[1]] as const }),
    mayFail: of.mayFail ?? [],
    handler: of.by as Route<Words>['handler'],
  };
}

/** How one contract says "no". */
export interface No {
  status: number;
  body: object;
  headers?: Record<string, string>;
}

/** What a dialect's line is given. */
export interface NoCall<Facts, Words> {
  say: Words;
  facts: Facts;
  /** For a "no" that takes cookies away with it. */
  cookies: Cookies;
  prefix: string;
  /** Where the request went, below the prefix. */
  path: string;
  /** The whole of it, and how. */
  target: string;
  method: string;
}

/** Everything that can be refused: one added to the core does not compile until every contract has a word for it. */
export type Dialect<Words> = {
  readonly [Code in keyof (Failures & Refusals)]: (call: NoCall<(Failures & Refusals)[Code], Words>) => No;
};
