import assert from 'node:assert/strict';
import { createHmac, createPublicKey } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { json } from '../support/github-look-alike.ts';
import { type OidcLiar, openOidcLiar } from '../support/oidc-liar.ts';
import { newTrip, oidc, REFUSED, serviceOf, signIn, travel, UNAVAILABLE } from './trips.ts';

const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token with a header and claims of one's own, under whatever signature. */
const forged = (header: object, claims: object, signature: (input: string) => string): string => {
  const input = `${encoded(header)}.${encoded(claims)}`;
  return `${input}.${signature(input)}`;
};

async function open(t: TestContext) {
  const liar = await openOidcLiar(t);
  const service = serviceOf([oidc(liar)]);
  return { liar, service, signIn: () => signIn(service, 'acme', liar) };
}

/** Signs the truth but for some claims; `undefined` leaves one out. */
const claiming =
  (liar: OidcLiar, change: Record<string, unknown>): OidcLiar['idToken'] =>
  () =>
    liar.sign(JSON.parse(JSON.stringify({ ...liar.truth(), ...change })) as JWTPayload);

const now = (): number => Math.floor(Date.now() / 1000);

describe('an ID token', () => {
  it('is taken when it holds', async (t) => {
    const { signIn } = await open(t);

    assert.equal((await signIn()).subject, 'mallory-1');
  });

  it('R099: is refused when it is signed with "none", in any spelling, also where the issuer lists it', async (t) => {
    const { liar, signIn } = await open(t);
    for (const alg of ['none', 'None', 'NONE', '']) {
      for (const signature of ['', 'AAAA']) {
        liar.idToken = () => forged({ alg }, liar.truth(), () => signature);
        await assert.rejects(signIn(), REFUSED, `${alg} ${signature}`);
      }
    }
    liar.idToken = () => forged({ typ: 'JWT' }, liar.truth(), () => '');
    await assert.rejects(signIn(), REFUSED);
  });

  it('R099: is refused when it is signed with HMAC, by the public key or by the client secret', async (t) => {
    const { liar, signIn } = await open(t);
    const pem = createPublicKey({ key: liar.publicKey as never, format: 'jwk' }).export({
      type: 'spki',
      format: 'pem',
    });
    for (const secret of [pem.toString(), pem.toString().trim(), JSON.stringify(liar.publicKey), liar.clientSecret]) {
      liar.idToken = () =>
        forged({ alg: 'HS256', kid: 'first' }, liar.truth(), (input) =>
          createHmac('sha256', secret).update(input).digest('base64url'),
        );
      await assert.rejects(signIn(), REFUSED);
    }
  });

  it('R099: is refused with another key’s signature, a key of its own, no signature, or changed claims', async (t) => {
    const { liar, signIn } = await open(t);
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    const jwk = await exportJWK(publicKey);
    const signed = (header: object) =>
      new SignJWT(liar.truth()).setProtectedHeader({ alg: 'ES256', ...header }).sign(privateKey);
    for (const [name, idToken] of Object.entries<OidcLiar['idToken']>({
      'another key': () => signed({ kid: 'first' }),
      'another key, unnamed': () => signed({}),
      'an unknown key': () => signed({ kid: 'second' }),
      'a key in the header': () => signed({ jwk }),
      'no signature': async () => (await liar.sign(liar.truth())).replace(/\.[^.]*$/, '.'),
      'changed claims': async () => {
        const [header, , signature] = (await liar.sign(liar.truth())).split('.');
        return `${header}.${encoded({ ...liar.truth(), sub: 'somebody else' })}.${signature}`;
      },
      'two parts': async () => (await liar.sign(liar.truth())).replace(/\.[^.]*$/, ''),
      'no JSON': () => 'e.e.e',
    })) {
      liar.idToken = idToken;
      await assert.rejects(signIn(), REFUSED, name);
    }
  });

  it('R099: is refused with claims that do not hold', async (t) => {
    const { liar, signIn } = await open(t);
    for (const change of [
      { iss: 'https://accounts.google.com' },
      { iss: `${liar.issuer}/` },
      { iss: undefined },
      { aud: 'another client' },
      { aud: ['another client'] },
      { aud: [] },
      { aud: undefined },
      { aud: [liar.clientId, 'another client'] },
      { aud: [liar.clientId, 'another client'], azp: 'another client' },
      { azp: 'another client' },
      { azp: '' },
      { exp: undefined },
      { exp: now() - 60 },
      { exp: '9999999999' },
      { exp: null },
      { iat: undefined },
      { iat: String(now()) },
      { iat: now() + 120 },
      { iat: now() - 3600 },
      { nbf: now() + 3600 },
      { nonce: undefined },
      { nonce: 'another' },
      { nonce: '' },
    ]) {
      liar.idToken = claiming(liar, change);
      await assert.rejects(signIn(), REFUSED, JSON.stringify(change));
    }
  });

  it('R099: is taken with other audiences when it was issued for this client', async (t) => {
    const { liar, signIn } = await open(t);
    liar.idToken = claiming(liar, { aud: [liar.clientId, 'another client'], azp: liar.clientId, iat: now() - 300 });

    assert.equal((await signIn()).subject, 'mallory-1');
  });

  it('R100: is refused when it does not say who it is about', async (t) => {
    const { liar, signIn } = await open(t);
    for (const sub of [undefined, null, 0, 7, '', {}, ['1'], true, 'a'.repeat(256), 'a\u0000b', 'é']) {
      liar.idToken = claiming(liar, { sub });
      await assert.rejects(signIn(), REFUSED, JSON.stringify(sub));
    }
  });

  it('is asked for: an access token alone says nothing', async (t) => {
    const { liar, signIn } = await open(t);
    for (const id_token of [undefined, null, '', {}, 7]) {
      liar.lies['/token'] = (response) => json(response, { access_token: 'x', token_type: 'Bearer', id_token });
      await assert.rejects(signIn(), REFUSED, JSON.stringify(id_token));
    }
  });

  it('R105: leaves no trace in what is told to the log', async (t) => {
    const { liar, service, signIn } = await open(t);
    liar.idToken = claiming(liar, { aud: 'canary', name: 'canary' });
    await assert.rejects(signIn(), REFUSED);
    liar.lies['/token'] = (response) => json(response, { error: 'canary-access-token' }, 400);
    await assert.rejects(signIn(), (error: Error) => {
      assert.doesNotMatch(JSON.stringify([error, error.message, error.stack, error.cause]), /canary/);
      return true;
    });

    assert.deepEqual(
      service.troubles.map(({ reason }) => reason),
      ['OAUTH_JWT_CLAIM_COMPARISON_FAILED', 'OAUTH_RESPONSE_BODY_ERROR'],
    );
  });
});

