import type { Locale } from '../core/account.ts';
import type { PasswordFlaw } from '../core/failure.ts';
import { frenchSpacing } from '../delivery/plain-text.ts';
import type { LinkPath } from './contract.ts';

/** What happened, and what to do next. */
export interface Advice {
  title: string;
  text: string;
}

/** Every text of the pages in one language. */
export interface Words {
  locale: Locale;

  landing: { what: string; lost: string; docs: string; docsWhat: string; mailbox: string; mailboxWhat: string };

  verify: {
    title: string;
    made: string;
    when: string;
    browser: string;
    address: string;
    addressUnknown: string;
    by: string;
    operator: string;
    confirm: string;
    notMine: string;
    disown: string;
  };
  verified: Advice;
  disowned: Advice;

  newPassword: { hint: (minimum: number) => string; show: string };
  reset: { title: string; account: string; password: string; ends: string; save: string };
  setUp: { title: string; account: string; password: string; save: string };
  setUpDone: Advice;
  alreadySetUp: Advice;
  flaw: Record<PasswordFlaw, (minimum: number) => string>;
  resetDone: Advice;

  magicLink: { title: string; account: string; onward: string; code: string; signIn: string; notMine: string };
  oneTimeCode: Advice & { copy: string; copied: string; warning: string };

  changeEmail: { title: string; address: string; confirm: string; notMine: string };
  emailChanged: Advice;
  addressTaken: Advice;

  unlock: { title: string; paused: string; unlock: string; notMine: string };
  unlocked: Advice;

  deadLink: Advice & { next: Record<LinkPath, string> };
  linkIncomplete: Advice;
  formStale: Advice;
  foreignOrigin: Advice;
  notFound: Advice;
  methodNotAllowed: Advice;
  tooLarge: Advice;
  unreadable: Advice;
  notAForm: Advice;
  passwordRejected: string;
  rateLimited: { title: string; text: (seconds: number) => string };
  overloaded: Advice;
  unavailable: Advice;
  fault: Advice & { reference: string };
  again: string;
}

