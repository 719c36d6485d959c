import type { AccountId } from './account.ts';
import type { Instant } from './time.ts';
import type { Caller, World } from './world.ts';

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
  /** What it was told apart by under the server's secret before this one. */
  formerLabel?: string;
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

/**
 * The labels of every device with this fingerprint, the current secret's first; two clients that give one are one device.
 * Keyed, since a serial number could be found out by trying them all.
 */
export const fingerprintLabels = (world: Pick<World, 'keyring'>, fingerprint: string): string[] =>
  world.keyring.digests('device', fingerprint).map((digest) => `f:${digest}`);

/** Whether a device was told apart by its fingerprint. */
export const hasFingerprint = (label: string): boolean => label.startsWith('f:');

/** Tells a device apart by its fingerprint, or by all that is known of one that gives none. */
export function nameDevice(
  world: Pick<World, 'keyring'>,
  { fingerprint, ...said }: DeviceDescription,
  caller: Caller,
): NamedDevice {
  const description = JSON.stringify([said.type, said.name, said.os, caller.userAgent]);
  const described = (): string[] => world.keyring.digests('device', description).map((digest) => `d:${digest}`);
  const [label = '', formerLabel] = fingerprint ? fingerprintLabels(world, fingerprint) : described();
  return { ...said, label, ...(formerLabel !== undefined && { formerLabel }) };
}
