import { Failure } from './failure.ts';
import type { World } from './world.ts';

const LONGEST = 2048;
/** Printable ASCII but for what some parser reads in another way than the next: quotes, angle brackets, backslash, backtick. */
const PLAIN = /^https?:\/\/[!#-;=?-[\]_a-z~%|{}]+$/;
/** What a return says by itself: an address that says it already would be understood twice. */
const OWN_PARAMETERS = ['code', 'error'];

/**
 * Reads where an application wants its people sent back to. It must begin, letter for letter, with an origin that is
 * allowed, in the form that browsers write it: what parsers could disagree on is refused, never repaired.
 *
 * @throws {Failure} `input_rejected`
 * @see rule 4; RFC 9700 §4.1, §4.11; ASVS 5.0: 3.7.2
 */
export function readRedirect(world: Pick<World, 'policy'>, text: string | undefined): string | null {
  if (text === undefined) return null;
  const url = text.length <= LONGEST && PLAIN.test(text) ? URL.parse(text) : null;
  const rest = url === null ? '' : text.slice(url.origin.length);
  const isRight =
    url !== null &&
    world.policy.isAllowedOrigin(url.origin) &&
    text.startsWith(url.origin) &&
    /^(?:[/?#]|$)/.test(rest) &&
    // Also one that only decoding shows: `%63ode`.
    !OWN_PARAMETERS.some((name) => url.searchParams.has(name));
  if (!isRight) throw new Failure('input_rejected', { fields: { redirectUrl: 'malformed' } });
  return text;
}

/** The address with something to say to the application, its own query and fragment kept as they are. */
export function withParameter(redirectUrl: string, name: 'code' | 'error', value: string): string {
  const [address = '', ...fragment] = redirectUrl.split('#');
  const joint = address.includes('?') ? '&' : '?';
  return [`${address}${joint}${name}=${encodeURIComponent(value)}`, ...fragment].join('#');
}
