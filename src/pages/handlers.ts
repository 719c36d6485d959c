import { Failure, type PasswordFlaw } from '../core/failure.ts';
import type { DeadSetUp } from '../core/password-set-up.ts';
import { setUpTokenOf } from '../core/set-up-link.ts';
import type { PageCall, PageHandler } from './contract.ts';
import type { PageContent } from './layout.ts';
import {
  advicePage,
  codePage,
  emailChangePage,
  landingPage,
  magicLinkPage,
  resetPage,
  setUpPage,
  unlockPage,
  verificationPage,
} from './views.ts';

const contract = 'page';

export const landing: PageHandler = async ({ say, links }) => landingPage(say, links);

export const askToVerify: PageHandler = async (call) => {
  const token = call.token();
  const seen = await call.identity.lookAtVerification({ token });
  return verificationPage(call.say, { ...seen, token, formToken: call.formToken() });
};

export const verify: PageHandler = async (call) => {
  await call.identity.verifyEmail({ token: call.token(), contract, caller: call.caller });
  return advicePage(call.say.verified);
};

export const disown: PageHandler = async (call) => {
  await call.identity.disownAccount({ token: call.token(), caller: call.caller });
  return advicePage(call.say.disowned);
};

export const askForPassword: PageHandler = (call) => passwordForm(call);

export const resetPassword: PageHandler = async (call) => {
  const input = { token: call.token(), password: call.field('password'), contract, caller: call.caller } as const;
  try {
    const { redirectUrl } = await call.identity.finishPasswordReset(input);
    return redirectUrl === null ? advicePage(call.say.resetDone) : { seeOther: redirectUrl };
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'password_rejected') throw error;
    // The token is still good: the form again, with the reason above it.
    const { flaw } = error.facts as Failure<'password_rejected'>['facts'];
    return { ...(await passwordForm(call, flaw)), status: 422 };
  }
};

async function passwordForm(call: PageCall, flaw?: PasswordFlaw): Promise<PageContent> {
  const token = call.token();
  const { email, redirectUrl } = await call.identity.lookAtPasswordReset({ token });
  const form = { email, redirectUrl, token, formToken: call.formToken(), minimum: call.passwordMinimum };
  return resetPage(call.say, flaw ? { ...form, flaw } : form);
}

export const askForFirstPassword: PageHandler = (call) => firstPasswordForm(call);

export const setUpPassword: PageHandler = async (call) => {
  const input = { link: call.setUpLink(), password: call.field('password'), contract, caller: call.caller } as const;
  try {
    const { outcome } = await call.identity.finishSetUp(input);
    return outcome === 'set_up' ? advicePage(call.say.setUpDone) : deadSetUp(call, outcome);
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'password_rejected') throw error;
    const { flaw } = error.facts as Failure<'password_rejected'>['facts'];
    return { ...(await firstPasswordForm(call, flaw)), status: 422 };
  }
};

async function firstPasswordForm(call: PageCall, flaw?: PasswordFlaw): Promise<PageContent> {
  const link = call.setUpLink();
  const seen = await call.identity.lookAtSetUp(link);
  if (seen.outcome !== 'valid') return deadSetUp(call, seen.outcome);
  const { email } = seen.account;
  const form = { email, token: setUpTokenOf(link), formToken: call.formToken(), minimum: call.passwordMinimum };
  return setUpPage(call.say, flaw ? { ...form, flaw } : form);
}

/** @throws {Failure} `token_invalid`, alike for a link that ran out and one that never was */
function deadSetUp({ say }: PageCall, outcome: DeadSetUp['outcome']): PageContent {
  if (outcome !== 'done') throw new Failure('token_invalid');
  return { ...advicePage(say.alreadySetUp), status: 410 };
}

export const askToSignIn: PageHandler = async (call) => {
  const token = call.token();
  const seen = await call.identity.lookAtMagicLink({ token });
  return magicLinkPage(call.say, { ...seen, token, formToken: call.formToken() });
};

export const signIn: PageHandler = async (call) => {
  const { code, redirectUrl } = await call.identity.openMagicLink({ token: call.token(), caller: call.caller });
  return redirectUrl === null ? codePage(call.say, code) : { seeOther: redirectUrl };
};

export const askToChangeEmail: PageHandler = async (call) => {
  const token = call.token();
  const { email } = await call.identity.lookAtEmailChange({ token });
  return emailChangePage(call.say, { email, token, formToken: call.formToken() });
};

export const changeEmail: PageHandler = async (call) => {
  await call.identity.finishEmailChange({ token: call.token(), contract, caller: call.caller });
  return advicePage(call.say.emailChanged);
};

export const askToUnlock: PageHandler = async (call) => {
  const token = call.token();
  const { email } = await call.identity.lookAtUnlock({ token });
  return unlockPage(call.say, { email, token, formToken: call.formToken() });
};

export const unlock: PageHandler = async (call) => {
  await call.identity.unlockSignIn({ token: call.token(), contract, caller: call.caller });
  return advicePage(call.say.unlocked);
};
