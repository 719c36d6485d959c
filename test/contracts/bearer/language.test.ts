import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dialect } from '../../../src/contracts/bearer/dialect.ts';
import { words } from '../../../src/contracts/bearer/words.ts';
import type { FailureCode } from '../../../src/core/failure.ts';
import type { No } from '../../../src/http/contract.ts';
import type { RefusalCode } from '../../../src/http/refusal.ts';
import { SoftwareAuthenticator } from '../../support/software-authenticator.ts';
import { assertDone, assertRefused, NOT_JSON, WORDS } from './answers.ts';
import { type Answer, ORIGIN, OTHER_PASSWORD, openClient, PASSWORD, sharedWorld, WRONG } from './client.ts';

const FRENCH = { 'accept-language': 'fr' };

/** Each "no" of the contract, its status and code, and its words in both languages; some facts change them. */
const NOS: [code: FailureCode | RefusalCode, status: number, error: string, en: string, fr: string, facts?: object][] =
  [
    [
      'account_locked',
      423,
      'ACCOUNT_LOCKED',
      'Too many failed attempts. Please try again in 15 minutes',
      'Trop de tentatives échouées. Réessayez dans 15 minutes',
      { retryAfterSeconds: 900 },
    ],
    ['code_wrong', 401, 'INVALID_TOTP', 'The TOTP code is invalid or expired', 'Le code est incorrect ou a expiré'],
    [
      'identifier_taken',
      409,
      'USER_ALREADY_EXISTS',
      'User with this email already exists',
      'Un utilisateur existe déjà avec cet e-mail',
    ],
    [
      'identifier_unproven',
      403,
      'EMAIL_NOT_VERIFIED',
      'Please verify your email first',
      'Vérifiez d’abord votre e-mail',
    ],
    [
      'input_rejected',
      400,
      'VALIDATION_ERROR',
      'Some fields are missing or wrong',
      'Des champs sont manquants ou incorrects',
      { fields: {} },
    ],
    [
      'invalid_credentials',
      401,
      'INVALID_CREDENTIALS',
      'Email or password is incorrect',
      'E-mail ou mot de passe incorrect',
    ],
    [
      'last_sign_in_method',
      409,
      'LAST_SIGN_IN_METHOD',
      'Nothing else would let you sign in: set a password or add another way first',
      'Plus rien ne vous permettrait de vous connecter : choisissez d’abord un mot de passe ou un autre moyen',
    ],
    [
      'link_required',
      409,
      'ACCOUNT_LINK_REQUIRED',
      'An account with this email exists: sign in to it another way, then link this provider',
      'Un compte existe avec cet e-mail : connectez-vous autrement, puis associez ce fournisseur',
    ],
    ['not_found', 404, 'NOT_FOUND', 'There is nothing here', 'Il n’y a rien ici'],
    [
      'overloaded',
      503,
      'UNAVAILABLE',
      'The service is busy or being restored. Please try again in a moment',
      'Le service est occupé ou en cours de rétablissement. Réessayez dans un instant',
      { retryAfterSeconds: 5 },
    ],
    [
      'passkey_refused',
      401,
      'INVALID_PASSKEY',
      'This passkey could not be verified',
      'Cette clé d’accès n’a pas pu être vérifiée',
    ],
    [
      'password_rejected',
      400,
      'WEAK_PASSWORD',
      'The password must have at least 8 characters',
      'Le mot de passe doit contenir au moins 8 caractères',
      { flaw: 'too_short', minimum: 8 },
    ],
    [
      'provider_email_unproven',
      403,
      'PROVIDER_EMAIL_NOT_VERIFIED',
      'The provider knows no verified email of yours: verify one there, then try again',
      'Le fournisseur ne connaît aucun e-mail vérifié de vous : vérifiez-en un chez lui, puis réessayez',
    ],
    [
      'provider_refused',
      401,
      'PROVIDER_REFUSED',
      'Signing in with this provider was cancelled or refused: please start again',
      'La connexion avec ce fournisseur a été annulée ou refusée : veuillez recommencer',
    ],
    [
      'provider_taken',
      409,
      'PROVIDER_ALREADY_LINKED',
      'This provider is linked to an account already',
      'Ce fournisseur est déjà associé à un compte',
    ],
    [
      'provider_unavailable',
      503,
      'PROVIDER_UNAVAILABLE',
      'The provider does not answer: please try again in a moment, or sign in another way',
      'Le fournisseur ne répond pas : réessayez dans un instant, ou connectez-vous autrement',
      { retryAfterSeconds: 5 },
    ],
    [
      'provider_unknown',
      404,
      'PROVIDER_NOT_CONFIGURED',
      'Signing in with this provider is not set up',
      'La connexion avec ce fournisseur n’est pas configurée',
    ],
    [
      'rate_limited',
      429,
      'RATE_LIMIT_EXCEEDED',
      'Too many requests. Please try again in 60 minutes',
      'Trop de requêtes. Réessayez dans 60 minutes',
      { retryAfterSeconds: 3600 },
    ],
    [
      'reauthentication_required',
      403,
      'REAUTH_REQUIRED',
      'Please confirm your identity again before this change',
      'Confirmez à nouveau votre identité avant ce changement',
    ],
    [
      'session_ended',
      401,
      'INVALID_TOKEN',
      'Token is invalid or expired',
      'Le jeton est invalide ou a expiré',
      { credential: 'over' },
    ],
    ['sign_up_closed', 403, 'SIGN_UP_CLOSED', 'Registration is closed', 'Les inscriptions sont fermées'],
    ['token_invalid', 400, 'INVALID_TOKEN', 'Token is invalid or expired', 'Le jeton est invalide ou a expiré'],
    ['token_expired', 400, 'INVALID_TOKEN', 'Token is invalid or expired', 'Le jeton est invalide ou a expiré'],
    [
      'body_too_large',
      413,
      'PAYLOAD_TOO_LARGE',
      'The request body is too large: at most 64 KiB are accepted',
      'Le corps de la requête est trop grand : 64 Kio au plus sont acceptés',
    ],
    [
      'body_unreadable',
      400,
      'VALIDATION_ERROR',
      'The request body is not valid JSON',
      'Le corps de la requête n’est pas du JSON valide',
    ],
    [
      'fault',
      500,
      'SERVER_ERROR',
      'Something went wrong on our side. Please try again',
      'Une erreur est survenue de notre côté. Veuillez réessayer',
    ],
    [
      'foreign_origin',
      403,
      'FORBIDDEN_ORIGIN',
      'Requests from this origin are not accepted',
      'Les requêtes de cette origine ne sont pas acceptées',
    ],
    [
      'media_type_unsupported',
      415,
      'UNSUPPORTED_MEDIA_TYPE',
      'The request body must be application/json',
      'Le corps de la requête doit être du type application/json',
    ],
    [
      'method_not_allowed',
      405,
      'METHOD_NOT_ALLOWED',
      'This method is not supported here',
      'Cette méthode n’est pas prise en charge ici',
      { allowed: ['POST'] },
    ],
    ['path_unknown', 404, 'NOT_FOUND', 'There is nothing here', 'Il n’y a rien ici'],
    [
      'unavailable',
      503,
      'UNAVAILABLE',
      'The service is busy or being restored. Please try again in a moment',
      'Le service est occupé ou en cours de rétablissement. Réessayez dans un instant',
      { retryAfterSeconds: 2 },
    ],
  ];

