import type { LetterIn } from './letter.ts';

export const passkeyCloned: LetterIn = {
  page: null,
  en: (service) => ({
    subject: 'A passkey was refused',
    opening: [
      `Somebody tried to sign in to your ${service} account with one of your passkeys. It was refused: the security key counts its uses, and this count had gone back. There may be a copy of it.`,
    ],
    closing: ['Remove that passkey from your account, and add another one.'],
  }),
  fr: (service) => ({
    subject: 'Une clé d’accès a été refusée',
    opening: [
      `Quelqu’un a essayé de se connecter à votre compte ${service} avec l’une de vos clés d’accès. Elle a été refusée : la clé de sécurité compte ses utilisations, et ce compte avait reculé. Il en existe peut-être une copie.`,
    ],
    closing: ['Retirez cette clé d’accès de votre compte, et ajoutez-en une autre.'],
  }),
};
