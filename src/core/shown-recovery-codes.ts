import { pendingIn } from './pending-factor.ts';
import { recoveryCodeDigest } from './recovery-code.ts';
import type { LiveSession, Session } from './session.ts';
import type { Tables } from './store.ts';
import { minutes } from './time.ts';
import type { World } from './world.ts';

/** How long the session that made them may look at them again (rule 18). */
const SHOWN_FOR = minutes(10);

const contextOf = ({ id }: Session): string => `recovery codes ${id}`;

export const sealCodes = (
  world: Pick<World, 'keyring' | 'random'>,
  session: Session,
  codes: readonly string[],
): string => world.keyring.seal(contextOf(session), JSON.stringify(codes), world.random.bytes(12));

export const openCodes = (world: Pick<World, 'keyring'>, session: Session, sealed: string): string[] =>
  JSON.parse(world.keyring.open(contextOf(session), sealed)) as string[];

/** Lets the session that made codes look at them for ten minutes, in the caller's transaction; till then they are kept sealed. */
export async function showRecoveryCodes(
  world: Pick<World, 'clock' | 'keyring' | 'random'> & { store: Tables },
  { account, session }: LiveSession,
  codes: readonly string[],
): Promise<void> {
  await world.store.secondFactors.putShownCodes(account.id, {
    sessionId: session.id,
    sealed: sealCodes(world, session, codes),
    expiresAt: world.clock.now() + SHOWN_FOR,
  });
}

/**
 * The codes that the session made within the last ten minutes, without those that are used up; none for every other session.
 *
 * @see rule 18
 */
export async function listShownRecoveryCodes(
  world: Pick<World, 'clock' | 'keyring' | 'store'>,
  { live }: { live: LiveSession },
): Promise<string[]> {
  const { account, session } = live;
  const { secondFactors } = world.store;
  const shown = await secondFactors.findShownCodes(session.id, world.clock.now());
  if (!shown) return [];
  const codes = openCodes(world, session, shown);
  const pending = await pendingIn(world, live);
  const waiting = pending?.sealedRecoveryCodes ? openCodes(world, session, pending.sealedRecoveryCodes) : [];
  const usable = new Set(await secondFactors.listRecoveryCodes(account.id));
  return codes.filter((code) => waiting.includes(code) || usable.has(recoveryCodeDigest(account, code)));
}
