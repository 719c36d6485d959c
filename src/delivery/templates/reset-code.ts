import type { DeliveredCode } from '../../core/message.ts';
import type { LetterIn, SmsIn } from './letter.ts';

const sms: SmsIn<DeliveredCode> = {
  en: (service, { code, minutes }) =>
    `${code} is the code for a new ${service} password, valid for ${minutes} minutes. Never share it. Not you? Ignore this message.`,
  fr: (service, { code, minutes }) =>
    `${code} : le code pour changer de mot de passe ${service}, valable ${minutes} minutes. Ne le donnez à personne. Pas vous ? Ignorez ce message.`,
};

export const resetCode = {
  page: null,
  sms,
  en: (service, { minutes }) => ({
    subject: 'Your code for a new password',
    opening: [`You asked for a new password for your ${service} account. Enter this code to choose it:`],
    closing: [
      `It works once, for ${minutes} minutes. Never share it, not even with somebody who says they are from ${service}.`,
      'Once the password is changed, every device is signed out.',
      'It wasn’t you? Then simply ignore this message: your password stays as it is.',
    ],
  }),
  fr: (service, { minutes }) => ({
    subject: 'Votre code pour changer de mot de passe',
    opening: [
      `Vous avez demandé un nouveau mot de passe pour votre compte ${service}. Saisissez ce code pour le choisir :`,
    ],
    closing: [
      `Il sert une seule fois, pendant ${minutes} minutes. Ne le donnez à personne, pas même à quelqu’un qui dit travailler pour ${service}.`,
      'Une fois le mot de passe changé, tous vos appareils seront déconnectés.',
      'Ce n’était pas vous ? Ignorez simplement ce message : votre mot de passe reste le même.',
    ],
  }),
} satisfies LetterIn<DeliveredCode>;
