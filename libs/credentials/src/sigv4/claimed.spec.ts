import {
  accessKeyId,
  host,
  inHeader,
  presigned,
  region,
  scope,
  timestamp,
  withHeader,
} from '../../spec/s3-requests.js';
import { faultOf, options, verifies } from '../../spec/s3-verdicts.js';
import { readS3Signature, type S3RequestHead } from './read-signature.js';
import { type S3Fault } from './s3-fault.js';

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
    const long = faultOf(sent(good.replace('x-amz-date', `x-amz-date;x${'y'.repeat(20_000)}`)));
    expect(long.reason).toBe('signed_header_missing');
    expect(long.message.length).toBeLessThan(300);
  });
});

test('a head of thousands of signed headers is read in a few passes', () => {
  const names = Array.from({ length: 2000 }, (_, at) => `a${at}`);
  const signed = [...names, 'host', 'x-amz-date'].sort().join(';');
  const credential = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}`;
  const rawHeaders = [
    ...names.flatMap((name) => [name, 'x']),
    ...['Host', host, 'X-Amz-Date', timestamp],
    ...['Authorization', `${credential}, SignedHeaders=${signed}, Signature=${'0'.repeat(64)}`],
  ];
  let reads = 0;
  const counted = new Proxy(rawHeaders, {
    get: (all, name, receiver): unknown => {
      reads += 1;
      return Reflect.get(all, name, receiver);
    },
  });
  expect(readS3Signature({ method: 'GET', target: '/b/k', rawHeaders: counted }, options)).toMatchObject({
    signedHeaders: signed.split(';'),
  });
  expect(reads).toBeLessThan(100 * rawHeaders.length);
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
