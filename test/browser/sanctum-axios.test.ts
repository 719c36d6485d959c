import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PASSWORD, REMEMBER, SESSION, type User, XSRF } from '../contracts/sanctum/client.ts';
import { noChromium } from '../support/browser.ts';
import { shared } from '../support/shared.ts';
import { type FrontEnds, type Heard, openFrontEnds, type Spa } from './spa.ts';

const OTHER = 'another quiet horse';
const CODE = 'The provided two factor authentication code was invalid.';

/** An answer that axios gives, and one that it throws, whole. */
const good = (status: number, data: unknown): Heard => ({ status, data });
const bad = (status: number, data: object): Heard => ({ code: 'ERR_BAD_REQUEST', status, data });
const no = (status: number, message: string): Heard => bad(status, { message });
const invalid = (field: string, text: string, status = 422): Heard =>
  bad(status, { message: text, errors: { [field]: [text] } });
const DONE = good(204, '');
const BLANK = good(200, '');
const GUEST = no(401, 'Unauthenticated.');
const MISMATCH = no(419, 'CSRF token mismatch.');

const userIn = ({ data }: Heard): User => (data as { data: User }).data;

for (const kind of ['same origin', 'another origin'] as const) {
  describe(`the documented client on axios in a browser, of ${kind}`, { skip: noChromium }, () => {
    const front = shared<FrontEnds>((t) => openFrontEnds(t, kind));
    let people = 0;

    async function person(locale: 'en' | 'fr' = 'en') {
      people += 1;
      const email = `jean${people}@example.com`;
      const name = { firstName: 'Jean', lastName: 'Dupont' };
      return front().identity.createAccount({ email, password: PASSWORD, ...name, locale, verified: true });
    }
    async function signedIn(t: Parameters<FrontEnds['open']>[0], of: { remember?: boolean } = {}) {
      const { email } = await person();
      const browser = await front().open(t);
      assert.equal(await browser.first.login({ email, password: PASSWORD, ...of }), 'done');
      return { ...browser, email: email ?? '', app: browser.first };
    }
    /** In the page, by its own client. @returns the authenticator’s secret and the recovery codes */
    async function enrol({ ask, get, post }: Spa): Promise<{ secret: string; codes: string[] }> {
      assert.deepEqual(await post('/api/v1/user/confirm-password', { password: PASSWORD }), good(201, ''));
      assert.deepEqual(await post('/api/v1/user/two-factor-authentication'), BLANK);
      const { secretKey: secret } = (await get('/api/v1/user/two-factor-secret-key')).data as { secretKey: string };
      const { data } = await get('/api/v1/user/two-factor-recovery-codes');
      const code = front().totp(secret);
      const confirmed = await ask('POST', '/api/v1/user/confirmed-two-factor-authentication', { code });
      assert.deepEqual(confirmed, BLANK);
      front().clock.advance({ seconds: 61 });
      return { secret, codes: data as string[] };
    }

    it('lives a whole session, from the first cookie to the logout', async (t) => {
      const { email, id, uuid } = await person('fr');
      const { identity } = front();
      const sites = [
        await identity.createSite({ name: 'Siège', isHeadquarters: true }),
        await identity.createSite({ name: 'Lyon', isHeadquarters: false }),
      ];
      const [headquarters, lyon] = sites;
      const permissions = ['company.viewAny'];
      await identity.grantRole({ uuid, role: 'admin', siteId: headquarters?.id ?? 0, permissions });
      await identity.grantRole({ uuid, role: 'operator', siteId: lyon?.id ?? 0, permissions: ['item.view'] });
      const { complaints, context, first: app } = await front().open(t);

      assert.deepEqual(await app.user(), GUEST);
      assert.equal(await app.login({ email, password: PASSWORD, remember: false }), 'done');
      const me = await app.user();
      assert.equal(me.status, 200);
      const { current_site_id, first_name, full_name, last_name, locale, roles, username, ...more } = userIn(me);
      assert.deepEqual(
        [more.id, more.email, first_name, last_name, full_name, locale, current_site_id, roles, more.permissions],
        [id, email, 'Jean', 'Dupont', 'Jean Dupont', 'fr', headquarters?.id, ['admin'], permissions],
      );
      assert.equal(username, `jean${people}`);
      assert.deepEqual(
        more.sites,
        [
          { id: headquarters?.id, name: 'Siège', is_headquarters: true },
          { id: lyon?.id, name: 'Lyon', is_headquarters: false },
        ],
        'all of them',
      );
      assert.deepEqual(await app.get('/api/v1/auth/user'), me, 'C1');

      const moved = await app.ask('PATCH', '/api/v1/user/site', { site_id: lyon?.id });
      const there = userIn(await app.user());
      assert.deepEqual([there.roles, there.permissions], [['operator'], ['item.view']]);
      const message = 'Site actif mis à jour avec succès.';
      assert.deepEqual(moved, good(200, { message, user: there, data: there }), 'C5');
      assert.deepEqual(
        await app.ask('PATCH', '/api/v1/user/locale', { locale: 'en' }),
        good(200, { message: 'Language preference updated successfully.', locale: 'en' }),
      );
      const change = { current_password: PASSWORD, password: OTHER, password_confirmation: OTHER };
      assert.deepEqual(
        await app.ask('PUT', '/api/v1/user/password', change),
        good(200, { message: 'Password updated successfully.' }),
      );
      assert.equal((await app.user()).status, 200);

      const cookies = (await context.cookies()).map(({ domain, httpOnly, name, path, sameSite, secure }) => [
        ...[name, domain, path, httpOnly, sameSite, secure],
      ]);
      assert.deepEqual(
        cookies.filter(([name]) => name !== 'guichet_client').sort(),
        [
          [XSRF, 'localhost', '/', false, 'Lax', false],
          [SESSION, 'localhost', '/', true, 'Lax', false],
        ].sort(),
      );
      const readable: string = await app.page.evaluate('document.cookie');
      assert.match(readable, /^XSRF-TOKEN=[\w.~-]+$/);

      assert.equal(await app.logout(), 'done');
      assert.deepEqual(await app.user(), GUEST);
      assert.deepEqual(
        await app.login({ email, password: PASSWORD }),
        invalid('email', 'The provided credentials are incorrect.'),
      );
      assert.equal(await app.login({ email, password: OTHER }), 'done');
      // C7: without a cookie before it.
      assert.deepEqual(await app.post('/api/v1/auth/logout'), DONE);
      assert.deepEqual(await app.user(), GUEST);
      assert.deepEqual(complaints, []);
    });

    it('goes on by the remember cookie when the session’s own is gone, and not without it', async (t) => {
      const { app, complaints, context, cookie } = await signedIn(t, { remember: true });
      const [session, remember] = [await cookie(SESSION), await cookie(REMEMBER)];
      assert.ok(session && remember);
      await context.clearCookies({ name: SESSION });
      assert.equal((await app.user()).status, 200);
      assert.notEqual(await cookie(SESSION), session);
      assert.notEqual(await cookie(REMEMBER), remember);
      const kept = (await context.cookies()).find(({ name }) => name === REMEMBER);
      assert.deepEqual([kept?.httpOnly, kept?.sameSite, kept?.path], [true, 'Lax', '/']);
      assert.equal((await app.ask('PATCH', '/api/v1/user/locale', { locale: 'en' })).status, 200);

      // When a change comes first, the token was that of the session that is gone; its "no" brings the next.
      await context.clearCookies({ name: SESSION });
      assert.deepEqual(await app.ask('PATCH', '/api/v1/user/locale', { locale: 'fr' }), MISMATCH);
      assert.equal((await app.ask('PATCH', '/api/v1/user/locale', { locale: 'fr' })).status, 200);

      await context.clearCookies({ name: SESSION });
      await context.clearCookies({ name: REMEMBER });
      assert.deepEqual(await app.user(), GUEST);
      assert.deepEqual(complaints, []);
    });

    it('is not remembered where nobody asked for it', async (t) => {
      const { app, context, cookie } = await signedIn(t, { remember: false });
      assert.equal(await cookie(REMEMBER), undefined);
      await context.clearCookies({ name: SESSION });
      assert.deepEqual(await app.user(), GUEST);
    });

    it('confirms a password, switches two-factor on, and completes the challenge by code and by recovery code', async (t) => {
      const { app, complaints, email } = await signedIn(t);
      const status = '/api/v1/user/confirmed-password-status';
      assert.deepEqual(await app.get(status), good(200, { confirmed: false }));
      assert.deepEqual(
        await app.post('/api/v1/user/two-factor-authentication'),
        no(423, 'Password confirmation required.'),
      );
      assert.deepEqual(
        await app.post('/api/v1/user/confirm-password', { password: OTHER }),
        invalid('password', 'The provided password was incorrect.'),
      );
      const { codes, secret } = await enrol(app);
      assert.deepEqual(await app.get(status), good(200, { confirmed: true }));
      assert.equal(codes.length, 8);
      assert.equal((await app.user()).status, 200);

      const proofs = [{ code: () => front().totp(secret) }, { recovery_code: () => codes[0] }];
      for (const proof of proofs) {
        assert.equal(await app.logout(), 'done');
        await app.get('/sanctum/csrf-cookie');
        const login = await app.post('/api/v1/auth/login', { email, password: PASSWORD });
        assert.deepEqual(login, good(200, { two_factor: true }));
        assert.deepEqual(await app.user(), GUEST);
        const challenge = '/api/v1/auth/two-factor-challenge';
        assert.deepEqual(await app.post(challenge, { code: '12345' }), invalid('code', CODE));
        const [[name, value] = assert.fail()] = Object.entries(proof);
        assert.deepEqual(await app.post(challenge, { [name]: value() }), DONE);
        assert.equal(userIn(await app.user()).email, email);
        assert.equal((await app.ask('PATCH', '/api/v1/user/locale', { locale: 'en' })).status, 200);
      }
      assert.deepEqual(complaints, []);
    });

    it('is remembered after a challenge whose login asked for it', async (t) => {
      const { app, context, cookie, email } = await signedIn(t);
      const { secret } = await enrol(app);
      await app.logout();
      assert.equal(await app.login({ email, password: PASSWORD, remember: true }), 'done');
      assert.equal(await cookie(REMEMBER), undefined);
      await app.post('/api/v1/auth/two-factor-challenge', { code: front().totp(secret) });
      await context.clearCookies({ name: SESSION });
      assert.equal((await app.user()).status, 200);
    });

    it('is refused a token of before the login with 419, and its retry works', async (t) => {
      const { email } = await person();
      const { complaints, context, first: app } = await front().open(t);
      await app.get('/sanctum/csrf-cookie');
      const stale: string = await app.page.evaluate('document.cookie');
      await app.login({ email, password: PASSWORD });
      const change = () => app.ask('PATCH', '/api/v1/user/locale', { locale: 'fr' });
      for (const lose of [
        () => app.page.evaluate(`document.cookie = ${JSON.stringify(`${stale}; path=/`)}`),
        () => app.page.evaluate(`document.cookie = 'XSRF-TOKEN=nonsense; path=/'`),
        () => context.clearCookies({ name: XSRF }),
      ]) {
        await lose();
        assert.deepEqual(await change(), MISMATCH);
        assert.equal((await change()).status, 200);
      }
      assert.deepEqual(complaints, []);
    });

    it('goes on in two tabs at once after the session has gone, by one remember cookie', async (t) => {
      const { another, app, complaints, context } = await signedIn(t, { remember: true });
      const tabs = [app, await another()];
      const both = (ask: (tab: Spa) => Promise<Heard>): Promise<Heard[]> => {
        front().together(2);
        return Promise.all(tabs.map(ask));
      };
      const user = (tab: Spa): Promise<Heard> => tab.get(tab === app ? '/api/v1/user' : '/api/v1/auth/user');
      const change = (tab: Spa): Promise<Heard> => tab.ask('PATCH', '/api/v1/user/locale', { locale: 'en' });
      const answered = (answers: Heard[]) => answers.map(({ status }) => status);

      await context.clearCookies({ name: SESSION });
      assert.deepEqual(answered(await both(user)), [200, 200]);
      assert.deepEqual(answered(await both(change)), [200, 200]);

      await context.clearCookies({ name: SESSION });
      assert.deepEqual(await both(change), [MISMATCH, MISMATCH]);
      assert.deepEqual(answered(await both(change)), [200, 200]);
      assert.deepEqual(answered(await both(user)), [200, 200]);
      assert.deepEqual(complaints, []);
    });

    it('is told in each tab that the session has gone, and is in again in all when one signs in', async (t) => {
      const { another, app, complaints, context, email } = await signedIn(t);
      const other = await another();
      await context.clearCookies({ name: SESSION });
      front().together(2);
      assert.deepEqual(await Promise.all([app.user(), other.get('/api/v1/auth/user')]), [GUEST, GUEST]);
      assert.equal(await app.login({ email, password: PASSWORD }), 'done');
      assert.equal(userIn(await other.user()).email, email);
      // The form that the other tab still shows.
      assert.equal(await other.login({ email, password: PASSWORD }), 'done');
      for (const tab of [app, other]) {
        assert.equal((await tab.ask('PATCH', '/api/v1/user/locale', { locale: 'en' })).status, 200);
      }
      assert.equal(await app.logout(), 'done');
      assert.deepEqual(await other.user(), GUEST);
      assert.deepEqual(complaints, []);
    });

    it('finds in error.response what was wrong, whatever it was', async (t) => {
      const { email } = await person();
      const { complaints, first: app } = await front().open(t);
      await app.get('/sanctum/csrf-cookie');
      const login = (body: object): Promise<Heard> => app.post('/api/v1/auth/login', body);
      assert.deepEqual(
        await login({}),
        bad(422, {
          message: 'The email field is required. (and 1 more error)',
          errors: { email: ['The email field is required.'], password: ['The password field is required.'] },
        }),
      );
      const challenged = await app.post('/api/v1/auth/two-factor-challenge', { code: '123456' });
      assert.deepEqual(challenged, invalid('code', CODE));
      const method = 'The GET method is not supported for route api/v1/auth/login. Supported methods: POST.';
      assert.deepEqual(await app.get('/api/v1/auth/login'), no(405, method));
      assert.deepEqual(await app.get('/api/v1/nothing'), no(404, 'The route api/v1/nothing could not be found.'));
      await login({ email, password: PASSWORD });
      const site = invalid('site_id', 'The selected site id is invalid.');
      assert.deepEqual(await app.ask('PATCH', '/api/v1/user/site', { site_id: 4711 }), site);
      const locale = invalid('locale', 'The selected locale is invalid.');
      assert.deepEqual(await app.ask('PATCH', '/api/v1/user/locale', { locale: 'de' }), locale);
      const change = { current_password: OTHER, password: OTHER, password_confirmation: OTHER };
      const current = invalid('current_password', 'The current password is incorrect.');
      assert.deepEqual(await app.ask('PUT', '/api/v1/user/password', change), current);
      await app.logout();
      const wrong = invalid('email', 'The provided credentials are incorrect.');
      const hasty = { email: `nobody.${email}`, password: OTHER };
      for (let time = 0; time < 5; time += 1) assert.deepEqual(await login(hasty), wrong);
      const later = invalid('email', 'Too many login attempts. Please try again in 60 seconds.', 429);
      assert.deepEqual(await login(hasty), later);
      assert.deepEqual(complaints, []);
    });

    it('signs in with nothing but fetch and document.cookie, and begins with app/config as well', async (t) => {
      for (const begin of ['/sanctum/csrf-cookie', '/api/v1/app/config']) {
        const { email } = await person();
        const { complaints, first: app } = await front().open(t);
        const begun = await app.plainly('GET', begin);
        assert.ok(begun.status === 204 || begun.status === 200, begin);
        const body = { email, password: PASSWORD };
        const login = await app.plainly('POST', '/api/v1/auth/login', body);
        assert.deepEqual(login, good(200, { two_factor: false }));
        assert.equal(userIn(await app.plainly('GET', '/api/v1/user')).email, email);
        const chosen = await app.plainly('PATCH', '/api/v1/user/locale', { locale: 'fr' });
        const message = 'Préférence de langue mise à jour avec succès.';
        assert.deepEqual(chosen, good(200, { message, locale: 'fr' }));
        assert.deepEqual(await app.plainly('POST', '/api/v1/auth/logout'), DONE);
        assert.deepEqual(await app.plainly('GET', '/api/v1/user'), good(401, { message: 'Unauthenticated.' }));
        assert.deepEqual(complaints, []);
      }
    });

    it('stays signed in where the browser tells nobody which page it is on', async (t) => {
      const { email } = await person();
      const { complaints, first: app } = await front().open(t, `${front().spa}/no-referrer`);
      assert.equal(await app.login({ email, password: PASSWORD }), 'done');
      assert.equal(userIn(await app.user()).email, email);
      assert.equal((await app.ask('PATCH', '/api/v1/user/locale', { locale: 'en' })).status, 200);
      assert.equal(await app.logout(), 'done');
      assert.deepEqual(complaints, []);
    });

    // By the one name a page is of the same site, so that the cookies travel and the token can be read; by the other it is not.
    for (const host of ['localhost', '127.0.0.1'] as const) {
      it(`gives a page of ${host} whose origin is not listed nothing, and lets it change nothing (rule 31)`, async (t) => {
        const { another, app, cookie, email } = await signedIn(t, { remember: true });
        const before = [await cookie(SESSION), await cookie(REMEMBER)];
        const foreign = await another(await front().elsewhere(host));
        const readable: string = await foreign.page.evaluate('document.cookie');
        assert.equal(readable.startsWith('XSRF-TOKEN='), host === 'localhost');

        const nothing: Heard = { code: 'ERR_NETWORK' };
        assert.deepEqual(await foreign.user(), nothing);
        assert.deepEqual(await foreign.get('/sanctum/csrf-cookie'), nothing);
        assert.deepEqual(await foreign.login({ email, password: PASSWORD }), nothing);
        assert.deepEqual(await foreign.post('/api/v1/auth/logout'), nothing);
        assert.deepEqual(await foreign.ask('PATCH', '/api/v1/user/locale', { locale: 'fr' }), nothing);
        await assert.rejects(foreign.plainly('PATCH', '/api/v1/user/locale', { locale: 'fr' }), /Failed to fetch/);

        // What a browser sends without asking first: a form, by a script and as a page of its own.
        const url = `${front().api}/api/v1/auth/logout`;
        const token = decodeURIComponent((await cookie(XSRF)) ?? '');
        const changesPassedOn = () =>
          front()
            .passedOn.splice(0)
            .filter(({ asked }) => !asked.startsWith('GET '));
        const assertRefused = (): void => {
          const refused = { asked: 'POST /api/v1/auth/logout', status: 419, setsCookies: false };
          assert.deepEqual(changesPassedOn(), [refused]);
        };
        front().passedOn.splice(0);
        const form = JSON.stringify({ _token: token });
        const init = `{ method: 'POST', mode: 'no-cors', credentials: 'include', body: new URLSearchParams(${form}) }`;
        const sent = await foreign.page.evaluate(
          `fetch(${JSON.stringify(url)}, ${init}).then(({ type }) => type, () => '')`,
        );
        assert.ok(sent === 'opaque' || sent === '');
        assertRefused();
        await foreign.page.evaluate(`{
          const form = Object.assign(document.createElement('form'), { method: 'post', action: ${JSON.stringify(url)} });
          form.append(Object.assign(document.createElement('input'), { name: '_token', value: ${JSON.stringify(token)} }));
          document.body.append(form);
          form.submit();
        }`);
        await foreign.page.waitForURL(url);
        assertRefused();

        assert.deepEqual([await cookie(SESSION), await cookie(REMEMBER)], before);
        const me = userIn(await app.user());
        assert.deepEqual([me.email, me.locale], [email, 'en']);
      });
    }
  });
}
