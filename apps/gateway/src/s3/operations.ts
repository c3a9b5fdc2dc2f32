import { S3Fault } from '@portcullis/credentials';

/** What a request is about: all buckets, one bucket, one object in it. */
export type S3Resource = 'service' | 'bucket' | 'object';

export type StoragePermission =
  'storage:buckets:view' | 'storage:buckets:manage' | 'storage:objects:view' | 'storage:objects:manage';

export type S3Body = 'none' | 'object' | 'document';

/** One operation of S3, as the door knows it. */
export interface S3Operation {
  /** By S3's name: in metrics, in the list of requests, in errors. A closed set. */
  readonly name: string;
  readonly resource: S3Resource;
  /** What it needs, on its bucket; copies need `storage:objects:view` on their source besides. */
  readonly permission: StoragePermission;
  /** `object`: bytes, streamed. `document`: read and checked before anything is sent. */
  readonly body: S3Body;
  /** Query parameters that it takes beside those that it is recognised by. */
  readonly parameters: ReadonlySet<string>;
}

interface Row {
  readonly method: string;
  readonly resource: S3Resource;
  /** The parameters that it is recognised by, sorted: all of these, and no other that any operation is recognised by. */
  readonly by: string;
  readonly name: string;
  /** Null: known, and not offered. */
  readonly permission: StoragePermission | null;
  readonly body: S3Body;
  readonly parameters: string;
}

const [buckets, configure] = ['storage:buckets:view', 'storage:buckets:manage'] as const;
const [view, manage] = ['storage:objects:view', 'storage:objects:manage'] as const;
const no = null;

type Written = readonly [
  method: string,
  by: string,
  name: string,
  permission: StoragePermission | null,
  parameters?: string,
];

const ofService: readonly Written[] = [
  ['GET', '', 'ListBuckets', buckets, 'prefix max-buckets continuation-token bucket-region'],
];

const ofBucket: readonly Written[] = [
  ['PUT', '', 'CreateBucket', configure],
  ['DELETE', '', 'DeleteBucket', configure],
  ['HEAD', '', 'HeadBucket', view],
  ['GET', '', 'ListObjects', view, 'prefix delimiter marker max-keys encoding-type'],
  [
    'GET',
    'list-type',
    'ListObjectsV2',
    view,
    'prefix delimiter continuation-token start-after max-keys encoding-type fetch-owner',
  ],
  [
    'GET',
    'versions',
    'ListObjectVersions',
    view,
    'prefix delimiter key-marker version-id-marker max-keys encoding-type',
  ],
  [
    'GET',
    'uploads',
    'ListMultipartUploads',
    view,
    'prefix delimiter key-marker upload-id-marker max-uploads encoding-type',
  ],
  ['POST', 'delete', 'DeleteObjects', manage],
  ['GET', 'location', 'GetBucketLocation', buckets],
  ...configuration('acl', 'BucketAcl', { delete: false }),
  ...configuration('accelerate', 'BucketAccelerateConfiguration', { delete: false }),
  ...configuration('cors', 'BucketCors'),
  ...configuration('encryption', 'BucketEncryption'),
  ...configuration('lifecycle', 'BucketLifecycleConfiguration', { deleted: 'DeleteBucketLifecycle' }),
  // Old clients write logging and the like by the same parameters. What names other buckets is checked where it is read.
  ...configuration('logging', 'BucketLogging', { delete: false }),
  ...configuration('object-lock', 'ObjectLockConfiguration', { delete: false }),
  ...configuration('ownershipControls', 'BucketOwnershipControls'),
  ...configuration('policy', 'BucketPolicy'),
  ['GET', 'policyStatus', 'GetBucketPolicyStatus', buckets],
  ...configuration('publicAccessBlock', 'PublicAccessBlock'),
  ...configuration('replication', 'BucketReplication'),
  ...configuration('requestPayment', 'BucketRequestPayment', { delete: false }),
  ...configuration('tagging', 'BucketTagging'),
  ...configuration('versioning', 'BucketVersioning', { delete: false }),
  ...configuration('website', 'BucketWebsite'),
  // Where these send what they find is the upstream account's affair: queues, topics, buckets, tables that no organization here owns.
  ...refusedConfiguration('analytics', 'BucketAnalyticsConfiguration'),
  ...refusedConfiguration('intelligent-tiering', 'BucketIntelligentTieringConfiguration'),
  ...refusedConfiguration('inventory', 'BucketInventoryConfiguration'),
  ...refusedConfiguration('metrics', 'BucketMetricsConfiguration'),
  ['GET', 'notification', 'GetBucketNotificationConfiguration', no],
  ['PUT', 'notification', 'PutBucketNotificationConfiguration', no],
  ['GET', 'metadataTable', 'GetBucketMetadataTableConfiguration', no],
  ['POST', 'metadataTable', 'CreateBucketMetadataTableConfiguration', no],
  ['DELETE', 'metadataTable', 'DeleteBucketMetadataTableConfiguration', no],
  ['GET', 'metadataConfiguration', 'GetBucketMetadataConfiguration', no],
  ['POST', 'metadataConfiguration', 'CreateBucketMetadataConfiguration', no],
  ['DELETE', 'metadataConfiguration', 'DeleteBucketMetadataConfiguration', no],
  ['PUT', 'metadataInventoryTable', 'UpdateBucketMetadataInventoryTableConfiguration', no],
  ['PUT', 'metadataJournalTable', 'UpdateBucketMetadataJournalTableConfiguration', no],
  ['GET', 'abac', 'GetBucketAbac', no],
  ['PUT', 'abac', 'PutBucketAbac', no],
  ['GET', 'session', 'CreateSession', no],
  ['POST', '', 'PostObject', no],
];

