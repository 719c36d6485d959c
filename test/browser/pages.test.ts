import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { PASSWORD } from '../contracts/bearer/client.ts';
import { noChromium, openBrowser } from '../support/browser.ts';
import { openPasskeySite, type PasskeySite } from '../support/passkey-page.ts';
import { type Listening, openListening } from './listening.ts';

const NEXT_PASSWORD = 'amber harpoons drift';

interface Look {
  width: 390 | 1280;
  locale: 'en' | 'fr';
  scripts: boolean;
}

const LOOKS: Look[] = [390, 1280].flatMap((width) =>
  (['en', 'fr'] as const).flatMap((locale) =>
    [true, false].map((scripts) => ({ width: width as Look['width'], locale, scripts })),
  ),
);

const nameOf = ({ locale, scripts, width }: Look): string =>
  `${locale === 'fr' ? 'French' : 'English'}, ${width} px, ${scripts ? 'with' : 'without'} scripts`;

/** Where pictures of the pages are put to be looked at; without it none are taken. */
const shots = process.env['TEST_SHOTS'];

/** A page, and all that went wrong in it: what its policy refused, what its script threw, and what came from elsewhere. */
interface Seen {
  page: Page;
  faults: string[];
}

/** @param app where a page leads on to; what is wrong there is not ours */
async function openPage(
  t: { after(undo: () => unknown): void },
  look: Look,
  { app, own }: { own: string; app?: string },
): Promise<Seen> {
  const browser = (await openBrowser(t)).browser();
  assert.ok(browser);
  const context = await browser.newContext({
    viewport: { width: look.width, height: 800 },
    locale: look.locale === 'fr' ? 'fr-FR' : 'en-GB',
    javaScriptEnabled: look.scripts,
  });
  t.after(() => context.close());
  const page = await context.newPage();
  const faults: string[] = [];
  const isApp = (url: string): boolean => app !== undefined && URL.parse(url)?.origin === app;
  page.on('console', (message) => {
    // A page whose status says that something is wrong is no fault of its own.
    const expected = /a status of (?:410|422) /.test(message.text());
    if (!expected && !isApp(message.location().url)) faults.push(message.text());
  });
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('requestfailed', (request) => {
    const why = request.failure()?.errorText;
    // Whoever presses the button before the icon has come goes on without it.
    if (why !== 'net::ERR_ABORTED' && !isApp(request.url())) faults.push(`${request.url()}: ${why}`);
  });
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== own && !isApp(request.url())) faults.push(`asked ${request.url()}`);
  });
  return { page, faults };
}

/** What is true of every page once it is there. */
async function assertWell({ faults, page }: Seen, look: Look, shot: string): Promise<void> {
  if (shots) {
    const name = `${shot}-${look.locale}-${look.width}-${look.scripts ? 'scripts' : 'plain'}.png`;
    await page.screenshot({ path: join(shots, name), fullPage: true });
  }
  assert.deepEqual(faults, []);
  const [wide, shown] = (await page.evaluate(
    '[document.documentElement.scrollWidth, document.documentElement.clientWidth]',
  )) as [number, number];
  assert.ok(wide <= shown, `it is ${wide} px wide, and ${shown} px are shown`);
  assert.equal(await page.locator('html').getAttribute('lang'), look.locale);
  const href: string = await page.evaluate('location.href');
  if (look.scripts) assert.doesNotMatch(href, /token|signature/, 'R061: a token is in the address bar');
  const buttons = await page.locator('button:visible').all();
  for (const button of buttons) {
    const box = await button.boundingBox();
    assert.ok(box && box.height >= 44, 'a thumb misses what is lower');
  }
}

/** As long as addresses get in one word, so that what does not break would show. */
const LONG = 'maximiliana-aleksandrowna.von-und-zu-wolkenstein-hohenlohe.1987';

