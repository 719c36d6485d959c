import type { LetterIn } from './letter.ts';

export const recoveryCodesRenewed: LetterIn = {
  page: null,
  en: (service) => ({
    subject: 'New recovery codes were made',
    opening: [
      `New recovery codes have just been made for your ${service} account. All the former ones stopped working.`,
    ],
    closing: [
      'If it was you, keep the new codes in a safe place and throw the old ones away.',
      'It wasn’t you? Then somebody is signed in to your account: change your password at once, and make new codes.',
    ],
  }),
  fr: (service) => ({
    subject: 'De nouveaux codes de secours ont été créés',
    opening: [
      `De nouveaux codes de secours viennent d’être créés pour votre compte ${service}. Tous les anciens ont cessé de fonctionner.`,
    ],
    closing: [
      'Si c’était vous, gardez les nouveaux codes en lieu sûr et jetez les anciens.',
      'Ce n’était pas vous ? Quelqu’un est alors connecté à votre compte : changez votre mot de passe sans attendre, et créez de nouveaux codes.',
    ],
  }),
};
