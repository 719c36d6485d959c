import type { LetterIn } from './letter.ts';

export const sessionReplayed: LetterIn = {
  page: null,
  en: (service) => ({
    subject: 'We signed a device out of your account',
    opening: [
      `A key that keeps one of your devices signed in to ${service} was used a second time. Somebody may have copied it, so we ended that session.`,
    ],
    closing: [
      'If the device is yours, sign in again: nothing else is needed.',
      'You do not recognise it? Then change your password.',
    ],
  }),
  fr: (service) => ({
    subject: 'Un appareil a été déconnecté de votre compte',
    opening: [
      `Une clé qui maintient l’un de vos appareils connecté à ${service} a servi une seconde fois. Quelqu’un l’a peut-être copiée : nous avons donc mis fin à cette session.`,
    ],
    closing: [
      'Si l’appareil est le vôtre, reconnectez-vous : rien d’autre n’est nécessaire.',
      'Vous ne le reconnaissez pas ? Changez alors votre mot de passe.',
    ],
  }),
};
