import type { Tables } from './store.ts';
import type { Instant } from './time.ts';
import type { World } from './world.ts';

/**
 * Uses up what was made without a row, in the caller's transaction: under every secret that it would still be taken under,
 * so that it stays used while the secret is changed, and for a process that knows the older one alone.
 *
 * @returns `false` if it was used before
 */
export async function spendOnce(
  world: Pick<World, 'keyring'> & { store: Tables },
  text: string,
  expiresAt: Instant,
): Promise<boolean> {
  let isFirst = true;
  for (const digest of world.keyring.digests('spent-challenge', text)) {
    if (!(await world.store.spentChallenges.spend(digest, expiresAt))) isFirst = false;
  }
  return isFirst;
}