const en: Words = {
  locale: 'en',

  landing: {
    what: 'This is an authentication server: applications entrust it with the accounts of the people who use them.',
    lost: 'Looking for your account? Go back to the application that you came from, and sign in there.',
    docs: 'API reference',
    docsWhat: 'For those who connect an application.',
    mailbox: 'Development mailbox',
    mailboxWhat: 'The messages that would be sent by e-mail.',
  },

  verify: {
    title: 'Confirm your e-mail address',
    made: 'An account was made with this address:',
    when: 'When',
    browser: 'Browser',
    address: 'Network address',
    addressUnknown: 'unknown',
    by: 'Made by',
    operator: 'an operator of this service',
    confirm: 'Confirm my address',
    notMine: 'If you did not make this account, have it removed: nobody has confirmed it yet.',
    disown: 'This wasn’t me',
  },
  verified: { title: 'Address confirmed', text: 'You can go back to the application and sign in.' },
  disowned: {
    title: 'Thank you for telling us',
    text: 'No unconfirmed account uses your address any more. You need do nothing else.',
  },

  newPassword: {
    hint: (minimum) => `At least ${minimum} characters. A few unrelated words make a good one.`,
    show: 'Show the password',
  },
  reset: {
    title: 'Choose a new password',
    account: 'For the account:',
    password: 'New password',
    ends: 'Once it is saved, all your devices are signed out.',
    save: 'Save the new password',
  },
  setUp: {
    title: 'Choose your password',
    account: 'An account was made for you. Choosing a password also confirms its address:',
    password: 'Password',
    save: 'Save my password',
  },
  setUpDone: {
    title: 'Your account is ready',
    text: 'Your password is saved and your address confirmed. Go to the application and sign in with them.',
  },
  alreadySetUp: {
    title: 'You already have a password',
    text: 'There is nothing else to do: go to the application and sign in. If you forgot your password, ask for a new one there.',
  },
  flaw: {
    too_short: (minimum) => `This password is too short: it takes at least ${minimum} characters.`,
    too_long: () => 'This password is too long: 250 characters are always accepted.',
    common: () => 'This password is among the most common ones. Choose another.',
    personal: () => 'This password is made of your name or your address. Choose another.',
    guessable: () => 'This password is too easy to guess. Choose a longer one, or a few unrelated words.',
    malformed: () => 'This password contains characters that cannot be typed. Choose another.',
  },
  resetDone: {
    title: 'Password changed',
    text: 'All your devices were signed out. Go back to the application and sign in with the new password.',
  },

  magicLink: {
    title: 'Sign in',
    account: 'This link signs you in to the account:',
    onward: 'You then go on to:',
    code: 'You are then shown a code for the application where you asked for the link.',
    signIn: 'Sign in',
    notMine: 'You did not ask for this link? Then simply close this page: nobody is signed in.',
  },
  oneTimeCode: {
    title: 'Your one-time code',
    text: 'Copy it into the application where you asked for the link. It works once, for 60 seconds.',
    copy: 'Copy the code',
    copied: 'The code is copied.',
    warning:
      'Give it only to the application where you asked for the link. Nobody else will ever ask you for it: whoever has it can sign in as you.',
  },

  changeEmail: {
    title: 'Confirm your new e-mail address',
    address: 'Once you confirm, this address becomes the one of your account:',
    confirm: 'Confirm my new address',
    notMine: 'You did not ask for this? Then do not confirm, and simply close this page: nothing changes.',
  },
  emailChanged: {
    title: 'Address changed',
    text: 'From now on, sign in with your new address. You can go back to the application.',
  },
  addressTaken: {
    title: 'This address has another account',
    text: 'It was given to it after this link was sent, so nothing was changed. Sign in to that account, or choose another address in the application.',
  },

  unlock: {
    title: 'Unlock your account',
    paused: 'After too many wrong passwords, signing in is paused for the account:',
    unlock: 'Unlock my account',
    notMine: 'If that wasn’t you, simply close this page: the pause ends by itself.',
  },
  unlocked: {
    title: 'Account unlocked',
    text: 'You can go back to the application and sign in. Password forgotten? Ask for a new one there.',
  },

  deadLink: {
    title: 'This link no longer works',
    text: 'It was used already, or it is too old.',
    next: {
      '/verify-email': 'If your address is confirmed, simply sign in; otherwise ask the application for a new link.',
      '/reset-password': 'Ask the application for a new one, and open the newest message.',
      '/set-up-password':
        'If you have chosen a password, simply sign in; otherwise ask those who made your account for a new link.',
      '/magic-link': 'Ask the application for a new one, and open the newest message.',
      '/change-email':
        'If your account has the new address, there is nothing else to do; otherwise ask the application for a new link.',
      '/unlock': 'The pause ends by itself. If you don’t want to wait, ask the application for a new password.',
    },
  },
  linkIncomplete: {
    title: 'This link is not complete',
    text: 'Open it once more from your e-mail. Nothing was changed, and the link was not used up.',
  },
  formStale: {
    title: 'Please try once more',
    text: 'The page was open for too long, or your browser keeps no cookies for this site. Nothing was changed.',
  },
  foreignOrigin: {
    title: 'This came from another site',
    text: 'It was refused, and nothing was changed. Open the link from your e-mail and use the page that appears.',
  },
  notFound: { title: 'There is nothing here', text: 'Check the address, or open the link from your e-mail again.' },
  methodNotAllowed: {
    title: 'This page opens in another way',
    text: 'Open the link from your e-mail and use the page that appears.',
  },
  tooLarge: { title: 'That was too much', text: 'Nothing was changed. Go back and enter something shorter.' },
  unreadable: { title: 'That could not be read', text: 'Nothing was changed. Go back and try again.' },
  notAForm: {
    title: 'That was not a form',
    text: 'Nothing was changed. Open the link from your e-mail and use the page that appears.',
  },
  passwordRejected: 'This password was not accepted',
  rateLimited: { title: 'Too many requests', text: (seconds) => `Please try again ${later('en', seconds)}.` },
  overloaded: {
    title: 'Too busy just now',
    text: 'Nothing was changed. Wait a few seconds, then try again.',
  },
  unavailable: {
    title: 'The service is not available just now',
    text: 'Wait a few seconds, then try again.',
  },
  fault: {
    title: 'Something went wrong here',
    text: 'It was recorded. Try again in a moment; if it goes on, tell those who run this service.',
    reference: 'Their reference:',
  },
  again: 'Try again',
};

