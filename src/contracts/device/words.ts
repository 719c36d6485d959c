import type { CodeFactor, Locale } from '../../core/account.ts';
import type { FieldFlaw, PasswordFlaw } from '../../core/failure.ts';
import type { IdentifierKind } from '../../core/identifier.ts';
import { duration } from '../../http/duration.ts';

/** Every text of the contract. The French ones are the documents' where they have one. */
export interface Words {
  secondFactorDue: Record<CodeFactor, string>;
  codeSentAgain: string;
  registered: string;
  confirmed: string;
  confirmationSent: string;
  signedOut: string;
  sessionEnded: string;
  otherSessionsEnded: string;
  deviceForgotten: string;
  resetSent: string;
  passwordReset: string;
  passwordChanged: string;
  reauthenticated: string;
  accountDeleted: string;
  changeSent: Record<IdentifierKind, string>;
  factorPending: Record<CodeFactor, string>;
  factorDisabled: string;
  unlocked: string;

  invalidCredentials: string;
  invalidToken: string;
  tokenExpired: string;
  accountNotConfirmed: string;
  accountLocked: (seconds: number) => string;
  codeWrong: string;
  linkDead: string;
  invalidInput: string;
  field: Record<FieldFlaw, string>;
  weakPassword: Record<PasswordFlaw, (minimum: number) => string>;
  identifierTaken: Record<IdentifierKind, string>;
  rateLimited: (seconds: number) => string;
  reauthenticationRequired: string;
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

const fr: Words = {
  secondFactorDue: {
    email: 'Un code OTP de 6 chiffres a été envoyé.',
    sms: 'Un code OTP de 6 chiffres a été envoyé.',
    totp: 'Saisissez le code de votre application d’authentification.',
  },
  codeSentAgain: 'Un code OTP de 6 chiffres a été renvoyé.',
  registered: 'Compte créé. Un code de confirmation de 6 chiffres a été envoyé.',
  confirmed: 'Compte confirmé. Vous pouvez maintenant vous connecter.',
  confirmationSent: 'Si ce compte attend une confirmation, un code de 6 chiffres a été envoyé.',
  signedOut: 'Déconnexion réussie.',
  sessionEnded: 'Session terminée.',
  otherSessionsEnded: 'Toutes vos autres sessions ont été déconnectées.',
  deviceForgotten: 'Appareil oublié. Ses sessions ont été déconnectées.',
  resetSent: 'Si ce compte existe, un code de 8 chiffres a été envoyé.',
  passwordReset: 'Mot de passe réinitialisé. Vous pouvez vous connecter avec le nouveau.',
  passwordChanged: 'Mot de passe modifié. Vos autres sessions ont été déconnectées.',
  reauthenticated: 'Identité confirmée.',
  accountDeleted: 'Votre compte a été supprimé.',
  changeSent: {
    email: 'Un code de 6 chiffres a été envoyé à la nouvelle adresse.',
    phone: 'Un code de 6 chiffres a été envoyé au nouveau numéro.',
  },
  factorPending: {
    email: 'Un code OTP de 6 chiffres a été envoyé par e-mail.',
    sms: 'Un code OTP de 6 chiffres a été envoyé par SMS.',
    totp: 'Scannez le code QR avec votre application d’authentification, puis confirmez avec le code affiché.',
  },
  factorDisabled: 'La connexion en deux étapes est désactivée.',
  unlocked: 'Compte déverrouillé. Vous pouvez vous connecter.',

  invalidCredentials: 'Identifiant ou mot de passe incorrect.',
  invalidToken: 'Le jeton d’accès est absent ou invalide.',
  tokenExpired: 'Votre session a expiré. Veuillez vous reconnecter.',
  accountNotConfirmed: 'Confirmez votre compte avant de vous connecter.',
  accountLocked: (seconds) => `Trop de tentatives échouées. Réessayez dans ${duration('fr', seconds)}.`,
  codeWrong: 'Le code OTP est incorrect ou a expiré.',
  linkDead: 'Ce lien est invalide ou a expiré.',
  invalidInput: 'Des champs sont manquants ou incorrects.',
  field: {
    required: 'Ce champ est obligatoire.',
    type: 'Ce champ n’est pas du bon type.',
    email: 'Cette adresse e-mail n’est pas valide.',
    phone: 'Ce numéro de téléphone n’est pas valide.',
    unavailable: 'Aucun code ne peut y être envoyé.',
    too_short: 'Cette valeur est trop courte.',
    too_long: 'Cette valeur est trop longue.',
    malformed: 'Cette valeur n’est pas acceptée.',
  },
  weakPassword: {
    too_short: (minimum) => `Le mot de passe doit contenir au moins ${minimum} caractères.`,
    too_long: () => 'Le mot de passe est trop long : 1 024 octets au plus sont acceptés.',
    common: () => 'Ce mot de passe est parmi les plus courants. Veuillez en choisir un autre.',
    personal: () => 'Le mot de passe ne doit pas être fait de votre nom, de votre e-mail ou de votre numéro.',
    guessable: () => 'Ce mot de passe est trop facile à deviner. Quelques mots sans lien en font un bon.',
    malformed: () => 'Le mot de passe contient des caractères impossibles à saisir.',
  },
  identifierTaken: {
    email: 'Cette adresse e-mail est déjà utilisée.',
    phone: 'Ce numéro de téléphone est déjà utilisé.',
  },
  rateLimited: (seconds) => `Trop de requêtes. Réessayez dans ${duration('fr', seconds)}.`,
  reauthenticationRequired: 'Confirmez à nouveau votre identité avant ce changement.',
  signUpClosed: 'Les inscriptions sont fermées.',
  foreignOrigin: 'Les requêtes de cette origine ne sont pas acceptées.',
  notFound: 'Il n’y a rien ici.',
  methodNotAllowed: 'Cette méthode n’est pas prise en charge ici.',
  bodyTooLarge: 'Le corps de la requête est trop grand : 64 Kio au plus sont acceptés.',
  bodyUnreadable: 'Le corps de la requête n’est pas du JSON valide.',
  mediaTypeUnsupported: 'Le corps de la requête doit être du type application/json.',
  serverError: 'Une erreur est survenue de notre côté. Veuillez réessayer.',
  unavailable: 'Le service est occupé ou en cours de rétablissement. Réessayez dans un instant.',
};

const en: Words = {
  secondFactorDue: {
    email: 'A 6-digit OTP code has been sent.',
    sms: 'A 6-digit OTP code has been sent.',
    totp: 'Enter the code from your authenticator app.',
  },
  codeSentAgain: 'A 6-digit OTP code has been sent again.',
  registered: 'Account created. A 6-digit confirmation code has been sent.',
  confirmed: 'Account confirmed. You can now sign in.',
  confirmationSent: 'If this account waits to be confirmed, a 6-digit code has been sent.',
  signedOut: 'Signed out.',
  sessionEnded: 'Session ended.',
  otherSessionsEnded: 'All your other sessions have been signed out.',
  deviceForgotten: 'Device forgotten. Its sessions have been signed out.',
  resetSent: 'If this account exists, an 8-digit code has been sent.',
  passwordReset: 'Password reset. You can sign in with the new one.',
  passwordChanged: 'Password changed. Your other sessions have been signed out.',
  reauthenticated: 'Identity confirmed.',
  accountDeleted: 'Your account has been deleted.',
  changeSent: {
    email: 'A 6-digit code has been sent to the new address.',
    phone: 'A 6-digit code has been sent to the new number.',
  },
  factorPending: {
    email: 'A 6-digit OTP code has been sent by e-mail.',
    sms: 'A 6-digit OTP code has been sent by SMS.',
    totp: 'Scan the QR code with your authenticator app, then confirm with the code it shows.',
  },
  factorDisabled: 'Two-step sign-in is off.',
  unlocked: 'Account unlocked. You can sign in.',

  invalidCredentials: 'Identifier or password is incorrect.',
  invalidToken: 'The access token is missing or invalid.',
  tokenExpired: 'Your session has expired. Please sign in again.',
  accountNotConfirmed: 'Please confirm your account before signing in.',
  accountLocked: (seconds) => `Too many failed attempts. Please try again in ${duration('en', seconds)}.`,
  codeWrong: 'The OTP code is incorrect or has expired.',
  linkDead: 'This link is invalid or has expired.',
  invalidInput: 'Some fields are missing or wrong.',
  field: {
    required: 'This field is required.',
    type: 'This field has the wrong type.',
    email: 'This is not a valid e-mail address.',
    phone: 'This is not a valid phone number.',
    unavailable: 'No code can be sent there.',
    too_short: 'This value is too short.',
    too_long: 'This value is too long.',
    malformed: 'This value is not accepted.',
  },
  weakPassword: {
    too_short: (minimum) => `The password must have at least ${minimum} characters.`,
    too_long: () => 'The password is too long: at most 1,024 bytes are accepted.',
    common: () => 'This password is among the most common ones. Please choose another.',
    personal: () => 'The password must not be made of your name, e-mail address or phone number.',
    guessable: () => 'This password is too easy to guess. A few unrelated words make a good one.',
    malformed: () => 'The password contains characters that cannot be typed.',
  },
  identifierTaken: {
    email: 'This e-mail address is already in use.',
    phone: 'This phone number is already in use.',
  },
  rateLimited: (seconds) => `Too many requests. Please try again in ${duration('en', seconds)}.`,
  reauthenticationRequired: 'Please confirm your identity again before this change.',
  signUpClosed: 'Sign-up is closed.',
  foreignOrigin: 'Requests from this origin are not accepted.',
  notFound: 'There is nothing here.',
  methodNotAllowed: 'This method is not supported here.',
  bodyTooLarge: 'The request body is too large: at most 64 KiB are accepted.',
  bodyUnreadable: 'The request body is not valid JSON.',
  mediaTypeUnsupported: 'The request body must be application/json.',
  serverError: 'Something went wrong on our side. Please try again.',
  unavailable: 'The service is busy or being restored. Please try again in a moment.',
};

export const words: Record<Locale, Words> = { en, fr };
