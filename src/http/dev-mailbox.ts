import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Mailbox } from '../delivery/mailbox.ts';
import { mailboxPage, STYLESHEET } from './dev-mailbox-page.ts';
import { languageOf } from './language.ts';

const PAGE_POLICY =
  "default-src 'none'; style-src 'self'; frame-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";
/** The page may frame a mail, and a mail may do nothing. */
const MAIL_HEADERS = {
  'content-security-policy': "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'",
  'x-frame-options': 'SAMEORIGIN',
};

/** Headers that only a proxy adds. */
const PROXY_HEADER = /^(forwarded|x-forwarded-.*|x-real-ip|via)$/;
const LOOPBACK = /^(::ffff:)?127\.\d+\.\d+\.\d+$|^::1$/;

/**
 * The development mailbox: a page, and the same as JSON. For development mode without a mail transport only;
 * whoever is not on this machine, comes through a proxy or from another site's page gets the 404 of any
 * unknown path (rule 1).
 */
export function devMailbox(app: FastifyInstance, mailbox: Mailbox, options: { trustProxy: boolean }): void {
  app.register(async (dev) => {
    dev.addHook('onRequest', async (request, reply) => {
      if (options.trustProxy || !isLocal(request) || !isSameSite(request)) {
        reply.callNotFound();
        return reply;
      }
      reply.headers({
        'cache-control': 'no-store',
        'content-security-policy': PAGE_POLICY,
        // Not `no-referrer`, under which browsers send `Origin: null` with the form.
        'referrer-policy': 'same-origin',
        'x-content-type-options': 'nosniff',
      });
    });
    // The form has no fields, and a client may send DELETE with any type: bodies are read and forgotten.
    dev.removeAllContentTypeParsers();
    dev.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: 1024 }, (_request, _body, done) => done(null));

    dev.get('/dev/mailbox', async (request, reply) => {
      const messages = await mailbox.list();
      return html(reply, mailboxPage(messages, languageOf(request.headers['accept-language'], 'en')));
    });
    dev.get<{ Params: { id: string } }>('/dev/mailbox/:id.html', async ({ params }, reply) => {
      const message = await mailbox.find(params.id);
      if (!message) return reply.callNotFound();
      return html(reply.headers(MAIL_HEADERS), message.html);
    });
    dev.get('/dev/mailbox.css', async (_request, reply) => reply.type('text/css; charset=utf-8').send(STYLESHEET));
    dev.get<{ Querystring: { to?: string | string[] } }>('/dev/mailbox.json', async ({ query }) => {
      const to = [query.to].flat()[0];
      return mailbox.list(to === undefined ? {} : { to });
    });
    dev.delete('/dev/mailbox.json', async (_request, reply) => {
      await mailbox.empty();
      return reply.code(204).send();
    });
    dev.post('/dev/mailbox/empty', async (_request, reply) => {
      await mailbox.empty();
      return reply.redirect('/dev/mailbox', 303);
    });
  });
}

function html(reply: FastifyReply, page: string): FastifyReply {
  return reply.type('text/html; charset=utf-8').send(page);
}

function isLocal({ socket, headers }: FastifyRequest): boolean {
  return LOOPBACK.test(socket.remoteAddress ?? '') && !Object.keys(headers).some((name) => PROXY_HEADER.test(name));
}

/** Another site's page can neither read the mails nor empty the box, whatever it leads the browser to. */
function isSameSite({ headers, method }: FastifyRequest): boolean {
  const site = headers['sec-fetch-site'] ?? 'none';
  if (site !== 'none' && site !== 'same-origin') return false;
  const { origin } = headers;
  return method === 'GET' || method === 'HEAD' || origin === undefined || URL.parse(origin)?.host === headers.host;
}
