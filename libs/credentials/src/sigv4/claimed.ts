import { algorithm, linesOf } from './canonical-request.js';
import { notSigV4A } from './payload.js';
import { S3Fault, type S3FaultCode } from './s3-fault.js';

export type Form = 'header' | 'presigned';

/** What a request says of its signature, taken apart; nothing is checked but the form. */
export interface Claimed {
  readonly form: Form;
  readonly accessKeyId: string;
  readonly scope: string;
  readonly scopeDate: string;
  readonly scopeRegion: string;
  readonly scopeService: string;
  readonly scopeEnd: string;
  /** X-Amz-Date as sent. */
  readonly timestamp: string;
  readonly signedAt: Date;
  /** 0 for a signature in the header. */
  readonly expiresSeconds: number;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
}

type Query = readonly (readonly [name: string, value: string])[];

const parameters = [
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Date',
  'X-Amz-Expires',
  'X-Amz-SignedHeaders',
  'X-Amz-Signature',
] as const;
const bySpelling = new Map(parameters.map((parameter) => [parameter.toLowerCase(), parameter]));
const maxExpiresSeconds = 604_800;

/** Whether one of the parameters of a presigned URL is there: then all have to be. */
export function isPresigned(query: Query): boolean {
  return query.some(([name]) => bySpelling.has(name.toLowerCase()));
}

/** Other ways to sign for S3, each refused by its name. */
export function refuseOtherMethods(
  { method, rawHeaders }: { readonly method: string; readonly rawHeaders: readonly string[] },
  query: Query,
  authorization: readonly string[],
): void {
  const names = new Set(query.map(([name]) => name));
  const isSigV2 = authorization.some((value) => /^AWS /i.test(value)) || names.has('AWSAccessKeyId');
  if (isSigV2) {
    throw new S3Fault(
      'NotImplemented',
      'sigv2',
      'Signature version 2 is not supported: sign with AWS4-HMAC-SHA256 (AWS CLI 1 presigns so after: aws configure set default.s3.signature_version s3v4).',
    );
  }
  const isSigV4A =
    authorization.some((value) => /^AWS4-ECDSA/i.test(value)) ||
    query.some(([name, value]) => name === 'X-Amz-Algorithm' && value.startsWith('AWS4-ECDSA')) ||
    linesOf(rawHeaders, 'x-amz-region-set').length > 0;
  if (isSigV4A) throw notSigV4A();
  const isForm = linesOf(rawHeaders, 'content-type').some((value) => /^multipart\/form-data\b/i.test(value));
  if (method === 'POST' && isForm && authorization.length === 0 && !isPresigned(query)) {
    throw new S3Fault(
      'NotImplemented',
      'post_policy',
      'Form uploads (POST policy) are not supported: use a presigned PUT.',
    );
  }
}

/** Of `Authorization: AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…` and X-Amz-Date. */
export function claimedInHeader(authorization: readonly string[], rawHeaders: readonly string[]): Claimed {
  const code = 'AuthorizationHeaderMalformed';
  const [value = ''] = authorization;
  if (authorization.length > 1) throw new S3Fault(code, 'repeated_header', 'Authorization may be given only once.');
  const space = value.indexOf(' ');
  const scheme = space < 0 ? value : value.slice(0, space);
  if (scheme !== algorithm) {
    throw new S3Fault(
      'InvalidArgument',
      'unknown_scheme',
      `Unsupported Authorization Type: it begins with ${algorithm}.`,
    );
  }
  const fields = new Map<string, string>();
  for (const part of value.slice(space + 1).split(',')) {
    const [, name, text] = /^[ \t]*(Credential|SignedHeaders|Signature)=([^ \t]*)[ \t]*$/.exec(part) ?? [];
    if (name === undefined || text === undefined || fields.has(name)) throw headerForm();
    fields.set(name, text);
  }
  const dates = linesOf(rawHeaders, 'x-amz-date');
  if (dates.length !== 1) {
    throw new S3Fault(
      'AccessDenied',
      'date_missing',
      'Send X-Amz-Date, once: the time of signing as 20130524T000000Z.',
    );
  }
  return claimed('header', code, {
    credential: fields.get('Credential'),
    timestamp: dates[0]?.trim(),
    signedHeaders: fields.get('SignedHeaders'),
    signature: fields.get('Signature'),
    expiresSeconds: 0,
  });
}

