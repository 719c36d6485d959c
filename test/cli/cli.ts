import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { runProgram } from '../../src/cli/program.ts';

export interface Answer {
  code: number;
  stdout: string;
  stderr: string;
}

export interface TestCli {
  folder: string;
  /** Runs a command in this process, on a data folder of the test's own. */
  run(...args: string[]): Promise<Answer>;
  /** The same with `--json`: checks that standard output is one JSON value on one line. */
  json(...args: string[]): Promise<{ code: number; value: unknown; stderr: string }>;
  /** The same as `run`, with this on standard input. */
  runWith(input: string, ...args: string[]): Promise<Answer>;
}

/** A command line whose environment is what is given here and nothing else. */
export function openCli(t: { after(undo: () => unknown): void }, env: Record<string, string> = {}): TestCli {
  const folder = mkdtempSync(join(tmpdir(), 'guichet-cli-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const runWith: TestCli['runWith'] = async (input, ...args) => {
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    const code = await runProgram(args, {
      env: { GUICHET_DATA_DIR: join(folder, 'data'), GUICHET_DURABILITY: 'normal', ...env },
      stdin: Readable.from([input]),
      stdout,
      stderr,
    });
    stdout.end();
    stderr.end();
    return { code, stdout: await text(stdout), stderr: await text(stderr) };
  };
  const run: TestCli['run'] = (...args) => runWith('', ...args);
  return {
    folder,
    run,
    runWith,
    async json(...args) {
      const { code, stderr, stdout } = await run(...args, '--json');
      assert.match(stdout, /^[^\n]+\n$/, `not one line: ${stdout}`);
      return { code, stderr, value: JSON.parse(stdout) };
    },
  };
}
