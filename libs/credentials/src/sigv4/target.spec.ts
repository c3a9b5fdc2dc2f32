import { S3Fault } from './s3-fault.js';
import { canonicalUri, s3PathOf, s3QueryOf } from './target.js';

describe('a path', () => {
  test.each([
    ['/', null, null],
    ['/?list', null, null],
    ['/bucket', 'bucket', null],
    ['/bucket/', 'bucket', null],
    ['/bucket?acl', 'bucket', null],
    ['/bucket/key', 'bucket', 'key'],
    ['/bucket/a/b/', 'bucket', 'a/b/'],
    ['/bucket//a', 'bucket', '/a'],
    ['/bucket/a%2Fb', 'bucket', 'a/b'],
    ['/bucket/a%252Fb', 'bucket', 'a%2Fb'],
    ['/bucket/a+b%20c', 'bucket', 'a+b c'],
    ['/bucket/%C3%A9', 'bucket', 'é'],
    ['/bucket/\u00c3\u00a9', 'bucket', 'é'],
    ['/bucket/./a', 'bucket', './a'],
    ['/bucket/a/../b', 'bucket', 'a/../b'],
    ['/bucket/..a', 'bucket', '..a'],
    ['/b%75cket/k', 'bucket', 'k'],
  ])('%s is bucket %s, key %s', (target, bucket, key) => {
    expect(s3PathOf(target)).toEqual({ bucket, key });
  });

  test.each([
    ['/bucket/a%', 'bad_percent'],
    ['/bucket/%4', 'bad_percent'],
    ['/bucket/%zz', 'bad_percent'],
    ['/bucket/%ff', 'not_utf8'],
    ['/bucket/%C0%AF', 'not_utf8'],
    ['/bucket/%ED%A0%80', 'not_utf8'],
    ['/bucket/\u00ff', 'not_utf8'],
    ['/bucket/%00', 'forbidden_character'],
    ['/bucket/a%0Ab', 'forbidden_character'],
    ['/bucket/%7F', 'forbidden_character'],
    ['/bucket/a\\b', 'forbidden_character'],
    ['/bucket/a%5Cb', 'forbidden_character'],
    ['/bucket%2Fkey', 'bucket_has_slash'],
    ['//', 'bucket_empty'],
    ['//key', 'bucket_empty'],
    ['/bucket/..', 'name_climbs'],
    ['/bucket/../other/key', 'name_climbs'],
    ['/bucket/%2e%2E/other/key', 'name_climbs'],
    ['/bucket/a%2F..%2F..%2Fother', 'name_climbs'],
    ['/bucket/a/../../other/key', 'name_climbs'],
    ['/bucket//../other', 'name_climbs'],
    ['/bucket/./../other', 'name_climbs'],
    ['/bucket/a/..', 'name_climbs'],
    ['/bucket/a/b/../%2E%2e/', 'name_climbs'],
    ['/bucket/.', 'name_climbs'],
    ['/bucket//', 'name_climbs'],
    ['/../bucket/key', 'name_climbs'],
    ['/./bucket/key', 'name_climbs'],
    ['', 'not_a_path'],
    ['bucket/key', 'not_a_path'],
    ['http://host/bucket', 'not_a_path'],
    ['/bucket#x', 'not_a_path'],
    ['*', 'not_a_path'],
  ])('%s is refused: %s', (target, reason) => {
    expect(faultOf(() => s3PathOf(target))).toMatchObject({ code: 'InvalidURI', status: 400, reason });
  });

  test('in virtual-host style is the key as a whole', () => {
    expect(s3PathOf('/', 'virtual-host')).toEqual({ bucket: null, key: null });
    expect(s3PathOf('/bucket/key', 'virtual-host')).toEqual({ bucket: null, key: 'bucket/key' });
    expect(s3PathOf('//key', 'virtual-host')).toEqual({ bucket: null, key: '/key' });
    expect(faultOf(() => s3PathOf('/../other', 'virtual-host'))).toMatchObject({ reason: 'name_climbs' });
  });

  test('has one canonical form, encoded once and not normalised', () => {
    expect(canonicalUri("/b//a/./../%7e%2f%2B+!'()*é".replace('é', '\u00c3\u00a9'))).toBe(
      '/b//a/./../~%2F%2B%2B%21%27%28%29%2A%C3%A9',
    );
  });
});

describe('a query', () => {
  test('is read as it is signed: a plus is a plus, no value is an empty one', () => {
    expect(s3QueryOf('/b?acl&prefix=a+b%20c%2B&x=1=2&&=e')).toEqual([
      ['acl', ''],
      ['prefix', 'a+b c+'],
      ['x', '1=2'],
      ['', 'e'],
    ]);
  });

  test.each(['/b?a=%', '/b?%4=a', '/b?a=%ff'])('%s is refused', (target) => {
    expect(faultOf(() => s3QueryOf(target))).toMatchObject({ code: 'InvalidURI' });
  });
});

function faultOf(step: () => unknown): S3Fault {
  try {
    step();
  } catch (fault) {
    if (fault instanceof S3Fault) return fault;
    throw fault;
  }
  throw new Error('It was taken.');
}
