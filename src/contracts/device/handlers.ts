import type { DeviceDescription } from '../../core/device.ts';
import { Failure } from '../../core/failure.ts';
import type { Proofs } from '../../core/fresh-sign-in.ts';
import type { IdentifierKind } from '../../core/identifier.ts';
import { proofIn } from '../../core/second-factor.ts';
import type { LiveSession } from '../../core/session.ts';
import type { SignedIn } from '../../core/session-start.ts';
import { type Call, type Handler, orGive } from '../../http/contract.ts';
import { qrDataUrl } from '../../http/qr.ts';
import type * as schema from './schemas.ts';
import { accountView, deviceView, sessionView } from './views.ts';
import type { Words } from './words.ts';

const contract = 'device';

interface DeviceFields {
  device_type?: string;
  device_name?: string;
  device_os?: string;
  device_fingerprint?: string;
}

/** An empty field says as little as a missing one. */
const deviceIn = (body: DeviceFields): DeviceDescription => ({
  type: body.device_type || null,
  name: body.device_name || null,
  os: body.device_os || null,
  fingerprint: body.device_fingerprint || null,
});

const proofsIn = ({ otp, password }: { otp?: string; password?: string }): Proofs => ({
  password,
  secondFactor: otp === undefined ? undefined : proofIn(otp),
});

/** The session that the request's access token opens. */
function liveSession(call: Call<unknown, unknown, Words>, { changes }: { changes: boolean }): Promise<LiveSession> {
  return call.identity.checkSession({ contract, accessToken: call.bearerToken, changes });
}

const signedInAnswer = ({ accessToken, account, clientToken, refreshToken }: SignedIn) => ({
  status: 200 as const,
  access_token: accessToken,
  refresh_token: refreshToken,
  account: accountView(account),
  client_token: clientToken,
});

export const login: Handler<
  typeof schema.Login,
  typeof schema.SignedIn,
  Words,
  undefined,
  typeof schema.SecondFactorDue
> = async (call) => {
  const { identifier, password } = call.body;
  const signIn = await call.identity.signInWithPassword({
    contract,
    identifier,
    password,
    caller: call.caller,
    mustBeProven: 'any',
    device: deviceIn(call.body),
  });
  if (signIn.outcome === 'signed_in') return signedInAnswer(signIn);
  const { challenge, channel } = signIn;
  return orGive({
    status: 202,
    two_factor_required: true,
    channel,
    challenge,
    message: call.say.secondFactorDue[channel],
  });
};

export const requestOtp: Handler<typeof schema.OtpRequest, typeof schema.Sent, Words> = async (call) => {
  const { challenge, device_fingerprint: fingerprint, identifier } = call.body;
  const name = { challenge, fingerprint, identifier };
  await call.identity.resendSignInCode({ contract, name, caller: call.caller });
  return { status: 201, message: call.say.codeSentAgain };
};

export const verify: Handler<typeof schema.Verification, typeof schema.SignedIn, Words> = async (call) => {
  const { challenge, device_fingerprint: fingerprint, identifier, otp, password } = call.body;
  const completion = {
    contract,
    name: { challenge, fingerprint, identifier },
    proof: proofIn(otp),
    caller: call.caller,
    device: deviceIn(call.body),
  } as const;
  if (password === undefined) return signedInAnswer(await call.identity.completeSignIn(completion));
  return signedInAnswer(
    await call.identity.signInWithBoth({ ...completion, identifier, password, mustBeProven: 'any' }),
  );
};

export const register: Handler<typeof schema.Registration, typeof schema.Registered, Words> = async (call) => {
  const { email, password, phone } = call.body;
  const account = await call.identity.register({
    contract,
    email,
    phone,
    name: null,
    password,
    proof: 'code',
    caller: call.caller,
  });
  return { status: 201, message: call.say.registered, account: accountView(account) };
};

export const confirm: Handler<typeof schema.Confirmation, typeof schema.Confirmed, Words> = async (call) => {
  const { identifier, otp: code } = call.body;
  const account = await call.identity.confirmIdentifier({ contract, identifier, code, caller: call.caller });
  return { status: 200, message: call.say.confirmed, account: accountView(account) };
};

