import type { Static } from 'typebox';
import { Failure } from '../../core/failure.ts';
import type { Proofs } from '../../core/fresh-sign-in.ts';
import type { LiveSession } from '../../core/session.ts';
import { setClientCookie } from '../../http/client-cookie.ts';
import type { Call, Handler } from '../../http/contract.ts';
import { qrDataUrl } from '../../http/qr.ts';
import {
  challengeIn,
  clearChallenge,
  clearSessionCookies,
  credentialsIn,
  setChallenge,
  setSessionCookies,
} from './credentials.ts';
import type * as schema from './schemas.ts';
import { currentUser, listedSession, refreshedUser, registeredUser, signedInUser } from './views.ts';
import type { Words } from './words.ts';

const contract = 'cookie';

/** The session that the request's access token opens. */
function liveSession(call: Call<unknown, unknown, Words>, { changes }: { changes: boolean }): Promise<LiveSession> {
  return call.identity.checkSession({ contract, accessToken: credentialsIn(call.cookies).accessToken, changes });
}

export const register: Handler<typeof schema.Registration, typeof schema.Registered, Words> = async (call) => {
  const { email, name, password } = call.body;
  const account = await call.identity.register({ contract, email, name, password, caller: call.caller });
  return { success: true, message: call.say.registered, user: registeredUser(account) };
};

export const login: Handler<typeof schema.Login, typeof schema.LoginAnswer, Words> = async (call) => {
  const { cookies, prefix, say } = call;
  const { email, password } = call.body;
  const signIn = await call.identity.signInWithPassword({
    contract,
    identifier: email,
    kind: 'email',
    password,
    caller: call.caller,
    mustBeProven: 'email',
    replaces: credentialsIn(cookies),
  });
  if (signIn.outcome === 'second_factor_due') {
    setChallenge(cookies, prefix, signIn.challenge);
    const { channel } = signIn;
    return { success: true, twoFactorRequired: true, channel, message: say.secondFactorDue[channel] };
  }
  setSessionCookies(cookies, prefix, signIn);
  setClientCookie(cookies, signIn.clientToken, call.secure);
  clearChallenge(cookies, prefix);
  return { success: true, message: say.signedIn, user: signedInUser(signIn.account) };
};

export const me: Handler<undefined, typeof schema.Me, Words> = async (call) => {
  const { account } = await liveSession(call, { changes: false });
  return { user: currentUser(account) };
};

export const refresh: Handler<undefined, typeof schema.Refreshed, Words> = async (call) => {
  const { refreshToken } = credentialsIn(call.cookies);
  if (refreshToken === undefined) throw new Failure('session_ended', { credential: 'missing' });
  const refreshed = await call.identity.rotateRefreshToken({ contract, refreshToken, caller: call.caller });
  setSessionCookies(call.cookies, call.prefix, refreshed);
  return { ok: true, user: refreshedUser(refreshed.account) };
};

export const logout: Handler<undefined, typeof schema.Done, Words> = async (call) => {
  await call.identity.signOut({ contract, credentials: credentialsIn(call.cookies), caller: call.caller });
  clearSessionCookies(call.cookies, call.prefix);
  clearChallenge(call.cookies, call.prefix);
  return { success: true, message: call.say.signedOut };
};

export const verifyEmail: Handler<typeof schema.LinkToken, typeof schema.Done, Words> = async (call) => {
  await call.identity.verifyEmail({ token: call.body.token, contract, caller: call.caller });
  return { success: true, message: call.say.emailVerified };
};

export const sendEmailVerification: Handler<typeof schema.Address, typeof schema.Done, Words> = async (call) => {
  await call.identity.resendVerification({ email: call.body.email, caller: call.caller });
  return { success: true, message: call.say.verificationSent };
};

export const forgotPassword: Handler<typeof schema.Address, typeof schema.Done, Words> = async (call) => {
  await call.identity.startPasswordReset({ contract, email: call.body.email, caller: call.caller });
  return { success: true, message: call.say.resetRequested };
};

export const resetPassword: Handler<typeof schema.Reset, typeof schema.Done, Words> = async (call) => {
  const { token, password } = call.body;
  await call.identity.finishPasswordReset({ contract, token, password, caller: call.caller });
  return { success: true, message: call.say.resetDone };
};

