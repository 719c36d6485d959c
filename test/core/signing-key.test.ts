import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { it } from 'node:test';
import { ensureSigningKey } from '../../src/core/signing-key.ts';
import type { AccessClaims } from '../../src/core/world.ts';
import { cookieForm } from '../../src/crypto/access-token-forms.ts';
import { JwtAccessTokens } from '../../src/crypto/access-tokens.ts';
import { cleanExpired } from '../../src/store/clean.ts';
import { hasPostgres } from '../support/databases.ts';
import { openStage, type Stage } from '../support/stage.ts';

const kidOf = (token: string): string => JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid;
const claims = (stage: Stage, lifetimeSeconds = 900): AccessClaims => ({
  account: { id: 7 as AccessClaims['account']['id'], uuid: 'somebody', role: 'USER' },
  sessionId: randomUUID() as AccessClaims['sessionId'],
  deviceId: null,
  tokenId: randomUUID(),
  issuedAt: stage.clock.now(),
  expiresAt: stage.clock.now() + lifetimeSeconds * 1000,
});
const issue = (stage: Stage, lifetimeSeconds?: number) =>
  stage.world.accessTokens.issue('cookie', claims(stage, lifetimeSeconds));
const check = async (stage: Stage, token: string) => {
  const checked = await stage.world.accessTokens.check('cookie', token);
  return checked !== undefined && checked.expiresAt > stage.clock.now();
};
const formOf = ({ derived }: Stage, change: { issuer?: string; audience?: string } = {}) =>
  cookieForm({ issuer: derived.publicOrigin, audience: derived.publicOrigin, ...change });
const published = async (stage: Stage): Promise<string[]> =>
  (await stage.world.accessTokens.publicKeys()).keys.map((key) => (key as { kid: string }).kid);
const rotate = (stage: Stage, now = false) => stage.identity.rotateSigningKey({ contract: 'cookie', now });

