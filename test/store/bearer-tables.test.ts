import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { sql } from 'kysely';
import type { Account } from '../../src/core/account.ts';
import { createKeyring } from '../../src/core/keyring.ts';
import type { LinkedIdentity } from '../../src/core/linked-identity.ts';
import type { OneTimeToken } from '../../src/core/one-time-token.ts';
import type { Passkey } from '../../src/core/passkey.ts';
import type { PendingLogin } from '../../src/core/pending-login.ts';
import type { Session, SessionId } from '../../src/core/session.ts';
import type { Tables } from '../../src/core/store.ts';
import { cleanExpired } from '../../src/store/clean.ts';
import type { DatabaseHandle } from '../../src/store/database.ts';
import * as identityCore from '../../src/store/migrations/0001-identity-core.ts';
import * as secondFactorsAndDevices from '../../src/store/migrations/0002-second-factors-and-devices.ts';
import { openPostgres } from '../../src/store/postgres.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { storeOn } from '../../src/store/store.ts';
import { hasPostgres, makePostgresDatabase } from '../support/databases.ts';
import { onEachDatabase, race, type Stage } from '../support/stage.ts';
import { SECRET } from '../support/world.ts';

const inStore = <T>(stage: Stage, work: (tables: Tables) => Promise<T>): Promise<T> =>
  stage.world.store.transaction(work);
const unique = (): string => randomBytes(16).toString('base64url');

const passkeyOf = (stage: Stage, account: Account, of: Partial<Passkey> = {}): Passkey => ({
  uuid: randomUUID(),
  accountId: account.id,
  credentialId: unique(),
  publicKey: 'pQECAyYg',
  counter: 7,
  transports: ['internal', 'hybrid'],
  backedUp: true,
  backupEligible: true,
  aaguid: '00000000-0000-0000-0000-000000000000',
  name: 'Blue “key”',
  createdAt: stage.clock.now(),
  lastUsedAt: null,
  ...of,
});

const identityOf = (stage: Stage, account: Account, of: Partial<LinkedIdentity> = {}): LinkedIdentity => ({
  provider: 'github',
  subject: unique(),
  accountId: account.id,
  email: 'octocat@example.com',
  createdAt: stage.clock.now(),
  lastUsedAt: null,
  ...of,
});

const sessionOf = (stage: Stage, account: Account, of: Partial<Session> = {}): Session => ({
  id: randomUUID() as SessionId,
  accountId: account.id,
  contract: 'bearer',
  tokenId: null,
  previousTokenId: null,
  createdAt: stage.clock.now(),
  authenticatedAt: stage.clock.now(),
  factorProvenAt: null,
  lastUsedAt: stage.clock.now(),
  expiresAt: stage.clock.now() + 1000,
  address: null,
  userAgent: null,
  deviceId: null,
  tokenDigest: unique(),
  previousTokenDigest: null,
  tokenRenewedAt: null,
  siteId: null,
  passwordConfirmedAt: null,
  ...of,
});

