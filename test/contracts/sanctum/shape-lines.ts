import { sanctum } from '../../../src/contracts/sanctum/contract.ts';
import type { Method } from '../../../src/http/contract.ts';
import type { Answer, Asking, Client } from './client.ts';
import { PREFIX } from './client.ts';

/** What the schema of a field says. */
export interface Field {
  type?: string;
  format?: string;
  enum?: readonly string[];
  title?: string;
}

/** One line of the contract's table, as a request sees it. */
export interface SentLine {
  name: string;
  method: Method;
  url: string;
  /** Those of its body, but the token that all of them take. */
  fields: Record<string, Field>;
  required: readonly string[];
  /** Whether it needs somebody signed in. */
  isMember: boolean;
  /** Of section 1.1: whether it is one of those that answer stateful front ends alone. */
  isApi: boolean;
  mayFail: readonly string[];
}

const HASH = 'a'.repeat(64);

const { routes } = sanctum({
  prefix: PREFIX,
  sessionCookie: 'guichet_session',
  xsrfDomain: undefined,
  xsrf: {} as never,
  isAllowedOrigin: () => true,
  passwordMinimum: 8,
  applicationName: 'Guichet',
  login: 'open',
  captcha: undefined,
});

/** All lines of the table: one that is added is looked at without anybody listing it here. */
export const LINES: readonly SentLine[] = routes.map(({ atRoot, mayFail, method, path, takes }) => {
  const { properties = {}, required = [] } = (takes ?? {}) as {
    properties?: Record<string, Field>;
    required?: string[];
  };
  const { _token, ...fields } = properties;
  const url = `${atRoot ? '' : PREFIX}${path}`.replace(':id', '4711').replace(':hash', HASH);
  return {
    name: `${method} ${url.replace(`4711/${HASH}`, '{id}/{hash}')}`,
    method,
    url,
    fields,
    required,
    isMember: mayFail.includes('session_ended'),
    isApi: /^\/api\/v1\/(auth\/user|user)(\/|$)/.test(url),
    mayFail,
  };
});

/** Those that change something. */
export const CHANGES = LINES.filter(({ method }) => method !== 'GET');
export const linesNamed = (end: RegExp): readonly SentLine[] => LINES.filter(({ url }) => end.test(url));

/** A value that a field's schema has nothing against. */
function plausibleValue(name: string, { enum: choices, format, type }: Field): unknown {
  if (choices) return choices[0];
  if (type === 'integer') return 1;
  if (type === 'boolean') return true;
  if (format === 'email' || name === 'email') return 'nobody.here@example.com';
  if (/password/.test(name)) return 'copper lantern quarry';
  return /code/.test(name) ? '123456' : 'a'.repeat(64);
}

/** A body that passes the schema of a line, whatever else stands against it. */
export const plausible = ({ fields }: Pick<SentLine, 'fields'>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, plausibleValue(name, field)]));

/** Asks for a line, with such a body unless another is given. */
export function askLine(client: Client, line: SentLine, of: Asking = {}): Promise<Answer> {
  const hasOwn = of.body !== undefined || of.form !== undefined || of.raw !== undefined;
  const body = line.method === 'GET' || hasOwn ? {} : { body: plausible(line) };
  return client.ask(line.method, line.url, { ...body, ...of });
}
