import type { Locale } from '../../core/account.ts';

/** One message in one language. Plain sentences: greeting, link, circumstances and HTML are put around them. */
export interface Letter {
  subject: string;
  /** What happened, a paragraph each. */
  opening: string[];
  /** What the button says; only for a template with a page. */
  button?: string;
  /** How long the link lives, and what to do if it wasn't you. */
  closing: string[];
}

/** A message in every language, and the page its link opens (rule 2); a notice has none. */
export type LetterIn = { page: `/${string}` | null } & Record<Locale, (service: string) => Letter>;
