import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import Ajv from 'ajv';
import { CloudEvent as ForeignCloudEvent, HTTP } from 'cloudevents';
import { type Action, actions, type AuditEvent, completeEvent, eventSubject, toCloudEvent } from '../event.js';
import { services } from '../operation.js';
import { describeEvents } from './asyncapi.js';
import { eventFaults, eventTypes } from './event-types.js';

interface Described {
  channels: Record<string, { address: string | null; messages: Record<string, { $ref?: string }> }>;
  operations: Record<string, { channel: { $ref: string } }>;
  components: { schemas: Record<string, object>; messages: Record<string, { payload: object }> };
}
const document = describeEvents() as Described;

const validator = () => new Ajv({ unknownFormats: 'ignore' });
/** As its authors publish it, without the schema of schemas, which the validator has. */
function asyncapiSchema(): object {
  const schema = createRequire(import.meta.url)('@asyncapi/specs/schemas/3.0.0.json') as { definitions: object };
  const { 'http://json-schema.org/draft-07/schema': known, ...definitions } = schema.definitions as Record<
    string,
    object
  >;
  expect(known).toBeDefined();
  return { ...schema, definitions };
}

test('docs/asyncapi.json is what the schemas say', () => {
  const kept = readFileSync(join(import.meta.dirname, '../../../../docs/asyncapi.json'), 'utf8');
  const isCurrent = kept === `${JSON.stringify(document, null, 2)}\n`;
  expect(isCurrent || 'docs/asyncapi.json is old: npm run asyncapi writes it anew').toBe(true);
});

test('it is an AsyncAPI 3.0 document, by the JSON Schema of its authors', () => {
  const ajv = validator();
  const isDocument = ajv.compile(asyncapiSchema());
  const check = (value: unknown): unknown => (isDocument(value), isDocument.errors);
  expect(check(document)).toBeNull();
  // The check can fail.
  expect(check({ ...document, channels: { some: { adress: 'x' } } })).not.toBeNull();
});

test('every reference leads somewhere', () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path = '']) => path);
  const found = (path: string) =>
    path.split('/').reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], document);
  expect(new Set(references.filter((path) => found(path) === undefined))).toEqual(new Set());
});

test('every action has its channel, its message and its operation, on the subject that it travels on', () => {
  for (const action of actions) {
    const { address, messages } = document.channels[action] ?? {};
    for (const service of eventTypes[action].services) {
      const subject = eventSubject({ organization_id: '{organization_id}', service, action });
      expect(address?.replace('{service}', service)).toBe(subject);
    }
    expect(messages).toEqual({ [action]: { $ref: `#/components/messages/${action}` } });
    expect(document.operations[`send.${action}`]?.channel).toEqual({ $ref: `#/channels/${action}` });
  }
});

const time = new Date('2026-02-01T00:00:00.000Z');
const refused: AuditEvent = completeEvent(
  {
    organization_id: 'org_1',
    action: 'api-key.revoked',
    resource: { kind: 'api-key', id: 'key_1' },
    reason: 'leaked',
  },
  { id: 'evt_1', time, service: 'api-key' },
);

test.each<[string, Partial<AuditEvent>, boolean]>([
  ['as it is written', {}, true],
  ['of another service', { service: 'audit' }, false],
  ['with a reason that nobody gives', { reason: 'whim' }, false],
  ['about something else', { resource: { kind: 'user', id: 'usr_1' } }, false],
  ['with another outcome', { outcome: 'denied' }, false],
  ['of a type that it does not fit', { action: 'session.refused' }, false],
])('an event %s: the schema of its type in the document says so', (_, change, good) => {
  const event = { ...refused, ...change };
  const ajv = validator().addSchema(document, 'events');
  const check = ajv.compile({ $ref: `events#/components/messages/${event.action}/payload` });
  expect(check(toCloudEvent(event))).toBe(good);
  expect(eventFaults(event).length === 0).toBe(good);
});

test('readers take fields that are new, writers do not make them up', () => {
  const event = { ...refused, details: { mood: 'good' } };
  const ajv = validator().addSchema(document, 'events');
  expect(ajv.compile({ $ref: 'events#/components/messages/api-key.revoked/payload' })(toCloudEvent(event))).toBe(true);
  expect(eventFaults(event)).toEqual(['api-key.revoked of api-key: details: Unrecognized key: "mood"']);
});

test('each type of event is a CloudEvent to a foreign reader', () => {
  for (const action of actions) {
    const service = eventTypes[action].services[0] ?? services[0];
    const event = completeEvent({ ...refused, action }, { id: `evt_${action}`, time, service });
    const read = HTTP.toEvent<AuditEvent>({
      headers: { 'content-type': 'application/cloudevents+json' },
      body: JSON.stringify(toCloudEvent(event)),
    });
    if (!(read instanceof ForeignCloudEvent)) throw new Error('no single CloudEvent');
    expect(read.validate()).toBe(true);
    expect([read.type, read.data]).toEqual([`portcullis.${action satisfies Action}`, event]);
  }
});
