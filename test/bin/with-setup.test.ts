import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';

/** Stands in for npm: leaves the record that npm leaves, and a line for each time it was run. */
const npm = `
  import { appendFileSync, copyFileSync, mkdirSync } from 'node:fs';
  appendFileSync('installs', process.argv.slice(2).join(' ') + '\\n');
  await new Promise((resolve) => setTimeout(resolve, 300));
  mkdirSync('node_modules/.bin', { recursive: true });
  copyFileSync('package-lock.json', 'node_modules/.package-lock.json');
  console.log('npm talks');`;

const lockOf = (version: string) =>
  JSON.stringify({
    packages: {
      '': {},
      'node_modules/one': { integrity: version },
      'node_modules/of-another-platform': { integrity: 'any', optional: true },
    },
  });

interface Clone {
  folder: string;
  /** Runs `with-setup.js` with a script of this content. */
  start(script: string, env?: Record<string, string>): ChildProcess;
  finish(
    script: string,
    env?: Record<string, string>,
  ): Promise<{ code: number | null; stdout: string; stderr: string }>;
  installs(): string[];
}

function freshClone(t: TestContext): Clone {
  const folder = mkdtempSync(join(tmpdir(), 'guichet-clone-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(join(import.meta.dirname, '../../bin'), join(folder, 'bin'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(folder, 'package-lock.json'), lockOf('1'));
  writeFileSync(join(folder, 'npm-cli.js'), npm);
  let scripts = 0;
  const start: Clone['start'] = (script, env = {}) => {
    const name = `script-${scripts++}.js`;
    writeFileSync(join(folder, name), script);
    const child = spawn(process.execPath, ['bin/with-setup.js', name, 'an argument'], {
      cwd: folder,
      env: { PATH: process.env['PATH'], npm_execpath: join(folder, 'npm-cli.js'), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    t.after(() => child.kill('SIGKILL'));
    return child;
  };
  return {
    folder,
    start,
    async finish(script, env) {
      const child = start(script, env);
      assert(child.stdout && child.stderr);
      const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
      return { code, stdout, stderr };
    },
    installs: () => readFileSync(join(folder, 'installs'), 'utf8').trim().split('\n'),
  };
}

const sayArguments = 'console.log(process.argv.slice(2).join());';

describe('with-setup', () => {
  it('installs first, says so on standard error, and leaves standard output to what it runs', async (t) => {
    const clone = freshClone(t);

    const { code, stderr, stdout } = await clone.finish(sayArguments);

    assert.equal(code, 0);
    assert.equal(stdout, 'an argument\n');
    assert.match(
      stderr,
      /^guichet: installing the dependencies with npm ci; the first time takes a minute\nnpm talks\n$/,
    );
    assert.deepEqual(clone.installs(), ['ci --include=dev --loglevel=error']);
  });

  it('installs again when package-lock.json asks for other packages, and only then', async (t) => {
    const clone = freshClone(t);
    await clone.finish(sayArguments);
    await clone.finish(sayArguments);
    assert.equal(clone.installs().length, 1);

    writeFileSync(join(clone.folder, 'package-lock.json'), lockOf('2'));
    await clone.finish(sayArguments);

    assert.equal(clone.installs().length, 2);
  });

  it('does not miss optional packages of other platforms', async (t) => {
    const clone = freshClone(t);
    await clone.finish(sayArguments);
    const record = join(clone.folder, 'node_modules/.package-lock.json');
    const { packages } = JSON.parse(readFileSync(record, 'utf8'));
    writeFileSync(record, JSON.stringify({ packages: { 'node_modules/one': packages['node_modules/one'] } }));

    await clone.finish(sayArguments);

    assert.equal(clone.installs().length, 1);
  });

  it('installs once when three are started together in a fresh clone', async (t) => {
    const clone = freshClone(t);

    const ends = await Promise.all([1, 2, 3].map(() => clone.finish(sayArguments)));

    assert.deepEqual(
      ends.map(({ code, stdout }) => [code, stdout]),
      Array(3).fill([0, 'an argument\n']),
    );
    assert.equal(clone.installs().length, 1);
  });

  it('takes over the lock of a process that died', async (t) => {
    const clone = freshClone(t);
    const { pid } = spawnSync(process.execPath, ['--version']);
    writeFileSync(join(clone.folder, '.set-up.lock'), `${pid} left behind`);

    const { code } = await clone.finish(sayArguments);

    assert.equal(code, 0);
    assert.equal(clone.installs().length, 1);
  });

  it('ends with 1 when npm fails', async (t) => {
    const clone = freshClone(t);
    writeFileSync(join(clone.folder, 'npm-cli.js'), 'console.error("no network"); process.exit(7);');

    const { code, stderr, stdout } = await clone.finish(sayArguments);

    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /no network\nguichet: npm ci failed; its message is above\n$/);
  });

  it('ends as what it runs ends', async (t) => {
    assert.equal((await freshClone(t).finish('process.exit(42);')).code, 42);
  });

  it('passes SIGTERM on, once a second, and waits for the end', async (t) => {
    const clone = freshClone(t);
    const child = clone.start(`
      let count = 0;
      process.on('SIGTERM', () => {
        count += 1;
        setTimeout(() => process.exit(10 + count), 500);
      });
      setInterval(() => {}, 1000);
      console.log('ready');`);
    assert(child.stdout);
    for await (const chunk of child.stdout) if (String(chunk).includes('ready')) break;

    child.kill('SIGTERM');
    child.kill('SIGTERM');

    assert.deepEqual(await once(child, 'exit'), [11, null]);
  });

  it('gives what it runs more threads than cores, unless told otherwise', async (t) => {
    const clone = freshClone(t);
    const sayThreads = 'console.log(process.env.UV_THREADPOOL_SIZE);';

    const untold = await clone.finish(sayThreads);
    const told = await clone.finish(sayThreads, { UV_THREADPOOL_SIZE: '3' });

    assert.equal(untold.stdout, `${availableParallelism() + 4}\n`);
    assert.equal(told.stdout, '3\n');
  });
});