onEachDatabase('passkeys in the store', (open) => {
  it('come out as they went in, by credential and in the order they were added', async () => {
    const stage = await open();
    const account = await stage.person();
    const first = passkeyOf(stage, account);
    const second = passkeyOf(stage, account, {
      createdAt: stage.clock.now() + 1,
      lastUsedAt: stage.clock.now() + 2,
      transports: [],
      backedUp: false,
      backupEligible: false,
      name: null,
      counter: 4_294_967_295,
      credentialId: unique().repeat(60).slice(0, 1364),
    });
    await inStore(stage, async ({ passkeys }) => {
      assert.equal(await passkeys.add(second), true);
      assert.equal(await passkeys.add(first), true);
    });
    const { passkeys } = stage.world.store;
    assert.deepEqual(await passkeys.list(account.id), [first, second]);
    assert.deepEqual(await passkeys.find(second.credentialId), second);
    assert.equal(await passkeys.find(unique()), undefined);
  });

  it('are one account’s each, whoever adds one again, and however many at once', async () => {
    const stage = await open();
    const people = [await stage.person(), await stage.person()];
    const credentialId = unique();
    const { won } = await race(10, (index) =>
      inStore(stage, ({ passkeys }) =>
        passkeys.add(passkeyOf(stage, people[index % 2] ?? assert.fail(), { credentialId })),
      ),
    );
    assert.deepEqual([won.length, won.filter(Boolean).length], [10, 1]);
  });

  it('are used from the counter that was read, once', async () => {
    const stage = await open();
    const account = await stage.person();
    const passkey = passkeyOf(stage, account);
    await inStore(stage, ({ passkeys }) => passkeys.add(passkey));
    const use = { counter: 8, backedUp: false, lastUsedAt: stage.clock.now() + 5 };
    const { won } = await race(10, () => inStore(stage, ({ passkeys }) => passkeys.use(passkey, use)));
    assert.deepEqual([won.length, won.filter(Boolean).length], [10, 1]);
    const used = { ...passkey, ...use };
    assert.deepEqual(await stage.world.store.passkeys.find(passkey.credentialId), used);
    // One that never counts may be used again and again.
    const still = { ...use, counter: 8, lastUsedAt: stage.clock.now() + 6 };
    assert.equal(await inStore(stage, ({ passkeys }) => passkeys.use(used, still)), true);
    await inStore(stage, ({ passkeys }) => passkeys.remove(account.id, passkey.uuid));
    assert.equal(await inStore(stage, ({ passkeys }) => passkeys.use(used, still)), false);
  });

  it('are renamed and removed by their own account alone', async () => {
    const stage = await open();
    const [ada, eve] = [await stage.person(), await stage.person()];
    const passkey = passkeyOf(stage, ada);
    await inStore(stage, async ({ passkeys }) => {
      await passkeys.add(passkey);
      assert.equal(await passkeys.rename(eve.id, passkey.uuid, 'Mine'), undefined);
      assert.equal(await passkeys.remove(eve.id, passkey.uuid), undefined);
      assert.deepEqual(await passkeys.rename(ada.id, passkey.uuid, null), { ...passkey, name: null });
      assert.deepEqual(await passkeys.remove(ada.id, passkey.uuid), { ...passkey, name: null });
      assert.equal(await passkeys.remove(ada.id, passkey.uuid), undefined);
      assert.equal(await passkeys.add(passkey), true);
      await passkeys.removeAll(ada.id);
    });
    assert.deepEqual(await stage.world.store.passkeys.list(ada.id), []);
  });

  it('know their account by one handle, which the first to ask decides', async () => {
    const stage = await open();
    const account = await stage.person();
    const { passkeys } = stage.world.store;
    assert.equal(await passkeys.findHandle(account.id), null);
    const first = await inStore(stage, (tables) => tables.passkeys.handle(account.id, 'the first'));
    const second = await inStore(stage, (tables) => tables.passkeys.handle(account.id, 'the second'));
    assert.deepEqual([first, second, await passkeys.findHandle(account.id)], ['the first', 'the first', 'the first']);
  });

  it('know their account by one handle, also when many ask first', async () => {
    const stage = await open();
    const account = await stage.person();
    const { won } = await race(10, (index) =>
      inStore(stage, (tables) => tables.passkeys.handle(account.id, `handle ${index}`)),
    );
    assert.deepEqual([won.length, new Set(won).size], [10, 1]);
    assert.equal(await stage.world.store.passkeys.findHandle(account.id), won[0]);
  });
});

