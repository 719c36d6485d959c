import type { ClaimedRequest } from '../../http/claim.ts';
import type { Contract, Route } from '../../http/contract.ts';
import { dialect } from './dialect.ts';
import { guardsOf } from './guard.ts';
import * as handle from './handlers.ts';
import type { SanctumOptions } from './options.ts';
import * as schema from './schemas.ts';
import * as setUp from './set-up-handlers.ts';
import * as twoFactor from './two-factor-handlers.ts';
import { type Words, words } from './words.ts';

const proof = ['account_locked', 'rate_limited', 'overloaded'] as const;
const sensitive = ['session_ended', 'reauthentication_required'] as const;

/** Single-page applications that were written for Laravel Sanctum and Fortify. The law: docs/contracts/sanctum.md */
export function sanctum(options: SanctumOptions): Contract<Words> {
  const { anyMember, asked, guest, member, newcomer } = guardsOf(options);
  const bearsMarks = ({ cookies, headers }: Pick<ClaimedRequest, 'cookies' | 'headers'>): boolean =>
    headers['x-xsrf-token'] !== undefined || cookies.has(options.sessionCookie);
  return {
    name: 'sanctum',
    title: 'Guichet: sanctum contract',
    description:
      'For single-page applications that were written for Laravel Sanctum and Fortify. A session is an HttpOnly cookie, and a ' +
      'second cookie, `XSRF-TOKEN`, is sent back as `X-XSRF-TOKEN` with every change; it changes when somebody signs in, ' +
      'completes the second factor or signs out, and each answer carries the one that is good next. A session lives for two ' +
      'idle hours, and with `remember` for up to 30 days. Messages are English, French on request (`Accept-Language: fr`), ' +
      'and in the user’s own language once somebody is signed in.',
    prefix: options.prefix,
    usesCookies: true,
    noKeepsCookies: true,
    judgesBodies: true,
    bodies: ['json', 'form'],
    defaultLocale: 'en',
    words,
    dialect,
    // biome-ignore format: a table
    routes: [
      guest('GET /sanctum/csrf-cookie',  { atRoot: true,                 gives: [204, schema.NoContent],    by: handle.csrfCookie,     summary: 'Begin a session, and get its token' }),
      guest('GET /app/config',           {                               gives: [200, schema.Application],  by: handle.application,    summary: 'What the application is called' }),
      ...at(['/auth/login', '/login'], root('/login'), (line) =>
        newcomer(`POST ${line.path}`,    { ...line, takes: schema.Login, gives: [200, schema.LoginAnswer],  by: handle.login,          summary: 'Sign in',                           mayFail: ['invalid_credentials', 'identifier_unproven', 'sign_in_closed', ...proof], redirects: true, description: 'Five wrong passwords a minute for an e-mail address, from one network address; `X-RateLimit-Remaining` tells how many are left.' })),
      ...at(['/auth/two-factor-challenge', '/two-factor-challenge'], root('/two-factor-challenge'), (line) =>
        guest(`POST ${line.path}`,       { ...line, takes: schema.Challenge, gives: [204, schema.NoContent], by: handle.twoFactorChallenge, summary: 'Complete a sign-in',           mayFail: ['code_wrong', 'rate_limited'], redirects: true, description: 'With a code or a recovery code, in the session of the login. It waits for ten minutes.' })),
      guest('POST /auth/logout',         { takes: schema.Nothing,        gives: [204, schema.NoContent],    by: handle.logout,         summary: 'Sign out',                          description: 'No other browser of the user stays signed in beyond its session.' }),
      ...at(['/logout'], root('/logout'), (line) =>
        anyMember(`POST ${line.path}`,   { ...line, takes: schema.Nothing, gives: [204, schema.NoContent],  by: handle.logoutToHome,   summary: 'Sign out, as somebody who is signed in', mayFail: ['session_ended'], redirects: true })),
      ...at(['/auth/user', '/user'], [], (line) =>
        member(`GET ${line.path}`,       {                               gives: [200, schema.CurrentUser],  by: handle.user,           summary: 'The signed-in user, and what they may do at their site', mayFail: ['session_ended'] })),
      member('PATCH /user/site',         { takes: schema.SiteChoice,     gives: [200, schema.SiteChosen],   by: handle.chooseSite,     summary: 'Go to another site',                mayFail: ['session_ended', 'rate_limited'] }),
      member('PATCH /user/locale',       { takes: schema.LocaleChoice,   gives: [200, schema.LocaleChosen], by: handle.chooseLocale,   summary: 'Choose a language',                 mayFail: ['session_ended', 'rate_limited'] }),
      member('PUT /user/password',       { takes: schema.PasswordChange, gives: [200, schema.Done],         by: handle.changePassword, summary: 'Change the password',               mayFail: ['session_ended', 'password_rejected', ...proof], description: 'Ends every other session of the user.' }),
      ...at(['/auth/forgot-password', '/forgot-password'], [], (line) =>
        asked(`POST ${line.path}`,       { takes: schema.Forgotten,      gives: [200, schema.Done],         by: handle.forgotPassword, summary: 'Ask for a reset link',              mayFail: ['rate_limited'], description: 'The same answer for every address. At most one mail a minute goes to each.' })),
      ...at(['/auth/reset-password', '/reset-password'], [], (line) =>
        guest(`POST ${line.path}`,       { takes: schema.Reset,          gives: [200, schema.Done],         by: handle.resetPassword,  summary: 'Set a new password with a link',    mayFail: ['token_invalid', 'password_rejected', 'overloaded'], description: 'Ends every session of the user.' })),
      guest('GET /auth/setup-password/:id/:hash',  { params: schema.SetUpParams, query: schema.SetUpQuery, gives: [200, schema.SetUpLink], orGives: [403, schema.SetUpRefused], by: setUp.lookAtSetUp, summary: 'Look at an invitation', mayFail: ['not_found'] }),
      guest('POST /auth/setup-password/:id/:hash', { takes: schema.SetUpForm, params: schema.SetUpParams, query: schema.SetUpQuery, gives: [200, schema.Done], orGives: [403, schema.Done], by: setUp.setUp, summary: 'Choose the first password', mayFail: ['not_found', 'password_rejected', 'overloaded'], description: 'With the mailed link of an invitation, which also proves the address.' }),
      asked('POST /auth/setup-password-resend',    { takes: schema.Forgotten,      gives: [200, schema.Done],         by: setUp.sendSetUp,       summary: 'Ask for the invitation again',      mayFail: ['rate_limited'], description: 'The same answer for every address.' }),

      ...both('/user/confirm-password', (line) =>
        member(`POST ${line.path}`,      { ...line, takes: schema.Confirmation, gives: [201, schema.Blank], by: twoFactor.confirmPassword, summary: 'Confirm the password',          mayFail: ['session_ended', 'code_wrong', ...proof], redirects: true, description: 'For ten minutes; with `code` in a session that has not passed the second factor. The session goes on under another name.' })),
      ...both('/user/confirmed-password-status', (line) =>
        member(`GET ${line.path}`,       { ...line, query: schema.ConfirmationQuery, gives: [200, schema.ConfirmationStatus], by: twoFactor.confirmationStatus, summary: 'Whether the password was confirmed', mayFail: ['session_ended'] })),
      ...both('/user/two-factor-authentication', (line) =>
        member(`POST ${line.path}`,      { ...line, takes: schema.Enabling, gives: [200, schema.Blank],     by: twoFactor.enable,      summary: 'Set up an authenticator app',       mayFail: [...sensitive, 'rate_limited'], redirects: true, description: 'The secret is pending until its first right code; an active one works until then.' })),
      ...both('/user/two-factor-authentication', (line) =>
        member(`DELETE ${line.path}`,    { ...line, takes: schema.Nothing, gives: [200, schema.Blank],      by: twoFactor.disable,     summary: 'Switch the second factor off',      mayFail: [...sensitive, 'rate_limited'], redirects: true })),
      ...both('/user/two-factor-qr-code', (line) =>
        member(`GET ${line.path}`,       { ...line,                      gives: [200, schema.QrCode],       by: twoFactor.qrCode,      summary: 'The pending secret, to be scanned', mayFail: sensitive })),
      ...both('/user/two-factor-secret-key', (line) =>
        member(`GET ${line.path}`,       { ...line,                      gives: [200, schema.SecretKey],    by: twoFactor.secretKey,   summary: 'The pending secret, to be typed',   mayFail: [...sensitive, 'not_found'] })),
      ...both('/user/confirmed-two-factor-authentication', (line) =>
        member(`POST ${line.path}`,      { ...line, takes: schema.CodeForm, gives: [200, schema.Blank],     by: twoFactor.confirm,     summary: 'Switch the second factor on',       mayFail: [...sensitive, 'code_wrong', 'rate_limited'], redirects: true })),
      ...both('/user/two-factor-recovery-codes', (line) =>
        member(`GET ${line.path}`,       { ...line,                      gives: [200, schema.RecoveryCodes], by: twoFactor.recoveryCodes, summary: 'The recovery codes that this session made', mayFail: sensitive, description: 'For ten minutes after they were made; then, and in every other session, none.' })),
      ...both('/user/two-factor-recovery-codes', (line) =>
        member(`POST ${line.path}`,      { ...line, takes: schema.Nothing, gives: [200, schema.Blank],      by: twoFactor.renewRecoveryCodes, summary: 'Make new recovery codes',    mayFail: [...sensitive, 'not_found', 'rate_limited'], redirects: true })),
    ],
    // The lines that another contract's document claims too (rule 33).
    othersKeys: { 'POST /auth/login': ['identifier'] },
    claims: {
      'POST /auth/login': (request) => {
        if (request.keys?.has('email') && !request.keys.has('identifier')) return 'content';
        if (bearsMarks(request)) return 'marks';
        return request.bodyType === 'form' ? 'default' : 'never';
      },
      'POST /auth/logout': ({ headers }) => (headers['x-xsrf-token'] === undefined ? 'default' : 'content'),
    },
    bearsMarks,
  };
}

/** Where a line answers: below the prefix, or at the root. */
interface Place {
  path: `/${string}`;
  atRoot: boolean;
}

const below = (path: `/${string}`): Place => ({ path, atRoot: false });
const root = (path: `/${string}`): Place[] => [{ path, atRoot: true }];

/** The same line in several places. */
const at = (
  paths: readonly `/${string}`[],
  more: readonly Place[],
  line: (place: Place) => Route<Words>,
): Route<Words>[] => [...paths.map(below), ...more].map(line);

/** Fortify's own lines answer below the prefix and, as front ends of Fortify alone know them, at the root. */
const both = (path: `/${string}`, line: (place: Place) => Route<Words>): Route<Words>[] => at([path], root(path), line);
