import forms from '@fastify/formbody';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { SetUpLink } from '../core/set-up-link.ts';
import { BODY_LIMIT } from '../http/body.ts';
import { Refusal } from '../http/refusal.ts';

/** NUL is no text that a form gives; the other stands for bytes that were no UTF-8 (R142). */
const UNREADABLE = /[\0\uFFFD]/;

/**
 * Reads forms and nothing else: an empty body of whatever type counts as absent, another type is refused (rule 32).
 */
export async function readForms(scope: FastifyInstance): Promise<void> {
  scope.removeAllContentTypeParsers();
  const parser = (text: string): Record<string, unknown> => ({ fields: new URLSearchParams(text) });
  await scope.register(forms, { bodyLimit: BODY_LIMIT, parser });
  scope.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: BODY_LIMIT }, (_request, body, done) => {
    if (body.length === 0) done(null, undefined);
    else done(new Refusal('media_type_unsupported'));
  });
  scope.addHook('preValidation', async (request) => {
    for (const [name, value] of fieldsOf(request)) {
      if (UNREADABLE.test(name) || UNREADABLE.test(value)) throw new Refusal('body_unreadable');
    }
  });
}

/** A field of the request's form; one that is missing or comes twice is empty (R140). */
export function fieldIn(request: FastifyRequest, name: string): string {
  const [value = '', ...more] = fieldsOf(request).getAll(name);
  return more.length === 0 ? value : '';
}

/** The mailed token: the link's on GET, the form's on POST; empty where there is none. */
export function tokenIn(request: FastifyRequest): string {
  if (request.method === 'POST') return fieldIn(request, 'token');
  const { token } = request.query as { token?: unknown };
  return typeof token === 'string' ? token : '';
}

/** A link to a first password, by its token or as the sanctum contract writes it; `undefined` where a part is missing. */
export function setUpLinkIn(request: FastifyRequest): SetUpLink | undefined {
  const { hash, id } = request.params as { hash?: string; id?: string };
  if (hash === undefined || id === undefined) {
    const token = tokenIn(request);
    return token === '' ? undefined : { token };
  }
  const { expires, signature } = request.query as { expires?: unknown; signature?: unknown };
  if (typeof expires !== 'string' || typeof signature !== 'string') return undefined;
  return { id: wholeNumber(id), hash, expires: wholeNumber(expires), signature };
}

/** Digits as they are mailed; whatever else there is, is no number. */
const wholeNumber = (text: string): number => (/^[1-9]\d{0,15}$/.test(text) ? Number(text) : Number.NaN);

function fieldsOf({ body }: FastifyRequest): URLSearchParams {
  const fields = (body as { fields?: unknown } | null | undefined)?.fields;
  return fields instanceof URLSearchParams ? fields : new URLSearchParams();
}
