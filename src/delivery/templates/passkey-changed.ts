import type { Messages } from '../../core/message.ts';
import type { Letter, LetterIn } from './letter.ts';

type Facts = Messages['passkey_changed'];

// What its owner calls the passkey stands among the circumstances, never in a sentence of ours.
const EN: Record<Facts['change'], (service: string) => Pick<Letter, 'subject' | 'opening'>> = {
  added: (service) => ({
    subject: 'A passkey was added',
    opening: [`A passkey has just been added to your ${service} account: whoever holds it can sign in with it.`],
  }),
  removed: (service) => ({
    subject: 'A passkey was removed',
    opening: [`A passkey has just been removed from your ${service} account: nobody can sign in with it any more.`],
  }),
  renamed: (service) => ({
    subject: 'A passkey was renamed',
    opening: [`A passkey of your ${service} account has just been given another name. It works as before.`],
  }),
};

const FR: typeof EN = {
  added: (service) => ({
    subject: 'Une clé d’accès a été ajoutée',
    opening: [
      `Une clé d’accès vient d’être ajoutée à votre compte ${service} : qui la détient peut se connecter avec elle.`,
    ],
  }),
  removed: (service) => ({
    subject: 'Une clé d’accès a été supprimée',
    opening: [
      `Une clé d’accès vient d’être supprimée de votre compte ${service} : personne ne peut plus se connecter avec elle.`,
    ],
  }),
  renamed: (service) => ({
    subject: 'Une clé d’accès a été renommée',
    opening: [`Une clé d’accès de votre compte ${service} vient de changer de nom. Elle fonctionne comme avant.`],
  }),
};

export const passkeyChanged: LetterIn<Facts> = {
  page: null,
  en: (service, { change }) => ({
    ...EN[change](service),
    closing: [
      'If it was you, there is nothing to do.',
      'It wasn’t you? Then somebody is signed in to your account: change your password at once, and remove every passkey that is not yours.',
    ],
  }),
  fr: (service, { change }) => ({
    ...FR[change](service),
    closing: [
      'Si c’était vous, vous n’avez rien à faire.',
      'Ce n’était pas vous ? Quelqu’un est alors connecté à votre compte : changez votre mot de passe sans attendre, et supprimez toute clé d’accès qui n’est pas la vôtre.',
    ],
  }),
};
