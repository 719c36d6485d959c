import type { Messages } from '../../core/message.ts';
import type { LetterIn, SmsIn } from './letter.ts';

type Facts = Messages['identifier_changed'];

const sms: SmsIn<Facts> = {
  en: (service, { kind }) =>
    `The ${kind === 'email' ? 'e-mail address' : 'phone number'} of your ${service} account was changed. Not you? Change your password now.`,
  fr: (service, { kind }) =>
    `${kind === 'email' ? "L'adresse e-mail" : 'Le numéro'} de votre compte ${service} vient de changer. Pas vous ? Changez de mot de passe sans attendre.`,
};

export const identifierChanged = {
  page: null,
  sms,
  en: (service, { kind }) => {
    const what = kind === 'email' ? 'e-mail address' : 'phone number';
    return {
      subject: `Your ${what} was changed`,
      opening: [`The ${what} of your ${service} account has just been changed.`],
      closing: [
        'If it was you, there is nothing to do.',
        `It wasn’t you? Then change your password at once. If you can no longer sign in, write to those who run ${service}.`,
      ],
    };
  },
  fr: (service, { kind }) => {
    const email = kind === 'email';
    return {
      subject: email ? 'Votre adresse e-mail a été changée' : 'Votre numéro de téléphone a été changé',
      opening: [
        `${email ? 'L’adresse e-mail' : 'Le numéro de téléphone'} de votre compte ${service} vient de changer.`,
      ],
      closing: [
        'Si c’était vous, vous n’avez rien à faire.',
        `Ce n’était pas vous ? Changez votre mot de passe sans attendre. Si vous ne pouvez plus vous connecter, écrivez à ceux qui gèrent ${service}.`,
      ],
    };
  },
} satisfies LetterIn<Facts>;
