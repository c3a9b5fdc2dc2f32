import { ConfigFault } from '@portcullis/settings';
import { readConfig } from './config.js';

const enough = {
  NATS_URL: 'nats://api-key:secret@localhost:4222',
  DATABASE_URL: 'postgres://api_key:secret@localhost:5432/portcullis',
};
const PORTCULLIS_KEY_ENCRYPTION_KEY = 'q5Zt0Yc3nUuX8yMvJ2kLw7RrEo1aHsGfD4bTiPzK9Vg=';

function faultsOf(env: Record<string, string>): string {
  try {
    readConfig({ ...enough, ...env });
    return '';
  } catch (error) {
    if (error instanceof ConfigFault) return error.lines.join('\n');
    throw error;
  }
}

test('without object storage nothing more is needed than before', () => {
  expect(readConfig(enough).s3).toEqual({ publicUrl: null, region: 'us-east-1', encryption: null });
});

test('with it a place, a region and the keys under which secrets are kept', () => {
  const env = { S3_PUBLIC_URL: 'https://s3.example.com/', S3_REGION: 'eu-west-1', PORTCULLIS_KEY_ENCRYPTION_KEY };
  expect(readConfig({ ...enough, ...env }).s3).toMatchObject({
    publicUrl: 'https://s3.example.com',
    region: 'eu-west-1',
    encryption: expect.anything() as unknown,
  });
});

test.each([
  [{ S3_PUBLIC_URL: 'https://s3.example.com' }, /S3_PUBLIC_URL needs PORTCULLIS_KEY_ENCRYPTION_KEY/],
  [{ S3_PUBLIC_URL: 's3.example.com', PORTCULLIS_KEY_ENCRYPTION_KEY }, /S3_PUBLIC_URL: must be an http or https URL/i],
  [{ S3_REGION: 'Frankfurt' }, /S3_REGION: must be 1 to 64/i],
  [{ PORTCULLIS_KEY_ENCRYPTION_KEY: 'hunter2' }, /KEY_ENCRYPTION_KEY: .*too short/],
])('%j is a fault, and none repeats a value', (env, why) => {
  expect(faultsOf(env)).toMatch(why);
  expect(faultsOf(env)).not.toContain('hunter2');
});
