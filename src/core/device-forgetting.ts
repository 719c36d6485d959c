import { auditEvent } from './audit.ts';
import type { DeviceId } from './device.ts';
import { Failure } from './failure.ts';
import { type LiveSession, stillLive } from './session.ts';
import type { Caller, World } from './world.ts';

/**
 * Forgets one of the account's own devices and ends the sessions that were opened on it, this one too if it is among them.
 *
 * @throws {Failure} `not_found` if it is somebody else's, or gone
 * @throws {Failure} `session_ended` if the asking session ended meanwhile
 */
export async function forgetDevice(
  world: Pick<World, 'clock' | 'store'>,
  input: { live: LiveSession; id: number; caller: Caller },
): Promise<void> {
  const { caller, live } = input;
  const id = input.id as DeviceId;
  await world.store.transaction(async (store) => {
    const { account, session } = await stillLive({ ...world, store }, live);
    const ended = await store.sessions.endOnDevice(account.id, id);
    if (!(await store.devices.remove(account.id, id))) throw new Failure('not_found');
    await store.audit.record(
      auditEvent('device.forgotten', {
        account,
        contract: session.contract,
        caller,
        now: world.clock.now(),
        facts: { ended },
      }),
    );
  });
}
