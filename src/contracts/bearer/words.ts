import type { Locale } from '../../core/account.ts';
import type { FieldFlaw, PasswordFlaw } from '../../core/failure.ts';
import { duration } from '../../http/duration.ts';

/** Every text of the contract. The English ones are the document's where it has one. */
export interface Words {
  magicLinkSent: string;
  verificationSent: string;
  resetRequested: string;
  resetDone: string;
  emailChangeSent: string;
  accountDeleted: string;
  sessionEnded: string;
  otherSessionsEnded: string;
  secondFactorDisabled: string;
  reauthenticated: string;
  passkeyRemoved: string;
  providerLinked: string;
  providerUnlinked: string;

  invalidCredentials: string;
  codeRequired: string;
  codeWrong: string;
  emailTaken: string;
  emailNotVerified: string;
  invalidToken: string;
  reauthenticationRequired: string;
  passkeyRefused: string;
  lastSignInMethod: string;
  linkRequired: string;
  providerUnknown: string;
  providerRefused: string;
  providerTaken: string;
  providerEmailUnproven: string;
  providerUnavailable: string;
  weakPassword: Record<PasswordFlaw, (minimum: number) => string>;
  rateLimited: (seconds: number) => string;
  accountLocked: (seconds: number) => string;
  invalidInput: string;
  field: Record<FieldFlaw, string>;
  signUpClosed: string;
  foreignOrigin: string;
  notFound: string;
  methodNotAllowed: string;
  bodyTooLarge: string;
  bodyUnreadable: string;
  mediaTypeUnsupported: string;
  serverError: string;
  unavailable: string;
}

const en: Words = {
  magicLinkSent: 'Magic link sent to email',
  verificationSent: 'If this email is waiting to be verified, a link has been sent',
  resetRequested: 'If an account exists with this email, a password reset link has been sent',
  resetDone: 'Password has been reset. Please sign in with the new one',
  emailChangeSent: 'A link to confirm the change has been sent to the new email',
  accountDeleted: 'Your account has been deleted',
  sessionEnded: 'Session ended',
  otherSessionsEnded: 'All your other sessions have been signed out',
  secondFactorDisabled: 'Two-factor authentication is off',
  reauthenticated: 'Identity confirmed',
  passkeyRemoved: 'Passkey removed',
  providerLinked: 'Provider linked',
  providerUnlinked: 'Provider unlinked',

  invalidCredentials: 'Email or password is incorrect',
  codeRequired: 'A two-factor code is required',
  codeWrong: 'The TOTP code is invalid or expired',
  emailTaken: 'User with this email already exists',
  emailNotVerified: 'Please verify your email first',
  invalidToken: 'Token is invalid or expired',
  reauthenticationRequired: 'Please confirm your identity again before this change',
  passkeyRefused: 'This passkey could not be verified',
  lastSignInMethod: 'Nothing else would let you sign in: set a password or add another way first',
  linkRequired: 'An account with this email exists: sign in to it another way, then link this provider',
  providerUnknown: 'Signing in with this provider is not set up',
  providerRefused: 'Signing in with this provider was cancelled or refused: please start again',
  providerTaken: 'This provider is linked to an account already',
  providerEmailUnproven: 'The provider knows no verified email of yours: verify one there, then try again',
  providerUnavailable: 'The provider does not answer: please try again in a moment, or sign in another way',
  weakPassword: {
    too_short: (minimum) => `The password must have at least ${minimum} characters`,
    too_long: () => 'The password is too long: at most 1,024 bytes are accepted',
    common: () => 'This password is among the most common ones. Please choose another',
    personal: () => 'The password must not be made of your name or email',
    guessable: () => 'This password is too easy to guess. A few unrelated words make a good one',
    malformed: () => 'The password contains characters that cannot be typed',
  },
  rateLimited: (seconds) => `Too many requests. Please try again in ${duration('en', seconds)}`,
  accountLocked: (seconds) => `Too many failed attempts. Please try again in ${duration('en', seconds)}`,
  invalidInput: 'Some fields are missing or wrong',
  field: {
    required: 'This field is required',
    type: 'This field has the wrong type',
    email: 'This is not a valid email address',
    phone: 'This is not a valid phone number',
    unavailable: 'Nothing can be sent there',
    too_short: 'This value is too short',
    too_long: 'This value is too long',
    malformed: 'This value is not accepted',
  },
  signUpClosed: 'Registration is closed',
  foreignOrigin: 'Requests from this origin are not accepted',
  notFound: 'There is nothing here',
  methodNotAllowed: 'This method is not supported here',
  bodyTooLarge: 'The request body is too large: at most 64 KiB are accepted',
  bodyUnreadable: 'The request body is not valid JSON',
  mediaTypeUnsupported: 'The request body must be application/json',
  serverError: 'Something went wrong on our side. Please try again',
  unavailable: 'The service is busy or being restored. Please try again in a moment',
};

