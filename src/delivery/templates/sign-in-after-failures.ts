import type { LetterIn } from './letter.ts';

export const signInAfterFailures: LetterIn = {
  page: null,
  en: (service) => ({
    subject: 'A sign-in after several wrong passwords',
    opening: [`Somebody has signed in to your ${service} account with the right password, after several wrong ones.`],
    closing: [
      'If it was you, there is nothing to do.',
      'It wasn’t you? Then somebody knows your password: change it now.',
    ],
  }),
  fr: (service) => ({
    subject: 'Une connexion après plusieurs mots de passe erronés',
    opening: [`Quelqu’un s’est connecté à votre compte ${service} avec le bon mot de passe, après plusieurs erreurs.`],
    closing: [
      'Si c’était vous, vous n’avez rien à faire.',
      'Ce n’était pas vous ? Quelqu’un connaît alors votre mot de passe : changez-le sans attendre.',
    ],
  }),
};
