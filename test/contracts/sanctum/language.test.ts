import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { words } from '../../../src/contracts/sanctum/words.ts';
import { type Answer, assertInvalid, assertRefused, type Client, PASSWORD, sharedWorld } from './client.ts';

const FRENCH = { headers: { 'accept-language': 'fr' } };
const ENGLISH = { headers: { 'accept-language': 'en' } };
const ASKED = {
  en: 'We have emailed your password reset link.',
  fr: 'Nous vous avons envoyé un lien de réinitialisation de mot de passe par email.',
};
const RESET = { en: 'Choose a new password', fr: 'Choisissez un nouveau mot de passe' };
const NO_CURRENT = {
  en: 'The current password field is required.',
  fr: 'Le champ mot de passe actuel est obligatoire.',
};
const NO_NEW = { en: 'The new password field is required.', fr: 'Le champ nouveau mot de passe est obligatoire.' };

const world = sharedWorld({ env: { GUICHET_RATE_LIMITS: 'off' } });
let people = 0;

async function signedIn(locale: 'en' | 'fr' = 'en') {
  const email = `speaker${++people}@example.com`;
  const account = await world().account(email, { locale });
  const client = world().another();
  await client.login(email);
  return { account, client, email };
}

/** What a form with nothing in it is answered with, in either language. */
async function speaks(client: Client, of: { headers?: Record<string, string> } = {}): Promise<'en' | 'fr'> {
  const answer = await client.put('/user/password', {}, of);
  const locale = answer.body.errors?.['password']?.[0] === NO_NEW.fr ? 'fr' : 'en';
  assertInvalid(answer, { current_password: [NO_CURRENT[locale]], password: [NO_NEW[locale]] });
  return locale;
}

describe('the language of an account', () => {
  it('5.3: is chosen, stored and answered in', async () => {
    const { client, email } = await signedIn();
    const chosen = await client.patch('/user/locale', { locale: 'fr' });
    assert.equal(chosen.status, 200);
    assert.deepEqual(chosen.json, { message: 'Préférence de langue mise à jour avec succès.', locale: 'fr' });
    assert.equal((await client.user()).body.data?.locale, 'fr');
    assert.equal(await speaks(client), 'fr');
    const other = world().another();
    await other.login(email);
    assert.equal((await other.user()).body.data?.locale, 'fr');

    const back = await client.patch('/user/locale', { locale: 'en' });
    assert.deepEqual(back.json, { message: 'Language preference updated successfully.', locale: 'en' });
    assert.equal(await speaks(client), 'en');
    assert.equal(await speaks(other), 'en');
  });

  it('5.3: may be chosen twice, and with space around it', async () => {
    const { client } = await signedIn('fr');
    for (const locale of ['fr', ' fr ', 'en\n']) {
      const chosen = await client.patch('/user/locale', { locale });
      assert.deepEqual([chosen.status, chosen.body.locale], [200, locale.trim()], chosen.text);
    }
  });

  it('5.3: is none but `fr` and `en`, exactly', async () => {
    const { client } = await signedIn();
    const texts = ['de', 'FR', 'En', 'fr-FR', 'en_US', 'français', 'f r', 'fr,en', 'fr;q=1', '../fr', '0', 'null'];
    for (const locale of texts) {
      assertInvalid(await client.patch('/user/locale', { locale }), { locale: ['The selected locale is invalid.'] });
    }
    for (const locale of [1, 0, true, false, ['fr'], { fr: 'fr' }]) {
      assertInvalid(await client.patch('/user/locale', { locale }), {
        locale: ['The locale field must be a string.', 'The selected locale is invalid.'],
      });
    }
    for (const body of [{}, { locale: null }, { locale: '' }, { locale: ' ' }, { language: 'fr' }]) {
      assertInvalid(await client.patch('/user/locale', body), { locale: ['The locale field is required.'] });
    }
    assert.equal((await client.user()).body.data?.locale, 'en');
  });

  it('3.2: is English for whoever an operator makes without saying', async () => {
    const email = `speaker${++people}@example.com`;
    await world().identity.createAccount({ email, password: PASSWORD, verified: true });
    const client = world().another();
    await client.login(email);
    assert.equal((await client.user()).body.data?.locale, 'en');
  });

  it('is that of its mails, whatever language they are asked for in', async () => {
    const { client, email } = await signedIn();
    const mailed = async (of: object) => {
      const stranger = world().another();
      await stranger.csrfCookie();
      await stranger.post('/auth/forgot-password', { email }, of);
      world().clock.advance({ minutes: 2 });
      return (await world().mails(email))[0]?.subject;
    };
    assert.equal(await mailed(FRENCH), RESET.en);
    await client.patch('/user/locale', { locale: 'fr' });
    assert.equal(await mailed(ENGLISH), RESET.fr);
    const body = { current_password: PASSWORD, password: 'copper lantern quarry' };
    await client.put('/user/password', { ...body, password_confirmation: body.password }, ENGLISH);
    assert.match((await world().mails(email))[0]?.subject ?? '', /mot de passe/);
  });
});