const fr: Words = {
  magicLinkSent: 'Lien de connexion envoyé par e-mail',
  verificationSent: 'Si cette adresse attend une vérification, un lien a été envoyé',
  resetRequested: 'Si un compte existe avec cet e-mail, un lien de réinitialisation a été envoyé',
  resetDone: 'Mot de passe réinitialisé. Connectez-vous avec le nouveau',
  emailChangeSent: 'Un lien de confirmation a été envoyé à la nouvelle adresse',
  accountDeleted: 'Votre compte a été supprimé',
  sessionEnded: 'Session terminée',
  otherSessionsEnded: 'Toutes vos autres sessions ont été déconnectées',
  secondFactorDisabled: 'La connexion en deux étapes est désactivée',
  reauthenticated: 'Identité confirmée',
  passkeyRemoved: 'Clé d’accès retirée',
  providerLinked: 'Fournisseur associé',
  providerUnlinked: 'Fournisseur dissocié',

  invalidCredentials: 'E-mail ou mot de passe incorrect',
  codeRequired: 'Un code de connexion en deux étapes est nécessaire',
  codeWrong: 'Le code est incorrect ou a expiré',
  emailTaken: 'Un utilisateur existe déjà avec cet e-mail',
  emailNotVerified: 'Vérifiez d’abord votre e-mail',
  invalidToken: 'Le jeton est invalide ou a expiré',
  reauthenticationRequired: 'Confirmez à nouveau votre identité avant ce changement',
  passkeyRefused: 'Cette clé d’accès n’a pas pu être vérifiée',
  lastSignInMethod:
    'Plus rien ne vous permettrait de vous connecter : choisissez d’abord un mot de passe ou un autre moyen',
  linkRequired: 'Un compte existe avec cet e-mail : connectez-vous autrement, puis associez ce fournisseur',
  providerUnknown: 'La connexion avec ce fournisseur n’est pas configurée',
  providerRefused: 'La connexion avec ce fournisseur a été annulée ou refusée : veuillez recommencer',
  providerTaken: 'Ce fournisseur est déjà associé à un compte',
  providerEmailUnproven:
    'Le fournisseur ne connaît aucun e-mail vérifié de vous : vérifiez-en un chez lui, puis réessayez',
  providerUnavailable: 'Le fournisseur ne répond pas : réessayez dans un instant, ou connectez-vous autrement',
  weakPassword: {
    too_short: (minimum) => `Le mot de passe doit contenir au moins ${minimum} caractères`,
    too_long: () => 'Le mot de passe est trop long : 1 024 octets au plus sont acceptés',
    common: () => 'Ce mot de passe est parmi les plus courants. Veuillez en choisir un autre',
    personal: () => 'Le mot de passe ne doit pas être fait de votre nom ou de votre e-mail',
    guessable: () => 'Ce mot de passe est trop facile à deviner. Quelques mots sans lien en font un bon',
    malformed: () => 'Le mot de passe contient des caractères impossibles à saisir',
  },
  rateLimited: (seconds) => `Trop de requêtes. Réessayez dans ${duration('fr', seconds)}`,
  accountLocked: (seconds) => `Trop de tentatives échouées. Réessayez dans ${duration('fr', seconds)}`,
  invalidInput: 'Des champs sont manquants ou incorrects',
  field: {
    required: 'Ce champ est obligatoire',
    type: 'Ce champ n’est pas du bon type',
    email: 'Cette adresse e-mail n’est pas valide',
    phone: 'Ce numéro de téléphone n’est pas valide',
    unavailable: 'Rien ne peut y être envoyé',
    too_short: 'Cette valeur est trop courte',
    too_long: 'Cette valeur est trop longue',
    malformed: 'Cette valeur n’est pas acceptée',
  },
  signUpClosed: 'Les inscriptions sont fermées',
  foreignOrigin: 'Les requêtes de cette origine ne sont pas acceptées',
  notFound: 'Il n’y a rien ici',
  methodNotAllowed: 'Cette méthode n’est pas prise en charge ici',
  bodyTooLarge: 'Le corps de la requête est trop grand : 64 Kio au plus sont acceptés',
  bodyUnreadable: 'Le corps de la requête n’est pas du JSON valide',
  mediaTypeUnsupported: 'Le corps de la requête doit être du type application/json',
  serverError: 'Une erreur est survenue de notre côté. Veuillez réessayer',
  unavailable: 'Le service est occupé ou en cours de rétablissement. Réessayez dans un instant',
};

export const words: Record<Locale, Words> = { en, fr };
