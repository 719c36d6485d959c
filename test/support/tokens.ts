import { createHmac, createPrivateKey, type KeyObject, randomUUID, sign } from 'node:crypto';
import { accessTokenOf } from '../../src/core/access-token.ts';
import type { Account } from '../../src/core/account.ts';
import type { DeviceId } from '../../src/core/device.ts';
import { makeRefreshToken, newRefreshToken } from '../../src/core/refresh-token-family.ts';
import type { Session, SessionId } from '../../src/core/session.ts';
import { sessionEnd } from '../../src/core/session-lifetime.ts';
import { ensureSigningKey, signingKeyContext } from '../../src/core/signing-key.ts';
import type { ContractName } from '../../src/core/world.ts';
import type { Stage } from './stage.ts';

export const JWT_SECRET = 'pJ6sAe9UvN3kQ8xWz5RbYt1LmC7dHf2G';
export const HS256 = { GUICHET_JWT_ALG: 'HS256', GUICHET_JWT_SECRET: JWT_SECRET };

export const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
export const decode = (part = ''): Record<string, unknown> => JSON.parse(Buffer.from(part, 'base64url').toString());
export const headerIn = (token: string) => decode(token.split('.')[0]);
export const claimsIn = (token: string) => decode(token.split('.')[1]);

/** Signs whatever header and payload: with ES256 by a key, with HS256 by bytes. */
export function signed(header: unknown, payload: unknown, key: KeyObject | string): string {
  const input = `${encode(header)}.${encode(payload)}`;
  const signature =
    typeof key === 'string'
      ? createHmac('sha256', key).update(input).digest()
      : sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

/** The private key that a contract's tokens are signed with. */
export async function keyOf(
  { world }: Stage,
  contract: ContractName,
): Promise<{ kid: string; publicJwk: object; key: KeyObject }> {
  await ensureSigningKey(world, contract);
  const row = (await world.store.signingKeys.list()).find((each) => each.contract === contract);
  if (!row) throw new Error(`the ${contract} contract has no key`);
  const jwk = JSON.parse(world.keyring.open(signingKeyContext(row.kid), row.sealedPrivateJwk));
  return { kid: row.kid, publicJwk: row.publicJwk, key: createPrivateKey({ key: jwk, format: 'jwk' }) };
}

export interface OnDevice {
  account: Account;
  session: Session;
  accessToken: string;
  refreshToken: string;
}

/** Somebody signed in on a device, as the store keeps it. */
export async function onDevice(stage: Stage): Promise<OnDevice> {
  const { world, handle, clock } = stage;
  const account = await stage.person();
  const now = clock.now();
  const device = await handle.transaction((db) =>
    db
      .insertInto('device')
      .values({
        account_id: account.id,
        label: randomUUID(),
        type: 'Mobile',
        name: null,
        os: null,
        address: null,
        created_at: now,
        last_used_at: now,
      })
      .returning('id')
      .executeTakeFirstOrThrow(),
  );
  const session: Session = {
    id: randomUUID() as SessionId,
    accountId: account.id,
    contract: 'device',
    tokenId: randomUUID(),
    previousTokenId: null,
    createdAt: now,
    authenticatedAt: now,
    factorProvenAt: null,
    lastUsedAt: now,
    expiresAt: sessionEnd('device', now, now),
    address: null,
    userAgent: 'Otter/1.0',
    deviceId: device.id as DeviceId,
    tokenDigest: null,
    previousTokenDigest: null,
    tokenRenewedAt: null,
    siteId: null,
    passwordConfirmedAt: null,
  };
  const refreshToken = newRefreshToken(world, 'device');
  await world.store.transaction(async (store) => {
    await store.sessions.insert(session);
    await store.refreshTokens.insert(makeRefreshToken(world, session, refreshToken));
  });
  return { account, session, refreshToken, accessToken: await accessTokenOf(world, { account, session }) };
}
