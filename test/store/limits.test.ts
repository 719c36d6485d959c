import assert from 'node:assert/strict';
import { it } from 'node:test';
import { minutes } from '../../src/core/time.ts';
import { onEachDatabase, race } from '../support/stage.ts';

onEachDatabase('a counter', (open) => {
  it('allows its limit in a window that begins with the first, and tells when it ends', async () => {
    const { world, clock, address } = await open();
    const key = address('counter');
    const take = () =>
      world.store.transaction(({ limits }) =>
        limits.take(key, { limit: 2, windowMilliseconds: minutes(1), now: clock.now() }),
      );
    const begun = clock.now();
    assert.deepEqual([await take(), await take()], [{ allowed: true }, { allowed: true }]);
    clock.advance({ seconds: 59 });
    assert.deepEqual(await take(), { allowed: false, until: begun + minutes(1) });
    clock.advance({ seconds: 1 });
    assert.deepEqual(
      [await take(), await take(), (await take()).allowed],
      [{ allowed: true }, { allowed: true }, false],
    );
  });

  it('does not count what it refuses, nor a look', async () => {
    const { world, clock, address } = await open();
    const key = address('counter');
    const { store } = world;
    const rule = { limit: 1, windowMilliseconds: minutes(1), now: clock.now() };
    assert.deepEqual(await store.limits.look(key, rule), { allowed: true });
    await store.transaction(({ limits }) => limits.take(key, rule));
    for (let time = 0; time < 3; time += 1) await store.transaction(({ limits }) => limits.take(key, rule));
    assert.equal((await store.limits.look(key, rule)).allowed, false);
    assert.deepEqual(await store.limits.look(key, { ...rule, limit: 2 }), { allowed: true });
  });

  it('allows exactly its limit of fifty who come at once', async () => {
    const { world, clock, address } = await open();
    const key = address('counter');
    const rule = { limit: 7, windowMilliseconds: minutes(1), now: clock.now() };
    const { won } = await race(50, () => world.store.transaction(({ limits }) => limits.take(key, rule)));
    assert.equal(won.filter(({ allowed }) => allowed).length, 7);
  });
});

onEachDatabase('the places of a bucket', (open) => {
  it('are ten for fifty who come at once', async () => {
    const { world, clock, address } = await open();
    const now = clock.now();
    const bucket = { identifierDigest: address('bucket'), client: '*' };
    const { won } = await race(50, () =>
      world.store.transaction(({ attempts }) =>
        attempts.reserve(bucket, { places: 10, staleBefore: now - 15_000, now }),
      ),
    );
    assert.equal(won.filter(({ outcome }) => outcome === 'taken').length, 10);
    assert.equal(won.filter(({ outcome }) => outcome === 'all_undecided').length, 40);
  });

  it('are never given back twice', async () => {
    const { world, clock, address } = await open();
    const now = clock.now();
    const bucket = { identifierDigest: address('bucket'), client: '*' };
    const reserve = () =>
      world.store.transaction(({ attempts }) =>
        attempts.reserve(bucket, { places: 2, staleBefore: now - 15_000, now }),
      );
    await reserve();
    await race(5, () => world.store.transaction(({ attempts }) => attempts.release(bucket)));
    const outcomes = [(await reserve()).outcome, (await reserve()).outcome, (await reserve()).outcome];
    assert.deepEqual(outcomes, ['taken', 'taken', 'all_undecided']);
  });

  it('stay taken by those under way when another succeeds', async () => {
    const { world, clock, address } = await open();
    const now = clock.now();
    const bucket = { identifierDigest: address('bucket'), client: '*' };
    const reserve = () =>
      world.store.transaction(({ attempts }) =>
        attempts.reserve(bucket, { places: 3, staleBefore: now - 15_000, now }),
      );
    for (let time = 0; time < 3; time += 1) await reserve();
    await world.store.transaction(({ attempts }) => attempts.succeed(bucket));
    assert.deepEqual([(await reserve()).outcome, (await reserve()).outcome], ['taken', 'all_undecided']);
  });
});