/** Which spaces of a duration break no line is for the platform's tables to say. */
const plain = (text: string): string => text.replace(/[\u00a0\u202f]/g, ' ');

describe('the words', () => {
  it('of every "no" are these, in both languages', () => {
    // What no route of this contract asks for has no words of its own.
    const own = Object.keys(dialect).filter((code) => dialect[code as keyof typeof dialect] !== dialect.fault);
    assert.deepEqual(NOS.map(([code]) => code).sort(), [...own, 'fault'].sort());
    for (const [code, status, error, en, fr, facts = {}] of NOS) {
      for (const [locale, message] of [
        ['en', en],
        ['fr', fr],
      ] as const) {
        const say = dialect[code] as (call: object) => No;
        const no = say({ say: words[locale], facts });
        const { message: said, fields, ...body } = no.body as { message: string; fields?: object };
        assert.deepEqual([no.status, body, plain(said)], [status, { error }, message], code);
        assert.deepEqual(fields, error === 'VALIDATION_ERROR' ? {} : undefined, code);
        const { retryAfterSeconds } = facts as { retryAfterSeconds?: number };
        assert.equal(no.headers?.['Retry-After'], retryAfterSeconds?.toString(), code);
      }
    }
  });

  it('are whole in both languages, and no text is the same in both', () => {
    const flat = (value: unknown): unknown[] =>
      typeof value === 'object' && value !== null ? Object.values(value).flatMap(flat) : [value];
    const said = (value: unknown): unknown => (typeof value === 'function' ? value(8) : value);
    const [english, french] = [flat(words.en).map(said), flat(words.fr).map(said)];
    assert.equal(french.length, english.length);
    for (const [index, text] of french.entries()) {
      assert.ok(typeof text === 'string' && text !== '');
      assert.notEqual(text, english[index]);
    }
  });

  it('of these tests are the contract’s', () => {
    const texts = new Map(NOS.map(([, , error, en]) => [error, en]));
    texts.set('TOTP_REQUIRED', words.en.codeRequired);
    // Two have one code.
    texts.set('VALIDATION_ERROR', words.en.invalidInput);
    for (const [error, text] of Object.entries(WORDS)) assert.equal(texts.get(error), text, error);
  });

  it('tell a long wait in hours', () => {
    const { accountLocked, rateLimited } = words.fr;
    assert.equal(plain(accountLocked(24 * 3600)), 'Trop de tentatives échouées. Réessayez dans 24 heures');
    assert.equal(plain(rateLimited(45)), 'Trop de requêtes. Réessayez dans 45 secondes');
  });
});

