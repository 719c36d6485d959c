import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { openStage, type Stage } from '../support/stage.ts';
import { claimsIn, HS256, headerIn, JWT_SECRET, onDevice } from '../support/tokens.ts';

const run = promisify(execFile);
const PYTHON = '/usr/bin/python3';
const skip = hasPyJwt()
  ? false
  : 'PyJWT with cryptography is not installed (Debian: python3-jwt, python3-cryptography)';

function hasPyJwt(): boolean {
  try {
    execFileSync(PYTHON, ['-c', 'import jwt, cryptography'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Runs a Python program on the given values, and reads what it prints as JSON. */
async function python(program: string, values: object): Promise<unknown> {
  // The server is on this machine, whatever proxy leads out of it.
  const options = { env: { ...process.env, no_proxy: '*' } };
  const begin = 'import json, jwt, sys\ngiven = json.loads(sys.argv[1])';
  const { stdout } = await run(PYTHON, ['-c', `${begin}\n${program}`, JSON.stringify(values)], options);
  return JSON.parse(stdout);
}

/** A resource server that knows nothing of Guichet but where its keys are. The test's clock stands in another year. */
const verifyByJwks = (values: { jwks: string; token: string; issuer: string; audience: string }) =>
  python(
    `
key = jwt.PyJWKClient(given["jwks"]).get_signing_key_from_jwt(given["token"])
claims = jwt.decode(given["token"], key.key, algorithms=["ES256"], issuer=given["issuer"], audience=given["audience"],
                    options={"require": ["iat", "exp", "iss", "aud", "jti"], "verify_exp": False, "verify_iat": False})
print(json.dumps({"header": jwt.get_unverified_header(given["token"]), "claims": claims}))`,
    values,
  );

async function openServer(t: TestContext, env: Record<string, string> = {}): Promise<{ stage: Stage; jwks: string }> {
  const stage = await openStage(t, { env: { ...env, GUICHET_PORT: '0', GUICHET_HOST: '127.0.0.1' } });
  const { port } = await stage.listen();
  return { stage, jwks: `http://127.0.0.1:${port}/.well-known/jwks.json` };
}

describe('PyJWT', { skip }, () => {
  it('verifies the tokens of both contracts with the keys that the server publishes', async (t) => {
    const { stage, jwks } = await openServer(t);
    const { accessToken: device } = await onDevice(stage);
    const { accessToken: cookie } = await stage.signIn((await stage.person()).email);
    const origin = stage.derived.publicOrigin;

    assert.deepEqual(await verifyByJwks({ jwks, token: device, issuer: 'AuthService', audience: 'client' }), {
      header: headerIn(device),
      claims: claimsIn(device),
    });
    assert.deepEqual(await verifyByJwks({ jwks, token: cookie, issuer: origin, audience: origin }), {
      header: headerIn(cookie),
      claims: claimsIn(cookie),
    });
    await assert.rejects(
      verifyByJwks({ jwks, token: device, issuer: origin, audience: 'client' }),
      /InvalidIssuerError/,
    );
    await assert.rejects(
      verifyByJwks({ jwks, token: `${device.slice(0, -9)}AAAAAAAAA`, issuer: 'AuthService', audience: 'client' }),
      /InvalidSignatureError/,
    );
  });

  it('verifies a token after its key was rotated, and one of the new key', async (t) => {
    const { stage, jwks } = await openServer(t);
    const before = await onDevice(stage);
    stage.clock.advance({ seconds: 1 });
    await stage.identity.rotateSigningKey({ contract: 'device', now: true });
    stage.clock.advance({ seconds: 1 });
    const after = await onDevice(stage);

    assert.notEqual(headerIn(before.accessToken)['kid'], headerIn(after.accessToken)['kid']);
    for (const { accessToken: token } of [before, after]) {
      await verifyByJwks({ jwks, token, issuer: 'AuthService', audience: 'client' });
    }
  });

  it('verifies HS256 tokens with the shared secret, and with no other', async (t) => {
    const stage = await openStage(t, { env: HS256 });
    const { accessToken: token } = await onDevice(stage);
    const verify = (secret: string) =>
      python(
        `
print(json.dumps(jwt.decode(given["token"], given["secret"], algorithms=["HS256"], issuer="AuthService", audience="client",
                            options={"verify_exp": False, "verify_iat": False})))`,
        { token, secret },
      );

    assert.deepEqual(await verify(JWT_SECRET), claimsIn(token));
    await assert.rejects(verify(`${JWT_SECRET}x`), /InvalidSignatureError/);
  });

  it('mints with the shared secret nothing that opens a session, nor a longer life for a token that it was shown', async (t) => {
    const stage = await openStage(t, { env: HS256 });
    const [own, other] = [await onDevice(stage), await onDevice(stage)];
    const claims = claimsIn(own.accessToken);
    const exp = Number(claims['exp']);
    const mint = async (change: object): Promise<string> => {
      const minting = { claims: { ...claims, ...change }, secret: JWT_SECRET };
      return String(await python('print(json.dumps(jwt.encode(given["claims"], given["secret"])))', minting));
    };
    const check = async (accessToken: string, changes = true) =>
      stage.identity.checkSession({ contract: 'device', accessToken, changes });
    const refused = async (change: object, credential: 'refused' | 'over') => {
      const token = await mint(change);
      for (const changes of [true, false]) {
        await assert.rejects(check(token, changes), { code: 'session_ended', facts: { credential } });
      }
    };

    // The same claims are the same token, so that the others mean something.
    assert.equal((await check(await mint({}))).session.id, own.session.id);
    await refused({ jti: randomUUID() }, 'over');
    await refused({ session_uuid: randomUUID() }, 'over');
    await refused({ session_uuid: other.session.id }, 'over');
    await refused({ account_id: other.account.id }, 'refused');
    await refused({ exp: exp + 3600 }, 'refused');
    await refused({ exp: exp + 86_400 * 365 }, 'refused');
    await refused({ exp: exp - 3600 }, 'over');
    await refused({ role: 'ADMIN' }, 'refused');
  });
});
