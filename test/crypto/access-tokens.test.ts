import assert from 'node:assert/strict';
import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { TokenContract } from '../../src/core/access-token.ts';
import type { AccessClaims, CheckedAccessToken } from '../../src/core/world.ts';
import { openStage, type Stage } from '../support/stage.ts';
import { claimsIn, encode, HS256, headerIn, JWT_SECRET, keyOf, onDevice, signed } from '../support/tokens.ts';

/** One contract's tokens under some settings, and what a forger has who holds the very key. */
interface Kind {
  stage: Stage;
  issued: AccessClaims;
  token: string;
  header: Record<string, unknown>;
  payload: Record<string, unknown>;
  key: KeyObject | string;
  check(token: string): Promise<CheckedAccessToken | undefined>;
}

const KINDS = [
  { name: 'an access token of the device contract', contract: 'device', env: {} },
  { name: 'an access token of the device contract by HS256', contract: 'device', env: HS256 },
  { name: 'an access token of the cookie contract', contract: 'cookie', env: {} },
  { name: 'an access token of the cookie contract beside HS256', contract: 'cookie', env: HS256 },
] as const;

type Opening = Parameters<typeof openStage>[0];

async function openKind(t: Opening, { contract, env }: { contract: TokenContract; env: object }): Promise<Kind> {
  const stage = await openStage(t, { env: { ...env } });
  const shared = contract === 'device' && env === HS256;
  const key = shared ? JWT_SECRET : (await keyOf(stage, contract)).key;
  // The set of keys is known for a second.
  stage.clock.advance({ seconds: 1 });
  const issuedAt = stage.clock.now();
  const issued = {
    account: { id: 6, uuid: randomUUID(), role: 'USER' },
    sessionId: randomUUID(),
    deviceId: 5,
    tokenId: randomUUID(),
    issuedAt,
    expiresAt: issuedAt + 900_000,
  } as AccessClaims;
  const token = await stage.world.accessTokens.issue(contract, issued);
  return {
    stage,
    issued,
    token,
    header: headerIn(token),
    payload: claimsIn(token),
    key,
    check: (text) => stage.world.accessTokens.check(contract, text),
  };
}

