import { type FieldFault, Refusal, refuseFaults, Sealed } from '@portcullis/contracts';
import { z } from 'zod';
import { parameterNames } from './path-pattern.js';

/** How the fields of an operation's request arrive over HTTP: some in the path, the rest in the query or in the body. */
export interface HttpInput {
  /** The request as HTTP clients send it. */
  readonly schema: z.ZodObject;
  /** Fields that stand in the path. */
  readonly pathFields: readonly string[];
  /** Where the other fields come from. */
  readonly from: 'query' | 'body';
  /** Fields that are sealed to identity before they go on. */
  readonly sealedFields: readonly string[];
  /** Fields of a query that are whole numbers. */
  readonly numberFields: readonly string[];
}

const longestSecret = 4096;

/**
 * Derives the HTTP form of a bus request: what is `Sealed` on the bus is plain text here, sealed by the gateway.
 * A field that nobody named is refused, wherever it stands.
 */
export function httpInputOf(request: z.ZodType, method: string, path: string): HttpInput {
  if (!(request instanceof z.ZodObject)) throw new TypeError(`the request of ${method} ${path} is not an object`);
  const shape = request.shape as Record<string, z.ZodType>;
  const sealedFields = Object.keys(shape).filter((field) => isSealed(shape[field]));
  const plain = Object.fromEntries(sealedFields.map((field) => [field, plainSecret(shape[field])]));
  const pathFields = parameterNames(path);
  return {
    schema: sealedFields.length === 0 ? request : z.strictObject({ ...shape, ...plain }),
    pathFields,
    from: method === 'GET' || method === 'DELETE' ? 'query' : 'body',
    sealedFields,
    numberFields: Object.keys(shape).filter((field) => isNumber(shape[field])),
  };
}

/**
 * The request, checked. Refuses with `invalid_request`, naming each field; a path that names nothing possible is `not_found`.
 * What is answered is what was sent, not what the schema made of it: the owning service fills in its own defaults.
 */
export function readInput(
  input: HttpInput,
  parts: { path: Readonly<Record<string, string>>; query: string | null; body: Readonly<Record<string, unknown>> },
): Record<string, unknown> {
  const fields = input.from === 'query' ? numbersOf(input, parseQuery(parts.query)) : parts.body;
  const doubled = input.pathFields.filter((field) => Object.hasOwn(fields, field));
  if (doubled.length > 0) throw refuse(doubled.map((field) => ({ field, message: 'stands in the path' })));
  if (input.from === 'body') {
    const stray = Object.keys(parseQuery(parts.query));
    if (stray.length > 0) throw refuse(stray.map((field) => ({ field, message: 'belongs in the body' })));
  }
  const request = { ...fields, ...parts.path };
  const parsed = input.schema.safeParse(request);
  if (parsed.success) return request;
  const onlyPath = parsed.error.issues.every((issue) => input.pathFields.includes(String(issue.path[0] ?? '')));
  throw onlyPath ? new Refusal('not_found', 'There is no such thing here.') : refuseFaults(parsed.error);
}

/** A credential does not travel in a query: it would be logged on the way. What stands there is ignored. */
const ignoredInQueries: ReadonlySet<string> = new Set(['access_token']);

/** Reads a query strictly: a parameter given twice means two things to two readers, so it is refused. */
export function parseQuery(query: string | null): Record<string, string> {
  const fields: Record<string, string> = {};
  const faults: FieldFault[] = [];
  for (const pair of (query ?? '').split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decode(equals < 0 ? pair : pair.slice(0, equals));
    const value = decode(equals < 0 ? '' : pair.slice(equals + 1));
    if (name === undefined || value === undefined) {
      faults.push({ field: name ?? '(query)', message: 'has an escape that is none, or no UTF-8' });
    } else if (ignoredInQueries.has(name)) continue;
    else if (Object.hasOwn(fields, name)) faults.push({ field: name, message: 'must be given once' });
    else Object.defineProperty(fields, name, { value, enumerable: true });
  }
  if (faults.length > 0) throw refuse(faults);
  return fields;
}

/** Digits become numbers, and nothing else does: `1e1`, ` 5`, `0x10` stay text, which the schema refuses. */
function numbersOf(input: HttpInput, fields: Record<string, string>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      input.numberFields.includes(name) && /^(?:0|[1-9]\d{0,14})$/.test(value) ? Number(value) : value,
    ]),
  );
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

const refuse = (faults: FieldFault[]): Refusal =>
  new Refusal('invalid_request', `${faults.map(({ field, message }) => `${field}: ${message}`).join('; ')}.`, {
    errors: faults,
  });

/** The schema without `.optional()`, `.nullable()` and `.default()` around it. */
export function unwrap(schema: z.ZodType | undefined): z.ZodType | undefined {
  let inner = schema;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodNullable || inner instanceof z.ZodDefault) {
    inner = inner.unwrap() as z.ZodType;
  }
  return inner;
}

export const isSealed = (schema: z.ZodType | undefined): boolean => unwrap(schema) === Sealed;
const isNumber = (schema: z.ZodType | undefined): boolean => unwrap(schema) instanceof z.ZodNumber;

function plainSecret(schema: z.ZodType | undefined): z.ZodType {
  const secret = z
    .string()
    .min(1, 'must not be empty')
    .max(longestSecret, `must be at most ${longestSecret} characters`);
  return schema instanceof z.ZodOptional ? secret.optional() : secret;
}
