import type { Keyring } from '../core/keyring.ts';
import { totpContext } from '../core/second-factor.ts';
import { signingKeyContext } from '../core/signing-key.ts';
import type { Random } from '../core/world.ts';
import type { DatabaseHandle } from './database.ts';

const BATCH = 200;
const NONCE_BYTES = 12;

/**
 * Seals what outlives a rotation of the server's secret under the current one: authenticators and signing keys that were
 * sealed under the one before. Until it has been through, the one before is needed (GUICHET_SECRET_PREVIOUS).
 *
 * @returns how many were sealed anew; 0 when there is no more, or nothing was rotated
 */
export async function resealSecrets(handle: DatabaseHandle, keyring: Keyring, random: Random): Promise<number> {
  const [older] = keyring.olderSeals;
  if (older === undefined) return 0;
  const underOlder = `${older}.%`;
  const authenticators = await handle.read
    .selectFrom('totp')
    .innerJoin('account', 'account.id', 'totp.account_id')
    .select(['totp.account_id', 'totp.sealed_secret', 'account.uuid'])
    .where('totp.sealed_secret', 'like', underOlder)
    .limit(BATCH)
    .execute();
  const keys = await handle.read
    .selectFrom('signing_key')
    .select(['kid', 'sealed_private_jwk'])
    .where('sealed_private_jwk', 'like', underOlder)
    .limit(BATCH)
    .execute();
  if (authenticators.length + keys.length === 0) return 0;
  const again = (context: string, sealed: string): string =>
    keyring.seal(context, keyring.open(context, sealed), random.bytes(NONCE_BYTES));
  await handle.transaction(async (db) => {
    for (const { account_id, sealed_secret, uuid } of authenticators) {
      await db
        .updateTable('totp')
        .set({ sealed_secret: again(totpContext({ uuid }), sealed_secret) })
        .where('account_id', '=', account_id)
        // Not over one that was set up meanwhile.
        .where('sealed_secret', '=', sealed_secret)
        .execute();
    }
    for (const { kid, sealed_private_jwk } of keys) {
      await db
        .updateTable('signing_key')
        .set({ sealed_private_jwk: again(signingKeyContext(kid), sealed_private_jwk) })
        .where('kid', '=', kid)
        .where('sealed_private_jwk', '=', sealed_private_jwk)
        .execute();
    }
  });
  return authenticators.length + keys.length;
}
