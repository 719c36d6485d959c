import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { accountIn, assertNewAccount, assertRefused, assertSignedIn } from './answers.ts';
import { openClient, PASSWORD, sharedWorld, WRONG } from './client.ts';

const REGISTERED = 'Compte créé. Un code de confirmation de 6 chiffres a été envoyé.';

const UNCONFIRMED = { account_confirmed: false, account_confirmed_at: null };

describe('register', () => {
  const world = sharedWorld();

  it('makes an account with an e-mail address, and sends it a code of six digits', async () => {
    const { address, another, mails } = world();
    const email = address();
    const client = another();
    const answer = await client.post('/register', { email: ` ${email.toUpperCase()} `, password: PASSWORD });
    assertNewAccount(answer, { status: 201, message: REGISTERED }, { email, phone: null, ...UNCONFIRMED });
    const [mail, ...others] = await mails(email);
    assert.deepEqual(others, []);
    assert.deepEqual([mail?.to, mail?.subject, mail?.links], [email, 'Votre code de confirmation', []]);
    assert.match(mail?.code ?? '', /^\d{6}$/);
    assert.ok(mail?.text.includes(mail.code ?? '-'));
  });

  it('makes an account with a phone number, and sends it an SMS', async () => {
    const { another, mails, number } = world();
    const phone = number();
    const answer = await another().post('/register', { phone: phone.replace('+33', '0'), password: PASSWORD });
    assertNewAccount(answer, { status: 201, message: REGISTERED }, { email: null, phone, ...UNCONFIRMED });
    const [sms, ...others] = await mails(phone);
    assert.deepEqual(others, []);
    assert.deepEqual([sms?.to, sms?.subject, sms?.html, sms?.links], [phone, '', '', []]);
    assert.match(sms?.text ?? '', new RegExp(`^${sms?.code} : le code pour confirmer votre compte Guichet`));
  });

  it('founds the account on the address, given both, and sends the number its code once that is confirmed', async () => {
    const { address, another, codeFor, mails, number } = world();
    const [email, phone] = [address(), number()];
    const client = another();
    const answer = await client.post('/register', { email, phone, password: PASSWORD });
    assertNewAccount(answer, { status: 201, message: REGISTERED }, { email, phone: null, ...UNCONFIRMED });
    assert.deepEqual(await mails(phone), []);
    await client.post('/confirm', { identifier: email, otp: await codeFor(email) });
    const otp = await codeFor(phone);
    assertRefused(await client.signIn(phone), 401, 'invalid_credentials');
    await client.signIn(email);
    const verified = await client.post('/phone/verify', { otp });
    assert.deepEqual([verified.status, accountIn(verified).phone], [200, phone]);
    assertSignedIn(await client.signIn(phone));
  });

  it('says of a second identifier not whether somebody has it, and gives it to nobody who has not proven it', async () => {
    const { account, address, another, codeFor, number } = world();
    const [email, phone] = [address(), number()];
    const owner = await account({ phone });
    const client = another();
    assert.equal((await client.post('/register', { email, phone, password: PASSWORD })).status, 201);
    await client.post('/confirm', { identifier: email, otp: await codeFor(email) });
    await client.signIn(email);
    assert.equal(accountIn(await client.get('/me')).phone, null);
    const late = await client.post('/phone/verify', { otp: await codeFor(phone) });
    assertRefused(late, 409, 'identifier_taken', { message: 'Ce numéro de téléphone est déjà utilisé.' });
    assert.equal(assertSignedIn(await another().signIn(phone)).email, owner.email);
  });

  it('opens no session, and lets nobody in before the code came back', async () => {
    const { address, another } = world();
    const email = address();
    const client = another();
    const { body } = await client.post('/register', { email, password: PASSWORD, ...client.device });
    assert.deepEqual([body.access_token, body.refresh_token, body.client_token], [undefined, undefined, undefined]);
    assertRefused(await client.signIn(email), 403, 'account_not_confirmed');
    assertRefused(await client.verify(email, '123456', { password: PASSWORD }), 403, 'account_not_confirmed');
  });

  it('tells only who knows the password that an account is not confirmed', async () => {
    const { address, another } = world();
    const email = address();
    const client = another();
    await client.post('/register', { email, password: PASSWORD });
    assertRefused(await client.signIn(email, WRONG), 401, 'invalid_credentials');
  });

  it('needs an address or a number', async () => {
    const required = ['Ce champ est obligatoire.'];
    const answer = await world().another().post('/register', { password: PASSWORD });
    assertRefused(answer, 422, 'validation_failed', { errors: { email: required, phone: required } });
    assertRefused(await world().another().post('/register'), 422, 'validation_failed', {
      errors: { password: required },
    });
  });

  it('refuses what is no address, and what is no number that codes go to', async () => {
    const { another } = world();
    const errors: [object, Record<string, string[]>][] = [
      [{ email: 'ada' }, { email: ['Cette adresse e-mail n’est pas valide.'] }],
      [{ phone: '12' }, { phone: ['Ce numéro de téléphone n’est pas valide.'] }],
      [
        { email: 'ada', phone: '12' },
        {
          email: ['Cette adresse e-mail n’est pas valide.'],
          phone: ['Ce numéro de téléphone n’est pas valide.'],
        },
      ],
      // A landline, and another country's mobile.
      [{ phone: '01 42 68 53 00' }, { phone: ['Aucun code ne peut y être envoyé.'] }],
      [{ phone: '+1 202 555 0143' }, { phone: ['Aucun code ne peut y être envoyé.'] }],
    ];
    for (const [given, expected] of errors) {
      const answer = await another().post('/register', { ...given, password: PASSWORD });
      assertRefused(answer, 422, 'validation_failed', { errors: expected });
    }
  });

  it('refuses a weak password with what is wrong about it', async () => {
    const { address, another } = world();
    const email = address('violet.hammock');
    const judged = {
      short: 'Le mot de passe doit contenir au moins 8 caractères.',
      password123: 'Ce mot de passe est parmi les plus courants. Veuillez en choisir un autre.',
      [email]: 'Le mot de passe ne doit pas être fait de votre nom, de votre e-mail ou de votre numéro.',
      aaaaaaaaab: 'Ce mot de passe est trop facile à deviner. Quelques mots sans lien en font un bon.',
      ['é'.repeat(513)]: 'Le mot de passe est trop long : 1 024 octets au plus sont acceptés.',
    };
    for (const [password, message] of Object.entries(judged)) {
      const answer = await another().post('/register', { email, password });
      assertRefused(answer, 422, 'validation_failed', { errors: { password: [message] } });
    }
    const withNumber = await another().post('/register', { phone: '06 12 98 76 54', password: 'pw 06 12 98 76 54' });
    assertRefused(withNumber, 422, 'validation_failed', {
      errors: { password: [judged[email] ?? ''] },
    });
  });

  it('refuses an identifier that somebody has, in every spelling', async () => {
    const { account, another, number } = world();
    const phone = number();
    const { email } = await account({ phone });
    for (const given of [{ email }, { email: email.toUpperCase() }]) {
      assertRefused(await another().post('/register', { ...given, password: PASSWORD }), 409, 'identifier_taken', {
        message: 'Cette adresse e-mail est déjà utilisée.',
      });
    }
    for (const given of [{ phone }, { phone: phone.replace('+33', '00 33 ') }]) {
      assertRefused(await another().post('/register', { ...given, password: PASSWORD }), 409, 'identifier_taken', {
        message: 'Ce numéro de téléphone est déjà utilisé.',
      });
    }
  });

  it('is closed where the operator closed it', async (t) => {
    const { another, mails } = await openClient(t, { env: { GUICHET_SIGN_UP: 'closed' } });
    const answer = await another().post('/register', { email: 'ada@example.com', password: PASSWORD });
    assertRefused(answer, 403, 'sign_up_closed');
    assert.deepEqual(await mails(), []);
  });
});
