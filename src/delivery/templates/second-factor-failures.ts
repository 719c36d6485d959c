import type { LetterIn } from './letter.ts';

export const secondFactorFailures: LetterIn = {
  page: null,
  en: (service) => ({
    subject: 'Wrong codes at your second sign-in step',
    opening: [
      `Somebody passed the first step of signing in to your ${service} account, and then entered several wrong codes.`,
    ],
    closing: [
      'If it was you, there is nothing to do.',
      'It wasn’t you? Then somebody may know your password: change it now.',
    ],
  }),
  fr: (service) => ({
    subject: 'Codes erronés à la seconde étape de connexion',
    opening: [
      `Quelqu’un a passé la première étape de connexion à votre compte ${service}, puis a saisi plusieurs codes erronés.`,
    ],
    closing: [
      'Si c’était vous, vous n’avez rien à faire.',
      'Ce n’était pas vous ? Quelqu’un connaît peut-être votre mot de passe : changez-le sans attendre.',
    ],
  }),
};
