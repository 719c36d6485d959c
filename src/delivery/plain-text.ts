/** Longest a value that somebody chose is shown in a message. */
const SHOWN_LENGTH = 100;

// Controls, line and paragraph separators, lone surrogates; then what turns the reading direction or is not seen.
const UNSAFE =
  /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]|[\u00AD\u061C\u180E\u200B\u200E\u200F\u202A-\u202E\u2060-\u206F\uFEFF\uFFF9-\uFFFB]/gu;

/**
 * One line of bounded length out of what somebody chose to be called: control characters and those that
 * reverse the reading direction become spaces, the rest is kept, letter joiners of Persian or emoji too.
 *
 * @see ASVS 5.0: 1.2.1; UTS #55 §3 (direction overrides)
 */
export function plainLine(value: string): string {
  // Cut first, so that the expressions never meet four kilobytes of anything.
  const line = value
    .slice(0, SHOWN_LENGTH * 8)
    .replace(UNSAFE, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  const letters = Array.from(line);
  return letters.length > SHOWN_LENGTH ? `${letters.slice(0, SHOWN_LENGTH - 1).join('')}…` : line;
}

/** Safe between tags and inside a double-quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/**
 * The spaces that French sets before « : ; ? ! » and inside guillemets, unbreakable and narrow where they should be,
 * for texts written with ordinary ones.
 */
export function frenchSpacing(text: string): string {
  return text.replace(/ (?=[;?!])/g, '\u202F').replace(/ (?=[:»])|(?<=«) /g, '\u00A0');
}
