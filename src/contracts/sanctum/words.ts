import type { FieldFlaw, PasswordFlaw } from '../../core/failure.ts';

/** Every text of the contract. What front ends are known to show in one language alone is the same in both. */
export interface Words {
  localeUpdated: string;
  siteUpdated: string;
  passwordUpdated: string;
  resetRequested: string;
  resetDone: string;
  setUpDone: string;
  setUpSent: string;

  required: (label: string) => string;
  unconfirmed: (label: string) => string;
  text: (label: string) => string;
  integer: (label: string) => string;
  email: (label: string) => string;
  choice: (label: string) => string;
  tooLong: (label: string, maximum: number) => string;
  field: Record<FieldFlaw, (label: string) => string>;
  andMore: (count: number) => string;

  credentials: string;
  emailNotVerified: string;
  emailTaken: string;
  currentPassword: string;
  providedPassword: string;
  password: Record<PasswordFlaw, (minimum: number) => string>;
  resetToken: string;
  captchaRequired: string;
  captchaFailed: string;
  code: string;
  recoveryCode: string;
  setUp: { unknown: string; noAccount: string; expired: string; done: string };

  loginClosed: string;
  loginAttempts: (seconds: number) => string;
  tooManyAttempts: string;
  unauthenticated: string;
  unauthorized: string;
  csrfMismatch: string;
  passwordConfirmation: string;
  noTwoFactor: string;
  notFound: string;
  route: (path: string) => string;
  method: (method: string, path: string, allowed: string) => string;
  bodyTooLarge: string;
  mediaTypeUnsupported: string;
  serverError: string;
  unavailable: string;
}

/** What no front end of this contract is shown in another language than English. */
const untranslated = {
  text: (label) => `The ${label} field must be a string.`,
  integer: (label) => `The ${label} field must be an integer.`,
  email: (label) => `The ${label} field must be a valid email address.`,
  choice: (label) => `The selected ${label} is invalid.`,
  tooLong: (label, maximum) => `The ${label} field must not be greater than ${maximum} characters.`,
  andMore: (count) => ` (and ${count} more ${count === 1 ? 'error' : 'errors'})`,
  providedPassword: 'The provided password was incorrect.',
  code: 'The provided two factor authentication code was invalid.',
  recoveryCode: 'The provided two factor recovery code was invalid.',
  loginAttempts: (seconds) => `Too many login attempts. Please try again in ${seconds} seconds.`,
  tooManyAttempts: 'Too Many Attempts.',
  unauthenticated: 'Unauthenticated.',
  unauthorized: 'This action is unauthorized.',
  csrfMismatch: 'CSRF token mismatch.',
  passwordConfirmation: 'Password confirmation required.',
  noTwoFactor: 'Two factor authentication has not been enabled.',
  notFound: 'Not Found',
  route: (path) => `The route ${path} could not be found.`,
  method: (method, path, allowed) =>
    `The ${method} method is not supported for route ${path}. Supported methods: ${allowed}.`,
  bodyTooLarge: 'Payload Too Large',
  mediaTypeUnsupported: 'Unsupported Media Type',
  serverError: 'Server Error',
  unavailable: 'Service Unavailable',
} satisfies Partial<Words>;

const commonEn = 'The given password is too common. Please choose another.';
const commonFr = 'Ce mot de passe est trop courant. Veuillez en choisir un autre.';

const en: Words = {
  ...untranslated,
  localeUpdated: 'Language preference updated successfully.',
  siteUpdated: 'Active site updated successfully.',
  passwordUpdated: 'Password updated successfully.',
  resetRequested: 'We have emailed your password reset link.',
  resetDone: 'Your password has been reset.',
  setUpDone: 'Your password has been set up successfully. You can now log in.',
  setUpSent:
    'If an account exists with that email address and has not yet set up a password, you will receive an email with the setup link.',

  required: (label) => `The ${label} field is required.`,
  unconfirmed: (label) => `The ${label} confirmation does not match.`,
  field: {
    required: (label) => `The ${label} field is required.`,
    type: (label) => `The ${label} field is invalid.`,
    email: (label) => `The ${label} field must be a valid email address.`,
    phone: (label) => `The ${label} field must be a valid phone number.`,
    unavailable: (label) => `The ${label} field cannot be used.`,
    too_short: (label) => `The ${label} field is too short.`,
    too_long: (label) => `The ${label} field is too long.`,
    malformed: (label) => `The ${label} field is invalid.`,
  },

  credentials: 'The provided credentials are incorrect.',
  emailNotVerified: 'Your email address is not verified.',
  emailTaken: 'The email has already been taken.',
  currentPassword: 'The current password is incorrect.',
  password: {
    too_short: (minimum) => `The password must be at least ${minimum} characters.`,
    too_long: () => 'The password must not be longer than 1024 bytes.',
    common: () => commonEn,
    personal: () => commonEn,
    guessable: () => commonEn,
    malformed: () => 'The password holds characters that cannot be used.',
  },
  resetToken: 'This password reset token is invalid.',
  captchaRequired: 'The reCAPTCHA verification is required.',
  captchaFailed: 'The reCAPTCHA verification failed. Please try again.',
  setUp: {
    unknown: 'This password setup link is invalid.',
    noAccount: 'User not found.',
    expired: 'This password setup link has expired. Please contact your administrator to request a new one.',
    done: 'You have already set up your password. Please log in.',
  },
  loginClosed: 'Login is currently disabled. Please contact your administrator.',
};

