import type { CodeFactor } from '../../core/account.ts';
import type { Messages } from '../../core/message.ts';
import type { LetterIn } from './letter.ts';

const FACTORS: Record<'en' | 'fr', Record<CodeFactor, string>> = {
  en: { totp: 'codes from an authenticator app', email: 'codes by e-mail', sms: 'codes by SMS' },
  fr: { totp: 'codes d’une application d’authentification', email: 'codes par e-mail', sms: 'codes par SMS' },
};

export const factorChanged: LetterIn<Messages['factor_changed']> = {
  page: null,
  en: (service, { change, factor }) => ({
    subject: change === 'enabled' ? 'Two-step sign-in was turned on' : 'Two-step sign-in was turned off',
    opening: [
      change === 'enabled'
        ? `From now on, signing in to your ${service} account takes a second step: ${FACTORS.en[factor]}.`
        : `From now on, signing in to your ${service} account takes no second step (until now: ${FACTORS.en[factor]}).`,
    ],
    closing: [
      'If it was you, there is nothing to do.',
      'It wasn’t you? Then somebody is signed in to your account: change your password at once.',
    ],
  }),
  fr: (service, { change, factor }) => ({
    subject: change === 'enabled' ? 'Connexion en deux étapes activée' : 'Connexion en deux étapes désactivée',
    opening: [
      change === 'enabled'
        ? `Désormais, la connexion à votre compte ${service} demande une seconde étape : ${FACTORS.fr[factor]}.`
        : `Désormais, la connexion à votre compte ${service} ne demande plus de seconde étape (jusqu’ici : ${FACTORS.fr[factor]}).`,
    ],
    closing: [
      'Si c’était vous, vous n’avez rien à faire.',
      'Ce n’était pas vous ? Quelqu’un est alors connecté à votre compte : changez votre mot de passe sans attendre.',
    ],
  }),
};
