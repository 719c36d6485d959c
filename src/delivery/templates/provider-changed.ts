import type { Messages } from '../../core/message.ts';
import { plainLine } from '../plain-text.ts';
import type { Letter, LetterIn } from './letter.ts';

type Facts = Messages['provider_changed'];

/** Those whose own spelling is known; another issuer's name is the operator's, with a capital. */
const NAMES: Readonly<Record<string, string>> = { github: 'GitHub', google: 'Google' };

function shownName(provider: string): string {
  if (Object.hasOwn(NAMES, provider)) return String(NAMES[provider]);
  const name = plainLine(provider);
  return name.charAt(0).toUpperCase() + name.slice(1);
}

// Joining happens at a sign-in and not in a session: whoever did it may have nothing but the other account, and a
// changed password does not take that away.
const EN: Record<Facts['change'], (service: string, provider: string) => Letter> = {
  linked: (service, provider) => ({
    subject: `Signing in with ${provider} was turned on`,
    opening: [`From now on, a ${provider} account can sign in to your ${service} account: it has just been linked.`],
    closing: [
      'If it was you, there is nothing to do.',
      `It wasn’t you? Then somebody is signed in to your account: change your password at once, and unlink ${provider}.`,
    ],
  }),
  joined: (service, provider) => ({
    subject: `First sign-in with ${provider}`,
    opening: [
      `Somebody has just signed in to your ${service} account with ${provider} for the first time. ${provider} vouched for your e-mail address, so the two are linked from now on.`,
    ],
    closing: [
      'If it was you, there is nothing to do.',
      `It wasn’t you? Then somebody has a ${provider} account with your address: sign in, unlink ${provider} and end every other session. Then make sure that nobody else reads your e-mail.`,
    ],
  }),
  unlinked: (service, provider) => ({
    subject: `Signing in with ${provider} was turned off`,
    opening: [`A ${provider} account was unlinked from your ${service} account: it can no longer sign in to it.`],
    closing: [
      'If it was you, there is nothing to do.',
      'It wasn’t you? Then somebody is signed in to your account: change your password at once.',
    ],
  }),
};

const FR: typeof EN = {
  linked: (service, provider) => ({
    subject: `Connexion avec ${provider} activée`,
    opening: [
      `Désormais, un compte ${provider} permet de se connecter à votre compte ${service} : il vient de lui être associé.`,
    ],
    closing: [
      'Si c’était vous, vous n’avez rien à faire.',
      `Ce n’était pas vous ? Quelqu’un est alors connecté à votre compte : changez votre mot de passe sans attendre, et dissociez ${provider}.`,
    ],
  }),
  joined: (service, provider) => ({
    subject: `Première connexion avec ${provider}`,
    opening: [
      `Quelqu’un vient de se connecter à votre compte ${service} avec ${provider} pour la première fois. ${provider} s’est porté garant de votre adresse e-mail : les deux comptes sont désormais associés.`,
    ],
    closing: [
      'Si c’était vous, vous n’avez rien à faire.',
      `Ce n’était pas vous ? Quelqu’un a alors un compte ${provider} à votre adresse : connectez-vous, dissociez ${provider} et mettez fin à toutes les autres sessions. Assurez-vous ensuite que personne d’autre ne lit vos e-mails.`,
    ],
  }),
  unlinked: (service, provider) => ({
    subject: `Connexion avec ${provider} désactivée`,
    opening: [`Un compte ${provider} a été dissocié de votre compte ${service} : il ne permet plus de s’y connecter.`],
    closing: [
      'Si c’était vous, vous n’avez rien à faire.',
      'Ce n’était pas vous ? Quelqu’un est alors connecté à votre compte : changez votre mot de passe sans attendre.',
    ],
  }),
};

export const providerChanged: LetterIn<Facts> = {
  page: null,
  en: (service, { change, provider }) => EN[change](service, shownName(provider)),
  fr: (service, { change, provider }) => FR[change](service, shownName(provider)),
};
