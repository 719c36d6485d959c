import type { DeliveredCode } from '../../core/message.ts';
import type { LetterIn, SmsIn } from './letter.ts';

const sms: SmsIn<DeliveredCode> = {
  en: (service, { code, minutes }) =>
    `${code} is the code that confirms your ${service} account, valid for ${minutes} minutes. Never share it.`,
  fr: (service, { code, minutes }) =>
    `${code} : le code pour confirmer votre compte ${service}, valable ${minutes} minutes. Ne le donnez à personne.`,
};

export const confirmationCode = {
  page: null,
  sms,
  en: (service, { minutes }) => ({
    subject: 'Your confirmation code',
    opening: [`Welcome to ${service}! Please enter this code to confirm that this address is yours:`],
    closing: [
      `It works once, for ${minutes} minutes. Never share it with anybody.`,
      'You did not create an account? Then simply ignore this message: the address stays unconfirmed.',
    ],
  }),
  fr: (service, { minutes }) => ({
    subject: 'Votre code de confirmation',
    opening: [
      `Bienvenue sur ${service} ! Merci de saisir ce code pour confirmer que cette adresse est bien la vôtre :`,
    ],
    closing: [
      `Il sert une seule fois, pendant ${minutes} minutes. Ne le donnez à personne.`,
      'Vous n’avez pas créé de compte ? Ignorez simplement ce message : l’adresse ne sera pas confirmée.',
    ],
  }),
} satisfies LetterIn<DeliveredCode>;
