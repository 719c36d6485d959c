import type { Account } from '../core/account.ts';
import type { PasswordFlaw } from '../core/failure.ts';
import type { Instant } from '../core/time.ts';
import { plainLine } from '../delivery/plain-text.ts';
import { userAgentLabel } from '../delivery/user-agent-label.ts';
import { type Html, html, type Shown } from '../http/html.ts';
import { type PageContent, SERVICE } from './layout.ts';
import type { Advice, Words } from './words.ts';

/** What a form carries unseen: the mailed token, and the one that shows that the form is ours. */
export interface Hidden {
  token: string;
  formToken: string;
}

/** The page at the root. */
export function landingPage({ landing: say }: Words, links: { docs: boolean; mailbox: boolean }): PageContent {
  const link = (href: string, name: string, what: string): Html =>
    html`<li><a href="${href}">${name}</a> <span class="quiet">${what}</span></li>`;
  const list = [
    ...(links.docs ? [link('/docs', say.docs, say.docsWhat)] : []),
    ...(links.mailbox ? [link('/dev/mailbox', say.mailbox, say.mailboxWhat)] : []),
  ];
  return {
    title: SERVICE,
    main: html`<p>${say.what}</p>
<p>${say.lost}</p>
${list.length > 0 && html`<ul>${list}</ul>`}`,
  };
}

export function verificationPage(
  words: Words,
  of: Hidden & { email: string; createdAt: Instant; createdFrom: Account['createdFrom'] },
): PageContent {
  const { verify: say } = words;
  const { address, userAgent } = of.createdFrom;
  const made =
    address === null && userAgent === null
      ? fact(say.by, say.operator)
      : [
          fact(say.browser, plainLine(userAgentLabel(userAgent, words.locale))),
          fact(say.address, plainLine(address ?? say.addressUnknown)),
        ];
  return {
    title: say.title,
    main: html`<p>${say.made}</p>
${addressLine(of.email)}
<dl>${fact(say.when, timeIn(words, of.createdAt))}${made}</dl>
${form('/verify-email', of, html`<button>${say.confirm}</button>`)}
${form('/verify-email/disown', of, html`<p>${say.notMine}</p><button class="second">${say.disown}</button>`)}`,
  };
}

/** What a form for a password shows; `flaw` is why the one that was sent before is refused. */
interface PasswordForm extends Hidden {
  email: string;
  minimum: number;
  flaw?: PasswordFlaw;
}

export function resetPage(words: Words, of: PasswordForm & { redirectUrl: string | null }): PageContent {
  const { reset: say } = words;
  return {
    title: say.title,
    main: passwordForm('/reset-password', words, of, { ...say, note: html`<p>${say.ends}</p>` }),
    ...leadsTo(of.redirectUrl),
  };
}

export function setUpPage(words: Words, of: PasswordForm): PageContent {
  const { setUp: say } = words;
  return { title: say.title, main: passwordForm('/set-up-password', words, of, say) };
}

function passwordForm(
  action: string,
  { flaw: texts, newPassword: say }: Words,
  of: PasswordForm,
  words: { account: string; password: string; note?: Html; save: string },
): Html {
  const flaw = of.flaw && texts[of.flaw](of.minimum);
  // The unseen field tells password managers whose password this is.
  const fields = html`<input type="text" name="username" autocomplete="username" value="${of.email}" readonly hidden>
<label for="password">${words.password}</label>
<input type="password" id="password" name="password" autocomplete="new-password" required autofocus aria-describedby="${flaw && 'flaw '}hint"${flaw && html` aria-invalid="true"`}>
<p class="hint" id="hint">${say.hint(of.minimum)}</p>
<label class="reveal" hidden><input type="checkbox" data-reveals="password" autocomplete="off"> ${say.show}</label>
${words.note}
<button>${words.save}</button>`;
  return html`${flaw && html`<p class="alert" role="alert" id="flaw">${flaw}</p>`}
<p>${words.account}</p>
${addressLine(of.email)}
${form(action, of, fields)}`;
}

/** The host is shown as browsers write it: in ASCII, so that no letter of it is taken for another. */
export function magicLinkPage(
  { magicLink: say }: Words,
  of: Hidden & { email: string; redirectUrl: string | null },
): PageContent {
  const next =
    of.redirectUrl === null
      ? html`<p>${say.code}</p>`
      : html`<p>${say.onward}</p>
${addressLine(new URL(of.redirectUrl).host)}`;
  return {
    title: say.title,
    main: html`<p>${say.account}</p>
${addressLine(of.email)}
${next}
${form('/magic-link', of, html`<button>${say.signIn}</button>`)}
<p class="quiet">${say.notMine}</p>`,
    ...leadsTo(of.redirectUrl),
  };
}

/** For an application that named no page to go on to: the person carries the code there. */
export function codePage({ oneTimeCode: say }: Words, code: string): PageContent {
  return {
    title: say.title,
    main: html`<p>${say.text}</p>
<p class="code"><code id="code">${code}</code></p>
<button type="button" class="second" data-copies="code" data-done="${say.copied}" hidden>${say.copy}</button>
<p class="hint" role="status"></p>
<p class="alert">${say.warning}</p>`,
  };
}

export function emailChangePage({ changeEmail: say }: Words, of: Hidden & { email: string }): PageContent {
  return {
    title: say.title,
    main: html`<p>${say.address}</p>
${addressLine(of.email)}
${form('/change-email', of, html`<button>${say.confirm}</button>`)}
<p class="quiet">${say.notMine}</p>`,
  };
}

export function unlockPage({ unlock: say }: Words, of: Hidden & { email: string }): PageContent {
  return {
    title: say.title,
    main: html`<p>${say.paused}</p>
${addressLine(of.email)}
${form('/unlock', of, html`<button>${say.unlock}</button>`)}
<p class="quiet">${say.notMine}</p>`,
  };
}

/** What was done, or why not, and what to do next. */
export function advicePage({ title, text }: Advice, more?: Html): PageContent {
  return { title, main: html`<p>${text}</p>${more}` };
}

function form(action: string, { token, formToken }: Hidden, inner: Html): Html {
  return html`<form method="post" action="${action}">
<input type="hidden" name="token" value="${token}">
<input type="hidden" name="form_token" value="${formToken}">
${inner}
</form>`;
}

/** Lets the page's form go on to where its answer leads. */
const leadsTo = (redirectUrl: string | null): Pick<PageContent, 'formTargets'> =>
  redirectUrl === null ? {} : { formTargets: [new URL(redirectUrl).origin] };

/**
 * An address whole and in the order it is written, whatever direction its letters are read in.
 * In its canonical form it holds no character that is unseen or turns that direction.
 */
const addressLine = (email: string): Html => html`<p class="address"><bdi dir="ltr">${email}</bdi></p>`;

const fact = (label: string, value: Shown): Html => html`<div><dt>${label}</dt><dd>${value}</dd></div>`;

function timeIn({ locale }: Words, at: Instant): Html {
  // British, because 5/3 and 3/5 are one day to one reader and two to the next.
  const tag = locale === 'fr' ? 'fr-FR' : 'en-GB';
  const format = new Intl.DateTimeFormat(tag, { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' });
  return html`<time datetime="${new Date(at).toISOString()}">${format.format(at)} UTC</time>`;
}
