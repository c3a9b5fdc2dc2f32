import { z } from 'zod';
import { type Action, actions, AuditEvent, CloudEvent } from '../event.js';
import { eventTypes, ownFields } from './event-types.js';

type JsonSchema = z.core.JSONSchema.BaseSchema;
type Reference = { $ref: string };

/**
 * Everything that Portcullis tells of by itself, as an AsyncAPI 3.0 document (https://www.asyncapi.com/docs/reference/specification/v3.0.0):
 * each type of event on its NATS subject, and the same events as Server-Sent Events and as webhooks. Made from the schemas and nothing
 * else. Payloads are JSON Schema draft 7, as AsyncAPI has it, and say nothing against fields that are new.
 */
export function describeEvents(): object {
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Portcullis events',
      version: '1',
      description:
        'Every mutation, sign-in, issued token, denial, failed credential, change of policy, proof of enforcement and reading of the ' +
        'record itself. Each event is a CloudEvent 1.0 with the type `portcullis.<noun>.<past participle>`. One that is delivered twice ' +
        'has the same `id`. Fields may be added to `details` and to the event, and types to the list: take what you do not know.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    defaultContentType: 'application/json',
    servers,
    channels: {
      ...Object.fromEntries(actions.map((action) => [action, subjectChannel(action)])),
      ...overHttp,
    },
    operations: {
      ...Object.fromEntries(
        actions.map((action) => [
          `send.${action}`,
          { action: 'send', channel: ref('channels', action), summary: eventTypes[action].summary },
        ]),
      ),
      stream: {
        action: 'send',
        channel: ref('channels', 'stream'),
        summary: "The reader's own organization's events as they are kept.",
        security: [ref('components', 'securitySchemes', 'bearer')],
        bindings: { http: { method: 'GET', bindingVersion: '0.3.0' } },
      },
      webhook: {
        action: 'send',
        channel: ref('channels', 'webhook'),
        summary: 'Each event that a webhook of the organization asks for, until its receiver answers 2xx.',
        bindings: { http: { method: 'POST', bindingVersion: '0.3.0' } },
      },
    },
    components: {
      messages: Object.fromEntries(actions.map((action) => [action, messageOf(action)])),
      schemas: {
        Event: jsonSchema(AuditEvent),
        CloudEvent: jsonSchema(CloudEvent.omit({ data: true })),
        ...Object.fromEntries(actions.map((action) => [action, schemaOf(action)])),
        anyEvent: { oneOf: actions.map((action) => ref('components', 'schemas', action)) },
        webhookBody: {
          allOf: [
            ref('components', 'schemas', 'CloudEvent'),
            {
              type: 'object',
              properties: {
                timestamp: { type: 'string', format: 'date-time', description: 'The same as `time`.' },
                data: ref('components', 'schemas', 'anyEvent'),
                dataref: {
                  type: 'string',
                  description: 'In place of `data` where that has more than 20 KB: where the API has the event.',
                },
              },
              required: ['timestamp'],
            },
          ],
        },
      },
      securitySchemes: {
        natsUser: {
          type: 'userPassword',
          description:
            'What `portcullis audit consumer create NAME` prints once. It reads by the durable pull consumer that was made for it, with ' +
            'its own inbox prefix, and may do nothing else.',
        },
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: 'An API key in bearer form, or an access token, with the permission `audit:view`.',
        },
      },
    },
  };
}

const servers = {
  nats: {
    host: '{host}:{port}',
    protocol: 'nats',
    description:
      'JetStream, stream AUDIT. Readers pull from a durable consumer of that stream; a subject is how they filter.',
    variables: {
      host: { default: '127.0.0.1', description: 'Where nats-server is.' },
      port: { default: '4222' },
    },
    security: [{ $ref: '#/components/securitySchemes/natsUser' }],
  },
  gateway: {
    host: '{host}',
    protocol: 'https',
    description: 'The public API: `PORTCULLIS_PUBLIC_URL`.',
    variables: { host: { default: 'portcullis.example' } },
    security: [{ $ref: '#/components/securitySchemes/bearer' }],
  },
  receiver: {
    host: '{host}',
    protocol: 'https',
    description: 'The address that an organization gave for a webhook (`POST /v1/audit/webhooks`).',
    variables: { host: { default: 'receiver.example' } },
  },
};

