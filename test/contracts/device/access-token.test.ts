import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { SECRET } from '../../support/world.ts';
import { accountIn, assertRefused, assertSignedIn, REFRESH_TOKEN, UUID } from './answers.ts';
import { type Client, openClient, sharedWorld } from './client.ts';

type Json = Record<string, unknown>;
const part = (token: string | null, index: number): Json =>
  JSON.parse(Buffer.from(token?.split('.')[index] ?? '', 'base64url').toString());
const headerOf = ({ accessToken }: Client): Json => part(accessToken, 0);
const claimsOf = ({ accessToken }: Client): Json => part(accessToken, 1);
const encoded = (json: unknown): string => Buffer.from(JSON.stringify(json)).toString('base64url');

/** The claims of the documents' sample, and what each holds. */
const IN_SAMPLE = ['account_id', 'device_id', 'session_uuid', 'exp', 'iss', 'aud', 'jti'];

describe('the access token', () => {
  const world = sharedWorld();

  it('holds the claims of the documents’ sample and when it was made, and no other', async () => {
    const { client, account } = await world().signedIn();
    const { account_id, device_id, session_uuid, iat, exp, iss, aud, jti, ...others } = claimsOf(client);
    const { devices = [] } = (await client.get('/devices')).body;
    const { sessions = [] } = (await client.get('/sessions')).body;
    assert.deepEqual(others, {});
    assert.deepEqual(Object.keys(claimsOf(client)).sort(), [...IN_SAMPLE, 'iat'].sort());
    assert.equal(account_id, account.id);
    assert.equal(device_id, devices[0]?.id);
    assert.equal(session_uuid, sessions[0]?.uuid);
    assert.match(String(session_uuid), UUID);
    assert.match(String(jti), UUID);
    assert.deepEqual([iss, aud], ['AuthService', 'client']);
    assert.equal(iat, Math.floor(world().clock.now() / 1000));
    assert.equal(Number(exp) - Number(iat), 3600);
  });

  it('is signed with a published key that its header names', async () => {
    const { client } = await world().signedIn();
    const response = await world().app.inject('/.well-known/jwks.json');
    const keys = response.json() as JSONWebKeySet;
    const { kid, ...header } = headerOf(client);
    assert.deepEqual(header, { alg: 'ES256', typ: 'JWT' });
    assert.ok(keys.keys.some((key) => key.kid === kid && key.alg === 'ES256'));
    const verified = await jwtVerify(client.accessToken ?? '', createLocalJWKSet(keys), {
      issuer: 'AuthService',
      audience: 'client',
      currentDate: new Date(world().clock.now()),
    });
    assert.deepEqual(verified.payload, claimsOf(client));
  });

  it('names another session each time, and the same device for the same fingerprint', async () => {
    const { client, email } = await world().signedIn();
    const first = claimsOf(client);
    await client.signIn(email);
    const second = claimsOf(client);
    assert.equal(second['device_id'], first['device_id']);
    assert.notEqual(second['session_uuid'], first['session_uuid']);
    assert.notEqual(second['jti'], first['jti']);
    const other = world().another();
    await other.signIn(email);
    assert.notEqual(claimsOf(other)['device_id'], first['device_id']);
  });

  it('tells a device without a fingerprint apart by all that it says of itself', async () => {
    const { account, another } = world();
    const { email } = await account();
    const client = another({ device: { device_name: 'PC', device_type: 'Navigateur' } });
    await client.signIn(email);
    const { device_id } = claimsOf(client);
    await client.signIn(email);
    assert.equal(claimsOf(client)['device_id'], device_id);
    await client.signIn(email, undefined, { device_name: 'Other PC' });
    assert.notEqual(claimsOf(client)['device_id'], device_id);
  });

  it('belongs to a device of its own account, also when two accounts share a fingerprint', async () => {
    const { account, another } = world();
    const client = another();
    await client.signIn((await account()).email);
    const { device_id } = claimsOf(client);
    await client.signIn((await account()).email);
    assert.notEqual(claimsOf(client)['device_id'], device_id);
  });

  it('opens what is the account’s for an hour', async () => {
    const { clock } = world();
    const { client, email } = await world().signedIn();
    clock.advance({ minutes: 59, seconds: 59 });
    assert.equal(accountIn(await client.get('/me')).email, email);
    clock.advance({ seconds: 1 });
    const over = await client.get('/me');
    assertRefused(over, 401, 'token_expired');
    assert.equal(over.headers['www-authenticate'], 'Bearer error="invalid_token"');
  });

  it('is refused with any character of it changed', async () => {
    const { client } = await world().signedIn();
    const token = client.accessToken ?? '';
    // Of the signature's last character some bits are padding.
    for (let index = 0; index < token.length - 1; index += 7) {
      if (token[index] === '.') continue;
      const changed = `${token.slice(0, index)}${token[index] === 'A' ? 'B' : 'A'}${token.slice(index + 1)}`;
      assertRefused(await client.get('/me', { token: changed }), 401, 'invalid_token');
    }
  });

  it('is refused under every other algorithm', async () => {
    const { client } = await world().signedIn();
    const [header = '', claims = '', signature = ''] = (client.accessToken ?? '').split('.');
    const { kid } = part(client.accessToken, 0);
    const { keys } = (await world().app.inject('/.well-known/jwks.json')).json() as JSONWebKeySet;
    const forged: string[] = [`${header}.${claims}.`, `${header}.${claims}`, `.${claims}.${signature}`];
    for (const alg of ['none', 'None', 'nOnE']) forged.push(`${encoded({ alg, typ: 'JWT', kid })}.${claims}.`);
    for (const key of [SECRET, JSON.stringify(keys[0]), '']) {
      const signed = `${encoded({ alg: 'HS256', typ: 'JWT', kid })}.${claims}`;
      forged.push(`${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`);
    }
    for (const alg of ['ES384', 'PS256', 'EdDSA']) forged.push(`${encoded({ alg, kid })}.${claims}.${signature}`);
    for (const token of forged) assertRefused(await client.get('/me', { token }), 401, 'invalid_token');
  });

  it('opens no other contract, and no other contract’s opens this one', async () => {
    const { app } = world();
    const { client, email } = await world().signedIn();
    const answer = await app.inject({
      method: 'POST',
      url: '/v1/auth/login',
      payload: { email, password: 'violet hammock drift' },
    });
    const cookie = answer.cookies.find(({ name }) => name === 'accessToken')?.value ?? '';
    assert.notEqual(cookie, '');
    assertRefused(await client.get('/me', { token: cookie }), 401, 'invalid_token');
    const me = await app.inject({ url: '/v1/auth/me', cookies: { accessToken: client.accessToken ?? '' } });
    assert.equal(me.statusCode, 401);
    assert.equal((await client.get('/me')).status, 200);
  });
});

