import { type ErrorCode, errorCodes, Sealed } from '@portcullis/contracts';
import { z } from 'zod';
import { ownPageHeader } from './console/own-page.js';
import { sessionCookieName } from './console/session-cookie.js';
import { decisionsPath } from './decisions/forwarded-request.js';
import { httpStatus, problemTitle } from './http-status.js';
import { documentedPath, parameterNames } from './routes/path-pattern.js';
import { type ControlRoute } from './routes/route.js';

export interface ApiOperation {
  operationId: string;
  tags: string[];
  summary: string;
  description?: string;
  security: object[];
  parameters: object[];
  requestBody?: { required: true; content: Record<string, { schema: JsonSchema; example?: object }> };
  responses: Record<string, object>;
}

export interface ApiDocument {
  openapi: '3.1.0';
  info: { title: string; version: string; description: string };
  servers: { url: string }[];
  paths: Record<string, Record<string, ApiOperation>>;
  components: object;
}

type JsonSchema = z.core.JSONSchema.BaseSchema;

/** The API as an OpenAPI 3.1 document, made from the table of routes and nothing else: what is served is what it says. */
export function describeApi(routes: readonly ControlRoute[], publicUrl: string): ApiDocument {
  const paths: ApiDocument['paths'] = {};
  for (const route of routes) {
    const path = documentedPath(route.path);
    (paths[path] ??= {})[route.method.toLowerCase()] = describeRoute(route);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Portcullis',
      version: '1',
      description:
        'Credentials of machines and people: issued, checked at one gateway, revoked everywhere by the time the call returns, ' +
        'and written down. Every refusal is a problem document (RFC 9457).',
    },
    servers: [{ url: publicUrl }],
    paths,
    components: {
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: 'An API key in bearer form, or an access token.',
        },
        basic: {
          type: 'http',
          scheme: 'basic',
          description: 'A password, behind an empty user name for the node or an e-mail address for a person.',
        },
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: sessionCookieName,
          description: 'The console’s session in a browser. It opens nothing but its own refresh and its own end.',
        },
      },
      schemas: { Problem: problemSchema },
      responses: {
        Problem: { description: 'Refused', content: { 'application/problem+json': { schema: ref('Problem') } } },
      },
    },
  };
}

function describeRoute(route: ControlRoute): ApiOperation {
  const schema = route.input ? jsonSchema(route.input.schema, 'input') : undefined;
  const fields = Object.entries((schema?.properties ?? {}) as Record<string, JsonSchema>);
  const inPath = parameterNames(route.path);
  const rest = fields.filter(([name]) => !inPath.includes(name));
  const fromQuery = route.input?.from === 'query';
  const required = (schema?.required ?? []).filter((name) => !inPath.includes(name));
  const permission = route.access.public ? null : route.access.permission;
  return {
    operationId: operationIdOf(route),
    tags: [route.tag],
    summary: route.summary,
    ...(permission === null ? {} : { description: `Needs the permission \`${permission}\`.` }),
    security: securityOf(route),
    parameters: [
      ...inPath.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
      ...(fromQuery
        ? rest.map(([name, field]) => ({
            name,
            in: 'query',
            required: required.includes(name) && !('default' in field),
            schema: field,
          }))
        : []),
      ...(route.idempotent ? [idempotencyKey] : []),
      ...(route.ownPage ? [fromOwnPage] : []),
    ],
    ...(schema && !fromQuery && rest.length > 0
      ? {
          requestBody: {
            required: true as const,
            content: {
              'application/json': {
                schema: { ...schema, properties: Object.fromEntries(rest), required },
                ...(route.example ? { example: route.example } : {}),
              },
            },
          },
        }
      : {}),
    ...(route.form ? { requestBody: describeForm(route.form) } : {}),
    responses: { [route.status]: describeReply(route), ...refusals(route) },
  };
}

const describeForm = (form: z.ZodObject) => ({
  required: true as const,
  content: { 'application/x-www-form-urlencoded': { schema: jsonSchema(form, 'input') } },
});

