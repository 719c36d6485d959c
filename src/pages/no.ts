import type { FastifyReply, FastifyRequest } from 'fastify';
import { asNo } from '../http/as-no.ts';
import { html } from '../http/html.ts';
import { languageOf } from '../http/language.ts';
import { pages } from './contract.ts';
import { dialect, type PageNo } from './dialect.ts';
import { tokenIn } from './form.ts';
import { sendPage } from './layout.ts';
import { PageRefusal } from './refusal.ts';
import { advicePage } from './views.ts';
import { words } from './words.ts';

/** What answering "no" needs to know. */
export interface NoParts {
  /** Whether an error means that the database cannot answer now. */
  isUnavailable(error: unknown): boolean;
}

const TOKEN = /^[\w-]{43}$/;

/** Answers with the one error page: what happened, and what to do next. What is our own doing is logged. */
export function answerNo(error: unknown, request: FastifyRequest, reply: FastifyReply, parts: NoParts): FastifyReply {
  const { code, facts } = error instanceof PageRefusal ? error : asNo(error, parts.isUnavailable);
  const say = words[languageOf(request.headers['accept-language'], 'en')];
  const link = pages.find((page) => page.path === request.routeOptions.url)?.link;
  const no = (dialect[code] as (call: object) => PageNo)({ say, facts, link });
  if (no.status >= 500 && code !== 'overloaded')
    request.log.error({ err: error, reqId: request.id }, 'the request failed');
  // A refused request sets nothing, whatever its handler had begun (rule 31).
  reply.removeHeader('Set-Cookie');
  const token = tokenIn(request);
  const more = html`${no.reference && html`<p class="quiet">${no.reference} <code>${request.id}</code></p>`}
${no.again && link && TOKEN.test(token) && html`<p><a class="button" href="${link}?token=${token}">${say.again}</a></p>`}`;
  return sendPage(reply.headers(no.headers ?? {}), say, { ...advicePage(no.advice, more), status: no.status });
}
