import { environmentFor, unknownVariables } from './programs.js';

const operator = {
  PATH: '/bin',
  DATABASE_URL: 'postgres://admin',
  AWS_SECRET_ACCESS_KEY: 'x',
  PORTCULLIS_TRUSTED_PROXIES: '10.0.0.0/8',
  PORTCULLIS_WEBHOOK_ALLOW: '',
  PORTCULLIS_VARIABLE_LEDGER_URL: 'http://ledger',
  S3_UPSTREAM_SECRET_ACCESS_KEY_FILE: '/run/s3',
  PORTCULLIS_KEY_ENCRYPTION_KEY_FILE: '/run/kek',
  NODE_OPTIONS: '--inspect',
};

test('a gateway never gets a database or the key-encryption key', () => {
  expect(environmentFor('gateway', operator, { NATS_URL: 'nats://gateway' })).toEqual({
    NODE_ENV: 'production',
    PATH: '/bin',
    NATS_URL: 'nats://gateway',
    PORTCULLIS_TRUSTED_PROXIES: '10.0.0.0/8',
    PORTCULLIS_VARIABLE_LEDGER_URL: 'http://ledger',
    S3_UPSTREAM_SECRET_ACCESS_KEY_FILE: '/run/s3',
  });
});

test('nobody but the gateway gets the S3 upstream’s secret', () => {
  for (const name of [
    'identity',
    'api-key',
    'client-registry',
    'audit',
    'example-upstream',
    'example-object-store',
  ] as const)
    expect(Object.keys(environmentFor(name, operator, {})).filter((key) => key.startsWith('S3_UPSTREAM'))).toEqual([]);
});

test('nobody but identity gets the hash of the node password', () => {
  const env = { PORTCULLIS_ADMIN_PASSWORD_HASH: '$2b$12$x', PORTCULLIS_ROLE_TOKEN_MAX_SECONDS: '60' };
  expect(environmentFor('identity', env, {})).toMatchObject(env);
  for (const name of ['gateway', 'api-key', 'client-registry', 'audit', 'example-upstream'] as const)
    expect(environmentFor(name, env, {})).toEqual({ NODE_ENV: 'production' });
});

test('what is made for a program replaces the file form that the operator gave', () => {
  const made = { PORTCULLIS_POLICY: '/etc/policy.yaml' };
  expect(environmentFor('audit', { PORTCULLIS_POLICY_FILE: '/x' }, made)).toEqual({ NODE_ENV: 'production', ...made });
});

test('a name that looks like ours and is none is told', () => {
  expect(unknownVariables({ ...operator, PORTCULLIS_GATEWAYZ: '2', PORTCULLIS_HOME_FILE: 'x', OTHER: 'y' })).toEqual([
    'PORTCULLIS_GATEWAYZ',
  ]);
});
