import { contentEncodingWithoutChunks, S3Fault } from '@portcullis/credentials';
import { type S3Operation, type StoragePermission } from './operations.js';

export type HeaderList = (readonly [name: string, value: string])[];

export interface RequestHeaderContext {
  readonly operation: S3Operation;
  readonly organizationId: string;
  /** Whether whoever asks has this permission too, on the bucket at hand. */
  may(permission: StoragePermission): boolean;
  /** Keys of customers travel under TLS or not at all. */
  readonly upstreamIsTls: boolean;
}

/** What goes on as it came. Everything else either stays here, or is refused by name. */
const passed = new Set([
  'cache-control',
  'content-disposition',
  'content-language',
  'expires',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-unmodified-since',
  'range',
  'x-amz-bucket-object-lock-enabled',
  'x-amz-checksum-mode',
  'x-amz-copy-source-if-match',
  'x-amz-copy-source-if-modified-since',
  'x-amz-copy-source-if-none-match',
  'x-amz-copy-source-if-unmodified-since',
  'x-amz-copy-source-range',
  'x-amz-if-match-last-modified-time',
  'x-amz-if-match-size',
  'x-amz-max-parts',
  'x-amz-metadata-directive',
  'x-amz-mp-object-size',
  'x-amz-object-attributes',
  'x-amz-object-ownership',
  'x-amz-optional-object-attributes',
  'x-amz-part-number-marker',
  'x-amz-storage-class',
  'x-amz-transition-default-minimum-object-size',
]);

/** What is between the client and this door, or is made anew. */
const stays = new Set([
  'x-amz-content-sha256',
  'x-amz-copy-source',
  'x-amz-date',
  'x-amz-decoded-content-length',
  'x-amz-request-payer',
  'x-amz-trailer',
  'x-amz-user-agent',
]);

/** What only those may say who may configure the bucket: it changes who may read, how long, or with which key of the operator's. */
const configures = new Set([
  'x-amz-bypass-governance-retention',
  'x-amz-object-lock-legal-hold',
  'x-amz-object-lock-mode',
  'x-amz-object-lock-retain-until-date',
  'x-amz-server-side-encryption-aws-kms-key-id',
  'x-amz-server-side-encryption-bucket-key-enabled',
  'x-amz-server-side-encryption-context',
  'x-amz-tagging',
  'x-amz-tagging-directive',
  'x-amz-website-redirect-location',
]);

const maxMetadataBytes = 2_048;

/**
 * What of a request's headers the upstream gets; framing, Host, signature, digests and a copy's source are not in it. Checksums go on
 * with objects alone: a document is written anew, and parts give up theirs, because those that came behind their body cannot travel
 * and an upstream wants all parts alike.
 *
 * Throws `S3Fault`: `AccessDenied` for what needs more than the operation itself, `NotImplemented` for an `x-amz-*` that is not known.
 */
export function upstreamRequestHeaders(rawHeaders: readonly string[], context: RequestHeaderContext): HeaderList {
  const headers: HeaderList = [];
  const named = connectionNames(rawHeaders);
  let metadataBytes = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? '').toLowerCase();
    const value = rawHeaders[at + 1] ?? '';
    if (named.has(name) && (passed.has(name) || name.startsWith('content-') || name.startsWith('x-amz-'))) {
      throw new S3Fault('InvalidRequest', 'connection_header', 'Connection names a header that has to arrive.');
    }
    if (name.startsWith('x-amz-meta-')) {
      metadataBytes += name.length - 'x-amz-meta-'.length + value.length;
      if (metadataBytes > maxMetadataBytes)
        throw new S3Fault('InvalidArgument', 'metadata_too_large', `Metadata is at most ${maxMetadataBytes} bytes.`);
      headers.push([name, value]);
    } else if (name === 'content-md5' || name === 'content-type') {
      // Documents are written anew, and have their own.
      const { body } = context.operation;
      if (body === 'object' || (body === 'none' && name === 'content-type')) headers.push([name, value]);
    } else if (passed.has(name) || (name.startsWith('x-amz-') && mayPass(name, value, context))) {
      headers.push([name, value]);
    }
  }
  const encoding = contentEncodingWithoutChunks(rawHeaders);
  if (encoding !== null) headers.push(['content-encoding', encoding]);
  return headers;
}

