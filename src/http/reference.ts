import type { TSchema } from 'typebox';
import type { FailureCode } from '../core/failure.ts';
import { MEDIA_TYPES } from './body.ts';
import type { AnyContract, Contract, Dialect, No, Route } from './contract.ts';
import { urlOf } from './paths.ts';
import type { RefusalCode } from './refusal.ts';

/** Facts with which a dialect shows what its "no" looks like. */
const SAMPLE_FACTS = {
  allowed: ['POST'],
  credential: 'over',
  errors: { email: ['The email field must be a valid email address.'] },
  fields: { email: 'email' },
  flaw: 'too_short',
  identifier: 'email',
  minimum: 8,
  retryAfterSeconds: 60,
} as const;

type Code = FailureCode | RefusalCode;
type AnyRoute = AnyContract['routes'][number];

/**
 * A contract's OpenAPI 3.1 document. Its schemas are JSON Schema already, so the table is all it takes; each "no" comes
 * with an example made by the dialect itself.
 */
export function referenceOf(contract: AnyContract, publicUrl: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of contract.routes) {
    const path = urlOf(contract, route).replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(contract, route) };
  }
  return {
    openapi: '3.1.0',
    info: { title: contract.title, description: contract.description, version: '1' },
    servers: [{ url: publicUrl }],
    ...(!contract.usesCookies && { components: { securitySchemes: BEARER } }),
    paths,
  };
}

function operationOf(contract: AnyContract, route: AnyRoute): object {
  return {
    tags: [contract.name],
    summary: route.summary,
    ...(route.description && { description: route.description }),
    operationId: `${route.method.toLowerCase()}${`${route.atRoot ? '/root' : ''}${route.path}`.replace(/\W+(\w)/g, (_, letter: string) => letter.toUpperCase())}`,
    parameters: [
      ...propertiesOf(route.params).map(([name, schema]) => ({ name, in: 'path', required: true, schema })),
      ...propertiesOf(route.query).map(([name, schema]) => ({ name, in: 'query', required: false, schema })),
    ],
    ...(route.takes && {
      requestBody: { required: hasRequired(route.takes), content: bodiesOf(contract, route.takes) },
    }),
    ...(takesBearer(contract, route) && { security: [{ bearer: [] }] }),
    responses: responsesOf(contract, route),
  };
}

function responsesOf(contract: AnyContract, route: AnyRoute): Record<string, object> {
  const refusals = refusalsOf(contract, route);
  const [also, body] = route.orGives ?? [];
  const either = also === undefined ? undefined : refusals[also];
  return {
    ...(route.status !== 302 && { [route.status]: answerOf(route.gives, route.status) }),
    ...(route.redirects && { 302: { description: 'Sends the browser on' } }),
    ...refusals,
    ...(also !== undefined && body && { [also]: either ? besideRefusals(either, body) : answerOf(body) }),
  };
}

/** An answer of a route's own beside the refusals that have the same status. */
function besideRefusals({ description, content }: Refusals, schema: TSchema): Refusals {
  const { examples } = content['application/json'];
  const anyOf = [schema, { type: 'object' }];
  return { description, content: { 'application/json': { schema: { anyOf }, examples } } };
}

interface Refusals {
  description: string;
  content: { 'application/json': { schema: object; examples: object } };
}

const propertiesOf = (schema: TSchema | undefined): [string, object][] =>
  Object.entries((schema as { properties?: Record<string, object> } | undefined)?.properties ?? {});

const BEARER = { bearer: { type: 'http', scheme: 'bearer' } } as const;

/** Whether a session is asked for in the header; what renews one brings a token of its own in the body. */
function takesBearer({ usesCookies }: AnyContract, { mayFail, takes }: AnyRoute): boolean {
  const fields = (takes as { properties?: object } | undefined)?.properties ?? {};
  return !usesCookies && mayFail.includes('session_ended') && !('refresh_token' in fields);
}

const hasRequired = (schema: TSchema): boolean => ((schema as { required?: string[] }).required ?? []).length > 0;

const bodiesOf = ({ bodies = ['json'] }: AnyContract, schema: TSchema): object =>
  Object.fromEntries(bodies.map((type) => [MEDIA_TYPES[type], { schema }]));

const answerOf = (schema: TSchema, status?: number): object => ({
  description: (schema as { description?: string }).description ?? 'Done',
  ...(status !== 204 && { content: { 'application/json': { schema } } }),
});

function refusalsOf<Words>(contract: Contract<Words>, route: Route<Words>): Record<string, Refusals> {
  const byStatus = new Map<number, Map<string, No['body']>>();
  for (const code of codesOf(contract, route)) {
    const { status, body } = exampleOf(contract, route, code);
    byStatus.set(status, (byStatus.get(status) ?? new Map()).set(code, body));
  }
  return Object.fromEntries(
    [...byStatus].map(([status, bodies]) => [
      status,
      {
        description: [...bodies.keys()].join(', '),
        content: {
          'application/json': {
            schema: { type: 'object' },
            examples: Object.fromEntries([...bodies].map(([code, value]) => [code, { value }])),
          },
        },
      },
    ]),
  );
}

function codesOf({ judgesBodies }: AnyContract, route: Pick<AnyRoute, 'mayFail' | 'method' | 'takes'>): Code[] {
  const fields: Code[] = judgesBodies ? ['form_rejected'] : ['input_rejected', 'body_unreadable'];
  const body: Code[] = route.takes ? [...fields, 'body_too_large', 'media_type_unsupported'] : [];
  const change: Code[] = route.method === 'GET' ? [] : ['foreign_origin'];
  return [...new Set<Code>([...route.mayFail, ...body, ...change, 'unavailable', 'fault'])];
}

function exampleOf<Words>(contract: Contract<Words>, route: Pick<AnyRoute, 'method' | 'path'>, code: Code): No {
  const answer = contract.dialect[code] as Dialect<Words>['fault'];
  return answer({
    say: contract.words[contract.defaultLocale],
    facts: SAMPLE_FACTS as never,
    cookies: { get: () => undefined, comesTwice: () => false, set: () => {}, clear: () => {} },
    prefix: contract.prefix,
    path: route.path,
    target: `${contract.prefix}${route.path}`,
    method: route.method,
  });
}
