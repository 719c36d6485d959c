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
 * @param log told of each value that does not open: it was altered, and stays as it is
 * @returns how many were sealed anew; 0 when nothing is left, or nothing was rotated
 */
export async function resealSecrets(
  handle: DatabaseHandle,
  keyring: Keyring,
  random: Random,
  log: (what: string) => void = () => {},
): Promise<number> {
  const [older] = keyring.olderSeals;
  if (older === undefined) return 0;
  const again = (context: string, sealed: string): string | undefined => {
    try {
      return keyring.seal(context, keyring.open(context, sealed), random.bytes(NONCE_BYTES));
    } catch {
      log(context);
      return undefined;
    }
  };
  return (
    (await resealAuthenticators(handle, `${older}.%`, again)) + (await resealSigningKeys(handle, `${older}.%`, again))
  );
}

type Again = (context: string, sealed: string) => string | undefined;

async function resealAuthenticators(handle: DatabaseHandle, underOlder: string, again: Again): Promise<number> {
  let resealed = 0;
  for (let after = 0; ; ) {
    const rows = await handle.read
      .selectFrom('totp')
      .innerJoin('account', 'account.id', 'totp.account_id')
      .select(['totp.account_id', 'totp.sealed_secret', 'account.uuid'])
      .where('totp.sealed_secret', 'like', underOlder)
      .where('totp.account_id', '>', after)
      .orderBy('totp.account_id')
      .limit(BATCH)
      .execute();
    if (rows.length === 0) return resealed;
    resealed += await handle.transaction(async (db) => {
      let count = 0;
      for (const { account_id, sealed_secret, uuid } of rows) {
        const sealed = again(totpContext({ uuid }), sealed_secret);
        if (sealed === undefined) continue;
        const { numUpdatedRows } = await db
          .updateTable('totp')
          .set({ sealed_secret: sealed })
          .where('account_id', '=', account_id)
          // Not over one that was set up meanwhile.
          .where('sealed_secret', '=', sealed_secret)
          .executeTakeFirst();
        count += Number(numUpdatedRows);
      }
      return count;
    });
    if (rows.length < BATCH) return resealed;
    after = rows.at(-1)?.account_id ?? after;
  }
}

/** There are a handful. */
async function resealSigningKeys(handle: DatabaseHandle, underOlder: string, again: Again): Promise<number> {
  const rows = await handle.read
    .selectFrom('signing_key')
    .select(['kid', 'sealed_private_jwk'])
    .where('sealed_private_jwk', 'like', underOlder)
    .orderBy('kid')
    .execute();
  let resealed = 0;
  for (const { kid, sealed_private_jwk } of rows) {
    const sealed = again(signingKeyContext(kid), sealed_private_jwk);
    if (sealed === undefined) continue;
    const { numUpdatedRows } = await handle.transaction((db) =>
      db
        .updateTable('signing_key')
        .set({ sealed_private_jwk: sealed })
        .where('kid', '=', kid)
        .where('sealed_private_jwk', '=', sealed_private_jwk)
        .executeTakeFirst(),
    );
    resealed += Number(numUpdatedRows);
  }
  return resealed;
}
