import type { Kysely } from 'kysely';
import type { SigningKeys } from '../core/store.ts';
import type { ContractName } from '../core/world.ts';
import type { Database } from './schema.ts';

export function signingKeysOn(db: Kysely<Database>): SigningKeys {
  return {
    async list() {
      const rows = await db.selectFrom('signing_key').selectAll().orderBy('signs_from').orderBy('kid').execute();
      return rows.map((row) => ({
        kid: row.kid,
        contract: row.contract as ContractName,
        algorithm: 'ES256',
        publicJwk: JSON.parse(row.public_jwk) as object,
        sealedPrivateJwk: row.sealed_private_jwk,
        createdAt: row.created_at,
        signsFrom: row.signs_from,
        verifiesUntil: row.verifies_until,
      }));
    },
    async insert(key) {
      await db
        .insertInto('signing_key')
        .values({
          kid: key.kid,
          contract: key.contract,
          algorithm: key.algorithm,
          public_jwk: JSON.stringify(key.publicJwk),
          sealed_private_jwk: key.sealedPrivateJwk,
          created_at: key.createdAt,
          signs_from: key.signsFrom,
          verifies_until: key.verifiesUntil,
        })
        .execute();
    },
    async retireBefore(contract, signsFrom, verifiesUntil) {
      await db
        .updateTable('signing_key')
        .set({ verifies_until: verifiesUntil })
        .where('contract', '=', contract)
        .where('signs_from', '<', signsFrom)
        .where('verifies_until', 'is', null)
        .execute();
    },
    async withdrawWaiting(contract, now) {
      await db.deleteFrom('signing_key').where('contract', '=', contract).where('signs_from', '>', now).execute();
    },
  };
}
