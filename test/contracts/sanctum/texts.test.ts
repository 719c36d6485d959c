import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Answer,
  assertInvalid,
  assertRefused,
  type Client,
  type OpenedClient,
  PASSWORD,
  sharedWorld,
} from './client.ts';

const NEW_PASSWORD = 'copper lantern quarry';
const world = sharedWorld({ env: { GUICHET_RATE_LIMITS: 'off' } });
const LANGUAGES = ['en', 'fr'] as const;
type Language = (typeof LANGUAGES)[number];
let people = 0;

const asking = (language: Language) => ({ headers: { 'accept-language': language } });

/** Nobody signed in, in whose browser a language is set. */
async function guest(language: Language, opened: OpenedClient = world()): Promise<Client> {
  const client = opened.another(asking(language));
  await client.csrfCookie();
  return client;
}

/** Somebody signed in whose own language it is. */
async function member(language: Language) {
  const email = `reader${++people}@example.com`;
  const account = await world().account(email, { locale: language });
  const client = world().another();
  assert.equal((await client.login(email)).status, 200);
  return { ...account, client };
}

interface Invitation {
  email: string;
  path: string;
}

async function invitation(language: Language): Promise<Invitation> {
  const email = `invited${++people}@example.com`;
  await world().identity.createAccount({ email, locale: language });
  const link = new URL((await world().mails(email))[0]?.links[0] ?? '');
  return { email, path: `/auth${link.pathname}${link.search}` };
}

/** The token of a reset link. */
async function resetToken(email: string): Promise<string> {
  const client = await guest('en');
  await client.post('/auth/forgot-password', { email });
  return world().tokenFor(email);
}

/** One row of the page's table: what is done, and what is said of it in either language. */
interface Row {
  where: string;
  en: string;
  /** Where it is another text. */
  fr?: string;
  /** Beside which field; without one it is the message alone. */
  field?: string;
  status?: number;
  ask(language: Language): Promise<Answer>;
}

const both = (password: string, confirmation = password) => ({ password, password_confirmation: confirmation });
const put = async (language: Language, body: object): Promise<Answer> =>
  (await member(language)).client.put('/user/password', body);
const reset = async (language: Language, body: object): Promise<Answer> => {
  const { email } = await member(language);
  const token = await resetToken(email);
  return (await guest(language)).post('/auth/reset-password', { email, token, ...body });
};
const setUp = async (language: Language, body: object): Promise<Answer> =>
  (await guest(language)).post((await invitation(language)).path, body);
const post = async (language: Language, path: string, body: object): Promise<Answer> =>
  (await guest(language)).post(path, body);

const SHORT = {
  en: 'The password must be at least 8 characters.',
  fr: 'Le password doit contenir au moins 8 caractères.',
};
const COMMON = {
  en: 'The given password is too common. Please choose another.',
  fr: 'Ce mot de passe est trop courant. Veuillez en choisir un autre.',
};
const UNCONFIRMED = {
  en: 'The password confirmation does not match.',
  fr: 'La confirmation du password ne correspond pas.',
};
const UNCONFIRMED_NEW = {
  en: 'The new password confirmation does not match.',
  fr: 'La confirmation du nouveau mot de passe ne correspond pas.',
};
const NO_PASSWORD = { en: 'The password field is required.', fr: 'Le champ password est obligatoire.' };
const NO_EMAIL = { en: 'The email field is required.', fr: 'Le champ email est obligatoire.' };
const BAD_TOKEN = {
  en: 'This password reset token is invalid.',
  fr: 'Ce jeton de réinitialisation de mot de passe est invalide.',
};
const CODE = 'The provided two factor authentication code was invalid.';
const RECOVERY_CODE = 'The provided two factor recovery code was invalid.';

