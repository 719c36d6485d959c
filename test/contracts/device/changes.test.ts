import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { accountIn, assertDone, assertRefused, assertSignedIn } from './answers.ts';
import { type Client, type OpenedClient, OTHER_PASSWORD, PASSWORD, sharedWorld, WRONG } from './client.ts';

/** The two changes have one life; what differs is here. */
const KINDS = {
  phone: {
    path: '/phone',
    sent: 'Un code de 6 chiffres a été envoyé au nouveau numéro.',
    taken: 'Ce numéro de téléphone est déjà utilisé.',
    invalid: 'Ce numéro de téléphone n’est pas valide.',
    nonsense: '12 34',
    make: (world: OpenedClient) => world.number(),
    spelled: (value: string) => value.replace('+33', '0').replace(/(..)/g, '$1 '),
    asked: /^Quelqu'un veut changer le numéro de votre compte Guichet\./,
    changed: /^Le numéro de votre compte Guichet vient de changer\./,
  },
  email: {
    path: '/email',
    sent: 'Un code de 6 chiffres a été envoyé à la nouvelle adresse.',
    taken: 'Cette adresse e-mail est déjà utilisée.',
    invalid: 'Cette adresse e-mail n’est pas valide.',
    nonsense: 'ada',
    make: (world: OpenedClient) => world.address('new'),
    spelled: (value: string) => ` ${value.toUpperCase()} `,
    asked: /Quelqu’un a demandé à remplacer l’adresse e-mail de votre compte Guichet/,
    changed: /L’adresse e-mail de votre compte Guichet vient de changer/,
  },
} as const;

