/** What is seen of one side in one round. */
export interface Round {
  count: number;
  /** A second. */
  rate: number;
  p50Milliseconds?: number;
  p99Milliseconds?: number;
}

/** What the parent asks of a process that does one thing over and over. */
export interface Stint {
  milliseconds: number;
  /** How many do it at the same time. */
  atOnce: number;
}

/** Does `work` whenever the parent asks, for as long as it says, and tells how often. */
export function repeatOnDemand(work: () => Promise<void>): void {
  process.on('message', async ({ milliseconds, atOnce }: Stint) => {
    const from = performance.now();
    let count = 0;
    const worker = async (): Promise<void> => {
      for (let until = from + milliseconds; performance.now() < until; count += 1) await work();
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    process.send?.({ count, rate: (count * 1000) / (performance.now() - from) } satisfies Round);
  });
  process.once('disconnect', () => process.exit(0));
  process.send?.('ready');
}
