import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import type { Credential } from '../../src/core/passkey.ts';
import { passkeyCeremonies } from '../../src/crypto/passkey-ceremonies.ts';
import { noChromium, openBrowser, virtualAuthenticator } from '../support/browser.ts';
import { openPasskeySite, passkeysIn } from '../support/passkey-page.ts';

/** A page of an allowed origin in Chromium, with an authenticator, and the ceremonies that allow it. */
async function openPage(t: TestContext, of: Parameters<typeof virtualAuthenticator>[1] = {}) {
  const site = await openPasskeySite(t);
  const page = await (await openBrowser(t)).newPage();
  await page.goto(site.origin);
  const ceremonies = passkeyCeremonies({
    relyingPartyId: 'localhost',
    relyingPartyName: 'Guichet',
    isAllowedOrigin: (origin) => origin === site.origin,
  });
  const handle = randomBytes(64).toString('base64url');

  const creation = async (exclude: Credential[] = []) => {
    const challenge = randomBytes(56);
    const user = { handle, name: 'ada@example.org', displayName: 'Ada Lovelace' };
    return { challenge, options: await ceremonies.registrationOptions({ challenge, user, exclude }) };
  };
  const request = async (allow: Credential[] = []) => {
    const challenge = randomBytes(56);
    return {
      challenge,
      options: await ceremonies.assertionOptions({ challenge, allow, userVerification: 'required' }),
    };
  };
  const register = async () => {
    const { challenge, options } = await creation();
    const answer = await passkeysIn(page).register(options);
    const credential = await ceremonies.verifyRegistration(answer, challenge);
    assert.ok(credential);
    assert.deepEqual(ceremonies.read(answer), {
      credentialId: credential.credentialId,
      challenge: Uint8Array.from(challenge),
      userHandle: null,
    });
    return credential;
  };
  const authenticator = await virtualAuthenticator(page, of);
  return { authenticator, ceremonies, creation, handle, page, register, request, site };
}

describe('passkeys in Chromium', { skip: noChromium }, () => {
  it('are registered and sign in, each time with a higher counter', async (t) => {
    const { authenticator, ceremonies, handle, page, register, request } = await openPage(t);
    const credential = await register();
    const [held] = await authenticator.credentials();
    assert.equal(held?.id, credential.credentialId);
    assert.equal(held.rpId, 'localhost');
    assert.equal(held.userHandle, handle);
    assert.deepEqual(credential.transports, ['internal']);

    let { counter } = credential;
    for (const allow of [[], [credential], []]) {
      const { challenge, options } = await request(allow);
      const answer = await passkeysIn(page).signIn(options);
      assert.equal(ceremonies.read(answer)?.userHandle, handle);
      const of = { challenge, credential: { ...credential, counter }, userVerification: 'required' } as const;
      const outcome = await ceremonies.verifyAssertion(answer, of);
      assert.equal(outcome.outcome, 'right');
      assert.ok(outcome.outcome === 'right' && outcome.userVerified && outcome.counter > counter);
      counter = outcome.counter;
      const again = await ceremonies.verifyAssertion(answer, { ...of, credential: { ...credential, counter } });
      assert.deepEqual(again, { outcome: 'counter_regressed' });
    }
  });

  it('sign in by autofill', async (t) => {
    const { ceremonies, page, register, request } = await openPage(t);
    const credential = await register();
    const { challenge, options } = await request();
    const answer = await passkeysIn(page).signInByAutofill(options);
    const of = { challenge, credential, userVerification: 'required' } as const;
    assert.equal((await ceremonies.verifyAssertion(answer, of)).outcome, 'right');
  });

  it('say when they are kept in several places', async (t) => {
    const { register } = await openPage(t, { synced: true });
    assert.equal((await register()).backedUp, true);
  });

  it('are not registered twice on one authenticator', async (t) => {
    const { creation, page, register } = await openPage(t);
    const { options } = await creation([await register()]);
    await assert.rejects(passkeysIn(page).register(options), /previously registered|InvalidStateError/);
  });

  it('are not used by somebody whose fingerprint is another’s', async (t) => {
    const { authenticator, creation, page, register, request } = await openPage(t);
    await register();
    await authenticator.setUserVerified(false);
    await assert.rejects(passkeysIn(page).signIn((await request()).options), /NotAllowedError/);
    await assert.rejects(passkeysIn(page).register((await creation()).options), /NotAllowedError/);
  });

  it('R107: are refused to a page of another host by the browser, and of another port by the server', async (t) => {
    const { ceremonies, creation, page, register, request, site } = await openPage(t);
    const credential = await register();

    await page.goto(site.addressOrigin);
    await assert.rejects(passkeysIn(page).signIn((await request()).options), /SecurityError|invalid for this domain/);

    const other = await openPasskeySite(t);
    await page.goto(other.origin);
    const asked = await request();
    const answer = await passkeysIn(page).signIn(asked.options);
    const of = { challenge: asked.challenge, credential, userVerification: 'required' } as const;
    assert.deepEqual(await ceremonies.verifyAssertion(answer, of), { outcome: 'wrong' });
    const made = await creation();
    const registration = await passkeysIn(page).register(made.options);
    assert.equal(await ceremonies.verifyRegistration(registration, made.challenge), undefined);
  });

  it('R107: are refused to an allowed page that another frames', async (t) => {
    const { ceremonies, page, register, request, site } = await openPage(t);
    const credential = await register();
    const other = await openPasskeySite(t);
    await page.goto(other.framing(`${site.origin}/`));
    const [, frame] = page.frames();
    assert.ok(frame);
    await frame.waitForLoadState();
    const { challenge, options } = await request();
    const answer = await passkeysIn(frame).signIn(options);
    const clientData = JSON.parse(Buffer.from(answer.response.clientDataJSON, 'base64url').toString());
    assert.equal(clientData.origin, site.origin);
    assert.equal(clientData.crossOrigin, true);
    const of = { challenge, credential, userVerification: 'required' } as const;
    assert.deepEqual(await ceremonies.verifyAssertion(answer, of), { outcome: 'wrong' });
  });
});