for (const { name, contract, env } of KINDS) {
  describe(name, () => {
    const shared = contract === 'device' && env === HS256;
    const undo: (() => unknown)[] = [];
    let kind: Kind;
    before(async () => {
      kind = await openKind({ after: (step) => undo.push(step) }, { contract, env });
    });
    after(async () => {
      for (const step of undo.reverse()) await step();
    });

    const refused = async (token: string, why: unknown = token): Promise<void> =>
      assert.equal(await kind.check(token), undefined, JSON.stringify(why)?.slice(0, 300));
    const forged = (change: object): string => signed({ ...kind.header, ...change }, kind.payload, kind.key);

    it('has these claims and no others, under this header', async () => {
      const { header, issued, payload, stage } = kind;
      const iat = Math.floor(issued.issuedAt / 1000);
      const [iss, aud] =
        contract === 'device' ? ['AuthService', 'client'] : [stage.derived.publicOrigin, stage.derived.publicOrigin];
      const common = { iat, exp: iat + 900, iss, aud, jti: issued.tokenId };
      if (contract === 'device') {
        assert.deepEqual(payload, { account_id: 6, device_id: 5, session_uuid: issued.sessionId, ...common });
      } else {
        assert.deepEqual(payload, { sub: issued.account.uuid, sid: issued.sessionId, role: 'USER', ...common });
      }
      if (shared) assert.deepEqual(header, { alg: 'HS256', typ: 'JWT' });
      else {
        const { kid } = await keyOf(stage, contract);
        assert.deepEqual(header, { alg: 'ES256', kid, typ: contract === 'device' ? 'JWT' : 'at+jwt' });
      }
    });

    it('tells what it names, before and after it expired', async () => {
      const { check, issued, stage, token } = kind;
      const named = {
        sessionId: issued.sessionId,
        tokenId: issued.tokenId,
        account: contract === 'device' ? '6' : issued.account.uuid,
        expiresAt: issued.expiresAt,
      };
      assert.deepEqual(await check(token), named);
      stage.clock.advance({ minutes: 20 });
      assert.deepEqual(await check(token), named);
    });

    it('made anew with its own key is taken, so that the forgeries below mean something', async () => {
      const { check, header, issued, key, payload } = kind;
      const anew = signed(header, { ...payload, exp: Number(payload['exp']) + 1 }, key);
      assert.equal((await check(anew))?.sessionId, issued.sessionId);
    });

    it('is refused with another algorithm than the settings’', async () => {
      const { stage, token } = kind;
      const [, payload = '', signature = ''] = token.split('.');
      const { kid, publicJwk } = await keyOf(stage, contract);
      const publicKey = createPublicKey({ key: { ...publicJwk }, format: 'jwk' });
      const secrets = [
        JSON.stringify(publicJwk),
        publicKey.export({ type: 'spki', format: 'pem' }),
        publicKey.export({ type: 'spki', format: 'der' }),
        ...(shared ? [] : [JWT_SECRET, '']),
      ];
      const own = kind.header['alg'];
      const algorithms = 'none None nOnE HS256 HS384 HS512 RS256 PS256 ES256 ES256K ES384 ES512 EdDSA es256 hs256'
        .split(' ')
        .filter((alg) => alg !== own);
      for (const alg of [...algorithms, '', null, 1, [own], undefined]) {
        for (const named of [{}, { kid }]) {
          const header = encode({ ...named, alg, typ: kind.header['typ'] });
          const ends = secrets.map((secret) =>
            createHmac('sha256', secret).update(`${header}.${payload}`).digest('base64url'),
          );
          for (const end of ['', signature, ...ends]) await refused(`${header}.${payload}.${end}`, alg);
        }
      }
      const other = own === 'ES256' ? 'HS256' : 'ES256';
      const otherKey = own === 'ES256' ? JWT_SECRET : (await keyOf(stage, contract)).key;
      for (const named of [{}, { kid }]) {
        await refused(signed({ alg: other, ...named, typ: kind.header['typ'] }, kind.payload, otherKey), other);
      }
    });

    it('is refused with a key that it brings or names itself', async () => {
      const { header, payload } = kind;
      const foreign = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const jwk = foreign.publicKey.export({ format: 'jwk' });
      const brought = [
        {},
        { jwk },
        { jku: 'http://127.0.0.1:1/jwks.json' },
        { x5u: 'http://127.0.0.1:1/cert.pem' },
        { x5c: ['MIIB'] },
        ...['', 'another', '../../etc/passwd', "' or 1=1 --", '__proto__', 'constructor', 'k'.repeat(1000)].map(
          (kid) => ({ kid }),
        ),
        { kid: null },
        { kid: 1 },
        { kid: [header['kid'] ?? 'a'] },
        { kid: { kid: header['kid'] ?? 'a' } },
      ];
      for (const change of brought) {
        const key = shared ? 'another secret of thirty-two bytes' : foreign.privateKey;
        await refused(signed({ ...header, ...change }, payload, key), change);
        // With the right key too: what it brings is looked at by nobody, and what is not known is refused.
        if (Object.keys(change).length > 0) await refused(forged(change), change);
      }
    });

    it('is refused when its header says another kind, or more than it should', async () => {
      const { typ, ...untyped } = kind.header;
      await refused(signed(untyped, kind.payload, kind.key), 'no typ');
      const other = typ === 'JWT' ? 'at+jwt' : 'JWT';
      const kinds = [other, String(typ).toLowerCase() === typ ? typ.toUpperCase() : 'jwt', `application/${typ}`];
      for (const wrong of [...kinds, '', null, 1, [typ]]) await refused(forged({ typ: wrong }), wrong);
      for (const more of [
        { crit: ['unheard-of'], 'unheard-of': true },
        { crit: [] },
        { b64: false, crit: ['b64'] },
        { b64: true, crit: ['b64'] },
        { b64: true },
        { cty: 'JWT' },
        { zip: 'DEF' },
        { enc: 'A128GCM' },
      ]) {
        await refused(forged(more), more);
      }
      const { kid, ...unnamed } = kind.header;
      await refused(signed(shared ? { ...unnamed, kid: 'a' } : unnamed, kind.payload, kind.key), kid);
    });

    it('is refused when a claim is missing, wrong, of another type, or one too many', async () => {
      const { header, key, payload } = kind;
      const withClaims = (claims: unknown): Promise<void> => refused(signed(header, claims, key), claims);
      for (const [claim, value] of Object.entries(payload)) {
        const { [claim]: _, ...without } = payload;
        await withClaims(without);
        const wrong: unknown[] = [null, true, {}, [], [value], [[value]], [value, 'https://evil.example']];
        if (typeof value === 'number') wrong.push(String(value), value + 0.5, 1e-9, '', '0x10');
        else wrong.push(0, 1.5);
        if (['iss', 'aud'].includes(claim)) wrong.push('', 'https://evil.example', `${value} `, `${value}\0`);
        if (['iat', 'exp'].includes(claim)) wrong.push(-1);
        if (['sid', 'session_uuid', 'jti'].includes(claim)) wrong.push('', `${value}\n`, `${value}`.slice(1), '\0');
        for (const each of wrong) await withClaims({ ...payload, [claim]: each });
      }
      for (const more of [{ nbf: 1 }, { admin: true }, { scope: '' }, { role_id: 1 }, { constructor: 1 }, { '': 1 }]) {
        await withClaims({ ...payload, ...more });
      }
      for (const claims of [[], [payload], null, 'text', 1, {}]) await withClaims(claims);
      for (const text of ['', '{', `${JSON.stringify(payload)}x`, '\ufeff{}']) {
        const [head = ''] = kind.token.split('.');
        const part = Buffer.from(text).toString('base64url');
        await refused(`${head}.${part}.${signed(header, payload, key).split('.')[2]}`, text);
      }
    });

    it('is refused cut, spliced, padded, swollen or in another spelling, and no other text passes for one', async () => {
      const { token } = kind;
      const [header = '', payload = '', signature = ''] = token.split('.');
      const texts = [
        '',
        '.',
        '..',
        'a.b.c',
        header,
        `${header}.${payload}`,
        `${header}.${payload}.`,
        `.${payload}.${signature}`,
        `${header}..${signature}`,
        `${token}.`,
        `${token}.${signature}`,
        `${token}..`,
        ` ${token}`,
        `${token}\n`,
        `${token}=`,
        `Bearer ${token}`,
        `${header}.${payload}.${signature.slice(0, -2)}`,
        `${header}.${payload}.${signature}AA`,
        `${header}.${payload}.${signature.slice(0, 9)}\n${signature.slice(9)}`,
        JSON.stringify({ payload, protected: header, signature }),
        '.'.repeat(1_000_000),
        `${header}.${'A'.repeat(100_000)}.${signature}`,
      ];
      for (const text of texts) await refused(text);
      const begun = performance.now();
      await refused('.'.repeat(1_000_000), 'a million dots');
      assert.ok(performance.now() - begun < 1000);
    });

    it('is refused when any of its characters is another', async () => {
      const { token } = kind;
      for (let index = 0; index < token.length; index += 1) {
        const altered = `${token.slice(0, index)}${token[index] === 'A' ? 'B' : 'A'}${token.slice(index + 1)}`;
        await refused(altered, index);
      }
    });

    it('opens no other contract, were it even signed with that one’s key', async () => {
      const { check, header, payload, stage, token } = kind;
      const other = contract === 'device' ? 'cookie' : 'device';
      const { accessTokens } = stage.world;
      assert.equal(await accessTokens.check(other, token), undefined);
      assert.notEqual(await check(token), undefined);
      assert.equal(await accessTokens.check(other, token), undefined);
      const otherKey = await keyOf(stage, other);
      stage.clock.advance({ seconds: 1 });
      for (const alg of ['ES256', 'HS256']) {
        const key = alg === 'HS256' ? JWT_SECRET : otherKey.key;
        const named = alg === 'HS256' ? {} : { kid: otherKey.kid };
        const moved = signed({ alg, ...named, typ: header['typ'] }, payload, key);
        assert.equal(await accessTokens.check(other, moved), undefined);
        if (!(shared && alg === 'HS256')) await refused(moved, alg);
      }
    });
  });
}

