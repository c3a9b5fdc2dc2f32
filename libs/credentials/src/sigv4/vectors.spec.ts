import { describeVectors } from '../../spec/vectors.js';
import { Secret } from '../secret.js';
import { canonicalRequest, hmac, s3SigningKey, signingKeyBytes, stringToSign } from './canonical-request.js';
import { readS3Signature, type S3RequestHead } from './read-signature.js';
import { S3Fault } from './s3-fault.js';
import { s3PathOf, s3QueryOf } from './target.js';

interface Docs {
  credentials: { accessKeyId: string; secretAccessKey: string };
  timestamp: string;
  region: string;
  signingKeyHex: string;
  cases: DocsCase[];
}

interface DocsCase {
  name: string;
  method: string;
  canonicalUri: string;
  canonicalQuery: string;
  headers: Record<string, string>;
  body?: string;
  signature: string;
}

describeVectors('aws-docs-s3-sigv4', (vectors) => {
  const docs = vectors.json<Docs>('vectors.json');
  const key = s3SigningKey(Secret.of(docs.credentials.secretAccessKey), '20130524', docs.region);
  const options = { now: new Date('2013-05-24T00:00:00Z'), region: docs.region, allowUnsignedPayload: true };

  test('the signing key of the documentation', () => {
    expect(signingKeyBytes(key).toString('hex')).toBe(docs.signingKeyHex);
  });

  test.each(docs.cases.map((one) => [one.name, one] as const))('%s verifies', (_, one) => {
    const names = Object.keys(one.headers).sort().join(';');
    const credential = `${docs.credentials.accessKeyId}/20130524/us-east-1/s3/aws4_request`;
    const isPresigned = one.canonicalQuery.includes('X-Amz-Algorithm');
    const query = isPresigned ? `${one.canonicalQuery}&X-Amz-Signature=${one.signature}` : one.canonicalQuery;
    const authorization = `AWS4-HMAC-SHA256 Credential=${credential},SignedHeaders=${names},Signature=${one.signature}`;
    const head: S3RequestHead = {
      method: one.method,
      target: `${one.canonicalUri}${query === '' ? '' : '?'}${query}`,
      rawHeaders: [
        ...Object.entries(one.headers).flat(),
        ...(isPresigned ? [] : ['Authorization', authorization]),
        ...(one.body === undefined ? [] : ['Content-Length', String(one.body.length)]),
      ],
    };
    const signature = readS3Signature(head, options);
    expect(signature).toMatchObject({ form: isPresigned ? 'presigned' : 'header', scopeDate: '20130524' });
    expect(signature?.verify(key)).toBe(true);
    expect(signature?.verify(s3SigningKey(Secret.of('another'), '20130524', docs.region))).toBe(false);
  });
});

interface Context {
  credentials: { access_key_id: string; secret_access_key: string; token?: string };
  normalize: boolean;
  sign_body: boolean;
  omit_session_token?: boolean;
  region: string;
  service: string;
}

const readNone = { now: new Date('2015-08-30T12:36:00Z'), region: 'us-east-1', allowUnsignedPayload: true };

/** A request in the suites' own notation, where names of headers end at the first colon and a folded line begins with a space. */
function parsed(text: string): S3RequestHead & { body: string } {
  const latin1 = Buffer.from(text.replace(/\r\n/g, '\n'), 'utf8').toString('latin1');
  const [head = '', ...rest] = latin1.split('\n\n');
  const [line = '', ...headers] = head.replace(/\n[ \t]+/g, ' ').split('\n');
  const at = line.indexOf(' ');
  return {
    method: line.slice(0, at),
    target: line.slice(at + 1, line.lastIndexOf(' ')),
    rawHeaders: headers
      .filter((header) => header !== '')
      .flatMap((header) => [header.slice(0, header.indexOf(':')), header.slice(header.indexOf(':') + 1)]),
    body: rest.join('\n\n'),
  };
}

/** The last line of a canonical request, and the line above it. */
function tail(canonical: string): { payload: string; signedHeaders: string[] } {
  const lines = canonical.replace(/\r/g, '').trimEnd().split('\n');
  return { payload: lines.at(-1) ?? '', signedHeaders: (lines.at(-2) ?? '').split(';') };
}

const timestamp = '20150830T123600Z';

function signatureOf(secret: string, service: string, canonical: string): string {
  const key = signingKeyBytes(s3SigningKey(Secret.of(secret), '20150830', 'us-east-1', service));
  return hmac(key, stringToSign(timestamp, `20150830/us-east-1/${service}/aws4_request`, canonical)).toString('hex');
}

