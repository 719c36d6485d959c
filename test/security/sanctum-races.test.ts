import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Client, PASSWORD, REMEMBER, SESSION } from '../contracts/sanctum/client.ts';
import { hasPostgres } from '../support/databases.ts';
import { shared } from '../support/shared.ts';
import { atOnce, confirm, enrol, openPair, sessionsOf, tally, thiefOf, waiting } from './sanctum-people.ts';

const WRONG = 'not the password';
const ALL_AT_ONCE = 20;
const ROUNDS = 2;

for (const database of ['sqlite', 'postgres'] as const) {
  const skip = database === 'postgres' && !hasPostgres ? 'no PostgreSQL server' : false;

  describe(`the sanctum contract, asked by many at once through two servers, on ${database}`, { skip }, () => {
    const world = shared((t) => openPair(t, { database }));

    const person = async (more: { remember?: boolean } = {}) => {
      const client = await world().signedIn(undefined, more);
      const { email = '', id = 0 } = (await client.user()).body.data ?? {};
      const { uuid } = await world().identity.findAccount({ name: email });
      return { client, email, id, uuid };
    };
    /** The same browser, many times. */
    const crowd = <T>(client: Client, act: (client: Client, index: number) => Promise<T>): Promise<T[]> => {
      const browsers = Array.from({ length: ALL_AT_ONCE }, (_, index) => world().beside(client, index));
      return atOnce(ALL_AT_ONCE, (index) => act(browsers[index] as Client, index));
    };

    it('one code completes one login once', async () => {
      const { client, email, id } = await person();
      const { totp } = await enrol(world(), client);
      for (let round = 0; round < ROUNDS; round += 1) {
        const before = (await sessionsOf(world(), id)).length;
        const browsers = [await waiting(world(), email), await waiting(world(), email), await waiting(world(), email)];
        const code = totp();
        const answers = await atOnce(ALL_AT_ONCE, (index) =>
          world()
            .beside(browsers[index % 3] as Client, index)
            .post('/auth/two-factor-challenge', { code }),
        );
        assert.equal((await sessionsOf(world(), id)).length, before + 1);
        assert.equal(tally(answers.map(({ status }) => status))['204'], 1);
      }
    });

    it('one recovery code completes one login once', async () => {
      const { client, email, id } = await person();
      const { codes } = await enrol(world(), client);
      for (const recovery_code of codes.slice(0, ROUNDS)) {
        world().clock.advance({ hours: 1 });
        const before = (await sessionsOf(world(), id)).length;
        const browsers = [await waiting(world(), email), await waiting(world(), email), await waiting(world(), email)];
        const answers = await atOnce(ALL_AT_ONCE, (index) =>
          world()
            .beside(browsers[index % 3] as Client, index)
            .post('/auth/two-factor-challenge', { recovery_code }),
        );
        assert.equal((await sessionsOf(world(), id)).length, before + 1);
        assert.equal(tally(answers.map(({ status }) => status))['204'], 1);
      }
    });

    it('five wrong codes a minute are compared, however many come', async () => {
      const { client, email, uuid } = await person();
      const { totp } = await enrol(world(), client);
      const browsers = [await waiting(world(), email), await waiting(world(), email), await waiting(world(), email)];
      const answers = await atOnce(30, (index) =>
        world()
          .beside(browsers[index % 3] as Client, index)
          .post('/auth/two-factor-challenge', { code: 'abcdef' }),
      );
      assert.equal(await world().recorded(uuid, 'sign_in.second_factor_failed'), 5);
      assert.deepEqual(tally(answers.map(({ status }) => status)), { 422: 5, 429: 25 });
      const [first] = browsers;
      assert.equal((await first?.post('/auth/two-factor-challenge', { code: totp() }))?.status, 204);
    });

    it('five wrong passwords a minute are compared from one address, however many come', async () => {
      const { client, email, uuid } = await person();
      const browser = world().another();
      await browser.csrfCookie();
      const answers = await atOnce(30, () =>
        browser.post('/auth/login', { email, password: WRONG }, { cookie: cookieOf(browser) }),
      );
      assert.equal(await world().recorded(uuid, 'sign_in.failed'), 5);
      assert.deepEqual(
        Object.keys(tally(answers.map(({ status }) => status))).filter(
          (status) => !['422', '429', '503'].includes(status),
        ),
        [],
      );
      assert.equal((await client.user()).status, 200);
      world().clock.advance({ minutes: 1 });
      assert.equal((await world().another().login(email)).status, 200);
    });

    it('a confirmed password gives the session one new name', async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const { client, id } = await person();
        const browsers: Client[] = [];
        const answers = await crowd(client, async (browser) => {
          browsers.push(browser);
          return browser.post('/user/confirm-password', { password: PASSWORD });
        });
        assert.deepEqual(tally(answers.map(({ status }) => status)), { 201: ALL_AT_ONCE });
        const names = new Set(browsers.map((browser) => browser.cookie(SESSION)));
        names.delete(client.cookie(SESSION));
        assert.equal(names.size, 1);
        assert.equal((await sessionsOf(world(), id)).length, 1);
        world().clock.advance({ seconds: 11 });
        const living = await Promise.all(browsers.map(async (browser) => (await browser.user()).status));
        assert.equal(
          living.filter((status) => status === 200).length,
          browsers.filter((browser) => names.has(browser.cookie(SESSION))).length,
        );
      }
    });

    it('a factor that is set up, confirmed, renewed and switched off at once is on as a whole or off as a whole', async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const { client, email, id } = await person();
        const { totp } = await enrol(world(), client);
        await confirm(client);
        await client.post('/user/two-factor-authentication', { force: true });
        const code = totp();
        const answers = await crowd(client, (browser, index) => {
          switch (index % 5) {
            case 0:
              return browser.post('/user/two-factor-authentication', { force: true });
            case 1:
              return browser.post('/user/confirmed-two-factor-authentication', { code });
            case 2:
              return browser.post('/user/two-factor-recovery-codes');
            case 3:
              return browser.get('/user/two-factor-recovery-codes');
            default:
              return browser.delete('/user/two-factor-authentication');
          }
        });
        assert.deepEqual(
          answers.filter(({ status }) => status >= 500).map(({ text }) => text),
          [],
        );
        const { read } = world().handle;
        const account = await read.selectFrom('account').select('code_factor').where('id', '=', id).executeTakeFirst();
        const apps = await read.selectFrom('totp').select('account_id').where('account_id', '=', id).execute();
        const left = await read.selectFrom('recovery_code').select('digest').where('account_id', '=', id).execute();
        const isOn = account?.code_factor === 'totp';
        assert.deepEqual([apps.length, left.length], isOn ? [1, 8] : [0, 0]);
        assert.deepEqual((await world().another().login(email)).json, { two_factor: isOn });
      }
    });

    it('a session is at no site that its person has left', async () => {
      const { identity } = world();
      const { client, uuid } = await person();
      const [home, away] = [
        await identity.createSite({ name: 'Home', isHeadquarters: false }),
        await identity.createSite({ name: 'Away', isHeadquarters: true }),
      ];
      await identity.joinSite({ uuid, siteId: home.id });
      for (let round = 0; round < ROUNDS; round += 1) {
        await identity.grantRole({ uuid, role: 'warden', siteId: away.id, permissions: ['safe.open'] });
        await identity.grantPermission({ uuid, permission: 'door.open', siteId: away.id });
        const [answers] = await Promise.all([
          crowd(client, (browser, index) =>
            browser.patch('/user/site', { site_id: index % 4 === 3 ? home.id : away.id }),
          ),
          identity.leaveSite({ uuid, siteId: away.id }),
        ]);
        assert.deepEqual(
          answers.filter(({ status }) => ![200, 422, 429].includes(status)).map(({ text }) => text),
          [],
        );
        for (const index of [0, 1]) {
          const { data } = (await world().beside(client, index).user()).body;
          assert.deepEqual([data?.current_site_id, data?.roles, data?.permissions], [home.id, [], []]);
        }
        // Whoever said yes said what was so at some moment: all of it or nothing.
        for (const { body } of answers) {
          const { current_site_id: at, permissions } = body.user ?? {};
          if (at !== undefined && at !== away.id) assert.deepEqual(permissions, []);
        }
        world().clock.advance({ hours: 1 });
      }
    });

    it('R124: what was taken away is gone for every request that is asked after it', async () => {
      const { identity } = world();
      const { client, uuid } = await person();
      const site = await identity.createSite({ name: 'Rights', isHeadquarters: false });
      for (let round = 0; round < ROUNDS; round += 1) {
        await identity.grantRole({ uuid, role: 'keeper', siteId: site.id, permissions: ['safe.open'] });
        let taken = false;
        const answers = crowd(client, async (browser, index) => {
          for (let turn = 0; turn < index; turn += 1) await new Promise((resolve) => setImmediate(resolve));
          const asked = taken;
          return { asked, permissions: (await browser.user()).body.data?.permissions };
        });
        await identity.revokeRole({ uuid, role: 'keeper', siteId: site.id });
        taken = true;
        for (const { asked, permissions } of await answers) if (asked) assert.deepEqual(permissions, []);
        assert.deepEqual((await world().beside(client, 1).user()).body.data?.permissions, []);
      }
    });

    it('R055: of many first passwords for one invitation one is set, through the page or the contract', async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const email = `invited${round}.${database}@example.com`;
        await world().identity.createAccount({ email, firstName: 'Ines', lastName: 'Roux' });
        const link = new URL((await world().mails(email))[0]?.links[0] ?? '');
        const path = `${link.pathname}${link.search}`;
        const browser = world().another();
        await browser.csrfCookie();
        assert.equal((await browser.get(`/auth${path}`)).body.valid, true);
        const passwords = Array.from({ length: ALL_AT_ONCE }, (_, index) => `quiet otter parade ${index} zeb`);
        const answers = await crowd(browser, (one, index) =>
          one.post(`/auth${path}`, { password: passwords[index], password_confirmation: passwords[index] }),
        );
        const set = passwords.filter((_, index) => answers[index]?.status === 200);
        assert.equal(set.length, 1, JSON.stringify(tally(answers.map(({ text }) => text))));
        for (const password of [set[0] ?? '', ...passwords.filter((each) => each !== set[0]).slice(0, 2)]) {
          assert.equal((await world().another().login(email, password)).status, password === set[0] ? 200 : 422);
        }
        // The link says that it is done, and does no more.
        assert.equal((await browser.get(`/auth${path}`)).status, 403);
      }
    });

    it('a remember cookie that is used while its person signs out elsewhere outlives that by no more than a session', async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const { client, email } = await person({ remember: true });
        const other = world().another();
        await other.login(email, PASSWORD, { remember: true });
        const browsers = Array.from({ length: 4 }, (_, index) => world().beside(other, index));
        for (const browser of browsers) browser.forgetSession();
        for (const browser of browsers) await browser.csrfCookie();
        await Promise.all([client.post('/auth/logout'), ...browsers.map((browser) => browser.user())]);
        world().clock.advance({ hours: 2, seconds: 1 });
        for (const browser of [other, ...browsers]) {
          browser.forgetSession();
          assert.equal((await browser.user()).status, 401);
        }
      }
    });

    it('signing out, and coming back by a remember cookie elsewhere, do not wait for each other in a circle', async () => {
      const before = world().repeats();
      for (let round = 0; round < 4; round += 1) {
        const { client, email } = await person({ remember: true });
        const other = world().another();
        await other.login(email, PASSWORD, { remember: true });
        const browsers = Array.from({ length: 4 }, (_, index) => world().beside(other, index));
        for (const browser of browsers) browser.forgetSession();
        await Promise.all([client.post('/auth/logout'), ...browsers.map((browser) => browser.user())]);
      }
      assert.equal(world().repeats() - before, 0);
    });

    it('a remember cookie that is used while the password is changed is dead after it, with its session', async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const { client, email, id } = await person({ remember: true });
        const other = world().another();
        await other.login(email, PASSWORD, { remember: true });
        const browsers = Array.from({ length: 4 }, (_, index) => world().beside(other, index));
        for (const browser of browsers) browser.forgetSession();
        const password = `granite otter parade ${round}`;
        const [changed] = await Promise.all([
          client.put('/user/password', { current_password: PASSWORD, password, password_confirmation: password }),
          ...browsers.map((browser) => browser.user()),
        ]);
        assert.equal(changed.status, 200, changed.text);
        for (const browser of [other, ...browsers]) assert.equal((await browser.user()).status, 401);
        assert.equal((await sessionsOf(world(), id)).length, 1);
        assert.equal((await client.user()).status, 200);
      }
    });

    it('R085: tabs that are remembered side by side are one session with one pair of secrets', async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const { client, id } = await person({ remember: true });
        world().clock.advance({ hours: 3 });
        const tabs: Client[] = [];
        const answers = await crowd(client, async (tab) => {
          tabs.push(tab);
          tab.forgetSession();
          return tab.user();
        });
        assert.deepEqual(tally(answers.map(({ status }) => status)), { 200: ALL_AT_ONCE });
        assert.equal(new Set(tabs.map((tab) => `${tab.cookie(SESSION)} ${tab.cookie(REMEMBER)}`)).size, 1);
        assert.equal((await sessionsOf(world(), id)).length, 1);
        for (const tab of tabs.slice(0, 3)) assert.equal((await tab.user()).status, 200);
      }
    });

    it('a login leaves no session behind on an account that is locked meanwhile', async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const { client, email, id, uuid } = await person();
        const browsers = await atOnce(6, async (index) => {
          const browser = world().beside(world().another(), index);
          await browser.csrfCookie();
          return browser;
        });
        await Promise.all([
          ...browsers.map((browser) => browser.post('/auth/login', { email, password: PASSWORD, remember: true })),
          world().identity.lockAccount({ uuid }),
        ]);
        assert.deepEqual(await sessionsOf(world(), id), []);
        for (const browser of [client, ...browsers]) assert.equal((await browser.user()).status, 401);
      }
    });

    it('a second factor that is switched on while somebody signs in is asked for from then on', async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const { client, email } = await person();
        const thief = thiefOf(world(), client);
        const [{ totp }, signedIn] = await Promise.all([enrol(world(), client), world().another().login(email)]);
        assert.equal(signedIn.status, 200);
        assert.equal((await thief.post('/user/confirm-password', { password: PASSWORD })).status === 201, false);
        assert.deepEqual((await world().another().login(email)).json, { two_factor: true });
        assert.match(totp(), /^\d{6}$/);
      }
    });

    it('one reset link and one invitation a minute go to an address, however many ask from everywhere', async () => {
      const { email } = await person();
      const invited = `invited.once.${database}@example.com`;
      await world().identity.createAccount({ email: invited });
      world().clock.advance({ minutes: 2 });
      const before = (await world().mails(invited)).length;
      const browsers = await atOnce(ALL_AT_ONCE, async (index) => {
        const browser = world().beside(world().another(), index);
        await browser.csrfCookie();
        return browser;
      });
      const answers = await Promise.all(
        browsers.flatMap((browser) => [
          browser.post('/auth/forgot-password', { email }),
          browser.post('/auth/setup-password-resend', { email: invited }),
        ]),
      );
      assert.deepEqual(tally(answers.map(({ status }) => status)), { 200: 2 * ALL_AT_ONCE });
      assert.equal((await world().mails(email)).filter(({ links }) => links.length > 0).length, 1);
      assert.equal((await world().mails(invited)).length, before + 1);
    });
  });
}

const cookieOf = (client: Client): string => `${SESSION}=${client.cookie(SESSION)}`;
