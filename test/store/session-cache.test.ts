import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AccountId } from '../../src/core/account.ts';
import type { LiveSession, SessionId } from '../../src/core/session.ts';
import { SessionCache } from '../../src/store/session-cache.ts';

const ADA = 1 as AccountId;
const EVE = 2 as AccountId;
const id = 'session' as SessionId;
const found = (name: string, account: AccountId = ADA): LiveSession =>
  ({ account: { id: account }, session: { id, userAgent: name } }) as unknown as LiveSession;

/** A cache whose clock is turned by hand. */
function cacheAt(start = 10_000) {
  let now = start;
  const cache = new SessionCache(() => now);
  return {
    cache,
    turn: (milliseconds: number) => {
      now += milliseconds;
    },
    /** What a look answers; the record holds `value` meanwhile. */
    look: async (value: LiveSession | undefined) => (await cache.look(id, async () => value))?.session.userAgent,
  };
}

describe('the session cache', () => {
  it('answers from a copy for less than a second', async () => {
    const { look, turn } = cacheAt();
    await look(found('first'));
    turn(999);
    assert.equal(await look(found('second')), 'first');
    turn(1);
    assert.equal(await look(found('second')), 'second');
  });

  it('does not count a copy younger for having been looked at', async () => {
    const { look, turn } = cacheAt();
    await look(found('first'));
    turn(600);
    await look(found('second'));
    turn(600);
    assert.equal(await look(found('third')), 'third');
  });

  it('counts the age of a copy from before its read began', async () => {
    const { cache, turn } = cacheAt();
    const { promise, resolve } = Promise.withResolvers<LiveSession>();
    const slow = cache.look(id, () => promise);
    turn(900);
    resolve(found('slow'));
    await slow;
    turn(200);
    assert.equal((await cache.look(id, async () => found('newer')))?.session.userAgent, 'newer');
  });

  it('sees a change made here at once, and only that account’s', async () => {
    const { cache, look } = cacheAt();
    await look(found('first'));
    cache.forget([EVE]);
    assert.equal(await look(found('second')), 'first');
    cache.forget([ADA]);
    assert.equal(await look(found('second')), 'second');
    assert.equal(await look(found('third')), 'second');
  });

  it('keeps nothing that was read while a change overtook it', async () => {
    const { cache, look } = cacheAt();
    const { promise, resolve } = Promise.withResolvers<LiveSession>();
    const overtaken = cache.look(id, () => promise);
    cache.forget([ADA]);
    resolve(found('before the change'));
    await overtaken;
    assert.equal(await look(found('after the change')), 'after the change');
  });

  it('lets a slow old read put nothing in the place of a newer one', async () => {
    const { cache, look } = cacheAt();
    const { promise, resolve } = Promise.withResolvers<LiveSession>();
    const overtaken = cache.look(id, () => promise);
    cache.forget([ADA]);
    await look(found('after the change'));
    resolve(found('before the change'));
    await overtaken;
    assert.notEqual(await look(found('after the change')), 'before the change');
  });

  it('never keeps "unknown", and forgets what has become unknown', async () => {
    const { look, turn } = cacheAt();
    assert.equal(await look(undefined), undefined);
    assert.equal(await look(found('first')), 'first');
    turn(1000);
    assert.equal(await look(undefined), undefined);
    assert.equal(await look(found('again')), 'again');
  });

  it('keeps nothing of a read that failed', async () => {
    const { cache, look, turn } = cacheAt();
    await look(found('first'));
    turn(1000);
    await assert.rejects(
      cache.look(id, async () => {
        throw new Error('the database is away');
      }),
      /away/,
    );
    assert.equal(await look(found('second')), 'second');
  });

  it('still knows of a change after many others, as long as a copy could be young', async () => {
    const { cache, look, turn } = cacheAt();
    for (let round = 0; round < 20; round += 1) {
      await look(found(`before ${round}`));
      cache.forget([ADA]);
      for (let other = 0; other < 3; other += 1) {
        turn(300);
        cache.forget([(100 + other) as AccountId]);
      }
      assert.equal(await look(found(`after ${round}`)), `after ${round}`);
      cache.forget([ADA]);
      turn(2500);
      cache.forget([EVE]);
    }
  });

  it('holds no more than it was given room for', async () => {
    let reads = 0;
    const cache = new SessionCache(() => 0, 10);
    const look = (name: string) =>
      cache.look(name as SessionId, async () => {
        reads += 1;
        return found(name);
      });
    for (let index = 0; index < 100; index += 1) await look(`session ${index}`);
    await look('session 0');
    assert.equal(reads, 101);
  });
});
