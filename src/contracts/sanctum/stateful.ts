import type { Call } from '../../http/contract.ts';
import type { SanctumOptions } from './options.ts';

/**
 * Whether a request comes from a front end that has a session here: its `Referer`, or else its `Origin`, is of a listed
 * origin; or the browser says that it comes from this server's own. Anything foreign in the first of them decides.
 */
export function isStateful(
  call: Pick<Call<unknown, unknown, unknown>, 'header'>,
  { isAllowedOrigin }: Pick<SanctumOptions, 'isAllowedOrigin'>,
): boolean {
  const source = call.header('referer') || call.header('origin');
  if (!source) return call.header('sec-fetch-site') === 'same-origin';
  const url = URL.parse(source);
  // A `blob:` URL has the origin of the page that made it.
  return url !== null && /^https?:$/.test(url.protocol) && isAllowedOrigin(url.origin);
}