/** The fields whose names are known in French; the others are called what they are called in the body. */
const FRENCH: Record<string, string> = {
  'current password': 'mot de passe actuel',
  'new password': 'nouveau mot de passe',
};
const inFrench = (label: string): string => FRENCH[label] ?? label;

const fr: Words = {
  ...untranslated,
  localeUpdated: 'Préférence de langue mise à jour avec succès.',
  siteUpdated: 'Site actif mis à jour avec succès.',
  passwordUpdated: 'Mot de passe mis à jour avec succès.',
  resetRequested: 'Nous vous avons envoyé un lien de réinitialisation de mot de passe par email.',
  resetDone: 'Votre mot de passe a été réinitialisé.',
  setUpDone: 'Votre mot de passe a été configuré avec succès. Vous pouvez maintenant vous connecter.',
  setUpSent:
    "Si un compte existe avec cette adresse email et n'a pas encore de mot de passe configuré, vous recevrez un email avec le lien de configuration.",

  required: (label) => `Le champ ${inFrench(label)} est obligatoire.`,
  unconfirmed: (label) => `La confirmation du ${inFrench(label)} ne correspond pas.`,
  field: {
    required: (label) => `Le champ ${inFrench(label)} est obligatoire.`,
    type: (label) => `Le champ ${inFrench(label)} n'est pas valide.`,
    email: (label) => `Le champ ${inFrench(label)} doit être une adresse e-mail valide.`,
    phone: (label) => `Le champ ${inFrench(label)} doit être un numéro de téléphone valide.`,
    unavailable: (label) => `Le champ ${inFrench(label)} ne peut pas être utilisé.`,
    too_short: (label) => `Le champ ${inFrench(label)} est trop court.`,
    too_long: (label) => `Le champ ${inFrench(label)} est trop long.`,
    malformed: (label) => `Le champ ${inFrench(label)} n'est pas valide.`,
  },

  credentials: 'Ces identifiants sont incorrects.',
  emailNotVerified: "Votre adresse e-mail n'est pas vérifiée.",
  emailTaken: 'Cette adresse email est déjà utilisée.',
  currentPassword: 'Le mot de passe actuel est incorrect.',
  password: {
    too_short: (minimum) => `Le password doit contenir au moins ${minimum} caractères.`,
    too_long: () => 'Le mot de passe ne doit pas dépasser 1024 octets.',
    common: () => commonFr,
    personal: () => commonFr,
    guessable: () => commonFr,
    malformed: () => 'Le mot de passe contient des caractères qui ne peuvent pas être utilisés.',
  },
  resetToken: 'Ce jeton de réinitialisation de mot de passe est invalide.',
  captchaRequired: 'La vérification reCAPTCHA est requise.',
  captchaFailed: 'La vérification reCAPTCHA a échoué. Veuillez réessayer.',
  setUp: {
    unknown: 'Ce lien de création de mot de passe est invalide.',
    noAccount: 'Utilisateur non trouvé.',
    expired:
      'Ce lien de création de mot de passe a expiré. Veuillez contacter votre administrateur pour en demander un nouveau.',
    done: 'Vous avez déjà configuré votre mot de passe. Veuillez vous connecter.',
  },
  loginClosed: 'La connexion est actuellement désactivée. Veuillez contacter votre administrateur.',
};

export const words: Record<'en' | 'fr', Words> = { en, fr };
