import { availableParallelism } from 'node:os';
import { Failure } from '../core/failure.ts';

/** Most hashes that wait; each takes tens of milliseconds, so the last one still meets the deadline on two cores. */
const QUEUE = 64;
const DEADLINE_MILLISECONDS = 5000;
/** Most callers that are let in at once: those who hash, those in the queue, and as many who wait for a place of their own. */
const ADMITTED = 2 * QUEUE;
/** Threads of libuv's pool that hashes never take: files, DNS and signatures wait in the same pool. */
const KEPT_FREE = 2;
const LIBUV_DEFAULT = 4;

interface Job {
  start(): void;
  giveUp(): void;
  timer: NodeJS.Timeout;
}

/**
 * Runs slow hashes, no more at once than there are cores, in the order they came.
 * What can't start in time is refused, so that a flood of sign-ins costs those who sign in, and nobody else (R156).
 */
export class HashPool {
  readonly deadlineMilliseconds: number;
  readonly #width: number;
  readonly #limit: number;
  readonly #queue: Job[] = [];
  #running = 0;
  #admitted = 0;

  constructor(options: { width?: number; queue?: number; deadlineMilliseconds?: number } = {}) {
    this.#width = options.width ?? poolWidth();
    this.#limit = options.queue ?? QUEUE;
    this.deadlineMilliseconds = options.deadlineMilliseconds ?? DEADLINE_MILLISECONDS;
  }

  /** How many wait for their turn. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** @throws {Failure} `overloaded` if too many are inside */
  async admit<T>(work: () => Promise<T>): Promise<T> {
    if (this.#admitted >= ADMITTED) throw new Failure('overloaded', { retryAfterSeconds: 1 });
    this.#admitted += 1;
    try {
      return await work();
    } finally {
      this.#admitted -= 1;
    }
  }

  /** @throws {Failure} `overloaded` if the queue is full or the deadline passes before its turn */
  run<T>(hash: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#width && this.#queue.length >= this.#limit) {
      return Promise.reject(new Failure('overloaded', { retryAfterSeconds: 1 }));
    }
    return new Promise<T>((resolve, reject) => {
      const job: Job = {
        start: () => {
          clearTimeout(job.timer);
          this.#running += 1;
          // A hash that throws before it begins fails like any other.
          Promise.try(hash)
            .then(resolve, reject)
            .finally(() => {
              this.#running -= 1;
              this.#next();
            });
        },
        giveUp: () => {
          this.#queue.splice(this.#queue.indexOf(job), 1);
          reject(new Failure('overloaded', { retryAfterSeconds: Math.ceil(this.deadlineMilliseconds / 1000) }));
        },
        timer: setTimeout(() => job.giveUp(), this.deadlineMilliseconds),
      };
      this.#queue.push(job);
      this.#next();
    });
  }

  #next(): void {
    while (this.#running < this.#width) {
      const job = this.#queue.shift();
      if (!job) return;
      job.start();
    }
  }
}

function poolWidth(): number {
  const threads = Number(process.env['UV_THREADPOOL_SIZE']) || LIBUV_DEFAULT;
  return Math.max(1, Math.min(availableParallelism(), threads - KEPT_FREE));
}
