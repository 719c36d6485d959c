import { after, before } from 'node:test';

type Opening = { after(undo: () => unknown): void };

/**
 * Something that all tests of a suite use, opened before the first and closed after the last: for those that leave each
 * other alone.
 */
export function shared<T>(open: (t: Opening) => Promise<T>): () => T {
  let opened: T | undefined;
  const undo: (() => unknown)[] = [];
  before(async () => {
    opened = await open({ after: (work) => void undo.push(work) });
  });
  after(async () => {
    for (const work of undo.reverse()) await work();
  });
  return () => {
    if (opened === undefined) throw new Error('what the suite shares is open while its tests run');
    return opened;
  };
}
