import { type Account, isProven } from '../../core/account.ts';
import type { Device } from '../../core/device.ts';
import type { Session } from '../../core/session.ts';

const iso = (instant: number): string => new Date(instant).toISOString();
const isoOrNull = (instant: number | null | undefined): string | null => (instant == null ? null : iso(instant));

/** All keys of the document, whatever they hold; nothing secret is ever read for it. */
export const accountView = (account: Account) => ({
  failed_attempts: account.failedAttempts,
  id: account.id,
  uuid: account.uuid,
  email: account.email,
  phone: account.phone,
  password_digest: '[redacted]' as const,
  accountable_type: account.accountableType,
  accountable_id: account.accountableId,
  role_id: account.roleId,
  // No client of this contract asks to be remembered.
  remember_created_at: null,
  sign_in_count: account.signInCount,
  current_sign_in_at: isoOrNull(account.currentSignIn?.at),
  last_sign_in_at: isoOrNull(account.lastSignIn?.at),
  current_sign_in_ip: account.currentSignIn?.address ?? null,
  last_sign_in_ip: account.lastSignIn?.address ?? null,
  account_confirmed_at: isoOrNull(firstProof(account)),
  account_confirmed: isProven(account),
  unlock_token: null,
  locked_at: isoOrNull(account.disabledAt ?? account.lockedOutAt),
  two_factor_enabled: account.codeFactor !== null,
  provider: 'local',
  provider_uid: null,
  created_at: iso(account.createdAt),
  updated_at: iso(account.updatedAt),
});

function firstProof({ emailVerifiedAt, phoneVerifiedAt }: Account): number | null {
  if (emailVerifiedAt === null || phoneVerifiedAt === null) return emailVerifiedAt ?? phoneVerifiedAt;
  return Math.min(emailVerifiedAt, phoneVerifiedAt);
}

const labels = ({ name, os, type }: Device) => ({ type, name, os });

export const sessionView = (session: Session, devices: ReadonlyMap<number, Device>, current: Session) => {
  const device = session.deviceId === null ? undefined : devices.get(session.deviceId);
  return {
    uuid: session.id,
    contract: session.contract,
    device: device ? { id: device.id, ...labels(device) } : null,
    ip: session.address,
    user_agent: session.userAgent,
    current: session.id === current.id,
    created_at: iso(session.createdAt),
    last_used_at: iso(session.lastUsedAt),
    expires_at: iso(session.expiresAt),
  };
};

export const deviceView = (device: Device, current: Session) => ({
  id: device.id,
  ...labels(device),
  ip: device.address,
  current: device.id === current.deviceId,
  created_at: iso(device.createdAt),
  last_used_at: iso(device.lastUsedAt),
});
