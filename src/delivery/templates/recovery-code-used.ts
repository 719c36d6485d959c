import type { Messages } from '../../core/message.ts';
import type { LetterIn } from './letter.ts';

/** At so few, one lost sheet of paper shuts the owner out. */
const FEW = 3;

export const recoveryCodeUsed: LetterIn<Messages['recovery_code_used']> = {
  page: null,
  en: (service, { left }) => ({
    subject: 'A recovery code was used',
    opening: [
      `One of the recovery codes of your ${service} account has just been used in place of the second step.`,
      left === 0
        ? 'It was the last one: make new ones now.'
        : `${left === 1 ? '1 code is' : `${left} codes are`} left.${left <= FEW ? ' Better make new ones now.' : ''}`,
    ],
    closing: [
      'If it was you, there is nothing else to do.',
      'It wasn’t you? Then somebody has your password and your codes: change the password at once, and make new codes.',
    ],
  }),
  fr: (service, { left }) => ({
    subject: 'Un code de secours a été utilisé',
    opening: [
      `L’un des codes de secours de votre compte ${service} vient d’être utilisé à la place de la seconde étape.`,
      left === 0
        ? 'C’était le dernier : créez-en de nouveaux dès maintenant.'
        : `Il vous en reste ${left}.${left <= FEW ? ' Mieux vaut en créer de nouveaux dès maintenant.' : ''}`,
    ],
    closing: [
      'Si c’était vous, vous n’avez rien d’autre à faire.',
      'Ce n’était pas vous ? Quelqu’un a alors votre mot de passe et vos codes : changez le mot de passe sans attendre, et créez de nouveaux codes.',
    ],
  }),
};
