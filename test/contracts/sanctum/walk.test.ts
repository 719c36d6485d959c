import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stepAt, totpAt } from '../../../src/core/totp.ts';
import { hasPostgres } from '../../support/databases.ts';
import { assertGuest, assertInvalid, assertRefused, openClient, PASSWORD, REMEMBER, SESSION, XSRF } from './client.ts';

const PAIR = /^[A-Za-z0-9]{10}-[A-Za-z0-9]{10}$/;
const CONFIRM = 'Password confirmation required.';

for (const database of ['sqlite', 'postgres'] as const) {
  describe(`a front end’s whole life on ${database}`, { skip: database === 'postgres' && !hasPostgres }, () => {
    it('goes from the first cookie through the second factor, sites and a changed password to the end of it', async (t) => {
      const world = await openClient(t, { database });
      const { client, clock, identity } = world;
      const email = 'jean@example.com';
      const account = await world.account(email, { locale: 'en' });

      const first = await client.csrfCookie();
      assert.equal(first.status, 204);
      assert.equal(first.text, '');
      const before = new Map(client.jar);
      assertGuest(await client.user());

      const wrong = await client.post('/auth/login', { email, password: 'not this one' });
      assertInvalid(wrong, { email: ['The provided credentials are incorrect.'] });
      assert.equal(wrong.headers['x-ratelimit-remaining'], '4');
      const login = await client.post('/auth/login', {
        email: ' JEAN@Example.com ',
        password: PASSWORD,
        remember: true,
      });
      assert.deepEqual([login.status, login.json], [200, { two_factor: false }]);
      assert.notEqual(client.cookie(SESSION), before.get(SESSION));
      const stale = await client.post('/auth/logout', undefined, { xsrf: before.get(XSRF) ?? '' });
      assertRefused(stale, 419, 'CSRF token mismatch.');

      const me = await client.user();
      assert.equal(me.status, 200, me.text);
      assert.deepEqual(me.body.data?.sites, []);
      assert.equal(me.body.data?.current_site_id, null);

      // Sites.
      const headquarters = await identity.createSite({ name: 'Siège', isHeadquarters: true });
      const lyon = await identity.createSite({ name: 'Lyon', isHeadquarters: false });
      await identity.grantRole({
        uuid: account.uuid,
        role: 'admin',
        siteId: headquarters.id,
        permissions: ['company.viewAny', 'company.view'],
      });
      await identity.grantRole({ uuid: account.uuid, role: 'operator', siteId: lyon.id, permissions: ['item.view'] });
      const there = await client.user();
      assert.equal(there.body.data?.current_site_id, headquarters.id);
      assert.deepEqual(there.body.data?.roles, ['admin']);
      const moved = await client.patch('/user/site', { site_id: lyon.id });
      assert.equal(moved.status, 200, moved.text);
      assert.equal(moved.body.message, 'Active site updated successfully.');
      assert.deepEqual(moved.body.user, moved.body.data);
      assert.deepEqual([moved.body.user?.roles, moved.body.user?.permissions], [['operator'], ['item.view']]);
      assertInvalid(await client.patch('/user/site', { site_id: 4711 }), {
        site_id: ['The selected site id is invalid.'],
      });

      // The second factor.
      assertRefused(await client.post('/user/two-factor-authentication'), 423, CONFIRM);
      const beforeConfirming = client.cookie(SESSION);
      const confirmed = await client.post('/user/confirm-password', { password: PASSWORD });
      assert.deepEqual([confirmed.status, confirmed.text], [201, '""']);
      assert.notEqual(client.cookie(SESSION), beforeConfirming);
      const enabled = await client.post('/user/two-factor-authentication');
      assert.deepEqual([enabled.status, enabled.text], [200, '""']);
      const { secretKey = '' } = (await client.get('/user/two-factor-secret-key')).body;
      assert.match(secretKey, /^[A-Z2-7]{32}$/);
      const qr = await client.get('/user/two-factor-qr-code');
      assert.match(qr.body.svg ?? '', /^<svg /);
      assert.match(qr.body.url ?? '', new RegExp(`secret=${secretKey}&`));
      const codes = (await client.get('/user/two-factor-recovery-codes')).json as string[];
      assert.equal(codes.length, 8);
      for (const code of codes) assert.match(code, PAIR);
      const code = () => totpAt(secretKey, stepAt(clock.now()));
      const on = await client.post('/user/confirmed-two-factor-authentication', { code: code() });
      assert.deepEqual([on.status, on.text], [200, '""']);
      assert.deepEqual((await client.get('/user/two-factor-recovery-codes')).json, codes);
      assert.deepEqual((await client.get('/user/two-factor-qr-code')).json, []);
      assert.equal((await client.get('/user/two-factor-secret-key')).status, 404);

      // A second browser is asked for it.
      clock.advance({ minutes: 1 });
      const other = world.another();
      assert.deepEqual((await other.login(email)).json, { two_factor: true });
      assertGuest(await other.user());
      const wrongCode = await other.post('/auth/two-factor-challenge', { code: '000000' });
      assertInvalid(wrongCode, { code: ['The provided two factor authentication code was invalid.'] });
      const second = await other.post('/auth/two-factor-challenge', { code: code() });
      assert.equal(second.status, 204, second.text);
      assert.equal((await other.user()).status, 200);
      const third = world.another();
      await third.login(email, PASSWORD, { remember: true });
      const recovered = await third.post('/auth/two-factor-challenge', { recovery_code: codes[0] });
      assert.equal(recovered.status, 204, recovered.text);
      assert.deepEqual((await client.get('/user/two-factor-recovery-codes')).json, codes.slice(1));

      // Remembered, and then not.
      clock.advance({ hours: 3 });
      assertGuest(await other.user());
      third.forgetSession();
      const remembered = third.cookie(REMEMBER);
      assert.equal((await third.user()).status, 200);
      assert.notEqual(third.cookie(REMEMBER), remembered);
      const confirmation = await third.post('/user/confirm-password', { password: PASSWORD });
      assertInvalid(confirmation, { code: ['The code field is required.'] });

      client.forgetSession();
      await client.user();
      const changed = await client.put('/user/password', {
        current_password: PASSWORD,
        password: 'another quiet horse',
        password_confirmation: 'another quiet horse',
      });
      assert.deepEqual([changed.status, changed.json], [200, { message: 'Password updated successfully.' }]);
      assertGuest(await third.user());
      assert.equal(third.jar.has(REMEMBER), false);
      assert.equal((await client.user()).status, 200);

      const out = await client.post('/auth/logout');
      assert.deepEqual([out.status, out.text], [204, '']);
      assertGuest(await client.user());
    });
  });
}
