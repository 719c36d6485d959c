import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import type { Cli } from './open.ts';
import { CommandError } from './output.ts';

/**
 * A password that was not given as an option: typed unseen on a terminal, else the first line of standard input.
 *
 * @throws {CommandError} if there is none, or if the two typed ones differ
 */
export async function readPassword(cli: Cli): Promise<string> {
  const password = cli.io.stdin.isTTY ? await typePassword(cli) : await firstLine(cli);
  if (password === '') throw new CommandError('password_missing', 'no password was given');
  return password;
}

async function typePassword(cli: Cli): Promise<string> {
  const password = await typeUnseen(cli, 'Password: ');
  if (password !== (await typeUnseen(cli, 'Once more: '))) {
    throw new CommandError('password_mistyped', 'the two passwords differ');
  }
  return password;
}

async function typeUnseen({ io }: Cli, question: string): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input: io.stdin, output: nowhere, terminal: true });
  const interrupted = new AbortController();
  reader.once('SIGINT', () => interrupted.abort());
  io.stderr.write(question);
  try {
    return await reader.question('', { signal: interrupted.signal });
  } catch {
    throw new CommandError('interrupted', 'interrupted');
  } finally {
    io.stderr.write('\n');
    reader.close();
  }
}

async function firstLine({ io, output }: Cli): Promise<string> {
  output.note('reading the password from standard input');
  const reader = createInterface({ input: io.stdin });
  try {
    for await (const line of reader) return line;
    return '';
  } finally {
    reader.close();
  }
}
