import {
  accessKeyId,
  type Described,
  host,
  inHeader,
  now,
  presigned,
  region,
  scope,
  secretText,
  sha256,
  timestamp,
  withHeader,
  withoutHeader,
} from '../../spec/s3-requests.js';
import { Secret } from '../secret.js';
import { s3SigningKey } from './canonical-request.js';
import { readS3Signature, type ReadS3Signature, type S3RequestHead } from './read-signature.js';
import { S3Fault } from './s3-fault.js';

const options: ReadS3Signature = { now, region, allowUnsignedPayload: true };
const key = s3SigningKey(Secret.of(secretText), '20261128', region);
const minutes = (count: number): Date => new Date(now.getTime() + count * 60_000);

function verifies(head: S3RequestHead, also: Partial<ReadS3Signature> = {}): boolean {
  return readS3Signature(head, { ...options, ...also })?.verify(key) ?? false;
}

function faultOf(head: S3RequestHead, also: Partial<ReadS3Signature> = {}): S3Fault {
  try {
    readS3Signature(head, { ...options, ...also });
  } catch (fault) {
    if (fault instanceof S3Fault) return fault;
    throw fault;
  }
  throw new Error('It was taken.');
}

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

describe('other ways to sign are refused by name', () => {
  const head = (also: Partial<S3RequestHead>): S3RequestHead => ({
    method: 'GET',
    target: '/b/k',
    rawHeaders: ['Host', host],
    ...also,
  });
  test.each([
    ['SigV2 in the header', head({ rawHeaders: ['Authorization', 'AWS AKIA:c2ln'] }), 'NotImplemented', 'sigv2'],
    [
      'SigV2 in the query',
      head({ target: '/b/k?AWSAccessKeyId=AKIA&Signature=x&Expires=1' }),
      'NotImplemented',
      'sigv2',
    ],
    [
      'SigV4A in the header',
      head({ rawHeaders: ['Authorization', 'AWS4-ECDSA-P256-SHA256 Credential=a'] }),
      'NotImplemented',
      'sigv4a',
    ],
    [
      'SigV4A in the query',
      head({ target: '/b/k?X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256' }),
      'NotImplemented',
      'sigv4a',
    ],
    [
      'a form',
      head({ method: 'POST', rawHeaders: ['Content-Type', 'multipart/form-data; boundary=x'] }),
      'NotImplemented',
      'post_policy',
    ],
    ['a bearer token', head({ rawHeaders: ['Authorization', 'Bearer x'] }), 'InvalidArgument', 'unknown_scheme'],
    ['nothing in the header', head({ rawHeaders: ['Authorization', ''] }), 'InvalidArgument', 'unknown_scheme'],
    [
      'another case',
      head({ rawHeaders: ['Authorization', 'aws4-hmac-sha256 x'] }),
      'InvalidArgument',
      'unknown_scheme',
    ],
  ])('%s', (_, request, code, reason) => {
    const fault = faultOf(request);
    expect(fault).toMatchObject({ code, reason });
    expect(fault.message).not.toBe('');
  });

  test('both forms at once, and half of a presigned query beside a header', async () => {
    const url = await presigned({});
    const signed = await inHeader({});
    for (const target of [url.target, '/bucket/key?X-Amz-Date=20261128T120000Z', '/bucket/key?x-amz-signature=0']) {
      expect(faultOf({ ...signed, target })).toMatchObject({ code: 'InvalidArgument', reason: 'two_signatures' });
    }
  });

  test('a session token, wherever it is', async () => {
    const token = 'x-amz-security-token';
    expect(faultOf(await inHeader({ headers: { [token]: 'x' } }))).toMatchObject({ code: 'InvalidToken' });
    expect(faultOf(await presigned({ query: { 'X-Amz-Security-Token': 'x' } }))).toMatchObject({
      code: 'InvalidToken',
    });
  });

  test('no signature at all is an anonymous request', () => {
    expect(readS3Signature(head({}), options)).toBeNull();
  });
});

