import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { version } from '../../src/version.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const compiler = createRequire(import.meta.url)
  .resolve('typescript/package.json')
  .replace('package.json', 'bin/tsc');
/** Without what npm tells the scripts it runs: the npm started here works in another folder. */
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|GUICHET_|NODE_ENV)/.test(name)));

describe('the package, packed and installed elsewhere without development dependencies', () => {
  const folder = mkdtempSync(join(tmpdir(), 'guichet-package-'));
  const command = join(folder, 'node_modules/guichet/bin/guichet.js');

  before(() => {
    npm(root, 'pack', '--pack-destination', folder);
    const [tarball] = readdirSync(folder).filter((name) => name.endsWith('.tgz'));
    assert(tarball);
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
    npm(folder, 'install', '--omit=dev', '--prefer-offline', '--no-audit', '--no-fund', `./${tarball}`);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('tells its version', () => {
    const answer = execFileSync(process.execPath, [command, 'version', '--json'], {
      cwd: folder,
      env,
      encoding: 'utf8',
    });

    assert.deepEqual(JSON.parse(answer), { version, node: process.versions.node });
  });

  it('serves, and stops with exit code 0 when told to', { timeout: 60_000 }, async (t) => {
    const server = spawn(process.execPath, [command, 'start', '--json'], {
      cwd: folder,
      env: { ...env, GUICHET_PORT: '0' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.after(() => server.kill('SIGKILL'));
    const { port } = JSON.parse(await firstLine(server)) as { port: number };

    const answer = await fetch(`http://127.0.0.1:${port}/health/live`);
    const docs = await fetch(`http://127.0.0.1:${port}/docs`);
    server.kill('SIGTERM');

    assert.equal(answer.status, 200);
    assert.equal(docs.status, 200);
    assert.deepEqual(await once(server, 'exit'), [0, null]);
  });

  it('gives its types to those who import it', () => {
    writeFileSync(
      join(folder, 'uses.ts'),
      `import { runProgram, version } from 'guichet';
       export const code: Promise<number> = runProgram([version], process);`,
    );

    const run = () =>
      execFileSync(
        process.execPath,
        [compiler, '--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2024'].concat(
          '--types',
          'node',
          '--typeRoots',
          join(root, 'node_modules/@types'),
          'uses.ts',
        ),
        { cwd: folder, encoding: 'utf8' },
      );

    assert.equal(run(), '');
  });
});

/** @throws with what npm said if it fails, or has not come back in five minutes */
function npm(cwd: string, ...args: string[]): void {
  execFileSync('npm', args, { cwd, env, stdio: 'pipe', timeout: 300_000 });
}

async function firstLine({ stdout }: ChildProcess): Promise<string> {
  let text = '';
  for await (const chunk of stdout ?? []) {
    text += chunk;
    if (text.includes('\n')) break;
  }
  return text;
}
