import type { FastifyInstance } from 'fastify';
import { Failure, type FieldFlaw } from '../core/failure.ts';
import { parseForm } from './form-body.ts';
import { repeatsKey } from './json-keys.ts';
import { Refusal } from './refusal.ts';

/** Bytes of a request body (R141). */
export const BODY_LIMIT = 64 * 1024;
const DEPTH_LIMIT = 16;
const KEY_LIMIT = 200;

/** The types of bodies that a contract may read. */
export type BodyType = 'json' | 'form';

export const MEDIA_TYPES: Record<BodyType, string> = {
  json: 'application/json',
  form: 'application/x-www-form-urlencoded',
};

/** A body as it was sent, up to the limit and of whatever type. */
export interface SentBody {
  type: BodyType | undefined;
  bytes: Buffer;
}

/**
 * Takes bodies in; what is in them says {@link bodyReader}. An empty one of whatever type counts as absent (rule 32).
 */
export function takeBodies(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  scope.addHook('onRequest', (request, _reply, done) => {
    // Of what type nothing is does not matter, not even when it is no type at all.
    const length = request.headers['content-length'];
    if ((length === undefined || length === '0') && request.headers['transfer-encoding'] === undefined) {
      delete request.headers['content-type'];
    }
    done();
  });
  const take = (mediaType: string, type?: BodyType): void => {
    scope.addContentTypeParser(mediaType, { parseAs: 'buffer', bodyLimit: BODY_LIMIT }, (_request, bytes, done) => {
      done(null, bytes.length === 0 ? undefined : { type, bytes });
    });
  };
  take(MEDIA_TYPES.json, 'json');
  take(MEDIA_TYPES.form, 'form');
  take('*');
}

/** Reads what {@link takeBodies} took. @throws {Refusal} `media_type_unsupported` or `body_unreadable` */
export type BodyReader = (sent: unknown, types: readonly BodyType[]) => unknown;

/** UTF-8 is checked, not repaired; `__proto__` and `constructor.prototype` are refused (R140, R142). */
export function bodyReader(scope: FastifyInstance): BodyReader {
  const parseJson = jsonParser(scope);
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  return (sent, types) => {
    if (sent === undefined || sent === null) return undefined;
    const { type, bytes } = sent as SentBody;
    if (!type || !types.includes(type)) throw new Refusal('media_type_unsupported');
    let text: string;
    try {
      text = decoder.decode(bytes);
    } catch {
      throw new Refusal('body_unreadable');
    }
    return type === 'json' ? parseJson(text) : parseForm(text);
  };
}

function jsonParser(scope: FastifyInstance): (text: string) => unknown {
  const parse = scope.getDefaultJsonParser('error', 'error');
  return (text) => {
    // The parser would skip a byte order mark, which RFC 8259 §8.1 forbids.
    if (text.startsWith('\ufeff')) throw new Refusal('body_unreadable');
    let parsed: unknown;
    let failed: unknown;
    // It answers at once, and asks nothing of the request.
    void parse(undefined as never, text, (error, value) => {
      failed = error;
      parsed = value;
    });
    if (failed || repeatsKey(text)) throw new Refusal('body_unreadable');
    return parsed;
  };
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
