import { type Account, isProven } from './account.ts';
import { type AuditEvent, type AuditKind, auditEvent } from './audit.ts';
import { Failure } from './failure.ts';
import type { Site, SiteId } from './site.ts';
import type { Tables } from './store.ts';
import type { Instant } from './time.ts';
import type { World } from './world.ts';

/** One operator's change of sites, roles or permissions, under way. */
export interface Administration {
  store: Tables;
  now: Instant;
  /** Writes an event in the change's transaction (rule 36). */
  record(kind: AuditKind, facts: AuditEvent['facts'], account?: Account): Promise<void>;
}

/** Runs an operator's change. They are made one after the other, so that what one looked up is there until it is done. */
export function administer<T>(
  world: Pick<World, 'clock' | 'store'>,
  change: (administration: Administration) => Promise<T>,
): Promise<T> {
  return world.store.transaction(async (store) => {
    await store.sites.holdAll();
    const now = world.clock.now();
    return change({
      store,
      now,
      record: (kind, facts, account) =>
        store.audit.record(auditEvent(kind, { account, contract: 'operator', now, facts })),
    });
  });
}

/** @throws {Failure} `not_found` */
export async function siteAt(store: Tables, id: number): Promise<Site> {
  const site = Number.isSafeInteger(id) ? await store.sites.find(id) : undefined;
  if (!site) throw new Failure('not_found');
  return site;
}

/** Where something is to hold: the site's id, or `null` for everywhere. @throws {Failure} `not_found` */
export async function placeAt(store: Tables, siteId: number | null): Promise<SiteId | null> {
  return siteId === null ? null : (await siteAt(store, siteId)).id;
}

/** How records name a place. */
export const placeFacts = (siteId: SiteId | null): AuditEvent['facts'] =>
  siteId === null ? { everywhere: true } : { siteId };

/** @throws {Failure} `not_found` */
export async function heldAccount(store: Tables, uuid: string): Promise<Account> {
  const found = await store.accounts.findByUuid(uuid);
  const account = found && (await store.accounts.hold(found.id));
  if (!account) throw new Failure('not_found');
  return account;
}

/** An account that may be given something (rule 10). @throws {Failure} `not_found`, `identifier_unproven` */
export async function provenAccount(store: Tables, uuid: string): Promise<Account> {
  const account = await heldAccount(store, uuid);
  if (!isProven(account)) throw new Failure('identifier_unproven');
  return account;
}
