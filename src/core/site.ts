declare const brand: unique symbol;
/** Counts up, and is never given twice. */
export type SiteId = number & { readonly [brand]: 'site' };

/** A place of the host application, where its people have roles and permissions. */
export interface Site {
  id: SiteId;
  name: string;
  isHeadquarters: boolean;
}
