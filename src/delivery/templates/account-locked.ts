import type { LetterIn } from './letter.ts';

export const accountLocked: LetterIn = {
  page: '/unlock',
  en: (service) => ({
    subject: 'Too many wrong passwords on your account',
    opening: [
      `Several wrong passwords in a row were tried on your ${service} account. To protect it, signing in with the password is paused for a while.`,
      'If it was you, you need not wait:',
    ],
    button: 'Unlock my account',
    closing: [
      'The link works for 24 hours. The pause also ends by itself.',
      'It wasn’t you? Your password was not guessed, and you need do nothing. If you use it elsewhere too, choose another one for this account.',
    ],
  }),
  fr: (service) => ({
    subject: 'Trop de mots de passe erronés sur votre compte',
    opening: [
      `Plusieurs mots de passe erronés ont été essayés de suite sur votre compte ${service}. Pour le protéger, la connexion par mot de passe est suspendue pendant un moment.`,
      'Si c’était vous, inutile d’attendre :',
    ],
    button: 'Débloquer mon compte',
    closing: [
      'Ce lien est valable 24 heures. La suspension prend aussi fin d’elle-même.',
      'Ce n’était pas vous ? Votre mot de passe n’a pas été deviné et vous n’avez rien à faire. Si vous l’utilisez aussi ailleurs, choisissez-en un autre pour ce compte.',
    ],
  }),
};
