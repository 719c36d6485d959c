import { Failure } from '../../core/failure.ts';
import type { Handler } from '../../http/contract.ts';
import { qrDataUrl } from '../../http/qr.ts';
import { contract, liveSession, newcomersSession, proofsIn, secondFactorDue, secondFactorIn } from './calls.ts';
import type * as schema from './schemas.ts';
import { listedSession, sessionView, signedInView, userView } from './views.ts';
import type { Words } from './words.ts';

type Due = typeof schema.SecondFactorDue;

export const signUp: Handler<typeof schema.SignUp, typeof schema.SignedUp, Words> = async (call) => {
  const { email, name = null, password } = call.body;
  const { caller } = call;
  const made = await call.identity.signUp({ contract, email, name: name?.trim() || null, password, caller });
  return made.outcome === 'signed_in' ? signedInView(made) : { user: userView(made.account), session: null };
};

export const signIn: Handler<typeof schema.SignIn, typeof schema.SignedIn, Words, undefined, Due> = async (call) => {
  const { challenge, email, password } = call.body;
  const { caller } = call;
  const proof = secondFactorIn(call.body);
  const first = {
    contract,
    identifier: email,
    kind: 'email',
    password,
    caller,
    mustBeProven: 'as_set',
  } as const;
  if (proof) {
    const both = { ...first, name: { challenge }, proof, factorOptional: true };
    return signedInView(await call.identity.signInWithBoth(both));
  }
  const answer = await call.identity.signInWithPassword(first);
  return answer.outcome === 'signed_in' ? signedInView(answer) : secondFactorDue(call, answer);
};

export const signOut: Handler<undefined, typeof schema.Success, Words> = async (call) => {
  const { bearerToken: sessionToken, caller } = call;
  if (sessionToken === undefined) throw new Failure('session_ended', { credential: 'missing' });
  const ended = await call.identity.signOut({ contract, credentials: { sessionToken }, caller });
  if (!ended) throw new Failure('session_ended', { credential: 'over' });
  return { success: true };
};

export const session: Handler<undefined, typeof schema.CurrentSession, Words> = async (call) => {
  const live = await newcomersSession(call, { changes: false });
  return { user: userView(live.account), session: sessionView(live.session, call.bearerToken ?? '') };
};

export const sendMagicLink: Handler<typeof schema.MagicLink, typeof schema.Done, Words> = async (call) => {
  const { codeChallenge, email, redirectUrl } = call.body;
  await call.identity.sendMagicLink({ contract, email, redirectUrl, codeChallenge, caller: call.caller });
  return { success: true, message: call.say.magicLinkSent };
};

export const verifyMagicLink: Handler<
  typeof schema.MagicLinkToken,
  typeof schema.SignedIn,
  Words,
  undefined,
  Due
> = async (call) => {
  const { challenge, codeVerifier, password, token } = call.body;
  const answer = await call.identity.signInHandedOver({
    contract,
    purpose: 'magic_link',
    token,
    challenge,
    codeVerifier,
    origin: call.origin,
    password,
    secondFactor: secondFactorIn(call.body),
    caller: call.caller,
  });
  return answer.outcome === 'signed_in' ? signedInView(answer) : secondFactorDue(call, answer);
};

export const exchange: Handler<typeof schema.ExchangeCode, typeof schema.SignedIn, Words, undefined, Due> = async (
  call,
) => {
  const { challenge, code: token, codeVerifier, password } = call.body;
  const answer = await call.identity.signInHandedOver({
    contract,
    purpose: 'exchange',
    token,
    challenge,
    codeVerifier,
    origin: call.origin,
    password,
    secondFactor: secondFactorIn(call.body),
    caller: call.caller,
  });
  return answer.outcome === 'signed_in' ? signedInView(answer) : secondFactorDue(call, answer);
};

export const verifyEmail: Handler<typeof schema.LinkToken, typeof schema.SuccessWithUser, Words> = async (call) => {
  const account = await call.identity.verifyEmail({ token: call.body.token, contract, caller: call.caller });
  return { success: true, user: userView(account) };
};

export const sendVerification: Handler<typeof schema.Address, typeof schema.Done, Words> = async (call) => {
  await call.identity.resendVerification({ email: call.body.email, caller: call.caller });
  return { success: true, message: call.say.verificationSent };
};

