import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { Page } from 'playwright-core';
import { type Answer, type Body, PASSWORD } from '../contracts/bearer/client.ts';
import { noChromium, openBrowser, virtualAuthenticator } from '../support/browser.ts';
import { openPasskeySite, passkeysIn } from '../support/passkey-page.ts';
import { openListening } from './listening.ts';
import { openRelated } from './related-origin.ts';

type InPage = Pick<Answer, 'status' | 'body'> & { requestId: string | null };

/** An app’s page, of another origin than the server, that asks it with `fetch`. */
function appIn(page: Page, api: string) {
  let token: string | null = null;
  const ask = async (method: string, path: string, body?: object): Promise<InPage> => {
    const init = {
      method,
      headers: {
        ...(body && { 'Content-Type': 'application/json' }),
        ...(token !== null && { Authorization: `Bearer ${token}` }),
      },
      ...(body && { body: JSON.stringify(body) }),
    };
    const answer: InPage = await page.evaluate(
      `fetch(${JSON.stringify(`${api}${path}`)}, ${JSON.stringify(init)}).then(async (answer) => ({
        status: answer.status, body: await answer.json(), requestId: answer.headers.get('X-Request-Id'),
      }))`,
    );
    if (answer.body.session) token = answer.body.session.token;
    return answer;
  };
  const good = async (method: string, path: string, body?: object): Promise<Body> => {
    const answer = await ask(method, path, body);
    assert.equal(answer.status, 200, `${method} ${path}: ${JSON.stringify(answer.body)}`);
    assert.ok(answer.requestId, 'a listed origin may read it');
    return answer.body;
  };
  const browser = passkeysIn(page);
  return {
    ask,
    good,
    forget() {
      token = null;
    },
    async register(name: string, proofs: object = { password: PASSWORD }): Promise<Body> {
      const { options = {} } = await good('POST', '/passkey/register', proofs);
      return good('POST', '/passkey/register', { response: await browser.register(options), name });
    },
    async signIn(of: { challenge?: string; autofill?: boolean } = {}): Promise<Body> {
      const { autofill, ...pending } = of;
      const { options = {} } = await good('POST', '/passkey/sign-in', pending);
      const response = await (autofill ? browser.signInByAutofill(options) : browser.signIn(options));
      return good('POST', '/passkey/sign-in', { ...pending, response });
    },
    async reauthenticate(): Promise<Body> {
      const { options = {} } = await good('POST', '/reauthenticate');
      return good('POST', '/reauthenticate', { response: await browser.signIn(options) });
    },
  };
}

async function openApp(t: TestContext, of: Parameters<typeof virtualAuthenticator>[1] = {}) {
  const world = await openListening(t);
  const site = await openPasskeySite(t);
  const page = await (await openBrowser(t)).newPage();
  await page.goto(site.origin);
  const api = `${world.origin}/api/auth`;
  return { api, app: appIn(page, api), authenticator: await virtualAuthenticator(page, of), page, site, world };
}