export const resendConfirmation: Handler<typeof schema.Named, typeof schema.Sent, Words> = async (call) => {
  await call.identity.resendConfirmation({ identifier: call.body.identifier, caller: call.caller });
  return { status: 201, message: call.say.confirmationSent };
};

export const refresh: Handler<typeof schema.Refresh, typeof schema.Refreshed, Words> = async (call) => {
  const { device_fingerprint: fingerprint, refresh_token: refreshToken } = call.body;
  const refreshed = await call.identity.rotateRefreshToken({
    contract,
    refreshToken,
    fingerprint,
    caller: call.caller,
  });
  return { status: 200, access_token: refreshed.accessToken, refresh_token: refreshed.refreshToken };
};

export const logout: Handler<undefined, typeof schema.Done, Words> = async (call) => {
  const accessToken = call.bearerToken;
  if (accessToken === undefined) throw new Failure('session_ended', { credential: 'missing' });
  // An expired token ends its session too; one whose session is over has nothing left to end.
  const ended = await call.identity.signOut({ contract, credentials: { accessToken }, caller: call.caller });
  if (!ended) await liveSession(call, { changes: true });
  return { status: 200, message: call.say.signedOut };
};

export const me: Handler<undefined, typeof schema.Me, Words> = async (call) => {
  const { account } = await liveSession(call, { changes: false });
  return { status: 200, account: accountView(account) };
};

export const listSessions: Handler<undefined, typeof schema.Sessions, Words> = async (call) => {
  const live = await liveSession(call, { changes: false });
  const [sessions, devices] = await Promise.all([call.identity.listSessions(live), call.identity.listDevices(live)]);
  const byId = new Map(devices.map((device) => [device.id as number, device]));
  return { status: 200, sessions: sessions.map((session) => sessionView(session, byId, live.session)) };
};

export const endSession: Handler<undefined, typeof schema.Done, Words, typeof schema.SessionParams> = async (call) => {
  const live = await liveSession(call, { changes: true });
  await call.identity.endSession({ live, id: call.params.uuid, caller: call.caller });
  return { status: 200, message: call.say.sessionEnded };
};

export const endOtherSessions: Handler<undefined, typeof schema.Done, Words> = async (call) => {
  const live = await liveSession(call, { changes: true });
  await call.identity.endOtherSessions({ live, caller: call.caller });
  return { status: 200, message: call.say.otherSessionsEnded };
};

export const listDevices: Handler<undefined, typeof schema.Devices, Words> = async (call) => {
  const live = await liveSession(call, { changes: false });
  const devices = await call.identity.listDevices(live);
  return { status: 200, devices: devices.map((device) => deviceView(device, live.session)) };
};

export const forgetDevice: Handler<undefined, typeof schema.Done, Words, typeof schema.DeviceParams> = async (call) => {
  const live = await liveSession(call, { changes: true });
  await call.identity.forgetDevice({ live, id: Number(call.params.id), caller: call.caller });
  return { status: 200, message: call.say.deviceForgotten };
};

export const forgotPassword: Handler<typeof schema.Named, typeof schema.Challenged, Words> = async (call) => {
  const { identifier } = call.body;
  const { challenge } = await call.identity.startPasswordResetByCode({ contract, identifier, caller: call.caller });
  return { status: 201, message: call.say.resetSent, challenge };
};

export const resetPassword: Handler<typeof schema.Reset, typeof schema.Done, Words> = async (call) => {
  const { challenge, identifier, otp: code, password } = call.body;
  const { caller } = call;
  await call.identity.finishPasswordResetByCode({ contract, identifier, challenge, code, password, caller });
  return { status: 200, message: call.say.passwordReset };
};

export const reauthenticate: Handler<
  typeof schema.Proofs,
  typeof schema.Done,
  Words,
  undefined,
  typeof schema.FactorDue
