/** What Content-Security-Policy can write as a host; a name that it cannot would end the directive, or widen it. */
const ORIGIN = /^https?:\/\/[a-z\d_-]+(?:\.[a-z\d_-]+)*\.?(?::\d+)?$/;
const IPV6_ORIGIN = /^(https?:)\/\/\[[a-f\d:.]+\](?::\d+)?$/;

/**
 * The policy of a page: everything is of this origin, nothing is inline, and nobody frames it (R134).
 *
 * @param formTargets origins that the answer to a form of the page may lead on to. Chromium holds a redirect to the
 *   same list as the form itself.
 * @throws {TypeError} for what is no http or https origin as browsers write it
 * @see CSP Level 3 §6.4.1, `form-action`
 */
export function pagePolicy(formTargets: readonly string[] = []): string {
  const targets = ["'self'", ...new Set(formTargets.map(sourceOf))].join(' ');
  return `default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action ${targets}; base-uri 'none'; frame-ancestors 'none'`;
}

function sourceOf(origin: string): string {
  if (ORIGIN.test(origin) && URL.parse(origin)?.origin === origin) return origin;
  // No source expression can name an IPv6 address (CSP Level 3 §2.3.1): the nearest is its scheme.
  const [, scheme] = IPV6_ORIGIN.exec(origin) ?? [];
  if (scheme === undefined || URL.parse(origin)?.origin !== origin) throw new TypeError('a form leads to no origin');
  return scheme;
}
