import type { LetterIn } from './letter.ts';

export const changeEmail: LetterIn = {
  page: '/change-email',
  en: (service) => ({
    subject: 'Confirm your new e-mail address',
    opening: [`Please confirm that this address should become the one of your ${service} account.`],
    button: 'Confirm my new address',
    closing: [
      'The link works for 1 hour. Until you confirm, the account keeps its former address.',
      'You know nothing of this? Then simply ignore this message: nothing changes.',
    ],
  }),
  fr: (service) => ({
    subject: 'Confirmez votre nouvelle adresse e-mail',
    opening: [`Merci de confirmer que cette adresse doit devenir celle de votre compte ${service}.`],
    button: 'Confirmer ma nouvelle adresse',
    closing: [
      'Ce lien est valable 1 heure. Sans votre confirmation, le compte garde son ancienne adresse.',
      'Vous n’avez rien demandé ? Ignorez simplement ce message : rien ne change.',
    ],
  }),
};
