import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { words } from '../../../src/contracts/device/words.ts';
import { type Answer, assertDone, assertRefused, WORDS } from './answers.ts';
import { PASSWORD, sharedWorld, WRONG } from './client.ts';

const ENGLISH = { 'accept-language': 'en' };

describe('the language of an answer', () => {
  const world = sharedWorld();
  const SENT = { fr: 'Un code OTP de 6 chiffres a été renvoyé.', en: 'A 6-digit OTP code has been sent again.' };

  const sentTo = async (acceptLanguage: string | undefined): Promise<string | undefined> => {
    const headers = acceptLanguage === undefined ? {} : { 'accept-language': acceptLanguage };
    const client = world().another({ headers });
    return (await client.post('/2fa/request-otp', { identifier: 'nobody@example.com' })).body.message;
  };

  it('is French where none is asked for, any is welcome, or none of ours', async () => {
    for (const asked of [
      undefined,
      '',
      '*',
      'de',
      'de-DE, zh;q=0.5',
      'de, *;q=0.1',
      'fr',
      'fr-CA',
      'FR',
      'x-unknown',
      ';;q=,',
    ]) {
      assert.equal(await sentTo(asked), SENT.fr, asked);
    }
  });

  it('is English where that is wanted most', async () => {
    for (const asked of ['en', 'en-GB', 'EN-us', 'en, fr;q=0.9', 'fr;q=0.1, en;q=0.2', 'de, en;q=0.1', 'fr;q=0, en']) {
      assert.equal(await sentTo(asked), SENT.en, asked);
    }
    assert.equal(await sentTo('en;q=0.5, fr'), SENT.fr);
    assert.equal(await sentTo('en;q=0'), SENT.fr);
  });

  it('changes the words alone, never a status, a code or a key', async () => {
    const { account, another } = world();
    const { email } = await account();
    const asked = async (headers: Record<string, string>): Promise<Answer[]> => {
      const client = another({ headers });
      return [
        await client.signIn(email, WRONG),
        await client.signIn('', PASSWORD),
        await client.post('/register', { email, password: PASSWORD }),
        await client.post('/register', { email: 'x', phone: 'y', password: PASSWORD }),
        await client.post('/register', { email: 'new@example.com', password: 'short' }),
        await client.post('/register', {}),
        await client.post('/confirm', { identifier: email, otp: '1' }),
        await client.post('/confirm', { identifier: 1, otp: 1 }),
        await client.post('/password/reset', { identifier: email, otp: '1', challenge: 'x', password: PASSWORD }),
        await client.post('/unlock', { token: 'x' }),
        await client.get('/me'),
        await client.get('/nothing'),
        await client.get('/login'),
        await client.post('/login', undefined, { raw: '{' }),
        await client.post('/login', undefined, { raw: 'x', headers: { 'content-type': 'text/plain' } }),
        await client.post('/login', undefined, { raw: 'x'.repeat(70_000) }),
        await client.post('/login', {}, { headers: { origin: 'https://evil.example' } }),
      ];
    };
    const [french, english] = [await asked({}), await asked(ENGLISH)];
    for (const [index, answer] of french.entries()) {
      const other = english[index] as Answer;
      assert.equal(other.status, answer.status);
      assert.deepEqual({ ...other.body, message: '', errors: {} }, { ...answer.body, message: '', errors: {} });
      assert.deepEqual(Object.keys(other.body.errors ?? {}), Object.keys(answer.body.errors ?? {}));
      assert.notEqual(other.body.message, answer.body.message);
      for (const [field, texts] of Object.entries(answer.body.errors ?? {})) {
        assert.equal(texts.length, 1);
        assert.notDeepEqual(other.body.errors?.[field], texts);
      }
    }
  });

  it('is English in whole where that is asked for', async () => {
    const { account, another } = world();
    const { email } = await account();
    const client = another({ headers: ENGLISH });
    const refused: [Answer, number, string, { message: string; errors?: Record<string, string[]> }][] = [
      [
        await client.signIn(email, WRONG),
        401,
        'invalid_credentials',
        { message: 'Identifier or password is incorrect.' },
      ],
      [await client.get('/me'), 401, 'invalid_token', { message: 'The access token is missing or invalid.' }],
      [await client.verify(email, '1'), 401, 'invalid_otp', { message: 'The OTP code is incorrect or has expired.' }],
      [
        await client.post('/register', { email, password: PASSWORD }),
        409,
        'identifier_taken',
        { message: 'This e-mail address is already in use.' },
      ],
      [
        await client.post('/register', { email: 'x', password: PASSWORD }),
        422,
        'validation_failed',
        { message: 'Some fields are missing or wrong.', errors: { email: ['This is not a valid e-mail address.'] } },
      ],
      [await client.get('/nothing'), 404, 'not_found', { message: 'There is nothing here.' }],
    ];
    for (const [answer, status, error, of] of refused) assertRefused(answer, status, error, of);
    await client.signIn(email);
    assertDone(await client.post('/logout'), 'Signed out.');
  });

  it('is the one of the sign-up in what is sent', async () => {
    const { address, another, codeFor, mails } = world();
    for (const [headers, subject, change] of [
      [{}, 'Votre code de confirmation', 'Votre code pour changer de mot de passe'],
      [ENGLISH, 'Your confirmation code', 'Your code for a new password'],
    ] as const) {
      const email = address();
      await another({ headers }).post('/register', { email, password: PASSWORD });
      assert.equal((await mails(email))[0]?.subject, subject);
      await another().post('/confirm', { identifier: email, otp: await codeFor(email) });
      world().clock.advance({ minutes: 1 });
      // Whatever language somebody else asks in.
      await another({ headers: ENGLISH }).post('/password/forgot', { identifier: email });
      assert.equal((await mails(email))[0]?.subject, change);
    }
  });
});

describe('the words', () => {
  it('are whole in both languages, and no text is the same in both', () => {
    const flat = (value: unknown): unknown[] =>
      typeof value === 'object' && value !== null ? Object.values(value).flatMap(flat) : [value];
    const said = (value: unknown): unknown => (typeof value === 'function' ? value(8) : value);
    const [french, english] = [flat(words.fr).map(said), flat(words.en).map(said)];
    assert.equal(french.length, english.length);
    for (const [index, text] of french.entries()) {
      assert.ok(typeof text === 'string' && text !== '');
      assert.notEqual(text, english[index]);
    }
  });

  it('are the ones that these tests expect', () => {
    assert.equal(words.fr.invalidCredentials, WORDS['invalid_credentials']);
    assert.equal(words.fr.codeSentAgain, 'Un code OTP de 6 chiffres a été renvoyé.');
  });

  it('tell a long wait in hours', () => {
    const plain = (text: string): string => text.replace(/\s/g, ' ');
    assert.equal(plain(words.fr.accountLocked(24 * 3600)), 'Trop de tentatives échouées. Réessayez dans 24 heures.');
    assert.equal(plain(words.en.rateLimited(22.5 * 3600)), 'Too many requests. Please try again in 23 hours.');
    assert.equal(plain(words.fr.rateLimited(3600)), 'Trop de requêtes. Réessayez dans 60 minutes.');
  });
});
