import type { CodeFactor } from './account.ts';
import type { LiveSession, SessionId } from './session.ts';
import type { Tables } from './store.ts';
import type { Instant } from './time.ts';
import type { World } from './world.ts';

/** A factor that waits for its first right code; the active one works until then (rule 18). */
export interface PendingFactor {
  channel: CodeFactor;
  /** An authenticator's secret under the field key. */
  sealedSecret: string | null;
  epoch: number;
  expiresAt: Instant;
  /** The session that began it. */
  sessionId: SessionId | null;
  /** The codes that come into force with it, where its person is shown them before. */
  sealedRecoveryCodes: string | null;
}

/** The factor that this session has begun and that still waits for its first right code. */
export async function pendingIn(
  world: Pick<World, 'clock'> & { store: Pick<Tables, 'secondFactors'> },
  { account, session }: LiveSession,
): Promise<PendingFactor | undefined> {
  const pending = await world.store.secondFactors.findPending(account.id);
  const waits = pending?.epoch === account.epoch && pending.expiresAt > world.clock.now();
  return waits && pending.sessionId === session.id ? pending : undefined;
}
