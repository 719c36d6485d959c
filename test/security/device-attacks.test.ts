import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import { type Answer, assertDone, assertSignedIn } from '../contracts/device/answers.ts';
import { Client, openClient, PASSWORD, sharedWorld } from '../contracts/device/client.ts';

const OTHER = 'granite otter parade';
const BUDGET = 100;

/** The digits that are not the code. */
const wrong = (code: string): string => code.replace(/^./, (digit) => String((Number(digit) + 1) % 10));

/** What anybody can tell two answers apart by. */
const told = ({ body, headers, status }: Answer) => ({ status, body, retryAfter: headers['retry-after'] });

describe('attacks on the device contract: accounts', () => {
  const world = sharedWorld();

  it('people who sign up with a number alone do not make each sign-up after them dearer', async () => {
    const { another, identity, number } = world();
    const names: string[] = [];
    for (let count = 0; count < 30; count += 1) {
      const phone = number();
      const answer = await another().post('/register', { phone, password: PASSWORD });
      assert.equal(answer.status, 201, answer.text);
      names.push((await identity.findAccount({ name: phone })).username);
    }
    assert.deepEqual(
      names.filter((name) => name.length > 'user'.length + 6),
      [],
      'a number that doubles with every account is past the largest after a thousand, and the search for a free one never ends',
    );
  });

  it('a signed-in person hears of five taken numbers an hour, and cannot read the sixth from a 429', async () => {
    const { account, clock, number, signedIn } = world();
    const phone = number();
    await account({ phone });
    const { client } = await signedIn();
    for (let count = 0; count < 5; count += 1) {
      assert.equal((await client.post('/phone/change', { phone, password: PASSWORD })).status, 409);
    }
    clock.advance({ seconds: 61 });
    const taken = await client.post('/phone/change', { phone, password: PASSWORD });
    const free = await client.post('/phone/change', { phone: number(), password: PASSWORD });
    assert.deepEqual(told(free), told(taken));
  });

  it('one account writes to few strangers an hour, however many numbers it names', async () => {
    const { clock, mails, number, signedIn } = world();
    const { client } = await signedIn();
    let written = 0;
    for (let minute = 0; minute < 20; minute += 1) {
      const phone = number();
      await client.post('/phone/change', { phone, password: PASSWORD });
      written += (await mails(phone)).length;
      clock.advance({ seconds: 61 });
    }
    assert.ok(written <= 10, `${written} SMS to strangers in twenty minutes`);
  });

  it('whether an account exists cannot be read from too many wrong reset codes', async () => {
    const { account, address, another, clock } = world();
    const { email } = await account();
    const guess = async (identifier: string): Promise<Answer[]> => {
      const answers: Answer[] = [];
      for (let code = 0; code < 8; code += 1) {
        const { challenge } = (await another().post('/password/forgot', { identifier })).body;
        for (let time = 0; time < 3; time += 1) {
          const body = { identifier, challenge, otp: '00000000', password: OTHER };
          answers.push(await another().post('/password/reset', body));
        }
        clock.advance({ minutes: 16 });
      }
      return answers;
    };
    assert.deepEqual((await guess(email)).map(told), (await guess(address())).map(told));
  });

  it('a stranger who wastes three tries on a code of their own does not keep the owner from the next one', async () => {
    const { account, another, clock, codeFor } = world();
    const { email } = await account();
    const stranger = another();
    const { challenge } = (await stranger.post('/password/forgot', { identifier: email })).body;
    const otp = wrong(await codeFor(email));
    for (let time = 0; time < 3; time += 1) {
      await stranger.post('/password/reset', { identifier: email, challenge, otp, password: OTHER });
    }
    clock.advance({ seconds: 61 });
    const owner = another();
    const asked = await owner.post('/password/forgot', { identifier: email });
    const reset = await owner.post('/password/reset', {
      identifier: email,
      challenge: asked.body.challenge,
      otp: await codeFor(email),
      password: OTHER,
    });
    assertDone(reset, 'Mot de passe réinitialisé. Vous pouvez vous connecter avec le nouveau.');
  });
});

describe('attacks on the device contract: the hour’s SMS', () => {
  it('strangers’ sign-ups leave those who know their password a share of it', async (t) => {
    const { account, another, enrol, mails, number } = await openClient(t, {
      env: { GUICHET_SMS_BUDGET: String(BUDGET) },
    });
    const phone = number();
    const { email } = await account({ phone });
    const owner = another();
    assertSignedIn(await owner.signIn(email));
    await enrol(owner, 'sms');
    for (let count = 0; count < BUDGET; count += 1)
      await another().post('/register', { phone: number(), password: PASSWORD });
    const before = (await mails(phone)).length;
    assert.equal((await another().signIn(email)).status, 202);
    assert.equal((await mails(phone)).length, before + 1);
  });
});

describe('attacks on the device contract: HS256', () => {
  const secret = 'q8Zt3nVw5yBx2eHk9mPr4sUa7cFg1jLd0oTi6vXz';
  const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

  it('whoever shares the secret gives no token a longer life than it had', async (t) => {
    const world = await openClient(t, { env: { GUICHET_JWT_ALG: 'HS256', GUICHET_JWT_SECRET: secret } });
    const { client } = await world.signedIn();
    const [head = '', payload = ''] = (client.accessToken ?? '').split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const signed = `${head}.${base64url({ ...claims, exp: claims.exp + 30 * 24 * 3600 })}`;
    const forged = `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
    world.clock.advance({ hours: 2 });
    assert.equal((await client.get('/me')).status, 401);
    assert.equal((await new Client(world.app).get('/me', { token: forged })).status, 401);
  });
});
