import { Worker } from 'node:worker_threads';
import { Failure } from '../core/failure.ts';
import type { PasswordAdvice } from '../core/world.ts';
import type { Answer, Question } from './worker.ts';

/** The dictionaries take some 60 MB, so the thread that holds them goes when nobody has asked for this long. */
const IDLE_MILLISECONDS = 60_000;
/** More questions than this at once are refused: each takes milliseconds, and the caller's patience is seconds. */
const QUEUE = 256;

interface Waiting {
  resolve(flaw: Answer['flaw']): void;
  reject(error: Error): void;
}

/**
 * Judges passwords in a thread of its own, so that an estimate never delays other requests.
 * The thread starts with the first question.
 */
export class PasswordAdvisor implements PasswordAdvice {
  #worker: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;
  #waiting = new Map<number, Waiting>();
  #counter = 0;

  /** @throws {Failure} `overloaded` when too many wait */
  flawOf(password: string, personal: readonly string[]): Promise<Answer['flaw']> {
    if (this.#waiting.size >= QUEUE) throw new Failure('overloaded', { retryAfterSeconds: 1 });
    clearTimeout(this.#idle);
    this.#worker ??= this.#start();
    const worker = this.#worker;
    this.#counter += 1;
    const question: Question = { id: this.#counter, password, personal };
    return new Promise((resolve, reject) => {
      this.#waiting.set(question.id, { resolve, reject });
      worker.ref();
      worker.postMessage(question);
    });
  }

  async close(): Promise<void> {
    clearTimeout(this.#idle);
    const worker = this.#worker;
    if (!worker) return;
    this.#fail(worker, new Error('the password advice thread was closed'));
    await worker.terminate();
  }

  #start(): Worker {
    // The compiled package has .js files, a checkout runs the .ts ones.
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const worker = new Worker(new URL(`./worker.${extension}`, import.meta.url), {
      name: 'password-advice',
      // Little garbage between collections: the thread needs 40 MB, and would otherwise take three times that.
      resourceLimits: { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 4 },
    });
    worker.on('message', (answer: Answer) => this.#settle(worker, answer));
    worker.on('error', (error) => this.#fail(worker, error));
    worker.on('exit', () => this.#fail(worker, new Error('the password advice thread ended')));
    return worker;
  }

  #settle(worker: Worker, { id, flaw }: Answer): void {
    this.#waiting.get(id)?.resolve(flaw);
    this.#waiting.delete(id);
    if (this.#waiting.size > 0) return;
    worker.unref();
    this.#idle = setTimeout(() => void this.close(), IDLE_MILLISECONDS).unref();
  }

  #fail(worker: Worker, error: Error): void {
    if (worker !== this.#worker) return;
    this.#worker = undefined;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
