import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './set-up.js';

/** One file a process, each with its share of all tests. */
const parts = ['test/parts/first.ts', 'test/parts/second.ts'];

/**
 * The arguments for `node` that run the tests: all of them, in two processes, or the files and folders that are named,
 * in one. Other words go to the test runner as they are. Every test opens a world of its own, so any may share a process.
 */
export function testArguments(words) {
  const paths = words.filter((word) => !word.startsWith('-'));
  const options = words.filter((word) => word.startsWith('-'));
  return paths.length > 0
    ? ['--test', '--test-isolation=none', '--test-reporter=spec', ...options, ...paths.flatMap(testsIn)]
    : ['--test', `--test-concurrency=${parts.length}`, '--test-reporter=spec', ...options, ...parts];
}

function testsIn(path) {
  if (!statSync(join(root, path)).isDirectory()) return /\.test\.ts$/.test(path) ? [path] : [];
  return readdirSync(join(root, path))
    .sort()
    .flatMap((name) => testsIn(join(path, name)));
}