describe('the Authorization header', () => {
  const good = `Credential=${accessKeyId}/${scope}, SignedHeaders=host;x-amz-date, Signature=${'0'.repeat(64)}`;
  const sent = (authorization: string, also: string[] = []): S3RequestHead => ({
    method: 'GET',
    target: '/b/k',
    rawHeaders: ['Host', host, 'X-Amz-Date', timestamp, 'Authorization', `AWS4-HMAC-SHA256 ${authorization}`, ...also],
  });

  test('is read with and without spaces after its commas, and with a slash or a colon in the access key', () => {
    for (const text of [good, good.replaceAll(', ', ',')]) {
      expect(readS3Signature(sent(text), options)).toMatchObject({ accessKeyId, form: 'header' });
    }
    const odd = good.replace(accessKeyId, 'test:tester/a');
    expect(readS3Signature(sent(odd), options)).toMatchObject({ accessKeyId: 'test:tester/a', scopeDate: '20261128' });
  });

  test.each([
    ['nothing', '', 'authorization_form'],
    ['a part missing', good.replace(/, Signature.*/, ''), 'authorization_form'],
    ['a part twice', `${good}, Signature=${'1'.repeat(64)}`, 'authorization_form'],
    ['an unknown part', `${good}, Expires=5`, 'authorization_form'],
    ['semicolons for commas', good.replaceAll(', ', '; '), 'authorization_form'],
    ['a scope of three parts', good.replace('/s3', ''), 'bad_credential'],
    ['no access key', good.replace(accessKeyId, ''), 'bad_credential'],
    ['a date that is none', good.replace('20261128', '2026'), 'bad_credential'],
    ['the day before', good.replace('20261128', '20261127'), 'wrong_scope_date'],
    ['another region', good.replace('us-east-1', 'eu-west-1'), 'wrong_region'],
    ['another service', good.replace('/s3/', '/ec2/'), 'wrong_service'],
    ['another end', good.replace('aws4_request', 'aws4_requests'), 'wrong_scope'],
    ['a short signature', good.slice(0, -1), 'signature_form'],
    ['a signature in capitals', `${good.slice(0, -1)}A`, 'signature_form'],
    ['SignedHeaders without host', good.replace('host;', ''), 'host_not_signed'],
    ['SignedHeaders in disorder', good.replace('host;x-amz-date', 'x-amz-date;host'), 'signed_headers_form'],
    ['a name twice', good.replace('host;', 'host;host;'), 'signed_headers_form'],
    ['names in capitals', good.replace('host;', 'Host;host;'), 'signed_headers_form'],
    ['an empty name', good.replace('host;', ';host;'), 'signed_headers_form'],
  ])('with %s is malformed', (_, text, reason) => {
    expect(faultOf(sent(text))).toMatchObject({ code: 'AuthorizationHeaderMalformed', status: 400, reason });
  });

  test('names the region to set, as SDKs look for it', () => {
    expect(faultOf(sent(good.replace('us-east-1', 'auto'))).elements).toEqual({ Region: region });
  });

  test('is given once', () => {
    expect(faultOf(sent(good, ['authorization', 'x']))).toMatchObject({ reason: 'repeated_header' });
  });

  test.each([
    ['x-amz-date', '20261128T120000Z', 'date_missing'],
    ['Host', 'other', 'repeated_header'],
    ['X-Amz-Meta-Note', 'x', 'header_not_signed'],
    ['x-amz-copy-source', '/other/key', 'header_not_signed'],
    ['Content-MD5', '1B2M2Y8AsgTpgAmY7PhCfg==', 'header_not_signed'],
  ])('with %s: %s beside it is refused', (name, value, reason) => {
    expect(faultOf(sent(good, [name, value]))).toMatchObject({ reason });
  });

  test('a signed header must be a header: a parameter of that name is none', () => {
    const text = good.replace('x-amz-date', 'x-amz-acl;x-amz-date');
    const fault = faultOf({ ...sent(text), target: '/b/k?x-amz-acl=private' });
    expect(fault).toMatchObject({ code: 'SignatureDoesNotMatch', reason: 'signed_header_missing' });
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

describe('a presigned query', () => {
  const names = ['Algorithm', 'Credential', 'Date', 'Expires', 'SignedHeaders', 'Signature'].map(
    (name) => `X-Amz-${name}`,
  );

  test.each(names)('%s is there once, under its exact name', async (name) => {
    const url = await presigned({ method: 'GET' });
    const [parameter = ''] = new RegExp(`${name}=[^&]*`).exec(url.target) ?? [];
    const fault = (target: string): S3Fault => faultOf({ ...url, target });
    const code = 'AuthorizationQueryParametersError';
    expect(fault(url.target.replace(parameter, 'a=b'))).toMatchObject({ code, reason: 'parameter_missing' });
    expect(fault(`${url.target}&${parameter}`)).toMatchObject({ code, reason: 'bad_parameter' });
    expect(fault(url.target.replace(name, name.toLowerCase()))).toMatchObject({ code, reason: 'bad_parameter' });
    expect(fault(`${url.target}&${parameter.replace('X', '%58')}`)).toMatchObject({ code, reason: 'bad_parameter' });
  });

  test('its holder may add a Content-MD5 but nothing that changes what is done', async () => {
    const url = await presigned({});
    expect(verifies(withHeader(url, 'content-md5', '1B2M2Y8AsgTpgAmY7PhCfg=='))).toBe(true);
    for (const name of ['x-amz-copy-source', 'x-amz-acl', 'x-amz-content-sha256', 'x-amz-meta-a']) {
      expect(faultOf(withHeader(url, name, 'x'))).toMatchObject({ code: 'AccessDenied', reason: 'header_not_signed' });
    }
  });
});

test('no message and no printed signature holds a key', async () => {
  const signature = readS3Signature(await inHeader({}), options);
  expect(JSON.stringify(signature) + String(key)).not.toContain(key.reveal());
});