describe('a web app with passkeys, of another origin than the server', { skip: noChromium }, () => {
  it('signs up, adds a passkey, and signs in with it in every way', async (t) => {
    const { app, authenticator, world } = await openApp(t, { synced: true });
    const email = world.address();
    const made = await app.ask('POST', '/sign-up', { email, password: PASSWORD, name: 'Ada Lovelace' });
    assert.equal(made.status, 201);
    const early = await app.ask('POST', '/passkey/register', { password: PASSWORD });
    assert.deepEqual([early.status, early.body.error], [403, 'EMAIL_NOT_VERIFIED']);
    await app.good('POST', '/verify-email', { token: await world.mailed(email, '/verify-email') });

    const { passkey } = await app.register('Laptop');
    assert.deepEqual([passkey?.name, passkey?.backedUp], ['Laptop', true]);
    const [held] = await authenticator.credentials();
    assert.equal(held?.rpId, 'localhost');
    assert.equal(Buffer.from(held.userHandle ?? '', 'base64url').length, 64);

    await app.good('POST', '/sign-out');
    app.forget();
    assert.equal((await app.ask('GET', '/session')).status, 401);
    const discovered = await app.signIn();
    assert.equal(discovered.user?.id, made.body.user?.id);
    assert.equal((await app.good('GET', '/session')).user?.email, email);
    app.forget();
    const filled = await app.signIn({ autofill: true });
    assert.equal(filled.user?.id, made.body.user?.id);

    // A code factor: the passkey takes its place where it is asked for, and its user verified it needs no password.
    const { secret = '' } = await app.good('POST', '/two-factor/enable');
    await app.good('POST', '/two-factor/verify', { code: world.totp(secret) });
    app.forget();
    const due = await app.ask('POST', '/sign-in', { email, password: PASSWORD });
    assert.deepEqual([due.status, due.body.error, due.body.channel], [401, 'TOTP_REQUIRED', 'totp']);
    const completed = await app.signIn({ challenge: due.body.challenge ?? '' });
    assert.equal(completed.user?.id, made.body.user?.id);
    app.forget();
    assert.equal((await app.signIn()).user?.id, made.body.user?.id);

    world.clock.advance({ minutes: 11 });
    const stale = await app.ask('DELETE', `/passkeys/${passkey?.id}`);
    assert.deepEqual([stale.status, stale.body.error], [403, 'REAUTH_REQUIRED']);
    assert.deepEqual(await app.reauthenticate(), { success: true, message: 'Identity confirmed' });
    assert.equal(
      (await app.good('PATCH', `/passkeys/${passkey?.id}`, { name: 'Old laptop' })).passkey?.name,
      'Old laptop',
    );
    assert.deepEqual(await app.good('DELETE', `/passkeys/${passkey?.id}`), {
      success: true,
      message: 'Passkey removed',
    });
    assert.deepEqual((await app.good('GET', '/passkeys')).passkeys, []);
    await assert.rejects(app.signIn(), /INVALID_PASSKEY/);
  });

  it('is told by the browser that a passkey is there already', async (t) => {
    const { app, world } = await openApp(t);
    const { email } = await world.account();
    await app.good('POST', '/sign-in', { email, password: PASSWORD });
    await app.register('Laptop');
    await assert.rejects(app.register('Laptop again'), /previously registered|InvalidStateError/);
    assert.equal((await app.good('GET', '/passkeys')).passkeys?.length, 1);
  });

  it('R107: gets no answer from an authenticator that takes its user for another', async (t) => {
    const { app, authenticator, world } = await openApp(t);
    const { email } = await world.account();
    await app.good('POST', '/sign-in', { email, password: PASSWORD });
    await app.register('Laptop');
    await authenticator.setUserVerified(false);
    await assert.rejects(app.signIn(), /NotAllowedError/);
    await assert.rejects(app.reauthenticate(), /NotAllowedError/);
    await authenticator.setUserVerified(true);
    assert.equal((await app.signIn()).user?.email, email);
  });

  it('R107: is refused its passkeys on a host of another name', async (t) => {
    const { api, app, page, site, world } = await openApp(t);
    const { email } = await world.account();
    await app.good('POST', '/sign-in', { email, password: PASSWORD });
    await app.register('Laptop');
    await page.goto(site.addressOrigin);
    const elsewhere = appIn(page, api);
    await assert.rejects(elsewhere.signIn(), /SecurityError|invalid for this domain/);
  });

  it('uses the passkeys of a domain that names its origin as related, and no other', async (t) => {
    const related = 'https://app.example.net';
    // Where its pages ask the server is another setting than where passkeys may be used.
    const origins = `${related},https://app.example.org`;
    const world = await openListening(t, {
      env: { GUICHET_PASSKEY_ORIGINS: related, GUICHET_ALLOWED_ORIGINS: origins },
    });
    const site = await openPasskeySite(t);
    const { asked, context } = await openRelated(t, {
      localhost: world.origin,
      'app.example.net': site.origin,
      'app.example.org': site.origin,
    });
    const page = await context.newPage();
    await page.goto(related);
    const authenticator = await virtualAuthenticator(page);
    const app = appIn(page, `${world.origin}/api/auth`);
    const { email } = await world.account();
    await app.good('POST', '/sign-in', { email, password: PASSWORD });
    await app.register('Laptop');
    assert.deepEqual(
      (await authenticator.credentials()).map(({ rpId }) => rpId),
      ['localhost'],
    );
    assert.equal((await app.signIn()).user?.email, email);
    assert.ok(asked.includes('localhost/.well-known/webauthn'));

    await page.goto('https://app.example.org');
    await assert.rejects(appIn(page, `${world.origin}/api/auth`).signIn(), /SecurityError|invalid for this domain/);
  });
});
