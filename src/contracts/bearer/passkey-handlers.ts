import type { Handler } from '../../http/contract.ts';
import { contract, liveSession, proofsIn, secondFactorDue } from './calls.ts';
import type * as schema from './schemas.ts';
import { passkeyView, signedInView } from './views.ts';
import type { Words } from './words.ts';

/** One path for both halves of a ceremony, as the document has it: without an answer it gives options. */
export const register: Handler<typeof schema.PasskeyRegistration, typeof schema.PasskeyStep, Words> = async (call) => {
  const { name = null, response } = call.body;
  const live = await liveSession(call, { changes: true });
  const { caller } = call;
  if (response === undefined) {
    return { options: await call.identity.startPasskeyRegistration({ live, caller, ...proofsIn(call.body) }) };
  }
  const passkey = await call.identity.finishPasskeyRegistration({ live, response, name, caller });
  return { success: true as const, passkey: passkeyView(passkey) };
};

export const signIn: Handler<typeof schema.PasskeySignIn, typeof schema.PasskeySignInStep, Words> = async (call) => {
  const { challenge, response } = call.body;
  if (response === undefined) {
    return { options: await call.identity.startPasskeySignIn({ contract, challenge }) };
  }
  const { caller } = call;
  return signedInView(await call.identity.finishPasskeySignIn({ contract, challenge, response, caller }));
};

export const list: Handler<undefined, typeof schema.Passkeys, Words> = async (call) => {
  const live = await liveSession(call, { changes: false });
  return { passkeys: (await call.identity.listPasskeys(live)).map(passkeyView) };
};

const uuidIn = (id: string): string => id.slice('passkey_'.length);

export const rename: Handler<
  typeof schema.PasskeyName,
  typeof schema.PasskeyAnswer,
  Words,
  typeof schema.PasskeyParams
> = async (call) => {
  const live = await liveSession(call, { changes: true });
  const { name } = call.body;
  const uuid = uuidIn(call.params.id);
  const renamed = await call.identity.renamePasskey({ live, uuid, name, caller: call.caller, ...proofsIn(call.body) });
  return { success: true, passkey: passkeyView(renamed) };
};

export const remove: Handler<typeof schema.Proofs, typeof schema.Done, Words, typeof schema.PasskeyParams> = async (
  call,
) => {
  const live = await liveSession(call, { changes: true });
  const uuid = uuidIn(call.params.id);
  await call.identity.removePasskey({ live, uuid, caller: call.caller, ...proofsIn(call.body) });
  return { success: true, message: call.say.passkeyRemoved };
};

/** With a code, a password or a passkey's answer; with nothing it gives options for a passkey. */
export const reauthenticate: Handler<
  typeof schema.Reauthentication,
  typeof schema.ReauthenticationStep,
  Words,
  undefined,
  typeof schema.SecondFactorDue
> = async (call) => {
  const live = await liveSession(call, { changes: true });
  const { caller } = call;
  const { response, ...proofs } = call.body;
  const done = { success: true as const, message: call.say.reauthenticated };
  if (response !== undefined) {
    await call.identity.finishPasskeyReauthentication({ live, response, caller });
    return done;
  }
  if (Object.keys(proofs).length === 0) {
    return { options: await call.identity.startPasskeyReauthentication({ live }) };
  }
  const result = await call.identity.reauthenticate({ live, caller, ...proofsIn(proofs) });
  return result.outcome === 'fresh' ? done : secondFactorDue(call, result);
};
