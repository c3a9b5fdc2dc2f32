// Who asks is proved by Signature Version 4, as at S3. The signature is made again from the request by the signer of the
// AWS SDK: an implementation that shares nothing with the gateway's own.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import { S3Fault } from './faults.mjs';

const quarterHourMs = 15 * 60_000;
const algorithm = 'AWS4-HMAC-SHA256';

/**
 * Refuses with an S3Fault, or resolves to what the body must be: `{ sha256 }`, null if the signature leaves the body open.
 * `target` is that of readTarget.
 */
export async function verifySignature(request, target, { accessKeyId, secretAccessKey, region }, now) {
  const headers = joined(request.rawHeaders);
  const presigned = 'X-Amz-Algorithm' in target.query;
  if (presigned && headers.authorization !== undefined)
    throw new S3Fault('InvalidRequest', 'Sign by the Authorization header or by the query, not by both.');
  const claim = presigned ? claimOfQuery(target.query) : claimOfHeader(headers);
  const expiry = presigned ? expirySeconds(target.query) : undefined;
  const at = readDate(claim.date);
  if (Math.abs(now - at) > quarterHourMs && !(presigned && now > at)) throw new S3Fault('RequestTimeTooSkewed');
  if (presigned && now > at + expiry * 1000) throw new S3Fault('AccessDenied', 'The presigned URL has expired.');
  const scope = `/${claim.date.slice(0, 8)}/${region}/s3/aws4_request`;
  if (!claim.credential.endsWith(scope))
    throw new S3Fault('AuthorizationHeaderMalformed', `The credential must end in ${scope}.`);
  if (claim.credential !== `${accessKeyId}${scope}`) throw new S3Fault('InvalidAccessKeyId');

  const payload = presigned ? 'UNSIGNED-PAYLOAD' : payloadOf(headers);
  const covered = coveredBy(claim.signedHeaders, headers, presigned);
  const signer = new SignatureV4({
    credentials: { accessKeyId, secretAccessKey },
    region,
    service: 's3',
    sha256: Sha256,
    uriEscapePath: false, // S3 alone encodes the path once
    applyChecksum: false,
  });
  const expected = await signatureOf(signer, { request, target, covered, at, expiry });
  if (!timingSafeEqual(Buffer.from(expected, 'hex'), Buffer.from(claim.signature, 'hex')))
    throw new S3Fault('SignatureDoesNotMatch');
  return { sha256: payload === 'UNSIGNED-PAYLOAD' ? null : payload };
}

async function signatureOf(signer, { request, target, covered, at, expiry }) {
  const toSign = { method: request.method, path: target.path, headers: covered, query: target.query };
  const names = new Set(Object.keys(covered));
  const options = { signingDate: new Date(at), signableHeaders: names };
  if (expiry === undefined) {
    const { headers } = await signer.sign(toSign, options);
    return /Signature=([0-9a-f]{64})$/.exec(headers.authorization)[1];
  }
  const query = Object.fromEntries(Object.entries(target.query).filter(([name]) => !ofPresigning.has(name)));
  // A body that is no text and no bytes stands for one that is not signed.
  const url = await signer.presign(
    { ...toSign, query, body: {} },
    { ...options, expiresIn: expiry, unhoistableHeaders: names },
  );
  return url.query['X-Amz-Signature'];
}

const ofPresigning = new Set(
  ['Algorithm', 'Credential', 'Date', 'Expires', 'SignedHeaders', 'Signature'].map((name) => `X-Amz-${name}`),
);

function claimOfHeader(headers) {
  if (headers.authorization === undefined) throw new S3Fault('AccessDenied');
  const [, credential, signedHeaders, signature] =
    /^AWS4-HMAC-SHA256 +Credential=([^,\s]+) *, *SignedHeaders=([^,\s]+) *, *Signature=([0-9a-f]{64})$/.exec(
      headers.authorization,
    ) ?? [];
  if (!signature) throw new S3Fault('AuthorizationHeaderMalformed');
  if (headers['x-amz-date'] === undefined) throw new S3Fault('AccessDenied', 'X-Amz-Date is missing.');
  return { credential, signedHeaders: signedHeaders.split(';'), signature, date: headers['x-amz-date'] };
}

