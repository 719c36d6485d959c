import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openGitHub } from '../../support/github-look-alike.ts';
import { SoftwareAuthenticator } from '../../support/software-authenticator.ts';
import { ORIGIN, openClient, PASSWORD } from './client.ts';

describe('a person and the bearer contract', () => {
  it('sign up, prove the address, and use every way in', async (t) => {
    const github = await openGitHub(t);
    const world = await openClient(t, {
      env: {
        GUICHET_GITHUB_CLIENT_ID: github.clientId,
        GUICHET_GITHUB_CLIENT_SECRET: github.clientSecret,
        GUICHET_GITHUB_BASE_URL: github.url,
        GUICHET_GITHUB_API_URL: github.apiUrl,
      },
    });
    const client = world.another();
    const email = 'octocat@example.com';
    const made = await client.signUp(email);
    assert.equal(made.status, 201, made.text);
    assert.equal((await client.post('/two-factor/enable')).body.error, 'EMAIL_NOT_VERIFIED');
    const verified = await client.post('/verify-email', { token: await world.linkToken(email, '/verify-email') });
    assert.equal(verified.body.user?.emailVerified, true, verified.text);
    assert.equal((await client.get('/session')).body.user?.emailVerified, true);

    // A link, through the page and back with a code.
    const redirectUrl = 'http://localhost:5173/app?tab=1';
    const link = await world.magicLink(email, { redirectUrl });
    const browser = world.another();
    const page = await browser.askAt('GET', `/magic-link?token=${link}`);
    assert.equal(page.status, 200);
    const formToken = /name="form_token" value="([^"]+)"/.exec(page.text)?.[1] ?? '';
    const pressed = await browser.askAt('POST', '/magic-link', {
      raw: new URLSearchParams({ token: link, form_token: formToken }).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: ORIGIN },
    });
    assert.equal(pressed.status, 303, pressed.text);
    const back = new URL(pressed.location ?? '');
    assert.equal(back.searchParams.get('tab'), '1');
    const code = back.searchParams.get('code');
    const exchanged = await world.another().post('/exchange', { code });
    assert.equal(exchanged.status, 200, exchanged.text);

    // GitHub joins the account, since it may speak for the address.
    const start = await browser.get(`/oauth/github?redirectUrl=${encodeURIComponent(redirectUrl)}`);
    assert.equal(start.status, 302, start.text);
    const callback = new URL(await github.signInAt(start.location ?? ''));
    const returned = await browser.askAt('GET', `${callback.pathname}${callback.search}`);
    assert.equal(returned.status, 302, returned.text);
    const oauthCode = new URL(returned.location ?? '').searchParams.get('code');
    assert.ok(oauthCode, returned.location);
    const byGitHub = await world.another().post('/exchange', { code: oauthCode });
    assert.equal(byGitHub.body.user?.id, made.body.user?.id, byGitHub.text);

    // A second factor, asked for after each of them; a passkey is both at once.
    const { secret, recoveryCodes } = await world.enrol(client);
    assert.equal(recoveryCodes.length, 10);
    const due = await world.another().signIn(email);
    assert.equal(due.status, 401, due.text);
    assert.equal(due.body.error, 'TOTP_REQUIRED');
    const both = await world.another().signIn(email, PASSWORD, { totpCode: world.totp(secret) });
    assert.equal(both.status, 200, both.text);
    const token = await world.magicLink(email);
    const waiting = await client.post('/magic-link/verify', { token });
    assert.equal(waiting.body.error, 'TOTP_REQUIRED', waiting.text);
    const completed = await client.post('/magic-link/verify', { token, recoveryCode: recoveryCodes[0] });
    assert.equal(completed.status, 200, completed.text);
    world.clock.advance({ seconds: 61 });
    const fresh = await client.post('/reauthenticate', { totpCode: world.totp(secret) });
    assert.equal(fresh.status, 200, fresh.text);
    const authenticator = new SoftwareAuthenticator();
    const passkey = await client.addPasskey(authenticator, 'Blue key');
    assert.equal(passkey.name, 'Blue key');
    const byPasskey = await world.another().signInByPasskey(authenticator);
    assert.equal(byPasskey.status, 200, byPasskey.text);

    const gone = await client.delete('/user');
    assert.equal(gone.status, 200, gone.text);
    assert.equal((await client.get('/session')).status, 401);
  });
});
