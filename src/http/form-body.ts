import { Refusal } from './refusal.ts';

const REACHES_FOR_A_PROTOTYPE = /__proto__|^constructor\W+prototype/;

/**
 * The fields of an urlencoded form. What JSON must not hold, a form must not either: a key twice or in two cases, a
 * prototype, bytes that are no UTF-8 (R140, R142).
 *
 * @throws {Refusal} `body_unreadable`
 */
export function parseForm(text: string): Record<string, string> {
  const fields: Record<string, string> = {};
  const keys = new Set<string>();
  for (const pair of text.split('&')) {
    if (pair === '') continue;
    const [key = '', value = ''] = pair.split(/=(.*)/s).map(decode);
    if (keys.has(key.toLowerCase()) || REACHES_FOR_A_PROTOTYPE.test(key)) throw new Refusal('body_unreadable');
    keys.add(key.toLowerCase());
    fields[key] = value;
  }
  return fields;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw new Refusal('body_unreadable');
  }
}
