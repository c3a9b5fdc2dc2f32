import { type AuditEvent, completeEvent, eventSubject, newId, toCloudEvent } from '@portcullis/contracts';
import { readEvent } from './read-event.js';

const now = new Date('2026-02-01T00:00:00.000Z');
const event = completeEvent(
  {
    organization_id: newId('org', now),
    action: 'api-key.created',
    resource: { kind: 'api-key', id: null },
    details: { name: 'ci', nested: [{ deep: true }] },
  },
  { id: newId('evt', now), time: now, service: 'api-key' },
);
const read = (body: unknown, subject = eventSubject(event)) =>
  readEvent({ subject, data: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)) });
const saying = (given: Partial<AuditEvent>) => toCloudEvent({ ...event, ...given });

test('an event is read as it was said', () => {
  expect(read(toCloudEvent(event))).toEqual({ event });
});

test('an event that is nobody’s is said on the subject of the installation, and on no organization’s', () => {
  const nobodys = { ...event, organization_id: null };
  expect(read(toCloudEvent(nobodys), `audit.installation.api-key.api-key.created`)).toEqual({ event: nobodys });
  expect(read(toCloudEvent(nobodys))).toHaveProperty('reason');
});

test('attributes of the envelope that are not ours are no fault (CloudEvents 1.0, extensions)', () => {
  expect(read({ ...toCloudEvent(event), traceparent: '00-0-0-00' })).toEqual({ event });
});

test.each<[string, unknown]>([
  ['another organization', saying({ organization_id: newId('org', now) })],
  ['nobody', saying({ organization_id: null })],
  ['another service', saying({ service: 'identity' })],
  ['another action', saying({ action: 'api-key.revoked' })],
])('a body that names %s than its subject is refused', (_name, body) => {
  expect(read(body)).toEqual({ reason: 'its subject names another organization, service or action' });
});

test.each<[string, unknown, RegExp]>([
  ['nothing', '', /^not JSON$/],
  ['text', 'event', /^not JSON$/],
  ['null', 'null', /^not a CloudEvent/],
  ['an event without its envelope', event, /^not a CloudEvent/],
  ['another version of CloudEvents', { ...toCloudEvent(event), specversion: '0.3' }, /: specversion$/],
  ['no data', { ...toCloudEvent(event), data: undefined }, /: data$/],
  [
    'an action outside the closed list',
    saying({ action: 'api-key.borrowed' as AuditEvent['action'] }),
    /: data.action$/,
  ],
  ['a count of none', saying({ count: 0 }), /: data.count$/],
  ['a time that is none', saying({ time: 'yesterday' }), /: time$/],
  ['an envelope with the id of another event', { ...toCloudEvent(event), id: newId('evt', now) }, /^its ids differ$/],
])('%s is no event, and the reason says why', (_name, body, reason) => {
  expect(read(body)).toEqual({ reason: expect.stringMatching(reason) as unknown });
});

test('bytes that are no UTF-8 are no event', () => {
  const data = Buffer.from(JSON.stringify(toCloudEvent(event)).replace('ci', 'c?'));
  data[data.indexOf('c?') + 1] = 0xff;
  expect(readEvent({ subject: eventSubject(event), data })).toEqual({ reason: 'not JSON' });
});

test('a reason never repeats what was said', () => {
  const told = JSON.stringify(read({ ...toCloudEvent(event), time: 'hunter2', hunter2: 1 }));
  expect(told).not.toContain('hunter2');
});
