import type { LetterIn, SmsIn } from './letter.ts';

const sms: SmsIn<unknown> = {
  en: (service) =>
    `Your ${service} account was deleted, and every device is signed out. Not you? Write to those who run ${service}.`,
  fr: (service) =>
    `Votre compte ${service} a été supprimé, et tous vos appareils sont déconnectés. Pas vous ? Écrivez à ceux qui gèrent ${service}.`,
};

export const accountDeleted = {
  page: null,
  sms,
  en: (service) => ({
    subject: 'Your account was deleted',
    opening: [`Your ${service} account has just been deleted, and every device is signed out.`],
    closing: [
      'If it was you, there is nothing to do. You can register again with this address after 24 hours.',
      `It wasn’t you? Write to those who run ${service}.`,
    ],
  }),
  fr: (service) => ({
    subject: 'Votre compte a été supprimé',
    opening: [`Votre compte ${service} vient d’être supprimé, et tous les appareils sont déconnectés.`],
    closing: [
      'Si c’était vous, vous n’avez rien à faire. Vous pourrez vous réinscrire avec cette adresse après 24 heures.',
      `Ce n’était pas vous ? Écrivez à ceux qui gèrent ${service}.`,
    ],
  }),
} satisfies LetterIn;
