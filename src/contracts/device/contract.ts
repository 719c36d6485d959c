import { type Contract, route } from '../../http/contract.ts';
import { dialect } from './dialect.ts';
import * as handle from './handlers.ts';
import * as schema from './schemas.ts';
import { type Words, words } from './words.ts';

const proof = ['invalid_credentials', 'account_locked', 'rate_limited', 'overloaded'] as const;
const fresh = ['session_ended', 'reauthentication_required', 'code_wrong', ...proof] as const;

/** Mobile and desktop apps: JSON in, JSON out, tokens in the body. The law: docs/contracts/device.md */
export const device: Contract<Words> = {
  name: 'device',
  title: 'Guichet: device contract',
  description:
    'For mobile and desktop apps. A sign-in by e-mail address or phone number gives an access token (JWT, 1 hour, sent as ' +
    '`Authorization: Bearer`) and a refresh token (7 days, renewed at each use, 30 days at most), both bound to a named ' +
    'device. Every answer carries `status`, equal to the HTTP status. Messages are French, or English on request ' +
    '(`Accept-Language: en`).',
  prefix: '/api/v1/auth',
  usesCookies: false,
  defaultLocale: 'fr',
  words,
  dialect,
  // biome-ignore format: a table
  routes: [
    route('POST /login',            { takes: schema.Login,              gives: [200, schema.SignedIn],   orGives: [202, schema.SecondFactorDue], by: handle.login, summary: 'Sign in',                     mayFail: ['invalid_credentials', 'identifier_unproven', 'account_locked', 'rate_limited', 'overloaded'], description: 'An account with a second factor answers 202: the code goes out, and `2fa/verify` completes the sign-in.' }),
    route('POST /2fa/request-otp',  { takes: schema.OtpRequest,         gives: [201, schema.Sent],       by: handle.requestOtp,          summary: 'Send the code of a sign-in again',          mayFail: ['rate_limited'], description: 'Sends one only where a login waits for it: named by `challenge`, else by the fingerprint that the login gave, else asked for from the same network. The answer is always the same.' }),
    route('POST /2fa/verify',       { takes: schema.Verification,       gives: [200, schema.SignedIn],   by: handle.verify,              summary: 'Complete a sign-in',                        mayFail: ['code_wrong', 'identifier_unproven', ...proof], description: '`otp` takes the code that was sent, the authenticator’s, or a recovery code. With the right `password` in the body no login needs to be waiting. Five tries each login, ten wrong codes an hour each account.' }),
    route('POST /register',         { takes: schema.Registration,       gives: [201, schema.Registered], by: handle.register,            summary: 'Register',                                  mayFail: ['identifier_taken', 'password_rejected', 'sign_up_closed', 'rate_limited', 'overloaded'], description: 'With an e-mail address, a phone number, or both: given both, the account is founded on the address, and the number is sent a code of its own once the address is confirmed (`phone/verify` takes it).' }),
    route('POST /confirm',          { takes: schema.Confirmation,       gives: [200, schema.Confirmed],  by: handle.confirm,             summary: 'Confirm a new account',                     mayFail: ['code_wrong', 'rate_limited'] }),
    route('POST /confirm/resend',   { takes: schema.Named,              gives: [201, schema.Sent],       by: handle.resendConfirmation,  summary: 'Send the confirmation code again',          mayFail: ['rate_limited'], description: 'The same answer for every identifier.' }),
    route('POST /refresh',          { takes: schema.Refresh,            gives: [200, schema.Refreshed],  by: handle.refresh,             summary: 'Renew both tokens',                         mayFail: ['session_ended'], description: 'A client that never saw the answer asks again with the same token: within 60 seconds it is given the same successor. Later the session ends, and its owner is told. `device_fingerprint` is needed where the sign-in gave one.' }),
    route('POST /logout',           {                                   gives: [200, schema.Done],       by: handle.logout,              summary: 'Sign out',                                  mayFail: ['session_ended'] }),
    route('GET /me',                {                                   gives: [200, schema.Me],         by: handle.me,                  summary: 'The signed-in account',                     mayFail: ['session_ended'] }),
    route('GET /sessions',          {                                   gives: [200, schema.Sessions],   by: handle.listSessions,        summary: 'Live sessions, of every contract',          mayFail: ['session_ended'] }),
    route('DELETE /sessions/:uuid', { params: schema.SessionParams,     gives: [200, schema.Done],       by: handle.endSession,          summary: 'End one session',                           mayFail: ['session_ended', 'not_found'] }),
    route('DELETE /sessions',       {                                   gives: [200, schema.Done],       by: handle.endOtherSessions,    summary: 'End all other sessions',                    mayFail: ['session_ended'] }),
    route('GET /devices',           {                                   gives: [200, schema.Devices],    by: handle.listDevices,         summary: 'Devices that were signed in on',            mayFail: ['session_ended'] }),
    route('DELETE /devices/:id',    { params: schema.DeviceParams,      gives: [200, schema.Done],       by: handle.forgetDevice,        summary: 'Forget a device and end its sessions',      mayFail: ['session_ended', 'not_found'] }),
    route('POST /password/forgot',  { takes: schema.Named,              gives: [201, schema.Challenged], by: handle.forgotPassword,      summary: 'Ask for a code to set a new password',      mayFail: ['rate_limited'], description: 'The same answer for every identifier. The code goes to the proven e-mail address, by SMS only without one.' }),
    route('POST /password/reset',   { takes: schema.Reset,              gives: [200, schema.Done],       by: handle.resetPassword,       summary: 'Set a new password with the code',          mayFail: ['code_wrong', 'password_rejected', 'rate_limited', 'overloaded'], description: 'Ends every session. Three tries; a password that is refused leaves the code usable.' }),
    route('POST /reauthenticate',   { takes: schema.Proofs,             gives: [200, schema.Done],       orGives: [202, schema.FactorDue], by: handle.reauthenticate, summary: 'Make the sign-in fresh again', mayFail: ['session_ended', 'code_wrong', ...proof], description: 'With `otp` on an account with a second factor, else with `password`. There the right password alone answers 202 and sends the code of a delivered factor.' }),
    route('DELETE /account',        { takes: schema.Proofs,             gives: [200, schema.Done],       by: handle.deleteAccount,       summary: 'Delete the account',                        mayFail: fresh }),
    route('PUT /password',          { takes: schema.PasswordChange,     gives: [200, schema.Done],       by: handle.changePassword,      summary: 'Change the password',                       mayFail: ['session_ended', 'password_rejected', ...proof], description: 'Ends every other session.' }),
    route('POST /phone/change',     { takes: schema.PhoneChange,        gives: [201, schema.Sent],       by: handle.changePhone,         summary: 'Ask for another phone number',              mayFail: ['identifier_taken', ...fresh], description: 'A code goes to the new number, a notice to the old one, which stays until the code comes back.' }),
    route('POST /phone/verify',     { takes: schema.Code,               gives: [200, schema.Me],         by: handle.verifyPhone,         summary: 'Prove the new phone number',                mayFail: ['session_ended', 'code_wrong', 'identifier_taken', 'rate_limited'] }),
    route('POST /email/change',     { takes: schema.EmailChange,        gives: [201, schema.Sent],       by: handle.changeEmail,         summary: 'Ask for another e-mail address',            mayFail: ['identifier_taken', ...fresh] }),
    route('POST /email/verify',     { takes: schema.Code,               gives: [200, schema.Me],         by: handle.verifyEmail,         summary: 'Prove the new e-mail address',              mayFail: ['session_ended', 'code_wrong', 'identifier_taken', 'rate_limited'] }),
    route('POST /2fa/enable',       { takes: schema.FactorChoice,       gives: [200, schema.Enrolment],  by: handle.enableSecondFactor,  summary: 'Set up a second factor',                    mayFail: fresh, description: 'Pending until its first right code. On an account that has one already, it takes its place then.' }),
    route('POST /2fa/confirm',      { takes: schema.FactorConfirmation, gives: [200, schema.Enrolled],   by: handle.confirmSecondFactor, summary: 'Switch the second factor on',               mayFail: ['session_ended', 'code_wrong', 'rate_limited'], description: 'The recovery codes are shown here and never again.' }),
    route('POST /2fa/disable',      { takes: schema.Proofs,             gives: [200, schema.Done],       by: handle.disableSecondFactor, summary: 'Switch the second factor off',              mayFail: fresh }),
    route('POST /unlock',           { takes: schema.Unlock,             gives: [200, schema.Done],       by: handle.unlock,              summary: 'Lift a lock with the mailed token',         mayFail: ['token_invalid'] }),
  ],
  // The lines that another contract's document claims too (rule 33).
  othersKeys: { 'POST /login': ['email'] },
  claims: {
    'POST /login': ({ bodyType, keys }) => {
      if (bodyType === 'form') return 'never';
      return keys?.has('identifier') && !keys.has('email') ? 'content' : 'default';
    },
    'POST /logout': ({ headers }) => (/^bearer /i.test(headers.authorization ?? '') ? 'marks' : 'never'),
  },
};
