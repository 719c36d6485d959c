import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Answer,
  assertGuest,
  assertInvalid,
  assertRefused,
  type Client,
  PASSWORD,
  PREFIX,
  SESSION,
  sharedWorld,
} from './client.ts';
import { assertAnswer, assertSets, userOf, WEB } from './endpoint-answers.ts';
import { peopleOf } from './endpoint-people.ts';
import { totpNow } from './two-factor-people.ts';

const PAIR = /^[A-Za-z0-9]{10}-[A-Za-z0-9]{10}$/;
const CONFIRM_FIRST = 'Password confirmation required.';

const world = sharedWorld();
const { codeOf } = peopleOf(world);

for (const base of ['', PREFIX]) {
  describe(`4.3: management ${base === '' ? 'at the root' : `below ${base}`}`, () => {
    const get = (client: Client, path: string): Promise<Answer> => client.ask('GET', `${base}/user/${path}`);
    const post = (client: Client, path: string, body?: object): Promise<Answer> =>
      client.ask('POST', `${base}/user/${path}`, body ? { body } : {});
    const blank = (status: number) => ({ status, body: '', sets: WEB });

    async function confirmed(): Promise<Client> {
      const client = await world().signedIn();
      assert.equal((await post(client, 'confirm-password', { password: PASSWORD })).status, 201);
      return client;
    }
    async function enabled(): Promise<{ client: Client; secret: string }> {
      const client = await confirmed();
      assertAnswer(await post(client, 'two-factor-authentication'), blank(200));
      const { secretKey: secret = '' } = (await get(client, 'two-factor-secret-key')).body;
      return { client, secret };
    }
    async function active(): Promise<Client> {
      const { client, secret } = await enabled();
      assertAnswer(await post(client, 'confirmed-two-factor-authentication', { code: codeOf(secret) }), blank(200));
      return client;
    }

    it('POST /user/confirm-password is 201, and the session goes on under another id', async () => {
      const client = await world().signedIn();
      const before = client.cookie(SESSION);
      assertAnswer(await post(client, 'confirm-password', { password: PASSWORD }), blank(201));
      assert.notEqual(client.cookie(SESSION), before);
      assert.equal((await client.user()).status, 200);
    });

    it('POST /user/confirm-password is 422 for a wrong password and for none', async () => {
      const client = await world().signedIn();
      for (const body of [{ password: 'not this one' }, { password: '' }, {}]) {
        const answer = await post(client, 'confirm-password', body);
        assertInvalid(answer, { password: ['The provided password was incorrect.'] });
      }
    });

    it('GET /user/confirmed-password-status is false after a sign-in, and true for 600 seconds after the password', async () => {
      const { clock } = world();
      const client = await world().signedIn();
      const status = async () => {
        const answer = await get(client, 'confirmed-password-status');
        assert.equal(answer.status, 200);
        return [answer.json, answer.headers['x-retry-after']];
      };
      assert.deepEqual(await status(), [{ confirmed: false }, undefined]);
      await post(client, 'confirm-password', { password: PASSWORD });
      assert.deepEqual(await status(), [{ confirmed: true }, undefined]);
      clock.advance({ seconds: 7 });
      assert.deepEqual(await status(), [{ confirmed: true }, '7']);
      clock.advance({ seconds: 592 });
      assert.deepEqual(await status(), [{ confirmed: true }, '599']);
      clock.advance({ seconds: 2 });
      assert.deepEqual(await status(), [{ confirmed: false }, undefined]);
    });

    it('GET /user/confirmed-password-status?seconds= asks about that many', async () => {
      const client = await confirmed();
      world().clock.advance({ seconds: 30 });
      assert.deepEqual((await get(client, 'confirmed-password-status?seconds=31')).json, { confirmed: true });
      assert.deepEqual((await get(client, 'confirmed-password-status?seconds=30')).json, { confirmed: false });
    });

    it('POST /user/two-factor-authentication makes a secret of 32 characters and 8 recovery codes', async () => {
      const client = await confirmed();
      assertAnswer(await post(client, 'two-factor-authentication'), blank(200));
      const { json } = await get(client, 'two-factor-secret-key');
      assert.deepEqual(Object.keys(json as object), ['secretKey']);
      assert.match((json as { secretKey: string }).secretKey, /^[A-Z2-7]{32}$/);
      const codes = (await get(client, 'two-factor-recovery-codes')).json as string[];
      assert.equal(new Set(codes).size, 8);
      for (const code of codes) assert.match(code, PAIR);
    });

    it('POST /user/two-factor-authentication again changes nothing, but with force it does', async () => {
      const { client, secret } = await enabled();
      const shown = async () => [
        (await get(client, 'two-factor-secret-key')).body.secretKey,
        (await get(client, 'two-factor-recovery-codes')).json,
      ];
      const [, codes] = await shown();
      for (const body of [undefined, { force: false }]) {
        assertAnswer(await post(client, 'two-factor-authentication', body), blank(200));
        assert.deepEqual(await shown(), [secret, codes]);
      }
      assertAnswer(await post(client, 'two-factor-authentication', { force: true }), blank(200));
      const [otherSecret, otherCodes] = await shown();
      assert.notEqual(otherSecret, secret);
      assert.notDeepEqual(otherCodes, codes);
    });

    it('POST /user/two-factor-authentication asks for no code at the next login until one was confirmed', async () => {
      const { client } = await enabled();
      const email = (await userOf(client)).email;
      assert.deepEqual((await world().another().login(email)).json, { two_factor: false });
    });

    it('GET /user/two-factor-qr-code shows the pending secret as a picture and as an address', async () => {
      const { client, secret } = await enabled();
      const email = (await userOf(client)).email;
      const answer = await get(client, 'two-factor-qr-code');
      assert.deepEqual([answer.status, Object.keys(answer.body).sort()], [200, ['svg', 'url']]);
      assertSets(answer, WEB);
      const { svg = '', url = '' } = answer.body;
      assert.match(svg, /^<svg [^>]*width="192" height="192"/);
      const label = `Guichet:${encodeURIComponent(email)}`;
      const query = `secret=${secret}&issuer=Guichet&algorithm=SHA1&digits=6&period=30`;
      assert.equal(url, `otpauth://totp/${label}?${query}`);
    });

    it('GET /user/two-factor-qr-code is [] where nothing was enabled, and once it is confirmed', async () => {
      for (const client of [await confirmed(), await active()]) {
        assertAnswer(await get(client, 'two-factor-qr-code'), { status: 200, body: [], sets: WEB });
      }
    });

    it('GET /user/two-factor-secret-key is 404 where nothing was enabled, and once it is confirmed', async () => {
      for (const client of [await confirmed(), await active()]) {
        const answer = await get(client, 'two-factor-secret-key');
        assertRefused(answer, 404, 'Two factor authentication has not been enabled.');
      }
    });

    it('POST /user/confirmed-two-factor-authentication switches it on with the code of now', async () => {
      const client = await active();
      const email = (await userOf(client)).email;
      assert.deepEqual((await world().another().login(email)).json, { two_factor: true });
    });

    it('POST /user/confirmed-two-factor-authentication is 422 for a wrong code', async () => {
      const { client, secret } = await enabled();
      const wrong = codeOf(secret) === '000000' ? '000001' : '000000';
      const answer = await post(client, 'confirmed-two-factor-authentication', { code: wrong });
      assertInvalid(answer, { code: ['The provided two factor authentication code was invalid.'] });
    });

    it('GET /user/two-factor-recovery-codes is 8 codes, and [] where nothing was enabled', async () => {
      const codes = await get(await active(), 'two-factor-recovery-codes');
      assert.deepEqual([codes.status, (codes.json as string[]).length], [200, 8]);
      assertSets(codes, WEB);
      const none = await get(await confirmed(), 'two-factor-recovery-codes');
      assertAnswer(none, { status: 200, body: [], sets: WEB });
    });

    it('POST /user/two-factor-recovery-codes replaces all 8', async () => {
      const client = await active();
      const before = (await get(client, 'two-factor-recovery-codes')).json as string[];
      assertAnswer(await post(client, 'two-factor-recovery-codes'), blank(200));
      const after = (await get(client, 'two-factor-recovery-codes')).json as string[];
      assert.equal(new Set([...before, ...after]).size, 16);
    });

    it('POST /user/two-factor-recovery-codes replaces those that wait for the first right code, too', async () => {
      const { client, secret } = await enabled();
      const before = (await get(client, 'two-factor-recovery-codes')).json as string[];
      assertAnswer(await post(client, 'two-factor-recovery-codes'), blank(200));
      const after = (await get(client, 'two-factor-recovery-codes')).json as string[];
      assert.equal(new Set([...before, ...after]).size, 16);
      assert.equal((await get(client, 'two-factor-secret-key')).body.secretKey, secret);
      await post(client, 'confirmed-two-factor-authentication', { code: totpNow(world(), secret) });
      assert.deepEqual((await get(client, 'two-factor-recovery-codes')).json, after);
      const email = (await userOf(client)).email;
      for (const [code, status] of [
        [before[0], 422],
        [after[0], 204],
      ] as const) {
        const other = world().another();
        await other.login(email);
        assert.equal((await other.post('/auth/two-factor-challenge', { recovery_code: code })).status, status);
      }
    });

    it('POST /user/two-factor-recovery-codes makes none where nothing was enabled, or in another session', async () => {
      assert.equal((await post(await confirmed(), 'two-factor-recovery-codes')).status, 404);
      const { client } = await enabled();
      const other = world().another();
      await other.login((await userOf(client)).email);
      await post(other, 'confirm-password', { password: PASSWORD });
      assert.equal((await post(other, 'two-factor-recovery-codes')).status, 404);
      assert.equal(((await get(client, 'two-factor-recovery-codes')).json as string[]).length, 8);
    });

    it('DELETE /user/two-factor-authentication switches it off, and clears secret and codes', async () => {
      const client = await active();
      const email = (await userOf(client)).email;
      const off = await client.ask('DELETE', `${base}/user/two-factor-authentication`);
      assertAnswer(off, blank(200));
      assert.deepEqual((await get(client, 'two-factor-recovery-codes')).json, []);
      assert.deepEqual((await get(client, 'two-factor-qr-code')).json, []);
      assert.equal((await get(client, 'two-factor-secret-key')).status, 404);
      assert.deepEqual((await world().another().login(email)).json, { two_factor: false });
    });

    it('all but the first two are 423 until the password is confirmed, and all are 401 for a guest', async () => {
      const client = await world().signedIn();
      const guest = world().another();
      await guest.csrfCookie();
      for (const [method, path] of [
        ['POST', 'two-factor-authentication'],
        ['GET', 'two-factor-qr-code'],
        ['GET', 'two-factor-secret-key'],
        ['POST', 'confirmed-two-factor-authentication'],
        ['GET', 'two-factor-recovery-codes'],
        ['POST', 'two-factor-recovery-codes'],
        ['DELETE', 'two-factor-authentication'],
      ] as const) {
        const line = `${base}/user/${path}`;
        assertRefused(await client.ask(method, line, { body: {} }), 423, CONFIRM_FIRST);
        assertGuest(await guest.ask(method, line, { body: {} }));
      }
      assertGuest(await post(guest, 'confirm-password', { password: PASSWORD }));
      assertGuest(await get(guest, 'confirmed-password-status'));
    });
  });
}
