import type { DeliveredCode } from '../../core/message.ts';
import type { LetterIn, SmsIn } from './letter.ts';

const sms: SmsIn<DeliveredCode> = {
  en: (service, { code, minutes }) =>
    `${code} is your ${service} sign-in code, valid for ${minutes} minutes. Never share it. Not you? Change your password.`,
  fr: (service, { code, minutes }) =>
    `${code} : votre code de connexion ${service}, valable ${minutes} minutes. Ne le donnez à personne. Pas vous ? Changez de mot de passe.`,
};

export const signInCode = {
  page: null,
  sms,
  en: (service, { minutes }) => ({
    subject: 'Your sign-in code',
    opening: [`Here is the code that completes your sign-in to ${service}:`],
    closing: [
      `It works once, for ${minutes} minutes. Never share it, not even with somebody who says they are from ${service}.`,
      'You are not signing in? Then somebody may know your password: change it now.',
    ],
  }),
  fr: (service, { minutes }) => ({
    subject: 'Votre code de connexion',
    opening: [`Voici le code qui termine votre connexion à ${service} :`],
    closing: [
      `Il sert une seule fois, pendant ${minutes} minutes. Ne le donnez à personne, pas même à quelqu’un qui dit travailler pour ${service}.`,
      'Vous n’êtes pas en train de vous connecter ? Quelqu’un connaît peut-être votre mot de passe : changez-le sans attendre.',
    ],
  }),
} satisfies LetterIn<DeliveredCode>;
