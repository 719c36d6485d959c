import type { LetterIn } from './letter.ts';

export const newDevice: LetterIn = {
  page: null,
  en: (service) => ({
    subject: 'A sign-in from a new device',
    opening: [`Your ${service} account has just been signed in to from a device that we had not seen before.`],
    closing: [
      'If it was you, there is nothing to do.',
      'It wasn’t you? Then change your password now: every other device is signed out.',
    ],
  }),
  fr: (service) => ({
    subject: 'Une connexion depuis un nouvel appareil',
    opening: [`Une connexion à votre compte ${service} vient d’avoir lieu depuis un appareil encore inconnu.`],
    closing: [
      'Si c’était vous, vous n’avez rien à faire.',
      'Ce n’était pas vous ? Changez alors votre mot de passe sans attendre : tous les autres appareils seront déconnectés.',
    ],
  }),
};
