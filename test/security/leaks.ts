import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { sql } from 'kysely';
import { decodeBase32 } from '../../src/core/base32.ts';
import type { TestWorld } from '../support/world.ts';

/** A text in the forms in which it could lie somewhere. */
function forms(text: string): string[] {
  const raw = Buffer.from(text);
  const digests = ['sha256', 'sha1', 'md5'].map((name) => createHash(name).update(text).digest());
  const bytes = [raw, ...digests, ...(/^[A-Z2-7]{32}$/.test(text) ? [Buffer.from(decodeBase32(text) ?? [])] : [])];
  return [
    text,
    encodeURIComponent(text),
    ...bytes.flatMap((value) => [
      value.toString('hex'),
      value.toString('base64').replace(/=+$/, ''),
      value.toString('base64url'),
      ...(value === raw ? [] : [value.toString('latin1')]),
    ]),
  ];
}

/** Those that occur, in whatever form. */
export const found = (where: string, texts: Iterable<string>): string[] =>
  [...texts].filter((text) => text !== '' && forms(text).some((form) => where.includes(form)));

/** The same, but not by a digest: what tells a device apart follows from its fingerprint. */
export const plainly = (where: string, texts: readonly string[]): string[] =>
  texts.filter((text) => [text, ...forms(text).slice(1, 5)].some((form) => where.includes(form)));

/** Codes that stand by themselves: a longer number or a digest may contain any six digits. */
export const standing = (where: string, codes: Iterable<string>): string[] =>
  [...codes].filter(
    (code) =>
      new RegExp(`(?<![\\w.+/-])${code}(?![\\w+/-])`).test(where) ||
      forms(code)
        .slice(2)
        .some((form) => where.includes(form)),
  );

/** Every table, each row as text. */
export async function dump({ handle }: TestWorld): Promise<Map<string, string>> {
  const { kind, read } = handle;
  const names =
    kind === 'sqlite'
      ? await sql<{ name: string }>`select name from sqlite_master where type = 'table'`.execute(read)
      : await sql<{ name: string }>`select tablename as name from pg_tables where schemaname = 'public'`.execute(read);
  const tables = new Map<string, string>();
  for (const { name } of names.rows) {
    const { rows } = await sql`select * from ${sql.table(name)}`.execute(read);
    tables.set(name, JSON.stringify(rows));
  }
  return tables;
}

/** The bytes of the database file and of what lies beside it. */
export function* files({ settings }: TestWorld): Generator<[path: string, bytes: string]> {
  const folder = dirname(settings.GUICHET_DATABASE_URL.slice('sqlite:'.length));
  const names = readdirSync(folder).filter((name) => name.startsWith('guichet.db'));
  assert.deepEqual(names.sort(), ['guichet.db', 'guichet.db-shm', 'guichet.db-wal']);
  for (const name of names) yield [join(folder, name), readFileSync(join(folder, name), 'latin1')];
}
