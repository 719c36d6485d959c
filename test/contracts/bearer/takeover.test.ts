import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Caller } from '../../../src/core/world.ts';
import { assertUprooted, type Planted, plant } from '../../core/planted-account.ts';
import { type GitHubLookAlike, openGitHub } from '../../support/github-look-alike.ts';
import { type OpenedClient, OTHER_PASSWORD, openClient, PASSWORD } from './client.ts';
import { assertDead, assertRefused, assertSignedIn, codeByLink } from './handed-people.ts';
import { openPage, press } from './mailed-pages.ts';

let world: OpenedClient;
let github: GitHubLookAlike;
const undo: (() => unknown)[] = [];
before(async () => {
  const lifetime = { after: (work: () => unknown) => void undo.push(work) };
  github = await openGitHub(lifetime);
  world = await openClient(lifetime, {
    env: {
      GUICHET_GITHUB_CLIENT_ID: github.clientId,
      GUICHET_GITHUB_CLIENT_SECRET: github.clientSecret,
      GUICHET_GITHUB_BASE_URL: github.url,
      GUICHET_GITHUB_API_URL: github.apiUrl,
    },
  });
});
after(async () => {
  for (const work of undo.reverse()) await work();
});

let people = 0;
const caller = (): Caller => {
  people += 1;
  const network = { key: `network-${people}`, factor: 1 };
  return { address: '192.0.2.7', network, userAgent: 'Mallory/1.0', clientToken: null, locale: 'en' };
};
const planting = (): Promise<Planted> => plant(world, { email: world.address('owner'), caller });
const uprooted = (planted: Planted, rows: Parameters<typeof assertUprooted>[2]['rows']) =>
  assertUprooted(world, planted, { caller, rows });

/** Who has an address at GitHub, which may speak for it unless said otherwise. */
function atGitHub(email: string, of: { verified?: boolean; primary?: boolean } = {}): void {
  people += 1;
  const { primary = true, verified = true } = of;
  github.user = { id: 1_000_000 + people, login: `owner${people}`, name: 'The Owner', avatar_url: null };
  github.emails = [
    ...(primary ? [] : [{ email: `other.${email}`, verified: true, primary: true, visibility: null }]),
    { email, verified, primary, visibility: null },
  ];
}

/** There and back in a browser of its own. */
async function throughGitHub(redirectUrl?: string) {
  const browser = world.another();
  const start = await browser.get(
    `/oauth/github${redirectUrl ? `?redirectUrl=${encodeURIComponent(redirectUrl)}` : ''}`,
  );
  assert.equal(start.status, 302, start.text);
  const back = new URL(await github.signInAt(start.location ?? ''));
  return browser.askAt('GET', `${back.pathname}${back.search}`);
}

