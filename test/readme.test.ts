import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { promisify } from 'node:util';
import { openWorld } from './support/world.ts';

const hasCurl = existsSync('/usr/bin/curl') || existsSync('/bin/curl');

it('the README’s walk works when it is pasted', { skip: hasCurl ? false : 'no curl' }, async (t) => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const walk = /```sh\n(URL=[\s\S]*?)```/.exec(readme)?.[1] ?? assert.fail('the README has no walk');
  const { listen } = await openWorld(t, { env: { GUICHET_PORT: '0' } });
  const { port } = await listen();
  const folder = mkdtempSync(join(tmpdir(), 'guichet-walk-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));

  const script = walk.replaceAll('localhost:3000', `localhost:${port}`).replaceAll('sleep 1', 'sleep 0.3');
  const { stdout } = await promisify(execFile)('bash', ['-c', script], { cwd: folder });

  const messages = [...stdout.matchAll(/"message":"([^"]*)"/g)].map(([, message]) => message);
  assert.deepEqual(messages, [
    'Registration successful. Please check your email to verify your account.',
    'Email verified successfully. You can now log in.',
    'Login successful',
    'Logged out successfully',
    'Magic link sent to email',
  ]);
  assert.match(stdout, /\{"user":\{"id":"[^"]+","email":"ada@example\.com".*"emailVerified":true/);
  assert.match(stdout, /\{"ok":true,"user":/);
  assert.match(stdout, /"session":\{"id":"session_[^"]+","token":"[\w-]{43}","expiresAt":"[^"]+"\}\}/);
  assert.match(
    stdout,
    /\{"two_factor":false\}\{"data":\{"id":1,"username":"ada","first_name":"Ada","last_name":"Lovelace",/,
  );
  assert.match(stdout, /"devices":\[\{"id":1,"type":"Mobile","name":"Pixel 9"/);
});
