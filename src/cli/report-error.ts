import { CommanderError } from 'commander';
import { SettingsError } from '../config/load.ts';
import { Failure } from '../core/failure.ts';
import { StoreUnavailable } from '../store/database.ts';
import { inOperatorWords } from './failure-words.ts';
import { CommandError, type Output } from './output.ts';

/** Tells why a command failed, in one line where the reason is known, and sets the exit code. */
export function reportError(error: unknown, output: Output): void {
  if (error instanceof CommanderError) {
    // Help is an answer, not an error; for the rest Commander has written its message already.
    if (error.exitCode === 0) return;
    output.exitCode = 2;
    if (output.json) output.result({ error: { code: 'usage', message: error.message } }, '');
  } else if (error instanceof SettingsError) output.failure('settings', error.lines);
  else if (error instanceof CommandError) output.failure(error.code, [error.message]);
  else if (error instanceof Failure) output.failure(error.code, [inOperatorWords(error)]);
  else if (error instanceof StoreUnavailable) {
    output.failure('database_unavailable', [`the database cannot be used: ${error.message} (GUICHET_DATABASE_URL)`]);
  } else if (isSystemError(error) && error.syscall === 'listen') {
    output.failure('cannot_listen', [cannotListen(error)]);
  } else {
    output.failure('fault', [error instanceof Error ? (error.stack ?? error.message) : String(error)]);
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException & { address?: string; port?: number } {
  return error instanceof Error && 'syscall' in error;
}

function cannotListen({
  code,
  address = '',
  port,
}: NodeJS.ErrnoException & { address?: string; port?: number }): string {
  const place = `${address.includes(':') ? `[${address}]` : address}:${port}`;
  const reasons: Record<string, string> = {
    EADDRINUSE: 'another program listens there; stop it, or choose another port with GUICHET_PORT',
    EACCES: 'this user may not; choose a port above 1023 with GUICHET_PORT',
    EADDRNOTAVAIL: 'this machine has no such address; choose another with GUICHET_HOST',
  };
  return `cannot listen on ${place}: ${reasons[code ?? ''] ?? code}`;
}
