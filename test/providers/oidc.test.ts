import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import { openGitHub } from '../support/github-look-alike.ts';
import { openOidcIssuer } from '../support/oidc-issuer.ts';
import { callbackUrl, github, google, newTrip, oidc, REFUSED, serviceOf, signIn, travel } from './trips.ts';

const openGoogle = (t: TestContext) => openOidcIssuer(t, { redirectUris: [callbackUrl('google')], inIdToken: true });
const openAcme = (t: TestContext) => openOidcIssuer(t, { redirectUris: [callbackUrl('acme')] });

describe('a sign-in with an OpenID Connect issuer', () => {
  it('R097: leaves with state, nonce, PKCE S256 and a callback of its own', async (t) => {
    const acme = await openAcme(t);
    const trip = newTrip();

    const url = new URL(await serviceOf([oidc(acme)]).authorizationUrl('acme', trip));

    assert.equal(url.origin, acme.url);
    assert.deepEqual(Object.fromEntries(url.searchParams), {
      client_id: acme.clientId,
      response_type: 'code',
      redirect_uri: callbackUrl('acme'),
      scope: 'openid email profile',
      state: trip.state,
      nonce: trip.nonce,
      code_challenge: createHash('sha256').update(trip.codeVerifier).digest('base64url'),
      code_challenge_method: 'S256',
    });
  });

  it('tells who came, from the ID token alone where that says the address', async (t) => {
    const stand = await openGoogle(t);
    stand.person = {
      sub: '110169484474386276334',
      email: 'Ada@gmail.com',
      email_verified: true,
      name: 'Ada Lovelace',
      picture: 'https://lh3.example.com/a/ada=s96-c',
    };

    assert.deepEqual(await signIn(serviceOf([google(stand)]), 'google', stand), {
      provider: 'google',
      subject: '110169484474386276334',
      email: 'ada@gmail.com',
      emailVerified: true,
      speaksForEmail: true,
      name: 'Ada Lovelace',
      picture: 'https://lh3.example.com/a/ada=s96-c',
    });
    assert.equal(stand.asked.includes('/me'), false);
  });

  it('asks the userinfo endpoint where the ID token says no address', async (t) => {
    const stand = await openAcme(t);
    stand.person = {
      sub: 'ada',
      email: 'ada@acme.example',
      email_verified: true,
      name: 'Ada',
      picture: 'http://a.example/a',
    };

    assert.deepEqual(await signIn(serviceOf([oidc(stand, { emailDomains: ['acme.example'] })]), 'acme', stand), {
      provider: 'acme',
      subject: 'ada',
      email: 'ada@acme.example',
      emailVerified: true,
      speaksForEmail: true,
      name: 'Ada',
      picture: null,
    });
    assert.equal(stand.asked.includes('/me'), true);
  });

  it('knows a person without an address', async (t) => {
    const stand = await openAcme(t);
    stand.person = { sub: 'ada' };

    const { subject, email, emailVerified, speaksForEmail, name, picture } = await signIn(
      serviceOf([oidc(stand)]),
      'acme',
      stand,
    );

    assert.deepEqual(
      { subject, email, emailVerified, speaksForEmail, name, picture },
      { subject: 'ada', email: null, emailVerified: false, speaksForEmail: false, name: null, picture: null },
    );
  });

  it('asks for what the issuer publishes once for all who leave at once, and keeps it for a while', async (t) => {
    const stand = await openAcme(t);
    const discoveries = () => stand.asked.filter((path) => path.startsWith('/.well-known/')).length;
    const keeping = serviceOf([oidc(stand)]);
    const forgetting = serviceOf([oidc(stand)], { metadataMilliseconds: 0 });

    await Promise.all([1, 2, 3].map(() => keeping.authorizationUrl('acme', newTrip())));
    await signIn(keeping, 'acme', stand);
    await signIn(keeping, 'acme', stand);

    assert.equal(discoveries(), 1);
    assert.equal(stand.asked.filter((path) => path === '/jwks').length, 1);
    await forgetting.authorizationUrl('acme', newTrip());
    await forgetting.authorizationUrl('acme', newTrip());
    assert.equal(discoveries(), 3);
  });

  it('is refused when the person says no', async (t) => {
    const stand = await openAcme(t);
    stand.refuses = true;
    const service = serviceOf([oidc(stand)]);

    const { answer, trip } = await travel(service, 'acme', stand);

    assert.equal(answer.get('error'), 'access_denied');
    await assert.rejects(service.identify('acme', answer, trip), REFUSED);
    assert.deepEqual(service.troubles, [{ provider: 'acme', failure: 'provider_refused', reason: 'access_denied' }]);
  });

  it('R097: is refused with another state, nonce or verifier, and a second time', async (t) => {
    const stand = await openAcme(t);
    const service = serviceOf([oidc(stand)]);
    for (const field of ['state', 'nonce', 'codeVerifier'] as const) {
      const { answer, trip } = await travel(service, 'acme', stand);
      await assert.rejects(service.identify('acme', answer, { ...trip, [field]: newTrip()[field] }), REFUSED, field);
    }
    const { answer, trip } = await travel(service, 'acme', stand);
    await service.identify('acme', answer, trip);

    await assert.rejects(service.identify('acme', answer, trip), REFUSED);
  });

  it('R097: is refused without state or code, and with two of either', async (t) => {
    const stand = await openAcme(t);
    const service = serviceOf([oidc(stand)]);
    for (const [name, change] of Object.entries<(answer: URLSearchParams) => void>({
      'no state': (answer) => answer.delete('state'),
      'no code': (answer) => answer.delete('code'),
      'two states': (answer) => answer.append('state', 'another'),
      'two codes': (answer) => answer.append('code', 'another'),
      'an ID token': (answer) => answer.append('id_token', 'e30.e30.e30'),
    })) {
      const { answer, trip } = await travel(service, 'acme', stand);
      change(answer);
      await assert.rejects(service.identify('acme', answer, trip), REFUSED, name);
    }
    assert.equal(stand.asked.includes('/token'), false);
  });

  it('R098: is refused with an answer that names another issuer, or none where the issuer says it always does', async (t) => {
    const stand = await openAcme(t);
    const service = serviceOf([oidc(stand)]);
    for (const iss of ['https://accounts.google.com', `${stand.issuer}/`, undefined]) {
      const { answer, trip } = await travel(service, 'acme', stand);
      assert.equal(answer.get('iss'), stand.issuer);
      answer.delete('iss');
      if (iss !== undefined) answer.set('iss', iss);
      await assert.rejects(service.identify('acme', answer, trip), REFUSED, iss);
    }
    assert.equal(stand.asked.includes('/token'), false);
  });

  it('R098: does not take a code that GitHub issued, with or without its issuer', async (t) => {
    const [stand, hub] = [await openGoogle(t), await openGitHub(t)];
    const service = serviceOf([google(stand), github(hub)]);
    const { answer, trip } = await travel(service, 'github', hub);
    await assert.rejects(service.identify('google', answer, trip), REFUSED);
    assert.equal(stand.asked.includes('/token'), false);

    answer.set('iss', stand.issuer);

    await assert.rejects(service.identify('google', answer, trip), REFUSED);
    assert.equal(stand.asked.includes('/token'), true);
  });

  it('is refused with a wrong client secret', async (t) => {
    const stand = await openAcme(t);
    const service = serviceOf([oidc(stand, { clientSecret: 'another' })]);

    await assert.rejects(signIn(service, 'acme', stand), REFUSED);
  });

  it('is refused by name for a provider that nobody configured', async () => {
    const service = serviceOf([]);

    assert.deepEqual([service.has('acme'), service.has('__proto__')], [false, false]);
    await assert.rejects(service.authorizationUrl('acme', newTrip()), { code: 'provider_unknown' });
    await assert.rejects(service.identify('acme', new URLSearchParams(), newTrip()), { code: 'provider_unknown' });
  });
});

