import type { Compilable, CompiledQuery, Kysely, QueryResult } from 'kysely';
import type { Database } from './schema.ts';

type Value = string | number | bigint | null | readonly string[];

/** Stands in a statement for a value that comes with each run. */
class Blank {
  readonly name: string;
  readonly index: number | undefined;

  constructor(name: string, index?: number) {
    this.name = name;
    this.index = index;
  }
}

const names = new Map<string, string>();

/** What a connection to PostgreSQL keeps the prepared statement of that text under; `undefined` for any other text. */
export const statementName = (text: string): string | undefined => names.get(text);

/**
 * A statement that requests run all the time: put together once for each database and each length of its lists, since
 * that takes longer than running it, and prepared once for each connection. Only where values go may depend on the input,
 * never which words there are, and columns are asked for by name: with `*` a migration beside a running server breaks it.
 */
export function statement<Input extends Record<keyof Input, Value>, Row>(
  compose: (db: Kysely<Database>, input: Input) => Compilable<Row>,
): (db: Kysely<Database>, input: Input) => Promise<QueryResult<Row>> {
  const composed = new Map<string, CompiledQuery<Row>>();
  return (db, input) => {
    const shape = `${db.getExecutor().adapter.constructor.name}${lengthsOf(input)}`;
    let query = composed.get(shape);
    if (!query) {
      query = compose(db, blanksFor(input)).compile();
      composed.set(shape, query);
      names.set(query.sql, `statement_${names.size}`);
    }
    return db.executeQuery({ ...query, parameters: query.parameters.map((given) => filled(given, input)) });
  };
}

function lengthsOf(input: Record<string, Value>): string {
  let lengths = '';
  for (const name in input) {
    const value = input[name];
    if (Array.isArray(value)) lengths += ` ${value.length}`;
  }
  return lengths;
}

function blanksFor<Input extends Record<keyof Input, Value>>(input: Input): Input {
  const blanks = Object.entries<Value>(input).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.map((_each, index) => new Blank(name, index)) : new Blank(name),
  ]);
  return Object.fromEntries(blanks) as Input;
}

function filled(given: unknown, input: Record<string, Value>): unknown {
  if (!(given instanceof Blank)) return given;
  const value = input[given.name];
  return given.index === undefined ? value : (value as readonly string[])[given.index];
}
