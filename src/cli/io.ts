import type { Environment } from '../config/environment.ts';

/** What a command touches of its process, so that a test can stand in for it. */
export interface Io {
  env: Environment;
  stdin: NodeJS.ReadableStream & { isTTY?: boolean };
  stdout: NodeJS.WritableStream & { isTTY?: boolean };
  stderr: NodeJS.WritableStream;
}
