import { timingSafeEqual } from 'node:crypto';
import type { Account } from './account.ts';
import type { ClaimedAnswer, PasskeyCeremonies } from './passkey.ts';
import type { Session } from './session.ts';
import { spendOnce } from './spent-challenge.ts';
import type { Tables } from './store.ts';
import { type Instant, minutes } from './time.ts';
import type { World } from './world.ts';

/** What a challenge was made for, and whom: an answer to one opens nothing else (rule 29; R106). */
export type Ceremony =
  | { purpose: 'sign_in' }
  | { purpose: 'register' | 'reauthenticate'; session: Pick<Session, 'id'>; account: Pick<Account, 'epoch'> }
  /** `pending`: the digest of the login that waits. */
  | { purpose: 'second_factor'; pending: string };

const LIFETIME = minutes(5);
const RANDOM_BYTES = 16;
const EXPIRY_BYTES = 6;
const MAC_BYTES = 32;

type ChallengeWorld = Pick<World, 'clock' | 'keyring'> & { passkeys: Pick<PasskeyCeremonies, 'relyingPartyId'> };

/**
 * Makes a challenge that needs no row until it is used: random bytes, its expiry, and an HMAC over both and over what it
 * is for.
 *
 * @see WebAuthn §13.4.3
 */
export function makeChallenge(world: ChallengeWorld & Pick<World, 'random'>, ceremony: Ceremony): Uint8Array {
  const expiry = Buffer.alloc(EXPIRY_BYTES);
  expiry.writeUIntBE(world.clock.now() + LIFETIME, 0, EXPIRY_BYTES);
  const open = Buffer.concat([world.random.bytes(RANDOM_BYTES), expiry]);
  const mac = world.keyring.digest('passkey-challenge', boundText(world, ceremony, open));
  return Buffer.concat([open, Buffer.from(mac, 'base64url')]);
}

/** Whether a challenge that came back was made here, for this, and not too long ago. */
export function isOwnChallenge(world: ChallengeWorld, ceremony: Ceremony, { challenge }: ClaimedAnswer): boolean {
  if (challenge.length !== RANDOM_BYTES + EXPIRY_BYTES + MAC_BYTES || expiryOf(challenge) <= world.clock.now()) {
    return false;
  }
  const open = Buffer.from(challenge.subarray(0, RANDOM_BYTES + EXPIRY_BYTES));
  const mac = challenge.subarray(RANDOM_BYTES + EXPIRY_BYTES);
  return world.keyring
    .digests('passkey-challenge', boundText(world, ceremony, open))
    .some((own) => timingSafeEqual(Buffer.from(own, 'base64url'), mac));
}

/**
 * Uses a challenge up, in the caller's transaction.
 *
 * @returns `false` if it was used before
 */
export function spendChallenge(
  world: Pick<World, 'keyring'> & { store: Tables },
  { challenge }: ClaimedAnswer,
): Promise<boolean> {
  return spendOnce(world, Buffer.from(challenge).toString('base64url'), expiryOf(challenge));
}

const expiryOf = (challenge: Uint8Array): Instant =>
  Buffer.from(challenge.subarray(RANDOM_BYTES, RANDOM_BYTES + EXPIRY_BYTES)).readUIntBE(0, EXPIRY_BYTES);

function boundText(world: ChallengeWorld, ceremony: Ceremony, open: Buffer): string {
  const binding =
    ceremony.purpose === 'sign_in'
      ? []
      : ceremony.purpose === 'second_factor'
        ? [ceremony.pending]
        : [ceremony.session.id, ceremony.account.epoch];
  return JSON.stringify([ceremony.purpose, world.passkeys.relyingPartyId, binding, open.toString('base64url')]);
}