for (const kind of ['phone', 'email'] as const) {
  const { asked, changed, invalid, make, nonsense, path, sent, spelled, taken } = KINDS[kind];

  describe(`the change of ${kind === 'email' ? 'an e-mail address' : 'a phone number'}`, () => {
    const world = sharedWorld();

    /** Somebody with both, signed in just now. */
    async function somebody(): Promise<{ client: Client; email: string; old: string; value: string }> {
      const { number, signedIn } = world();
      const phone = number();
      const { client, email } = await signedIn({ phone });
      return { client, email, old: kind === 'email' ? email : phone, value: make(world()) };
    }
    const change = (client: Client, value: string, more: object = {}) =>
      client.post(`${path}/change`, { [kind]: value, password: PASSWORD, ...more });

    it('sends a code to the new one, a notice without one to the old, and leaves all as it is until then', async () => {
      const { client, old, value } = await somebody();
      assertDone(await change(client, spelled(value)), sent, 201);
      const [code, ...others] = await world().mails(value);
      assert.match(code?.code ?? '', /^\d{6}$/);
      assert.deepEqual([others, code?.links], [[], []]);
      const [notice, ...more] = await world().mails(old);
      assert.match(notice?.text ?? '', asked);
      assert.deepEqual([more, notice?.code, notice?.links], [[], null, []]);
      assert.ok(!notice?.text.includes(value));
      assert.equal(accountIn(await client.get('/me'))[kind], old);
      assertRefused(await world().another().signIn(value), 401, 'invalid_credentials');
    });

    it('is made by the code: the new one signs in, the old one no more, and both are told', async () => {
      const { clock, codeFor, mails } = world();
      const { client, email, old, value } = await somebody();
      await change(client, value);
      clock.advance({ minutes: 9, seconds: 59 });
      const answer = await client.post(`${path}/verify`, { otp: await codeFor(value) });
      const account = accountIn(answer);
      assert.deepEqual(answer.body, { status: 200, account });
      assert.equal(account[kind], value);
      assert.deepEqual((await client.get('/me')).body, answer.body);
      const newest = async (to: string) => (await mails(to))[0];
      assert.match((await newest(old))?.text ?? '', changed);
      if (kind === 'email') assert.match((await newest(value))?.text ?? '', changed);
      else assert.match((await newest(email))?.subject ?? '', /^Votre numéro de téléphone a été changé$/);
      assertRefused(await world().another().signIn(old), 401, 'invalid_credentials');
      assertSignedIn(await world().another().signIn(value));
    });

    it('keeps the session that asked and every other', async () => {
      const { another, codeFor } = world();
      const { client, old, value } = await somebody();
      const other = another();
      await other.signIn(old);
      await change(client, value);
      await client.post(`${path}/verify`, { otp: await codeFor(value) });
      for (const session of [client, other]) assert.equal(accountIn(await session.get('/me'))[kind], value);
    });

    it('needs the password, also right after the sign-in, and counts a wrong one', async () => {
      const { client, old, value } = await somebody();
      for (let count = 0; count < 10; count += 1) {
        assertRefused(await change(client, value, { password: WRONG }), 401, 'invalid_credentials');
      }
      assertRefused(await change(client, value), 423, 'account_locked', {
        message: 'Trop de tentatives échouées. Réessayez dans 15 minutes.',
        retryAfter: 900,
      });
      assert.deepEqual(await world().mails(value), []);
      assert.equal(accountIn(await client.get('/me'))[kind], old);
    });

    it('is enough with the password alone, however old the sign-in', async () => {
      const { clock } = world();
      const { client, value } = await somebody();
      clock.advance({ minutes: 50 });
      assertDone(await change(client, value), sent, 201);
    });

    it('needs the second factor, proven lately or in the same body', async () => {
      const { clock, enrol, totp } = world();
      const { client, value } = await somebody();
      const { secret } = await enrol(client, 'totp');
      clock.advance({ minutes: 11 });
      assertRefused(await change(client, value), 403, 'reauth_required');
      assertRefused(await change(client, value, { otp: '000' }), 401, 'invalid_otp');
      assertRefused(await change(client, value, { otp: totp(secret), password: WRONG }), 401, 'invalid_credentials');
      assert.deepEqual(await world().mails(value), []);
      assertDone(await change(client, value, { otp: totp(secret) }), sent, 201);
      clock.advance({ seconds: 61 });
      assertDone(await change(client, make(world())), sent, 201);
    });

    it('refuses one that somebody has, and one that is none', async () => {
      const { client } = await somebody();
      const other = await somebody();
      assertRefused(await change(client, spelled(other.old)), 409, 'identifier_taken', { message: taken });
      assertRefused(await change(client, nonsense), 422, 'validation_failed', { errors: { [kind]: [invalid] } });
      const required = ['Ce champ est obligatoire.'];
      assertRefused(await client.post(`${path}/change`, {}), 422, 'validation_failed', {
        errors: { [kind]: required, password: required },
      });
    });

    it('sends no second code within a minute', async () => {
      const { client, value } = await somebody();
      await change(client, value);
      world().clock.advance({ seconds: 20 });
      assertRefused(await change(client, value), 429, 'rate_limited', {
        message: 'Trop de requêtes. Réessayez dans 40 secondes.',
        retryAfter: 40,
      });
      world().clock.advance({ seconds: 40 });
      assertDone(await change(client, value), sent, 201);
      assert.equal((await world().mails(value)).length, 2);
    });

    it('makes of two that were asked for the one whose code it is', async () => {
      const { clock, codeFor } = world();
      const { client, old, value } = await somebody();
      const second = make(world());
      await change(client, value);
      const first = await codeFor(value);
      clock.advance({ minutes: 1 });
      await change(client, second);
      const otp = await codeFor(second);
      if (first !== otp) assertRefused(await client.post(`${path}/verify`, { otp: first }), 401, 'invalid_otp');
      assert.equal(accountIn(await client.get('/me'))[kind], old);
      assert.equal(accountIn(await client.post(`${path}/verify`, { otp }))[kind], second);
    });

    it('refuses a wrong code, the right one after five of them, after ten minutes, and a second time', async () => {
      const { clock, codeFor } = world();
      const { client, value } = await somebody();
      const verify = (otp: string) => client.post(`${path}/verify`, { otp });
      assertRefused(await verify('123456'), 401, 'invalid_otp');
      await change(client, value);
      const tried = await codeFor(value);
      for (let count = 0; count < 5; count += 1) assertRefused(await verify('wrong'), 401, 'invalid_otp');
      assertRefused(await verify(tried), 401, 'invalid_otp');
      clock.advance({ minutes: 10 });
      await change(client, value);
      const late = await codeFor(value);
      clock.advance({ minutes: 10 });
      assertRefused(await verify(late), 401, 'invalid_otp');
      await change(client, value);
      const otp = await codeFor(value);
      assert.equal((await verify(otp)).status, 200);
      assertRefused(await verify(otp), 401, 'invalid_otp');
    });

    it('gives one that two ask for to who proves it first', async () => {
      const { codeFor, clock } = world();
      const [one, other] = [await somebody(), await somebody()];
      await change(one.client, one.value);
      const first = await codeFor(one.value);
      clock.advance({ minutes: 1 });
      await change(other.client, one.value);
      const second = await codeFor(one.value);
      assert.equal(accountIn(await other.client.post(`${path}/verify`, { otp: second }))[kind], one.value);
      const late = await one.client.post(`${path}/verify`, { otp: first });
      assertRefused(late, 409, 'identifier_taken', { message: taken });
      assert.equal(accountIn(await one.client.get('/me'))[kind], one.old);
    });

    it('is dropped by a change of the password', async () => {
      const { codeFor } = world();
      const { client, old, value } = await somebody();
      await change(client, value);
      const otp = await codeFor(value);
      await client.put('/password', { current_password: PASSWORD, password: OTHER_PASSWORD });
      assertRefused(await client.post(`${path}/verify`, { otp }), 401, 'invalid_otp');
      assert.equal(accountIn(await client.get('/me'))[kind], old);
    });

    it('needs a token for both', async () => {
      const client = world().another();
      assertRefused(await change(client, make(world())), 401, 'invalid_token');
      assertRefused(await client.post(`${path}/verify`, { otp: '123456' }), 401, 'invalid_token');
    });
  });
}

describe('a first phone number', () => {
  const world = sharedWorld();

  it('is added like another one, with nobody to tell of an old one', async () => {
    const { codeFor, mails, number, signedIn } = world();
    const { client, email } = await signedIn();
    const phone = number();
    await client.post('/phone/change', { phone, password: PASSWORD });
    assert.deepEqual(await mails(email), []);
    const account = accountIn(await client.post('/phone/verify', { otp: await codeFor(phone) }));
    assert.deepEqual([account.email, account.phone], [email, phone]);
    assert.equal((await mails(email))[0]?.subject, 'Votre numéro de téléphone a été changé');
  });

  it('is none of a landline, nor of a country that SMS do not go to', async () => {
    const { signedIn } = world();
    const { client } = await signedIn();
    for (const phone of ['01 42 68 53 00', '+1 202 555 0143']) {
      assertRefused(await client.post('/phone/change', { phone, password: PASSWORD }), 422, 'validation_failed', {
        errors: { phone: ['Aucun code ne peut y être envoyé.'] },
      });
    }
  });
});
