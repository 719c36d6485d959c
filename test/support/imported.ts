import type { Composition } from '../../src/compose.ts';
import type { Account } from '../../src/core/account.ts';
import { createIdentity, type Identity } from '../../src/core/identity.ts';

/** Long enough for every setting. */
const PLACEHOLDER = 'a placeholder that stands in for whatever password is put in its place';

/**
 * An account as another server may hand it over: with a password that no policy was asked about, or with none, and nobody
 * is invited to set one up.
 */
export async function importAccount(
  { clock, store, hasher, ...world }: Composition['world'],
  { password, ...of }: Omit<Parameters<Identity['createAccount']>[0], 'password'> & { password: string | null },
): Promise<Account> {
  const passwordAdvice = { flawOf: async () => undefined };
  const identity = createIdentity({ ...world, clock, store, hasher, passwordAdvice });
  const made = await identity.createAccount({ ...of, password: PLACEHOLDER });
  const hash = password === null ? undefined : await hasher.hash(password);
  await store.transaction(async ({ passwords }) => {
    await (hash ? passwords.replace(made.id, hash, clock.now()) : passwords.remove(made.id));
  });
  return made;
}
