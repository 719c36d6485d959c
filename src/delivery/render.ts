import type { Locale } from '../core/account.ts';
import type { Circumstances, Messages, SmsTemplate, Template } from '../core/message.ts';
import type { Instant } from '../core/time.ts';
import type { QueuedMessage } from '../store/outbox.ts';
import { DeliveryFailure, type RenderedMessage } from './delivery.ts';
import { gsmText } from './gsm.ts';
import { asHtml, asText, type Composition } from './layout.ts';
import { type LinkTargets, linkIn } from './links.ts';
import { frenchSpacing, plainLine } from './plain-text.ts';
import { accountDeleted } from './templates/account-deleted.ts';
import { accountLocked } from './templates/account-locked.ts';
import { changeCode } from './templates/change-code.ts';
import { changeEmail } from './templates/change-email.ts';
import { claimAccount } from './templates/claim-account.ts';
import { confirmationCode } from './templates/confirmation-code.ts';
import { factorChanged } from './templates/factor-changed.ts';
import { factorCode } from './templates/factor-code.ts';
import { identifierChangeRequested } from './templates/identifier-change-requested.ts';
import { identifierChanged } from './templates/identifier-changed.ts';
import type { LetterIn, SmsIn } from './templates/letter.ts';
import { magicLink } from './templates/magic-link.ts';
import { newDevice } from './templates/new-device.ts';
import { passkeyChanged } from './templates/passkey-changed.ts';
import { passkeyCloned } from './templates/passkey-cloned.ts';
import { passwordChanged } from './templates/password-changed.ts';
import { passwordDisabled } from './templates/password-disabled.ts';
import { providerChanged } from './templates/provider-changed.ts';
import { recoveryCodeUsed } from './templates/recovery-code-used.ts';
import { recoveryCodesRenewed } from './templates/recovery-codes-renewed.ts';
import { resetCode } from './templates/reset-code.ts';
import { resetPassword } from './templates/reset-password.ts';
import { secondFactorFailures } from './templates/second-factor-failures.ts';
import { sessionReplayed } from './templates/session-replayed.ts';
import { setUpPassword } from './templates/set-up-password.ts';
import { signInAfterFailures } from './templates/sign-in-after-failures.ts';
import { signInCode } from './templates/sign-in-code.ts';
import { verifyEmail } from './templates/verify-email.ts';
import { userAgentLabel } from './user-agent-label.ts';

const LETTERS: {
  [T in Template]: LetterIn<Messages[T]> & (T extends SmsTemplate ? { sms: SmsIn<Messages[T]> } : unknown);
} = {
  verify_email: verifyEmail,
  claim_account: claimAccount,
  reset_password: resetPassword,
  set_up_password: setUpPassword,
  magic_link: magicLink,
  change_email: changeEmail,
  password_changed: passwordChanged,
  account_locked: accountLocked,
  session_replayed: sessionReplayed,
  sign_in_after_failures: signInAfterFailures,
  sign_in_code: signInCode,
  confirmation_code: confirmationCode,
  change_code: changeCode,
  reset_code: resetCode,
  factor_code: factorCode,
  new_device: newDevice,
  identifier_changed: identifierChanged,
  identifier_change_requested: identifierChangeRequested,
  factor_changed: factorChanged,
  recovery_codes_renewed: recoveryCodesRenewed,
  passkey_changed: passkeyChanged,
  passkey_cloned: passkeyCloned,
  provider_changed: providerChanged,
  recovery_code_used: recoveryCodeUsed,
  second_factor_failures: secondFactorFailures,
  password_disabled: passwordDisabled,
  account_deleted: accountDeleted,
};

const WORDS = {
  en: {
    hello: 'Hello',
    otherwise: 'Or open this address in your browser:',
    when: 'When',
    device: 'Device',
    passkey: 'Passkey',
    browser: 'Browser',
    address: 'Network address',
    unknown: 'unknown',
  },
  fr: {
    hello: 'Bonjour',
    otherwise: 'Ou ouvrez cette adresse dans votre navigateur :',
    when: 'Date',
    device: 'Appareil',
    passkey: 'Clé d’accès',
    browser: 'Navigateur',
    address: 'Adresse réseau',
    unknown: 'inconnue',
  },
} as const;

