import { setImmediate } from 'node:timers/promises';

/** The connection on which batches are written. */
export interface BatchConnection {
  exec(sql: string): void;
}

interface Job {
  run(): Promise<() => void>;
  reject(error: unknown): void;
}

/** Longest batch; past it a caller would wait for too many others. */
const BATCH = 64;

/**
 * Runs transactions on the one connection that SQLite writes through, in the order they came.
 * Those that wait while another commits share the next commit, and so its flush to the disk;
 * each has a savepoint of its own, so one that fails takes nothing of the others with it.
 */
export class GroupCommit {
  readonly #connection: BatchConnection;
  readonly #begin: () => Promise<void>;
  readonly #wrap: (error: unknown) => unknown;
  #waiting: Job[] = [];
  #running: Promise<void> | undefined;

  /**
   * @param begin opens the write transaction, waiting for other processes
   * @param wrap turns a database error into what callers know
   */
  constructor(connection: BatchConnection, begin: () => Promise<void>, wrap: (error: unknown) => unknown) {
    this.#connection = connection;
    this.#begin = begin;
    this.#wrap = wrap;
  }

  /** @param settled is called after the commit, before the promise resolves */
  transaction<T>(work: () => Promise<T>, settled: () => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({
        run: async () => {
          this.#connection.exec('savepoint job');
          try {
            const result = await work();
            this.#connection.exec('release job');
            return () => {
              resolve(result);
              settled();
            };
          } catch (error) {
            try {
              this.#connection.exec('rollback to job');
              this.#connection.exec('release job');
            } catch {
              // SQLite has given the whole transaction up (a full disk): what ended it is what everybody is told.
              throw error;
            }
            return () => reject(this.#wrap(error));
          }
        },
        reject: (error) => reject(this.#wrap(error)),
      });
      this.#running ??= this.#drain();
    });
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  async #drain(): Promise<void> {
    // All requests that have come by this turn of the event loop come along, not the first alone: each is read in a
    // callback of its own, and what has been read is worked on before the next.
    do {
      await setImmediate();
      await this.#writeBatch(this.#waiting.splice(0, BATCH));
    } while (this.#waiting.length > 0);
    this.#running = undefined;
  }

  async #writeBatch(jobs: Job[]): Promise<void> {
    const settle: (() => void)[] = [];
    try {
      await this.#begin();
    } catch (error) {
      // Those behind have waited as long as those in front.
      for (const job of [...jobs, ...this.#waiting.splice(0)]) job.reject(error);
      return;
    }
    try {
      for (const job of jobs) settle.push(await job.run());
      this.#connection.exec('commit');
    } catch (error) {
      try {
        this.#connection.exec('rollback');
      } catch {
        // SQLite has rolled it back itself.
      }
      for (const job of jobs) job.reject(error);
      return;
    }
    for (const done of settle) {
      try {
        done();
      } catch (error) {
        // The commit holds whatever a listener makes of it.
        process.emitWarning(error as Error);
      }
    }
  }
}
