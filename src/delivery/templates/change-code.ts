import type { DeliveredCode } from '../../core/message.ts';
import type { LetterIn, SmsIn } from './letter.ts';

const sms: SmsIn<DeliveredCode> = {
  en: (service, { code, minutes }) =>
    `${code} is the code that adds this number to a ${service} account, valid for ${minutes} minutes. Never share it. Not you? Ignore this message.`,
  fr: (service, { code, minutes }) =>
    `${code} : le code pour ajouter ce numéro à un compte ${service}, valable ${minutes} minutes. Ne le donnez à personne. Pas vous ? Ignorez ce message.`,
};

export const changeCode = {
  page: null,
  sms,
  en: (service, { minutes }) => ({
    subject: 'Confirm your new e-mail address',
    opening: [`Enter this code to make this address the one of your ${service} account:`],
    closing: [
      `It works once, for ${minutes} minutes. Never share it with anybody.`,
      'You did not ask for this? Then simply ignore this message: nothing changes.',
    ],
  }),
  fr: (service, { minutes }) => ({
    subject: 'Confirmez votre nouvelle adresse e-mail',
    opening: [`Saisissez ce code pour que cette adresse devienne celle de votre compte ${service} :`],
    closing: [
      `Il sert une seule fois, pendant ${minutes} minutes. Ne le donnez à personne.`,
      'Vous n’avez rien demandé ? Ignorez simplement ce message : rien ne change.',
    ],
  }),
} satisfies LetterIn<DeliveredCode>;
