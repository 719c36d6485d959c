import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { accountIn, assertDone, assertNewAccount, assertRefused, assertSignedIn } from './answers.ts';
import { OTHER_PASSWORD, PASSWORD, sharedWorld } from './client.ts';

const CONFIRMED = 'Compte confirmé. Vous pouvez maintenant vous connecter.';
const RESENT = 'Si ce compte attend une confirmation, un code de 6 chiffres a été envoyé.';

describe('confirm', () => {
  const world = sharedWorld();

  async function registered(kind: 'email' | 'phone' = 'email') {
    const { address, another, codeFor, number } = world();
    const identifier = kind === 'email' ? address() : number();
    const client = another();
    await client.post('/register', { [kind]: identifier, password: PASSWORD });
    return { client, identifier, otp: await codeFor(identifier) };
  }

  it('confirms an account by its address with the code', async () => {
    const { client, identifier, otp } = await registered();
    world().clock.advance({ minutes: 9, seconds: 59 });
    const answer = await client.post('/confirm', { identifier: identifier.toUpperCase(), otp });
    const at = new Date(world().clock.now()).toISOString();
    const confirmed = { account_confirmed: true, account_confirmed_at: at };
    assertNewAccount(answer, { status: 200, message: CONFIRMED }, { email: identifier, phone: null, ...confirmed });
    assertSignedIn(await client.signIn(identifier));
  });

  it('confirms an account by its number, and it needs no address to sign in', async () => {
    const { client, identifier, otp } = await registered('phone');
    const answer = await client.post('/confirm', { identifier: identifier.replace('+33', '0'), otp });
    assert.deepEqual([answer.status, accountIn(answer).account_confirmed], [200, true]);
    const account = assertSignedIn(await client.signIn(identifier));
    assert.deepEqual([account.email, account.phone], [null, identifier]);
  });

  it('confirms an account that another contract registered, which waits for a link', async () => {
    const { address, another, app, codeFor } = world();
    const email = address();
    const payload = { email, password: PASSWORD, name: 'Ada' };
    assert.equal((await app.inject({ method: 'POST', url: '/v1/auth/register', payload })).statusCode, 201);
    const client = another();
    assertRefused(await client.signIn(email), 403, 'account_not_confirmed');
    await client.post('/confirm/resend', { identifier: email });
    assert.equal((await client.post('/confirm', { identifier: email, otp: await codeFor(email) })).status, 200);
    assertSignedIn(await client.signIn(email));
  });

  it('leaves a second number whose code is over to be asked for again', async () => {
    const { address, another, clock, codeFor, number } = world();
    const [email, phone] = [address(), number()];
    const client = another();
    await client.post('/register', { email, phone, password: PASSWORD });
    await client.post('/confirm', { identifier: email, otp: await codeFor(email) });
    const late = await codeFor(phone);
    await client.signIn(email);
    clock.advance({ minutes: 10 });
    assertRefused(await client.post('/phone/verify', { otp: late }), 401, 'invalid_otp');
    assert.equal((await client.post('/phone/change', { phone, password: PASSWORD })).status, 201);
    assert.equal(accountIn(await client.post('/phone/verify', { otp: await codeFor(phone) })).phone, phone);
  });

  it('takes a code once, and refuses a wrong one, nobody’s and another account’s alike', async () => {
    const [one, other] = [await registered(), await registered()];
    const { client, identifier, otp } = one;
    const wrong = otp === '123456' ? '654321' : '123456';
    for (const body of [
      { identifier, otp: wrong },
      { identifier, otp: other.otp === otp ? wrong : other.otp },
      { identifier: world().address(), otp },
      { identifier: 'nobody', otp },
    ]) {
      assertRefused(await client.post('/confirm', body), 401, 'invalid_otp');
    }
    assert.equal((await client.post('/confirm', { identifier, otp })).status, 200);
    assertRefused(await client.post('/confirm', { identifier, otp }), 401, 'invalid_otp');
  });

  it('refuses the right code after ten minutes, and after five wrong ones', async () => {
    const late = await registered();
    world().clock.advance({ minutes: 10 });
    const { identifier, otp } = late;
    assertRefused(await late.client.post('/confirm', { identifier, otp }), 401, 'invalid_otp');
    const tried = await registered();
    for (let count = 0; count < 5; count += 1) {
      await tried.client.post('/confirm', { identifier: tried.identifier, otp: 'wrong' });
    }
    const answer = await tried.client.post('/confirm', { identifier: tried.identifier, otp: tried.otp });
    assertRefused(answer, 401, 'invalid_otp');
  });

  it('lets ten wrong codes an hour be tried from one network, whether or not an account has the identifier', async () => {
    const { address, another } = world();
    const { client: owner, identifier, otp } = await registered();
    for (const named of [identifier, address()]) {
      const client = another();
      for (let count = 0; count < 10; count += 1) {
        const answer = await client.post('/confirm', { identifier: named, otp: '12345' });
        assertRefused(answer, 401, 'invalid_otp');
        world().clock.advance({ seconds: 1 });
      }
      assertRefused(await client.post('/confirm', { identifier: named, otp: '12345' }), 429, 'rate_limited', {
        message: 'Trop de requêtes. Réessayez dans 60 minutes.',
        retryAfter: 3590,
      });
    }
    // Five tries are the code's own; a new one is the owner's to have.
    assertRefused(await owner.post('/confirm', { identifier, otp }), 401, 'invalid_otp');
  });

  it('needs both fields', async () => {
    const required = ['Ce champ est obligatoire.'];
    assertRefused(await world().another().post('/confirm', {}), 422, 'validation_failed', {
      errors: { identifier: required, otp: required },
    });
  });

  it('leaves no other way in: the code of a sign-up completes nothing else', async () => {
    const { client, identifier, otp } = await registered();
    assertRefused(await client.verify(identifier, otp), 401, 'invalid_otp');
    const forgot = await client.post('/password/forgot', { identifier });
    const { challenge } = forgot.body;
    const reset = await client.post('/password/reset', { identifier, challenge, otp, password: OTHER_PASSWORD });
    assertRefused(reset, 401, 'invalid_otp');
  });
});

