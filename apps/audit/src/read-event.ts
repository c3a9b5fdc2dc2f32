import { type AuditEvent, CloudEvent, eventSubject } from '@portcullis/contracts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * An event, or why a message is none. The subject is what NATS let the publisher use, so it is what tells who speaks: a body
 * that names another organization, service or action is refused.
 */
export function readEvent(message: { subject: string; data: Uint8Array }): { event: AuditEvent } | { reason: string } {
  let body: unknown;
  try {
    body = JSON.parse(utf8.decode(message.data));
  } catch {
    return { reason: 'not JSON' };
  }
  const parsed = CloudEvent.safeParse(body);
  if (!parsed.success) return { reason: `not a CloudEvent of ours: ${parsed.error.issues[0]?.path.join('.')}` };
  const { data, id } = parsed.data;
  if (data.id !== id) return { reason: 'its ids differ' };
  if (eventSubject(data) !== message.subject) {
    return { reason: 'its subject names another organization, service or action' };
  }
  return { event: data };
}