describe('what an issuer says of somebody beside the ID token', () => {
  it('counts only for the subject of the ID token', async (t) => {
    const { liar, signIn } = await open(t);
    liar.idToken = claiming(liar, { email: undefined, email_verified: undefined });
    for (const userinfo of [
      { sub: 'somebody else', email: 'ada@example.com', email_verified: true },
      { email: 'ada@example.com', email_verified: true },
      { sub: null, email: 'ada@example.com' },
      [],
      null,
    ]) {
      liar.userinfo = userinfo;
      await assert.rejects(signIn(), REFUSED, JSON.stringify(userinfo));
    }
    liar.userinfo = { sub: 'mallory-1', email: 'mallory@example.com', email_verified: true };
    assert.equal((await signIn()).email, 'mallory@example.com');
  });

  it('does not lend its proof to an address from elsewhere', async (t) => {
    const { liar, signIn } = await open(t);
    liar.idToken = claiming(liar, { email: undefined, email_verified: true });
    liar.userinfo = { sub: 'mallory-1', email: 'ada@example.com' };

    const { email, emailVerified } = await signIn();

    assert.deepEqual([email, emailVerified], ['ada@example.com', false]);
  });

  it('is no address, name or picture unless it looks like one', async (t) => {
    const { liar, signIn } = await open(t);
    liar.metadata = { userinfo_endpoint: undefined };
    for (const [email, name, picture] of [
      [7, 7, 7],
      [{}, {}, {}],
      ['', ' \n ', ''],
      [null, null, null],
      [`${'a'.repeat(250)}@example.com`, '\u0000\u2028', 'javascript:alert(1)'],
      [['ada@example.com'], ['Ada'], ['https://a.example/a']],
    ]) {
      liar.idToken = claiming(liar, { email, name, picture });
      const identity = await signIn();
      assert.deepEqual([identity.email, identity.name, identity.picture], [null, null, null], JSON.stringify(email));
      assert.equal(identity.emailVerified, false);
    }
  });
});