describe('confirm/resend', () => {
  const world = sharedWorld();

  it('sends a new code, and the old one confirms nothing any more', async () => {
    const { address, another, clock, codeFor, mails, number } = world();
    for (const [kind, identifier] of [
      ['email', address()],
      ['phone', number()],
    ] as const) {
      const client = another();
      await client.post('/register', { [kind]: identifier, password: PASSWORD });
      const first = await codeFor(identifier);
      clock.advance({ seconds: 60 });
      assertDone(await client.post('/confirm/resend', { identifier }), RESENT, 201);
      assert.equal((await mails(identifier)).length, 2);
      const second = await codeFor(identifier);
      if (first !== second) {
        assertRefused(await client.post('/confirm', { identifier, otp: first }), 401, 'invalid_otp');
      }
      assert.equal((await client.post('/confirm', { identifier, otp: second })).status, 200);
    }
  });

  it('sends no second code within a minute, and says the same', async () => {
    const { address, another, clock, mails } = world();
    const email = address();
    const client = another();
    await client.post('/register', { email, password: PASSWORD });
    clock.advance({ seconds: 59 });
    assertDone(await client.post('/confirm/resend', { identifier: email }), RESENT, 201);
    assert.equal((await mails(email)).length, 1);
  });

  it('says the same, and sends nothing, where there is nothing to confirm', async () => {
    const { account, address, another, mails, number } = world();
    const phone = number();
    const { email } = await account({ phone });
    for (const identifier of [email, phone, address(), number(), 'nobody']) {
      assertDone(await another().post('/confirm/resend', { identifier }), RESENT, 201);
      assert.deepEqual(await mails(identifier), []);
    }
  });

  it('sends an address five codes an hour at most', async () => {
    const { address, another, clock, mails } = world();
    const email = address();
    await another().post('/register', { email, password: PASSWORD });
    for (let count = 0; count < 6; count += 1) {
      clock.advance({ seconds: 60 });
      assertDone(await another().post('/confirm/resend', { identifier: email }), RESENT, 201);
    }
    assert.equal((await mails(email)).length, 5);
  });
});
