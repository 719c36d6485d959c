import type { SiteId } from './site.ts';

declare const brand: unique symbol;
/** Counts up, and is never given twice. */
export type RoleId = number & { readonly [brand]: 'role' };

/** A name for permissions that are given together, at a site or everywhere; Guichet itself obeys none (rule 10). */
export interface Role {
  id: RoleId;
  /** Unlike those of the same site. */
  name: string;
  /** The host application's to compare. */
  level: number;
  /** The only site where it can be held; `null` for one of all sites. */
  siteId: SiteId | null;
  /** Sorted. */
  permissions: string[];
}