const ofObject: readonly Written[] = [
  [
    'GET',
    '',
    'GetObject',
    view,
    'versionId response-cache-control response-content-disposition response-content-encoding ' +
      'response-content-language response-content-type response-expires',
  ],
  [
    'GET',
    'partNumber',
    'GetObject',
    view,
    'versionId response-cache-control response-content-disposition response-content-encoding ' +
      'response-content-language response-content-type response-expires',
  ],
  ['HEAD', '', 'HeadObject', view, 'versionId'],
  ['HEAD', 'partNumber', 'HeadObject', view, 'versionId'],
  ['GET', 'attributes', 'GetObjectAttributes', view, 'versionId'],
  ['GET', 'uploadId', 'ListParts', view, 'max-parts part-number-marker encoding-type'],
  ['PUT', '', 'PutObject', manage],
  ['PUT', '+copy', 'CopyObject', manage],
  ['DELETE', '', 'DeleteObject', manage, 'versionId'],
  ['POST', 'uploads', 'CreateMultipartUpload', manage],
  ['PUT', 'partNumber uploadId', 'UploadPart', manage],
  ['PUT', 'partNumber uploadId +copy', 'UploadPartCopy', manage],
  ['POST', 'uploadId', 'CompleteMultipartUpload', manage],
  ['DELETE', 'uploadId', 'AbortMultipartUpload', manage],
  // Tags are part of what an object says of itself; who may read it may read them. Rules of a bucket go by them: to write them is
  // configuration, as are the rest of these.
  ['GET', 'tagging', 'GetObjectTagging', view, 'versionId'],
  ['PUT', 'tagging', 'PutObjectTagging', configure, 'versionId'],
  ['DELETE', 'tagging', 'DeleteObjectTagging', configure, 'versionId'],
  ['GET', 'acl', 'GetObjectAcl', buckets, 'versionId'],
  ['PUT', 'acl', 'PutObjectAcl', configure, 'versionId'],
  ['GET', 'retention', 'GetObjectRetention', buckets, 'versionId'],
  ['PUT', 'retention', 'PutObjectRetention', configure, 'versionId'],
  ['GET', 'legal-hold', 'GetObjectLegalHold', buckets, 'versionId'],
  ['PUT', 'legal-hold', 'PutObjectLegalHold', configure, 'versionId'],
  ['POST', 'restore', 'RestoreObject', configure, 'versionId'],
  ['GET', 'torrent', 'GetObjectTorrent', no],
  ['POST', 'select select-type', 'SelectObjectContent', no],
  ['PUT', 'renameObject', 'RenameObject', no],
  ['PUT', 'encryption', 'UpdateObjectEncryption', no],
  // Written by a form, with a policy that is signed in another way than all else.
  ['POST', '', 'PostObject', no],
];

interface Verbs {
  readonly delete?: false;
  readonly deleted?: string;
}