const fr: Words = {
  locale: 'fr',

  landing: {
    what: 'Ceci est un serveur d’authentification : des applications lui confient les comptes de leurs utilisateurs.',
    lost: 'Vous cherchez votre compte ? Retournez dans l’application d’où vous venez et connectez-vous.',
    docs: 'Référence de l’API',
    docsWhat: 'Pour qui raccorde une application.',
    mailbox: 'Boîte aux lettres de développement',
    mailboxWhat: 'Les messages qui seraient envoyés par e-mail.',
  },

  verify: {
    title: 'Confirmez votre adresse e-mail',
    made: 'Un compte a été créé avec cette adresse :',
    when: 'Date',
    browser: 'Navigateur',
    address: 'Adresse réseau',
    addressUnknown: 'inconnue',
    by: 'Créé par',
    operator: 'un opérateur de ce service',
    confirm: 'Confirmer mon adresse',
    notMine: 'Si vous n’avez pas créé ce compte, faites-le supprimer : personne ne l’a encore confirmé.',
    disown: 'Ce n’était pas moi',
  },
  verified: { title: 'Adresse confirmée', text: 'Vous pouvez retourner dans l’application et vous connecter.' },
  disowned: {
    title: 'Merci de l’avoir signalé',
    text: 'Plus aucun compte non confirmé n’utilise votre adresse. Vous n’avez rien d’autre à faire.',
  },

  newPassword: {
    hint: (minimum) => `Au moins ${minimum} caractères. Quelques mots sans lien entre eux font un bon mot de passe.`,
    show: 'Afficher le mot de passe',
  },
  reset: {
    title: 'Choisissez un nouveau mot de passe',
    account: 'Pour le compte :',
    password: 'Nouveau mot de passe',
    ends: 'Une fois qu’il est enregistré, tous vos appareils sont déconnectés.',
    save: 'Enregistrer le mot de passe',
  },
  setUp: {
    title: 'Choisissez votre mot de passe',
    account: 'Un compte a été créé pour vous. En choisissant un mot de passe, vous confirmez aussi son adresse :',
    password: 'Mot de passe',
    save: 'Enregistrer mon mot de passe',
  },
  setUpDone: {
    title: 'Votre compte est prêt',
    text: 'Votre mot de passe est enregistré et votre adresse confirmée. Allez dans l’application et connectez-vous.',
  },
  alreadySetUp: {
    title: 'Vous avez déjà un mot de passe',
    text: 'Vous n’avez rien d’autre à faire : allez dans l’application et connectez-vous. Si vous avez oublié votre mot de passe, demandez-en un nouveau au même endroit.',
  },
  flaw: {
    too_short: (minimum) => `Ce mot de passe est trop court : il faut au moins ${minimum} caractères.`,
    too_long: () => 'Ce mot de passe est trop long : 250 caractères sont toujours acceptés.',
    common: () => 'Ce mot de passe est parmi les plus courants. Choisissez-en un autre.',
    personal: () => 'Ce mot de passe est fait de votre nom ou de votre adresse. Choisissez-en un autre.',
    guessable: () =>
      'Ce mot de passe est trop facile à deviner. Choisissez-en un plus long, ou quelques mots sans lien entre eux.',
    malformed: () => 'Ce mot de passe contient des caractères impossibles à saisir. Choisissez-en un autre.',
  },
  resetDone: {
    title: 'Mot de passe modifié',
    text: 'Tous vos appareils ont été déconnectés. Retournez dans l’application et connectez-vous avec le nouveau mot de passe.',
  },

  magicLink: {
    title: 'Connectez-vous',
    account: 'Ce lien vous connecte au compte :',
    onward: 'Vous continuerez ensuite vers :',
    code: 'Un code s’affichera ensuite, pour l’application où vous avez demandé ce lien.',
    signIn: 'Me connecter',
    notMine: 'Vous n’avez pas demandé ce lien ? Fermez simplement cette page : personne ne sera connecté.',
  },
  oneTimeCode: {
    title: 'Votre code à usage unique',
    text: 'Copiez-le dans l’application où vous avez demandé le lien. Il sert une seule fois, pendant 60 secondes.',
    copy: 'Copier le code',
    copied: 'Le code est copié.',
    warning:
      'Ne le donnez qu’à l’application où vous avez demandé le lien. Personne d’autre ne vous le demandera jamais : qui l’a peut se connecter à votre place.',
  },

  changeEmail: {
    title: 'Confirmez votre nouvelle adresse e-mail',
    address: 'Une fois confirmée, cette adresse devient celle de votre compte :',
    confirm: 'Confirmer ma nouvelle adresse',
    notMine: 'Vous n’avez rien demandé ? Ne confirmez pas et fermez simplement cette page : rien ne change.',
  },
  emailChanged: {
    title: 'Adresse modifiée',
    text: 'Désormais, connectez-vous avec votre nouvelle adresse. Vous pouvez retourner dans l’application.',
  },
  addressTaken: {
    title: 'Cette adresse a déjà un autre compte',
    text: 'Elle lui a été attribuée après l’envoi de ce lien : rien n’a été modifié. Connectez-vous à cet autre compte, ou choisissez une autre adresse dans l’application.',
  },

  unlock: {
    title: 'Débloquez votre compte',
    paused: 'Après trop de mots de passe erronés, la connexion est suspendue pour le compte :',
    unlock: 'Débloquer mon compte',
    notMine: 'Si ce n’était pas vous, fermez simplement cette page : la suspension prend fin d’elle-même.',
  },
  unlocked: {
    title: 'Compte débloqué',
    text: 'Vous pouvez retourner dans l’application et vous connecter. Mot de passe oublié ? Demandez-en un nouveau au même endroit.',
  },

  deadLink: {
    title: 'Ce lien ne fonctionne plus',
    text: 'Il a déjà servi, ou il est trop ancien.',
    next: {
      '/verify-email':
        'Si votre adresse est confirmée, connectez-vous simplement ; sinon, demandez un nouveau lien à l’application.',
      '/reset-password': 'Demandez-en un nouveau à l’application et ouvrez le message le plus récent.',
      '/set-up-password':
        'Si vous avez déjà choisi un mot de passe, connectez-vous simplement ; sinon, demandez un nouveau lien à qui a créé votre compte.',
      '/magic-link': 'Demandez-en un nouveau à l’application et ouvrez le message le plus récent.',
      '/change-email':
        'Si votre compte a déjà la nouvelle adresse, vous n’avez rien d’autre à faire ; sinon, demandez un nouveau lien à l’application.',
      '/unlock':
        'La suspension prend fin d’elle-même. Pour ne pas attendre, demandez un nouveau mot de passe à l’application.',
    },
  },
  linkIncomplete: {
    title: 'Ce lien est incomplet',
    text: 'Ouvrez-le de nouveau depuis votre e-mail. Rien n’a été modifié, et le lien peut encore servir.',
  },
  formStale: {
    title: 'Veuillez réessayer',
    text: 'La page est restée ouverte trop longtemps, ou votre navigateur n’accepte pas les cookies de ce site. Rien n’a été modifié.',
  },
  foreignOrigin: {
    title: 'Cette demande vient d’un autre site',
    text: 'Elle a été refusée et rien n’a été modifié. Ouvrez le lien de votre e-mail et utilisez la page qui s’affiche.',
  },
  notFound: { title: 'Il n’y a rien ici', text: 'Vérifiez l’adresse, ou ouvrez de nouveau le lien de votre e-mail.' },
  methodNotAllowed: {
    title: 'Cette page s’ouvre autrement',
    text: 'Ouvrez le lien de votre e-mail et utilisez la page qui s’affiche.',
  },
  tooLarge: {
    title: 'L’envoi est trop long',
    text: 'Rien n’a été modifié. Revenez en arrière et saisissez un texte plus court.',
  },
  unreadable: { title: 'L’envoi est illisible', text: 'Rien n’a été modifié. Revenez en arrière et réessayez.' },
  notAForm: {
    title: 'L’envoi n’est pas un formulaire',
    text: 'Rien n’a été modifié. Ouvrez le lien de votre e-mail et utilisez la page qui s’affiche.',
  },
  passwordRejected: 'Ce mot de passe n’a pas été accepté',
  rateLimited: { title: 'Trop de demandes', text: (seconds) => `Réessayez ${later('fr', seconds)}.` },
  overloaded: {
    title: 'Trop de demandes en ce moment',
    text: 'Rien n’a été modifié. Attendez quelques secondes, puis réessayez.',
  },
  unavailable: {
    title: 'Le service est momentanément indisponible',
    text: 'Attendez quelques secondes, puis réessayez.',
  },
  fault: {
    title: 'Une erreur s’est produite ici',
    text: 'Elle a été enregistrée. Réessayez dans un instant ; si elle persiste, signalez-la aux responsables de ce service.',
    reference: 'Leur référence :',
  },
  again: 'Réessayer',
};

export const words: Record<Locale, Words> = { en, fr: spaced(fr) };

/** `in 45 seconds`, `in 15 minutes`: the unit that people would say. */
function later(locale: Locale, seconds: number): string {
  const format = new Intl.RelativeTimeFormat(locale);
  return seconds < 90 ? format.format(seconds, 'second') : format.format(Math.ceil(seconds / 60), 'minute');
}

/** The same words with the spaces that French sets, which nobody could see in a source. */
function spaced<T>(value: T): T {
  if (typeof value === 'string') return frenchSpacing(value) as T;
  if (typeof value === 'function') return ((...facts: unknown[]) => spaced(value(...facts))) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, spaced(inner)])) as T;
}
