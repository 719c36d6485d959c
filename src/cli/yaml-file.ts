import { open } from 'node:fs/promises';
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { CommandError, printable } from './output.ts';

const LARGEST_BYTES = 1_000_000;
const MOST_COMPLAINTS = 20;

/** A part of a file, and how an operator finds it: `roles[2].level`. */
export interface Part {
  node: unknown;
  at: string;
}

/**
 * A YAML file as it is read part by part. What is not as it should be is noted with its line, so that all of it is told
 * at once. Nodes are never expanded: an alias is refused where it stands.
 */
export class YamlFile {
  readonly root: Part;
  readonly #path: string;
  readonly #lines = new LineCounter();
  readonly #complaints: { line: number; text: string }[] = [];

  /** @throws {CommandError} `file_rejected` if it is no YAML */
  constructor(path: string, text: string) {
    this.#path = path;
    // What is given twice is looked for part by part: the parser compares each key with each.
    const document = parsed(text, this.#lines);
    // What follows the first is often its doing.
    const [flaw] = [...document.errors, ...document.warnings];
    if (flaw) this.#note(flaw.pos[0], /stack/i.test(flaw.message) ? 'it is nested too deeply' : flaw.message);
    this.finish();
    this.root = { node: document.contents, at: 'the file' };
  }

  /** The parts of a mapping that has these keys and no other. */
  mapping<Key extends string>(part: Part, keys: readonly Key[]): { [Name in Key]?: Part } | undefined {
    if (!isMap(part.node)) {
      this.complain(part, `is ${shown(part.node)}; expected a mapping with ${keys.join(', ')}`);
      return undefined;
    }
    const found: { [Name in Key]?: Part } = {};
    for (const { key, value } of part.node.items) {
      const name = isScalar(key) ? keys.find((each) => each === key.value) : undefined;
      const at = part === this.root ? shown(key) : `${part.at}.${shown(key)}`;
      if (!name) this.complain({ node: key, at }, `is not known here; expected ${keys.join(', ')}`);
      else if (found[name]) this.complain({ node: key, at }, 'is given twice');
      else found[name] = { node: value ?? key, at };
    }
    return found;
  }

  list(part: Part | undefined, most: number): Part[] {
    if (!part) return [];
    if (!isSeq(part.node)) {
      this.complain(part, `is ${shown(part.node)}; expected a list, or [] for none`);
      return [];
    }
    if (part.node.items.length > most)
      this.complain(part, `has ${part.node.items.length} items; at most ${most} are taken`);
    return part.node.items.slice(0, most).map((node, index) => ({ node, at: `${part.at}[${index}]` }));
  }

  /** A single value that `read` finds right. @param rule what is right, as a sentence */
  value<T>(part: Part | undefined, rule: string, read: (value: unknown) => T | undefined): T | undefined {
    if (!part) return undefined;
    const value = isScalar(part.node) ? read(part.node.value) : undefined;
    if (value === undefined) this.complain(part, `is ${shown(part.node)}: ${rule}`);
    return value;
  }

  complain({ at, node }: Part, text: string): void {
    const said = isAlias(node) ? `is an alias (${shown(node)}), and none is taken; write out what it stands for` : text;
    this.#note((node as Node | null)?.range?.[0] ?? 0, `${at} ${said}`);
  }

  /** @throws {CommandError} `file_rejected` with everything that was noted */
  finish(): void {
    if (this.#complaints.length === 0) return;
    const all = this.#complaints.sort((one, other) => one.line - other.line);
    const lines = all.slice(0, MOST_COMPLAINTS).map(({ line, text }) => `${this.#path}:${line}: ${printable(text)}`);
    if (all.length > MOST_COMPLAINTS) lines.push(`… and ${all.length - MOST_COMPLAINTS} more`);
    throw new CommandError('file_rejected', lines.join('\n'));
  }

  #note(offset: number, text: string): void {
    this.#complaints.push({ line: this.#lines.linePos(offset).line || 1, text });
  }
}

/** @throws {CommandError} `file_unreadable`, `file_rejected` */
export async function openYaml(path: string): Promise<YamlFile> {
  const bytes = await readBounded(path);
  try {
    return new YamlFile(path, new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    if (error instanceof CommandError) throw error;
    const reason = error instanceof RangeError ? 'is nested too deeply' : 'is not text in UTF-8';
    throw new CommandError('file_rejected', `${path}: ${reason}`);
  }
}

async function readBounded(path: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(LARGEST_BYTES + 1);
  let length = 0;
  try {
    const file = await open(path);
    try {
      for (let read = -1; read !== 0 && length < bytes.length; length += read) {
        read = (await file.read(bytes, length, bytes.length - length)).bytesRead;
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reasons: Record<string, string> = {
      ENOENT: 'there is no such file',
      EISDIR: 'it is a folder; expected a YAML file',
      EACCES: 'this user may not read it',
    };
    throw new CommandError('file_unreadable', `${path} cannot be read: ${reasons[code ?? ''] ?? message}`);
  }
  if (length > LARGEST_BYTES) throw new CommandError('file_rejected', `${path} is larger than ${LARGEST_BYTES} bytes`);
  return bytes.subarray(0, length);
}

const parsed = (text: string, lineCounter: LineCounter) =>
  parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: false });

/** A node in an operator's words, short. */
function shown(node: unknown): string {
  if (isAlias(node)) return `*${node.source}`;
  if (isMap(node)) return 'a mapping';
  if (isSeq(node)) return 'a list';
  const value = isScalar(node) ? node.value : null;
  if (value === null) return 'empty';
  const text = typeof value === 'string' ? value : String(value);
  const short = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  return typeof value === 'string' && !/^[\w-]+$/.test(text) ? `"${short}"` : short;
}
