import type { Account } from './account.ts';
import type { Session } from './session.ts';
import { absoluteEnd } from './session-lifetime.ts';
import { hours, minutes } from './time.ts';
import type { ContractName, World } from './world.ts';

/** Contracts whose sessions travel as an access JWT and a rotating refresh token, and how long the JWT lives. */
export const ACCESS_LIFETIMES = {
  device: hours(1),
  cookie: minutes(15),
} as const satisfies Partial<Record<ContractName, number>>;

export type TokenContract = keyof typeof ACCESS_LIFETIMES;

export const isTokenContract = (contract: ContractName): contract is TokenContract => contract in ACCESS_LIFETIMES;

/** Signs the session's newest access token; done once its transaction is durable. */
export async function accessTokenOf(
  world: Pick<World, 'accessTokens' | 'clock'>,
  { account, session }: { account: Account; session: Session },
): Promise<string> {
  const contract = session.contract as TokenContract;
  const issuedAt = world.clock.now();
  return world.accessTokens.issue(contract, {
    account,
    sessionId: session.id,
    deviceId: session.deviceId,
    tokenId: session.tokenId ?? '',
    issuedAt,
    expiresAt: Math.min(issuedAt + ACCESS_LIFETIMES[contract], absoluteEnd(contract, session.createdAt)),
  });
}

/** How a contract's tokens name an account: what {@link CheckedAccessToken} holds of it. */
export function subjectOf(contract: TokenContract, account: Account): string {
  return contract === 'device' ? String(account.id) : account.uuid;
}
