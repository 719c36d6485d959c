import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openClient } from '../contracts/sanctum/client.ts';
import { askForCookies, changedIn, countRows } from '../contracts/sanctum/visitors.ts';

const VISITORS = 1_000_000;
const AT_A_TIME = 100_000;

it('R165: a million visitors of the sanctum contract leave no row anywhere', async (t) => {
  const world = await openClient(t);
  await world.signedIn();
  const before = await countRows(world.handle);
  for (let asked = 0; asked < VISITORS; asked += AT_A_TIME) {
    await askForCookies(world, AT_A_TIME);
    t.diagnostic(`${asked + AT_A_TIME} of ${VISITORS}`);
  }
  assert.deepEqual(changedIn(before, await countRows(world.handle)), {});
});
