import { type Secret } from '../secret.js';
import { algorithm, canonicalRequest, hmac, s3SigningKey, signingKeyBytes, stringToSign } from './canonical-request.js';
import { canonicalQuery, encodedPath } from './target.js';

export interface SignS3Request {
  readonly method: string;
  /** As it will be sent in Host, with a port that is not the scheme's own. */
  readonly host: string;
  /** Decoded, beginning with a slash: `/bucket/key`. */
  readonly path: string;
  /** Decoded; a parameter without a value has ''. */
  readonly query?: readonly (readonly [name: string, value: string])[];
  /** What else is sent. Of these content-md5, content-type, range and all x-amz-* are signed: proxies change others. */
  readonly headers?: Readonly<Record<string, string>>;
  /** In lower-case hex. */
  readonly payloadSha256: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secret: Secret;
  readonly now: Date;
}

export interface SignedS3Request {
  /** For the request line: what was signed, to the letter. */
  readonly target: string;
  /** Those given, in lower case, and host, x-amz-date, x-amz-content-sha256, authorization. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Signs a request for an S3 service in the Authorization header. */
export function signS3Request(request: SignS3Request): SignedS3Request {
  const { method, host, path, query = [], payloadSha256, region, accessKeyId, secret, now } = request;
  const timestamp = now.toISOString().replace(/[-:]|\.\d{3}/g, '');
  const scopeDate = timestamp.slice(0, 8);
  const given = Object.entries(request.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value] as const);
  const headers = {
    ...Object.fromEntries(given),
    host,
    'x-amz-date': timestamp,
    'x-amz-content-sha256': payloadSha256,
  };
  const signedHeaders = Object.keys(headers).filter(isSigned).sort();
  const pathname = encodedPath(path);
  const canonical = canonicalRequest({
    method,
    target: pathname,
    query,
    rawHeaders: Object.entries(headers).flat(),
    signedHeaders,
    payload: payloadSha256,
  });
  const scope = `${scopeDate}/${region}/s3/aws4_request`;
  const key = signingKeyBytes(signingKeyOf(secret, scopeDate, region));
  const signature = hmac(key, stringToSign(timestamp, scope, canonical)).toString('hex');
  const search = canonicalQuery(query);
  return {
    target: search === '' ? pathname : `${pathname}?${search}`,
    headers: {
      ...headers,
      authorization: `${algorithm} Credential=${accessKeyId}/${scope}, SignedHeaders=${signedHeaders.join(';')}, Signature=${signature}`,
    },
  };
}

function isSigned(name: string): boolean {
  return name.startsWith('x-amz-') || ['host', 'content-md5', 'content-type', 'range'].includes(name);
}

/** The newest key of each secret: it changes once a day, and deriving it costs more than the signature. */
const newest = new WeakMap<Secret, { readonly of: string; readonly key: Secret }>();

function signingKeyOf(secret: Secret, scopeDate: string, region: string): Secret {
  const of = `${scopeDate}/${region}`;
  const kept = newest.get(secret);
  if (kept?.of === of) return kept.key;
  const key = s3SigningKey(secret, scopeDate, region);
  newest.set(secret, { of, key });
  return key;
}
