import type { Logger } from 'pino';
import { hours, type Instant, minutes, seconds } from '../core/time.ts';
import type { Clock, Random } from '../core/world.ts';
import { StoreUnavailable } from '../store/database.ts';
import type { ClaimedMessage, OutboxQueue, QueuedMessage } from '../store/outbox.ts';
import { type Delivery, DeliveryFailure, LONGEST_SEND_MILLISECONDS, type RenderedMessage } from './delivery.ts';

/** Sent at the same time by one process, unless its parts say otherwise. */
const AT_ONCE = 8;
/** Twice the longest sending: a lease runs out only when its process is gone. */
const LEASE = 2 * LONGEST_SEND_MILLISECONDS;
/** Waits before the second, third … attempt; the last one repeats. */
const BACKOFF = [seconds(1), seconds(5), seconds(30), minutes(2), minutes(10), minutes(30), hours(1)] as const;
/** Nobody wants yesterday's message (R160). */
const LONGEST_TRIED = hours(24);
/** Messages that other processes add are seen within this; one's own are sent at once. */
const POLL_MILLISECONDS = 500;
const STOP_MILLISECONDS = 10_000;

export interface OutboxWorkerParts {
  queue: OutboxQueue;
  delivery: Delivery;
  render: (message: QueuedMessage) => RenderedMessage;
  clock: Pick<Clock, 'now'>;
  random: Pick<Random, 'bytes'>;
  log: Logger;
  /** Names this process in leases, and no other. */
  by: string;
  /** How often it looks for work by itself; 0 for never, when a test turns it by `runOnce`. */
  pollMilliseconds?: number;
  /** How many it sends at the same time; 1 for one after the other, in the order of their ids where they are due alike. */
  atOnce?: number;
}

export interface OutboxWorker {
  /** Looks for work now. Returns at once, never throws. */
  wake(): void;
  /** Sends all that is due, and resolves when each is settled. */
  runOnce(): Promise<void>;
  /** Takes nothing new, and waits for what is under way, ten seconds at most; the rest is another process's after its lease. */
  stop(): Promise<void>;
}

/**
 * Sends the outbox, beside any number of other processes that do. At least once: a crash between the
 * mail server's yes and our mark repeats the message, with the same Message-ID.
 *
 * @see R160: retries with backoff up to 24 h, dead links dropped
 */
export function startOutboxWorker(parts: OutboxWorkerParts): OutboxWorker {
  const { atOnce = AT_ONCE, by, clock, delivery, log, queue, random, render } = parts;
  const underWay = new Set<Promise<void>>();
  // Outcomes that the database did not take; they go first once it answers again.
  const unrecorded: (() => Promise<void>)[] = [];
  let looking: Promise<void> | undefined;
  let lookAgain = false;
  let stopped = false;
  let storeFailing = false;

  async function record(outcome: () => Promise<void>): Promise<void> {
    try {
      await outcome();
    } catch (error) {
      // Any other error would come again: the lease runs out, and the message is repeated.
      if (error instanceof StoreUnavailable) unrecorded.push(outcome);
      storeFailed(error);
    }
  }

  function storeFailed(error: unknown): void {
    if (!storeFailing) log.error({ reason: reasonOf(error) }, 'the outbox is out of reach, trying again');
    storeFailing = true;
  }

  async function settle(claimed: ClaimedMessage): Promise<void> {
    const { id, template } = claimed;
    const attempts = claimed.attempts + 1;
    const end = Math.min(claimed.expiresAt, claimed.createdAt + LONGEST_TRIED);
    const drop = (reason: string): Promise<void> => {
      log.warn({ outboxId: id, template, attempts: claimed.attempts, reason }, 'message dropped unsent');
      return record(() => queue.drop(id, by, { now: clock.now(), reason }));
    };
    if (clock.now() >= end) return drop('expired');
    try {
      await delivery.send(render(claimed.open()));
    } catch (error) {
      const reason = reasonOf(error);
      if (error instanceof DeliveryFailure && error.permanent) return drop(reason);
      const attemptAt = nextAttempt(attempts, clock.now(), end, random);
      log.warn(
        { outboxId: id, template, attempts, reason, nextAttemptAt: new Date(attemptAt).toISOString() },
        'message not sent yet',
      );
      return record(() => queue.postpone(id, by, { attemptAt, reason }));
    }
    log.info({ outboxId: id, template, attempts }, 'message sent');
    return record(() => queue.markSent(id, clock.now()));
  }

  /** Fills the free places. */
  async function look(): Promise<void> {
    const limit = atOnce - underWay.size;
    if (limit === 0) return;
    for (const outcome of unrecorded.splice(0)) await record(outcome);
    try {
      const now = clock.now();
      const claimed = await queue.claim({ by, now, until: now + LEASE, limit });
      if (storeFailing) log.info('the outbox is back');
      storeFailing = false;
      for (const message of claimed) {
        const sending = settle(message).finally(() => {
          underWay.delete(sending);
          // A full house may have left others waiting outside.
          if (claimed.length === limit) wake();
        });
        underWay.add(sending);
      }
    } catch (error) {
      storeFailed(error);
    }
  }

  function lookNow(): Promise<void> {
    looking = look().finally(() => {
      looking = undefined;
      if (lookAgain) {
        lookAgain = false;
        wake();
      }
    });
    return looking;
  }

  /** One look at a time; those who ask meanwhile get one more after it. */
  function wake(): void {
    if (stopped) return;
    if (looking) lookAgain = true;
    else void lookNow();
  }

  async function runOnce(): Promise<void> {
    do {
      while (looking) await looking;
      await lookNow();
      await Promise.all(underWay);
    } while (looking || underWay.size > 0);
  }

  const poll = parts.pollMilliseconds ?? POLL_MILLISECONDS;
  const timer = poll > 0 ? setInterval(wake, poll).unref() : undefined;

  return {
    wake,
    runOnce,
    async stop() {
      stopped = true;
      clearInterval(timer);
      await looking;
      await within(STOP_MILLISECONDS, Promise.all(underWay));
    },
  };
}

/** Each wait is up to a fifth longer or shorter; near the end half of what is left, so that a short-lived link gets its chance. */
function nextAttempt(attempts: number, now: Instant, end: Instant, random: Pick<Random, 'bytes'>): Instant {
  const step = BACKOFF[Math.min(attempts, BACKOFF.length) - 1] ?? hours(1);
  const [byte = 0] = random.bytes(1);
  const jittered = step * (0.8 + (0.4 * byte) / 255);
  return now + Math.round(Math.min(jittered, Math.max((end - now) / 2, minutes(1))));
}

/** Only what we wrote ourselves is told: another error's text may hold an address or a link (R151). */
function reasonOf(error: unknown): string {
  if (error instanceof DeliveryFailure) return error.message;
  const { name, code } = error as { name?: string; code?: string };
  return [name ?? 'Error', code].filter(Boolean).join(' ');
}

async function within(milliseconds: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([work, bound]);
  clearTimeout(timer);
}
