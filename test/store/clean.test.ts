import assert from 'node:assert/strict';
import { it } from 'node:test';
import { makeOneTimeToken } from '../../src/core/one-time-token.ts';
import { days, hours, minutes } from '../../src/core/time.ts';
import { cleanExpired } from '../../src/store/clean.ts';
import { onEachDatabase, PASSWORD, type Stage } from '../support/stage.ts';

const clean = (stage: Stage) => cleanExpired(stage.handle, stage.clock.now());
const digestOf = (stage: Stage, identifier: string) => stage.world.keyring.digest('identifier', identifier);
const buckets = (stage: Stage, identifier: string) =>
  stage.handle.read
    .selectFrom('attempt')
    .selectAll()
    .where('identifier_digest', '=', digestOf(stage, identifier))
    .execute();

/** One place taken and, unless the password was right, lost. */
async function attempt(
  stage: Stage,
  identifier: string,
  of: { client?: string; hasAccount: boolean; right?: boolean; times?: number },
) {
  const bucket = { identifierDigest: digestOf(stage, identifier), client: of.client ?? '*' };
  const now = stage.clock.now();
  await stage.world.store.transaction(async ({ attempts }) => {
    for (let time = 0; time < (of.times ?? 1); time += 1) {
      await attempts.reserve(bucket, { places: 10, staleBefore: 0, now });
      if (of.right) await attempts.succeed(bucket);
      else await attempts.fail(bucket, { places: 10, lockFor: () => minutes(15), hasAccount: of.hasAccount, now });
    }
  });
}

