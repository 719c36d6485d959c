import { createHash } from 'node:crypto';
import type { AccountId } from './account.ts';
import type { Instant } from './time.ts';
import type { Caller } from './world.ts';

declare const brand: unique symbol;
/** Counts up; it names a device to its owner and opens nothing. */
export type DeviceId = number & { readonly [brand]: 'device' };

/** What a client says of the device it runs on: labels for its owner, never a proof (R075). */
export interface DeviceDescription {
  type: string | null;
  name: string | null;
  os: string | null;
  fingerprint: string | null;
}

/** The same once it is told apart from others: what is kept holds no fingerprint, only what it leads to. */
export interface NamedDevice {
  type: string | null;
  name: string | null;
  os: string | null;
  /** What it is told apart by, see {@link nameDevice}. */
  label: string;
}

/** A device that an account was signed in on. */
export interface Device extends NamedDevice {
  id: DeviceId;
  accountId: AccountId;
  /** Where it was last signed in from. */
  address: string | null;
  createdAt: Instant;
  lastUsedAt: Instant;
}

/** Devices kept an account; the least recently used goes first. */
export const MOST_DEVICES = 100;

/** The label of every device with this fingerprint; two clients that give one are one device. */
export const fingerprintLabel = (fingerprint: string): string => `f:${sha256(fingerprint)}`;

/** Whether a device was told apart by its fingerprint. */
export const hasFingerprint = (label: string): boolean => label.startsWith('f:');

/** Tells a device apart by its fingerprint, or by all that is known of one that gives none. */
export function nameDevice({ fingerprint, ...said }: DeviceDescription, caller: Caller): NamedDevice {
  const { name, os, type } = said;
  const described = (): string => `d:${sha256(JSON.stringify([type, name, os, caller.userAgent]))}`;
  return { ...said, label: fingerprint ? fingerprintLabel(fingerprint) : described() };
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('base64url');