function mayPass(name: string, value: string, context: RequestHeaderContext): boolean {
  const { operation } = context;
  if (stays.has(name)) return false;
  if (/^x-amz-(?:sdk-)?checksum-/.test(name)) return checksumPasses(name, operation);
  // Where an account is expected to own the bucket, that is the organization here.
  if (name === 'x-amz-expected-bucket-owner' || name === 'x-amz-source-expected-bucket-owner') {
    if (value === context.organizationId) return false;
    throw new S3Fault('AccessDenied', 'other_owner', 'The bucket belongs to another owner than the request expects.');
  }
  const isPlainAcl = name === 'x-amz-acl' && value === 'private';
  const isAcl = name === 'x-amz-acl' || name.startsWith('x-amz-grant-');
  // The plain acl says what is so anyway, and common tools always send it.
  if (isPlainAcl || (name === 'x-amz-tagging-directive' && value === 'COPY')) return false;
  if (isAcl || configures.has(name)) {
    if (context.may('storage:buckets:manage')) return true;
    throw new S3Fault(
      'AccessDenied',
      'header_needs_more',
      `The header ${name} needs the permission storage:buckets:manage.`,
    );
  }
  if (name === 'x-amz-server-side-encryption') return ownEncryption(value, context);
  if (/^x-amz-(?:copy-source-)?server-side-encryption-customer-/.test(name)) {
    if (context.upstreamIsTls) return true;
    throw new S3Fault(
      'InvalidRequest',
      'customer_key',
      'Keys of customers are not taken: the storage is not behind TLS.',
    );
  }
  throw new S3Fault('NotImplemented', 'unknown_header', `The header ${shown(name)} is not offered here.`);
}

function checksumPasses(name: string, { name: operation }: S3Operation): boolean {
  if (name === 'x-amz-checksum-mode') return true;
  if (operation === 'CopyObject') return name === 'x-amz-checksum-algorithm';
  // Beside the checksum itself: what was only announced comes behind the body, and is checked and kept here.
  return operation === 'PutObject' && !/-(?:algorithm|type)$/.test(name);
}

function ownEncryption(value: string, context: RequestHeaderContext): boolean {
  if (value === 'AES256' || context.may('storage:buckets:manage')) return true;
  throw new S3Fault(
    'AccessDenied',
    'header_needs_more',
    'Encryption with a key of the operator needs the permission storage:buckets:manage.',
  );
}

const shown = (name: string): string => (/^[\w-]{1,64}$/.test(name) ? name : 'x-amz-…');

function connectionNames(rawHeaders: readonly string[]): Set<string> {
  const names = new Set<string>();
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.toLowerCase() !== 'connection') continue;
    for (const name of (rawHeaders[at + 1] ?? '').split(',')) names.add(name.trim().toLowerCase());
  }
  return names;
}

/** What clients act on; the rest of an upstream's answer says who or where it is. */
const answered = new Set([
  'accept-ranges',
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-length',
  'content-range',
  'content-type',
  'date',
  'etag',
  'expires',
  'last-modified',
]);

/** Names of `x-amz-*` that tell of the upstream's account or machines. */
const upstreamOwn = new Set([
  'x-amz-access-point-alias',
  'x-amz-bucket-location-name',
  'x-amz-bucket-location-type',
  'x-amz-bucket-region',
  'x-amz-id-2',
  'x-amz-request-charged',
  'x-amz-request-id',
  'x-amz-server-side-encryption-aws-kms-key-id',
  'x-amz-server-side-encryption-context',
]);

/** The headers of an upstream's answer for the client, name, value, name, value. */
export function clientResponseHeaders(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  {
    status,
    region,
    isHeadBucket,
  }: { readonly status: number; readonly region: string; readonly isHeadBucket: boolean },
): string[] {
  const passing: string[] = [];
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue;
    const isOurs = name.startsWith('x-amz-') && !upstreamOwn.has(name) && !name.startsWith('x-amz-cf-');
    if (!answered.has(name) && !isOurs) continue;
    if (name === 'content-length' && status === 204) continue;
    for (const each of Array.isArray(value) ? value : [value]) passing.push(name, each);
  }
  // Clients sign for the region that they are told.
  if (isHeadBucket) passing.push('x-amz-bucket-region', region);
  return passing;
}
