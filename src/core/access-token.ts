import type { Account } from './account.ts';
import type { Session } from './session.ts';
import { days, hours, minutes } from './time.ts';
import type { ContractName, World } from './world.ts';

/** How long what a contract hands out lives, in milliseconds. */
export interface Lifetimes {
  access: number;
  /** Since the last use. */
  idle: number;
  /** Since the sign-in, however much it is used and proven anew. */
  absolute: number;
}

/** Contracts whose sessions travel as an access JWT and a rotating refresh token. */
export const LIFETIMES = {
  device: { access: hours(1), idle: days(7), absolute: days(30) },
  cookie: { access: minutes(15), idle: days(7), absolute: days(30) },
} as const satisfies Partial<Record<ContractName, Lifetimes>>;

export type TokenContract = keyof typeof LIFETIMES;

/** Signs the session's newest access token; done once its transaction is durable. */
export async function accessTokenOf(
  world: Pick<World, 'accessTokens' | 'clock'>,
  { account, session }: { account: Account; session: Session },
): Promise<string> {
  const { access, absolute } = LIFETIMES[session.contract as TokenContract];
  const issuedAt = world.clock.now();
  return world.accessTokens.issue(session.contract, {
    account,
    sessionId: session.id,
    deviceId: session.deviceId,
    tokenId: session.tokenId ?? '',
    issuedAt,
    expiresAt: Math.min(issuedAt + access, session.createdAt + absolute),
  });
}

/** How a contract's tokens name an account: what {@link CheckedAccessToken} holds of it. */
export function subjectOf(contract: TokenContract, account: Account): string {
  return contract === 'device' ? String(account.id) : account.uuid;
}
