import type { Keyring } from './keyring.ts';

/** A row of the record as the sealer sees it. */
export interface SealedRow {
  id: number;
  kind: string;
  at: number;
  accountUuid: string | null;
  contract: string;
  /** JSON text as it was written. */
  facts: string;
  detailDigest: string | null;
  sequence: number;
  seal: string;
}

/** What the first row is chained to. */
export const FIRST_SEAL = 'guichet audit chain';

/** Personal details as they are digested; the digest stays when erasure deletes them (rule 36). */
export function detailText(details: { address: string | null; userAgent: string | null }): string {
  return JSON.stringify([details.address, details.userAgent]);
}

/** What a row's seal covers: all of it, its place, and the seal before it. */
function sealedText(row: Omit<SealedRow, 'seal'>, before: string): string {
  const { id, kind, at, accountUuid, contract, facts, detailDigest, sequence } = row;
  return JSON.stringify([before, sequence, id, kind, at, accountUuid, contract, facts, detailDigest]);
}

/** HMAC-SHA-256 over the row and the seal before it, under a key outside the database. */
export function sealOf(keyring: Keyring, row: Omit<SealedRow, 'seal'>, before: string): string {
  return keyring.digest('audit', sealedText(row, before));
}

/** Whether a seal holds, under the current secret or the one before. */
export function sealHolds(keyring: Keyring, row: SealedRow, before: string): boolean {
  return keyring.digests('audit', sealedText(row, before)).includes(row.seal);
}

/** What says that the chain ends at an entry, so that its last entries can't be cut off unseen. */
export const headText = (sequence: number, seal: string): string => JSON.stringify(['end', sequence, seal]);
