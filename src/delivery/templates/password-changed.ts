import type { LetterIn } from './letter.ts';

export const passwordChanged: LetterIn = {
  page: null,
  en: (service) => ({
    subject: 'Your password was changed',
    opening: [`The password of your ${service} account has just been changed.`],
    closing: [
      'If it was you, there is nothing to do.',
      'It wasn’t you? On the sign-in page, press “Forgot password” at once and choose a new one: every device is signed out then.',
    ],
  }),
  fr: (service) => ({
    subject: 'Votre mot de passe a été changé',
    opening: [`Le mot de passe de votre compte ${service} vient d’être changé.`],
    closing: [
      'Si c’était vous, vous n’avez rien à faire.',
      'Ce n’était pas vous ? Sur la page de connexion, choisissez sans attendre « Mot de passe oublié » et définissez-en un nouveau : tous les appareils seront alors déconnectés.',
    ],
  }),
};
