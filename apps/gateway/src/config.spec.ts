import { ConfigFault } from '@portcullis/settings';
import { readConfig } from './config.js';

const enough = { NATS_URL: 'nats://gateway:hunter2@localhost:4222', PORTCULLIS_POLICY: 'policy.yaml' };
const upstream = {
  S3_UPSTREAM_URL: 'http://127.0.0.1:9100',
  S3_UPSTREAM_ACCESS_KEY_ID: 'AKIA0123456789ABCDEF',
  S3_UPSTREAM_SECRET_ACCESS_KEY: 'hunter2',
};

function faultsOf(env: Record<string, string>): readonly string[] {
  try {
    readConfig({ ...enough, ...env });
    return [];
  } catch (error) {
    if (error instanceof ConfigFault) return error.lines;
    throw error;
  }
}

test('without a storage behind it no S3 is spoken', () => {
  expect(readConfig({ ...enough, S3_PORT: '9001' }).s3).toBeNull();
});

test('with one, clients find it where the services say that it is', () => {
  const { s3 } = readConfig({ ...enough, ...upstream, S3_PUBLIC_URL: 'https://{organization}.s3.Example.com/' });
  expect(s3).toMatchObject({ port: 9000, publicUrl: 'https://{organization}.s3.example.com', region: 'us-east-1' });
  expect(readConfig({ ...enough, ...upstream, S3_PORT: '9010' }).s3?.publicUrl).toBe('http://127.0.0.1:9010');
});

test('the secret of the storage is shown nowhere', () => {
  expect(JSON.stringify(readConfig({ ...enough, ...upstream }).s3)).not.toContain('hunter2');
});

test.each<[Record<string, string>, RegExp]>([
  [{ S3_UPSTREAM_URL: upstream.S3_UPSTREAM_URL }, /S3_UPSTREAM_URL needs S3_UPSTREAM_ACCESS_KEY_ID and/],
  [{ ...upstream, S3_UPSTREAM_SECRET_ACCESS_KEY: '' }, /S3_UPSTREAM_URL needs S3_UPSTREAM_ACCESS_KEY_ID and/],
  [{ ...upstream, S3_UPSTREAM_URL: 'http://u:hunter2@store' }, /S3_UPSTREAM_URL: must be an http or https URL/],
  [{ ...upstream, S3_UPSTREAM_URL: 'http://store:99999' }, /S3_UPSTREAM_URL: must be an http or https URL/],
  [{ ...upstream, S3_UPSTREAM_URL: 'http://store/prefix' }, /S3_UPSTREAM_URL: must be an http or https URL/],
  [{ ...upstream, S3_PUBLIC_URL: 'https://s3.{organization}.example.com' }, /S3_PUBLIC_URL: must be/],
  [{ ...upstream, S3_REGION: 'Frankfurt' }, /S3_REGION: must be 1 to 64/],
  [{ PORTCULLIS_TLS_CERT: 'cert.pem' }, /PORTCULLIS_TLS_CERT and PORTCULLIS_TLS_KEY go together/],
])('%j is a fault, and none repeats a value', (env, why) => {
  expect(faultsOf(env).join('\n')).toMatch(why);
  expect(faultsOf(env).join('\n')).not.toContain('hunter2');
});

test('every fault is told at once, those between settings too', () => {
  const faults = faultsOf({ PORT: 'x', S3_UPSTREAM_URL: 'http://store', PORTCULLIS_TLS_KEY: 'key.pem' });
  expect(faults).toHaveLength(3);
});