onEachDatabase('identities at providers in the store', (open) => {
  it('come out as they went in, sorted by provider', async () => {
    const stage = await open();
    const account = await stage.person();
    const identities = [
      identityOf(stage, account, { provider: 'google', email: null, lastUsedAt: stage.clock.now() }),
      identityOf(stage, account, { provider: 'github' }),
    ];
    await inStore(stage, async ({ linkedIdentities }) => {
      for (const identity of identities) assert.equal(await linkedIdentities.add(identity), true);
    });
    const { linkedIdentities } = stage.world.store;
    assert.deepEqual(await linkedIdentities.list(account.id), identities.toReversed());
    const [google = assert.fail()] = identities;
    assert.deepEqual(await linkedIdentities.find('google', google.subject), google);
    // The same text is somebody else at another provider.
    assert.equal(await linkedIdentities.find('github', google.subject), undefined);
  });

  it('belong to one account each, and an account has one of a provider', async () => {
    const stage = await open();
    const [ada, eve] = [await stage.person(), await stage.person()];
    const identity = identityOf(stage, ada);
    await inStore(stage, async ({ linkedIdentities }) => {
      assert.equal(await linkedIdentities.add(identity), true);
      assert.equal(await linkedIdentities.add(identity), false);
      assert.equal(await linkedIdentities.add({ ...identity, accountId: eve.id }), false);
      assert.equal(await linkedIdentities.add(identityOf(stage, ada)), false);
      assert.equal(
        await linkedIdentities.add(identityOf(stage, eve, { subject: identity.subject, provider: 'google' })),
        true,
      );
    });
    assert.deepEqual(await stage.world.store.linkedIdentities.list(ada.id), [identity]);
  });

  it('are linked once, however many at once, whichever of the two uniquenesses they meet', async () => {
    const stage = await open();
    const [ada, eve] = [await stage.person(), await stage.person()];
    const subject = unique();
    const same = await race(10, (index) =>
      inStore(stage, ({ linkedIdentities }) =>
        linkedIdentities.add(identityOf(stage, index % 2 ? ada : eve, { subject })),
      ),
    );
    assert.deepEqual([same.won.length, same.won.filter(Boolean).length], [10, 1]);
    const other = await race(10, () =>
      inStore(stage, ({ linkedIdentities }) => linkedIdentities.add(identityOf(stage, ada, { provider: 'google' }))),
    );
    assert.deepEqual([other.won.length, other.won.filter(Boolean).length], [10, 1]);
  });

  it('are found by no other spelling of what the provider calls them', async () => {
    const stage = await open();
    const account = await stage.person();
    const subject = `Ab ${unique()}`;
    await inStore(stage, ({ linkedIdentities }) => linkedIdentities.add(identityOf(stage, account, { subject })));
    const { linkedIdentities } = stage.world.store;
    for (const other of [
      subject.toLowerCase(),
      subject.toUpperCase(),
      ` ${subject}`,
      `${subject} `,
      subject.slice(0, -1),
    ])
      assert.equal(await linkedIdentities.find('github', other), undefined, other);
  });

  it('note their use, and are removed with their account’s id and provider alone', async () => {
    const stage = await open();
    const [ada, eve] = [await stage.person(), await stage.person()];
    const identity = identityOf(stage, ada);
    await inStore(stage, async ({ linkedIdentities }) => {
      await linkedIdentities.add(identity);
      await linkedIdentities.use(identity, { email: null, lastUsedAt: stage.clock.now() + 9 });
      assert.equal(await linkedIdentities.remove(eve.id, 'github'), false);
      assert.equal(await linkedIdentities.remove(ada.id, 'google'), false);
    });
    const { linkedIdentities } = stage.world.store;
    const used = { ...identity, email: null, lastUsedAt: stage.clock.now() + 9 };
    assert.deepEqual(await linkedIdentities.list(ada.id), [used]);
    const { won } = await race(5, () => inStore(stage, (tables) => tables.linkedIdentities.remove(ada.id, 'github')));
    assert.equal(won.filter(Boolean).length, 1);
    assert.deepEqual(await linkedIdentities.list(ada.id), []);
  });
});

