import type { Locale } from '../core/account.ts';
import type { Circumstances, Template } from '../core/message.ts';
import type { Instant } from '../core/time.ts';
import type { QueuedMessage } from '../store/outbox.ts';
import type { RenderedMessage } from './delivery.ts';
import { asHtml, asText, type Composition } from './layout.ts';
import { frenchSpacing, plainLine } from './plain-text.ts';
import { accountLocked } from './templates/account-locked.ts';
import { claimAccount } from './templates/claim-account.ts';
import type { LetterIn } from './templates/letter.ts';
import { passwordChanged } from './templates/password-changed.ts';
import { resetPassword } from './templates/reset-password.ts';
import { sessionReplayed } from './templates/session-replayed.ts';
import { signInAfterFailures } from './templates/sign-in-after-failures.ts';
import { verifyEmail } from './templates/verify-email.ts';
import { userAgentLabel } from './user-agent-label.ts';

const LETTERS: Record<Template, LetterIn> = {
  verify_email: verifyEmail,
  claim_account: claimAccount,
  reset_password: resetPassword,
  password_changed: passwordChanged,
  account_locked: accountLocked,
  session_replayed: sessionReplayed,
  sign_in_after_failures: signInAfterFailures,
};

const WORDS = {
  en: {
    hello: 'Hello',
    otherwise: 'Or open this address in your browser:',
    when: 'When',
    browser: 'Browser',
    address: 'Network address',
    unknown: 'unknown',
  },
  fr: {
    hello: 'Bonjour',
    otherwise: 'Ou ouvrez cette adresse dans votre navigateur :',
    when: 'Date',
    browser: 'Navigateur',
    address: 'Adresse réseau',
    unknown: 'inconnue',
  },
} as const;

// British, because 5/3 and 3/5 are one day to one reader and two to the next.
const DATES: Record<Locale, Intl.DateTimeFormat> = { en: dates('en-GB'), fr: dates('fr-FR') };

/**
 * Puts messages into words. Links come from the public URL alone, never from a request (rule 4), and whatever
 * a person chose (a name, a user agent) is one bounded line, escaped where it meets HTML (R144, R145).
 */
export function renderer(settings: {
  publicUrl: string;
  serviceName: string;
}): (message: QueuedMessage) => RenderedMessage {
  const publicUrl = settings.publicUrl.replace(/\/+$/, '');
  const { hostname } = new URL(publicUrl);

  return (message) => {
    const { facts, locale } = message;
    const { page, [locale]: letterIn } = LETTERS[message.template];
    const letter = letterIn(settings.serviceName);
    const words = WORDS[locale];
    const space = locale === 'fr' ? frenchSpacing : (text: string) => text;
    const link = page && 'token' in facts ? `${publicUrl}${page}?token=${encodeURIComponent(facts.token)}` : null;
    const composition: Composition = {
      locale,
      subject: space(letter.subject),
      greeting: greeting(words.hello, facts.name),
      opening: letter.opening.map(space),
      action: link && letter.button ? { label: space(letter.button), link, otherwise: space(words.otherwise) } : null,
      circumstances: 'at' in facts ? circumstances(facts, locale) : [],
      closing: letter.closing.map(space),
      signature: { service: settings.serviceName, url: publicUrl },
    };
    return {
      id: message.id,
      channel: message.channel,
      to: message.to,
      subject: composition.subject,
      text: asText(composition),
      html: asHtml(composition),
      createdAt: message.createdAt,
      code: null,
      links: link ? [link] : [],
      messageId: `<${message.id}@${hostname}>`,
    };
  };
}

// A name that a mail program would turn into a link or an address is an advertisement sent through us: anybody may
// sign up with it and with somebody else's address.
const LINK_LIKE = /:\/\/|@|\bwww\.|\.\p{L}{2,}/iu;

function greeting(hello: string, name: string | null): string {
  const shown = plainLine(name ?? '');
  return shown && !LINK_LIKE.test(shown) ? `${hello} ${shown},` : `${hello},`;
}

function circumstances({ at, address, userAgent }: Circumstances, locale: Locale): { label: string; value: string }[] {
  const words = WORDS[locale];
  return [
    { label: words.when, value: whenIn(locale, at) },
    { label: words.browser, value: plainLine(userAgentLabel(userAgent, locale)) },
    { label: words.address, value: plainLine(address ?? words.unknown) },
  ];
}

function whenIn(locale: Locale, at: Instant): string {
  return `${DATES[locale].format(at)} UTC`;
}

function dates(tag: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat(tag, { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' });
}
