import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The first that knows `import.meta.main`. */
const needed = [24, 2];
const modules = fileURLToPath(new URL('../node_modules', import.meta.url));
const passedOn = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Runs `node <args>` in the foreground and ends as it ends. It stays in this process group, so a terminal's Ctrl-C
 * reaches both; signals sent to this process alone are passed on.
 */
export function runOnNode(args) {
  const node = findNode();
  if (!node) {
    process.stderr.write(`guichet: Node ${needed.join('.')} or later is needed; this is ${process.version}\n`);
    process.exit(1);
  }
  const child = spawn(node, ['--expose-gc', ...args], { stdio: 'inherit', env: { ...defaults(), ...process.env } });
  const lastSent = new Map();
  for (const signal of passedOn) {
    process.on(signal, () => {
      // npm and a terminal both send it: the second within a second is the same wish.
      const now = performance.now();
      if (now - (lastSent.get(signal) ?? Number.NEGATIVE_INFINITY) < 1000) return;
      lastSent.set(signal, now);
      child.kill(signal);
    });
  }
  child.once('error', (error) => {
    process.stderr.write(`guichet: cannot run ${node}: ${error.message}\n`);
    process.exit(1);
  });
  child.once('exit', (code, signal) => {
    if (!signal) process.exit(code);
    for (const each of passedOn) process.removeAllListeners(each);
    process.kill(process.pid, signal);
  });
}

/** What serves better than Node's own defaults; whoever sets one of these is obeyed. */
function defaults() {
  return {
    // Password hashing may fill the default pool of four threads, and files and DNS would wait behind it.
    UV_THREADPOOL_SIZE: String(availableParallelism() + 4),
    // Each thread that allocates gets an arena of its own, which is not given back: two serve as well as eight.
    MALLOC_ARENA_MAX: '2',
    // Types are stripped once, not at every start; without it an idle server is some 15 MB larger.
    ...(existsSync(modules) && { NODE_COMPILE_CACHE: join(modules, '.cache', 'guichet') }),
  };
}

/** This Node when it is new enough, else the one that the `node` package brings. */
function findNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > needed[0] || (major === needed[0] && minor >= needed[1])) return process.execPath;
  try {
    const folder = dirname(createRequire(import.meta.url).resolve('node/package.json'));
    const path = join(folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}
