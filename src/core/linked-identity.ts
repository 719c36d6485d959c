import type { AccountId } from './account.ts';
import type { Instant } from './time.ts';

/** An account's owner as another provider knows them: found by the provider's own id, never by an address (R100). */
export interface LinkedIdentity {
  provider: string;
  subject: string;
  accountId: AccountId;
  /** As the provider last said it, shown to its owner; it decides nothing. */
  email: string | null;
  createdAt: Instant;
  lastUsedAt: Instant | null;
}