describe('R101: an account that somebody planted on an address', () => {
  it('is its owner’s after a magic link by the API, with nothing of what was planted', async () => {
    const planted = await planting();
    const { email } = planted;
    const owner = world.another();
    assertSignedIn(await owner.post('/magic-link/verify', { token: await world.magicLink(email) }), email);
    await uprooted(planted, { session: 1, known_client: 2 });
    assert.equal((await owner.get('/session')).body.user?.id, `user_${planted.account.uuid}`);
    assert.equal((await world.another().get('/session', { token: planted.bearer })).status, 401);
    assertRefused(await world.another().signIn(email), 401, 'INVALID_CREDENTIALS');
  });

  it('is its owner’s after a magic link and its page, before the code is fetched', async () => {
    const planted = await planting();
    const { code } = await codeByLink(world, planted.email, { redirectUrl: 'http://localhost:5173/' });
    await uprooted(planted, { one_time_token: 1 });
    assertSignedIn(await world.another().post('/exchange', { code }), planted.email);
  });

  it('stays as it is while the page is only looked at', async () => {
    const planted = await planting();
    const token = await world.magicLink(planted.email);
    await openPage(world.another(), `/magic-link?token=${token}`);
    assert.equal((await world.another().get('/session', { token: planted.bearer })).body.user?.name, 'Mallory');
  });

  it('is its owner’s after a reset by the API', async () => {
    const planted = await planting();
    await world.another().post('/forgot-password', { email: planted.email });
    const token = await world.linkToken(planted.email, '/reset-password');
    const reset = await world.another().post('/reset-password', { token, password: OTHER_PASSWORD });
    assert.equal(reset.status, 200, reset.text);
    await uprooted(planted, { password: 1 });
    assertSignedIn(await world.another().signIn(planted.email, OTHER_PASSWORD), planted.email);
  });

  it('is its owner’s after a reset and its page', async () => {
    const planted = await planting();
    await world.another().post('/forgot-password', { email: planted.email });
    const browser = world.another();
    const token = await world.linkToken(planted.email, '/reset-password');
    const done = await press(browser, await openPage(browser, `/reset-password?token=${token}`), {
      password: OTHER_PASSWORD,
    });
    assert.equal(done.status, 200, done.text);
    await uprooted(planted, { password: 1 });
  });

  it('is its owner’s after GitHub, which may speak for the address', async () => {
    const planted = await planting();
    atGitHub(planted.email);
    const returned = await throughGitHub('http://localhost:5173/');
    const code = new URL(returned.location ?? '').searchParams.get('code');
    await uprooted(planted, { linked_identity: 1, one_time_token: 1 });
    const answer = await world.another().post('/exchange', { code });
    assertSignedIn(answer, planted.email);
    assert.equal(answer.body.user?.id, `user_${planted.account.uuid}`);
  });

  it('is its owner’s after GitHub without an application to go back to', async () => {
    const planted = await planting();
    atGitHub(planted.email);
    assertSignedIn(await throughGitHub(), planted.email);
    await uprooted(planted, { linked_identity: 1, session: 1, known_client: 2 });
  });

  it('is nobody’s by a provider that has not seen the address proven', async () => {
    for (const said of [{ verified: false }, { primary: false }]) {
      const planted = await planting();
      atGitHub(planted.email, said);
      const returned = await throughGitHub();
      assert.notEqual(returned.body.user?.email, planted.email, returned.text);
      assert.equal((await world.another().get('/session', { token: planted.bearer })).body.user?.name, 'Mallory');
      assert.equal((await world.identity.findAccount({ name: planted.email })).emailVerifiedAt, null);
    }
  });

  it('is its owner’s, though whoever planted it uses it meanwhile', async () => {
    for (const by of ['link', 'github', 'reset'] as const) {
      const email = world.address('raced');
      const made = await world.another().signUp(email, PASSWORD, { name: 'Mallory' });
      const planted = made.body.session?.token ?? '';
      atGitHub(email);
      const link = await world.magicLink(email);
      await world.another().post('/forgot-password', { email });
      const reset = await world.linkToken(email, '/reset-password');
      const arrive = {
        link: () => world.another().post('/magic-link/verify', { token: link }),
        github: () => throughGitHub(),
        reset: () => world.another().post('/reset-password', { token: reset, password: OTHER_PASSWORD }),
      }[by];
      const attack = (index: number) =>
        index % 2
          ? world.another().signIn(email)
          : world.another().patch('/user', { name: 'Mallory again' }, { token: planted });
      const attacks = Array.from({ length: 12 }, (_, index) => attack(index));
      const arrival = await arrive();
      assert.equal(arrival.status, 200, arrival.text);
      const stolen = (await Promise.all(attacks)).flatMap(({ body }) => body.session?.token ?? []);
      for (const token of [planted, ...stolen]) {
        assert.equal((await world.another().get('/session', { token })).status, 401, by);
      }
      const account = await world.identity.findAccount({ name: email });
      assert.deepEqual([account.name, account.emailVerifiedAt !== null], [null, true], by);
      assertRefused(await world.another().signIn(email), 401, 'INVALID_CREDENTIALS');
    }
  });
});

