import type { Locale } from '../../core/account.ts';

/** One message in one language. Plain sentences: greeting, link, code, circumstances and HTML are put around them. */
export interface Letter {
  subject: string;
  /** What happened, a paragraph each. */
  opening: string[];
  /** What the button says; only for a template with a page. */
  button?: string;
  /** How long the link or the code lives, and what to do if it wasn't you. */
  closing: string[];
}

/** A message in every language, and the page its link opens (rule 2); a notice and a code have none. */
export type LetterIn<Facts = unknown> = { page: `/${string}` | null; sms?: SmsIn<Facts> } & Record<
  Locale,
  (service: string, facts: Facts) => Letter
>;

/**
 * The same for a telephone: what has to be said in 160 characters of GSM 03.38, whose French letters are é è à ù
 * and no others in lower case (no ê, î, ô, ç). A code comes first, where a locked screen and a phone's keyboard find it.
 */
export type SmsIn<Facts> = Record<Locale, (service: string, facts: Facts) => string>;
