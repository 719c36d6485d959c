import forms from '@fastify/formbody';
import type { FastifyInstance, FastifyRequest } from 'fastify';
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

function fieldsOf({ body }: FastifyRequest): URLSearchParams {
  const fields = (body as { fields?: unknown } | null | undefined)?.fields;
  return fields instanceof URLSearchParams ? fields : new URLSearchParams();
}