const ROWS: readonly Row[] = [
  {
    where: 'required: `email` of a login',
    ...NO_EMAIL,
    field: 'email',
    ask: (language) => post(language, '/auth/login', { email: '', password: PASSWORD }),
  },
  {
    where: 'required: `password` of a login',
    ...NO_PASSWORD,
    field: 'password',
    ask: (language) => post(language, '/auth/login', { email: 'x@example.com' }),
  },
  {
    where: 'required: `email` of a forgotten password',
    ...NO_EMAIL,
    field: 'email',
    ask: (language) => post(language, '/auth/forgot-password', {}),
  },
  {
    where: 'required: `email` of an invitation’s resending',
    ...NO_EMAIL,
    field: 'email',
    ask: (language) => post(language, '/auth/setup-password-resend', {}),
  },
  {
    where: 'required: `token`',
    en: 'The token field is required.',
    fr: 'Le champ token est obligatoire.',
    field: 'token',
    ask: (language) => post(language, '/auth/reset-password', { email: 'x@example.com', ...both(NEW_PASSWORD) }),
  },
  {
    where: 'required: `site id`',
    en: 'The site id field is required.',
    fr: 'Le champ site id est obligatoire.',
    field: 'site_id',
    ask: async (language) => (await member(language)).client.patch('/user/site', {}),
  },
  {
    where: 'required: `locale`',
    en: 'The locale field is required.',
    fr: 'Le champ locale est obligatoire.',
    field: 'locale',
    ask: async (language) => (await member(language)).client.patch('/user/locale', {}),
  },
  {
    where: 'string: `email`',
    en: 'The email field must be a string.',
    field: 'email',
    ask: (language) => post(language, '/auth/login', { email: 7, password: PASSWORD }),
  },
  {
    where: 'string: `password`',
    en: 'The password field must be a string.',
    field: 'password',
    ask: (language) => post(language, '/auth/login', { email: 'x@example.com', password: 12345678 }),
  },
  {
    where: 'string: `code`',
    en: 'The code field must be a string.',
    field: 'code',
    ask: (language) => post(language, '/auth/two-factor-challenge', { code: 123456 }),
  },
  {
    where: 'email, of a forgotten password',
    en: 'The email field must be a valid email address.',
    field: 'email',
    ask: (language) => post(language, '/auth/forgot-password', { email: 'nobody' }),
  },
  {
    where: 'email, of a reset',
    en: 'The email field must be a valid email address.',
    field: 'email',
    ask: (language) => post(language, '/auth/reset-password', { token: 'x', email: 'a@', ...both(NEW_PASSWORD) }),
  },
  {
    where: 'email, of an invitation’s resending',
    en: 'The email field must be a valid email address.',
    field: 'email',
    ask: (language) => post(language, '/auth/setup-password-resend', { email: '@example.com' }),
  },
  {
    where: 'site_id unknown or foreign',
    en: 'The selected site id is invalid.',
    field: 'site_id',
    ask: async (language) => (await member(language)).client.patch('/user/site', { site_id: 999_999 }),
  },
  {
    where: 'locale not allowed',
    en: 'The selected locale is invalid.',
    field: 'locale',
    ask: async (language) => (await member(language)).client.patch('/user/locale', { locale: 'de' }),
  },
  {
    where: 'not verified',
    en: 'Your email address is not verified.',
    fr: "Votre adresse e-mail n'est pas vérifiée.",
    field: 'email',
    async ask(language) {
      const email = `unproven${++people}@example.com`;
      await world().account(email, { verified: false });
      return (await guest(language)).post('/auth/login', { email, password: PASSWORD });
    },
  },
  {
    where: 'locale updated, in the new language',
    status: 200,
    en: 'Language preference updated successfully.',
    fr: 'Préférence de langue mise à jour avec succès.',
    ask: async (language) =>
      (await member(language === 'en' ? 'fr' : 'en')).client.patch('/user/locale', { locale: language }),
  },
  {
    where: 'site updated',
    status: 200,
    en: 'Active site updated successfully.',
    fr: 'Site actif mis à jour avec succès.',
    async ask(language) {
      const { client, uuid } = await member(language);
      const { id } = await world().identity.createSite({ name: 'Lyon', isHeadquarters: false });
      await world().identity.joinSite({ uuid, siteId: id });
      return client.patch('/user/site', { site_id: id });
    },
  },
  {
    where: 'password updated',
    status: 200,
    en: 'Password updated successfully.',
    fr: 'Mot de passe mis à jour avec succès.',
    ask: (language) => put(language, { current_password: PASSWORD, ...both(NEW_PASSWORD) }),
  },
  {
    where: 'current_password missing',
    en: 'The current password field is required.',
    fr: 'Le champ mot de passe actuel est obligatoire.',
    field: 'current_password',
    ask: (language) => put(language, both(NEW_PASSWORD)),
  },
  {
    where: 'current_password wrong',
    en: 'The current password is incorrect.',
    fr: 'Le mot de passe actuel est incorrect.',
    field: 'current_password',
    ask: (language) => put(language, { current_password: 'wrong', ...both(NEW_PASSWORD) }),
  },
  {
    where: 'new password missing (PUT)',
    en: 'The new password field is required.',
    fr: 'Le champ nouveau mot de passe est obligatoire.',
    field: 'password',
    ask: (language) => put(language, { current_password: PASSWORD, password_confirmation: NEW_PASSWORD }),
  },
  {
    where: 'not confirmed (PUT)',
    ...UNCONFIRMED_NEW,
    field: 'password',
    ask: (language) => put(language, { current_password: PASSWORD, ...both(NEW_PASSWORD, 'another one') }),
  },
  {
    where: 'not confirmed (reset)',
    ...UNCONFIRMED,
    field: 'password',
    ask: (language) => reset(language, both(NEW_PASSWORD, 'another one')),
  },
  {
    where: 'too short (PUT)',
    ...SHORT,
    field: 'password',
    ask: (language) => put(language, { current_password: PASSWORD, ...both('seven77') }),
  },
  { where: 'too short (reset)', ...SHORT, field: 'password', ask: (language) => reset(language, both('seven77')) },
  { where: 'too short (setup)', ...SHORT, field: 'password', ask: (language) => setUp(language, both('seven77')) },
  {
    where: 'too common (PUT)',
    ...COMMON,
    field: 'password',
    ask: (language) => put(language, { current_password: PASSWORD, ...both('password123') }),
  },
  {
    where: 'too common (reset)',
    ...COMMON,
    field: 'password',
    ask: (language) => reset(language, both('password123')),
  },
  {
    where: 'too common (setup)',
    ...COMMON,
    field: 'password',
    ask: (language) => setUp(language, both('password123')),
  },
  { where: 'setup, password missing', ...NO_PASSWORD, field: 'password', ask: (language) => setUp(language, {}) },
  {
    where: 'setup, not confirmed',
    ...UNCONFIRMED,
    field: 'password',
    ask: (language) => setUp(language, both(NEW_PASSWORD, 'another one')),
  },
  {
    where: 'reset link sent',
    status: 200,
    en: 'We have emailed your password reset link.',
    fr: 'Nous vous avons envoyé un lien de réinitialisation de mot de passe par email.',
    ask: (language) => post(language, '/auth/forgot-password', { email: 'nobody@example.com' }),
  },
  {
    where: 'reset done',
    status: 200,
    en: 'Your password has been reset.',
    fr: 'Votre mot de passe a été réinitialisé.',
    ask: (language) => reset(language, both(NEW_PASSWORD)),
  },
  {
    where: 'reset token bad',
    ...BAD_TOKEN,
    field: 'email',
    ask: (language) => reset(language, { token: 'f'.repeat(64), ...both(NEW_PASSWORD) }),
  },
  {
    where: 'reset, unknown user: as a bad token (decision)',
    ...BAD_TOKEN,
    field: 'email',
    ask: (language) => reset(language, { email: 'nobody@example.com', ...both(NEW_PASSWORD) }),
  },
  {
    where: 'setup: no user',
    status: 404,
    en: 'User not found.',
    fr: 'Utilisateur non trouvé.',
    ask: (language) => post(language, `/auth/setup-password/nobody/${'a'.repeat(64)}`, both(NEW_PASSWORD)),
  },
  {
    where: 'setup: bad hash',
    status: 403,
    en: 'This password setup link is invalid.',
    fr: 'Ce lien de création de mot de passe est invalide.',
    ask: (language) => post(language, `/auth/setup-password/1/${'a'.repeat(64)}`, both(NEW_PASSWORD)),
  },
  {
    where: 'setup: expired/unsigned',
    status: 403,
    en: 'This password setup link has expired. Please contact your administrator to request a new one.',
    fr: 'Ce lien de création de mot de passe a expiré. Veuillez contacter votre administrateur pour en demander un nouveau.',
    async ask(language) {
      const { path } = await invitation(language);
      return post(language, path.split('?')[0] ?? '', both(NEW_PASSWORD));
    },
  },
  {
    where: 'setup: already done',
    status: 403,
    en: 'You have already set up your password. Please log in.',
    fr: 'Vous avez déjà configuré votre mot de passe. Veuillez vous connecter.',
    async ask(language) {
      const { path } = await invitation(language);
      await post(language, path, both(NEW_PASSWORD));
      return post(language, path, both(NEW_PASSWORD));
    },
  },
  {
    where: 'setup done',
    status: 200,
    en: 'Your password has been set up successfully. You can now log in.',
    fr: 'Votre mot de passe a été configuré avec succès. Vous pouvez maintenant vous connecter.',
    ask: (language) => setUp(language, both(NEW_PASSWORD)),
  },
  {
    where: 'setup resent',
    status: 200,
    en: 'If an account exists with that email address and has not yet set up a password, you will receive an email with the setup link.',
    fr: "Si un compte existe avec cette adresse email et n'a pas encore de mot de passe configuré, vous recevrez un email avec le lien de configuration.",
    ask: (language) => post(language, '/auth/setup-password-resend', { email: 'nobody@example.com' }),
  },
  {
    where: 'two-factor: a wrong code, or none',
    en: CODE,
    field: 'code',
    ask: (language) => post(language, '/auth/two-factor-challenge', {}),
  },
  {
    where: 'two-factor: a wrong recovery code',
    en: RECOVERY_CODE,
    field: 'recovery_code',
    ask: (language) => post(language, '/auth/two-factor-challenge', { recovery_code: 'abcd-efgh-ijkl' }),
  },
  {
    where: 'two-factor: a wrong password to be confirmed',
    en: 'The provided password was incorrect.',
    field: 'password',
    ask: async (language) => (await member(language)).client.post('/user/confirm-password', { password: 'wrong' }),
  },
  {
    where: 'two-factor: no password to be confirmed',
    en: 'The provided password was incorrect.',
    field: 'password',
    ask: async (language) => (await member(language)).client.post('/user/confirm-password', {}),
  },
  {
    where: 'two-factor: nothing to be confirmed',
    en: CODE,
    field: 'code',
    async ask(language) {
      const { client } = await member(language);
      await client.post('/user/confirm-password', { password: PASSWORD });
      await client.post('/user/two-factor-authentication');
      return client.post('/user/confirmed-two-factor-authentication', { code: '000000' });
    },
  },
  {
    where: 'two-factor: not enabled',
    status: 404,
    en: 'Two factor authentication has not been enabled.',
    async ask(language) {
      const { client } = await member(language);
      await client.post('/user/confirm-password', { password: PASSWORD });
      return client.get('/user/two-factor-secret-key');
    },
  },
  {
    where: 'two-factor: the password is not confirmed',
    status: 423,
    en: 'Password confirmation required.',
    ask: async (language) => (await member(language)).client.get('/user/two-factor-recovery-codes'),
  },
];

