import { Failure } from '../../core/failure.ts';
import type { SecondFactorProof } from '../../core/second-factor.ts';
import { qrSvg } from '../../http/qr.ts';
import { Refusal } from '../../http/refusal.ts';
import type { Member } from './guard.ts';
import type * as schema from './schemas.ts';
import type { MemberVisit } from './visit.ts';
import { jsonOrHome } from './wants.ts';

/** What a handler of a sensitive line begins with. @throws {Failure} `reauthentication_required` */
const requireConfirmation = ({ call, live }: MemberVisit): void => call.identity.requireConfirmedPassword({ live });

export const confirmPassword: Member<typeof schema.Confirmation, typeof schema.Blank> = async (visit) => {
  const { body, call, live, say } = visit;
  const { code, password, recovery_code: recoveryCode } = body;
  const wrong = (): never => {
    throw new Refusal('form_rejected', { errors: { password: [say.providedPassword] } });
  };
  if (password === undefined) return wrong();
  const secondFactor: SecondFactorProof | undefined =
    recoveryCode !== undefined ? { recoveryCode } : code !== undefined ? { code } : undefined;
  try {
    const confirmed = await call.identity.confirmPassword({ live, password, secondFactor, caller: call.caller });
    if (confirmed.outcome === 'second_factor_due') {
      throw new Refusal('form_rejected', { errors: { code: [say.required('code')] } });
    }
    visit.renew(confirmed.sessionToken);
    return jsonOrHome(visit, '');
  } catch (error) {
    if (error instanceof Failure && error.code === 'invalid_credentials') return wrong();
    throw error;
  }
};

export const confirmationStatus: Member<undefined, typeof schema.ConfirmationStatus> = async ({ call, live }) => {
  const asked = call.query.get('seconds') ?? '';
  const { confirmed, secondsAgo } = call.identity.lookAtConfirmation({
    live,
    ...(/^\d{1,9}$/.test(asked) && { withinSeconds: Number(asked) }),
  });
  if (confirmed && secondsAgo > 0) call.setHeader('X-Retry-After', String(secondsAgo));
  return { confirmed };
};

export const enable: Member<typeof schema.Enabling, typeof schema.Blank> = async (visit) => {
  const { body, call, live } = visit;
  requireConfirmation(visit);
  const begun = live.account.codeFactor === 'totp' || (await call.identity.lookAtEnrolment({ live })) !== undefined;
  if (body.force || !begun) {
    await call.identity.startSecondFactor({ live, channel: 'totp', caller: call.caller });
  }
  return jsonOrHome(visit, '');
};

export const qrCode: Member<undefined, typeof schema.QrCode> = async (visit) => {
  requireConfirmation(visit);
  const enrolment = await visit.call.identity.lookAtEnrolment(visit);
  return enrolment ? { svg: await qrSvg(enrolment.uri), url: enrolment.uri } : [];
};

export const secretKey: Member<undefined, typeof schema.SecretKey> = async (visit) => {
  requireConfirmation(visit);
  const enrolment = await visit.call.identity.lookAtEnrolment(visit);
  if (!enrolment) throw new Failure('not_found');
  return { secretKey: enrolment.secret };
};

export const confirm: Member<typeof schema.CodeForm, typeof schema.Blank> = async (visit) => {
  const { body, call, live } = visit;
  requireConfirmation(visit);
  const { code = '' } = body;
  await call.identity.confirmSecondFactor({ live, code, revokeOtherSessions: false, caller: call.caller });
  return jsonOrHome(visit, '');
};

export const recoveryCodes: Member<undefined, typeof schema.RecoveryCodes> = async (visit) => {
  requireConfirmation(visit);
  return visit.call.identity.listShownRecoveryCodes(visit);
};

export const renewRecoveryCodes: Member<typeof schema.Nothing, typeof schema.Blank> = async (visit) => {
  const { call, live } = visit;
  requireConfirmation(visit);
  await call.identity.renewRecoveryCodes({ live, caller: call.caller });
  return jsonOrHome(visit, '');
};

export const disable: Member<typeof schema.Nothing, typeof schema.Blank> = async (visit) => {
  const { call, live } = visit;
  requireConfirmation(visit);
  await call.identity.disableSecondFactor({ live, caller: call.caller });
  return jsonOrHome(visit, '');
};