onEachDatabase('cleaning', (open) => {
  it('removes sessions, tokens and links that have expired, and no other', async () => {
    const stage = await open();
    const person = await stage.person();
    const mailLink = () =>
      stage.world.store.transaction((store) =>
        makeOneTimeToken(
          { ...stage.world, store },
          { purpose: 'password_reset', account: person, identifier: person.email },
        ),
      );
    await stage.signIn(person.email);
    await mailLink();
    stage.clock.advance({ days: 6, hours: 23 });
    const late = await stage.signIn(person.email);
    const { token } = await mailLink();
    stage.clock.advance({ minutes: 59, seconds: 59 });
    await clean(stage);
    const count = async (table: 'session' | 'one_time_token') =>
      (await stage.handle.read.selectFrom(table).selectAll().where('account_id', '=', person.id).execute()).length;
    assert.deepEqual([await count('session'), await count('one_time_token')], [2, 1]);
    stage.clock.advance({ milliseconds: 999 });
    await stage.identity.lookAtPasswordReset({ token });
    stage.clock.advance({ milliseconds: 1 });
    await clean(stage);
    assert.deepEqual([await count('session'), await count('one_time_token')], [1, 0]);
    await stage.refresh(late.refreshToken);
  });

  it('keeps a spent refresh token as long as its replay must be noticed', async () => {
    const stage = await open();
    const { email } = await stage.person();
    const caller = stage.caller();
    const first = await stage.signIn(email, { caller });
    stage.clock.advance({ days: 6 });
    const second = await stage.refresh(first.refreshToken, caller);
    await clean(stage);
    await assert.rejects(stage.refresh(first.refreshToken, stage.caller({ userAgent: 'Thief/1' })), {
      code: 'session_ended',
    });
    await assert.rejects(stage.refresh(second.refreshToken, caller), { code: 'session_ended' });
  });

  it('keeps a run of failures against an account, and a lock, for as long as it takes', async () => {
    const stage = await open();
    const { email } = await stage.person();
    await attempt(stage, email, { hasAccount: true, times: 3 });
    stage.clock.advance({ days: 400 });
    await clean(stage);
    assert.equal((await buckets(stage, email))[0]?.total, 3);
  });

  it('removes failures that belong to no account a day after the last, but no lock that still holds', async () => {
    const stage = await open();
    const [unknown, locked] = [stage.address(), stage.address()];
    await attempt(stage, unknown, { hasAccount: false });
    await attempt(stage, locked, { hasAccount: false, times: 10 });
    await stage.handle.transaction(async (db) => {
      const until = stage.clock.now() + hours(30);
      await db
        .updateTable('attempt')
        .set({ locked_until: until })
        .where('identifier_digest', '=', digestOf(stage, locked))
        .execute();
    });
    stage.clock.advance({ hours: 23, minutes: 59 });
    await clean(stage);
    assert.equal((await buckets(stage, unknown)).length, 1);
    stage.clock.advance({ minutes: 1 });
    await clean(stage);
    assert.deepEqual([(await buckets(stage, unknown)).length, (await buckets(stage, locked)).length], [0, 1]);
    stage.clock.advance({ hours: 6 });
    await clean(stage);
    assert.equal((await buckets(stage, locked)).length, 0);
  });

  it('takes no other client’s failures with those of one that has none', async () => {
    const stage = await open();
    const { email } = await stage.person();
    await attempt(stage, email, { client: 'a known client', hasAccount: true, right: true });
    stage.clock.advance({ days: 2 });
    await attempt(stage, email, { hasAccount: true, times: 9 });
    await clean(stage);
    assert.deepEqual(
      (await buckets(stage, email)).map(({ client, total }) => [client, total]),
      [['*', 9]],
    );
  });

  it('forgets a client for one account alone when another account still knows it', async () => {
    const stage = await open();
    const [ada, eve] = [await stage.person(), await stage.person()];
    const { knownClients } = stage.world.store;
    const digest = `a shared browser ${ada.id}`;
    await stage.world.store.transaction(({ knownClients: known }) => known.remember(digest, ada.id, stage.clock.now()));
    stage.clock.advance({ days: 29 });
    await stage.world.store.transaction(({ knownClients: known }) => known.remember(digest, eve.id, stage.clock.now()));
    stage.clock.advance({ days: 2 });
    await clean(stage);
    const since = stage.clock.now() - days(30);
    assert.deepEqual(
      [await knownClients.knows([digest], ada.id, since), await knownClients.knows([digest], eve.id, since)],
      [false, true],
    );
  });

  it('removes counters whose window is over, and none that still counts', async () => {
    const stage = await open();
    const { limits, transaction } = stage.world.store;
    const now = stage.clock.now();
    const [short, long] = [`short ${now} ${Math.random()}`, `long ${now} ${Math.random()}`];
    await transaction(({ limits: counters }) =>
      counters.take(short, { limit: 1, windowMilliseconds: minutes(1), now }),
    );
    await transaction(({ limits: counters }) => counters.take(long, { limit: 1, windowMilliseconds: hours(1), now }));
    stage.clock.advance({ minutes: 3 });
    await clean(stage);
    const rows = await stage.handle.read
      .selectFrom('rate_limit')
      .select('key')
      .where('key', 'in', [short, long])
      .execute();
    assert.deepEqual(
      rows.map(({ key }) => key),
      [long],
    );
    assert.equal((await limits.look(long, { limit: 1, now: stage.clock.now() })).allowed, false);
  });

  it('leaves accounts, passwords and the record alone, and tells how many rows went', async () => {
    const stage = await open();
    const { email } = await stage.person();
    await stage.signIn(email);
    const count = async () => (await stage.handle.read.selectFrom('audit_event').select('id').execute()).length;
    const before = await count();
    stage.clock.advance({ days: 4000 });
    assert.ok((await clean(stage)) > 0);
    assert.equal(await clean(stage), 0);
    assert.equal(await count(), before);
    await stage.signIn(email, { password: PASSWORD });
  });

  it('removes more rows than one batch holds', async () => {
    const stage = await open();
    await stage.handle.transaction(async (db) => {
      const rows = Array.from({ length: 1200 }, (_, index) => ({
        key: `old ${stage.clock.now()} ${index}`,
        count: 1,
        resets_at: 1,
      }));
      for (let start = 0; start < rows.length; start += 300)
        await db
          .insertInto('rate_limit')
          .values(rows.slice(start, start + 300))
          .execute();
    });
    assert.ok((await clean(stage)) >= 1200);
    assert.deepEqual(
      await stage.handle.read.selectFrom('rate_limit').select('key').where('resets_at', '=', 1).execute(),
      [],
    );
  });
});