onEachDatabase('in the store of the bearer contract', (open) => {
  it('a challenge is spent by one of many, and forgotten no sooner than it expires', async () => {
    const stage = await open();
    const digest = unique();
    const expiresAt = stage.clock.now() + 5000;
    const spend = () => inStore(stage, ({ spentChallenges }) => spentChallenges.spend(digest, expiresAt));
    const { won } = await race(20, spend);
    assert.deepEqual([won.length, won.filter(Boolean).length], [20, 1]);
    stage.clock.advance({ milliseconds: 4999 });
    await cleanExpired(stage.handle, stage.clock.now());
    assert.equal(await spend(), false);
    stage.clock.advance({ milliseconds: 1 });
    assert.ok((await cleanExpired(stage.handle, stage.clock.now())) >= 1);
    const rows = await stage.handle.read
      .selectFrom('spent_challenge')
      .select('digest')
      .where('digest', '=', digest)
      .execute();
    assert.deepEqual(rows, []);
  });

  it('a challenge that was spent in a transaction that failed is not spent', async () => {
    const stage = await open();
    const digest = unique();
    const undone = inStore(stage, async ({ spentChallenges }) => {
      assert.equal(await spentChallenges.spend(digest, stage.clock.now() + 5000), true);
      throw new Error('undone');
    });
    await assert.rejects(undone, /undone/);
    const again = inStore(stage, ({ spentChallenges }) => spentChallenges.spend(digest, stage.clock.now() + 5000));
    assert.equal(await again, true);
  });

  it('what a token leads on to comes out as it went in', async () => {
    const stage = await open();
    const account = await stage.person();
    const handover = { redirectUrl: 'http://localhost:5173/é?a=1&b="2"#c', codeChallenge: null };
    const made: Pick<OneTimeToken, 'facts' | 'purpose'>[] = [
      { purpose: 'email_verification', facts: null },
      { purpose: 'magic_link', facts: handover },
      { purpose: 'exchange', facts: { ...handover, firstFactor: 'provider' } },
    ];
    for (const { facts, purpose } of made) {
      const token = {
        digest: unique(),
        purpose,
        accountId: account.id,
        epoch: 0,
        identifier: account.email,
        createdAt: 1,
        expiresAt: 2,
        facts,
      } as OneTimeToken;
      await inStore(stage, ({ oneTimeTokens }) => oneTimeTokens.insert(token));
      assert.deepEqual(await stage.world.store.oneTimeTokens.find(purpose, [token.digest]), token);
      const other = purpose === 'exchange' ? 'magic_link' : 'exchange';
      assert.equal(await stage.world.store.oneTimeTokens.find(other, [token.digest]), undefined);
      const taken = await inStore(stage, ({ oneTimeTokens }) => oneTimeTokens.take(purpose, [token.digest]));
      assert.deepEqual(taken, token);
    }
  });

  it('a login that waits knows what came before it', async () => {
    const stage = await open();
    const account = await stage.person();
    const identity = {
      provider: 'github',
      subject: 'Ab "1"',
      email: 'octocat@example.com',
      emailVerified: true,
      speaksForEmail: true,
      name: 'The Octocat é',
      picture: null,
    };
    for (const [firstFactor, joins] of [
      ['password', null],
      ['magic_link', null],
      ['provider', identity],
    ] as const) {
      const pending: PendingLogin = {
        digest: unique(),
        accountId: account.id,
        contract: 'bearer',
        epoch: 0,
        tries: 0,
        createdAt: stage.clock.now(),
        expiresAt: stage.clock.now() + 1000,
        network: null,
        codeBinding: null,
        device: null,
        firstFactor,
        joins,
        origin: joins && 'http://localhost:5173',
        remember: firstFactor === 'password',
      };
      await inStore(stage, ({ pendingLogins }) => pendingLogins.insert(pending));
      const found = await stage.world.store.pendingLogins.find([pending.digest], 'bearer', stage.clock.now());
      assert.deepEqual(found, pending);
    }
  });

  it('a session’s token is its own, and those without one do not meet', async () => {
    const stage = await open();
    const account = await stage.person();
    const session = sessionOf(stage, account);
    await inStore(stage, async ({ sessions }) => {
      await sessions.insert(session);
      for (let count = 0; count < 2; count += 1)
        await sessions.insert(sessionOf(stage, account, { contract: 'cookie', tokenId: unique(), tokenDigest: null }));
    });
    const copy = sessionOf(stage, account, { tokenDigest: session.tokenDigest });
    await assert.rejects(
      inStore(stage, ({ sessions }) => sessions.insert(copy)),
      /unique/i,
    );
    const { sessions } = stage.world.store;
    assert.deepEqual((await sessions.findByToken([session.tokenDigest ?? '']))?.session, session);
    assert.equal(await sessions.findByToken(['', 'null']), undefined);
  });

  it('a session is looked for by all of a token’s digests, and by none finds nothing, inside a transaction and outside', async () => {
    const stage = await open();
    const account = await stage.person();
    const session = sessionOf(stage, account);
    await inStore(stage, ({ sessions }) => sessions.insert(session));
    const digests = [unique(), session.tokenDigest ?? ''];
    const { sessions } = stage.world.store;
    const found = [
      await sessions.findByToken(digests),
      await sessions.peekByToken(digests),
      await inStore(stage, (tables) => tables.sessions.findByToken(digests)),
      await inStore(stage, (tables) => tables.sessions.peekByToken(digests)),
    ];
    for (const live of found) assert.deepEqual([live?.session, live?.account.email], [session, account.email]);
    assert.deepEqual([await sessions.findByToken([]), await sessions.peekByToken([])], [undefined, undefined]);
    assert.equal(await inStore(stage, (tables) => tables.sessions.findByToken([])), undefined);
  });

  it('all of it goes with its account, and nobody else’s', async () => {
    const stage = await open();
    const people = [await stage.person(), await stage.person()];
    for (const account of people) {
      await inStore(stage, async (tables) => {
        await tables.passkeys.add(passkeyOf(stage, account));
        await tables.passkeys.handle(account.id, unique());
        await tables.linkedIdentities.add(identityOf(stage, account));
        await tables.sessions.insert(sessionOf(stage, account));
      });
    }
    const [ada = assert.fail(), eve = assert.fail()] = people;
    await inStore(stage, ({ accounts }) => accounts.delete(ada.id));
    const count = async (id: number) => {
      const counts: number[] = [];
      for (const table of ['passkey', 'linked_identity', 'session'] as const)
        counts.push(
          (await stage.handle.read.selectFrom(table).select('account_id').where('account_id', '=', id).execute())
            .length,
        );
      return counts;
    };
    assert.deepEqual(
      [await count(ada.id), await count(eve.id)],
      [
        [0, 0, 0],
        [1, 1, 1],
      ],
    );
  });

  it('nothing is kept of nobody', async () => {
    const stage = await open();
    const nobody = { ...(await stage.person()), id: 999_999_999 as Account['id'] };
    const refused = /foreign key/i;
    await assert.rejects(
      inStore(stage, ({ passkeys }) => passkeys.add(passkeyOf(stage, nobody))),
      refused,
    );
    await assert.rejects(
      inStore(stage, ({ linkedIdentities }) => linkedIdentities.add(identityOf(stage, nobody))),
      refused,
    );
  });
});