describe('what an issuer publishes about itself', () => {
  it('R098: makes it unavailable when it names another issuer', async (t) => {
    const { liar, service, signIn } = await open(t);
    for (const issuer of ['https://accounts.google.com', `${liar.url}/realm`, '', null, undefined, 7]) {
      liar.metadata = { issuer };
      await assert.rejects(service.authorizationUrl('acme', newTrip()), UNAVAILABLE, JSON.stringify(issuer));
    }
    liar.metadata = {};

    assert.equal((await signIn()).subject, 'mallory-1');
  });

  it('R146: makes it unavailable when an endpoint is missing, or is not one', async (t) => {
    const { liar, service } = await open(t);
    for (const endpoint of ['authorization_endpoint', 'token_endpoint', 'jwks_uri']) {
      for (const url of [
        undefined,
        null,
        7,
        [`${liar.url}/token`],
        'javascript:alert(1)',
        '/token',
        'http://example.com/',
      ]) {
        liar.metadata = { [endpoint]: url };
        await assert.rejects(service.authorizationUrl('acme', newTrip()), UNAVAILABLE, `${endpoint} ${url}`);
      }
    }
    liar.metadata = { userinfo_endpoint: 'https://169.254.169.254/latest/meta-data' };
    await assert.rejects(service.authorizationUrl('acme', newTrip()), UNAVAILABLE);
    assert.deepEqual(service.troubles.pop()?.reason, 'discovery: userinfo_endpoint');
  });

  it('makes it unavailable when it cannot be read', async (t) => {
    const { liar, service } = await open(t);
    for (const lie of [
      (response: Parameters<typeof json>[0]) => json(response, {}, 404),
      (response: Parameters<typeof json>[0]) => json(response, []),
      (response: Parameters<typeof json>[0]) => void response.end('<html>'),
    ]) {
      liar.lies['/.well-known/openid-configuration'] = lie;
      await assert.rejects(service.authorizationUrl('acme', newTrip()), UNAVAILABLE);
    }
  });

  it('is asked for again after a failure', async (t) => {
    const { liar, service } = await open(t);
    liar.lies['/.well-known/openid-configuration'] = (response) => json(response, {}, 503);
    await assert.rejects(service.authorizationUrl('acme', newTrip()), UNAVAILABLE);
    liar.lies = {};

    assert.match(await service.authorizationUrl('acme', newTrip()), /\/authorize\?/);
  });

  it('says how the client proves itself: by the header, unless the body is listed', async (t) => {
    const { liar } = await open(t);
    for (const [methods, inHeader] of [
      [undefined, true],
      [['client_secret_basic'], true],
      [['client_secret_post', 'client_secret_basic'], false],
      ['client_secret_post', true],
    ] as const) {
      liar.metadata = { token_endpoint_auth_methods_supported: methods };
      let authorization: string | undefined;
      liar.lies['/token'] = (response) => {
        authorization = response.req.headers.authorization;
        json(response, {}, 400);
      };
      await assert.rejects(signIn(serviceOf([oidc(liar)]), 'acme', liar), REFUSED);
      assert.equal(authorization?.startsWith('Basic ') ?? false, inHeader, JSON.stringify(methods));
    }
  });
});

describe('an issuer’s keys', () => {
  it('are asked for once while they serve', async (t) => {
    const { liar, signIn } = await open(t);
    await signIn();
    await signIn();

    assert.equal(liar.asked.filter((path) => path === '/jwks').length, 1);
  });

  it('make a sign-in refused when there are none, and unavailable when nobody answers', async (t) => {
    const { liar, service } = await open(t);
    for (const keys of [
      [],
      'none',
      [null],
      [{ kty: 'oct', k: 'AAAA', kid: 'first' }],
      [{ ...liar.publicKey, x: 'AAAA' }],
    ]) {
      liar.lies['/jwks'] = (response) => json(response, { keys });
      await assert.rejects(signIn(serviceOf([oidc(liar)]), 'acme', liar), REFUSED, JSON.stringify(keys));
    }
    liar.lies['/jwks'] = (response) => json(response, {}, 500);
    await assert.rejects(signIn(service, 'acme', liar), UNAVAILABLE);
  });

  it('R098: are not asked for an answer that names another issuer', async (t) => {
    const { liar, service } = await open(t);
    liar.answer = { iss: 'https://accounts.google.com' };
    const { answer, trip } = await travel(service, 'acme', liar);

    await assert.rejects(service.identify('acme', answer, trip), REFUSED);
    assert.deepEqual(liar.asked, ['/.well-known/openid-configuration']);
  });
});