/** Of a presigned URL: each parameter once, under its exact name. */
export function claimedInQuery(query: Query): Claimed {
  const code = 'AuthorizationQueryParametersError';
  const values = new Map<string, string>();
  for (const [name, value] of query) {
    const parameter = bySpelling.get(name.toLowerCase());
    if (parameter === undefined) continue;
    if (parameter !== name || values.has(name)) {
      throw new S3Fault(code, 'bad_parameter', `${parameter} is given once, in these capitals.`);
    }
    values.set(name, value);
  }
  const missing = parameters.find((parameter) => !values.has(parameter));
  if (missing !== undefined) {
    throw new S3Fault(
      code,
      'parameter_missing',
      `A presigned URL needs ${parameters.join(', ')}; ${missing} is missing.`,
    );
  }
  if (values.get('X-Amz-Algorithm') !== algorithm) {
    throw new S3Fault(code, 'unknown_algorithm', `X-Amz-Algorithm only supports "${algorithm}".`);
  }
  const expires = values.get('X-Amz-Expires') ?? '';
  const expiresSeconds = /^[1-9]\d{0,5}$/.test(expires) ? Number(expires) : Number.NaN;
  if (!(expiresSeconds <= maxExpiresSeconds)) {
    throw new S3Fault(
      code,
      'bad_expires',
      `X-Amz-Expires is a number of seconds from 1 to ${maxExpiresSeconds} (a week).`,
    );
  }
  return claimed('presigned', code, {
    credential: values.get('X-Amz-Credential'),
    timestamp: values.get('X-Amz-Date'),
    signedHeaders: values.get('X-Amz-SignedHeaders'),
    signature: values.get('X-Amz-Signature'),
    expiresSeconds,
  });
}

interface Fields {
  readonly credential: string | undefined;
  readonly timestamp: string | undefined;
  readonly signedHeaders: string | undefined;
  readonly signature: string | undefined;
  readonly expiresSeconds: number;
}

function claimed(form: Form, code: S3FaultCode, fields: Fields): Claimed {
  const { credential, timestamp = '', signedHeaders, signature, expiresSeconds } = fields;
  if (credential === undefined || signedHeaders === undefined || signature === undefined) throw headerForm();
  // From the right: an access key id may hold a slash.
  const [, accessKeyId, scope, scopeDate, scopeRegion, scopeService, scopeEnd] =
    /^([\x21-\x7e]{1,256})\/((\d{8})\/([^/]*)\/([^/]*)\/([^/]*))$/.exec(credential) ?? [];
  if (
    accessKeyId === undefined ||
    scope === undefined ||
    scopeDate === undefined ||
    scopeRegion === undefined ||
    scopeService === undefined ||
    scopeEnd === undefined
  ) {
    throw new S3Fault(code, 'bad_credential', 'The credential is <access key>/YYYYMMDD/<region>/s3/aws4_request.');
  }
  if (!/^[0-9a-f]{64}$/.test(signature)) {
    throw new S3Fault(code, 'signature_form', 'A signature is 64 hex digits in lower case.');
  }
  const signedAt = timeOf(timestamp);
  if (!signedAt) {
    throw new S3Fault('AccessDenied', 'date_malformed', 'X-Amz-Date is the time of signing in UTC: 20130524T000000Z.');
  }
  return {
    form,
    accessKeyId,
    scope,
    scopeDate,
    scopeRegion,
    scopeService,
    scopeEnd,
    timestamp,
    signedAt,
    expiresSeconds,
    signedHeaders: signedHeaders.split(';'),
    signature,
  };
}

function headerForm(): S3Fault {
  return new S3Fault(
    'AuthorizationHeaderMalformed',
    'authorization_form',
    `Authorization is "${algorithm} Credential=…, SignedHeaders=…, Signature=…", each part once.`,
  );
}

/** Null for what is no time: 20130230T000000Z. */
function timeOf(timestamp: string): Date | null {
  const iso = timestamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6.000Z');
  const time = new Date(iso);
  return iso !== timestamp && !Number.isNaN(time.getTime()) && time.toISOString() === iso ? time : null;
}
