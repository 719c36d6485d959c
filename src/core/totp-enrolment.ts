import type { Account } from './account.ts';
import { pendingIn } from './pending-factor.ts';
import { totpContext } from './second-factor.ts';
import type { LiveSession } from './session.ts';
import { otpauthUri } from './totp.ts';
import type { World } from './world.ts';

/** What the QR code says that an authenticator is set up with. */
export function enrolmentUri({ policy }: Pick<World, 'policy'>, account: Account, secret: string): string {
  const label = account.email ?? account.phone ?? account.username;
  return otpauthUri({ secret, issuer: policy.serviceName, label });
}

/**
 * The secret of an authenticator that this session has begun to set up, until its first right code; then it is never
 * shown again.
 *
 * @see rule 18
 */
export async function lookAtEnrolment(
  world: Pick<World, 'clock' | 'keyring' | 'policy' | 'store'>,
  { live }: { live: LiveSession },
): Promise<{ secret: string; uri: string } | undefined> {
  const { account } = live;
  const pending = await pendingIn(world, live);
  if (!pending || pending.sealedSecret === null) return undefined;
  const secret = world.keyring.open(totpContext(account), pending.sealedSecret);
  return { secret, uri: enrolmentUri(world, account, secret) };
}