/** What a body proves; a recovery code stands for a code. */
function proofsIn({ password, ...factor }: Static<typeof schema.Proofs>): Proofs {
  const { code, recoveryCode } = factor;
  const secondFactor = recoveryCode !== undefined ? { recoveryCode } : code !== undefined ? { code } : undefined;
  return { password, secondFactor };
}

export const completeLogin: Handler<typeof schema.SecondFactor, typeof schema.SignedIn, Words> = async (call) => {
  const { cookies, prefix, say } = call;
  const { secondFactor } = proofsIn(call.body);
  if (!secondFactor) throw new Failure('input_rejected', { fields: { code: 'required' } });
  const signedIn = await call.identity.completeSignIn({
    contract,
    name: { challenge: challengeIn(cookies) },
    proof: secondFactor,
    caller: call.caller,
    replaces: credentialsIn(cookies),
  });
  setSessionCookies(cookies, prefix, signedIn);
  setClientCookie(cookies, signedIn.clientToken, call.secure);
  clearChallenge(cookies, prefix);
  return { success: true, message: say.signedIn, user: signedInUser(signedIn.account) };
};

export const enableSecondFactor: Handler<typeof schema.Proofs, typeof schema.Enrolment, Words> = async (call) => {
  const live = await liveSession(call, { changes: true });
  const proofs = proofsIn(call.body);
  const started = await call.identity.startSecondFactor({ live, channel: 'totp', caller: call.caller, ...proofs });
  if (started.channel !== 'totp') throw new Error('another factor was started than was asked for');
  const qrCode = await qrDataUrl(started.uri);
  return { success: true, message: call.say.secondFactorPending, secret: started.secret, qrCode };
};

export const confirmSecondFactor: Handler<typeof schema.Confirmation, typeof schema.Enrolled, Words> = async (call) => {
  const live = await liveSession(call, { changes: true });
  const { code, revokeOtherSessions = false } = call.body;
  const { account, recoveryCodes } = await call.identity.confirmSecondFactor({
    live,
    code,
    revokeOtherSessions,
    caller: call.caller,
  });
  return { success: true, message: call.say.secondFactorEnabled, user: signedInUser(account), recoveryCodes };
};

export const disableSecondFactor: Handler<typeof schema.Proofs, typeof schema.Done, Words> = async (call) => {
  const live = await liveSession(call, { changes: true });
  await call.identity.disableSecondFactor({ live, caller: call.caller, ...proofsIn(call.body) });
  return { success: true, message: call.say.secondFactorDisabled };
};

export const reauthenticate: Handler<typeof schema.Proofs, typeof schema.Reauthenticated, Words> = async (call) => {
  const live = await liveSession(call, { changes: true });
  const result = await call.identity.reauthenticate({ live, caller: call.caller, ...proofsIn(call.body) });
  if (result.outcome === 'fresh') return { success: true, message: call.say.reauthenticated };
  const { channel } = result;
  return { success: true, twoFactorRequired: true, channel, message: call.say.secondFactorDue[channel] };
};

export const changePassword: Handler<typeof schema.PasswordChange, typeof schema.Done, Words> = async (call) => {
  const { currentPassword, newPassword } = call.body;
  const live = await liveSession(call, { changes: true });
  await call.identity.changePassword({ live, currentPassword, newPassword, caller: call.caller });
  return { success: true, message: call.say.passwordChanged };
};

export const listSessions: Handler<undefined, typeof schema.Sessions, Words> = async (call) => {
  const live = await liveSession(call, { changes: false });
  const sessions = await call.identity.listSessions(live);
  return { sessions: sessions.map((session) => listedSession(session, live.session)) };
};

export const endSession: Handler<undefined, typeof schema.Done, Words, typeof schema.SessionParams> = async (call) => {
  const live = await liveSession(call, { changes: true });
  await call.identity.endSession({ live, id: call.params.id, caller: call.caller });
  return { success: true, message: call.say.sessionEnded };
};

export const endOtherSessions: Handler<undefined, typeof schema.Done, Words> = async (call) => {
  const live = await liveSession(call, { changes: true });
  await call.identity.endOtherSessions({ live, caller: call.caller });
  return { success: true, message: call.say.otherSessionsEnded };
};
