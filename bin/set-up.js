import { spawn } from 'node:child_process';
import { readFileSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { takeLock } from './lock.js';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** Installs the dependencies when they are missing or not those of package-lock.json. One process does; others wait. */
export async function setUp() {
  if (!isInstalled()) await installOnce();
  linkCommand();
}

async function installOnce() {
  const release = await takeLock(join(root, '.set-up.lock'), () =>
    say('waiting for another process that is installing the dependencies'),
  );
  try {
    // Whoever held the lock before may have done it.
    if (!isInstalled()) await install();
  } finally {
    release();
  }
}

/**
 * Compares the lock file with the record that npm keeps of what it installed. Contents rather than times: a checkout
 * touches files without changing them, and an installation that was cut short leaves no record.
 */
function isInstalled() {
  const installed = packagesOf(join(root, 'node_modules/.package-lock.json'));
  const wanted = packagesOf(join(root, 'package-lock.json'));
  if (!installed || !wanted) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    const found = installed[path];
    // Optional ones are those of other platforms, too.
    return path === '' || (found ? found.integrity === entry.integrity : entry.optional || entry.devOptional);
  });
}

function packagesOf(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

async function install() {
  say('installing the dependencies with npm ci; the first time takes a minute');
  const npm = process.env.npm_execpath;
  const args = ['ci', '--include=dev', '--loglevel=error'];
  const [command, leading] = npm && basename(npm) === 'npm-cli.js' ? [process.execPath, [npm]] : ['npm', []];
  const code = await new Promise((resolve, reject) => {
    // Standard output belongs to what runs afterwards.
    const child = spawn(command, [...leading, ...args], { cwd: root, stdio: ['ignore', 2, 2] });
    child.once('error', reject);
    child.once('exit', (status, signal) => resolve(signal ? 1 : status));
  });
  if (code !== 0) {
    say('npm ci failed; its message is above');
    process.exit(1);
  }
}

/** Puts `guichet` among the clone's commands, where npx looks first; npm links those of dependencies only. */
function linkCommand() {
  try {
    symlinkSync('../../bin/guichet.js', join(root, 'node_modules/.bin/guichet'));
  } catch {
    // It is there already, or cannot be: then npx takes its slower way.
  }
}

function say(line) {
  process.stderr.write(`guichet: ${line}\n`);
}
