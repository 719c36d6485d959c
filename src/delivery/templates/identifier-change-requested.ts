import type { Messages } from '../../core/message.ts';
import type { LetterIn, SmsIn } from './letter.ts';

type Facts = Messages['identifier_change_requested'];

// Whoever asked may read along at the new address, so the owner's way out is the password: changing it drops the
// request (rule 8), while waiting does not stop it.
const sms: SmsIn<Facts> = {
  en: (service, { kind }) =>
    `Somebody asked to change the ${kind === 'email' ? 'e-mail address' : 'phone number'} of your ${service} account. Only the new one gets the code for it. Not you? Change your password now.`,
  fr: (service, { kind }) =>
    `Quelqu'un veut changer ${kind === 'email' ? "l'adresse e-mail" : 'le numéro'} de votre compte ${service}. Le code n'est envoyé qu'${kind === 'email' ? 'à la nouvelle' : 'au nouveau'}. Pas vous ? Changez vite de mot de passe.`,
};

export const identifierChangeRequested = {
  page: null,
  sms,
  en: (service, { by, kind }) => {
    const [what, it] = kind === 'email' ? ['e-mail address', 'address'] : ['phone number', 'number'];
    return {
      subject: `A change of your ${what} was requested`,
      opening: [
        `Somebody asked to replace the ${what} of your ${service} account with another one.`,
        `Nothing has changed yet: it takes a ${by} that only the new ${it} receives.`,
      ],
      closing: [
        `If it was you, ${by === 'code' ? 'enter that code' : 'follow that link'}: there is nothing else to do.`,
        `It wasn’t you? Then change your password now: that cancels the request. Otherwise whoever made it can complete it with that ${by}, without you.`,
        `If you can no longer sign in, write to those who run ${service}.`,
      ],
    };
  },
  fr: (service, { by, kind }) => {
    const medium = by === 'code' ? 'code' : 'lien';
    const email = kind === 'email';
    return {
      subject: email ? 'Changement d’adresse e-mail demandé' : 'Changement de numéro de téléphone demandé',
      opening: [
        email
          ? `Quelqu’un a demandé à remplacer l’adresse e-mail de votre compte ${service} par une autre.`
          : `Quelqu’un a demandé à remplacer le numéro de téléphone de votre compte ${service} par un autre.`,
        `Rien n’a encore changé : il faut pour cela un ${medium} que ${email ? 'seule la nouvelle adresse' : 'seul le nouveau numéro'} reçoit.`,
      ],
      closing: [
        `Si c’était vous, ${by === 'code' ? 'saisissez ce code' : 'suivez ce lien'} : vous n’avez rien d’autre à faire.`,
        `Ce n’était pas vous ? Changez votre mot de passe sans attendre : cela annule la demande. Sinon, son auteur peut aller au bout avec ce ${medium}, sans vous.`,
        `Si vous ne pouvez plus vous connecter, écrivez à ceux qui gèrent ${service}.`,
      ],
    };
  },
} satisfies LetterIn<Facts>;
