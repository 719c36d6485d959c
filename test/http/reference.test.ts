import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cookie as contract } from '../../src/contracts/cookie/contract.ts';
import { PREFIX, sharedWorld } from '../contracts/cookie/client.ts';

interface Schema {
  type?: string | string[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  anyOf?: Schema[];
  enum?: unknown[];
}
interface Media {
  schema: Schema;
  examples?: Record<string, { value: { success: boolean; error: string; message: string; fields?: object } }>;
}
interface Operation {
  summary: string;
  description?: string;
  parameters?: { name: string; in: string; required?: boolean; schema: Schema }[];
  requestBody?: { required: boolean; content: Record<string, Media> };
  responses: Record<string, { description: string; content?: Record<string, Media> }>;
}
interface OpenApi {
  openapi: string;
  info: { title: string; description: string; version: string };
  servers: { url: string }[];
  paths: Record<string, Record<string, Operation>>;
}

/** Each failure of the contract's table, and what its page says of it. */
const FAILURES: Record<string, readonly [status: number, error: string]> = {
  account_locked: [423, 'ACCOUNT_LOCKED'],
  body_too_large: [413, 'PAYLOAD_TOO_LARGE'],
  body_unreadable: [400, 'VALIDATION_ERROR'],
  identifier_unproven: [403, 'EMAIL_NOT_VERIFIED'],
  code_wrong: [401, 'INVALID_TWO_FACTOR_CODE'],
  fault: [500, 'SERVER_ERROR'],
  reauthentication_required: [403, 'REAUTH_REQUIRED'],
  foreign_origin: [403, 'FORBIDDEN_ORIGIN'],
  identifier_taken: [409, 'EMAIL_ALREADY_EXISTS'],
  input_rejected: [400, 'VALIDATION_ERROR'],
  invalid_credentials: [401, 'INVALID_CREDENTIALS'],
  media_type_unsupported: [415, 'UNSUPPORTED_MEDIA_TYPE'],
  not_found: [404, 'NOT_FOUND'],
  overloaded: [503, 'UNAVAILABLE'],
  password_rejected: [400, 'WEAK_PASSWORD'],
  rate_limited: [429, 'RATE_LIMIT_EXCEEDED'],
  session_ended: [401, 'TOKEN_EXPIRED'],
  sign_up_closed: [403, 'SIGN_UP_CLOSED'],
  token_invalid: [400, 'INVALID_TOKEN'],
  unavailable: [503, 'UNAVAILABLE'],
};

describe('the reference of the cookie contract', () => {
  const world = sharedWorld();
  const reference = async (): Promise<OpenApi> => {
    const answer = await world().another().askAt('GET', '/docs/cookie.json');
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8');
    return answer.body as unknown as OpenApi;
  };

  const operations = async (): Promise<Map<string, Operation>> => {
    const { paths } = await reference();
    const found = new Map<string, Operation>();
    for (const [path, methods] of Object.entries(paths)) {
      for (const [method, operation] of Object.entries(methods))
        found.set(`${method.toUpperCase()} ${path}`, operation);
    }
    return found;
  };
  const lineOf = ({ method, path }: { method: string; path: string }): string =>
    `${method} ${PREFIX}${path.replace(/:(\w+)/g, '{$1}')}`;

  it('is an OpenAPI 3.1 document of this server', async () => {
    const { openapi, info, servers, ...rest } = await reference();
    assert.match(openapi, /^3\.1\.\d+$/);
    assert.equal(info.title, contract.title);
    assert.equal(info.description, contract.description);
    assert.equal(typeof info.version, 'string');
    assert.deepEqual(servers, [{ url: 'http://localhost:3000' }]);
    assert.ok('paths' in rest);
  });

  it('has every route of the contract and no other', async () => {
    assert.deepEqual([...(await operations()).keys()].sort(), contract.routes.map(lineOf).sort());
  });

  it('gives each route its summary and each of its answers a description', async () => {
    for (const [line, operation] of await operations()) {
      assert.ok(operation.summary, line);
      for (const [status, response] of Object.entries(operation.responses)) {
        assert.match(status, /^[1-5]\d\d$/, line);
        assert.ok(response.description, `${line} ${status}`);
      }
    }
  });

  it('shows what each route takes', async () => {
    const found = await operations();
    for (const route of contract.routes) {
      const line = lineOf(route);
      const { requestBody, parameters = [] } = found.get(line) ?? assert.fail(line);
      assert.equal(requestBody !== undefined, route.takes !== undefined, line);
      if (requestBody) {
        assert.equal(requestBody.required, (route.takes as unknown as Schema).required !== undefined, line);
        assert.deepEqual(Object.keys(requestBody.content), ['application/json']);
        const taken = route.takes as unknown as Schema;
        const shown = requestBody.content['application/json']?.schema;
        assert.equal(shown?.type, 'object');
        assert.deepEqual(Object.keys(shown?.properties ?? {}), Object.keys(taken.properties ?? {}));
        assert.deepEqual(shown?.required, taken.required);
      }
      const named = [...line.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      assert.deepEqual(
        parameters.map(({ name, in: place, required }) => [name, place, required]),
        named.map((name) => [name, 'path', true]),
      );
    }
  });

  it('shows what each route gives', async () => {
    const found = await operations();
    for (const route of contract.routes) {
      const line = lineOf(route);
      const good = found.get(line)?.responses[String(route.status)]?.content?.['application/json']?.schema;
      assert.deepEqual(good, JSON.parse(JSON.stringify(route.gives)), line);
    }
  });

  it('shows each failure that a route may answer with an example in the contract’s shape', async () => {
    const found = await operations();
    for (const route of contract.routes) {
      const line = lineOf(route);
      const always = ['fault', 'unavailable', ...(route.method === 'GET' ? [] : ['foreign_origin'])];
      const ofBody = route.takes
        ? ['input_rejected', 'body_unreadable', 'body_too_large', 'media_type_unsupported']
        : [];
      for (const code of [...always, ...ofBody, ...route.mayFail]) {
        const [status, error] = FAILURES[code] ?? assert.fail(`${code} is not in the table of this test`);
        const example = found.get(line)?.responses[status]?.content?.['application/json']?.examples?.[code];
        assert.ok(example, `${line} shows no example of ${code}`);
        const { message, fields, ...shape } = example.value;
        assert.deepEqual(shape, { success: false, error }, `${line} ${code}`);
        assert.ok(message.length > 0);
        assert.equal(fields !== undefined, error === 'VALIDATION_ERROR');
      }
    }
  });

  it('names for each route the failures that its page names', async () => {
    const found = await operations();
    const examplesOf = (line: string): string[] =>
      Object.values(found.get(`${line.split(' ')[0]} ${PREFIX}${line.split(' ')[1]}`)?.responses ?? {})
        .flatMap((response) => Object.values(response.content?.['application/json']?.examples ?? {}))
        .map(({ value }) => value.error);
    const EXPECTED: Record<string, string[]> = {
      'POST /register': [
        'EMAIL_ALREADY_EXISTS',
        'WEAK_PASSWORD',
        'VALIDATION_ERROR',
        'RATE_LIMIT_EXCEEDED',
        'SIGN_UP_CLOSED',
      ],
      'POST /login': [
        'INVALID_CREDENTIALS',
        'EMAIL_NOT_VERIFIED',
        'ACCOUNT_LOCKED',
        'RATE_LIMIT_EXCEEDED',
        'VALIDATION_ERROR',
      ],
      'GET /me': ['TOKEN_EXPIRED'],
      'POST /refresh': ['TOKEN_EXPIRED', 'FORBIDDEN_ORIGIN'],
      'POST /verify-email': ['INVALID_TOKEN', 'VALIDATION_ERROR'],
      'POST /send-email-verification': ['RATE_LIMIT_EXCEEDED', 'VALIDATION_ERROR'],
      'POST /forgot-password': ['RATE_LIMIT_EXCEEDED', 'VALIDATION_ERROR'],
      'POST /reset-password': ['INVALID_TOKEN', 'WEAK_PASSWORD', 'VALIDATION_ERROR'],
      'POST /reauthenticate': ['TOKEN_EXPIRED', 'INVALID_CREDENTIALS', 'ACCOUNT_LOCKED', 'RATE_LIMIT_EXCEEDED'],
      'PUT /password': [
        'TOKEN_EXPIRED',
        'INVALID_CREDENTIALS',
        'WEAK_PASSWORD',
        'ACCOUNT_LOCKED',
        'RATE_LIMIT_EXCEEDED',
      ],
      'DELETE /sessions/{id}': ['TOKEN_EXPIRED', 'NOT_FOUND'],
    };
    for (const [line, errors] of Object.entries(EXPECTED)) {
      const shown = examplesOf(line);
      for (const error of errors) assert.ok(shown.includes(error), `${line} does not show ${error}`);
    }
  });

  it('points at nothing that it does not hold', async () => {
    const document = await reference();
    const targets = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, target]) => target ?? '');
    for (const target of targets) {
      let place: unknown = document;
      for (const step of target.replace(/^#\//, '').split('/')) place = (place as Record<string, unknown>)?.[step];
      assert.ok(place, target);
    }
  });

  it('names no host of the document’s and no secret', async () => {
    const text = JSON.stringify(await reference());
    assert.doesNotMatch(text, /steerai|m0Jq7vXb/);
  });
});

describe('the page of the reference', () => {
  const world = sharedWorld();
  const get = (url: string) => world().another().askAt('GET', url);

  it('loads files of this server alone, and each of them is there', async () => {
    const page = await get('/docs');
    assert.equal(page.status, 200);
    assert.equal(page.headers['content-type'], 'text/html; charset=utf-8');
    const loaded = [...page.text.matchAll(/\b(?:src|href|action|data|poster)\s*=\s*["']?([^"'\s>]+)/g)].map(
      ([, url]) => url ?? '',
    );
    assert.ok(loaded.length >= 4);
    for (const url of loaded) {
      assert.match(url, /^\/(?!\/)/, url);
      assert.equal((await get(url)).status, 200, url);
    }
    const outside = /https?:|\/\/\w|@import|url\(/;
    assert.doesNotMatch(page.text, outside);
    assert.doesNotMatch((await get('/docs/start.js')).text, outside);
    const styles = await get('/docs/assets/swagger-ui.css');
    for (const [, url = ''] of styles.text.matchAll(/url\(\s*["']?([^"')]+)/g))
      assert.match(url, /^data:/, url.slice(0, 60));
    assert.doesNotMatch(styles.text, /@import/);
  });

  it('may load nothing else, run nothing inline and be framed by nobody', async () => {
    const { headers, text } = await get('/docs');
    const policy = Object.fromEntries(
      String(headers['content-security-policy'])
        .split('; ')
        .map((directive) => directive.split(/ (.*)/s).slice(0, 2) as [string, string]),
    );
    assert.equal(policy['default-src'], "'none'");
    assert.equal(policy['script-src'], "'self'");
    assert.equal(policy['connect-src'], "'self'");
    assert.equal(policy['frame-ancestors'], "'none'");
    assert.equal(policy['base-uri'], "'none'");
    assert.doesNotMatch(String(headers['content-security-policy']), /https?:|\*|unsafe-eval/);
    assert.doesNotMatch(text, /<script(?![^>]*\bsrc=)|\son\w+\s*=|javascript:/i);
  });

  it('looks at no query parameter', async () => {
    const { text } = await get('/docs');
    assert.equal((await get('/docs?url=https://evil.example/api.json&config=https://evil.example/x')).text, text);
    assert.match((await get('/docs/start.js')).text, /queryConfigEnabled: false/);
  });

  it('hands out no file beside its own', async () => {
    for (const path of [
      '/docs/assets/',
      '/docs/assets/index.html',
      '/docs/assets/../package.json',
      '/docs/assets/%2e%2e%2fpackage.json',
      '/docs/assets/swagger-initializer.js',
      '/docs/nothing.json',
      '/docs/soap.json',
    ]) {
      assert.equal((await get(path)).status, 404, path);
    }
  });
});