describe('speaking for an address (rule 24)', () => {
  it('is Google’s for gmail.com and for the domain that it hosts, and for no other', async (t) => {
    const stand = await openGoogle(t);
    const service = serviceOf([google(stand)]);
    for (const [email, hd, speaks] of [
      ['ada@gmail.com', undefined, true],
      ['ada@GMail.com', undefined, true],
      ['ada@googlemail.com', undefined, false],
      ['ada@example.com', undefined, false],
      ['ada@example.com', 'Example.com', true],
      ['ada@sub.example.com', 'example.com', false],
      ['ada@example.com', 'example.com.evil.example', false],
      ['ada@example.com', ['example.com'], false],
    ] as const) {
      stand.person = { sub: '1', email, email_verified: true, hd };
      const identity = await signIn(service, 'google', stand);
      assert.deepEqual([identity.emailVerified, identity.speaksForEmail], [true, speaks], `${email} ${hd}`);
    }
    for (const email of ['mallory@gmail.com@example.com', 'mallory@example.com\n@gmail.com']) {
      stand.person = { sub: '1', email, email_verified: true, hd: 'example.com' };
      const identity = await signIn(service, 'google', stand);
      assert.deepEqual([identity.email, identity.emailVerified, identity.speaksForEmail], [null, false, false], email);
    }
  });

  it('is an issuer’s for the domains that the settings list, whatever it says it hosts', async (t) => {
    const stand = await openAcme(t);
    const service = serviceOf([oidc(stand, { emailDomains: ['acme.example', 'xn--bcher-kva.example'] })]);
    for (const [email, speaks] of [
      ['ada@acme.example', true],
      ['ada@ACME.example', true],
      ['ada@bücher.example', true],
      ['ada@sub.acme.example', false],
      ['ada@gmail.com', false],
    ] as const) {
      stand.person = { sub: '1', email, email_verified: true, hd: 'gmail.com' };
      assert.equal((await signIn(service, 'acme', stand)).speaksForEmail, speaks, email);
    }
  });

  it('R099: takes the boolean true, and nothing like it, as proof of an address', async (t) => {
    for (const open of [openGoogle, openAcme]) {
      const stand = await open(t);
      const service = serviceOf([google(stand), oidc(stand, { emailDomains: ['gmail.com'] })]);
      const name = open === openGoogle ? 'google' : 'acme';
      for (const said of ['true', 'false', 1, false, null, [true], {}, undefined]) {
        stand.person = { sub: '1', email: 'ada@gmail.com', email_verified: said };
        const { emailVerified, speaksForEmail } = await signIn(service, name, stand);
        assert.deepEqual([emailVerified, speaksForEmail], [false, false], `${name} ${JSON.stringify(said)}`);
      }
    }
  });
});
