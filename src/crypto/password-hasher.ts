import { hash as argon2, verify as argon2Verify, parseOptions } from '@node-rs/argon2';
import type { Keyring } from '../core/keyring.ts';
import type { PasswordHash, PasswordHasher } from '../core/world.ts';
import type { HashPool } from './hash-pool.ts';

/** Argon2id, OWASP's floor: 19 MiB, 2 passes, 1 lane (OWASP Password Storage; RFC 9106 §4). */
export const ARGON2_PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1, outputLen: 32 } as const;

export type Argon2Parameters = { readonly [Name in keyof typeof ARGON2_PARAMETERS]: number };

/**
 * Argon2id with a pepper that is kept outside the database, as the algorithm's own secret input.
 *
 * @param peppers the current one first; hashes made with another still verify while it is listed
 */
export async function argon2id(
  pool: HashPool,
  peppers: Keyring['peppers'],
  parameters: Argon2Parameters = ARGON2_PARAMETERS,
): Promise<PasswordHasher> {
  const [current] = peppers;
  if (!current) throw new Error('a password hasher needs a pepper');
  const make = (password: string): Promise<string> => argon2(password, { ...parameters, secret: current.key });
  // What an unknown account's password is compared with.
  const nothing = await make('');

  const hasher: PasswordHasher = {
    deadlineMilliseconds: pool.deadlineMilliseconds,
    admit: (work) => pool.admit(work),
    hash: (password) =>
      pool.run(async (): Promise<PasswordHash> => ({ hash: await make(password), pepperId: current.id })),
    async verify(stored, password) {
      const pepper = peppers.find(({ id }) => id === stored.pepperId);
      // A hash under a pepper that nobody has any more matches nothing, after the same work.
      if (!pepper) return hasher.verifyNothing(password);
      return pool.run(() => argon2Verify(stored.hash, password, { secret: pepper.key }));
    },
    async verifyNothing(password) {
      await pool.run(() => argon2Verify(nothing, password, { secret: current.key }));
      return false;
    },
    isOutdated({ hash, pepperId }) {
      const { memoryCost, timeCost, parallelism } = parseOptions(hash);
      return (
        pepperId !== current.id ||
        memoryCost < parameters.memoryCost ||
        timeCost < parameters.timeCost ||
        parallelism !== parameters.parallelism
      );
    },
  };
  return hasher;
}
