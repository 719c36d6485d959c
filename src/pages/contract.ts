import type { Identity } from '../core/identity.ts';
import type { SetUpLink } from '../core/set-up-link.ts';
import type { Caller } from '../core/world.ts';
import * as handle from './handlers.ts';
import type { PageContent } from './layout.ts';
import type { Redirect } from './redirect.ts';
import type { Words } from './words.ts';

/** The pages that mailed links open (rule 2). */
export type LinkPath =
  | '/verify-email'
  | '/reset-password'
  | '/set-up-password'
  | '/magic-link'
  | '/change-email'
  | '/unlock';

/** What a page's handler is given of a request. */
export interface PageCall {
  identity: Identity;
  caller: Caller;
  say: Words;
  /** The mailed token: the link's, or the form's. @throws {PageRefusal} `link_incomplete` */
  token(): string;
  /** The same for a first password, whichever form the link has. @throws {PageRefusal} `link_incomplete` */
  setUpLink(): SetUpLink;
  /** A field of the form; one that is missing or comes twice is empty. */
  field(name: string): string;
  /** The hidden field of a form in the answer; sets its cookie. */
  formToken(): string;
  passwordMinimum: number;
  /** What else this server shows. */
  links: { docs: boolean; mailbox: boolean };
}

/** Reads the call, asks the core, gives the page, or says where to go on. */
export type PageHandler = (call: PageCall) => Promise<PageContent | Redirect>;

/** One line of the table. */
export interface Page {
  method: 'GET' | 'POST';
  path: string;
  /** Where the link that this belongs to leads. */
  link: LinkPath | undefined;
  by: PageHandler;
}

/**
 * The hosted pages: links in mails open them, GET consumes nothing, and each button is a POST (rule 3). `/setup-password/…` is
 * what the sanctum contract's links lead to where no application has another page for it.
 */
// biome-ignore format: a table
export const pages: readonly Page[] = [
  { method: 'GET',  path: '/',                         link: undefined,           by: handle.landing },
  { method: 'GET',  path: '/verify-email',             link: '/verify-email',     by: handle.askToVerify },
  { method: 'POST', path: '/verify-email',             link: '/verify-email',     by: handle.verify },
  { method: 'POST', path: '/verify-email/disown',      link: '/verify-email',     by: handle.disown },
  { method: 'GET',  path: '/reset-password',           link: '/reset-password',   by: handle.askForPassword },
  { method: 'POST', path: '/reset-password',           link: '/reset-password',   by: handle.resetPassword },
  { method: 'GET',  path: '/set-up-password',          link: '/set-up-password',  by: handle.askForFirstPassword },
  { method: 'POST', path: '/set-up-password',          link: '/set-up-password',  by: handle.setUpPassword },
  { method: 'GET',  path: '/setup-password/:id/:hash', link: '/set-up-password',  by: handle.askForFirstPassword },
  { method: 'GET',  path: '/magic-link',               link: '/magic-link',       by: handle.askToSignIn },
  { method: 'POST', path: '/magic-link',               link: '/magic-link',       by: handle.signIn },
  { method: 'GET',  path: '/change-email',             link: '/change-email',     by: handle.askToChangeEmail },
  { method: 'POST', path: '/change-email',             link: '/change-email',     by: handle.changeEmail },
  { method: 'GET',  path: '/unlock',                   link: '/unlock',           by: handle.askToUnlock },
  { method: 'POST', path: '/unlock',                   link: '/unlock',           by: handle.unlock },
];
