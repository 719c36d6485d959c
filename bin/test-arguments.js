import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './set-up.js';

/** Not part of `npm test`: what takes minutes, needs a browser, or installs from the registry. */
const apart = ['slow', 'browser', 'package'];

/**
 * The arguments for `node` that run the tests: all of them, or the files and folders that are named. Other words go to
 * the test runner as they are. Every test opens a world of its own, so one process runs them all.
 */
export function testArguments(words) {
  const paths = words.filter((word) => !word.startsWith('-'));
  const options = words.filter((word) => word.startsWith('-'));
  const files = paths.length > 0 ? paths.flatMap(testsIn) : allTests();
  return ['--test', '--test-isolation=none', '--test-reporter=spec', ...options, ...files];
}

function allTests() {
  return readdirSync(join(root, 'test'), { withFileTypes: true }).flatMap((entry) =>
    apart.includes(entry.name) ? [] : testsIn(join('test', entry.name)),
  );
}

function testsIn(path) {
  if (!statSync(join(root, path)).isDirectory()) return /\.test\.ts$/.test(path) ? [path] : [];
  return readdirSync(join(root, path))
    .sort()
    .flatMap((name) => testsIn(join(path, name)));
}
