import type { LetterIn } from './letter.ts';

export const verifyEmail: LetterIn = {
  page: '/verify-email',
  en: (service) => ({
    subject: 'Confirm your e-mail address',
    opening: [`Welcome to ${service}! Please confirm that this address is yours.`],
    button: 'Confirm my address',
    closing: [
      'The link works for 24 hours.',
      'You did not create an account? Then simply ignore this message: the address stays unconfirmed.',
    ],
  }),
  fr: (service) => ({
    subject: 'Confirmez votre adresse e-mail',
    opening: [`Bienvenue sur ${service} ! Merci de confirmer que cette adresse est bien la vôtre.`],
    button: 'Confirmer mon adresse',
    closing: [
      'Ce lien est valable 24 heures.',
      'Vous n’avez pas créé de compte ? Ignorez simplement ce message : l’adresse ne sera pas confirmée.',
    ],
  }),
};
