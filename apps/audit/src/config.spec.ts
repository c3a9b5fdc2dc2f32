import { randomBytes } from 'node:crypto';
import { readConfig } from './config.js';

const env = {
  NATS_URL: 'nats://127.0.0.1:4222',
  DATABASE_URL: 'postgres://audit@127.0.0.1/portcullis',
  PORTCULLIS_KEY_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
  PORTCULLIS_PUBLIC_URL: 'https://gate.example',
};

test.each([[undefined], ['']])('webhooks go to no private network unless one is named (%j)', (given) => {
  expect(readConfig({ ...env, PORTCULLIS_WEBHOOK_ALLOW: given }).webhookAllow.toJSON()).toEqual([]);
});

test('networks to which webhooks may go are listed', () => {
  const { webhookAllow } = readConfig({ ...env, PORTCULLIS_WEBHOOK_ALLOW: '10.0.0.0/8, fd00::/8' });
  expect(webhookAllow.toJSON()).toEqual(['10.0.0.0/8', 'fd00::/8']);
});

test.each(['10.0.0.0', 'siem.internal', '10.0.0.1/8', '*'])(
  '%s is no network, and the service does not start',
  (given) => {
    expect(() => readConfig({ ...env, PORTCULLIS_WEBHOOK_ALLOW: given })).toThrow(/PORTCULLIS_WEBHOOK_ALLOW/);
  },
);
