import { type Account, NOBODY } from './account.ts';
import { canonicalEmail } from './identifier.ts';
import { mayMail } from './send-limit.ts';
import type { Tables } from './store.ts';
import type { World } from './world.ts';

/**
 * The account that a link to get in by may be mailed to because somebody named its address, in the caller's transaction.
 * Counted for every address, so that no counter tells which ones exist; one that is not wanted takes none of its share.
 */
export async function mailableAccount(
  world: Pick<World, 'clock' | 'keyring' | 'policy'> & { store: Tables },
  purpose: 'magic_link' | 'password_reset' | 'password_set_up',
  given: string,
  /** What else must hold of it. */
  isWanted: (account: Account) => Promise<boolean> = async () => true,
): Promise<(Account & { email: string }) | undefined> {
  const address = canonicalEmail(given);
  const { accounts } = world.store;
  const found = address ? await accounts.findByIdentifier('email', address) : undefined;
  // Held, so that it is there for as long as what is written about it; the same reads without one.
  const account = await accounts.hold(found?.id ?? NOBODY);
  if (account && !(await isWanted(account))) return undefined;
  const allowed = await mayMail(world, purpose, address ?? given.slice(0, 254));
  if (!allowed || !account?.email || account.email !== address || account.disabledAt !== null) return undefined;
  // An unproven address beside a proven number may be a stranger's.
  if (account.emailVerifiedAt === null && account.phoneVerifiedAt !== null) return undefined;
  return { ...account, email: account.email };
}