describe('hosted pages in Chromium', { skip: noChromium }, () => {
  let world: Listening;
  let site: PasskeySite;
  const undo: (() => unknown)[] = [];
  before(async () => {
    const opening = { after: (step: () => unknown) => void undo.push(step) };
    world = await openListening(opening);
    site = await openPasskeySite(opening);
  });
  after(async () => {
    for (const step of undo.reverse()) await step();
  });

  const addressFor = ({ width }: Look): string => world.address(width === 390 ? LONG.slice(0, 58) : 'ada');

  for (const look of LOOKS) {
    it(`R061: a sign-in link leads to the app with a code that it can exchange (${nameOf(look)})`, async (t) => {
      const { email, uuid } = await world.account({ email: addressFor(look) });
      const redirectUrl = `${site.origin}/?tab=1`;
      await world.another().post('/send-magic-link', { email, redirectUrl });
      const token = await world.mailed(email, '/magic-link');
      const seen = await openPage(t, look, { own: world.origin, app: site.origin });
      await seen.page.goto(`${world.origin}/magic-link?token=${token}`);
      await assertWell(seen, look, 'magic-link');
      await seen.page.locator('form button').click();
      await seen.page.waitForURL(`${site.origin}/**`);
      const arrived = new URL(seen.page.url());
      assert.equal(arrived.searchParams.get('tab'), '1');
      assert.deepEqual([...arrived.searchParams.keys()].sort(), ['code', 'tab']);
      const exchanged = await world.another().post('/exchange', { code: arrived.searchParams.get('code') });
      assert.equal(exchanged.body.user?.id, `user_${uuid}`, exchanged.text);
      assert.deepEqual(seen.faults, []);
      // Pressed again from the history, the link is used.
      await seen.page.goBack();
      assert.equal(new URL(seen.page.url()).searchParams.has('token'), !look.scripts);
    });

    it(`R061: a link to a new address makes it the account’s (${nameOf(look)})`, async (t) => {
      const { client } = await world.signedIn();
      const newEmail = addressFor(look);
      const asked = await client.post('/change-email', { newEmail, password: PASSWORD });
      assert.equal(asked.status, 200, asked.text);
      const token = await world.mailed(newEmail, '/change-email');
      const seen = await openPage(t, look, { own: world.origin });
      await seen.page.goto(`${world.origin}/change-email?token=${token}`);
      await assertWell(seen, look, 'change-email');
      await Promise.all([
        seen.page.waitForResponse((answer) => answer.request().method() === 'POST'),
        seen.page.locator('form button').click(),
      ]);
      await seen.page.waitForLoadState();
      await assertWell(seen, look, 'change-email-done');
      assert.equal((await client.signIn(newEmail)).body.user?.email, newEmail);
    });

    it(`R061: a reset link takes a new password and leads back to the app (${nameOf(look)})`, async (t) => {
      const { email } = await world.account({ email: addressFor(look) });
      await world.another().post('/forgot-password', { email, redirectUrl: `${site.origin}/?tab=2` });
      const token = await world.mailed(email, '/reset-password');
      const seen = await openPage(t, look, { own: world.origin, app: site.origin });
      await seen.page.goto(`${world.origin}/reset-password?token=${token}`);
      await assertWell(seen, look, 'reset-password');
      const press = async (password: string): Promise<void> => {
        await seen.page.locator('#password').fill(password);
        await seen.page.locator('form button').click();
      };
      await press('password');
      await seen.page.locator('[role=alert]').waitFor();
      await assertWell(seen, look, 'reset-password-refused');
      await press(NEXT_PASSWORD);
      await seen.page.waitForURL(`${site.origin}/**`);
      assert.equal(seen.page.url(), `${site.origin}/?tab=2`);
      assert.deepEqual(seen.faults, []);
      assert.equal((await world.another().signIn(email, NEXT_PASSWORD)).status, 200);
    });
  }

  for (const look of LOOKS) {
    it(`R061: an invitation takes a first password, by either form of its link (${nameOf(look)})`, async (t) => {
      const email = addressFor(look);
      const { id } = await world.identity.createAccount({ email });
      const token = await world.mailed(email, '/set-up-password');
      const { digest } = world.world.keyring;
      const hash = Buffer.from(digest('set-up-account', JSON.stringify([id, email])), 'base64url').toString('hex');
      const expires = Math.floor(world.clock.now() / 1000) + 24 * 3600;
      const signature = Buffer.from(token, 'base64url').toString('hex');
      const form = `${world.origin}/setup-password/${id}/${hash}?expires=${expires}&signature=${signature}`;
      const seen = await openPage(t, look, { own: world.origin });
      for (const url of [`${world.origin}/set-up-password?token=${token}`, form]) {
        await seen.page.goto(url);
        await assertWell(seen, look, 'set-up-password');
      }
      const press = async (password: string): Promise<void> => {
        await seen.page.locator('#password').fill(password);
        await seen.page.locator('form button').click();
      };
      await press('password');
      await seen.page.locator('[role=alert]').waitFor();
      await assertWell(seen, look, 'set-up-password-refused');
      await press(NEXT_PASSWORD);
      await seen.page.locator('form').waitFor({ state: 'detached' });
      await assertWell(seen, look, 'set-up-password-done');
      await seen.page.goto(form);
      await assertWell(seen, look, 'set-up-password-again');
      assert.equal((await world.another().signIn(email, NEXT_PASSWORD)).status, 200);
    });
  }

  for (const look of LOOKS.filter(({ width }) => width === 390)) {
    it(`R061: a sign-in link without an app shows its code (${nameOf(look)})`, async (t) => {
      const { email, uuid } = await world.account({ email: addressFor(look) });
      await world.another().post('/send-magic-link', { email });
      const token = await world.mailed(email, '/magic-link');
      const seen = await openPage(t, look, { own: world.origin });
      await seen.page.goto(`${world.origin}/magic-link?token=${token}`);
      await assertWell(seen, look, 'magic-link-no-app');
      await seen.page.locator('form button').click();
      await seen.page.locator('#code').waitFor();
      await assertWell(seen, look, 'code');
      const code = await seen.page.locator('#code').innerText();
      const exchanged = await world.another().post('/exchange', { code });
      assert.equal(exchanged.body.user?.id, `user_${uuid}`, exchanged.text);
    });

    it(`a link that is dead says so (${nameOf(look)})`, async (t) => {
      const seen = await openPage(t, look, { own: world.origin });
      for (const path of ['/magic-link', '/change-email', '/reset-password', '/set-up-password']) {
        await seen.page.goto(`${world.origin}${path}?token=${'x'.repeat(43)}`);
        await assertWell(seen, look, `dead${path.replace('/', '-')}`);
      }
    });
  }
});
