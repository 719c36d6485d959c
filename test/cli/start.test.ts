import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';

const main = join(import.meta.dirname, '../../src/main.ts');

function start(t: TestContext, args: string[], env: Record<string, string> = {}): ChildProcess {
  const folder = mkdtempSync(join(tmpdir(), 'guichet-start-'));
  const child = spawn(process.execPath, [main, 'start', ...args], {
    env: { GUICHET_DATA_DIR: join(folder, 'data'), GUICHET_PORT: '0', GUICHET_LOG_LEVEL: 'warn', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  return child;
}

async function firstLine({ stdout }: ChildProcess): Promise<string> {
  assert(stdout);
  const [line] = await once(createInterface({ input: stdout }), 'line');
  return String(line);
}

describe('guichet start', () => {
  it('tells where it serves, and stops with 0 at SIGTERM, also when it comes twice', async (t) => {
    const server = start(t, ['--json']);
    const { port, mailbox } = JSON.parse(await firstLine(server)) as { port: number; mailbox: string };

    const answer = await fetch(`http://127.0.0.1:${port}/health/live`);
    const letters = await fetch(`http://127.0.0.1:${port}${new URL(mailbox).pathname}.json`);
    server.kill('SIGTERM');
    server.kill('SIGTERM');

    assert.equal(answer.status, 200);
    assert.deepEqual(await letters.json(), []);
    assert.deepEqual(await once(server, 'exit'), [0, null]);
  });

  it('stops with 0 at Ctrl-C', async (t) => {
    const server = start(t, ['--json']);
    await firstLine(server);

    server.kill('SIGINT');

    assert.deepEqual(await once(server, 'exit'), [0, null]);
  });

  it('prints the public URL, the mailbox and the reference for people in development mode', async (t) => {
    const server = start(t, [], { GUICHET_PUBLIC_URL: 'http://localhost:4321' });
    assert(server.stdout);
    const lines: string[] = [];
    for await (const line of createInterface({ input: server.stdout })) {
      lines.push(line);
      if (line.includes('Ctrl-C')) break;
    }

    const links = lines.flatMap((line) => line.match(/http\S+/) ?? []).map(String);

    assert.deepEqual(links, [
      'http://localhost:4321',
      'http://localhost:4321/dev/mailbox',
      'http://localhost:4321/docs',
    ]);
  });

  it('says in one line that the port is taken, and what to do', async (t) => {
    const first = start(t, ['--json']);
    const { port } = JSON.parse(await firstLine(first)) as { port: number };

    const second = start(t, [], { GUICHET_PORT: String(port) });
    assert(second.stderr);
    const [complaint, [code]] = await Promise.all([text(second.stderr), once(second, 'exit')]);

    assert.equal(code, 1);
    assert.equal(
      complaint,
      `cannot listen on 127.0.0.1:${port}: another program listens there; stop it, or choose another port with GUICHET_PORT\n`,
    );
  });
});
