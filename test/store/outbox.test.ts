import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createKeyring } from '../../src/core/keyring.ts';
import { days, hours, minutes, seconds } from '../../src/core/time.ts';
import type { DatabaseHandle } from '../../src/store/database.ts';
import { CLEAN_BATCH, outboxOn, outboxQueue } from '../../src/store/outbox.ts';
import { addTo, keyring, NOON, random, resetMessage } from '../delivery/mail-world.ts';
import { eachDatabase } from '../support/databases.ts';

const lease = { by: 'one', now: NOON, until: NOON + minutes(1), limit: 8 };
const rowsOf = (handle: DatabaseHandle) => handle.read.selectFrom('outbox').selectAll().execute();

eachDatabase('the outbox', (open) => {
  it('tells the listeners of a commit that a message waits', async (t) => {
    const handle = await open(t);
    const seen: boolean[] = [];
    handle.onCommit(({ outbox }) => void seen.push(outbox));
    await addTo(handle, resetMessage());
    assert.deepEqual(seen, [true]);
  });

  it('keeps no message of a transaction that failed', async (t) => {
    const handle = await open(t);
    await assert.rejects(
      handle.transaction(async (db, effects) => {
        await outboxOn(db, effects, keyring, random).add(resetMessage());
        throw new Error('undone');
      }),
    );
    assert.equal(await outboxQueue(handle, keyring).waiting(), 0);
  });

  it('stores address and token sealed', async (t) => {
    const handle = await open(t);
    await addTo(handle, resetMessage({ token: 'canary-token' }));
    const stored = JSON.stringify(await rowsOf(handle));
    assert.doesNotMatch(stored, /canary-token|ada@example\.com|Ada/);
  });

  it('gives a message back as it was added', async (t) => {
    const handle = await open(t);
    await addTo(handle, resetMessage());
    const [claimed] = await outboxQueue(handle, keyring).claim(lease);
    const { accountId: _, ...message } = resetMessage();
    assert.deepEqual(claimed?.open(), { id: claimed?.id, ...message });
  });

  it('opens no message under another secret, and none in another row', async (t) => {
    const handle = await open(t);
    await addTo(handle, resetMessage({ token: 'one' }), resetMessage({ token: 'two' }));
    const [first, second] = await rowsOf(handle);
    await handle.transaction((db) =>
      db
        .updateTable('outbox')
        .set({ sealed: first?.sealed ?? '' })
        .where('id', '=', second?.id ?? '')
        .execute(),
    );
    const claimed = await outboxQueue(handle, keyring).claim(lease);
    assert.throws(() => claimed.find(({ id }) => id === second?.id)?.open());
    const [stranger] = await outboxQueue(handle, createKeyring(['another secret'])).claim({
      ...lease,
      now: lease.until,
      until: lease.until + 1,
    });
    assert.throws(() => stranger?.open());
  });

  it('leases each message to one of many', async (t) => {
    const handle = await open(t);
    await addTo(handle, ...Array.from({ length: 20 }, () => resetMessage()));
    const queue = outboxQueue(handle, keyring);
    const claims = await Promise.all(
      Array.from({ length: 10 }, (_, index) => queue.claim({ ...lease, by: `worker ${index}`, limit: 20 })),
    );
    const ids = claims.flat().map(({ id }) => id);
    assert.equal(ids.length, 20);
    assert.equal(new Set(ids).size, 20);
  });

  it('claims the longest waiting first, nothing before its time, and at most what was asked for', async (t) => {
    const handle = await open(t);
    await addTo(
      handle,
      resetMessage({ token: 'later', createdAt: NOON + 1 }),
      resetMessage({ token: 'new', createdAt: NOON }),
      resetMessage({ token: 'old', createdAt: NOON - 2 }),
      resetMessage({ token: 'older', createdAt: NOON - 3 }),
    );
    const queue = outboxQueue(handle, keyring);
    const tokens = async (limit: number) =>
      (await queue.claim({ ...lease, limit })).map((claimed) => (claimed.open().facts as { token: string }).token);
    assert.deepEqual(await tokens(2), ['older', 'old']);
    assert.deepEqual(await tokens(8), ['new']);
  });

  it('gives a lease that ran out to somebody else', async (t) => {
    const handle = await open(t);
    await addTo(handle, resetMessage());
    const queue = outboxQueue(handle, keyring);
    const [mine] = await queue.claim(lease);
    assert.deepEqual(await queue.claim({ ...lease, by: 'two', now: lease.until - 1 }), []);
    const [theirs] = await queue.claim({ ...lease, by: 'two', now: lease.until, until: lease.until + minutes(1) });
    assert.equal(theirs?.id, mine?.id);
  });

  it('lets nobody postpone or drop what another has leased since', async (t) => {
    const handle = await open(t);
    await addTo(handle, resetMessage());
    const queue = outboxQueue(handle, keyring);
    const [{ id } = { id: '' }] = await queue.claim(lease);
    await queue.claim({ ...lease, by: 'two', now: lease.until, until: lease.until + minutes(1) });

    await queue.postpone(id, 'one', { attemptAt: NOON + hours(1), reason: 'late' });
    await queue.drop(id, 'one', { now: NOON, reason: 'late' });

    const [row] = await rowsOf(handle);
    assert.deepEqual([row?.claimed_by, row?.attempts, row?.dropped_at], ['two', 0, null]);
    assert.ok(row?.sealed);
  });

  it('erases what was sealed once it is sent', async (t) => {
    const handle = await open(t);
    await addTo(handle, resetMessage());
    const queue = outboxQueue(handle, keyring);
    const [{ id } = { id: '' }] = await queue.claim(lease);
    await queue.markSent(id, NOON + 5);
    const [row] = await rowsOf(handle);
    assert.deepEqual([row?.sealed, row?.sent_at, row?.claimed_by], [null, NOON + 5, null]);
    assert.equal(await queue.waiting(), 0);
    assert.deepEqual(await queue.claim({ ...lease, now: NOON + days(1) }), []);
  });

  it('counts the attempts of a postponed message and keeps a short reason', async (t) => {
    const handle = await open(t);
    await addTo(handle, resetMessage());
    const queue = outboxQueue(handle, keyring);
    const [{ id } = { id: '' }] = await queue.claim(lease);
    await queue.postpone(id, 'one', { attemptAt: NOON + seconds(1), reason: 'x'.repeat(1000) });
    assert.equal(await queue.waiting(), 1);
    assert.deepEqual(await queue.claim(lease), []);
    const [again] = await queue.claim({ ...lease, by: 'two', now: NOON + seconds(1) });
    assert.deepEqual([again?.id, again?.attempts], [id, 1]);
    assert.equal((await rowsOf(handle))[0]?.last_error?.length, 200);
  });

  it('cleans away what was sent or dropped long ago, a batch at a time', async (t) => {
    const handle = await open(t);
    await addTo(handle, ...Array.from({ length: CLEAN_BATCH + 3 }, () => resetMessage({ createdAt: NOON - days(9) })));
    await handle.transaction((db) =>
      db
        .updateTable('outbox')
        .set({ sealed: null, sent_at: NOON - days(8) })
        .execute(),
    );
    await addTo(
      handle,
      resetMessage({ token: 'dropped' }),
      resetMessage({ token: 'waits', createdAt: NOON - days(9) }),
    );
    const queue = outboxQueue(handle, keyring);
    const claimed = await queue.claim(lease);
    const dropped = claimed.find((message) => (message.open().facts as { token: string }).token === 'dropped');
    await queue.drop(dropped?.id ?? '', 'one', { now: NOON, reason: 'expired' });

    assert.equal(await queue.clean(NOON - days(7)), CLEAN_BATCH);
    assert.equal(await queue.clean(NOON - days(7)), 3);
    assert.equal(await queue.clean(NOON - days(7)), 0);
    assert.equal((await rowsOf(handle)).length, 2);
    assert.equal(await queue.clean(NOON + 1), 1);
    assert.equal(await queue.waiting(), 1);
  });
});
