import type { LetterIn } from './letter.ts';

export const magicLink: LetterIn = {
  page: '/magic-link',
  en: (service) => ({
    subject: 'Your sign-in link',
    opening: [`You asked for a link that signs you in to ${service}.`],
    button: 'Sign in',
    closing: [
      'The link works once, for 10 minutes. Do not forward this message: whoever has the link can sign in as you.',
      'It wasn’t you? Then simply ignore this message: nobody can sign in without the link.',
    ],
  }),
  fr: (service) => ({
    subject: 'Votre lien de connexion',
    opening: [`Vous avez demandé un lien pour vous connecter à ${service}.`],
    button: 'Me connecter',
    closing: [
      'Ce lien sert une seule fois, pendant 10 minutes. Ne transférez pas ce message : qui a le lien peut se connecter à votre place.',
      'Ce n’était pas vous ? Ignorez simplement ce message : personne ne peut se connecter sans ce lien.',
    ],
  }),
};
