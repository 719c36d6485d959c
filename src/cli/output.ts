import type { Io } from './io.ts';

/** The command cannot do what it was asked to; the message says why in one line. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  /** For machines: a word that stays the same. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Where a command's answer goes. With `json` standard output carries exactly one JSON value, also when the command
 * fails; whatever else there is to say goes to standard error.
 */
export class Output {
  readonly json: boolean;
  /** 1 once the answer is bad news. */
  exitCode = 0;
  readonly #io: Io;

  constructor(io: Io, json: boolean) {
    this.#io = io;
    this.json = json;
  }

  /** The command's answer: a value for machines, text for people. */
  result(value: unknown, text: string): void {
    this.#io.stdout.write(`${this.json ? JSON.stringify(value) : text}\n`);
  }

  /** A line about what is going on: progress, a warning. */
  note(line: string): void {
    this.#io.stderr.write(`${line}\n`);
  }

  /** Why it failed, a line each. */
  failure(code: string, lines: readonly string[]): void {
    this.exitCode = 1;
    for (const line of lines) this.note(line);
    if (this.json) this.result({ error: { code, message: lines.join('\n') } }, '');
  }
}

/** Rows below their titles, in columns. */
export function table(titles: readonly string[], rows: readonly (readonly (string | null)[])[]): string {
  const lines = [titles, ...rows.map((row) => row.map((cell) => printable(cell ?? '–')))];
  const widths = titles.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** One fact a line, its name before it. */
export function facts(pairs: Record<string, string | null>): string {
  return Object.entries(pairs)
    .map(([name, value]) => `${name.padEnd(12)}  ${printable(value ?? '–')}`)
    .join('\n');
}

/** Text that cannot steer the terminal: control and direction characters are written out (`\u001b`). */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (found) => `\\u{${found.codePointAt(0)?.toString(16)}}`);
}

/** An instant as people and machines both read it. */
export function when(instant: number): string {
  return new Date(instant).toISOString();
}