describe('the device contract’s tokens', () => {
  it('name the issuer and the audience that the settings say', async (t) => {
    const env = { GUICHET_JWT_ISSUER: 'https://issuer.example', GUICHET_JWT_AUDIENCE: 'my app' };
    const stage = await openStage(t, { env });
    const { accessToken } = await onDevice(stage);
    const { iss, aud } = claimsIn(accessToken);
    assert.deepEqual([iss, aud], ['https://issuer.example', 'my app']);
    assert.notEqual(await stage.world.accessTokens.check('device', accessToken), undefined);
  });

  it('are refused by algorithm when the settings change: each the other’s', async (t) => {
    const before = await openStage(t);
    const { accessToken: published } = await onDevice(before);
    const same = { GUICHET_DATABASE_URL: before.settings.GUICHET_DATABASE_URL };
    const shared = await openStage(t, { env: { ...HS256, ...same } });
    const { accessToken: secret } = await onDevice(shared);
    const check = async ({ world }: Stage, token: string) =>
      (await world.accessTokens.check('device', token)) !== undefined;

    assert.deepEqual([await check(before, published), await check(before, secret)], [true, false]);
    assert.deepEqual([await check(shared, published), await check(shared, secret)], [false, true]);
  });

  it('cannot be issued for a session without a device', async (t) => {
    const stage = await openStage(t);
    const claims = { account: { id: 6, uuid: 'u', role: 'USER' }, deviceId: null } as unknown as AccessClaims;
    await keyOf(stage, 'device');
    stage.clock.advance({ seconds: 1 });
    await assert.rejects(stage.world.accessTokens.issue('device', claims), /no device/);
  });

  it('are signed with keys that only a server which needs them makes', async (t) => {
    const contractsWithKeys = async (env: Record<string, string>): Promise<string[]> => {
      const stage = await openStage(t, { env });
      await stage.handle.transaction(async (db) => {
        await db.deleteFrom('signing_key').execute();
      });
      await stage.server();
      return (await stage.identity.listSigningKeys()).map((key) => key.contract).sort();
    };
    assert.deepEqual(await contractsWithKeys({}), ['cookie', 'device']);
    assert.deepEqual(await contractsWithKeys(HS256), ['cookie']);
    assert.deepEqual(await contractsWithKeys({ GUICHET_CONTRACTS: 'cookie' }), ['cookie']);
    assert.deepEqual(await contractsWithKeys({ GUICHET_CONTRACTS: 'device' }), ['device']);
  });
});
