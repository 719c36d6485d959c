import { deleteOwnAccount } from './account-deletion.ts';
import * as administration from './administration.ts';
import { openBrowserSession } from './browser-session.ts';
import type { Device } from './device.ts';
import { forgetDevice } from './device-forgetting.ts';
import * as emailChange from './email-change.ts';
import * as emailVerification from './email-verification.ts';
import { usedUpAllowance } from './failure-rate.ts';
import { reauthenticate } from './fresh-sign-in.ts';
import { signInHandedOver } from './handed-sign-in.ts';
import * as identifierChange from './identifier-change.ts';
import * as identifierConfirmation from './identifier-confirmation.ts';
import * as magicLink from './magic-link.ts';
import { countForNetwork } from './network-limit.ts';
import * as passkeyManagement from './passkey-management.ts';
import * as passkeyReauthentication from './passkey-reauthentication.ts';
import * as passkeyRegistration from './passkey-registration.ts';
import * as passkeySignIn from './passkey-sign-in.ts';
import { changePassword } from './password-change.ts';
import * as passwordConfirmation from './password-confirmation.ts';
import * as passwordReset from './password-reset.ts';
import * as passwordResetByCode from './password-reset-code.ts';
import * as passwordSetUp from './password-set-up.ts';
import * as permissionAdministration from './permission-administration.ts';
import * as profile from './profile.ts';
import * as providerLink from './provider-link.ts';
import { finishTrip } from './provider-sign-in.ts';
import { startTrip } from './provider-trip.ts';
import { renewRecoveryCodes } from './recovery-code-set.ts';
import { rotateRefreshToken } from './refresh-token-family.ts';
import { register } from './registration.ts';
import { rightsOf } from './rights.ts';
import * as roleAdministration from './role-administration.ts';
import * as roleGranting from './role-granting.ts';
import * as secondFactor from './second-factor-enrolment.ts';
import * as secondFactorSignIn from './second-factor-sign-in.ts';
import type { LiveSession, Session } from './session.ts';
import { checkSession } from './session-check.ts';
import { endOtherSessions, endSession, signOut } from './session-end.ts';
import { checkSessionToken } from './session-token.ts';
import { resendSetUp } from './set-up-mail.ts';
import { listShownRecoveryCodes } from './shown-recovery-codes.ts';
import { signInWithPassword } from './sign-in.ts';
import * as allowance from './sign-in-allowance.ts';
import { signUp } from './sign-up.ts';
import { rotateSigningKey, type SigningKey } from './signing-key.ts';
import * as siteAdministration from './site-administration.ts';
import { chooseSite } from './site-choice.ts';
import * as sitePlan from './site-plan-application.ts';
import { lookAtEnrolment } from './totp-enrolment.ts';
import * as unlock from './unlock.ts';
import type { Caller, World } from './world.ts';

