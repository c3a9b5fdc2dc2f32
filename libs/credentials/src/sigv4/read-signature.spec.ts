import {
  accessKeyId,
  type Described,
  inHeader,
  presigned,
  region,
  sha256,
  withHeader,
  withoutHeader,
} from '../../spec/s3-requests.js';
import { faultOf, key, minutes, options, verifies } from '../../spec/s3-verdicts.js';
import { Secret } from '../secret.js';
import { s3SigningKey } from './canonical-request.js';
import { readS3Signature, type S3RequestHead } from './read-signature.js';
import { S3Fault } from './s3-fault.js';

const streaming = { 'x-amz-decoded-content-length': '5', 'transfer-encoding': 'chunked' };
const crc = { 'x-amz-trailer': 'x-amz-checksum-crc32' };
const modes: Record<string, Record<string, string>> = {
  [sha256('hello')]: { 'content-length': '5' },
  'UNSIGNED-PAYLOAD': { 'content-length': '5' },
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD': streaming,
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER': { ...streaming, ...crc },
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER': { ...streaming, ...crc },
};
const signers: Record<string, (described: Described) => Promise<S3RequestHead>> = { header: inHeader, presigned };
const table = Object.keys(modes).flatMap((mode) => Object.keys(signers).map((form) => [mode, form] as const));

describe('every kind of payload, in both forms', () => {
  async function signedWith(mode: string, form: string, secret?: string): Promise<S3RequestHead> {
    const headers = { 'x-amz-content-sha256': mode, ...modes[mode] };
    return (await signers[form]?.({ headers, ...(secret === undefined ? {} : { secret }) })) as S3RequestHead;
  }

  test.each(table)('%s, %s: the right secret verifies, and no other', async (mode, form) => {
    expect(verifies(await signedWith(mode, form))).toBe(true);
    expect(verifies(await signedWith(mode, form, 'another'))).toBe(false);
    expect(verifies(await signedWith(mode, form, ''))).toBe(false);
  });

  test.each(table)("%s, %s: a signature under another key's name does not verify with that key", async (mode, form) => {
    const head = await signedWith(mode, form);
    const stolen = (text: string): string => text.replace(accessKeyId, 'AKIAIOSFODNN7ANOTHER');
    const renamed = { ...head, target: stolen(head.target), rawHeaders: head.rawHeaders.map(stolen) };
    const signature = readS3Signature(renamed, options);
    expect(signature?.accessKeyId).toBe('AKIAIOSFODNN7ANOTHER');
    expect(signature?.verify(s3SigningKey(Secret.of('the secret of another'), '20261128', region))).toBe(false);
  });

  test.each(table)('%s, %s: without its signature it is refused or anonymous', async (mode, form) => {
    const head = await signedWith(mode, form);
    const bare = withoutHeader(head, 'authorization');
    const unsigned = { ...bare, target: bare.target.replace(/&?X-Amz-Signature=\w+/, '') };
    if (form === 'header') expect(readS3Signature(unsigned, options)).toBeNull();
    else
      expect(faultOf(unsigned)).toMatchObject({
        code: 'AuthorizationQueryParametersError',
        reason: 'parameter_missing',
      });
  });

  test.each(table)('%s, %s: another payload than was signed does not verify', async (mode, form) => {
    const head = await signedWith(mode, form);
    for (const other of Object.keys(modes).filter((name) => name !== mode)) {
      const all = { ...modes[other], 'x-amz-content-sha256': other };
      const changed = Object.entries(all).reduce((to, [name, value]) => withHeader(to, name, value), head);
      const outcome = (): boolean => verifies(changed);
      try {
        expect(outcome()).toBe(false);
      } catch (fault) {
        // A trailer that the signature does not cover stops it before the signature is looked at.
        expect(fault).toBeInstanceOf(S3Fault);
      }
    }
  });

  test.each(table.filter(([mode]) => mode.includes('UNSIGNED')))('%s, %s: refused without TLS', async (mode, form) => {
    expect(faultOf(await signedWith(mode, form), { allowUnsignedPayload: false })).toMatchObject({
      code: 'InvalidRequest',
      reason: 'unsigned_payload',
    });
  });

  test.each(['header', 'presigned'])(
    '%s: without a body nothing is to come, whatever the hash promises',
    async (form) => {
      const head = await signers[form]?.({ headers: { 'x-amz-content-sha256': sha256('hello') } });
      expect(readS3Signature(head as S3RequestHead, options)?.payload).toMatchObject({
        kind: 'digest',
        decodedLength: 0,
      });
      const streamed = withHeader(head as S3RequestHead, 'transfer-encoding', 'chunked');
      expect(readS3Signature(streamed, options)?.payload).toMatchObject({ kind: 'digest', decodedLength: null });
    },
  );

  test('an unsigned payload without a body needs no TLS', async () => {
    const head = await inHeader({ method: 'GET', headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } });
    expect(verifies(head, { allowUnsignedPayload: false })).toBe(true);
  });
});

