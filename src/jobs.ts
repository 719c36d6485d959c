import type { Logger } from 'pino';
import type { Keyring } from './core/keyring.ts';
import { hours, minutes, seconds } from './core/time.ts';
import type { Clock, Random } from './core/world.ts';
import { sealAudit } from './store/audit-sealer.ts';
import { cleanExpired } from './store/clean.ts';
import { type DatabaseHandle, StoreUnavailable } from './store/database.ts';
import { CLEAN_BATCH, type OutboxQueue } from './store/outbox.ts';
import { resealSecrets } from './store/reseal.ts';

const SEAL_EVERY = seconds(2);
const CLEAN_EVERY = minutes(10);
const RESEAL_EVERY = minutes(1);
/** How long a sent message's row is kept, without its content, to see that it was sent. */
const SENT_KEPT_FOR = hours(24 * 7);

export interface Jobs {
  /** Resolves when what is under way is done. */
  stop(): Promise<void>;
}

/**
 * Work that belongs to no request: sealing the audit trail, moving sealed secrets to a new key, deleting what has expired.
 * Any number of processes may run it on one database; each step is a transaction that finds its work undone or done.
 */
export function startJobs(parts: {
  handle: DatabaseHandle;
  keyring: Keyring;
  queue: OutboxQueue;
  random: Random;
  clock: Clock;
  log: Logger;
}): Jobs {
  const { handle, keyring, queue, random, clock, log } = parts;
  const jobs = [
    repeat(log, 'sealing the audit trail', SEAL_EVERY, async () => {
      while ((await sealAudit(handle, keyring)) > 0);
    }),
    repeat(log, 'sealing secrets anew', RESEAL_EVERY, async () => {
      const tell = (what: string): void => log.error({ what }, 'a sealed secret does not open, and stays as it is');
      const resealed = await resealSecrets(handle, keyring, random, tell);
      if (resealed > 0) log.info({ resealed }, 'sealed secrets anew under the current secret');
    }),
    repeat(log, 'deleting what has expired', CLEAN_EVERY, async () => {
      const removed = await cleanExpired(handle, clock.now());
      while ((await queue.clean(clock.now() - SENT_KEPT_FOR)) >= CLEAN_BATCH);
      if (removed > 0) log.info({ removed }, 'deleted what has expired');
    }),
  ];
  return { stop: async () => void (await Promise.all(jobs.map((stop) => stop()))) };
}

/** Runs a job now and then, never twice at once; a failure is logged and the next turn tries again. */
function repeat(log: Logger, name: string, everyMilliseconds: number, job: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  let failing = false;
  const turn = (): void => {
    running ??= job()
      .then(
        () => {
          failing = false;
        },
        (error: unknown) => {
          const level = error instanceof StoreUnavailable ? 'warn' : 'error';
          if (!failing) log[level]({ err: error }, `${name} failed; it is tried again`);
          failing = true;
        },
      )
      .finally(() => {
        running = undefined;
      });
  };
  const timer = setInterval(turn, everyMilliseconds).unref();
  return async () => {
    clearInterval(timer);
    await running;
  };
}
