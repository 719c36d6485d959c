import { Failure } from '../../core/failure.ts';
import type { Allowance } from '../../core/failure-rate.ts';
import { canonicalEmail } from '../../core/identifier.ts';
import { Refusal } from '../../http/refusal.ts';
import type { Guest, Member } from './guard.ts';
import { newPasswordFlaws } from './judge.ts';
import type * as schema from './schemas.ts';
import { userView } from './views.ts';
import type { Visit } from './visit.ts';
import { jsonOrHome } from './wants.ts';

const contract = 'sanctum';
/** Whom the host application lets in while its login is closed. */
const BYPASS = 'bypass.login';

export const csrfCookie: Guest<undefined, typeof schema.NoContent> = async () => null;

export const application: Guest<undefined, typeof schema.Application> = async ({ options }) => ({
  demo_mode: false,
  app_name: options.applicationName,
});

/** Does what may fail only so often a minute, and tells with every answer how often is left. */
async function rated<T>(visit: Visit, allowance: () => Promise<Allowance>, work: () => Promise<T>): Promise<T> {
  const { identity, setHeader } = visit.call;
  const tell = ({ limit, remaining }: Allowance): void => {
    setHeader('X-RateLimit-Limit', String(limit));
    setHeader('X-RateLimit-Remaining', String(remaining));
  };
  try {
    const result = await work();
    // What is done is answered, whether or not this can be told.
    const left = await allowance().catch(() => undefined);
    if (left) tell(left);
    return result;
  } catch (error) {
    const wait = secondsToWait(error);
    const left =
      wait === undefined
        ? await allowance().catch(() => undefined)
        : identity.usedUpAllowance({ retryAfterSeconds: wait });
    if (left) tell(left);
    if (wait !== undefined) setHeader('X-RateLimit-Reset', String(Math.ceil((left?.resetsAt ?? 0) / 1000)));
    throw error;
  }
}

/** How long somebody has to wait who failed too often, by whatever limit. */
function secondsToWait(error: unknown): number | undefined {
  if (!(error instanceof Failure) || (error.code !== 'rate_limited' && error.code !== 'account_locked'))
    return undefined;
  return (error as Failure<'rate_limited' | 'account_locked'>).facts.retryAfterSeconds;
}

export const login: Guest<typeof schema.Login, typeof schema.LoginAnswer> = async (visit) => {
  const { identity, caller } = visit.call;
  const { email: identifier, password, remember = false } = visit.body;
  const signIn = await rated(
    visit,
    () => identity.passwordAllowance({ identifier, caller }),
    () =>
      identity.signInWithPassword({
        contract,
        identifier,
        kind: 'email',
        password,
        caller,
        mustBeProven: 'email',
        replaces: visit.credentials,
        replacesPending: visit.session,
        remember,
        ratedByMinute: true,
        ...(visit.options.login === 'closed' && { closedBut: BYPASS }),
      }),
  );
  if (signIn.outcome === 'second_factor_due') {
    const { challenge, channel } = signIn;
    visit.renew(challenge);
    return { two_factor: true, ...(channel !== 'totp' && { channel }) };
  }
  visit.enter(signIn);
  return jsonOrHome(visit, { two_factor: false });
};

export const twoFactorChallenge: Guest<typeof schema.Challenge, typeof schema.NoContent> = async (visit) => {
  const { identity, caller } = visit.call;
  const { code, recovery_code: recoveryCode } = visit.body;
  const challenge = visit.session ?? '';
  // Somebody who has two tabs has completed it in the other.
  if (visit.isSignedIn) return jsonOrHome(visit, null);
  const [proof, orProof] = [
    ...(recoveryCode === undefined ? [] : [{ recoveryCode }]),
    ...(code === undefined ? [] : [{ code }]),
  ];
  const signedIn = await rated(
    visit,
    () => identity.factorAllowance({ contract, challenge }),
    async () =>
      proof &&
      orWrong(
        identity.completeSignIn({
          contract,
          name: { challenge },
          proof,
          orProof,
          caller,
          replaces: visit.credentials,
          ratedByMinute: true,
        }),
      ),
  );
  if (!signedIn) {
    const errors =
      recoveryCode === undefined ? { code: [visit.say.code] } : { recovery_code: [visit.say.recoveryCode] };
    throw new Refusal('form_rejected', { errors });
  }
  visit.enter(signedIn);
  return jsonOrHome(visit, null);
};

/** What came of an attempt; nothing if the code was wrong. */
async function orWrong<T>(attempt: Promise<T>): Promise<T | undefined> {
  try {
    return await attempt;
  } catch (error) {
    if (error instanceof Failure && error.code === 'code_wrong') return undefined;
    throw error;
  }
}

export const logout: Guest<typeof schema.Nothing, typeof schema.NoContent> = async (visit) => {
  const { identity, caller } = visit.call;
  await identity.signOut({ contract, credentials: visit.credentials, caller });
  visit.leave();
  return null;
};

/** As Fortify's own line answers it. */
export const logoutToHome: typeof logout = async (visit) => jsonOrHome(visit, await logout(visit));

export const user: Member<undefined, typeof schema.CurrentUser> = async ({ call, live }) => ({
  data: userView(live.account, await call.identity.rightsOf(live)),
});

export const chooseSite: Member<typeof schema.SiteChoice, typeof schema.SiteChosen> = async (visit) => {
  const { call, live, say } = visit;
  const moved = await call.identity.chooseSite({ live, siteId: visit.body.site_id, caller: call.caller });
  if (!moved) throw new Refusal('form_rejected', { errors: { site_id: [say.choice('site id')] } });
  const user = userView(moved.account, await call.identity.rightsOf(moved));
  return { message: say.siteUpdated, user, data: user };
};

export const chooseLocale: Member<typeof schema.LocaleChoice, typeof schema.LocaleChosen> = async (visit) => {
  const { call, live } = visit;
  const { locale } = await call.identity.chooseLocale({
    live,
    locale: visit.body.locale === 'fr' ? 'fr' : 'en',
    caller: call.caller,
  });
  call.speak(locale);
  return { message: visit.say.localeUpdated, locale };
};

export const changePassword: Member<typeof schema.PasswordChange, typeof schema.Done> = async (visit) => {
  const { body, call, live, say } = visit;
  const { current_password: currentPassword, password: newPassword } = body;
  try {
    await call.identity.changePassword({ live, currentPassword, newPassword, caller: call.caller });
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'invalid_credentials') throw error;
    throw new Refusal('form_rejected', { errors: { current_password: [say.currentPassword] } });
  }
  visit.forget();
  return { message: say.passwordUpdated };
};

export const forgotPassword: Guest<typeof schema.Forgotten, typeof schema.Done> = async ({ body, call, say }) => {
  await call.identity.startPasswordReset({ contract, email: body.email, caller: call.caller });
  return { message: say.resetRequested };
};

export const resetPassword: Guest<typeof schema.Reset, typeof schema.Done> = async ({ body, call, options, say }) => {
  const { email, password, token } = body;
  const seen = await call.identity.lookAtPasswordReset({ token });
  // Of an address that the link was not made for nobody learns whether there is an account.
  if (canonicalEmail(email) !== seen.email) throw new Failure('token_invalid');
  const flaws = newPasswordFlaws(password, body.password_confirmation, 'password', {
    say,
    minimum: options.passwordMinimum,
  });
  if (flaws.length > 0) throw new Refusal('form_rejected', { errors: { password: flaws } });
  await call.identity.finishPasswordReset({ contract, token, password, caller: call.caller });
  return { message: say.resetDone };
};