function claimOfQuery(query) {
  for (const name of ofPresigning)
    if (typeof query[name] !== 'string') throw new S3Fault('AuthorizationQueryParametersError');
  if (query['X-Amz-Algorithm'] !== algorithm || !/^[0-9a-f]{64}$/.test(query['X-Amz-Signature']))
    throw new S3Fault('AuthorizationQueryParametersError');
  return {
    credential: query['X-Amz-Credential'],
    signedHeaders: query['X-Amz-SignedHeaders'].split(';'),
    signature: query['X-Amz-Signature'],
    date: query['X-Amz-Date'],
  };
}

function expirySeconds(query) {
  const seconds = /^[1-9][0-9]{0,5}$/.test(query['X-Amz-Expires']) ? Number(query['X-Amz-Expires']) : 0;
  if (seconds < 1 || seconds > 604_800)
    throw new S3Fault('AuthorizationQueryParametersError', 'X-Amz-Expires must be 1 to 604800 seconds.');
  return seconds;
}

function readDate(text) {
  const [, ...parts] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text) ?? [];
  const [year, month, day, hour, minute, second] = parts.map(Number);
  const at = Date.UTC(year, month - 1, day, hour, minute, second);
  if (Number.isNaN(at)) throw new S3Fault('AccessDenied', 'X-Amz-Date must be like 20260131T235959Z.');
  return at;
}

function payloadOf(headers) {
  const payload = headers['x-amz-content-sha256'] ?? '';
  const chunked = /(^|,)\s*aws-chunked\s*(,|$)/i.test(headers['content-encoding'] ?? '');
  if (payload.startsWith('STREAMING-') || chunked)
    throw new S3Fault(
      'NotImplemented',
      'This store reads no aws-chunked bodies: the gateway in front of it decodes them.',
    );
  if (payload !== 'UNSIGNED-PAYLOAD' && !/^[0-9a-f]{64}$/.test(payload))
    throw new S3Fault('InvalidRequest', 'x-amz-content-sha256 must be a SHA-256 in hex, or UNSIGNED-PAYLOAD.');
  return payload;
}

/** The signed headers with their values. What changes the meaning of a request must be among them. */
function coveredBy(names, headers, presigned) {
  const covered = {};
  for (const name of names) {
    if (headers[name] === undefined)
      throw new S3Fault('SignatureDoesNotMatch', `The signed header ${name} was not sent.`);
    // Node reads header bytes as Latin-1; the signer writes UTF-8: this brings back the bytes that were sent.
    covered[name] = Buffer.from(headers[name], 'latin1').toString('utf8');
  }
  const mustBeSigned = (name) => name === 'host' || name.startsWith('x-amz-') || (name === 'content-md5' && !presigned);
  for (const name of Object.keys(headers))
    if (mustBeSigned(name) && !(name in covered))
      throw new S3Fault('AccessDenied', `The header ${name} was sent and is not signed.`);
  return covered;
}

function joined(rawHeaders) {
  const headers = Object.create(null);
  for (let n = 0; n < rawHeaders.length; n += 2) {
    const name = rawHeaders[n].toLowerCase();
    headers[name] = name in headers ? `${headers[name]},${rawHeaders[n + 1]}` : rawHeaders[n + 1];
  }
  return headers;
}

/** What the signer of the SDK asks of a hash. */
class Sha256 {
  #hash;
  constructor(secret) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret);
  }
  update(data) {
    this.#hash.update(data);
  }
  async digest() {
    return new Uint8Array(this.#hash.digest());
  }
}