function configuration(by: string, noun: string, { delete: deletable, deleted }: Verbs = {}): Written[] {
  const rows: Written[] = [
    ['GET', by, `Get${noun}`, buckets],
    ['PUT', by, `Put${noun}`, configure],
  ];
  return deletable === false ? rows : [...rows, ['DELETE', by, deleted ?? `Delete${noun}`, configure]];
}

function refusedConfiguration(by: string, noun: string): Written[] {
  return [
    ['GET', by, `List${noun}s`, no],
    ['GET', `${by} id`, `Get${noun}`, no],
    ['PUT', `${by} id`, `Put${noun}`, no],
    ['DELETE', `${by} id`, `Delete${noun}`, no],
  ];
}

/** Every operation of S3 that there is, offered or not. */
export const s3Operations: readonly Row[] = [
  ...rowsOf('service', ofService),
  ...rowsOf('bucket', ofBucket),
  ...rowsOf('object', ofObject),
];

function rowsOf(resource: S3Resource, written: readonly Written[]): Row[] {
  return written.map(([method, by, name, permission, parameters = '']) => ({
    method,
    resource,
    by: by.split(' ').sort().join(' '),
    name,
    permission,
    body: bodyOf(name),
    parameters,
  }));
}

/** By their names, which are S3's: whatever is put but objects and parts is a document. */
function bodyOf(name: string): S3Body {
  if (name === 'PutObject' || name === 'UploadPart') return 'object';
  const reads = ['CreateBucket', 'DeleteObjects', 'CompleteMultipartUpload', 'RestoreObject'];
  return name.startsWith('Put') || reads.includes(name) ? 'document' : 'none';
}

const table = new Map(
  s3Operations.map((row) => [
    `${row.method} ${row.resource} ${row.by}`,
    { ...row, parameters: new Set(row.parameters.split(' ').filter((name) => name !== '')) },
  ]),
);

/** Whatever any operation is recognised by. */
const selectors: ReadonlySet<string> = new Set(
  s3Operations.flatMap(({ by }) => by.split(' ')).filter((name) => name !== '' && name !== '+copy'),
);

const methods: ReadonlySet<string> = new Set(s3Operations.map(({ method }) => method));

/** For `Allow`. */
export const s3Methods = [...methods].join(', ');

/**
 * The operation that a request means. Which one that is goes by everything that S3 goes by, and by nothing else: whatever is left over
 * is refused, so that nothing is taken for a plain read or write which the upstream would take for more.
 *
 * Throws `S3Fault`: `MethodNotAllowed`, or `NotImplemented` with the name of the operation or of what is not known.
 * @param request.parameters names of the query, without those of the signature
 * @param request.copies whether there is an `x-amz-copy-source`
 */
export function operationOf(request: {
  readonly method: string;
  readonly resource: S3Resource;
  readonly parameters: readonly string[];
  readonly copies: boolean;
}): S3Operation {
  const { method, resource, parameters, copies } = request;
  if (!methods.has(method))
    throw new S3Fault('MethodNotAllowed', 'unknown_operation', 'S3 has no operation with this method.');
  const by = parameters.filter((name) => selectors.has(name));
  if (copies) by.push('+copy');
  const found = table.get(`${method} ${resource} ${by.sort().join(' ')}`);
  if (!found) {
    const what = by.map((name) => (name === '+copy' ? 'x-amz-copy-source' : `?${name}`)).join(' with ');
    const on = resource === 'service' ? 'the service' : `${resource === 'bucket' ? 'a' : 'an'} ${resource}`;
    throw notImplemented(`${method}${what === '' ? '' : ` ${what}`} on ${on} is not offered here.`);
  }
  if (found.permission === null) throw notImplemented(`${found.name} is not offered here.`);
  const stray = parameters.find((name) => !selectors.has(name) && !found.parameters.has(name));
  if (stray !== undefined)
    throw notImplemented(`${found.name} does not take the query parameter "${shown(stray)}" here.`);
  return { ...found, permission: found.permission };
}

/** What was sent is repeated only as far as it looks like a name. */
const shown = (name: string): string => (/^[\w.-]{1,64}$/.test(name) ? name : 'unnamed');

const notImplemented = (message: string): S3Fault => new S3Fault('NotImplemented', 'unknown_operation', message);