describe('what is no takeover', () => {
  it('is the proof by the mailed token, which keeps session, password, name and picture', async () => {
    const email = world.address();
    const client = world.another();
    await client.signUp(email, PASSWORD, { name: 'Ada Lovelace' });
    const image = 'https://example.com/ada.png';
    assert.equal((await client.patch('/user', { image })).status, 200);
    const token = await world.linkToken(email, '/verify-email');
    const proven = await world.another().post('/verify-email', { token });
    const { user } = proven.body;
    assert.deepEqual([proven.status, proven.body], [200, { success: true, user }]);
    assert.deepEqual([user?.name, user?.image, user?.emailVerified], ['Ada Lovelace', image, true]);
    assert.deepEqual((await client.get('/session')).body.user, user);
    assert.equal((await world.another().signIn(email)).status, 200);
    assertDead(await world.another().post('/verify-email', { token }));
  });

  it('is a link, a reset or GitHub on an account that has proven its address', async () => {
    const { account, client, email } = await world.signedIn();
    await client.patch('/user', { name: 'Ada Lovelace' });
    const byLink = await world.another().post('/magic-link/verify', { token: await world.magicLink(email) });
    assert.equal(byLink.body.user?.name, 'Ada Lovelace', byLink.text);
    atGitHub(email);
    const byGitHub = await throughGitHub();
    assert.deepEqual([byGitHub.body.user?.id, byGitHub.body.user?.name], [`user_${account.uuid}`, 'Ada Lovelace']);
    assert.equal((await client.get('/session')).status, 200);
    assert.equal((await world.another().signIn(email)).status, 200);
    const notices = (await world.mails(email)).map(({ subject }) => subject);
    assert.ok(
      notices.some((subject) => /GitHub|provider|linked|sign-in/i.test(subject)),
      String(notices),
    );
  });

  it('is GitHub on an account that has proven its number, but not the address', async () => {
    const email = world.address();
    const phone = '+33680005678';
    await world.account({ email, phone, verified: false });
    atGitHub(email);
    const answer = await throughGitHub();
    assert.deepEqual(
      [answer.status, answer.body],
      [409, { error: 'ACCOUNT_LINK_REQUIRED', message: answer.body.message }],
    );
    const sentOn = await throughGitHub('http://localhost:5173/');
    assert.equal(sentOn.location, 'http://localhost:5173/?error=link_required');
    assert.equal((await world.identity.findAccount({ name: phone })).emailVerifiedAt, null);
  });
});

describe('signing up with an address that nobody has proven and somebody has taken', () => {
  const taken = { error: 'USER_ALREADY_EXISTS', message: 'User with this email already exists' };
  const claims = async (email: string) =>
    (await world.mails(email)).filter(({ subject }) => subject === 'A sign-up with your e-mail address');

  it('answers 409, and mails its owner one way in an hour', async () => {
    const email = world.address('claim');
    await world.another().signUp(email, PASSWORD, { name: 'Mallory' });
    for (let count = 0; count < 3; count += 1) {
      const answer = await world.another().signUp(email.toUpperCase(), OTHER_PASSWORD);
      assert.deepEqual([answer.status, answer.body], [409, taken]);
    }
    assert.equal((await claims(email)).length, 1);
    world.clock.advance({ minutes: 59, seconds: 59 });
    await world.another().signUp(email, OTHER_PASSWORD);
    assert.equal((await claims(email)).length, 1);
    world.clock.advance({ seconds: 1 });
    await world.another().signUp(email, OTHER_PASSWORD);
    assert.equal((await claims(email)).length, 2);
  });

  it('mails the owner of a proven address nothing', async () => {
    const { email } = await world.account();
    assert.deepEqual((await world.another().signUp(email)).body, taken);
    assert.deepEqual(await world.mails(email), []);
  });

  it('lets the owner in by the mailed page, with nothing of what was planted', async () => {
    const planted = await planting();
    assert.equal((await world.another().signUp(planted.email, OTHER_PASSWORD)).status, 409);
    const [claim] = await claims(planted.email);
    assert.match(claim?.links[0] ?? '', /\/reset-password\?token=[\w-]{43}$/);
    const browser = world.another();
    const { pathname, search } = new URL(claim?.links[0] ?? '');
    const done = await press(browser, await openPage(browser, `${pathname}${search}`), { password: OTHER_PASSWORD });
    assert.equal(done.status, 200, done.text);
    await uprooted(planted, { password: 1 });
  });
});