describe('what is signed cannot be changed', () => {
  const described = {
    query: { 'list-type': '2', prefix: 'a b' },
    headers: { 'x-amz-meta-a': '1', 'x-amz-content-sha256': sha256('') },
  };
  const changes: [string, (head: S3RequestHead) => S3RequestHead][] = [
    ['method', (head) => ({ ...head, method: 'DELETE' })],
    ['path', (head) => ({ ...head, target: head.target.replace('/key', '/kez') })],
    ['a slash more', (head) => ({ ...head, target: head.target.replace('/key', '//key') })],
    ['a dot segment', (head) => ({ ...head, target: head.target.replace('/key', '/./key') })],
    ['query value', (head) => ({ ...head, target: head.target.replace('list-type=2', 'list-type=1') })],
    ['a parameter more', (head) => ({ ...head, target: `${head.target}&acl` })],
    ['host', (head) => withHeader(head, 'host', 'other.example.com')],
    ['date', (head) => withHeader(head, 'x-amz-date', '20261128T120001Z')],
    ['a header', (head) => withHeader(head, 'x-amz-meta-a', '2')],
  ];
  test.each(changes)('%s', async (name, change) => {
    const head = await inHeader(described);
    expect(verifies(head)).toBe(true);
    expect(verifies(change(head))).toBe(false);
    if (name === 'date') return;
    const url = await presigned(described);
    expect(verifies(url)).toBe(true);
    expect(verifies(change(url))).toBe(false);
  });

  test('spelling that means the same verifies: order of the query, percent-encoding, spaces around a value', async () => {
    const head = await inHeader(described);
    const target = head.target.replace(/\?.*/, '?prefix=a%20b&list-type=%32').replace('key', '%6bey');
    expect(verifies(withHeader({ ...head, target }, 'X-AMZ-Meta-A', ' \t1 '))).toBe(true);
  });
});

describe('the clock', () => {
  test.each([
    [15, true],
    [-15, true],
  ])('header: %s minutes away is taken', async (away) => {
    expect(verifies(await inHeader({}), { now: minutes(away) })).toBe(true);
  });

  test.each([
    [15.02, 'too_old'],
    [-15.02, 'not_yet_valid'],
  ])('header: %s minutes away is not', async (away, reason) => {
    expect(faultOf(await inHeader({}), { now: minutes(away) })).toMatchObject({
      code: 'RequestTimeTooSkewed',
      status: 403,
      reason,
    });
  });

  test('a presigned URL is good from 15 minutes before its time until it expires', async () => {
    const url = await presigned({ method: 'GET' });
    expect(readS3Signature(url, options)?.expiresAt).toEqual(minutes(60));
    for (const away of [-15, 0, 60]) expect(verifies(url, { now: minutes(away) })).toBe(true);
    expect(faultOf(url, { now: minutes(-15.02) })).toMatchObject({ code: 'AccessDenied', reason: 'not_yet_valid' });
    expect(faultOf(url, { now: minutes(60.02) })).toMatchObject({ code: 'AccessDenied', reason: 'expired' });
  });

  test.each(['0', '604801', '-1', '1.5', '+5', '1e3', '', '08', ' 5'])('X-Amz-Expires=%s is refused', async (value) => {
    const url = await presigned({ method: 'GET' });
    const target = url.target.replace(/X-Amz-Expires=\d+/, `X-Amz-Expires=${encodeURIComponent(value)}`);
    expect(faultOf({ ...url, target })).toMatchObject({ reason: 'bad_expires' });
  });

  test.each([
    '20261128T120000',
    '2026-11-28T12:00:00Z',
    '20261131T120000Z',
    '20261128T250000Z',
    'Sat, 28 Nov 2026 12:00:00 GMT',
  ])('X-Amz-Date: %s is no time', async (value) => {
    expect(faultOf(withHeader(await inHeader({}), 'x-amz-date', value))).toMatchObject({ reason: 'date_malformed' });
  });
});