const GIVES_MORE = ['site updated', 'locale updated, in the new language'];

describe('6.2: each text, word for word', () => {
  for (const { ask, field, status = 422, where, ...texts } of ROWS) {
    it(where, async () => {
      for (const language of LANGUAGES) {
        const answer = await ask(language);
        const text = (language === 'fr' && texts.fr) || texts.en;
        if (field !== undefined) assertInvalid(answer, { [field]: [text] }, status);
        else if (GIVES_MORE.includes(where)) assert.deepEqual([answer.status, answer.body.message], [status, text]);
        else assertRefused(answer, status, text);
      }
    });
  }

  it('C2: login failed, in English as the document has it, in French when that is asked for', async () => {
    const failed = async (language: Language) =>
      post(language, '/auth/login', { email: 'nobody@example.com', password: 'wrong' });
    const credentials = 'The provided credentials are incorrect.';
    assertInvalid(await failed('en'), { email: [credentials] });
    const plain = world().another();
    assertInvalid(await plain.login('nobody@example.com'), { email: [credentials] });
    const french = await failed('fr');
    const [text = ''] = french.body.errors?.['email'] ?? [];
    assertInvalid(french, { email: [text] });
    assert.ok(text !== '' && text !== credentials, text);
    // Whoever is signed in need not be who signs in.
    const { client } = await member('fr');
    assertInvalid(await client.login('nobody@example.com', 'wrong'), { email: [credentials] });
  });

  it('site_id not integer: both of its texts, and how many more there are', async () => {
    for (const language of LANGUAGES) {
      const { client } = await member(language);
      const answer = await client.patch('/user/site', { site_id: 'x' });
      assertInvalid(answer, {
        site_id: ['The site id field must be an integer.', 'The selected site id is invalid.'],
      });
      assert.equal(answer.body.message, 'The site id field must be an integer. (and 1 more error)');
    }
  });

  it('locale not allowed, and no text: the error of its type first', async () => {
    for (const language of LANGUAGES) {
      const { client } = await member(language);
      assertInvalid(await client.patch('/user/locale', { locale: 1 }), {
        locale: ['The locale field must be a string.', 'The selected locale is invalid.'],
      });
    }
  });
});

