import { escapeHtml } from '../delivery/plain-text.ts';

/** Markup that may be sent as it is. Only {@link html} makes it, so everything in it that is no markup was escaped. */
class Html {
  readonly #markup: string;

  constructor(markup: string) {
    this.#markup = markup;
  }

  toString(): string {
    return this.#markup;
  }
}

export type { Html };

/** What a template takes: text, which is escaped, markup and lists of it, and nothing, so that `given && html…` reads well. */
export type Shown = string | number | Html | readonly Html[] | false | null | undefined;

/**
 * A piece of a page. Text is escaped for the places where it may stand: between tags, and inside an attribute's double
 * quotes; never in a script, a style or a tag's name.
 *
 * @see ASVS 5.0: 1.2.1
 */
export function html(strings: TemplateStringsArray, ...values: Shown[]): Html {
  return new Html(strings.reduce((markup, string, index) => markup + markupOf(values[index - 1]) + string));
}

function markupOf(value: Shown): string {
  if (value === false || value === null || value === undefined) return '';
  if (value instanceof Html) return value.toString();
  return typeof value === 'object' ? value.join('') : escapeHtml(String(value));
}