> = async (call) => {
  const live = await liveSession(call, { changes: true });
  const result = await call.identity.reauthenticate({ live, caller: call.caller, ...proofsIn(call.body) });
  if (result.outcome === 'fresh') return { status: 200, message: call.say.reauthenticated };
  const { channel } = result;
  return orGive({ status: 202, two_factor_required: true, channel, message: call.say.secondFactorDue[channel] });
};

export const deleteAccount: Handler<typeof schema.Proofs, typeof schema.Done, Words> = async (call) => {
  const live = await liveSession(call, { changes: true });
  await call.identity.deleteOwnAccount({ live, caller: call.caller, ...proofsIn(call.body) });
  return { status: 200, message: call.say.accountDeleted };
};

export const changePassword: Handler<typeof schema.PasswordChange, typeof schema.Done, Words> = async (call) => {
  const { current_password: currentPassword, password: newPassword } = call.body;
  const live = await liveSession(call, { changes: true });
  await call.identity.changePassword({ live, currentPassword, newPassword, caller: call.caller });
  return { status: 200, message: call.say.passwordChanged };
};

async function startChange(
  call: Call<{ password: string; otp?: string }, unknown, Words>,
  kind: IdentifierKind,
  value: string,
) {
  const live = await liveSession(call, { changes: true });
  const { caller } = call;
  await call.identity.startIdentifierChange({ live, kind, value, caller, ...proofsIn(call.body) });
  return { status: 201 as const, message: call.say.changeSent[kind] };
}

async function finishChange(call: Call<{ otp: string }, unknown, Words>, kind: IdentifierKind) {
  const live = await liveSession(call, { changes: true });
  const { caller } = call;
  const account = await call.identity.finishIdentifierChange({ live, kind, code: call.body.otp, caller });
  return { status: 200 as const, account: accountView(account) };
}

export const changePhone: Handler<typeof schema.PhoneChange, typeof schema.Sent, Words> = (call) =>
  startChange(call, 'phone', call.body.phone);

export const verifyPhone: Handler<typeof schema.Code, typeof schema.Me, Words> = (call) => finishChange(call, 'phone');

export const changeEmail: Handler<typeof schema.EmailChange, typeof schema.Sent, Words> = (call) =>
  startChange(call, 'email', call.body.email);

export const verifyEmail: Handler<typeof schema.Code, typeof schema.Me, Words> = (call) => finishChange(call, 'email');

export const enableSecondFactor: Handler<typeof schema.FactorChoice, typeof schema.Enrolment, Words> = async (call) => {
  const { channel } = call.body;
  const live = await liveSession(call, { changes: true });
  const started = await call.identity.startSecondFactor({
    live,
    channel,
    caller: call.caller,
    ...proofsIn(call.body),
  });
  const message = call.say.factorPending[channel];
  if (started.channel !== 'totp') return { status: 200, message };
  const { secret, uri } = started;
  return { status: 200, message, secret, otpauth_uri: uri, qr_code: await qrDataUrl(uri) };
};

export const confirmSecondFactor: Handler<typeof schema.FactorConfirmation, typeof schema.Enrolled, Words> = async (
  call,
) => {
  const live = await liveSession(call, { changes: true });
  const { otp: code, revoke_other_sessions: revokeOtherSessions = false } = call.body;
  const { caller } = call;
  const { recoveryCodes } = await call.identity.confirmSecondFactor({ live, code, revokeOtherSessions, caller });
  return { status: 200, recovery_codes: recoveryCodes };
};

export const disableSecondFactor: Handler<typeof schema.Proofs, typeof schema.Done, Words> = async (call) => {
  const live = await liveSession(call, { changes: true });
  await call.identity.disableSecondFactor({ live, caller: call.caller, ...proofsIn(call.body) });
  return { status: 200, message: call.say.factorDisabled };
};

export const unlock: Handler<typeof schema.Unlock, typeof schema.Done, Words> = async (call) => {
  await call.identity.unlockSignIn({ contract, token: call.body.token, caller: call.caller });
  return { status: 200, message: call.say.unlocked };
};
