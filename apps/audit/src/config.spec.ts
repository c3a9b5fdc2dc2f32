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

test('without a retention term events are kept for ever', () => {
  expect(readConfig(env).retentionDays).toBeUndefined();
  expect(readConfig({ ...env, PORTCULLIS_AUDIT_RETENTION_DAYS: '' }).retentionDays).toBeUndefined();
  expect(readConfig({ ...env, PORTCULLIS_AUDIT_RETENTION_DAYS: '365' }).retentionDays).toBe(365);
});

test.each(['0', '30', '-90', '90.5', '90d', '1e3', '36501', 'for ever'])(
  '%s is no retention term, and what one is is said',
  (given) => {
    expect(() => readConfig({ ...env, PORTCULLIS_AUDIT_RETENTION_DAYS: given })).toThrow(
      /PORTCULLIS_AUDIT_RETENTION_DAYS: is not a whole number from 31 to 36500\. After so many days/,
    );
  },
);

test.each(['10.0.0.0', 'siem.internal', '10.0.0.1/8', '*'])(
  '%s is no network, and the service does not start',
  (given) => {
    expect(() => readConfig({ ...env, PORTCULLIS_WEBHOOK_ALLOW: given })).toThrow(/PORTCULLIS_WEBHOOK_ALLOW/);
  },
);
