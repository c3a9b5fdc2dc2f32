import { completeEvent, newId } from '@portcullis/contracts';
import { Secret } from '@portcullis/credentials';
import { Webhook } from 'standardwebhooks';
import { heldSeconds, secondsUntilNext } from './retry-schedule.js';
import { bodyOf, mintWebhookSecret, signatureHeaders } from './standard-webhook.js';

const now = new Date();
const message = { id: newId('evt', now), timestamp: Math.floor(now.getTime() / 1000), body: '{"test": 1}' };
const anEvent = (details: Record<string, unknown>) =>
  completeEvent(
    {
      organization_id: newId('org', now),
      action: 'api-key.created',
      resource: { kind: 'api-key', id: 'key_1' },
      details,
    },
    { id: message.id, time: now, service: 'api-key' },
  );

test('the signature is that of the specification', () => {
  const secret = Secret.of('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
  const given = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestamp: 1614265330, body: '{"test": 2432232314}' };
  expect(signatureHeaders(given, [secret])).toEqual({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});

test('while secrets are exchanged a receiver that knows any of them takes the message, and another none', () => {
  const [old, fresh, foreign] = [mintWebhookSecret(), mintWebhookSecret(), mintWebhookSecret()];
  const headers = signatureHeaders(message, [fresh, old]);
  for (const secret of [old, fresh])
    expect(new Webhook(secret.reveal()).verify(message.body, headers)).toEqual({ test: 1 });
  expect(() => new Webhook(foreign.reveal()).verify(message.body, headers)).toThrow();
  expect(() => new Webhook(old.reveal()).verify(`${message.body} `, headers)).toThrow();
});

test('a secret has 32 bytes, and prints as none', () => {
  expect(mintWebhookSecret().reveal()).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  expect(String(mintWebhookSecret())).toBe('[secret]');
});

test('an event is sent whole, as a CloudEvent with the members that Standard Webhooks names', () => {
  const event = anEvent({ name: 'ünïcode' });
  expect(JSON.parse(bodyOf(event))).toMatchObject({
    specversion: '1.0',
    id: event.id,
    type: 'portcullis.api-key.created',
    timestamp: event.time,
    data: event,
  });
});

test('one that is too large is sent as where to read it', () => {
  const body = bodyOf(anEvent({ name: 'x'.repeat(20_000) }));
  expect(Buffer.byteLength(body)).toBeLessThan(1_000);
  const sent = JSON.parse(body) as object;
  expect(sent).toMatchObject({ id: message.id, dataref: `/v1/audit/events/${message.id}` });
  expect(sent).not.toHaveProperty('data');
});

describe('the next attempt', () => {
  const all = (chance: number) =>
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((attempts) => secondsUntilNext(attempts, null, () => chance));

  test('comes later each time, over many hours, and after ten there is none', () => {
    const waits = all(0.5);
    expect(waits).toEqual([10, 30, 90, 300, 900, 2700, 7200, 18_000, 43_200, null]);
    expect(waits.reduce<number>((sum, wait) => sum + (wait ?? 0), 0)).toBeGreaterThan(20 * 3600);
  });

  test('is up to a quarter sooner or later', () => {
    expect(all(0)[3]).toBe(225);
    expect(all(1)[3]).toBe(375);
  });

  test('is not before the receiver asked for it, and not put off without end', () => {
    expect(secondsUntilNext(1, 120, () => 0)).toBe(120);
    expect(secondsUntilNext(6, 120, () => 0.5)).toBe(2700);
    expect(secondsUntilNext(1, 999_999_999, () => 0)).toBe(43_200);
    expect([heldSeconds(null), heldSeconds(5), heldSeconds(999_999_999)]).toEqual([0, 5, 43_200]);
  });
});