export const forgotPassword: Handler<typeof schema.Forgotten, typeof schema.Done, Words> = async (call) => {
  const { email, redirectUrl } = call.body;
  await call.identity.startPasswordReset({ contract, email, redirectUrl, caller: call.caller });
  return { success: true, message: call.say.resetRequested };
};

export const resetPassword: Handler<typeof schema.Reset, typeof schema.Done, Words> = async (call) => {
  const { password, token } = call.body;
  await call.identity.finishPasswordReset({ contract, token, password, caller: call.caller });
  return { success: true, message: call.say.resetDone };
};

export const changePassword: Handler<typeof schema.PasswordChange, typeof schema.SuccessWithUser, Words> = async (
  call,
) => {
  const { currentPassword, newPassword } = call.body;
  const live = await liveSession(call, { changes: true });
  await call.identity.changePassword({ live, currentPassword, newPassword, caller: call.caller });
  return { success: true, user: userView(live.account) };
};

export const changeEmail: Handler<typeof schema.EmailChange, typeof schema.Done, Words> = async (call) => {
  const live = await liveSession(call, { changes: true });
  const { newEmail: email } = call.body;
  await call.identity.startEmailChange({ live, email, caller: call.caller, ...proofsIn(call.body) });
  return { success: true, message: call.say.emailChangeSent };
};

export const changeProfile: Handler<typeof schema.Profile, typeof schema.UserOnly, Words> = async (call) => {
  const live = await newcomersSession(call, { changes: true });
  const { image, name } = call.body;
  return { user: userView(await call.identity.changeProfile({ live, name, image, caller: call.caller })) };
};

export const deleteUser: Handler<typeof schema.Proofs, typeof schema.Done, Words> = async (call) => {
  const live = await newcomersSession(call, { changes: true });
  await call.identity.deleteOwnAccount({ live, caller: call.caller, ...proofsIn(call.body) });
  return { success: true, message: call.say.accountDeleted };
};

export const listSessions: Handler<undefined, typeof schema.Sessions, Words> = async (call) => {
  const live = await liveSession(call, { changes: false });
  const sessions = await call.identity.listSessions(live);
  return { sessions: sessions.map((session) => listedSession(session, live.session)) };
};

export const endSession: Handler<undefined, typeof schema.Done, Words, typeof schema.SessionParams> = async (call) => {
  const live = await liveSession(call, { changes: true });
  await call.identity.endSession({ live, id: call.params.id.slice('session_'.length), caller: call.caller });
  return { success: true, message: call.say.sessionEnded };
};

export const endOtherSessions: Handler<undefined, typeof schema.Done, Words> = async (call) => {
  const live = await liveSession(call, { changes: true });
  await call.identity.endOtherSessions({ live, caller: call.caller });
  return { success: true, message: call.say.otherSessionsEnded };
};

export const enableSecondFactor: Handler<typeof schema.Proofs, typeof schema.Enrolment, Words> = async (call) => {
  const live = await liveSession(call, { changes: true });
  const { caller } = call;
  const started = await call.identity.startSecondFactor({ live, channel: 'totp', caller, ...proofsIn(call.body) });
  if (started.channel !== 'totp') throw new Error('another factor was started than was asked for');
  return { secret: started.secret, qrCode: await qrDataUrl(started.uri) };
};

export const verifySecondFactor: Handler<typeof schema.Confirmation, typeof schema.Verified, Words> = async (call) => {
  const live = await liveSession(call, { changes: true });
  const { code, revokeOtherSessions = false } = call.body;
  const { caller } = call;
  const { account, recoveryCodes } = await call.identity.verifySecondFactor({
    live,
    code,
    revokeOtherSessions,
    caller,
  });
  return { success: true, user: userView(account), ...(recoveryCodes && { recoveryCodes }) };
};

export const disableSecondFactor: Handler<typeof schema.Proofs, typeof schema.Done, Words> = async (call) => {
  const live = await liveSession(call, { changes: true });
  await call.identity.disableSecondFactor({ live, caller: call.caller, ...proofsIn(call.body) });
  return { success: true, message: call.say.secondFactorDisabled };
};

export const renewRecoveryCodes: Handler<typeof schema.Proofs, typeof schema.RecoveryCodes, Words> = async (call) => {
  const live = await liveSession(call, { changes: true });
  const recoveryCodes = await call.identity.renewRecoveryCodes({ live, caller: call.caller, ...proofsIn(call.body) });
  return { success: true, recoveryCodes };
};
