import type { LetterIn } from './letter.ts';

export const resetPassword: LetterIn = {
  page: '/reset-password',
  en: (service) => ({
    subject: 'Choose a new password',
    opening: [`You asked for a new password for your ${service} account.`],
    button: 'Choose a new password',
    closing: [
      'The link works for 1 hour. Once the password is changed, every device is signed out.',
      'It wasn’t you? Then simply ignore this message: your password stays as it is.',
    ],
  }),
  fr: (service) => ({
    subject: 'Choisissez un nouveau mot de passe',
    opening: [`Vous avez demandé un nouveau mot de passe pour votre compte ${service}.`],
    button: 'Choisir un nouveau mot de passe',
    closing: [
      'Ce lien est valable 1 heure. Une fois le mot de passe changé, tous vos appareils seront déconnectés.',
      'Ce n’était pas vous ? Ignorez simplement ce message : votre mot de passe reste le même.',
    ],
  }),
};