describe('the language of an answer', () => {
  it('5.4: is the user’s own before that of the browser', async () => {
    const [english, french] = [await signedIn('en'), await signedIn('fr')];
    for (const asking of [{}, FRENCH, ENGLISH, { headers: { 'accept-language': 'de' } }]) {
      assert.deepEqual([await speaks(english.client, asking), await speaks(french.client, asking)], ['en', 'fr']);
    }
  });

  it('5.4: is the user’s own also where nobody has to be signed in', async () => {
    const { client, email } = await signedIn('fr');
    const asked = await client.post('/auth/forgot-password', { email }, ENGLISH);
    assert.deepEqual(asked.json, { message: ASKED.fr });
  });

  it('5.4: is the browser’s again once nobody is signed in', async () => {
    const { client, email } = await signedIn('fr');
    await client.post('/auth/logout');
    assert.equal((await client.post('/auth/forgot-password', { email })).body.message, ASKED.en);
    assert.equal((await client.post('/auth/forgot-password', { email }, FRENCH)).body.message, ASKED.fr);
  });

  it('5.4, C10: is what the browser prefers, in the ordinary order, and else English', async () => {
    const asked = async (acceptLanguage: string | undefined) => {
      const headers = acceptLanguage === undefined ? {} : { 'accept-language': acceptLanguage };
      const answer = await world().another().ask('POST', '/api/v1/auth/forgot-password', { xsrf: null, headers });
      assert.equal(answer.status, 419);
      const client = world().another({ headers });
      await client.csrfCookie();
      return (await client.post('/auth/forgot-password', { email: 'nobody@example.com' })).body.message;
    };
    const english = [undefined, '', '*', 'de', 'de-DE, zh;q=0.5', 'de, *;q=0.1', 'x-unknown', ';;q=,', 'fr;q=0'];
    english.push('en', 'en-GB', 'EN-us', 'en-US,fr;q=0.9', 'en, fr;q=0.9', 'fr;q=0.1, en;q=0.2', 'de, en;q=0.1');
    english.push('fr;q=0, en', 'french', `fr,${'x'.repeat(5000)}`);
    for (const header of english) assert.equal(await asked(header), ASKED.en, header);
    const french = [
      'fr',
      'FR',
      'fr-CA',
      'fr-FR,fr;q=0.9,en-US;q=0.8,en;q=0.7',
      'en;q=0.5, fr',
      'de, fr;q=0.5, en;q=0.1',
    ];
    for (const header of [...french, 'en;q=0, fr;q=0.1', ' fr ; q=1.0'])
      assert.equal(await asked(header), ASKED.fr, header);
  });

  it('is kept in no cookie, and asked of none', async () => {
    const client = world().another();
    const { setCookies } = await client.csrfCookie(FRENCH);
    const { setCookies: later } = await client.post('/auth/forgot-password', { email: 'nobody@example.com' }, FRENCH);
    for (const line of [...setCookies, ...later]) assert.doesNotMatch(line, /^(locale|i18next)=/);
    client.jar.set('locale', 'fr');
    client.jar.set('i18next', 'fr');
    assert.equal((await client.post('/auth/forgot-password', { email: 'nobody@example.com' })).body.message, ASKED.en);
  });

  it('5.4: changes texts alone, never a status, a key or a cookie', async () => {
    const { client, email } = await signedIn();
    const asked = async (): Promise<Answer[]> => [
      await client.put('/user/password', {}),
      await client.put('/user/password', { current_password: 'x', password: 'short', password_confirmation: 'y' }),
      await client.patch('/user/site', {}),
      await client.patch('/user/site', { site_id: 'x' }),
      await client.patch('/user/locale', { locale: 'de' }),
      await client.post('/user/two-factor-authentication'),
      await client.get('/user'),
      await client.get('/nothing'),
      await client.get('/user/site'),
      await client.post('/auth/forgot-password', { email }),
    ];
    const english = await asked();
    await client.patch('/user/locale', { locale: 'fr' });
    const shape = ({ body, setCookies, status }: Answer) => ({
      status,
      keys: Object.keys(body),
      fields: Object.entries(body.errors ?? {}).map(([field, texts]) => [field, texts.length]),
      cookies: setCookies.map((line) => line.replace(/=[^;]*/, '')),
    });
    assert.deepEqual((await asked()).map(shape), english.map(shape));
  });

  it('5.4: is English for what no front end is shown in another', async () => {
    const { client } = await signedIn('fr');
    assertRefused(await world().another().user(FRENCH), 401, 'Unauthenticated.');
    assertRefused(await client.get('/nothing', FRENCH), 404, 'The route api/v1/nothing could not be found.');
    const method = 'The GET method is not supported for route api/v1/user/site. Supported methods: PATCH.';
    assertRefused(await client.get('/user/site', FRENCH), 405, method);
    assertRefused(await client.patch('/user/site', {}, { ...FRENCH, xsrf: null }), 419, 'CSRF token mismatch.');
    const unconfirmed = await client.post('/user/two-factor-authentication', {}, FRENCH);
    assertRefused(unconfirmed, 423, 'Password confirmation required.');
    const many = await client.put('/user/password', {}, FRENCH);
    assert.equal(many.body.message, `${NO_CURRENT.fr} (and 1 more error)`);
  });
});

describe('the words', () => {
  it('are whole in both languages, and of the same form', () => {
    const formOf = (value: unknown): unknown =>
      typeof value === 'object' && value !== null
        ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, formOf(inner)]))
        : typeof value;
    assert.deepEqual(formOf(words.fr), formOf(words.en));
    const said = (value: unknown): unknown[] => {
      if (typeof value === 'function') return [value(8, 8, 8)];
      return typeof value === 'object' && value !== null ? Object.values(value).flatMap(said) : [value];
    };
    for (const text of [...said(words.en), ...said(words.fr)]) assert.ok(typeof text === 'string' && text !== '');
  });
});
