import type { CodeFactor, Locale } from '../../core/account.ts';
import type { FieldFlaw, PasswordFlaw } from '../../core/failure.ts';
import { duration } from '../../http/duration.ts';

/** Every text of the contract. The English ones are the document's where it has one. */
export interface Words {
  registered: string;
  signedIn: string;
  signedOut: string;
  emailVerified: string;
  verificationSent: string;
  resetRequested: string;
  resetDone: string;
  passwordChanged: string;
  reauthenticated: string;
  sessionEnded: string;
  otherSessionsEnded: string;
  secondFactorDue: Record<CodeFactor, string>;
  secondFactorPending: string;
  secondFactorEnabled: string;
  secondFactorDisabled: string;

  invalidCredentials: string;
  codeWrong: string;
  reauthenticationRequired: string;
  emailTaken: string;
  emailNotVerified: string;
  invalidToken: string;
  sessionExpired: string;
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
  registered: 'Registration successful. Please check your email to verify your account.',
  signedIn: 'Login successful',
  signedOut: 'Logged out successfully',
  emailVerified: 'Email verified successfully. You can now log in.',
  verificationSent: 'Verification email sent. Please check your inbox.',
  resetRequested: 'If an account exists with this email, a password reset link has been sent.',
  resetDone: 'Password reset successful. You can now log in with your new password.',
  passwordChanged: 'Password changed successfully. Your other sessions have been signed out.',
  reauthenticated: 'Identity confirmed.',
  sessionEnded: 'Session ended.',
  otherSessionsEnded: 'All your other sessions have been signed out.',
  secondFactorDue: {
    totp: 'Enter the code from your authenticator app.',
    email: 'Enter the code that was sent to your email address.',
    sms: 'Enter the code that was sent to your phone.',
  },
  secondFactorPending: 'Scan the QR code with your authenticator app, then enter the code it shows.',
  secondFactorEnabled: 'Two-factor authentication is on. Keep the recovery codes in a safe place.',
  secondFactorDisabled: 'Two-factor authentication is off.',

  invalidCredentials: 'Email or password is incorrect.',
  codeWrong: 'The code is incorrect or has expired.',
  reauthenticationRequired: 'Please confirm your identity again before this change.',
  emailTaken: 'This email is already registered.',
  emailNotVerified: 'Please verify your email before logging in.',
  invalidToken: 'This token is invalid or has expired.',
  sessionExpired: 'Your session has expired. Please log in again.',
  weakPassword: {
    too_short: (minimum) => `The password must have at least ${minimum} characters.`,
    too_long: () => 'The password is too long: at most 1,024 bytes are accepted.',
    common: () => 'This password is among the most common ones. Please choose another.',
    personal: () => 'The password must not be made of your name or email.',
    guessable: () => 'This password is too easy to guess. A few unrelated words make a good one.',
    malformed: () => 'The password contains characters that cannot be typed.',
  },
  rateLimited: (seconds) => `Too many requests. Please try again in ${duration('en', seconds)}.`,
  accountLocked: (seconds) => `Too many failed attempts. Please try again in ${duration('en', seconds)}.`,
  invalidInput: 'Some fields are missing or wrong.',
  field: {
    required: 'This field is required.',
    type: 'This field has the wrong type.',
    email: 'This is not a valid email address.',
    phone: 'This is not a valid phone number.',
    unavailable: 'Nothing can be sent there.',
    too_short: 'This value is too short.',
    too_long: 'This value is too long.',
    malformed: 'This value is not accepted.',
  },
  signUpClosed: 'Registration is closed.',
  foreignOrigin: 'Requests from this origin are not accepted.',
  notFound: 'There is nothing here.',
  methodNotAllowed: 'This method is not supported here.',
  bodyTooLarge: 'The request body is too large: at most 64 KiB are accepted.',
  bodyUnreadable: 'The request body is not valid JSON.',
  mediaTypeUnsupported: 'The request body must be application/json.',
  serverError: 'Something went wrong on our side. Please try again.',
  unavailable: 'The service is busy or being restored. Please try again in a moment.',
};

const fr: Words = {
  registered: 'Inscription réussie. Consultez vos e-mails pour vérifier votre compte.',
  signedIn: 'Connexion réussie',
  signedOut: 'Déconnexion réussie',
  emailVerified: 'E-mail vérifié. Vous pouvez maintenant vous connecter.',
  verificationSent: 'E-mail de vérification envoyé. Consultez votre boîte de réception.',
  resetRequested: 'Si un compte existe avec cet e-mail, un lien de réinitialisation a été envoyé.',
  resetDone: 'Mot de passe réinitialisé. Vous pouvez vous connecter avec votre nouveau mot de passe.',
  passwordChanged: 'Mot de passe modifié. Vos autres sessions ont été déconnectées.',
  reauthenticated: 'Identité confirmée.',
  sessionEnded: 'Session terminée.',
  otherSessionsEnded: 'Toutes vos autres sessions ont été déconnectées.',
  secondFactorDue: {
    totp: 'Saisissez le code de votre application d’authentification.',
    email: 'Saisissez le code envoyé à votre adresse e-mail.',
    sms: 'Saisissez le code envoyé sur votre téléphone.',
  },
  secondFactorPending: 'Scannez le code QR avec votre application d’authentification, puis saisissez le code affiché.',
  secondFactorEnabled: 'La connexion en deux étapes est activée. Gardez les codes de secours en lieu sûr.',
  secondFactorDisabled: 'La connexion en deux étapes est désactivée.',

  invalidCredentials: 'E-mail ou mot de passe incorrect.',
  codeWrong: 'Le code est incorrect ou a expiré.',
  reauthenticationRequired: 'Confirmez à nouveau votre identité avant ce changement.',
  emailTaken: 'Cet e-mail est déjà enregistré.',
  emailNotVerified: 'Vérifiez votre e-mail avant de vous connecter.',
  invalidToken: 'Ce jeton est invalide ou a expiré.',
  sessionExpired: 'Votre session a expiré. Veuillez vous reconnecter.',
  weakPassword: {
    too_short: (minimum) => `Le mot de passe doit contenir au moins ${minimum} caractères.`,
    too_long: () => 'Le mot de passe est trop long : 1 024 octets au plus sont acceptés.',
    common: () => 'Ce mot de passe est parmi les plus courants. Veuillez en choisir un autre.',
    personal: () => 'Le mot de passe ne doit pas être fait de votre nom ou de votre e-mail.',
    guessable: () => 'Ce mot de passe est trop facile à deviner. Quelques mots sans lien en font un bon.',
    malformed: () => 'Le mot de passe contient des caractères impossibles à saisir.',
  },
  rateLimited: (seconds) => `Trop de requêtes. Réessayez dans ${duration('fr', seconds)}.`,
  accountLocked: (seconds) => `Trop de tentatives échouées. Réessayez dans ${duration('fr', seconds)}.`,
  invalidInput: 'Des champs sont manquants ou incorrects.',
  field: {
    required: 'Ce champ est obligatoire.',
    type: 'Ce champ n’est pas du bon type.',
    email: 'Cette adresse e-mail n’est pas valide.',
    phone: 'Ce numéro de téléphone n’est pas valide.',
    unavailable: 'Rien ne peut y être envoyé.',
    too_short: 'Cette valeur est trop courte.',
    too_long: 'Cette valeur est trop longue.',
    malformed: 'Cette valeur n’est pas acceptée.',
  },
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

export const words: Record<Locale, Words> = { en, fr };
