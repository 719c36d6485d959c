import type { TestContext } from 'node:test';
import { type FastifyInstance, fastify } from 'fastify';
import type { SignIn } from '../../src/core/sign-in.ts';
import { ensureSigningKey } from '../../src/core/signing-key.ts';
import type { Caller } from '../../src/core/world.ts';
import { secureHeaders, secureHeaderValues } from '../../src/http/headers.ts';
import { hostedPages, type PagesParts } from '../../src/pages/pages.ts';
import { openWorld, type TestWorld } from '../support/world.ts';

export const ADA = 'ada@example.com';
export const PASSWORD = 'violet tractors hum at dusk';
export const caller: Caller = {
  address: '192.0.2.7',
  network: { key: '192.0.2.0/24', factor: 1 },
  userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  clientToken: null,
  locale: 'en',
};

type Answer = Awaited<ReturnType<FastifyInstance['inject']>>;
/** `undefined` leaves out what a browser would send. */
type Headers = Record<string, string | undefined>;

/** A page as a browser has it: the text, and for its forms the cookie and the hidden fields. */
export interface OpenPage {
  answer: Answer;
  cookie: string;
  fields: { token: string; form_token: string };
}

export interface Pages extends TestWorld {
  app: FastifyInstance;
  open(url: string, headers?: Headers): Promise<OpenPage>;
  /** Sends a form as a browser does from the page that showed it. */
  press(path: string, page: OpenPage, more?: { fields?: Record<string, string>; headers?: Headers }): Promise<Answer>;
  /** Signs in to Ada's account, as a client that needs her address proven. */
  signIn(password?: string): Promise<SignIn>;
  /** Makes an account and opens the page that its mail leads to. */
  signUp(of?: { email?: string; name?: string; caller?: Partial<Caller> }): Promise<OpenPage>;
}

/** The hosted pages over a whole core of their own. */
export async function openPages(
  t: TestContext,
  change: Partial<PagesParts> | ((world: TestWorld) => Partial<PagesParts>) = {},
): Promise<Pages> {
  const world = await openWorld(t);
  await ensureSigningKey(world.world, 'cookie');
  const parts: PagesParts = {
    identity: world.identity,
    keyring: world.world.keyring,
    random: world.world.random,
    publicOrigin: world.derived.publicOrigin,
    secure: false,
    developmentMode: true,
    isSharedNetwork: () => false,
    isUnavailable: () => false,
    passwordMinimum: world.settings.GUICHET_PASSWORD_MIN,
    rootAnswer: undefined,
    links: { docs: true, mailbox: true },
    ...(typeof change === 'function' ? change(world) : change),
  };
  const app = fastify();
  secureHeaders(app, secureHeaderValues(parts));
  await hostedPages(app, parts);
  t.after(() => app.close());

  const open: Pages['open'] = async (url, headers = {}) => {
    const answer = await app.inject({ method: 'GET', url, headers: given(headers) });
    return {
      answer,
      cookie: answer.cookies.map(({ name, value }) => `${name}=${value}`).join('; '),
      fields: { token: hidden(answer.body, 'token'), form_token: hidden(answer.body, 'form_token') },
    };
  };
  return {
    ...world,
    app,
    open,
    press: (path, page, { fields = {}, headers = {} } = {}) =>
      app.inject({
        method: 'POST',
        url: path,
        headers: given({
          'content-type': 'application/x-www-form-urlencoded',
          cookie: page.cookie,
          origin: parts.publicOrigin,
          'sec-fetch-site': 'same-origin',
          ...headers,
        }),
        payload: new URLSearchParams({ ...page.fields, ...fields }).toString(),
      }),
    signIn: (password = PASSWORD) =>
      world.identity.signInWithPassword({
        contract: 'cookie',
        identifier: ADA,
        password,
        caller,
        mustBeProven: 'email',
        replaces: {},
      }),
    async signUp({ email = ADA, name = 'Ada', caller: from = {} } = {}) {
      await world.identity.register({
        contract: 'cookie',
        email,
        name,
        password: PASSWORD,
        caller: { ...caller, ...from },
      });
      return open(`/verify-email?token=${await world.tokenFor(email)}`);
    },
  };
}

const given = (headers: Headers): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined));

const hidden = (page: string, name: string): string =>
  new RegExp(`<input type="hidden" name="${name}" value="([^"]*)">`).exec(page)?.[1] ?? '';

/** What a page says, without its markup. */
export const textOf = (page: string): string =>
  page
    .replace(/<head>.*<\/head>|<[^>]*>/gs, ' ')
    .replace(/\s+/g, ' ')
    .trim();
