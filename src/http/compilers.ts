import ajvCompiler from '@fastify/ajv-compiler';
import serializerSelector from '@fastify/fast-json-stringify-compiler';
import type { FastifyInstance, FastifySchema, FastifySchemaCompiler, FastifySerializerCompiler } from 'fastify';

const OPTIONS = { coerceTypes: false, removeAdditional: false, useDefaults: false, allErrors: true } as const;

/**
 * Compiles what requests are judged and answers written by when it is first needed, and once in a process however many
 * lines share it: a server is ready sooner, and what nobody asks for takes no memory.
 */
export function compileLate(app: FastifyInstance): void {
  app.setValidatorCompiler(validators);
  app.setSerializerCompiler(serializers);
}

const validators: FastifySchemaCompiler<FastifySchema> = oneEach((schema) => {
  let validate: Validator | undefined;
  const judge: Validator = (data) => {
    validate ??= compileValidator({ schema });
    const valid = validate(data);
    judge.errors = validate.errors ?? null;
    return valid;
  };
  return judge;
});

const serializers: FastifySerializerCompiler<FastifySchema> = oneEach((schema) => {
  let serialize: Serializer | undefined;
  return (data) => {
    serialize ??= compileSerializer({ schema });
    return serialize(data);
  };
});

type Validator = ReturnType<FastifySchemaCompiler<FastifySchema>>;
type Serializer = ReturnType<FastifySerializerCompiler<FastifySchema>>;

// The framework's own compilers; it types what they are given more loosely than they do.
const compileValidator = ajvCompiler()({}, { customOptions: OPTIONS }) as unknown as (part: {
  schema: object;
}) => Validator;
const compileSerializer = serializerSelector()() as unknown as (part: { schema: object }) => Serializer;

/** The schemas are the program's own, so this never grows beyond them. */
function oneEach<Made>(make: (schema: object) => Made): (part: { schema: FastifySchema }) => Made {
  const made = new Map<string, Made>();
  return ({ schema }) => {
    const text = JSON.stringify(schema);
    let one = made.get(text);
    if (one === undefined) {
      one = make(schema);
      made.set(text, one);
    }
    return one;
  };
}
