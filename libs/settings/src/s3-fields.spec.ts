import { s3PublicUrl, s3Region } from './s3-fields.js';

test.each([
  ['http://127.0.0.1:9000', 'http://127.0.0.1:9000'],
  ['https://S3.Example.com/', 'https://s3.example.com'],
  ['http://[::1]:9000', 'http://[::1]:9000'],
  ['https://{organization}.s3.example.com', 'https://{organization}.s3.example.com'],
  ['http://{organization}.localhost:9000', 'http://{organization}.localhost:9000'],
])('%s is where S3 clients can go', (text, read) => {
  expect(s3PublicUrl().parse(text)).toBe(read);
});

test.each([
  'ftp://s3.example.com',
  's3.example.com',
  'https://user:password@s3.example.com',
  'https://s3.example.com/storage',
  'https://s3.example.com?x=1',
  'https://s3.example.com#x',
  'https://s3.{organization}.example.com',
  'https://x{organization}.example.com',
  'https://{organization}',
  'https://{organization}.{organization}.example.com',
  'https://{project}.example.com',
  'https://s3.example.com:99999',
  'https://s3_x.example.com',
])('%s is not', (text) => {
  expect(s3PublicUrl().safeParse(text).success).toBe(false);
});

test('a region is a word of lower-case letters, digits and "-"', () => {
  expect(s3Region().parse('eu-central-1')).toBe('eu-central-1');
  for (const text of ['', 'EU', 'a/b', 'a b', 'x'.repeat(65)]) expect(s3Region().safeParse(text).success).toBe(false);
});
