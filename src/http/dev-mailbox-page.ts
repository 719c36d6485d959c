import type { Locale } from '../core/account.ts';
import type { MailboxMessage } from '../delivery/mailbox.ts';
import { frenchSpacing } from '../delivery/plain-text.ts';
import { type Html, html } from './html.ts';

/** A browser that frames a thousand mails is of no use to anybody. */
const SHOWN = 50;

interface Words {
  title: string;
  what: string;
  empty: string;
  emptyHint: string;
  emptyButton: string;
  count(total: number): string;
  to: string;
  code: string;
  links: string;
  text: string;
  html: string;
  framed: string;
}

const WORDS: Record<Locale, Words> = {
  en: {
    title: 'Development mailbox',
    what: 'Messages that Guichet would send by e-mail or SMS. Nothing leaves this machine.',
    empty: 'No message yet',
    emptyHint:
      'Sign up, ask for a new password, or mistype one ten times: the message appears here within a second. Reload the page to see it. Scripts read /dev/mailbox.json.',
    emptyButton: 'Empty the mailbox',
    count: (total) =>
      total > SHOWN ? `The ${SHOWN} newest of ${total} messages` : total === 1 ? '1 message' : `${total} messages`,
    to: 'To:',
    code: 'Code',
    links: 'Links',
    text: 'Text',
    html: 'HTML',
    framed: 'Links inside the frame do nothing; use those above.',
  },
  fr: {
    title: 'Boîte aux lettres de développement',
    what: 'Les messages que Guichet enverrait par e-mail ou SMS. Rien ne quitte cette machine.',
    empty: 'Aucun message pour l’instant',
    emptyHint:
      'Inscrivez-vous, demandez un nouveau mot de passe ou trompez-vous dix fois : le message apparaît ici en moins d’une seconde. Rechargez la page pour le voir. Les scripts lisent /dev/mailbox.json.',
    emptyButton: 'Vider la boîte',
    count: (total) =>
      total > SHOWN
        ? `Les ${SHOWN} plus récents de ${total} messages`
        : total === 1
          ? '1 message'
          : `${total} messages`,
    to: 'À :',
    code: 'Code',
    links: 'Liens',
    text: 'Texte',
    html: 'HTML',
    framed: 'Les liens du cadre sont inactifs ; utilisez ceux du dessus.',
  },
};

/** The list as a page, newest first, the newest one open. */
export function mailboxPage(messages: MailboxMessage[], locale: Locale): string {
  const words = WORDS[locale];
  const say: Say = locale === 'fr' ? frenchSpacing : (text) => text;
  const list =
    messages.length === 0
      ? html`<section class="empty"><h2>${say(words.empty)}</h2><p>${say(words.emptyHint)}</p></section>`
      : html`<form method="post" action="/dev/mailbox/empty"><p>${say(words.count(messages.length))}</p><button>${say(words.emptyButton)}</button></form>
${messages.slice(0, SHOWN).map((message, index) => entry(message, index === 0, locale, say))}`;
  return html`<!doctype html>
<html lang="${locale}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${say(words.title)}</title>
<link rel="stylesheet" href="/dev/mailbox.css">
</head>
<body>
<header>
<h1>${say(words.title)}</h1>
<p>${say(words.what)}</p>
</header>
<main>
${list}
</main>
</body>
</html>
`.toString();
}

/** Sets the spaces of the page's language. */
type Say = (text: string) => string;

function entry(message: MailboxMessage, open: boolean, locale: Locale, say: Say): Html {
  const words = WORDS[locale];
  const { id, channel, code, createdAt, html: framed, links, subject, text, to } = message;
  const title = subject || text.slice(0, 80);
  return html`<details${open && html` open`}>
<summary><span class="subject">${title}</span> <span class="about">${say(words.to)} ${to} · ${channel === 'sms' ? 'SMS' : 'e-mail'} · <time datetime="${createdAt}">${timeIn(locale, createdAt)}</time></span></summary>
${code !== null && html`<h2>${say(words.code)}</h2><p class="code">${code}</p>`}
${links.length > 0 && html`<h2>${say(words.links)}</h2><ul>${links.map((link) => html`<li><a href="${link}">${link}</a></li>`)}</ul>`}
<h2>${say(words.text)}</h2>
<pre>${text}</pre>
${framed !== '' && html`<h2>${say(words.html)}</h2><iframe src="/dev/mailbox/${encodeURIComponent(id)}.html" sandbox loading="lazy" title="${title}"></iframe><p class="about">${say(words.framed)}</p>`}
</details>
`;
}

function timeIn(locale: Locale, instant: string): string {
  const format = new Intl.DateTimeFormat(locale === 'fr' ? 'fr-FR' : 'en-GB', {
    dateStyle: 'medium',
    timeStyle: 'medium',
    timeZone: 'UTC',
  });
  return `${format.format(new Date(instant))} UTC`;
}

/** Its own file, because the page's policy allows no style inside it. */
export const STYLESHEET = `:root { color-scheme: light dark; --line: light-dark(#d5d9e0, #3a404b); --quiet: light-dark(#5b6370, #a3abb8); --raised: light-dark(#f5f6f8, #20242b); --accent: light-dark(#1d4ed8, #93b4ff); }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 56rem; font: 1rem/1.5 system-ui, sans-serif; color: light-dark(#16191f, #e8eaee); background: light-dark(#fff, #16191f); }
h1 { margin: 0; font-size: 1.5rem; line-height: 1.3; }
h2 { margin: 1.25rem 0 .25rem; font-size: .875rem; color: var(--quiet); }
header p { margin: .25rem 0 1.5rem; color: var(--quiet); }
form { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; justify-content: space-between; margin-bottom: 1rem; }
form p { margin: 0; }
button { padding: .5rem 1rem; font: inherit; color: inherit; background: var(--raised); border: 1px solid var(--line); border-radius: .5rem; cursor: pointer; }
details { margin-bottom: .75rem; padding: 0 1rem; border: 1px solid var(--line); border-radius: .5rem; }
details[open] { padding-bottom: 1rem; }
summary { margin: 0 -1rem; padding: .75rem 1rem; cursor: pointer; overflow-wrap: anywhere; }
.subject { font-weight: 600; }
.about { display: block; font-size: .875rem; color: var(--quiet); }
.code { margin: 0; font: 600 1.75rem/1.3 ui-monospace, monospace; letter-spacing: .1em; }
ul { margin: 0; padding: 0; list-style: none; }
a { color: var(--accent); overflow-wrap: anywhere; }
pre { margin: 0; padding: .75rem; font: .875rem/1.5 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; background: var(--raised); border-radius: .5rem; }
iframe { display: block; width: 100%; height: 36rem; border: 1px solid var(--line); border-radius: .5rem; }
.empty { padding: 3rem 1rem; text-align: center; border: 1px dashed var(--line); border-radius: .5rem; }
.empty h2 { margin: 0; font-size: 1.125rem; color: inherit; }
.empty p { max-width: 36rem; margin: .5rem auto 0; color: var(--quiet); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
`;
