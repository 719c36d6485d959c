import type { DeliveredCode } from '../../core/message.ts';
import type { LetterIn, SmsIn } from './letter.ts';

const sms: SmsIn<DeliveredCode> = {
  en: (service, { code, minutes }) =>
    `${code} is the code that turns on two-step sign-in for ${service}, valid for ${minutes} minutes. Never share it. Not you? Change your password.`,
  fr: (service, { code, minutes }) =>
    `${code} : le code pour activer la double vérification ${service}, valable ${minutes} minutes. Ne le donnez à personne. Pas vous ? Changez de mot de passe.`,
};

export const factorCode = {
  page: null,
  sms,
  en: (service, { minutes }) => ({
    subject: 'Turn on two-step sign-in',
    opening: [
      `You asked for codes by e-mail as the second step of signing in to ${service}. Enter this first one to turn them on:`,
    ],
    closing: [
      `It works once, for ${minutes} minutes. Never share it with anybody.`,
      'It wasn’t you? Then somebody is signed in to your account: change your password now.',
    ],
  }),
  fr: (service, { minutes }) => ({
    subject: 'Activez la connexion en deux étapes',
    opening: [
      `Vous avez choisi les codes par e-mail comme seconde étape de connexion à ${service}. Saisissez ce premier code pour les activer :`,
    ],
    closing: [
      `Il sert une seule fois, pendant ${minutes} minutes. Ne le donnez à personne.`,
      'Ce n’était pas vous ? Quelqu’un est alors connecté à votre compte : changez votre mot de passe sans attendre.',
    ],
  }),
} satisfies LetterIn<DeliveredCode>;
