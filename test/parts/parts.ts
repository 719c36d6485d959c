import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const tests = fileURLToPath(new URL('..', import.meta.url));

/** Not part of `npm test`: what takes minutes, needs a browser, or installs from the registry. */
const APART = new Set(['slow', 'browser', 'package']);

/** All tests, dealt out by size to as many processes as there are files beside this one. */
const PARTS = 2;

export async function runPart(number: number): Promise<void> {
  const files = readdirSync(tests, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts') && !APART.has(path.split(/[/\\]/)[0] ?? ''))
    .map((path) => join(tests, path))
    .map((path) => ({ path, bytes: statSync(path).size }))
    .sort((one, other) => other.bytes - one.bytes || (one.path < other.path ? -1 : 1))
    .filter((_file, index) => index % PARTS === number)
    .map(({ path }) => path)
    .sort();
  for (const path of files) await import(pathToFileURL(path).href);
}
