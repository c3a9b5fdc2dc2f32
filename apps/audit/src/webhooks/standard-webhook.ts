import { createHmac, randomBytes } from 'node:crypto';
import { type AuditEvent, toCloudEvent } from '@portcullis/contracts';
import { Secret } from '@portcullis/credentials';

const secretPrefix = 'whsec_';
const secretBytes = 32;
const maxBodyBytes = 20_000;

/** A secret as its receiver is given it: `whsec_` and base64 (Standard Webhooks, "Signature scheme"). */
export const mintWebhookSecret = (): Secret => Secret.of(secretPrefix + randomBytes(secretBytes).toString('base64'));

export interface Message {
  readonly id: string;
  /** Of this attempt, in seconds since 1970. */
  readonly timestamp: number;
  readonly body: string;
}

/** The headers that prove a message, with one signature for each secret: a receiver that knows any of them takes it. */
export function signatureHeaders({ id, timestamp, body }: Message, secrets: readonly Secret[]): Record<string, string> {
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.reveal().slice(secretPrefix.length), 'base64');
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
  });
  return { 'webhook-id': id, 'webhook-timestamp': String(timestamp), 'webhook-signature': signatures.join(' ') };
}

/**
 * An event as it is sent: a CloudEvent in JSON which is also what Standard Webhooks recommends, `type`, `timestamp` and `data`. One of
 * more than 20 KB is sent without its data, and says where to read it (the CloudEvents extension `dataref`).
 */
export function bodyOf(event: AuditEvent): string {
  const cloudEvent = { ...toCloudEvent(event), timestamp: event.time };
  const whole = JSON.stringify(cloudEvent);
  if (Buffer.byteLength(whole) < maxBodyBytes) return whole;
  const { specversion, id, source, type, time, timestamp } = cloudEvent;
  return JSON.stringify({ specversion, id, source, type, time, timestamp, dataref: `/v1/audit/events/${id}` });
}