describe('6.2: login disabled', () => {
  const closed = sharedWorld({ env: { GUICHET_SANCTUM_LOGIN: 'closed', GUICHET_RATE_LIMITS: 'off' } });

  it('is said after the right password alone', async () => {
    const { email } = await closed().account();
    const said = {
      en: 'Login is currently disabled. Please contact your administrator.',
      fr: 'La connexion est actuellement désactivée. Veuillez contacter votre administrateur.',
    };
    for (const language of LANGUAGES) {
      const client = await guest(language, closed());
      assertInvalid(await client.post('/auth/login', { email, password: PASSWORD }), { email: [said[language]] });
    }
    const client = await guest('en', closed());
    assertInvalid(await client.post('/auth/login', { email, password: 'wrong' }), {
      email: ['The provided credentials are incorrect.'],
    });
  });
});

describe('6.1, 6.2: several texts', () => {
  const more = (count: number) => (count === 1 ? ' (and 1 more error)' : ` (and ${count} more errors)`);

  it('of one password stand in their order: too short, then not confirmed', async () => {
    for (const language of LANGUAGES) {
      const [short, unconfirmed, unconfirmedNew] = [SHORT[language], UNCONFIRMED[language], UNCONFIRMED_NEW[language]];
      const changed = await put(language, { current_password: PASSWORD, ...both('short', 'other') });
      assertInvalid(changed, { password: [short, unconfirmedNew] });
      assert.equal(changed.body.message, `${short}${more(1)}`);
      assertInvalid(await reset(language, both('short', 'other')), { password: [short, unconfirmed] });
      assertInvalid(await setUp(language, both('short', 'other')), { password: [short, unconfirmed] });
    }
  });

  it('of a password that is missing are one: it is required', async () => {
    for (const body of [{}, { password: '' }, { password: null, password_confirmation: 'other' }]) {
      assertInvalid(await setUp('en', body), { password: [NO_PASSWORD.en] });
    }
  });

  it('of several fields stand in the order of the fields, and are counted', async () => {
    for (const language of LANGUAGES) {
      const required = (field: string) =>
        language === 'fr' ? `Le champ ${field} est obligatoire.` : `The ${field} field is required.`;
      const empty = await post(language, '/auth/reset-password', {});
      assertInvalid(empty, {
        token: [required('token')],
        email: [required('email')],
        password: [required('password')],
      });
      assert.equal(empty.body.message, `${required('token')}${more(2)}`);
      const login = await post(language, '/auth/login', {});
      assertInvalid(login, { email: [required('email')], password: [required('password')] });
      assert.equal(login.body.message, `${required('email')}${more(1)}`);
    }
  });

  it('of a missing current password and of a bad new one are all told', async () => {
    for (const language of LANGUAGES) {
      const current =
        language === 'fr' ? 'Le champ mot de passe actuel est obligatoire.' : 'The current password field is required.';
      const answer = await put(language, both('short', 'other'));
      assertInvalid(answer, { current_password: [current], password: [SHORT[language], UNCONFIRMED_NEW[language]] });
      assert.equal(answer.body.message, `${current}${more(2)}`);
    }
  });
});
