import assert from 'node:assert/strict';
import type { Account } from '../../src/core/account.ts';
import type { Identity } from '../../src/core/identity.ts';
import type { Caller } from '../../src/core/world.ts';
import type { TestWorld } from '../support/world.ts';
import { plainDevice } from './second-factors.ts';

export const PLANTED_PASSWORD = 'violet hammock drift';
const TABLES = [
  'session',
  'known_client',
  'pending_login',
  'one_time_token',
  'delivered_code',
  'device',
  'totp',
  'pending_factor',
  'recovery_code',
  'passkey',
  'linked_identity',
  'password',
] as const;

/** All that somebody could put into an account whose address is another's. */
export interface Planted {
  account: Account;
  email: string;
  bearer: string;
  cookie: { accessToken: string; refreshToken: string };
  device: { accessToken: string; refreshToken: string };
  /** By which the attacker's client is known to the account. */
  clientToken: string;
  verification: string;
  challenge: string;
  subject: string;
  credentialId: string;
}

let count = 0;

/** Signs up with somebody else's address, and leaves behind whatever may be left. */
export async function plant(world: TestWorld, of: { email: string; caller: () => Caller }): Promise<Planted> {
  count += 1;
  const { email } = of;
  const { clock, handle, identity } = world;
  const { keyring, random, store } = world.world;
  const caller = of.caller();
  const made = await identity.signUp({
    contract: 'bearer',
    email,
    name: 'Mallory',
    password: PLANTED_PASSWORD,
    caller,
  });
  assert.equal(made.outcome, 'signed_in');
  if (made.outcome !== 'signed_in') throw new Error('nobody is signed in');
  const live = await identity.checkSessionToken({
    contract: 'bearer',
    sessionToken: made.sessionToken,
    changes: true,
    unprovenToo: true,
  });
  await identity.changeProfile({ live, image: 'https://evil.example/mallory.png', caller });
  const password = { identifier: email, password: PLANTED_PASSWORD, mustBeProven: 'as_set', caller } as const;
  const cookie = await identity.signInWithPassword({ contract: 'cookie', ...password });
  const device = await identity.signInWithPassword({
    contract: 'device',
    ...password,
    device: plainDevice('the attacker’s telephone'),
  });
  assert.ok(cookie.outcome === 'signed_in' && device.outcome === 'signed_in');
  const verification = await world.tokenFor(email);

  const { id } = made.account;
  const now = clock.now();
  const [subject, credentialId] = [`mallory-${count}`, `credential-${count}`];
  await store.transaction(async ({ identifiers, linkedIdentities, passkeys, secondFactors }) => {
    await passkeys.handle(id, `handle-${count}`);
    await passkeys.add({
      uuid: random.uuid(),
      accountId: id,
      credentialId,
      publicKey: Buffer.from('key').toString('base64url'),
      counter: 0,
      transports: [],
      name: 'Mallory’s key',
      backupEligible: false,
      backedUp: false,
      aaguid: '00000000-0000-0000-0000-000000000000',
      createdAt: now,
      lastUsedAt: null,
    });
    const identityOf = { provider: 'github', subject, accountId: id, email, createdAt: now, lastUsedAt: now };
    await linkedIdentities.add(identityOf);
    await secondFactors.replaceRecoveryCodes(id, [`digest-${count}`]);
    await identifiers.addPending({ accountId: id, kind: 'phone', value: `+3368${9_000_000 + count}`, now });
  });
  await handle.transaction(async (db) => {
    await db.updateTable('account').set({ code_factor: 'totp' }).where('id', '=', id).execute();
  });
  const due = await identity.signInWithPassword({ contract: 'bearer', ...password });
  assert.equal(due.outcome, 'second_factor_due');
  const account = await store.accounts.find(id);
  assert.ok(account && account.emailVerifiedAt === null);
  for (const table of [
    'session',
    'known_client',
    'pending_login',
    'one_time_token',
    'passkey',
    'linked_identity',
  ] as const) {
    assert.ok((await rowsOf(world, account, table)) > 0, table);
  }
  return {
    account,
    email,
    bearer: made.sessionToken,
    cookie,
    device,
    clientToken: made.clientToken,
    verification,
    challenge: due.outcome === 'second_factor_due' ? due.challenge : keyring.digest('challenge', ''),
    subject,
    credentialId,
  };
}

async function rowsOf({ handle }: TestWorld, { id }: Account, table: (typeof TABLES)[number]): Promise<number> {
  const rows = await handle.read.selectFrom(table).select('account_id').where('account_id', '=', id).execute();
  return rows.length;
}

/**
 * Nothing of it works any more, and nothing of it is left.
 *
 * @param of.rows what the owner's arrival made; nothing else is there
 */
export async function assertUprooted(
  world: TestWorld,
  planted: Planted,
  of: { caller: () => Caller; identity?: Identity; rows: Partial<Record<(typeof TABLES)[number], number>> },
): Promise<Account> {
  const { identity = world.identity } = of;
  const { keyring, store } = world.world;
  const { bearer, challenge, cookie, credentialId, device, email, subject, verification } = planted;
  const caller = of.caller();

  const account = await store.accounts.find(planted.account.id);
  assert.ok(account);
  const { codeFactor, firstName, image, lastName, name } = account;
  assert.deepEqual(
    { codeFactor, firstName, image, lastName, name, email: account.email, phone: account.phone },
    { codeFactor: null, firstName: '', image: null, lastName: '', name: null, email, phone: null },
  );
  assert.ok(account.emailVerifiedAt !== null && account.epoch > planted.account.epoch);
  for (const table of TABLES) assert.equal(await rowsOf(world, account, table), of.rows[table] ?? 0, table);
  assert.equal(await store.identifiers.findPending(account.id, 'phone'), undefined);
  assert.equal(await store.linkedIdentities.find('github', subject), undefined);
  assert.equal(await store.passkeys.find(credentialId), undefined);
  const digests = keyring.digests('known-client', planted.clientToken);
  assert.equal(await store.knownClients.knows(digests, account.id, 0), false);

  for (const [contract, { accessToken, refreshToken }] of [
    ['cookie', cookie],
    ['device', device],
  ] as const) {
    await assert.rejects(identity.checkSession({ contract, accessToken, changes: true }), { code: 'session_ended' });
    const rotation = identity.rotateRefreshToken({ contract, refreshToken, caller });
    await assert.rejects(rotation, { code: 'session_ended' });
  }
  const session = { contract: 'bearer', sessionToken: bearer, unprovenToo: true } as const;
  for (const changes of [true, false]) {
    await assert.rejects(identity.checkSessionToken({ ...session, changes }), { code: 'session_ended' });
  }
  const signIn = {
    contract: 'bearer',
    identifier: email,
    password: PLANTED_PASSWORD,
    mustBeProven: 'as_set',
    caller,
  } as const;
  await assert.rejects(identity.signInWithPassword(signIn), { code: 'invalid_credentials' });
  await assert.rejects(identity.verifyEmail({ token: verification, contract: 'bearer', caller }), {
    code: 'token_invalid',
  });
  await assert.rejects(identity.disownAccount({ token: verification, caller }), { code: 'token_invalid' });
  const waiting = identity.completeSignIn({
    contract: 'bearer',
    name: { challenge },
    proof: { code: '123456' },
    caller,
  });
  await assert.rejects(waiting, { code: 'code_wrong' });
  return account;
}
