import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { json, openGitHub } from '../support/github-look-alike.ts';
import { openOidcIssuer } from '../support/oidc-issuer.ts';
import { callbackUrl, github, google, newTrip, REFUSED, serviceOf, signIn, travel, UNAVAILABLE } from './trips.ts';

describe('a sign-in with GitHub', () => {
  it('R097: leaves with state, PKCE S256 and a callback of its own, without asking GitHub anything', async (t) => {
    const hub = await openGitHub(t);
    const trip = newTrip();

    const url = new URL(await serviceOf([github(hub)]).authorizationUrl('github', trip));

    assert.equal(`${url.origin}${url.pathname}`, `${hub.url}/login/oauth/authorize`);
    assert.deepEqual(Object.fromEntries(url.searchParams), {
      client_id: hub.clientId,
      response_type: 'code',
      redirect_uri: callbackUrl('github'),
      scope: 'read:user user:email',
      state: trip.state,
      code_challenge: createHash('sha256').update(trip.codeVerifier).digest('base64url'),
      code_challenge_method: 'S256',
    });
    assert.deepEqual(hub.asked, []);
  });

  it('R100: tells who came by the number, with the primary address', async (t) => {
    const hub = await openGitHub(t);

    assert.deepEqual(await signIn(serviceOf([github(hub)]), 'github', hub), {
      provider: 'github',
      subject: '583231',
      email: 'octocat@example.com',
      emailVerified: true,
      speaksForEmail: true,
      name: 'The Octocat',
      picture: 'https://avatars.example.com/u/583231?v=4',
    });
  });

  it('R100: tells two people apart who had one login after the other', async (t) => {
    const hub = await openGitHub(t);
    const service = serviceOf([github(hub)]);
    const first = await signIn(service, 'github', hub);
    hub.user = { ...(hub.user as object), id: 583232 };

    assert.notEqual((await signIn(service, 'github', hub)).subject, first.subject);
  });

  it('R105: sends the token to the interface alone, in a header', async (t) => {
    const hub = await openGitHub(t);
    await signIn(serviceOf([github(hub)]), 'github', hub);

    const bearing = hub.asked.filter(({ headers }) => headers.authorization?.startsWith('Bearer gho_'));
    assert.deepEqual(bearing.map(({ path }) => path).sort(), ['/api/v3/user', '/api/v3/user/emails']);
    assert.equal(
      hub.asked.every(({ form }) => !form.toString().includes('gho_')),
      true,
    );
  });

  it('R100: is refused unless the id is a whole number above zero', async (t) => {
    const hub = await openGitHub(t);
    const service = serviceOf([github(hub)]);
    for (const user of [
      ...[null, 0, -1, 1.5, '583231', '', {}, [583231], true, 2 ** 53].map((id) => ({ id, login: 'octocat' })),
      {},
      [],
      null,
      'octocat',
      { message: 'Bad credentials' },
    ]) {
      hub.user = user;
      await assert.rejects(signIn(service, 'github', hub), REFUSED, JSON.stringify(user));
    }
  });

  it('R099: takes the boolean true, and nothing like it, as proof of the primary address', async (t) => {
    const hub = await openGitHub(t);
    const service = serviceOf([github(hub)]);
    for (const verified of ['true', 1, false, null, {}, undefined]) {
      hub.emails = [
        { email: 'ada@example.com', primary: true, verified },
        { email: 'other@example.com', primary: false, verified: true },
      ];
      const { email, emailVerified, speaksForEmail } = await signIn(service, 'github', hub);
      assert.deepEqual(
        { email, emailVerified, speaksForEmail },
        { email: 'ada@example.com', emailVerified: false, speaksForEmail: false },
      );
    }
  });

  it('knows a person without a primary address, or whose addresses it may not see', async (t) => {
    const hub = await openGitHub(t);
    const service = serviceOf([github(hub)]);
    const unknown = { email: null, emailVerified: false, speaksForEmail: false };
    const addressOf = async () => {
      const { email, emailVerified, speaksForEmail } = await signIn(service, 'github', hub);
      return { email, emailVerified, speaksForEmail };
    };
    for (const emails of [
      [],
      [null, 7, 'ada@example.com'],
      [{ email: 'ada@example.com', primary: false, verified: true }],
      [{ email: 'ada@example.com', primary: 'true', verified: true }],
      [{ primary: true, verified: true }],
      [{ email: ['ada@example.com'], primary: true, verified: true }],
      [{ email: `${'a'.repeat(250)}@example.com`, primary: true, verified: true }],
    ]) {
      hub.emails = emails;
      assert.deepEqual(await addressOf(), unknown, JSON.stringify(emails));
    }
    // What the profile shows to everybody is not what has been proven.
    hub.user = { id: 583231, email: 'ada@example.com' };
    hub.lies['/api/v3/user/emails'] = (response) => json(response, { message: 'Not Found' }, 404);
    assert.deepEqual(await addressOf(), unknown);
  });

  it('is refused when the addresses are no list', async (t) => {
    const hub = await openGitHub(t);
    const service = serviceOf([github(hub)]);
    for (const emails of [{}, null, 'ada@example.com', { message: 'Not Found' }]) {
      hub.emails = emails;
      await assert.rejects(signIn(service, 'github', hub), REFUSED, JSON.stringify(emails));
    }
  });

  it('R100: is refused when the token endpoint says an error with 200, or no token', async (t) => {
    const hub = await openGitHub(t);
    const service = serviceOf([github(hub)]);
    for (const body of [
      { error: 'bad_verification_code' },
      {},
      [],
      null,
      { access_token: '', token_type: 'bearer' },
      { access_token: { toString: 'x' }, token_type: 'bearer' },
      { access_token: 'x', token_type: 'mac' },
    ]) {
      hub.lies['/login/oauth/access_token'] = (response) => json(response, body);
      await assert.rejects(signIn(service, 'github', hub), REFUSED, JSON.stringify(body));
    }
    assert.equal(
      hub.asked.some(({ path }) => path.startsWith('/api/')),
      false,
    );
  });

  it('is refused with another state or verifier, a code of somebody else’s trip, and a second time', async (t) => {
    const hub = await openGitHub(t);
    const service = serviceOf([github(hub)]);
    for (const field of ['state', 'codeVerifier'] as const) {
      const { answer, trip } = await travel(service, 'github', hub);
      await assert.rejects(service.identify('github', answer, { ...trip, [field]: newTrip()[field] }), REFUSED, field);
    }
    const [mine, theirs] = [await travel(service, 'github', hub), await travel(service, 'github', hub)];
    theirs.answer.set('state', mine.trip.state);
    await assert.rejects(service.identify('github', theirs.answer, mine.trip), REFUSED);
    await service.identify('github', mine.answer, mine.trip);

    await assert.rejects(service.identify('github', mine.answer, mine.trip), REFUSED);
  });

  it('R098: is refused with an answer that names another issuer, and taken from a server that names none', async (t) => {
    const hub = await openGitHub(t);
    const service = serviceOf([github(hub)]);
    const foreign = await travel(service, 'github', hub);
    foreign.answer.set('iss', 'https://accounts.google.com');
    await assert.rejects(service.identify('github', foreign.answer, foreign.trip), REFUSED);
    const old = await travel(service, 'github', hub);
    old.answer.delete('iss');

    assert.equal((await service.identify('github', old.answer, old.trip)).subject, '583231');
  });

  it('R098: does not take a code that Google issued, with or without its issuer', async (t) => {
    const hub = await openGitHub(t);
    const stand = await openOidcIssuer(t, { redirectUris: [callbackUrl('google')], inIdToken: true });
    const service = serviceOf([google(stand), github(hub)]);
    const { answer, trip } = await travel(service, 'google', stand);
    await assert.rejects(service.identify('github', answer, trip), REFUSED);
    answer.delete('iss');

    await assert.rejects(service.identify('github', answer, trip), REFUSED);
    assert.equal(
      hub.asked.some(({ path }) => path.startsWith('/api/')),
      false,
    );
  });

  it('is refused when the person says no, and tells nothing of what else the answer says', async (t) => {
    const service = serviceOf([github(await openGitHub(t))]);
    for (const [error, reason] of [
      ['access_denied', 'access_denied'],
      ['canary 4711', 'OAUTH_AUTHORIZATION_RESPONSE_ERROR'],
    ] as const) {
      const trip = newTrip();
      const answer = new URLSearchParams({ error, error_description: 'canary 4711', state: trip.state });
      await assert.rejects(service.identify('github', answer, trip), REFUSED);
      assert.deepEqual(service.troubles.pop(), { provider: 'github', failure: 'provider_refused', reason });
    }
  });

  it('asks for another moment when GitHub is in trouble', async (t) => {
    const hub = await openGitHub(t);
    const service = serviceOf([github(hub)]);
    for (const path of ['/login/oauth/access_token', '/api/v3/user', '/api/v3/user/emails']) {
      for (const status of [500, 502, 503, 429]) {
        hub.lies = { [path]: (response) => json(response, {}, status) };
        await assert.rejects(signIn(service, 'github', hub), UNAVAILABLE, `${path} ${status}`);
      }
      for (const status of [400, 401, 418]) {
        hub.lies = { [path]: (response) => json(response, {}, status) };
        await assert.rejects(signIn(service, 'github', hub), REFUSED, `${path} ${status}`);
      }
    }
  });
});
