import type { LetterIn } from './letter.ts';

export const passwordDisabled: LetterIn = {
  page: null,
  en: (service) => ({
    subject: 'Choose a new password to sign in',
    opening: [
      `Far too many wrong passwords or codes were tried on your ${service} account. To protect it, its password is now switched off.`,
    ],
    closing: [
      'To sign in with a password again, press “Forgot password” on the sign-in page and choose a new one.',
      'It wasn’t you? Choose a password that you use nowhere else.',
    ],
  }),
  fr: (service) => ({
    subject: 'Choisissez un nouveau mot de passe',
    opening: [
      `Beaucoup trop de mots de passe ou de codes erronés ont été essayés sur votre compte ${service}. Pour le protéger, son mot de passe ne fonctionne plus.`,
    ],
    closing: [
      'Pour vous connecter à nouveau par mot de passe, choisissez « Mot de passe oublié » sur la page de connexion et définissez-en un nouveau.',
      'Ce n’était pas vous ? Choisissez un mot de passe que vous n’utilisez nulle part ailleurs.',
    ],
  }),
};