describeVectors('aws-c-auth-sigv4', (vectors) => {
  /** With `normalize` the signer resolves `.` and `..` and encodes twice, which S3 does not: the paths that differ by it. */
  const normalised = new Set([
    'get-relative-normalized',
    'get-relative-relative-normalized',
    'get-slash-dot-slash-normalized',
    'get-slash-normalized',
    'get-slash-pointless-dot-normalized',
    'get-slashes-normalized',
  ]);
  const cases = vectors.names().filter((name) => name !== 'SOURCE.md');

  describe.each(cases)('%s', (name) => {
    const context = vectors.json<Context>(`${name}/context.json`);
    const secret = context.credentials.secret_access_key;

    test.each(['header', 'query'])('%s: canonical request and signature', (form) => {
      const signed = parsed(vectors.text(`${name}/${form}-signed-request.txt`));
      const expected = vectors.text(`${name}/${form}-canonical-request.txt`).replace(/\r/g, '');
      const afterwards = context.omit_session_token ? 'X-Amz-Security-Token' : '';
      const canonical = canonicalRequest({
        ...signed,
        ...tail(expected),
        query: s3QueryOf(signed.target).filter(([one]) => one !== 'X-Amz-Signature' && one !== afterwards),
      });
      if (normalised.has(name)) {
        expect(canonical).not.toBe(expected);
        return;
      }
      expect(canonical).toBe(expected);
      expect(signatureOf(secret, context.service, canonical)).toBe(vectors.text(`${name}/${form}-signature.txt`).trim());
    });

    test.each(['header', 'query'])('%s: another service is refused, and a session token', (form) => {
      const signed = parsed(vectors.text(`${name}/${form}-signed-request.txt`));
      const token = context.credentials.token !== undefined;
      const malformed = form === 'header' ? 'AuthorizationHeaderMalformed' : 'AuthorizationQueryParametersError';
      const refused = token ? { code: 'InvalidToken' } : { code: malformed, reason: 'wrong_service' };
      const sent = token && !/security-token/i.test(signed.target + signed.rawHeaders.join());
      expect(faultOf(signed)).toMatchObject(sent ? { reason: 'wrong_service' } : refused);
    });
  });
});

describeVectors('aws-c-auth-sigv4a', (vectors) => {
  const cases = vectors.names().filter((name) => name !== 'SOURCE.md');
  test.each(cases.flatMap((name) => [`${name}/header`, `${name}/query`]))('%s is refused as SigV4A', (name) => {
    expect(faultOf(parsed(vectors.text(`${name}-signed-request.txt`)))).toMatchObject({
      code: 'NotImplemented',
      reason: 'sigv4a',
    });
  });
});

describeVectors('smithy-rs-sigv4', (vectors) => {
  test('get-query-plus: a literal + is a plus, not a space', () => {
    const signed = parsed(vectors.text('get-query-plus/request.txt'));
    const expected = vectors.text('get-query-plus/header-canonical-request.txt').trimEnd();
    expect(expected).toContain('%2B');
    expect(canonicalRequest({ ...signed, rawHeaders: [...signed.rawHeaders, 'X-Amz-Date', timestamp], ...tail(expected), query: s3QueryOf(signed.target) })).toBe(expected);
  });

  test.each(['double-encode-path', 'double-url-encode'])('%s: S3 encodes a path once, so these differ', (name) => {
    const signed = parsed(vectors.text(`${name}/header-signed-request.txt`));
    const expected = vectors.text(`${name}/header-canonical-request.txt`).trimEnd();
    const canonical = canonicalRequest({ ...signed, ...tail(expected), query: s3QueryOf(signed.target) });
    const once = expected.replace(/%25/g, '%');
    expect(canonical).not.toBe(expected);
    expect(canonical.split('\n')[1]).toBe(once.split('\n')[1]);
  });
});

describeVectors('botocore-aws4_testsuite', (vectors) => {
  const groups = ['normalize-path', 'post-sts-token'];
  const cases = vectors.names().filter((name) => !/^[A-Z]/.test(name)).flatMap((name) =>
    groups.includes(name)
      ? vectors.names(name).filter((inner) => !inner.includes('.')).map((inner) => `${name}/${inner}/${inner}`)
      : [`${name}/${name}`],
  );
  /** As above: this suite is of services that normalise. */
  const normalised = /^normalize-path\/(?!get-space)/;

  test.each(cases)('%s', (name) => {
    const signed = parsed(vectors.text(`${name}.sreq`));
    const expected = vectors.text(`${name}.creq`).replace(/\r/g, '');
    const canonical = canonicalRequest({ ...signed, ...tail(expected), query: s3QueryOf(signed.target) });
    if (normalised.test(name)) {
      expect(canonical).not.toBe(expected);
      return;
    }
    expect(canonical).toBe(expected);
    const signature = /Signature=(\w+)/.exec(vectors.text(`${name}.authz`))?.[1];
    expect(signatureOf('wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', 'service', canonical)).toBe(signature);
  });
});

function faultOf(head: S3RequestHead): S3Fault {
  try {
    s3PathOf('/');
    readS3Signature(head, readNone);
  } catch (fault) {
    if (fault instanceof S3Fault) return fault;
    throw fault;
  }
  throw new Error('It was taken.');
}
