import type { FastifyInstance } from 'fastify';
import { Failure, type FieldFlaw } from '../core/failure.ts';
import { repeatsKey } from './json-keys.ts';
import { Refusal } from './refusal.ts';

/** Bytes of a request body (R141). */
export const BODY_LIMIT = 64 * 1024;
const DEPTH_LIMIT = 16;
const KEY_LIMIT = 200;

/**
 * Reads JSON bodies and nothing else: an empty body of whatever type counts as absent, another type is refused (rule 32).
 * UTF-8 is checked, not repaired; `__proto__` and `constructor.prototype` are refused (R140, R142).
 */
export function readJsonBodies(scope: FastifyInstance): void {
  const parseJson = scope.getDefaultJsonParser('error', 'error');
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  scope.removeAllContentTypeParsers();
  scope.addHook('onRequest', (request, _reply, done) => {
    // Of what type nothing is does not matter, not even when it is no type at all.
    const length = request.headers['content-length'];
    if ((length === undefined || length === '0') && request.headers['transfer-encoding'] === undefined) {
      delete request.headers['content-type'];
    }
    done();
  });
  scope.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer', bodyLimit: BODY_LIMIT },
    (request, body, done) => {
      if (body.length === 0) {
        done(null, undefined);
        return;
      }
      let text: string;
      try {
        text = decoder.decode(body as Buffer);
      } catch {
        done(new Refusal('body_unreadable'));
        return;
      }
      // The parser would skip a byte order mark, which RFC 8259 §8.1 forbids.
      if (text.startsWith('\ufeff')) {
        done(new Refusal('body_unreadable'));
        return;
      }
      void parseJson(request, text, (error, value) => {
        done(error || repeatsKey(text) ? new Refusal('body_unreadable') : null, value);
      });
    },
  );
  scope.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: BODY_LIMIT }, (_request, body, done) => {
    if (body.length === 0) done(null, undefined);
    else done(new Refusal('media_type_unsupported'));
  });
}

/**
 * Refuses what no field can hold: NUL, half a surrogate pair, nesting and numbers of keys that no document shows.
 *
 * @throws {Failure} `input_rejected`
 */
export function inspectBody(body: unknown): void {
  let keys = 0;
  const visit = (value: unknown, field: string, depth: number): void => {
    if (typeof value === 'string') {
      if (value.includes('\0') || !value.isWellFormed()) reject(field);
      return;
    }
    if (typeof value !== 'object' || value === null) return;
    if (depth >= DEPTH_LIMIT) reject(field);
    for (const [key, inner] of Object.entries(value)) {
      keys += 1;
      if (keys > KEY_LIMIT) reject(field);
      visit(inner, depth === 0 ? key : field, depth + 1);
    }
  };
  visit(body, 'body', 0);
}

function reject(field: string): never {
  throw new Failure('input_rejected', { fields: { [field]: 'malformed' } });
}

interface SchemaError {
  keyword: string;
  instancePath: string;
  params: Record<string, unknown>;
}

const FLAWS: Record<string, FieldFlaw> = {
  required: 'required',
  type: 'type',
  minLength: 'too_short',
  maxLength: 'too_long',
};

/** What a schema found wrong, field by field; the first flaw of a field is the one that is told. */
export function fieldsRefused(errors: readonly SchemaError[]): Record<string, FieldFlaw> {
  const fields: Record<string, FieldFlaw> = {};
  for (const { keyword, instancePath, params } of errors) {
    const missing = keyword === 'required' ? String(params['missingProperty']) : undefined;
    const field = missing ?? instancePath.split('/')[1] ?? 'body';
    fields[field || 'body'] ??= FLAWS[keyword] ?? 'malformed';
  }
  return fields;
}