const makers = {
  SQLite: async (t: TestContext) => {
    const folder = mkdtempSync(join(tmpdir(), 'guichet-migrate-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    return openSqlite(join(folder, 'guichet.db'), { durable: false });
  },
  PostgreSQL: async (t: TestContext) => openPostgres(await makePostgresDatabase(t)),
};

/** A database as the version before left it, with somebody in it. */
async function before0003(handle: DatabaseHandle): Promise<void> {
  await handle.transaction(async (db) => {
    await identityCore.up(db as never);
    await secondFactorsAndDevices.up(db as never);
    await sql`create table kysely_migration (name varchar(255) primary key, timestamp varchar(255) not null)`.execute(
      db,
    );
    for (const name of ['0001-identity-core', '0002-second-factors-and-devices'])
      await sql`insert into kysely_migration (name, timestamp) values (${name}, '2026-01-01T00:00:00.000Z')`.execute(
        db,
      );
    await sql`insert into account (uuid, first_name, last_name, username, locale, role, role_id, accountable_type, epoch, created_at, updated_at)
      values ('an account', 'Ada', '', 'ada', 'en', 'USER', 1, 'Account', 0, 1, 1)`.execute(db);
    const { rows } = await sql<{ id: number }>`select id from account`.execute(db);
    const id = rows[0]?.id;
    await sql`insert into pending_login (digest, account_id, contract, epoch, tries, created_at, expires_at)
      values ('waiting', ${id}, 'cookie', 0, 1, 1, 1000)`.execute(db);
    await sql`insert into one_time_token (digest, purpose, account_id, epoch, identifier, created_at, expires_at)
      values ('mailed', 'password_reset', ${id}, 0, 'ada@example.com', 1, 1000)`.execute(db);
    for (const session of ['one', 'two'])
      await sql`insert into session (id, account_id, contract, token_id, created_at, authenticated_at, last_used_at, expires_at)
        values (${session}, ${id}, 'cookie', 'a token', 1, 1, 1, 1000)`.execute(db);
  });
}

describe('a database of the version before', () => {
  for (const [name, make] of Object.entries(makers)) {
    it(`keeps all it held, read as what it was then, on ${name}`, {
      skip: name === 'PostgreSQL' && !hasPostgres,
    }, async (t) => {
      const handle = await make(t);
      try {
        await before0003(handle);
        assert.deepEqual(await handle.migrate(), ['0003-passkeys-and-providers', '0004-sites-and-stateful-sessions']);
        const random = { bytes: (length: number) => randomBytes(length), uuid: () => randomUUID() };
        const { oneTimeTokens, passkeys, pendingLogins, sessions } = storeOn(handle, createKeyring([SECRET]), random);
        const waiting = await pendingLogins.find(['waiting'], 'cookie', 2);
        assert.deepEqual([waiting?.firstFactor, waiting?.joins], ['password', null]);
        assert.equal((await oneTimeTokens.find('password_reset', ['mailed']))?.facts, null);
        const live = [await sessions.find('one' as SessionId), await sessions.find('two' as SessionId)];
        assert.deepEqual(
          live.map((found) => [found?.session.tokenDigest, found?.account.image, found?.account.firstName]),
          [
            [null, null, 'Ada'],
            [null, null, 'Ada'],
          ],
        );
        const { account } = live[0] ?? assert.fail();
        assert.deepEqual([await passkeys.findHandle(account.id), await passkeys.list(account.id)], [null, []]);
      } finally {
        await handle.close();
      }
    });
  }
});
