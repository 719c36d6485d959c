import { type Account, isProven } from '../core/account.ts';
import { facts, table, when } from './output.ts';

/** What an operator sees of an account. */
export function accountView(account: Account) {
  return {
    id: account.id,
    uuid: account.uuid,
    email: account.email,
    emailVerified: account.emailVerifiedAt !== null,
    phone: account.phone,
    phoneVerified: account.phoneVerifiedAt !== null,
    name: account.name,
    firstName: account.firstName,
    lastName: account.lastName,
    username: account.username,
    locale: account.locale,
    role: account.role,
    roleId: account.roleId,
    accountableType: account.accountableType,
    accountableId: account.accountableId,
    twoFactor: account.codeFactor,
    lockedAt: account.disabledAt === null ? null : when(account.disabledAt),
    signInCount: account.signInCount,
    lastSignInAt: account.currentSignIn && when(account.currentSignIn.at),
    createdAt: when(account.createdAt),
    updatedAt: when(account.updatedAt),
  };
}

/** @param more what else there is to say of it */
export function accountText(account: Account, more: Record<string, string> = {}): string {
  const view = accountView(account);
  return facts({
    uuid: view.uuid,
    'e-mail': view.email && `${view.email} (${view.emailVerified ? 'verified' : 'not verified'})`,
    phone: view.phone && `${view.phone} (${view.phoneVerified ? 'verified' : 'not verified'})`,
    name: view.name,
    username: view.username,
    locale: view.locale,
    role: `${view.role} (${view.roleId})`,
    'belongs to': `${view.accountableType} ${view.accountableId}`,
    'two-factor': view.twoFactor ?? 'off',
    locked: view.lockedAt ? `since ${view.lockedAt}` : 'no',
    'signed in': view.lastSignInAt ? `${view.signInCount} times, last ${view.lastSignInAt}` : 'never',
    created: view.createdAt,
    updated: view.updatedAt,
    ...more,
  });
}

export function accountTable(accounts: readonly Account[]): string {
  const rows = accounts.map((account) => {
    const view = accountView(account);
    return [
      view.uuid,
      view.email ?? view.phone,
      view.name,
      [isProven(account) ? 'verified' : 'unverified', ...(view.lockedAt ? ['locked'] : [])].join(', '),
      view.createdAt,
    ];
  });
  return table(['UUID', 'IDENTIFIER', 'NAME', 'STATE', 'CREATED'], rows);
}
