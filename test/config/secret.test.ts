import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { loadSettings } from '../../src/config/load.ts';
import { rootSecrets } from '../../src/config/secret.ts';

const strongSecret = 'vN3kQ8xWz5RbYt1LmC7dHf2GpJ6sAe9U';
const run = promisify(execFile);

function settingsIn(folder: string, env: Record<string, string> = {}) {
  return loadSettings({ GUICHET_DATA_DIR: folder, ...env }).settings;
}

function freshFolder(t: TestContext): string {
  const parent = mkdtempSync(join(tmpdir(), 'guichet-secret-'));
  t.after(() => rmSync(parent, { recursive: true, force: true }));
  return join(parent, 'data');
}

describe('the root secret', () => {
  it('is generated once in development mode, for its owner alone', (t) => {
    const folder = freshFolder(t);

    const [first] = rootSecrets(settingsIn(folder));
    const [second] = rootSecrets(settingsIn(folder));

    assert.equal(first, second);
    assert.equal(Buffer.from(first, 'base64url').length, 32);
    assert.equal(statSync(join(folder, 'secret')).mode & 0o777, 0o600);
    assert.equal(statSync(folder).mode & 0o777, 0o700);
  });

  it('is the same for eight processes that need it at the same moment', async (t) => {
    const folder = freshFolder(t);
    const code = `
      import { loadSettings } from './src/config/load.ts';
      import { rootSecrets } from './src/config/secret.ts';
      process.stdout.write(rootSecrets(loadSettings(process.env).settings)[0]);`;
    const root = join(import.meta.dirname, '../..');
    const args = ['--input-type=module', '--eval', code];

    const answers = await Promise.all(
      Array.from({ length: 8 }, () => run(process.execPath, args, { cwd: root, env: { GUICHET_DATA_DIR: folder } })),
    );

    assert.deepEqual(new Set(answers.map(({ stdout }) => stdout)).size, 1);
    assert.deepEqual(readdirSync(folder), ['secret']);
  });

  it('is the given one where one is given, and then nothing is generated', (t) => {
    const folder = freshFolder(t);

    assert.deepEqual(rootSecrets(settingsIn(folder, { GUICHET_SECRET: strongSecret })), [strongSecret]);
    assert.throws(() => statSync(folder), { code: 'ENOENT' });
  });

  it('stands before the previous one during a rotation', (t) => {
    const previous = [...strongSecret].reverse().join('');
    const settings = settingsIn(freshFolder(t), { GUICHET_SECRET: strongSecret, GUICHET_SECRET_PREVIOUS: previous });

    assert.deepEqual(rootSecrets(settings), [strongSecret, previous]);
  });

  it('is not generated over a file that was cut short', (t) => {
    const folder = freshFolder(t);
    rootSecrets(settingsIn(folder));
    const path = join(folder, 'secret');
    writeFileSync(path, '');

    assert.throws(() => rootSecrets(settingsIn(folder)), {
      name: 'SettingsError',
      message: /secret does not hold a secret/,
    });
    assert.equal(readFileSync(path, 'utf8'), '');
  });

  it('cannot be had from a data folder that is not there to read and write: one line says so', (t) => {
    const file = freshFolder(t);
    writeFileSync(file, '');
    const folder = join(file, 'data');

    assert.throws(() => rootSecrets(settingsIn(folder)), {
      name: 'SettingsError',
      lines: [`GUICHET_DATA_DIR is "${folder}"; accepted is a folder that can be read and written (ENOTDIR)`],
    });
  });
});