// The keys are everybody's, so each test has a database of its own.
for (const database of ['sqlite', 'postgres'] as const) {
  const on = (name: string, test: (stage: Stage) => Promise<void>) =>
    it(
      `${name}, on ${database === 'sqlite' ? 'SQLite' : 'PostgreSQL'}`,
      { skip: database === 'postgres' && !hasPostgres },
      async (t) => test(await openStage(t, { database, env: { GUICHET_CONTRACTS: 'cookie' } })),
    );

  on('a new key is published within a second, and signs after ten minutes', async (stage) => {
    const before = kidOf(await issue(stage));
    const { kid } = await rotate(stage);
    stage.clock.advance({ seconds: 1 });
    assert.deepEqual((await published(stage)).sort(), [before, kid].sort());
    stage.clock.advance({ minutes: 9, seconds: 58 });
    assert.equal(kidOf(await issue(stage)), before);
    stage.clock.advance({ seconds: 1 });
    assert.equal(kidOf(await issue(stage)), kid);
  });

  if (database === 'postgres') continue;

  on('a new key signs at once when the old one may be known', async (stage) => {
    stage.clock.advance({ seconds: 1 });
    const { kid } = await rotate(stage, true);
    stage.clock.advance({ seconds: 1 });
    assert.equal(kidOf(await issue(stage)), kid);
  });

  on('the old key verifies until its last token has expired, and then is gone', async (stage) => {
    const old = kidOf(await issue(stage));
    await rotate(stage);
    stage.clock.advance({ minutes: 9, seconds: 59 });
    const last = await issue(stage, 3600);
    assert.equal(kidOf(last), old);
    stage.clock.advance({ minutes: 59, seconds: 59 });
    assert.equal(await check(stage, last), true);
    stage.clock.advance({ minutes: 2 });
    assert.equal(await check(stage, last), false);
    assert.ok(!(await published(stage)).includes(old));
    await cleanExpired(stage.handle, stage.clock.now());
    assert.equal((await stage.identity.listSigningKeys()).length, 1);
    assert.equal(await check(stage, await issue(stage)), true);
  });

  on('a key that signs at once is not overtaken by one that was waiting its ten minutes', async (stage) => {
    stage.clock.advance({ seconds: 1 });
    const waiting = await rotate(stage);
    stage.clock.advance({ minutes: 1 });
    const urgent = await rotate(stage, true);
    stage.clock.advance({ minutes: 20 });
    assert.equal(kidOf(await issue(stage)), urgent.kid);
    assert.notEqual(waiting.kid, urgent.kid);
  });

  on('a contract always has a key that signs, however often it is rotated', async (stage) => {
    for (const now of [false, false, true, false, true, true]) {
      await rotate(stage, now);
      stage.clock.advance({ seconds: 61 });
      assert.equal(await check(stage, await issue(stage)), true);
    }
    stage.clock.advance({ days: 1 });
    await cleanExpired(stage.handle, stage.clock.now());
    assert.equal(await check(stage, await issue(stage)), true);
  });

  on('a token of an unknown key is refused', async (stage) => {
    const token = await issue(stage);
    const [header = '', payload, signature] = token.split('.');
    for (const kid of ['unknown', '', '../secret', "' or 1=1 --", 'x'.repeat(1000), null, 1, ['a']]) {
      const forged = { ...JSON.parse(Buffer.from(header, 'base64url').toString()), kid };
      const text = [Buffer.from(JSON.stringify(forged)).toString('base64url'), payload, signature].join('.');
      assert.equal(await check(stage, text), false, String(kid));
    }
  });

  on('a token is read by the contract it was issued for, and by no other’s marks', async (stage) => {
    const { clock, keyring, store } = stage.world;
    const form = formOf(stage);
    const token = await issue(stage);
    for (const marked of [
      { ...form, type: 'JWT' },
      formOf(stage, { issuer: 'https://other.example' }),
      formOf(stage, { audience: 'https://other.example' }),
    ]) {
      const other = new JwtAccessTokens({ clock, keyring, store, forms: { cookie: marked } });
      assert.equal(await other.check('cookie', token), undefined);
    }
    await ensureSigningKey(stage.world, 'device');
    const device = new JwtAccessTokens({ clock, keyring, store, forms: { device: form, cookie: form } });
    assert.equal(await device.check('device', token), undefined);
    assert.notEqual(await device.check('cookie', token), undefined);
    assert.equal(await device.check('device', token), undefined);
  });

  on('another process sees a new key within a second', async (stage) => {
    const { clock, keyring, store } = stage.world;
    const other = new JwtAccessTokens({ clock, keyring, store, forms: { cookie: formOf(stage) } });
    await other.publicKeys();
    await rotate(stage, true);
    stage.clock.advance({ seconds: 1 });
    assert.notEqual(await other.check('cookie', await issue(stage)), undefined);
  });

  on('what is published holds no private part', async (stage) => {
    await rotate(stage);
    stage.clock.advance({ seconds: 1 });
    const { keys } = await stage.world.accessTokens.publicKeys();
    for (const key of keys) assert.deepEqual(Object.keys(key).sort(), ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
  });

  on('private keys are stored sealed, each in its own row', async (stage) => {
    await rotate(stage);
    const rows = await stage.handle.read.selectFrom('signing_key').selectAll().execute();
    assert.ok(!JSON.stringify(rows).includes('"d"'));
    const [one, other] = rows;
    const { keyring } = stage.world;
    assert.match(keyring.open(`signing_key ${one?.kid}`, one?.sealed_private_jwk ?? ''), /"d":"/);
    assert.throws(() => keyring.open(`signing_key ${one?.kid}`, other?.sealed_private_jwk ?? ''));
  });

  on('two processes that start together both can sign and verify', async (stage) => {
    await stage.handle.transaction(async (db) => {
      await db.deleteFrom('signing_key').execute();
    });
    await Promise.all(Array.from({ length: 4 }, () => ensureSigningKey(stage.world, 'cookie')));
    stage.clock.advance({ seconds: 2 });
    assert.equal(await check(stage, await issue(stage)), true);
  });

  on('a rotation is recorded', async (stage) => {
    const { kid } = await rotate(stage);
    const [event] = await stage.world.store.audit.list({ limit: 1 });
    assert.deepEqual([event?.kind, event?.facts], ['signing_key.rotated', { contract: 'cookie', kid }]);
  });
}
