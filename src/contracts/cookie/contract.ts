import { type Contract, route } from '../../http/contract.ts';
import { dialect } from './dialect.ts';
import * as handle from './handlers.ts';
import * as schema from './schemas.ts';
import { type Words, words } from './words.ts';

/** Browser apps on the same site, tokens in HttpOnly cookies. The law: docs/contracts/cookie.md */
export const cookie: Contract<Words> = {
  name: 'cookie',
  title: 'Guichet: cookie contract',
  description:
    'For browser apps on the same site. A session is two HttpOnly cookies, `accessToken` (15 minutes) and `refreshToken` ' +
    '(7 days, renewed at each use, 30 days at most); no body carries a token. Messages are English, or French on request ' +
    '(`Accept-Language: fr`). A change asked for by a page of an origin that is not listed is refused.',
  prefix: '/v1/auth',
  usesCookies: true,
  defaultLocale: 'en',
  words,
  dialect,
  // biome-ignore format: a table
  routes: [
    route('POST /register',                { takes: schema.Registration,   gives: [201, schema.Registered],  by: handle.register,              summary: 'Register',                       mayFail: ['identifier_taken', 'password_rejected', 'sign_up_closed', 'rate_limited', 'overloaded'] }),
    route('POST /login',                   { takes: schema.Login,          gives: [200, schema.LoginAnswer], by: handle.login,                 summary: 'Sign in',                        mayFail: ['invalid_credentials', 'identifier_unproven', 'account_locked', 'rate_limited', 'overloaded'], description: 'Sets both cookies, and ends the session that the request’s own cookies name. For an account with a second factor it sets a `challenge` cookie instead, and the answer names the channel.' }),
    route('GET /me',                       {                               gives: [200, schema.Me],          by: handle.me,                    summary: 'The signed-in user',             mayFail: ['session_ended'] }),
    route('POST /refresh',                 {                               gives: [200, schema.Refreshed],   by: handle.refresh,               summary: 'Renew both cookies',             mayFail: ['session_ended'], description: 'Two tabs that refresh at once get the same successor. A spent token that comes back later ends the session, and its owner is told.' }),
    route('POST /logout',                  {                               gives: [200, schema.Done],        by: handle.logout,                summary: 'Sign out' }),
    route('POST /verify-email',            { takes: schema.LinkToken,      gives: [200, schema.Done],        by: handle.verifyEmail,           summary: 'Prove an e-mail address',        mayFail: ['token_invalid'] }),
    route('POST /send-email-verification', { takes: schema.Address,        gives: [200, schema.Done],        by: handle.sendEmailVerification, summary: 'Send the verification again',    mayFail: ['rate_limited'], description: 'The same answer for every address; five an hour for each.' }),
    route('POST /forgot-password',         { takes: schema.Address,        gives: [200, schema.Done],        by: handle.forgotPassword,        summary: 'Ask for a reset link',           mayFail: ['rate_limited'], description: 'The same answer for every address. At most one mail a minute goes to each.' }),
    route('POST /reset-password',          { takes: schema.Reset,          gives: [200, schema.Done],        by: handle.resetPassword,         summary: 'Set a new password with a link', mayFail: ['token_invalid', 'password_rejected', 'overloaded'], description: 'Ends every session of the account.' }),
    route('POST /two-factor',              { takes: schema.SecondFactor,   gives: [200, schema.SignedIn],    by: handle.completeLogin,         summary: 'Complete a sign-in',             mayFail: ['code_wrong', 'rate_limited'], description: 'With the `challenge` cookie of the login, and a code or a recovery code. Five tries each login, ten wrong codes an hour each account.' }),
    route('POST /two-factor/enable',       { takes: schema.Proofs,         gives: [200, schema.Enrolment],   by: handle.enableSecondFactor,    summary: 'Set up an authenticator app',    mayFail: ['session_ended', 'reauthentication_required', 'invalid_credentials', 'code_wrong', 'account_locked', 'rate_limited', 'overloaded'], description: 'The secret is pending until its first right code; an active one works until then.' }),
    route('POST /two-factor/verify',       { takes: schema.Confirmation,   gives: [200, schema.Enrolled],    by: handle.confirmSecondFactor,   summary: 'Switch the second factor on',    mayFail: ['session_ended', 'code_wrong', 'rate_limited'], description: 'The recovery codes are shown here and never again.' }),
    route('POST /two-factor/disable',      { takes: schema.Proofs,         gives: [200, schema.Done],        by: handle.disableSecondFactor,   summary: 'Switch the second factor off',   mayFail: ['session_ended', 'reauthentication_required', 'invalid_credentials', 'code_wrong', 'account_locked', 'rate_limited', 'overloaded'] }),
    route('POST /reauthenticate',          { takes: schema.Proofs,         gives: [200, schema.Reauthenticated], by: handle.reauthenticate,    summary: 'Make the sign-in fresh again',   mayFail: ['session_ended', 'invalid_credentials', 'code_wrong', 'account_locked', 'rate_limited', 'overloaded'], description: 'With the second factor where the account has one, else with the password. The right password alone sends the code of a delivered factor.' }),
    route('PUT /password',                 { takes: schema.PasswordChange, gives: [200, schema.Done],        by: handle.changePassword,        summary: 'Change the password',            mayFail: ['session_ended', 'invalid_credentials', 'password_rejected', 'account_locked', 'rate_limited', 'overloaded'], description: 'Ends every other session of the account.' }),
    route('GET /sessions',                 {                               gives: [200, schema.Sessions],    by: handle.listSessions,          summary: 'The user’s live sessions',       mayFail: ['session_ended'] }),
    route('DELETE /sessions/:id',          { params: schema.SessionParams, gives: [200, schema.Done],        by: handle.endSession,            summary: 'End one session',                mayFail: ['session_ended', 'not_found'] }),
    route('DELETE /sessions',              {                               gives: [200, schema.Done],        by: handle.endOtherSessions,      summary: 'End all other sessions',         mayFail: ['session_ended'] }),
  ],
};