describe('the language of an answer', () => {
  const world = sharedWorld();

  const said = async (header: string | undefined): Promise<string | undefined> => {
    const headers = header === undefined ? {} : { 'accept-language': header };
    return (await world().another({ headers }).get('/session')).body.message;
  };
  const EN = 'Token is invalid or expired';
  const FR = 'Le jeton est invalide ou a expiré';

  it('is English where none is asked for, any is welcome, or none of ours', async () => {
    for (const header of [
      undefined,
      '',
      '*',
      'de',
      'de-DE, zh;q=0.5',
      'de, *;q=0.1',
      'en',
      'en-GB',
      'EN',
      'x-unknown',
      ';;q=,',
      'french',
      'fr;q=0',
      'fr;q=much',
      'fr;q=0, en;q=0.1',
      'en, fr',
      'fr;q=0.4, en;q=0.8',
      'fr,'.repeat(3000),
    ]) {
      assert.equal(await said(header), EN, header?.slice(0, 40));
    }
  });

  it('is French where that is wanted most', async () => {
    for (const header of [
      'fr',
      'fr-CA',
      'FR',
      'fr, en;q=0.9',
      'en;q=0.1, fr;q=0.2',
      'de, fr;q=0.1',
      'en;q=0, fr',
      'fr, *;q=0.5',
    ]) {
      assert.equal(await said(header), FR, header);
    }
  });

  it('changes the words alone, never a status, a code or a key', async () => {
    const { account, another } = world();
    const { email } = await account();
    const asked = async (headers: Record<string, string>): Promise<Answer[]> => {
      const client = another({ headers });
      const bad = { 'content-type': 'text/plain' };
      return [
        await client.signIn(email, WRONG),
        await client.signUp(email),
        await client.signUp('x'),
        await client.signUp(world().address(), 'short'),
        await client.post('/sign-up', {}),
        await client.post('/sign-in', { email: 1, password: null }),
        await client.post('/verify-email', { token: 'x' }),
        await client.post('/reset-password', { token: 'x', password: PASSWORD }),
        await client.post('/exchange', { code: 'x' }),
        await client.post('/magic-link/verify', { token: 'x' }),
        await client.post('/send-magic-link', { email, redirectUrl: 'https://evil.example' }),
        await client.post('/passkey/sign-in', { response: {} }),
        await client.get('/oauth/github'),
        await client.get('/session'),
        await client.get('/nothing'),
        await client.get('/sign-in'),
        await client.post('/sign-in', undefined, { raw: '{' }),
        await client.post('/sign-in', undefined, { raw: 'x', headers: bad }),
        await client.post('/sign-in', undefined, { raw: 'x'.repeat(70_000) }),
        await client.post('/sign-in', {}, { headers: { origin: 'https://evil.example' } }),
      ];
    };
    const [english, french] = [await asked({}), await asked(FRENCH)];
    for (const [index, answer] of english.entries()) {
      const other = french[index] as Answer;
      assert.equal(other.status, answer.status);
      assert.deepEqual({ ...other.body, message: '', fields: {} }, { ...answer.body, message: '', fields: {} });
      assert.notEqual(other.body.message, answer.body.message, answer.text);
      assert.deepEqual(Object.keys(other.body.fields ?? {}), Object.keys(answer.body.fields ?? {}));
      for (const [field, text] of Object.entries(answer.body.fields ?? {})) {
        assert.ok(other.body.fields?.[field]);
        assert.notEqual(other.body.fields?.[field], text);
      }
    }
  });

  it('is French in whole where that is asked for, of what is refused', async () => {
    const { account, address, another } = world();
    const { email } = await account();
    const client = another({ headers: FRENCH });
    const refused = (answer: Answer, code: FailureCode | RefusalCode, fields?: Record<string, string>): void => {
      const [, status, error, , message] = NOS.find(([one]) => one === code) ?? assert.fail(code);
      assertRefused(answer, status, error, { message, ...(fields && { fields }) });
    };
    refused(await client.signIn(email, WRONG), 'invalid_credentials');
    refused(await client.signUp(email), 'identifier_taken');
    refused(await client.signUp('x'), 'input_rejected', { email: 'Cette adresse e-mail n’est pas valide' });
    refused(await client.post('/sign-up', {}), 'input_rejected', {
      email: 'Ce champ est obligatoire',
      password: 'Ce champ est obligatoire',
    });
    refused(await client.signUp(address(), 'court'), 'password_rejected');
    refused(await client.get('/session'), 'session_ended');
    refused(await client.post('/sign-in', undefined, { raw: '{' }), 'body_unreadable', NOT_JSON.fields);
    refused(await client.get('/oauth/google'), 'provider_unknown');
    await client.signUp(address());
    refused(await client.get('/sessions'), 'identifier_unproven');
  });

  it('is French in whole where that is asked for, of what is done', async (t) => {
    const { address, another, clock, linkToken, totp } = await openClient(t);
    const client = another({ headers: FRENCH });
    const email = address();
    assert.equal((await client.signUp(email)).status, 201);
    const sentAgain = 'Si cette adresse attend une vérification, un lien a été envoyé';
    assertDone(await client.post('/send-verification-email', { email }), sentAgain);
    await client.post('/verify-email', { token: await linkToken(email, '/verify-email') });
    assertDone(await client.post('/send-magic-link', { email }), 'Lien de connexion envoyé par e-mail');
    const resetSent = 'Si un compte existe avec cet e-mail, un lien de réinitialisation a été envoyé';
    assertDone(await client.post('/forgot-password', { email }), resetSent);
    const changeSent = 'Un lien de confirmation a été envoyé à la nouvelle adresse';
    assertDone(await client.post('/change-email', { newEmail: address() }), changeSent);
    assertDone(await client.post('/reauthenticate', { password: PASSWORD }), 'Identité confirmée');

    const authenticator = new SoftwareAuthenticator();
    const options = (await client.post('/passkey/register')).body.options ?? {};
    const response = authenticator.register(options, { origin: ORIGIN });
    const { passkey } = (await client.post('/passkey/register', { response })).body;
    assertDone(await client.delete(`/passkeys/${passkey?.id}`), 'Clé d’accès retirée');

    const { secret = '' } = (await client.post('/two-factor/enable')).body;
    assert.equal((await client.post('/two-factor/verify', { code: totp(secret) })).status, 200);
    const due = await client.signIn(email);
    assert.equal(due.body.message, 'Un code de connexion en deux étapes est nécessaire');
    const off = await client.post('/two-factor/disable');
    assertDone(off, 'La connexion en deux étapes est désactivée');

    const other = another();
    await other.signIn(email);
    const [session] = (await other.get('/sessions')).body.sessions?.filter(({ current }) => current) ?? [];
    assertDone(await client.delete(`/sessions/${session?.['id']}`), 'Session terminée');
    assertDone(await client.delete('/sessions'), 'Toutes vos autres sessions ont été déconnectées');
    clock.advance({ minutes: 1 });
    await client.post('/forgot-password', { email });
    const reset = { token: await linkToken(email, '/reset-password'), password: OTHER_PASSWORD };
    assertDone(
      await client.post('/reset-password', reset),
      'Mot de passe réinitialisé. Connectez-vous avec le nouveau',
    );
    await client.signIn(email, OTHER_PASSWORD);
    assertDone(await client.delete('/user'), 'Votre compte a été supprimé');
  });

  it('is the one of the sign-up in what is mailed', async () => {
    const { address, another, mails } = world();
    for (const [headers, verification, link] of [
      [{}, 'Confirm your e-mail address', 'Your sign-in link'],
      [FRENCH, 'Confirmez votre adresse e-mail', 'Votre lien de connexion'],
    ] as const) {
      const email = address();
      await another({ headers }).signUp(email);
      assert.equal((await mails(email))[0]?.subject, verification);
      world().clock.advance({ minutes: 1 });
      // Whatever language somebody else asks in.
      await another({ headers: FRENCH }).post('/send-magic-link', { email });
      assert.equal((await mails(email))[0]?.subject, link);
    }
  });
});
