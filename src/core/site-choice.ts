import { boundForAccount } from './account-limit.ts';
import { Failure } from './failure.ts';
import { type LiveSession, stillLive } from './session.ts';
import type { Caller, World } from './world.ts';

/**
 * Moves a session to another of the account's sites, where the account's next sessions begin, too.
 *
 * @returns the session as it is then; `undefined`, and nothing changed, for a site that is not there or not the account's
 * @throws {Failure} `rate_limited` past sixty changes an hour; `session_ended`
 * @see R124
 */
export async function chooseSite(
  world: Pick<World, 'clock' | 'policy' | 'store'>,
  input: { live: LiveSession; siteId: number; caller: Caller },
): Promise<LiveSession | undefined> {
  if (!Number.isSafeInteger(input.siteId)) return undefined;
  return world.store.transaction(async (store) => {
    const inStore = { ...world, store };
    const { account, session } = await stillLive(inStore, input.live);
    const site = await store.sites.holdFor(account.id, input.siteId);
    if (!site) return undefined;
    if (session.siteId === site.id && account.defaultSiteId === site.id) return { account, session };
    await boundForAccount(inStore, account, 'profile');
    const moved = await store.sessions.moveToSite(session.id, site.id);
    if (!moved) throw new Failure('session_ended', { credential: 'over' });
    await store.accounts.setDefaultSite(account.id, site.id);
    return { account: { ...account, defaultSiteId: site.id }, session: { ...session, siteId: site.id } };
  });
}
