import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { it } from 'node:test';
import { sql } from 'kysely';
import { createKeyring } from '../../src/core/keyring.ts';
import { totpContext } from '../../src/core/second-factor.ts';
import { signingKeyContext } from '../../src/core/signing-key.ts';
import { resealSecrets } from '../../src/store/reseal.ts';
import { eachDatabase } from '../support/databases.ts';

const random = { bytes: (length: number) => randomBytes(length), uuid: () => '' };
const OLD = 'the secret of last year, with 32 bytes';
const NEW = 'the secret of this year, with 32 bytes';

eachDatabase('sealing secrets anew', (open) => {
  it('lets the old secret go without locking anybody out', async (t) => {
    const handle = await open(t);
    const before = createKeyring([OLD]);
    const during = createKeyring([NEW, OLD]);
    const after = createKeyring([NEW]);
    const secret = before.seal(totpContext({ uuid: 'a-uuid' }), 'JBSWY3DPEHPK3PXP', randomBytes(12));
    const jwk = before.seal(signingKeyContext('a-kid'), '{"kty":"EC"}', randomBytes(12));
    await handle.transaction(async (db) => {
      await sql`insert into account (uuid, first_name, last_name, username, locale, epoch, created_at, updated_at)
        values ('a-uuid', '', '', 'ada', 'en', 0, 0, 0)`.execute(db);
      await sql`insert into totp (account_id, sealed_secret, last_step, confirmed_at)
        select id, ${secret}, 7, 0 from account`.execute(db);
      await sql`insert into signing_key (kid, contract, algorithm, public_jwk, sealed_private_jwk, created_at, signs_from)
        values ('a-kid', 'cookie', 'ES256', '{}', ${jwk}, 0, 0)`.execute(db);
    });

    assert.equal(await resealSecrets(handle, before, random), 0);
    assert.equal(await resealSecrets(handle, during, random), 2);
    assert.equal(await resealSecrets(handle, during, random), 0);

    const totp = await handle.read.selectFrom('totp').selectAll().executeTakeFirstOrThrow();
    const key = await handle.read.selectFrom('signing_key').selectAll().executeTakeFirstOrThrow();
    assert.equal(after.open(totpContext({ uuid: 'a-uuid' }), totp.sealed_secret), 'JBSWY3DPEHPK3PXP');
    assert.equal(after.open(signingKeyContext('a-kid'), key.sealed_private_jwk), '{"kty":"EC"}');
    assert.equal(totp.last_step, 7);
  });
});