const overHttp = {
  stream: {
    address: '/v1/audit/stream',
    title: 'Server-Sent Events',
    description:
      'The id of each is its index in the log. With `Last-Event-ID` it goes on behind that one, at any gateway.',
    servers: [ref('servers', 'gateway')],
    messages: {
      event: {
        name: 'event',
        summary: 'The `data` of one: the event itself.',
        payload: ref('components', 'schemas', 'anyEvent'),
      },
    },
  },
  webhook: {
    address: null,
    title: 'Standard Webhooks',
    description: 'https://www.standardwebhooks.com: verify the raw body, drop ids that you had, rely on no order.',
    servers: [ref('servers', 'receiver')],
    messages: {
      delivery: {
        name: 'delivery',
        summary: 'One attempt to deliver one event.',
        headers: {
          type: 'object',
          properties: {
            'webhook-id': { type: 'string', description: 'The id of the event: the same in every attempt.' },
            'webhook-timestamp': { type: 'string', description: 'Of this attempt, in seconds since 1970.' },
            'webhook-signature': { type: 'string', description: 'One `v1,…` for each secret that is good now.' },
          },
          required: ['webhook-id', 'webhook-timestamp', 'webhook-signature'],
        },
        payload: ref('components', 'schemas', 'webhookBody'),
      },
    },
  },
};

/** The subject that `eventSubject` gives. */
function subjectChannel(action: Action): object {
  const { services, summary } = eventTypes[action];
  const [only, ...others] = services;
  return {
    address: `audit.{organization_id}.${others.length === 0 ? only : '{service}'}.${action}`,
    description: summary,
    servers: [ref('servers', 'nats')],
    parameters: {
      organization_id: { description: 'Whose event it is; `installation` where it is of none.' },
      ...(others.length === 0 ? {} : { service: { enum: services, description: 'Who says so.' } }),
    },
    messages: { [action]: ref('components', 'messages', action) },
  };
}

function messageOf(action: Action): object {
  return {
    name: `portcullis.${action}`,
    title: action,
    summary: eventTypes[action].summary,
    contentType: 'application/cloudevents+json',
    headers: {
      type: 'object',
      properties: { 'Nats-Msg-Id': { type: 'string', description: 'The id of the event.' } },
      required: ['Nats-Msg-Id'],
    },
    payload: {
      allOf: [
        ref('components', 'schemas', 'CloudEvent'),
        {
          type: 'object',
          properties: { type: { const: `portcullis.${action}` }, data: ref('components', 'schemas', action) },
          required: ['type', 'data'],
        },
      ],
    },
  };
}

function schemaOf(action: Action): object {
  return {
    description: eventTypes[action].summary,
    allOf: [ref('components', 'schemas', 'Event'), jsonSchema(z.object(ownFields(action)))],
  };
}

/** A schema as a reader should take it: open to fields that are new. */
function jsonSchema(schema: z.ZodType): JsonSchema {
  const { $schema, ...rest } = z.toJSONSchema(schema, {
    target: 'draft-7',
    io: 'output',
    unrepresentable: 'any',
    override: ({ jsonSchema: written }) => {
      if (written.additionalProperties === false) delete written.additionalProperties;
      // The calendar's leap years as a regular expression: correct, and no help to a reader.
      if (written.format === 'date-time') delete written.pattern;
    },
  });
  void $schema;
  return rest;
}

function ref(...path: string[]): Reference {
  return { $ref: `#/${path.join('/')}` };
}
