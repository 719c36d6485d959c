import { type Contract, route } from '../../http/contract.ts';
import { dialect } from './dialect.ts';
import * as handle from './handlers.ts';
import * as passkey from './passkey-handlers.ts';
import * as provider from './provider-handlers.ts';
import * as schema from './schemas.ts';
import { type Words, words } from './words.ts';

const proof = ['invalid_credentials', 'account_locked', 'rate_limited', 'overloaded'] as const;
const session = ['session_ended', 'identifier_unproven'] as const;
const fresh = [...session, 'reauthentication_required', 'code_wrong', ...proof] as const;
const trip = ['provider_unknown', 'provider_unavailable', 'token_invalid'] as const;
const arrival = [
  'provider_refused',
  'provider_email_unproven',
  'link_required',
  'sign_up_closed',
  'rate_limited',
] as const;

/** Web apps, servers and scripts: JSON in, JSON out, one opaque session token. The law: docs/contracts/bearer.md */
export const bearer: Contract<Words> = {
  name: 'bearer',
  title: 'Guichet: bearer contract',
  description:
    'For web apps, server-side rendering and scripts. A session is one opaque token, sent as `Authorization: Bearer` ' +
    '(7 days since its last use, 30 days at most). People sign in with a password, a mailed link, a provider or a passkey; ' +
    'an account with a second factor is asked for it after each of them but the passkey. Messages are English, or French ' +
    'on request (`Accept-Language: fr`). `client_token`, sent back at the next sign-in, keeps this client’s lock apart ' +
    'from strangers’.',
  prefix: '/api/auth',
  usesCookies: false,
  defaultLocale: 'en',
  words,
  dialect,
  // biome-ignore format: a table
  routes: [
    route('POST /sign-up',                    { takes: schema.SignUp,              gives: [201, schema.SignedUp],        by: handle.signUp,             summary: 'Sign up',                                  mayFail: ['identifier_taken', 'password_rejected', 'sign_up_closed', 'rate_limited', 'overloaded'], description: 'Opens a session, which may do little before the address is proven: look at itself, change the profile, sign out, delete the account. Where the server asks for a proven address first, `session` is null.' }),
    route('POST /sign-in',                    { takes: schema.SignIn,              gives: [200, schema.SignedIn],        orGives: [401, schema.SecondFactorDue], by: handle.signIn, summary: 'Sign in',                      mayFail: [...proof, 'code_wrong', 'identifier_unproven'], description: 'An account with a second factor answers 401 `TOTP_REQUIRED` without a code; a code that is sent by e-mail or SMS goes out then. The same request with `totpCode` or `recoveryCode` completes it.' }),
    route('POST /sign-out',                   {                                    gives: [200, schema.Success],         by: handle.signOut,            summary: 'Sign out',                                 mayFail: ['session_ended'] }),
    route('GET /session',                     {                                    gives: [200, schema.CurrentSession],  by: handle.session,            summary: 'The session and its user',                 mayFail: ['session_ended'] }),
    route('POST /send-magic-link',            { takes: schema.MagicLink,           gives: [200, schema.Done],            by: handle.sendMagicLink,      summary: 'Mail a link that signs in',                mayFail: ['rate_limited'], description: 'The same answer for every address. The link opens a page, whose button leads back to `redirectUrl` with a one-time `code` for `exchange`; an app that reads the mail itself posts the token to `magic-link/verify`.' }),
    route('POST /magic-link/verify',          { takes: schema.MagicLinkToken,      gives: [200, schema.SignedIn],        orGives: [401, schema.SecondFactorDue], by: handle.verifyMagicLink, summary: 'Sign in with a mailed link', mayFail: ['token_invalid', 'code_wrong', ...proof], description: 'The first presentation uses the link up. Where a second factor is due, the same token or the `challenge` completes the sign-in with a code.' }),
    route('POST /exchange',                   { takes: schema.ExchangeCode,        gives: [200, schema.SignedIn],        orGives: [401, schema.SecondFactorDue], by: handle.exchange, summary: 'Fetch a session with the code of a redirect', mayFail: ['token_invalid', 'code_wrong', 'provider_taken', ...proof], description: 'Within 60 seconds, once; with the `codeVerifier` where a `codeChallenge` was given, and from a page of the `redirectUrl`’s own origin where a browser asks.' }),
    route('POST /verify-email',               { takes: schema.LinkToken,           gives: [200, schema.SuccessWithUser], by: handle.verifyEmail,        summary: 'Prove an e-mail address',                  mayFail: ['token_invalid'] }),
    route('POST /send-verification-email',    { takes: schema.Address,             gives: [200, schema.Done],            by: handle.sendVerification,   summary: 'Send the verification again',              mayFail: ['rate_limited'], description: 'The same answer for every address.' }),
    route('POST /forgot-password',            { takes: schema.Forgotten,           gives: [200, schema.Done],            by: handle.forgotPassword,     summary: 'Ask for a reset link',                     mayFail: ['rate_limited'], description: 'The same answer for every address. At most one mail a minute goes to each.' }),
    route('POST /reset-password',             { takes: schema.Reset,               gives: [200, schema.Done],            by: handle.resetPassword,      summary: 'Set a new password with a link',           mayFail: ['token_invalid', 'password_rejected', 'overloaded'], description: 'Ends every session of the account.' }),
    route('POST /change-password',            { takes: schema.PasswordChange,      gives: [200, schema.SuccessWithUser], by: handle.changePassword,     summary: 'Change the password',                      mayFail: [...session, 'password_rejected', 'reauthentication_required', ...proof], description: 'Ends every other session. On an account that has no password yet a fresh sign-in takes the place of the current one.' }),
    route('POST /change-email',               { takes: schema.EmailChange,         gives: [200, schema.Done],            by: handle.changeEmail,        summary: 'Ask for another e-mail address',           mayFail: ['identifier_taken', ...fresh], description: 'A link goes to the new address, a notice to the old one, which stays until the link is followed.' }),
    route('PATCH /user',                      { takes: schema.Profile,             gives: [200, schema.UserOnly],        by: handle.changeProfile,      summary: 'Change name and picture',                  mayFail: ['session_ended'] }),
    route('DELETE /user',                     { takes: schema.Proofs,              gives: [200, schema.Done],            by: handle.deleteUser,         summary: 'Delete the account',                       mayFail: fresh, description: 'Account and personal data are erased; a nameless record of what happened stays.' }),
    route('GET /sessions',                    {                                    gives: [200, schema.Sessions],        by: handle.listSessions,       summary: 'The user’s live sessions',                 mayFail: session }),
    route('DELETE /sessions/:id',             { params: schema.SessionParams,      gives: [200, schema.Done],            by: handle.endSession,         summary: 'End one session',                          mayFail: [...session, 'not_found'] }),
    route('DELETE /sessions',                 {                                    gives: [200, schema.Done],            by: handle.endOtherSessions,   summary: 'End all other sessions',                   mayFail: session }),
    route('POST /reauthenticate',             { takes: schema.Reauthentication,    gives: [200, schema.ReauthenticationStep], orGives: [401, schema.SecondFactorDue], by: passkey.reauthenticate, summary: 'Make the sign-in fresh again', mayFail: [...session, 'code_wrong', 'passkey_refused', ...proof], description: 'With the second factor where the account has one, else with the password; or with a passkey: without a body the answer is options for one, and `response` takes what the browser made of them.' }),
    route('POST /two-factor/enable',          { takes: schema.Proofs,              gives: [200, schema.Enrolment],       by: handle.enableSecondFactor, summary: 'Set up an authenticator app',              mayFail: fresh, description: 'The secret is pending until its first right code; an active one works until then.' }),
    route('POST /two-factor/verify',          { takes: schema.Confirmation,        gives: [200, schema.Verified],        by: handle.verifySecondFactor, summary: 'Switch the second factor on',              mayFail: [...session, 'code_wrong', 'rate_limited'], description: 'The recovery codes are shown here and never again. With nothing pending, a right code of the active factor makes the sign-in fresh.' }),
    route('POST /two-factor/disable',         { takes: schema.Proofs,              gives: [200, schema.Done],            by: handle.disableSecondFactor, summary: 'Switch the second factor off',            mayFail: fresh }),
    route('POST /two-factor/recovery-codes',  { takes: schema.Proofs,              gives: [200, schema.RecoveryCodes],   by: handle.renewRecoveryCodes, summary: 'Make new recovery codes',                  mayFail: [...fresh, 'not_found'], description: 'They take the place of the old ones.' }),
    route('POST /passkey/register',           { takes: schema.PasskeyRegistration, gives: [200, schema.PasskeyStep],     by: passkey.register,          summary: 'Add a passkey',                            mayFail: [...fresh, 'passkey_refused'], description: 'Without `response` the answer is options for the browser, good for 5 minutes; with what the browser made of them the passkey is stored.' }),
    route('POST /passkey/sign-in',            { takes: schema.PasskeySignIn,       gives: [200, schema.PasskeySignInStep], by: passkey.signIn,          summary: 'Sign in with a passkey',                   mayFail: ['passkey_refused', 'rate_limited'], description: 'Without `response` the answer is options, the same for everybody. With the `challenge` of a sign-in that waits for its second factor, the passkey is that factor.' }),
    route('GET /passkeys',                    {                                    gives: [200, schema.Passkeys],        by: passkey.list,              summary: 'The user’s passkeys',                      mayFail: session }),
    route('PATCH /passkeys/:id',              { takes: schema.PasskeyName,         params: schema.PasskeyParams,         gives: [200, schema.PasskeyAnswer], by: passkey.rename, summary: 'Rename a passkey',             mayFail: [...fresh, 'not_found'] }),
    route('DELETE /passkeys/:id',             { takes: schema.Proofs,              params: schema.PasskeyParams,         gives: [200, schema.Done], by: passkey.remove, summary: 'Remove a passkey',                      mayFail: [...fresh, 'not_found', 'last_sign_in_method'] }),
    route('GET /oauth/:provider',             { params: schema.NamedProvider,     query: schema.ProviderQuery,          gives: [302, schema.Nothing], redirects: true, keepsState: true, by: provider.start, summary: 'Sign in with a provider', mayFail: [...trip, 'input_rejected'], description: 'Sends the browser to the provider (302), and keeps in a cookie what must come back with it.' }),
    route('GET /callback/:provider',          { params: schema.NamedProvider,     query: schema.ReturnQuery,            gives: [200, schema.ProviderReturn], orGives: [401, schema.SecondFactorDue], redirects: true, keepsState: true, by: provider.finish, summary: 'Come back from a provider', mayFail: [...trip, ...arrival], description: 'Sends the browser on to `redirectUrl` with a one-time `code` for `exchange`, or with an `error`; without one it answers itself.' }),
    route('POST /oauth/:provider/link',       { takes: schema.ProviderLink,        params: schema.NamedProvider,        gives: [200, schema.LinkStep], by: provider.link, summary: 'Link a provider',                  mayFail: [...fresh, 'provider_unknown', 'provider_taken', 'token_invalid'], description: 'Answers the `url` to send the browser to; the `code` that comes back from there, posted here by the same session, links.' }),
    route('GET /accounts',                    {                                    gives: [200, schema.Accounts],        by: provider.list,             summary: 'Linked providers',                         mayFail: session }),
    route('DELETE /accounts/:provider',       { takes: schema.Proofs,              params: schema.ProviderParams,        gives: [200, schema.Done], by: provider.unlink, summary: 'Unlink a provider',                    mayFail: [...fresh, 'not_found', 'last_sign_in_method'] }),
  ],
};
