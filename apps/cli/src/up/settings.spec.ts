import { resolve } from 'node:path';
import { readUpSettings } from './settings.js';

const checkout = resolve(import.meta.dirname, '../../../..');

test('the n-th gateway listens ten ports further', () => {
  expect(readUpSettings({ PORTCULLIS_GATEWAYS: '3' }, checkout).gateways).toEqual([
    { port: 8080, s3Port: 9000 },
    { port: 8090, s3Port: 9010 },
    { port: 8100, s3Port: 9020 },
  ]);
});

test('the public URL follows the port and TLS unless it is given', () => {
  expect(readUpSettings({ PORT: '81' }, checkout).publicUrl).toBe('http://127.0.0.1:81');
  expect(readUpSettings({ PORTCULLIS_TLS_CERT: 'x' }, checkout).publicUrl).toBe('https://127.0.0.1:8080');
  expect(readUpSettings({ PORTCULLIS_PUBLIC_URL: 'https://gate.example/' }, checkout).publicUrl).toBe(
    'https://gate.example',
  );
});

test('S3 clients go to the first gateway unless it is said where', () => {
  expect(readUpSettings({ S3_PORT: '9100', PORTCULLIS_GATEWAYS: '2' }, checkout).s3PublicUrl).toBe(
    'http://127.0.0.1:9100',
  );
  expect(readUpSettings({ PORTCULLIS_TLS_CERT: 'x' }, checkout).s3PublicUrl).toBe('https://127.0.0.1:9000');
  const S3_PUBLIC_URL = 'https://{organization}.s3.example.com';
  expect(readUpSettings({ S3_PUBLIC_URL }, checkout).s3PublicUrl).toBe(S3_PUBLIC_URL);
});

test.each([
  [{ PORT: '65530', PORTCULLIS_GATEWAYS: '2' }, /no room for so many gateways/],
  [{ PORT: '8990', PORTCULLIS_GATEWAYS: '2' }, /PORT and S3_PORT meet/],
  [{ PORTCULLIS_POLICY: '/nowhere.yaml' }, /names a file that does not exist/],
  [{ DATABASE_URL: 'mysql://secret' }, /does not look like postgres:/],
  [{ PORTCULLIS_ADMIN_PASSWORD_HASH: 'hello' }, /ADMIN_PASSWORD_HASH: It is not a bcrypt hash/],
  [{ PORTCULLIS_TOKEN_ENCRYPTION_KEY: 'testtest' }, /TOKEN_ENCRYPTION_KEY: Entry 1 of the key list is too short/],
  [{ PORTCULLIS_KEY_ENCRYPTION_KEY: 'testtest' }, /KEY_ENCRYPTION_KEY: Entry 1 of the key list is too short/],
  [{ S3_PUBLIC_URL: 'http://s3.example.com/storage' }, /S3_PUBLIC_URL: must be an http or https URL of a host/],
  [{ S3_REGION: 'Frankfurt' }, /S3_REGION: must be/],
  [{ PORTCULLIS_AUDIT_RETENTION_DAYS: '7' }, /AUDIT_RETENTION_DAYS: is not a whole number from 31 to 36500/],
  [{ NATS_URL: 'localhost:4222' }, /does not look like nats:/],
])('%j is refused', (env, why) => {
  expect(() => readUpSettings(env, checkout)).toThrow(why);
});
