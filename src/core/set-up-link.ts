import { timingSafeEqual } from 'node:crypto';
import { type Account, NOBODY } from './account.ts';
import type { DigestPurpose } from './keyring.ts';
import type { Instant } from './time.ts';
import type { World } from './world.ts';

/** What names the account in an application's set-up link. */
export interface SetUpForm {
  id: number;
  /** Hex. */
  hash: string;
  /** Seconds since the Unix epoch. */
  expires: number;
}

/** A mailed set-up link: the hosted page's, or the application's, whose `signature` is the same secret in hex. */
export type SetUpLink = { token: string } | (SetUpForm & { signature: string });

/** Half of it tells links of one account and time apart, half of it whom they are for and until when. */
const HALF = 16;
const SIGNATURE = /^[0-9a-f]{64}$/;
const HASH = /^[0-9a-f]{64}$/;

/**
 * The secret of a link: 128 random bits and as many of an HMAC over them, the account, its address and the end. Its row has
 * the last word; the HMAC tells a link that ran out or was used from one that never was, when there is no row any more.
 *
 * @returns 32 bytes in base64url
 */
export function makeSetUpSecret(
  { keyring, random }: Pick<World, 'keyring' | 'random'>,
  account: Account,
  expiresAt: Instant,
): string {
  const nonce = Buffer.from(random.bytes(HALF));
  const mac = halfOf(keyring.digest('set-up-link', signedText(account, nonce, secondsOf(expiresAt))));
  return Buffer.concat([nonce, mac]).toString('base64url');
}

/** Names the account without its address, and without any that can be guessed from its number. */
export function setUpForm({ keyring }: Pick<World, 'keyring'>, account: Account, expiresAt: Instant): SetUpForm {
  const hash = Buffer.from(keyring.digest('set-up-account', namedText(account)), 'base64url').toString('hex');
  return { id: account.id, hash, expires: secondsOf(expiresAt) };
}

/** Whether the hash is the account's. The same work is done where there is no account (ASVS 5.0: 6.3.8). */
export function isHashOf(world: Pick<World, 'keyring'>, account: Account | undefined, hash: string): boolean {
  const given = Buffer.from(HASH.test(hash) ? hash : '0'.repeat(64), 'hex');
  const named = namedText(account ?? { id: NOBODY, email: null });
  const equal = isDigest(world, 'set-up-account', named, given);
  return equal && account !== undefined && account.email !== null;
}

/** Whether this server made the secret for the account, its address of now, and that end. */
export function isSecretOf(
  world: Pick<World, 'keyring'>,
  account: Account,
  { expires, signature }: { expires: number; signature: string },
): boolean {
  if (!SIGNATURE.test(signature)) return false;
  const bytes = Buffer.from(signature, 'hex');
  const text = signedText(account, bytes.subarray(0, HALF), expires);
  return isDigest(world, 'set-up-link', text, bytes.subarray(HALF));
}

/** The same link as a one-time token, which is what the hosted page takes. */
export function setUpTokenOf(link: SetUpLink): string {
  return 'token' in link ? link.token : Buffer.from(link.signature, 'hex').toString('base64url');
}

const secondsOf = (instant: Instant): number => Math.floor(instant / 1000);
const halfOf = (digest: string): Buffer => Buffer.from(digest, 'base64url').subarray(0, HALF);

const namedText = ({ email, id }: Pick<Account, 'email' | 'id'>): string => JSON.stringify([id, email]);
const signedText = ({ email, uuid }: Account, nonce: Buffer, expires: number): string =>
  JSON.stringify([nonce.toString('hex'), uuid, email, expires]);

/** Whether the bytes begin the text's digest, under any secret still accepted, in a time that tells nothing (ASVS 11.2.4). */
function isDigest({ keyring }: Pick<World, 'keyring'>, purpose: DigestPurpose, text: string, bytes: Buffer): boolean {
  const begins = (digest: string): boolean =>
    timingSafeEqual(Buffer.from(digest, 'base64url').subarray(0, bytes.length), bytes);
  return keyring.digests(purpose, text).some(begins);
}
