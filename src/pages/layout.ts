import type { FastifyReply } from 'fastify';
import { type Html, html } from '../http/html.ts';
import { pagePolicy } from './policy.ts';
import type { Words } from './words.ts';

/** The name that people know the service by. */
export const SERVICE = 'Guichet';

/** What a page says, before the head and the frame that all have in common. */
export interface PageContent {
  title: string;
  main: Html;
  /** 200 unless it says otherwise. */
  status?: number;
  /** Origins that the answer to its form may lead on to, see {@link pagePolicy}. */
  formTargets?: readonly string[];
}

export function sendPage(reply: FastifyReply, words: Words, content: PageContent): FastifyReply {
  return reply
    .code(content.status ?? 200)
    .header('Content-Security-Policy', pagePolicy(content.formTargets))
    .type('text/html; charset=utf-8')
    .send(wholePage(words, content));
}

/**
 * A whole page. Nothing in it is inline, nothing comes from elsewhere, and it works without its script.
 *
 * Its own referrer policy takes the place of the header's `no-referrer`, under which browsers send `Origin: null` with
 * a form, which is nobody's (rule 31). It tells an origin at most, never a path or a token.
 *
 * @see Fetch, append a request `Origin` header; HTML §4.2.5.1, `referrer`
 */
function wholePage({ locale }: Words, { title, main }: PageContent): string {
  return html`<!doctype html>
<html lang="${locale}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="strict-origin">
<meta name="robots" content="noindex">
<title>${title === SERVICE ? SERVICE : `${title} · ${SERVICE}`}</title>
<link rel="icon" type="image/svg+xml" href="/assets/pages.svg">
<link rel="stylesheet" href="/assets/pages.css">
<script src="/assets/pages.js" defer></script>
</head>
<body>
<header><a href="/"><img src="/assets/pages.svg" alt="" width="28" height="28"> ${SERVICE}</a></header>
<main>
<h1>${title}</h1>
${main}
</main>
</body>
</html>
`.toString();
}