describe('the refresh token', () => {
  const world = sharedWorld();

  it('is 64 lower-case hexadecimal characters, other ones each time', async () => {
    const { client, email } = await world().signedIn();
    const seen = [client.refreshToken];
    await client.signIn(email);
    seen.push(client.refreshToken);
    await client.refresh();
    seen.push(client.refreshToken);
    for (const token of seen) assert.match(token, REFRESH_TOKEN);
    assert.equal(new Set(seen).size, 3);
  });

  it('is kept nowhere as it is', async () => {
    const { client } = await world().signedIn();
    const rows = await world().handle.read.selectFrom('refresh_token').selectAll().execute();
    assert.ok(rows.length > 0);
    assert.ok(!JSON.stringify(rows).includes(client.refreshToken));
  });
});

describe('the access token, as the settings may have it', () => {
  it('is signed with HS256 and the operator’s secret, like the documents’ sample', async (t) => {
    const secret = 'kq9ZVQ0y3dEo5fTnR7uXwB2sLmGh8cJa4PiYb1Kv';
    const { another, account } = await openClient(t, {
      env: { GUICHET_JWT_ALG: 'HS256', GUICHET_JWT_SECRET: secret },
    });
    const { email } = await account();
    const client = another();
    assertSignedIn(await client.signIn(email));
    assert.deepEqual(headerOf(client), { alg: 'HS256', typ: 'JWT' });
    const [header, claims, signature] = (client.accessToken ?? '').split('.');
    assert.equal(signature, createHmac('sha256', secret).update(`${header}.${claims}`).digest('base64url'));
    assert.deepEqual(Object.keys(claimsOf(client)).sort(), [...IN_SAMPLE, 'iat'].sort());
    assert.equal((await client.get('/me')).status, 200);
  });

  it('is refused when somebody else who has the secret made it', async (t) => {
    const secret = 'kq9ZVQ0y3dEo5fTnR7uXwB2sLmGh8cJa4PiYb1Kv';
    const { another, account } = await openClient(t, {
      env: { GUICHET_JWT_ALG: 'HS256', GUICHET_JWT_SECRET: secret },
    });
    const { email } = await account();
    const client = another();
    await client.signIn(email);
    const [header] = (client.accessToken ?? '').split('.');
    const jti = '0dee0adb-ca0d-44cc-85e6-36b8a1001352';
    const signed = `${header}.${encoded({ ...claimsOf(client), jti })}`;
    const token = `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
    assertRefused(await client.get('/me', { token }), 401, 'token_expired');
    assert.equal((await client.get('/me')).status, 200);
  });

  it('names the issuer and the audience that the settings name', async (t) => {
    const { another, account } = await openClient(t, {
      env: { GUICHET_JWT_ISSUER: 'Comptes', GUICHET_JWT_AUDIENCE: 'boutique' },
    });
    const { email } = await account();
    const client = another();
    await client.signIn(email);
    assert.deepEqual([claimsOf(client)['iss'], claimsOf(client)['aud']], ['Comptes', 'boutique']);
    assert.equal((await client.get('/me')).status, 200);
  });
});