/** What a public route challenges for, its handler reads itself. */
function securityOf({ access, challenge, ownPage }: ControlRoute): object[] {
  if (!access.public) return [{ bearer: [] }];
  if (ownPage?.cookie) return [{ session: [] }];
  return challenge?.startsWith('Basic ') ? [{ basic: [] }] : [];
}

function describeReply(route: ControlRoute): object {
  const { reply } = route;
  const content =
    reply instanceof z.ZodType
      ? { 'application/json': { schema: jsonSchema(reply, 'output') } }
      : { [reply.mediaType]: {} };
  return { description: route.status === 201 ? 'Created' : 'Done', content };
}

/** The codes that any route of this kind may answer; each names its status once. */
function refusals(route: ControlRoute): Record<string, object> {
  if (route.path === decisionsPath) return byStatus(['unauthenticated', 'forbidden', 'unavailable']);
  const codes: ErrorCode[] = ['invalid_request', 'internal', 'unavailable'];
  if (!route.access.public) codes.push('unauthenticated', 'forbidden', 'rate_limited');
  if (route.access.public && (route.tag === 'Sign in' || route.challenge))
    codes.push('invalid_credentials', 'rate_limited');
  if (route.ownPage) codes.push('forbidden');
  if (route.method !== 'GET') codes.push('audit_unavailable');
  if (route.path.includes(':')) codes.push('not_found');
  if (route.input?.from === 'body') codes.push('conflict', 'too_large', 'unsupported_media_type', 'unprocessable');
  return byStatus(codes);
}

const byStatus = (codes: readonly ErrorCode[]): Record<string, object> =>
  Object.fromEntries(codes.map((code) => [httpStatus[code], { $ref: '#/components/responses/Problem' }]));

/** JSON Schema as HTTP clients see the value: what is sealed on the bus is a text to them. */
function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const { $schema, $defs, ...rest } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema: written }) => {
      if (zodSchema === Sealed) replace(written, { type: 'string' });
      // The calendar's leap years as a regular expression: correct, and no help to a reader.
      else if (written.format === 'date-time') delete written.pattern;
    },
  });
  void $schema;
  return $defs ? withoutDefinitions(rest) : rest;
}

/** The only recursive schema is "any JSON"; a reference into a nested document would point nowhere. */
function withoutDefinitions<T>(value: T): T {
  if (Array.isArray(value)) return value.map((item: unknown) => withoutDefinitions(item)) as T;
  if (typeof value !== 'object' || value === null) return value;
  if ('$ref' in value) return {} as T;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, withoutDefinitions(item as unknown)]),
  ) as T;
}

function replace(schema: Record<string, unknown>, by: Record<string, unknown>): void {
  for (const key of Object.keys(schema)) delete schema[key];
  Object.assign(schema, by);
}

function operationIdOf({ method, path }: ControlRoute): string {
  return `${method.toLowerCase()}${path.replaceAll(/[^A-Za-z0-9]+([A-Za-z0-9])/g, (_, letter: string) => letter.toUpperCase())}`;
}

const ref = (name: string): { $ref: string } => ({ $ref: `#/components/schemas/${name}` });

const idempotencyKey = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'A repeat with the same key within 24 hours gets the first answer, without its secrets.',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
};

const fromOwnPage = {
  name: ownPageHeader.name,
  in: 'header',
  required: true,
  description: 'Says that a page of the gateway’s own asks. A page of another origin cannot send it.',
  schema: { type: 'string', const: ownPageHeader.value },
};

const problemSchema = {
  type: 'object',
  required: ['type', 'title', 'status', 'code', 'detail', 'request_id'],
  properties: {
    type: { type: 'string', format: 'uri' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: {
      type: 'string',
      enum: errorCodes,
      description: errorCodes.map((code) => `${code}: ${problemTitle[code]} (${httpStatus[code]})`).join('\n'),
    },
    detail: { type: 'string' },
    request_id: { type: 'string' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['field', 'message'],
        properties: { field: { type: 'string' }, message: { type: 'string' } },
      },
    },
    required_permission: { type: 'string' },
    decision_id: { type: 'string' },
  },
};