describe('x-amz-content-sha256', () => {
  // What curl 7.88 --aws-sigv4 signs: no such header, and the hash of the body that it has.
  const curl = async (also: string[]): Promise<S3RequestHead> => {
    const head = await inHeader({ method: 'GET', also: { applyChecksum: false } });
    return { ...head, rawHeaders: [...head.rawHeaders, ...also] };
  };

  test('may be left out where there is no body, as curl does; the body then is the empty one', async () => {
    const head = await curl([]);
    expect(head.rawHeaders.join()).not.toContain('x-amz-content-sha256');
    expect(verifies(head)).toBe(true);
    expect(readS3Signature(head, options)?.payload).toMatchObject({ kind: 'digest', sha256: sha256('') });
  });

  test.each([[['Content-Length', '5']], [['Transfer-Encoding', 'chunked']]])(
    'is asked for where a body follows: %s',
    async (also) => {
      expect(faultOf(await curl(also))).toMatchObject({ code: 'InvalidRequest', reason: 'content_sha256_missing' });
    },
  );

  test.each([
    '',
    'unsigned-payload',
    sha256('').toUpperCase(),
    sha256('').slice(1),
    'STREAMING-UNSIGNED-PAYLOAD',
    'toString',
  ])('"%s" is none', async (value) => {
    expect(faultOf(withHeader(await inHeader({}), 'x-amz-content-sha256', value))).toMatchObject({
      code: 'InvalidRequest',
      reason: 'content_sha256_malformed',
    });
  });

  test('of a stream by SigV4A is refused by name', async () => {
    const head = withHeader(await inHeader({}), 'x-amz-content-sha256', 'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD');
    expect(faultOf(head)).toMatchObject({ code: 'NotImplemented', reason: 'sigv4a' });
  });

  test('in a presigned query counts as the payload, once', async () => {
    const url = await presigned({});
    expect(url.target).toContain('X-Amz-Content-Sha256=UNSIGNED-PAYLOAD');
    const other = { ...url, target: url.target.replace('UNSIGNED-PAYLOAD', sha256('hello')) };
    expect(readS3Signature(other, options)?.payload).toMatchObject({ kind: 'digest', sha256: sha256('hello') });
    expect(verifies(other)).toBe(false);
    const both = { ...url, target: `${url.target}&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD` };
    expect(faultOf(both)).toMatchObject({ reason: 'repeated_header' });
  });

  test.each([
    ['x-amz-decoded-content-length', undefined, 'decoded_length_missing'],
    ['x-amz-decoded-content-length', '-1', 'decoded_length_malformed'],
    ['x-amz-decoded-content-length', '0x5', 'decoded_length_malformed'],
    ['x-amz-decoded-content-length', '5 ', 'decoded_length_malformed'],
    ['x-amz-trailer', undefined, 'trailer_unknown'],
    ['x-amz-trailer', 'x-amz-meta-a', 'trailer_unknown'],
    ['x-amz-trailer', 'x-amz-checksum-crc32,x-amz-checksum-sha1', 'trailer_unknown'],
    ['x-amz-trailer', 'x-amz-checksum-md5', 'trailer_unknown'],
  ])('a stream with a trailer and %s: %s is refused', async (name, value, reason) => {
    const mode = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';
    const headers = Object.fromEntries(
      Object.entries({ 'x-amz-content-sha256': mode, ...modes[mode], [name]: value ?? '' }).filter(
        ([one]) => one !== name || value !== undefined,
      ),
    );
    expect(faultOf(await inHeader({ headers }))).toMatchObject({ reason });
  });

  test('aws-chunked without a mode of streaming would be stored with its framing, and is refused', async () => {
    const headers = {
      'content-encoding': 'aws-chunked',
      'content-length': '5',
      'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
    };
    expect(faultOf(await inHeader({ headers }))).toMatchObject({ reason: 'chunks_not_declared' });
  });
});

test('no message and no printed signature holds a key', async () => {
  const signature = readS3Signature(await inHeader({}), options);
  expect(JSON.stringify(signature) + String(key)).not.toContain(key.reveal());
});
