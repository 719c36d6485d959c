import { generateKeyPairSync } from 'node:crypto';
import { auditEvent } from './audit.ts';
import type { Tables } from './store.ts';
import { type Instant, minutes, seconds } from './time.ts';
import type { ContractName, World } from './world.ts';

/** A key that access tokens of one contract are signed with (rule 27). */
export interface SigningKey {
  kid: string;
  contract: ContractName;
  algorithm: 'ES256';
  publicJwk: object;
  /** The private JWK under the field key. */
  sealedPrivateJwk: string;
  createdAt: Instant;
  /** It is published at once and signs from here on. */
  signsFrom: Instant;
  /** `null` while no newer key has taken over. */
  verifiesUntil: Instant | null;
}

/** How long a key is published before it signs: twice what its readers may keep the old set (`max-age=300`). */
const PUBLISHED_FIRST = minutes(10);
/** Longest life of an access token, with a margin for clocks that differ. */
const LONGEST_TOKEN = minutes(60) + seconds(60);

/** The context that seals a private key to its row. */
export const signingKeyContext = (kid: string): string => `signing_key ${kid}`;

/**
 * Makes a new signing key for a contract. It is published at once and signs in ten minutes, or now if the old one may
 * be known to others; the old one verifies until its last token has expired.
 *
 * @see ASVS 5.0: 11.2.2; RFC 7517
 */
export async function rotateSigningKey(
  world: Pick<World, 'clock' | 'keyring' | 'random' | 'store'>,
  input: { contract: ContractName; now: boolean },
): Promise<SigningKey> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const kid = Buffer.from(world.random.bytes(12)).toString('base64url');
  const now = world.clock.now();
  return world.store.transaction(async (store) => {
    const first = !(await store.signingKeys.list()).some(({ contract }) => contract === input.contract);
    const signsFrom = first || input.now ? now : now + PUBLISHED_FIRST;
    const key: SigningKey = {
      kid,
      contract: input.contract,
      algorithm: 'ES256',
      publicJwk: publicKey.export({ format: 'jwk' }),
      sealedPrivateJwk: world.keyring.seal(
        signingKeyContext(kid),
        JSON.stringify(privateKey.export({ format: 'jwk' })),
        world.random.bytes(12),
      ),
      createdAt: now,
      signsFrom,
      verifiesUntil: null,
    };
    // A key that waits for its time would take over again from one that signs now.
    if (input.now) await store.signingKeys.withdrawWaiting(input.contract, now);
    await store.signingKeys.retireBefore(input.contract, signsFrom, signsFrom + LONGEST_TOKEN);
    await store.signingKeys.insert(key);
    await recordRotation(store, key, now);
    return key;
  });
}

async function recordRotation(store: Tables, { contract, kid }: SigningKey, now: Instant): Promise<void> {
  await store.audit.record(
    auditEvent('signing_key.rotated', { account: undefined, contract: 'operator', now, facts: { contract, kid } }),
  );
}

/** Makes a contract's first key unless it has one. Two processes that start together may each make one; both verify. */
export async function ensureSigningKey(
  world: Pick<World, 'clock' | 'keyring' | 'random' | 'store'>,
  contract: ContractName,
): Promise<void> {
  const keys = await world.store.signingKeys.list();
  if (!keys.some((key) => key.contract === contract)) await rotateSigningKey(world, { contract, now: true });
}
