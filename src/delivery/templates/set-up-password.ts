import type { LetterIn } from './letter.ts';

export const setUpPassword: LetterIn = {
  page: '/set-up-password',
  en: (service) => ({
    subject: 'Choose the password of your account',
    opening: [
      `A ${service} account was made for you with this address. Choose its password, and it is ready: that also confirms that the address is yours.`,
    ],
    button: 'Choose my password',
    closing: [
      'The link works once, for 24 hours. Do not forward this message: whoever has the link can choose the password.',
      'You did not expect an account? Then simply ignore this message: nobody can sign in with a password that was never chosen.',
    ],
  }),
  fr: (service) => ({
    subject: 'Choisissez le mot de passe de votre compte',
    opening: [
      `Un compte ${service} a été créé pour vous avec cette adresse. Choisissez son mot de passe et il sera prêt : vous confirmez ainsi que l’adresse est bien la vôtre.`,
    ],
    button: 'Choisir mon mot de passe',
    closing: [
      'Ce lien sert une seule fois, pendant 24 heures. Ne transférez pas ce message : qui a le lien peut choisir le mot de passe.',
      'Vous n’attendiez pas de compte ? Ignorez simplement ce message : personne ne peut se connecter avec un mot de passe qui n’a jamais été choisi.',
    ],
  }),
};