/** Every operation, bound to one world: all that a contract, a page or a command can ask of the core. */
export function createIdentity(world: World) {
  const bound =
    <Input, Output>(operation: (world: World, input: Input) => Output) =>
    (input: Input): Output =>
      operation(world, input);

  return {
    register: bound(register),
    signUp: bound(signUp),
    resendVerification: bound(emailVerification.resendVerification),
    lookAtVerification: bound(emailVerification.lookAtVerification),
    verifyEmail: bound(emailVerification.verifyEmail),
    disownAccount: bound(emailVerification.disownAccount),

    resendConfirmation: bound(identifierConfirmation.resendConfirmation),
    confirmIdentifier: bound(identifierConfirmation.confirmIdentifier),

    signInWithPassword: bound(signInWithPassword),
    passwordAllowance: bound(allowance.passwordAllowance),
    factorAllowance: bound(allowance.factorAllowance),
    usedUpAllowance: bound(usedUpAllowance),
    sendMagicLink: bound(magicLink.sendMagicLink),
    lookAtMagicLink: bound(magicLink.lookAtMagicLink),
    openMagicLink: bound(magicLink.openMagicLink),
    signInHandedOver: bound(signInHandedOver),
    startTrip: bound(startTrip),
    finishTrip: bound(finishTrip),
    startPasskeySignIn: bound(passkeySignIn.startPasskeySignIn),
    finishPasskeySignIn: bound(passkeySignIn.finishPasskeySignIn),
    signInWithBoth: bound(secondFactorSignIn.signInWithBoth),
    completeSignIn: bound(secondFactorSignIn.completeSignIn),
    resendSignInCode: bound(secondFactorSignIn.resendSignInCode),
    rotateRefreshToken: bound(rotateRefreshToken),
    checkSession: bound(checkSession),
    checkSessionToken: bound(checkSessionToken),
    openBrowserSession: bound(openBrowserSession),
    listSessions: ({ account }: LiveSession): Promise<Session[]> =>
      world.store.sessions.list(account.id, world.clock.now()),
    signOut: bound(signOut),
    endSession: bound(endSession),
    endOtherSessions: bound(endOtherSessions),
    listDevices: ({ account }: LiveSession): Promise<Device[]> => world.store.devices.list(account.id),
    forgetDevice: bound(forgetDevice),
    unlockSignIn: bound(unlock.unlockSignIn),
    lookAtUnlock: bound(unlock.lookAtUnlock),

    reauthenticate: bound(reauthenticate),
    confirmPassword: bound(passwordConfirmation.confirmPassword),
    requireConfirmedPassword: bound(passwordConfirmation.requireConfirmedPassword),
    lookAtConfirmation: bound(passwordConfirmation.lookAtConfirmation),
    startPasskeyReauthentication: bound(passkeyReauthentication.startPasskeyReauthentication),
    finishPasskeyReauthentication: bound(passkeyReauthentication.finishPasskeyReauthentication),
    startSecondFactor: bound(secondFactor.startSecondFactor),
    lookAtEnrolment: bound(lookAtEnrolment),
    confirmSecondFactor: bound(secondFactor.confirmSecondFactor),
    listShownRecoveryCodes: bound(listShownRecoveryCodes),
    verifySecondFactor: bound(secondFactor.verifySecondFactor),
    renewRecoveryCodes: bound(renewRecoveryCodes),
    disableSecondFactor: bound(secondFactor.disableSecondFactor),
    startPasskeyRegistration: bound(passkeyRegistration.startPasskeyRegistration),
    finishPasskeyRegistration: bound(passkeyRegistration.finishPasskeyRegistration),
    listPasskeys: bound(passkeyRegistration.listPasskeys),
    renamePasskey: bound(passkeyManagement.renamePasskey),
    removePasskey: bound(passkeyManagement.removePasskey),
    startProviderLink: bound(providerLink.startProviderLink),
    finishProviderLink: bound(providerLink.finishProviderLink),
    unlinkProvider: bound(providerLink.unlinkProvider),
    listLinkedProviders: bound(providerLink.listLinkedProviders),
    changeProfile: bound(profile.changeProfile),
    chooseLocale: bound(profile.chooseLocale),
    rightsOf: bound(rightsOf),
    chooseSite: bound(chooseSite),
    startIdentifierChange: bound(identifierChange.startIdentifierChange),
    finishIdentifierChange: bound(identifierChange.finishIdentifierChange),
    startEmailChange: bound(emailChange.startEmailChange),
    lookAtEmailChange: bound(emailChange.lookAtEmailChange),
    finishEmailChange: bound(emailChange.finishEmailChange),
    changePassword: bound(changePassword),
    deleteOwnAccount: bound(deleteOwnAccount),
    boundCaptcha: ({ caller }: { caller: Caller }): Promise<void> =>
      world.store.transaction((store) => countForNetwork({ ...world, store }, 'captcha', caller)),
    startPasswordReset: bound(passwordReset.startPasswordReset),
    lookAtPasswordReset: bound(passwordReset.lookAtPasswordReset),
    finishPasswordReset: bound(passwordReset.finishPasswordReset),
    startPasswordResetByCode: bound(passwordResetByCode.startPasswordResetByCode),
    finishPasswordResetByCode: bound(passwordResetByCode.finishPasswordResetByCode),
    resendSetUp: bound(resendSetUp),
    lookAtSetUp: bound(passwordSetUp.lookAtSetUp),
    finishSetUp: bound(passwordSetUp.finishSetUp),

    publicKeys: () => world.accessTokens.publicKeys(),

    createAccount: bound(administration.createAccount),
    inviteAgain: bound(administration.inviteAgain),
    findAccount: bound(administration.findAccount),
    listAccounts: bound(administration.listAccounts),
    labelAccount: bound(administration.labelAccount),
    lockAccount: bound(administration.lockAccount),
    unlockAccount: bound(administration.unlockAccount),
    deleteAccount: bound(administration.deleteAccount),
    setPassword: bound(administration.setPassword),
    resetSecondFactor: bound(administration.resetSecondFactor),
    listSites: () => world.store.sites.list(),
    createSite: bound(siteAdministration.createSite),
    changeSite: bound(siteAdministration.changeSite),
    deleteSite: bound(siteAdministration.deleteSite),
    joinSite: bound(siteAdministration.joinSite),
    leaveSite: bound(siteAdministration.leaveSite),
    listRoles: () => world.store.roles.list(),
    createRole: bound(roleAdministration.createRole),
    changeRole: bound(roleAdministration.changeRole),
    deleteRole: bound(roleAdministration.deleteRole),
    grantRole: bound(roleGranting.grantRole),
    revokeRole: bound(roleGranting.revokeRole),
    listPermissions: () => world.store.permissions.list(),
    createPermission: bound(permissionAdministration.createPermission),
    deletePermission: bound(permissionAdministration.deletePermission),
    grantPermission: bound(permissionAdministration.grantPermission),
    revokePermission: bound(permissionAdministration.revokePermission),
    planSites: bound(sitePlan.planSites),
    applySites: bound(sitePlan.applySites),
    rotateSigningKey: bound(rotateSigningKey),
    listSigningKeys: (): Promise<SigningKey[]> => world.store.signingKeys.list(),
  };
}

export type Identity = ReturnType<typeof createIdentity>;