// British, because 5/3 and 3/5 are one day to one reader and two to the next.
const DATES: Record<Locale, Intl.DateTimeFormat> = { en: dates('en-GB'), fr: dates('fr-FR') };

/** Letters of the service's name that every SMS has room for. */
const SMS_NAME_LENGTH = 20;

/**
 * Puts messages into words. Links come from the settings alone, never from a request (rule 4), and whatever
 * a person chose (a name, a user agent) is one bounded line, escaped where it meets HTML (R144, R145). An SMS holds
 * nothing that a person chose.
 *
 * @throws {DeliveryFailure} from what it returns, for good, if a message is to go by SMS and has no words for it
 */
export function renderer(settings: LinkTargets & { serviceName: string }): (message: QueuedMessage) => RenderedMessage {
  const { serviceName, setUpForm } = settings;
  const publicUrl = settings.publicUrl.replace(/\/+$/, '');
  const spaUrl = settings.spaUrl.replace(/\/+$/, '');
  const { hostname } = new URL(publicUrl);
  const smsName = gsmText(serviceName, SMS_NAME_LENGTH) || hostname.slice(0, SMS_NAME_LENGTH);

  return (message) => {
    const { id, channel, to, locale, createdAt, facts } = message;
    const code = 'code' in facts ? facts.code : null;
    const known = { id, channel, to, locale, createdAt, code, messageId: `<${id}@${hostname}>` };
    // The template and its facts came out of one row; the compiler has lost sight of that.
    const { page, sms, [locale]: letterIn } = LETTERS[message.template] as LetterIn<typeof facts>;
    if (channel === 'sms') {
      if (!sms) throw new DeliveryFailure(`${message.template} has no words for an SMS`, { permanent: true });
      return { ...known, subject: '', text: sms[locale](smsName, facts), html: null, links: [] };
    }
    const letter = letterIn(serviceName, facts);
    const words = WORDS[locale];
    const space = locale === 'fr' ? frenchSpacing : (text: string) => text;
    const link = linkIn(message, page, { publicUrl, spaUrl, setUpForm });
    const composition: Composition = {
      locale,
      subject: space(letter.subject),
      greeting: greeting(words.hello, facts.name),
      opening: letter.opening.map(space),
      code,
      action: link && letter.button ? { label: space(letter.button), link, otherwise: space(words.otherwise) } : null,
      circumstances: 'at' in facts ? circumstances(facts, locale) : [],
      closing: letter.closing.map(space),
      signature: { service: serviceName, url: publicUrl },
    };
    return {
      ...known,
      subject: composition.subject,
      text: asText(composition),
      html: asHtml(composition),
      links: link ? [link] : [],
    };
  };
}

// A name that a mail program would turn into a link or an address is an advertisement sent through us: anybody may
// sign up with it and with somebody else's address.
const LINK_LIKE = /:\/\/|@|\bwww\.|\.\p{L}{2,}/iu;

function chosenName(name: string | null | undefined): string {
  const shown = plainLine(name ?? '');
  return LINK_LIKE.test(shown) ? '' : shown;
}

function greeting(hello: string, name: string | null): string {
  const shown = chosenName(name);
  return shown ? `${hello} ${shown},` : `${hello},`;
}

function circumstances(
  facts: Circumstances & { deviceName?: string | null; passkey?: string | null },
  locale: Locale,
): { label: string; value: string }[] {
  const { at, address, userAgent } = facts;
  const words = WORDS[locale];
  const [device, passkey] = [chosenName(facts.deviceName), chosenName(facts.passkey)];
  return [
    { label: words.when, value: whenIn(locale, at) },
    ...(passkey ? [{ label: words.passkey, value: passkey }] : []),
    ...(device ? [{ label: words.device, value: device }] : []),
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
