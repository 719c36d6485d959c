import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Identity } from '../core/identity.ts';
import type { Keyring } from '../core/keyring.ts';
import type { Random } from '../core/world.ts';
import { wantsJson } from '../http/accepts.ts';
import { callerOf } from '../http/caller.ts';
import { clientTokenIn } from '../http/client-cookie.ts';
import { cookiesOf } from '../http/cookies.ts';
import { languageOf } from '../http/language.ts';
import { checkOrigin } from '../http/origin.ts';
import { Refusal } from '../http/refusal.ts';
import { assets } from './assets.ts';
import { type PageCall, pages } from './contract.ts';
import { fieldIn, readForms, setUpLinkIn, tokenIn } from './form.ts';
import { type FormTokens, formTokens } from './form-token.ts';
import { sendPage } from './layout.ts';
import { answerNo, type NoParts } from './no.ts';
import { sendRedirect } from './redirect.ts';
import { PageRefusal } from './refusal.ts';
import { words } from './words.ts';

/** What the pages need to know of the server. */
export interface PagesParts extends NoParts {
  identity: Identity;
  keyring: Pick<Keyring, 'digest' | 'digests'>;
  random: Random;
  /** The one origin whose pages may send their forms here (rule 31). */
  publicOrigin: string;
  /** Whether the public URL is https. */
  secure: boolean;
  developmentMode: boolean;
  isSharedNetwork(address: string): boolean;
  /** Told before a password is chosen. */
  passwordMinimum: number;
  /** What programs are told at the root, where a contract has an answer for them there. */
  rootAnswer: object | undefined;
  /** What else this server shows, for the landing page. */
  links: { docs: boolean; mailbox: boolean };
}

/**
 * Serves the hosted pages, in a scope of their own: forms, origins, languages, and every "no" as a page.
 * The landing page is there for whoever asks for `/`.
 */
export async function hostedPages(app: FastifyInstance, parts: PagesParts): Promise<void> {
  await app.register(async (scope) => {
    const tokens = formTokens(parts);
    const origins = ownOrigins(parts);
    await readForms(scope);
    scope.addHook('onRequest', async (request) => checkOrigin(request, (origin) => origins.has(origin)));
    scope.setErrorHandler((error, request, reply) => answerNo(error, request, reply, parts));

    for (const page of pages) {
      scope.route({
        method: page.method,
        url: page.path,
        handler: async (request, reply) => {
          if (page.path === '/' && parts.rootAnswer && wantsJson(request.headers.accept)) return parts.rootAnswer;
          const call = callOf(request, reply, parts, tokens);
          const sent = page.method === 'POST';
          if (sent && !tokens.check(call.cookies, fieldIn(request, 'form_token'))) throw new PageRefusal('form_stale');
          const answer = await page.by(call);
          return 'seeOther' in answer ? sendRedirect(reply, answer) : sendPage(reply, call.say, answer);
        },
      });
    }
    for (const { path, type, text } of assets) scope.get(path, async (_request, reply) => reply.type(type).send(text));
    refuseOtherMethods(scope);
  });
}

function callOf(request: FastifyRequest, reply: FastifyReply, parts: PagesParts, tokens: FormTokens) {
  const { identity, links, passwordMinimum, secure } = parts;
  const cookies = cookiesOf(request, reply, secure);
  const locale = languageOf(request.headers['accept-language'], 'en');
  const call: PageCall = {
    identity,
    links,
    passwordMinimum,
    caller: callerOf(request, { clientToken: clientTokenIn(cookies, secure), locale, isShared: parts.isSharedNetwork }),
    say: words[locale],
    token() {
      const token = tokenIn(request);
      if (token === '') throw new PageRefusal('link_incomplete');
      return token;
    },
    setUpLink() {
      const link = setUpLinkIn(request);
      if (link === undefined) throw new PageRefusal('link_incomplete');
      return link;
    },
    field: (name) => fieldIn(request, name),
    formToken: () => tokens.give(cookies),
  };
  return { ...call, cookies };
}

/** In development mode people open 127.0.0.1 where the public URL says localhost: each of the three names is ours. */
function ownOrigins({ developmentMode, publicOrigin }: PagesParts): ReadonlySet<string> {
  if (!developmentMode) return new Set([publicOrigin]);
  const named = (hostname: string): string => Object.assign(new URL(publicOrigin), { hostname }).origin;
  return new Set([publicOrigin, ...['localhost', '127.0.0.1', '[::1]'].map(named)]);
}

/** 405 at each path of ours for each method that it is not answered under (RFC 9110 §15.5.6). */
function refuseOtherMethods(scope: FastifyInstance): void {
  for (const url of new Set([...pages, ...assets].map(({ path }) => path))) {
    const own = pages.filter(({ path }) => path === url).map(({ method }): string => method);
    const methods = own.length === 0 ? ['GET'] : own;
    const allowed = methods.includes('GET') ? [...methods, 'HEAD'] : methods;
    scope.route({
      method: scope.supportedMethods.filter((method) => !allowed.includes(method)),
      url,
      onRequest: async () => {
        throw new Refusal('method_not_allowed', { allowed });
      },
      handler: () => {},
    });
  }
}
