import type { Proofs } from '../../core/fresh-sign-in.ts';
import type { SecondFactorProof } from '../../core/second-factor.ts';
import type { LiveSession } from '../../core/session.ts';
import type { Call } from '../../http/contract.ts';
import { orGive } from '../../http/contract.ts';
import type { Words } from './words.ts';

export const contract = 'bearer';

type AnyCall = Call<unknown, unknown, Words>;

/** The session that the request's token opens, of somebody whose address is proven. */
export function liveSession(call: AnyCall, { changes }: { changes: boolean }): Promise<LiveSession> {
  return call.identity.checkSessionToken({ contract, sessionToken: call.bearerToken, changes });
}

/** The same, proven or not: for what a newcomer may do (safe reading of `POST /sign-up`). */
export function newcomersSession(call: AnyCall, { changes }: { changes: boolean }): Promise<LiveSession> {
  return call.identity.checkSessionToken({ contract, sessionToken: call.bearerToken, changes, unprovenToo: true });
}

interface SecondStep {
  totpCode?: string;
  recoveryCode?: string;
}

/** A field left empty says as little as a missing one. */
export function secondFactorIn({ recoveryCode, totpCode }: SecondStep): SecondFactorProof | undefined {
  if (totpCode) return { code: totpCode };
  return recoveryCode ? { recoveryCode } : undefined;
}

export const proofsIn = (body: SecondStep & { password?: string }): Proofs => ({
  password: body.password,
  secondFactor: secondFactorIn(body),
});

/** 401 with what is missing, and what names the sign-in that waits for it. */
export const secondFactorDue = <Channel extends string>(
  { say }: AnyCall,
  { challenge, channel }: { channel: Channel; challenge?: string },
) =>
  orGive({
    error: 'TOTP_REQUIRED' as const,
    message: say.codeRequired,
    channel,
    ...(challenge !== undefined && { challenge }),
  });
