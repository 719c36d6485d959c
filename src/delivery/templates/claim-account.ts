import type { LetterIn } from './letter.ts';

export const claimAccount: LetterIn = {
  page: '/reset-password',
  en: (service) => ({
    subject: 'A sign-up with your e-mail address',
    opening: [
      `Somebody has just tried to create a ${service} account with this address. One exists already, but nobody ever confirmed it.`,
      'If it was you, choose a password: the account becomes yours, and whatever was in it before is removed.',
    ],
    button: 'Choose my password',
    closing: ['The link works for 1 hour.', 'It wasn’t you? Then simply ignore this message: nothing changes.'],
  }),
  fr: (service) => ({
    subject: 'Une inscription avec votre adresse e-mail',
    opening: [
      `Quelqu’un vient d’essayer de créer un compte ${service} avec cette adresse. Il en existe déjà un, mais personne ne l’a jamais confirmé.`,
      'Si c’était vous, choisissez un mot de passe : le compte deviendra le vôtre, et ce qu’il contenait auparavant sera supprimé.',
    ],
    button: 'Choisir mon mot de passe',
    closing: ['Ce lien est valable 1 heure.', 'Ce n’était pas vous ? Ignorez simplement ce message : rien ne change.'],
  }),
};
