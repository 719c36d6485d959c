import type { XsrfTokens } from '../../http/xsrf.ts';
import type { Captcha } from './captcha.ts';

/** What the settings decide of this contract. */
export interface SanctumOptions {
  /** Where it lives, beside the paths that its document fixes at the root. */
  prefix: string;
  /** What the session cookie is called. */
  sessionCookie: string;
  /** A parent of the public host whose pages may read the `XSRF-TOKEN` cookie too. */
  xsrfDomain: string | undefined;
  xsrf: XsrfTokens;
  /** Whether a front end of the origin has sessions here. */
  isAllowedOrigin(origin: string): boolean;
  /** Code points. */
  passwordMinimum: number;
  /** What the front end is told that the application is called. */
  applicationName: string;
  /** Closed, it lets in only who was given `bypass.login` everywhere; whoever is in already stays. */
  login: 'open' | 'closed';
  /** Asked before a mail is sent for somebody without a session; without it nobody is. */
  captcha: Captcha | undefined;
}
